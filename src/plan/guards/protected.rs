//! What reaches a protected environment is applied from a saved plan only.

use std::collections::{BTreeMap, BTreeSet};

use super::{Case, Guard, Objection, count};
use crate::state::{Address, EnvironmentName};

pub(super) static GUARD: Guard = Guard {
    id: "protected",
    summary: "Changes that reach a protected environment are left to a saved plan.",
    can_be_acknowledged: false,
    check,
};

fn check(case: &Case<'_>) -> Vec<Objection> {
    // The changes stand in the order in which they can be made, so one pass finds what waits for something left out.
    let mut left_out: BTreeMap<&Address, BTreeSet<&EnvironmentName>> = BTreeMap::new();
    for change in case.changes {
        let mut because: BTreeSet<&EnvironmentName> = change.protected.iter().collect();
        for required in &change.requires {
            because.extend(left_out.get(required).into_iter().flatten());
        }
        if !because.is_empty() {
            left_out.insert(&change.address, because);
        }
    }
    let mut by_environment: BTreeMap<&EnvironmentName, Vec<Address>> = BTreeMap::new();
    for (address, because) in left_out {
        for environment in because {
            by_environment.entry(environment).or_default().push(address.clone());
        }
    }
    by_environment
        .into_iter()
        .map(|(environment, leaves_out)| {
            let is_read = case.parts.clusters.contains_key(environment);
            let why = if is_read { "" } else { " (it was not read, so any group may be bound there)" };
            let message = format!(
                "{environment} is protected{why}; left to a plan made with `plan --save FILE` and applied with `apply FILE`: \
                 {} that would reach it",
                count(leaves_out.len(), "change")
            );
            Objection { leaves_out, ..Objection::new(environment.as_str(), message) }
        })
        .collect()
}
