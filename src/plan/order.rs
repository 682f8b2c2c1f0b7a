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
    let placed = placed(&changes);
    placed.into_iter().filter_map(|address| changes.remove(&address)).collect()
}

/// Who waits may be at the end of a long row: each grant for a removal, and that for another grant.
fn placed(changes: &BTreeMap<Address, Change>) -> Vec<Address> {
    let (mut seen, mut placed) = (BTreeSet::new(), Vec::with_capacity(changes.len()));
    for change in changes.values() {
        let mut open = Vec::new();
        let mut next = Some(change);
        loop {
            if let Some(change) = next.take().filter(|change| seen.insert(&change.address)) {
                open.push((&change.address, change.requires.iter()));
            }
            let Some((address, required)) = open.last_mut() else { break };
            if let Some(required) = required.next() {
                next = changes.get(required);
            } else {
                placed.push((*address).clone());
                open.pop();
            }
        }
    }
    placed
}
