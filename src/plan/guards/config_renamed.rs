//! A config under a new name would make everything a second time and leave the first behind.

use std::collections::BTreeSet;

use super::empty_config::{marked_groups, marked_objects};
use super::{Case, Guard, Objection};
use crate::state::Mark;

pub(super) static GUARD: Guard = Guard {
    id: "config-renamed",
    summary: "Nothing live carries this config's name, and marks of another config are there.",
    can_be_acknowledged: true,
    check,
};

fn check(case: &Case<'_>) -> Vec<Objection> {
    if case.changes.is_empty() || marked_groups(case) + marked_objects(case, &Mark::Ours) > 0 {
        return Vec::new();
    }
    let mut others: BTreeSet<&str> = BTreeSet::new();
    others.extend(case.directory.tenant().into_iter().flat_map(|tenant| &tenant.other_configs).map(String::as_str));
    for part in case.parts.clusters.values() {
        let roles = part.cluster.roles.iter().map(|live| &live.meta.mark);
        let bindings = part.cluster.bindings.iter().map(|live| &live.meta.mark);
        others.extend(roles.chain(bindings).filter_map(|mark| match mark {
            Mark::OtherConfig(name) => Some(name.as_str()),
            Mark::Ours | Mark::LabelsOnly | Mark::None => None,
        }));
    }
    let config = &case.desired.config;
    if others.is_empty() {
        return Vec::new();
    }
    let names: Vec<&str> = others.into_iter().collect();
    let message = format!(
        "nothing live belongs to {config}, and there are objects of {}. If this config was renamed, all of it would be \
         made anew beside what is there; give it its old name back. If it is new, acknowledge this once",
        names.join(", ")
    );
    vec![Objection::new(config.as_str(), message)]
}
