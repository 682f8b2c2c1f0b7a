//! Who is in which group: directly, or through others.

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use foldhash::fast::RandomState;

use super::caller::Caller;
use crate::state::{
    Above, Address, Change, Desired, DesiredEnvironment, DesiredGroup, Edge, GroupAnswers, GroupKey, GroupKind,
    GroupNaming, Identity, LiveGroup, LivePrincipal, Management, Membership, ObjectId, Operation, Origin,
    PrincipalKind, PrincipalName, Resolution, Resource, SubjectName, Tenant, TokenNaming, UserNaming,
};

/// How many groups a token carries; of whoever is in more it carries none.
pub const GROUPS_IN_A_TOKEN: usize = 200;

/// Somebody who is no group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Who {
    /// An object of the tenant.
    Id(ObjectId),
    /// Whoever the files mean by this name; nothing was looked up.
    Named(PrincipalName),
}

/// Somebody who is no group, or a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Node {
    /// A user, a guest, an app, …
    Person(Who),
    /// A group.
    Group(Identity),
}

/// What is known about somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person<'a> {
    /// Who it is.
    pub who: Who,
    /// Their name in the files, or as the files would name them.
    pub name: PrincipalName,
    /// What kind of object they are, where that is known.
    pub kind: Option<PrincipalKind>,
    /// The user principal name of users and guests.
    pub user_principal_name: Option<&'a str>,
    /// Display name: hostile text.
    pub display_name: Option<&'a str>,
    /// `accountEnabled`; `None` where it is not known.
    pub enabled: Option<bool>,
}

/// A group.
#[derive(Clone, Debug)]
pub struct Group<'a> {
    /// Which one.
    pub id: Identity,
    /// Its key in the files, or the one in its mark; `None` for a group of others.
    pub key: Option<&'a GroupKey>,
    /// Its block, where it has one.
    pub block: Option<&'a DesiredGroup>,
    /// Display name: hostile text.
    pub display_name: &'a str,
    /// Its kind.
    pub kind: GroupKind,
    /// Why not all of its members are known, where they are not.
    pub unread: Option<String>,
    members: List<'a>,
    owners: List<'a>,
    /// Groups that are in it by some way that was not read.
    holds: BTreeSet<ObjectId>,
}

/// One entry of a list of members or owners.
#[derive(Clone, Copy, Debug)]
enum Entry<'a> {
    Live(&'a LivePrincipal),
    Asked(&'a PrincipalName),
    Added(&'a Edge),
}

#[derive(Clone, Debug, Default)]
struct List<'a> {
    live: &'a [LivePrincipal],
    asked: Vec<&'a PrincipalName>,
    added: Vec<&'a Edge>,
    removed: BTreeSet<ObjectId>,
}

/// One step of the way into a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Step<'a> {
    /// Who is in the group: the person first, then group by group.
    pub member: Node,
    /// The group.
    pub group: Identity,
    /// The line that asks for it; `None` where no file does.
    pub origin: Option<&'a Origin>,
}

/// The groups that somebody is in, each with one shortest way into it.
pub type Ways<'a> = BTreeMap<Identity, Vec<Step<'a>>>;

/// What a token says of somebody on a cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// As whom the API server sees them.
    pub caller: Caller,
    /// The groups that it carries, by the name that the cluster has for them.
    pub groups: BTreeMap<Identity, SubjectName>,
    /// Why it carries none of the groups that they are in, where that is so.
    pub without_groups: Option<WithoutGroups>,
}

/// Why a token carries no groups.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum WithoutGroups {
    /// It is that of an app: those never do.
    Application,
    /// They are in at least so many, which is more than [`GROUPS_IN_A_TOKEN`].
    Overage(usize),
}

