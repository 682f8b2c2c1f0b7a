//! Who is in which group: directly, or through others.

mod list;
mod others;
mod outward;
mod read;
#[cfg(test)]
mod tests;
mod token;

use std::cell::OnceCell;
use std::collections::{BTreeMap, BTreeSet, HashMap, VecDeque};

use foldhash::fast::RandomState;

use self::list::{Entry, List, held, node_of_live};
use self::others::Flat;
pub(super) use self::token::user_name;
pub use self::token::{GROUPS_IN_A_TOKEN, Token, WithoutGroups};
use crate::state::{
    Desired, DesiredGroup, Edge, GroupKey, GroupKind, Identity, LivePrincipal, ObjectId, Origin, PrincipalKind,
    PrincipalName, Resolution, Tenant, first_few,
};

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
    /// Groups that are deleted, or that were never there, of whoever's lists they are in.
    gone: BTreeSet<ObjectId>,
    /// Who is in groups of others.
    others: Vec<&'a [LivePrincipal]>,
    /// Those of them that do not tell by which way.
    flat: BTreeMap<ObjectId, Flat<'a>>,
    /// Groups of others that hold groups of ours that hold each other: which of these are directly in them, nobody knows.
    circular: BTreeSet<ObjectId>,
    /// Whoever was looked up by a name of the files; this and what follows is made when it is first asked for.
    looked_up: OnceCell<ById<'a>>,
    /// Everybody in a list that was read.
    listed: OnceCell<ById<'a>>,
    /// The groups by their display names.
    by_display_name: OnceCell<HashMap<&'a str, Vec<Identity>, RandomState>>,
}

type ById<'a> = HashMap<ObjectId, &'a LivePrincipal, RandomState>;

