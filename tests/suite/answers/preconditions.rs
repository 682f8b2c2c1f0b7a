//! Only that object, only that version; what a binding is filled up with, and what of it cannot change.

use http::Method;
use serde_json::{Value, json};

use super::script::{JSON, RBAC, Script, Server, Transcript, bound, cluster_role, content, pods, rbac, secrets};

/// A uid that no object has.
const OTHER: &str = "00000000-0000-4000-8000-000000000000";

pub(crate) async fn a_write_may_be_for_one_object_and_one_version_only(server: &Server) -> Transcript {
    let mut script = Script::new(server, "only-that").await;
    let (roles, path) = (format!("{RBAC}/clusterroles"), format!("{RBAC}/clusterroles/only-that-role"));
    let first = script.prepare(&roles, &cluster_role("only-that-role", &pods())).await;
    let (code, second) = script.send(&Method::PATCH, &path, super::script::MERGE, &json!({ "rules": secrets() })).await;
    assert_eq!(code, 200, "{second}");
    script.call(&first["metadata"]["uid"], "UID");
    script.call(&first["metadata"]["resourceVersion"], "FIRST");
    script.call(&second["metadata"]["resourceVersion"], "SECOND");
    let role = |field: &str, value: &Value| {
        let mut role = cluster_role("only-that-role", &pods());
        role["metadata"][field] = value.clone();
        role
    };
    let (uid, stale) = (&first["metadata"]["uid"], &first["metadata"]["resourceVersion"]);
    let other = Value::from(OTHER);

    script.put("PUT of an old version", &path, role("resourceVersion", stale)).await;
    script.put("PUT of another uid", &path, role("uid", &other)).await;
    script.put("PUT of no version at all", &path, role("resourceVersion", &"x".into())).await;
    script.merge("PATCH of an old version", &path, json!({ "metadata": { "resourceVersion": stale } })).await;
    script.merge("PATCH of another uid", &path, json!({ "metadata": { "uid": OTHER } })).await;
    let manager = "probe&force=true";
    script.apply_as("apply to an old version", &path, manager, role("resourceVersion", stale)).await;
    script.apply_as("apply to another uid", &path, manager, role("uid", &other)).await;
    let mut both = role("uid", &other);
    both["metadata"]["resourceVersion"] = stale.clone();
    script.apply_as("apply to both", &path, manager, both).await;
    let absent = format!("{roles}/only-that-absent");
    let mut new = role("uid", uid);
    new["metadata"]["name"] = "only-that-absent".into();
    script.apply("apply to one that is gone", &absent, new.clone()).await;
    script.put("PUT to one that is gone", &absent, new.clone()).await;
    new["metadata"] = json!({ "name": "only-that-absent", "resourceVersion": stale });
    script.put("PUT of a version to nothing", &absent, new.clone()).await;
    script.apply("apply of a version to nothing", &absent, new).await;
    let mut made = cluster_role("only-that-made", &pods());
    made["metadata"]["resourceVersion"] = stale.clone();
    script.post("POST of a version", &roles, made).await;
    let live = script.live(&path).await;
    assert_eq!(live["metadata"]["resourceVersion"], second["metadata"]["resourceVersion"], "nothing was written");
    let mut right = role("uid", uid);
    right["metadata"]["resourceVersion"] = second["metadata"]["resourceVersion"].clone();
    let applied = script.apply_as("apply to just that", &path, manager, right).await;

    let only = |field: &str, value: &Value| json!({ "preconditions": { field: value } });
    script.delete("DELETE of another uid", &path, only("uid", &other)).await;
    script.call(&applied["metadata"]["resourceVersion"], "THIRD");
    script.delete("DELETE of an old version", &path, only("resourceVersion", stale)).await;
    script.delete("DELETE of nothing", &format!("{roles}/only-that-nothing"), only("uid", uid)).await;
    script.delete("with another body", &path, json!({ "kind": "Status", "apiVersion": "v1" })).await;
    let both = json!({ "preconditions": { "uid": uid, "resourceVersion": applied["metadata"]["resourceVersion"] } });
    let dry = json!({ "dryRun": ["All"], "preconditions": both["preconditions"] });
    let tried = script.delete("DELETE that is only tried", &path, dry).await;
    script.note(&tried.to_string());
    let gone = script.delete("DELETE of just that", &path, both.clone()).await;
    script.note(&gone.to_string());
    script.delete("twice", &path, both).await;
    script.end().await
}

