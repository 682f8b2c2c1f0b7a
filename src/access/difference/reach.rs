//! Whom changes reach, and where.

use std::collections::{BTreeMap, BTreeSet};

use super::owners::{self, Owning};
use super::row::Unseen;
use super::touched::{Members, by_membership, by_rights};
use crate::access::people::{Node, Step, Ways};
use crate::access::{People, Snapshot, Who};
use crate::state::{
    self, Address, Binding, Change, Cluster, Desired, DesiredEnvironment, Edge, EnvironmentName, GroupsClaim, Identity,
    ObjectId, Observed, Operation, PrincipalKind, Resource, SubjectKind, SubjectName, Tenant,
};

/// Whom a row may be about.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Subject {
    /// A person or an app of the tenant.
    Somebody(Who),
    /// Whoever is in a group of which nobody knows who is.
    Group(Identity),
    /// Whoever is in a group that only the cluster knows, `system:authenticated` for one.
    Named(String),
    /// A user name that is nobody's whom we know.
    User(String),
    /// A service account.
    ServiceAccount { namespace: String, name: String },
}

/// A cluster where something may change for somebody.
pub(super) struct Place<'a> {
    pub(super) name: &'a EnvironmentName,
    pub(super) environment: &'a DesiredEnvironment,
    pub(super) before: Snapshot<'a>,
    /// `None` where nothing changes on the cluster itself.
    pub(super) after: Option<Snapshot<'a>>,
    pub(super) subjects: BTreeSet<Subject>,
    /// Owners of groups of which this changes what they would have as members.
    pub(super) owners: BTreeSet<Owning>,
}

impl Place<'_> {
    /// Whatever is bound there before or after.
    fn bound(&self) -> impl Iterator<Item = &state::Subject> {
        let all = self.before.bindings().chain(self.after.iter().flat_map(Snapshot::bindings));
        all.flat_map(|binding| &binding.subjects)
    }

    /// The object ids of the groups that are bound there, as far as they can be told.
    fn groups(&self, people: &People<'_>) -> BTreeSet<ObjectId> {
        self.bound().flat_map(|subject| people.meant(subject, &self.environment.tokens)).collect()
    }
}

/// What there would be once these changes are made, by these files. Without changes it is what was read.
#[derive(Clone, Copy)]
pub(super) struct State<'a> {
    pub(super) desired: &'a Desired,
    pub(super) changes: &'a [Change],
}

impl<'a> State<'a> {
    fn people(self, tenant: &'a Tenant, observed: &'a Observed) -> People<'a> {
        if self.changes.is_empty() {
            People::live(self.desired, tenant, &observed.of_groups)
        } else {
            People::planned(self.desired, tenant, &observed.of_groups, self.changes)
        }
    }

    fn on(self) -> BTreeMap<&'a EnvironmentName, Vec<&'a Change>> {
        let mut on: BTreeMap<&EnvironmentName, Vec<&Change>> = BTreeMap::new();
        for change in self.changes {
            if let Some(environment) = change.address.environment() {
                on.entry(environment).or_default().push(change);
            }
        }
        on
    }

    /// The changes that the other state has not got.
    fn without(self, other: Self) -> Vec<&'a Change> {
        let known: BTreeMap<&Address, &Operation> =
            other.changes.iter().map(|change| (&change.address, &change.operation)).collect();
        let is_alone = |change: &&Change| known.get(&change.address) != Some(&&change.operation);
        self.changes.iter().filter(is_alone).collect()
    }
}

fn snapshot<'a>(cluster: &'a Cluster, changes: Option<&Vec<&'a Change>>) -> Snapshot<'a> {
    changes.map_or_else(|| Snapshot::live(cluster), |changes| Snapshot::planned(cluster, changes))
}

/// What the changes of memberships are.
#[derive(Default)]
pub(super) struct Edges {
    pub(super) added: BTreeSet<(Identity, Node)>,
    pub(super) removed: BTreeSet<(Identity, Node)>,
    pub(super) deleted: BTreeSet<Identity>,
    pub(super) restored: BTreeSet<Identity>,
    pub(super) made: BTreeSet<Identity>,
    /// Groups that would be deleted before and are not after.
    pub(super) spared: BTreeSet<Identity>,
    /// Who comes to own which group, or no longer does.
    pub(super) owners: BTreeSet<Owning>,
}

