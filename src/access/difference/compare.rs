//! What somebody holds on one cluster before and after, and what the difference comes to, place by place.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::{Arc, LazyLock};

use super::row::{AccessEffect, Standing};
use crate::access::{Caller, Grant, Rbac};
use crate::state::covering::missing;
use crate::state::power::{self, Way};
use crate::state::{Namespace, PolicyRule, RoleKind, RoleRef, SubjectKind, SubjectName};

/// One thing that somebody holds: what a binding gives them, by whatever name the binding goes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Holding {
    /// Where it holds.
    pub(super) namespace: Option<Namespace>,
    pub(super) role: RoleRef,
    /// The group that is bound; `None` where they are bound themselves.
    pub(super) group: Option<SubjectName>,
}

/// What comes of a change at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Outcome {
    pub(super) namespace: Option<Namespace>,
    pub(super) effect: AccessEffect,
    /// How they come to everything by what they gain.
    pub(super) leads: BTreeSet<Way>,
    pub(super) before: BTreeSet<RoleRef>,
    pub(super) after: BTreeSet<RoleRef>,
    pub(super) gained: Rc<[PolicyRule]>,
    pub(super) lost: Rc<[PolicyRule]>,
    /// The rules of the roles after.
    pub(super) holds: Arc<[PolicyRule]>,
    /// What comes, goes, changes, or stays and matters.
    pub(super) holdings: Vec<(Standing, Holding)>,
}

/// Compares callers on one cluster. Those who are given the same are compared once.
pub(super) struct Comparing<'r> {
    pub(super) before: &'r Rbac<'r>,
    pub(super) after: &'r Rbac<'r>,
    known: BTreeMap<(Given, Given), Rc<Vec<Outcome>>>,
    covering: Covering<'r>,
}

/// Which rules give what others do not. Few roles are given to many people in many places: each pair is looked at once.
#[derive(Default)]
struct Covering<'r> {
    known: BTreeMap<(Sources<'r>, Sources<'r>), Rc<[PolicyRule]>>,
    leads: BTreeMap<(Sources<'r>, bool), BTreeSet<Way>>,
    joined: BTreeMap<Sources<'r>, Arc<[PolicyRule]>>,
}

/// The rules of some roles, by where they are kept.
type Sources<'r> = BTreeSet<Source<'r>>;

/// The rules of a role, all of them or those that count in a namespace. The same place is the same rules.
#[derive(Clone, Copy, Debug)]
struct Source<'r> {
    rules: &'r [PolicyRule],
    without_paths: bool,
}

impl Source<'_> {
    fn key(&self) -> (usize, usize, bool) {
        (self.rules.as_ptr().addr(), self.rules.len(), self.without_paths)
    }
}

impl PartialEq for Source<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.key() == other.key()
    }
}

impl Eq for Source<'_> {}

impl PartialOrd for Source<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Source<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key().cmp(&other.key())
    }
}

impl<'r> Covering<'r> {
    /// What the second rules give and the first do not.
    fn missing(&mut self, one: &Sources<'r>, other: &Sources<'r>) -> Rc<[PolicyRule]> {
        if other.is_subset(one) {
            return Rc::default();
        }
        let known = self.known.entry((one.clone(), other.clone()));
        Rc::clone(known.or_insert_with(|| missing(&all(one), &all(other)).into()))
    }

    /// All rules of the roles of these names, of those that somebody holds there.
    fn joined(
        &mut self,
        held: &Held<'r>,
        roles: &BTreeSet<RoleRef>,
        namespace: Option<&Namespace>,
    ) -> Arc<[PolicyRule]> {
        let reaches = |holding: &Holding| holding.namespace.is_none() || holding.namespace.as_ref() == namespace;
        let telling = held.iter().filter(|(holding, _)| reaches(holding) && roles.contains(&holding.role));
        let sources: Sources<'r> =
            telling.map(|(_, rules)| Source { rules, without_paths: namespace.is_some() }).collect();
        let known = self.joined.entry(sources);
        Arc::clone(known.or_insert_with_key(|sources| all(sources).into()))
    }

    /// How these rules lead to everything there.
    fn leads(&mut self, sources: &Sources<'r>, namespace: Option<&Namespace>) -> BTreeSet<Way> {
        if namespace.is_some_and(|namespace| namespace.as_str() != power::SYSTEM) {
            return BTreeSet::new();
        }
        let everywhere = namespace.is_none();
        let known = self.leads.entry((sources.clone(), everywhere));
        known.or_insert_with(|| power::leads(&all(sources), everywhere)).clone()
    }
}

