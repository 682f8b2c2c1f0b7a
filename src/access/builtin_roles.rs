//! The rules of the roles for people that every cluster starts with, for what is asked of the files alone.
//!
//! They are those that kube-apiserver 1.35.4 and its aggregation controller store where nobody has added anything; other
//! releases differ in a few. Where a cluster was read, its own stored rules count.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::state::PolicyRule;

/// One rule a line, sorted.
static ROLES: LazyLock<BTreeMap<String, Vec<PolicyRule>>> = LazyLock::new(|| {
    // A table that is no JSON would be one of no roles; the test below holds that it is not.
    let roles: BTreeMap<String, Vec<PolicyRule>> =
        serde_json::from_str(include_str!("builtin_roles.json")).unwrap_or_default();
    roles.into_iter().map(|(name, rules)| (name, PolicyRule::normalise(rules))).collect()
});

/// The rules of `cluster-admin`, `admin`, `edit` or `view`, normalised; `None` for any other name.
pub fn rules(name: &str) -> Option<&'static [PolicyRule]> {
    ROLES.get(name).map(Vec::as_slice)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{DefaultRole, covering};

    #[test]
    fn each_default_role_holds_those_below_it_and_cluster_admin_everything() {
        let named = |name: &str| rules(name).unwrap();
        let covers = |held: &str, wanted: &str| covering::missing(named(held), named(wanted)).is_empty();
        assert!(PolicyRule::grant_everything(named("cluster-admin")));
        for (below, above) in [("view", "edit"), ("edit", "admin"), ("admin", "cluster-admin")] {
            assert!(!named(below).is_empty() && covers(above, below), "{above} has what {below} has");
            assert!(!covers(below, above), "{below} has less than {above}");
        }
        assert!(DefaultRole::ALL.into_iter().all(|role| rules(role.name()).is_some()));
        assert_eq!((ROLES.len(), rules("View"), rules("system:node")), (4, None, None));
    }

    #[test]
    fn the_table_is_written_as_it_is_compared() {
        let written: BTreeMap<String, Vec<PolicyRule>> =
            serde_json::from_str(include_str!("builtin_roles.json")).unwrap();
        assert_eq!(written, *ROLES);
    }
}
