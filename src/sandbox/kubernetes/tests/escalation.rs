//! Nobody gives what they do not hold. The messages are those of kube-apiserver 1.35.4 to the same requests.

use super::*;

const LACKS_SECRETS: &str = "user \"hayden@contoso.com\" (groups=[\"developers\" \"system:authenticated\"]) is attempting to \
     grant RBAC permissions not currently held:\n{APIGroups:[\"\"], Resources:[\"secrets\"], Verbs:[\"get\"]}";

/// `hayden` may write roles and bindings, read pods, escalate to `named`, and bind `bindable` and `not-there`.
async fn world() -> World {
    let world = World::new();
    let resources = ["clusterroles", "roles", "clusterrolebindings", "rolebindings"];
    let rules = json!([
        { "apiGroups": ["rbac.authorization.k8s.io"], "resources": resources, "verbs": ["create", "get", "patch", "update"] },
        { "apiGroups": [""], "resources": ["pods"], "verbs": ["get", "list"] },
        { "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"], "verbs": ["escalate"],
          "resourceNames": ["named"] },
        { "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"], "verbs": ["bind"],
          "resourceNames": ["bindable", "not-there"] },
    ]);
    let path = format!("{RBAC}/clusterroles");
    world.post(&path, json!({ "metadata": { "name": "limited" }, "rules": rules })).await.ok();
    world.post(&path, secrets("bindable")).await.ok();
    let subjects = json!([{ "kind": "Group", "name": "developers" }]);
    let bound = json!({ "metadata": { "name": "limited" }, "roleRef": reference("limited"), "subjects": subjects });
    world.post(&format!("{RBAC}/clusterrolebindings"), bound).await.ok();
    world
}

fn reference(role: &str) -> Value {
    json!({ "kind": "ClusterRole", "name": role })
}

/// A ClusterRole that `hayden` does not hold.
fn secrets(name: &str) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": { "name": name },
        "rules": [{ "apiGroups": [""], "resources": ["secrets"], "verbs": ["get"] }],
    })
}

async fn limited(world: &World, method: Method, path: &str, media_type: &str, body: Value) -> Answer {
    world.call("user", method, &format!("{RBAC}/{path}"), media_type, body.to_string().into()).await
}

async fn post(world: &World, path: &str, body: Value) -> Answer {
    limited(world, Method::POST, path, "application/json", body).await
}

#[tokio::test]
async fn a_role_holds_no_more_than_its_writer() {
    let world = world().await;
    post(&world, "clusterroles", role("held", "get")).await.ok();
    let beyond = json!({ "metadata": { "name": "beyond" }, "rules": [
        { "apiGroups": ["", "apps"], "resources": ["pods", "deployments"], "verbs": ["list", "get"] },
        { "nonResourceURLs": ["/metrics"], "verbs": ["get"] },
    ] });
    let answer = post(&world, "clusterroles", beyond).await;
    assert_eq!(
        answer.refused(403, "Forbidden"),
        "clusterroles.rbac.authorization.k8s.io \"beyond\" is forbidden: user \"hayden@contoso.com\" \
         (groups=[\"developers\" \"system:authenticated\"]) is attempting to grant RBAC permissions not currently held:\n\
         {APIGroups:[\"\"], Resources:[\"deployments\"], Verbs:[\"list\" \"get\"]}\n\
         {APIGroups:[\"apps\"], Resources:[\"deployments\"], Verbs:[\"list\" \"get\"]}\n\
         {APIGroups:[\"apps\"], Resources:[\"pods\"], Verbs:[\"list\" \"get\"]}\n\
         {NonResourceURLs:[\"/metrics\"], Verbs:[\"get\"]}"
    );
    assert_eq!(
        answer.body["details"],
        json!({ "name": "beyond", "group": "rbac.authorization.k8s.io", "kind": "clusterroles" })
    );
    assert_eq!(world.get(&format!("{RBAC}/clusterroles/beyond")).await.code, 404);
}

