//! Which groups lead where while a plan is carried out: every step that is there before or after, and what it comes or goes by.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::draft::Draft;
use crate::plan::reach::{Nesting, Node, node};
use crate::plan::resolve::Directory;
use crate::state::{Address, Change, Edge, GroupKey, Identity, ObjectId, Operation, PrincipalKind, Resource};

/// Whether something is there at the start and at the end.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step<'a> {
    /// At both.
    Stays,
    /// Only at the end, by this change.
    Comes(&'a Address),
    /// Only at the start. This change ends it.
    Goes(&'a Address),
}

/// Whom something would reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Whom<'a> {
    /// One person, or a group of which nobody knows who is in it.
    One(ObjectId),
    /// Whoever is in a group at any time.
    Inside(Node<'a>),
    /// Whoever is in a group, as long as they are: what else they are in does not count.
    Group(Node<'a>),
}

/// Somebody or a group that comes into a group.
pub(super) struct Joining<'a> {
    pub(super) change: &'a Address,
    pub(super) group: Node<'a>,
    pub(super) who: Whom<'a>,
}

/// The steps from members to groups.
pub(super) struct Ways<'a> {
    directory: &'a Directory<'a>,
    pub(super) nesting: Nesting<'a>,
    inside: BTreeMap<Node<'a>, BTreeMap<Node<'a>, Step<'a>>>,
    around: BTreeMap<Node<'a>, BTreeMap<Node<'a>, Step<'a>>>,
    /// The people who come or go; those who stay are in the lists that were read.
    people: BTreeMap<Node<'a>, Vec<(ObjectId, Step<'a>)>>,
    pub(super) deleted: BTreeMap<Node<'a>, &'a Address>,
    pub(super) renamed: BTreeMap<Node<'a>, &'a Address>,
    /// The groups that come with their names.
    pub(super) created: BTreeMap<Node<'a>, &'a Address>,
    pub(super) joining: Vec<Joining<'a>>,
    /// What each group that somebody joins stays in, and what it comes out of.
    pub(super) left: BTreeMap<Node<'a>, Out<'a>>,
}

/// The groups that one stays in, itself included, and those that it is in until a step goes, with that step.
type Out<'a> = (BTreeSet<Node<'a>>, BTreeSet<(Node<'a>, &'a Address)>);

impl<'a> Ways<'a> {
    pub(super) fn new(directory: &'a Directory<'a>, nesting: Nesting<'a>, draft: &'a Draft) -> Self {
        let mut ways = Self {
            directory,
            inside: BTreeMap::new(),
            around: BTreeMap::new(),
            people: BTreeMap::new(),
            deleted: BTreeMap::new(),
            renamed: BTreeMap::new(),
            created: BTreeMap::new(),
            joining: Vec::new(),
            left: BTreeMap::new(),
            nesting,
        };
        for (outer, inner) in ways.nesting.pairs().collect::<Vec<_>>() {
            ways.link(outer, inner, Step::Stays);
        }
        for change in draft.changes.values() {
            ways.take_in(change);
        }
        for (group, address) in ways.deleted.clone() {
            let inner = ways.inside.get(&group).into_iter().flatten().map(|(inner, step)| (group, *inner, *step));
            let outer = ways.around.get(&group).into_iter().flatten().map(|(outer, step)| (*outer, group, *step));
            for (outer, inner, step) in inner.chain(outer).collect::<Vec<_>>() {
                if step == Step::Stays {
                    ways.link(outer, inner, Step::Goes(address));
                }
            }
        }
        let joined: BTreeSet<Node<'_>> = ways.joining.iter().map(|joining| joining.group).collect();
        ways.left = joined.into_iter().map(|group| (group, ways.out_of(group))).collect();
        ways
    }

