//! What a changed role does to the roles that take it in.

use schemars::JsonSchema;
use serde::Serialize;

use super::rbac::Subject;

/// What the change of a role does to those who have a role that takes it in.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::report::json) struct Spread {
    /// The change of the role.
    pub(in crate::report::json) address: String,
    pub(in crate::report::json) effect: Effect,
    /// The roles that gain or lose: `view`, `edit`, `admin`, or others that the cluster fills.
    pub(in crate::report::json) roles: Vec<String>,
    /// The bindings to those, ours or not: once the plan is applied where they gain, as it is now where they lose.
    pub(in crate::report::json) bindings: Vec<Reached>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::report::json) enum Effect {
    /// Rules are gained.
    Widens,
    /// Rules are lost.
    Narrows,
}

/// A binding to a default role.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::report::json) struct Reached {
    pub(in crate::report::json) address: String,
    pub(in crate::report::json) role: String,
    /// `null` is the whole cluster.
    pub(in crate::report::json) namespace: Option<String>,
    pub(in crate::report::json) subjects: Vec<Subject>,
}
