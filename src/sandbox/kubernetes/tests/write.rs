//! POST, PUT, merge patches and DELETE.

use super::*;

fn roles() -> String {
    format!("{RBAC}/clusterroles")
}

fn one(name: &str) -> String {
    format!("{RBAC}/clusterroles/{name}")
}

#[tokio::test]
async fn a_new_object_gets_what_the_server_gives() {
    let world = World::new();
    let answer = world.post(&roles(), role("a", "get")).await;
    assert_eq!(answer.code, StatusCode::CREATED);
    let metadata = &answer.body["metadata"];
    assert_eq!(metadata["uid"].as_str().unwrap().len(), 36);
    assert!(metadata["creationTimestamp"].as_str().unwrap().ends_with('Z'));
    assert_eq!(metadata["managedFields"][0]["manager"], "probe", "the user agent before the slash");
    let next = world.post(&roles(), role("b", "get")).await.ok();
    let number = |object: &Value| version(object).parse::<u64>().unwrap();
    assert_eq!(number(&next), number(&answer.body) + 1, "one counter for all objects");
}

#[tokio::test]
async fn a_name_that_is_taken_already_exists() {
    let world = World::new();
    world.post(&roles(), role("a", "get")).await.ok();
    let answer = world.post(&roles(), role("a", "get")).await;
    assert_eq!(answer.refused(409, "AlreadyExists"), "clusterroles.rbac.authorization.k8s.io \"a\" already exists");
    assert_eq!(
        answer.body["details"],
        json!({ "name": "a", "group": "rbac.authorization.k8s.io", "kind": "clusterroles" })
    );
}

#[tokio::test]
async fn empty_lists_and_unknown_fields_are_not_kept() {
    let world = World::new();
    let sent = json!({
        "metadata": { "name": "a", "labels": {} }, "bar": 1,
        "rules": [{ "verbs": ["get"], "apiGroups": [""], "resources": ["pods"], "resourceNames": [] }],
    });
    let kept = world.post(&roles(), sent).await.ok();
    assert_eq!(kept["rules"], role("a", "get")["rules"]);
    assert_eq!((kept.get("bar"), kept["metadata"].get("labels")), (None, None));
    let bare = world.post(&roles(), json!({ "metadata": { "name": "b" } })).await.ok();
    assert_eq!(bare["rules"], Value::Null, "rules are always there, as null when there are none");
}

#[tokio::test]
async fn unknown_fields_are_refused_when_strict() {
    let sent = json!({ "metadata": { "name": "a" }, "bar": 1, "rules": [{ "verb": ["get"] }] });
    let answer = World::new().post(&format!("{}?fieldValidation=Strict", roles()), sent).await;
    assert_eq!(
        answer.refused(400, "BadRequest"),
        "ClusterRole in version \"v1\" cannot be handled as a ClusterRole: strict decoding error: unknown field \"bar\", \
         unknown field \"rules[0].verb\""
    );
}

#[tokio::test]
async fn a_body_of_another_kind_type_or_format_is_refused() {
    let world = World::new();
    let mut other = role("a", "get");
    other["kind"] = "Role".into();
    assert_eq!(
        world.post(&roles(), other).await.refused(400, "BadRequest"),
        "Role in version \"v1\" cannot be handled as a ClusterRole: converting (v1.Role) to (rbac.ClusterRole): unknown \
         conversion"
    );
    let mistyped = world.post(&roles(), json!({ "metadata": { "name": "a" }, "rules": "x" })).await;
    let message = mistyped.refused(400, "BadRequest");
    assert!(
        message.contains("json: cannot unmarshal string into Go struct field ClusterRole.rules of type"),
        "{message}"
    );
    let raw =
        async |media_type: &str, body: &str| world.call("admin", Method::POST, &roles(), media_type, body.into()).await;
    raw("application/json", "{").await.refused(400, "BadRequest");
    raw("text/plain", "{}").await.refused(415, "UnsupportedMediaType");
    assert_eq!(raw("application/yaml", "metadata: {name: a}").await.code, StatusCode::CREATED);
}

#[tokio::test]
async fn finalizers_and_owners_are_not_modelled() {
    let answer = World::new().post(&roles(), json!({ "metadata": { "name": "a", "finalizers": ["x/y"] } })).await;
    answer.refused(501, "NotImplemented");
}

