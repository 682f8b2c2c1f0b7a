//! The rules that a binding gives, by the roles that were read and those that would be written.

use std::collections::BTreeMap;

use crate::state::{Cluster, DefaultRole, Namespace, PolicyRule, Role, RoleRef};

/// Where a role is: its namespace, if it has one, and its name.
type Place = (Option<Namespace>, String);

/// The rules of every role once some are written.
#[derive(Debug)]
pub struct Given<'a> {
    roles: BTreeMap<Place, &'a [PolicyRule]>,
    /// The default roles that those which are written are added to, those included.
    filled: BTreeMap<Place, Vec<PolicyRule>>,
}

impl<'a> Given<'a> {
    /// The roles of a cluster once these are written.
    pub fn new(cluster: &'a Cluster, written: &[&'a Role]) -> Self {
        let roles = cluster.roles.iter().map(|live| &live.role).chain(written.iter().copied());
        let roles: BTreeMap<Place, &[PolicyRule]> =
            roles.map(|role| ((role.namespace.clone(), role.name.clone()), &role.rules[..])).collect();
        let filled = DefaultRole::ALL.into_iter().filter_map(|default| {
            let place = (None, default.name().to_owned());
            let added: Vec<&PolicyRule> = default.added(written.iter().copied()).collect();
            let live = roles.get(&place).filter(|_| !added.is_empty())?;
            Some((place, live.iter().chain(added).cloned().collect()))
        });
        let filled = filled.collect();
        Self { roles, filled }
    }

    /// What a binding to this role gives; `None` where there is no such role.
    pub fn by(&self, role: &RoleRef, namespace: Option<&Namespace>) -> Option<&[PolicyRule]> {
        let place = role.place(namespace);
        self.filled.get(&place).map(Vec::as_slice).or_else(|| self.roles.get(&place).copied())
    }
}
