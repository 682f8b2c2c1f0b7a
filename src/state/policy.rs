//! What a run may do: limits, acknowledgements and narrowing, as plain values.

use std::collections::BTreeSet;
use std::fmt;
use std::str::FromStr;

use super::{EnvironmentName, GroupKey, InvalidName};

/// Everything that judges a plan besides the two states.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Policy {
    /// Limits on removals.
    pub limits: RemovalLimits,
    /// What the person running rolecall has acknowledged.
    pub acknowledged: BTreeSet<Acknowledgement>,
    /// Names that cannot be resolved are errors, not withheld entries.
    pub strict: bool,
    /// Environments that may be out of reach without failing the run.
    pub allow_unreachable: BTreeSet<EnvironmentName>,
    /// What is planned at all.
    pub only: Only,
    /// Who will write what is planned.
    pub applied_by: AppliedBy,
    /// The clusters are invented, so that their uids are nothing to pin.
    pub invented: bool,
}

/// Who will write what is planned.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AppliedBy {
    /// On each cluster its environment's `applier:`, or somebody who is not known.
    #[default]
    Applier,
    /// Whoever makes the plan: `apply`, and everything in a sandbox, where an applier of a real cluster has no rights.
    Ourselves,
}

/// How many edges (members, owners, bindings) may be removed before a guard asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RemovalLimits {
    /// Of one group: more than this share in percent …
    pub group_percent: u32,
    /// … and more than this many.
    pub group_count: usize,
    /// Of the whole run: more than this many, or …
    pub run_count: usize,
    /// … more than this share in percent …
    pub run_percent: u32,
    /// … and more than this many.
    pub run_floor: usize,
}

impl Default for RemovalLimits {
    fn default() -> Self {
        Self { group_percent: 25, group_count: 2, run_count: 20, run_percent: 10, run_floor: 5 }
    }
}

/// `--acknowledge GUARD:SUBJECT`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Acknowledgement {
    /// The guard's id.
    pub guard: String,
    /// What of it is acknowledged, spelt as the guard printed it.
    pub subject: String,
}

impl FromStr for Acknowledgement {
    type Err = InvalidName;
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        match text.split_once(':') {
            Some((guard, subject)) if !guard.is_empty() && !subject.is_empty() => {
                Ok(Self { guard: guard.to_owned(), subject: subject.to_owned() })
            }
            _ => Err(InvalidName("write it as the plan prints it: GUARD:SUBJECT".to_owned())),
        }
    }
}

impl fmt::Display for Acknowledgement {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.guard, self.subject)
    }
}

/// `--only`: what is planned and applied. Empty means everything.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Only(pub BTreeSet<Target>);

/// One value of `--only`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// All of Entra.
    Entra,
    /// One group.
    Group(GroupKey),
    /// One environment.
    Environment(EnvironmentName),
}

impl FromStr for Target {
    type Err = InvalidName;
    /// `entra`, `group/NAME`, or an environment's name.
    fn from_str(text: &str) -> Result<Self, InvalidName> {
        if text == "entra" {
            return Ok(Self::Entra);
        }
        match text.split_once('/') {
            Some(("group", key)) => key.parse().map(Self::Group),
            Some(_) => Err(InvalidName("use an environment's name, `entra` or `group/NAME`".to_owned())),
            None => text.parse().map(Self::Environment),
        }
    }
}

impl fmt::Display for Target {
    /// As `--only` takes it.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Entra => formatter.write_str("entra"),
            Self::Group(key) => write!(formatter, "group/{key}"),
            Self::Environment(name) => write!(formatter, "{name}"),
        }
    }
}

impl Only {
    /// Whether everything is planned.
    pub fn is_everything(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether this environment is planned.
    pub fn environment(&self, name: &EnvironmentName) -> bool {
        self.is_everything() || self.0.contains(&Target::Environment(name.clone()))
    }

    /// Whether all of Entra is planned, the deletion of groups included.
    pub fn all_groups(&self) -> bool {
        self.is_everything() || self.0.contains(&Target::Entra)
    }

    /// Whether anything in Entra is planned. Every cluster is then read as well, because what a group may do there decides
    /// whether it may go.
    pub fn changes_entra(&self) -> bool {
        self.is_everything() || self.0.iter().any(|target| !matches!(target, Target::Environment(_)))
    }

    /// Whether this group is planned.
    pub fn group(&self, key: &GroupKey) -> bool {
        self.all_groups() || self.0.contains(&Target::Group(key.clone()))
    }
}