/// Everybody, and the groups that they are in.
#[derive(Debug)]
pub struct People<'a> {
    desired: &'a Desired,
    tenant: Option<&'a Tenant>,
    groups: BTreeMap<Identity, Group<'a>>,
    /// The group that a key means.
    keys: BTreeMap<&'a GroupKey, Identity>,
    /// The groups that each group is directly in.
    above: BTreeMap<Identity, BTreeSet<Identity>>,
    /// Everybody in a list that was read; made when it is first asked for.
    listed: OnceCell<HashMap<ObjectId, &'a LivePrincipal, RandomState>>,
}

impl<'a> People<'a> {
    /// As it was read.
    pub fn live(desired: &'a Desired, tenant: &'a Tenant, answers: &'a GroupAnswers) -> Self {
        Self::read(desired, tenant, answers).nested()
    }

    /// The same once these changes are made.
    pub fn planned(
        desired: &'a Desired,
        tenant: &'a Tenant,
        answers: &'a GroupAnswers,
        changes: impl IntoIterator<Item = &'a Change>,
    ) -> Self {
        let mut people = Self::read(desired, tenant, answers);
        for change in changes {
            people.change(change);
        }
        people.nested()
    }

    /// As the files ask for it, with nothing looked up: everybody is who the files name.
    pub fn asked(desired: &'a Desired) -> Self {
        let mut people = Self::empty(desired, None);
        for (key, block) in &desired.groups {
            let id = match block.management {
                Management::Owned => Identity::AfterApply(key.clone()),
                Management::Adopted(id) | Management::External(id) => Identity::Known(id),
            };
            people.keys.insert(key, id.clone());
            let unread = match block.membership {
                Membership::Authoritative => None,
                Membership::Additive => Some("others may be in it whom the files do not name".to_owned()),
                Membership::External => Some("its members are not in the files".to_owned()),
            };
            let list = |names: Vec<&'a PrincipalName>| List { asked: names, ..List::default() };
            let owners = block.owners.iter().flatten().map(|(name, _)| name);
            let group = Group {
                id: id.clone(),
                key: Some(key),
                block: Some(block),
                display_name: block.display_name.as_deref().unwrap_or(key.as_str()),
                kind: GroupKind::Security,
                unread,
                members: list(block.members.keys().collect()),
                owners: list(owners.collect()),
                holds: BTreeSet::new(),
            };
            // Several blocks may refer to one object; the one that manages it says who is in it.
            if matches!(block.management, Management::External(_)) {
                people.groups.entry(id).or_insert(group);
            } else {
                people.groups.insert(id, group);
            }
        }
        people.nested()
    }

    /// The group of this key.
    pub fn id_of(&self, key: &GroupKey) -> Option<&Identity> {
        self.keys.get(key)
    }

