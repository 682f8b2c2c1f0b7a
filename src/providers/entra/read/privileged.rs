//! Memberships that Privileged Identity Management holds at this moment: they are no drift.

use crate::providers::entra::client::{Filter, Lists, Path, Permission, Problem, ReadClient};
use crate::providers::entra::model::AssignmentRecord;
use crate::state::{ObjectId, PrivilegedMembers, Result};

/// The assignments of each group, to be read: the API wants one group a filter.
pub(super) fn lists(groups: &[ObjectId]) -> Lists<AssignmentRecord> {
    let path = |group: &ObjectId| {
        Path::of("/identityGovernance/privilegedAccess/group/assignmentScheduleInstances")
            .filter(&Filter::equals("groupId", &group.to_string()))
    };
    Lists::new(&groups.iter().map(path).collect::<Vec<_>>())
}

/// The active members of each group.
pub(super) fn answers(client: &ReadClient, lists: Lists<AssignmentRecord>) -> Result<Vec<PrivilegedMembers>> {
    lists.finish().into_iter().map(|list| answer(client, list)).collect()
}

/// The same, read by itself.
pub(super) async fn read(client: &ReadClient, groups: &[ObjectId]) -> Result<Vec<PrivilegedMembers>> {
    let mut lists = lists(groups);
    client.read(&mut [&mut lists]).await;
    answers(client, lists)
}

fn answer(client: &ReadClient, list: std::result::Result<Vec<AssignmentRecord>, Problem>) -> Result<PrivilegedMembers> {
    let doing = "reading the assignments of Privileged Identity Management";
    match list {
        Ok(records) => {
            let members = records.iter().filter(|record| record.access_id.eq_ignore_ascii_case("member"));
            Ok(PrivilegedMembers::Active(members.map(|record| record.principal_id).collect()))
        }
        Err(problem @ (Problem::Failed(_) | Problem::Interrupted)) => {
            Err(client.failure(problem, doing, Permission::ReadPrivileged))
        }
        // No permission, no licence, or not offered in this cloud; nothing is concluded from it.
        Err(problem @ Problem::Refused(_)) => {
            let failure = client.failure(problem, doing, Permission::ReadPrivileged);
            let next =
                failure.next.unwrap_or_else(|| "where it is not in use, say `pim: none` under `tenant`".to_owned());
            Ok(PrivilegedMembers::Unreadable(format!("{}; {next}", failure.what)))
        }
    }
}
