//! Whom changes reach, and where.

use std::collections::{BTreeMap, BTreeSet};

use super::row::Unseen;
use crate::access::people::{Node, Ways};
use crate::access::{People, Snapshot, Who};
use crate::state::{
    self, Address, Binding, Change, Desired, DesiredEnvironment, Edge, EnvironmentName, GroupKey, GroupNaming,
    GroupsClaim, Identity, ObjectId, Observed, Operation, PrincipalKind, Resource, SubjectKind, SubjectName,
    TokenNaming,
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
}

impl Place<'_> {
    /// Whatever is bound there before or after.
    fn bound(&self) -> impl Iterator<Item = &state::Subject> {
        let all = self.before.bindings().chain(self.after.iter().flat_map(Snapshot::bindings));
        all.flat_map(|binding| &binding.subjects)
    }

    /// The object ids of the groups that are bound there, where groups go by them.
    pub(super) fn groups(&self) -> impl Iterator<Item = ObjectId> {
        self.bound().filter_map(|subject| self.environment.tokens.group_id(subject))
    }
}

/// What the changes of memberships are.
#[derive(Default)]
pub(super) struct Edges {
    pub(super) added: BTreeSet<(Identity, Node)>,
    pub(super) removed: BTreeSet<(Identity, Node)>,
    pub(super) deleted: BTreeSet<Identity>,
    pub(super) restored: BTreeSet<Identity>,
    /// Who comes to own which group.
    pub(super) owners: BTreeSet<(Who, Identity, GroupKey)>,
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
    pub(super) fn of(desired: &'a Desired, observed: &'a Observed, changes: &'a [Change]) -> Option<Self> {
        let Some(Ok(tenant)) = &observed.tenant else { return None };
        if changes.is_empty() {
            return None;
        }
        let live = People::live(desired, tenant, &observed.of_groups);
        let planned = People::planned(desired, tenant, &observed.of_groups, changes);
        let edges = Edges::of(changes);
        let mut members = Members { live: &live, planned: &planned, known: BTreeMap::new() };
        let by_membership = by_membership(changes, &edges, &mut members);
        let mut on: BTreeMap<&EnvironmentName, Vec<&Change>> = BTreeMap::new();
        for change in changes {
            if let Some(environment) = change.address.environment() {
                on.entry(environment).or_default().push(change);
            }
        }
        let mut places: BTreeMap<&EnvironmentName, Place<'a>> = BTreeMap::new();
        for (name, changes) in on {
            let Some((name, environment)) = desired.environments.get_key_value(name) else { continue };
            let Some(Ok(cluster)) = observed.clusters.get(name) else { continue };
            let (before, after) = (Snapshot::live(cluster), Snapshot::planned(cluster, &changes));
            let subjects = by_rights(&before, &after, &environment.tokens, &mut members);
            places.insert(name, Place { name, environment, before, after: Some(after), subjects });
        }
        let whom = places.values().flat_map(|place| &place.subjects).chain(&by_membership);
        let mut whom: BTreeSet<Who> = whom.filter_map(Subject::who).cloned().collect();
        whom.extend(edges.owners.iter().map(|(who, ..)| who.clone()));
        let (before, after) = (live.groups_of(&whom), planned.groups_of(&whom));
        let mut reach = Self { live, planned, edges, before, after, places: Vec::new(), unreached: BTreeSet::new() };
        reach.spread(&by_membership, desired, observed, &mut places);
        reach.places = places.into_values().filter(|place| !place.subjects.is_empty()).collect();
        Some(reach)
    }

