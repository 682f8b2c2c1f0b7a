//! Whether the expectations of the files hold: by the files alone, on what a plan would make, or on what is there now.
//!
//! Everybody is judged as an API server would: by the name and the groups that their token carries there. What cannot be
//! told from what is known (who is in a group of others, which namespaces have some labels, which rules a role has) is
//! neither a yes nor a no.

pub mod live;
mod only;
mod whom;
mod world;

use std::collections::BTreeSet;

use self::whom::{Whom, everybody};
use self::world::World;
use super::builtin_roles;
use super::people::People;
use super::planned::{Asked, Snapshot};
use crate::state::expectation::{AtMost, DesiredExpectation, Expected};
use crate::state::{Change, Desired, EnvironmentName, Observed, Origin, PolicyRule, PrincipalName, Request};

/// One thing that is expected of somebody on one environment, and whether it is so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judged {
    /// Where it stands.
    pub origin: Origin,
    /// Who.
    pub who: PrincipalName,
    /// Where.
    pub environment: EnvironmentName,
    /// What.
    pub expected: What,
    /// Whether it is so.
    pub verdict: Verdict,
}

/// What is expected of somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum What {
    /// They can do this.
    Can(Request),
    /// They cannot do this.
    Cannot(Request),
    /// They can do nothing beyond these.
    Only(Vec<Request>),
}

/// Whether it is so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// It is.
    Holds,
    /// It is not, and why.
    Broken(Vec<Why>),
    /// What is known does not tell, and why.
    Unknown(Vec<Why>),
}

/// A reason. Names in it may be hostile text.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Why {
    /// In words.
    pub text: String,
    /// The lines that bring it about.
    pub lines: Vec<Origin>,
}

impl Judged {
    /// Whether it is broken.
    pub fn is_broken(&self) -> bool {
        matches!(self.verdict, Verdict::Broken(_))
    }

    /// Whether what is known does not tell.
    pub fn is_unknown(&self) -> bool {
        matches!(self.verdict, Verdict::Unknown(_))
    }
}

/// Judges everything by the files alone.
pub fn asked(desired: &Desired) -> Vec<Judged> {
    asked_on(desired, |_| true)
}

fn asked_on(desired: &Desired, is_asked: impl Fn(&EnvironmentName) -> bool) -> Vec<Judged> {
    if desired.expectations.is_empty() {
        return Vec::new();
    }
    let people = People::asked(desired);
    let whom = everybody(desired, &people);
    let mut judged = Vec::new();
    for (name, environment) in desired.environments.iter().filter(|(name, _)| is_asked(name)) {
        let asked = Asked::new(desired, environment, &people, rules_of);
        let rbac = asked.snapshot.rbac();
        let world = World::new(desired, environment, &people, &rbac, &asked.selected, &asked.unknown);
        judged.extend(world.judge(name, &whom));
    }
    by_place(judged)
}

/// Judges what would be there once these changes are made; an environment that was not read by the files alone. A plan that
/// `withholds` something is no reason against what the files give: the rest of it must be able to go on.
pub fn planned(desired: &Desired, observed: &Observed, changes: &[Change], withholds: bool) -> Vec<Judged> {
    let mut judged = judged_once_planned(desired, observed, changes);
    let is_missing = |each: &Judged| each.is_broken() && matches!(each.expected, What::Can(_));
    if !withholds || !judged.iter().any(is_missing) {
        return judged;
    }
    let held: Vec<Judged> = asked(desired).into_iter().filter(|each| each.verdict == Verdict::Holds).collect();
    let is_held = |each: &Judged| {
        held.iter().any(|held| {
            (&held.origin, &held.who, &held.environment, &held.expected)
                == (&each.origin, &each.who, &each.environment, &each.expected)
        })
    };
    for each in judged.iter_mut().filter(|each| is_missing(each)) {
        if is_held(each) {
            let text = "the files give it, but this plan withholds something".to_owned();
            each.verdict = Verdict::Unknown(vec![Why { text, lines: Vec::new() }]);
        }
    }
    judged
}