#[tokio::test]
async fn every_mistake_of_a_rule_is_a_cause() {
    let world = World::new();
    let answer = world.post(&roles(), json!({ "metadata": { "name": "a" }, "rules": [{}] })).await;
    assert_eq!(
        answer.refused(422, "Invalid"),
        "ClusterRole.rbac.authorization.k8s.io \"a\" is invalid: [rules[0].verbs: Required value: verbs must contain at \
         least one value, rules[0].apiGroups: Required value: resource rules must supply at least one api group, \
         rules[0].resources: Required value: resource rules must supply at least one resource]"
    );
    assert_eq!(
        answer.body["details"]["causes"][0],
        json!({ "reason": "FieldValueRequired", "message": "Required value: verbs must contain at least one value",
                "field": "rules[0].verbs" })
    );
    let paths = json!({ "metadata": { "name": "a" }, "rules": [{ "verbs": ["get"], "nonResourceURLs": ["/x"] }] });
    assert_eq!(
        world.post(&format!("{RBAC}/namespaces/trinity/roles"), paths.clone()).await.refused(422, "Invalid"),
        "Role.rbac.authorization.k8s.io \"a\" is invalid: rules[0].nonResourceURLs: Invalid value: [\"/x\"]: namespaced \
         rules cannot apply to non-resource URLs"
    );
    world.post(&roles(), paths).await.ok();
}

#[tokio::test]
async fn a_binding_is_checked_part_by_part() {
    let sent = json!({
        "metadata": { "name": "a" }, "roleRef": { "kind": "Role", "name": "view" },
        "subjects": [{ "kind": "ServiceAccount", "name": "x" }, { "kind": "Foo", "name": "x" },
                     { "kind": "Group", "name": "" }, { "kind": "User", "name": "n", "apiGroup": "x" }],
    });
    let answer = World::new().post(&format!("{RBAC}/clusterrolebindings"), sent).await;
    assert_eq!(
        answer.refused(422, "Invalid"),
        "ClusterRoleBinding.rbac.authorization.k8s.io \"a\" is invalid: [roleRef.kind: Unsupported value: \"Role\": \
         supported values: \"ClusterRole\", subjects[0].namespace: Required value, subjects[1].kind: Unsupported value: \
         \"Foo\": supported values: \"ServiceAccount\", \"User\", \"Group\", subjects[2].name: Required value, \
         subjects[3].apiGroup: Unsupported value: \"x\": supported values: \"rbac.authorization.k8s.io\"]"
    );
}

#[tokio::test]
async fn names_are_path_segments_and_labels_are_labels() {
    let world = World::new();
    world.post(&roles(), json!({ "metadata": { "name": "Any: name, e.g. system:mine" } })).await.ok();
    let refused = async |metadata: Value| {
        world.post(&roles(), json!({ "metadata": metadata })).await.refused(422, "Invalid").to_owned()
    };
    assert!(
        refused(json!({ "name": "a/b" })).await.ends_with("metadata.name: Invalid value: \"a/b\": may not contain '/'")
    );
    assert!(refused(json!({ "name": ".." })).await.contains("may not be '..'"));
    assert!(refused(json!({})).await.contains("metadata.name: Required value: name or generateName is required"));
    assert!(
        refused(json!({ "name": "a", "labels": { "a b": "" } }))
            .await
            .contains("metadata.labels: Invalid value: \"a b\"")
    );
    assert!(
        refused(json!({ "name": "a", "labels": { "a": "c d" } }))
            .await
            .contains("a valid label must be an empty string")
    );
    assert!(
        refused(json!({ "name": "a", "annotations": { "q/w/e": "" } }))
            .await
            .contains("a valid label key must consist")
    );
}

#[tokio::test]
async fn nothing_can_be_made_in_a_namespace_that_is_not_there() {
    let world = World::new();
    let path = format!("{RBAC}/namespaces/nowhere/rolebindings");
    let mut sent = binding("b", "view", "developers");
    sent["metadata"]["namespace"] = "nowhere".into();
    let posted = world.post(&path, sent.clone()).await;
    assert_eq!(posted.refused(404, "NotFound"), "namespaces \"nowhere\" not found");
    let applied = world.apply(&format!("{path}/b?fieldManager=rolecall"), sent).await;
    assert_eq!(applied.refused(404, "NotFound"), "namespaces \"nowhere\" not found");
    let elsewhere = world.post(&path, binding("b", "view", "developers")).await;
    assert_eq!(
        elsewhere.refused(400, "BadRequest"),
        "the namespace of the provided object does not match the namespace sent on the request"
    );
}

#[tokio::test]
async fn a_replacement_with_a_stale_version_is_a_conflict() {
    let world = World::new();
    let first = world.post(&roles(), role("a", "get")).await.ok();
    let second = world.put(&one("a"), role("a", "list")).await.ok();
    assert_ne!(version(&first), version(&second));
    let mut stale = role("a", "watch");
    stale["metadata"]["resourceVersion"] = version(&first).into();
    let answer = world.put(&one("a"), stale.clone()).await;
    assert!(answer.refused(409, "Conflict").contains("the object has been modified"));
    stale["metadata"]["resourceVersion"] = version(&second).into();
    assert_eq!(world.put(&one("a"), stale).await.ok()["rules"][0]["verbs"], json!(["watch"]));
}

