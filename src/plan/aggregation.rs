//! What changes of roles do to everybody who is bound to them, and to the roles that Kubernetes fills itself.

use std::collections::{BTreeMap, BTreeSet};

use super::kubernetes::{binding_address, place_of};
use super::parts::Part;
use super::resolve::Directory;
use crate::state::{
    Address, Binding, Change, Cluster, DefaultRole, Doubt, EnvironmentName, Filled, Namespace, PolicyRule, Resource,
    Role, RoleKind, Subject, covering,
};

/// What a change of a role does to those who have a role that takes in its rules: a default one, or any other that the
/// cluster fills.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spread {
    /// The change of the role.
    pub address: Address,
    /// Whether they gain or lose.
    pub effect: Effect,
    /// The names of the roles that come to hold other rules. They are hostile text.
    pub roles: BTreeSet<String>,
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
    /// The name of its role.
    pub role: String,
    /// Where it holds; `None` is the whole cluster.
    pub namespace: Option<Namespace>,
    /// Who has it. Names are hostile text.
    pub subjects: Vec<Subject>,
}

/// A role that comes to hold other rules by a change of a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Affected<'a> {
    /// The changed role itself.
    Itself,
    /// A role of this name that takes in its rules.
    Filled(&'a str),
}

/// What a change of a role does to those who are bound to it, or to a role that takes it in.
pub(super) struct Impact<'a> {
    /// The change of the role.
    pub(super) change: &'a Change,
    /// Whether they gain or lose.
    pub(super) effect: Effect,
    /// The roles that come to hold other rules.
    affected: BTreeSet<Affected<'a>>,
    /// Every binding to one of those: once the plan is applied where they gain, as it is now where they lose.
    pub(super) bindings: Vec<(Address, Affected<'a>, &'a Binding)>,
}

impl Impact<'_> {
    /// Whether a binding gives what the changed role gives.
    pub(super) fn reaches(&self, binding: &Binding) -> bool {
        let role = role_of(self.change.before()).or(role_of(self.change.after()));
        role.and_then(|role| bound_to(binding, role)).is_some_and(|by| self.affected.iter().any(|each| *each == by))
    }
}

/// The changes on each environment, in their order.
pub(super) fn by_environment(changes: &[Change]) -> BTreeMap<&EnvironmentName, Vec<&Change>> {
    let mut on: BTreeMap<&EnvironmentName, Vec<&Change>> = BTreeMap::new();
    for change in changes {
        if let Some(environment) = change.address.environment() {
            on.entry(environment).or_default().push(change);
        }
    }
    on
}

/// What these changes of one environment do to those who are bound to a role.
pub(super) fn impacts<'a>(environment: &EnvironmentName, part: Part<'a>, changes: &[&'a Change]) -> Vec<Impact<'a>> {
    if !changes.iter().any(|change| role_of(change.before()).or(role_of(change.after())).is_some()) {
        return Vec::new();
    }
    let live = part.cluster.roles.iter().map(|live| &live.role);
    let touched: BTreeSet<(&Option<Namespace>, &str)> =
        changes.iter().filter_map(|change| role_of(change.before())).map(place).collect();
    let filled = Filled::new(part.cluster);
    // Every role that others are made of afterwards, but for those that are filled themselves: they are the result.
    let stays =
        |role: &&Role| !touched.contains(&place(role)) && (role.namespace.is_some() || !filled.is_filled(&role.name));
    let finally = live.filter(stays).chain(changes.iter().filter_map(|change| role_of(change.after())));
    let kept = filled.by(finally, Doubt::SelectsNothing);
    let (now, then) = bindings(environment, part, changes);
    let mut impacts = Vec::new();
    for change in changes.iter().copied() {
        let (before, after) = (role_of(change.before()), role_of(change.after()));
        let Some(role) = before.or(after) else { continue };
        let held_by = |role, doubt| filled.by(role, doubt);
        let (added, had) = (held_by(after, Doubt::Selects), held_by(before, Doubt::Selects));
        let surely_had = held_by(before, Doubt::SelectsNothing);
        let gains = |affected: &Affected<'_>| match affected {
            Affected::Itself => is_more(after, before),
            Affected::Filled(name) => {
                let added = rules(&added, name);
                let is_new = !covering::missing(&rules(&surely_had, name), &added).is_empty();
                is_new && !covering::missing(part.rules_of(name), &added).is_empty()
            }
        };
        let loses = |affected: &Affected<'_>| match affected {
            Affected::Itself => is_more(before, after),
            Affected::Filled(name) => !covering::missing(&rules(&kept, name), &rules(&had, name)).is_empty(),
        };
        let names: BTreeSet<&str> = added.keys().chain(had.keys()).copied().collect();
        let all = || [Affected::Itself].into_iter().chain(names.iter().copied().map(Affected::Filled));
        let widened: BTreeSet<Affected<'_>> = all().filter(gains).collect();
        let narrowed: BTreeSet<Affected<'_>> = all().filter(loses).collect();
        for (effect, affected, there) in [(Effect::Widens, widened, &then), (Effect::Narrows, narrowed, &now)] {
            if !affected.is_empty() {
                let bindings = there.iter().filter_map(|(address, binding)| {
                    let by = bound_to(binding, role).filter(|by| affected.contains(by))?;
                    Some((address.clone(), by, *binding))
                });
                let bindings = bindings.collect();
                impacts.push(Impact { change, effect, affected, bindings });
            }
        }
    }
    impacts
}

