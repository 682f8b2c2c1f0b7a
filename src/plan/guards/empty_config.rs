//! Files that ask for nothing would take everything away.

use super::{Case, Guard, Objection, count};
use crate::plan::parts::Part;
use crate::state::{DesiredEnvironment, Mark};

pub(super) static GUARD: Guard = Guard {
    id: "empty-config",
    summary: "The files ask for nothing, and objects of this config are there.",
    can_be_acknowledged: true,
    check,
};

fn check(case: &Case<'_>) -> Vec<Objection> {
    if asks(case) || case.changes.is_empty() {
        return Vec::new();
    }
    let (groups, objects) = (own_groups(case), own_objects(case));
    if groups + objects == 0 {
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

/// How many live groups are proven to be of this config.
pub(super) fn own_groups(case: &Case<'_>) -> usize {
    case.directory.own_groups(case.desired).filter(|(_, live)| case.directory.is_marked(live)).count()
}

/// How many live roles and bindings are of this config.
pub(super) fn own_objects(case: &Case<'_>) -> usize {
    let count = |part: &Part<'_>| {
        let roles = part.cluster.roles.iter().filter(|live| live.meta.mark == Mark::Ours).count();
        roles + part.cluster.bindings.iter().filter(|live| live.meta.mark == Mark::Ours).count()
    };
    case.parts.clusters.values().map(count).sum()
}

/// Whether the files ask for anything.
pub(super) fn asks(case: &Case<'_>) -> bool {
    let on_cluster =
        |environment: &DesiredEnvironment| !environment.roles.is_empty() || !environment.bindings.is_empty();
    !case.desired.groups.is_empty() || case.desired.environments.values().any(on_cluster)
}