#[tokio::test]
async fn a_replacement_that_changes_nothing_keeps_the_version() {
    let world = World::new();
    let first = world.post(&roles(), role("a", "get")).await.ok();
    assert_eq!(world.put(&one("a"), role("a", "get")).await.ok(), first);
}

#[tokio::test]
async fn a_replacement_makes_what_is_not_there() {
    let world = World::new();
    assert_eq!(world.put(&one("a"), role("a", "get")).await.code, StatusCode::CREATED);
    let mut other = role("a", "get");
    other["metadata"]["uid"] = "other".into();
    let message = world.put(&one("a"), other).await.refused(409, "Conflict").to_owned();
    assert!(message.contains("Precondition failed: UID in precondition: other, UID in object meta: "), "{message}");
}

#[tokio::test]
async fn a_merge_patch_takes_fields_and_their_owners() {
    let world = World::new();
    let path = format!("{RBAC}/namespaces/trinity/rolebindings/b");
    world.apply(&format!("{path}?fieldManager=rolecall"), binding("b", "view", "developers")).await.ok();
    let patched = world.merge(&path, json!({ "subjects": [{ "kind": "Group", "name": "others" }] })).await.ok();
    assert_eq!(patched["subjects"][0]["name"], "others");
    let owners: Vec<_> = patched["metadata"]["managedFields"].as_array().unwrap().iter().collect();
    assert_eq!((&owners[0]["manager"], &owners[0]["fieldsV1"]), (&json!("rolecall"), &json!({ "f:roleRef": {} })));
    assert_eq!((&owners[1]["manager"], &owners[1]["fieldsV1"]), (&json!("probe"), &json!({ "f:subjects": {} })));

    let labelled = world.merge(&path, json!({ "metadata": { "labels": { "a": "b" } } })).await.ok();
    assert_eq!(labelled["metadata"]["labels"], json!({ "a": "b" }));
    let unlabelled = world.merge(&path, json!({ "metadata": { "labels": { "a": null } } })).await.ok();
    assert_eq!(unlabelled["metadata"].get("labels"), None);
    world.merge(&path, json!({ "roleRef": { "name": "edit" } })).await.refused(422, "Invalid");
    world.merge(&format!("{path}-gone"), json!({})).await.refused(404, "NotFound");
}

#[tokio::test]
async fn an_empty_list_of_managers_forgets_them() {
    let world = World::new();
    world.apply(&format!("{}?fieldManager=rolecall", one("a")), role("a", "get")).await.ok();
    let mut kept = role("a", "list");
    assert!(world.put(&one("a"), kept.clone()).await.ok()["metadata"]["managedFields"].is_array());
    kept["metadata"]["managedFields"] = json!([]);
    assert_eq!(world.put(&one("a"), kept).await.ok()["metadata"].get("managedFields"), None);
}

#[tokio::test]
async fn a_list_inside_a_list_that_is_given_as_empty_changes_the_owner_only() {
    let world = World::new();
    world.post(&roles(), role("a", "get")).await.ok();
    let mut same = role("a", "get");
    same["rules"][0]["resourceNames"] = json!([]);
    let patched = world.merge(&format!("{}?fieldManager=other", one("a")), same).await.ok();
    assert_eq!(patched["rules"], role("a", "get")["rules"]);
    assert_eq!(patched["metadata"]["managedFields"][0]["manager"], "other");
}

