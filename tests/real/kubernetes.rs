//! The Kubernetes provider against real API servers: the shared suite, and what the sandbox does not model.

use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Namespace;
use k8s_openapi::api::rbac::v1::RoleBinding;
use kube::api::{DeleteParams, ListParams, Patch, PatchParams, PostParams, WatchEvent, WatchParams};
use kube::{Api, ResourceExt as _};
use rolecall::state::{FailureKind, Operation, Outcome, Resource};
use serde_json::json;

use crate::answers::{self, Server};
use crate::suite::{self, DONE, Part, observe};
use crate::table;

/// The real API server that the cases are held with.
fn real() -> Server {
    Server { kubeconfig: real!("ROLECALL_REAL_KUBECONFIG"), is_sandbox: false }
}

macro_rules! suite {
    ($module:ident: $($test:ident),* $(,)?) => {
        $(
            #[tokio::test]
            #[ignore = "needs the real components: run tests/run"]
            async fn $test() {
                table::pass(&real(), |kubeconfig| async move { $module::$test(&kubeconfig).await }).await;
            }
        )*
    };
}

every_case!(suite);

macro_rules! conversations {
    ($module:ident $theme:literal: $($test:ident),* $(,)?) => {
        $(
            #[tokio::test]
            #[ignore = "needs the real components: run tests/run"]
            async fn $test() {
                let case = |server| async move { answers::$module::$test(&server).await };
                table::compare($theme, stringify!($test), &real(), case).await;
            }
        )*
    };
}

every_conversation!(conversations);

#[tokio::test]
#[ignore = "needs the real components: run tests/run"]
async fn questions_about_random_worlds_have_one_answer() {
    table::worlds("questions_about_random_worlds_have_one_answer", &real()).await;
}

#[tokio::test]
#[ignore = "needs the real components: run tests/run"]
async fn an_object_that_a_finalizer_holds_is_not_gone() {
    let part = Part::new(&real!("ROLECALL_REAL_KUBECONFIG"), "finalizer").await;
    let ours = part.role(false, &["get"]);
    let Resource::Role(role) = &ours else { panic!("{ours:?}") };
    assert_eq!(part.one(part.create(ours.clone())).await, DONE);
    let hold = json!({ "metadata": { "finalizers": ["contoso.com/hold"] } });
    part.cluster_roles().patch(&role.name, &PatchParams::default(), &Patch::Merge(hold)).await.unwrap();
    let (_, meta) = part.live(&ours).await.unwrap();
    let delete = part.change(Operation::Delete { before: ours.clone() }, Some(&meta));
    assert_eq!(part.one(delete.clone()).await, Outcome::PENDING);
    assert_eq!(part.one(delete).await, Outcome::PENDING);
    let failure = part.failure(part.create(ours.clone())).await;
    assert!(failure.what.contains("is being deleted"), "{failure}");
    let release = json!({ "metadata": { "finalizers": null } });
    part.cluster_roles().patch(&role.name, &PatchParams::default(), &Patch::Merge(release)).await.unwrap();
    part.end().await;
}

#[tokio::test]
#[ignore = "needs the real components: run tests/run"]
async fn a_namespace_on_its_way_out_takes_no_binding() {
    let part = Part::new(&real!("ROLECALL_REAL_KUBECONFIG"), "leaving").await;
    let namespaces: Api<Namespace> = Api::all(part.admin.clone());
    let hold = json!({ "metadata": { "finalizers": ["contoso.com/hold"] } });
    namespaces.patch(part.name, &PatchParams::default(), &Patch::Merge(hold)).await.unwrap();
    namespaces.delete(part.name, &DeleteParams::default()).await.unwrap();
    let seen = observe(&part.kubeconfig, "real-one").await.unwrap();
    assert!(!seen.namespaces.contains_key(&part.name.parse().unwrap()));
    let failure = part.failure(part.create(part.binding(true, "view", "one"))).await;
    assert!(failure.what.contains("the namespace leaving is being deleted"), "{failure}");
    let release = json!({ "metadata": { "finalizers": null } });
    namespaces.patch(part.name, &PatchParams::default(), &Patch::Merge(release)).await.unwrap();
}

