//! Plans, findings and events as text and JSON. Returns strings; never prints.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;

use crate::access::AccessDifference;
use crate::access::expectations::Judged;
use crate::plan::{Caused, Owning, Unsaid, Verdict};
use crate::snapshot::{Age, Lacking};
use crate::state::{ConfigName, EnvironmentName, GroupKey, TenantId, Usage, Weakening};

mod conclusion;
mod counts;
pub mod csv;
mod drift;
pub mod escape;
pub mod findings;
pub mod json;
pub mod lint;
pub mod markdown;
pub mod patch;
pub mod text;
mod unread;

#[cfg(test)]
mod tests;

/// What a report says besides the plan itself.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// The commit that the access files were read from, where there is one.
    pub commit: Option<Commit>,
    /// What the changes mean for people.
    pub access: Arc<AccessDifference>,
    /// The plan's id; `None` for one that cannot be applied.
    pub plan_id: Option<String>,
    /// What `apply` would do with it, where that is known.
    pub would_apply: Option<WouldApply>,
    /// What making the plan has cost.
    pub spent: Option<Spent>,
    /// How the plan would be, or is being, applied.
    pub applies: Applies,
    /// What the guards say of the changes that `apply` makes without a saved plan; `None` where that is all of them.
    pub without_saved: Option<Vec<Verdict>>,
    /// Whether `access` and `expectations` are those of a part, because the rest is left to a saved plan.
    pub is_part: bool,
    /// What became of the expectations, on what would be there once the plan is carried out.
    pub expectations: Vec<Judged>,
    /// What the change of the access files is compared with, where it is.
    pub base: Option<Base>,
    /// The snapshot that the plan was made from in place of the live systems, where it was.
    pub snapshot: Option<FromSnapshot>,
}

/// A snapshot that a plan was made from.
#[derive(Clone, Debug)]
pub struct FromSnapshot {
    /// When it was taken.
    pub taken: Timestamp,
    /// How old it is now.
    pub age: Age,
    /// The commit of the access files with which it was taken. Text of the file.
    pub commit: Option<String>,
    /// Whether names and ids that the access files did not have are pseudonyms in it.
    pub pseudonymised: bool,
    /// What was asked and it does not have.
    pub lacking: Lacking,
}

/// What a change of the access files starts from, and what it does beside the plan.
#[derive(Clone, Debug)]
pub struct Base {
    /// The branch, tag or commit that was asked for. May hold text from the repository.
    pub reference: String,
    /// The commit that the change has in common with it.
    pub commit: String,
    /// Its id for people.
    pub short: String,
    /// Whether the clone lacks part of the history, so that there may be a nearer one.
    pub is_shallow: bool,
    /// That there are no access files in that commit, where that is so: all that these ask for comes by the change.
    pub begins: Option<Begins>,
    /// What the change weakens.
    pub weakened: Vec<Weakening>,
    /// What a reviewer must know first, and what is not read because the change would have it reached otherwise: sentences.
    pub left_out: Vec<String>,
    /// What it causes, or why that cannot be told from what was off before: a sentence.
    pub caused: Result<Caused, String>,
    /// What the rest of the plan means for people. The plan's own difference is then what the change causes alone.
    pub drift: Arc<AccessDifference>,
    /// What it causes and none of its lines says; or why that cannot be told: a sentence.
    pub unsaid: Result<Vec<Unsaid>, String>,
    /// The mail addresses of those who wrote it, as git says, which whoever commits chooses. Hostile text.
    pub authors: Vec<String>,
    /// Who owns the groups that it is about.
    pub owners: BTreeMap<GroupKey, Owning>,
}

/// Where there are no access files yet that a change could be compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begins {
    /// In the commit that the change starts from; the branch that it goes to has some by now.
    AtStart,
    /// In the branch that it goes to either: nothing says how systems are to be reached, so that nothing was read.
    Everywhere,
}

/// What a report about what is there says besides the expectations themselves.
#[derive(Clone, Debug)]
pub struct Verification {
    /// The name of the config.
    pub config: ConfigName,
    /// The tenant.
    pub tenant: TenantId,
    /// Its domain, where it may be read.
    pub domain: Option<String>,
    /// The commit that the access files were read from, where there is one.
    pub commit: Option<Commit>,
    /// Environments that may be out of reach.
    pub allowed: BTreeSet<EnvironmentName>,
    /// What it has cost.
    pub spent: Spent,
}

/// How a plan is applied.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Applies {
    /// At once, or not yet decided: protected changes are left out unless it is saved first.
    #[default]
    Unsaved,
    /// From a saved plan, protected changes included.
    Saved,
}

/// What `apply` does with a plan, once it is saved, if nothing has moved until then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WouldApply {
    /// It writes changes.
    Changes,
    /// There is nothing to write.
    Nothing,
    /// It writes nothing until what a guard asks for is acknowledged.
    Acknowledge,
    /// It writes nothing: an expectation stops it, or with `--strict` a name that does not resolve.
    Refused,
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
    /// How many of them read who is in groups that are not ours.
    pub others: u64,
    /// Calls to all clusters.
    pub clusters: Usage,
    /// The time since the run started.
    pub elapsed: Duration,
}
