//! What is asked: the people, and the clusters that could be read, at one time.

use std::collections::{BTreeMap, BTreeSet};

use super::answer::{GroupLabel, PersonLabel, Unseen};
use crate::access::people::{Node, People, Who};
use crate::access::planned::Snapshot;
use crate::state::{
    Binding, Change, Cluster, Desired, DesiredBinding, DesiredEnvironment, EnvironmentName, GroupNaming, Identity,
    Inside, Mark, Namespace, ObjectId, Observed, Origin, PrincipalName, RoleKey, ScopeTarget, SubjectName, UserNaming,
    closest, mark,
};

/// The people and the clusters, as they are or as they would be.
pub struct World<'a> {
    pub(super) desired: &'a Desired,
    /// Who is in which group.
    pub people: People<'a>,
    pub(super) places: Vec<Place<'a>>,
    pub(super) unseen: BTreeSet<Unseen>,
    pub(super) planned: bool,
    /// Whether it is known who is in which group.
    pub(super) is_entra_read: bool,
    /// Groups that are bound and that Entra does not have: nobody is in them.
    gone: BTreeSet<ObjectId>,
}

/// One cluster.
pub struct Place<'a> {
    pub(super) name: &'a EnvironmentName,
    pub(super) environment: &'a DesiredEnvironment,
    pub(super) cluster: &'a Cluster,
    pub(super) snapshot: Snapshot<'a>,
    /// The grant behind a name that a binding of ours has.
    grants: BTreeMap<String, &'a DesiredBinding>,
    roles: BTreeMap<(Option<&'a Namespace>, &'a str), (&'a RoleKey, &'a Origin)>,
}

impl<'a> World<'a> {
    /// As it was read.
    pub fn live(desired: &'a Desired, observed: &'a Observed, asked: &BTreeSet<EnvironmentName>) -> Self {
        Self::new(desired, observed, asked, None)
    }

    /// Once these changes are made.
    pub fn planned(
        desired: &'a Desired,
        observed: &'a Observed,
        asked: &BTreeSet<EnvironmentName>,
        changes: &'a [Change],
    ) -> Self {
        Self::new(desired, observed, asked, Some(changes))
    }

    fn new(
        desired: &'a Desired,
        observed: &'a Observed,
        asked: &BTreeSet<EnvironmentName>,
        changes: Option<&'a [Change]>,
    ) -> Self {
        let mut unseen = BTreeSet::new();
        let people = match &observed.tenant {
            Some(Ok(tenant)) => match changes {
                None => People::live(desired, tenant, &observed.of_groups),
                Some(changes) => People::planned(desired, tenant, &observed.of_groups, changes),
            },
            Some(Err(failure)) => {
                unseen.insert(Unseen::entra(failure));
                // What the files ask for is not what is.
                People::unread(desired)
            }
            None => People::unread(desired),
        };
        let mut places = Vec::new();
        for (name, environment) in desired.environments.iter().filter(|(name, _)| asked.contains(*name)) {
            match observed.clusters.get(name) {
                Some(Ok(cluster)) => {
                    let snapshot = match changes {
                        None => Snapshot::live(cluster),
                        Some(changes) => {
                            let here = changes.iter().filter(|change| change.address.environment() == Some(name));
                            Snapshot::planned(cluster, &here.collect::<Vec<_>>())
                        }
                    };
                    places.push(Place::new(desired, name, environment, cluster, snapshot));
                }
                Some(Err(failure)) => drop(unseen.insert(Unseen::environment(name, failure))),
                None => {}
            }
        }
        let is_entra_read = matches!(observed.tenant, Some(Ok(_)));
        let inside = observed.of_groups.inside.iter();
        let gone = inside.filter(|(_, inside)| **inside == Inside::Missing).map(|(id, _)| *id).collect();
        Self { desired, people, places, unseen, planned: changes.is_some(), is_entra_read, gone }
    }

    /// The clusters that could be read.
    pub fn places(&self) -> &[Place<'a>] {
        &self.places
    }

    /// Whether no cluster that could be read has this namespace, and the name that may have been meant.
    pub fn is_nowhere(&self, namespace: &Namespace) -> Option<Option<&str>> {
        let is_missing = |place: &Place<'_>| !place.cluster.namespaces.contains_key(namespace);
        if self.places.is_empty() || !self.places.iter().all(is_missing) {
            return None;
        }
        let names = self.places.iter().flat_map(|place| place.cluster.namespaces.keys()).map(Namespace::as_str);
        Some(closest(namespace.as_str(), names))
    }

    /// The API groups, other than the core, that the rules of roles name together with a resource.
    pub fn groups_with(&self, resource: &str) -> BTreeSet<String> {
        let all = self.places.iter().flat_map(|place| place.snapshot.roles()).flat_map(|role| &role.rules);
        let naming = all.filter(|rule| rule.resources.iter().any(|entry| entry.split('/').next() == Some(resource)));
        let groups = naming.flat_map(|rule| &rule.api_groups).filter(|group| !group.is_empty() && *group != "*");
        groups.cloned().collect()
    }

    pub(super) fn person(&self, who: &Who) -> PersonLabel {
        let person = self.people.person(who);
        PersonLabel {
            name: person.name.clone(),
            id: match who {
                Who::Id(id) => Some(*id),
                Who::Named(_) => None,
            },
            kind: person.kind,
            display_name: person.display_name.map(str::to_owned),
            disabled: person.enabled == Some(false),
        }
    }

