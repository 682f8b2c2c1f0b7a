//! What the access files ask for, compiled: every reference resolved to a name, nothing yet looked up anywhere.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::expectation::DesiredExpectation;
use super::{
    Allowance, AppId, Applier, BindingName, ClusterUid, ConfigName, DefaultRole, EnvironmentName, GroupKey, Namespace,
    ObjectId, PolicyRule, PrincipalName, Role, RoleKey, RoleRef, Subject, SubjectKind, SubjectName, TenantId,
    Unmanaged,
};

/// A line of an access file.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Origin {
    /// The file, relative to the config's folder, with `/`. Shared: every member of every group has a line.
    #[serde(with = "super::text::shared")]
    pub file: Arc<str>,
    /// The line, from 1.
    pub line: u32,
}

impl fmt::Display for Origin {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}:{}", self.file, self.line)
    }
}

/// The state that the files ask for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Desired {
    /// The config's name: part of every mark of ownership.
    pub config: ConfigName,
    /// The tenant all of this is for.
    pub tenant: TenantId,
    /// Apps whose service principals count as "ours" among a group's owners.
    pub appliers: BTreeSet<AppId>,
    /// The lines that name them, for people.
    pub applier_lines: BTreeMap<AppId, Origin>,
    /// `tenant.pim: none`: no membership comes from Privileged Identity Management, so none needs to be read.
    pub without_pim: bool,
    /// The groups, by key.
    pub groups: BTreeMap<GroupKey, DesiredGroup>,
    /// The environments, by name.
    pub environments: BTreeMap<EnvironmentName, DesiredEnvironment>,
    /// What somebody must or must not be able to do, by place in the files.
    pub expectations: Vec<DesiredExpectation>,
    /// The Lease that one `apply` at a time holds; `None` where nothing keeps two apart.
    pub lock: Option<DesiredLock>,
}

impl Desired {
    /// The namespace that has the Lease, where it is on this environment.
    pub fn lock_on(&self, environment: &EnvironmentName) -> Option<&Namespace> {
        self.lock.as_ref().filter(|lock| lock.environment == *environment).map(|lock| &lock.namespace)
    }
}

/// Where the Lease is that one `apply` at a time holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredLock {
    /// The line that says so.
    pub origin: Origin,
    /// Whose cluster has it.
    pub environment: EnvironmentName,
    /// The namespace that it is in.
    pub namespace: Namespace,
}

/// How a group came to be and what may be done with the object itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Management {
    /// rolecall creates it, and deletes it when its block is gone.
    Owned,
    /// It existed before (`adopt:`): changed, never deleted.
    Adopted(ObjectId),
    /// It is only referred to (`id:`): never changed.
    External(ObjectId),
}

/// What the list of members means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Membership {
    /// The members are those in the files and nobody else.
    Authoritative,
    /// The members in the files are added; others stay.
    Additive,
    /// Members are managed elsewhere.
    External,
}

/// A group as the files ask for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredGroup {
    /// Where its block starts.
    pub origin: Origin,
    /// Whether its block stands in a file that may say only what `delegate` lets it.
    pub delegated: bool,
    /// Whose object it is.
    pub management: Management,
    /// What `members` means.
    pub membership: Membership,
    /// The display name; `None` is the key at creation, then left alone.
    pub display_name: Option<String>,
    /// The description; `None` leaves it alone.
    pub description: Option<String>,
    /// The owners with the line of each; `None` leaves them alone.
    pub owners: Option<BTreeMap<PrincipalName, Origin>>,
    /// The members with the line of each; empty for external membership.
    pub members: BTreeMap<PrincipalName, Origin>,
    /// Who must not be a member, with the line of each; empty unless membership is additive.
    pub absent: BTreeMap<PrincipalName, Origin>,
    /// The keys it had before, with the line of each: a live group that carries one of them is this group.
    pub previously: BTreeMap<GroupKey, Origin>,
}

/// How the API server names groups from tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupNaming {
    /// By object id, as Entra does unless told otherwise.
    ObjectId,
    /// By display name; names are not unique, so another live group of that name is an error.
    DisplayName,
}

/// How the API server names users from tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum UserNaming {
    /// By object id (`oid`).
    ObjectId,
    /// By user principal name.
    UserPrincipalName,
}

/// Which of somebody's groups a token carries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum GroupsClaim {
    /// All security groups that they are in, directly or through others.
    #[default]
    SecurityGroups,
    /// Those that are assigned to the app, and of these only the ones that they are in directly.
    AssignedGroups,
}

