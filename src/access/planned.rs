//! The roles and bindings of a cluster: as they were read, as they would be, or as the files alone ask for them.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::people::{People, Person, user_name};
use super::rbac::Rbac;
use crate::state::{
    Address, Binding, Change, Cluster, Desired, DesiredBinding, DesiredEnvironment, Doubt, Filled, LiveRole, Namespace,
    PolicyRule, PrincipalName, Resource, Role, RoleRef, ScopeTarget, Subject, SubjectKind, SubjectName, mark,
};

/// The roles and bindings of one cluster.
#[derive(Clone, Debug, Default)]
pub struct Snapshot<'a> {
    roles: Vec<Cow<'a, Role>>,
    bindings: Vec<Cow<'a, Binding>>,
}

/// What the files ask for on one cluster, as far as they tell without a look at it.
#[derive(Clone, Debug, Default)]
pub struct Asked<'a> {
    /// The roles and bindings.
    pub snapshot: Snapshot<'a>,
    /// The grant behind each binding, by namespace and name.
    pub grants: BTreeMap<(Option<Namespace>, String), &'a DesiredBinding>,
    /// Grants in namespaces that the cluster's labels select: nobody knows which.
    pub selected: Vec<&'a DesiredBinding>,
    /// Roles that the files only refer to and of which nobody knows the rules.
    pub unknown: BTreeSet<RoleRef>,
}

impl<'a> Snapshot<'a> {
    /// As it was read.
    pub fn live(cluster: &'a Cluster) -> Self {
        Self {
            roles: cluster.roles.iter().map(|live| Cow::Borrowed(&live.role)).collect(),
            bindings: cluster.bindings.iter().map(|live| Cow::Borrowed(&live.binding)).collect(),
        }
    }

    /// Once these changes of this cluster are made, and the cluster has filled the roles that take in others. Those that no
    /// change reaches are as they were read.
    pub fn planned(cluster: &'a Cluster, changes: &[&'a Change]) -> Self {
        let mut roles: BTreeMap<(Option<&Namespace>, &str), Cow<'a, Role>> =
            cluster.roles.iter().map(|live| (place(&live.role), Cow::Borrowed(&live.role))).collect();
        let mut bindings: BTreeMap<(Option<&Namespace>, &str), Cow<'a, Binding>> = cluster
            .bindings
            .iter()
            .map(|live| ((live.binding.namespace.as_ref(), live.binding.name.as_str()), Cow::Borrowed(&live.binding)))
            .collect();
        let filled = Filled::new(cluster);
        let mut refilled: BTreeSet<&str> = BTreeSet::new();
        for change in changes {
            for side in [change.before(), change.after()] {
                if let Some(Resource::Role(role)) = side {
                    refilled.extend(filled.holding(role, Doubt::Selects));
                }
            }
            let Address::Object { namespace, name, .. } = &change.address else { continue };
            let at = (namespace.as_ref(), name.as_str());
            match (change.before(), change.after()) {
                (_, Some(Resource::Role(role))) => drop(roles.insert(at, Cow::Borrowed(role))),
                (Some(Resource::Role(_)), _) => drop(roles.remove(&at)),
                (_, Some(Resource::Binding(binding))) => drop(bindings.insert(at, Cow::Borrowed(binding))),
                (Some(Resource::Binding(_)), _) => drop(bindings.remove(&at)),
                (_, Some(Resource::Group(_) | Resource::Owner(_) | Resource::Member(_)) | None) => {}
            }
        }
        refill(&mut roles, &refilled, cluster, &filled);
        Self { roles: roles.into_values().collect(), bindings: bindings.into_values().collect() }
    }

    /// The authorizer over it.
    pub fn rbac(&self) -> Rbac<'_> {
        Rbac::new(self.roles.iter().map(AsRef::as_ref), self.bindings.iter().map(AsRef::as_ref))
    }
}

