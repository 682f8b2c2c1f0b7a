//! From a group to those that it is in.

use std::collections::{BTreeSet, VecDeque};

use super::{Node, People, Ways};
use crate::state::{Identity, ObjectId};

impl<'a> People<'a> {
    /// The groups that are in others and of which nobody knows who is in them, with those that they are in.
    pub(in crate::access) fn unread_inside(&self) -> impl Iterator<Item = (ObjectId, BTreeSet<Identity>)> + '_ {
        let inner = self.above.keys().filter_map(|id| Some((id, id.known()?)));
        let unread = inner.filter(|(id, _)| self.groups.get(id).is_none_or(|group| group.unread.is_some()));
        unread.map(|(id, known)| (known, self.around(id)))
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
