//! Which groups lead where: nesting, and the groups that are bound on a cluster.

use std::collections::{BTreeMap, BTreeSet};

use super::parts::Parts;
use super::resolve::{Directory, spelt_id};
use crate::state::{
    Above, Address, Change, Cluster, Desired, DesiredEnvironment, EnvironmentName, GroupKey, GroupNaming, LiveGroup,
    ObjectId, Operation, PrincipalKind, PrincipalName, Subject, SubjectKind, SubjectName, TokenNaming,
};

/// A group: one that we know by key, or another.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Node<'a> {
    /// A group of the files, or one with our mark.
    Known(&'a GroupKey),
    /// Anybody else's.
    Foreign(ObjectId),
}

/// Which changes count.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Counted {
    /// Those that add something.
    Additions,
    /// All of them.
    All,
}

/// Which groups are in which.
#[derive(Clone)]
pub(super) struct Nesting<'a> {
    inside: BTreeMap<Node<'a>, BTreeSet<Node<'a>>>,
    /// The display names of groups that are not ours, where they are known.
    names: BTreeMap<ObjectId, &'a str>,
    /// The same groups by name.
    called: BTreeMap<&'a str, Vec<ObjectId>>,
    /// The groups that each is directly in.
    outer: BTreeMap<Node<'a>, Vec<Node<'a>>>,
    /// The groups of which nobody knows what they are in, with why: they may be in any.
    unread: BTreeMap<&'a GroupKey, &'a str>,
    /// What may be so besides: groups of others with those of ours that are in them by way of another of ours, and perhaps
    /// directly too, which nobody is told.
    perhaps: Vec<(Node<'a>, Node<'a>)>,
    /// Groups of others with those of ours that are in them and in each other, by the first of these: at least one of each
    /// circle is in the group directly, and nobody is told which.
    circles: BTreeMap<(Node<'a>, Node<'a>), BTreeSet<Node<'a>>>,
}

impl<'a> Nesting<'a> {
    /// As it is now.
    pub(super) fn live(directory: &Directory<'a>) -> Self {
        let mut nesting = Self {
            inside: BTreeMap::new(),
            names: BTreeMap::new(),
            called: BTreeMap::new(),
            outer: BTreeMap::new(),
            unread: BTreeMap::new(),
            perhaps: Vec::new(),
            circles: BTreeMap::new(),
        };
        let (mut above, mut by_others) = (Vec::new(), Vec::new());
        for (key, group) in directory.live_groups() {
            let nested = directory.nested_in(group).iter().filter(|member| member.kind == PrincipalKind::Group);
            nesting.inside.entry(Node::Known(key)).or_default().extend(nested.map(|member| node(member.id, directory)));
            match directory.above(group.id) {
                Some(Above::Read(outer)) => {
                    for outer in outer {
                        match node(outer.id, directory) {
                            around @ Node::Foreign(id) => {
                                nesting.names.insert(id, &outer.display_name);
                                nesting.inside.entry(around).or_default().insert(Node::Known(key));
                                by_others.push((around, Node::Known(key)));
                            }
                            around @ Node::Known(_) => above.push((around, Node::Known(key))),
                        }
                    }
                }
                Some(Above::Unreadable(why)) => drop(nesting.unread.insert(key, why)),
                None => drop(nesting.unread.insert(key, "it was not asked")),
            }
        }
        // What a group is in is told with all the ways there. The members of ours are known, so that this adds nothing to
        // them but where the two were not read at one time: an edge of its own would stay when the way there goes.
        for (around, nested) in above {
            if !nesting.holds(around, nested) {
                nesting.inside.entry(around).or_default().insert(nested);
            }
        }
        nesting.drop_implied(by_others);
        for (id, name) in &nesting.names {
            nesting.called.entry(name).or_default().push(*id);
        }
        // A group that is deleted is in none, and comes back into those that it was in.
        let restored = directory.restored().map(|(key, _)| (key, "it is deleted"));
        nesting.unread.extend(restored);
        nesting.turned()
    }

