//! Answers of an API server, read by the reader of clusters.

use std::collections::BTreeSet;
use std::io;
use std::sync::Arc;

use async_trait::async_trait;
use http_body_util::BodyExt as _;
use kube::client::Body;
use rolecall::providers::Reader as _;
use rolecall::providers::kubernetes::{KubernetesReader, TokenSource, door};
use rolecall::state::{Cluster, GroupAnswers, Result};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::answers::{Exchange, Server, TOKEN, block_on};
use super::{is_fit_to_say, world};

/// The collections that are listed, and the kind of their lists.
const LISTS: [(&str, &str); 5] = [
    ("/api/v1/namespaces", "NamespaceList"),
    ("/apis/rbac.authorization.k8s.io/v1/clusterroles", "ClusterRoleList"),
    ("/apis/rbac.authorization.k8s.io/v1/roles", "RoleList"),
    ("/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", "ClusterRoleBindingList"),
    ("/apis/rbac.authorization.k8s.io/v1/rolebindings", "RoleBindingList"),
];

pub(super) struct Bearer;

#[async_trait]
impl TokenSource for Bearer {
    async fn token(&self) -> Result<SecretString> {
        Ok(SecretString::from(TOKEN))
    }
}

pub(super) fn run(input: &[u8]) {
    // An API server is never sent the client secret.
    let server = Server::new(input, &[("{{token}}", TOKEN)]);
    let (observed, answers) = block_on(async {
        let reader = KubernetesReader::new(door::link(client(&server), "context `alpha`", Arc::new(Bearer)));
        let observed = reader.observe(&world::cluster_query()).await;
        let answers = match &observed {
            Ok(cluster) => reader.ask(&world::access_questions(cluster)).await,
            Err(_) => Vec::new(),
        };
        (observed, answers)
    });
    let confidential = server.confidential();
    for failure in observed.as_ref().err().into_iter().chain(answers.iter().filter_map(|answer| answer.as_ref().err()))
    {
        is_fit_to_say(failure, &confidential);
    }
    if let Ok(cluster) = &observed {
        nothing_is_missing(cluster, &server.log());
    }
    world::show(None, GroupAnswers::default(), Some(observed), &confidential);
}

pub(super) fn client(server: &Server) -> kube::Client {
    let server = server.clone();
    let service = tower::service_fn(move |request: http::Request<Body>| {
        let server = server.clone();
        async move {
            let target = request.uri().to_string();
            let asked = request.into_body().collect().await.map_err(io::Error::other)?.to_bytes();
            let response = server.answer(&target, &asked, || (200, plain(&target).to_string().into_bytes()));
            Ok::<_, io::Error>(response.map(Body::from))
        }
    });
    kube::Client::new(service, "default")
}

/// What an API server without any object of ours answers.
fn plain(target: &str) -> Value {
    let path = target.split('?').next().unwrap_or_default();
    if path == "/api/v1/namespaces/kube-system" {
        return json!({ "kind": "Namespace", "metadata": { "name": "kube-system", "uid": world::UID } });
    }
    if path.ends_with("selfsubjectreviews") {
        return json!({ "status": { "userInfo": { "username": "ci", "groups": ["system:authenticated"] } } });
    }
    if path.ends_with("accessreviews") {
        return json!({ "spec": {}, "status": { "allowed": true } });
    }
    let kind = LISTS.iter().find(|(collection, _)| *collection == path).map_or("Status", |(_, kind)| kind);
    json!({ "kind": kind, "metadata": { "resourceVersion": "7" }, "items": [] })
}

/// Whoever reads the answers plainly finds that each list came to its end, and that all of it was taken.
fn nothing_is_missing(cluster: &Cluster, log: &[Exchange]) {
    let counts = LISTS.map(|(collection, kind)| whole_list(log, collection, kind));
    let [namespaces, clusterroles, roles, clusterrolebindings, rolebindings] = counts;
    let names: BTreeSet<&str> = namespaces
        .iter()
        .filter(|item| item["status"]["phase"] != "Terminating" && item["metadata"]["deletionTimestamp"].is_null())
        .filter_map(|item| item["metadata"]["name"].as_str())
        .collect();
    assert_eq!(cluster.namespaces.len(), names.len(), "namespaces are missing");
    assert_eq!(cluster.roles.len(), clusterroles.len() + roles.len(), "roles are missing");
    assert_eq!(cluster.bindings.len(), clusterrolebindings.len() + rolebindings.len(), "bindings are missing");
}

fn whole_list(log: &[Exchange], collection: &str, kind: &str) -> Vec<Value> {
    let is_page = |exchange: &&Exchange| exchange.target.split('?').next() == Some(collection);
    let pages: Vec<&Exchange> = log.iter().filter(is_page).filter(|exchange| exchange.is_success()).collect();
    let first = pages.iter().rposition(|page| !page.target.contains("continue="));
    let pages = &pages[first.unwrap_or_else(|| panic!("{collection} was never read"))..];
    let mut items = Vec::new();
    let mut version: Option<Value> = None;
    for (at, page) in pages.iter().enumerate() {
        let body: Value = serde_json::from_slice(&page.body).unwrap_or_else(|error| panic!("{collection}: {error}"));
        assert_eq!(body["kind"], kind);
        let shown = &body["metadata"]["resourceVersion"];
        assert!(shown.as_str().is_some_and(|shown| !shown.is_empty()), "{collection} is of no version");
        assert_eq!(version.get_or_insert_with(|| shown.clone()), shown, "{collection} is of two versions");
        items.extend(body["items"].as_array().unwrap_or_else(|| panic!("{collection} has no items")).iter().cloned());
        let goes_on = body["metadata"]["continue"].as_str().is_some_and(|token| !token.is_empty());
        assert_eq!(goes_on, at + 1 < pages.len(), "{collection}: page {at} of {} is not the last", pages.len());
        let left = body["metadata"]["remainingItemCount"].as_i64().unwrap_or(0);
        assert!(goes_on || left <= 0, "{collection} has {left} more");
    }
    items
}
