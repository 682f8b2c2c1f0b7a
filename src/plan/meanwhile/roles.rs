//! What the roles of one cluster give at the start and at the end of a plan.

use std::collections::{BTreeMap, HashMap, HashSet};

use foldhash::fast::RandomState;

use crate::plan::aggregation::role_of;
use crate::plan::parts::Part;
use crate::state::{Binding, Change, Doubt, Filled, Namespace, PolicyRule, Role, RoleKind, covering};

/// Where a role is: its namespace if it has one, and its name.
pub(super) type Place<'a> = (Option<&'a Namespace>, &'a str);

/// Where the role of a binding is.
pub(super) fn place_of(binding: &Binding) -> Place<'_> {
    let namespace = match binding.role.kind {
        RoleKind::ClusterRole => None,
        RoleKind::Role => binding.namespace.as_ref(),
    };
    (namespace, &binding.role.name)
}

/// What each role gives at the start, and at the end.
pub(super) struct Roles<'a> {
    given: HashMap<Place<'a>, [&'a [PolicyRule]; 2], RandomState>,
    /// The same for those that the cluster fills, where what is taken in changes or was not taken in yet.
    filled: BTreeMap<&'a str, [Vec<PolicyRule>; 2]>,
}

impl<'a> Roles<'a> {
    pub(super) fn new(part: Part<'a>, changes: &[&'a Change]) -> Self {
        let mut given = HashMap::<Place<'a>, [&'a [PolicyRule]; 2], RandomState>::default();
        for live in &part.cluster.roles {
            given.insert(place(&live.role), [&live.role.rules; 2]);
        }
        let mut touched = HashSet::<Place<'a>, RandomState>::default();
        for change in changes {
            let (before, after) = (role_of(change.before()), role_of(change.after()));
            if let Some(role) = before.or(after) {
                touched.insert(place(role));
                given.entry(place(role)).or_default()[1] = after.map_or(&[], |role| &role.rules);
            }
        }
        let filled = Filled::new(part.cluster);
        let live = || part.cluster.roles.iter().map(|live| &live.role).filter(|role| !is_filled(&filled, role));
        let kept = live().filter(|role| !touched.contains(&place(role)));
        let written = changes.iter().filter_map(|change| role_of(change.after()));
        let (before, after) =
            (filled.by(live(), Doubt::SelectsNothing), filled.by(kept.chain(written), Doubt::SelectsNothing));
        let mut at = BTreeMap::new();
        for (place, [now, then]) in &given {
            let name = place.1;
            if place.0.is_some() || touched.contains(place) || !filled.is_filled(name) {
                continue;
            }
            let (had, has) = (rules(&before, name), rules(&after, name));
            // What only a role that goes or changes put there goes with it.
            let stays = |rule: &&PolicyRule| {
                !had.contains(rule) || covering::missing(&has, std::slice::from_ref(*rule)).is_empty()
            };
            let end: Vec<PolicyRule> = then.iter().filter(stays).cloned().collect();
            at.insert(name, [with(now.to_vec(), had.clone()), with(end, has)]);
        }
        Self { given, filled: at }
    }

    /// What the role of this binding gives at the start, and at the end.
    pub(super) fn given_by(&'a self, binding: &Binding) -> [&'a [PolicyRule]; 2] {
        let place = place_of(binding);
        let filled = self.filled.get(place.1).filter(|_| place.0.is_none());
        filled
            .map(|[start, end]| [start.as_slice(), end.as_slice()])
            .or(self.given.get(&place).copied())
            .unwrap_or_default()
    }
}

fn is_filled(filled: &Filled<'_>, role: &Role) -> bool {
    role.namespace.is_none() && filled.is_filled(&role.name)
}

fn place(role: &Role) -> Place<'_> {
    (role.namespace.as_ref(), &role.name)
}

fn rules(held: &BTreeMap<&str, Vec<&PolicyRule>>, name: &str) -> Vec<PolicyRule> {
    held.get(name).into_iter().flatten().copied().cloned().collect()
}

/// These rules, and those of the others that are not among them.
fn with(mut rules: Vec<PolicyRule>, others: Vec<PolicyRule>) -> Vec<PolicyRule> {
    let missing: Vec<PolicyRule> = others.into_iter().filter(|rule| !rules.contains(rule)).collect();
    rules.extend(missing);
    rules
}
