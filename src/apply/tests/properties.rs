//! What holds for every graph and every behaviour of writers.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::apply::journal::StepV1;
use crate::state::{Failure, FailureKind};

const SIZE: usize = 10;

fn address(at: usize) -> Address {
    object(["alpha", "staging", "beta"][at % 3], &format!("role-{at}"))
}

fn deed() -> impl Strategy<Value = Deed> {
    let failure = Outcome::Failed { failure: Failure::new(FailureKind::Conflict, "409") };
    prop_oneof![
        6 => Just(Deed::Report(done())),
        1 => Just(Deed::Report(Outcome::AlreadySo { created: None })),
        1 => Just(Deed::Report(failure.clone())),
        1 => Just(Deed::Report(Outcome::PENDING)),
        1 => Just(Deed::Twice(done(), failure)),
        1 => Just(Deed::Silent),
        1 => Just(Deed::Panic),
    ]
}

/// Changes with any requirements at all, circles included, and what the writers do. There is no writer for `beta`.
fn runs() -> impl Strategy<Value = (Vec<Change>, BTreeMap<Address, Deed>)> {
    let requirements = prop::collection::vec((0..SIZE, 0..SIZE + 1), 0..SIZE * 2);
    (requirements, prop::collection::vec(deed(), SIZE)).prop_map(|(requirements, deeds)| {
        let mut changes: Vec<Change> =
            (0..SIZE).map(|at| Change::new(address(at), role("alpha", &format!("role-{at}")).operation)).collect();
        for (dependent, required) in requirements {
            changes[dependent].requires.insert(address(required));
        }
        (changes, deeds.into_iter().enumerate().map(|(at, deed)| (address(at), deed)).collect())
    })
}

/// What must be handed over, by a plain fixed point: everything whose requirements all succeed. Only meant for deeds
/// whose outcome does not depend on which other changes are in the same call.
fn expected(changes: &[Change], deeds: &BTreeMap<Address, Deed>) -> BTreeSet<Address> {
    let planned: BTreeSet<&Address> = changes.iter().map(|change| &change.address).collect();
    let succeeds = |address: &Address| match &deeds[address] {
        Deed::Report(outcome) | Deed::Twice(outcome, _) => outcome.is_success(),
        Deed::ReadBack(_) => true,
        Deed::Silent | Deed::Panic => false,
    };
    let mut handed: BTreeSet<Address> = BTreeSet::new();
    loop {
        let before = handed.len();
        for change in changes {
            let met = |address: &Address| !planned.contains(address) || (handed.contains(address) && succeeds(address));
            let reachable = change.address.environment().is_none_or(|name| name.as_str() != "beta");
            if reachable && change.requires.iter().all(met) {
                handed.insert(change.address.clone());
            }
        }
        if handed.len() == before {
            return handed;
        }
    }
}

fn steps_of(trial: &Trial) -> (BTreeMap<String, usize>, BTreeMap<String, usize>) {
    let (mut begins, mut ends) = (BTreeMap::new(), BTreeMap::new());
    for (at, step) in trial.record().steps.into_iter().enumerate() {
        let seen = match step {
            StepV1::Begin { address, .. } => begins.insert(address, at),
            StepV1::End { address, .. } => ends.insert(address, at),
            StepV1::Summary(_) => None,
        };
        assert_eq!(seen, None, "a change has one line of each kind");
    }
    (begins, ends)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn every_change_has_one_outcome_and_only_what_may_go_on_goes_on((changes, deeds) in runs()) {
        // A panic takes the rest of its call with it; that is checked by the other property.
        let deeds: BTreeMap<_, _> = deeds
            .into_iter()
            .map(|(address, deed)| (address, if matches!(deed, Deed::Panic) { Deed::Silent } else { deed }))
            .collect();
        let trial = attempt(changes.clone(), deeds.clone(), &Paper::default(), false);

        let handed: Vec<Address> = trial.handed.iter().flatten().map(|change| change.address.clone()).collect();
        let distinct: BTreeSet<Address> = handed.iter().cloned().collect();
        prop_assert_eq!(handed.len(), distinct.len(), "nothing is handed over twice");
        prop_assert_eq!(distinct, expected(&changes, &deeds));
    }

    #[test]
    fn the_journal_and_the_listener_agree_with_the_report((changes, deeds) in runs(), writes in prop::option::of(0_usize..12)) {
        let paper = writes.map_or_else(Paper::default, fails_after);
        let trial = attempt(changes.clone(), deeds, &paper, false);
        let handed: BTreeSet<String> =
            trial.handed.iter().flatten().map(|change| change.address.to_string()).collect();
        let Ok(report) = &trial.result else {
            prop_assert!(handed.is_empty(), "an error means that nothing was handed over");
            return Ok(());
        };

        prop_assert_eq!(
            report.outcomes.iter().map(|(change, _)| &change.address).collect::<Vec<_>>(),
            changes.iter().map(|change| &change.address).collect::<Vec<_>>()
        );
        for change in &changes {
            let finished = format!("={}", change.address);
            prop_assert_eq!(trial.events.iter().filter(|event| **event == finished).count(), 1);
        }

        let (begins, ends) = steps_of(&trial);
        for address in &handed {
            prop_assert!(begins.contains_key(address), "{} was handed over without a line before", address);
        }
        for (address, end) in &ends {
            prop_assert!(begins.get(address).is_none_or(|begin| begin < end));
            prop_assert_eq!(begins.contains_key(address), handed.contains(address));
        }
        if report.journal_failure.is_none() {
            prop_assert_eq!(ends.len(), changes.len());
            prop_assert!(trial.record().summary.is_some());
        }
    }
}
