//! As much of `/openapi/v3` as kubectl reads before it writes a file's objects: whether a kind's PATCH knows
//! `fieldValidation` (k8s.io/cli-runtime `pkg/resource/query_param_verifier_v3.go`). It holds no schemas.

use serde_json::{Map, Value, json};

use super::kind::Kind;

/// The document at a path below `/openapi/v3`, or `None` when there is none.
pub(super) fn document(path: &str, kinds: &[Kind]) -> Option<Value> {
    let below = path.trim_matches('/').strip_prefix("openapi/v3")?.trim_start_matches('/');
    if below.is_empty() {
        let links = kinds.iter().map(|kind| {
            let root = root(*kind);
            let link = json!({ "serverRelativeURL": format!("/openapi/v3/{root}") });
            (root, link)
        });
        return Some(json!({ "paths": Value::Object(links.collect()) }));
    }
    let paths: Map<String, Value> = kinds
        .iter()
        .copied()
        .filter(|kind| root(*kind) == below)
        .map(|kind| (path_of(kind), operations(kind)))
        .collect();
    let version = json!({ "title": "Kubernetes", "version": "v1.35.4" });
    (!paths.is_empty()).then(|| json!({ "openapi": "3.0.0", "info": version, "paths": paths }))
}

/// `api/v1` or `apis/<group>/v1`.
fn root(kind: Kind) -> String {
    let prefix = if kind.group().is_empty() { "api" } else { "apis" };
    format!("{prefix}/{}", kind.api_version())
}

fn path_of(kind: Kind) -> String {
    let namespace = if kind.is_namespaced() { "/namespaces/{namespace}" } else { "" };
    format!("/{}{namespace}/{}/{{name}}", root(kind), kind.plural())
}

fn operations(kind: Kind) -> Value {
    let parameters: Vec<_> = ["dryRun", "fieldManager", "fieldValidation", "force"]
        .into_iter()
        .map(|name| json!({ "name": name, "in": "query", "schema": { "type": "string" } }))
        .collect();
    let identity = json!({ "group": kind.group(), "version": kind.version(), "kind": kind.name() });
    json!({ "patch": { "x-kubernetes-group-version-kind": identity, "parameters": parameters, "responses": {} } })
}
