//! What somebody holds on one cluster before and after, and what the difference comes to, place by place.

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::LazyLock;

use super::row::{AccessEffect, Standing};
use crate::access::{Caller, Grant, Rbac};
use crate::state::covering::{Right, missing};
use crate::state::{Namespace, PolicyRule, RBAC, RoleKind, RoleRef, SubjectKind, SubjectName};

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
    pub(super) masters: bool,
    pub(super) before: BTreeSet<RoleRef>,
    pub(super) after: BTreeSet<RoleRef>,
    pub(super) gained: Vec<PolicyRule>,
    pub(super) lost: Vec<PolicyRule>,
    /// What comes, goes, changes, or stays and matters.
    pub(super) holdings: Vec<(Standing, Holding)>,
}

/// Compares callers on one cluster. Those who are given the same are compared once.
pub(super) struct Comparing<'r> {
    pub(super) before: &'r Rbac<'r>,
    pub(super) after: &'r Rbac<'r>,
    known: BTreeMap<Given, Rc<Vec<Outcome>>>,
}

/// Where a binding and its subject are: the same ones are at the same place.
type Place = (usize, usize);

/// What two callers are given.
type Given = (Vec<Place>, Vec<Place>);

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
        Self { before, after, known: BTreeMap::new() }
    }

    /// What it comes to that somebody is the one before and the other after.
    pub(super) fn of(&mut self, before: &Caller, after: &Caller) -> Rc<Vec<Outcome>> {
        self.between((before, false), (after, true))
    }

    /// What it would come to after everything if somebody were another.
    pub(super) fn afterwards(&mut self, one: &Caller, other: &Caller) -> Rc<Vec<Outcome>> {
        self.between((one, true), (other, true))
    }

    fn between(&mut self, one: (&Caller, bool), other: (&Caller, bool)) -> Rc<Vec<Outcome>> {
        let [one, other] = [one, other].map(|(caller, is_after)| {
            let rbac = if is_after { self.after } else { self.before };
            (rbac.given(caller).collect::<Vec<_>>(), caller.is_superuser())
        });
        let key = (places(&one), places(&other));
        let known = self.known.entry(key);
        Rc::clone(known.or_insert_with(|| Rc::new(outcomes(&held(&one), &held(&other)))))
    }
}

fn places((grants, is_superuser): &(Vec<Grant<'_>>, bool)) -> Vec<Place> {
    let place =
        |grant: &Grant<'_>| (std::ptr::from_ref(grant.binding).addr(), std::ptr::from_ref(grant.subject).addr());
    grants.iter().map(place).chain(is_superuser.then_some((0, 0))).collect()
}

/// A binding to a role that is not there, or that has no rules, gives nothing.
fn held<'r>((grants, is_superuser): &(Vec<Grant<'r>>, bool)) -> Held<'r> {
    let mut held = Held::new();
    for grant in grants {
        let Some(rules) = grant.rules.filter(|rules| !rules.is_empty()) else { continue };
        let group = (grant.subject.kind == SubjectKind::Group).then(|| grant.subject.name.clone());
        let holding = Holding { namespace: grant.binding.namespace.clone(), role: grant.binding.role.clone(), group };
        held.insert(holding, rules);
    }
    if *is_superuser {
        let name = "system:masters".to_owned();
        let role = RoleRef { kind: RoleKind::ClusterRole, name: name.clone() };
        held.insert(Holding { namespace: None, role, group: Some(SubjectName::Known(name)) }, EVERYTHING.as_slice());
    }
    held
}

