//! What the parts of a plan need to know about the whole of it.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use super::words;
use crate::plan::{Effect, FirstOwner, Plan, Reached, Spread};
use crate::state::{Address, Change, EnvironmentName, ObjectId, Sign};

/// A plan as its parts look at it.
pub(in crate::report) struct View<'a> {
    names: &'a BTreeMap<String, String>,
    first_owners: &'a BTreeMap<ObjectId, FirstOwner>,
    /// What is left to a saved plan, and for which environments.
    left_out: BTreeMap<&'a Address, BTreeSet<&'a str>>,
    /// What changes.
    changed: BTreeSet<&'a Address>,
    /// What is told of a binding because of bindings that are not ours and give the same.
    held: BTreeMap<&'a Address, Vec<String>>,
    /// What changed roles do to those who have a role that takes them in.
    spreads: &'a [Spread],
}

impl<'a> View<'a> {
    pub(in crate::report) fn of(plan: &'a Plan) -> Self {
        let mut left_out: BTreeMap<&Address, BTreeSet<&str>> = BTreeMap::new();
        for verdict in &plan.verdicts {
            for address in &verdict.leaves_out {
                left_out.entry(address).or_default().insert(&verdict.subject);
            }
        }
        let mut held: BTreeMap<&Address, Vec<String>> = BTreeMap::new();
        for change in &plan.changes {
            let text = format!("already held through {}, which this replaces", words::object(&change.address));
            for ours in change.replaced_by.iter().flatten() {
                held.entry(ours).or_default().push(text.clone());
            }
        }
        for binding in &plan.unmanaged {
            for beside in &binding.beside {
                let mut text = format!("already held through {}, not ours", words::object(&binding.address));
                if beside.replaceable {
                    let name = words::word(&binding.name());
                    let _ = write!(text, "; `replaces: {name}` on this grant takes over from it");
                }
                held.entry(&beside.address).or_default().push(text);
            }
        }
        let changed = plan.changes.iter().map(|change| &change.address).collect();
        Self { names: &plan.names, first_owners: &plan.first_owners, left_out, changed, held, spreads: &plan.spreads }
    }

    /// Whether this plan changes it.
    pub(super) fn changes(&self, address: &Address) -> bool {
        self.changed.contains(address)
    }

    /// What else gives the same as a binding of ours, and is not ours.
    pub(super) fn held(&self, address: &Address) -> &[String] {
        self.held.get(address).map_or(&[], Vec::as_slice)
    }

    /// The bindings by which somebody gains or loses what a changed role adds to another.
    pub(super) fn reached(&self, address: &Address, effect: Effect) -> impl Iterator<Item = &'a Reached> {
        let spreads = self.spreads.iter().filter(move |spread| spread.address == *address && spread.effect == effect);
        spreads.flat_map(|spread| &spread.bindings)
    }

    /// The roles that gain or lose by a changed role.
    pub(super) fn filled(&self, address: &Address, effect: Effect) -> impl Iterator<Item = &'a str> {
        let spreads = self.spreads.iter().filter(move |spread| spread.address == *address && spread.effect == effect);
        spreads.flat_map(|spread| &spread.roles).map(String::as_str)
    }

    /// Whether it is said once for the whole plan that this applier owns what is created.
    pub(super) fn is_applier(&self, id: ObjectId) -> bool {
        self.first_owners.contains_key(&id)
    }

    /// The name that was read for an object id.
    pub(super) fn name(&self, id: ObjectId) -> Option<&'a str> {
        self.names.get(&id.to_string()).map(String::as_str)
    }

    /// ` [protected: prod]` behind what reaches a protected environment, or waits for something that does.
    pub(super) fn protection(&self, change: &Change) -> String {
        Self::mark_of(&self.protected(change))
    }

    /// The same of these environments.
    pub(super) fn mark_of(environments: &BTreeSet<&str>) -> String {
        if environments.is_empty() {
            return String::new();
        }
        format!(" [protected: {}]", environments.iter().copied().collect::<Vec<_>>().join(", "))
    }

    /// The protected environments that it reaches, or waits for.
    pub(in crate::report) fn protected<'c>(&'c self, change: &'c Change) -> BTreeSet<&'c str> {
        let waiting = self.left_out.get(&change.address).into_iter().flatten().copied();
        change.protected.iter().map(EnvironmentName::as_str).chain(waiting).collect()
    }

    /// The line that asks for a change, or what to say where none does.
    pub(super) fn origin(change: &Change, otherwise: &str) -> Option<String> {
        match (&change.origin, change.sign()) {
            (Some(origin), _) => Some(origin.to_string()),
            (None, Sign::Remove) => Some(otherwise.to_owned()),
            (None, Sign::Add | Sign::Change) => None,
        }
    }
}