/// Everything that changes reach.
pub(super) struct Reach<'a> {
    pub(super) live: People<'a>,
    pub(super) planned: People<'a>,
    pub(super) edges: Edges,
    pub(super) before: BTreeMap<Who, Ways<'a>>,
    pub(super) after: BTreeMap<Who, Ways<'a>>,
    pub(super) places: Vec<Place<'a>>,
    pub(super) unreached: BTreeSet<Unseen>,
}

impl<'a> Reach<'a> {
    /// `None` where Entra was not read or nothing changes.
    pub(super) fn of(from: State<'a>, to: State<'a>, observed: &'a Observed) -> Option<Self> {
        let Some(Ok(tenant)) = &observed.tenant else { return None };
        let (undone, done) = (from.without(to), to.without(from));
        if undone.is_empty() && done.is_empty() {
            return None;
        }
        let desired = to.desired;
        let (live, planned) = (from.people(tenant, observed), to.people(tenant, observed));
        let edges = Edges::between(&undone, &done);
        let changes: Vec<&Change> = undone.into_iter().chain(done).collect();
        let mut members = Members::new(&live, &planned);
        let by_membership = by_membership(&changes, &edges, &mut members);
        let mut owners = owners::by_membership(&changes, &edges, &mut members, desired);
        let (from_on, to_on) = (from.on(), to.on());
        let on: BTreeSet<&EnvironmentName> = changes.iter().filter_map(|change| change.address.environment()).collect();
        let mut places: BTreeMap<&EnvironmentName, Place<'a>> = BTreeMap::new();
        for name in on {
            let Some((name, environment)) = desired.environments.get_key_value(name) else { continue };
            let Some(Ok(cluster)) = observed.clusters.get(name) else { continue };
            let (before, after) = (snapshot(cluster, from_on.get(name)), snapshot(cluster, to_on.get(name)));
            let (subjects, groups) = by_rights(&before, &after, &environment.tokens, &mut members);
            let owners = owners::of_groups(&groups, &mut members, desired);
            places.insert(name, Place { name, environment, before, after: Some(after), subjects, owners });
        }
        let whom = places.values().flat_map(|place| &place.subjects).chain(&by_membership);
        let mut whom: BTreeSet<Who> = whom.filter_map(Subject::who).cloned().collect();
        whom.extend(places.values().flat_map(|place| &place.owners).chain(&owners).map(|(who, _)| who.clone()));
        let (before, after) = (live.groups_of(&whom), planned.groups_of(&whom));
        owners.extend(owners::leaving(&before, &after, &planned, desired));
        let mut reach = Self { live, planned, edges, before, after, places: Vec::new(), unreached: BTreeSet::new() };
        reach.spread((&by_membership, &owners), desired, observed, &from_on, &mut places);
        let is_one = |place: &Place<'_>| !place.subjects.is_empty() || !place.owners.is_empty();
        reach.places = places.into_values().filter(is_one).collect();
        Some(reach)
    }