#[tokio::test]
async fn the_check_comes_before_names_rules_and_versions_are_looked_at() {
    let world = world().await;
    post(&world, "clusterroles", role("held", "get")).await.ok();
    let refused =
        |name: &str| format!("clusterroles.rbac.authorization.k8s.io \"{name}\" is forbidden: {LACKS_SECRETS}");
    let mut invalid = secrets("invalid");
    invalid["rules"].as_array_mut().unwrap().push(json!({ "verbs": [] }));
    assert_eq!(post(&world, "clusterroles", invalid).await.refused(403, "Forbidden"), refused("invalid"));
    assert_eq!(post(&world, "clusterroles", secrets("held")).await.refused(403, "Forbidden"), refused("held"));
    let mut stale = secrets("held");
    stale["metadata"]["resourceVersion"] = "1".into();
    let put = limited(&world, Method::PUT, "clusterroles/held", "application/json", stale).await;
    assert_eq!(put.refused(403, "Forbidden"), refused("held"));
    let nowhere = json!({ "metadata": { "name": "b" }, "roleRef": reference("bindable") });
    let answer = post(&world, "namespaces/nowhere/rolebindings", nowhere).await;
    assert_eq!(answer.refused(404, "NotFound"), "namespaces \"nowhere\" not found");
}

#[tokio::test]
async fn every_way_to_change_a_role_is_checked() {
    let world = world().await;
    post(&world, "clusterroles", role("held", "get")).await.ok();
    for (method, media_type) in [
        (Method::PUT, "application/json"),
        (Method::PATCH, MERGE),
        (Method::PATCH, "application/strategic-merge-patch+json"),
        (Method::PATCH, APPLY),
    ] {
        let path = "clusterroles/held?fieldManager=probe&force=true";
        let path = if media_type == APPLY { path } else { "clusterroles/held" };
        limited(&world, method, path, media_type, secrets("held")).await.refused(403, "Forbidden");
    }
    let mut namespaced = secrets("there");
    namespaced["kind"] = "Role".into();
    post(&world, "namespaces/trinity/roles", namespaced.clone()).await.refused(403, "Forbidden");
    let path = "namespaces/trinity/roles/there?fieldManager=probe";
    limited(&world, Method::PATCH, path, APPLY, namespaced).await.refused(403, "Forbidden");
    let live = world.get(&format!("{RBAC}/clusterroles/held")).await.ok();
    assert_eq!(live["rules"], role("held", "get")["rules"]);
}

#[tokio::test]
async fn escalate_on_a_name_lets_through_what_has_the_name_in_its_path() {
    let world = world().await;
    post(&world, "clusterroles", secrets("named")).await.refused(403, "Forbidden");
    let path = "clusterroles/named?fieldManager=probe";
    limited(&world, Method::PATCH, path, APPLY, secrets("named")).await.ok();
    limited(&world, Method::PUT, "clusterroles/named", "application/json", secrets("named")).await.ok();
}

#[tokio::test]
async fn what_changes_nothing_that_is_granted_is_let_through() {
    let world = world().await;
    let path = "clusterroles/bindable";
    let labels = json!({ "metadata": { "labels": { "a": "b" } } });
    limited(&world, Method::PATCH, path, MERGE, labels).await.refused(403, "Forbidden");
    let other_manager = "clusterroles/bindable?fieldManager=probe";
    limited(&world, Method::PATCH, other_manager, APPLY, secrets("bindable")).await.ok();
    let live = world.get(&format!("{RBAC}/{path}")).await.ok();
    limited(&world, Method::PUT, path, "application/json", live).await.ok();
    // Without its version the object differs.
    limited(&world, Method::PUT, path, "application/json", secrets("bindable")).await.refused(403, "Forbidden");
}