    /// Finds the clusters where a group is bound that somebody comes into or leaves.
    fn spread(
        &mut self,
        whom: &BTreeSet<Subject>,
        desired: &'a Desired,
        observed: &'a Observed,
        places: &mut BTreeMap<&'a EnvironmentName, Place<'a>>,
    ) {
        let renamed = self.renamed();
        let mut moved: BTreeMap<Identity, BTreeSet<&Subject>> = BTreeMap::new();
        let owners: Vec<(Subject, &Identity)> =
            self.edges.owners.iter().map(|(who, group, _)| (Subject::Somebody(who.clone()), group)).collect();
        // Where a token carries the groups alone that somebody is directly in, it counts by which way they are in one.
        let mut nearer: BTreeMap<Identity, BTreeSet<&Subject>> = BTreeMap::new();
        let is_assigned = |block: &DesiredEnvironment| block.tokens.claim == GroupsClaim::AssignedGroups;
        let has_assigned = desired.environments.values().any(is_assigned);
        for subject in whom {
            for group in self.moved(subject, &renamed) {
                moved.entry(group).or_default().insert(subject);
            }
            for group in subject.who().filter(|_| has_assigned).into_iter().flat_map(|who| self.nearer(who)) {
                nearer.entry(group).or_default().insert(subject);
            }
        }
        for (subject, group) in &owners {
            for group in self.planned.around(group).into_iter().chain([(*group).clone()]) {
                moved.entry(group).or_default().insert(subject);
            }
        }
        if moved.is_empty() && nearer.is_empty() {
            return;
        }
        for (group, whom) in &moved {
            nearer.entry(group.clone()).or_default().extend(whom);
        }
        for (name, environment) in &desired.environments {
            let moved = if is_assigned(environment) { &nearer } else { &moved };
            if moved.is_empty() {
                continue;
            }
            let Some(Ok(cluster)) = observed.clusters.get(name) else {
                self.unreached.insert(Unseen::Cluster(name.clone()));
                continue;
            };
            let tokens = &environment.tokens;
            let mut called: BTreeMap<SubjectName, BTreeSet<&Identity>> = BTreeMap::new();
            for group in moved.keys() {
                for people in [&self.live, &self.planned] {
                    if let Some(name) = people.name_of(group, tokens) {
                        called.entry(name).or_default().insert(group);
                    }
                }
            }
            let found = |bindings: &mut dyn Iterator<Item = &Binding>| -> BTreeSet<Subject> {
                let subjects = bindings.flat_map(|binding| &binding.subjects);
                let groups = subjects.filter(|subject| subject.kind == SubjectKind::Group);
                let groups = groups.filter_map(|subject| called.get(&subject.name)).flatten();
                let groups: BTreeSet<&Identity> = groups.copied().collect();
                groups.iter().filter_map(|group| moved.get(*group)).flatten().map(|who| (*who).clone()).collect()
            };
            let mut live = cluster.bindings.iter().map(|live| &live.binding);
            let mut subjects = found(&mut live);
            if let Some(after) = places.get(name).and_then(|place| place.after.as_ref()) {
                subjects.extend(found(&mut after.rbac().bindings().iter().copied()));
            }
            if subjects.is_empty() {
                continue;
            }
            let place = places.entry(name).or_insert_with(|| Place {
                name,
                environment,
                before: Snapshot::live(cluster),
                after: None,
                subjects: BTreeSet::new(),
            });
            place.subjects.extend(subjects);
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
        let is_one = |place: &&Place<'_>| place.environment.tokens.claim == GroupsClaim::AssignedGroups;
        self.places.iter().filter(is_one).flat_map(Place::groups).collect()
    }

    /// A group and all that it is in, before; nothing for one that is not there.
    pub(super) fn groups_before(&self, group: &Identity) -> BTreeSet<Identity> {
        let is_there = group.known().is_some() && !self.edges.restored.contains(group);
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
    fn of(changes: &[Change]) -> Self {
        let mut edges = Self::default();
        for change in changes {
            match &change.operation {
                Operation::Create { after: Resource::Member(edge) } => {
                    edges.added.insert((edge.group_id.clone(), node(edge)));
                }
                Operation::Delete { before: Resource::Member(edge) } => {
                    edges.removed.insert((edge.group_id.clone(), node(edge)));
                }
                Operation::Create { after: Resource::Owner(edge) } => {
                    let is_person = matches!(edge.kind, PrincipalKind::User | PrincipalKind::Guest);
                    if let (Node::Person(who), true) = (node(edge), is_person) {
                        edges.owners.insert((who, edge.group_id.clone(), edge.group.clone()));
                    }
                }
                Operation::Delete { before: Resource::Group(group) } => drop(edges.deleted.insert(group.id.clone())),
                Operation::Restore { after: Resource::Group(group) } => drop(edges.restored.insert(group.id.clone())),
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

/// Everybody in groups, each group looked at once.
struct Members<'p, 'a> {
    live: &'p People<'a>,
    planned: &'p People<'a>,
    known: BTreeMap<Identity, BTreeSet<Subject>>,
}

impl Members<'_, '_> {
    /// Whoever is in a group before or after, and the groups on the way of which nobody knows who is in them.
    fn of(&mut self, group: &Identity) -> &BTreeSet<Subject> {
        let (live, planned) = (self.live, self.planned);
        self.known.entry(group.clone()).or_insert_with(|| {
            let mut subjects = BTreeSet::new();
            for people in [live, planned] {
                // Before it is made or after it is deleted there is nobody in it.
                if people.group(group).is_none() && [live, planned].iter().any(|other| other.group(group).is_some()) {
                    continue;
                }
                let (everybody, unread) = people.everybody_in(group);
                subjects.extend(everybody.into_iter().map(Subject::Somebody));
                subjects.extend(unread.into_iter().map(Subject::Group));
            }
            subjects
        })
    }
}

/// Whom changes of memberships reach.
fn by_membership(changes: &[Change], edges: &Edges, members: &mut Members<'_, '_>) -> BTreeSet<Subject> {
    let mut reached = BTreeSet::new();
    for (_, member) in edges.added.iter().chain(&edges.removed) {
        match member {
            Node::Person(who) => drop(reached.insert(Subject::Somebody(who.clone()))),
            Node::Group(group) => reached.extend(members.of(group).iter().cloned()),
        }
    }
    for group in edges.deleted.iter().chain(&edges.restored) {
        reached.extend(members.of(group).iter().cloned());
    }
    for change in changes {
        if let (Address::Group(_), Operation::Update { before: Resource::Group(before), after: Resource::Group(after) }) =
            (&change.address, &change.operation)
            && before.display_name != after.display_name
        {
            reached.extend(members.of(&after.id).iter().cloned());
        }
    }
    reached
}

/// The same subject of the same binding with the same rules is untouched.
type Given<'r> = BTreeMap<(Option<&'r state::Namespace>, &'r str), (&'r Binding, Option<&'r [state::PolicyRule]>)>;

/// Whom changes on a cluster reach: the subjects of every binding that comes, goes or gives something else.
fn by_rights(
    before: &Snapshot<'_>,
    after: &Snapshot<'_>,
    tokens: &TokenNaming,
    members: &mut Members<'_, '_>,
) -> BTreeSet<Subject> {
    let (before, after) = (before.rbac(), after.rbac());
    let (old, new) = (by_name(&before), by_name(&after));
    let mut touched: BTreeSet<&state::Subject> = BTreeSet::new();
    for at in old.keys().chain(new.keys()).collect::<BTreeSet<_>>() {
        match (old.get(at), new.get(at)) {
            (Some((one, is)), Some((other, becomes))) => {
                if one.role != other.role || is != becomes {
                    touched.extend(one.subjects.iter().chain(&other.subjects));
                } else {
                    let (one, other): (BTreeSet<_>, BTreeSet<_>) =
                        (one.subjects.iter().collect(), other.subjects.iter().collect());
                    touched.extend(one.symmetric_difference(&other).copied());
                }
            }
            (Some((binding, _)), None) | (None, Some((binding, _))) => touched.extend(&binding.subjects),
            (None, None) => {}
        }
    }
    let mut reached = BTreeSet::new();
    for subject in touched {
        subjects(subject, tokens, members, &mut reached);
    }
    reached
}

fn by_name<'r>(rbac: &crate::access::Rbac<'r>) -> Given<'r> {
    let bindings = rbac.bindings().iter();
    bindings
        .map(|binding| ((binding.namespace.as_ref(), binding.name.as_str()), (*binding, rbac.rules(binding))))
        .collect()
}

fn subjects(
    subject: &state::Subject,
    tokens: &TokenNaming,
    members: &mut Members<'_, '_>,
    reached: &mut BTreeSet<Subject>,
) {
    match (&subject.kind, &subject.name) {
        (SubjectKind::Group, name) => {
            let called = |people: &People<'_>| -> Vec<Identity> {
                people.called(name, tokens).map(|group| group.id.clone()).collect()
            };
            let groups: BTreeSet<Identity> = called(members.live).into_iter().chain(called(members.planned)).collect();
            if groups.is_empty() {
                reached.extend(unknown_group(name, tokens));
            }
            for group in groups {
                reached.extend(members.of(&group).iter().cloned());
            }
        }
        (SubjectKind::User, SubjectName::Known(name)) => {
            let meant = subject.principal.as_ref().and_then(|meant| members.planned.find(meant));
            let who = match meant {
                Some(Node::Person(who)) => Some(who),
                Some(Node::Group(_)) | None => members.planned.user_called(name, tokens),
            };
            reached.insert(who.map_or_else(|| Subject::User(name.clone()), Subject::Somebody));
        }
        (SubjectKind::ServiceAccount, SubjectName::Known(name)) => {
            let namespace = subject.namespace.clone().unwrap_or_default();
            reached.insert(Subject::ServiceAccount { namespace, name: name.clone() });
        }
        (SubjectKind::User | SubjectKind::ServiceAccount, SubjectName::AfterApply { .. })
        | (SubjectKind::Other(_), _) => {}
    }
}

/// A group that is bound and that nobody knows.
fn unknown_group(name: &SubjectName, tokens: &TokenNaming) -> Option<Subject> {
    let SubjectName::Known(name) = name else { return None };
    let bare = name.strip_prefix(&tokens.groups_prefix).filter(|_| tokens.groups == GroupNaming::ObjectId);
    let id = bare.and_then(|bare| bare.parse().ok());
    Some(id.map_or_else(|| Subject::Named(name.clone()), |id| Subject::Group(Identity::Known(id))))
}
