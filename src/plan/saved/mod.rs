//! Saved plans: what was approved, as data. Nothing in one is ever carried out; it only limits what a fresh plan may do.

mod agreement;
mod expected;
mod moved;

use std::collections::BTreeSet;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use self::agreement::{Agreement, agree};
pub use self::expected::Expectation;
pub use self::moved::{Asked, Moved, Now, Why};
use super::Plan;
use super::digest::digest;
use crate::state::expectation::DesiredExpectation;
use crate::state::{
    Acknowledgement, Address, Beyond, Change, Coming, ConfigName, Desired, Gain, Only, Operation, Policy, Resource,
    TenantId, beyond, first_few,
};

/// The format that this version writes and reads.
pub const FORMAT: &str = "rolecall-saved-plan/3";

/// The largest file that is read, in bytes: some three hundred thousand changes.
pub const SIZE_LIMIT: usize = 256 * 1024 * 1024;

/// A plan in a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SavedPlan {
    /// Always [`FORMAT`].
    format: String,
    /// The version of rolecall that wrote it, for people.
    pub rolecall: String,
    /// The config.
    pub config: ConfigName,
    /// The tenant.
    pub tenant: TenantId,
    /// The hash of the config's tree of files.
    pub tree: String,
    /// The git commit of the files, where they were in a repository.
    pub commit: Option<String>,
    /// The plan id as it was printed, for people; nothing relies on it, see [`SavedPlan::id`].
    pub plan_id: String,
    /// What the plan was narrowed to, as `--only` takes it.
    only: Vec<String>,
    /// What was acknowledged when the plan was saved, for people; see [`SavedPlan::only`].
    acknowledged: Vec<String>,
    /// What the files expected; see [`SavedPlan::check_expectations`].
    pub expectations: BTreeSet<Expectation>,
    /// What people come to have by the changes, as it was shown; see [`SavedPlan::beyond`].
    gains: Vec<Gain>,
    /// The changes, in order.
    pub changes: Vec<Change>,
}

/// Where a saved plan comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Provenance {
    /// The version of rolecall.
    pub rolecall: String,
    /// The hash of the config's tree of files.
    pub tree: String,
    /// The git commit, where there is one.
    pub commit: Option<String>,
}

/// Why a file is no saved plan that can be applied here.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SavedPlanError {
    /// It is larger than [`SIZE_LIMIT`].
    #[error("the saved plan is {0} bytes long, {SIZE_LIMIT} is the most; save a plan of less with `--only`")]
    TooLarge(usize),
    /// It is no JSON, or not of the shape of a saved plan.
    #[error("this is no saved plan: {0}; make one with `rolecall plan --save FILE`")]
    Malformed(String),
    /// Another version of the format.
    #[error("the saved plan is of format `{0}`, this version of rolecall reads `{FORMAT}`; save the plan again")]
    OtherFormat(String),
    /// A snapshot of what is live, which says nothing of what is to be done.
    #[error(
        "this is a snapshot of what was live, not a plan: nothing in it says what to change; make a plan with `rolecall plan \
         --save FILE`"
    )]
    Snapshot,
    /// A plan as it is printed for programs.
    #[error(
        "this is what `rolecall plan --output json` prints, not a saved plan; make one with `rolecall plan --save FILE`"
    )]
    Output,
    /// One address twice.
    #[error("the saved plan holds two changes of {0}; it was not written by rolecall, save the plan again")]
    Duplicate(Address),
    /// Another config.
    #[error("the saved plan is of the config `{saved}`, these files are `{files}`")]
    OtherConfig {
        /// The config in the file.
        saved: ConfigName,
        /// The config of the access files.
        files: ConfigName,
    },
    /// Another tenant.
    #[error("the saved plan is for tenant {saved}, these files are for {files}")]
    OtherTenant {
        /// The tenant in the file.
        saved: TenantId,
        /// The tenant of the access files.
        files: TenantId,
    },
    /// The files expect less than they did.
    #[error("the files expect less than when the plan was saved ({0}); save the plan again, and have that approved")]
    ExpectsLess(String),
    /// It cannot be written.
    #[error("the plan cannot be written as JSON: {0}")]
    Unwritable(String),
}

/// Only the first thing to look at: a file of another format has another shape.
#[derive(Deserialize)]
struct Head {
    format: String,
}

