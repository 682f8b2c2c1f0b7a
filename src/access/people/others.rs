//! Groups that are not ours, as far as somebody asked who is in them.

use std::collections::{BTreeMap, BTreeSet};

use super::list::{Entry, List};
use super::{Group, Node, People, Who};
use crate::state::{GroupAnswers, GroupKind, GroupQuestion, Identity, Inside, LivePrincipal, ObjectId, PrincipalKind};

/// Everybody in a group of others, by whatever way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Flat<'a> {
    members: &'a [LivePrincipal],
    doubt: Doubt,
}

/// Whether it could be that somebody is in a group of others by two ways, of which one goes through a group of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Doubt {
    /// Nobody is in it through a group of ours.
    None,
    /// Somebody is. If they leave that group, they may still be in it.
    IfSomebodyLeaves,
    /// Groups hold each other, so that not even that can be told.
    Always,
}

impl<'a> People<'a> {
    /// Takes in who is in groups of others. The list of everybody in one is flat: whoever is in it through a group of ours is
    /// taken to leave it with that group, until it is known who is directly in it and in the groups of others in it.
    pub(super) fn with_others(&mut self, answers: &'a GroupAnswers) {
        let direct: BTreeMap<ObjectId, &'a [LivePrincipal]> = answers
            .direct
            .iter()
            .filter_map(|(id, inside)| Some((*id, read(inside)?)))
            .filter(|(id, _)| !self.is_read(*id))
            .collect();
        for (id, inside) in &answers.inside {
            if self.is_read(*id) {
                continue;
            }
            match inside {
                Inside::Read(members) => {
                    let is_known = |id: ObjectId| direct.contains_key(&id) || self.is_read(id);
                    if !is_known(*id) || !groups(members).all(is_known) {
                        self.flat.insert(*id, Flat { members, doubt: Doubt::None });
                        self.take_in(*id, members, None);
                    }
                }
                Inside::Unreadable(why) => self.take_in(*id, &[], Some(why.clone())),
                Inside::Missing => {
                    self.gone.insert(*id);
                    self.groups.remove(&Identity::Known(*id));
                }
            }
        }
        for (id, members) in direct {
            if !self.flat.contains_key(&id) {
                self.take_in(id, members, None);
            }
        }
        self.make_flat_lists_go_through_ours();
    }

    /// Takes out of the flat lists whoever is in them through a group of ours; and out of what groups of ours are known to be
    /// in, of which nothing else is known, those that are in it through another one.
    fn make_flat_lists_go_through_ours(&mut self) {
        let through = |people: &Self, inner: &mut dyn Iterator<Item = ObjectId>| {
            let inner: BTreeSet<ObjectId> = inner.filter(|id| people.is_ours(*id)).collect();
            let (mut whom, mut nested) = (BTreeSet::new(), BTreeMap::new());
            for id in &inner {
                let (everybody, groups) = people.inside(&Identity::Known(*id));
                whom.extend(everybody);
                nested.insert(*id, groups);
            }
            // Of those that hold each other nobody knows which one is directly in it.
            let is_circular = nested.iter().any(|(id, groups)| groups.contains(id));
            whom.extend(nested.into_values().flatten());
            (whom, is_circular)
        };
        let flat: Vec<(ObjectId, BTreeSet<ObjectId>, bool)> = self
            .flat
            .iter()
            .map(|(id, flat)| {
                let (removed, is_circular) = through(self, &mut groups(flat.members));
                (*id, removed, is_circular)
            })
            .collect();
        let several = self.groups.values().filter(|group| group.holds.len() > 1);
        let held: Vec<(Identity, BTreeSet<ObjectId>, bool)> = several
            .map(|group| {
                let (gone, is_circular) = through(self, &mut group.holds.iter().copied());
                (group.id.clone(), gone, is_circular)
            })
            .collect();
        for (id, gone, is_circular) in held {
            match (self.groups.get_mut(&id), id.known()) {
                (Some(group), _) if !is_circular => group.holds.retain(|inner| !gone.contains(inner)),
                (Some(group), Some(id)) if group.unread.is_some() => drop(self.circular.insert(id)),
                (Some(_) | None, _) => {}
            }
        }
        for (id, removed, is_circular) in flat {
            let doubt = match (is_circular, removed.is_empty()) {
                (true, _) => Doubt::Always,
                (false, true) => continue,
                (false, false) => Doubt::IfSomebodyLeaves,
            };
            if let (false, Some(group)) = (is_circular, self.groups.get_mut(&Identity::Known(id))) {
                group.members.removed = removed;
            }
            self.flat.entry(id).and_modify(|flat| flat.doubt = doubt);
        }
        // It may be circular by a group of others as well.
        let lost: Vec<ObjectId> = self.flat.iter().filter(|each| self.loses(each)).map(|(id, _)| *id).collect();
        for id in lost {
            if let Some(group) = self.groups.get_mut(&Identity::Known(id)) {
                group.members.removed.clear();
            }
            self.flat.entry(id).and_modify(|flat| flat.doubt = Doubt::Always);
        }
    }