impl<'a> People<'a> {
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
                Some(Resolution::Missing { .. } | Resolution::Ambiguous(_) | Resolution::NotInSnapshot) => None,
                // A cluster may know guests by a user principal name, which no file says.
                None => {
                    let is_called = |live: &&&LivePrincipal| {
                        live.name == *name
                            || matches!(name, PrincipalName::User(user)
                                if live.user_principal_name.as_deref().is_some_and(|own| own.eq_ignore_ascii_case(user.as_str())))
                    };
                    let mut called = self.listed().values().filter(is_called);
                    let one = called.next()?;
                    called.next().is_none().then(|| node_of_live(one))
                }
            },
        }
    }

    /// Why a name of the files stands for nobody, or not for one alone: a clause.
    pub fn why_nobody(&self, name: &PrincipalName) -> String {
        let resolution = self.tenant.and_then(|tenant| tenant.directory.get(name));
        match (name, resolution) {
            (_, Some(Resolution::Missing { reason, suggestion: None })) => reason.clone(),
            (_, Some(Resolution::Missing { reason, suggestion: Some(near) })) => {
                format!("{reason} (did you mean {near}?)")
            }
            (_, Some(Resolution::Ambiguous(several))) => {
                format!("it is the name of several: {}", first_few(several.iter().map(|live| live.id), 4))
            }
            (_, Some(Resolution::NotInSnapshot)) => "it is not in the snapshot".to_owned(),
            (PrincipalName::Group(_), _) => "the tenant has no such group".to_owned(),
            (_, Some(Resolution::Found(_)) | None) => "nobody in the tenant is called so".to_owned(),
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
            Who::Id(id) => match self.looked_up().get(id).or_else(|| self.listed().get(id)) {
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

    /// The groups in a group, itself included, whose members are not all known.
    pub fn unread_in(&self, group: &Identity) -> BTreeSet<Identity> {
        let mut inside = self.groups_in(group);
        inside.retain(|id| self.groups.get(id).is_none_or(|group| group.unread.is_some()));
        inside
    }

    /// The groups in a group, directly or through others, and itself.
    pub fn groups_in(&self, group: &Identity) -> BTreeSet<Identity> {
        let mut seen = BTreeSet::from([group.clone()]);
        let mut open = vec![group.clone()];
        while let Some(id) = open.pop() {
            let Some(group) = self.groups.get(&id) else { continue };
            let inner = group.members.entries().filter(Entry::is_group).map(|entry| self.node(entry));
            for inner in inner.chain(held(&group.holds)) {
                if let Node::Group(inner) = inner
                    && !self.is_gone(&inner)
                    && seen.insert(inner.clone())
                {
                    open.push(inner);
                }
            }
        }
        seen
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
        let (mut ids, mut names) = (HashMap::with_hasher(RandomState::default()), BTreeMap::new());
        for (at, who) in whom.iter().enumerate() {
            match who {
                Who::Id(id) => drop(ids.insert(*id, at)),
                Who::Named(name) => drop(names.insert(name, at)),
            }
        }
        // A company is a million entries, and few of them are asked about.
        let mut direct: Vec<BTreeSet<&Identity>> = vec![BTreeSet::new(); whom.len()];
        for group in self.groups.values() {
            for entry in group.members.entries() {
                let found = match entry {
                    Entry::Live(live) if live.kind == PrincipalKind::Group => None,
                    Entry::Live(live) => ids.get(&live.id),
                    Entry::Asked(name) if self.tenant.is_none() && !matches!(name, PrincipalName::Object(_)) => {
                        names.get(name)
                    }
                    Entry::Asked(_) | Entry::Added(_) => match self.node(entry) {
                        Node::Person(Who::Id(id)) => ids.get(&id),
                        Node::Person(Who::Named(name)) => names.get(&name),
                        Node::Group(_) => None,
                    },
                };
                if let Some(of) = found.and_then(|at| direct.get_mut(*at)) {
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
        whom.iter().zip(direct).map(|(who, direct)| (who.clone(), ways(who, direct))).collect()
    }

    /// Finds out which groups are in which.
    fn nested(mut self) -> Self {
        let mut above: BTreeMap<Identity, BTreeSet<Identity>> = BTreeMap::new();
        for group in self.groups.values() {
            let entries = group.members.entries().filter(Entry::is_group).map(|entry| self.node(entry));
            for inner in entries.chain(held(&group.holds)) {
                if let Node::Group(inner) = inner
                    && !self.is_gone(&inner)
                {
                    above.entry(inner).or_default().insert(group.id.clone());
                }
            }
        }
        self.above = above;
        self
    }

    fn nodes<'s>(&'s self, list: &'s List<'a>, holds: &'s BTreeSet<ObjectId>) -> impl Iterator<Item = Node> + 's {
        let nodes = list.entries().map(|entry| self.node(entry)).chain(held(holds));
        nodes.filter(|node| !matches!(node, Node::Group(id) if self.is_gone(id)))
    }

    /// Whether it is known that there is no such group (any more).
    pub(in crate::access) fn is_gone(&self, group: &Identity) -> bool {
        group.known().is_some_and(|id| self.gone.contains(&id))
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
            Resolution::Missing { .. } | Resolution::Ambiguous(_) | Resolution::NotInSnapshot => None,
        };
        members
            .get(&name)
            .or_else(|| members.iter().find(|(name, _)| is_found(name).as_ref() == Some(member)).map(|(_, at)| at))
    }

    fn added(&self, id: ObjectId) -> Option<&'a Edge> {
        let lists = self.groups.values().flat_map(|group| [&group.members, &group.owners]);
        lists.flat_map(|list| list.added.iter().copied()).find(|edge| edge.principal_id == Identity::Known(id))
    }

    fn looked_up(&self) -> &ById<'a> {
        self.looked_up.get_or_init(|| {
            let looked_up = self.tenant.into_iter().flat_map(|tenant| tenant.directory.values());
            let found = looked_up.filter_map(|resolution| match resolution {
                Resolution::Found(live) => Some((live.id, live)),
                Resolution::Missing { .. } | Resolution::Ambiguous(_) | Resolution::NotInSnapshot => None,
            });
            found.collect()
        })
    }

    fn listed(&self) -> &ById<'a> {
        self.listed.get_or_init(|| {
            let groups = self
                .tenant
                .into_iter()
                .flat_map(|tenant| tenant.marked.values().chain(tenant.by_id.values().flatten()));
            let in_lists = groups.flat_map(|group| group.members.iter().chain(&group.owners));
            let in_others = self.others.iter().copied().flatten();
            let looked_up = self.looked_up().iter().map(|(id, live)| (*id, *live));
            in_others.chain(in_lists).map(|live| (live.id, live)).chain(looked_up).collect()
        })
    }

    /// The groups of a display name: several may have one.
    fn of_display_name(&self, name: &str) -> impl Iterator<Item = &Group<'a>> {
        let by_name = self.by_display_name.get_or_init(|| {
            let mut by_name: HashMap<&'a str, Vec<Identity>, RandomState> = HashMap::default();
            for group in self.groups.values() {
                // What a group is called that was only listed is not known.
                if !group.display_name.is_empty() {
                    by_name.entry(group.display_name).or_default().push(group.id.clone());
                }
            }
            by_name
        });
        by_name.get(name).into_iter().flatten().filter_map(|id| self.groups.get(id))
    }
}
