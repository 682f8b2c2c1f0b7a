//! The parts of roles and bindings.

use schemars::JsonSchema;
use serde::Serialize;

/// A rule, with Kubernetes' own keys.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub(in crate::report::json) struct Rule {
    pub(in crate::report::json) api_groups: Vec<String>,
    pub(in crate::report::json) resources: Vec<String>,
    pub(in crate::report::json) verbs: Vec<String>,
    pub(in crate::report::json) resource_names: Vec<String>,
    #[serde(rename = "nonResourceURLs")]
    pub(in crate::report::json) non_resource_urls: Vec<String>,
}

/// The role that a binding gives.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::report::json) struct RoleRef {
    pub(in crate::report::json) kind: RoleKind,
    pub(in crate::report::json) name: String,
}

#[derive(Serialize, JsonSchema)]
pub(in crate::report::json) enum RoleKind {
    ClusterRole,
    Role,
}

/// Who gets a role.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::report::json) struct Subject {
    /// `User`, `Group`, `ServiceAccount`, or whatever else a live binding holds.
    pub(in crate::report::json) kind: String,
    /// The name as the API server sees it.
    pub(in crate::report::json) name: Option<String>,
    /// For a name known after apply: what stands in front of the group's object id.
    pub(in crate::report::json) after_apply: Option<Promise>,
    /// For service accounts: their namespace.
    pub(in crate::report::json) namespace: Option<String>,
    /// Whom the name stands for, as the files spell it.
    pub(in crate::report::json) principal: Option<String>,
}

/// A subject's name that holds the id of a group created by this plan.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::report::json) struct Promise {
    pub(in crate::report::json) prefix: String,
    /// The group's key.
    pub(in crate::report::json) group: String,
}