impl SavedPlan {
    /// A plan as it is to be saved.
    pub fn new(plan: &Plan, policy: &Policy, provenance: Provenance) -> Self {
        let saved = Self {
            format: FORMAT.to_owned(),
            rolecall: provenance.rolecall,
            config: plan.config.clone(),
            tenant: plan.tenant,
            tree: provenance.tree,
            commit: provenance.commit,
            plan_id: String::new(),
            only: policy.only.0.iter().map(ToString::to_string).collect(),
            acknowledged: policy.acknowledged.iter().map(ToString::to_string).collect(),
            expectations: BTreeSet::new(),
            gains: Vec::new(),
            changes: plan.changes.clone(),
        };
        Self { plan_id: saved.id(), ..saved }
    }

    /// The same, made while the files expected this, and shown with what people come to have.
    #[must_use]
    pub fn showing(self, expectations: &[DesiredExpectation], gains: Vec<Gain>) -> Self {
        let saved = Self { expectations: expected::expected(expectations), gains, ..self };
        Self { plan_id: saved.id(), ..saved }
    }

    /// What [`plan_id`] gave for the plan in the file, worked out of what the file holds.
    pub fn id(&self) -> String {
        id_of(self.tenant, &self.config, &self.changes, &self.expectations, &self.gains)
    }

    /// Who would come to more by what is planned now than the saved plan showed: who was added to a group that is not ours
    /// meanwhile, for one.
    pub fn beyond(&self, coming: &[Coming]) -> BTreeSet<Beyond> {
        beyond(&self.gains, coming)
    }

    /// Where the files of the plan stand beside the ones that are planned now: a sentence without an end. `None` for the same
    /// files at the same commit.
    pub fn moved_base(&self, commit: Option<&str>, tree: &str) -> Option<String> {
        if self.tree == tree && self.commit.as_deref() == commit {
            return None;
        }
        let (then, now) = (self.place(), place(commit, tree));
        let same = if self.tree == tree { " (the same files)" } else { "" };
        Some(format!("the plan was saved at {then}, the files are at {now}{same}"))
    }

    /// Where the plan was saved, for people: a commit, or the hash of the files where there is none.
    pub fn place(&self) -> String {
        place(self.commit.as_deref(), &self.tree)
    }

    /// The text of the file.
    pub fn to_json(&self) -> Result<String, SavedPlanError> {
        serde_json::to_string_pretty(self)
            .map(|text| text + "\n")
            .map_err(|error| SavedPlanError::Unwritable(error.to_string()))
    }

    /// Reads a file. Whatever it holds is a claim about what was approved, to be compared with a fresh plan by [`agree`].
    pub fn parse(bytes: &[u8]) -> Result<Self, SavedPlanError> {
        if bytes.len() > SIZE_LIMIT {
            return Err(SavedPlanError::TooLarge(bytes.len()));
        }
        let malformed = |error: serde_json::Error| SavedPlanError::Malformed(error.to_string());
        let head: Head = serde_json::from_slice(bytes).map_err(malformed)?;
        if head.format.starts_with("rolecall-snapshot/") {
            return Err(SavedPlanError::Snapshot);
        }
        if head.format.starts_with("rolecall-plan/") {
            return Err(SavedPlanError::Output);
        }
        if head.format != FORMAT {
            return Err(SavedPlanError::OtherFormat(head.format));
        }
        let saved: Self = serde_json::from_slice(bytes).map_err(malformed)?;
        saved.only()?;
        saved.check_acknowledged()?;
        let mut addresses = BTreeSet::new();
        match saved.changes.iter().find(|change| !addresses.insert(&change.address)) {
            Some(change) => Err(SavedPlanError::Duplicate(change.address.clone())),
            None => Ok(saved),
        }
    }

    /// Whether the file belongs to these access files at all.
    pub fn check_target(&self, desired: &Desired) -> Result<(), SavedPlanError> {
        if self.config != desired.config {
            return Err(SavedPlanError::OtherConfig { saved: self.config.clone(), files: desired.config.clone() });
        }
        if self.tenant != desired.tenant {
            return Err(SavedPlanError::OtherTenant { saved: self.tenant, files: desired.tenant });
        }
        Ok(())
    }

    /// Whether the files still expect all that they did when the plan was saved. What was approved while an expectation failed,
    /// or held, is not carried out because the expectation is gone.
    pub fn check_expectations(&self, desired: &Desired) -> Result<(), SavedPlanError> {
        const NAMED: usize = 3;
        let now = expected::expected(&desired.expectations);
        let is_gone =
            |approved: &&Expectation| !now.contains(*approved) && !now.iter().any(|now| now.is_as_strong_as(approved));
        let gone: Vec<String> = self.expectations.iter().filter(is_gone).map(Expectation::words).collect();
        if gone.is_empty() { Ok(()) } else { Err(SavedPlanError::ExpectsLess(first_few(gone, NAMED))) }
    }

