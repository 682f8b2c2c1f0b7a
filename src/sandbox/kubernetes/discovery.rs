//! What the server says that it serves, in the unaggregated form that every client falls back to.

use serde_json::{Value, json};

use super::kind::{Kind, RBAC};
use super::review::{AUTHENTICATION, AUTHORIZATION, Review};

/// The API groups, each in the one version v1, by name.
const GROUPS: [&str; 3] = [AUTHENTICATION, AUTHORIZATION, RBAC];

/// Whether it is the core group or another one that is served.
pub(super) fn is_served(group: &str) -> bool {
    group.is_empty() || GROUPS.contains(&group)
}

/// The document at a path, or `None` when the path has none.
pub(super) fn document(path: &str) -> Option<Value> {
    let parts: Vec<_> = path.trim_matches('/').split('/').collect();
    match parts[..] {
        ["version"] => Some(version()),
        ["api"] => Some(json!({ "kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [] })),
        ["api", "v1"] => Some(resources("")),
        ["apis"] => {
            let groups: Vec<_> = GROUPS.iter().map(|group| describe(group)).collect();
            Some(json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups }))
        }
        ["apis", group] if GROUPS.contains(&group) => {
            let mut described = describe(group);
            described["kind"] = "APIGroup".into();
            described["apiVersion"] = "v1".into();
            Some(described)
        }
        ["apis", group, "v1"] if GROUPS.contains(&group) => Some(resources(group)),
        _ => None,
    }
}

/// The version of the API server that this one copies; `major` and `minor` are what clients read.
fn version() -> Value {
    json!({
        "major": "1", "minor": "35", "emulationMajor": "1", "emulationMinor": "35", "minCompatibilityMajor": "1",
        "minCompatibilityMinor": "34", "gitVersion": "v1.35.4+sandbox", "gitCommit": "", "gitTreeState": "",
        "buildDate": "1970-01-01T00:00:00Z", "goVersion": "", "compiler": "", "platform": "",
    })
}

fn describe(group: &str) -> Value {
    let version = json!({ "groupVersion": format!("{group}/v1"), "version": "v1" });
    json!({ "name": group, "versions": [version], "preferredVersion": version })
}

fn resources(group: &str) -> Value {
    let kinds = Kind::ALL.into_iter().filter(|kind| kind.group() == group).map(|kind| {
        let mut resource = resource(kind.plural(), kind.name(), kind.is_namespaced());
        resource["verbs"] = json!(["create", "delete", "get", "list", "patch", "update"]);
        if kind == Kind::Namespace {
            resource["shortNames"] = json!(["ns"]);
        }
        resource
    });
    let reviews = Review::ALL.into_iter().filter(|review| review.group() == group).map(|review| {
        let mut resource = resource(review.plural(), review.name(), review.is_namespaced());
        resource["verbs"] = json!(["create"]);
        resource
    });
    let version = if group.is_empty() { "v1".to_owned() } else { format!("{group}/v1") };
    let resources: Vec<_> = kinds.chain(reviews).collect();
    json!({ "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources })
}

fn resource(plural: &str, kind: &str, namespaced: bool) -> Value {
    json!({ "name": plural, "singularName": kind.to_ascii_lowercase(), "namespaced": namespaced, "kind": kind })
}
