//! A role that is added to `view`, `edit` or `admin`, or to any other that the cluster fills, reaches everybody who has one
//! of these, by whatever binding.

use std::collections::BTreeSet;

use super::{Case, Guard, Objection, count};
use crate::plan::aggregation::{self, Effect, Spread};
use crate::plan::kubernetes::spelling;
use crate::plan::parts::Part;
use crate::state::power::{Way, ways_in_namespace};
use crate::state::{Address, Change, EnvironmentName, Subject};

/// How many of those who gain are named.
const NAMED: usize = 5;

pub(super) static GUARD: Guard = Guard {
    id: "default-role-widened",
    summary: "Everybody who has view, edit or admin, or another role that takes in ours, would get a power in a namespace that this role did not give before.",
    can_be_acknowledged: true,
    check,
};

fn check(case: &Case<'_>) -> Vec<Objection> {
    let mut objections = Vec::new();
    for (name, part) in &case.parts.clusters {
        let changes = case.changes_on(name);
        for spread in aggregation::spreads(name, *part, case.directory, changes) {
            if spread.effect == Effect::Widens {
                objections.extend(of_role(name, *part, changes, &spread));
            }
        }
    }
    objections
}

/// An objection for each power that a default role gains by one role.
fn of_role(environment: &EnvironmentName, part: Part<'_>, changes: &[&Change], spread: &Spread) -> Vec<Objection> {
    let Address::Object { name: role, .. } = &spread.address else { return Vec::new() };
    let own = changes.iter().find(|change| change.address == spread.address);
    let own = own.and_then(|change| aggregation::role_of(change.after())).map(|role| ways_in_namespace(&role.rules));
    let own = own.unwrap_or_default();
    let gained = |name: &str| -> BTreeSet<Way> {
        let (before, after) = aggregation::before_and_after(part, name, changes);
        let (had, has) = (ways_in_namespace(&before), ways_in_namespace(&after));
        if had.contains(&Way::All) {
            return BTreeSet::new();
        }
        // What only several roles come to together is said of each of them.
        let is_of_this = |power: &Way| own.contains(power) || *power == Way::All;
        has.difference(&had).copied().filter(is_of_this).collect()
    };
    let by_role: Vec<(&str, BTreeSet<Way>)> = spread.roles.iter().map(|name| (name.as_str(), gained(name))).collect();
    let powers: BTreeSet<Way> = by_role.iter().flat_map(|(_, powers)| powers).copied().collect();
    let objection = |power: Way| {
        let roles: BTreeSet<&str> =
            by_role.iter().filter(|(_, powers)| powers.contains(&power)).map(|(name, _)| *name).collect();
        let listed = aggregation::listed(roles.iter().copied()).join(", ");
        let message = format!(
            "whoever has {listed} on {environment} could {power}, in each namespace where they have it, by the rules of \
             {role}; {}",
            who(spread, &roles)
        );
        Objection::new(format!("{environment}/{role}/{}", power.name()), message)
    };
    powers.into_iter().map(objection).collect()
}

/// Who has one of these roles.
fn who(spread: &Spread, roles: &BTreeSet<&str>) -> String {
    let bindings: Vec<_> = spread.bindings.iter().filter(|binding| roles.contains(binding.role.as_str())).collect();
    let subjects: BTreeSet<String> = bindings.iter().flat_map(|binding| &binding.subjects).map(name).collect();
    if subjects.is_empty() {
        return "nobody has it so far".to_owned();
    }
    let more = subjects.len().saturating_sub(NAMED);
    let named = subjects.into_iter().take(NAMED).collect::<Vec<_>>().join(", ");
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("that is {named}{more}, by {}", count(bindings.len(), "binding"))
}

fn name(subject: &Subject) -> String {
    match &subject.principal {
        Some(principal) => principal.to_string(),
        None => format!("{} {}", subject.kind, spelling(&subject.name)),
    }
}