    /// What is still to be asked about groups of others that somebody seems to leave, because they may be in one by another
    /// way, too, and about these, where a token carries the groups alone that somebody is directly in.
    pub fn doubts(&self, answers: &GroupAnswers, assigned: &BTreeSet<ObjectId>) -> Vec<GroupQuestion> {
        let asked = self.doubtful(assigned).flat_map(|id| {
            let members = self.flat.get(&id).map(|flat| flat.members).unwrap_or_default();
            groups(members).filter(|inner| !self.is_read(*inner)).chain([id])
        });
        let asked: BTreeSet<ObjectId> = asked.filter(|id| !answers.direct.contains_key(id)).collect();
        let unread = self.circular.iter().filter(|id| !answers.inside.contains_key(id));
        let unread = unread.copied().map(GroupQuestion::Members);
        unread.chain(asked.into_iter().map(GroupQuestion::Direct)).collect()
    }

    /// The groups of others that somebody seems to leave with a group of ours, and those of these that hold others.
    pub(in crate::access) fn doubtful<'s>(
        &'s self,
        assigned: &'s BTreeSet<ObjectId>,
    ) -> impl Iterator<Item = ObjectId> + 's {
        let is_doubtful = move |each: &(&ObjectId, &Flat<'_>)| {
            let (id, flat) = each;
            let is_so = match flat.doubt {
                Doubt::None => false,
                Doubt::IfSomebodyLeaves => self.loses(each),
                Doubt::Always => true,
            };
            is_so || (assigned.contains(id) && groups(flat.members).next().is_some())
        };
        self.flat.iter().filter(is_doubtful).map(|(id, _)| *id)
    }

    /// Whether somebody in the flat list of a group is not in it.
    fn loses(&self, (id, flat): &(&ObjectId, &Flat<'_>)) -> bool {
        let (stay, _) = self.everybody_in(&Identity::Known(**id));
        let mut people = flat.members.iter().filter(|member| member.kind != PrincipalKind::Group);
        people.any(|member| !stay.contains(&Who::Id(member.id)))
    }

    /// Whoever is in a group, people and groups.
    fn inside(&self, group: &Identity) -> (BTreeSet<ObjectId>, BTreeSet<ObjectId>) {
        let (mut people, mut groups) = (BTreeSet::new(), BTreeSet::new());
        let mut open = vec![group.clone()];
        while let Some(id) = open.pop() {
            let Some(group) = self.groups.get(&id) else { continue };
            let held = group.holds.iter().filter(|inner| groups.insert(**inner)).map(|inner| Identity::Known(*inner));
            open.extend(held);
            for entry in group.members.entries() {
                match entry {
                    Entry::Live(live) if live.kind != PrincipalKind::Group => drop(people.insert(live.id)),
                    Entry::Live(_) | Entry::Asked(_) | Entry::Added(_) => {
                        if let Node::Group(Identity::Known(inner)) = self.node(entry)
                            && groups.insert(inner)
                        {
                            open.push(Identity::Known(inner));
                        }
                    }
                }
            }
        }
        (people, groups)
    }

    fn take_in(&mut self, id: ObjectId, members: &'a [LivePrincipal], unread: Option<String>) {
        let id = Identity::Known(id);
        let known = self.groups.get(&id);
        let (display_name, kind) = known.map_or(("", GroupKind::Security), |known| (known.display_name, known.kind));
        // A list that was read has them.
        let holds = known.filter(|_| unread.is_some()).map(|known| known.holds.clone()).unwrap_or_default();
        let group = Group {
            id: id.clone(),
            key: None,
            block: None,
            display_name,
            kind,
            unread,
            members: List { live: members, ..List::default() },
            owners: List::default(),
            holds,
        };
        self.others.push(members);
        self.groups.insert(id, group);
    }

    /// Whether it is known who is directly in it.
    fn is_read(&self, id: ObjectId) -> bool {
        !self.flat.contains_key(&id)
            && self.groups.get(&Identity::Known(id)).is_some_and(|group| group.key.is_some() || group.unread.is_none())
    }

    fn is_ours(&self, id: ObjectId) -> bool {
        self.groups.get(&Identity::Known(id)).is_some_and(|group| group.key.is_some())
    }
}

fn read(inside: &Inside) -> Option<&[LivePrincipal]> {
    match inside {
        Inside::Read(members) => Some(members),
        Inside::Missing | Inside::Unreadable(_) => None,
    }
}

fn groups(members: &[LivePrincipal]) -> impl Iterator<Item = ObjectId> + '_ {
    members.iter().filter(|member| member.kind == PrincipalKind::Group).map(|member| member.id)
}
