//! What of a plan a change of the access files causes, apart from what was off before it.
//!
//! The files before the change and those after it are compared with the same live systems; the two plans tell the rest.

use std::collections::{BTreeMap, BTreeSet};

use super::Plan;
use crate::state::{Address, Change, Desired, NowCalled};

/// What a change of the access files does to a plan.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Caused {
    /// The changes of the plan that there are because of it.
    pub by_change: BTreeSet<Address>,
    /// Those that there would be without it, too.
    pub drift: BTreeSet<Address>,
    /// What would be put right without it, and stays as it is with it.
    pub accepted: Vec<Change>,
}

impl Caused {
    /// Everything, where there were no access files before the change.
    pub fn all(head: &Plan) -> Self {
        Self { by_change: head.changes.iter().map(|change| change.address.clone()).collect(), ..Self::default() }
    }

    /// Compares the plan of the files before a change with that of the files after it, which were made of one look at the live
    /// systems.
    pub fn new(base: (&Desired, &Plan), head: (&Desired, &Plan)) -> Self {
        let before: BTreeMap<&Address, &Change> =
            base.1.changes.iter().map(|change| (&change.address, change)).collect();
        let is_drift =
            |change: &&Change| before.get(&change.address).is_some_and(|before| before.operation == change.operation);
        let (drift, by_change): (Vec<&Change>, Vec<&Change>) = head.1.changes.iter().partition(is_drift);
        let addresses = |changes: Vec<&Change>| changes.into_iter().map(|change| change.address.clone()).collect();
        let changed = head.1.changes.iter().map(|change| &change.address);
        let withheld = head.1.withheld.iter().flat_map(|withheld| &withheld.addresses);
        let told: BTreeSet<&Address> = changed.chain(withheld).collect();
        let called = NowCalled::new(base.0, head.0);
        let is_accepted = |change: &&Change| {
            // By another key it is another address.
            let Some(key) = change.address.group() else { return !told.contains(&change.address) };
            let is_back = || head.0.groups.contains_key(key) && !base.0.groups.contains_key(key);
            match called.key(key).or_else(|| is_back().then_some(key)) {
                Some(now) => !told.contains(&change.address.of_group(now)),
                // With the group, everything in it goes.
                None => !told.contains(&change.address) && !told.contains(&Address::Group(key.clone())),
            }
        };
        let accepted = base.1.changes.iter().filter(is_accepted).cloned().collect();
        Self { by_change: addresses(by_change), drift: addresses(drift), accepted }
    }
}