fn all(sources: &Sources<'_>) -> Vec<PolicyRule> {
    let of =
        |source: &Source<'_>| if source.without_paths { without_paths(source.rules) } else { source.rules.to_vec() };
    sources.iter().flat_map(of).collect()
}

/// What a caller is given before, or after: there, a binding and its subject at the same address are the same with the same rules.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Given {
    bound: Vec<(usize, usize)>,
    is_superuser: bool,
}

/// What somebody holds, with the rules that each gives.
type Held<'r> = BTreeMap<Holding, &'r [PolicyRule]>;

/// Whoever is in `system:masters` needs no role.
static EVERYTHING: LazyLock<Vec<PolicyRule>> = LazyLock::new(|| {
    let any = || vec!["*".to_owned()];
    let resources = PolicyRule { api_groups: any(), resources: any(), verbs: any(), ..PolicyRule::default() };
    let paths = PolicyRule { non_resource_urls: any(), verbs: any(), ..PolicyRule::default() };
    vec![resources, paths]
});

impl<'r> Comparing<'r> {
    pub(super) fn new(before: &'r Rbac<'r>, after: &'r Rbac<'r>) -> Self {
        Self { before, after, known: BTreeMap::new(), covering: Covering::default() }
    }

    /// What it comes to that somebody is the one before and the other after.
    pub(super) fn of(&mut self, before: &Caller, after: &Caller) -> Rc<Vec<Outcome>> {
        let [one, other] = [(self.before, before), (self.after, after)].map(|(rbac, caller)| {
            let grants: Vec<Grant<'r>> = rbac.given(caller).collect();
            (Given::new(&grants, caller), held(&grants, caller.is_superuser()))
        });
        let known = self.known.entry((one.0, other.0));
        let covering = &mut self.covering;
        Rc::clone(known.or_insert_with(|| Rc::new(outcomes(&one.1, &other.1, covering))))
    }

    /// What somebody could have, and did not have, before and after; `None` is what they have. What somebody can have
    /// that they neither have nor could have before is gained; what they could and can no longer is lost, where this ends.
    pub(super) fn indirect(&mut self, is: [&Caller; 2], could: [Option<&Caller>; 2], ends: bool) -> Vec<Outcome> {
        let rbacs = [self.before, self.after];
        let held = |of: usize, caller: &Caller| -> Held<'r> {
            let grants: Vec<Grant<'r>> = rbacs[of].given(caller).collect();
            held(&grants, caller.is_superuser())
        };
        let is = [held(0, is[0]), held(1, is[1])];
        let could = [could[0].map(|caller| held(0, caller)), could[1].map(|caller| held(1, caller))];
        let [before, after] = [could[0].as_ref().unwrap_or(&is[1]), could[1].as_ref().unwrap_or(&is[1])];
        let sides = Indirect { is: [&is[0], &is[1]], could: [could[0].as_ref(), could[1].as_ref()], ends };
        each_place(before, after, |namespace| sides.outcome(namespace, (before, after), &mut self.covering))
            .into_iter()
            .filter(|outcome| outcome.effect != AccessEffect::Same)
            .collect()
    }

    /// Where somebody has by groups of these names what they had by them, and nothing else changes; with what that is.
    pub(super) fn kept(
        &mut self,
        before: &Caller,
        after: &Caller,
        names: &BTreeSet<&SubjectName>,
    ) -> Vec<(Outcome, Vec<Holding>)> {
        let [before, after] = [(self.before, before), (self.after, after)].map(|(rbac, caller)| {
            let grants: Vec<Grant<'r>> = rbac.given(caller).collect();
            held(&grants, caller.is_superuser())
        });
        let mut places: BTreeMap<Option<&Namespace>, Vec<Holding>> = BTreeMap::new();
        for holding in after.keys().filter(|holding| before.contains_key(*holding)) {
            if holding.group.as_ref().is_some_and(|name| names.contains(name)) {
                places.entry(holding.namespace.as_ref()).or_default().push(holding.clone());
            }
        }
        let outcomes =
            places.into_iter().map(|(namespace, kept)| (outcome(namespace, &before, &after, &mut self.covering), kept));
        outcomes.filter(|(outcome, _)| outcome.effect == AccessEffect::Same).collect()
    }
}

