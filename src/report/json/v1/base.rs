//! What the change of the access files starts from.

use schemars::JsonSchema;
use serde::Serialize;

use super::{Change, Origin};
use crate::report::json::access::Access;

/// What the change of the access files starts from.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::report::json) struct Base {
    /// The branch, tag or commit that was asked for.
    pub(in crate::report::json) reference: String,
    /// The commit that the change has in common with it.
    pub(in crate::report::json) commit: String,
    /// Whether the clone lacks part of the history, so that there may be a nearer one.
    pub(in crate::report::json) shallow: bool,
    /// What the change weakens of what keeps watch, what matters most first.
    pub(in crate::report::json) weakened: Vec<Weakening>,
    /// What is not read because the change would have it reached otherwise: each in a sentence.
    pub(in crate::report::json) left_out: Vec<String>,
    /// What would be put right without the change, and stays as it is with it.
    pub(in crate::report::json) accepted: Vec<Change>,
    /// What the changes that were off before mean for people; `null` where they cannot be told apart.
    pub(in crate::report::json) drift: Option<Access>,
    /// Why what the change causes cannot be told from what was off before; `null` where it can.
    pub(in crate::report::json) not_told: Option<String>,
}

/// One thing that the change weakens.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::report::json) struct Weakening {
    /// A stable id.
    pub(in crate::report::json) kind: String,
    pub(in crate::report::json) message: String,
    /// The line that does it; `null` where something was taken out.
    pub(in crate::report::json) now: Option<Origin>,
    /// The line that stood for it in the base.
    pub(in crate::report::json) was: Option<Origin>,
}
