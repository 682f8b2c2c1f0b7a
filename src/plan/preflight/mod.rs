//! What the API servers would refuse, found out before anything is written.
//!
//! Whoever applies needs the plain verbs, and may give only what they hold: a role takes `escalate` or its rules, a binding
//! takes `bind` or the rules of its role. Most of it follows from the roles and bindings that a plan has read. What does
//! not is asked, because a cluster may have other authorizers than RBAC; no answer is made up where none may be had.

mod need;

use std::collections::{BTreeMap, BTreeSet};

use self::need::Need;
use super::aggregation::role_of;
use crate::state::covering::{Given, Held};
use crate::state::{
    AccessQuestion, Address, Answers, AppliedBy, Applier, Change, Cluster, Desired, EnvironmentName, Failure, Known,
    Lack, MissingRight, Observed, Policy, PolicyRule, RBAC, Role,
};

/// What is known about the changes of one environment before they are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// The environment.
    pub environment: EnvironmentName,
    /// Whom it is about, as the API server names them.
    pub identity: String,
    /// Who that is.
    pub whose: Whose,
    /// What it would refuse.
    pub refusals: Vec<ExpectedRefusal>,
    /// What nobody can say of, and why; it counts neither as refused nor as allowed.
    pub unchecked: Vec<Unchecked>,
}

impl Forecast {
    /// The changes that would be refused.
    pub fn forbidden(&self) -> impl Iterator<Item = &Address> {
        self.refusals.iter().flat_map(|refusal| &refusal.addresses)
    }
}

/// Who an identity is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// Whoever makes this plan, and applies it.
    Ourselves,
    /// Whoever makes this plan; nobody says who applies it.
    Planner,
    /// The environment's `applier:`.
    Applier,
}

/// Changes of which nobody knows whether they would be refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unchecked {
    /// Why. May hold remote text.
    pub why: String,
    /// What lets it be known.
    pub next: String,
    /// The changes.
    pub addresses: BTreeSet<Address>,
}

/// Changes that would be refused because one right is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedRefusal {
    /// What is missing.
    pub lack: Lack,
    /// The changes.
    pub addresses: BTreeSet<Address>,
}

/// What these changes need on each cluster, and what is known of it.
struct Preflight<'a> {
    checks: BTreeMap<&'a EnvironmentName, Check<'a>>,
}

struct Check<'a> {
    who: Applier,
    whose: Whose,
    /// Whether that is us: of ourselves the API server knows more than a question can say, the extra fields of a token for
    /// example, and everybody may ask about themselves.
    are_we: bool,
    needs: Vec<Need<'a>>,
    answers: Option<&'a Answers>,
}

/// What to ask now, by environment; empty when everything is known that can be. Few questions decide many needs, so the
/// whole cluster is asked about first, and a namespace only where that was denied.
pub(super) fn questions(
    desired: &Desired,
    observed: &Observed,
    policy: &Policy,
    changes: &[Change],
) -> BTreeMap<EnvironmentName, Vec<AccessQuestion>> {
    let preflight = Preflight::new(desired, observed, policy, changes);
    let questions = preflight.checks.iter().map(|(name, check)| ((*name).clone(), check.questions()));
    questions.filter(|(_, questions)| !questions.is_empty()).collect()
}

/// What follows from what was read and answered, for each environment that the changes are on.
pub(super) fn forecasts(desired: &Desired, observed: &Observed, policy: &Policy, changes: &[Change]) -> Vec<Forecast> {
    let preflight = Preflight::new(desired, observed, policy, changes);
    preflight.checks.iter().map(|(name, check)| check.forecast(name)).collect()
}

impl<'a> Preflight<'a> {
    fn new(desired: &'a Desired, observed: &'a Observed, policy: &Policy, changes: &'a [Change]) -> Self {
        let mut on: BTreeMap<&EnvironmentName, Vec<&Change>> = BTreeMap::new();
        for change in changes {
            if let Some(environment) = change.address.environment() {
                on.entry(environment).or_default().push(change);
            }
        }
        let checks = on.into_iter().filter_map(|(name, changes)| {
            let cluster = observed.clusters.get(name)?.as_ref().ok()?;
            let named = desired.environments.get(name);
            // A change that leaves out who applies does not help itself.
            let named = named.and_then(|block| block.applier.as_ref().or(block.former_applier.as_ref()));
            let answers = observed.answers.get(name);
            Some((name, Check::new(cluster, named, &changes, policy.applied_by, answers)))
        });
        Self { checks: checks.collect() }
    }
}

impl<'a> Check<'a> {
    fn new(
        cluster: &'a Cluster,
        named: Option<&Applier>,
        changes: &[&'a Change],
        by: AppliedBy,
        answers: Option<&'a Answers>,
    ) -> Self {
        let (who, whose, are_we) = whoever_applies(cluster, named, by);
        let needs = if who.is_superuser() { Vec::new() } else { needs(cluster, changes, &who) };
        Self { who, whose, are_we, needs, answers }
    }

    fn known(&self, question: &AccessQuestion) -> Known<'a> {
        self.answers.map_or(Known::NotAsked, |answers| answers.to(question))
    }