impl Given {
    fn new(grants: &[Grant<'_>], caller: &Caller) -> Self {
        let address =
            |grant: &Grant<'_>| (std::ptr::from_ref(grant.binding).addr(), std::ptr::from_ref(grant.subject).addr());
        Self { bound: grants.iter().map(address).collect(), is_superuser: caller.is_superuser() }
    }
}

/// A binding to a role that is not there, or that has no rules, gives nothing.
fn held<'r>(grants: &[Grant<'r>], is_superuser: bool) -> Held<'r> {
    let mut held = Held::new();
    for grant in grants {
        let Some(rules) = grant.rules.filter(|rules| !rules.is_empty()) else { continue };
        let group = (grant.subject.kind == SubjectKind::Group).then(|| grant.subject.name.clone());
        let holding = Holding { namespace: grant.binding.namespace.clone(), role: grant.binding.role.clone(), group };
        held.insert(holding, rules);
    }
    if is_superuser {
        let name = "system:masters".to_owned();
        let role = RoleRef { kind: RoleKind::ClusterRole, name: name.clone() };
        held.insert(Holding { namespace: None, role, group: Some(SubjectName::Known(name)) }, EVERYTHING.as_slice());
    }
    held
}

fn outcomes<'r>(before: &Held<'r>, after: &Held<'r>, covering: &mut Covering<'r>) -> Vec<Outcome> {
    each_place(before, after, |namespace| outcome(namespace, before, after, covering))
}

/// What comes of a change on the whole cluster, and wherever it comes to something else.
fn each_place(
    before: &Held<'_>,
    after: &Held<'_>,
    mut outcome: impl FnMut(Option<&Namespace>) -> Outcome,
) -> Vec<Outcome> {
    let differs = |holding: &&Holding| before.get(holding) != after.get(holding);
    let all: BTreeSet<&Holding> = before.keys().chain(after.keys()).collect();
    let changed: BTreeSet<Option<&Namespace>> =
        all.iter().copied().filter(differs).map(|holding| holding.namespace.as_ref()).collect();
    if changed.is_empty() {
        return Vec::new();
    }
    let on_cluster = changed.contains(&None).then(|| outcome(None));
    // What changes on the whole cluster may come to something else where more is held.
    let namespaces: BTreeSet<&Namespace> = all.iter().filter_map(|holding| holding.namespace.as_ref()).collect();
    let mut outcomes = Vec::new();
    for namespace in namespaces {
        let itself = changed.contains(&Some(namespace));
        if !itself && on_cluster.is_none() {
            continue;
        }
        let here = outcome(Some(namespace));
        let as_everywhere = on_cluster.as_ref().is_some_and(|all| {
            without_paths(&all.gained)[..] == here.gained[..] && without_paths(&all.lost)[..] == here.lost[..]
        });
        if itself || !as_everywhere {
            outcomes.push(here);
        }
    }
    on_cluster.into_iter().chain(outcomes).collect()
}

/// What somebody has before and after, and what they could.
struct Indirect<'h, 'r> {
    is: [&'h Held<'r>; 2],
    could: [Option<&'h Held<'r>>; 2],
    ends: bool,
}

impl<'r> Indirect<'_, 'r> {
    fn outcome(
        &self,
        namespace: Option<&Namespace>,
        (before, after): (&Held<'r>, &Held<'r>),
        covering: &mut Covering<'r>,
    ) -> Outcome {
        let reaches = |holding: &Holding| holding.namespace.is_none() || holding.namespace.as_ref() == namespace;
        let here = |held: Option<&Held<'r>>| -> Sources<'r> {
            let reaching = held.into_iter().flatten().filter(|(holding, _)| reaches(holding));
            reaching.map(|(_, rules)| Source { rules, without_paths: namespace.is_some() }).collect()
        };
        let [was, is] = self.is.map(|held| here(Some(held)));
        let [could, can] = self.could.map(here);
        let known: Sources<'r> = is.union(&could).copied().collect();
        let left: Sources<'r> = was.union(&is).chain(&can).copied().collect();
        let gained = covering.missing(&known, &can);
        let lost = if self.ends { covering.missing(&left, &could) } else { Rc::default() };
        let mut holdings = Vec::new();
        for holding in before.keys().chain(after.keys()).filter(|holding| reaches(holding)).collect::<BTreeSet<_>>() {
            match (before.get(holding), after.get(holding)) {
                (None, _) if !gained.is_empty() => holdings.push((Standing::New, holding.clone())),
                (_, None) if !lost.is_empty() => holdings.push((Standing::Gone, holding.clone())),
                (Some(one), Some(other)) if one != other => holdings.push((Standing::Changed, holding.clone())),
                _ => {}
            }
        }
        let after_roles = roles(after, reaches, covering);
        Outcome {
            namespace: namespace.cloned(),
            effect: effect(&gained, &lost),
            leads: if !gained.is_empty() && covering.leads(&known, namespace).is_empty() {
                covering.leads(&can, namespace)
            } else {
                BTreeSet::new()
            },
            before: roles(before, reaches, covering),
            holds: covering.joined(after, &after_roles, namespace),
            after: after_roles,
            gained,
            lost,
            holdings,
        }
    }
}

