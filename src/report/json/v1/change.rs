//! One difference, and what it is about.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Serialize;

use super::Origin;
use super::rbac::{RoleRef, Rule, Subject};

/// One difference.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::report::json) struct Change {
    /// Its stable address.
    pub(in crate::report::json) address: String,
    /// The environment; `null` is Entra.
    pub(in crate::report::json) environment: Option<String>,
    /// What is done.
    pub(in crate::report::json) action: Action,
    /// With a base: whether the change of the access files causes it, or it was off before; `null` without one.
    pub(in crate::report::json) cause: Option<Cause>,
    /// The line that asks for it.
    pub(in crate::report::json) origin: Option<Origin>,
    /// What is there; `null` when nothing is.
    pub(in crate::report::json) before: Option<Resource>,
    /// What will be there; `null` when nothing will.
    pub(in crate::report::json) after: Option<Resource>,
    /// Addresses of changes that are done before.
    pub(in crate::report::json) requires: Vec<String>,
    /// Fingerprints of what the change relies on, by what it is.
    pub(in crate::report::json) refers: BTreeMap<String, String>,
    /// The uid of the cluster behind the environment.
    pub(in crate::report::json) cluster: Option<String>,
    /// The uid of the object that is there.
    pub(in crate::report::json) uid: Option<String>,
    /// Other field managers whose values are taken back.
    pub(in crate::report::json) overrules: Vec<String>,
    /// Protected environments that it reaches.
    pub(in crate::report::json) protected: Vec<String>,
    /// For the removal of a binding that is not ours: addresses of those of ours that give all of its subjects the same.
    pub(in crate::report::json) replaced_by: Vec<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::report::json) enum Cause {
    /// There is it because of the change of the access files.
    Change,
    /// It was off before.
    Drift,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::report::json) enum Action {
    /// It is made.
    Add,
    /// A deleted group comes back with its id, and with members and owners that cannot be read before.
    Restore,
    /// It is made to match.
    Change,
    /// It is taken away.
    Remove,
}

/// Anything that is changed.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub(in crate::report::json) enum Resource {
    /// A group's own properties.
    Group {
        key: String,
        id: Option<String>,
        display_name: String,
        description: Option<String>,
        mail_nickname: Option<String>,
        unique_name: Option<String>,
        /// For a group to create: the object id of its first owner.
        first_owner: Option<String>,
    },
    /// One owner of a group.
    Owner(Edge),
    /// One member of a group.
    Member(Edge),
    /// A `ClusterRole`; a `Role` where there is a namespace.
    Role {
        namespace: Option<String>,
        name: String,
        rules: Vec<Rule>,
        /// The default roles that take its rules in.
        aggregate_to: Vec<String>,
    },
    /// A `ClusterRoleBinding`; a `RoleBinding` where there is a namespace.
    Binding { namespace: Option<String>, name: String, role: RoleRef, subjects: Vec<Subject> },
}

/// One owner or member.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::report::json) struct Edge {
    /// The group's key.
    pub(in crate::report::json) group: String,
    /// The group's object id.
    pub(in crate::report::json) group_id: Option<String>,
    /// Who, as the files spell it.
    pub(in crate::report::json) principal: String,
    /// Their object id.
    pub(in crate::report::json) principal_id: Option<String>,
    /// What kind of object they are.
    pub(in crate::report::json) kind: PrincipalKind,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::report::json) enum PrincipalKind {
    User,
    Guest,
    Group,
    ServicePrincipal,
    Device,
    Contact,
    Other,
}
