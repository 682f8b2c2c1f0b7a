//! Plans, findings and events as text and JSON. Returns strings; never prints.

use std::time::Duration;

use crate::state::Usage;

mod counts;
pub mod escape;
pub mod findings;
pub mod json;
pub mod text;

#[cfg(test)]
mod tests;

/// What a report says besides the plan itself.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// The commit that the access files were read from, where there is one.
    pub commit: Option<Commit>,
    /// The plan's id.
    pub plan_id: Option<String>,
    /// What making the plan has cost.
    pub spent: Option<Spent>,
}

/// A git commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Commit {
    /// Its full id.
    pub id: String,
    /// Its id for people.
    pub short: String,
    /// Whether the access files differ from it.
    pub dirty: bool,
}

/// What a run has cost so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spent {
    /// Calls to Microsoft Graph.
    pub graph: Usage,
    /// Calls to all clusters.
    pub clusters: Usage,
    /// The time since the run started.
    pub elapsed: Duration,
}