    fn take_in(&mut self, change: &'a Change) {
        let address = &change.address;
        match &change.operation {
            Operation::Create { after: Resource::Member(edge) } => {
                let group = self.group(&edge.group);
                let who = self.member(edge);
                match who {
                    Whom::One(id) => self.people.entry(group).or_default().push((id, Step::Comes(address))),
                    Whom::Inside(inner) | Whom::Group(inner) => self.link(group, inner, Step::Comes(address)),
                }
                self.joining.push(Joining { change: address, group, who });
            }
            Operation::Delete { before: Resource::Member(edge) } => {
                let group = self.group(&edge.group);
                match self.member(edge) {
                    Whom::One(id) => self.people.entry(group).or_default().push((id, Step::Goes(address))),
                    Whom::Inside(inner) | Whom::Group(inner) => self.link(group, inner, Step::Goes(address)),
                }
            }
            Operation::Create { after: Resource::Group(group) }
            | Operation::Restore { after: Resource::Group(group) } => {
                self.created.insert(self.group(&group.key), address);
            }
            Operation::Delete { before: Resource::Group(group) } => {
                self.deleted.insert(self.group(&group.key), address);
            }
            Operation::Update { before: Resource::Group(before), after: Resource::Group(after) }
                if before.display_name != after.display_name =>
            {
                self.renamed.insert(self.group(&after.key), address);
            }
            Operation::Create { .. }
            | Operation::Restore { .. }
            | Operation::Update { .. }
            | Operation::Delete { .. } => {}
        }
    }

    fn link(&mut self, outer: Node<'a>, inner: Node<'a>, step: Step<'a>) {
        self.inside.entry(outer).or_default().insert(inner, step);
        self.around.entry(inner).or_default().insert(outer, step);
    }