/// What these changes of one environment do to those who have a role that the cluster fills.
pub(super) fn spreads(
    environment: &EnvironmentName,
    part: Part<'_>,
    directory: &Directory<'_>,
    changes: &[&Change],
) -> Vec<Spread> {
    let name_of = |affected: &Affected<'_>| match affected {
        Affected::Filled(name) => Some((*name).to_owned()),
        Affected::Itself => None,
    };
    let named = |subject: &Subject| Subject {
        principal: subject.principal.clone().or_else(|| directory.named(&part.desired.tokens, subject)),
        ..subject.clone()
    };
    let spreads = impacts(environment, part, changes).into_iter().filter_map(|impact| {
        let roles: BTreeSet<String> = impact.affected.iter().filter_map(name_of).collect();
        let bindings = impact.bindings.into_iter().filter_map(|(address, affected, binding)| {
            Some(Reached {
                address,
                role: name_of(&affected)?,
                namespace: binding.namespace.clone(),
                subjects: binding.subjects.iter().map(named).collect(),
            })
        });
        let bindings = bindings.collect();
        (!roles.is_empty()).then(|| Spread {
            address: impact.change.address.clone(),
            effect: impact.effect,
            roles,
            bindings,
        })
    });
    spreads.collect()
}

/// Whether a role gives something that another does not.
fn is_more(role: Option<&Role>, other: Option<&Role>) -> bool {
    let rules = |role: Option<&'_ Role>| role.map(|role| role.rules.clone()).unwrap_or_default();
    !covering::missing(&rules(other), &rules(role)).is_empty()
}

/// What the role of this name holds of these.
fn rules(held: &BTreeMap<&str, Vec<&PolicyRule>>, name: &str) -> Vec<PolicyRule> {
    held.get(name).into_iter().flatten().copied().cloned().collect()
}

fn place(role: &Role) -> (&Option<Namespace>, &str) {
    (&role.namespace, &role.name)
}

/// By what a binding would give what a role gives: by referring to it, or to a role of the cluster.
fn bound_to<'a>(binding: &'a Binding, role: &Role) -> Option<Affected<'a>> {
    let (namespace, name) = place_of(&binding.role, binding.namespace.as_ref());
    if (&namespace, name.as_str()) == place(role) {
        return Some(Affected::Itself);
    }
    (binding.role.kind == RoleKind::ClusterRole).then_some(Affected::Filled(&binding.role.name))
}

/// The bindings that give anybody anything, as they are, and once these changes are made. Whoever loses has it now; whoever
/// gains has it then.
fn bindings<'a>(
    environment: &EnvironmentName,
    part: Part<'a>,
    changes: &[&'a Change],
) -> (BTreeMap<Address, &'a Binding>, BTreeMap<Address, &'a Binding>) {
    let live = part.cluster.bindings.iter().map(|live| &live.binding);
    let mut now: BTreeMap<Address, &Binding> =
        live.map(|binding| (binding_address(environment, binding), binding)).collect();
    let mut then = now.clone();
    for change in changes {
        match change.after() {
            Some(Resource::Binding(binding)) => drop(then.insert(change.address.clone(), binding)),
            Some(Resource::Group(_) | Resource::Owner(_) | Resource::Member(_) | Resource::Role(_)) => {}
            None => drop(then.remove(&change.address)),
        }
    }
    for bindings in [&mut now, &mut then] {
        bindings.retain(|_, binding| !binding.subjects.is_empty());
    }
    (now, then)
}

/// The rules of a role that the cluster fills as they are or are about to be without these changes, and with them. What a role adds that is
/// there already is not new, whether or not the cluster has followed.
pub(super) fn before_and_after(part: Part<'_>, name: &str, changes: &[&Change]) -> (Vec<PolicyRule>, Vec<PolicyRule>) {
    let there = changes.iter().filter_map(|change| role_of(change.before()));
    let there = rules(&Filled::new(part.cluster).by(there, Doubt::SelectsNothing), name);
    let before: Vec<PolicyRule> = part.rules_of(name).iter().cloned().chain(there).collect();
    let added = rules(&added(part.cluster, changes.iter().copied()), name);
    let after = before.iter().cloned().chain(added).collect();
    (before, after)
}

/// The rules that each role comes to hold, by its name, because a changed role of ours is taken in by it.
pub(super) fn added<'c, 'a>(
    cluster: &'c Cluster,
    changes: impl IntoIterator<Item = &'a Change>,
) -> BTreeMap<&'c str, Vec<&'a PolicyRule>> {
    let written = changes.into_iter().filter_map(|change| role_of(change.after()));
    Filled::new(cluster).by(written, Doubt::Selects)
}

/// Names of roles, the default ones first, from the least.
pub fn listed<'a>(names: impl IntoIterator<Item = &'a str>) -> Vec<&'a str> {
    let mut listed: Vec<&str> = names.into_iter().collect();
    listed
        .sort_by_key(|name| (DefaultRole::of_name(name).map_or((true, None), |default| (false, Some(default))), *name));
    listed
}

/// The role that a resource is.
pub(super) fn role_of(resource: Option<&Resource>) -> Option<&Role> {
    match resource? {
        Resource::Role(role) => Some(role),
        Resource::Group(_) | Resource::Owner(_) | Resource::Member(_) | Resource::Binding(_) => None,
    }
}