    fn questions(&self) -> Vec<AccessQuestion> {
        let unmet = self.needs.iter().filter(|need| !need.is_met);
        let next = unmet.flat_map(|need| {
            let open = self.rounds(need).into_iter().map(|rounds| {
                let mut left = rounds.into_iter().skip_while(|question| self.known(question) == Known::Denied);
                left.next().filter(|question| self.known(question) == Known::NotAsked)
            });
            open.flatten().collect::<Vec<_>>()
        });
        next.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The questions about each verb of a need, each to be asked when the one before is denied.
    fn rounds(&self, need: &Need<'_>) -> Vec<Vec<AccessQuestion>> {
        let who = (!self.are_we).then(|| self.who.clone());
        let (verbs, kind, name) = need.right.asked();
        let about = |verb: &str| {
            let everywhere = AccessQuestion {
                who: who.clone(),
                name: name.map(str::to_owned),
                ..AccessQuestion::new(verb, RBAC, kind.plural())
            };
            let here = need.place.map(|namespace| everywhere.clone().within(namespace));
            std::iter::once(everywhere).chain(here).collect()
        };
        verbs.into_iter().map(about).collect()
    }

    /// Whether a need is met, by what was read or by what was answered to each of its verbs.
    fn standing(&self, need: &Need<'_>) -> Known<'a> {
        if need.is_met {
            return Known::Allowed;
        }
        let rounds = self.rounds(need);
        let verbs = rounds.iter().map(|rounds| {
            let known = rounds.iter().map(|question| self.known(question)).find(|known| *known != Known::Denied);
            known.unwrap_or(Known::Denied)
        });
        let verbs: Vec<Known<'a>> = verbs.collect();
        let unmet = verbs.iter().find(|known| **known == Known::Denied);
        *unmet.or_else(|| verbs.iter().find(|known| **known != Known::Allowed)).unwrap_or(&Known::Allowed)
    }

    fn forecast(&self, environment: &EnvironmentName) -> Forecast {
        let standing: Vec<(&Need<'_>, Known<'a>)> = self.needs.iter().map(|need| (need, self.standing(need))).collect();
        // Whoever may write none of it is hardly who applies.
        let is_bystander = self.whose == Whose::Planner
            && !standing.iter().any(|(need, known)| need.is_write() && *known == Known::Allowed);
        let mut refused = Vec::new();
        let mut unchecked: BTreeMap<(String, String), BTreeSet<Address>> = BTreeMap::new();
        for (need, known) in standing {
            let (why, next) = match known {
                Known::Allowed => continue,
                Known::Denied if !is_bystander => {
                    refused.push(need);
                    continue;
                }
                Known::Denied => (
                    format!("`{}`, who plans, may write none of this, and the files do not say who applies", self.who),
                    format!("say it with `applier:` in the environment {environment}, and it is asked about"),
                ),
                Known::Failed(Failure { what, next, kind: _ }) => {
                    (what.clone(), next.clone().unwrap_or_else(|| "run it again".to_owned()))
                }
                Known::NotAsked => ("the API server was not asked".to_owned(), "plan again".to_owned()),
            };
            unchecked.entry((why, next)).or_default().insert(need.address.clone());
        }
        let unchecked = unchecked.into_iter().map(|((why, next), addresses)| Unchecked { why, next, addresses });
        Forecast {
            environment: environment.clone(),
            identity: self.who.user.clone(),
            whose: self.whose,
            refusals: refusals(&refused),
            unchecked: unchecked.collect(),
        }
    }
}

/// Who makes the changes on a cluster, who that is, and whether it is us.
pub(super) fn whoever_applies(cluster: &Cluster, named: Option<&Applier>, by: AppliedBy) -> (Applier, Whose, bool) {
    let ourselves = Applier { user: cluster.username.clone(), groups: cluster.user_groups.clone() };
    match (by, named) {
        (AppliedBy::Ourselves, _) => (ourselves, Whose::Ourselves, true),
        // Of ourselves every group is known, of somebody else those that the files name.
        (AppliedBy::Applier, Some(named)) if named.user == ourselves.user => (ourselves, Whose::Applier, true),
        (AppliedBy::Applier, Some(named)) => (named.clone(), Whose::Applier, false),
        (AppliedBy::Applier, None) => (ourselves, Whose::Planner, true),
    }
}

fn needs<'a>(cluster: &'a Cluster, changes: &[&'a Change], who: &Applier) -> Vec<Need<'a>> {
    let written: Vec<&Role> = changes.iter().filter_map(|change| role_of(change.after())).collect();
    let given = Given::new(cluster, &written);
    let mut held = Held::new(cluster, who);
    changes.iter().flat_map(|change| need::of(change, &given, &mut held)).collect()
}

/// Needs that differ only in the namespace, then in the verb, are one refusal.
fn refusals(unmet: &[&Need<'_>]) -> Vec<ExpectedRefusal> {
    let mut by_right: BTreeMap<(&MissingRight, &[PolicyRule]), ExpectedRefusal> = BTreeMap::new();
    for need in unmet {
        let place = need.place.map(ToString::to_string);
        let found = by_right.entry((&need.right, &need.missing)).or_insert_with(|| ExpectedRefusal {
            lack: Lack::new(need.right.clone(), place.clone(), need.missing.clone()),
            addresses: BTreeSet::new(),
        });
        found.lack.places.insert(place);
        found.addresses.insert(need.address.clone());
    }
    let mut refusals: Vec<ExpectedRefusal> = Vec::new();
    for refusal in by_right.into_values() {
        let MissingRight::Write { verbs, kind } = &refusal.lack.right else {
            refusals.push(refusal);
            continue;
        };
        let same = refusals.iter_mut().find_map(|other| match &mut other.lack.right {
            MissingRight::Write { verbs, kind: same } if same == kind && other.lack.places == refusal.lack.places => {
                Some((verbs, &mut other.addresses))
            }
            MissingRight::Write { .. } | MissingRight::Bind(_) | MissingRight::Escalate { .. } => None,
        });
        match same {
            Some((known, addresses)) => {
                known.extend(verbs.iter().cloned());
                addresses.extend(refusal.addresses);
            }
            None => refusals.push(refusal),
        }
    }
    refusals
}
