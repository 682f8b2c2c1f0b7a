//! What somebody holds on one cluster before and after, and what the difference comes to, place by place.

use std::cmp::Ordering;
use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;
use std::sync::LazyLock;

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

/// Whether it is asked before the changes or after them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum When {
    Before,
    After,
}

/// What a caller is given at one time. On one side, a binding and its subject at the same address are the same with the same
/// rules; on the other one an untouched binding is at that address, too, while its role may give something else.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Given {
    when: When,
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
        self.between((before, When::Before), (after, When::After))
    }

    /// What it would come to after everything if somebody were another.
    pub(super) fn afterwards(&mut self, one: &Caller, other: &Caller) -> Rc<Vec<Outcome>> {
        self.between((one, When::After), (other, When::After))
    }

    fn between(&mut self, one: (&Caller, When), other: (&Caller, When)) -> Rc<Vec<Outcome>> {
        let [one, other] = [one, other].map(|(caller, when)| {
            let rbac = match when {
                When::Before => self.before,
                When::After => self.after,
            };
            let grants: Vec<Grant<'r>> = rbac.given(caller).collect();
            (Given::new(when, &grants, caller), held(&grants, caller.is_superuser()))
        });
        let known = self.known.entry((one.0, other.0));
        let covering = &mut self.covering;
        Rc::clone(known.or_insert_with(|| Rc::new(outcomes(&one.1, &other.1, covering))))
    }
}

impl Given {
    fn new(when: When, grants: &[Grant<'_>], caller: &Caller) -> Self {
        let address =
            |grant: &Grant<'_>| (std::ptr::from_ref(grant.binding).addr(), std::ptr::from_ref(grant.subject).addr());
        Self { when, bound: grants.iter().map(address).collect(), is_superuser: caller.is_superuser() }
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
    let differs = |holding: &&Holding| before.get(holding) != after.get(holding);
    let all: BTreeSet<&Holding> = before.keys().chain(after.keys()).collect();
    let changed: BTreeSet<Option<&Namespace>> =
        all.iter().copied().filter(differs).map(|holding| holding.namespace.as_ref()).collect();
    if changed.is_empty() {
        return Vec::new();
    }
    let on_cluster = changed.contains(&None).then(|| outcome(None, before, after, covering));
    // What changes on the whole cluster may come to something else where more is held.
    let namespaces: BTreeSet<&Namespace> = all.iter().filter_map(|holding| holding.namespace.as_ref()).collect();
    let mut outcomes = Vec::new();
    for namespace in namespaces {
        let itself = changed.contains(&Some(namespace));
        if !itself && on_cluster.is_none() {
            continue;
        }
        let here = outcome(Some(namespace), before, after, covering);
        let as_everywhere = on_cluster.as_ref().is_some_and(|all| {
            without_paths(&all.gained)[..] == here.gained[..] && without_paths(&all.lost)[..] == here.lost[..]
        });
        if itself || !as_everywhere {
            outcomes.push(here);
        }
    }
    on_cluster.into_iter().chain(outcomes).collect()
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
        effect: match (gained.is_empty(), lost.is_empty()) {
            (false, true) => AccessEffect::Gains,
            (true, false) => AccessEffect::Loses,
            (false, false) => AccessEffect::Both,
            (true, true) => AccessEffect::Same,
        },
        leads: if !gained.is_empty() && covering.leads(&old, namespace).is_empty() {
            covering.leads(&new, namespace)
        } else {
            BTreeSet::new()
        },
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::{Binding, Role, Subject};

    /// Somebody whose role gives more, and who comes to own a group as well: by that they gain nothing.
    #[test]
    fn what_changes_and_what_could_change_afterwards_are_told_apart() {
        let role = |verbs: &[&str]| Role {
            namespace: None,
            name: "reader".to_owned(),
            rules: vec![PolicyRule {
                verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
                api_groups: vec![String::new()],
                resources: vec!["pods".to_owned()],
                ..PolicyRule::default()
            }],
            aggregate_to: BTreeSet::new(),
        };
        let name = SubjectName::Known("hayden@contoso.com".to_owned());
        let binding = Binding {
            namespace: None,
            name: "reads".to_owned(),
            role: RoleRef { kind: RoleKind::ClusterRole, name: "reader".to_owned() },
            subjects: vec![Subject { kind: SubjectKind::User, name, namespace: None, principal: None }],
        };
        let (narrow, wide) = (role(&["get"]), role(&["get", "list"]));
        let (before, after) = (Rbac::new([&narrow], [&binding]), Rbac::new([&wide], [&binding]));
        let hayden = Caller::authenticated("hayden@contoso.com", []);
        let mut comparing = Comparing::new(&before, &after);
        let effects = |outcomes: &[Outcome]| outcomes.iter().map(|outcome| outcome.effect).collect::<Vec<_>>();
        assert_eq!(effects(&comparing.of(&hayden, &hayden)), [AccessEffect::Gains]);
        assert_eq!(effects(&comparing.afterwards(&hayden, &hayden)), []);
        assert_eq!(effects(&comparing.of(&hayden, &hayden)), [AccessEffect::Gains]);
    }
}
