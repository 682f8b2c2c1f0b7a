//! The groups that a group is in, whoever they belong to: who joins it joins them.

use crate::providers::entra::client::{Lists, Path, Permission, Problem, ReadClient};
use crate::providers::entra::model::PrincipalRecord;
use crate::state::{Above, ObjectId, OuterGroup, PrincipalKind};

/// What is read of each.
const PROPERTIES: &str = "id,displayName";

/// For each group all that it is in, directly or through others; to be read.
pub(super) fn lists(groups: &[ObjectId]) -> Lists<PrincipalRecord> {
    let paths: Vec<_> = groups.iter().map(|id| Path::above(*id).select(PROPERTIES).largest_pages()).collect();
    Lists::new(&paths)
}

/// The same, read.
pub(super) fn answers(client: &ReadClient, groups: &[ObjectId], lists: Lists<PrincipalRecord>) -> Vec<Above> {
    groups.iter().zip(lists.finish()).map(|(id, list)| answer(client, *id, list)).collect()
}

fn answer(client: &ReadClient, id: ObjectId, list: Result<Vec<PrincipalRecord>, Problem>) -> Above {
    let records = match list {
        Ok(records) => records,
        Err(problem) => {
            let doing = format!("reading which groups group {id} is in");
            let failure = client.failure(problem, &doing, Permission::ReadGroups);
            let next = failure.next.map(|next| format!("; {next}")).unwrap_or_default();
            return Above::Unreadable(format!("{}{next}", failure.what));
        }
    };
    let mut outer = Vec::new();
    for record in records {
        match (record.kind(), record.display_name) {
            (PrincipalKind::Group, Some(display_name)) => outer.push(OuterGroup { id: record.id, display_name }),
            // A cluster may know it by the name that is not shown.
            (PrincipalKind::Group, None) => {
                return Above::Unreadable(format!(
                    "group {id} is in group {}, whose name may not be read; give the application permission `{}`, with \
                     admin consent",
                    record.id,
                    Permission::ReadGroups.name()
                ));
            }
            // Roles and administrative units of Entra say nothing of clusters.
            _ => {}
        }
    }
    outer.sort();
    Above::Read(outer)
}
