//! Access reviews, and with them the authorizer rule by rule.

use super::*;

const AUTHORIZATION: &str = "/apis/authorization.k8s.io/v1";

async fn review(world: &World, spec: Value) -> Value {
    world.post(&format!("{AUTHORIZATION}/subjectaccessreviews"), json!({ "spec": spec })).await.ok()["status"].clone()
}

async fn allowed(world: &World, spec: Value) -> bool {
    review(world, spec).await["allowed"].as_bool().unwrap()
}

/// A cluster in which the user `u` has these rules everywhere.
async fn world_with_rules(rules: Value) -> World {
    let world = World::new();
    world.post(&format!("{RBAC}/clusterroles"), json!({ "metadata": { "name": "r" }, "rules": rules })).await.ok();
    let binding = json!({
        "metadata": { "name": "b" }, "roleRef": { "kind": "ClusterRole", "name": "r" },
        "subjects": [{ "kind": "User", "name": "u" }],
    });
    world.post(&format!("{RBAC}/clusterrolebindings"), binding).await.ok();
    world
}

async fn u_may(world: &World, attributes: Value) -> bool {
    allowed(world, json!({ "user": "u", "resourceAttributes": attributes })).await
}

#[tokio::test]
async fn the_reason_names_binding_role_and_subject() {
    let world = World::new();
    let mut sent = binding("b", "view", "developers");
    sent["subjects"].as_array_mut().unwrap().push(json!({ "kind": "ServiceAccount", "name": "robot" }));
    world.post(&format!("{RBAC}/namespaces/trinity/rolebindings"), sent).await.ok();
    let pods = json!({ "verb": "list", "resource": "pods", "namespace": "trinity" });
    let asked = async |spec: Value| review(&world, spec).await;
    assert_eq!(
        asked(json!({ "groups": ["developers"], "resourceAttributes": pods })).await,
        json!({ "allowed": true,
                "reason": "RBAC: allowed by RoleBinding \"b/trinity\" of ClusterRole \"view\" to Group \"developers\"" })
    );
    assert_eq!(
        asked(json!({ "user": "system:serviceaccount:trinity:robot", "resourceAttributes": pods })).await["reason"],
        "RBAC: allowed by RoleBinding \"b/trinity\" of ClusterRole \"view\" to ServiceAccount \"robot/trinity\""
    );
    assert_eq!(
        asked(json!({ "groups": ["system:masters"], "resourceAttributes": pods })).await,
        json!({ "allowed": true })
    );
    assert_eq!(asked(json!({ "user": "nobody", "resourceAttributes": pods })).await, json!({ "allowed": false }));
}

#[tokio::test]
async fn a_missing_role_is_the_reason_for_a_no_and_hides_no_other_binding() {
    let world = World::new();
    let path = format!("{RBAC}/namespaces/trinity/rolebindings");
    world.post(&path, binding("a", "missing", "developers")).await.ok();
    let spec = json!({
        "groups": ["developers"],
        "resourceAttributes": { "verb": "list", "resource": "pods", "namespace": "trinity" },
    });
    assert_eq!(
        review(&world, spec.clone()).await,
        json!({ "allowed": false, "reason": "RBAC: clusterrole.rbac.authorization.k8s.io \"missing\" not found" })
    );
    world.post(&path, binding("b", "view", "developers")).await.ok();
    assert!(allowed(&world, spec).await);
}

#[tokio::test]
async fn groups_are_taken_as_given() {
    let world = World::new();
    let version = json!({ "verb": "get", "path": "/version" });
    assert!(!allowed(&world, json!({ "user": "u", "nonResourceAttributes": version })).await);
    assert!(allowed(&world, json!({ "groups": ["system:authenticated"], "nonResourceAttributes": version })).await);
}

#[tokio::test]
async fn a_namespace_itself_lies_in_its_namespace() {
    let world = World::new();
    world.post(&format!("{RBAC}/namespaces/trinity/rolebindings"), binding("b", "view", "developers")).await.ok();
    let ask = async |namespace: &str| {
        let attributes = json!({ "verb": "get", "resource": "namespaces", "namespace": namespace, "name": "trinity" });
        allowed(&world, json!({ "groups": ["developers"], "resourceAttributes": attributes })).await
    };
    assert!(ask("trinity").await);
    assert!(!ask("").await);
}

