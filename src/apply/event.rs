//! What the executor tells whoever listens: a progress bar, plain lines, a report. It never prints.

use crate::providers::STOPPED;
use crate::state::{Change, Outcome};

/// One thing that happened.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A change was handed to its provider.
    Started(&'a Change),
    /// A change has an outcome. One that was done and is not shown in time has a second, and that one counts.
    Finished(&'a Change, &'a Outcome),
    /// The run was asked to stop; what is in flight is finished.
    Stopping(Stop),
}

/// Why a run was asked to stop.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// Somebody interrupted it.
    Interrupted,
    /// The lock that keeps others out was lost.
    LockLost,
}

impl Stop {
    /// A clause: why a change was not tried.
    pub(super) fn reason(self) -> &'static str {
        match self {
            Self::Interrupted => STOPPED,
            Self::LockLost => "the lock was lost",
        }
    }
}

/// How a run ended, by outcome.
#[must_use]
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Summary {
    /// Done by us.
    pub done: usize,
    /// Already as asked.
    pub already: usize,
    /// Accepted and not yet readable.
    pub pending: usize,
    /// Failed.
    pub failed: usize,
    /// How many of these failed for lack of a right, which stays so until somebody gives it.
    pub forbidden: usize,
    /// Not tried.
    pub not_tried: usize,
    /// Why the run was stopped before its end, if it was.
    pub stopped: Option<Stop>,
}
