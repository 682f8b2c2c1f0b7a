//! From a group to those that it is in.

use std::collections::VecDeque;

use super::{Node, People, Ways};
use crate::state::Identity;

impl<'a> People<'a> {
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