    /// What the fresh plan is to be narrowed to: what the saved one was. Anything else would only make the two differ.
    ///
    /// The acknowledgements in the file are not used: nothing proves who wrote them, and a preview may be run by somebody
    /// who wants more than they have. Whoever applies says them anew.
    pub fn only(&self) -> Result<Only, SavedPlanError> {
        let targets = self.only.iter().map(|text| {
            text.parse().map_err(|error| SavedPlanError::Malformed(format!("`{text}` in `only`: {error}")))
        });
        targets.collect::<Result<_, _>>().map(Only)
    }

    fn check_acknowledged(&self) -> Result<(), SavedPlanError> {
        self.acknowledged.iter().try_for_each(|text| match text.parse::<Acknowledgement>() {
            Ok(_) => Ok(()),
            Err(error) => Err(SavedPlanError::Malformed(format!("`{text}` in `acknowledged`: {error}"))),
        })
    }
}

/// The name of a plan for people and logs: SHA-256 over its changes with all their preconditions, the tenant, the config,
/// what the files expect, and what people come to have. Always worked out, never read from a file.
pub fn plan_id(plan: &Plan, expectations: &[DesiredExpectation], gains: &[Gain]) -> String {
    id_of(plan.tenant, &plan.config, &plan.changes, &expected::expected(expectations), gains)
}

fn id_of(
    tenant: TenantId,
    config: &ConfigName,
    changes: &[Change],
    expectations: &BTreeSet<Expectation>,
    gains: &[Gain],
) -> String {
    digest(&(tenant, config, changes, expectations, gains))
}

/// A commit as people say it, or the hash of the files where there is none. Both may come from a file that anybody wrote.
fn place(commit: Option<&str>, tree: &str) -> String {
    const SHORT: usize = 12;
    let cut = |text: &str| text.chars().take(SHORT).collect::<String>();
    match commit {
        Some(commit) => match commit.strip_suffix("-dirty") {
            Some(clean) => format!("{} with edits", cut(clean)),
            None => cut(commit),
        },
        None => format!("no commit (files {})", cut(tree)),
    }
}

/// The id of a plan as somebody demands it: all of it, since a plan could be found to fit a part of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlanId(String);

impl PlanId {
    /// All 64 digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for PlanId {
    type Err = NoPlanId;

    fn from_str(text: &str) -> Result<Self, NoPlanId> {
        const DIGITS: usize = 64;
        match text.chars().find(|character| !character.is_ascii_hexdigit()) {
            _ if text.is_empty() => Err(NoPlanId::Empty),
            Some(_) => Err(NoPlanId::NoHex),
            None if text.len() == DIGITS => Ok(Self(text.to_ascii_lowercase())),
            None => Err(NoPlanId::Length(text.len())),
        }
    }
}

/// Why a text is no plan id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoPlanId {
    /// Nothing: a variable that is not set, as a rule.
    #[error("it is empty; give the id that the CI system recorded when the plan was approved")]
    Empty,
    /// Not of hex digits.
    #[error("a plan id is 64 hex digits; `id` in `rolecall plan --output json` has it")]
    NoHex,
    /// Too short or too long.
    #[error(
        "a plan id is 64 hex digits, and all of them are needed, not {0}; a part of them could be met by another plan"
    )]
    Length(usize),
}

/// What was approved of one change: what it does to which object in which state, and what it relies on.
///
/// Left out is what may differ between two runs that do the same: the line in a file, the order, and the
/// `resourceVersion`, which moves with every touch of an object. So is which of the appliers becomes the first owner of a
/// new group, because a plan is made by one identity and applied by another.
pub fn fingerprint(change: &Change) -> String {
    let mut operation = change.operation.clone();
    if let Operation::Create { after: Resource::Group(group) } = &mut operation {
        group.first_owner = None;
    }
    let Change {
        address,
        operation: _,
        origin: _,
        refers,
        cluster,
        uid,
        // It moves with every touch of an object.
        resource_version: _,
        overrules,
        replaced_by,
        // An order, and what is worked out of the rest.
        requires: _,
        protected: _,
    } = change;
    digest(&(address, &operation, refers, cluster, uid, overrules, replaced_by))
}