    /// A group.
    pub fn group(&self, id: &Identity) -> Option<&Group<'a>> {
        self.groups.get(id)
    }

    /// Every group that is known.
    pub fn groups(&self) -> impl Iterator<Item = &Group<'a>> {
        self.groups.values()
    }

    /// Whom or what a name of the files stands for; `None` where that is nobody, or not clear.
    pub fn find(&self, name: &PrincipalName) -> Option<Node> {
        match (name, self.tenant) {
            (PrincipalName::Group(key), _) => self.keys.get(key).cloned().map(Node::Group),
            (PrincipalName::GroupId(id), _) => Some(Node::Group(Identity::Known(*id))),
            (PrincipalName::Object(id), _) => Some(Node::Person(Who::Id(*id))),
            (_, None) => Some(Node::Person(Who::Named(name.clone()))),
            (_, Some(tenant)) => match tenant.directory.get(name) {
                Some(Resolution::Found(live)) => Some(node_of_live(live)),
                Some(Resolution::Missing { .. } | Resolution::Ambiguous(_)) => None,
                None => self.listed().values().find(|live| live.name == *name).map(|live| node_of_live(live)),
            },
        }
    }

    /// What is known about somebody.
    pub fn person<'s>(&'s self, who: &'s Who) -> Person<'s> {
        let unknown = |name: PrincipalName, kind| Person {
            who: who.clone(),
            name,
            kind,
            user_principal_name: None,
            display_name: None,
            enabled: None,
        };
        match who {
            Who::Named(name) => {
                let (kind, principal) = match name {
                    PrincipalName::User(user) => (Some(PrincipalKind::User), Some(user.as_str())),
                    PrincipalName::Guest(_) => (Some(PrincipalKind::Guest), None),
                    PrincipalName::ServicePrincipal(_) => (Some(PrincipalKind::ServicePrincipal), None),
                    PrincipalName::Group(_) | PrincipalName::GroupId(_) => (Some(PrincipalKind::Group), None),
                    PrincipalName::Object(_) => (None, None),
                };
                Person { user_principal_name: principal, ..unknown(name.clone(), kind) }
            }
            Who::Id(id) => match self.listed().get(id) {
                Some(live) => Person {
                    who: who.clone(),
                    name: live.name.clone(),
                    kind: Some(live.kind),
                    user_principal_name: live.user_principal_name.as_deref(),
                    display_name: live.display_name.as_deref(),
                    enabled: live.enabled,
                },
                None => self.added(*id).map_or_else(
                    || unknown(PrincipalName::Object(*id), None),
                    |edge| unknown(edge.principal.clone(), Some(edge.kind)),
                ),
            },
        }
    }

    /// The direct members of a group.
    pub fn members(&self, group: &Identity) -> BTreeSet<Node> {
        self.groups.get(group).map(|group| self.nodes(&group.members, &group.holds).collect()).unwrap_or_default()
    }

    /// The owners of a group: they can make themselves members.
    pub fn owners(&self, group: &Identity) -> BTreeSet<Node> {
        self.groups.get(group).map(|group| self.nodes(&group.owners, &BTreeSet::new()).collect()).unwrap_or_default()
    }

    /// Everybody in a group, directly or through others, and the groups on the way (itself included) whose members are not
    /// all known.
    pub fn everybody_in(&self, group: &Identity) -> (BTreeSet<Who>, BTreeSet<Identity>) {
        let (mut everybody, mut unread) = (BTreeSet::new(), BTreeSet::new());
        let mut seen = BTreeSet::from([group.clone()]);
        let mut open = vec![group.clone()];
        while let Some(id) = open.pop() {
            if self.groups.get(&id).is_none_or(|group| group.unread.is_some()) {
                unread.insert(id.clone());
            }
            for member in self.members(&id) {
                match member {
                    Node::Person(who) => drop(everybody.insert(who)),
                    Node::Group(inner) => {
                        if seen.insert(inner.clone()) {
                            open.push(inner);
                        }
                    }
                }
            }
        }
        (everybody, unread)
    }

    /// The groups that a group is in, directly or through others.
    pub fn around(&self, group: &Identity) -> BTreeSet<Identity> {
        let mut around = BTreeSet::new();
        let mut open = vec![group];
        while let Some(id) = open.pop() {
            open.extend(self.above.get(id).into_iter().flatten().filter(|outer| around.insert((*outer).clone())));
        }
        around
    }

    /// The groups that each of these is in, directly or through others, in one look at every list.
    pub fn groups_of(&self, whom: &BTreeSet<Who>) -> BTreeMap<Who, Ways<'a>> {
        let mut direct: BTreeMap<&Who, BTreeSet<&Identity>> = whom.iter().map(|who| (who, BTreeSet::new())).collect();
        for group in self.groups.values() {
            for entry in group.members.entries() {
                if let Node::Person(who) = self.node(entry)
                    && let Some(of) = direct.get_mut(&who)
                {
                    of.insert(&group.id);
                }
            }
        }
        let ways = |who: &Who, direct: BTreeSet<&Identity>| -> Ways<'a> {
            let person = Node::Person(who.clone());
            let mut ways = Ways::new();
            let mut open = VecDeque::new();
            for group in direct {
                ways.insert(group.clone(), vec![self.step(person.clone(), group)]);
                open.push_back(group.clone());
            }
            while let Some(inner) = open.pop_front() {
                for outer in self.above.get(&inner).into_iter().flatten() {
                    if !ways.contains_key(outer) {
                        let mut way = ways.get(&inner).cloned().unwrap_or_default();
                        way.push(self.step(Node::Group(inner.clone()), outer));
                        ways.insert(outer.clone(), way);
                        open.push_back(outer.clone());
                    }
                }
            }
            ways
        };
        direct.into_iter().map(|(who, direct)| (who.clone(), ways(who, direct))).collect()
    }

    /// What the token of somebody says on a cluster, who is in these groups.
    pub fn token(&self, who: &Who, ways: &Ways<'_>, environment: &DesiredEnvironment) -> Token {
        let tokens = &environment.tokens;
        let person = self.person(who);
        let user = user_name(&person, tokens);
        let without_groups = if person.kind == Some(PrincipalKind::ServicePrincipal) {
            Some(WithoutGroups::Application)
        } else {
            (ways.len() > GROUPS_IN_A_TOKEN).then_some(WithoutGroups::Overage(ways.len()))
        };
        let carried = ways.keys().filter(|_| without_groups.is_none());
        let named = carried.filter_map(|id| Some((id.clone(), self.name_of(id, tokens)?)));
        let groups: BTreeMap<Identity, SubjectName> = named.collect();
        Token { caller: Caller::authenticated(user, groups.values().cloned()), groups, without_groups }
    }

    /// What a cluster calls a group; `None` for one that is in no token.
    pub fn name_of(&self, id: &Identity, tokens: &TokenNaming) -> Option<SubjectName> {
        let group = self.groups.get(id);
        if group.is_some_and(|group| group.kind == GroupKind::Distribution) {
            return None;
        }
        let prefix = &tokens.groups_prefix;
        match (tokens.groups, id) {
            (GroupNaming::ObjectId, Identity::Known(id)) => Some(SubjectName::Known(format!("{prefix}{id}"))),
            (GroupNaming::ObjectId, Identity::AfterApply(key)) => {
                Some(SubjectName::AfterApply { prefix: prefix.clone(), group: key.clone() })
            }
            (GroupNaming::DisplayName, _) => {
                group.map(|group| SubjectName::Known(format!("{prefix}{}", group.display_name)))
            }
        }
    }

    /// The groups that a cluster means by a name: several may have one display name.
    pub fn called<'s>(
        &'s self,
        name: &'s SubjectName,
        tokens: &'s TokenNaming,
    ) -> impl Iterator<Item = &'s Group<'a>> + 's {
        let by_id = match (tokens.groups, name) {
            (GroupNaming::ObjectId, SubjectName::Known(name)) => {
                let bare = name.strip_prefix(&tokens.groups_prefix);
                bare.and_then(|bare| bare.parse().ok()).map(Identity::Known)
            }
            (_, SubjectName::AfterApply { group, .. }) => Some(Identity::AfterApply(group.clone())),
            (GroupNaming::DisplayName, SubjectName::Known(_)) => None,
        };
        let one = by_id.and_then(|id| self.groups.get(&id));
        let one = one.filter(|group| self.name_of(&group.id, tokens).as_ref() == Some(name));
        let bare = match (tokens.groups, name) {
            (GroupNaming::DisplayName, SubjectName::Known(name)) => name.strip_prefix(&tokens.groups_prefix),
            _ => None,
        };
        let several = self.groups.values().filter(move |group| Some(group.display_name) == bare);
        one.into_iter().chain(several)
    }

    fn empty(desired: &'a Desired, tenant: Option<&'a Tenant>) -> Self {
        Self {
            desired,
            tenant,
            groups: BTreeMap::new(),
            keys: BTreeMap::new(),
            above: BTreeMap::new(),
            listed: OnceCell::new(),
        }
    }

    fn read(desired: &'a Desired, tenant: &'a Tenant, answers: &'a GroupAnswers) -> Self {
        let mut people = Self::empty(desired, Some(tenant));
        for (marked, live) in &tenant.marked {
            let is_it = |(key, group): &(&GroupKey, &DesiredGroup)| {
                group.management == Management::Owned && (*key == marked || group.previously.contains_key(marked))
            };
            let own = desired.groups.get_key_value(marked).filter(is_it);
            let asked = own.or_else(|| desired.groups.iter().find(is_it));
            people.add(asked.map_or(marked, |(key, _)| key), asked.map(|(_, block)| block), live);
        }
        for (key, block) in &desired.groups {
            let id = match block.management {
                Management::Adopted(id) | Management::External(id) => id,
                Management::Owned => continue,
            };
            if let Some(Some(live)) = tenant.by_id.get(&id) {
                people.add(key, Some(block), live);
            }
        }
        for live in tenant.by_id.values().flatten() {
            people.groups.entry(Identity::Known(live.id)).or_insert_with(|| group(None, None, live));
        }
        for (inner, above) in &answers.above {
            for outer in match above {
                Above::Read(outer) => outer.as_slice(),
                Above::Unreadable(_) => &[],
            } {
                let of_others = Group {
                    id: Identity::Known(outer.id),
                    key: None,
                    block: None,
                    display_name: &outer.display_name,
                    kind: GroupKind::Security,
                    unread: Some("it is not one of ours, and its other members were not read".to_owned()),
                    members: List::default(),
                    owners: List::default(),
                    holds: BTreeSet::new(),
                };
                let outer = people.groups.entry(Identity::Known(outer.id)).or_insert(of_others);
                // Those of a group that was read are in its own list.
                if outer.key.is_none() && outer.unread.is_some() {
                    outer.holds.insert(*inner);
                }
            }
        }
        people
    }

    fn add(&mut self, key: &'a GroupKey, block: Option<&'a DesiredGroup>, live: &'a LiveGroup) {
        let id = Identity::Known(live.id);
        self.keys.insert(key, id.clone());
        let new = group(Some(key), block, live);
        let manages = block.is_some_and(|block| !matches!(block.management, Management::External(_)));
        if manages {
            self.groups.insert(id, new);
        } else {
            self.groups.entry(id).or_insert(new);
        }
    }

    fn change(&mut self, change: &'a Change) {
        match (&change.address, &change.operation) {
            (Address::Group(key), Operation::Create { after: Resource::Group(after) }) => {
                self.keys.insert(key, after.id.clone());
                let block = self.desired.groups.get(key);
                let group = Group {
                    id: after.id.clone(),
                    key: Some(key),
                    block,
                    display_name: &after.display_name,
                    kind: GroupKind::Security,
                    unread: None,
                    members: List::default(),
                    owners: List::default(),
                    holds: BTreeSet::new(),
                };
                self.groups.insert(after.id.clone(), group);
            }
            (Address::Group(key), Operation::Restore { after: Resource::Group(after) }) => {
                self.keys.insert(key, after.id.clone());
                let group = Group {
                    id: after.id.clone(),
                    key: Some(key),
                    block: self.desired.groups.get(key),
                    display_name: &after.display_name,
                    kind: GroupKind::Security,
                    unread: Some("it is deleted, and who comes back with it cannot be read before".to_owned()),
                    members: List::default(),
                    owners: List::default(),
                    holds: BTreeSet::new(),
                };
                self.groups.insert(after.id.clone(), group);
            }
            (Address::Group(_), Operation::Update { after: Resource::Group(after), .. }) => {
                if let Some(group) = self.groups.get_mut(&after.id) {
                    group.display_name = &after.display_name;
                }
            }
            (Address::Group(_), Operation::Delete { before: Resource::Group(before) }) => {
                self.groups.remove(&before.id);
                self.keys.retain(|_, id| *id != before.id);
                let gone = before.id.known();
                for group in self.groups.values_mut() {
                    group.members.removed.extend(gone);
                    if let Some(gone) = gone {
                        group.holds.remove(&gone);
                    }
                }
            }
            (Address::Member(..), operation) => self.edge(operation, |group| &mut group.members),
            (Address::Owner(..), operation) => self.edge(operation, |group| &mut group.owners),
            (Address::Group(_) | Address::Object { .. }, _) => {}
        }
    }

    fn edge(&mut self, operation: &'a Operation, list: impl for<'g> Fn(&'g mut Group<'a>) -> &'g mut List<'a>) {
        match operation {
            Operation::Create { after: Resource::Member(edge) | Resource::Owner(edge) } => {
                if let Some(group) = self.groups.get_mut(&edge.group_id) {
                    list(group).added.push(edge);
                }
            }
            Operation::Delete { before: Resource::Member(edge) | Resource::Owner(edge) } => {
                if let Some(group) = self.groups.get_mut(&edge.group_id) {
                    list(group).removed.extend(edge.principal_id.known());
                }
            }
            Operation::Create { .. }
            | Operation::Restore { .. }
            | Operation::Update { .. }
            | Operation::Delete { .. } => {}
        }
    }

    /// Finds out which groups are in which.
    fn nested(mut self) -> Self {
        let mut above: BTreeMap<Identity, BTreeSet<Identity>> = BTreeMap::new();
        for group in self.groups.values() {
            let entries = group.members.entries().filter(Entry::is_group).map(|entry| self.node(entry));
            for inner in entries.chain(held(&group.holds)) {
                if let Node::Group(inner) = inner {
                    above.entry(inner).or_default().insert(group.id.clone());
                }
            }
        }
        self.above = above;
        self
    }

    fn nodes<'s>(&'s self, list: &'s List<'a>, holds: &'s BTreeSet<ObjectId>) -> impl Iterator<Item = Node> + 's {
        list.entries().map(|entry| self.node(entry)).chain(held(holds))
    }

    fn node(&self, entry: Entry<'_>) -> Node {
        match entry {
            Entry::Live(live) => node_of_live(live),
            Entry::Asked(name) => self.find(name).unwrap_or_else(|| Node::Person(Who::Named(name.clone()))),
            Entry::Added(edge) if edge.kind == PrincipalKind::Group => Node::Group(edge.principal_id.clone()),
            Entry::Added(edge) => Node::Person(match edge.principal_id {
                Identity::Known(id) => Who::Id(id),
                Identity::AfterApply(_) => Who::Named(edge.principal.clone()),
            }),
        }
    }

    fn step(&self, member: Node, group: &Identity) -> Step<'a> {
        let origin = self.line(&member, group);
        Step { member, group: group.clone(), origin }
    }

    /// The line that asks for a member.
    fn line(&self, member: &Node, group: &Identity) -> Option<&'a Origin> {
        let members = &self.groups.get(group)?.block?.members;
        let name = match member {
            Node::Person(who) => self.person(who).name,
            Node::Group(id) => {
                let key = self.groups.get(id).and_then(|group| group.key);
                let by_key = key.and_then(|key| members.get(&PrincipalName::Group(key.clone())));
                return by_key.or_else(|| members.get(&PrincipalName::GroupId(id.known()?)));
            }
        };
        // Somebody may be in the files by another name than the one that they would be given.
        let is_found = |name: &PrincipalName| match self.tenant?.directory.get(name)? {
            Resolution::Found(live) => Some(node_of_live(live)),
            Resolution::Missing { .. } | Resolution::Ambiguous(_) => None,
        };
        members
            .get(&name)
            .or_else(|| members.iter().find(|(name, _)| is_found(name).as_ref() == Some(member)).map(|(_, at)| at))
    }

    fn added(&self, id: ObjectId) -> Option<&'a Edge> {
        let lists = self.groups.values().flat_map(|group| [&group.members, &group.owners]);
        lists.flat_map(|list| list.added.iter().copied()).find(|edge| edge.principal_id == Identity::Known(id))
    }

    fn listed(&self) -> &HashMap<ObjectId, &'a LivePrincipal, RandomState> {
        self.listed.get_or_init(|| {
            let looked_up = self.tenant.into_iter().flat_map(|tenant| &tenant.directory);
            let looked_up = looked_up.filter_map(|(_, resolution)| match resolution {
                Resolution::Found(live) => Some(live),
                Resolution::Missing { .. } | Resolution::Ambiguous(_) => None,
            });
            let groups = self
                .tenant
                .into_iter()
                .flat_map(|tenant| tenant.marked.values().chain(tenant.by_id.values().flatten()));
            let in_lists = groups.flat_map(|group| group.members.iter().chain(&group.owners));
            in_lists.chain(looked_up).map(|live| (live.id, live)).collect()
        })
    }
}

