//! Lists: pages of one moment, and selectors.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use serde_json::{Value, json};

use super::script::{JSON, RBAC, Script, Server, Transcript, pods};

/// The names on a page.
fn names(list: &Value) -> String {
    let items = list["items"].as_array().unwrap().iter();
    items.map(|item| item["metadata"]["name"].as_str().unwrap()).collect::<Vec<_>>().join(" ")
}

pub(crate) async fn a_list_is_read_in_pages_of_one_moment(server: &Server) -> Transcript {
    let mut script = Script::new(server, "pages").await;
    let roles = format!("{RBAC}/namespaces/pages/roles");
    let labels = |number: u8| json!({ "odd": if number % 2 == 1 { "yes" } else { "no" } });
    for number in 0..5 {
        let metadata = json!({ "name": format!("r{number}"), "labels": labels(number) });
        script.prepare(&roles, &json!({ "metadata": metadata, "rules": pods() })).await;
    }
    let token = |list: &Value| list["metadata"]["continue"].as_str().unwrap().to_owned();
    let first = script.get("first page", &format!("{roles}?limit=2")).await;
    script.note(&format!("{} and {} more", names(&first), first["metadata"]["remainingItemCount"]));
    // What happens now is not on the next pages.
    script.send(&Method::DELETE, &format!("{roles}/r3"), JSON, &Value::Null).await;
    script.prepare(&roles, &json!({ "metadata": { "name": "r11" }, "rules": pods() })).await;
    let path = format!("{roles}?limit=2&continue={}", token(&first));
    let second = script.get("second page", &path).await;
    script.note(&format!("{} and {} more", names(&second), second["metadata"]["remainingItemCount"]));
    assert_eq!(first["metadata"]["resourceVersion"], second["metadata"]["resourceVersion"]);
    let path = format!("{roles}?limit=2&continue={}", token(&second));
    let third = script.get("third page", &path).await;
    script.note(&format!("{} and {}", names(&third), third["metadata"].get("continue").is_some()));

    let selected = format!("{roles}?limit=1&labelSelector=odd%3Dno");
    let page = script.get("selected", &selected).await;
    script.note(&format!("{} {}", names(&page), page["metadata"].get("remainingItemCount").is_some()));
    let by_name = format!("{roles}?fieldSelector=metadata.name%3Dr2");
    let page = script.get("by name", &by_name).await;
    script.note(&names(&page));
    let with_version = format!("resourceVersion=1&continue={}", token(&first));
    for (label, query) in [
        ("a token and a version", with_version.as_str()),
        ("a wrong selector", "labelSelector=a%3D%3D%3Db"),
        ("an unknown field", "fieldSelector=rules%3Dx"),
    ] {
        script.ask(label, Method::GET, &format!("{roles}?{query}"), JSON, Value::Null).await;
    }
    let (code, garbage) = script.send(&Method::GET, &format!("{roles}?continue=garbage"), JSON, &Value::Null).await;
    assert_eq!((code, &garbage["reason"]), (400, &json!("BadRequest")));
    let start = "invalid continue token: continue key is not valid: ";
    assert!(garbage["message"].as_str().unwrap().starts_with(start), "{garbage}");
    script.end().await
}

pub(crate) async fn a_page_token_that_expired_says_how_to_go_on(server: &Server) -> Transcript {
    let mut script = Script::new(server, "expired").await;
    let roles = format!("{RBAC}/namespaces/expired/roles");
    for name in ["a", "b", "d", "e"] {
        script.prepare(&roles, &json!({ "metadata": { "name": name }, "rules": pods() })).await;
    }
    let first = script.get("first page", &format!("{roles}?limit=1")).await;
    let token = first["metadata"]["continue"].as_str().unwrap();
    // The same token of a revision that has been forgotten: what a client has that waited too long.
    let mut old: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(token).unwrap()).unwrap();
    assert_eq!(old["rv"].to_string(), first["metadata"]["resourceVersion"].as_str().unwrap());
    old["rv"] = 2.into();
    let old = format!("{roles}?limit=1&continue={}", URL_SAFE_NO_PAD.encode(old.to_string()));
    // A real API server hears of the compaction, and then its caches do.
    script.until(&old, |code, _| code == 410).await;
    let expired = script.get("the next, too late", &old).await;
    let go_on = expired["metadata"]["continue"].as_str().unwrap();
    assert_ne!(go_on, token);
    script.prepare(&roles, &json!({ "metadata": { "name": "c" }, "rules": pods() })).await;
    script.send(&Method::DELETE, &format!("{roles}/d"), JSON, &Value::Null).await;
    let page = script.get("going on", &format!("{roles}?limit=1&continue={go_on}")).await;
    script.note(&format!("{} and {} more", names(&page), page["metadata"]["remainingItemCount"]));
    // From there on it is one moment again.
    script.prepare(&roles, &json!({ "metadata": { "name": "f" }, "rules": pods() })).await;
    let next = page["metadata"]["continue"].as_str().unwrap();
    let page = script.get("and the rest", &format!("{roles}?continue={next}")).await;
    script.note(&names(&page));
    let (version, exact) = ("resourceVersion=2", "resourceVersionMatch=Exact");
    script
        .ask_beyond("a forgotten revision", Method::GET, &format!("{roles}?{version}&{exact}"), JSON, Value::Null)
        .await;
    script.ask_beyond("all of them deleted at once", Method::DELETE, &roles, JSON, Value::Null).await;
    script.end().await
}

