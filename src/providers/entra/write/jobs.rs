//! Changes as things to send.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use serde_json::{Map, Value};

use crate::providers::entra::client::{EdgeList, LARGEST_ADDITION, MembershipRef, Permission, Write, WriteClient};
use crate::providers::http::Patience;
use crate::state::{Change, Edge, Failure, FailureKind, Group, ObjectId, Operation, Outcome, Resource};

/// One write and the changes that it makes.
#[derive(Debug)]
pub(super) struct Job {
    pub(super) write: Write,
    /// Positions of its changes; for [`Write::AddAll`] in the order of its principals.
    pub(super) changes: Vec<usize>,
    /// The outcome if it cannot go again, for jobs that were sent before.
    pub(super) otherwise: Option<Outcome>,
    /// What is left of its patience, once it had to wait.
    pub(super) patience: Option<Patience>,
}

/// What to do after a result was judged.
pub(super) enum Next {
    /// Its changes have their outcomes.
    Settled,
    /// Send these instead, at once.
    Instead(Vec<Job>),
    /// Send it again after a while, or settle with this when it has waited long enough.
    Later(Outcome),
}

impl Job {
    pub(super) fn new(write: Write, changes: Vec<usize>) -> Self {
        Self { write, changes, otherwise: None, patience: None }
    }

    /// The group of which no other PATCH may be under way.
    pub(super) fn alone_in(&self) -> Option<ObjectId> {
        match &self.write {
            Write::UpdateGroup { group, .. } | Write::AddAll { group, .. } => Some(*group),
            Write::CreateGroup { .. }
            | Write::DeleteGroup(_)
            | Write::RestoreGroup(_)
            | Write::AddOne(_)
            | Write::RemoveOne(_) => None,
        }
    }

    /// What the write needs.
    pub(super) fn permission(&self) -> Permission {
        let of_list = |list: EdgeList| match list {
            EdgeList::Owners => Permission::WriteGroups,
            EdgeList::Members => Permission::WriteMembers,
        };
        match &self.write {
            Write::CreateGroup { .. } | Write::UpdateGroup { .. } | Write::DeleteGroup(_) | Write::RestoreGroup(_) => {
                Permission::WriteGroups
            }
            Write::AddAll { list, .. } => of_list(*list),
            Write::AddOne(edge) | Write::RemoveOne(edge) => of_list(edge.list),
        }
    }
}

/// Up to a call's worth of jobs that may be under way together.
pub(super) fn take_batch(queue: &mut VecDeque<Job>, busy: &BTreeSet<ObjectId>) -> Vec<Job> {
    let mut batch = Vec::new();
    let mut taken = busy.clone();
    let mut passed_over = Vec::new();
    while batch.len() < WriteClient::AT_ONCE
        && let Some(job) = queue.pop_front()
    {
        if job.alone_in().is_none_or(|group| taken.insert(group)) {
            batch.push(job);
        } else {
            passed_over.push(job);
        }
    }
    passed_over.into_iter().rev().for_each(|job| queue.push_front(job));
    batch
}

/// Jobs in the order in which they are carried out.
#[derive(Debug, Default)]
pub(super) struct Sorted {
    pub(super) creations: Vec<Job>,
    /// Changes of properties, then owners, then members.
    pub(super) additions: Vec<Job>,
    /// Members and owners, then whole groups.
    pub(super) removals: Vec<Job>,
}

