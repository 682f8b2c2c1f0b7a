//! What changes do to the roles that Kubernetes fills itself, and to everybody who has one of them.

use std::collections::{BTreeMap, BTreeSet};

use super::kubernetes::binding_address;
use super::parts::Part;
use super::resolve::Directory;
use crate::state::{
    Address, Binding, Change, DefaultRole, EnvironmentName, Namespace, PolicyRule, Resource, Role, RoleKind, Subject,
    covering,
};

/// What a change of a role does to those who have a default role that the role is added to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spread {
    /// The change of the role.
    pub address: Address,
    /// Whether they gain or lose.
    pub effect: Effect,
    /// The default roles that come to hold other rules.
    pub roles: BTreeSet<DefaultRole>,
    /// Every binding to one of those: once the plan is applied where they gain, as it is now where they lose.
    pub bindings: Vec<Reached>,
}

/// Whether rules are gained or lost.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Effect {
    /// Gained.
    Widens,
    /// Lost.
    Narrows,
}

/// A binding, ours or not, that gives or takes what its role gains or loses.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// The binding.
    pub address: Address,
    /// Its role.
    pub role: DefaultRole,
    /// Where it holds; `None` is the whole cluster.
    pub namespace: Option<Namespace>,
    /// Who has it. Names are hostile text.
    pub subjects: Vec<Subject>,
}

/// What these changes of one environment do to those who have a default role.
pub(super) fn spreads(
    environment: &EnvironmentName,
    part: Part<'_>,
    directory: &Directory<'_>,
    changes: &[Change],
) -> Vec<Spread> {
    let changes: Vec<&Change> =
        changes.iter().filter(|change| change.address.environment() == Some(environment)).collect();
    let live = part.cluster.roles.iter().map(|live| &live.role);
    let touched: BTreeSet<(&Option<Namespace>, &str)> =
        changes.iter().filter_map(|change| role_of(change.before())).map(place).collect();
    // Every role that a default role is made of afterwards, but for the default roles: those are the result.
    let finally: Vec<&Role> = live
        .filter(|role| !touched.contains(&place(role)) && DefaultRole::of_name(&role.name).is_none())
        .chain(changes.iter().filter_map(|change| role_of(change.after())))
        .collect();
    let mut spreads = Vec::new();
    for change in &changes {
        let (before, after) = (role_of(change.before()), role_of(change.after()));
        let gains = |default: &DefaultRole| {
            let added = rules(after, *default);
            let is_new = !covering::missing(&rules(before, *default), &added).is_empty();
            is_new && !covering::missing(part.rules_of(*default), &added).is_empty()
        };
        let loses = |default: &DefaultRole| {
            let kept: Vec<PolicyRule> = default.added(finally.iter().copied()).cloned().collect();
            !covering::missing(&kept, &rules(before, *default)).is_empty()
        };
        let widened: BTreeSet<DefaultRole> = DefaultRole::ALL.into_iter().filter(gains).collect();
        let narrowed: BTreeSet<DefaultRole> = DefaultRole::ALL.into_iter().filter(loses).collect();
        for (effect, roles) in [(Effect::Widens, widened), (Effect::Narrows, narrowed)] {
            if !roles.is_empty() {
                let bindings = reached(environment, part, directory, &changes, effect, &roles);
                spreads.push(Spread { address: change.address.clone(), effect, roles, bindings });
            }
        }
    }
    spreads
}

/// What a role adds to a default role.
fn rules(role: Option<&Role>, default: DefaultRole) -> Vec<PolicyRule> {
    default.added(role).cloned().collect()
}

fn place(role: &Role) -> (&Option<Namespace>, &str) {
    (&role.namespace, &role.name)
}

fn reached(
    environment: &EnvironmentName,
    part: Part<'_>,
    directory: &Directory<'_>,
    changes: &[&Change],
    effect: Effect,
    roles: &BTreeSet<DefaultRole>,
) -> Vec<Reached> {
    let live = part.cluster.bindings.iter().map(|live| &live.binding);
    let mut bindings: BTreeMap<Address, &Binding> =
        live.map(|binding| (binding_address(environment, binding), binding)).collect();
    // Whoever loses has it now; whoever gains has it then.
    for change in changes.iter().filter(|_| effect == Effect::Widens) {
        match change.after() {
            Some(Resource::Binding(binding)) => drop(bindings.insert(change.address.clone(), binding)),
            Some(Resource::Group(_) | Resource::Owner(_) | Resource::Member(_) | Resource::Role(_)) => {}
            None => drop(bindings.remove(&change.address)),
        }
    }
    let named = |subject: &Subject| Subject {
        principal: subject.principal.clone().or_else(|| directory.named(&part.desired.tokens, subject)),
        ..subject.clone()
    };
    let reached = bindings.into_iter().filter_map(|(address, binding)| {
        let role = DefaultRole::of_name(&binding.role.name).filter(|role| roles.contains(role))?;
        (binding.role.kind == RoleKind::ClusterRole && !binding.subjects.is_empty()).then(|| Reached {
            address,
            role,
            namespace: binding.namespace.clone(),
            subjects: binding.subjects.iter().map(named).collect(),
        })
    });
    reached.collect()
}

/// The rules of a default role as they are or are about to be without these changes, and with them. What a role adds that is
/// there already is not new, whether or not the cluster has followed.
pub(super) fn before_and_after(
    part: Part<'_>,
    default: DefaultRole,
    changes: &[&Change],
) -> (Vec<PolicyRule>, Vec<PolicyRule>) {
    let there = default.added(changes.iter().filter_map(|change| role_of(change.before())));
    let before: Vec<PolicyRule> = part.rules_of(default).iter().chain(there).cloned().collect();
    let after = before.iter().chain(added(default.name(), changes.iter().copied())).cloned().collect();
    (before, after)
}

/// The rules that a role comes to hold because a changed role of ours is added to it: none for any but the default roles.
pub(super) fn added<'a>(role: &str, changes: impl IntoIterator<Item = &'a Change>) -> Vec<&'a PolicyRule> {
    let Some(default) = DefaultRole::of_name(role) else { return Vec::new() };
    default.added(changes.into_iter().filter_map(|change| role_of(change.after()))).collect()
}

/// The role that a resource is.
pub(super) fn role_of(resource: Option<&Resource>) -> Option<&Role> {
    match resource? {
        Resource::Role(role) => Some(role),
        Resource::Group(_) | Resource::Owner(_) | Resource::Member(_) | Resource::Binding(_) => None,
    }
}
