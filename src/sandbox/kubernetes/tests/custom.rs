//! Custom resources and service accounts: what the file of a state keeps of them, and what is not modelled.

use super::*;

const DEFINITIONS: &str = "/apis/apiextensions.k8s.io/v1/customresourcedefinitions";
const GADGETS: &str = "/apis/contoso.com/v1/gadgets";

fn definition(schema: &Value) -> Value {
    json!({
        "apiVersion": "apiextensions.k8s.io/v1", "kind": "CustomResourceDefinition",
        "metadata": { "name": "gadgets.contoso.com" },
        "spec": {
            "group": "contoso.com", "scope": "Cluster", "names": { "plural": "gadgets", "kind": "Gadget" },
            "versions": [{ "name": "v1", "served": true, "storage": true, "schema": { "openAPIV3Schema": schema } }],
        },
    })
}

fn gadget(name: &str) -> Value {
    json!({ "apiVersion": "contoso.com/v1", "kind": "Gadget", "metadata": { "name": name }, "rules": [{ "verbs": [] }] })
}

fn open_schema() -> Value {
    json!({ "type": "object", "x-kubernetes-preserve-unknown-fields": true })
}

#[tokio::test]
async fn a_state_that_is_read_again_has_its_custom_objects_and_tokens() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("cluster.json");
    let initial = World::new().shared.store.read(Clone::clone);
    let open = || World {
        shared: Shared {
            store: Arc::new(Store::open(&file, || initial.clone()).unwrap()),
            authenticate: Arc::new(|_| None),
        },
    };
    let world = open();
    world.post(DEFINITIONS, definition(&open_schema())).await.ok();
    world.post(GADGETS, gadget("a")).await.ok();
    world.post(GADGETS, gadget("b")).await.ok();
    world.delete(&format!("{GADGETS}/b"), None).await.ok();
    let accounts = "/api/v1/namespaces/trinity/serviceaccounts";
    world.post(accounts, json!({ "metadata": { "name": "bot" } })).await.ok();
    let answer = world.post(&format!("{accounts}/bot/token"), json!({ "spec": {} })).await.ok();
    let token = answer["status"]["token"].as_str().unwrap();
    let kept = world.get(GADGETS).await.ok();
    drop(world);

    let world = open();
    assert_eq!(world.get(GADGETS).await.ok(), kept);
    assert_eq!(kept["items"][0]["rules"], json!([{ "verbs": [] }]), "nothing of a custom object is dropped");
    assert!(world.call(token, Method::GET, "/version", "", Vec::new()).await.code.is_success());
    let text = fs_err::read_to_string(&file).unwrap()
        + &fs_err::read_to_string(folder.path().join("cluster.json.journal")).unwrap_or_default();
    assert!(!text.contains(token), "no credential is on disk");
    world.delete(&format!("{accounts}/bot"), None).await.ok();
    world.call(token, Method::GET, "/version", "", Vec::new()).await.refused(401, "Unauthorized");
    world.delete(&format!("{DEFINITIONS}/gadgets.contoso.com"), None).await.ok();
    drop(world);
    assert_eq!(open().get(GADGETS).await.code, 404);
}

#[tokio::test]
async fn a_custom_object_needs_rights_of_its_own() {
    let world = World::new();
    world.post(DEFINITIONS, definition(&open_schema())).await.ok();
    let answer = world.call("user", Method::GET, GADGETS, "", Vec::new()).await;
    assert_eq!(
        answer.refused(403, "Forbidden"),
        "gadgets.contoso.com is forbidden: User \"hayden@contoso.com\" cannot list resource \"gadgets\" in API group \
         \"contoso.com\" at the cluster scope"
    );
}

#[tokio::test]
async fn what_is_not_modelled_of_a_definition_is_refused() {
    let world = World::new();
    let text = |keyword: &str, value: Value| {
        let mut field = json!({ "type": "string" });
        field[keyword] = value;
        json!({ "type": "object", "properties": { "a": field } })
    };
    for schema in [
        text("default", json!("x")),
        text("pattern", json!("^x$")),
        text("format", json!("email")),
        text("x-kubernetes-validations", json!([{ "rule": "true" }])),
        json!({ "type": "object", "properties": { "a": { "type": "array", "items": { "type": "string" }, "x-kubernetes-list-type": "set" } } }),
    ] {
        world.post(DEFINITIONS, definition(&schema)).await.refused(501, "NotImplemented");
    }
    let mut several = definition(&open_schema());
    let versions = several["spec"]["versions"].as_array_mut().unwrap();
    versions.push(versions[0].clone());
    world.post(DEFINITIONS, several).await.refused(501, "NotImplemented");

    world.post(DEFINITIONS, definition(&text("minLength", json!(2)))).await.ok();
    let mut short = gadget("a");
    short["a"] = "x".into();
    world.post(GADGETS, short).await.refused(501, "NotImplemented");
    let renamed = json!({ "spec": { "scope": "Namespaced" } });
    world.merge(&format!("{DEFINITIONS}/gadgets.contoso.com"), renamed).await.refused(501, "NotImplemented");
    world.get(&format!("{GADGETS}?watch=1")).await.refused(501, "NotImplemented");
}
