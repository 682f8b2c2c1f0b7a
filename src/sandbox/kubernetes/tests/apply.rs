//! Server-side apply.

use super::*;

fn at(name: &str, manager: &str) -> String {
    format!("{RBAC}/clusterroles/{name}?fieldManager={manager}")
}

fn labelled(name: &str, verb: &str, labels: Value) -> Value {
    let mut role = role(name, verb);
    role["metadata"]["labels"] = labels;
    role
}

#[tokio::test]
async fn creates_then_does_nothing_when_nothing_changes() {
    let world = World::new();
    let first = world.apply(&at("a", "rolecall"), role("a", "get")).await;
    assert_eq!(first.code, StatusCode::CREATED);
    let second = world.apply(&at("a", "rolecall"), role("a", "get")).await;
    assert_eq!(second.code, StatusCode::OK);
    assert_eq!(first.body, second.body, "resourceVersion and times included");
}

#[tokio::test]
async fn remembers_who_owns_which_field() {
    let world = World::new();
    let applied = world.apply(&at("a", "rolecall"), labelled("a", "get", json!({ "x": "1" }))).await.ok();
    let entry = &applied["metadata"]["managedFields"][0];
    assert_eq!((&entry["manager"], &entry["operation"]), (&json!("rolecall"), &json!("Apply")));
    assert_eq!(entry["fieldsV1"], json!({ "f:metadata": { "f:labels": { "f:x": {} } }, "f:rules": {} }));
}

#[tokio::test]
async fn a_manager_is_mandatory() {
    let answer = World::new().apply(&format!("{RBAC}/clusterroles/a"), role("a", "get")).await;
    assert_eq!(
        answer.refused(422, "Invalid"),
        "PatchOptions.meta.k8s.io \"\" is invalid: fieldManager: Required value: is required for apply patch"
    );
}

#[tokio::test]
async fn a_manager_has_at_most_128_bytes() {
    let answer = World::new().apply(&at("a", &"m".repeat(129)), role("a", "get")).await;
    assert!(answer.refused(422, "Invalid").contains("Too long: may not be more than 128 bytes"));
}

#[tokio::test]
async fn a_list_of_another_applier_is_one_conflict() {
    let world = World::new();
    world.apply(&at("a", "first"), role("a", "get")).await.ok();
    let answer = world.apply(&at("a", "second"), role("a", "list")).await;
    assert_eq!(answer.refused(409, "Conflict"), "Apply failed with 1 conflict: conflict with \"first\": .rules");
    assert_eq!(
        answer.body["details"]["causes"],
        json!([{ "reason": "FieldManagerConflict", "message": "conflict with \"first\"", "field": ".rules" }])
    );
}

#[tokio::test]
async fn a_conflict_with_an_updater_names_the_version() {
    let world = World::new();
    world.post(&format!("{RBAC}/clusterroles?fieldManager=kubectl-create"), role("a", "get")).await.ok();
    let answer = world.apply(&at("a", "rolecall"), role("a", "list")).await;
    assert_eq!(
        answer.refused(409, "Conflict"),
        "Apply failed with 1 conflict: conflict with \"kubectl-create\" using rbac.authorization.k8s.io/v1: .rules"
    );
}

#[tokio::test]
async fn several_conflicts_are_listed_by_manager() {
    let world = World::new();
    world.apply(&at("a", "first"), labelled("a", "get", json!({ "x": "1" }))).await.ok();
    let answer = world.apply(&at("a", "second"), labelled("a", "list", json!({ "x": "2" }))).await;
    assert_eq!(
        answer.refused(409, "Conflict"),
        "Apply failed with 2 conflicts: conflicts with \"first\":\n- .rules\n- .metadata.labels.x"
    );
}

#[tokio::test]
async fn force_takes_the_field_over() {
    let world = World::new();
    world.apply(&at("a", "first"), labelled("a", "get", json!({ "x": "1" }))).await.ok();
    let forced = world.apply(&format!("{}&force=true", at("a", "second")), role("a", "list")).await.ok();
    assert_eq!(forced["rules"][0]["verbs"], json!(["list"]));
    let owned = |index: usize| forced["metadata"]["managedFields"][index]["fieldsV1"].clone();
    assert_eq!(owned(0), json!({ "f:metadata": { "f:labels": { "f:x": {} } } }), "first keeps its label only");
    assert_eq!(owned(1), json!({ "f:rules": {} }));
}

