//! Guards: rules that make `apply` refuse until somebody has named the guard and its subject.
//!
//! A guard never breaks a plan. It says what it objects to, and stays in the plan when it was acknowledged.

mod cluster_admin_gained;
mod config_renamed;
mod default_role_widened;
mod empty_config;
mod group_deleted;
mod group_emptied;
mod group_replaced;
mod group_restored;
mod last_owner;
mod own_identity;
mod protected;
mod removals;
mod unmanaged;

use std::collections::BTreeMap;

use super::parts::Parts;
use super::resolve::Directory;
use super::{Verdict, aggregation};
use crate::state::{
    Acknowledgement, Address, Change, Desired, Edge, EnvironmentName, GroupKey, Only, Operation, Policy, RemovalLimits,
    Resource,
};

/// One guard.
pub struct Guard {
    /// Its id, as `--acknowledge` takes it.
    pub id: &'static str,
    /// One sentence for lists of guards.
    pub summary: &'static str,
    /// Whether `--acknowledge` silences it.
    pub can_be_acknowledged: bool,
    check: fn(&Case<'_>) -> Vec<Objection>,
}

/// Every guard.
pub static GUARDS: [&Guard; 13] = [
    &config_renamed::GUARD,
    &empty_config::GUARD,
    &group_replaced::GUARD,
    &group_restored::GUARD,
    &group_deleted::GUARD,
    &group_emptied::GUARD,
    &last_owner::GUARD,
    &own_identity::GUARD,
    &cluster_admin_gained::GUARD,
    &default_role_widened::GUARD,
    &removals::GUARD,
    &unmanaged::GUARD,
    &protected::GUARD,
];

/// What a guard looks at.
struct Case<'a> {
    desired: &'a Desired,
    limits: RemovalLimits,
    only: &'a Only,
    policy: &'a Policy,
    changes: &'a [Change],
    /// Those of them on a cluster, by environment.
    on: BTreeMap<&'a EnvironmentName, Vec<&'a Change>>,
    parts: &'a Parts<'a>,
    directory: &'a Directory<'a>,
}

impl<'a> Case<'a> {
    /// The changes on an environment.
    fn changes_on(&self, name: &EnvironmentName) -> &[&'a Change] {
        self.on.get(name).map_or(&[], Vec::as_slice)
    }
}

/// What a guard says.
struct Objection {
    /// What it is about, as `--acknowledge GUARD:SUBJECT` takes it.
    subject: String,
    /// What would happen.
    message: String,
    /// What is left to a saved plan because of it, if it does not object to the whole.
    leaves_out: Vec<Address>,
}

impl Objection {
    fn new(subject: impl Into<String>, message: impl Into<String>) -> Self {
        Self { subject: subject.into(), message: message.into(), leaves_out: Vec::new() }
    }
}

/// Asks every guard about these changes, in the order of [`GUARDS`]. They see the groups as the diff left them: one that is
/// not made after all is neither planned nor restored.
pub(super) fn judge(
    desired: &Desired,
    policy: &Policy,
    parts: &Parts<'_>,
    directory: &Directory<'_>,
    changes: &[Change],
) -> Vec<Verdict> {
    let on = aggregation::by_environment(changes);
    let case = Case { desired, limits: policy.limits, only: &policy.only, policy, changes, on, parts, directory };
    let mut verdicts = Vec::new();
    for guard in GUARDS {
        for objection in (guard.check)(&case) {
            let name = Acknowledgement { guard: guard.id.to_owned(), subject: objection.subject };
            verdicts.push(Verdict {
                acknowledged: guard.can_be_acknowledged && policy.acknowledged.contains(&name),
                guard: name.guard,
                subject: name.subject,
                message: objection.message,
                leaves_out: objection.leaves_out,
            });
        }
    }
    verdicts
}

/// What happens to one list of a group.
#[derive(Clone, Copy, Default)]
struct Tally {
    added: usize,
    removed: usize,
}

/// The changes of one kind of edge, by group.
fn tally(changes: &[Change], wanted: fn(&Resource) -> Option<&Edge>) -> BTreeMap<&GroupKey, Tally> {
    let mut tallies: BTreeMap<&GroupKey, Tally> = BTreeMap::new();
    for change in changes {
        let (resource, is_removal) = match &change.operation {
            Operation::Create { after } => (after, false),
            Operation::Delete { before } => (before, true),
            Operation::Restore { .. } | Operation::Update { .. } => continue,
        };
        if let Some(edge) = wanted(resource) {
            let tally = tallies.entry(&edge.group).or_default();
            if is_removal {
                tally.removed += 1;
            } else {
                tally.added += 1;
            }
        }
    }
    tallies
}

fn member(resource: &Resource) -> Option<&Edge> {
    match resource {
        Resource::Member(edge) => Some(edge),
        Resource::Owner(_) | Resource::Group(_) | Resource::Role(_) | Resource::Binding(_) => None,
    }
}

fn owner(resource: &Resource) -> Option<&Edge> {
    match resource {
        Resource::Owner(edge) => Some(edge),
        Resource::Member(_) | Resource::Group(_) | Resource::Role(_) | Resource::Binding(_) => None,
    }
}

/// `1 member`, `2 members`.
fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}
