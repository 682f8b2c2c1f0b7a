//! Why the API server refused a write, and what to do about it.

use super::attempt::Task;
use super::body::Place;
use crate::providers::kubernetes::link::Link;
use crate::providers::kubernetes::refusal::Refusal;
use crate::state::{Failure, FailureKind, KubernetesKind, Lack, MissingRight, Resource, RoleRef, covering};

/// The failure behind a refused write.
pub(super) fn refusal(link: &Link, place: &Place, task: Task<'_>, refusal: &Refusal) -> Failure {
    let tried = format!("{} {place}", verb(task));
    let role = role_of(task);
    match refusal.code.as_u16() {
        403 if refusal.has_cause("NamespaceTerminating") => {
            let namespace = place.namespace.as_deref().unwrap_or_default();
            let what = format!("cannot {tried} on {link}: the namespace {namespace} is being deleted");
            Failure::new(FailureKind::Conflict, what).with_next("plan again when it is gone or there again")
        }
        403 => match lack(place, role, refusal) {
            Some(lack) => {
                let what = format!("cannot {tried} on {link}: 403, needs {}", lack.needs());
                Failure::new(FailureKind::Forbidden, what).with_next(lack.next())
            }
            None => refusal.failure(link, &tried),
        },
        404 if refusal.about == "namespaces" => {
            let what = format!("cannot {tried} on {link}: there is no namespace {}", refusal.about_name);
            Failure::new(FailureKind::NotFound, what).with_next("create the namespace, then plan again")
        }
        404 => match role {
            // The answer has the role's name, but the kind of the binding.
            Some(role) if refusal.about_name == role.name => {
                let what = format!("cannot {tried} on {link}: there is no {} {}", role.kind, role.name);
                Failure::new(FailureKind::NotFound, what).with_next(format!(
                    "create it first; a binding to a role that is missing needs `bind` on {}s/{}",
                    role.kind, role.name
                ))
            }
            _ => refusal.failure(link, &tried),
        },
        422 if refusal.has_field("roleRef") => {
            let what = format!("cannot {tried} on {link}: the role of a binding cannot be changed");
            Failure::new(FailureKind::Invalid, what)
                .with_next("plan again: another role gets a new binding, and the old one is deleted after it")
        }
        _ => refusal.failure(link, &tried),
    }
}

/// What we lack for a write, in the words in which a plan forecasts it.
fn lack(place: &Place, role: Option<&RoleRef>, refusal: &Refusal) -> Option<Lack> {
    if let Some(rules) = refusal.missing_rules() {
        let right = match role {
            Some(role) => MissingRight::Bind(role.clone()),
            None => MissingRight::Escalate { kind: place.kind, name: place.name.clone() },
        };
        return Some(Lack::new(right, place.namespace.clone(), covering::compact(covering::rights(&rules))));
    }
    let (verb, resource, namespace) = refusal.denied()?;
    let right = MissingRight::Write { verbs: [verb].into(), kind: place.kind };
    (resource == place.kind.plural()).then(|| Lack::new(right, namespace, Vec::new()))
}

fn verb(task: Task<'_>) -> &'static str {
    match task {
        Task::Create { .. } => "create",
        Task::Update { .. } => "update",
        Task::Delete { .. } => "delete",
    }
}

fn role_of(task: Task<'_>) -> Option<&RoleRef> {
    match task {
        Task::Create { after: Resource::Binding(binding) } | Task::Update { after: Resource::Binding(binding), .. } => {
            Some(&binding.role)
        }
        _ => None,
    }
}

/// Kind, name and namespace as kubectl takes them.
pub(super) fn kubectl_place(place: &Place) -> String {
    let kind = match place.kind {
        KubernetesKind::ClusterRole => "clusterrole",
        KubernetesKind::Role => "role",
        KubernetesKind::ClusterRoleBinding => "clusterrolebinding",
        KubernetesKind::RoleBinding => "rolebinding",
    };
    match &place.namespace {
        Some(namespace) => format!("{kind} {} -n {namespace}", place.name),
        None => format!("{kind} {}", place.name),
    }
}
