//! Where a change that gives waits for one that takes, and that one waits for it so that nobody is without: who is not to
//! have something comes before who would be without something for a moment.

use std::collections::btree_set::Iter;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::iter::Peekable;

use foldhash::fast::RandomState;

use crate::plan::aggregation::role_of;
use crate::state::{Address, Change, Operation, Resource, Role, covering};

/// Whether a change waits for another after all.
#[must_use]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::plan) enum Required {
    /// It does, and nothing waits in a circle for it.
    Yes,
    /// There is a circle with nothing to give up in it. Nothing was changed.
    Refused,
}

/// Lets a change wait for all of these, or for none. Every circle through it is opened where it matters least.
pub(in crate::plan) fn try_require<'f>(
    given: &Address,
    first: impl IntoIterator<Item = &'f Address>,
    changes: &mut BTreeMap<Address, Change>,
) -> Required {
    let first: Vec<&Address> = first.into_iter().collect();
    let mut circles = Circles::new(given, changes);
    if !first.iter().all(|first| circles.open(first)) {
        return Required::Refused;
    }
    let given_up = circles.given_up();
    carry_out(given, first, given_up, changes);
    Required::Yes
}

/// Lets a change wait for each of these for which it can. Otherwise the order that was there before stays.
pub(super) fn require_each(given: &Address, first: &BTreeSet<Address>, changes: &mut BTreeMap<Address, Change>) {
    let mut circles = Circles::new(given, changes);
    let first = first.iter().filter(|first| circles.open(first)).collect();
    let given_up = circles.given_up();
    carry_out(given, first, given_up, changes);
}

fn carry_out(
    given: &Address,
    first: Vec<&Address>,
    given_up: Vec<(Address, Address)>,
    changes: &mut BTreeMap<Address, Change>,
) {
    if let Some(change) = changes.get_mut(given) {
        change.requires.extend(first.into_iter().cloned());
    }
    for (waits, required) in given_up {
        if let Some(change) = changes.get_mut(&waits) {
            change.requires.remove(&required);
        }
    }
}

/// The circles through one change. What was found to lead nowhere is not walked again, so that all of them together cost
/// little more than one look at each requirement.
struct Circles<'c> {
    changes: &'c BTreeMap<Address, Change>,
    given: &'c Address,
    /// What is still to be walked from each change that was come to.
    ahead: HashMap<&'c Address, Peekable<Iter<'c, Address>>, RandomState>,
    given_up: BTreeSet<(&'c Address, &'c Address)>,
}

/// How a walk ended.
enum Walked {
    /// Nothing leads there any more.
    Through,
    /// Neither does it, as far as that can be told: there were circles on the way.
    Around,
    /// Something leads there, and must.
    Stuck,
}

impl<'c> Circles<'c> {
    fn new(given: &'c Address, changes: &'c BTreeMap<Address, Change>) -> Self {
        Self { changes, given, ahead: HashMap::default(), given_up: BTreeSet::new() }
    }

    fn given_up(self) -> Vec<(Address, Address)> {
        self.given_up.into_iter().map(|(waits, required)| (waits.clone(), required.clone())).collect()
    }

    /// Gives up what leads from here to the change, or nothing at all if that is not enough.
    fn open(&mut self, first: &Address) -> bool {
        let Some((first, _)) = self.changes.get_key_value(first) else { return true };
        let mut given_up = Vec::new();
        loop {
            let before = given_up.len();
            match self.walk(first, &mut given_up) {
                Walked::Through => return true,
                Walked::Around => {
                    self.ahead.clear();
                    if given_up.len() == before {
                        return true;
                    }
                }
                Walked::Stuck => {
                    self.ahead.clear();
                    for pair in given_up {
                        self.given_up.remove(&pair);
                    }
                    return false;
                }
            }
        }
    }

    fn walk(&mut self, first: &'c Address, given_up: &mut Vec<(&'c Address, &'c Address)>) -> Walked {
        let (mut way, mut open) = (vec![first], BTreeSet::from([first]));
        let mut walked = Walked::Through;
        while let Some(at) = way.last().copied() {
            if at == self.given {
                let Some(index) = self.weakest(&way) else { return Walked::Stuck };
                let pair = (way[index], way[index + 1]);
                for beyond in way.drain(index + 1..) {
                    open.remove(beyond);
                }
                self.given_up.insert(pair);
                given_up.push(pair);
                continue;
            }
            match self.next(at) {
                Some(required) if open.contains(required) => {
                    walked = Walked::Around;
                    self.leave(at);
                }
                Some(required) => {
                    open.insert(required);
                    way.push(required);
                }
                None => {
                    open.remove(at);
                    way.pop();
                    if let Some(above) = way.last() {
                        self.leave(above);
                    }
                }
            }
        }
        walked
    }

    /// Where on this way it matters least that one waits for the next.
    fn weakest(&self, way: &[&'c Address]) -> Option<usize> {
        let weights = way.windows(2).enumerate().filter_map(|(index, pair)| {
            let (waits, required) = (pair[0], pair[1]);
            let weight = weight(self.changes.get(waits)?, self.changes.get(required)?)?;
            Some((weight, waits, required, index))
        });
        weights.min().map(|(.., index)| index)
    }

    /// What this change waits for and is still to be walked.
    fn next(&mut self, at: &'c Address) -> Option<&'c Address> {
        let changes = self.changes;
        let ahead = match self.ahead.entry(at) {
            std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
            std::collections::hash_map::Entry::Vacant(entry) => {
                entry.insert(changes.get(at)?.requires.iter().peekable())
            }
        };
        while ahead.next_if(|required| self.given_up.contains(&(at, *required))).is_some() {}
        ahead.peek().copied()
    }

    fn leave(&mut self, at: &Address) {
        if let Some(ahead) = self.ahead.get_mut(at) {
            ahead.next();
        }
    }
}

/// How much it matters that one change waits for the other; `None` where it must.
fn weight(waits: &Change, required: &Change) -> Option<u8> {
    if waits.replaced_by.as_ref().is_some_and(|ours| ours.contains(&required.address)) {
        return None;
    }
    match &waits.operation {
        Operation::Delete { before } => match &required.operation {
            Operation::Delete { .. } => None,
            Operation::Create { after } => Some(match (before, after) {
                // Whoever leaves does so anyway; without the order the group may be empty for a moment.
                (Resource::Member(left), Resource::Member(joined)) if left.group == joined.group => 0,
                (Resource::Group(_) | Resource::Owner(_) | Resource::Member(_) | Resource::Role(_), _) => 3,
                (Resource::Binding(_), _) => GRANT_FIRST,
            }),
            Operation::Restore { .. } | Operation::Update { .. } => Some(match before {
                Resource::Binding(_) => GRANT_FIRST,
                Resource::Group(_) | Resource::Owner(_) | Resource::Member(_) | Resource::Role(_) => 3,
            }),
        },
        Operation::Create { after } | Operation::Update { after, .. } => match after {
            // A role that is there can be bound before it changes.
            Resource::Binding(_) => {
                let (before, after) = (role_of(required.before())?, role_of(required.after())?);
                Some(if is_narrowed(before, after) { 9 } else { 1 })
            }
            Resource::Group(_) | Resource::Owner(_) | Resource::Member(_) | Resource::Role(_) => None,
        },
        Operation::Restore { .. } => None,
    }
}

/// What it matters that something is granted before the old grant goes.
const GRANT_FIRST: u8 = 2;

fn is_narrowed(before: &Role, after: &Role) -> bool {
    !covering::missing(&after.rules, &before.rules).is_empty()
}
