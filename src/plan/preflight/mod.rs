//! What the API servers would refuse, found out before anything is written.
//!
//! Whoever applies needs the plain verbs, and may give only what they hold: a role takes `escalate` or its rules, a binding
//! takes `bind` or the rules of its role. Most of it follows from the roles and bindings that a plan has read. What does
//! not is asked, because a cluster may have other authorizers than RBAC; no answer is made up where none may be had.

mod held;
mod need;

use std::collections::{BTreeMap, BTreeSet};

use self::held::Held;
use self::need::{FinalRules, Need};
use crate::state::{
    AccessAnswer, AccessQuestion, Address, Applier, Change, Cluster, Desired, EnvironmentName, Failure, Lack,
    MissingRight, Observed, PolicyRule, Result,
};

/// When the plan is to be written, which says by whom.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Intent {
    /// Later, by the environment's `applier:`, or by somebody who is not known.
    Later,
    /// Now, by ourselves.
    Now,
}

/// What is known about the changes of one environment before they are written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Forecast {
    /// The environment.
    pub environment: EnvironmentName,
    /// Whom it is about, as the API server names them.
    pub identity: String,
    /// Who that is.
    pub whose: Whose,
    /// What came of it.
    pub finding: Finding,
}

impl Forecast {
    /// The changes that would be refused.
    pub fn forbidden(&self) -> impl Iterator<Item = &Address> {
        let refusals = match &self.finding {
            Finding::Refused(refusals) => &refusals[..],
            Finding::Allowed | Finding::Unchecked { .. } => &[],
        };
        refusals.iter().flat_map(|refusal| &refusal.addresses)
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

/// What a forecast says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The API server would refuse none of the changes for lack of rights.
    Allowed,
    /// It would refuse these.
    Refused(Vec<ExpectedRefusal>),
    /// Nobody knows.
    Unchecked {
        /// Why. May hold remote text.
        why: String,
        /// What lets it be known.
        next: String,
    },
}

/// Changes that would be refused because one right is missing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ExpectedRefusal {
    /// What is missing.
    pub lack: Lack,
    /// The changes.
    pub addresses: BTreeSet<Address>,
}

/// The preflight of a plan: its questions, round by round, and then what follows.
pub struct Preflight<'a> {
    checks: BTreeMap<&'a EnvironmentName, Check<'a>>,
}

struct Check<'a> {
    who: Applier,
    whose: Whose,
    /// Whether that is us: of ourselves the API server knows more than a question can say, the extra fields of a token for
    /// example, and everybody may ask about themselves.
    are_we: bool,
    needs: Vec<Need<'a>>,
    answers: BTreeMap<AccessQuestion, bool>,
    failure: Option<Failure>,
}

impl<'a> Preflight<'a> {
    /// Works out what the changes need and what of it follows from what was read.
    pub fn new(desired: &'a Desired, observed: &'a Observed, changes: &'a [Change], intent: Intent) -> Self {
        let mut on: BTreeMap<&EnvironmentName, Vec<&Change>> = BTreeMap::new();
        for change in changes {
            if let Some(environment) = change.address.environment() {
                on.entry(environment).or_default().push(change);
            }
        }
        let checks = on.into_iter().filter_map(|(name, changes)| {
            let cluster = observed.clusters.get(name)?.as_ref().ok()?;
            let named = desired.environments.get(name).and_then(|environment| environment.applier.as_ref());
            Some((name, Check::new(cluster, named, &changes, intent)))
        });
        Self { checks: checks.collect() }
    }

    /// What to ask now, by environment; empty when everything is known that can be. Few questions decide many needs, so the
    /// whole cluster is asked about first, and a namespace only where that was denied.
    pub fn questions(&self) -> BTreeMap<EnvironmentName, Vec<AccessQuestion>> {
        let questions = self.checks.iter().map(|(name, check)| ((*name).clone(), check.questions()));
        questions.filter(|(_, questions)| !questions.is_empty()).collect()
    }

    /// Takes the answers to the questions of an environment, in their order, or why there are none.
    pub fn answer(
        &mut self,
        environment: &EnvironmentName,
        questions: Vec<AccessQuestion>,
        answers: Result<Vec<AccessAnswer>>,
    ) {
        let Some(check) = self.checks.get_mut(environment) else { return };
        match answers {
            Ok(answers) => {
                // A question without an answer is denied, so that it is not asked for ever.
                let answers = answers.into_iter().map(|answer| answer.allowed).chain(std::iter::repeat(false));
                check.answers.extend(questions.into_iter().zip(answers));
            }
            Err(failure) => check.failure = Some(failure),
        }
    }