#[tokio::test]
async fn resources_match_exactly_or_by_the_two_wildcards() {
    let world = world_with_rules(json!([
        { "apiGroups": [""], "resources": ["pods"], "verbs": ["get"] },
        { "apiGroups": ["apps"], "resources": ["deployments/*", "*/scale"], "verbs": ["get"] },
        { "apiGroups": ["batch"], "resources": ["*"], "verbs": ["*"] },
    ]))
    .await;
    let may = async |verb: &str, group: &str, resource: &str, subresource: &str| {
        let attributes = json!({ "verb": verb, "group": group, "resource": resource, "subresource": subresource });
        u_may(&world, attributes).await
    };
    assert!(may("get", "", "pods", "").await);
    assert!(!may("get", "", "pods", "log").await, "a resource does not cover its subresources");
    assert!(!may("get", "", "Pods", "").await, "case counts");
    assert!(!may("*", "", "pods", "").await, "a request's star is a plain word");
    assert!(!may("get", "apps", "deployments", "status").await, "x/* matches nothing");
    assert!(may("get", "apps", "statefulsets", "scale").await);
    assert!(!may("get", "apps", "scale", "").await);
    assert!(may("get", "batch", "jobs", "status").await, "* covers subresources");
    assert!(may("*", "batch", "jobs", "").await);
}

#[tokio::test]
async fn names_must_be_listed_and_an_empty_name_never_is() {
    let rule =
        json!([{ "apiGroups": [""], "resources": ["secrets"], "verbs": ["get", "create"], "resourceNames": ["a"] }]);
    let world = world_with_rules(rule).await;
    let may = async |verb: &str, name: &str| {
        u_may(&world, json!({ "verb": verb, "resource": "secrets", "namespace": "trinity", "name": name })).await
    };
    assert!(may("get", "a").await);
    assert!(!may("get", "b").await);
    assert!(!may("get", "").await);
    assert!(may("create", "a").await, "a review's name counts for every verb");
}

#[tokio::test]
async fn paths_match_whole_or_by_their_last_star() {
    let urls = json!(["/exact", "/any/*", "/two**", "/ba*z"]);
    let world = world_with_rules(json!([{ "verbs": ["get"], "nonResourceURLs": urls }])).await;
    let may = async |path: &str| {
        allowed(&world, json!({ "user": "u", "nonResourceAttributes": { "verb": "get", "path": path } })).await
    };
    assert!(may("/exact").await && !may("/exact/").await);
    assert!(may("/any/").await && may("/any/x").await && !may("/any").await);
    assert!(may("/two").await && may("/twofold").await);
    assert!(!may("/bazz").await && may("/ba*z").await, "a star elsewhere is a plain sign");
    assert!(!u_may(&world, json!({ "verb": "get", "resource": "exact" })).await);
}

#[tokio::test]
async fn subjects_are_compared_by_kind_and_name_alone() {
    let world = World::new();
    let mut sent = binding("b", "view", "unused");
    sent["subjects"] = json!([
        { "kind": "User", "name": "system:serviceaccount:trinity:spelt-out" },
        { "kind": "ServiceAccount", "name": "here" },
        { "kind": "ServiceAccount", "name": "there", "namespace": "default" },
        { "kind": "User", "name": "developers", "namespace": "ignored" },
    ]);
    world.post(&format!("{RBAC}/namespaces/trinity/rolebindings"), sent).await.ok();
    let pods = json!({ "verb": "list", "resource": "pods", "namespace": "trinity" });
    let may = async |user: &str| allowed(&world, json!({ "user": user, "resourceAttributes": pods })).await;
    assert!(may("system:serviceaccount:trinity:spelt-out").await);
    assert!(may("system:serviceaccount:trinity:here").await);
    assert!(!may("system:serviceaccount:default:here").await);
    assert!(may("system:serviceaccount:default:there").await);
    assert!(may("developers").await);
    let as_group = json!({ "groups": ["developers"], "resourceAttributes": pods });
    assert!(!allowed(&world, as_group).await);
}