#[tokio::test]
async fn the_same_value_from_two_appliers_is_owned_by_both() {
    let world = World::new();
    let first = world.apply(&at("a", "first"), role("a", "get")).await.ok();
    let second = world.apply(&at("a", "second"), role("a", "get")).await.ok();
    assert_ne!(version(&first), version(&second), "the list of managers changed");
    assert_eq!(second["metadata"]["managedFields"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn a_field_left_out_goes_when_nobody_else_owns_it() {
    let world = World::new();
    world.apply(&at("a", "rolecall"), labelled("a", "get", json!({ "x": "1", "y": "2" }))).await.ok();
    let less = world.apply(&at("a", "rolecall"), labelled("a", "get", json!({ "y": "2" }))).await.ok();
    assert_eq!(less["metadata"]["labels"], json!({ "y": "2" }));
}

#[tokio::test]
async fn a_field_left_out_stays_when_another_applier_owns_it() {
    let world = World::new();
    world.apply(&at("a", "first"), labelled("a", "get", json!({ "x": "1" }))).await.ok();
    world.apply(&at("a", "second"), labelled("a", "get", json!({ "x": "1" }))).await.ok();
    let less = world.apply(&at("a", "first"), role("a", "get")).await.ok();
    assert_eq!(less["metadata"]["labels"], json!({ "x": "1" }));
}

#[tokio::test]
async fn a_null_map_is_owned_and_changes_nothing() {
    let world = World::new();
    world.apply(&at("a", "first"), labelled("a", "get", json!({ "x": "1" }))).await.ok();
    let nulled = world.apply(&at("a", "second"), labelled("a", "get", Value::Null)).await.ok();
    assert_eq!(nulled["metadata"]["labels"], json!({ "x": "1" }));
    let owned = &nulled["metadata"]["managedFields"][0];
    assert_eq!(owned["fieldsV1"], json!({ "f:metadata": { "f:labels": {} }, "f:rules": {} }));
    assert_eq!(owned.get("time"), None, "as nothing of the object changed");
}

#[tokio::test]
async fn conflicts_with_several_managers_are_sorted_by_name() {
    let world = World::new();
    let path = format!("{RBAC}/clusterroles/a");
    world.post(&format!("{RBAC}/clusterroles?fieldManager=b"), role("a", "get")).await.ok();
    world.merge(&format!("{path}?fieldManager=a"), json!({ "metadata": { "labels": { "x": "1" } } })).await.ok();
    world
        .apply(
            &at("a", "c"),
            json!({
                "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole",
                "metadata": { "name": "a", "annotations": { "y": "1" } },
            }),
        )
        .await
        .ok();
    let mut all = labelled("a", "list", json!({ "x": "2" }));
    all["metadata"]["annotations"] = json!({ "y": "2" });
    let answer = world.apply(&at("a", "rolecall"), all).await;
    assert_eq!(
        answer.refused(409, "Conflict"),
        "Apply failed with 3 conflicts: conflicts with \"a\" using rbac.authorization.k8s.io/v1:\n- .metadata.labels.x\n\
         conflicts with \"b\" using rbac.authorization.k8s.io/v1:\n- .rules\nconflicts with \"c\":\n- .metadata.annotations.y"
    );
}

#[tokio::test]
async fn the_first_apply_finds_unmanaged_fields_owned_by_before_first_apply() {
    let world = World::new();
    let empty = json!({ "metadata": { "name": "a" } });
    world.post(&format!("{RBAC}/clusterroles"), empty).await.ok();
    world.merge(&format!("{RBAC}/clusterroles/a"), json!({ "metadata": { "labels": { "x": "1" } } })).await.ok();
    let answer = world.apply(&at("a", "rolecall"), labelled("a", "get", json!({ "x": "2" }))).await;
    assert_eq!(
        answer.refused(409, "Conflict"),
        "Apply failed with 1 conflict: conflict with \"before-first-apply\" using rbac.authorization.k8s.io/v1: .metadata.labels.x"
    );
}

#[tokio::test]
async fn defaults_do_not_count_as_a_change() {
    let world = World::new();
    let path = format!("{RBAC}/namespaces/trinity/rolebindings/b?fieldManager=rolecall");
    let first = world.apply(&path, binding("b", "view", "developers")).await.ok();
    assert_eq!(first["subjects"][0]["apiGroup"], "rbac.authorization.k8s.io");
    assert_eq!(first["roleRef"]["apiGroup"], "rbac.authorization.k8s.io");
    let second = world.apply(&path, binding("b", "view", "developers")).await.ok();
    assert_eq!(version(&first), version(&second));
}

#[tokio::test]
async fn a_stale_resource_version_is_a_conflict() {
    let world = World::new();
    world.apply(&at("a", "rolecall"), role("a", "get")).await.ok();
    let mut stale = role("a", "list");
    stale["metadata"]["resourceVersion"] = "1".into();
    let answer = world.apply(&at("a", "rolecall"), stale).await;
    assert_eq!(
        answer.refused(409, "Conflict"),
        "Operation cannot be fulfilled on clusterroles.rbac.authorization.k8s.io \"a\": the object has been modified; \
         please apply your changes to the latest version and try again"
    );
}

#[tokio::test]
async fn a_resource_version_does_not_keep_a_missing_object_from_being_made() {
    let mut role = role("a", "get");
    role["metadata"]["resourceVersion"] = "1".into();
    assert_eq!(World::new().apply(&at("a", "rolecall"), role).await.code, StatusCode::CREATED);
}

#[tokio::test]
async fn another_uid_is_invalid() {
    let world = World::new();
    world.apply(&at("a", "rolecall"), role("a", "get")).await.ok();
    let mut other = role("a", "get");
    other["metadata"]["uid"] = "other".into();
    let answer = world.apply(&at("a", "rolecall"), other).await;
    assert_eq!(
        answer.refused(422, "Invalid"),
        "ClusterRole.rbac.authorization.k8s.io \"a\" is invalid: metadata.uid: Invalid value: \"other\": field is immutable"
    );
    assert_eq!(answer.body["details"]["causes"].as_array().unwrap().len(), 2, "the real server checks it twice");
}

#[tokio::test]
async fn a_uid_keeps_a_missing_object_from_being_made() {
    let mut gone = role("a", "get");
    gone["metadata"]["uid"] = "gone".into();
    let answer = World::new().apply(&at("a", "rolecall"), gone).await;
    assert_eq!(
        answer.refused(409, "Conflict"),
        "Operation cannot be fulfilled on clusterroles.rbac.authorization.k8s.io \"a\": uid mismatch: the provided object \
         specified uid gone, and no existing object was found"
    );
}

#[tokio::test]
async fn an_unknown_field_is_an_error_whatever_validation_is_asked_for() {
    let mut wrong = role("a", "get");
    wrong["bar"] = 1.into();
    for validation in ["", "&fieldValidation=Strict", "&fieldValidation=Ignore"] {
        let answer = World::new().apply(&format!("{}{validation}", at("a", "rolecall")), wrong.clone()).await;
        assert_eq!(
            answer.refused(500, ""),
            "failed to create typed patch object (/a; rbac.authorization.k8s.io/v1, Kind=ClusterRole): .bar: field not \
             declared in schema"
        );
    }
}

#[tokio::test]
async fn a_dry_run_stores_nothing() {
    let world = World::new();
    let dry = world.apply(&format!("{}&dryRun=All", at("a", "rolecall")), role("a", "get")).await;
    assert_eq!(dry.code, StatusCode::CREATED);
    assert_eq!(dry.body["metadata"].get("resourceVersion"), None);
    world.get(&format!("{RBAC}/clusterroles/a")).await.refused(404, "NotFound");

    let live = world.apply(&at("a", "rolecall"), role("a", "get")).await.ok();
    let dry = world.apply(&format!("{}&dryRun=All", at("a", "rolecall")), role("a", "list")).await.ok();
    assert_eq!((&dry["rules"][0]["verbs"], version(&dry)), (&json!(["list"]), version(&live)));
    assert_eq!(world.get(&format!("{RBAC}/clusterroles/a")).await.ok(), live);
}

#[tokio::test]
async fn the_body_may_be_yaml() {
    let yaml = "apiVersion: rbac.authorization.k8s.io/v1\nkind: ClusterRole\nmetadata: {name: a}\nrules:\n\
                - apiGroups: [\"\"]\n  resources: [pods]\n  verbs: [get]\n";
    let world = World::new();
    let answer = world.call("admin", Method::PATCH, &at("a", "rolecall"), APPLY, yaml.into()).await;
    assert_eq!(answer.ok()["rules"], role("a", "get")["rules"]);
    let answer = world.call("admin", Method::PATCH, &at("a", "rolecall"), APPLY, "a: b: c".into()).await;
    assert!(
        answer.refused(400, "BadRequest").starts_with("error decoding YAML: error converting YAML to JSON: yaml: ")
    );
}

#[tokio::test]
async fn the_body_must_be_the_object_of_the_url() {
    let world = World::new();
    let path = at("a", "rolecall");
    let message = async |body| world.apply(&path, body).await.refused(400, "BadRequest").to_owned();
    assert_eq!(message(role("b", "get")).await, "the name of the object (b) does not match the name on the URL (a)");
    assert_eq!(message(json!({ "metadata": { "name": "a" } })).await, "invalid object type: /, Kind=");
    let mut other = role("a", "get");
    other["kind"] = "Role".into();
    assert_eq!(message(other).await, "invalid object type: rbac.authorization.k8s.io/v1, Kind=Role");
    let mut managed = role("a", "get");
    managed["metadata"]["managedFields"] = json!([]);
    assert_eq!(message(managed).await, "metadata.managedFields must be nil");
}

#[tokio::test]
async fn the_role_of_a_binding_cannot_change_even_by_force() {
    let world = World::new();
    let path = format!("{RBAC}/namespaces/trinity/rolebindings/b?fieldManager=rolecall&force=true");
    world.apply(&path, binding("b", "view", "developers")).await.ok();
    let answer = world.apply(&path, binding("b", "edit", "developers")).await;
    assert_eq!(
        answer.refused(422, "Invalid"),
        "RoleBinding.rbac.authorization.k8s.io \"b\" is invalid: roleRef: Invalid value: \
         {\"APIGroup\":\"rbac.authorization.k8s.io\",\"Kind\":\"ClusterRole\",\"Name\":\"edit\"}: cannot change roleRef"
    );
    assert_eq!(answer.body["details"]["causes"][0]["field"], "roleRef");
}

#[tokio::test]
async fn subjects_given_as_empty_are_owned_and_left_out_ones_are_not() {
    let world = World::new();
    let path = format!("{RBAC}/namespaces/trinity/rolebindings/b?fieldManager=rolecall");
    let mut bare = binding("b", "view", "developers");
    bare["subjects"] = json!([]);
    let given = world.apply(&path, bare.clone()).await.ok();
    assert_eq!(given["metadata"]["managedFields"][0]["fieldsV1"], json!({ "f:roleRef": {}, "f:subjects": {} }));
    assert_eq!(given.get("subjects"), None);
    bare.as_object_mut().unwrap().remove("subjects");
    let left_out = world.apply(&path, bare).await.ok();
    assert_eq!(left_out["metadata"]["managedFields"][0]["fieldsV1"], json!({ "f:roleRef": {} }));
}

#[tokio::test]
async fn making_an_object_needs_create_on_the_name_in_the_url() {
    let world = World::new();
    let rules = json!([
        { "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"], "verbs": ["patch"] },
        { "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["clusterroles"], "verbs": ["create"],
          "resourceNames": ["allowed"] },
    ]);
    world.post(&format!("{RBAC}/clusterroles"), json!({ "metadata": { "name": "writer" }, "rules": rules })).await.ok();
    let grant = json!({
        "metadata": { "name": "writer" }, "roleRef": { "kind": "ClusterRole", "name": "writer" },
        "subjects": [{ "kind": "Group", "name": "developers" }],
    });
    world.post(&format!("{RBAC}/clusterrolebindings"), grant).await.ok();

    let apply = async |name: &str| {
        let body = json!({
            "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": { "name": name },
        });
        world.call("user", Method::PATCH, &at(name, "rolecall"), APPLY, body.to_string().into()).await
    };
    assert_eq!(apply("allowed").await.code, StatusCode::CREATED);
    assert_eq!(
        apply("other").await.refused(403, "Forbidden"),
        "clusterroles.rbac.authorization.k8s.io \"other\" is forbidden: User \"hayden@contoso.com\" cannot create resource \
         \"clusterroles\" in API group \"rbac.authorization.k8s.io\" at the cluster scope"
    );
    let body = json!({ "metadata": { "name": "allowed" } }).to_string();
    let posted =
        world.call("user", Method::POST, &format!("{RBAC}/clusterroles"), "application/json", body.into()).await;
    posted.refused(403, "Forbidden");
}
