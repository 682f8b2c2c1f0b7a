//! From a group to those that it is in.

use std::collections::{BTreeSet, VecDeque};

use super::{Node, People, Ways};
use crate::state::{Identity, ObjectId};

impl<'a> People<'a> {
    /// The groups of which nobody knows who is in them, with those that they are in. The list of everybody in a group of
    /// others has whoever is in it through them.
    pub(in crate::access) fn unread_inside(&self) -> impl Iterator<Item = (ObjectId, BTreeSet<Identity>)> + '_ {
        let inner = self.above.keys().filter_map(|id| Some((id, id.known()?)));
        let unread = inner.filter(|(id, _)| self.groups.get(id).is_none_or(|group| group.unread.is_some()));
        let inside = unread.map(|(id, known)| {
            let direct = self.above.get(id).into_iter().flatten();
            let direct = direct.filter(|outer| outer.known().is_none_or(|outer| !self.flat.contains_key(&outer)));
            (known, direct.flat_map(|outer| self.around(outer).into_iter().chain([outer.clone()])).collect())
        });
        inside.filter(|(_, around): &(_, BTreeSet<Identity>)| !around.is_empty())
    }

    /// The groups that a group is in, directly or through others, each with one shortest way into it; not itself.
    pub fn ways_around(&self, group: &Identity) -> Ways<'a> {
        let mut ways = Ways::new();
        let mut open = VecDeque::from([group.clone()]);
        while let Some(inner) = open.pop_front() {
            for outer in self.above.get(&inner).into_iter().flatten() {
                if outer != group && !ways.contains_key(outer) {
                    let mut way = ways.get(&inner).cloned().unwrap_or_default();
                    way.push(self.step(Node::Group(inner.clone()), outer));
                    ways.insert(outer.clone(), way);
                    open.push_back(outer.clone());
                }
            }
        }
        ways
    }
}
