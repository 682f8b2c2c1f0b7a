//! A run must not take away what it acts through.

use std::collections::{BTreeMap, BTreeSet};

use super::{Case, Guard, Objection};
use crate::plan::aggregation::{self, Affected, Effect, Impact};
use crate::plan::parts::{Acting, Part};
use crate::plan::reach::{Nesting, Node, live_members, node_of};
use crate::state::{Address, Binding, Change, GroupKey, Operation, Resource};

pub(super) static GUARD: Guard = Guard {
    id: "own-identity",
    summary: "The identity that runs rolecall, or an environment's `applier`, would lose a membership, an ownership or rights it acts through.",
    can_be_acknowledged: true,
    check,
};

fn check(case: &Case<'_>) -> Vec<Objection> {
    let nesting = Nesting::live(case.directory);
    let own_groups = case.directory.live_groups().filter(|(_, group)| case.directory.holds_us(group));
    let own_groups: Vec<&GroupKey> = own_groups.map(|(key, _)| key).collect();
    let mut by_roles = BTreeMap::new();
    for (name, part) in &case.parts.clusters {
        by_roles.extend(self::by_roles(*part, &aggregation::impacts(name, *part, case.changes_on(name))));
    }
    let loss = |change: &Change| match change.address.environment() {
        Some(name) => {
            let part = case.parts.clusters.get(name)?;
            by_roles.get(&change.address).cloned().or_else(|| by_binding(*part, change))
        }
        None => in_entra(case, &nesting, &own_groups, change),
    };
    let objection = |change: &Change| Some(Objection::new(change.address.to_string(), loss(change)?));
    case.changes.iter().filter_map(objection).collect()
}

/// `own_groups` are the live groups that whoever runs this is in.
fn in_entra<'a>(
    case: &'a Case<'a>,
    nesting: &Nesting<'a>,
    own_groups: &[&GroupKey],
    change: &'a Change,
) -> Option<String> {
    let own = &case.directory.tenant()?.identity;
    let Operation::Delete { before } = &change.operation else { return None };
    let (group, called, leaves) = match before {
        Resource::Owner(edge) if edge.principal_id.known() == Some(own.id) => {
            return Some(format!("{}, who runs this, would no longer own {}", own.label, edge.group));
        }
        Resource::Member(edge) if edge.principal_id.known() == Some(own.id) => {
            return Some(format!("{}, who runs this, would no longer be in {}", own.label, edge.group));
        }
        Resource::Member(edge) => {
            let nested = node_of(&edge.principal, case.directory)?;
            let called = match nested {
                Node::Known(key) => key.to_string(),
                Node::Foreign(_) => edge.principal.to_string(),
            };
            (nested, called, format!("{} leaves {}", edge.principal, edge.group))
        }
        Resource::Group(group) => (Node::Known(&group.key), group.key.to_string(), format!("{} is deleted", group.key)),
        Resource::Owner(_) | Resource::Role(_) | Resource::Binding(_) => return None,
    };
    if live_members(case.directory, &nesting.leading_to([group])).contains(&own.id) {
        return Some(format!("{}, who runs this, is in {called}: {leaves}", own.label));
    }
    own_groups.iter().find_map(|key| {
        let why = nesting.unread(key)?;
        Some(format!(
            "{}, who runs this, is in {key}, and which groups that is in could not be read ({why}), so it may be {called}: \
             {leaves}",
            own.label
        ))
    })
}

/// What those who act on this cluster lose by changes of roles. A role may lead to several of them.
fn by_roles<'a>(part: Part<'a>, impacts: &[Impact<'a>]) -> BTreeMap<&'a Address, String> {
    let mut losses = BTreeMap::new();
    for impact in impacts.iter().filter(|impact| impact.effect == Effect::Narrows) {
        let mut acting = impact.bindings.iter().flat_map(|(_, affected, binding)| {
            binding.subjects.iter().filter_map(|subject| part.acting(subject)).map(|acting| (acting, *affected))
        });
        if let Some((acting, affected)) = acting.next() {
            let loss = match affected {
                Affected::Itself => format!("{acting} acts through this role, which would lose rules"),
                Affected::Filled(name) => {
                    format!("{acting} acts through {name}, which would lose rules that this role adds to it")
                }
            };
            losses.insert(&impact.change.address, loss);
        }
    }
    losses
}

fn by_binding(part: Part<'_>, change: &Change) -> Option<String> {
    let acting = |binding: &Binding| -> BTreeSet<Acting<'_>> {
        binding.subjects.iter().filter_map(|subject| part.acting(subject)).collect()
    };
    match &change.operation {
        Operation::Update { before: Resource::Binding(before), after: Resource::Binding(after) } => {
            let (held, kept) = (acting(before), acting(after));
            let loses = held.difference(&kept).next()?;
            Some(format!("{loses} would no longer be bound by it"))
        }
        // A binding of ours that we act through is never pruned, and what is replaced is given to all of its subjects by
        // ours first.
        Operation::Delete { .. }
        | Operation::Create { .. }
        | Operation::Restore { .. }
        | Operation::Update {
            before:
                Resource::Binding(_) | Resource::Role(_) | Resource::Group(_) | Resource::Owner(_) | Resource::Member(_),
            after:
                Resource::Binding(_) | Resource::Role(_) | Resource::Group(_) | Resource::Owner(_) | Resource::Member(_),
        } => None,
    }
}
