//! Server-side apply: whose which field is, and what stands in its way.

use http::Method;
use serde_json::{Value, json};

use super::script::{APPLY, JSON, RBAC, Script, Server, Transcript, cluster_role, essence, pods, rbac, secrets};

/// Whether two answers are of the same version of an object.
fn compare(before: &Value, after: &Value) -> &'static str {
    if before["metadata"]["resourceVersion"] == after["metadata"]["resourceVersion"] {
        "the same version"
    } else {
        "another version"
    }
}

pub(crate) async fn an_apply_that_changes_nothing_keeps_the_version(server: &Server) -> Transcript {
    let mut script = Script::new(server, "ssa-same").await;
    let path = format!("{RBAC}/clusterroles/ssa-same-role");
    let role = cluster_role("ssa-same-role", &pods());
    let made = script.apply("create", &path, role.clone()).await;
    script.note(&essence(made.clone()).to_string());
    let again = script.apply("again", &path, role.clone()).await;
    script.note(compare(&made, &again));
    let mut ordered = role.clone();
    ordered["rules"] = json!([{ "verbs": ["get"], "resources": ["pods"], "apiGroups": [""], "resourceNames": [] }]);
    let again = script.apply("an empty list more", &path, ordered).await;
    script.note(compare(&made, &again));
    let again = script.merge("a merge patch of nothing", &path, json!({ "rules": pods() })).await;
    script.note(compare(&made, &again));
    let live = script.live(&path).await;
    let again = script.put("replaced with itself", &path, live).await;
    script.note(compare(&made, &again));
    let other = script.apply_as("another manager of the same", &path, "other", role.clone()).await;
    script.note(&format!("{} {}", compare(&made, &other), essence(other.clone())["metadata"]["managedFields"]));
    let dry = format!("{path}?fieldManager=probe&dryRun=All");
    let tried = script
        .ask("a change that is only tried", Method::PATCH, &dry, APPLY, cluster_role("ssa-same-role", &secrets()))
        .await;
    script.note(&format!("{} {}", compare(&other, &tried), tried["rules"]));
    let live = script.live(&path).await;
    script.note(compare(&other, &live));
    let changed = script.apply_as("force", &path, "probe&force=true", cluster_role("ssa-same-role", &secrets())).await;
    script.note(&format!("{} {}", compare(&other, &changed), essence(changed.clone())));
    let mut labelled = cluster_role("ssa-same-role", &secrets());
    labelled["metadata"]["labels"] = json!({ "a": "1", "b": "2" });
    let labelled = script.apply("labels", &path, labelled).await;
    script.note(&essence(labelled)["metadata"].to_string());
    let without = script.apply("without them", &path, cluster_role("ssa-same-role", &secrets())).await;
    script.note(&essence(without)["metadata"].to_string());
    let bare = script.apply("without rules", &path, rbac("ClusterRole", "ssa-same-role", json!({}))).await;
    script.note(&essence(bare).to_string());
    script.end().await
}

pub(crate) async fn a_conflict_names_the_manager_and_the_fields(server: &Server) -> Transcript {
    let mut script = Script::new(server, "ssa-conflict").await;
    let path = format!("{RBAC}/clusterroles/ssa-conflict-role");
    let role = |rules: Value, label: &str| {
        let mut role = cluster_role("ssa-conflict-role", &rules);
        role["metadata"]["labels"] = json!({ "a": label });
        role
    };
    script.apply("create", &path, role(pods(), "1")).await;
    script.apply_as("apply against apply", &path, "other", cluster_role("ssa-conflict-role", &secrets())).await;
    script.apply_as("two fields", &path, "other", role(secrets(), "2")).await;
    let edit = format!("{path}?fieldManager=kubectl-edit");
    script.merge("an update takes without asking", &edit, json!({ "rules": secrets() })).await;
    script.apply("apply against update", &path, role(pods(), "1")).await;
    script.apply_as("of two managers", &path, "other", role(pods(), "2")).await;
    let forced = script.apply_as("force", &path, "other&force=true", role(pods(), "2")).await;
    script.note(&essence(forced)["metadata"]["managedFields"].to_string());
    let given_up = script.apply("the first lets go", &path, rbac("ClusterRole", "ssa-conflict-role", json!({}))).await;
    script.note(&essence(given_up).to_string());

    let everywhere = format!("{RBAC}/clusterrolebindings/ssa-conflict-binding");
    let binding = |subjects: Value| {
        let role = json!({ "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view" });
        rbac("ClusterRoleBinding", "ssa-conflict-binding", json!({ "roleRef": role, "subjects": subjects }))
    };
    let group = |name: &str| json!([{ "kind": "Group", "name": name, "apiGroup": "rbac.authorization.k8s.io" }]);
    let made = script.apply("a binding", &everywhere, binding(group("one"))).await;
    script.note(&essence(made).to_string());
    script.apply_as("its subjects", &everywhere, "other", binding(group("two"))).await;
    let none = script.apply("no subjects", &everywhere, binding(json!([]))).await;
    script.note(&essence(none).to_string());
    script.end().await
}