    /// What follows, for each environment that the plan writes to.
    pub fn conclude(self) -> Vec<Forecast> {
        let forecast = |(name, check): (&EnvironmentName, Check<'_>)| Forecast {
            environment: name.clone(),
            identity: check.who.user.clone(),
            whose: check.whose,
            finding: check.finding(name),
        };
        self.checks.into_iter().map(forecast).collect()
    }
}

impl<'a> Check<'a> {
    fn new(cluster: &'a Cluster, named: Option<&Applier>, changes: &[&'a Change], intent: Intent) -> Self {
        let ourselves = Applier { user: cluster.username.clone(), groups: cluster.user_groups.clone() };
        let (who, whose, are_we) = match (intent, named) {
            (Intent::Now, _) => (ourselves, Whose::Ourselves, true),
            // Of ourselves every group is known, of somebody else those that the files name.
            (Intent::Later, Some(named)) if named.user == ourselves.user => (ourselves, Whose::Applier, true),
            (Intent::Later, Some(named)) => (named.clone(), Whose::Applier, false),
            (Intent::Later, None) => (ourselves, Whose::Planner, true),
        };
        let needs = if who.is_superuser() { Vec::new() } else { needs(cluster, changes, &who) };
        Self { who, whose, are_we, needs, answers: BTreeMap::new(), failure: None }
    }

    fn questions(&self) -> Vec<AccessQuestion> {
        if self.failure.is_some() {
            return Vec::new();
        }
        let unmet = self.needs.iter().filter(|need| !need.is_met);
        let next = unmet.flat_map(|need| {
            let open = self.rounds(need).into_iter().map(|rounds| {
                let denied = rounds.iter().take_while(|question| self.answers.get(question) == Some(&false)).count();
                rounds.into_iter().nth(denied).filter(|question| !self.answers.contains_key(question))
            });
            open.flatten().collect::<Vec<_>>()
        });
        next.collect::<BTreeSet<_>>().into_iter().collect()
    }

    /// The questions about each verb of a need, each to be asked when the one before is denied.
    fn rounds(&self, need: &Need<'_>) -> Vec<Vec<AccessQuestion>> {
        let who = (!self.are_we).then(|| self.who.clone());
        let about = |(verb, kind, name): (&str, _, Option<&str>)| {
            let ask = |namespace| AccessQuestion {
                who: who.clone(),
                verb: verb.to_owned(),
                kind,
                namespace,
                name: name.map(str::to_owned),
            };
            let here = need.place.map(|namespace| ask(Some(namespace.clone())));
            std::iter::once(ask(None)).chain(here).collect()
        };
        need.verbs().into_iter().map(about).collect()
    }

    fn is_met(&self, need: &Need<'_>) -> bool {
        let allowed =
            |rounds: &Vec<AccessQuestion>| rounds.iter().any(|question| self.answers.get(question) == Some(&true));
        need.is_met || self.rounds(need).iter().all(allowed)
    }

    fn finding(&self, environment: &EnvironmentName) -> Finding {
        let unmet: Vec<&Need<'_>> = self.needs.iter().filter(|need| !self.is_met(need)).collect();
        if unmet.is_empty() {
            return Finding::Allowed;
        }
        if let Some(failure) = &self.failure {
            let next = failure.next.clone().unwrap_or_else(|| "run it again".to_owned());
            return Finding::Unchecked { why: failure.what.clone(), next };
        }
        let mut writes = self.needs.iter().filter(|need| need.is_write());
        if self.whose == Whose::Planner && !writes.any(|need| self.is_met(need)) {
            return Finding::Unchecked {
                why: format!("`{}`, who plans, may write none of this, and the files do not say who applies", self.who),
                next: format!("say it with `applier:` in the environment {environment}, and it is asked about"),
            };
        }
        Finding::Refused(refusals(&unmet))
    }
}

fn needs<'a>(cluster: &'a Cluster, changes: &[&'a Change], who: &Applier) -> Vec<Need<'a>> {
    let roles = FinalRules::new(cluster, changes);
    let mut held = Held::new(cluster, who);
    changes.iter().flat_map(|change| need::of(change, &roles, &mut held)).collect()
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