/// How subjects must be spelt so that they equal what the API server reads from a token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TokenNaming {
    /// What a group is called.
    pub groups: GroupNaming,
    /// Which groups are in a token.
    pub claim: GroupsClaim,
    /// What the API server puts in front of a group's name.
    pub groups_prefix: String,
    /// What a user is called.
    pub users: UserNaming,
    /// What the API server puts in front of a user's name.
    pub users_prefix: String,
}

impl TokenNaming {
    /// The object id of the group that a subject is, where groups go by it.
    pub fn group_id(&self, subject: &Subject) -> Option<ObjectId> {
        match (self.groups, &subject.kind, &subject.name) {
            (GroupNaming::ObjectId, SubjectKind::Group, SubjectName::Known(name)) => {
                name.strip_prefix(&self.groups_prefix)?.parse().ok()
            }
            (GroupNaming::ObjectId | GroupNaming::DisplayName, ..) => None,
        }
    }
}

/// The kinds of cluster this version knows. They are served alike, but for what they bring along; later kinds are not.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum EnvironmentType {
    /// k3s.
    K3s,
    /// Any other Kubernetes.
    Kubernetes,
}

/// One cluster and what is asked for on it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredEnvironment {
    /// Where its block starts.
    pub origin: Origin,
    /// The kind of cluster.
    pub kind: EnvironmentType,
    /// The kubeconfig context.
    pub context: String,
    /// The uid that its `kube-system` namespace must have; `None` until the first plan has printed it.
    pub cluster: Option<ClusterUid>,
    /// Only a saved plan may be applied here.
    pub protected: bool,
    /// How subjects are spelt.
    pub tokens: TokenNaming,
    /// Who applies here, where the files say it.
    pub applier: Option<Applier>,
    /// Who applied here before the change that is previewed, where that is somebody else. Nothing of it is saved or applied.
    pub former_applier: Option<Applier>,
    /// Own roles that some grant uses here; object name and namespace are final.
    pub roles: Vec<DesiredRole>,
    /// The grants, one entry for each subject × role × scope.
    pub bindings: Vec<DesiredBinding>,
    /// What is done about bindings that the files do not ask for.
    pub unmanaged: Unmanaged,
    /// Which of those may stay.
    pub allow_unmanaged: Vec<AllowedUnmanaged>,
    /// Bindings of somebody else that grants take over from.
    pub replacements: Vec<DesiredReplacement>,
}

/// An entry of `allow-unmanaged`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct AllowedUnmanaged {
    /// Where it stands.
    pub origin: Origin,
    /// What it allows.
    pub what: Allowance,
}

/// A binding that is not ours and that a grant takes over from, if the grant gives at least what it gives.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DesiredReplacement {
    /// The binding.
    pub target: BindingName,
    /// Where `replaces` names it.
    pub origin: Origin,
    /// The subjects of the grant.
    pub subjects: BTreeSet<PrincipalName>,
    /// Its roles.
    pub roles: BTreeSet<RoleTarget>,
    /// Its scopes.
    pub scopes: BTreeSet<ScopeTarget>,
}

/// A role object of ours that must exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DesiredRole {
    /// Where its block starts.
    pub origin: Origin,
    /// Its key.
    pub key: RoleKey,
    /// `None` makes it a `ClusterRole`.
    pub namespace: Option<Namespace>,
    /// `metadata.name`.
    pub name: String,
    /// Its rules, normalised.
    pub rules: Vec<PolicyRule>,
    /// The default roles that its rules are added to.
    pub aggregate_to: BTreeSet<DefaultRole>,
}

impl DesiredRole {
    /// The role as it is written.
    pub fn written(&self) -> Role {
        Role {
            namespace: self.namespace.clone(),
            name: self.name.clone(),
            rules: self.rules.clone(),
            aggregate_to: self.aggregate_to.clone(),
        }
    }
}

/// One subject × role × scope.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct DesiredBinding {
    /// Who: a group of the config, a user, a guest or a service principal.
    pub subject: PrincipalName,
    /// Which role.
    pub role: RoleTarget,
    /// Where.
    pub scope: ScopeTarget,
    /// The grant that asks for it.
    pub origin: Origin,
}

/// The role of a binding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RoleTarget {
    /// Its key in the files.
    pub key: RoleKey,
    /// The object it stands for.
    pub reference: RoleRef,
    /// Whether that object is one of ours, in [`DesiredEnvironment::roles`].
    pub ours: bool,
}

/// Where a binding holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum ScopeTarget {
    /// The whole cluster.
    Cluster,
    /// One namespace.
    Namespace(Namespace),
    /// Every live namespace with these labels, except `kube-*` and `default`.
    Selector(BTreeMap<String, String>),
}
