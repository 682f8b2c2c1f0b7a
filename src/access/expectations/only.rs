//! `only`: nothing beyond a list, and what every Kubernetes gives everybody.

use std::collections::BTreeSet;
use std::sync::LazyLock;

use super::whom::Whom;
use super::world::{Reach, World};
use super::{Verdict, Why};
use crate::state::covering::{self, Right};
use crate::state::resources::SERVED;
use crate::state::{Namespace, PolicyRule, Request};

/// What the bootstrap roles give `system:authenticated`: `system:basic-user`, `system:discovery` and
/// `system:public-info-viewer` of kube-apiserver 1.35. It is compared by rules and not by names, so that whatever is added
/// to one of those roles counts.
pub static EVERYBODY: LazyLock<Vec<PolicyRule>> = LazyLock::new(|| {
    let all = |words: &[&str]| words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>();
    let create = |group: &str, resources: &[&str]| PolicyRule {
        api_groups: all(&[group]),
        resources: all(resources),
        verbs: all(&["create"]),
        ..PolicyRule::default()
    };
    let paths = [
        "/api",
        "/api/*",
        "/apis",
        "/apis/*",
        "/healthz",
        "/livez",
        "/openapi",
        "/openapi/*",
        "/readyz",
        "/version",
        "/version/",
    ];
    vec![
        create("authorization.k8s.io", &["selfsubjectaccessreviews", "selfsubjectrulesreviews"]),
        create("authentication.k8s.io", &["selfsubjectreviews"]),
        PolicyRule { non_resource_urls: all(&paths), verbs: all(&["get"]), ..PolicyRule::default() },
    ]
});

impl World<'_, '_> {
    pub(super) fn only(&self, whom: &Whom<'_>, list: &[Request]) -> Verdict {
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
        if !broken.is_empty() {
            return Verdict::Broken(broken);
        }
        // One that the list does not name stands for whichever has the labels.
        let some_namespace = "some-namespace".parse::<Namespace>().ok();
        let doubts: BTreeSet<Why> = self
            .possible(whom, Reach::Anywhere)
            .into_iter()
            .filter(|possible| {
                possible.rules.is_none_or(|rules| {
                    let possible_place =
                        if possible.selected { some_namespace.as_ref() } else { possible.namespace.as_ref() };
                    !beyond(rules, possible_place, list).is_empty()
                })
            })
            .map(|possible| possible.why)
            .collect();
        if doubts.is_empty() { Verdict::Holds } else { Verdict::Unknown(doubts.into_iter().collect()) }
    }
}

/// What rules give in a namespace, or on the whole cluster, beyond a list and what everybody has.
pub(super) fn beyond(rules: &[PolicyRule], namespace: Option<&Namespace>, list: &[Request]) -> Vec<PolicyRule> {
    let here = list.iter().filter(|request| request.namespace().is_none() || request.namespace() == namespace);
    let held: Vec<PolicyRule> = here.map(rule).chain(EVERYBODY.iter().cloned()).collect();
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

/// A request as a rule that gives it.
fn rule(request: &Request) -> PolicyRule {
    let one = |text: &str| vec![text.to_owned()];
    match request {
        Request::Resource { verb, group, resource, subresource, name, .. } => PolicyRule {
            verbs: one(verb),
            api_groups: one(group),
            resources: vec![match subresource {
                Some(subresource) => format!("{resource}/{subresource}"),
                None => resource.clone(),
            }],
            resource_names: name.iter().cloned().collect(),
            ..PolicyRule::default()
        },
        Request::Path { verb, path } => {
            PolicyRule { verbs: one(verb), non_resource_urls: one(path), ..PolicyRule::default() }
        }
    }
}
