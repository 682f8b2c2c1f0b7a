//! Memberships that Privileged Identity Management holds at this moment: they are no drift.

use crate::providers::entra::client::{Filter, Path, Permission, Problem, ReadClient};
use crate::providers::entra::model::AssignmentRecord;
use crate::state::{ObjectId, PrivilegedMembers, Result};

/// The active members of each group, twenty groups in a call: the API wants one group a filter.
pub(super) async fn read(client: &ReadClient, groups: &[ObjectId]) -> Result<Vec<PrivilegedMembers>> {
    let paths: Vec<_> = groups
        .iter()
        .map(|group| {
            Path::of("/identityGovernance/privilegedAccess/group/assignmentScheduleInstances")
                .filter(&Filter::equals("groupId", &group.to_string()))
        })
        .collect();
    let lists = client.lists::<AssignmentRecord>(&paths).await;
    lists.into_iter().map(|list| answer(client, list)).collect()
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
