//! A config under a new name would make everything a second time and leave the first behind.

use std::collections::BTreeSet;

use super::empty_config::{asks, own_groups, own_objects};
use super::{Case, Guard, Objection, count};
use crate::plan::parts::Part;
use crate::plan::replaced::replacements;
use crate::state::{Address, GroupKey, GroupKind, Mark, Operation, Resource, mark};

pub(super) static GUARD: Guard = Guard {
    id: "config-renamed",
    summary: "This config looks renamed: what is live under its name is nothing, or none of what the files ask for.",
    can_be_acknowledged: true,
    check,
};

fn check(case: &Case<'_>) -> Vec<Objection> {
    if case.changes.is_empty() {
        return Vec::new();
    }
    // A deleted group that carries the mark of what is asked for says that the name is the right one.
    if case.desired.groups.keys().any(|key| is_deleted(case, key)) {
        return Vec::new();
    }
    if own_groups(case) + own_objects(case) > 0 {
        return taken_over(case).into_iter().collect();
    }
    let mut others: BTreeSet<&str> = BTreeSet::new();
    others.extend(case.directory.tenant().into_iter().flat_map(|tenant| &tenant.other_configs).map(String::as_str));
    for part in case.parts.clusters.values() {
        let roles = part.cluster.roles.iter().map(|live| &live.meta.mark);
        let bindings = part.cluster.bindings.iter().map(|live| &live.meta.mark);
        others.extend(roles.chain(bindings).filter_map(|mark| match mark {
            Mark::OtherConfig(name) => Some(name.as_str()),
            Mark::Ours | Mark::LabelsOnly | Mark::None => None,
        }));
    }
    let config = &case.desired.config;
    if others.is_empty() {
        return Vec::new();
    }
    let names: Vec<&str> = others.into_iter().collect();
    let message = format!(
        "nothing live belongs to {config}, and there are objects of {}. If this config was renamed, all of it would be \
         made anew beside what is there; give it its old name back. If it is new, acknowledge this once",
        names.join(", ")
    );
    vec![Objection::new(config.as_str(), message)]
}

/// Whether a group of ours by its mark was deleted, whatever stands against restoring it now.
fn is_deleted(case: &Case<'_>, key: &GroupKey) -> bool {
    let previous = case.desired.groups.get(key).into_iter().flat_map(|group| group.previously.keys());
    let deleted = case.directory.tenant().map(|tenant| &tenant.deleted);
    let of_key = |key| deleted.and_then(|deleted| deleted.get(key)).into_iter().flatten();
    std::iter::once(key).chain(previous).flat_map(of_key).any(|group| group.kind == Some(GroupKind::Security))
}

/// A config that was given the name of another one would take all of that one's away.
fn taken_over(case: &Case<'_>) -> Option<Objection> {
    let removed = case
        .changes
        .iter()
        // What is replaced was never ours.
        .filter(|change| change.replaced_by.is_none())
        .filter_map(|change| match (&change.address, &change.operation) {
            (Address::Group(_) | Address::Object { .. }, Operation::Delete { before }) => Some((change, before)),
            _ => None,
        });
    let removed: Vec<_> = removed.collect();
    if removed.is_empty() || !asks(case) {
        return None;
    }
    let replaced = replacements(case.desired, case.directory, case.changes.iter());
    let replaced: BTreeSet<&GroupKey> = replaced.iter().map(|replacement| replacement.old).collect();
    if removed.iter().all(|(change, before)| is_of(case, &replaced, &change.address, before)) {
        return None;
    }
    let removed = removed.len();
    let mut groups = case.directory.own_groups(case.desired).filter(|(_, live)| case.directory.is_marked(live));
    let is_known = groups.any(|(key, _)| case.desired.groups.contains_key(key))
        || case.parts.clusters.values().any(|part| holds_what_is_asked(case, part));
    let config = &case.desired.config;
    (!is_known).then(|| {
        let message = format!(
            "none of what the files ask for is there under the name {config}, and {} of that name would be removed. If \
             {config} is another config, give this one its own name back. If all of it is to be replaced, acknowledge \
             this once",
            count(removed, "object")
        );
        Objection::new(config.as_str(), message)
    })
}

/// Whether an object goes only because one of these groups got another key, which has a guard of its own.
fn is_of(case: &Case<'_>, groups: &BTreeSet<&GroupKey>, address: &Address, object: &Resource) -> bool {
    match object {
        Resource::Group(group) => groups.contains(&group.key),
        Resource::Binding(binding) => {
            let Address::Object { environment, .. } = address else { return false };
            let Some(part) = case.parts.clusters.get(environment) else { return false };
            let is_one = |subject| {
                let called = case.directory.groups_called(&part.desired.tokens, subject);
                matches!(called[..], [group] if groups.contains(group))
            };
            !binding.subjects.is_empty() && binding.subjects.iter().all(is_one)
        }
        Resource::Role(_) | Resource::Owner(_) | Resource::Member(_) => false,
    }
}

/// Whether any object of ours on a cluster is one that the files ask for.
fn holds_what_is_asked(case: &Case<'_>, part: &Part<'_>) -> bool {
    let names: BTreeSet<String> = part
        .desired
        .bindings
        .iter()
        .map(|asked| {
            let (role, subject) = (&asked.role, case.directory.lasting(&asked.subject));
            mark::binding_name(&case.desired.config, &subject, &role.key, &role.reference, &asked.scope)
        })
        .collect();
    let mut bindings = part.cluster.bindings.iter().filter(|live| live.meta.mark == Mark::Ours);
    let mut roles = part.cluster.roles.iter().filter(|live| live.meta.mark == Mark::Ours);
    bindings.any(|live| names.contains(&live.binding.name))
        || roles.any(|live| part.desired.roles.iter().any(|role| role.name == live.role.name))
}
