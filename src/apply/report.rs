//! How a run ended.

use super::{JournalError, Stop, Summary};
use crate::state::{Change, FailureKind, Outcome};

/// How a run ended: one outcome for every change of the plan.
#[must_use]
#[derive(Debug)]
pub struct Report {
    /// Every change with its outcome, in the plan's order.
    pub outcomes: Vec<(Change, Outcome)>,
    /// The counts.
    pub summary: Summary,
    /// Why the journal stopped midway, if it did: from then on nothing new was started, and the journal lacks what
    /// happened since.
    pub journal_failure: Option<JournalError>,
}

/// How a run ended as a whole, which decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Conclusion {
    /// Everything is as asked.
    Done,
    /// Something was written, or may have been, and not everything is as asked.
    Partial,
    /// Nothing was written, and not everything is as asked.
    NothingWritten,
}

impl Report {
    pub(super) fn new(
        outcomes: Vec<(Change, Outcome)>,
        stopped: Option<Stop>,
        journal_failure: Option<JournalError>,
    ) -> Self {
        let mut summary = Summary { stopped, ..Summary::default() };
        for (_, outcome) in &outcomes {
            let count = match outcome {
                Outcome::Done { .. } => &mut summary.done,
                Outcome::AlreadySo { .. } => &mut summary.already,
                Outcome::PendingReplication { .. } => &mut summary.pending,
                Outcome::Failed { .. } => &mut summary.failed,
                Outcome::NotTried { .. } => &mut summary.not_tried,
            };
            *count += 1;
            if matches!(outcome, Outcome::Failed { failure } if failure.kind == FailureKind::Forbidden) {
                summary.forbidden += 1;
            }
        }
        Self { outcomes, summary, journal_failure }
    }

    /// How the run ended as a whole.
    pub fn conclusion(&self) -> Conclusion {
        if self.outcomes.iter().all(|(_, outcome)| outcome.is_success()) {
            Conclusion::Done
        } else if self.outcomes.iter().any(|(_, outcome)| may_have_written(outcome)) {
            Conclusion::Partial
        } else {
            Conclusion::NothingWritten
        }
    }
}

fn may_have_written(outcome: &Outcome) -> bool {
    match outcome {
        Outcome::Done { .. } | Outcome::PendingReplication { .. } => true,
        Outcome::Failed { failure } => failure.kind == FailureKind::Unknown,
        Outcome::AlreadySo { .. } | Outcome::NotTried { .. } => false,
    }
}
