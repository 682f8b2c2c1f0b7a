//! One record and one principal for each person, in however many groups they are.

use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use crate::providers::entra::model::PrincipalRecord;
use crate::state::{GroupKey, LivePrincipal, ObjectId, PrincipalKind};

/// What was read last of each object.
#[derive(Default)]
pub(super) struct People(HashMap<ObjectId, Arc<PrincipalRecord>>);

impl People {
    /// The record that is there already, if it says the same: somebody may be renamed while lists are read.
    pub(super) fn share(&mut self, record: PrincipalRecord) -> Arc<PrincipalRecord> {
        match self.0.entry(record.id) {
            Entry::Occupied(known) if **known.get() == record => Arc::clone(known.get()),
            Entry::Occupied(mut known) => {
                known.insert(Arc::new(record));
                Arc::clone(known.get())
            }
            Entry::Vacant(place) => Arc::clone(place.insert(Arc::new(record))),
        }
    }
}

/// The principals of shared records.
pub(super) struct Principals<'k> {
    keys: &'k BTreeMap<ObjectId, GroupKey>,
    made: HashMap<ObjectId, (Arc<PrincipalRecord>, LivePrincipal)>,
}

impl<'k> Principals<'k> {
    pub(super) fn new(keys: &'k BTreeMap<ObjectId, GroupKey>) -> Self {
        Self { keys, made: HashMap::new() }
    }

    /// Who this is; a guest who has accepted the invitation is noted among `guests`.
    pub(super) fn of(&mut self, record: Arc<PrincipalRecord>, guests: &mut BTreeSet<ObjectId>) -> LivePrincipal {
        match self.made.get(&record.id) {
            Some((of, live)) if Arc::ptr_eq(of, &record) => live.clone(),
            _ => {
                let live = record.to_live(self.keys);
                if live.kind == PrincipalKind::Guest && record.has_accepted() == Some(true) {
                    guests.insert(live.id);
                }
                self.made.insert(live.id, (record, live.clone()));
                live
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn record(number: u8, name: &str) -> PrincipalRecord {
        let record = json!({
            "@odata.type": "#microsoft.graph.user",
            "id": uuid::Uuid::from_u128(number.into()),
            "displayName": name,
            "userPrincipalName": format!("person-{number}@contoso.com"),
        });
        serde_json::from_value(record).unwrap()
    }

    #[test]
    fn what_says_the_same_is_shared_and_nothing_else_is() {
        let mut people = People::default();
        let read = [(1, "Ana"), (2, "Ana"), (1, "Ana"), (1, "Anna"), (2, "Ana"), (1, "Anna")];
        let read = read.map(|(number, name)| people.share(record(number, name)));
        let same = |one: usize, other: usize| Arc::ptr_eq(&read[one], &read[other]);
        assert!(same(0, 2) && same(1, 4) && same(3, 5));
        assert!(!same(0, 1) && !same(0, 3));

        let keys = BTreeMap::new();
        let mut principals = Principals::new(&keys);
        let live = read.clone().map(|record| principals.of(record, &mut BTreeSet::new()));
        for (record, live) in read.iter().zip(&live) {
            assert_eq!(*live, record.to_live(&keys));
        }
        let text = |at: usize| live[at].display_name.as_ref().unwrap();
        assert!(Arc::ptr_eq(text(0), text(2)), "one text for one person");
        assert_eq!((&**text(0), &**text(3)), ("Ana", "Anna"));
    }
}