    /// Finds the clusters where a group is bound that somebody comes into or leaves.
    fn spread(
        &mut self,
        (whom, owners): (&BTreeSet<Subject>, &BTreeSet<Owning>),
        desired: &'a Desired,
        observed: &'a Observed,
        from_on: &BTreeMap<&'a EnvironmentName, Vec<&'a Change>>,
        places: &mut BTreeMap<&'a EnvironmentName, Place<'a>>,
    ) {
        let renamed = self.renamed();
        let mut moved: BTreeMap<Identity, BTreeSet<&Subject>> = BTreeMap::new();
        // Where a token carries the groups alone that somebody is directly in, it counts by which way they are in one.
        let mut nearer: BTreeMap<Identity, BTreeSet<&Subject>> = BTreeMap::new();
        let is_assigned = |block: &DesiredEnvironment| block.tokens.claim == GroupsClaim::AssignedGroups;
        let has_assigned = desired.environments.values().any(is_assigned);
        // Whoever is still in a group by another way keeps what it gives, and that is said.
        let mut kept: BTreeMap<Identity, BTreeSet<&Subject>> = BTreeMap::new();
        for subject in whom {
            for group in subject.who().into_iter().flat_map(|who| self.kept(who)) {
                kept.entry(group).or_default().insert(subject);
            }
            for group in self.moved(subject, &renamed) {
                moved.entry(group).or_default().insert(subject);
            }
            for group in subject.who().filter(|_| has_assigned).into_iter().flat_map(|who| self.nearer(who)) {
                nearer.entry(group).or_default().insert(subject);
            }
        }
        let mut owned: BTreeMap<Identity, BTreeSet<&Owning>> = BTreeMap::new();
        for owning in owners {
            for group in self.moved_for(owning, &renamed) {
                owned.entry(group).or_default().insert(owning);
            }
        }
        if moved.is_empty() && nearer.is_empty() && kept.is_empty() && owned.is_empty() {
            return;
        }
        for (group, whom) in &moved {
            nearer.entry(group.clone()).or_default().extend(whom);
        }
        for (name, environment) in &desired.environments {
            let moved = if is_assigned(environment) { &nearer } else { &moved };
            let Some(Ok(cluster)) = observed.clusters.get(name) else {
                let changes = !moved.is_empty() || !owned.is_empty();
                self.unreached.extend(changes.then(|| Unseen::Cluster(name.clone())));
                continue;
            };
            let tokens = &environment.tokens;
            let mut called: BTreeMap<SubjectName, BTreeSet<&Identity>> = BTreeMap::new();
            for group in moved.keys().chain(kept.keys()).chain(owned.keys()) {
                for people in [&self.live, &self.planned] {
                    if let Some(name) = people.name_of(group, tokens) {
                        called.entry(name).or_default().insert(group);
                    }
                }
            }
            let found = |bindings: &mut dyn Iterator<Item = &Binding>| -> BTreeSet<&Identity> {
                let subjects = bindings.flat_map(|binding| &binding.subjects);
                let groups = subjects.filter(|subject| subject.kind == SubjectKind::Group);
                groups.filter_map(|subject| called.get(&subject.name)).flatten().copied().collect()
            };
            // Where nothing was and nothing will be written, what was read is looked at as it is.
            let mut bound = match (places.get(name), from_on.get(name)) {
                (Some(place), _) => found(&mut place.before.bindings()),
                (None, Some(changes)) => found(&mut Snapshot::planned(cluster, changes).bindings()),
                (None, None) => found(&mut cluster.bindings.iter().map(|live| &live.binding)),
            };
            if let Some(after) = places.get(name).and_then(|place| place.after.as_ref()) {
                bound.extend(found(&mut after.bindings()));
            }
            let subjects = bound.iter().flat_map(|group| [moved.get(*group), kept.get(*group)]).flatten().flatten();
            let subjects: BTreeSet<Subject> = subjects.map(|who| (*who).clone()).collect();
            let owners = bound.iter().filter_map(|group| owned.get(*group)).flatten();
            let owners: BTreeSet<Owning> = owners.map(|owning| (*owning).clone()).collect();
            if subjects.is_empty() && owners.is_empty() {
                continue;
            }
            let place = places.entry(name).or_insert_with(|| Place {
                name,
                environment,
                before: snapshot(cluster, from_on.get(name)),
                after: None,
                subjects: BTreeSet::new(),
                owners: BTreeSet::new(),
            });
            place.subjects.extend(subjects);
            place.owners.extend(owners);
        }
    }

    /// The groups that an owner would come into or leave besides.
    fn moved_for(&self, owning: &Owning, renamed: &BTreeSet<Identity>) -> BTreeSet<Identity> {
        let (who, group) = owning;
        let is_in = |ways: &BTreeMap<Who, Ways<'_>>| ways.get(who).is_some_and(|ways| ways.contains_key(group));
        let left = self.edges.removed.contains(&(group.clone(), Node::Person(who.clone())));
        // Whoever leaves a group of theirs can come back.
        if left || (is_in(&self.before) && !is_in(&self.after)) || self.edges.owners.contains(owning) {
            &self.groups_before(group) | &self.groups_after(group)
        } else {
            self.moved(&Subject::Group(group.clone()), renamed)
        }
    }

