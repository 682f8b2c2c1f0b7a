//! Who may send what.

use super::*;

async fn grant(world: &World, rules: Value, namespace: Option<&str>) {
    world
        .post(&format!("{RBAC}/clusterroles"), json!({ "metadata": { "name": "granted" }, "rules": rules }))
        .await
        .ok();
    let binding = json!({
        "metadata": { "name": "granted" }, "roleRef": { "kind": "ClusterRole", "name": "granted" },
        "subjects": [{ "kind": "Group", "name": "developers" }],
    });
    let path = match namespace {
        Some(namespace) => format!("{RBAC}/namespaces/{namespace}/rolebindings"),
        None => format!("{RBAC}/clusterrolebindings"),
    };
    world.post(&path, binding).await.ok();
}

async fn as_user(world: &World, path: &str) -> Answer {
    world.call("user", Method::GET, path, "", Vec::new()).await
}

#[tokio::test]
async fn nobody_is_let_in_without_a_known_bearer() {
    let world = World::new();
    let bare = Request::builder().uri("/version").body(Body::empty()).unwrap();
    assert_eq!(world.send(bare).await.refused(401, "Unauthorized"), "Unauthorized");
    world.call("guess", Method::GET, "/version", "", Vec::new()).await.refused(401, "Unauthorized");
    let basic = Request::builder().uri("/version").header("authorization", "Basic admin").body(Body::empty()).unwrap();
    world.send(basic).await.refused(401, "Unauthorized");
}

#[tokio::test]
async fn other_bearers_are_asked_of_the_issuer() {
    let mut world = World::new();
    world.shared.authenticate = Arc::new(|token| {
        (token == "jwt").then(|| User { name: "ana".to_owned(), groups: vec!["guests".to_owned()], ..User::default() })
    });
    let path = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
    let review = world.call("jwt", Method::POST, path, "application/json", "{}".into()).await.ok();
    assert_eq!(
        review["status"]["userInfo"],
        json!({ "username": "ana", "groups": ["guests", "system:authenticated"] })
    );
}

#[tokio::test]
async fn a_refusal_has_the_words_of_the_real_server() {
    let world = World::new();
    let message = async |path: &str| as_user(&world, path).await.refused(403, "Forbidden").to_owned();
    assert_eq!(
        message(&format!("{RBAC}/clusterroles/x")).await,
        "clusterroles.rbac.authorization.k8s.io \"x\" is forbidden: User \"hayden@contoso.com\" cannot get resource \
         \"clusterroles\" in API group \"rbac.authorization.k8s.io\" at the cluster scope"
    );
    assert_eq!(
        message(&format!("{RBAC}/namespaces/trinity/roles")).await,
        "roles.rbac.authorization.k8s.io is forbidden: User \"hayden@contoso.com\" cannot list resource \"roles\" in API \
         group \"rbac.authorization.k8s.io\" in the namespace \"trinity\""
    );
    assert_eq!(
        message("/api/v1/namespaces/x/pods/y/log").await,
        "pods \"y\" is forbidden: User \"hayden@contoso.com\" cannot get resource \"pods/log\" in API group \"\" in the \
         namespace \"x\""
    );
    assert_eq!(message("/metrics").await, "forbidden: User \"hayden@contoso.com\" cannot get path \"/metrics\"");
    let answer = as_user(&world, "/api/v1/namespaces/x").await;
    assert_eq!(answer.body["details"], json!({ "name": "x", "kind": "namespaces" }));
}

#[tokio::test]
async fn rights_are_checked_before_the_body_is_read() {
    let world = World::new();
    let answer =
        world.call("user", Method::POST, &format!("{RBAC}/clusterroles"), "application/json", "{".into()).await;
    answer.refused(403, "Forbidden");
}

#[tokio::test]
async fn a_role_binding_counts_in_its_namespace_only() {
    let world = World::new();
    let rules = json!([{ "apiGroups": ["*"], "resources": ["roles", "namespaces"], "verbs": ["list", "get"] }]);
    grant(&world, rules, Some("trinity")).await;
    as_user(&world, &format!("{RBAC}/namespaces/trinity/roles")).await.ok();
    as_user(&world, &format!("{RBAC}/namespaces/default/roles")).await.refused(403, "Forbidden");
    as_user(&world, &format!("{RBAC}/roles")).await.refused(403, "Forbidden");
    as_user(&world, "/api/v1/namespaces/trinity").await.ok();
    as_user(&world, "/api/v1/namespaces/default").await.refused(403, "Forbidden");
}

#[tokio::test]
async fn a_rule_with_names_allows_a_list_by_that_name() {
    let world = World::new();
    let rules = json!([{ "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"], "verbs": ["list"],
                         "resourceNames": ["view"] }]);
    grant(&world, rules, None).await;
    as_user(&world, &format!("{RBAC}/clusterroles?fieldSelector=metadata.name%3Dview")).await.ok();
    as_user(&world, &format!("{RBAC}/clusterroles?fieldSelector=metadata.name%3Dedit")).await.refused(403, "Forbidden");
    as_user(&world, &format!("{RBAC}/clusterroles")).await.refused(403, "Forbidden");
}

#[tokio::test]
async fn what_kubernetes_has_and_the_sandbox_not_answers_501_and_what_neither_has_404() {
    let world = World::new();
    world.get("/api/v1/pods").await.refused(501, "NotImplemented");
    world.get("/apis/apps/v1/deployments").await.refused(501, "NotImplemented");
    world.get("/metrics").await.refused(501, "NotImplemented");
    world.get("/api/v1/namespaces/trinity/status").await.refused(501, "NotImplemented");
    world.get("/api/v1/nothing").await.refused(404, "NotFound");
    world.get(&format!("{RBAC}/nothing")).await.refused(404, "NotFound");
    let page = world.get("/apis/nothing.example/v1/things").await;
    assert_eq!((page.code, page.body), (StatusCode::NOT_FOUND, json!("404 page not found\n")));
}

#[test]
fn no_bearer_is_kept_in_the_state() {
    let mut state = ClusterState::new("uid", BTreeMap::new());
    state.add_token("a-secret-token", "erin@contoso.com", Vec::new());
    let kept = serde_json::to_string(&state).unwrap();
    assert!(kept.contains("erin@contoso.com") && !kept.contains("a-secret-token"));
}