    /// Of a group of others, too, nobody is told whether one of ours is in it directly or by way of another of ours. The way
    /// is what counts where there is one: a group that leaves it is then out of both, so that a guard objects at worst where
    /// it need not. Of some that are in each other, each counts as directly in it. What must be safe however it is looks at
    /// [`Self::possible`].
    fn drop_implied(&mut self, by_others: Vec<(Node<'a>, Node<'a>)>) {
        let mut parents: BTreeMap<Node<'a>, Vec<Node<'a>>> = BTreeMap::new();
        for (around, inner) in self.pairs().filter(|(around, _)| matches!(around, Node::Known(_))) {
            parents.entry(inner).or_default().push(around);
        }
        let ours_around = |group: Node<'a>| {
            let (mut open, mut found) = (vec![group], BTreeSet::new());
            while let Some(group) = open.pop() {
                open.extend(parents.get(&group).into_iter().flatten().filter(|around| found.insert(**around)));
            }
            found
        };
        let mut implied = Vec::new();
        for (around, inner) in by_others {
            let ours = ours_around(inner);
            let is_in = |group: &Node<'a>| self.inside.get(&around).is_some_and(|nested| nested.contains(group));
            // In a circle each would be the other's way.
            let (circle, beyond): (BTreeSet<_>, BTreeSet<_>) = if ours.contains(&inner) {
                ours.into_iter().partition(|group| ours_around(*group).contains(&inner))
            } else {
                (BTreeSet::new(), ours)
            };
            if beyond.iter().any(is_in) {
                implied.push((around, inner));
            } else if let Some(first) = circle.first() {
                self.circles.entry((around, *first)).or_default().insert(inner);
            }
        }
        for (around, inner) in implied {
            self.inside.entry(around).or_default().remove(&inner);
            self.perhaps.push((around, inner));
        }
    }

    /// As it is now, and as else it may be where nobody is told: with every group that may be directly in one of others
    /// there, and with one of each circle alone directly in them.
    pub(super) fn possible(directory: &Directory<'a>) -> Vec<Self> {
        let live = Self::live(directory);
        let longest = live.circles.values().map(BTreeSet::len).filter(|length| *length > 1).max().unwrap_or_default();
        let alone = (0..longest).map(|place| live.entered_at(place));
        let others = alone.chain((!live.perhaps.is_empty()).then(|| live.with_perhaps()));
        let others: Vec<Self> = others.map(Self::turned).collect();
        std::iter::once(live).chain(others).collect()
    }

    /// The same where every group that may be directly in one of others is.
    fn with_perhaps(&self) -> Self {
        let mut nesting = self.clone();
        for (around, inner) in &self.perhaps {
            nesting.inside.entry(*around).or_default().insert(*inner);
        }
        nesting
    }

    /// The same where the group at this place of a circle is the only one of it that is directly in one of others.
    fn entered_at(&self, place: usize) -> Self {
        let mut nesting = self.clone();
        for ((around, _), circle) in &self.circles {
            let entry = circle.iter().nth(place % circle.len());
            let inside = nesting.inside.entry(*around).or_default();
            inside.retain(|group| Some(group) == entry || !circle.contains(group));
        }
        nesting
    }

    /// The same with a look from the inside.
    fn turned(mut self) -> Self {
        let mut outer: BTreeMap<Node<'a>, Vec<Node<'a>>> = BTreeMap::new();
        for (around, inner) in self.pairs() {
            outer.entry(inner).or_default().push(around);
        }
        self.outer = outer;
        self
    }

    /// The same, with what the files ask for added.
    pub(super) fn with_files(mut self, desired: &'a Desired, directory: &Directory<'a>) -> Self {
        for (key, group) in &desired.groups {
            let nested = group.members.keys().filter_map(|name| node_of(name, directory));
            self.inside.entry(Node::Known(key)).or_default().extend(nested);
        }
        self.turned()
    }

    /// The same once these changes are made, or while those that take something away are still to come.
    pub(super) fn with_changes<'c>(
        mut self,
        changes: impl IntoIterator<Item = &'c Change>,
        counted: Counted,
        directory: &Directory<'a>,
    ) -> Self
    where
        'c: 'a,
    {
        let mut deleted = BTreeSet::new();
        for change in changes {
            let goes = counted == Counted::All && change.after().is_none();
            match (&change.address, &change.operation) {
                (Address::Member(key, name), Operation::Create { .. }) => {
                    self.inside.entry(Node::Known(key)).or_default().extend(node_of(name, directory));
                }
                (Address::Member(key, name), Operation::Delete { .. }) if goes => {
                    let inside = self.inside.get_mut(&Node::Known(key));
                    if let (Some(nested), Some(inside)) = (node_of(name, directory), inside) {
                        inside.remove(&nested);
                    }
                }
                (Address::Group(key), Operation::Delete { .. }) if goes => {
                    self.inside.remove(&Node::Known(key));
                    deleted.insert(Node::Known(key));
                }
                (
                    Address::Group(_) | Address::Owner(..) | Address::Member(..) | Address::Object { .. },
                    Operation::Create { .. }
                    | Operation::Restore { .. }
                    | Operation::Update { .. }
                    | Operation::Delete { .. },
                ) => {}
            }
        }
        if !deleted.is_empty() {
            self.inside.values_mut().for_each(|inside| inside.retain(|group| !deleted.contains(group)));
        }
        self.turned()
    }

    /// Every group with each that is directly in it.
    pub(super) fn pairs(&self) -> impl Iterator<Item = (Node<'a>, Node<'a>)> {
        self.inside.iter().flat_map(|(outer, inside)| inside.iter().map(|inner| (*outer, *inner)))
    }

    /// The display name of a group that is not ours, where it is known.
    pub(super) fn name(&self, id: ObjectId) -> Option<&'a str> {
        self.names.get(&id).copied()
    }

    /// Whether one group is in another, directly or through others.
    fn holds(&self, around: Node<'a>, nested: Node<'a>) -> bool {
        let mut open = vec![around];
        let mut seen = BTreeSet::new();
        while let Some(group) = open.pop() {
            let inside = self.inside.get(&group).into_iter().flatten();
            for each in inside {
                if *each == nested {
                    return true;
                }
                if seen.insert(*each) {
                    open.push(*each);
                }
            }
        }
        false
    }

    /// The groups whose members are, through nesting, members of one of these; these included.
    pub(super) fn leading_to(&self, groups: impl IntoIterator<Item = Node<'a>>) -> BTreeSet<Node<'a>> {
        let mut open: Vec<Node<'a>> = groups.into_iter().collect();
        let mut reached = BTreeSet::new();
        while let Some(group) = open.pop() {
            if reached.insert(group) {
                open.extend(self.inside.get(&group).into_iter().flatten());
            }
        }
        reached
    }

    /// The groups that this one is in, directly or through others.
    pub(super) fn around(&self, key: &'a GroupKey) -> BTreeSet<Node<'a>> {
        let mut open = vec![Node::Known(key)];
        let mut found = BTreeSet::new();
        while let Some(group) = open.pop() {
            let outer = self.outer.get(&group).into_iter().flatten().copied();
            open.extend(outer.filter(|outer| found.insert(*outer)));
        }
        found.remove(&Node::Known(key));
        found
    }

    /// The groups of others that a subject names, as far as we know of them.
    pub(super) fn others_called(
        &self,
        directory: &Directory<'_>,
        tokens: &TokenNaming,
        subject: &Subject,
    ) -> Vec<Node<'a>> {
        let SubjectName::Known(name) = &subject.name else { return Vec::new() };
        let bare = name.strip_prefix(&tokens.groups_prefix).filter(|_| subject.kind == SubjectKind::Group);
        let Some(bare) = bare else { return Vec::new() };
        match tokens.groups {
            GroupNaming::ObjectId => {
                let other = spelt_id(bare).filter(|id| directory.key(*id).is_none());
                other.into_iter().map(Node::Foreign).collect()
            }
            GroupNaming::DisplayName => {
                self.called.get(bare).into_iter().flatten().map(|id| Node::Foreign(*id)).collect()
            }
        }
    }

    /// Why nobody knows what a group is in, where nobody does.
    pub(super) fn unread(&self, key: &GroupKey) -> Option<&'a str> {
        self.unread.get(key).copied()
    }

    /// The groups among these that are not ours and that this one is in, for people.
    pub(super) fn others_around(&self, key: &GroupKey, among: &BTreeSet<Node<'_>>) -> Vec<String> {
        let around = self.around(key);
        let is_in = |id: ObjectId| around.contains(&Node::Foreign(id));
        let others = among.iter().filter_map(|group| match group {
            Node::Foreign(id) if is_in(*id) => self.names.get(id).map(|name| (id, name)),
            Node::Foreign(_) | Node::Known(_) => None,
        });
        others.map(|(id, name)| format!("`{name}` (id {id})")).collect()
    }
}

