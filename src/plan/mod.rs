//! From two states to a plan: what would change, in which order, what is withheld, and which guards refuse.
//!
//! Everything here is pure.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::state::{Address, Change, ConfigName, EnvironmentName, Failure, Origin, TenantId};

/// What would change, and everything a person needs to decide about it.
#[must_use]
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The config.
    pub config: ConfigName,
    /// The tenant.
    pub tenant: TenantId,
    /// The tenant's domain, for people.
    pub domain: Option<String>,
    /// The changes, each after those it requires, otherwise by address.
    pub changes: Vec<Change>,
    /// What the files ask for and this plan does not do.
    pub withheld: Vec<Withheld>,
    /// What a person should know and nobody needs to act on now.
    pub notes: Vec<Note>,
    /// The guards that have something to say.
    pub verdicts: Vec<Verdict>,
    /// Parts that could not be read: an environment, or Entra as a whole.
    pub unread: Vec<Unread>,
    /// How much was compared.
    pub compared: Compared,
    /// Names for the object ids that occur in changes, for people.
    pub names: BTreeMap<String, String>,
}

/// How much of the files was compared with the live systems.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    /// Groups.
    pub groups: usize,
    /// Environments that could be read.
    pub environments: usize,
    /// Bindings asked for, over all environments.
    pub bindings: usize,
}

/// Something the files ask for that this plan does not do, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Withheld {
    /// The line that asks for it.
    pub origin: Option<Origin>,
    /// What is withheld, by address; several when one cause holds back more.
    pub addresses: Vec<Address>,
    /// A stable id of the reason, e.g. `unknown-person`.
    pub reason: String,
    /// What, why, and what to do next, in one or two sentences. May hold remote text.
    pub message: String,
    /// Whether the run counts as failed because of it (`--strict`, a name that two groups share).
    pub is_error: bool,
}

/// Something worth knowing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Note {
    /// The environment it is about; `None` for Entra or the whole.
    pub environment: Option<EnvironmentName>,
    /// The line it is about.
    pub origin: Option<Origin>,
    /// A stable id, e.g. `unmanaged-binding`, `disabled-person`, `adoption-candidate`.
    pub kind: String,
    /// The message. May hold remote text.
    pub message: String,
}

/// What a guard says about one subject.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Verdict {
    /// The guard's id, e.g. `group-deleted`.
    pub guard: String,
    /// What it is about, spelt as `--acknowledge GUARD:SUBJECT` wants it.
    pub subject: String,
    /// What would happen. May hold remote text.
    pub message: String,
    /// Whether it was acknowledged.
    pub acknowledged: bool,
    /// Whether it only leaves the changes it is about to a saved plan (`protected`), rather than refusing the whole apply.
    pub leaves_out: Vec<Address>,
}

/// A part that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// The environment; `None` is Entra.
    pub environment: Option<EnvironmentName>,
    /// Why.
    pub failure: Failure,
    /// Whether `--allow-unreachable` names it.
    pub allowed: bool,
}
