//! One difference between desired and observed, and the stable address it is known by.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{ClusterUid, EnvironmentName, GroupKey, Namespace, Origin, PrincipalName, Resource, RoleKind};

/// Where a resource lives. Stable between runs and machines: it holds names, never ids that only one run knows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum Address {
    /// A group's own properties and existence.
    Group(GroupKey),
    /// One owner of a group.
    Owner(GroupKey, PrincipalName),
    /// One member of a group.
    Member(GroupKey, PrincipalName),
    /// An RBAC object on a cluster.
    Object {
        /// The cluster.
        environment: EnvironmentName,
        /// The kind of object.
        kind: KubernetesKind,
        /// Its namespace, for the kinds that have one.
        namespace: Option<Namespace>,
        /// `metadata.name`.
        name: String,
    },
}

impl Address {
    /// The environment, for objects on a cluster; `None` for Entra.
    pub fn environment(&self) -> Option<&EnvironmentName> {
        match self {
            Self::Group(_) | Self::Owner(..) | Self::Member(..) => None,
            Self::Object { environment, .. } => Some(environment),
        }
    }

    /// The group an Entra address is about.
    pub fn group(&self) -> Option<&GroupKey> {
        match self {
            Self::Group(key) | Self::Owner(key, _) | Self::Member(key, _) => Some(key),
            Self::Object { .. } => None,
        }
    }
}

impl Address {
    /// The same of another group; an address on a cluster stays what it is.
    #[must_use]
    pub fn of_group(&self, key: &GroupKey) -> Self {
        match self {
            Self::Group(_) => Self::Group(key.clone()),
            Self::Owner(_, who) => Self::Owner(key.clone(), who.clone()),
            Self::Member(_, who) => Self::Member(key.clone(), who.clone()),
            Self::Object { .. } => self.clone(),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Group(key) => write!(formatter, "entra/group/{key}"),
            Self::Owner(key, who) => write!(formatter, "entra/group/{key}/owner/{who}"),
            Self::Member(key, who) => write!(formatter, "entra/group/{key}/member/{who}"),
            Self::Object { environment, kind, namespace: Some(namespace), name } => {
                write!(formatter, "{environment}/{kind}/{namespace}/{name}")
            }
            Self::Object { environment, kind, namespace: None, name } => {
                write!(formatter, "{environment}/{kind}/{name}")
            }
        }
    }
}

/// The four kinds that rolecall writes, in the order in which they may be created.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KubernetesKind {
    /// `ClusterRole`
    ClusterRole,
    /// `Role`
    Role,
    /// `ClusterRoleBinding`
    ClusterRoleBinding,
    /// `RoleBinding`
    RoleBinding,
}

impl KubernetesKind {
    /// The resource as it stands in a URL and in a rule, e.g. `rolebindings`.
    pub fn plural(self) -> &'static str {
        match self {
            Self::ClusterRole => "clusterroles",
            Self::Role => "roles",
            Self::ClusterRoleBinding => "clusterrolebindings",
            Self::RoleBinding => "rolebindings",
        }
    }
}

impl From<RoleKind> for KubernetesKind {
    fn from(kind: RoleKind) -> Self {
        match kind {
            RoleKind::ClusterRole => Self::ClusterRole,
            RoleKind::Role => Self::Role,
        }
    }
}

impl fmt::Display for KubernetesKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::ClusterRole => "clusterrole",
            Self::Role => "role",
            Self::ClusterRoleBinding => "clusterrolebinding",
            Self::RoleBinding => "rolebinding",
        })
    }
}

/// What a change does to its resource.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Operation {
    /// It is not there and is made.
    Create {
        /// What it becomes.
        after: Resource,
    },
    /// It was deleted and can be restored as it was. Only groups can.
    Restore {
        /// What it becomes, as far as it can be read before.
        after: Resource,
    },
    /// It is there and is made to match.
    Update {
        /// What was read.
        before: Resource,
        /// What it becomes.
        after: Resource,
    },
    /// It is there and is taken away.
    Delete {
        /// What was read.
        before: Resource,
    },
}

/// The sign that stands in column 0.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Sign {
    /// `+`
    Add,
    /// `~`
    Change,
    /// `-`
    Remove,
}

impl fmt::Display for Sign {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Add => "+",
            Self::Change => "~",
            Self::Remove => "-",
        })
    }
}

/// One difference, ready to be shown, judged, saved and applied.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Change {
    /// What is changed.
    pub address: Address,
    /// How.
    pub operation: Operation,
    /// The line that asks for it; `None` when no file asks any more.
    pub origin: Option<Origin>,
    /// Changes of the same plan that must be done before this one.
    pub requires: BTreeSet<Address>,
    /// Fingerprints of what the change relies on without touching it, by what it is: the rules behind a role that is not
    /// ours, the object id behind a subject spelt by name. The plan is void for this change when one differs.
    pub refers: BTreeMap<String, String>,
    /// The cluster behind the environment, for objects on a cluster.
    pub cluster: Option<ClusterUid>,
    /// For an object on a cluster that is there: its uid. Writing has it as a precondition.
    pub uid: Option<String>,
    /// For an object on a cluster that is there: the `resourceVersion` that was read. A precondition, but no part of what
    /// was approved: it moves with every touch, related or not.
    pub resource_version: Option<String>,
    /// Field managers other than ours that hold fields of ours on this object: drift, taken back by force.
    pub overrules: Vec<String>,
    /// Protected environments that this change reaches; it is then left to a saved plan.
    pub protected: BTreeSet<EnvironmentName>,
    /// For the removal of a binding that is not ours: the bindings of ours that give all of its subjects the same, so that
    /// nobody loses anything by it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replaced_by: Option<BTreeSet<Address>>,
}

impl Change {
    /// A change that nothing asks for by name, that waits for nothing and relies on nothing.
    pub fn new(address: Address, operation: Operation) -> Self {
        Self {
            address,
            operation,
            origin: None,
            requires: BTreeSet::new(),
            refers: BTreeMap::new(),
            cluster: None,
            uid: None,
            resource_version: None,
            overrules: Vec::new(),
            protected: BTreeSet::new(),
            replaced_by: None,
        }
    }

    /// The sign in column 0.
    pub fn sign(&self) -> Sign {
        match self.operation {
            Operation::Create { .. } | Operation::Restore { .. } => Sign::Add,
            Operation::Update { .. } => Sign::Change,
            Operation::Delete { .. } => Sign::Remove,
        }
    }

    /// What the resource is after the change, if it is still there.
    pub fn after(&self) -> Option<&Resource> {
        match &self.operation {
            Operation::Create { after } | Operation::Restore { after } | Operation::Update { after, .. } => Some(after),
            Operation::Delete { .. } => None,
        }
    }

    /// What the resource was before the change, if it was there.
    pub fn before(&self) -> Option<&Resource> {
        match &self.operation {
            Operation::Create { .. } | Operation::Restore { .. } => None,
            Operation::Update { before, .. } | Operation::Delete { before } => Some(before),
        }
    }
}
