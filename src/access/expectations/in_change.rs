//! What a change of the access files has to do with expectations that would not hold once it is carried out.

use std::collections::{BTreeMap, BTreeSet};

use super::planned::{told, told_with};
use super::{Judged, Told, Verdict, What};
use crate::state::expectation::DesiredExpectation;
use crate::state::{Address, Change, Desired, GroupKey, NowCalled, Observed, Origin, PrincipalName};

/// What a change of the access files has to do with an expectation that would not hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InChange {
    /// Whether it is so because of the change.
    pub cause: Cause,
    /// Which files expect it.
    pub expected_by: ExpectedBy,
}

/// Which files expect something that a change is held against.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExpectedBy {
    /// Those after the change.
    Change,
    /// Those before the change alone: once it is merged, nobody expects it any more.
    Earlier,
    /// Those of the branch that it goes to, by now: once it is merged, it is expected of what it does.
    Branch,
}

/// What is expected besides what the files after a change do.
#[derive(Clone, Copy)]
pub struct Besides<'a> {
    /// What stands in the files before it and not in those after it.
    pub given_up: &'a [DesiredExpectation],
    /// What the branch that it goes to expects by now.
    pub by_branch: &'a [DesiredExpectation],
}

/// Whether an expectation would not hold because of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cause {
    /// Without the change it holds, and with it it does not.
    Breaks,
    /// It does not hold now. Without the change `apply` would mend that; with it, it stays so.
    Keeps,
    /// It would not hold without the change either, and the change adds to that.
    AddsTo,
    /// It would not hold without the change either.
    Before,
    /// What is known does not tell.
    Unknown,
}

impl Cause {
    /// Whether the change has a part in it.
    pub fn is_by_change(self) -> bool {
        match self {
            Self::Breaks | Self::Keeps | Self::AddsTo => true,
            Self::Before | Self::Unknown => false,
        }
    }
}

/// What there was before a change.
#[derive(Clone, Copy)]
pub enum Earlier<'a> {
    /// Files: what they ask for, the changes by which that would be so, and what of it waits.
    Files(&'a Desired, &'a [Change], &'a BTreeSet<&'a Address>),
    /// No access files at all, so that everything comes by the change.
    Nothing,
    /// Files that cannot be compared with those after the change.
    NotTold,
}

/// The files before a change, expecting what those after it expect: of groups by the keys that these had.
#[must_use]
pub fn expecting(before: &Desired, after: &Desired) -> Desired {
    let formerly = formerly(before, after);
    let of = |one: &DesiredExpectation| {
        let who = match &one.who {
            PrincipalName::Group(key) => PrincipalName::Group((*formerly.get(key)?).clone()),
            PrincipalName::User(_)
            | PrincipalName::Guest(_)
            | PrincipalName::GroupId(_)
            | PrincipalName::ServicePrincipal(_)
            | PrincipalName::Object(_) => one.who.clone(),
        };
        let environments = one.environments.iter().filter(|name| before.environments.contains_key(*name));
        Some(DesiredExpectation { who, environments: environments.cloned().collect(), ..one.clone() })
    };
    Desired { expectations: after.expectations.iter().filter_map(of).collect(), ..before.clone() }
}

/// The keys that groups had before a change, by those that they have after it.
fn formerly<'d>(before: &'d Desired, after: &Desired) -> BTreeMap<GroupKey, &'d GroupKey> {
    let called = NowCalled::new(before, after);
    before.groups.keys().filter_map(|key| Some((called.key(key)?.clone(), key))).collect()
}

