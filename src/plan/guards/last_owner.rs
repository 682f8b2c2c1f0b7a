//! A group must keep somebody who answers for it.

use super::{Case, Guard, Objection, owner, tally};
use crate::plan::resolve::labels;
use crate::state::{Edge, LivePrincipal, PrincipalKind, Resource};

pub(super) static GUARD: Guard = Guard {
    id: "last-owner",
    summary: "A group would lose its last owner who is a person.",
    can_be_acknowledged: true,
    check,
};

fn check(case: &Case<'_>) -> Vec<Objection> {
    tally(case.changes, person)
        .into_iter()
        .filter_map(|(key, tally)| {
            let owners = &case.directory.live(key)?.owners;
            let people: Vec<&LivePrincipal> = owners.iter().filter(|owner| is_person(owner.kind)).collect();
            let is_last = tally.removed > 0 && tally.added == 0 && tally.removed >= people.len();
            is_last.then(|| {
                let message = format!("{key} would have no person as owner; it loses {}", labels(people));
                Objection::new(key.as_str(), message)
            })
        })
        .collect()
}

fn person(resource: &Resource) -> Option<&Edge> {
    owner(resource).filter(|edge| is_person(edge.kind))
}

fn is_person(kind: PrincipalKind) -> bool {
    matches!(kind, PrincipalKind::User | PrincipalKind::Guest)
}
