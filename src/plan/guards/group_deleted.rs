//! A group is deleted only when somebody says so by name.

use super::{Case, Guard, Objection, count};
use crate::plan::resolve::label;
use crate::state::{Operation, Resource, first_few};

/// How many members are named.
const NAMED: usize = 3;

pub(super) static GUARD: Guard =
    Guard { id: "group-deleted", summary: "A group would be deleted.", can_be_acknowledged: true, check };

fn check(case: &Case<'_>) -> Vec<Objection> {
    case.changes
        .iter()
        .filter_map(|change| match &change.operation {
            Operation::Delete { before: Resource::Group(group) } => {
                let live = case.directory.live(&group.key).map_or(&[][..], |live| &live.members);
                let members = count(live.len(), "member");
                let mut named: Vec<String> = live.iter().map(label).collect();
                named.sort();
                let who = if named.is_empty() { String::new() } else { format!(": {}", first_few(&named, NAMED)) };
                let message =
                    format!("{} would be deleted (restorable for 30 days) with its {members}{who}", group.key);
                Some(Objection::new(group.key.as_str(), message))
            }
            _ => None,
        })
        .collect()
}
