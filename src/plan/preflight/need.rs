//! What one change needs of whoever makes it.

use std::collections::BTreeSet;

use crate::state::covering::{self, Given, Held, Right};
use crate::state::{Address, Change, KubernetesKind, MissingRight, Namespace, Operation, PolicyRule, RBAC, Resource};

/// One right that one change needs, and whether the rules that were read give it.
pub(super) struct Need<'a> {
    pub(super) address: &'a Address,
    pub(super) right: MissingRight,
    pub(super) place: Option<&'a Namespace>,
    /// Whether the rules that were read are enough.
    pub(super) is_met: bool,
    /// The rules that are given and not held; holding them is enough for `bind` and `escalate`.
    pub(super) missing: Vec<PolicyRule>,
}

impl Need<'_> {
    pub(super) fn is_write(&self) -> bool {
        matches!(self.right, MissingRight::Write { .. })
    }
}

/// Everything that a change needs. A server-side apply that makes an object needs `create` besides `patch`, and has the
/// name of the object in both (apiserver `pkg/endpoints/handlers/patch.go`).
pub(super) fn of<'a>(change: &'a Change, given: &Given<'_>, held: &mut Held<'a>) -> Vec<Need<'a>> {
    let Address::Object { kind, namespace, name, .. } = &change.address else { return Vec::new() };
    let place = namespace.as_ref();
    let verbs: &[&str] = match change.operation {
        Operation::Create { .. } | Operation::Restore { .. } => &["create", "patch"],
        Operation::Update { .. } => &["patch"],
        Operation::Delete { .. } => &["delete"],
    };
    let mut needs = Vec::new();
    let mut need = |right: MissingRight, is_met: bool, missing: Vec<PolicyRule>| {
        needs.push(Need { address: &change.address, right, place, is_met, missing });
    };
    for verb in verbs {
        let is_met = holds(held.rules(place), verb, *kind, name);
        let verbs = BTreeSet::from([(*verb).to_owned()]);
        need(MissingRight::Write { verbs, kind: *kind }, is_met, Vec::new());
    }
    match change.after() {
        Some(Resource::Role(role)) => {
            let missing = covering::missing(held.rules(place), &role.rules);
            let is_met = missing.is_empty() || holds(held.rules(place), "escalate", *kind, name);
            need(MissingRight::Escalate { kind: *kind, name: name.clone() }, is_met, missing);
        }
        Some(Resource::Binding(binding)) => {
            let rules = given.by(&binding.role, place);
            let missing = rules.map(|rules| covering::missing(held.rules(place), rules));
            // To bind a role that is not there, only `bind` itself will do.
            let is_covered = missing.as_ref().is_some_and(Vec::is_empty);
            let is_met = is_covered || holds(held.rules(place), "bind", binding.role.kind.into(), &binding.role.name);
            need(MissingRight::Bind(binding.role.clone()), is_met, missing.unwrap_or_default());
        }
        Some(Resource::Group(_) | Resource::Owner(_) | Resource::Member(_)) | None => {}
    }
    needs
}

fn holds(rules: &[PolicyRule], verb: &str, kind: KubernetesKind, name: &str) -> bool {
    let right = Right::Resource { group: RBAC, resource: kind.plural(), name: Some(name), verb };
    rules.iter().any(|rule| right.covered_by(rule))
}
