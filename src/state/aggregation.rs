//! Kubernetes' own roles for people, which take in the rules of every `ClusterRole` that carries their label.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{PolicyRule, Role};

/// A default role that is filled by aggregation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum DefaultRole {
    /// `view`
    View,
    /// `edit`
    Edit,
    /// `admin`
    Admin,
}

impl DefaultRole {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::View, Self::Edit, Self::Admin];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Self::View => "view",
            Self::Edit => "edit",
            Self::Admin => "admin",
        }
    }

    /// The label that adds a role's rules to it, with the value `true` (kubernetes
    /// `plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go`).
    pub fn label(self) -> &'static str {
        match self {
            Self::View => "rbac.authorization.k8s.io/aggregate-to-view",
            Self::Edit => "rbac.authorization.k8s.io/aggregate-to-edit",
            Self::Admin => "rbac.authorization.k8s.io/aggregate-to-admin",
        }
    }

    /// The default roles that come to hold what is added to this one: `view` is part of `edit`, and `edit` of `admin`.
    pub fn reached(self) -> &'static [Self] {
        match self {
            Self::View => &[Self::View, Self::Edit, Self::Admin],
            Self::Edit => &[Self::Edit, Self::Admin],
            Self::Admin => &[Self::Admin],
        }
    }

    /// The default role of this name.
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|default| default.name() == name)
    }

    /// The rules that it comes to hold because these roles are there. What such a role had before is not taken off: until
    /// the cluster has followed, it is still held.
    pub fn added<'a>(self, written: impl IntoIterator<Item = &'a Role>) -> impl Iterator<Item = &'a PolicyRule> {
        written.into_iter().filter(move |role| role.reaches().contains(&self)).flat_map(|role| &role.rules)
    }
}

impl fmt::Display for DefaultRole {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