fn judged_once_planned(desired: &Desired, observed: &Observed, changes: &[Change]) -> Vec<Judged> {
    if desired.expectations.is_empty() {
        return Vec::new();
    }
    let is_read = |name: &EnvironmentName| matches!(observed.clusters.get(name), Some(Ok(_)));
    let is_part = |name: &EnvironmentName| observed.clusters.contains_key(name);
    let Some(Ok(tenant)) = &observed.tenant else { return asked_on(desired, is_part) };
    let mut judged = asked_on(desired, |name| is_part(name) && !is_read(name));
    let people = People::planned(desired, tenant, &observed.of_groups, changes);
    let whom = everybody(desired, &people);
    for (name, environment) in &desired.environments {
        let Some(Ok(cluster)) = observed.clusters.get(name) else { continue };
        let here: Vec<&Change> = changes.iter().filter(|change| change.address.environment() == Some(name)).collect();
        let snapshot = Snapshot::planned(cluster, &here);
        let rbac = snapshot.rbac();
        let (selected, unknown) = (Vec::new(), BTreeSet::new());
        judged.extend(World::new(desired, environment, &people, &rbac, &selected, &unknown).judge(name, &whom));
    }
    by_place(judged)
}

/// The rules of a role that every cluster has, for as long as anybody else's.
fn rules_of<'a>(name: &str) -> Option<&'a [PolicyRule]> {
    builtin_roles::rules(name)
}

fn by_place(mut judged: Vec<Judged>) -> Vec<Judged> {
    judged.sort_by(|one, other| (&one.origin, &one.environment).cmp(&(&other.origin, &other.environment)));
    judged
}

impl DesiredExpectation {
    /// Everything that it expects, with the line of each.
    fn each(&self) -> impl Iterator<Item = (&Origin, What)> {
        let can = self.can.iter().map(|Expected { request, origin }| (origin, What::Can(request.clone())));
        let cannot = self.cannot.iter().map(|Expected { request, origin }| (origin, What::Cannot(request.clone())));
        let only = self.only.iter().map(|AtMost { origin, list }| {
            (origin, What::Only(list.iter().map(|expected| expected.request.clone()).collect()))
        });
        can.chain(cannot).chain(only)
    }
}

impl World<'_, '_> {
    /// Judges everything that is expected on this environment.
    fn judge(&self, name: &EnvironmentName, whom: &whom::Everybody<'_>) -> Vec<Judged> {
        let here = self.desired.expectations.iter().filter(|expectation| expectation.environments.contains(name));
        let mut judged = Vec::new();
        for expectation in here {
            let found = whom.get(&expectation.who, self.people, self.environment);
            for (origin, expected) in expectation.each() {
                let verdict = match &found {
                    Ok(whom) => self.verdict(whom, &expected),
                    Err(why) => Verdict::Unknown(vec![why.clone()]),
                };
                judged.push(Judged {
                    origin: origin.clone(),
                    who: expectation.who.clone(),
                    environment: name.clone(),
                    expected,
                    verdict,
                });
            }
        }
        judged
    }

    fn verdict(&self, whom: &Whom<'_>, expected: &What) -> Verdict {
        match expected {
            What::Can(request) => {
                if self.is_allowed(whom, request) {
                    return Verdict::Holds;
                }
                match self.doubts(whom, request) {
                    doubts if doubts.is_empty() => Verdict::Broken(self.lacking(whom, request)),
                    doubts => Verdict::Unknown(doubts),
                }
            }
            What::Cannot(request) => {
                if self.is_allowed(whom, request) {
                    return Verdict::Broken(self.giving(whom, request));
                }
                match self.doubts(whom, request) {
                    doubts if doubts.is_empty() => Verdict::Holds,
                    doubts => Verdict::Unknown(doubts),
                }
            }
            What::Only(list) => self.only(whom, list),
        }
    }
}

#[cfg(test)]
mod tests;