#[tokio::test]
async fn patches_that_are_not_modelled_are_refused() {
    let world = World::new();
    world.post(&roles(), role("a", "get")).await.ok();
    let patch = async |media_type: &str, body: &str| {
        world.call("admin", Method::PATCH, &one("a"), media_type, body.into()).await
    };
    patch("application/json-patch+json", "[]").await.refused(501, "NotImplemented");
    patch("application/strategic-merge-patch+json", r#"{"metadata":{"$patch":"replace"}}"#)
        .await
        .refused(501, "NotImplemented");
    patch("application/strategic-merge-patch+json", r#"{"metadata":{"labels":{"a":"b"}}}"#).await.ok();
    patch("text/plain", "{}").await.refused(415, "UnsupportedMediaType");
    patch(MERGE, "[]").await.refused(400, "BadRequest");
}

#[tokio::test]
async fn a_delete_keeps_to_its_preconditions() {
    let world = World::new();
    let live = world.post(&roles(), role("a", "get")).await.ok();
    let uid = live["metadata"]["uid"].clone();
    let other = world.delete(&one("a"), Some(json!({ "preconditions": { "uid": "other" } }))).await;
    let message = other.refused(409, "Conflict");
    assert!(
        message.starts_with("Operation cannot be fulfilled on ClusterRole.rbac.authorization.k8s.io \"a\": the UID in")
    );
    let stale = world.delete(&one("a"), Some(json!({ "preconditions": { "uid": uid, "resourceVersion": "1" } }))).await;
    assert!(stale.refused(409, "Conflict").contains("the ResourceVersion in the precondition (1) does not match"));
    world.delete(&format!("{}?dryRun=All", one("a")), None).await.ok();

    let sure = json!({ "preconditions": { "uid": uid, "resourceVersion": version(&live) } });
    let done = world.delete(&one("a"), Some(sure)).await.ok();
    assert_eq!((&done["status"], &done["details"]["uid"]), (&json!("Success"), &uid));
    let again = world.delete(&one("a"), None).await;
    assert_eq!(again.refused(404, "NotFound"), "clusterroles.rbac.authorization.k8s.io \"a\" not found");
}

#[tokio::test]
async fn methods_are_refused_where_they_make_no_sense() {
    let world = World::new();
    world.put(&roles(), json!({})).await.refused(405, "MethodNotAllowed");
    world.post(&one("a"), role("a", "get")).await.refused(405, "MethodNotAllowed");
    world.post(&format!("{RBAC}/rolebindings"), binding("b", "view", "g")).await.refused(405, "MethodNotAllowed");
    world.delete(&roles(), None).await.refused(501, "NotImplemented");
    world.get(&format!("{}?watch=true", roles())).await.refused(501, "NotImplemented");
    world.get(&format!("{}/status", one("view"))).await.refused(404, "NotFound");
    world.get(&format!("{RBAC}/namespaces/trinity/clusterroles")).await.refused(404, "NotFound");
}

#[tokio::test]
async fn roles_are_filled_by_aggregation() {
    let world = World::new();
    let view = world.get(&one("view")).await.ok();
    let reads = json!({ "apiGroups": [""], "resources": ["namespaces"], "verbs": ["get", "list", "watch"] });
    assert!(view["rules"].as_array().unwrap().contains(&reads));
    let admin = world.get(&one("admin")).await.ok();
    assert!(admin["rules"].as_array().unwrap().contains(&reads), "admin holds edit, which holds view");
    assert_eq!(admin["metadata"]["managedFields"][0]["manager"], "clusterrole-aggregation-controller");

    let mut more = role("more", "probe");
    more["metadata"]["labels"] = json!({ "rbac.authorization.k8s.io/aggregate-to-view": "true" });
    world.post(&roles(), more).await.ok();
    let has_more = async |name: &str| world.get(&one(name)).await.ok()["rules"].to_string().contains("probe");
    assert!(has_more("view").await && has_more("edit").await && has_more("admin").await);
    world.delete(&one("more"), None).await.ok();
    assert!(!has_more("view").await && !has_more("admin").await);
}

#[tokio::test]
async fn bodies_above_the_real_limit_are_refused() {
    let body = vec![b' '; 3 * 1024 * 1024 + 1];
    let answer = World::new().call("admin", Method::POST, &roles(), "application/json", body).await;
    answer.refused(413, "RequestEntityTooLarge");
}

/// As `kubectl create clusterrolebinding b --clusterrole=view --group=g --serviceaccount=ns:sa` sends it.
#[tokio::test]
async fn kubectl_may_send_protobuf() {
    let body = hex(
        "6b3873000a320a1c726261632e617574686f72697a6174696f6e2e6b38732e696f2f76311212436c7573746572526f6c6542696e64696e67\
         1288010a110a016212001a0022002a0032003800420012270a0547726f75701219726261632e617574686f72697a6174696f6e2e6b38732e\
         696f1a01672200121a0a0e536572766963654163636f756e7412001a02736122026e731a2e0a19726261632e617574686f72697a6174696f\
         6e2e6b38732e696f120b436c7573746572526f6c651a04766965771a002200",
    );
    let world = World::new();
    let protobuf = "application/vnd.kubernetes.protobuf";
    let path = format!("{RBAC}/clusterrolebindings?fieldManager=kubectl-create&fieldValidation=Strict");
    let made = world.call("admin", Method::POST, &path, protobuf, body.clone()).await.ok();
    assert_eq!(made["metadata"]["name"], "b");
    assert_eq!(
        made["subjects"],
        json!([{ "kind": "Group", "apiGroup": "rbac.authorization.k8s.io", "name": "g" },
               { "kind": "ServiceAccount", "name": "sa", "namespace": "ns" }])
    );
    for cut in 0..body.len() {
        let answer = world.call("admin", Method::POST, &path, protobuf, body[..cut].to_vec()).await;
        assert!(answer.code.is_client_error(), "cut after {cut} bytes: {answer:?}");
    }
}

fn hex(text: &str) -> Vec<u8> {
    let digits: Vec<_> = text.chars().filter(char::is_ascii_hexdigit).collect();
    digits.chunks(2).map(|pair| u8::from_str_radix(&pair.iter().collect::<String>(), 16).unwrap()).collect()
}