    pub(super) fn group(&self, id: &Identity) -> GroupLabel {
        let known = self.people.group(id);
        let key = known.and_then(|group| group.key);
        let name = key.map(ToString::to_string).or_else(|| known.map(|group| group.display_name.to_owned()));
        let name = name.filter(|name| !name.is_empty()).unwrap_or_else(|| match id {
            // A group of others has a name where it was read as a member of another one.
            Identity::Known(id) => {
                let listed = self.people.person(&Who::Id(*id)).display_name.map(str::to_owned);
                listed.unwrap_or_else(|| id.to_string())
            }
            Identity::AfterApply(key) => key.to_string(),
        });
        GroupLabel { name, id: id.known(), in_files: known.is_some_and(|group| group.block.is_some()) }
    }

    /// A group of which only the name in a binding is known. Where Entra was not read, the line that made the binding tells
    /// which one of the files it is. `None` for one that Entra does not have, so that nobody is in it.
    pub(super) fn bound_group(&self, place: &Place<'_>, binding: &Binding, name: &SubjectName) -> Option<GroupLabel> {
        let tokens = &place.environment.tokens;
        let (spelt, id) = match name {
            SubjectName::Known(name) => {
                let bare = name.strip_prefix(&tokens.groups_prefix).filter(|_| tokens.groups == GroupNaming::ObjectId);
                (name.clone(), bare.and_then(|bare| bare.parse::<ObjectId>().ok()))
            }
            SubjectName::AfterApply { prefix, group } => (format!("{prefix}{group}"), None),
        };
        if id.is_some_and(|id| self.gone.contains(&id)) {
            return None;
        }
        let made = place.made(binding).filter(|_| !self.is_entra_read).map(|grant| &grant.subject);
        Some(match (made, id) {
            (Some(PrincipalName::Group(key)), id) => GroupLabel { name: key.to_string(), id, in_files: true },
            (_, Some(id)) => GroupLabel { id: Some(id), ..self.group(&Identity::Known(id)) },
            (_, None) => GroupLabel { name: spelt, id: None, in_files: false },
        })
    }

    /// The person for whom a line made a binding, where Entra was not read and they are told by nothing else.
    pub(super) fn bound_person(&self, place: &Place<'_>, binding: &Binding, name: &str) -> Option<PersonLabel> {
        let made = place.made(binding).filter(|_| !self.is_entra_read)?;
        let tokens = &place.environment.tokens;
        let bare = name.strip_prefix(&tokens.users_prefix).filter(|_| tokens.users == UserNaming::ObjectId);
        let is_group = matches!(made.subject, PrincipalName::Group(_) | PrincipalName::GroupId(_));
        (!is_group).then(|| PersonLabel {
            name: made.subject.clone(),
            id: bare.and_then(|bare| bare.parse().ok()),
            kind: None,
            display_name: None,
            disabled: false,
        })
    }

    /// The owners of a group who could make themselves members: people, not those who apply.
    pub(super) fn owners(&self, group: &Identity) -> impl Iterator<Item = Who> + '_ {
        self.people.owners(group).into_iter().filter_map(|owner| match owner {
            Node::Person(who) => Some(who),
            Node::Group(_) => None,
        })
    }

    /// Why not everybody in a group is known, where that is so.
    pub(super) fn unread(&self, group: &Identity) -> Option<(GroupLabel, String)> {
        let why = match self.people.group(group) {
            Some(group) => group.unread.clone()?,
            None => return Some(Unseen::stranger(self.group(group))),
        };
        Some((self.group(group), why))
    }
}

impl<'a> Place<'a> {
    fn new(
        desired: &Desired,
        name: &'a EnvironmentName,
        environment: &'a DesiredEnvironment,
        cluster: &'a Cluster,
        snapshot: Snapshot<'a>,
    ) -> Self {
        let called = |grant: &DesiredBinding| {
            mark::binding_name(&desired.config, &grant.subject, &grant.role.key, &grant.role.reference, &grant.scope)
        };
        let grants = environment.bindings.iter().map(|grant| (called(grant), grant)).collect();
        let roles = environment.roles.iter();
        let roles =
            roles.map(|role| ((role.namespace.as_ref(), role.name.as_str()), (&role.key, &role.origin))).collect();
        Self { name, environment, cluster, snapshot, grants, roles }
    }

    /// The line of the grant that asks for a binding of this name in this place.
    pub(super) fn grant(&self, namespace: Option<&Namespace>, name: &str) -> Option<&'a Origin> {
        self.asked(namespace, name).map(|grant| &grant.origin)
    }

    /// The grant that asks for a binding of this name in this place.
    pub(super) fn asked(&self, namespace: Option<&Namespace>, name: &str) -> Option<&'a DesiredBinding> {
        let grant = self.grants.get(name)?;
        let is_there = match &grant.scope {
            ScopeTarget::Cluster => namespace.is_none(),
            ScopeTarget::Namespace(of) => namespace == Some(of),
            ScopeTarget::Selector(labels) => namespace.is_some_and(|namespace| self.cluster.selects(namespace, labels)),
        };
        is_there.then_some(grant)
    }

    /// The grant that made a live binding, if nobody else has written its subject.
    fn made(&self, binding: &Binding) -> Option<&'a DesiredBinding> {
        let grant = self.asked(binding.namespace.as_ref(), &binding.name)?;
        let live = self.cluster.bindings.iter().find(|live| live.binding == *binding)?;
        let is_as_made = live.meta.mark == Mark::Ours && live.meta.other_managers.is_empty();
        (is_as_made && binding.subjects.len() == 1).then_some(grant)
    }

    /// The key and the block of a role of ours.
    pub(super) fn role_block(&self, namespace: Option<&Namespace>, name: &str) -> Option<(RoleKey, Origin)> {
        self.roles.get(&(namespace, name)).map(|(key, origin)| ((*key).clone(), (*origin).clone()))
    }
}
