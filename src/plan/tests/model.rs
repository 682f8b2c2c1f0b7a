//! The live systems as they are after a change, as far as a plan can see.

use std::collections::{BTreeMap, BTreeSet};

use super::world::{World, meta, nested, principal};
use crate::state::{
    Address, Change, Cluster, DeletedGroup, Desired, Edge, GroupKey, GroupKind, GroupSummary, Identity, LiveBinding,
    LiveGroup, LivePrincipal, LiveRole, Mark, ObjectId, Observed, Operation, Resolution, Resource, SubjectName, Tenant,
    mark,
};

impl World {
    /// Carries out changes one after the other.
    pub(super) fn apply(&mut self, changes: &[Change]) {
        self.apply_first(changes, changes.len());
    }

    /// Carries out the first few changes.
    pub(super) fn apply_first(&mut self, changes: &[Change], count: usize) {
        for change in &changes[..count] {
            apply(&mut self.observed, &mut self.hidden, change);
        }
        refresh(&self.desired, &mut self.observed);
    }
}

fn apply(observed: &mut Observed, hidden: &mut BTreeMap<ObjectId, LiveGroup>, change: &Change) {
    let Observed { tenant, clusters, of_groups: _, answers: _ } = observed;
    let tenant = tenant.as_mut().and_then(|read| read.as_mut().ok());
    match &change.address {
        Address::Group(key) => group(tenant.unwrap(), hidden, key, &change.operation),
        Address::Owner(..) | Address::Member(..) => edge(tenant.unwrap(), &change.operation),
        Address::Object { environment, .. } => {
            let ids = tenant.map(|tenant| tenant.marked.iter().map(|(key, group)| (key.clone(), group.id)).collect());
            let cluster = clusters.get_mut(environment).unwrap().as_mut().unwrap();
            object(cluster, &ids.unwrap_or_default(), change);
        }
    }
}

fn group(tenant: &mut Tenant, hidden: &mut BTreeMap<ObjectId, LiveGroup>, key: &GroupKey, operation: &Operation) {
    match operation {
        Operation::Create { after: Resource::Group(after) } => {
            assert!(!tenant.marked.contains_key(key), "{key} is created twice");
            let first = after.first_owner.unwrap();
            let group = LiveGroup {
                id: created_id(key),
                display_name: after.display_name.clone(),
                description: after.description.clone(),
                mail_nickname: after.mail_nickname.clone(),
                unique_name: after.unique_name.clone(),
                kind: GroupKind::Security,
                role_assignable: false,
                owners: vec![LivePrincipal { id: first, ..principal("applier") }],
                members: Vec::new(),
            };
            tenant.marked.insert(key.clone(), group);
        }
        Operation::Update { after: Resource::Group(after), .. } => {
            let live = live(tenant, after.id.known().unwrap());
            live.display_name.clone_from(&after.display_name);
            live.description.clone_from(&after.description);
            live.mail_nickname.clone_from(&after.mail_nickname);
        }
        Operation::Delete { before: Resource::Group(before) } => {
            let gone = tenant.marked.remove(key).unwrap();
            assert_eq!(before.id, Identity::Known(gone.id));
            let rest = tenant.marked.values_mut().chain(tenant.by_id.values_mut().flatten());
            for group in rest {
                group.members.retain(|member| member.id != gone.id);
            }
            delete(tenant, hidden, key, gone);
        }
        Operation::Restore { after: Resource::Group(after) } => {
            let (_, carried) = mark::parse_unique_name(after.unique_name.as_deref().unwrap()).unwrap();
            let deleted = tenant.deleted.remove(&carried).unwrap();
            assert_eq!(deleted.len(), 1, "one of several is picked");
            assert_eq!(after.id, Identity::Known(deleted[0].id));
            tenant.marked.insert(carried, hidden.remove(&deleted[0].id).unwrap());
        }
        other => panic!("no such change of a group: {other:?}"),
    }
}

/// Puts a group among the deleted ones, where nobody can see who is in it.
pub(super) fn delete(
    tenant: &mut Tenant,
    hidden: &mut BTreeMap<ObjectId, LiveGroup>,
    carried: &GroupKey,
    group: LiveGroup,
) {
    let deleted = DeletedGroup {
        id: group.id,
        display_name: group.display_name.clone(),
        description: group.description.clone(),
        mail_nickname: group.mail_nickname.clone(),
        kind: Some(group.kind),
        deleted: None,
    };
    tenant.deleted.entry(carried.clone()).or_default().push(deleted);
    hidden.insert(group.id, group);
}

fn created_id(key: &GroupKey) -> ObjectId {
    let digits = mark::hex(&["created", key.as_str()], 32);
    ObjectId::from(uuid::Uuid::parse_str(&digits).unwrap())
}

fn live(tenant: &mut Tenant, id: ObjectId) -> &mut LiveGroup {
    let mut all = tenant.marked.values_mut().chain(tenant.by_id.values_mut().flatten());
    all.find(|group| group.id == id).expect("the group is there")
}

fn edge(tenant: &mut Tenant, operation: &Operation) {
    let (resource, is_added) = match operation {
        Operation::Create { after } => (after, true),
        Operation::Delete { before } => (before, false),
        Operation::Restore { .. } | Operation::Update { .. } => panic!("an edge is not updated"),
    };
    let (edge, is_owner) = match resource {
        Resource::Owner(edge) => (edge, true),
        Resource::Member(edge) => (edge, false),
        other => panic!("no edge: {other:?}"),
    };
    let id_of = |identity: &Identity| match identity {
        Identity::Known(id) => *id,
        Identity::AfterApply(key) => tenant.marked.get(key).expect("the promised group is there").id,
    };
    let (group_id, who) = (id_of(&edge.group_id), found(tenant, edge, id_of(&edge.principal_id)));
    let group = live(tenant, group_id);
    let list = if is_owner { &mut group.owners } else { &mut group.members };
    if is_added {
        assert!(list.iter().all(|each| each.id != who.id), "{} is added twice", edge.principal);
        list.push(who);
    } else {
        let before = list.len();
        list.retain(|each| each.id != who.id);
        assert!(list.len() < before, "{} is removed and was not there", edge.principal);
    }
}

