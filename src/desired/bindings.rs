//! The grants of one environment as one binding for each subject × role × scope, and the role objects they need.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::{Aggregation, Config, Grant, RoleSource, Scope};
use crate::diagnostics::{FileId, SourceMap};
use crate::state::{
    DesiredBinding, DesiredReplacement, DesiredRole, EnvironmentName, Namespace, Origin, PolicyRule, PrincipalName,
    RoleKey, RoleKind, RoleRef, RoleTarget, ScopeTarget, mark,
};

/// What the grants ask for on one environment, each sorted.
pub(super) struct Compiled {
    /// The role objects of ours.
    pub(super) roles: Vec<DesiredRole>,
    pub(super) bindings: Vec<DesiredBinding>,
    pub(super) replacements: Vec<DesiredReplacement>,
}

/// The grants on each environment, in the order of the files.
pub(super) fn by_environment(config: &Config) -> BTreeMap<&EnvironmentName, Vec<&Grant>> {
    let mut grants: BTreeMap<&EnvironmentName, Vec<&Grant>> = BTreeMap::new();
    for grant in &config.grants {
        for name in grant.environments.iter().collect::<BTreeSet<_>>() {
            grants.entry(name).or_default().push(grant);
        }
    }
    grants
}

/// The role objects of ours and the bindings that these grants need on an environment, and what they replace.
pub(super) fn compile(
    config: &Config,
    environment: &EnvironmentName,
    grants: &[&Grant],
    sources: &SourceMap,
) -> Compiled {
    let mut all_uses = uses(grants);
    // A role that is added to a default role is there without a grant.
    for (key, role) in &config.roles {
        if role.aggregation.environments.contains(environment) {
            all_uses.entry(key).or_default();
        }
    }
    let mut targets: BTreeMap<&RoleKey, RoleTarget> = BTreeMap::new();
    let mut roles = Vec::new();
    for (key, uses) in &all_uses {
        let Some(role) = config.roles.get(*key) else { continue };
        let target = match &role.source {
            RoleSource::ClusterRole(name) => RoleTarget {
                key: (*key).clone(),
                reference: RoleRef { kind: RoleKind::ClusterRole, name: name.value.clone() },
                ours: false,
            },
            RoleSource::Rules(own) => {
                // Only a ClusterRole can be added to another, and one that is so somewhere is one everywhere.
                let Aggregation { to, environments } = &role.aggregation;
                let namespace = uses.only_namespace().filter(|_| to.is_empty());
                let scope = namespace.clone().map_or(ScopeTarget::Cluster, ScopeTarget::Namespace);
                let kind = if namespace.is_some() { RoleKind::Role } else { RoleKind::ClusterRole };
                let name = mark::role_name(&config.name.value, key, &scope);
                roles.push(DesiredRole {
                    origin: sources.origin(role.span),
                    key: (*key).clone(),
                    namespace,
                    name: name.clone(),
                    rules: PolicyRule::normalise(own.iter().map(|rule| rule.value.clone()).collect()),
                    aggregate_to: if environments.contains(environment) { to.clone() } else { BTreeSet::new() },
                });
                RoleTarget { key: (*key).clone(), reference: RoleRef { kind, name }, ours: true }
            }
        };
        targets.insert(key, target);
    }
    let replacements = replacements(grants, &targets, sources);
    Compiled { roles, bindings: bindings(grants, &targets, sources), replacements }
}

fn replacements(
    grants: &[&Grant],
    targets: &BTreeMap<&RoleKey, RoleTarget>,
    sources: &SourceMap,
) -> Vec<DesiredReplacement> {
    let each = |grant: &&Grant| {
        let subjects: BTreeSet<PrincipalName> = grant.subjects.iter().map(|subject| subject.value.clone()).collect();
        let roles: BTreeSet<RoleTarget> =
            grant.roles.iter().filter_map(|role| targets.get(&role.value).cloned()).collect();
        let scopes: BTreeSet<ScopeTarget> = scopes(&grant.scope).into_iter().collect();
        let replaced = grant.replaces.iter().map(|name| DesiredReplacement {
            target: name.value.clone(),
            origin: sources.origin(name.span),
            subjects: subjects.clone(),
            roles: roles.clone(),
            scopes: scopes.clone(),
        });
        replaced.collect::<Vec<_>>()
    };
    let mut replacements: Vec<DesiredReplacement> = grants.iter().flat_map(each).collect();
    replacements.sort();
    replacements
}

fn bindings(grants: &[&Grant], targets: &BTreeMap<&RoleKey, RoleTarget>, sources: &SourceMap) -> Vec<DesiredBinding> {
    let mut asked: BTreeMap<(PrincipalName, RoleTarget, ScopeTarget), Origin> = BTreeMap::new();
    for grant in grants {
        let origin = sources.origin(grant.span);
        for subject in &grant.subjects {
            for target in grant.roles.iter().filter_map(|role| targets.get(&role.value)) {
                for scope in scopes(&grant.scope) {
                    let first = asked.entry((subject.value.clone(), target.clone(), scope)).or_insert(origin.clone());
                    if origin < *first {
                        first.clone_from(&origin);
                    }
                }
            }
        }
    }
    asked.into_iter().map(|((subject, role, scope), origin)| DesiredBinding { subject, role, scope, origin }).collect()
}

fn scopes(scope: &Scope) -> Vec<ScopeTarget> {
    match scope {
        Scope::Namespaces(names) => names.iter().map(|name| ScopeTarget::Namespace(name.value.clone())).collect(),
        Scope::Selector(labels) => vec![ScopeTarget::Selector(labels.clone())],
        Scope::Cluster => vec![ScopeTarget::Cluster],
    }
}

/// From where and for what a role is used in one environment.
#[derive(Default)]
struct Uses<'a> {
    files: BTreeSet<FileId>,
    namespaces: BTreeSet<&'a Namespace>,
    /// Some grant does not list namespaces.
    beyond: bool,
}

impl Uses<'_> {
    /// The namespace for which alone, and from one file alone, the role is used. Only then is it a `Role`: whoever writes
    /// another file must not change what kind of object this one makes.
    fn only_namespace(&self) -> Option<Namespace> {
        match (self.namespaces.first(), self.namespaces.len(), self.files.len(), self.beyond) {
            (Some(namespace), 1, 1, false) => Some((*namespace).clone()),
            _ => None,
        }
    }
}

fn uses<'a>(grants: &[&'a Grant]) -> BTreeMap<&'a RoleKey, Uses<'a>> {
    let mut by_role: BTreeMap<&RoleKey, Uses<'_>> = BTreeMap::new();
    for grant in grants {
        for role in &grant.roles {
            let uses = by_role.entry(&role.value).or_default();
            uses.files.insert(grant.span.file);
            match &grant.scope {
                Scope::Namespaces(names) => uses.namespaces.extend(names.iter().map(|name| &name.value)),
                Scope::Selector(_) | Scope::Cluster => uses.beyond = true,
            }
        }
    }
    by_role
}
