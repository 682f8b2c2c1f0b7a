//! A run must not take away what it acts through.

use super::{Case, Guard, Objection};
use crate::plan::kubernetes::is_ourselves;
use crate::plan::reach::{Nesting, key_of, live_members};
use crate::state::{Address, Binding, Change, Operation, Resource, Role};

pub(super) static GUARD: Guard = Guard {
    id: "own-identity",
    summary: "The identity that runs rolecall would lose a membership, an ownership or rights it acts through.",
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
    let (group, leaves) = match before {
        Resource::Owner(edge) if edge.principal_id.known() == Some(own.id) => {
            return Some(format!("{}, who runs this, would no longer own {}", own.label, edge.group));
        }
        Resource::Member(edge) if edge.principal_id.known() == Some(own.id) => {
            return Some(format!("{}, who runs this, would no longer be in {}", own.label, edge.group));
        }
        Resource::Member(edge) => {
            (key_of(&edge.principal, case.directory)?, format!("{} leaves {}", edge.principal, edge.group))
        }
        Resource::Group(group) => (&group.key, format!("{} is deleted", group.key)),
        Resource::Owner(_) | Resource::Role(_) | Resource::Binding(_) => return None,
    };
    live_members(case.directory, &nesting.leading_to([group]))
        .contains(&own.id)
        .then(|| format!("{}, who runs this, is in {group}: {leaves}", own.label))
}

fn on_a_cluster(case: &Case<'_>, change: &Change) -> Option<String> {
    let part = case.parts.clusters.get(change.address.environment()?)?;
    let cluster = part.cluster;
    match &change.operation {
        Operation::Update { before: Resource::Binding(before), after: Resource::Binding(after) } => {
            let ours = |binding: &Binding| binding.subjects.iter().any(|subject| is_ourselves(cluster, subject));
            (ours(before) && !ours(after))
                .then(|| format!("{}, who runs this, would no longer be bound by it", cluster.username))
        }
        Operation::Update { before: Resource::Role(before), after: Resource::Role(after) } => {
            let loses = before.rules.iter().any(|rule| !after.rules.contains(rule));
            (loses && acts_through(case, change, before))
                .then(|| format!("{}, who runs this, acts through this role, which would lose rules", cluster.username))
        }
        _ => None,
    }
}

/// Whether a live binding gives us this role.
fn acts_through(case: &Case<'_>, change: &Change, role: &Role) -> bool {
    let Address::Object { environment, .. } = &change.address else { return false };
    case.parts.clusters.get(environment).is_some_and(|part| {
        part.cluster.bindings.iter().map(|live| &live.binding).any(|binding| {
            let place = crate::plan::kubernetes::place_of(&binding.role, binding.namespace.as_ref());
            place.0 == role.namespace
                && place.1 == role.name
                && binding.subjects.iter().any(|subject| is_ourselves(part.cluster, subject))
        })
    })
}