pub(crate) async fn selectors_choose_by_labels_and_names(server: &Server) -> Transcript {
    let mut script = Script::new(server, "selected").await;
    let roles = format!("{RBAC}/namespaces/selected/roles");
    for (name, labels) in [
        ("r0", json!({})),
        ("r1", json!({ "app.kubernetes.io/managed-by": "rolecall", "rolecall.dev/config": "one" })),
        ("r2", json!({ "app.kubernetes.io/managed-by": "rolecall", "rolecall.dev/config": "two" })),
        ("r3", json!({ "app.kubernetes.io/managed-by": "helm", "empty": "" })),
    ] {
        script.prepare(&roles, &json!({ "metadata": { "name": name, "labels": labels }, "rules": pods() })).await;
    }
    for selector in [
        "",
        "app.kubernetes.io/managed-by=rolecall",
        "app.kubernetes.io/managed-by==rolecall,rolecall.dev/config!=two",
        "app.kubernetes.io/managed-by in (rolecall, helm)",
        "rolecall.dev/config notin (one)",
        "rolecall.dev/config",
        "!rolecall.dev/config",
        "empty=",
        "empty",
        "empty!=",
        "app.kubernetes.io/managed-by,!empty",
        "a in ()",
        "a in (b",
        "a b",
        "=b",
        "a=b=c",
        "a,,b",
        "a=b c",
        "A b!",
        "a=",
    ] {
        for limit in ["", "&limit=1"] {
            let query: String = url::form_urlencoded::byte_serialize(selector.as_bytes()).collect();
            let page =
                script.get(&format!("{selector:?}{limit}"), &format!("{roles}?labelSelector={query}{limit}")).await;
            if page["items"].is_array() {
                let remaining = &page["metadata"]["remainingItemCount"];
                script.note(&format!("{} {remaining} {}", names(&page), page["metadata"]["continue"].is_string()));
            }
        }
    }
    for selector in [
        "metadata.name=r1",
        "metadata.name==r1",
        "metadata.name!=r1",
        "metadata.namespace=selected",
        "metadata.namespace=x",
        "metadata.name=r1,metadata.namespace=selected",
        "metadata.name=r1,metadata.name=r2",
        "metadata.name=",
        "metadata.name",
        "spec.x=y",
        "metadata.uid=x",
        "=",
    ] {
        let query: String = url::form_urlencoded::byte_serialize(selector.as_bytes()).collect();
        let page = script.get(&format!("field {selector:?}"), &format!("{roles}?fieldSelector={query}")).await;
        if page["items"].is_array() {
            script.note(&names(&page));
        }
    }
    let everywhere =
        format!("{RBAC}/roles?labelSelector=rolecall.dev%2Fconfig%3Done&fieldSelector=metadata.namespace%3Dselected");
    let page = script.get("of all namespaces", &everywhere).await;
    script.note(&names(&page));
    let page = script.get("of no namespace", &format!("{RBAC}/namespaces/selected-not/roles")).await;
    script.note(&page["items"].to_string());
    for query in [
        "limit=0",
        "limit=-1",
        "limit=x",
        "limit=1&resourceVersion=0",
        "resourceVersion=x",
        "resourceVersionMatch=Exact",
    ] {
        let page = script.get(query, &format!("{roles}?{query}")).await;
        if page["items"].is_array() {
            script.note(&names(&page));
        }
    }
    script.end().await
}
