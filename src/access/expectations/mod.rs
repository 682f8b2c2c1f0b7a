//! Whether the expectations of the files hold: by the files alone, on what a plan would make, or on what is there now.
//!
//! Everybody is judged as an API server would: by the name and the groups that their token carries there. What cannot be
//! told from what is known (who is in a group of others, which namespaces have some labels, which rules a role has) is
//! neither a yes nor a no.

mod doubts;
mod effect;
mod in_change;
pub mod live;
mod only;
mod planned;
mod some;
mod whom;
mod world;

use std::collections::BTreeMap;

use self::doubts::{Doubts, Unsure};
use self::effect::Effect;
pub use self::in_change::{Besides, Cause, Earlier, ExpectedBy, InChange, attribute_to_change, expecting};
pub use self::planned::{group_questions, planned};
use self::some::gives_some;
use self::whom::{Everybody, Whom, everybody};
use self::world::World;
use super::builtin_roles;
use super::people::{People, WithoutGroups};
use super::planned::Asked;
use super::rbac::allows;
use crate::state::expectation::{AtMost, DesiredExpectation, Expected};
use crate::state::{Desired, EnvironmentName, Namespace, Origin, PolicyRule, PrincipalName, Request};

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
    /// Whether it keeps a plan from being carried out: it is broken, by what the files give or by what the plan does, and it
    /// stands in a file that may stop others.
    pub stops: bool,
    /// Whether nobody knows because something could not be read.
    pub unread: bool,
    /// Whether the tenant has nobody, or not one alone, whom it is about.
    pub of_nobody: bool,
    /// Whether what is broken was so already.
    pub standing: Standing,
    /// What a change of the files has to do with it, where it is broken and a change is looked at.
    pub in_change: Option<InChange>,
}

/// Whether what is broken was so before a plan.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// It was, through nothing that the files ask for, and the plan adds nothing to that.
    Already,
    /// By what the files ask for, or by what the plan does; or it is not broken.
    New,
}

/// What is expected of somebody.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
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
    let expected = live::environments(desired);
    if expected.is_empty() {
        return Vec::new();
    }
    let people = People::asked(desired);
    let whom = everybody(desired, &people);
    let mut judged = Vec::new();
    for (name, environment) in &desired.environments {
        if !expected.contains(name) || !is_asked(name) {
            continue;
        }
        let mut asked = Asked::new(desired, environment, &people, rules_of);
        asked.snapshot = asked.snapshot.with_what_everybody_has();
        let rbac = asked.snapshot.rbac();
        let world = World::new(desired, environment, &people, &rbac, &asked.selected, &asked.unknown);
        judged.extend(world.judge(name, &whom).into_iter().map(|told| told.judged));
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

/// A judgement, and by which ways it is broken.
struct Told {
    judged: Judged,
    effect: Effect,
}

impl<'w> World<'w, '_> {
    /// Judges everything that is expected on this environment.
    fn judge(&self, name: &EnvironmentName, everybody: &Everybody<'_>) -> Vec<Told> {
        let here = self.desired.expectations.iter().filter(|expectation| expectation.environments.contains(name));
        let mut known: BTreeMap<&PrincipalName, (Result<Whom<'_>, Why>, Doubts<'w>)> = BTreeMap::new();
        let mut all = Vec::new();
        for expectation in here {
            let find = || (everybody.get(&expectation.who, self.people, self.environment), Doubts::default());
            let (found, doubts) = &*known.entry(&expectation.who).or_insert_with(find);
            for (origin, expected) in expectation.each() {
                let (verdict, unread) = match found {
                    Ok(whom) => self.judge_one(whom, &expected, doubts),
                    Err(why) => (Verdict::Unknown(vec![why.clone()]), false),
                };
                let effect = match (found, &verdict) {
                    // By the files alone nothing is new, nor made past them.
                    (Ok(whom), Verdict::Broken(_)) if self.answers.is_some() => self.effect(whom, &expected),
                    (Ok(_) | Err(_), _) => Effect::default(),
                };
                let judged = Judged {
                    origin: origin.clone(),
                    who: expectation.who.clone(),
                    environment: name.clone(),
                    expected,
                    stops: matches!(verdict, Verdict::Broken(_)) && !expectation.delegated,
                    unread,
                    of_nobody: found.is_err(),
                    standing: Standing::New,
                    in_change: None,
                    verdict,
                };
                all.push(Told { judged, effect });
            }
        }
        all
    }

    /// Whether it is so.
    fn verdict(&self, whom: &Whom<'_>, expected: &What) -> Verdict {
        self.judge_one(whom, expected, &Doubts::default()).0
    }

    /// Whether it is so, and whether nobody knows because something could not be read.
    fn judge_one(&self, whom: &Whom<'_>, expected: &What, doubts: &Doubts<'w>) -> (Verdict, bool) {
        let unless_known = |verdict: Verdict, unsure: Unsure| {
            let Unsure { reasons, is_unreadable } = unsure;
            if reasons.is_empty() { (verdict, false) } else { (Verdict::Unknown(reasons), is_unreadable) }
        };
        match expected {
            What::Can(request) => {
                if self.is_allowed(whom, request) {
                    return (Verdict::Holds, false);
                }
                match self.doubts(whom, doubts, request, allows) {
                    unsure if unsure.reasons.is_empty() => (Verdict::Broken(self.lacking(whom, request)), false),
                    unsure => unless_known(Verdict::Holds, unsure),
                }
            }
            What::Cannot(request) => {
                let against = self.against(whom, request);
                if !against.is_empty() {
                    return (Verdict::Broken(against), false);
                }
                if let Some(fewer) = self.in_fewer_groups(whom) {
                    let against = self.against(&fewer, request);
                    if !against.is_empty() {
                        return (Verdict::Unknown(while_in_too_many(whom, against)), false);
                    }
                    return unless_known(Verdict::Holds, self.doubts(&fewer, &Doubts::default(), request, gives_some));
                }
                unless_known(Verdict::Holds, self.doubts(whom, doubts, request, gives_some))
            }
            What::Only(list) => {
                let broken = self.more_than(whom, list);
                if !broken.is_empty() {
                    return (Verdict::Broken(broken), false);
                }
                let is_beyond =
                    |rules: &[PolicyRule], place: Option<&Namespace>| !only::beyond(rules, place, list).is_empty();
                if let Some(fewer) = self.in_fewer_groups(whom) {
                    let more = self.more_than(&fewer, list);
                    if !more.is_empty() {
                        return (Verdict::Unknown(while_in_too_many(whom, more)), false);
                    }
                    return unless_known(Verdict::Holds, self.doubts_beyond(&fewer, &Doubts::default(), is_beyond));
                }
                unless_known(Verdict::Holds, self.doubts_beyond(whom, doubts, is_beyond))
            }
        }
    }
}

/// What somebody lacks for as long as they are in too many groups.
fn while_in_too_many(whom: &Whom<'_>, given: Vec<Why>) -> Vec<Why> {
    let many = match whom.without_groups {
        Some(WithoutGroups::Overage(groups)) => format!("{groups} groups"),
        Some(WithoutGroups::Application) | None => "too many groups".to_owned(),
    };
    let text =
        |text: &str| format!("worth nothing only while they are in {many}, of which a token carries none: {text}");
    given.into_iter().map(|why| Why { text: text(&why.text), ..why }).collect()
}

#[cfg(test)]
mod tests;
