//! `only`: nothing beyond a list, and what every Kubernetes gives everybody.

use super::Why;
use super::whom::Whom;
use super::world::World;
use crate::state::covering::{self, Right};
use crate::state::expectation::EVERYBODY;
use crate::state::resources::SERVED;
use crate::state::{Namespace, PolicyRule, Request};

impl World<'_, '_> {
    /// What gives them more than a list.
    pub(super) fn more_than(&self, whom: &Whom<'_>, list: &[Request]) -> Vec<Why> {
        let mut broken = Vec::new();
        if whom.caller.is_superuser() {
            let text = "they are in system:masters, who may do anything".to_owned();
            broken.push(Why { text, lines: Vec::new() });
        }
        for grant in self.rbac.given(&whom.caller) {
            let beyond = beyond(grant.rules.unwrap_or_default(), grant.binding.namespace.as_ref(), list);
            if !beyond.is_empty() {
                let Why { text, lines } = self.given(whom, &grant);
                broken.push(Why { text: format!("{text} gives {}", covering::words(&beyond)), lines });
            }
        }
        broken
    }
}

/// What rules give in a namespace, or on the whole cluster, beyond a list and what everybody has.
pub(super) fn beyond(rules: &[PolicyRule], namespace: Option<&Namespace>, list: &[Request]) -> Vec<PolicyRule> {
    let here = list.iter().filter(|request| request.namespace().is_none() || request.namespace() == namespace);
    let held: Vec<PolicyRule> = here.map(Request::as_rule).chain(EVERYBODY.iter().cloned()).collect();
    let rights = covering::rights(rules).filter(|right| is_effective(right, namespace));
    covering::compact(rights.filter(|right| !held.iter().any(|rule| within(right, namespace).covered_by(rule))))
}

/// Whether a right can be used where it is given: what is in no namespace, and paths, are out of reach of a RoleBinding.
fn is_effective(right: &Right<'_>, namespace: Option<&Namespace>) -> bool {
    if namespace.is_none() {
        return true;
    }
    match right {
        Right::Url { .. } => false,
        Right::Resource { group, resource, .. } => {
            let plural = resource.split_once('/').map_or(*resource, |(plural, _)| plural);
            let is_wide =
                |known: &&crate::state::resources::KnownResource| known.group == *group && known.plural == plural;
            plural == "namespaces" || SERVED.iter().find(is_wide).is_none_or(|known| known.namespaced)
        }
    }
}

/// In a namespace, the only namespace object that a right is about is that namespace.
fn within<'r>(right: &Right<'r>, namespace: Option<&'r Namespace>) -> Right<'r> {
    match (*right, namespace) {
        (Right::Resource { group: "", resource, name: None, verb }, Some(namespace))
            if resource == "namespaces" || resource.starts_with("namespaces/") =>
        {
            Right::Resource { group: "", resource, name: Some(namespace.as_str()), verb }
        }
        (right, _) => right,
    }
}
