//! Which changes may go, and in which order.

use std::collections::{BTreeMap, BTreeSet};

use super::draft::{Cause, Draft};
use crate::state::{Address, Change};

/// Withholds every change that requires something withheld, with the same cause, and forgets requirements for which there
/// was nothing to do.
pub(super) fn settle(draft: &mut Draft) {
    let mut dependents: BTreeMap<Address, Vec<Address>> = BTreeMap::new();
    for (address, change) in &draft.changes {
        for required in &change.requires {
            dependents.entry(required.clone()).or_default().push(address.clone());
        }
    }
    let mut held: Vec<(Address, Cause)> = draft
        .withheld
        .iter()
        .flat_map(|(cause, addresses)| addresses.iter().map(|address| (address.clone(), cause.clone())))
        .collect();
    while let Some((address, cause)) = held.pop() {
        for dependent in dependents.get(&address).into_iter().flatten() {
            draft.hold_change(dependent);
            if draft.withheld.entry(cause.clone()).or_default().insert(dependent.clone()) {
                held.push((dependent.clone(), cause.clone()));
            }
        }
    }
    let present: BTreeSet<Address> = draft.changes.keys().cloned().collect();
    for change in draft.changes.values_mut() {
        change.requires.retain(|required| present.contains(required));
    }
}

/// Each change after those it requires, otherwise by address.
pub(super) fn order(mut changes: BTreeMap<Address, Change>) -> Vec<Change> {
    let addresses: Vec<Address> = changes.keys().cloned().collect();
    let mut ordered = Vec::with_capacity(addresses.len());
    for address in &addresses {
        place(address, &mut changes, &mut ordered);
    }
    ordered
}

/// Requirements are a few layers deep: what is created, what needs it, what is removed after, what that leaves unused.
fn place(address: &Address, changes: &mut BTreeMap<Address, Change>, ordered: &mut Vec<Change>) {
    if let Some(change) = changes.remove(address) {
        for required in &change.requires {
            place(required, changes, ordered);
        }
        ordered.push(change);
    }
}