fn outcomes(before: &Held<'_>, after: &Held<'_>) -> Vec<Outcome> {
    let differs = |holding: &&Holding| before.get(holding) != after.get(holding);
    let all: BTreeSet<&Holding> = before.keys().chain(after.keys()).collect();
    let changed: BTreeSet<Option<&Namespace>> =
        all.iter().copied().filter(differs).map(|holding| holding.namespace.as_ref()).collect();
    if changed.is_empty() {
        return Vec::new();
    }
    let on_cluster = changed.contains(&None).then(|| outcome(None, before, after));
    // What changes on the whole cluster may come to something else where more is held.
    let namespaces: BTreeSet<&Namespace> = all.iter().filter_map(|holding| holding.namespace.as_ref()).collect();
    let mut outcomes = Vec::new();
    for namespace in namespaces {
        let itself = changed.contains(&Some(namespace));
        if !itself && on_cluster.is_none() {
            continue;
        }
        let here = outcome(Some(namespace), before, after);
        let as_everywhere = on_cluster.as_ref().is_some_and(|all| {
            (without_paths(&all.gained), without_paths(&all.lost)) == (here.gained.clone(), here.lost.clone())
        });
        if itself || !as_everywhere {
            outcomes.push(here);
        }
    }
    on_cluster.into_iter().chain(outcomes).collect()
}

fn outcome(namespace: Option<&Namespace>, before: &Held<'_>, after: &Held<'_>) -> Outcome {
    let reaches = |holding: &Holding| holding.namespace.is_none() || holding.namespace.as_ref() == namespace;
    let here = |held: &Held<'_>| -> Vec<PolicyRule> {
        let reaching = held.iter().filter(|(holding, _)| reaches(holding));
        let rules: Vec<PolicyRule> = reaching.flat_map(|(_, rules)| rules.iter().cloned()).collect();
        if namespace.is_some() { without_paths(&rules) } else { rules }
    };
    let (old, new) = (here(before), here(after));
    let (gained, lost) = (missing(&old, &new), missing(&new, &old));
    let (old_roles, new_roles) = (roles(before, reaches), roles(after, reaches));
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
        effect: match (gained.is_empty(), lost.is_empty()) {
            (false, true) => AccessEffect::Gains,
            (true, false) => AccessEffect::Loses,
            (false, false) => AccessEffect::Both,
            (true, true) => AccessEffect::Same,
        },
        masters: !gained.is_empty() && is_master(&new, namespace) && !is_master(&old, namespace),
        before: old_roles,
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
fn roles(held: &Held<'_>, reaches: impl Fn(&Holding) -> bool) -> BTreeSet<RoleRef> {
    let is_everybody_s = |holding: &Holding| {
        holding.role.name.starts_with("system:")
            && matches!(&holding.group, Some(SubjectName::Known(name)) if name == "system:authenticated")
    };
    let telling = held.iter().filter(|(holding, _)| reaches(holding) && !is_everybody_s(holding));
    let telling: BTreeMap<&RoleRef, &[PolicyRule]> = telling.map(|(holding, rules)| (&holding.role, *rules)).collect();
    let is_hidden = |role: &RoleRef, rules: &[PolicyRule]| {
        telling.iter().any(|(other, more)| {
            *other != role && missing(more, rules).is_empty() && (!missing(rules, more).is_empty() || *other < role)
        })
    };
    telling.iter().filter(|(role, rules)| !is_hidden(role, rules)).map(|(role, _)| (*role).clone()).collect()
}

/// Whether these rules come to everything, there or, on the whole cluster, by giving it to oneself.
fn is_master(rules: &[PolicyRule], namespace: Option<&Namespace>) -> bool {
    const TAKES: [(&str, &str, &str); 7] = [
        ("escalate", RBAC, "clusterroles"),
        ("escalate", RBAC, "roles"),
        ("bind", RBAC, "clusterroles"),
        ("bind", RBAC, "roles"),
        ("impersonate", "", "users"),
        ("impersonate", "", "groups"),
        ("impersonate", "", "serviceaccounts"),
    ];
    let takes = |(verb, group, resource)| {
        let right = Right::Resource { group, resource, name: None, verb };
        rules.iter().any(|rule| right.covered_by(rule))
    };
    PolicyRule::grant_everything(rules) || (namespace.is_none() && TAKES.into_iter().any(takes))
}
