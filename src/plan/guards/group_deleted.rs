//! A group is deleted only when somebody says so by name.

use super::{Case, Guard, Objection, count};
use crate::state::{Operation, Resource};

pub(super) static GUARD: Guard =
    Guard { id: "group-deleted", summary: "A group would be deleted.", can_be_acknowledged: true, check };

fn check(case: &Case<'_>) -> Vec<Objection> {
    case.changes
        .iter()
        .filter_map(|change| match &change.operation {
            Operation::Delete { before: Resource::Group(group) } => {
                let members = case.directory.live(&group.key).map_or(0, |live| live.members.len());
                let message = format!(
                    "{} would be deleted with its {} (restorable for 30 days)",
                    group.key,
                    count(members, "member")
                );
                Some(Objection::new(group.key.as_str(), message))
            }
            _ => None,
        })
        .collect()
}
