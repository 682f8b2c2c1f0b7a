//! Which entry of the tenant's audit log explains a difference.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::state::{
    Address, AuditActivity, AuditEntry, AuditTrail, Change, Edge, Group, Identity, Initiator, ObjectId, Operation,
    Resource,
};

/// What made something as it is, by the audit log.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Audited {
    /// What was done.
    pub activity: AuditActivity,
    /// When.
    pub time: Option<Timestamp>,
    /// By whom.
    pub by: Initiator,
    /// Whether that is one of the identities that apply: it may have been an earlier apply.
    pub is_ours: bool,
}

/// The id of the group that a change is about, where it has one.
pub(super) fn group_of(change: &Change) -> Option<ObjectId> {
    let id = match change.before().or(change.after())? {
        Resource::Group(group) => &group.id,
        Resource::Owner(edge) | Resource::Member(edge) => &edge.group_id,
        Resource::Role(_) | Resource::Binding(_) => return None,
    };
    known(id)
}

fn known(id: &Identity) -> Option<ObjectId> {
    match id {
        Identity::Known(id) => Some(*id),
        Identity::AfterApply(_) => None,
    }
}

/// What explains that something is otherwise than the files ask. The last entry about it counts, and only if it says how it
/// came to be as it is: where another says the contrary, what followed is not in the log yet.
pub(super) fn explain(change: &Change, trail: &AuditTrail, ours: &BTreeSet<ObjectId>) -> Option<Audited> {
    use AuditActivity as Did;
    let group = group_of(change)?;
    let entries = trail.entries.get(&group)?;
    let (does, undoes) = match (&change.address, &change.operation) {
        (Address::Member(..), Operation::Delete { .. }) => (Did::AddMember, Some(Did::RemoveMember)),
        (Address::Member(..), Operation::Create { .. }) => (Did::RemoveMember, Some(Did::AddMember)),
        (Address::Owner(..), Operation::Delete { .. }) => (Did::AddOwner, Some(Did::RemoveOwner)),
        (Address::Owner(..), Operation::Create { .. }) => (Did::RemoveOwner, Some(Did::AddOwner)),
        (Address::Group(_), Operation::Restore { .. }) => (Did::DeleteGroup, Some(Did::RestoreGroup)),
        (Address::Group(_), Operation::Delete { .. }) => (Did::AddGroup, None),
        (Address::Group(_), Operation::Update { .. }) => (Did::UpdateGroup, None),
        _ => return None,
    };
    let is_about = |entry: &&AuditEntry| match change.before().or(change.after()) {
        Some(Resource::Member(edge) | Resource::Owner(edge)) => concerns(entry, group, edge),
        Some(Resource::Group(_)) => match (change.before(), change.after()) {
            (Some(Resource::Group(live)), Some(Resource::Group(asked))) => changes(entry, group, live, asked),
            _ => of_group(entry, group),
        },
        _ => false,
    };
    let about =
        entries.iter().filter(|entry| entry.activity == does || Some(entry.activity) == undoes).filter(is_about);
    // Of two at the same moment nobody knows which was first.
    let last = about.max_by_key(|entry| (entry.time, entry.activity == does))?;
    (last.activity == does).then(|| Audited {
        activity: last.activity,
        time: last.time,
        by: last.by.clone(),
        is_ours: matches!(&last.by, Initiator::App { id: Some(id), .. } if ours.contains(id)),
    })
}

fn of_group(entry: &AuditEntry, group: ObjectId) -> bool {
    entry.targets.iter().any(|target| target.id == group)
}

/// Whether an entry is about this member or owner of this group. A group in another one is told apart by what the entry says
/// with it alone: which of two groups is in which, their order does not prove.
fn concerns(entry: &AuditEntry, group: ObjectId, edge: &Edge) -> bool {
    let Some(principal) = known(&edge.principal_id) else { return false };
    entry.targets.iter().filter(|target| target.id == principal).any(|target| match target.of_group {
        Some(of) => of == group,
        None => !target.is_group && entry.targets.iter().any(|other| other.id == group && other.is_group),
    })
}

/// Whether an entry changed a property in which a group differs.
fn changes(entry: &AuditEntry, group: ObjectId, live: &Group, asked: &Group) -> bool {
    let differing = [
        ("displayname", live.display_name != asked.display_name),
        ("description", live.description != asked.description),
        ("mailnickname", live.mail_nickname != asked.mail_nickname),
        ("uniquename", live.unique_name != asked.unique_name),
    ];
    let differs = |name: &str| differing.iter().any(|(known, differs)| *differs && *known == name);
    entry.targets.iter().any(|target| target.id == group && target.properties.iter().any(|name| differs(name)))
}
