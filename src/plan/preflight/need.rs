//! What one change needs of whoever makes it.

use std::collections::{BTreeMap, BTreeSet};

use super::held::Held;
use crate::plan::aggregation;
use crate::plan::kubernetes::{Place, place_of};
use crate::state::covering::{self, Right};
use crate::state::{
    Address, Change, Cluster, DefaultRole, KubernetesKind, MissingRight, Namespace, Operation, PolicyRule, Resource,
};

const RBAC: &str = "rbac.authorization.k8s.io";

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
    /// The verb and the resource that the authorizer is asked about, and a name where only one object is meant.
    pub(super) fn verbs(&self) -> Vec<(&str, KubernetesKind, Option<&str>)> {
        match &self.right {
            MissingRight::Write { verbs, kind } => verbs.iter().map(|verb| (verb.as_str(), *kind, None)).collect(),
            MissingRight::Bind(role) => vec![("bind", role.kind.into(), Some(&role.name))],
            MissingRight::Escalate { kind, name } => vec![("escalate", *kind, Some(name))],
        }
    }

    pub(super) fn is_write(&self) -> bool {
        matches!(self.right, MissingRight::Write { .. })
    }
}

/// The rules of every role once the plan is applied.
pub(super) struct FinalRules<'a> {
    roles: BTreeMap<Place, &'a [PolicyRule]>,
    /// The default roles that the plan adds rules to, those included.
    filled: BTreeMap<Place, Vec<PolicyRule>>,
}

impl<'a> FinalRules<'a> {
    pub(super) fn new(cluster: &'a Cluster, changes: &[&'a Change]) -> Self {
        let live = cluster.roles.iter().map(|live| &live.role);
        let written = changes.iter().filter_map(|change| match change.after() {
            Some(Resource::Role(role)) => Some(role),
            Some(Resource::Group(_) | Resource::Owner(_) | Resource::Member(_) | Resource::Binding(_)) | None => None,
        });
        let roles = live.chain(written);
        let roles: BTreeMap<Place, &[PolicyRule]> =
            roles.map(|role| ((role.namespace.clone(), role.name.clone()), &role.rules[..])).collect();
        let filled = DefaultRole::ALL.into_iter().filter_map(|default| {
            let place = (None, default.name().to_owned());
            let added = aggregation::added(default.name(), changes.iter().copied());
            let live = roles.get(&place).filter(|_| !added.is_empty())?;
            Some((place, live.iter().chain(added).cloned().collect()))
        });
        let filled = filled.collect();
        Self { roles, filled }
    }

    fn of(&self, place: &Place) -> Option<&[PolicyRule]> {
        self.filled.get(place).map(Vec::as_slice).or_else(|| self.roles.get(place).copied())
    }
}

/// Everything that a change needs. A server-side apply that makes an object needs `create` besides `patch`, and has the
/// name of the object in both (apiserver `pkg/endpoints/handlers/patch.go`).
pub(super) fn of<'a>(change: &'a Change, roles: &FinalRules<'_>, held: &mut Held<'a>) -> Vec<Need<'a>> {
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
            let given = roles.of(&place_of(&binding.role, place));
            let missing = given.map(|rules| covering::missing(held.rules(place), rules));
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
