//! A run must not take away what it acts through.

use std::collections::BTreeSet;

use super::{Case, Guard, Objection};
use crate::plan::kubernetes::place_of;
use crate::plan::parts::Acting;
use crate::plan::reach::{Nesting, Node, live_members, node_of};
use crate::state::{Binding, Change, LiveBinding, Operation, Resource};

pub(super) static GUARD: Guard = Guard {
    id: "own-identity",
    summary: "The identity that runs rolecall, or an environment's `applier`, would lose a membership, an ownership or rights it acts through.",
    can_be_acknowledged: true,
    check,
};

fn check(case: &Case<'_>) -> Vec<Objection> {
    let nesting = Nesting::live(case.directory);
    case.changes
        .iter()
        .filter_map(|change| {
            let loss = if change.address.environment().is_some() {
                on_a_cluster(case, change)
            } else {
                in_entra(case, &nesting, change)
            };
            Some(Objection::new(change.address.to_string(), loss?))
        })
        .collect()
}

fn in_entra<'a>(case: &'a Case<'a>, nesting: &Nesting<'a>, change: &'a Change) -> Option<String> {
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
    case.directory.live_groups().find_map(|(key, live)| {
        let why = nesting.unread(key).filter(|_| live.members.iter().any(|member| member.id == own.id))?;
        Some(format!(
            "{}, who runs this, is in {key}, and which groups that is in could not be read ({why}), so it may be {called}: \
             {leaves}",
            own.label
        ))
    })
}

fn on_a_cluster(case: &Case<'_>, change: &Change) -> Option<String> {
    let part = case.parts.clusters.get(change.address.environment()?)?;
    let acting = |binding: &Binding| -> BTreeSet<Acting<'_>> {
        binding.subjects.iter().filter_map(|subject| part.acting(subject)).collect()
    };
    match &change.operation {
        Operation::Update { before: Resource::Binding(before), after: Resource::Binding(after) } => {
            let (held, kept) = (acting(before), acting(after));
            let loses = held.difference(&kept).next()?;
            Some(format!("{loses} would no longer be bound by it"))
        }
        Operation::Update { before: Resource::Role(before), after: Resource::Role(after) } => {
            let gives = |live: &&LiveBinding| {
                let place = place_of(&live.binding.role, live.binding.namespace.as_ref());
                place.0 == before.namespace && place.1 == before.name
            };
            let loses = before.rules.iter().any(|rule| !after.rules.contains(rule));
            let bindings = part.cluster.bindings.iter().filter(|_| loses).filter(gives);
            let acting = bindings.flat_map(|live| acting(&live.binding)).next()?;
            Some(format!("{acting} acts through this role, which would lose rules"))
        }
        _ => None,
    }
}
