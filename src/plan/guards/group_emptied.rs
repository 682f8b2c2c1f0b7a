//! A group must not lose its last member by accident.

use super::{Case, Guard, Objection, member, tally};

pub(super) static GUARD: Guard = Guard {
    id: "group-emptied",
    summary: "A group that has members would have none.",
    can_be_acknowledged: true,
    check,
};

fn check(case: &Case<'_>) -> Vec<Objection> {
    tally(case.changes, member)
        .into_iter()
        .filter_map(|(key, tally)| {
            let count = case.directory.live(key)?.members.len();
            let is_emptied = tally.removed > 0 && tally.added == 0 && tally.removed >= count;
            is_emptied.then(|| Objection::new(key.as_str(), format!("{key} would lose its last members ({count})")))
        })
        .collect()
}
