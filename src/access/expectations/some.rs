//! What counts against `cannot`: whatever gives some of it.

use super::Why;
use super::whom::Whom;
use super::world::World;
use crate::access::Grant;
use crate::access::rbac::allows;
use crate::state::{PolicyRule, Request};

/// Resources whose objects are served by two groups: whoever may read one has read the other (kubernetes
/// `pkg/registry/events/rest/storage_events.go` serves the storage of the core group's events).
const TWINS: [(&str, &str, &str); 1] = [("events", "", "events.k8s.io")];

/// Whether a rule gives some of what a request is about: the same of one object that it names, or the same objects by another
/// name. Whoever may get one secret of a namespace can get secrets there.
pub(super) fn gives_some(rule: &PolicyRule, request: &Request) -> bool {
    allows_some(rule, request) || twin(request).is_some_and(|twin| allows_some(rule, &twin))
}

fn allows_some(rule: &PolicyRule, request: &Request) -> bool {
    if allows(rule, request) {
        return true;
    }
    let Request::Resource { verb, subresource, name: None, .. } = request else { return false };
    // What is made has no name yet, and all of a kind have none: a rule about names never allows these.
    let is_of_none = verb == "deletecollection" || (verb == "create" && subresource.is_none());
    !is_of_none && rule.resource_names.iter().any(|name| allows(rule, &named(request, name)))
}

fn named(request: &Request, of: &str) -> Request {
    let mut named = request.clone();
    if let Request::Resource { name, .. } = &mut named {
        *name = Some(of.to_owned());
    }
    named
}

/// The same request of the other group that serves the same objects.
fn twin(request: &Request) -> Option<Request> {
    let Request::Resource { group: own, resource: of, .. } = request else { return None };
    let other = TWINS.iter().find_map(|(resource, one, other)| match own {
        _ if resource != of => None,
        own if own == one => Some(*other),
        own if own == other => Some(*one),
        _ => None,
    })?;
    let mut twin = request.clone();
    if let Request::Resource { group, .. } = &mut twin {
        other.clone_into(group);
    }
    Some(twin)
}

impl<'w> World<'w, '_> {
    /// Everything that gives them some of it.
    pub(super) fn giving_some<'s>(
        &'s self,
        whom: &'s Whom<'_>,
        request: &'s Request,
    ) -> impl Iterator<Item = Grant<'w>> + 's {
        let reaching = self.rbac.reaching(&whom.caller, request.namespace());
        reaching.filter(|grant| grant.rules.unwrap_or_default().iter().any(|rule| gives_some(rule, request)))
    }

    /// Why they can do some of it, where they can.
    pub(super) fn against(&self, whom: &Whom<'_>, request: &Request) -> Vec<Why> {
        let mut against: Vec<Why> = self
            .giving_some(whom, request)
            .map(|grant| {
                let Why { mut text, lines } = self.given(whom, &grant);
                if grant.allows(request).is_none() {
                    text = format!("{text}{}", of_what(&grant, request));
                }
                Why { text, lines }
            })
            .collect();
        if whom.caller.is_superuser() {
            let text = "they are in system:masters, who may do anything".to_owned();
            against.insert(0, Why { text, lines: Vec::new() });
        }
        against
    }
}

/// Of which objects it gives it, or by which other name.
fn of_what(grant: &Grant<'_>, request: &Request) -> String {
    let rules = grant.rules.unwrap_or_default();
    let Some(rule) = rules.iter().find(|rule| allows_some(rule, request)) else {
        return twin(request).map_or_else(String::new, |twin| format!(", which gives `{twin}`: the same"));
    };
    let names: Vec<String> = rule.resource_names.iter().map(|name| format!("{name:?}")).collect();
    format!(", of those called {}", crate::state::first_few(names, 3))
}
