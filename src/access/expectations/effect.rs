//! By which ways somebody has what they should not have: those that the files ask for, and those that are new.

use std::collections::BTreeMap;

use super::What;
use super::only::beyond;
use super::whom::Whom;
use super::world::World;
use crate::access::Grant;
use crate::state::covering;
use crate::state::{Namespace, PolicyRule, SubjectKind};

/// What breaks a `cannot` or an `only`.
#[derive(Default)]
pub(super) struct Effect {
    is_superuser: bool,
    ways: BTreeMap<(Option<Namespace>, String), Way>,
}

struct Way {
    /// Whether the files ask for the binding and for every membership on the way to it.
    of_files: bool,
    /// Of `only`: what lies beyond it.
    beyond: Vec<PolicyRule>,
}

impl Effect {
    /// Whether the files ask for some of it, whole.
    pub(super) fn is_of_files(&self) -> bool {
        self.ways.values().any(|way| way.of_files)
    }

    /// Whether there is more of it than before: another binding gives it, or one gives more beyond `only`.
    pub(super) fn adds_to(&self, before: &Self) -> bool {
        let is_more = |(at, way): (&(Option<Namespace>, String), &Way)| {
            if way.beyond.is_empty() {
                return !before.ways.contains_key(at);
            }
            let reaches = |place: &Option<Namespace>| place.is_none() || *place == at.0;
            let held = before.ways.iter().filter(|((place, _), _)| reaches(place));
            let held: Vec<&PolicyRule> = held.flat_map(|(_, way)| &way.beyond).collect();
            covering::rights(&way.beyond).any(|right| !held.iter().any(|rule| right.covered_by(rule)))
        };
        (self.is_superuser && !before.is_superuser) || self.ways.iter().any(is_more)
    }
}

impl World<'_, '_> {
    pub(super) fn effect(&self, whom: &Whom<'_>, expected: &What) -> Effect {
        let mut effect = Effect { is_superuser: whom.caller.is_superuser(), ways: BTreeMap::new() };
        let mut add = |grant: &Grant<'_>, beyond: Vec<PolicyRule>| {
            let at = (grant.binding.namespace.clone(), grant.binding.name.clone());
            effect.ways.insert(at, Way { of_files: self.is_of_files(whom, grant), beyond });
        };
        match expected {
            What::Can(_) => {}
            What::Cannot(request) => self.giving_some(whom, request).for_each(|grant| add(&grant, Vec::new())),
            What::Only(list) => {
                for grant in self.rbac.given(&whom.caller) {
                    let rules = grant.rules.unwrap_or_default();
                    let beyond = beyond(rules, grant.binding.namespace.as_ref(), list);
                    if !beyond.is_empty() {
                        add(&grant, beyond);
                    }
                }
            }
        }
        effect
    }

    /// Whether the files ask for a binding and for every membership on the way to it.
    fn is_of_files(&self, whom: &Whom<'_>, grant: &Grant<'_>) -> bool {
        if self.asked(grant.binding).is_none() {
            return false;
        }
        if grant.subject.kind != SubjectKind::Group {
            return true;
        }
        let Some(group) = whom.called(&grant.subject.name) else { return true };
        match (&whom.ways, &whom.group) {
            (Some(ways), _) => ways.get(group).is_some_and(|way| way.iter().all(|step| step.origin.is_some())),
            (None, Some(own)) if own == group => true,
            (None, Some(own)) => {
                let around = self.people.ways_around(own);
                around.get(group).is_some_and(|way| way.iter().all(|step| step.origin.is_some()))
            }
            (None, None) => true,
        }
    }
}