pub(crate) async fn the_role_of_a_binding_stays(server: &Server) -> Transcript {
    let mut script = Script::new(server, "role-stays").await;
    for (kind, collection) in [
        ("ClusterRoleBinding", format!("{RBAC}/clusterrolebindings")),
        ("RoleBinding", format!("{RBAC}/namespaces/role-stays/rolebindings")),
    ] {
        let path = format!("{collection}/role-stays-b");
        script.prepare(&collection, &bound("role-stays-b", "view")).await;
        let other = json!({ "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "edit" });
        let binding = rbac(kind, "role-stays-b", json!({ "roleRef": other }));
        script.put(&format!("PUT of a {kind}"), &path, binding.clone()).await;
        script.merge("PATCH", &path, json!({ "roleRef": { "name": "edit" } })).await;
        script.apply("apply", &path, binding.clone()).await;
        script.apply_as("force", &path, "probe&force=true", binding).await;
        let role = script.live(&path).await["roleRef"].to_string();
        script.note(&role);
    }
    script.end().await
}

pub(crate) async fn groups_of_subjects_and_roles_are_filled_in(server: &Server) -> Transcript {
    let mut script = Script::new(server, "filled-in").await;
    let here = format!("{RBAC}/namespaces/filled-in/rolebindings");
    let everywhere = format!("{RBAC}/clusterrolebindings");
    let subjects = json!([
        { "kind": "User", "name": "u" }, { "kind": "Group", "name": "g" }, { "kind": "Group", "name": "g" },
        { "kind": "ServiceAccount", "name": "s", "namespace": "filled-in" },
    ]);
    let binding = |kind: &str, name: &str, subjects: &Value| {
        rbac(kind, name, json!({ "subjects": subjects, "roleRef": { "kind": "ClusterRole", "name": "view" } }))
    };
    for (kind, collection) in [("RoleBinding", &here), ("ClusterRoleBinding", &everywhere)] {
        let made = script.post(kind, collection, binding(kind, "filled-in-post", &subjects)).await;
        script.note(&content(made).to_string());
        let path = format!("{collection}/filled-in-apply");
        let made = script.apply("by apply", &path, binding(kind, "filled-in-apply", &subjects)).await;
        script.note(&content(made.clone()).to_string());
        let again = script.apply("again", &path, binding(kind, "filled-in-apply", &subjects)).await;
        script.note(&format!("{}", made["metadata"]["resourceVersion"] == again["metadata"]["resourceVersion"]));
        let path = format!("{collection}/filled-in-post");
        let put = script.put("by PUT", &path, binding(kind, "filled-in-post", &subjects)).await;
        script.note(&content(put).to_string());
        let none = script.post("without subjects", collection, bound("filled-in-none", "view")).await;
        script.note(&content(none).to_string());
    }
    for (label, subject) in [
        ("a user of another group", json!({ "kind": "User", "name": "u", "apiGroup": "contoso.com" })),
        (
            "an account with a group",
            json!({ "kind": "ServiceAccount", "name": "s", "namespace": "n", "apiGroup": "x" }),
        ),
        ("an account without a namespace", json!({ "kind": "ServiceAccount", "name": "s" })),
        ("an account with a wrong name", json!({ "kind": "ServiceAccount", "name": "S", "namespace": "n" })),
        ("nobody", json!({ "kind": "User", "name": "" })),
        ("a kind that there is not", json!({ "kind": "Robot", "name": "r" })),
    ] {
        for (kind, collection) in [("RoleBinding", &here), ("ClusterRoleBinding", &everywhere)] {
            let collection = format!("{collection}?dryRun=All");
            script
                .post(&format!("{label}, {kind}"), &collection, binding(kind, "filled-in-x", &json!([subject])))
                .await;
        }
    }
    for (label, role) in [
        ("a role of another group", json!({ "kind": "ClusterRole", "name": "view", "apiGroup": "contoso.com" })),
        ("a Role from everywhere", json!({ "kind": "Role", "name": "view" })),
        ("no name", json!({ "kind": "ClusterRole" })),
        ("no role", Value::Null),
    ] {
        let collection = format!("{everywhere}?dryRun=All");
        script.post(label, &collection, rbac("ClusterRoleBinding", "filled-in-y", json!({ "roleRef": role }))).await;
    }
    let patched = json!({ "subjects": [{ "kind": "Group", "name": "h" }] });
    let path = format!("{here}/filled-in-post");
    let patched = script.ask("by a merge patch", Method::PATCH, &path, super::script::MERGE, patched).await;
    script.note(&content(patched).to_string());
    script.ask("read back", Method::GET, &path, JSON, Value::Null).await;
    script.end().await
}
