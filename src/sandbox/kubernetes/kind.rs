//! The kinds of objects that are stored.

use serde::{Serialize, Serializer};

use super::definition::Definition;
use super::schema::{self, Shape};

/// A kind of stored object.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Kind {
    Namespace,
    ServiceAccount,
    Lease,
    ClusterRole,
    ClusterRoleBinding,
    Role,
    RoleBinding,
    CustomResourceDefinition,
    /// What a definition makes.
    Custom(&'static Definition),
}

/// The API group of RBAC.
pub(super) const RBAC: &str = "rbac.authorization.k8s.io";
/// The API group of leases.
pub(super) const COORDINATION: &str = "coordination.k8s.io";
/// The API group of custom resource definitions.
pub(super) const EXTENSIONS: &str = "apiextensions.k8s.io";

impl Kind {
    /// Those that are built in, by their plural name as discovery lists them.
    pub(super) const BUILT_IN: [Self; 8] = [
        Self::Namespace,
        Self::ServiceAccount,
        Self::Lease,
        Self::ClusterRoleBinding,
        Self::ClusterRole,
        Self::RoleBinding,
        Self::Role,
        Self::CustomResourceDefinition,
    ];

    /// Whether a resource path means it.
    pub(super) fn is_at(self, group: &str, version: &str, plural: &str) -> bool {
        self.group() == group && self.version() == version && self.plural() == plural
    }

    /// `ClusterRole`.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::Namespace => "Namespace",
            Self::ServiceAccount => "ServiceAccount",
            Self::Lease => "Lease",
            Self::ClusterRole => "ClusterRole",
            Self::ClusterRoleBinding => "ClusterRoleBinding",
            Self::Role => "Role",
            Self::RoleBinding => "RoleBinding",
            Self::CustomResourceDefinition => "CustomResourceDefinition",
            Self::Custom(definition) => &definition.kind,
        }
    }

    /// What the state's file calls it: the name of a kind that is built in, or that of the definition.
    pub(super) fn stored_name(self) -> String {
        if let Self::Custom(definition) = self { definition.name() } else { self.name().to_owned() }
    }

    /// `ClusterRoleList`.
    pub(super) fn list_name(self) -> String {
        if let Self::Custom(definition) = self { definition.list_kind.clone() } else { format!("{}List", self.name()) }
    }

    /// `clusterroles`.
    pub(super) fn plural(self) -> &'static str {
        match self {
            Self::Namespace => "namespaces",
            Self::ServiceAccount => "serviceaccounts",
            Self::Lease => "leases",
            Self::ClusterRole => "clusterroles",
            Self::ClusterRoleBinding => "clusterrolebindings",
            Self::Role => "roles",
            Self::RoleBinding => "rolebindings",
            Self::CustomResourceDefinition => "customresourcedefinitions",
            Self::Custom(definition) => &definition.plural,
        }
    }

    /// `clusterrole`.
    pub(super) fn singular(self) -> String {
        if let Self::Custom(definition) = self { definition.singular.clone() } else { self.name().to_ascii_lowercase() }
    }

    /// The API group; empty for the core group.
    pub(super) fn group(self) -> &'static str {
        match self {
            Self::Namespace | Self::ServiceAccount => "",
            Self::Lease => COORDINATION,
            Self::ClusterRole | Self::ClusterRoleBinding | Self::Role | Self::RoleBinding => RBAC,
            Self::CustomResourceDefinition => EXTENSIONS,
            Self::Custom(definition) => &definition.group,
        }
    }

    /// The one version that is served.
    pub(super) fn version(self) -> &'static str {
        if let Self::Custom(definition) = self { &definition.version } else { "v1" }
    }

    /// `v1` or `rbac.authorization.k8s.io/v1`.
    pub(super) fn api_version(self) -> &'static str {
        match self {
            Self::Namespace | Self::ServiceAccount => "v1",
            Self::Lease => "coordination.k8s.io/v1",
            Self::ClusterRole | Self::ClusterRoleBinding | Self::Role | Self::RoleBinding => {
                "rbac.authorization.k8s.io/v1"
            }
            Self::CustomResourceDefinition => "apiextensions.k8s.io/v1",
            Self::Custom(definition) => &definition.api_version,
        }
    }

    /// Whether its objects live in namespaces.
    pub(super) fn is_namespaced(self) -> bool {
        match self {
            Self::ServiceAccount | Self::Lease | Self::Role | Self::RoleBinding => true,
            Self::Namespace | Self::ClusterRole | Self::ClusterRoleBinding | Self::CustomResourceDefinition => false,
            Self::Custom(definition) => definition.is_namespaced,
        }
    }

    /// Whether it has a `roleRef`.
    pub(super) fn is_binding(self) -> bool {
        matches!(self, Self::ClusterRoleBinding | Self::RoleBinding)
    }

    /// Whether a PUT of an object that is not there makes it; an apply always does.
    pub(super) fn is_created_by_replace(self) -> bool {
        matches!(self, Self::Lease | Self::ClusterRole | Self::ClusterRoleBinding | Self::Role | Self::RoleBinding)
    }

    /// Whether a PUT must say which version it replaces.
    pub(super) fn must_say_version(self) -> bool {
        self == Self::Lease || self.has_generation()
    }

    /// Whether its objects count their generations.
    pub(super) fn has_generation(self) -> bool {
        matches!(self, Self::CustomResourceDefinition | Self::Custom(_))
    }

    /// Whether a write of the object leaves its status alone.
    pub(super) fn has_status(self) -> bool {
        match self {
            Self::Namespace | Self::CustomResourceDefinition => true,
            Self::Custom(definition) => definition.has_status,
            _ => false,
        }
    }

    /// What its objects look like.
    pub(super) fn shape(self) -> Shape {
        match self {
            Self::Namespace => schema::NAMESPACE,
            Self::ServiceAccount => schema::SERVICE_ACCOUNT,
            Self::Lease => schema::LEASE,
            Self::ClusterRole => schema::CLUSTER_ROLE,
            Self::Role => schema::ROLE,
            Self::ClusterRoleBinding | Self::RoleBinding => schema::BINDING,
            Self::CustomResourceDefinition => schema::CUSTOM_RESOURCE_DEFINITION,
            Self::Custom(definition) => definition.shape(),
        }
    }
}

/// In the state's file.
impl Serialize for Kind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.stored_name())
    }
}
