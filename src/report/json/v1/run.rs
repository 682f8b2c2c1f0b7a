//! What was compared, from what, and what it has cost.

use schemars::JsonSchema;
use serde::Serialize;

/// A git commit.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::report::json) struct Commit {
    /// Its id.
    pub(in crate::report::json) id: String,
    /// Whether the access files differ from it.
    pub(in crate::report::json) dirty: bool,
}

/// An Entra tenant.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::report::json) struct Tenant {
    /// Its id.
    pub(in crate::report::json) id: String,
    /// Its domain, where it may be read.
    pub(in crate::report::json) domain: Option<String>,
}

/// Counts.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::report::json) struct Counts {
    pub(in crate::report::json) add: usize,
    pub(in crate::report::json) change: usize,
    pub(in crate::report::json) remove: usize,
    /// Changes that are withheld, each once, errors included: as many as people are told.
    pub(in crate::report::json) waiting: usize,
    /// Entries of `withheld` without errors.
    pub(in crate::report::json) withheld: usize,
    pub(in crate::report::json) errors: usize,
    pub(in crate::report::json) unread: usize,
    /// Guards because of which `apply` would refuse.
    pub(in crate::report::json) refusals: usize,
    /// Changes that an API server would refuse for lack of rights.
    pub(in crate::report::json) forbidden: usize,
    /// Changes that `apply` without a saved plan would leave out.
    pub(in crate::report::json) left_out: usize,
}

/// How much was read.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::report::json) enum Coverage {
    /// All of it.
    All,
    /// Some of it: `unread` lists what was not.
    Part,
    /// So little that nothing could be compared: there is no plan.
    Nothing,
}

/// How much was compared.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::report::json) struct Compared {
    pub(in crate::report::json) groups: usize,
    pub(in crate::report::json) environments: usize,
    pub(in crate::report::json) bindings: usize,
}

/// What making the plan has cost.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::report::json) struct Usage {
    pub(in crate::report::json) graph_calls: u64,
    /// How many of them read who is in groups that are not ours.
    pub(in crate::report::json) graph_calls_for_others: u64,
    /// Resource units, as Graph reports them.
    pub(in crate::report::json) graph_units: u64,
    pub(in crate::report::json) cluster_calls: u64,
    pub(in crate::report::json) throttled: u64,
    pub(in crate::report::json) seconds: f64,
}