fn found(tenant: &Tenant, edge: &Edge, id: ObjectId) -> LivePrincipal {
    let groups = tenant.marked.values().chain(tenant.by_id.values().flatten());
    let people = tenant.directory.values().filter_map(|resolution| match resolution {
        Resolution::Found(live) => Some(live),
        Resolution::Missing { .. } | Resolution::Ambiguous(_) | Resolution::NotInSnapshot => None,
    });
    let known = groups.map(nested).chain(people.cloned()).find(|live| live.id == id);
    known.unwrap_or_else(|| LivePrincipal {
        id,
        kind: edge.kind,
        name: edge.principal.clone(),
        user_principal_name: None,
        display_name: None,
        enabled: None,
    })
}

fn object(cluster: &mut Cluster, ids: &BTreeMap<GroupKey, ObjectId>, change: &Change) {
    assert_eq!(change.cluster, Some(cluster.uid));
    match change.before() {
        Some(Resource::Role(role)) => {
            cluster.roles.retain(|live| (&live.role.namespace, &live.role.name) != (&role.namespace, &role.name));
        }
        Some(Resource::Binding(binding)) => cluster
            .bindings
            .retain(|live| (&live.binding.namespace, &live.binding.name) != (&binding.namespace, &binding.name)),
        Some(other) => panic!("not on a cluster: {other:?}"),
        None => {}
    }
    match change.after() {
        Some(Resource::Role(role)) => {
            cluster.roles.push(LiveRole::new(role.clone(), meta(Mark::Ours)));
        }
        Some(Resource::Binding(binding)) => {
            let mut binding = binding.clone();
            for subject in &mut binding.subjects {
                if let SubjectName::AfterApply { prefix, group } = &subject.name {
                    let id = ids.get(group).expect("the promised group is there");
                    subject.name = SubjectName::Known(format!("{prefix}{id}"));
                }
                subject.principal = None;
            }
            let is_there = cluster.roles.iter().any(|live| live.role.name == binding.role.name);
            assert!(is_there, "the role of a binding is there before it: {binding:?}");
            cluster.bindings.push(LiveBinding { binding, meta: meta(Mark::Ours) });
        }
        Some(other) => panic!("not on a cluster: {other:?}"),
        None => {}
    }
}

/// Reads again what depends on several groups: who has which display name.
pub(super) fn refresh(desired: &Desired, observed: &mut Observed) {
    let Some(Ok(tenant)) = &mut observed.tenant else { return };
    let known: Vec<GroupSummary> = tenant.marked.values().chain(tenant.by_id.values().flatten()).map(summary).collect();
    let mut own: BTreeSet<ObjectId> = known.iter().map(|summary| summary.id).collect();
    own.extend(tenant.deleted.values().flatten().map(|group| group.id));
    let others = tenant.by_display_name.values().flatten().filter(|summary| !own.contains(&summary.id)).cloned();
    let all: BTreeMap<ObjectId, GroupSummary> = others.chain(known).map(|summary| (summary.id, summary)).collect();
    let mut names: BTreeSet<String> = tenant.by_display_name.keys().cloned().collect();
    names.extend(
        desired.groups.iter().map(|(key, group)| group.display_name.clone().unwrap_or_else(|| key.to_string())),
    );
    names.extend(all.values().map(|summary| summary.display_name.clone()));
    tenant.by_display_name = names
        .into_iter()
        .map(|name| {
            let same = all.values().filter(|summary| summary.display_name == name).cloned().collect();
            (name, same)
        })
        .collect();
}

fn summary(group: &LiveGroup) -> GroupSummary {
    GroupSummary {
        id: group.id,
        display_name: group.display_name.clone(),
        unique_name: group.unique_name.clone(),
        kind: group.kind,
        created: None,
        owners: Vec::new(),
    }
}

/// What is there, in a form in which order and versions do not matter.
pub(super) fn essence(observed: &Observed) -> Vec<String> {
    let mut lines = Vec::new();
    if let Some(Ok(tenant)) = &observed.tenant {
        for group in tenant.marked.values().chain(tenant.by_id.values().flatten()) {
            let ids = |list: &[LivePrincipal]| list.iter().map(|each| each.id).collect::<BTreeSet<_>>();
            let (owners, members) = (ids(&group.owners), ids(&group.members));
            let texts = (&group.display_name, &group.description, &group.mail_nickname);
            lines.push(format!("{} {texts:?} {owners:?} {members:?}", group.id));
        }
    }
    for (name, cluster) in &observed.clusters {
        for live in cluster.as_ref().ok().into_iter().flat_map(|cluster| &cluster.roles) {
            lines.push(format!("{name} {:?} {:?}", live.role, live.meta.mark));
        }
        for live in cluster.as_ref().ok().into_iter().flat_map(|cluster| &cluster.bindings) {
            let mut binding = live.binding.clone();
            for subject in &mut binding.subjects {
                subject.principal = None;
            }
            lines.push(format!("{name} {binding:?} {:?}", live.meta.mark));
        }
    }
    lines.sort();
    lines
}