    /// The groups that somebody comes into or leaves, or that tokens call otherwise afterwards.
    fn moved(&self, subject: &Subject, renamed: &BTreeSet<Identity>) -> BTreeSet<Identity> {
        let (before, after): (BTreeSet<Identity>, BTreeSet<Identity>) = match subject {
            Subject::Somebody(who) => {
                let groups = |ways: &BTreeMap<Who, Ways<'_>>| {
                    ways.get(who).map(|ways| ways.keys().cloned().collect()).unwrap_or_default()
                };
                (groups(&self.before), groups(&self.after))
            }
            Subject::Group(group) => (self.groups_before(group), self.groups_after(group)),
            Subject::Named(_) | Subject::User(_) | Subject::ServiceAccount { .. } => return BTreeSet::new(),
        };
        let limit = crate::access::people::GROUPS_IN_A_TOKEN;
        // What comes of too many groups is up to each cluster's claim.
        if before != after && before.len().max(after.len()) > limit {
            return &before | &after;
        }
        let stay = before.intersection(&after).filter(|group| renamed.contains(*group));
        stay.chain(before.symmetric_difference(&after)).cloned().collect()
    }

    /// The groups that somebody is directly in either before or after, and by another way at the other time.
    fn nearer(&self, who: &Who) -> impl Iterator<Item = Identity> {
        let (before, after) = (self.before.get(who), self.after.get(who));
        let both = before.into_iter().flatten().filter_map(move |(group, way)| Some((group, way, after?.get(group)?)));
        let both: Vec<(&Identity, bool, bool)> =
            both.map(|(id, old, new)| (id, old.len() == 1, new.len() == 1)).collect();
        let limit = crate::access::people::GROUPS_IN_A_TOKEN;
        let counts = [before, after].map(|ways| ways.into_iter().flatten().filter(|(_, way)| way.len() == 1).count());
        // One more may be one too many, so that the token carries none of them.
        let is_overage = counts[0] != counts[1] && counts.into_iter().max() > Some(limit);
        both.into_iter().filter(move |(_, old, new)| is_overage || old != new).map(|(id, ..)| id.clone())
    }

    /// The groups that somebody is in before and after, and no longer by the way that they had.
    pub(super) fn kept(&self, who: &Who) -> impl Iterator<Item = Identity> {
        let (before, after) = (self.before.get(who), self.after.get(who));
        let both =
            before.into_iter().flatten().filter(move |(group, _)| after.is_some_and(|ways| ways.contains_key(*group)));
        both.filter(|(_, way)| way.iter().any(|step| self.edges.ends(step))).map(|(group, _)| group.clone())
    }

    /// The groups that a cluster may call otherwise afterwards.
    fn renamed(&self) -> BTreeSet<Identity> {
        let moved = self.planned.groups().filter(|group| group.key.is_some());
        let renamed = moved
            .filter(|group| self.live.group(&group.id).is_some_and(|before| before.display_name != group.display_name));
        renamed.map(|group| group.id.clone()).collect()
    }

    /// The groups of others that are in one that is bound where something changes.
    pub(super) fn hidden(&self) -> BTreeSet<ObjectId> {
        let mut hidden = BTreeSet::new();
        for people in [&self.live, &self.planned] {
            let unread: Vec<(ObjectId, BTreeSet<Identity>)> = people.unread_inside().collect();
            if unread.is_empty() {
                continue;
            }
            for place in &self.places {
                let bound = place.bound().filter(|subject| subject.kind == SubjectKind::Group);
                let bound: BTreeSet<&SubjectName> = bound.map(|subject| &subject.name).collect();
                let tokens = &place.environment.tokens;
                let is_bound =
                    |group: &Identity| people.name_of(group, tokens).is_some_and(|name| bound.contains(&name));
                let found = unread.iter().filter(|(_, around)| around.iter().any(is_bound));
                hidden.extend(found.map(|(inner, _)| *inner));
            }
        }
        hidden
    }

    /// The groups that are bound where a token carries only those that somebody is directly in.
    pub(super) fn assigned(&self) -> BTreeSet<ObjectId> {
        let is_one = |place: &&Place<'a>| place.environment.tokens.claim == GroupsClaim::AssignedGroups;
        self.groups_bound(is_one).collect()
    }

    /// The object ids of the groups that are bound, before or after, by their names or ids, on some of the clusters.
    pub(super) fn groups_bound<'r>(
        &'r self,
        on: impl Fn(&&'r Place<'a>) -> bool + 'r,
    ) -> impl Iterator<Item = ObjectId> + 'r {
        let places = self.places.iter().filter(on);
        places.flat_map(|place| [&self.live, &self.planned].into_iter().flat_map(|people| place.groups(people)))
    }

    /// A group and all that it is in, before; nothing for one that is not there.
    pub(super) fn groups_before(&self, group: &Identity) -> BTreeSet<Identity> {
        let is_known = group.known().is_some() || self.live.group(group).is_some();
        let is_there = is_known && !self.edges.restored.contains(group) && !self.edges.spared.contains(group);
        if is_there { around(&self.live, group) } else { BTreeSet::new() }
    }

    /// The same after.
    pub(super) fn groups_after(&self, group: &Identity) -> BTreeSet<Identity> {
        if self.edges.deleted.contains(group) { BTreeSet::new() } else { around(&self.planned, group) }
    }
}

