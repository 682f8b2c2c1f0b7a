//! The rules that a binding gives, by the roles that were read and those that would be written.

use std::collections::BTreeMap;

use crate::state::{Cluster, Doubt, Filled, Namespace, PolicyRule, Role, RoleRef};

/// Where a role is: its namespace, if it has one, and its name.
type Place = (Option<Namespace>, String);

/// The rules of every role once some are written.
#[derive(Debug)]
pub struct Given<'a> {
    roles: BTreeMap<Place, &'a [PolicyRule]>,
    /// The roles that take in those which are written, those included.
    filled: BTreeMap<Place, Vec<PolicyRule>>,
}

impl<'a> Given<'a> {
    /// The roles of a cluster once these are written.
    pub fn new(cluster: &'a Cluster, written: &[&'a Role]) -> Self {
        let roles = cluster.roles.iter().map(|live| &live.role).chain(written.iter().copied());
        let roles: BTreeMap<Place, &[PolicyRule]> =
            roles.map(|role| ((role.namespace.clone(), role.name.clone()), &role.rules[..])).collect();
        let filled = Filled::new(cluster).by(written.iter().copied(), Doubt::Selects).into_iter();
        let filled = filled.filter_map(|(name, added)| {
            let place = (None, name.to_owned());
            let live = roles.get(&place)?;
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
