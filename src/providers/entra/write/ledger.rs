//! One outcome for each change, exactly once, whatever happens.

use std::panic::AssertUnwindSafe;
use std::sync::{Mutex, PoisonError};

use futures::FutureExt as _;

use crate::providers::Report;
use crate::state::{Failure, FailureKind, Outcome};

/// Remembers which changes have an outcome.
pub(super) struct Ledger<'a> {
    settled: Mutex<Vec<bool>>,
    report: &'a Report<'a>,
}

impl<'a> Ledger<'a> {
    pub(super) fn new(changes: usize, report: &'a Report<'a>) -> Self {
        Self { settled: Mutex::new(vec![false; changes]), report }
    }

    /// Reports an outcome, unless the change has one.
    pub(super) fn settle(&self, at: usize, outcome: Outcome) {
        let mut settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(entry) = settled.get_mut(at) else { return };
        let before = std::mem::replace(entry, true);
        drop(settled);
        if !before {
            (self.report)(at, outcome);
        }
    }

    /// Does the work, and gives an outcome to every change that has none when it ends, by return or by panic.
    pub(super) async fn see_through(&self, work: impl Future<Output = ()>) {
        let what = match AssertUnwindSafe(work).catch_unwind().await {
            Ok(()) => "rolecall did not come to this change; this is a mistake in rolecall",
            Err(_) => {
                "rolecall failed while it wrote; this is a mistake in rolecall, and whether the change was made is not known"
            }
        };
        let open: Vec<usize> = {
            let settled = self.settled.lock().unwrap_or_else(PoisonError::into_inner);
            settled.iter().enumerate().filter(|(_, settled)| !**settled).map(|(at, _)| at).collect()
        };
        for at in open {
            let failure = Failure::new(FailureKind::Unknown, what)
                .with_next("run it again: the next plan shows what is there; please report it");
            self.settle(at, Outcome::Failed { failure });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_change_has_one_outcome_even_after_a_panic_and_a_second_word() {
        let outcomes = Mutex::new(Vec::new());
        let report = |at: usize, outcome: Outcome| outcomes.lock().unwrap().push((at, outcome));
        let ledger = Ledger::new(3, &report);
        ledger
            .see_through(async {
                ledger.settle(1, Outcome::Done { created: None });
                ledger.settle(1, Outcome::PENDING);
                ledger.settle(9, Outcome::PENDING);
                panic!("a mistake");
            })
            .await;
        let outcomes = outcomes.into_inner().unwrap();
        assert_eq!(outcomes[0], (1, Outcome::Done { created: None }));
        assert_eq!(outcomes.iter().map(|(at, _)| *at).collect::<Vec<_>>(), [1, 0, 2]);
        assert!(matches!(&outcomes[2].1, Outcome::Failed { failure } if failure.kind == FailureKind::Unknown));
    }
}