/// The group of an object id.
pub(super) fn node<'a>(id: ObjectId, directory: &Directory<'a>) -> Node<'a> {
    directory.key(id).map_or(Node::Foreign(id), Node::Known)
}

/// The group that a name stands for, if it stands for one. Where several keys are one group, it is the managing one.
pub(super) fn node_of<'a>(name: &'a PrincipalName, directory: &Directory<'a>) -> Option<Node<'a>> {
    match name {
        PrincipalName::Group(key) => {
            Some(directory.live(key).map_or(Node::Known(key), |group| match node(group.id, directory) {
                Node::Foreign(_) => Node::Known(key),
                known @ Node::Known(_) => known,
            }))
        }
        PrincipalName::GroupId(id) => Some(node(*id, directory)),
        PrincipalName::User(_)
        | PrincipalName::Guest(_)
        | PrincipalName::ServicePrincipal(_)
        | PrincipalName::Object(_) => None,
    }
}

/// Every person or other object that is a live member of these groups, as far as we know the groups.
pub(super) fn live_members(directory: &Directory<'_>, groups: &BTreeSet<Node<'_>>) -> BTreeSet<ObjectId> {
    groups
        .iter()
        .filter_map(|group| match group {
            Node::Known(key) => directory.live(key),
            Node::Foreign(_) => None,
        })
        .flat_map(|group| group.members.iter().map(|member| member.id))
        .collect()
}