pub(crate) async fn what_cannot_be_applied_is_refused(server: &Server) -> Transcript {
    let mut script = Script::new(server, "ssa-refused").await;
    let path = format!("{RBAC}/clusterroles/ssa-refused-role");
    let role = |change: &dyn Fn(&mut Value)| {
        let mut role = cluster_role("ssa-refused-role", &pods());
        change(&mut role);
        role
    };
    let plain = role(&|_| {});
    script.ask("no manager", Method::PATCH, &path, APPLY, plain.clone()).await;
    script.apply_as("a long manager", &path, &"m".repeat(129), plain.clone()).await;
    script.apply("unknown field", &path, role(&|role| role["bogus"] = 1.into())).await;
    script.apply("two of them", &path, role(&|role| role["rules"][0]["verb"] = role["metadata"]["label"].take())).await;
    script.apply("in the metadata", &path, role(&|role| role["metadata"]["label"] = json!({ "a": "b" }))).await;
    script.apply("mistyped", &path, role(&|role| role["rules"][0]["verbs"] = "get".into())).await;
    script
        .apply_as(
            "not even when ignored",
            &path,
            "probe&fieldValidation=Ignore",
            role(&|role| role["bogus"] = 1.into()),
        )
        .await;
    script.apply("no kind", &path, role(&|role| role["kind"] = Value::Null)).await;
    script.apply("another kind", &path, role(&|role| role["kind"] = "Role".into())).await;
    script.apply("another name", &path, role(&|role| role["metadata"]["name"] = "x".into())).await;
    script.apply("its own managers", &path, role(&|role| role["metadata"]["managedFields"] = json!([{}]))).await;
    script.apply("no verbs", &path, role(&|role| role["rules"][0]["verbs"] = json!([]))).await;
    script.apply("a wrong label", &path, role(&|role| role["metadata"]["labels"] = json!({ "a b": "c d" }))).await;
    let here = format!("{RBAC}/namespaces/ssa-refused/roles/r");
    let namespaced = rbac("Role", "r", json!({ "rules": [{ "nonResourceURLs": ["/x"], "verbs": ["get"] }] }));
    script.apply("paths in a Role", &here, namespaced).await;
    let mut elsewhere = rbac("Role", "r", json!({ "rules": pods() }));
    elsewhere["metadata"]["namespace"] = "default".into();
    script.apply("another namespace", &here, elsewhere).await;
    let nowhere = format!("{RBAC}/namespaces/ssa-refused-nowhere/roles/r");
    script.apply("in no namespace", &nowhere, rbac("Role", "r", json!({ "rules": pods() }))).await;

    let roles = format!("{RBAC}/clusterroles");
    let bogus = role(&|role| role["bogus"] = 1.into());
    for validation in ["Strict", "Ignore", "Warn", "Wrong"] {
        let path = format!("{roles}?fieldValidation={validation}&dryRun=All");
        script.post(&format!("POST of an unknown field, {validation}"), &path, bogus.clone()).await;
    }
    script.post("POST of an unknown field", &format!("{roles}?dryRun=All"), bogus.clone()).await;
    script
        .post(
            "a rule's, strict",
            &format!("{roles}?fieldValidation=Strict"),
            role(&|role| role["rules"][0]["verb"] = "get".into()),
        )
        .await;
    script.prepare(&roles, &plain).await;
    script.put("PUT of an unknown field", &format!("{path}?fieldValidation=Strict"), bogus).await;
    script.merge("PATCH of an unknown field", &path, json!({ "bogus": 1 })).await;
    script.ask("of no known type", Method::PATCH, &path, JSON, plain.clone()).await;
    script.post("no JSON", &roles, "{".into()).await;
    script.post("another kind", &roles, rbac("Role", "x", json!({}))).await;
    script.post("no name", &roles, json!({ "rules": pods() })).await;
    script.post("twice", &roles, plain).await;
    script.end().await
}

pub(crate) async fn create_by_apply_may_be_limited_to_names(server: &Server) -> Transcript {
    let mut script = Script::new(server, "ssa-named").await;
    let (roles, user) = (format!("{RBAC}/clusterroles"), "ssa-named-user");
    let rights = json!([
        { "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"], "verbs": ["create", "patch"],
          "resourceNames": ["ssa-named-one", "ssa-named-two"] },
        { "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"], "verbs": ["patch", "update"] },
        { "apiGroups": [""], "resources": ["pods"], "verbs": ["get"] },
    ]);
    // The first of the names is what the wait asks about.
    script.grant(user, rights).await;
    script.as_user(user);
    let role = |name: &str| cluster_role(name, &pods());
    script.post("POST", &roles, role("ssa-named-one")).await;
    script.apply("apply", &format!("{roles}/ssa-named-one"), role("ssa-named-one")).await;
    script.apply("apply of another name", &format!("{roles}/ssa-named-three"), role("ssa-named-three")).await;
    script.put("PUT", &format!("{roles}/ssa-named-two"), role("ssa-named-two")).await;
    script.put("PUT of another name", &format!("{roles}/ssa-named-three"), role("ssa-named-three")).await;
    script.merge("a patch of nothing", &format!("{roles}/ssa-named-three"), json!({ "rules": pods() })).await;
    script.apply("again", &format!("{roles}/ssa-named-one"), role("ssa-named-one")).await;
    script.get("read", &format!("{roles}/ssa-named-one")).await;
    let dry = format!("{roles}/ssa-named-three?fieldManager=probe&dryRun=All");
    script.ask("only tried", Method::PATCH, &dry, APPLY, role("ssa-named-three")).await;
    let beyond = cluster_role("ssa-named-two", &secrets());
    let dry = format!("{roles}/ssa-named-two?fieldManager=probe&force=true&dryRun=All");
    script.ask("more than held, only tried", Method::PATCH, &dry, APPLY, beyond).await;
    script.end().await
}
