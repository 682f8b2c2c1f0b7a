//! Service accounts and custom resources.

use http::Method;
use serde_json::{Value, json};

use super::script::{APPLY, CORE, Script, Server, Transcript, essence};

pub(crate) async fn a_service_account_is_an_object_and_somebody(server: &Server) -> Transcript {
    let mut script = Script::new(server, "accounts").await;
    let accounts = format!("{CORE}/namespaces/accounts/serviceaccounts");
    let made = script.post("create", &accounts, json!({ "metadata": { "name": "bot" } })).await;
    script.note(&format!("{}", essence(made.clone())));
    script.post("twice", &accounts, json!({ "metadata": { "name": "bot" } })).await;
    script.post("a wrong name", &accounts, json!({ "metadata": { "name": "Bot" } })).await;
    let path = format!("{accounts}/nobody");
    script.put("replace nobody", &path, json!({ "metadata": { "name": "nobody" } })).await;

    let request =
        |spec: Value| json!({ "apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": spec });
    let path = format!("{accounts}/bot/token");
    script.post("a token for nobody", &format!("{accounts}/nobody/token"), request(json!({}))).await;
    script.post("a short token", &path, request(json!({ "expirationSeconds": 60 }))).await;
    script.get("read a token", &path).await;
    let answer = script.post("a token", &path, request(json!({}))).await;
    let spec = answer["spec"].clone();
    script.note(&format!("{spec}"));
    let elsewhere = script.post("for others", &path, request(json!({ "audiences": ["vault"] }))).await;

    let token = |answer: &Value| format!("Bearer {}", answer["status"]["token"].as_str().unwrap());
    let (code, who) = script.as_bearer(&token(&answer), &[]).await;
    let info = &who["status"]["userInfo"];
    assert_eq!((code, &info["uid"]), (201, &made["metadata"]["uid"]));
    assert!(info["extra"]["authentication.kubernetes.io/credential-id"][0].as_str().unwrap().starts_with("JTI="));
    script.note(&format!("who: {} {}", info["username"], info["groups"]));
    assert_eq!(script.as_bearer(&token(&elsewhere), &[]).await.0, 401, "a token for others is none here");

    let gone = script.delete("delete", &format!("{accounts}/bot"), Value::Null).await;
    assert_eq!((&gone["kind"], &gone["metadata"]["uid"]), (&json!("ServiceAccount"), &made["metadata"]["uid"]));
    script.end().await
}

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";

/// A namespaced kind `Widget` of an API group, with a schema and a status.
fn definition(group: &str) -> Value {
    let spec = json!({ "type": "object", "required": ["size"], "properties": {
        "size": { "type": "integer", "minimum": 1 },
        "color": { "type": "string", "enum": ["blue", "red"] },
        "tags": { "type": "array", "items": { "type": "string" } },
        "labels": { "type": "object", "additionalProperties": { "type": "string" } },
        "free": { "type": "object", "x-kubernetes-preserve-unknown-fields": true },
        "maybe": { "type": "string", "nullable": true },
    } });
    let status = json!({ "type": "object", "properties": { "phase": { "type": "string" } } });
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": format!("widgets.{group}") },
        "spec": {
            "group": group, "scope": "Namespaced", "names": { "plural": "widgets", "kind": "Widget", "shortNames": ["wi"] },
            "versions": [{
                "name": "v3", "served": true, "storage": true, "subresources": { "status": {} },
                "schema": { "openAPIV3Schema": { "type": "object", "properties": { "spec": spec, "status": status } } },
            }],
        },
    })
}