impl<'a> List<'a> {
    fn entries<'s>(&'s self) -> impl Iterator<Item = Entry<'a>> + 's {
        let live = self.live.iter().filter(|live| !self.removed.contains(&live.id)).map(Entry::Live);
        let asked = self.asked.iter().copied().map(Entry::Asked);
        live.chain(asked).chain(self.added.iter().copied().map(Entry::Added))
    }
}

impl Entry<'_> {
    fn is_group(&self) -> bool {
        match self {
            Self::Live(live) => live.kind == PrincipalKind::Group,
            Self::Asked(name) => matches!(name, PrincipalName::Group(_) | PrincipalName::GroupId(_)),
            Self::Added(edge) => edge.kind == PrincipalKind::Group,
        }
    }
}

fn held(holds: &BTreeSet<ObjectId>) -> impl Iterator<Item = Node> {
    holds.iter().map(|id| Node::Group(Identity::Known(*id)))
}

fn group<'a>(key: Option<&'a GroupKey>, block: Option<&'a DesiredGroup>, live: &'a LiveGroup) -> Group<'a> {
    let list = |live: &'a [LivePrincipal]| List { live, ..List::default() };
    Group {
        id: Identity::Known(live.id),
        key,
        block,
        display_name: &live.display_name,
        kind: live.kind,
        unread: None,
        members: list(&live.members),
        owners: list(&live.owners),
        holds: BTreeSet::new(),
    }
}

fn node_of_live(live: &LivePrincipal) -> Node {
    match live.kind {
        PrincipalKind::Group => Node::Group(Identity::Known(live.id)),
        PrincipalKind::User
        | PrincipalKind::Guest
        | PrincipalKind::ServicePrincipal
        | PrincipalKind::Device
        | PrincipalKind::Contact
        | PrincipalKind::Other => Node::Person(Who::Id(live.id)),
    }
}

/// What a cluster calls somebody. Of whom only the name in the files is known, that stands for what they are called.
pub(super) fn user_name(person: &Person<'_>, tokens: &TokenNaming) -> String {
    let prefix = &tokens.users_prefix;
    match (tokens.users, &person.who, person.user_principal_name) {
        (UserNaming::UserPrincipalName, _, Some(name)) => format!("{prefix}{name}"),
        (UserNaming::ObjectId, Who::Id(id), _) => format!("{prefix}{id}"),
        (UserNaming::ObjectId | UserNaming::UserPrincipalName, Who::Named(name), _) => format!("{prefix}{name}"),
        // An app has no user principal name, so that such a cluster knows it by none.
        (UserNaming::UserPrincipalName, Who::Id(id), None) => format!("{prefix}object:{id}"),
    }
}
