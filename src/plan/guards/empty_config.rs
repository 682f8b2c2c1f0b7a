//! Files that ask for nothing would take everything away.

use super::{Case, Guard, Objection, count};
use crate::state::Mark;

pub(super) static GUARD: Guard = Guard {
    id: "empty-config",
    summary: "The files ask for nothing, and objects of this config are there.",
    can_be_acknowledged: true,
    check,
};

fn check(case: &Case<'_>) -> Vec<Objection> {
    let asks = !case.desired.groups.is_empty()
        || case
            .desired
            .environments
            .values()
            .any(|environment| !environment.roles.is_empty() || !environment.bindings.is_empty());
    let groups = marked_groups(case);
    let objects = marked_objects(case, &Mark::Ours);
    if asks || groups + objects == 0 || case.changes.is_empty() {
        return Vec::new();
    }
    let config = &case.desired.config;
    let message = format!(
        "the files ask for nothing, and {config} has {} and {} on clusters that would go",
        count(groups, "group"),
        count(objects, "object")
    );
    vec![Objection::new(config.as_str(), message)]
}

/// How many live groups carry this config's mark.
pub(super) fn marked_groups(case: &Case<'_>) -> usize {
    case.directory.tenant().map_or(0, |tenant| tenant.marked.len())
}

/// How many live roles and bindings carry a mark.
pub(super) fn marked_objects(case: &Case<'_>, mark: &Mark) -> usize {
    let count = |part: &crate::plan::parts::Part<'_>| {
        let roles = part.cluster.roles.iter().filter(|live| live.meta.mark == *mark).count();
        roles + part.cluster.bindings.iter().filter(|live| live.meta.mark == *mark).count()
    };
    case.parts.clusters.values().map(count).sum()
}
