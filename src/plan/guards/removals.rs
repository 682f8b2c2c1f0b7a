//! Many removals at once are more often a mistake than a wish.

use std::collections::BTreeMap;

use super::{Case, Guard, Objection, member, owner, tally};
use crate::state::{Edge, GroupKey, Mark, Operation, Resource};

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
    let bindings = case
        .changes
        .iter()
        .filter(|change| matches!(change.operation, Operation::Delete { before: Resource::Binding(_) }))
        // Whoever had what is replaced has the same from ours.
        .filter(|change| change.replaced_by.is_none())
        .count();
    let removed = edges + bindings;
    let total = live_edges(case);
    let limits = case.limits;
    let is_many =
        removed > limits.run_count || (removed > limits.run_floor && is_more_than(removed, total, limits.run_percent));
    is_many.then(|| {
        let message = format!("{removed} of {total} members, owners and bindings would be removed");
        Objection::new(format!("run={removed}"), message)
    })
}

/// Members and owners of every group that is ours to change, and bindings of ours.
fn live_edges(case: &Case<'_>) -> usize {
    let groups: usize =
        case.directory.own_groups(case.desired).map(|(_, group)| group.members.len() + group.owners.len()).sum();
    let bindings = case.parts.clusters.values().flat_map(|part| &part.cluster.bindings);
    groups + bindings.filter(|live| live.meta.mark == Mark::Ours).count()
}

/// In whole numbers, so that no rounding lets one more through.
fn is_more_than(part: usize, whole: usize, percent: u32) -> bool {
    part.saturating_mul(100) > whole.saturating_mul(percent as usize)
}