#[tokio::test]
#[ignore = "needs the real components: run tests/run"]
async fn a_certificate_of_somebody_else_and_a_wrong_token_are_told_apart() {
    let part = Part::new(&real!("ROLECALL_REAL_KUBECONFIG"), "credentials").await;
    let path = part.changed(|kubeconfig| {
        use base64::Engine as _;
        let other = rcgen::generate_simple_self_signed(vec!["127.0.0.1".to_owned()]).unwrap().cert.pem();
        for named in kubeconfig["clusters"].as_array_mut().unwrap() {
            let cluster = named["cluster"].as_object_mut().unwrap();
            cluster.remove("certificate-authority");
            let pem = base64::engine::general_purpose::STANDARD.encode(&other);
            cluster.insert("certificate-authority-data".to_owned(), json!(pem));
        }
    });
    let failure = observe(&path, "real-one").await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unreachable);
    assert!(failure.what.contains("certificate"), "{failure}");
    let path = part.changed(|kubeconfig| {
        for named in kubeconfig["users"].as_array_mut().unwrap() {
            named["user"] = json!({ "token": "wrong" });
        }
    });
    let failure = observe(&path, "real-one").await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unauthenticated);
    part.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the real components: run tests/run"]
async fn of_two_applies_of_one_plan_one_does_the_work_and_the_other_says_so() {
    use crate::together::{NAMESPACE, of_two_applies_one_works_and_the_other_says_so};
    let kubeconfig = real!("ROLECALL_REAL_KUBECONFIG");
    let part = Part::new(&kubeconfig, NAMESPACE).await;
    let bindings = Api::<RoleBinding>::namespaced(part.admin.clone(), NAMESPACE);
    let before = bindings.list(&ListParams::default()).await.unwrap();
    assert_eq!(before.items.len(), 0);
    let both = move || of_two_applies_one_works_and_the_other_says_so(Some((&kubeconfig, "real-one")));
    let made = tokio::task::spawn_blocking(both).await.unwrap();
    // What the API server says has happened since, up to a binding of our own: each was added once, and never changed or deleted.
    let end = json!({
        "metadata": { "name": "the-end" },
        "roleRef": { "apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "view" },
    });
    bindings.create(&PostParams::default(), &serde_json::from_value(end).unwrap()).await.unwrap();
    let since = before.metadata.resource_version.unwrap();
    let mut events = bindings.watch(&WatchParams::default(), &since).await.unwrap().boxed();
    let mut added = Vec::new();
    loop {
        match events.next().await.unwrap().unwrap() {
            WatchEvent::Added(binding) if binding.name_any() == "the-end" => break,
            WatchEvent::Added(binding) => added.push(binding.name_any()),
            WatchEvent::Bookmark(_) => {}
            other => panic!("{other:?}"),
        }
    }
    added.sort();
    assert_eq!(added, made.into_iter().collect::<Vec<_>>());
    let leases = Api::<k8s_openapi::api::coordination::v1::Lease>::namespaced(part.admin.clone(), NAMESPACE);
    let leases = leases.list(&ListParams::default()).await.unwrap().items;
    let holders: Vec<_> = leases.iter().map(|lease| lease.spec.as_ref().unwrap().holder_identity.clone()).collect();
    assert_eq!(holders, [Some(String::new())], "it was given back");
    part.end().await;
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "needs the real components: run tests/run"]
async fn a_binding_made_by_hand_is_taken_over_without_a_moment_without_access() {
    let kubeconfig = real!("ROLECALL_REAL_KUBECONFIG");
    crate::takeover::a_binding_made_by_hand_is_taken_over(Some((&kubeconfig, "real-one"))).await;
}