/// Sorts changes into jobs, and refuses those that no writer of Entra can make.
pub(super) fn sort(ready: &[Change], refuse: impl Fn(usize, Failure)) -> Sorted {
    let mut sorted = Sorted::default();
    let mut additions: BTreeMap<(EdgeList, ObjectId), Vec<(usize, ObjectId)>> = BTreeMap::new();
    let mut deletions = Vec::new();
    for (at, change) in ready.iter().enumerate() {
        let result = match &change.operation {
            Operation::Create { after: Resource::Group(group) } => creation(group).map(|write| {
                sorted.creations.push(Job::new(write, vec![at]));
            }),
            Operation::Update { before: Resource::Group(before), after: Resource::Group(after) } => {
                update(before, after).map(|write| sorted.additions.push(Job::new(write, vec![at])))
            }
            Operation::Restore { after: Resource::Group(group) } => known(group.id.known()).map(|group| {
                sorted.additions.push(Job::new(Write::RestoreGroup(group), vec![at]));
            }),
            Operation::Delete { before: Resource::Group(group) } => known(group.id.known()).map(|group| {
                deletions.push(Job::new(Write::DeleteGroup(group), vec![at]));
            }),
            Operation::Create { after: Resource::Owner(edge) } => reference(edge, EdgeList::Owners).map(|edge| {
                additions.entry((edge.list, edge.group)).or_default().push((at, edge.principal));
            }),
            Operation::Create { after: Resource::Member(edge) } => reference(edge, EdgeList::Members).map(|edge| {
                additions.entry((edge.list, edge.group)).or_default().push((at, edge.principal));
            }),
            Operation::Delete { before: Resource::Owner(edge) } => reference(edge, EdgeList::Owners)
                .map(|edge| sorted.removals.push(Job::new(Write::RemoveOne(edge), vec![at]))),
            Operation::Delete { before: Resource::Member(edge) } => reference(edge, EdgeList::Members)
                .map(|edge| sorted.removals.push(Job::new(Write::RemoveOne(edge), vec![at]))),
            Operation::Create { after: Resource::Role(_) | Resource::Binding(_) }
            | Operation::Delete { before: Resource::Role(_) | Resource::Binding(_) }
            | Operation::Restore { .. }
            | Operation::Update { .. } => Err("Entra has no such change"),
        };
        if let Err(what) = result {
            refuse(at, Failure::new(FailureKind::Invalid, format!("{}: {what}", change.address)));
        }
    }
    sorted.additions.extend(twenties(additions));
    sorted.removals.append(&mut deletions);
    sorted
}

/// The first twenty of every group, then the second: so that as many as possible go together.
fn twenties(additions: BTreeMap<(EdgeList, ObjectId), Vec<(usize, ObjectId)>>) -> Vec<Job> {
    let mut jobs: Vec<(EdgeList, usize, Job)> = Vec::new();
    for ((list, group), edges) in additions {
        for (round, edges) in edges.chunks(LARGEST_ADDITION).enumerate() {
            let (changes, principals): (Vec<_>, Vec<_>) = edges.iter().copied().unzip();
            let write = match principals[..] {
                [principal] => Write::AddOne(MembershipRef { group, list, principal }),
                _ => Write::AddAll { group, list, principals },
            };
            jobs.push((list, round, Job::new(write, changes)));
        }
    }
    jobs.sort_by_key(|(list, round, _)| (*list, *round));
    jobs.into_iter().map(|(_, _, job)| job).collect()
}

pub(super) fn creation(group: &Group) -> std::result::Result<Write, &'static str> {
    let (Some(unique_name), Some(mail_nickname)) = (&group.unique_name, &group.mail_nickname) else {
        return Err("a group without a mark is never created");
    };
    let mut properties = Map::from_iter([
        ("displayName".to_owned(), Value::from(group.display_name.as_str())),
        ("mailNickname".to_owned(), Value::from(mail_nickname.as_str())),
        ("mailEnabled".to_owned(), Value::from(false)),
        ("securityEnabled".to_owned(), Value::from(true)),
        ("groupTypes".to_owned(), Value::Array(Vec::new())),
    ]);
    properties.extend(group.description.as_ref().map(|text| ("description".to_owned(), Value::from(text.as_str()))));
    Ok(Write::CreateGroup { unique_name: unique_name.clone(), properties, owner: group.first_owner })
}

pub(super) fn update(before: &Group, after: &Group) -> std::result::Result<Write, &'static str> {
    let group = known(after.id.known())?;
    let mut properties = Map::new();
    if before.display_name != after.display_name {
        properties.insert("displayName".to_owned(), Value::from(after.display_name.as_str()));
    }
    if before.description != after.description {
        // Null takes it away; Graph refuses an empty text.
        properties.insert("description".to_owned(), after.description.as_deref().map_or(Value::Null, Value::from));
    }
    if before.mail_nickname != after.mail_nickname {
        properties.insert("mailNickname".to_owned(), after.mail_nickname.as_deref().map_or(Value::Null, Value::from));
    }
    if properties.is_empty() {
        return Err("nothing of this group would change that can be changed");
    }
    Ok(Write::UpdateGroup { group, properties })
}

fn reference(edge: &Edge, list: EdgeList) -> std::result::Result<MembershipRef, &'static str> {
    let (group, principal) = (known(edge.group_id.known())?, known(edge.principal_id.known())?);
    Ok(MembershipRef { group, list, principal })
}

fn known(id: Option<ObjectId>) -> std::result::Result<ObjectId, &'static str> {
    id.ok_or("the object id is not known yet")
}
