//! Namespaces, and what a new cluster holds.

use super::*;

const NAMESPACES: &str = "/api/v1/namespaces";

#[tokio::test]
async fn a_new_cluster_has_the_usual_namespaces_and_those_asked_for() {
    let world = World::new();
    let list = world.get(NAMESPACES).await.ok();
    let names: Vec<_> = list["items"].as_array().unwrap().iter().map(|item| &item["metadata"]["name"]).collect();
    assert_eq!(names, ["default", "kube-node-lease", "kube-public", "kube-system", "trinity"]);
    let system = world.get(&format!("{NAMESPACES}/kube-system")).await.ok();
    assert_eq!(system["metadata"]["uid"], "kube-system-uid");
    let trinity = world.get(&format!("{NAMESPACES}/trinity")).await.ok();
    assert_eq!(trinity["metadata"]["labels"], json!({ "kubernetes.io/metadata.name": "trinity", "team": "trinity" }));
    assert_eq!(
        (&trinity["spec"]["finalizers"], &trinity["status"]["phase"]),
        (&json!(["kubernetes"]), &json!("Active"))
    );
}

#[tokio::test]
async fn a_new_cluster_has_every_default_role_and_binding() {
    let world = World::new();
    for (kind, count) in [("clusterroles", 68), ("clusterrolebindings", 49), ("roles", 7), ("rolebindings", 7)] {
        let list = world.get(&format!("{RBAC}/{kind}")).await.ok();
        let items = list["items"].as_array().unwrap();
        assert_eq!(items.len(), count, "{kind} of kube-apiserver 1.35.4");
        for item in items {
            assert_eq!(item["metadata"]["labels"]["kubernetes.io/bootstrapping"], "rbac-defaults");
            assert_eq!(item["metadata"]["annotations"]["rbac.authorization.kubernetes.io/autoupdate"], "true");
        }
    }
    let binding = world.get(&format!("{RBAC}/clusterrolebindings/cluster-admin")).await.ok();
    assert_eq!(binding["subjects"][0]["name"], "system:masters");
}

#[tokio::test]
async fn a_namespace_can_be_made_labelled_and_replaced_but_not_made_by_a_replacement() {
    let world = World::new();
    world.post(NAMESPACES, json!({ "metadata": { "name": "new", "labels": { "a": "b" } } })).await.ok();
    let path = format!("{NAMESPACES}/new");
    let labelled = world.merge(&path, json!({ "metadata": { "labels": { "a": null, "c": "d" } } })).await.ok();
    let own = json!({ "kubernetes.io/metadata.name": "new", "c": "d" });
    assert_eq!(labelled["metadata"]["labels"], own);
    let bare = world.merge(&path, json!({ "metadata": { "labels": null } })).await.ok();
    assert_eq!(bare["metadata"]["labels"], json!({ "kubernetes.io/metadata.name": "new" }), "that one comes back");
    let sent = json!({ "metadata": { "name": "new" }, "status": { "phase": "Terminating" } });
    assert_eq!(world.put(&path, sent).await.ok()["status"]["phase"], "Active");
    let applied = json!({ "apiVersion": "v1", "kind": "Namespace", "metadata": { "name": "new" } });
    let applied = world.apply(&format!("{path}?fieldManager=rolecall"), applied).await.ok();
    let owned = applied["metadata"]["managedFields"].to_string();
    assert!(!owned.contains("f:status"), "nobody owns a status through the object itself: {owned}");
    let missing = json!({ "metadata": { "name": "missing" } });
    world.put(&format!("{NAMESPACES}/missing"), missing).await.refused(404, "NotFound");
    let wrong = world.post(NAMESPACES, json!({ "metadata": { "name": "A_b" } })).await;
    assert!(wrong.refused(422, "Invalid").contains("a lowercase RFC 1123 label must consist of"));
}

#[tokio::test]
async fn a_namespace_takes_its_objects_along() {
    let world = World::new();
    let bindings = format!("{RBAC}/namespaces/trinity/rolebindings");
    world.post(&bindings, binding("b", "view", "developers")).await.ok();
    let ending = world.delete(&format!("{NAMESPACES}/trinity"), None).await.ok();
    assert_eq!(ending["status"]["phase"], "Terminating");
    world.get(&format!("{NAMESPACES}/trinity")).await.refused(404, "NotFound");
    assert_eq!(world.get(&bindings).await.ok()["items"], json!([]));
    let kept = world.delete(&format!("{NAMESPACES}/default"), None).await;
    assert_eq!(
        kept.refused(403, "Forbidden"),
        "namespaces \"default\" is forbidden: this namespace may not be deleted"
    );
}

#[test]
fn no_two_clusters_share_an_object() {
    let uids = |state: &ClusterState| -> Vec<_> {
        let kept = serde_json::to_value(state).unwrap();
        let kinds: Vec<_> = kept["objects"].as_object().unwrap().values().cloned().collect();
        let objects = kinds.iter().flat_map(|objects| objects.as_object().unwrap().values());
        objects.map(|object| object["metadata"]["uid"].as_str().unwrap().to_owned()).collect()
    };
    let [one, other] = ["alpha", "prod"].map(|uid| uids(&ClusterState::new(uid, BTreeMap::new())));
    assert_eq!(one.len(), 4 + 68 + 49 + 7 + 7);
    assert!(one.contains(&"alpha".to_owned()) && one.iter().all(|uid| !other.contains(uid)));
}

#[test]
fn labels_are_added_to_a_namespace_that_is_there() {
    let mut state = ClusterState::new("uid", BTreeMap::new());
    state.add_namespace("default", BTreeMap::from([("a".to_owned(), "b".to_owned())]));
    let kept = serde_json::to_value(&state).unwrap();
    let labels = &kept["objects"]["Namespace"]["default"]["metadata"]["labels"];
    assert_eq!(labels, &json!({ "a": "b", "kubernetes.io/metadata.name": "default" }));
}

#[tokio::test]
async fn a_cluster_read_back_from_disk_goes_on_where_it_was() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("alpha.json");
    let open = || {
        let store = Store::open(&file, || {
            let mut state = ClusterState::new("uid", BTreeMap::new());
            state.add_token("admin", "erin@contoso.com", vec!["system:masters".to_owned()]);
            state
        });
        World { shared: Shared { store: Arc::new(store.unwrap()), authenticate: Arc::new(|_| None) } }
    };
    let first = open();
    let page = first.get(&format!("{RBAC}/clusterroles?limit=1")).await.ok();
    let made = first.post(&format!("{RBAC}/clusterroles"), role("a", "get")).await.ok();
    let again = open();
    assert_eq!(again.get(&format!("{RBAC}/clusterroles/a")).await.ok(), made);
    let token = page["metadata"]["continue"].as_str().unwrap();
    again.get(&format!("{RBAC}/clusterroles?continue={token}")).await.refused(410, "Expired");
}
