//! Many removals at once are more often a mistake than a wish.

use std::collections::{BTreeMap, BTreeSet};

use super::{Case, Guard, Objection, member, owner, tally};
use crate::plan::aggregation::{self, Effect};
use crate::plan::kubernetes::binding_address;
use crate::state::{Address, Change, Edge, GroupKey, Mark, Operation, Resource, Subject};

pub(super) static GUARD: Guard = Guard {
    id: "removals",
    summary: "More members, owners or bindings would be removed than the limits allow.",
    can_be_acknowledged: true,
    check,
};

fn check(case: &Case<'_>) -> Vec<Objection> {
    let mut objections: BTreeMap<&GroupKey, Vec<String>> = BTreeMap::new();
    let mut removed = 0;
    for (what, wanted) in [("members", member as fn(&Resource) -> Option<&Edge>), ("owners", owner)] {
        for (key, tally) in tally(case.changes, wanted) {
            removed += tally.removed;
            let live = case.directory.live(key);
            let total =
                live.map_or(0, |group| if what == "members" { group.members.len() } else { group.owners.len() });
            let limits = case.limits;
            if tally.removed > limits.group_count && is_more_than(tally.removed, total, limits.group_percent) {
                objections.entry(key).or_default().push(format!("{} of {total} {what}", tally.removed));
            }
        }
    }
    let of_groups = objections.into_iter().map(|(key, losses)| {
        Objection::new(format!("group={key}"), format!("{key} would lose {}", losses.join(" and ")))
    });
    of_groups.chain(run(case, removed)).collect()
}

fn run(case: &Case<'_>, edges: usize) -> Option<Objection> {
    let gone: BTreeSet<&Address> = case
        .changes
        .iter()
        .filter(|change| matches!(change.operation, Operation::Delete { before: Resource::Binding(_) }))
        .map(|change| &change.address)
        .collect();
    // Whoever had what is replaced has the same from ours.
    let bindings =
        case.changes.iter().filter(|change| gone.contains(&change.address) && change.replaced_by.is_none()).count();
    let narrowed = narrowed(case, &gone);
    let subjects: usize = case.changes.iter().map(taken_out).sum();
    let removed = edges + bindings + narrowed.len() + subjects;
    let total = live_edges(case, &narrowed) + subjects;
    let limits = case.limits;
    let is_many =
        removed > limits.run_count || (removed > limits.run_floor && is_more_than(removed, total, limits.run_percent));
    is_many.then(|| {
        let narrowed = match narrowed.len() {
            0 => String::new(),
            count => format!(" or narrowed ({count}: their role loses rules)"),
        };
        let subjects = match subjects {
            0 => String::new(),
            count => format!(" ({count} out of a binding that stays)"),
        };
        let message = format!("{removed} of {total} members, owners and bindings would be removed{subjects}{narrowed}");
        Objection::new(format!("run={removed}"), message)
    })
}

/// The bindings that stay, ours or not, to a role that loses rules: their subjects lose those.
fn narrowed(case: &Case<'_>, gone: &BTreeSet<&Address>) -> BTreeSet<Address> {
    let clusters = case.parts.clusters.iter();
    let impacts = clusters.flat_map(|(name, part)| aggregation::impacts(name, *part, case.changes_on(name)));
    let narrowing = impacts.filter(|impact| impact.effect == Effect::Narrows);
    narrowing
        .flat_map(|impact| impact.bindings)
        .map(|(address, ..)| address)
        .filter(|address| !gone.contains(address))
        .collect()
}

/// How many subjects a change takes out of a binding that stays.
fn taken_out(change: &Change) -> usize {
    let (Some(Resource::Binding(before)), Some(Resource::Binding(after))) = (change.before(), change.after()) else {
        return 0;
    };
    let stays = |subject: &Subject| after.subjects.iter().any(|kept| kept.is_same(subject));
    before.subjects.iter().filter(|subject| !stays(subject)).count()
}

/// Members and owners of every group that is ours to change, bindings of ours, and those of others that are narrowed.
fn live_edges(case: &Case<'_>, narrowed: &BTreeSet<Address>) -> usize {
    let groups: usize =
        case.directory.own_groups(case.desired).map(|(_, group)| group.members.len() + group.owners.len()).sum();
    let bindings = case.parts.clusters.iter().flat_map(|(name, part)| {
        part.cluster.bindings.iter().filter(move |live| {
            live.meta.mark == Mark::Ours || narrowed.contains(&binding_address(name, &live.binding))
        })
    });
    groups + bindings.count()
}

/// In whole numbers, so that no rounding lets one more through.
fn is_more_than(part: usize, whole: usize, percent: u32) -> bool {
    part.saturating_mul(100) > whole.saturating_mul(percent as usize)
}
