//! The client that rolecall itself uses, without a socket in between.

use k8s_openapi::api::authorization::v1::{ResourceAttributes, SelfSubjectAccessReview, SelfSubjectAccessReviewSpec};
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::{ClusterRole, RoleBinding, RoleRef, Subject};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, Preconditions};
use kube::{Api, Client};
use tower::ServiceBuilder;

use super::*;

fn client(world: &World) -> Client {
    let service = ServiceBuilder::new()
        .map_request(|mut request: Request<kube::client::Body>| {
            request.headers_mut().insert("authorization", "Bearer admin".parse().unwrap());
            request
        })
        .service(world.router());
    Client::new(service, "default")
}

fn wanted() -> RoleBinding {
    RoleBinding {
        metadata: ObjectMeta { name: Some("b".to_owned()), ..ObjectMeta::default() },
        role_ref: RoleRef { api_group: String::new(), kind: "ClusterRole".to_owned(), name: "view".to_owned() },
        subjects: Some(vec![Subject { kind: "Group".to_owned(), name: "developers".to_owned(), ..Subject::default() }]),
    }
}

#[tokio::test]
async fn applies_and_meets_conflicts_as_typed_errors() {
    let world = World::new();
    let api: Api<RoleBinding> = Api::namespaced(client(&world), "trinity");
    let parameters = PatchParams::apply("rolecall").validation_strict();
    let made = api.patch("b", &parameters, &Patch::Apply(wanted())).await.unwrap();
    let again = api.patch("b", &parameters, &Patch::Apply(wanted())).await.unwrap();
    assert_eq!(made.metadata.resource_version, again.metadata.resource_version);

    let drift = json!({ "subjects": [{ "kind": "Group", "name": "others" }] });
    api.patch("b", &PatchParams::default(), &Patch::Merge(drift)).await.unwrap();
    let conflict = api.patch("b", &parameters, &Patch::Apply(wanted())).await.unwrap_err();
    let kube::Error::Api(status) = conflict else { panic!("{conflict:?}") };
    assert!(status.is_conflict() && status.message.contains("conflict with \"unknown\""), "{status:?}");
    api.patch("b", &parameters.clone().force(), &Patch::Apply(wanted())).await.unwrap();
}

#[tokio::test]
async fn lists_by_pages_and_labels() {
    let world = World::new();
    let api: Api<ClusterRole> = Api::all(client(&world));
    let mut parameters = ListParams::default().labels("kubernetes.io/bootstrapping=rbac-defaults").limit(20);
    let mut names = Vec::new();
    loop {
        let page = api.list(&parameters).await.unwrap();
        names.extend(page.items.into_iter().filter_map(|role| role.metadata.name));
        match page.metadata.continue_.filter(|token| !token.is_empty()) {
            Some(token) => parameters = parameters.continue_token(&token),
            None => break,
        }
    }
    assert_eq!((names.len(), names.is_sorted()), (68, true));
    assert!(api.get_opt("nothing").await.unwrap().is_none());
}

#[tokio::test]
async fn deletes_with_preconditions() {
    let world = World::new();
    let api: Api<RoleBinding> = Api::namespaced(client(&world), "trinity");
    let made = api.create(&PostParams::default(), &wanted()).await.unwrap();
    let only = |uid: Option<String>| {
        let preconditions = Preconditions { uid, resource_version: made.metadata.resource_version.clone() };
        DeleteParams::default().preconditions(preconditions)
    };
    let refused = api.delete("b", &only(Some("other".to_owned()))).await.unwrap_err();
    assert!(matches!(&refused, kube::Error::Api(status) if status.is_conflict()), "{refused:?}");
    let done = api.delete("b", &only(made.metadata.uid.clone())).await.unwrap();
    assert!(done.right().is_some_and(|status| status.is_success()), "a Status, as the object is gone at once");
}

#[tokio::test]
async fn asks_for_access_and_for_the_cluster() {
    let world = World::new();
    let client = client(&world);
    let review = SelfSubjectAccessReview {
        spec: SelfSubjectAccessReviewSpec {
            resource_attributes: Some(ResourceAttributes {
                verb: Some("bind".to_owned()),
                group: Some("rbac.authorization.k8s.io".to_owned()),
                resource: Some("clusterroles".to_owned()),
                name: Some("view".to_owned()),
                ..ResourceAttributes::default()
            }),
            ..SelfSubjectAccessReviewSpec::default()
        },
        ..SelfSubjectAccessReview::default()
    };
    let answered = Api::<SelfSubjectAccessReview>::all(client.clone()).create(&PostParams::default(), &review).await;
    assert!(answered.unwrap().status.unwrap().allowed);
    let system = Api::<Namespace>::all(client.clone()).get("kube-system").await.unwrap();
    assert_eq!(system.metadata.uid.as_deref(), Some("kube-system-uid"));
    assert_eq!(client.apiserver_version().await.unwrap().minor, "35");
}
