//! What a plan was made from in place of the live systems.

use schemars::JsonSchema;
use serde::Serialize;

/// A snapshot that a plan was made from. Whoever wrote the file decides what is seen in the plan.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::report::json) struct Snapshot {
    /// When it was taken, RFC 3339.
    pub(in crate::report::json) taken: String,
    /// How old it was, in seconds; `null` where one of the two clocks is wrong.
    pub(in crate::report::json) age: Option<i64>,
    /// Whether it was older than a day, or nobody knows.
    pub(in crate::report::json) old: bool,
    /// The commit of the access files with which it was taken.
    pub(in crate::report::json) commit: Option<String>,
    /// Whether names and ids that the access files did not have are pseudonyms: nobody is called so, and nothing has such an id.
    pub(in crate::report::json) pseudonymised: bool,
    /// What the plan asked and the snapshot does not have: nothing was derived from that.
    pub(in crate::report::json) lacking: Lacking,
}

/// What is not in a snapshot.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::report::json) struct Lacking {
    /// Names of people, apps and groups of others.
    pub(in crate::report::json) names: Vec<String>,
    /// Object ids of groups that the files name by id.
    pub(in crate::report::json) groups: Vec<String>,
    /// Display names of which nobody knows whether other groups have them.
    pub(in crate::report::json) display_names: Vec<String>,
}