pub(crate) async fn a_custom_resource_is_defined_and_its_objects_are_kept(server: &Server) -> Transcript {
    let mut script = Script::new(server, "widgets").await;
    let group = "widgets.contoso.com";
    let path = format!("{DEFINITIONS}/widgets.{group}");
    let made = script.post("define", DEFINITIONS, definition(group)).await;
    let without_owners = |mut object: Value| {
        object["metadata"].as_object_mut().unwrap().remove("managedFields");
        object
    };
    script.note(&format!("{}\n  {}", essence(made.clone())["metadata"], made["status"]));
    let live = script.until(&path, |_, body| body["status"]["conditions"][1]["status"] == "True").await;
    let mut status = live["status"].clone();
    for condition in status["conditions"].as_array_mut().unwrap() {
        condition.as_object_mut().unwrap().remove("lastTransitionTime");
    }
    script.note(&format!("{status}\n  {}", live["spec"]["names"]));
    script.post("twice", DEFINITIONS, definition(group)).await;
    let mut named = definition(group);
    named["metadata"]["name"] = "gadgets.contoso.com".into();
    script.post("a wrong name", DEFINITIONS, named).await;
    let mut bare = definition("bare.contoso.com");
    bare["spec"]["versions"][0].as_object_mut().unwrap().remove("schema");
    script.post("no schema", DEFINITIONS, bare).await;

    let api = format!("/apis/{group}/v3");
    let found = script.until(&api, |code, _| code == 200).await;
    let found = found["resources"][0].clone();
    script.note(&format!("{} {} {}", found["name"], found["shortNames"], found["namespaced"]));
    let widgets = format!("{api}/namespaces/widgets/widgets");
    script.until(&widgets, |code, _| code == 200).await;
    let widget = |name: &str, spec: Value| json!({ "apiVersion": format!("{group}/v3"), "kind": "Widget", "metadata": { "name": name }, "spec": spec });
    let whole = json!({
        "size": 1, "unknown": 2, "color": "red", "tags": [], "labels": {}, "free": { "x": null, "y": { "z": 1 } },
        "maybe": null,
    });
    let mut with_status = widget("a", whole.clone());
    with_status["status"] = json!({ "phase": "made up" });
    let made = script.post("create", &widgets, with_status).await;
    script.note(&format!("{}", essence(made)));
    for (label, spec) in [
        ("mistyped", json!({ "size": "1" })),
        ("too small", json!({ "size": 0 })),
        ("not in the enum", json!({ "size": 1, "color": "green" })),
        ("an item", json!({ "size": 1, "tags": [1] })),
        ("a value", json!({ "size": 1, "labels": { "a": true } })),
        ("required", json!({})),
    ] {
        script.post(label, &widgets, widget("bad", spec)).await;
    }
    script.post("a wrong name", &widgets, widget("Bad", json!({ "size": 1 }))).await;
    let mut gadget = widget("bad", json!({ "size": 1 }));
    gadget["kind"] = "Gadget".into();
    script.post("another kind", &widgets, gadget).await;
    script.post("strict", &format!("{widgets}?fieldValidation=Strict"), widget("bad", whole)).await;

    let a = format!("{widgets}/a");
    let patched = script.merge("a label", &a, json!({ "metadata": { "labels": { "l": "1" } } })).await;
    script.note(&format!("generation {}", patched["metadata"]["generation"]));
    let patched = script.merge("a size", &a, json!({ "spec": { "size": 2 } })).await;
    script.note(&format!("generation {}", patched["metadata"]["generation"]));
    let patched = script.merge("a status", &a, json!({ "status": { "phase": "x" } })).await;
    script.note(&format!("{}", patched["status"]));
    let strategic = "application/strategic-merge-patch+json";
    script.ask("strategic", Method::PATCH, &a, strategic, json!({ "spec": { "size": 3 } })).await;
    script.put("replace", &a, widget("a", json!({ "size": 3 }))).await;
    script.put("replace nothing", &format!("{widgets}/b"), widget("b", json!({ "size": 3 }))).await;

    let s = format!("{widgets}/s");
    let mine = json!({ "size": 1, "tags": ["a"], "labels": { "a": "b" }, "free": { "p": { "q": 1 } } });
    let applied = script.apply("apply", &s, widget("s", mine)).await;
    script.note(&format!("{}", essence(applied)));
    let theirs = widget("s", json!({ "size": 2, "tags": ["b"], "labels": { "c": "d" } }));
    script.ask("conflict", Method::PATCH, &format!("{s}?fieldManager=other"), APPLY, theirs.clone()).await;
    let forced = format!("{s}?fieldManager=other&force=true");
    let applied = script.ask("forced", Method::PATCH, &forced, APPLY, theirs).await;
    script.note(&format!("{}", essence(applied)));
    script.apply("unknown field", &s, widget("s", json!({ "bogus": 1 }))).await;
    let applied = script.apply("fewer fields", &s, widget("s", json!({ "free": {} }))).await;
    script.note(&format!("{}", essence(applied)));

    let listed = script.get("by label", &format!("{widgets}?labelSelector=l%3D1")).await;
    script.note(&format!("{} {} {}", listed["kind"], listed["items"][0]["kind"], listed["metadata"]["continue"]));
    let page = script.get("a page", &format!("{api}/widgets?limit=1")).await;
    script.note(&format!("{} left", page["metadata"]["remainingItemCount"]));
    script.get("by a field", &format!("{widgets}?fieldSelector=spec.size%3D1")).await;
    script.get("another version", &format!("/apis/{group}/v1/widgets")).await;
    let gone = script.delete("delete", &a, Value::Null).await;
    script.note(&format!("{} {}", gone["details"]["group"], gone["details"]["kind"]));
    script.get("gone", &a).await;

    let ending = script.delete("undefine", &path, Value::Null).await;
    script.note(&format!("{}", without_owners(essence(ending))["metadata"]));
    script.until(&path, |code, _| code == 404).await;
    script.until(&widgets, |code, _| code == 404).await;
    script.end().await
}
