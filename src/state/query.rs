//! What must be read for a plan, said without naming any remote API.

use std::collections::{BTreeMap, BTreeSet};

use super::{ClusterUid, ConfigName, EnvironmentName, GroupKey, Management, PrincipalName, TenantId};

/// What to read from Entra.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TenantQuery {
    /// The tenant that the credential must belong to.
    pub tenant: TenantId,
    /// The config whose mark to look for.
    pub config: ConfigName,
    /// The groups of the files: those marked as ours are found by key, the others by id.
    pub groups: BTreeMap<GroupKey, Management>,
    /// Display names to look for among all groups, for the groups of the files that set one or would be created.
    pub display_names: BTreeMap<GroupKey, String>,
    /// Groups whose display name, live or to be restored, must belong to no other group, because a cluster knows groups by it.
    pub unique_display_names: BTreeSet<GroupKey>,
    /// Names to resolve: users, guests, service principals and groups by id. Whoever a member or owner list names is not
    /// looked up again.
    pub principals: BTreeSet<PrincipalName>,
}

impl TenantQuery {
    /// What both ask for, in one look. Where they differ in what a key stands for, it is this one's.
    #[must_use]
    pub fn with(mut self, other: Self) -> Self {
        for (key, management) in other.groups {
            self.groups.entry(key).or_insert(management);
        }
        for (key, name) in other.display_names {
            self.display_names.entry(key).or_insert(name);
        }
        self.unique_display_names.extend(other.unique_display_names);
        self.principals.extend(other.principals);
        self
    }
}

/// What to read from one cluster.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClusterQuery {
    /// The environment, for messages.
    pub environment: EnvironmentName,
    /// The config whose mark to look for.
    pub config: ConfigName,
    /// The uid that the cluster must have, when the files name it.
    pub cluster: Option<ClusterUid>,
}
