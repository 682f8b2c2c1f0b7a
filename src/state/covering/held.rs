//! The rules that an identity holds, by the roles and bindings that were read.

use std::collections::{BTreeMap, BTreeSet};

use crate::state::{Applier, Cluster, Namespace, PolicyRule};

/// What an identity holds on one cluster.
///
/// The API server's escalation check looks at RBAC alone, whatever else may authorize a request: at every cluster-wide
/// binding and, within a namespace, at every binding of it (kubernetes `pkg/registry/rbac/validation/rule.go`). A plan has
/// read all of those, so that nobody needs to be asked.
#[derive(Debug)]
pub struct Held<'a> {
    cluster: &'a Cluster,
    who: Applier,
    by_namespace: BTreeMap<Option<&'a Namespace>, Vec<PolicyRule>>,
}

impl<'a> Held<'a> {
    /// What this identity holds there.
    pub fn new(cluster: &'a Cluster, who: &Applier) -> Self {
        Self { cluster, who: who.clone(), by_namespace: BTreeMap::new() }
    }

    /// The rules that hold in a namespace, or on the whole cluster.
    pub fn rules(&mut self, namespace: Option<&'a Namespace>) -> &[PolicyRule] {
        let (cluster, who) = (self.cluster, &self.who);
        self.by_namespace.entry(namespace).or_insert_with(|| {
            let reaching = cluster.bindings.iter().map(|live| &live.binding).filter(|binding| {
                (binding.namespace.is_none() || binding.namespace.as_ref() == namespace)
                    && binding.subjects.iter().any(|subject| who.is_bound_by(subject))
            });
            let places: BTreeSet<_> = reaching.map(|binding| binding.role.place(binding.namespace.as_ref())).collect();
            // A binding to a role that is not there gives nothing.
            let roles = cluster.roles.iter().map(|live| &live.role);
            let roles = roles.filter(|role| places.contains(&(role.namespace.clone(), role.name.clone())));
            roles.flat_map(|role| role.rules.iter().cloned()).collect()
        })
    }
}