fn around(people: &People<'_>, group: &Identity) -> BTreeSet<Identity> {
    people.around(group).into_iter().chain([group.clone()]).collect()
}

impl Subject {
    fn who(&self) -> Option<&Who> {
        match self {
            Self::Somebody(who) => Some(who),
            Self::Group(_) | Self::Named(_) | Self::User(_) | Self::ServiceAccount { .. } => None,
        }
    }
}

impl Edges {
    /// Whether this step of a way is there no longer.
    pub(super) fn ends(&self, step: &Step<'_>) -> bool {
        self.removed.contains(&(step.group.clone(), step.member.clone())) || self.deleted.contains(&step.group)
    }

    /// What comes of changes that are made only afterwards, and of others that would have been made only before.
    fn between(undone: &[&Change], done: &[&Change]) -> Self {
        let (mut edges, mut before) = (Self::of(done), Self::of(undone));
        // What is done at both times, if otherwise, comes and goes with neither.
        for (at_both, other) in [
            (&mut edges.deleted, &mut before.deleted),
            (&mut edges.restored, &mut before.restored),
            (&mut edges.made, &mut before.made),
        ] {
            let both = &*at_both & &*other;
            at_both.retain(|group| !both.contains(group));
            other.retain(|group| !both.contains(group));
        }
        edges.added.extend(before.removed);
        edges.removed.extend(before.added);
        edges.owners.extend(before.owners);
        edges.spared = before.deleted;
        edges.deleted.extend(before.restored.into_iter().chain(before.made));
        edges
    }

    fn of(changes: &[&Change]) -> Self {
        let mut edges = Self::default();
        for change in changes {
            match &change.operation {
                Operation::Create { after: Resource::Member(edge) } => {
                    edges.added.insert((edge.group_id.clone(), node(edge)));
                }
                Operation::Delete { before: Resource::Member(edge) } => {
                    edges.removed.insert((edge.group_id.clone(), node(edge)));
                }
                Operation::Create { after: Resource::Owner(edge) }
                | Operation::Delete { before: Resource::Owner(edge) } => {
                    if let Node::Person(who) = node(edge) {
                        edges.owners.insert((who, edge.group_id.clone()));
                    }
                }
                Operation::Delete { before: Resource::Group(group) } => drop(edges.deleted.insert(group.id.clone())),
                Operation::Restore { after: Resource::Group(group) } => drop(edges.restored.insert(group.id.clone())),
                Operation::Create { after: Resource::Group(group) } => drop(edges.made.insert(group.id.clone())),
                Operation::Create { .. }
                | Operation::Restore { .. }
                | Operation::Update { .. }
                | Operation::Delete { .. } => {}
            }
        }
        edges
    }
}

fn node(edge: &Edge) -> Node {
    match (&edge.principal_id, edge.kind) {
        (id, PrincipalKind::Group) => Node::Group(id.clone()),
        (Identity::Known(id), _) => Node::Person(Who::Id(*id)),
        (Identity::AfterApply(_), _) => Node::Person(Who::Named(edge.principal.clone())),
    }
}
