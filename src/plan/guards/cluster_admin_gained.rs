//! Nobody becomes master of a cluster unnoticed.

use std::collections::{BTreeMap, BTreeSet};

use super::{Case, Guard, Objection};
use crate::plan::kubernetes::spelling;
use crate::plan::parts::Part;
use crate::plan::reach::{Nesting, key_of, live_members};
use crate::state::{
    Address, Binding, Change, Cluster, DesiredEnvironment, Edge, EnvironmentName, GroupKey, ObjectId, Operation,
    PolicyRule, PrincipalName, Resource, Role, ScopeTarget, Subject, SubjectKind, SubjectName, TokenNaming,
};

pub(super) static GUARD: Guard = Guard {
    id: "cluster-admin-gained",
    summary: "Somebody would become cluster-admin, or get a role that grants everything.",
    can_be_acknowledged: true,
    check,
};

/// What tells two subjects apart.
type SubjectKey = (SubjectKind, SubjectName, Option<String>);

/// The changes, by what this guard looks for.
#[derive(Default)]
struct Gains<'a> {
    /// Who joins which group.
    joins: BTreeMap<&'a GroupKey, Vec<&'a Edge>>,
    /// What changes on which cluster.
    on: BTreeMap<&'a EnvironmentName, Vec<&'a Change>>,
}

fn check(case: &Case<'_>) -> Vec<Objection> {
    let mut gains = Gains::default();
    for change in case.changes {
        match (&change.address, &change.operation) {
            (Address::Member(key, _), Operation::Create { after: Resource::Member(edge) }) => {
                gains.joins.entry(key).or_default().push(edge);
            }
            (Address::Object { environment, .. }, _) => gains.on.entry(environment).or_default().push(change),
            _ => {}
        }
    }
    let before = Nesting::live(case.directory);
    let after = Nesting::live(case.directory).with_changes(case.changes, case.directory);
    let mut objections = Vec::new();
    for (name, environment) in &case.desired.environments {
        let who = match case.parts.clusters.get(name) {
            Some(part) => {
                let changes = gains.on.get(name).map_or(&[][..], Vec::as_slice);
                on_cluster(case, *part, changes, &gains, &before, &after)
            }
            None => joining(case, &gains, &after.leading_to(asked_admins(environment)), &BTreeSet::new()),
        };
        for (who, how) in who {
            let message = format!("{who} would become cluster-admin on {name}: {how}");
            objections.push(Objection::new(format!("{name}/{who}"), message));
        }
    }
    objections
}

fn on_cluster<'a>(
    case: &Case<'a>,
    part: Part<'a>,
    changes: &[&'a Change],
    gains: &Gains<'a>,
    before: &Nesting<'a>,
    after: &Nesting<'a>,
) -> BTreeMap<String, String> {
    let old = admins(part.cluster, &[]);
    let new = admins(part.cluster, changes);
    let tokens = &part.desired.tokens;
    let called = |subject: &&'a Subject| case.directory.groups_called(tokens, subject);
    let old_groups: BTreeSet<&GroupKey> = before.leading_to(old.values().flat_map(called));
    let direct: BTreeSet<&GroupKey> = new.values().flat_map(|subject| finally_called(case, tokens, subject)).collect();
    let mut who = joining(case, gains, &after.leading_to(direct.iter().copied()), &old_groups);
    for key in direct.iter().filter(|key| !old_groups.contains(*key)) {
        let how = "a binding to a role that grants everything names it".to_owned();
        who.insert(PrincipalName::Group((*key).clone()).to_string(), how);
    }
    for (key, subject) in &new {
        if !old.contains_key(key) && finally_called(case, tokens, subject).is_empty() {
            let name = match &subject.principal {
                Some(principal) => principal.to_string(),
                None => format!("{} {}", subject.kind, spelling(&subject.name)),
            };
            who.insert(name, "bound to a role that grants everything".to_owned());
        }
    }
    who
}