fn effect(gained: &[PolicyRule], lost: &[PolicyRule]) -> AccessEffect {
    match (gained.is_empty(), lost.is_empty()) {
        (false, true) => AccessEffect::Gains,
        (true, false) => AccessEffect::Loses,
        (false, false) => AccessEffect::Both,
        (true, true) => AccessEffect::Same,
    }
}

fn outcome<'r>(
    namespace: Option<&Namespace>,
    before: &Held<'r>,
    after: &Held<'r>,
    covering: &mut Covering<'r>,
) -> Outcome {
    let reaches = |holding: &Holding| holding.namespace.is_none() || holding.namespace.as_ref() == namespace;
    let here = |held: &Held<'r>| -> Sources<'r> {
        let reaching = held.iter().filter(|(holding, _)| reaches(holding));
        reaching.map(|(_, rules)| Source { rules, without_paths: namespace.is_some() }).collect()
    };
    let (old, new) = (here(before), here(after));
    let (gained, lost) = (covering.missing(&old, &new), covering.missing(&new, &old));
    let (old_roles, new_roles) = (roles(before, reaches, covering), roles(after, reaches, covering));
    let mut holdings = Vec::new();
    for holding in before.keys().chain(after.keys()).filter(|holding| reaches(holding)).collect::<BTreeSet<_>>() {
        let standing = match (before.get(holding), after.get(holding)) {
            (None, _) => Standing::New,
            (_, None) => Standing::Gone,
            (Some(one), Some(other)) if one != other => Standing::Changed,
            (Some(_), Some(_)) if new_roles.contains(&holding.role) => Standing::Kept,
            (Some(_), Some(_)) => continue,
        };
        holdings.push((standing, holding.clone()));
    }
    Outcome {
        namespace: namespace.cloned(),
        effect: effect(&gained, &lost),
        leads: if !gained.is_empty() && covering.leads(&old, namespace).is_empty() {
            covering.leads(&new, namespace)
        } else {
            BTreeSet::new()
        },
        before: old_roles,
        holds: covering.joined(after, &new_roles, namespace),
        after: new_roles,
        gained,
        lost,
        holdings,
    }
}

/// The same without paths, which are in no namespace: a binding in one gives none.
fn without_paths(rules: &[PolicyRule]) -> Vec<PolicyRule> {
    let bare = rules.iter().map(|rule| PolicyRule { non_resource_urls: Vec::new(), ..rule.clone() });
    bare.filter(|rule| !rule.resources.is_empty()).collect()
}

/// The roles that tell what is held: without those of which another one has everything, and without those that everybody has.
fn roles<'r>(held: &Held<'r>, reaches: impl Fn(&Holding) -> bool, covering: &mut Covering<'r>) -> BTreeSet<RoleRef> {
    let is_everybody_s = |holding: &Holding| {
        holding.role.name.starts_with("system:")
            && matches!(&holding.group, Some(SubjectName::Known(name)) if name == "system:authenticated")
    };
    let telling = held.iter().filter(|(holding, _)| reaches(holding) && !is_everybody_s(holding));
    let telling: BTreeMap<&RoleRef, &'r [PolicyRule]> =
        telling.map(|(holding, rules)| (&holding.role, *rules)).collect();
    let mut is_covered = |rules: &'r [PolicyRule], by: &'r [PolicyRule]| {
        let [rules, by] = [rules, by].map(|rules| Sources::from([Source { rules, without_paths: false }]));
        covering.missing(&by, &rules).is_empty()
    };
    let mut is_hidden = |role: &RoleRef, rules: &'r [PolicyRule]| {
        telling.iter().any(|(other, more)| {
            *other != role && is_covered(rules, more) && (!is_covered(more, rules) || *other < role)
        })
    };
    telling.iter().filter(|(role, rules)| !is_hidden(role, rules)).map(|(role, _)| (*role).clone()).collect()
}
