//! What only the diff knows to ask, before a plan can be whole.

use std::collections::{BTreeMap, BTreeSet};

use super::base::Base;
use super::source::{ClusterSource, TenantSource};
use crate::access::expectations::{self, Besides, Earlier, Judged};
use crate::access::{AccessComparison, AccessDifference};
use crate::plan::{self, Plan};
use crate::providers::Reader as _;
use crate::state::{Address, Change, Desired, EnvironmentName, GroupAnswers, GroupQuestion, Observed, Policy, Sign};

/// What only the diff knows to ask of groups: who holds a membership through PIM right now, and which groups they are in.
pub(super) async fn ask_about_groups(questions: Vec<GroupQuestion>, reader: &TenantSource) -> GroupAnswers {
    let mut answers = GroupAnswers::default();
    if !questions.is_empty() {
        let given = reader.ask(&questions).await;
        answers.record(questions, given);
    }
    answers
}

/// Files, and the changes that would be made by them; without changes it is what is there.
pub(super) type Side<'a> = (&'a Desired, &'a [Change]);

/// What it means for people that the one becomes the other. Who is in groups that are not ours is asked for that, as far as it matters.
pub(super) async fn access_difference(
    from: Side<'_>,
    to: Side<'_>,
    observed: &mut Observed,
    reader: &TenantSource,
) -> AccessDifference {
    loop {
        let comparison = AccessComparison::between(from, to, observed);
        // What was asked is not asked again, so that this ends.
        let questions = comparison.questions();
        if questions.is_empty() {
            return comparison.difference();
        }
        drop(comparison);
        let given = reader.ask(&questions).await;
        observed.of_groups.record(questions, given);
    }
}

/// What a change of the files means for people, and what the rest of the plan does, that there would be without it.
pub(super) async fn against_base(
    base: (&Desired, &Plan),
    head: (&Desired, &Plan),
    observed: &mut Observed,
    reader: &TenantSource,
) -> (AccessDifference, AccessDifference) {
    let head = (head.0, head.1.changes.as_slice());
    let access = access_difference((base.0, &base.1.changes), head, observed, reader).await;
    let all = access_difference((head.0, &[]), head, observed, reader).await;
    // Whatever the plan gives to somebody is in one of the two, however the change and what was off meet.
    let drift = all.without(&access);
    (access, drift)
}

/// Reads who is in the groups of others that give what somebody is expected to have, or not to have.
pub(super) async fn ask_for_expectations(
    desired: &Desired,
    observed: &mut Observed,
    changes: &[Change],
    reader: &TenantSource,
) {
    loop {
        let questions = expectations::group_questions(desired, observed, changes);
        if questions.is_empty() {
            return;
        }
        let given = reader.ask(&questions).await;
        observed.of_groups.record(questions, given);
    }
}

/// What becomes of the expectations once these changes of a plan are made. The others of it are left to later.
pub(super) fn judge_expectations(
    desired: &Desired,
    observed: &Observed,
    plan: &Plan,
    changes: &[Change],
) -> Vec<Judged> {
    expectations::planned(desired, observed, changes, &waiting(plan, changes))
}

/// What a plan would make and does not, where these of its changes are made.
fn waiting<'p>(plan: &'p Plan, changes: &[Change]) -> BTreeSet<&'p Address> {
    let made: BTreeSet<&Address> = changes.iter().map(|change| &change.address).collect();
    let left_out = plan.changes.iter().map(|change| (&change.address, change.sign()));
    let left_out = left_out.filter(|(address, _)| !made.contains(address));
    let withheld = plan.withheld.iter().flat_map(|withheld| withheld.addresses.iter().zip(withheld.signs.clone()));
    // Nobody waits for what would be taken away.
    let waits = withheld.chain(left_out).filter(|(_, sign)| *sign != Sign::Remove);
    waits.map(|(address, _)| address).collect()
}

/// Says of the expectations that would not hold what the change of the files has to do with it.
pub(super) async fn attribute_to_change(
    judged: &mut [Judged],
    head: (&Desired, &Plan),
    base: &Base,
    before: Option<(&Desired, &Plan)>,
    besides: Besides<'_>,
    observed: &mut Observed,
    reader: &TenantSource,
) {
    if !judged.iter().any(Judged::is_broken) {
        return;
    }
    if let Some((desired, plan)) = before {
        ask_for_expectations(&expectations::expecting(desired, head.0), observed, &plan.changes, reader).await;
    }
    let waits = before.map(|(_, plan)| waiting(plan, &plan.changes)).unwrap_or_default();
    let earlier = match before {
        Some((desired, plan)) => Earlier::Files(desired, &plan.changes, &waits),
        None if base.begins => Earlier::Nothing,
        None => Earlier::NotTold,
    };
    expectations::attribute_to_change(judged, (head.0, &head.1.changes), earlier, besides, observed);
}

/// Asks the API servers, round by round, what they would refuse. Says whether there was anything to ask.
pub(super) async fn ask_for_rights(
    desired: &Desired,
    observed: &mut Observed,
    policy: &Policy,
    changes: &[Change],
    readers: &BTreeMap<EnvironmentName, ClusterSource>,
) -> bool {
    let mut has_asked = false;
    loop {
        let questions = plan::access_questions(desired, observed, policy, changes);
        if questions.is_empty() {
            return has_asked;
        }
        has_asked = true;
        let asked = questions.into_iter().map(|(environment, questions)| async move {
            let answers = match readers.get(&environment) {
                Some(reader) => reader.ask(&questions).await,
                None => Vec::new(),
            };
            (environment, questions, answers)
        });
        for (environment, questions, answers) in futures::future::join_all(asked).await {
            observed.answers.entry(environment).or_default().record(questions, answers);
        }
    }
}