#[tokio::test]
async fn an_aggregation_rule_takes_everything() {
    let world = world().await;
    let gathering = json!({ "metadata": { "name": "gathering" }, "aggregationRule": {
        "clusterRoleSelectors": [{ "matchLabels": { "a": "b" } }],
    } });
    let refused = "is forbidden: must have cluster-admin privileges to use the aggregationRule";
    let answer = post(&world, "clusterroles", gathering.clone()).await;
    assert!(answer.refused(403, "Forbidden").ends_with(refused), "{answer:?}");
    world.post(&format!("{RBAC}/clusterroles"), gathering).await.ok();
    let without = json!({ "aggregationRule": null });
    let answer = limited(&world, Method::PATCH, "clusterroles/gathering", MERGE, without).await;
    assert!(answer.refused(403, "Forbidden").ends_with(refused), "{answer:?}");
}

#[tokio::test]
async fn binding_takes_bind_or_the_rights() {
    let world = world().await;
    world.post(&format!("{RBAC}/clusterroles"), secrets("unbindable")).await.ok();
    world.post(&format!("{RBAC}/clusterroles"), role("held", "list")).await.ok();
    let bound = |role: &str| json!({ "metadata": { "name": format!("to-{role}") }, "roleRef": reference(role) });
    for path in ["clusterrolebindings", "namespaces/trinity/rolebindings"] {
        for role in ["held", "bindable", "not-there"] {
            post(&world, path, bound(role)).await.ok();
        }
        let resource = path.rsplit('/').next().unwrap();
        let answer = post(&world, path, bound("unbindable")).await;
        assert_eq!(
            answer.refused(403, "Forbidden"),
            format!("{resource}.rbac.authorization.k8s.io \"to-unbindable\" is forbidden: {LACKS_SECRETS}")
        );
        let missing = post(&world, path, bound("missing")).await;
        let message = format!("{resource}.rbac.authorization.k8s.io \"missing\" not found");
        assert_eq!(missing.refused(404, "NotFound"), message);
        assert_eq!(missing.body["details"]["name"], "missing");
    }
    world.post(&format!("{RBAC}/clusterrolebindings"), bound("unbindable")).await.ok();
    let path = "clusterrolebindings/to-unbindable";
    let subjects = json!({ "subjects": [{ "kind": "User", "name": "hayden@contoso.com" }] });
    limited(&world, Method::PATCH, path, MERGE, subjects).await.refused(403, "Forbidden");
    let strange = json!({ "metadata": { "name": "b" }, "roleRef": { "kind": "Rolle", "name": "view" } });
    let answer = post(&world, "namespaces/trinity/rolebindings", strange).await;
    assert_eq!(answer.refused(500, ""), "unsupported role reference kind: \"Rolle\"");
}

#[tokio::test]
async fn what_could_not_be_resolved_is_said() {
    let world = world().await;
    let subjects = json!([{ "kind": "User", "name": "hayden@contoso.com" }]);
    let dangling = json!({ "metadata": { "name": "dangling" }, "roleRef": reference("gone"), "subjects": subjects });
    world.post(&format!("{RBAC}/clusterrolebindings"), dangling).await.ok();
    let answer = post(&world, "clusterroles", secrets("beyond")).await;
    let errors = "; resolution errors: [clusterroles.rbac.authorization.k8s.io \"gone\" not found]";
    assert!(answer.refused(403, "Forbidden").ends_with(errors), "{answer:?}");
}

#[tokio::test]
async fn a_refused_write_leaves_the_file_alone() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cluster.json");
    let store = world().await.shared.store.read(Clone::clone);
    let store = Arc::new(Store::open(&file, || store).unwrap());
    let world = World { shared: Shared { store, authenticate: Arc::new(|_| None) } };
    let written = || fs_err::read_to_string(folder.path().join("cluster.json.journal")).unwrap().lines().count();
    post(&world, "clusterroles", secrets("beyond")).await.refused(403, "Forbidden");
    world.post(&format!("{RBAC}/clusterroles"), secrets("bindable")).await.refused(409, "AlreadyExists");
    assert_eq!(written(), 0);
    world.post(&format!("{RBAC}/clusterroles"), secrets("new")).await.ok();
    assert_eq!(written(), 1);
}
