//! What the server says that it serves, in the unaggregated form that every client falls back to.

use serde_json::{Value, json};

use super::kind::{COORDINATION, EXTENSIONS, Kind, RBAC};
use super::review::{AUTHENTICATION, AUTHORIZATION, Review};

/// The API groups that are built in, each in the one version v1, by name.
const GROUPS: [&str; 5] = [EXTENSIONS, AUTHENTICATION, AUTHORIZATION, COORDINATION, RBAC];

/// Whether it is the core group or another one that is built in.
pub(super) fn is_served(group: &str) -> bool {
    group.is_empty() || GROUPS.contains(&group)
}

/// The document at a path, or `None` when the path has none.
pub(super) fn document(path: &str, kinds: &[Kind]) -> Option<Value> {
    let parts: Vec<_> = path.trim_matches('/').split('/').collect();
    let groups = groups(kinds);
    let version_of = |group: &str| groups.iter().find(|(name, _)| *name == group).map(|(_, version)| *version);
    match parts[..] {
        ["version"] => Some(version()),
        ["api"] => Some(json!({ "kind": "APIVersions", "versions": ["v1"], "serverAddressByClientCIDRs": [] })),
        ["api", "v1"] => Some(resources("", "v1", kinds)),
        ["apis"] => {
            let groups: Vec<_> = groups.iter().map(|(group, version)| describe(group, version)).collect();
            Some(json!({ "kind": "APIGroupList", "apiVersion": "v1", "groups": groups }))
        }
        ["apis", group] => {
            let mut described = describe(group, version_of(group)?);
            described["kind"] = "APIGroup".into();
            described["apiVersion"] = "v1".into();
            Some(described)
        }
        ["apis", group, version] if version_of(group) == Some(version) => Some(resources(group, version, kinds)),
        _ => None,
    }
}

/// Every group but the core one, with its version. Definitions of one group with several versions are not modelled: the
/// first counts.
fn groups(kinds: &[Kind]) -> Vec<(&'static str, &'static str)> {
    let mut groups: Vec<_> = GROUPS.into_iter().map(|group| (group, "v1")).collect();
    for kind in kinds.iter().filter(|kind| matches!(kind, Kind::Custom(_))) {
        if groups.iter().all(|(group, _)| *group != kind.group()) {
            groups.push((kind.group(), kind.version()));
        }
    }
    groups
}

/// The version of the API server that this one copies; `major` and `minor` are what clients read.
fn version() -> Value {
    json!({
        "major": "1", "minor": "35", "emulationMajor": "1", "emulationMinor": "35", "minCompatibilityMajor": "1",
        "minCompatibilityMinor": "34", "gitVersion": "v1.35.4+sandbox", "gitCommit": "", "gitTreeState": "",
        "buildDate": "1970-01-01T00:00:00Z", "goVersion": "", "compiler": "", "platform": "",
    })
}

fn describe(group: &str, version: &str) -> Value {
    let version = json!({ "groupVersion": format!("{group}/{version}"), "version": version });
    json!({ "name": group, "versions": [version], "preferredVersion": version })
}

fn resources(group: &str, version: &str, kinds: &[Kind]) -> Value {
    let kinds = kinds.iter().filter(|kind| kind.group() == group && kind.version() == version).map(|kind| {
        let mut resource = resource(kind.plural(), &kind.singular(), kind.name(), kind.is_namespaced());
        resource["verbs"] = json!(["create", "delete", "get", "list", "patch", "update"]);
        let (short, categories): (Value, Value) = match kind {
            Kind::Namespace => (json!(["ns"]), json!([])),
            Kind::ServiceAccount => (json!(["sa"]), json!([])),
            Kind::CustomResourceDefinition => (json!(["crd", "crds"]), json!(["api-extensions"])),
            Kind::Custom(definition) => (json!(definition.short_names), json!(definition.categories)),
            _ => (json!([]), json!([])),
        };
        for (field, list) in [("shortNames", short), ("categories", categories)] {
            if list != json!([]) {
                resource[field] = list;
            }
        }
        resource
    });
    let reviews = Review::ALL.into_iter().filter(|review| review.group() == group).map(|review| {
        let name = review.name();
        let mut resource = resource(review.plural(), &name.to_ascii_lowercase(), name, review.is_namespaced());
        resource["verbs"] = json!(["create"]);
        resource
    });
    let mut resources: Vec<_> = kinds.chain(reviews).collect();
    if group.is_empty() {
        let mut token = resource("serviceaccounts/token", "", "TokenRequest", true);
        (token["group"], token["version"], token["verbs"]) = (AUTHENTICATION.into(), "v1".into(), json!(["create"]));
        resources.push(token);
    }
    let version = if group.is_empty() { version.to_owned() } else { format!("{group}/{version}") };
    json!({ "kind": "APIResourceList", "apiVersion": "v1", "groupVersion": version, "resources": resources })
}

fn resource(plural: &str, singular: &str, kind: &str, namespaced: bool) -> Value {
    json!({ "name": plural, "singularName": singular, "namespaced": namespaced, "kind": kind })
}
