//! The kinds of objects that are stored.

use serde::{Deserialize, Serialize};

use super::schema::{self, Shape};

/// A kind of stored object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(super) enum Kind {
    Namespace,
    ClusterRole,
    ClusterRoleBinding,
    Role,
    RoleBinding,
}

/// The API group of RBAC.
pub(super) const RBAC: &str = "rbac.authorization.k8s.io";

impl Kind {
    /// All of them, by their plural name as discovery lists them.
    pub(super) const ALL: [Self; 5] =
        [Self::Namespace, Self::ClusterRoleBinding, Self::ClusterRole, Self::RoleBinding, Self::Role];

    /// The kind that a resource path of the one served version means.
    pub(super) fn of(group: &str, version: &str, plural: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.group() == group && version == "v1" && kind.plural() == plural)
    }

    /// `ClusterRole`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Namespace => "Namespace",
            Self::ClusterRole => "ClusterRole",
            Self::ClusterRoleBinding => "ClusterRoleBinding",
            Self::Role => "Role",
            Self::RoleBinding => "RoleBinding",
        }
    }

    /// `clusterroles`.
    pub(super) fn plural(self) -> &'static str {
        match self {
            Self::Namespace => "namespaces",
            Self::ClusterRole => "clusterroles",
            Self::ClusterRoleBinding => "clusterrolebindings",
            Self::Role => "roles",
            Self::RoleBinding => "rolebindings",
        }
    }

    /// The API group; empty for the core group.
    pub(super) fn group(self) -> &'static str {
        if self == Self::Namespace { "" } else { RBAC }
    }

    /// `v1` or `rbac.authorization.k8s.io/v1`.
    pub(super) fn api_version(self) -> &'static str {
        if self == Self::Namespace { "v1" } else { "rbac.authorization.k8s.io/v1" }
    }

    /// Whether its objects live in namespaces.
    pub(super) fn is_namespaced(self) -> bool {
        matches!(self, Self::Role | Self::RoleBinding)
    }

    /// Whether it has a `roleRef`.
    pub(super) fn is_binding(self) -> bool {
        matches!(self, Self::ClusterRoleBinding | Self::RoleBinding)
    }

    /// Whether a PUT or an apply of an object that is not there makes it; a PUT of a namespace does not.
    pub(super) fn is_created_by_replace(self) -> bool {
        self != Self::Namespace
    }

    /// What its objects look like.
    pub(super) fn shape(self) -> Shape {
        match self {
            Self::Namespace => schema::NAMESPACE,
            Self::ClusterRole => schema::CLUSTER_ROLE,
            Self::Role => schema::ROLE,
            Self::ClusterRoleBinding | Self::RoleBinding => schema::BINDING,
        }
    }
}