/// The groups that are a subject once the plan is applied.
fn finally_called<'a>(case: &Case<'a>, tokens: &TokenNaming, subject: &'a Subject) -> Vec<&'a GroupKey> {
    match &subject.principal {
        Some(PrincipalName::Group(key)) => vec![key],
        _ => case.directory.groups_finally_called(tokens, subject),
    }
}

/// Who joins a group that leads to cluster-admin and did not have it before.
fn joining(
    case: &Case<'_>,
    gains: &Gains<'_>,
    leading: &BTreeSet<&GroupKey>,
    led_before: &BTreeSet<&GroupKey>,
) -> BTreeMap<String, String> {
    let had: BTreeSet<ObjectId> = live_members(case.directory, led_before);
    let mut who = BTreeMap::new();
    for key in leading {
        for edge in gains.joins.get(key).into_iter().flatten() {
            let had_it = edge.principal_id.known().is_some_and(|id| had.contains(&id))
                || key_of(&edge.principal, case.directory).is_some_and(|nested| led_before.contains(nested));
            if !had_it {
                who.insert(edge.principal.to_string(), format!("new member of {key}"));
            }
        }
    }
    who
}

/// The subjects of cluster role bindings to a role that grants everything, once these changes are made.
fn admins<'a>(cluster: &'a Cluster, changes: &[&'a Change]) -> BTreeMap<SubjectKey, &'a Subject> {
    let mut roles: BTreeMap<&str, &Role> = BTreeMap::new();
    roles.extend(cluster.roles.iter().map(|live| &live.role).filter_map(of_cluster_role));
    let mut bindings: BTreeMap<&str, &Binding> = BTreeMap::new();
    bindings.extend(cluster.bindings.iter().map(|live| &live.binding).filter_map(of_cluster_binding));
    for change in changes {
        if let Some((name, _)) = change.before().and_then(role_in).and_then(of_cluster_role) {
            roles.remove(name);
        }
        if let Some((name, _)) = change.before().and_then(binding_in).and_then(of_cluster_binding) {
            bindings.remove(name);
        }
        roles.extend(change.after().and_then(role_in).and_then(of_cluster_role));
        bindings.extend(change.after().and_then(binding_in).and_then(of_cluster_binding));
    }
    let is_admin = |role: &str| {
        is_cluster_admin(role) || roles.get(role).is_some_and(|role| PolicyRule::grant_everything(&role.rules))
    };
    bindings
        .values()
        .filter(|binding| is_admin(&binding.role.name))
        .flat_map(|binding| &binding.subjects)
        .map(|subject| ((subject.kind.clone(), subject.name.clone(), subject.namespace.clone()), subject))
        .collect()
}

fn role_in(resource: &Resource) -> Option<&Role> {
    match resource {
        Resource::Role(role) => Some(role),
        Resource::Group(_) | Resource::Owner(_) | Resource::Member(_) | Resource::Binding(_) => None,
    }
}

fn binding_in(resource: &Resource) -> Option<&Binding> {
    match resource {
        Resource::Binding(binding) => Some(binding),
        Resource::Group(_) | Resource::Owner(_) | Resource::Member(_) | Resource::Role(_) => None,
    }
}

fn of_cluster_role(role: &Role) -> Option<(&str, &Role)> {
    role.namespace.is_none().then_some((role.name.as_str(), role))
}

fn of_cluster_binding(binding: &Binding) -> Option<(&str, &Binding)> {
    binding.namespace.is_none().then_some((binding.name.as_str(), binding))
}

/// The groups that the files make cluster-admin where the cluster itself could not be asked.
fn asked_admins(environment: &DesiredEnvironment) -> impl Iterator<Item = &GroupKey> {
    environment
        .bindings
        .iter()
        .filter(|binding| binding.scope == ScopeTarget::Cluster)
        .filter(|binding| {
            let name = &binding.role.reference.name;
            is_cluster_admin(name)
                || environment.roles.iter().any(|role| role.name == *name && PolicyRule::grant_everything(&role.rules))
        })
        .filter_map(|binding| match &binding.subject {
            PrincipalName::Group(key) => Some(key),
            _ => None,
        })
}

fn is_cluster_admin(role: &str) -> bool {
    role == "cluster-admin"
}
