//! Whether a fresh plan is what was approved.

use std::collections::{BTreeMap, BTreeSet};

use super::super::kubernetes::binding_address;
use super::super::parts::{Part, Parts};
use super::super::resolve::{Directory, spelt_id};
use super::super::{Plan, Reason};
use super::{Asked, Moved, Now, SavedPlan, Why, fingerprint};
use crate::state::{
    Address, Binding, Change, Desired, Edge, Group, GroupKey, Identity, LiveGroup, LivePrincipal, Mark, ObjectId,
    Observed, Operation, Policy, PrincipalName, Resource, SubjectName,
};

/// What of a saved plan may be carried out now. The caller goes on only if nothing was refused.
#[must_use]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Agreement {
    /// The changes of the fresh plan, in order, each as it was approved.
    pub ready: Vec<Change>,
    /// What was approved and is so already.
    pub already_held: Vec<Address>,
    /// What differs from what was approved, and how.
    pub refused: Vec<Moved>,
}

impl Agreement {
    /// Whether what was approved still holds.
    pub fn holds(&self) -> bool {
        self.refused.is_empty()
    }
}

/// Compares what was approved with a plan made just now by the same policy, narrowed by [`SavedPlan::only`].
pub fn agree(saved: &SavedPlan, fresh: &Plan, desired: &Desired, observed: &Observed) -> Agreement {
    // Whatever it was narrowed to, a saved plan is compared with all that was read.
    let policy = Policy::default();
    let parts = Parts::new(desired, observed, &policy);
    let directory = Directory::new(desired, parts.tenant, &policy);
    let live = Live { saved, desired, parts: &parts, directory: &directory };
    let approved: BTreeMap<&Address, &Change> = saved.changes.iter().map(|change| (&change.address, change)).collect();
    let created = live.created_since();
    let mut agreement = Agreement::default();
    for change in &fresh.changes {
        let approved = approved.get(&change.address).copied();
        let why = match approved {
            None => Why::NotApproved,
            Some(approved) => {
                let as_promised = promise(change.clone(), &created, desired);
                if fingerprint(&as_promised) == fingerprint(approved) {
                    agreement.ready.push(change.clone());
                    continue;
                }
                differs(&as_promised, approved)
            }
        };
        agreement.refused.push(Moved {
            address: change.address.clone(),
            why,
            approved: approved.cloned(),
            now: live.now(approved.unwrap_or(change)),
            asked: Asked::Change(Box::new(change.clone())),
        });
    }
    let asked: BTreeSet<&Address> = fresh.changes.iter().map(|change| &change.address).collect();
    for change in saved.changes.iter().filter(|change| !asked.contains(&change.address)) {
        if live.holds(change) {
            agreement.already_held.push(change.address.clone());
            continue;
        }
        let withheld = fresh.withheld.iter().find(|withheld| withheld.addresses.contains(&change.address));
        agreement.refused.push(Moved {
            address: change.address.clone(),
            why: live.why_not(change, withheld.map(|withheld| withheld.reason)),
            approved: Some(change.clone()),
            now: live.now(change),
            asked: withheld.map_or(Asked::Nothing, |withheld| Asked::Withheld(withheld.reason)),
        });
    }
    agreement
}

/// The first thing in which a change differs from the approved one.
fn differs(fresh: &Change, approved: &Change) -> Why {
    if fresh.sign() != approved.sign() {
        Why::OtherKind
    } else if fresh.after() != approved.after() {
        Why::OtherResult
    } else if fresh.before() != approved.before() || fresh.uid != approved.uid {
        Why::OtherObject
    } else if fresh.cluster != approved.cluster {
        Why::OtherCluster
    } else if fresh.refers != approved.refers {
        let all: BTreeSet<&String> = fresh.refers.keys().chain(approved.refers.keys()).collect();
        let moved = all.into_iter().filter(|key| fresh.refers.get(*key) != approved.refers.get(*key));
        Why::Relies(moved.cloned().collect())
    } else if fresh.replaced_by != approved.replaced_by {
        Why::OtherReplacement
    } else if fresh.overrules != approved.overrules {
        Why::OtherManagers
    } else {
        Why::Differs
    }
}

