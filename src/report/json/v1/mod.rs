//! Version 1 of a plan as JSON. What is published here only grows; whatever else changes becomes version 2.

mod aggregation;
mod base;
mod change;
mod expectation;
mod preflight;
mod rbac;
mod run;
mod since;
mod snapshot;
mod unmanaged;

use schemars::JsonSchema;
use serde::Serialize;

use super::access::Access;
pub(super) use aggregation::{Effect, Reached, Spread};
pub(super) use base::{Author, Base, Begins, FileRead, Owners, Unsaid, Weakening};
pub(super) use change::{Action, Cause, Change, Edge, PrincipalKind, Resource};
pub(super) use expectation::{Expectation, ExpectationCause, ExpectationKind, ExpectationVerdict, ExpectationWhy};
pub(super) use preflight::{Preflight, Refusal, Rights, Unchecked, Whose};
pub(super) use rbac::{Promise, RoleKind, RoleRef, Rule, Subject};
pub(super) use run::{Commit, Compared, Counts, Coverage, Tenant, Usage};
pub(super) use since::{Revision, Since};
pub(super) use snapshot::{Lacking, Snapshot};
pub(super) use unmanaged::{Beside, BindingOwner, Power, Standing, Unmanaged};

/// What `rolecall plan --output json` prints. `null` for an id or a subject's name means: known after apply.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "A rolecall plan, version 1")]
pub(super) struct Plan {
    /// The name of this format.
    pub(super) format: Format,
    /// The plan's id; `null` for one that cannot be applied: it was made from a snapshot, or nothing could be read.
    pub(super) id: Option<String>,
    /// What `apply` does with the plan, once it is saved, if nothing has moved until then. Parts that could not be read are left out.
    pub(super) would_apply: Option<WouldApply>,
    /// The config's name.
    pub(super) config: String,
    /// The commit that the access files were read from; `null` outside git.
    pub(super) commit: Option<Commit>,
    /// The tenant.
    pub(super) tenant: Tenant,
    /// What the change of the access files starts from; `null` where the plan is compared with no base.
    pub(super) base: Option<Base>,
    /// The snapshot that the plan was made from; `null` where the live systems were read.
    pub(super) snapshot: Option<Snapshot>,
    /// What the changes mean for people; with a base, what the change of the access files causes of it.
    pub(super) access: Access,
    /// The changes, each after those it requires.
    pub(super) changes: Vec<Change>,
    /// What the files ask for and this plan does not do.
    pub(super) withheld: Vec<Withheld>,
    /// What is worth knowing.
    pub(super) notes: Vec<Note>,
    /// Bindings on clusters that no file asks for, those that may stay included; none of an environment that ignores them.
    pub(super) unmanaged: Vec<Unmanaged>,
    /// What guards say.
    pub(super) guards: Vec<Guard>,
    /// What is expected of somebody, and whether it holds once the plan is carried out.
    pub(super) expectations: Vec<Expectation>,
    /// Whether whoever applies may write the changes, for each environment that they touch.
    pub(super) preflight: Vec<Preflight>,
    /// What changed roles do to those who have a role that takes them in: `view`, `edit`, `admin` or another.
    pub(super) aggregation: Vec<Spread>,
    /// Parts that could not be read.
    pub(super) unread: Vec<Unread>,
    /// How much was read of what the files are about. Where it is not all, no changes does not mean that there are none.
    pub(super) read: Coverage,
    /// Counts of all of the above.
    pub(super) counts: Counts,
    /// How much was compared.
    pub(super) compared: Compared,
    /// What making the plan has cost.
    pub(super) usage: Option<Usage>,
}

#[derive(Serialize, JsonSchema)]
pub(super) enum Format {
    #[serde(rename = "rolecall-plan/1")]
    V1,
}

/// What `apply` does with a plan.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum WouldApply {
    /// It writes changes. An expectation that was broken before, through none of them, stops nothing.
    Changes,
    /// There is nothing to write.
    Nothing,
    /// It writes nothing until what a guard asks for is acknowledged.
    Acknowledge,
    /// It writes nothing: an expectation stops it, or with `--strict` a name that does not resolve.
    Refused,
}

/// A line of an access file.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Origin {
    /// The file, relative to the config's folder.
    pub(super) file: String,
    /// The line, from 1.
    pub(super) line: u32,
}

/// Something the files ask for that this plan does not do.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Withheld {
    pub(super) origin: Option<Origin>,
    pub(super) addresses: Vec<String>,
    /// What would become of each of them, in the same order.
    pub(super) actions: Vec<Action>,
    /// A stable id; docs/reference/plan-ids.md explains each.
    pub(super) reason: String,
    pub(super) message: String,
    /// What to do next, where the message does not say it.
    pub(super) next: Option<String>,
    /// Whether the run counts as failed because of it.
    pub(super) error: bool,
}

/// Something worth knowing.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Note {
    /// A stable id; docs/reference/plan-ids.md explains each.
    pub(super) kind: String,
    pub(super) environment: Option<String>,
    pub(super) origin: Option<Origin>,
    pub(super) message: String,
}

/// What a guard says about one subject.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Guard {
    /// Which guard: a stable id.
    pub(super) id: String,
    pub(super) subject: String,
    pub(super) message: String,
    pub(super) verdict: Verdict,
    /// Addresses of changes that are left to a saved plan.
    pub(super) leaves_out: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Verdict {
    /// `apply` would refuse until it is acknowledged.
    Refuses,
    /// `apply` without a saved plan would leave some changes out.
    LeavesOut,
    /// It was acknowledged.
    Acknowledged,
}

/// A part that could not be read.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct Unread {
    /// The environment; `null` is Entra.
    pub(super) environment: Option<String>,
    /// A stable id of the kind of failure.
    pub(super) failure: String,
    pub(super) message: String,
    pub(super) next: Option<String>,
    /// Whether the run goes on without it.
    pub(super) allowed: bool,
}
