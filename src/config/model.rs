//! The access files as typed values, each of which remembers where it was written. Only the check makes them.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostics::{Located, Severity, Span};
use crate::state::{
    Allowance, AppId, Applier, BindingName, Cloud, ClusterUid, ConfigName, DefaultRole, EnvironmentName,
    EnvironmentType, GroupKey, Management, Membership, Namespace, PolicyRule, PrincipalName, Request, RoleKey,
    TenantId, TokenNaming, Unmanaged,
};

/// A whole config without a mistake: every name in it is well formed and every reference resolves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Config {
    /// Its name: a label value and part of every mark of ownership.
    pub name: Located<ConfigName>,
    /// The tenant it is for.
    pub tenant: Tenant,
    /// Apps of the identities that apply.
    pub appliers: Vec<Located<AppId>>,
    /// Whether `delegate` says what other files than the root may define.
    pub delegates: bool,
    /// Its entries as they are written, in one spelling.
    pub delegations: Vec<Located<String>>,
    /// The roles that other files may grant by `delegate`, whether or not one does.
    pub delegated_roles: BTreeSet<RoleKey>,
    /// What lint rules count as here, by their ids.
    pub lint: BTreeMap<&'static str, LintSetting>,
    /// The Lease that one `apply` at a time holds; `None` where nothing keeps two apart.
    pub lock: Option<Lock>,
    /// Environments by name.
    pub environments: BTreeMap<EnvironmentName, Environment>,
    /// Groups by key.
    pub groups: BTreeMap<GroupKey, Group>,
    /// Roles by key.
    pub roles: BTreeMap<RoleKey, Role>,
    /// Grants, in the order of the files.
    pub grants: Vec<Grant>,
    /// Expectations, in the order of the files.
    pub expectations: Vec<Expectation>,
}

/// An entry of `lint`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LintSetting {
    /// The rule's id, where it is set.
    pub span: Span,
    /// How bad its findings are; `None` silences them.
    pub severity: Option<Severity>,
    /// Why.
    pub reason: Located<String>,
}

/// The `lock` of the root file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lock {
    /// Where it is set.
    pub span: Span,
    /// Whose cluster has the Lease.
    pub environment: EnvironmentName,
    /// The namespace that it is in.
    pub namespace: Namespace,
}

/// The `tenant` of the root file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tenant {
    /// The directory id.
    pub id: Located<TenantId>,
    /// The cloud it lives in.
    pub cloud: Cloud,
    /// `pim: none`: Privileged Identity Management is not in use.
    pub without_pim: bool,
}

/// An entry of `environments`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Environment {
    /// Its name, where it is defined.
    pub span: Span,
    /// Its kind.
    pub kind: EnvironmentType,
    /// Its labels, which grants select by.
    pub labels: BTreeMap<String, String>,
    /// The kubeconfig context; `None` is the environment's own name.
    pub context: Option<Located<String>>,
    /// The uid of its `kube-system` namespace.
    pub cluster: Option<Located<ClusterUid>>,
    /// Only a saved plan may be applied here.
    pub protected: bool,
    /// How its tokens name people and groups.
    pub tokens: TokenNaming,
    /// What is done about bindings that the files do not ask for.
    pub unmanaged: Unmanaged,
    /// Which of those may stay.
    pub allow_unmanaged: Vec<Located<Allowance>>,
    /// Who applies there.
    pub applier: Option<Applier>,
}

impl Environment {
    /// Whether it carries all of these labels.
    pub(super) fn has_labels(&self, wanted: &BTreeMap<String, String>) -> bool {
        wanted.iter().all(|(key, value)| self.labels.get(key) == Some(value))
    }
}

/// An entry of `groups`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Group {
    /// Its key, where it is defined.
    pub span: Span,
    /// Description; `None` leaves it alone.
    pub description: Option<Located<String>>,
    /// Display name; `None` is the key at creation, then left alone.
    pub display_name: Option<Located<String>>,
    /// Owners; `None` leaves them alone.
    pub owners: Option<Vec<Located<PrincipalName>>>,
    /// Members; empty for external membership.
    pub members: Vec<Located<PrincipalName>>,
    /// Who must not be a member; empty unless membership is additive.
    pub absent: Vec<Located<PrincipalName>>,
    /// The keys it had before.
    pub previously: Vec<Located<GroupKey>>,
    /// What the list of members means.
    pub membership: Membership,
    /// Whose object it is.
    pub management: Management,
}

/// An entry of `roles`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Role {
    /// Its key, where it is defined.
    pub span: Span,
    /// What it allows.
    pub source: RoleSource,
    /// The default roles that its rules are added to, and where; nowhere when it is empty.
    pub aggregation: Aggregation,
}

/// `aggregate-to` of a role.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Aggregation {
    /// To which default roles.
    pub to: BTreeSet<DefaultRole>,
    /// On which environments.
    pub environments: Vec<EnvironmentName>,
}

/// What a role stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RoleSource {
    /// A `ClusterRole` that is there already.
    ClusterRole(Located<String>),
    /// Rules of its own.
    Rules(Vec<Located<PolicyRule>>),
}

/// An entry of `grants`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Grant {
    /// Where it starts.
    pub span: Span,
    /// Who.
    pub subjects: Vec<Located<PrincipalName>>,
    /// What they may do.
    pub roles: Vec<Located<RoleKey>>,
    /// Where: the environments named, or those that the labels match.
    pub environments: Vec<EnvironmentName>,
    /// Where within each environment.
    pub scope: Scope,
    /// Bindings made by hand that it takes over from.
    pub replaces: Vec<Located<BindingName>>,
}

/// An entry of `expectations`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Expectation {
    /// Where it starts.
    pub span: Span,
    /// Who.
    pub who: Located<PrincipalName>,
    /// Where: the environments named, or those that the labels match.
    pub environments: Vec<EnvironmentName>,
    /// What they must be able to do.
    pub can: Vec<Located<Request>>,
    /// What they must not be able to do.
    pub cannot: Vec<Located<Request>>,
    /// What they may be able to do at most; `None` where there is no such limit.
    pub only: Option<Located<Vec<Located<Request>>>>,
}

/// The scope of a grant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Scope {
    /// The namespaces named.
    Namespaces(Vec<Located<Namespace>>),
    /// Every live namespace with these labels, except `kube-*` and `default`.
    Selector(BTreeMap<String, String>),
    /// The whole cluster.
    Cluster,
}