/// A fresh change in the words of a saved plan that still had to create these groups: their ids are promises again.
fn promise(mut change: Change, created: &BTreeMap<ObjectId, &GroupKey>, desired: &Desired) -> Change {
    if created.is_empty() {
        return change;
    }
    for key in created.values() {
        change.refers.remove(&PrincipalName::Group((*key).clone()).to_string());
    }
    let environment = change.address.environment().and_then(|name| desired.environments.get(name));
    let prefix = environment.map_or("", |environment| environment.tokens.groups_prefix.as_str());
    let (Operation::Create { after } | Operation::Update { after, .. }) = &mut change.operation else { return change };
    let promised = |identity: &mut Identity| {
        if let Some(key) = identity.known().and_then(|id| created.get(&id)) {
            *identity = Identity::AfterApply((*key).clone());
        }
    };
    match after {
        Resource::Owner(edge) | Resource::Member(edge) => {
            promised(&mut edge.group_id);
            promised(&mut edge.principal_id);
        }
        Resource::Binding(binding) => {
            for subject in &mut binding.subjects {
                if let SubjectName::Known(name) = &subject.name
                    && let Some(id) = name.strip_prefix(prefix).and_then(spelt_id)
                    && let Some(key) = created.get(&id)
                {
                    subject.name = SubjectName::AfterApply { prefix: prefix.to_owned(), group: (*key).clone() };
                }
            }
        }
        Resource::Group(_) | Resource::Role(_) => {}
    }
    change
}

/// What was read, as far as it tells whether a change is done.
struct Live<'a> {
    saved: &'a SavedPlan,
    desired: &'a Desired,
    parts: &'a Parts<'a>,
    directory: &'a Directory<'a>,
}

