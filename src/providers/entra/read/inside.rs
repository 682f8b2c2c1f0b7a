//! Everybody in a group that is not ours: what a change of such a group's rights, or of what it is in, means for people.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::people::{People, Principals};
use crate::providers::entra::client::{Lists, Path, Permission, Problem, ReadClient};
use crate::providers::entra::model::{PRINCIPAL_PROPERTIES, PrincipalRecord};
use crate::state::{Inside, ObjectId};

/// Members by group, to be read; one record for each person, in however many groups they are.
pub(super) type MemberLists = Lists<PrincipalRecord, Arc<PrincipalRecord>>;

/// For each group all who are in it, by whatever way the path says; to be read.
pub(super) fn lists(groups: &[ObjectId], path: impl Fn(ObjectId) -> Path) -> MemberLists {
    let path = |id: &ObjectId| path(*id).select(PRINCIPAL_PROPERTIES).largest_pages();
    let mut people = People::default();
    Lists::keeping(&groups.iter().map(path).collect::<Vec<_>>(), move |record| people.share(record))
}

/// The same, read.
pub(super) fn answers(client: &ReadClient, groups: &[ObjectId], lists: MemberLists) -> Vec<Inside> {
    // Which of the groups in them are ours is told by their ids.
    let keys = BTreeMap::new();
    let mut principals = Principals::new(&keys);
    let mut answer = |id: &ObjectId, list: Result<Vec<Arc<PrincipalRecord>>, Problem>| match list {
        Ok(records) => {
            let mut guests = BTreeSet::new();
            Inside::Read(records.into_iter().map(|record| principals.of(record, &mut guests)).collect())
        }
        Err(problem) if problem.status() == Some(404) => Inside::Missing,
        Err(problem) => {
            let failure = client.failure(problem, &format!("reading who is in group {id}"), Permission::ReadGroups);
            let next = failure.next.map(|next| format!("; {next}")).unwrap_or_default();
            Inside::Unreadable(format!("{}{next}", failure.what))
        }
    };
    groups.iter().zip(lists.finish()).map(|(id, list)| answer(id, list)).collect()
}
