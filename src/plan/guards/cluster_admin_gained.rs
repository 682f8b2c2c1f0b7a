//! Nobody becomes master of a cluster unnoticed.

use std::collections::{BTreeMap, BTreeSet};

use super::{Case, Guard, Objection};
use crate::plan::kubernetes::{Place, place_of, rules_after, spelling};
use crate::plan::parts::Part;
use crate::plan::reach::{Nesting, key_of, live_members};
use crate::state::{
    Address, Binding, Change, DesiredEnvironment, EnvironmentName, GroupKey, Namespace, ObjectId, Operation,
    PolicyRule, PrincipalName, Resource, Role, ScopeTarget, Subject, SubjectKind, SubjectName,
};

pub(super) static GUARD: Guard = Guard {
    id: "cluster-admin-gained",
    summary: "Somebody would become cluster-admin, or get a role that grants everything.",
    can_be_acknowledged: true,
    check,
};

/// What tells two subjects apart.
type SubjectKey = (SubjectKind, SubjectName, Option<String>);

fn check(case: &Case<'_>) -> Vec<Objection> {
    let before = Nesting::live(case.directory);
    let after = Nesting::live(case.directory).with_changes(case.changes, case.directory);
    let mut objections = Vec::new();
    for (name, environment) in &case.desired.environments {
        let gains = match case.parts.clusters.get(name) {
            Some(part) => on_cluster(case, name, *part, &before, &after),
            None => gained_members(case, &after.leading_to(asked_admins(environment)), &BTreeSet::new()),
        };
        for (who, how) in gains {
            let message = format!("{who} would become cluster-admin on {name}: {how}");
            objections.push(Objection::new(format!("{name}/{who}"), message));
        }
    }
    objections
}

fn on_cluster<'a>(
    case: &Case<'a>,
    name: &EnvironmentName,
    part: Part<'a>,
    before: &Nesting<'a>,
    after: &Nesting<'a>,
) -> BTreeMap<String, String> {
    let live: Vec<&Binding> = part.cluster.bindings.iter().map(|live| &live.binding).collect();
    let old = admins(&live, &rules_after(name, part.cluster, &[]));
    let new = admins(&bindings_after(name, &live, case.changes), &rules_after(name, part.cluster, case.changes));
    let groups = |subjects: &BTreeMap<SubjectKey, &'a Subject>| -> BTreeSet<&'a GroupKey> {
        subjects.values().flat_map(|subject| groups_of(case, part.desired, subject)).collect()
    };
    let old_groups = before.leading_to(groups(&old));
    let new_groups = after.leading_to(groups(&new));
    let mut gains = gained_members(case, &new_groups, &old_groups);
    for (key, subject) in &new {
        if !old.contains_key(key) {
            let who = match (&subject.principal, &groups_of(case, part.desired, subject)[..]) {
                (Some(principal), _) => principal.to_string(),
                (None, [group]) => PrincipalName::Group((*group).clone()).to_string(),
                (None, _) => format!("{} {}", subject.kind, spelling(&subject.name)),
            };
            gains.insert(who, "bound to a role that grants everything".to_owned());
        }
    }
    gains
}

/// Who joins a group that leads to cluster-admin and did not have it before.
fn gained_members(
    case: &Case<'_>,
    leading: &BTreeSet<&GroupKey>,
    led_before: &BTreeSet<&GroupKey>,
) -> BTreeMap<String, String> {
    let had: BTreeSet<ObjectId> = live_members(case.directory, led_before);
    case.changes
        .iter()
        .filter_map(|change| match (&change.address, &change.operation) {
            (Address::Member(key, name), Operation::Create { after: Resource::Member(edge) })
                if leading.contains(key) =>
            {
                let had_it = edge.principal_id.known().is_some_and(|id| had.contains(&id))
                    || key_of(name, case.directory).is_some_and(|nested| led_before.contains(nested));
                (!had_it).then(|| (name.to_string(), format!("new member of {key}")))
            }
            _ => None,
        })
        .collect()
}

/// The subjects of cluster role bindings to a role that grants everything.
fn admins<'a>(bindings: &[&'a Binding], roles: &BTreeMap<Place, &Role>) -> BTreeMap<SubjectKey, &'a Subject> {
    let is_admin = |binding: &Binding| {
        let place = place_of(&binding.role, None);
        binding.namespace.is_none()
            && (is_cluster_admin(&binding.role.name)
                || roles.get(&place).is_some_and(|role| PolicyRule::grant_everything(&role.rules)))
    };
    bindings
        .iter()
        .filter(|binding| is_admin(binding))
        .flat_map(|binding| &binding.subjects)
        .map(|subject| ((subject.kind.clone(), subject.name.clone(), subject.namespace.clone()), subject))
        .collect()
}

fn bindings_after<'a>(environment: &EnvironmentName, live: &[&'a Binding], changes: &'a [Change]) -> Vec<&'a Binding> {
    let mut bindings: BTreeMap<(Option<Namespace>, &str), &Binding> =
        live.iter().map(|binding| ((binding.namespace.clone(), binding.name.as_str()), *binding)).collect();
    for change in changes.iter().filter(|change| change.address.environment() == Some(environment)) {
        if let Some(Resource::Binding(before)) = change.before() {
            bindings.remove(&(before.namespace.clone(), before.name.as_str()));
        }
        if let Some(Resource::Binding(after)) = change.after() {
            bindings.insert((after.namespace.clone(), after.name.as_str()), after);
        }
    }
    bindings.into_values().collect()
}

fn groups_of<'a>(case: &Case<'a>, environment: &DesiredEnvironment, subject: &'a Subject) -> Vec<&'a GroupKey> {
    match &subject.principal {
        Some(PrincipalName::Group(key)) => vec![key],
        _ => case.directory.groups_called(&environment.tokens, subject),
    }
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