impl<'a> Asked<'a> {
    /// What the files ask for on this cluster. Whom a binding is for is called as [`People::asked`] calls them. `builtin` knows
    /// the rules of the roles that every cluster has.
    pub fn new(
        desired: &'a Desired,
        environment: &'a DesiredEnvironment,
        people: &People<'_>,
        builtin: impl Fn(&str) -> Option<&'a [PolicyRule]>,
    ) -> Self {
        let mut asked = Self::default();
        let own: Vec<Role> = environment.roles.iter().map(crate::state::DesiredRole::written).collect();
        for binding in &environment.bindings {
            let namespace = match &binding.scope {
                ScopeTarget::Cluster => None,
                ScopeTarget::Namespace(namespace) => Some(namespace.clone()),
                ScopeTarget::Selector(_) => {
                    asked.selected.push(binding);
                    continue;
                }
            };
            let role = &binding.role;
            let name =
                mark::binding_name(&desired.config, &binding.subject, &role.key, &role.reference, &binding.scope);
            asked.grants.insert((namespace.clone(), name.clone()), binding);
            let Some(subject) = subject(&binding.subject, people, environment) else { continue };
            let written = Binding { namespace, name, role: role.reference.clone(), subjects: vec![subject] };
            asked.snapshot.bindings.push(Cow::Owned(written));
        }
        for binding in environment.bindings.iter().filter(|binding| !binding.role.ours) {
            let reference = &binding.role.reference;
            let is_there =
                asked.snapshot.roles.iter().any(|role| role.namespace.is_none() && role.name == reference.name);
            match builtin(&reference.name) {
                Some(_) if is_there => {}
                Some(rules) => {
                    let default = crate::state::DefaultRole::of_name(&reference.name);
                    let added = default.into_iter().flat_map(|default| default.added(&own));
                    let rules = PolicyRule::normalise(rules.iter().chain(added).cloned().collect());
                    let role =
                        Role { namespace: None, name: reference.name.clone(), rules, aggregate_to: BTreeSet::new() };
                    asked.snapshot.roles.push(Cow::Owned(role));
                }
                None => drop(asked.unknown.insert(reference.clone())),
            }
        }
        asked.snapshot.roles.extend(own.into_iter().map(Cow::Owned));
        asked
    }
}

/// The subject of a binding that the files ask for.
fn subject(name: &PrincipalName, people: &People<'_>, environment: &DesiredEnvironment) -> Option<Subject> {
    let tokens = &environment.tokens;
    let (kind, called) = match people.find(name)? {
        super::people::Node::Group(id) => (SubjectKind::Group, people.name_of(&id, tokens)?),
        super::people::Node::Person(who) => {
            let person: Person<'_> = people.person(&who);
            (SubjectKind::User, SubjectName::Known(user_name(&person, tokens)))
        }
    };
    Some(Subject { kind, name: called, namespace: None, principal: Some(name.clone()) })
}

/// Fills these roles from those that they select, until nothing changes: one may take in another that takes in others
/// (kubernetes `pkg/controller/clusterroleaggregation`).
fn refill<'a>(
    roles: &mut BTreeMap<(Option<&'a Namespace>, &'a str), Cow<'a, Role>>,
    refilled: &BTreeSet<&str>,
    cluster: &'a Cluster,
    filled: &Filled<'_>,
) {
    let filling: Vec<&LiveRole> = cluster
        .roles
        .iter()
        .filter(|live| live.role.namespace.is_none() && refilled.contains(live.role.name.as_str()))
        .collect();
    // Each round fills at least one more role for good, or none.
    for _ in 0..=filling.len() {
        let mut is_settled = true;
        for live in &filling {
            let Some(selectors) = &live.aggregation else { continue };
            // Of a selector that nobody understands, what the cluster made of it stays.
            let is_clear = selectors.iter().all(|selector| selector.unknown().next().is_none());
            let taken = roles.values().filter(|role| role.namespace.is_none() && role.name != live.role.name);
            let taken = taken.filter(|role| {
                let labels = filled.labels(role);
                selectors.iter().any(|selector| selector.matches(&labels) == Some(true))
            });
            let kept = live.role.rules.iter().filter(|_| !is_clear);
            let held = PolicyRule::normalise(taken.flat_map(|role| &role.rules).chain(kept).cloned().collect());
            let at = place(&live.role);
            if let Some(role) = roles.get_mut(&at)
                && role.rules != held
            {
                role.to_mut().rules = held;
                is_settled = false;
            }
        }
        if is_settled {
            return;
        }
    }
}

fn place(role: &Role) -> (Option<&Namespace>, &str) {
    (role.namespace.as_ref(), &role.name)
}
