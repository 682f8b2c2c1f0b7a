//! What an API server has from its start, and the roles that a controller fills.

use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};

use super::script::{RBAC, Script, Server, Transcript, cluster_role};

/// The rules of a role without those that another test's role may be adding right now.
fn rules(role: &Value) -> Vec<Value> {
    let is_tests = |rule: &Value| rule["apiGroups"].to_string().contains("contoso.com");
    role["rules"].as_array().into_iter().flatten().filter(|rule| !is_tests(rule)).cloned().collect()
}

/// The same for the same JSON.
fn digest(value: &Value) -> String {
    let digest = Sha256::digest(value.to_string().as_bytes());
    let number = digest[..6].iter().fold(0_u64, |number, byte| (number << 8) | u64::from(*byte));
    format!("{number:012x}")
}

pub(crate) async fn an_api_server_starts_with_these_roles_and_bindings(server: &Server) -> Transcript {
    let mut script = Script::new(server, "bootstrap").await;
    let own = "?labelSelector=kubernetes.io%2Fbootstrapping";
    let roles = script.live(&format!("{RBAC}/clusterroles{own}")).await;
    for role in roles["items"].as_array().unwrap() {
        let (metadata, held) = (&role["metadata"], rules(role));
        let about = json!([metadata["labels"], metadata["annotations"], role["aggregationRule"]]);
        let digests = format!("{} rules {}, {}", held.len(), digest(&held.into()), digest(&about));
        script.answered(&format!("ClusterRole {}", metadata["name"]), &digests);
    }
    for name in ["view", "edit", "admin", "cluster-admin"] {
        let role = script.live(&format!("{RBAC}/clusterroles/{name}")).await;
        script.answered(name, &format!("{} {}", role["metadata"]["labels"], role["aggregationRule"]));
        for rule in rules(&role) {
            script.note(&rule.to_string());
        }
    }
    for kind in ["clusterrolebindings", "roles", "rolebindings"] {
        let objects = script.live(&format!("{RBAC}/{kind}{own}")).await;
        for object in objects["items"].as_array().unwrap() {
            let metadata = &object["metadata"];
            let what = json!([metadata["labels"], object["roleRef"], object["subjects"], object["rules"]]);
            script.answered(&format!("{kind} {} {}", metadata["namespace"], metadata["name"]), &what.to_string());
        }
    }
    script.end().await
}

/// A rule on a resource of this test alone.
fn rule(resource: &str) -> Value {
    json!({ "apiGroups": ["filled.contoso.com"], "resources": [resource], "verbs": ["get"] })
}

pub(crate) async fn what_is_labelled_for_a_role_is_in_it_a_moment_later(server: &Server) -> Transcript {
    let mut script = Script::new(server, "gathered").await;
    let roles = format!("{RBAC}/clusterroles");
    let labelled = |name: &str, labels: Value, rules: Value| {
        let mut role = cluster_role(name, &rules);
        role["metadata"]["labels"] = labels;
        role
    };
    let mut gathers = cluster_role("gathered-all", &json!([rule("by-hand")]));
    gathers["aggregationRule"] = json!({ "clusterRoleSelectors": [
        { "matchLabels": { "gathered": "first" } },
        { "matchExpressions": [
            { "key": "gathered", "operator": "In", "values": ["second", "third"] },
            { "key": "not-this", "operator": "DoesNotExist" },
        ] },
    ] });
    script.post("a role of our own that gathers", &roles, gathers).await;
    let path = format!("{roles}/gathered-all");
    for (name, label, not, rules) in [
        ("gathered-b", "second", None, json!([rule("b"), rule("both")])),
        ("gathered-a", "third", None, json!([rule("both"), rule("a")])),
        ("gathered-c", "second", Some("x"), json!([rule("c")])),
        ("gathered-d", "first", Some("x"), json!([rule("d"), rule("d")])),
    ] {
        let mut labels = json!({ "gathered": label });
        if let Some(not) = not {
            labels["not-this"] = not.into();
        }
        script.prepare(&roles, &labelled(name, labels, rules)).await;
    }
    let wanted = json!([rule("d"), rule("both"), rule("a"), rule("b")]);
    let filled = script.until(&path, |_, role| role["rules"] == wanted).await;
    let managers = filled["metadata"]["managedFields"].as_array().unwrap().iter();
    let managers: Vec<_> = managers.map(|entry| format!("{} {}", entry["manager"], entry["operation"])).collect();
    script.note(&format!("{} {managers:?}", filled["rules"]));
    let mut outer = cluster_role("gathered-outer", &json!([]));
    outer["aggregationRule"] = json!({ "clusterRoleSelectors": [{ "matchLabels": { "outer": "yes" } }] });
    script.post("a role that gathers it", &roles, outer).await;
    script.merge("by its label", &path, json!({ "metadata": { "labels": { "outer": "yes" } } })).await;
    let gathered = script.until(&format!("{roles}/gathered-outer"), |_, role| role["rules"] == wanted).await;
    script.note(&gathered["rules"].to_string());
    script.delete("what it got from one is deleted", &format!("{roles}/gathered-d"), Value::Null).await;
    let wanted = json!([rule("both"), rule("a"), rule("b")]);
    for name in ["gathered-all", "gathered-outer"] {
        script.until(&format!("{roles}/{name}"), |_, role| role["rules"] == wanted).await;
        script.note(&format!("{name} has it no more"));
    }
    script.merge("rules by hand", &path, json!({ "rules": [rule("by-hand")] })).await;
    script.until(&path, |_, role| role["rules"] == wanted).await;
    script.note("are taken back");
    script.merge("no selectors", &path, json!({ "aggregationRule": { "clusterRoleSelectors": [] } })).await;
    let wrong = json!({ "clusterRoleSelectors": [{ "matchExpressions": [{ "key": "a", "operator": "Like" }] }] });
    script.merge("a wrong selector", &path, json!({ "aggregationRule": wrong })).await;
    let kept = script.merge("gathering no more", &path, json!({ "aggregationRule": null })).await;
    script.note(&kept["rules"].to_string());
    script.end().await
}
