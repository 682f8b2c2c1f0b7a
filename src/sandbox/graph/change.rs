//! How the tenant changes: every write is one of these, so that the journal, delta queries and faults see the same history.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::audit::{self, By};
use super::call::Call;
use super::state::{DeletedGroup, Group, Tenant};
use crate::sandbox::store::Journaled;
use crate::state::ObjectId;

/// Which list of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Relation {
    Members,
    Owners,
}

/// One change of the directory.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Change {
    /// A group is new, or has these properties from now on. Its edges are not part of this.
    Group(Box<Group>),
    /// Members or owners of a group came and went.
    Edges { group: ObjectId, relation: Relation, added: Vec<ObjectId>, removed: Vec<ObjectId> },
    /// A group went to the deleted items.
    Deleted { group: ObjectId, at: String },
    /// A group came back from the deleted items.
    Restored { group: ObjectId },
    /// A group left the deleted items for good, and every edge that led to it is gone.
    Purged { group: ObjectId },
    /// A user was deleted.
    UserDeleted { user: ObjectId },
}

/// A change and its place in the tenant's history.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Numbered {
    sequence: u64,
    change: Change,
    /// Who made it, for the audit log; nobody did what happens with time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    by: Option<By>,
}

impl Numbered {
    /// The group that it is about.
    pub(super) fn group(&self) -> Option<ObjectId> {
        match &self.change {
            Change::Group(group) => Some(group.id),
            Change::Edges { group, .. }
            | Change::Deleted { group, .. }
            | Change::Restored { group }
            | Change::Purged { group } => Some(*group),
            Change::UserDeleted { .. } => None,
        }
    }
}

/// When a group last changed, by the sequence of the changes; what was seeded never did. This is all that delta needs.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Touched {
    /// The group itself: created, changed, deleted, restored.
    pub(super) group: u64,
    /// Members that came or went since.
    pub(super) members: BTreeMap<ObjectId, u64>,
}

impl Tenant {
    /// Makes a change that a call asks for.
    pub(super) fn make(&mut self, call: &Call<'_>, change: Change) {
        self.make_by(Some(By::of(call)), change);
    }

    /// Makes a change; the one way to make one.
    pub(super) fn make_by(&mut self, by: Option<By>, change: Change) {
        let numbered = Numbered { sequence: self.sequence + 1, change, by };
        self.carry_out(&numbered);
        self.unwritten.push(numbered);
    }

    /// The same for a change that is on disk already.
    fn carry_out(&mut self, Numbered { sequence, change, by }: &Numbered) {
        let now = *sequence;
        self.sequence = now;
        if let Some(by) = by {
            audit::record(self, now, by, change);
        }
        match change {
            Change::Group(group) => {
                let mut group = (**group).clone();
                if let Some(live) = self.groups.remove(&group.id) {
                    self.index.forget_group(&live);
                    (group.members, group.owners) = (live.members, live.owners);
                }
                self.touch(group.id, now);
                self.index.learn_group(&group);
                self.groups.insert(group.id, group);
            }
            Change::Edges { group, relation, added, removed } => {
                let Some(live) = self.groups.get_mut(group) else { return };
                let edges = relation.of_mut(live);
                edges.extend(added);
                edges.retain(|id| !removed.contains(id));
                if *relation == Relation::Members {
                    let touched = self.touched.entry(*group).or_default();
                    touched.members.extend(added.iter().chain(removed).map(|id| (*id, now)));
                }
            }
            Change::Deleted { group, at } => {
                if let Some(live) = self.groups.remove(group) {
                    self.index.forget_group(&live);
                    self.touch(*group, now);
                    self.deleted_groups.insert(*group, DeletedGroup { group: live, deleted: at.clone() });
                }
            }
            Change::Restored { group } => {
                if let Some(deleted) = self.deleted_groups.remove(group) {
                    let live = deleted.group;
                    // It is new to whoever saw it go, members and all.
                    let touched = self.touched.entry(*group).or_default();
                    touched.group = now;
                    touched.members.extend(live.members.iter().map(|id| (*id, now)));
                    self.index.learn_group(&live);
                    self.groups.insert(*group, live);
                }
            }
            Change::Purged { group } => {
                self.deleted_groups.remove(group);
                self.purged.insert(*group);
                self.touch(*group, now);
                for live in self.groups.values_mut() {
                    if live.members.remove(group) {
                        self.touched.entry(live.id).or_default().members.insert(*group, now);
                    }
                }
            }
            Change::UserDeleted { user } => {
                if let Some(gone) = self.users.remove(user) {
                    self.index.forget_user(&gone);
                    // The edges stay and lead to nobody; a delta says that the member is gone.
                    for group in self.groups.values().filter(|group| group.members.contains(user)) {
                        self.touched.entry(group.id).or_default().members.insert(*user, now);
                    }
                }
            }
        }
    }

    fn touch(&mut self, group: ObjectId, now: u64) {
        self.touched.entry(group).or_default().group = now;
    }
}

impl Relation {
    pub(super) fn of(self, group: &Group) -> &BTreeSet<ObjectId> {
        match self {
            Self::Members => &group.members,
            Self::Owners => &group.owners,
        }
    }

    pub(super) fn of_mut(self, group: &mut Group) -> &mut BTreeSet<ObjectId> {
        match self {
            Self::Members => &mut group.members,
            Self::Owners => &mut group.owners,
        }
    }
}

impl Journaled for Tenant {
    type Change = Numbered;

    fn take_changes(&mut self) -> Vec<Numbered> {
        std::mem::take(&mut self.unwritten)
    }

    fn redo(&mut self, change: Numbered) {
        if change.sequence > self.sequence {
            self.carry_out(&change);
        }
    }

    fn loaded(&mut self) {
        self.reindex();
    }
}
