//! One provider for each place that is changed, each with the same two doors.
//!
//! A [`Reader`] observes and a [`Writer`] changes. They are separate traits made by separate constructors, so that code
//! for `plan` cannot even name a writer.

use std::collections::BTreeMap;

use async_trait::async_trait;
use tokio::sync::watch;

use crate::state::{Change, Outcome, Result, Usage};

pub mod entra;
pub mod http;
pub mod kubernetes;

/// Observes one remote system. It has no method that writes.
#[async_trait]
pub trait Reader: Send + Sync {
    /// What to read.
    type Query: Sync;
    /// What was read.
    type Snapshot: Send;
    /// What only a finished diff knows to ask.
    type Question: Sync;
    /// The answer to one question.
    type Answer: Send;

    /// Reads everything the query names, whole, or fails.
    async fn observe(&self, query: &Self::Query) -> Result<Self::Snapshot>;

    /// Answers each question or says why there is no answer to it, in the order of the questions.
    async fn ask(&self, questions: &[Self::Question]) -> Vec<Result<Self::Answer>>;

    /// What has been spent so far.
    fn usage(&self) -> Usage;
}

/// Changes one remote system.
#[async_trait]
pub trait Writer: Send + Sync {
    /// Carries out changes that are ready: nothing they require is missing and every promised id is filled in. Reports one
    /// outcome for each change through `report`, as soon as it is known, in any order; batches and falls back as its
    /// system wants. Once `interrupted` holds true, finishes what is in flight and reports the rest as not tried.
    async fn write(&self, ready: &[Change], interrupted: &watch::Receiver<bool>, report: &Report<'_>);

    /// Waits, within bounds, until what was written is also what is read, for all of it at once; the ids that were promised are
    /// filled in. Gives, by position, the outcomes of what is no success after all: what still does not show, which is written
    /// for all that is known, and what shows more than was planned. A system that shows every write at once has nothing to
    /// wait for. Once `interrupted` holds true, waits no longer.
    async fn read_back(&self, _written: &[Change], _interrupted: &watch::Receiver<bool>) -> BTreeMap<usize, Outcome> {
        BTreeMap::new()
    }

    /// What has been spent so far.
    fn usage(&self) -> Usage;
}

/// What a writer says of what it left because it was told to stop. Why that is, only whoever told it knows.
pub const STOPPED: &str = "interrupted";

/// Takes the outcome of the change at this position of the slice given to [`Writer::write`].
pub type Report<'a> = dyn Fn(usize, Outcome) + Send + Sync + 'a;
