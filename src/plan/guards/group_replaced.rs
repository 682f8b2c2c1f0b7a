//! A group that only gets another name is not made a second time.

use std::collections::{BTreeMap, BTreeSet};

use super::{Case, Guard, Objection};
use crate::plan::standing::owned_by_applier;
use crate::state::{Change, GroupKey, LiveGroup, ObjectId, Operation, Resource};

pub(super) static GUARD: Guard = Guard {
    id: "group-replaced",
    summary: "A group would be made that looks like one that no file asks for any more.",
    can_be_acknowledged: true,
    check,
};

fn check(case: &Case<'_>) -> Vec<Objection> {
    let created = created(case.changes);
    if created.is_empty() {
        return Vec::new();
    }
    let mut objections = Vec::new();
    // Also where the deletion is not part of this plan, because it waits or was left out by `--only`: it comes later.
    for (old, live) in left_over(case) {
        let before: BTreeSet<ObjectId> = live.members.iter().map(|member| member.id).collect();
        for (new, after) in &created {
            let shared = before.intersection(after).count();
            if is_mostly(shared, before.len()) && is_mostly(shared, after.len()) {
                let message = message(case, (old, before.len()), (new, after.len()), shared);
                objections.push(Objection::new(format!("{old}/{new}"), message));
            }
        }
    }
    objections
}

/// The groups that are created, with the members they get whose ids are known.
fn created(changes: &[Change]) -> BTreeMap<&GroupKey, BTreeSet<ObjectId>> {
    let mut created: BTreeMap<&GroupKey, BTreeSet<ObjectId>> = BTreeMap::new();
    for change in changes {
        if let Operation::Create { after: Resource::Group(group) } = &change.operation {
            created.entry(&group.key).or_default();
        }
    }
    for change in changes {
        if let Operation::Create { after: Resource::Member(edge) } = &change.operation
            && let Some(members) = created.get_mut(&edge.group)
        {
            members.extend(edge.principal_id.known());
        }
    }
    created
}

/// Groups of ours that have no block any more.
fn left_over<'a>(case: &Case<'a>) -> Vec<(&'a GroupKey, &'a LiveGroup)> {
    let renamed: BTreeSet<&GroupKey> = case.desired.groups.values().flat_map(|group| group.previously.keys()).collect();
    let marked = case.directory.tenant().into_iter().flat_map(|tenant| &tenant.marked);
    marked
        .filter(|(key, _)| !case.desired.groups.contains_key(*key) && !renamed.contains(key))
        .filter(|(_, live)| owned_by_applier(case.directory, live))
        .collect()
}

/// At least half, and somebody.
fn is_mostly(shared: usize, all: usize) -> bool {
    shared > 0 && shared * 2 >= all
}

fn message(
    case: &Case<'_>,
    (old, before): (&GroupKey, usize),
    (new, after): (&GroupKey, usize),
    shared: usize,
) -> String {
    let block = case.desired.groups.get(new);
    let keys = block.into_iter().flat_map(|group| group.previously.keys()).chain([old]);
    let line = format!("previously: [{}]", keys.map(GroupKey::as_str).collect::<Vec<_>>().join(", "));
    let place = block.map(|group| format!(" ({})", group.origin)).unwrap_or_default();
    format!(
        "{old} has no block any more, and {new} would be made with mostly the same members ({shared} in both, of {before} \
         and {after}): a new object with a new id, unknown to whatever else names the old one. If it is the same group under \
         another key, write `{line}` in the block of {new}{place}: it then keeps its object, its id and its bindings"
    )
}