/// The live groups of which it must be known what they are in: those that would change, and where something would go, those
/// through which we ourselves may act. What goes from a group that is `losing` members is no change before it is known who is
/// in it through Privileged Identity Management, which is asked at the same time.
pub(super) fn groups_in_question(
    changes: &BTreeMap<Address, Change>,
    losing: &BTreeSet<ObjectId>,
    directory: &Directory<'_>,
) -> BTreeSet<ObjectId> {
    let touched = changes.keys().filter_map(|address| match address {
        Address::Group(key) | Address::Owner(key, _) | Address::Member(key, _) => directory.live(key),
        Address::Object { .. } => None,
    });
    let goes =
        !losing.is_empty() || changes.values().any(|change| matches!(change.operation, Operation::Delete { .. }));
    let is_own = |group: &&LiveGroup| goes && directory.holds_us(group);
    let own = directory.live_groups().map(|(_, group)| group).filter(is_own);
    touched.chain(own).map(|group| group.id).chain(losing.iter().copied()).collect()
}

/// The groups that are bound on an environment, live or as the files ask.
fn bound<'a>(
    environment: &'a DesiredEnvironment,
    cluster: Option<&Cluster>,
    nesting: &Nesting<'a>,
    directory: &Directory<'a>,
) -> BTreeSet<Node<'a>> {
    let asked = environment.bindings.iter().filter_map(|binding| node_of(&binding.subject, directory));
    let mut bound: BTreeSet<Node<'_>> = asked.collect();
    let tokens = &environment.tokens;
    for subject in cluster.into_iter().flat_map(|cluster| &cluster.bindings).flat_map(|live| &live.binding.subjects) {
        bound.extend(directory.groups_called(tokens, subject).into_iter().map(Node::Known));
        bound.extend(directory.groups_finally_called(tokens, subject).into_iter().map(Node::Known));
        bound.extend(nesting.others_called(directory, tokens, subject));
    }
    bound
}

/// Marks every change that reaches a protected environment: what is on it, and the groups that are bound there, those
/// nested in them included.
pub(super) fn mark_protected(changes: &mut [Change], desired: &Desired, parts: &Parts<'_>, directory: &Directory<'_>) {
    if !desired.environments.values().any(|environment| environment.protected) {
        return;
    }
    let nesting = Nesting::live(directory).with_files(desired, directory);
    let mut anything = BTreeSet::new();
    let mut all = BTreeSet::new();
    let mut reached: BTreeMap<Node<'_>, BTreeSet<EnvironmentName>> = BTreeMap::new();
    for (name, environment) in desired.environments.iter().filter(|(_, environment)| environment.protected) {
        let cluster = parts.clusters.get(name).map(|part| part.cluster);
        for group in nesting.leading_to(bound(environment, cluster, &nesting, directory)) {
            reached.entry(group).or_default().insert(name.clone());
        }
        all.insert(name.clone());
        // Which groups are bound on a cluster that was not read, whatever the reason, nobody knows: it may be any of them.
        if cluster.is_none() {
            anything.insert(name.clone());
        }
    }
    for change in changes {
        match &change.address {
            Address::Object { environment, .. } => {
                if desired.environments.get(environment).is_some_and(|block| block.protected) {
                    change.protected.insert(environment.clone());
                }
            }
            Address::Group(key) | Address::Owner(key, _) | Address::Member(key, _) => {
                let reached = reached.get(&Node::Known(key)).into_iter().flatten().chain(&anything);
                // So it is with a group of which nobody knows what it is in.
                let any = nesting.unread(key).map(|_| &all).into_iter().flatten();
                let protected: BTreeSet<EnvironmentName> = reached.chain(any).cloned().collect();
                change.protected.extend(protected);
            }
        }
    }
}
