//! What the server says of itself.

use super::*;

#[tokio::test]
async fn versions_and_groups_are_listed() {
    let world = World::new();
    let version = world.get("/version").await.ok();
    assert_eq!((&version["major"], &version["minor"]), (&json!("1"), &json!("35")));
    assert_eq!(world.get("/api").await.ok()["versions"], json!(["v1"]));
    let groups = world.get("/apis").await.ok();
    let names: Vec<_> = groups["groups"].as_array().unwrap().iter().map(|group| &group["name"]).collect();
    assert_eq!(
        names,
        [
            "apiextensions.k8s.io",
            "authentication.k8s.io",
            "authorization.k8s.io",
            "coordination.k8s.io",
            "rbac.authorization.k8s.io"
        ]
    );
    assert_eq!(world.get("/apis/rbac.authorization.k8s.io").await.ok()["kind"], "APIGroup");
    world.get("/apis/rbac.authorization.k8s.io/v2").await.refused(404, "NotFound");
    world.post("/version", json!({})).await.refused(405, "MethodNotAllowed");
}

#[tokio::test]
async fn every_listed_resource_is_served() {
    let world = World::new();
    let groups = [
        "apiextensions.k8s.io",
        "authentication.k8s.io",
        "authorization.k8s.io",
        "coordination.k8s.io",
        "rbac.authorization.k8s.io",
    ];
    let paths = groups.map(|group| format!("/apis/{group}/v1"));
    for path in ["/api/v1"].into_iter().chain(paths.iter().map(String::as_str)) {
        let resources = world.get(path).await.ok();
        // A subresource has no list.
        let is_whole = |resource: &&Value| !resource["name"].as_str().unwrap().contains('/');
        for resource in resources["resources"].as_array().unwrap().iter().filter(is_whole) {
            let list = format!("{path}/{}", resource["name"].as_str().unwrap());
            let can_list = resource["verbs"].as_array().unwrap().contains(&json!("list"));
            let expected = if can_list { StatusCode::OK } else { StatusCode::METHOD_NOT_ALLOWED };
            assert_eq!(world.get(&list).await.code, expected, "{list}");
        }
    }
}

#[tokio::test]
async fn everybody_who_is_known_may_discover() {
    let world = World::new();
    for path in ["/version", "/api", "/apis", RBAC, "/healthz", "/livez", "/readyz", "/openapi/v3"] {
        let answer = world.call("user", Method::GET, path, "", Vec::new()).await;
        assert_eq!(answer.code, StatusCode::OK, "{path}");
    }
}

#[tokio::test]
async fn kubectl_finds_out_that_patches_know_field_validation() {
    let world = World::new();
    let index = world.get("/openapi/v3").await.ok();
    let link = index["paths"]["apis/rbac.authorization.k8s.io/v1"]["serverRelativeURL"].as_str().unwrap();
    let document = world.get(link).await.ok();
    let patch = &document["paths"][format!("{RBAC}/namespaces/{{namespace}}/roles/{{name}}")]["patch"];
    assert_eq!(patch["x-kubernetes-group-version-kind"]["kind"], "Role");
    let parameters = patch["parameters"].as_array().unwrap();
    assert!(parameters.iter().any(|parameter| parameter["name"] == "fieldValidation" && parameter["in"] == "query"));
    world.get("/openapi/v3/apis/apps/v1").await.refused(501, "NotImplemented");
}
