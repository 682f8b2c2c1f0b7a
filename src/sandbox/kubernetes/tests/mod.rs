//! The API server through its router. Expected messages are those of kube-apiserver 1.35.4.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod access;
mod apply;
mod client;
mod custom;
mod discovery;
mod escalation;
mod impersonation;
mod list;
mod namespaces;
mod review;
mod write;

use std::collections::BTreeMap;
use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use http::{Method, Request, StatusCode};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::{ClusterState, Shared, User, router};
use crate::sandbox::store::Store;

const RBAC: &str = "/apis/rbac.authorization.k8s.io/v1";
const MERGE: &str = "application/merge-patch+json";
const APPLY: &str = "application/apply-patch+yaml";

/// A cluster with the namespace `trinity`, an administrator and `hayden`, who has no rights yet.
struct World {
    shared: Shared,
}

impl World {
    fn new() -> Self {
        let labels = BTreeMap::from([("team".to_owned(), "trinity".to_owned())]);
        let mut state = ClusterState::new("kube-system-uid", BTreeMap::from([("trinity".to_owned(), labels)]));
        state.add_token("admin", "erin@contoso.com", vec!["system:masters".to_owned()]);
        state.add_token("user", "hayden@contoso.com", vec!["developers".to_owned()]);
        let store = Arc::new(Store::in_memory(state));
        Self { shared: Shared { store, authenticate: Arc::new(|_| None) } }
    }

    fn router(&self) -> Router {
        router(self.shared.clone())
    }

    async fn call(&self, token: &str, method: Method, path: &str, media_type: &str, body: Vec<u8>) -> Answer {
        let request = Request::builder()
            .method(method)
            .uri(path)
            .header("authorization", format!("Bearer {token}"))
            .header("user-agent", "probe/1.0");
        let request = if media_type.is_empty() { request } else { request.header("content-type", media_type) };
        self.send(request.body(Body::from(body)).unwrap()).await
    }

    async fn send(&self, request: Request<Body>) -> Answer {
        let response = self.router().oneshot(request).await.unwrap();
        let code = response.status();
        let bytes = to_bytes(response.into_body(), usize::MAX).await.unwrap();
        let body = serde_json::from_slice(&bytes).unwrap_or_else(|_| String::from_utf8_lossy(&bytes).into());
        Answer { code, body }
    }

    async fn get(&self, path: &str) -> Answer {
        self.call("admin", Method::GET, path, "", Vec::new()).await
    }

    async fn post(&self, path: &str, body: Value) -> Answer {
        self.call("admin", Method::POST, path, "application/json", body.to_string().into()).await
    }

    async fn put(&self, path: &str, body: Value) -> Answer {
        self.call("admin", Method::PUT, path, "application/json", body.to_string().into()).await
    }

    async fn merge(&self, path: &str, body: Value) -> Answer {
        self.call("admin", Method::PATCH, path, MERGE, body.to_string().into()).await
    }

    async fn apply(&self, path: &str, body: Value) -> Answer {
        self.call("admin", Method::PATCH, path, APPLY, body.to_string().into()).await
    }

    async fn delete(&self, path: &str, body: Option<Value>) -> Answer {
        let media_type = if body.is_some() { "application/json" } else { "" };
        let body = body.map(|body| body.to_string().into()).unwrap_or_default();
        self.call("admin", Method::DELETE, path, media_type, body).await
    }
}

/// Status and body.
#[derive(Debug)]
struct Answer {
    code: StatusCode,
    body: Value,
}

impl Answer {
    #[track_caller]
    fn ok(self) -> Value {
        assert!(self.code.is_success(), "{self:?}");
        self.body
    }

    /// The message of a refusal with that code and reason.
    #[track_caller]
    fn refused(&self, code: u16, reason: &str) -> &str {
        assert_eq!((self.code.as_u16(), self.body["reason"].as_str().unwrap_or_default()), (code, reason), "{self:?}");
        assert_eq!(self.body["code"], code);
        assert_eq!(self.body["kind"], "Status");
        self.body["message"].as_str().unwrap()
    }
}

/// A ClusterRole that allows a verb on pods.
fn role(name: &str, verb: &str) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "ClusterRole", "metadata": { "name": name },
        "rules": [{ "apiGroups": [""], "resources": ["pods"], "verbs": [verb] }],
    })
}

/// A RoleBinding in `trinity` of a ClusterRole to a group.
fn binding(name: &str, role: &str, group: &str) -> Value {
    json!({
        "apiVersion": "rbac.authorization.k8s.io/v1", "kind": "RoleBinding",
        "metadata": { "name": name, "namespace": "trinity" }, "roleRef": { "kind": "ClusterRole", "name": role },
        "subjects": [{ "kind": "Group", "name": group }],
    })
}

fn version(object: &Value) -> &str {
    object["metadata"]["resourceVersion"].as_str().unwrap()
}