    /// The group of a key. Where several keys are one group, it is the managing one.
    fn group(&self, key: &'a GroupKey) -> Node<'a> {
        match self.directory.live(key).map(|live| node(live.id, self.directory)) {
            Some(known @ Node::Known(_)) => known,
            Some(Node::Foreign(_)) | None => Node::Known(key),
        }
    }

    fn member(&self, edge: &'a Edge) -> Whom<'a> {
        match &edge.principal_id {
            Identity::AfterApply(key) => Whom::Inside(Node::Known(key)),
            Identity::Known(id) if edge.kind == PrincipalKind::Group || self.directory.key(*id).is_some() => {
                Whom::Inside(node(*id, self.directory))
            }
            Identity::Known(id) => Whom::One(*id),
        }
    }

    /// The groups in which something changes, and whatever those are in at any time.
    pub(super) fn concerned(&self) -> BTreeSet<Node<'a>> {
        let nested = self.inside.iter().filter(|(_, inner)| inner.values().any(|step| *step != Step::Stays));
        let changed = nested.map(|(outer, _)| *outer).chain(self.people.keys().copied());
        let changed = changed.chain(self.deleted.keys().copied()).chain(self.renamed.keys().copied());
        self.closure(changed, |_| true)
    }

    /// These groups, and all that they are in by such steps.
    pub(super) fn closure(
        &self,
        groups: impl IntoIterator<Item = Node<'a>>,
        counts: impl Fn(Step<'a>) -> bool,
    ) -> BTreeSet<Node<'a>> {
        let mut open: Vec<Node<'a>> = groups.into_iter().collect();
        let mut found = BTreeSet::new();
        while let Some(group) = open.pop() {
            if found.insert(group) {
                let outer = self.around.get(&group).into_iter().flatten();
                open.extend(outer.filter(|(_, step)| counts(**step)).map(|(outer, _)| *outer));
            }
        }
        found
    }

    /// Who leaves a group, or one in it: the first step that goes on each way down, and whom it leads here. What is beyond a
    /// group that comes into it is looked at where that one comes.
    pub(super) fn leaving(&self, group: Node<'a>) -> Vec<(&'a Address, Whom<'a>)> {
        let (mut open, mut seen, mut leaving) = (vec![group], BTreeSet::new(), Vec::new());
        while let Some(group) = open.pop() {
            if !seen.insert(group) {
                continue;
            }
            if let Some(address) = self.deleted.get(&group) {
                leaving.push((*address, Whom::Inside(group)));
                continue;
            }
            for (id, step) in self.people.get(&group).into_iter().flatten() {
                if let Step::Goes(address) = step {
                    leaving.push((address, Whom::One(*id)));
                }
            }
            for (inner, step) in self.inside.get(&group).into_iter().flatten() {
                match step {
                    Step::Goes(address) => leaving.push((address, Whom::Inside(*inner))),
                    Step::Stays => open.push(*inner),
                    Step::Comes(_) => {}
                }
            }
        }
        leaving
    }

    /// What a group comes out of: the groups beyond the first step that goes on each way up, and that step. What comes on the
    /// way has its own order.
    fn out_of(&self, group: Node<'a>) -> Out<'a> {
        let stays = self.closure([group], |step| step == Step::Stays);
        let mut left = BTreeSet::new();
        for (outer, step) in stays.iter().filter_map(|inner| self.around.get(inner)).flatten() {
            if let Step::Goes(address) = step {
                let beyond = self.closure([*outer], |step| !matches!(step, Step::Comes(_)));
                left.extend(beyond.difference(&stays).map(|group| (*group, *address)));
            }
        }
        (stays, left)
    }

    /// Whoever is in a group at any time.
    pub(super) fn people(&self, whom: Whom<'a>) -> BTreeSet<ObjectId> {
        let group = match whom {
            Whom::One(id) => return BTreeSet::from([id]),
            Whom::Group(_) => return BTreeSet::new(),
            Whom::Inside(group) => group,
        };
        let (mut open, mut seen, mut people) = (vec![group], BTreeSet::new(), BTreeSet::new());
        while let Some(group) = open.pop() {
            if !seen.insert(group) {
                continue;
            }
            match group {
                Node::Foreign(id) => people.extend([id]),
                Node::Known(key) => {
                    let live = self.directory.live(key).into_iter().flat_map(|live| &live.members);
                    let live = live.filter(|member| member.kind != PrincipalKind::Group).map(|member| member.id);
                    people.extend(live.chain(self.people.get(&group).into_iter().flatten().map(|(id, _)| *id)));
                }
            }
            open.extend(self.inside.get(&group).into_iter().flatten().map(|(inner, _)| *inner));
        }
        people
    }

    /// The groups that each of these is in at the start, and at the end.
    pub(super) fn groups_of(&self, people: &BTreeSet<ObjectId>) -> BTreeMap<ObjectId, Between<'a>> {
        let mut direct: BTreeMap<ObjectId, (BTreeSet<Node<'a>>, BTreeSet<Node<'a>>)> = BTreeMap::new();
        for (key, live) in self.directory.live_groups() {
            for member in live.members.iter().filter(|member| people.contains(&member.id)) {
                let (start, end) = direct.entry(member.id).or_default();
                start.insert(Node::Known(key));
                end.insert(Node::Known(key));
            }
        }
        for (group, changed) in &self.people {
            for (id, step) in changed.iter().filter(|(id, _)| people.contains(id)) {
                let (_, end) = direct.entry(*id).or_default();
                match step {
                    Step::Comes(_) => drop(end.insert(*group)),
                    Step::Goes(_) | Step::Stays => drop(end.remove(group)),
                }
            }
        }
        // What is not ours has its steps.
        for id in people {
            if let Some(outer) = self.around.get(&Node::Foreign(*id)) {
                let by = |counts: fn(&Step<'a>) -> bool| {
                    outer.iter().filter(|(_, step)| counts(step)).map(|(group, _)| *group).collect()
                };
                let start = by(|step| !matches!(step, Step::Comes(_)));
                direct.insert(*id, (start, by(|step| !matches!(step, Step::Goes(_)))));
            }
        }
        let between = |(start, mut end): (BTreeSet<Node<'a>>, BTreeSet<Node<'a>>)| {
            end.retain(|group| !self.deleted.contains_key(group));
            self.between(start, end)
        };
        direct.into_iter().map(|(id, direct)| (id, between(direct))).collect()
    }

    /// What members of these groups are in at the start, and of those at the end.
    pub(super) fn between(
        &self,
        start: impl IntoIterator<Item = Node<'a>>,
        end: impl IntoIterator<Item = Node<'a>>,
    ) -> Between<'a> {
        Between {
            start: self.closure(start, |step| !matches!(step, Step::Comes(_))),
            end: self.closure(end, |step| !matches!(step, Step::Goes(_))),
        }
    }
}

/// What somebody is in, all the way up.
#[derive(Clone, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Between<'a> {
    pub(super) start: BTreeSet<Node<'a>>,
    pub(super) end: BTreeSet<Node<'a>>,
}