#[tokio::test]
async fn a_review_must_ask_one_thing_about_somebody() {
    let world = World::new();
    let message = async |spec: Value| {
        let answer = world.post(&format!("{AUTHORIZATION}/subjectaccessreviews"), json!({ "spec": spec })).await;
        answer.refused(422, "Invalid").to_owned()
    };
    assert_eq!(
        message(json!({})).await,
        ".authorization.k8s.io \"\" is invalid: [spec.resourceAttributes: Invalid value: null: exactly one of \
         nonResourceAttributes or resourceAttributes must be specified, spec.user: Invalid value: \"\": at least one of \
         user or group must be specified]"
    );
    let both =
        json!({ "user": "u", "resourceAttributes": {}, "nonResourceAttributes": { "verb": "get", "path": "/" } });
    assert!(message(both).await.contains("cannot be specified in combination with resourceAttributes"));
    let named = json!({ "metadata": { "name": "x" }, "spec": { "user": "u", "resourceAttributes": {} } });
    let answer = world.post(&format!("{AUTHORIZATION}/subjectaccessreviews"), named).await;
    assert!(answer.refused(422, "Invalid").contains("must be empty"));
}

#[tokio::test]
async fn a_local_review_stays_in_its_namespace() {
    let world = World::new();
    let path = format!("{AUTHORIZATION}/namespaces/trinity/localsubjectaccessreviews");
    let ask = async |namespace: &str| {
        let attributes = json!({ "verb": "get", "resource": "pods", "namespace": namespace });
        world.post(&path, json!({ "spec": { "groups": ["system:masters"], "resourceAttributes": attributes } })).await
    };
    assert_eq!(ask("trinity").await.ok()["status"], json!({ "allowed": true }));
    let elsewhere = ask("default").await;
    assert!(
        elsewhere
            .refused(422, "Invalid")
            .contains("spec.resourceAttributes.namespace: Invalid value: \"default\": must match")
    );
    world.post(&format!("{AUTHORIZATION}/localsubjectaccessreviews"), json!({})).await.refused(404, "NotFound");
}

#[tokio::test]
async fn everybody_may_ask_about_themselves_and_nobody_else() {
    let world = World::new();
    let ask = async |path: &str, body: Value| {
        world.call("user", Method::POST, path, "application/json", body.to_string().into()).await
    };
    let pods =
        json!({ "spec": { "resourceAttributes": { "verb": "list", "resource": "pods", "namespace": "trinity" } } });
    let own = format!("{AUTHORIZATION}/selfsubjectaccessreviews");
    assert_eq!(ask(&own, pods.clone()).await.ok()["status"], json!({ "allowed": false }));
    world.post(&format!("{RBAC}/namespaces/trinity/rolebindings"), binding("b", "view", "developers")).await.ok();
    assert_eq!(ask(&own, pods).await.ok()["status"]["allowed"], true);
    ask(&format!("{AUTHORIZATION}/subjectaccessreviews"), json!({})).await.refused(403, "Forbidden");

    let who = ask("/apis/authentication.k8s.io/v1/selfsubjectreviews", json!({})).await.ok();
    assert_eq!(
        who["status"]["userInfo"],
        json!({ "username": "hayden@contoso.com", "groups": ["developers", "system:authenticated"] })
    );
}

#[tokio::test]
async fn the_rules_of_oneself_are_listed_unmerged() {
    let world = World::new();
    let path = format!("{AUTHORIZATION}/selfsubjectrulesreviews");
    let ask = async |spec: Value| {
        let body = json!({ "spec": spec }).to_string();
        world.call("user", Method::POST, &path, "application/json", body.into()).await
    };
    let status = ask(json!({ "namespace": "trinity" })).await.ok()["status"].clone();
    let reviews = json!({ "verbs": ["create"], "apiGroups": ["authorization.k8s.io"],
                          "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"] });
    assert!(status["resourceRules"].as_array().unwrap().contains(&reviews));
    assert_eq!(
        status["nonResourceRules"].as_array().unwrap().len(),
        2,
        "system:discovery and system:public-info-viewer"
    );
    assert_eq!(status["incomplete"], false);
    assert_eq!(ask(json!({})).await.refused(400, "BadRequest"), "no namespace on request");
}
