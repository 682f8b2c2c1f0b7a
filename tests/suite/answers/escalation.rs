//! Nobody gives what they do not hold.

use http::Method;
use serde_json::{Value, json};

use super::script::{JSON, RBAC, Script, Server, Transcript, bound, cluster_role, pods, secrets};

/// May write roles and bindings, read pods, escalate to one name and bind two.
fn writer(part: &str) -> Value {
    json!([
        { "apiGroups": ["rbac.authorization.k8s.io"],
          "resources": ["clusterroles", "roles", "clusterrolebindings", "rolebindings"],
          "verbs": ["create", "get", "patch", "update"] },
        { "apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"] },
        { "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"], "verbs": ["escalate"],
          "resourceNames": [format!("{part}-named")] },
        { "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"], "verbs": ["bind"],
          "resourceNames": [format!("{part}-bindable"), format!("{part}-not-there")] },
    ])
}

pub(crate) async fn a_role_holds_no_more_than_its_writer(server: &Server) -> Transcript {
    let mut script = Script::new(server, "esc-role").await;
    let (roles, user) = (format!("{RBAC}/clusterroles"), "esc-role-writer");
    script.grant(user, writer("esc-role")).await;
    script.prepare(&roles, &cluster_role("esc-role-secrets", &secrets())).await;
    script.as_user(user);

    script.post("held", &roles, cluster_role("esc-role-held", &pods())).await;
    let several = json!([
        { "apiGroups": ["", "apps"], "resources": ["pods", "deployments"], "verbs": ["list", "get"] },
        { "apiGroups": [""], "resources": ["pods"], "verbs": ["*"] },
        { "apiGroups": [""], "resources": ["pods"], "verbs": ["watch"], "resourceNames": ["a", "b"] },
        { "nonResourceURLs": ["/metrics"], "verbs": ["get"] },
    ]);
    script.post("beyond", &roles, cluster_role("esc-role-beyond", &several)).await;
    let invalid = json!([secrets()[0], { "verbs": [] }]);
    script.post("before rules are looked at", &roles, cluster_role("esc-role-invalid", &invalid)).await;
    script.post("before names are", &roles, cluster_role("esc-role-held", &secrets())).await;

    let held = format!("{roles}/esc-role-held");
    let mut stale = cluster_role("esc-role-held", &secrets());
    script.merge("merge patch", &held, json!({ "rules": secrets() })).await;
    script.apply("apply", &held, stale.clone()).await;
    script
        .apply("apply of nothing more", &format!("{roles}/esc-role-new"), cluster_role("esc-role-new", &pods()))
        .await;
    stale["metadata"]["resourceVersion"] = "1".into();
    script.put("replace, before versions are", &held, stale).await;

    let live = script.send(&Method::GET, &format!("{roles}/esc-role-secrets"), JSON, &Value::Null).await.1;
    let (name, path) = ("esc-role-secrets", format!("{roles}/esc-role-secrets"));
    script.put("the same again", &path, live).await;
    script.put("without its version", &path, cluster_role(name, &secrets())).await;
    script.apply("another manager of the same", &path, cluster_role(name, &secrets())).await;
    script.merge("a label", &path, json!({ "metadata": { "labels": { "a": "b" } } })).await;

    let role = json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "Role", "metadata": { "name": "r" }, "rules": secrets(),
    });
    let namespaced = format!("{RBAC}/namespaces/esc-role/roles");
    script.post("a Role", &namespaced, role.clone()).await;
    script.apply("a Role by apply", &format!("{namespaced}/r"), role).await;

    let named = cluster_role("esc-role-named", &secrets());
    script.post("escalate on a name, POST", &roles, named.clone()).await;
    script.apply("escalate on a name, apply", &format!("{roles}/esc-role-named"), named).await;
    let gathers = json!({
        "metadata": { "name": "esc-role-gathers" },
        "aggregationRule": { "clusterRoleSelectors": [{ "matchLabels": { "esc-role": "x" } }] },
    });
    script.post("aggregation", &roles, gathers.clone()).await;
    script.as_admin();
    script.prepare(&roles, &gathers).await;
    script.as_user(user);
    let path = format!("{roles}/esc-role-gathers");
    script.merge("aggregation taken away", &path, json!({ "aggregationRule": null })).await;

    script.end().await
}

pub(crate) async fn binding_takes_bind_or_the_rights(server: &Server) -> Transcript {
    let mut script = Script::new(server, "esc-bind").await;
    let (roles, user) = (format!("{RBAC}/clusterroles"), "esc-bind-writer");
    script.grant(user, writer("esc-bind")).await;
    for name in ["esc-bind-bindable", "esc-bind-secrets"] {
        script.prepare(&roles, &cluster_role(name, &secrets())).await;
    }
    script.prepare(&roles, &cluster_role("esc-bind-pods", &pods())).await;
    let everywhere = format!("{RBAC}/clusterrolebindings");
    script.prepare(&everywhere, &bound("esc-bind-by-others", "esc-bind-secrets")).await;
    script.as_user(user);

    for path in [everywhere.clone(), format!("{RBAC}/namespaces/esc-bind/rolebindings")] {
        let kind = path.rsplit('/').next().unwrap();
        for role in ["pods", "bindable", "not-there", "secrets", "missing"] {
            let name = format!("esc-bind-{role}");
            script.post(&format!("{kind} to {role}"), &path, bound(&name, &name)).await;
        }
        let mut applied = bound("esc-bind-applied", "esc-bind-secrets");
        applied["apiVersion"] = "rbac.authorization.k8s.io/v1".into();
        applied["kind"] = if kind == "rolebindings" { "RoleBinding" } else { "ClusterRoleBinding" }.into();
        script.apply(&format!("{kind} applied"), &format!("{path}/esc-bind-applied"), applied).await;
    }
    let subjects = json!({ "subjects": [{ "kind": "User", "name": user }] });
    let path = format!("{everywhere}/esc-bind-by-others");
    script.merge("oneself among the subjects", &path, subjects).await;
    let here = format!("{RBAC}/namespaces/esc-bind/rolebindings");
    let role = |kind: &str| json!({ "metadata": { "name": "x" }, "roleRef": { "kind": kind, "name": "x" } });
    script.post("to a Role that is not there", &here, role("Role")).await;
    script.post("to what is no role", &here, role("Rolle")).await;
    let nowhere = format!("{RBAC}/namespaces/esc-bind-nowhere/rolebindings");
    script.post("in no namespace", &nowhere, bound("x", "esc-bind-secrets")).await;

    script.end().await
}

pub(crate) async fn what_a_binding_could_not_resolve_is_said(server: &Server) -> Transcript {
    let mut script = Script::new(server, "esc-gone").await;
    let user = "esc-gone-writer";
    let mut dangling = bound("esc-gone-dangling", "esc-gone-not-there");
    dangling["subjects"] = json!([{ "kind": "User", "name": user }]);
    script.prepare(&format!("{RBAC}/clusterrolebindings"), &dangling).await;
    script.grant(user, writer("esc-gone")).await;
    script.as_user(user);
    let roles = format!("{RBAC}/clusterroles");
    script.post("a role", &roles, cluster_role("esc-gone-beyond", &secrets())).await;
    let role = json!({ "metadata": { "name": "r" }, "rules": secrets() });
    script.post("a Role", &format!("{RBAC}/namespaces/esc-gone/roles"), role).await;
    script.delete("not allowed", &format!("{roles}/view"), Value::Null).await;
    script.end().await
}