/// Says of everything that would not hold what the change has to do with it. `head` are the files after it and the changes by
/// which they are so.
pub fn attribute_to_change(
    judged: &mut [Judged],
    head: (&Desired, &[Change]),
    earlier: Earlier<'_>,
    besides: Besides<'_>,
    observed: &Observed,
) {
    if !judged.iter().any(Judged::is_broken) {
        return;
    }
    let lines = |all: &'_ [DesiredExpectation]| -> BTreeSet<Origin> {
        all.iter().flat_map(DesiredExpectation::each).map(|(origin, _)| origin.clone()).collect()
    };
    let (given_up, by_branch) = (lines(besides.given_up), lines(besides.by_branch));
    let (with, _) = told(head.0, observed, head.1);
    let before = match earlier {
        Earlier::Files(desired, changes, withheld) => Some(Before::new(desired, changes, withheld, head.0, observed)),
        Earlier::Nothing | Earlier::NotTold => None,
    };
    for judged in judged.iter_mut().filter(|judged| judged.is_broken()) {
        let cause = match (&before, earlier) {
            (Some(before), _) => before.cause(judged, with.iter().find(|told| is_of(judged, told, &judged.who))),
            (None, Earlier::Nothing) => Cause::Breaks,
            (None, Earlier::Files(..) | Earlier::NotTold) => Cause::Unknown,
        };
        let expected_by = match () {
            () if given_up.contains(&judged.origin) => ExpectedBy::Earlier,
            () if by_branch.contains(&judged.origin) => ExpectedBy::Branch,
            () => ExpectedBy::Change,
        };
        judged.in_change = Some(InChange { cause, expected_by });
    }
}

/// What would be so without the change, and what is so now.
struct Before<'d> {
    desired: &'d Desired,
    formerly: BTreeMap<GroupKey, &'d GroupKey>,
    then: Vec<Told>,
    now: Vec<Told>,
}

impl<'d> Before<'d> {
    fn new(
        desired: &'d Desired,
        changes: &[Change],
        withheld: &BTreeSet<&Address>,
        after: &Desired,
        observed: &Observed,
    ) -> Self {
        let expecting = expecting(desired, after);
        Self {
            desired,
            formerly: formerly(desired, after),
            then: told_with(&expecting, observed, changes, withheld),
            now: told(&expecting, observed, &[]).0,
        }
    }

    fn cause(&self, judged: &Judged, with: Option<&Told>) -> Cause {
        let who = match &judged.who {
            PrincipalName::Group(key) => match self.formerly.get(key) {
                Some(key) => PrincipalName::Group((*key).clone()),
                // There is no such group without the change.
                None => return Cause::Breaks,
            },
            who => who.clone(),
        };
        if !self.desired.environments.contains_key(&judged.environment) {
            return Cause::Breaks;
        }
        let find = |all: &'_ [Told]| all.iter().position(|told| is_of(judged, told, &who));
        let Some(then) = find(&self.then).and_then(|at| self.then.get(at)) else { return Cause::Unknown };
        let is_broken_now = find(&self.now).and_then(|at| self.now.get(at)).is_some_and(|told| told.judged.is_broken());
        match &then.judged.verdict {
            Verdict::Holds if is_broken_now => Cause::Keeps,
            Verdict::Holds => Cause::Breaks,
            Verdict::Unknown(_) => Cause::Unknown,
            Verdict::Broken(_) if with.is_some_and(|with| adds(with, then)) => Cause::AddsTo,
            Verdict::Broken(_) => Cause::Before,
        }
    }
}

/// Whether the files come to give it, or there is more of it. By which bindings it is given is no difference: one of a group that
/// is called otherwise has another name.
fn adds(with: &Told, without: &Told) -> bool {
    let is_of_files = with.effect.is_of_files() && !without.effect.is_of_files();
    is_of_files || (matches!(with.judged.expected, What::Only(_)) && with.effect.adds_to(&without.effect))
}

/// Whether one judgement is about what another is about, but for the name of whom.
fn is_of(judged: &Judged, told: &Told, who: &PrincipalName) -> bool {
    let other = &told.judged;
    (&judged.origin, who, &judged.environment, &judged.expected)
        == (&other.origin, &other.who, &other.environment, &other.expected)
}
