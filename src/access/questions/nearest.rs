//! What comes nearest to something that somebody may not do.

use std::collections::{BTreeMap, BTreeSet};

use super::answer::Nearest;
use super::place::Place;
use crate::access::Caller;
use crate::access::rbac::{Grant, Rbac, allows};
use crate::state::{Namespace, PolicyRule, Request, RoleKey, SubjectName, resources};

/// The nearest: the same elsewhere, on some objects, by other verbs, or whatever else they have.
pub(super) fn nearest(rbac: &Rbac<'_>, caller: &Caller, request: &Request, place: &Place<'_>) -> Nearest {
    let own = |grant: &Grant<'_>| grant.subject.name != SubjectName::Known("system:authenticated".to_owned());
    let given: Vec<Grant<'_>> = rbac.given(caller).filter(own).collect();
    let elsewhere: BTreeSet<Namespace> = given
        .iter()
        .filter(|grant| grant.allows(request).is_some())
        .filter_map(|grant| grant.binding.namespace.clone())
        .collect();
    if !elsewhere.is_empty() && !is_of_cluster(request) {
        return Nearest::InNamespaces(elsewhere);
    }
    let here: Vec<&Grant<'_>> = given
        .iter()
        .filter(|grant| grant.binding.namespace.is_none() || grant.binding.namespace.as_ref() == request.namespace())
        .collect();
    let rules = || here.iter().flat_map(|grant| grant.rules.into_iter().flatten());
    let named: BTreeSet<String> =
        rules().filter(|rule| allows(&unnamed(rule), request)).flat_map(|rule| rule.resource_names.clone()).collect();
    if !named.is_empty() {
        return Nearest::Named(named);
    }
    let verbs: BTreeSet<String> = match request {
        Request::Resource { .. } => resources::VERBS,
        Request::Path { .. } => resources::METHODS,
    }
    .iter()
    .filter(|verb| rules().any(|rule| allows(rule, &with_verb(request, verb))))
    .map(|verb| (*verb).to_owned())
    .collect();
    if !verbs.is_empty() {
        return Nearest::Verbs(verbs);
    }
    let held = here.iter().filter(|grant| grant.rules.is_some()).map(|grant| {
        let (of, name) = grant.binding.role.place(grant.binding.namespace.as_ref());
        let key = place.role_block(of.as_ref(), &name).map(|(key, _)| key);
        (name, key)
    });
    let held: BTreeMap<String, Option<RoleKey>> = held.collect();
    if !held.is_empty() {
        return Nearest::Roles(held);
    }
    let anywhere: BTreeSet<Namespace> = given.iter().filter_map(|grant| grant.binding.namespace.clone()).collect();
    if anywhere.is_empty() { Nearest::Nothing } else { Nearest::Elsewhere(anywhere) }
}

/// Whether it is about something that belongs to no namespace.
fn is_of_cluster(request: &Request) -> bool {
    match request {
        Request::Path { .. } => true,
        Request::Resource { resource, group, .. } => {
            resources::known(resource, Some(group)).is_some_and(|known| !known.namespaced)
        }
    }
}

fn unnamed(rule: &PolicyRule) -> PolicyRule {
    PolicyRule { resource_names: Vec::new(), ..rule.clone() }
}

fn with_verb(request: &Request, verb: &str) -> Request {
    let mut request = request.clone();
    match &mut request {
        Request::Resource { verb: asked, .. } | Request::Path { verb: asked, .. } => verb.clone_into(asked),
    }
    request
}