impl<'a> Live<'a> {
    /// Groups that the saved plan was to create and that are there now, proven to be ours and as it leaves them.
    fn created_since(&self) -> BTreeMap<ObjectId, &'a GroupKey> {
        self.saved
            .changes
            .iter()
            .filter_map(|change| match (&change.address, &change.operation) {
                (Address::Group(key), Operation::Create { .. }) => {
                    let live = self.directory.live(key)?;
                    (self.desired.groups.contains_key(key) && self.is_as_promised(key, live)).then_some((live.id, key))
                }
                _ => None,
            })
            .collect()
    }

    /// Whether a group that the saved plan was to create holds nobody whom that plan does not put there. Whoever made it
    /// could have made it with others in it, and nobody would have approved those.
    fn is_as_promised(&self, key: &GroupKey, live: &LiveGroup) -> bool {
        let (mut owners, mut members) = (BTreeSet::new(), BTreeSet::new());
        for change in &self.saved.changes {
            let (promised, edge) = match &change.operation {
                Operation::Create { after: Resource::Owner(edge) } => (&mut owners, edge),
                Operation::Create { after: Resource::Member(edge) } => (&mut members, edge),
                Operation::Create { .. }
                | Operation::Restore { .. }
                | Operation::Update { .. }
                | Operation::Delete { .. } => continue,
            };
            if edge.group == *key {
                promised.extend(self.id(&edge.principal_id));
            }
        }
        // Graph makes whoever creates a group an owner of it by itself, which we may have been.
        owners.extend(self.directory.tenant().map(|tenant| tenant.identity.id));
        live.owners.iter().all(|owner| self.directory.is_applier(owner) || owners.contains(&owner.id))
            && live.members.iter().all(|member| members.contains(&member.id))
    }

    /// Whether this is the creation of a group that is there by now, with others in it than the saved plan puts there.
    fn is_taken(&self, change: &Change) -> bool {
        match (&change.address, &change.operation) {
            (Address::Group(key), Operation::Create { .. }) => {
                self.directory.live(key).is_some_and(|live| !self.is_as_promised(key, live))
            }
            _ => false,
        }
    }

    /// Whether a change that nobody asks for any more is done.
    fn holds(&self, change: &Change) -> bool {
        match &change.operation {
            Operation::Create { .. } if self.is_taken(change) => false,
            Operation::Create { after } | Operation::Restore { after } | Operation::Update { after, .. } => {
                self.is_there(change, after)
            }
            Operation::Delete { before } => self.is_gone(change, before),
        }
    }

    /// Why a change that was approved is neither asked for nor done.
    fn why_not(&self, change: &Change, withheld: Option<Reason>) -> Why {
        match withheld {
            _ if self.is_taken(change) => Why::Taken,
            Some(reason) => Why::Withheld(reason),
            None if self.is_read(change) => Why::NotAsked,
            None => Why::Unread,
        }
    }

    fn is_read(&self, change: &Change) -> bool {
        match change.address.environment() {
            None => self.parts.tenant.is_some(),
            Some(name) => self.parts.clusters.contains_key(name),
        }
    }

    /// What is there of what a change is about.
    fn now(&self, change: &Change) -> Now {
        if !self.is_read(change) {
            return Now::Unread;
        }
        match change.after().or(change.before()) {
            Some(Resource::Owner(edge)) => self.edge_now(edge, |group| &group.owners),
            Some(Resource::Member(edge)) => self.edge_now(edge, |group| &group.members),
            Some(Resource::Group(group)) => self.directory.live(&group.key).map_or(Now::Absent, |live| {
                Now::There(Resource::Group(super::super::entra::as_resource(&group.key, live)))
            }),
            Some(Resource::Role(role)) => {
                let roles = self.read(change).map_or(&[][..], |part| &part.cluster.roles);
                let place = (&role.namespace, &role.name);
                let live = roles.iter().find(|live| (&live.role.namespace, &live.role.name) == place);
                live.map_or(Now::Absent, |live| Now::There(Resource::Role(live.role.clone())))
            }
            Some(Resource::Binding(binding)) => {
                let bindings = self.read(change).map_or(&[][..], |part| &part.cluster.bindings);
                let place = (&binding.namespace, &binding.name);
                let live = bindings.iter().find(|live| (&live.binding.namespace, &live.binding.name) == place);
                live.map_or(Now::Absent, |live| Now::There(Resource::Binding(live.binding.clone())))
            }
            None => Now::Absent,
        }
    }

    fn edge_now(&self, edge: &Edge, list: fn(&LiveGroup) -> &Vec<LivePrincipal>) -> Now {
        let group = self.directory.live(&edge.group);
        let who = self.id(&edge.principal_id);
        let listed = group.is_some_and(|group| list(group).iter().any(|live| Some(live.id) == who));
        let means = self.directory.resolve(&edge.principal).ok().and_then(|resolved| resolved.identity.known());
        Now::Edge { group: group.map(|group| group.id), listed, means }
    }

    fn is_there(&self, change: &Change, after: &Resource) -> bool {
        match after {
            Resource::Group(group) => self.group_is(group),
            Resource::Owner(edge) => self.edge(edge, |group| &group.owners) == Some(true),
            Resource::Member(edge) => self.edge(edge, |group| &group.members) == Some(true),
            Resource::Role(role) => self.part(change).is_some_and(|part| {
                part.cluster.roles.iter().any(|live| live.meta.mark == Mark::Ours && live.role == *role)
            }),
            Resource::Binding(binding) => self.part(change).is_some_and(|part| {
                let after = self.fulfil(binding);
                part.cluster.bindings.iter().any(|live| {
                    live.meta.mark == Mark::Ours
                        && (&live.binding.namespace, &live.binding.name) == (&after.namespace, &after.name)
                        && live.binding.same_content(&after)
                })
            }),
        }
    }

    fn is_gone(&self, change: &Change, before: &Resource) -> bool {
        match before {
            Resource::Group(group) => self
                .directory
                .tenant()
                .is_some_and(|tenant| tenant.marked.values().all(|live| Some(live.id) != group.id.known())),
            Resource::Owner(edge) => self.edge(edge, |group| &group.owners) == Some(false),
            Resource::Member(edge) => self.edge(edge, |group| &group.members) == Some(false),
            Resource::Role(role) => self.part(change).is_some_and(|part| {
                let place = (&role.namespace, &role.name);
                part.cluster.roles.iter().all(|live| (&live.role.namespace, &live.role.name) != place)
            }),
            Resource::Binding(_) => self.part(change).is_some_and(|part| {
                let environment = change.address.environment();
                part.cluster.bindings.iter().all(|live| {
                    environment.is_none_or(|environment| binding_address(environment, &live.binding) != change.address)
                })
            }),
        }
    }

    /// The cluster of a change, if it is the one that the change is about.
    fn part(&self, change: &Change) -> Option<Part<'a>> {
        self.read(change).filter(|part| Some(part.cluster.uid) == change.cluster)
    }

    fn read(&self, change: &Change) -> Option<Part<'a>> {
        self.parts.clusters.get(change.address.environment()?).copied()
    }

    fn id(&self, identity: &Identity) -> Option<ObjectId> {
        match identity {
            Identity::Known(id) => Some(*id),
            Identity::AfterApply(key) => self.directory.live(key).map(|group| group.id),
        }
    }

    fn group_is(&self, group: &Group) -> bool {
        let is_it = |id: ObjectId| match &group.id {
            Identity::Known(known) => *known == id,
            Identity::AfterApply(_) => true,
        };
        self.directory.live(&group.key).is_some_and(|live| {
            let now = super::super::entra::as_resource(&group.key, live);
            is_it(live.id)
                && now.display_name == group.display_name
                && now.description == group.description
                && now.mail_nickname == group.mail_nickname
                && now.unique_name == group.unique_name
        })
    }

    /// Whether somebody is in a list of a group; `None` if the group is not the one that was approved.
    fn edge(&self, edge: &Edge, list: fn(&LiveGroup) -> &Vec<LivePrincipal>) -> Option<bool> {
        let group = self.directory.live(&edge.group)?;
        let who = self.id(&edge.principal_id)?;
        (self.id(&edge.group_id) == Some(group.id)).then(|| list(group).iter().any(|live| live.id == who))
    }

    /// A binding with the promised ids filled in.
    fn fulfil(&self, binding: &Binding) -> Binding {
        let mut binding = binding.clone();
        for subject in &mut binding.subjects {
            if let SubjectName::AfterApply { prefix, group } = &subject.name
                && let Some(live) = self.directory.live(group)
            {
                subject.name = SubjectName::Known(format!("{prefix}{}", live.id));
            }
        }
        binding
    }
}
