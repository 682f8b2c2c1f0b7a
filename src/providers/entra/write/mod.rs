//! Changing a tenant: creations first, then changes and additions, then removals and deletions.
//!
//! Writes go twenty in a call. Each result is judged by itself: settled, sent again, or waited for.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use futures::StreamExt as _;
use futures::stream::FuturesUnordered;
use tokio::sync::watch;
use tokio::time::Instant;

use super::client::{EdgeList, Problem, Write, WriteClient, Written};
use super::{Connection, Lagging, OnLag};
use crate::providers::http::credential::Chain;
use crate::providers::http::{Pace, Patience};
use crate::providers::{Report, STOPPED, Writer};
use crate::state::{
    Change, Edge, Failure, FailureKind, GroupKey, ObjectId, Outcome, PrincipalName, Resource, Result, Usage,
};

mod additions;
mod creation;
mod groups;
mod jobs;
mod ledger;
mod read_back;
mod refusal;
mod removals;

use jobs::{Job, Next};
use ledger::Ledger;

/// Calls in flight at once. Fewer than for reading, because each is up to twenty writes, and writes are rationed.
const CALLS_AT_ONCE: usize = 4;
/// For this long after its creation a 404 for a group means that it is not readable everywhere yet.
const NEW_FOR: Duration = Duration::from_secs(15 * 60);

/// Writes to Entra.
#[derive(Debug)]
pub struct EntraWriter {
    client: WriteClient,
    pace: Pace,
    on_lag: OnLag,
    created: Mutex<BTreeMap<ObjectId, Instant>>,
    /// The groups that Graph said it made for us. Any other that a creation ended in was found there.
    made: Mutex<BTreeSet<ObjectId>>,
    /// Whom the plan puts into which list, whatever became of it.
    planned: Mutex<BTreeMap<(ObjectId, EdgeList), BTreeSet<ObjectId>>>,
}

impl EntraWriter {
    /// A writer for the connection's tenant.
    ///
    /// # Errors
    /// When the credentials are for another tenant.
    pub fn new(connection: &Connection, chain: Arc<Chain>) -> Result<Self> {
        let client = WriteClient::new(connection, chain)?;
        let (pace, on_lag) = (connection.pace, connection.on_lag.clone());
        let (created, made, planned) = (Mutex::default(), Mutex::default(), Mutex::default());
        Ok(Self { client, pace, on_lag, created, made, planned })
    }

    fn note_planned(&self, changes: &[Change]) {
        let mut planned = self.planned.lock().unwrap_or_else(PoisonError::into_inner);
        for change in changes {
            let (edge, list) = match change.after() {
                Some(Resource::Owner(edge)) => (edge, EdgeList::Owners),
                Some(Resource::Member(edge)) => (edge, EdgeList::Members),
                Some(Resource::Group(_) | Resource::Role(_) | Resource::Binding(_)) | None => continue,
            };
            if let (Some(group), Some(principal)) = (edge.group_id.known(), edge.principal_id.known()) {
                planned.entry((group, list)).or_default().insert(principal);
            }
        }
    }
}

#[async_trait]
impl Writer for EntraWriter {
    async fn write(&self, ready: &[Change], interrupted: &watch::Receiver<bool>, report: &Report<'_>) {
        self.client.heed(interrupted);
        self.note_planned(ready);
        let ledger = Ledger::new(ready.len(), report);
        let run = Run { writer: self, ready, interrupted, ledger: &ledger, kinds: Mutex::default() };
        ledger.see_through(run.everything()).await;
    }

    async fn read_back(&self, written: &[Change], interrupted: &watch::Receiver<bool>) -> BTreeMap<usize, Outcome> {
        self.client.heed(interrupted);
        self.wait_until_shown(written, interrupted).await
    }

    fn usage(&self) -> Usage {
        self.client.reader().usage()
    }
}

/// One call of [`Writer::write`].
struct Run<'a> {
    writer: &'a EntraWriter,
    ready: &'a [Change],
    interrupted: &'a watch::Receiver<bool>,
    ledger: &'a Ledger<'a>,
    /// Why a group cannot be edited, for those that were looked at because of a refusal.
    kinds: Mutex<BTreeMap<ObjectId, Option<&'static str>>>,
}

impl Run<'_> {
    async fn everything(&self) {
        let sorted = jobs::sort(self.ready, |at, failure| self.ledger.settle(at, Outcome::Failed { failure }));
        self.carry_out(self.look_first(sorted.creations).await).await;
        // Owners before members and both before removals: nothing is taken before its replacement is there.
        self.carry_out(sorted.additions).await;
        self.carry_out(sorted.removals).await;
    }

    /// Sends jobs until each is settled. No two PATCH of one group are ever under way together: Graph answers the second
    /// with 409.
    async fn carry_out(&self, jobs: Vec<Job>) {
        let mut queue = VecDeque::from(jobs);
        let mut busy = BTreeSet::new();
        let mut in_flight = FuturesUnordered::new();
        loop {
            if self.is_interrupted() {
                queue.drain(..).for_each(|job| self.leave(&job));
            }
            while in_flight.len() < CALLS_AT_ONCE {
                let batch = jobs::take_batch(&mut queue, &busy);
                // A batch that is not full waits for company as long as more may come.
                if batch.is_empty() || (batch.len() < WriteClient::AT_ONCE && !in_flight.is_empty()) {
                    batch.into_iter().rev().for_each(|job| queue.push_front(job));
                    break;
                }
                let alone: Vec<_> = batch.iter().filter_map(Job::alone_in).collect();
                busy.extend(&alone);
                in_flight.push(async move {
                    let again = self.send(batch).await;
                    (alone, again)
                });
            }
            let Some((alone, again)) = in_flight.next().await else { break };
            busy.retain(|group| !alone.contains(group));
            queue.extend(again);
        }
    }

    /// Sends one batch and judges its results; gives what has to go again, after waiting as long as it takes.
    async fn send(&self, batch: Vec<Job>) -> Vec<Job> {
        let writes: Vec<_> = batch.iter().map(|job| job.write.clone()).collect();
        let results = self.writer.client.write(&writes, self.interrupted).await;
        let mut again = Vec::new();
        let mut wait = Duration::ZERO;
        let mut awaited = BTreeSet::new();
        for (mut job, result) in batch.into_iter().zip(results) {
            if let Err(Problem::Interrupted) = result {
                self.leave(&job);
                continue;
            }
            match self.judge(&job, result).await {
                Next::Settled => {}
                Next::Instead(jobs) => again.extend(jobs),
                Next::Later(otherwise) => {
                    match job.patience.get_or_insert_with(|| Patience::new(self.writer.pace)).after_lag() {
                        Some(longer) => {
                            wait = wait.max(longer);
                            if otherwise == Outcome::PENDING {
                                awaited.extend(job.changes.iter().filter_map(|at| self.awaited(*at)));
                            }
                            job.otherwise = Some(otherwise);
                            again.push(job);
                        }
                        None => self.settle(&job, &otherwise),
                    }
                }
            }
        }
        if !again.is_empty() && wait > Duration::ZERO {
            if !awaited.is_empty() {
                self.writer.on_lag.hears(Lagging { groups: awaited, now: wait, unread: None });
            }
            self.wait_unless_interrupted(wait).await;
        }
        again
    }

    async fn judge(&self, job: &Job, result: Written) -> Next {
        match &job.write {
            Write::CreateGroup { .. } => self.judge_creation(job, result).await,
            Write::UpdateGroup { group, .. } => self.judge_update(job, *group, result).await,
            Write::DeleteGroup(group) => self.judge_deletion(job, *group, result).await,
            Write::RestoreGroup(group) => self.judge_restoration(job, *group, result).await,
            Write::AddAll { group, list, principals } => {
                self.judge_addition_of_all(job, *group, *list, principals, result).await
            }
            Write::AddOne(edge) => self.judge_addition(job, *edge, result).await,
            Write::RemoveOne(edge) => self.judge_removal(job, *edge, result).await,
        }
    }

    fn settle(&self, job: &Job, outcome: &Outcome) {
        for at in &job.changes {
            self.ledger.settle(*at, outcome.clone());
        }
    }

    fn settle_all(&self, job: &Job, outcome: &Outcome) -> Next {
        self.settle(job, outcome);
        Next::Settled
    }

    /// Settles each change of a job with a failure that names it.
    fn fail(&self, job: &Job, problem: &Problem) -> Next {
        for at in &job.changes {
            self.ledger.settle(*at, self.failed(job, *at, problem.clone()));
        }
        Next::Settled
    }

    /// The same where the write may have been done, and what is there cannot be read: not "nothing was written".
    fn fail_unread(&self, job: &Job, problem: &Problem) -> Next {
        for at in &job.changes {
            let mut outcome = self.failed(job, *at, problem.clone());
            if let Outcome::Failed { failure } = &mut outcome {
                failure.kind = FailureKind::Unknown;
                failure.what.push_str(" (it may have been written; looking it up failed)");
            }
            self.ledger.settle(*at, outcome);
        }
        Next::Settled
    }

    fn failed(&self, job: &Job, at: usize, problem: Problem) -> Outcome {
        let address = self.ready.get(at).map(|change| change.address.to_string()).unwrap_or_default();
        let failure = self.writer.client.reader().failure(problem, &address, job.permission());
        Outcome::Failed { failure }
    }

    /// The outcome of a job that cannot go again.
    fn otherwise(&self, job: &Job, problem: Problem) -> Outcome {
        job.changes.first().map_or(Outcome::PENDING, |at| self.failed(job, *at, problem))
    }

    /// Settles a job that is not sent, or not sent again.
    fn leave(&self, job: &Job) {
        let outcome = job.otherwise.clone().unwrap_or_else(|| Outcome::NotTried { reason: STOPPED.to_owned() });
        self.settle(job, &outcome);
    }

    fn is_interrupted(&self) -> bool {
        *self.interrupted.borrow()
    }

    async fn wait_unless_interrupted(&self, wait: Duration) {
        pause(wait, self.interrupted).await;
    }

    /// The group that a change waits for: a new one that is to become a member, or else the one it is about.
    fn awaited(&self, at: usize) -> Option<GroupKey> {
        let change = self.ready.get(at)?;
        match change.after() {
            Some(Resource::Member(Edge { principal: PrincipalName::Group(key), principal_id, .. }))
                if principal_id.known().is_some_and(|id| self.is_new(id)) =>
            {
                Some(key.clone())
            }
            _ => change.address.group().cloned(),
        }
    }

    /// Whether a group was created so lately that "not there" means "not readable yet".
    fn is_new(&self, id: ObjectId) -> bool {
        let created = self.writer.created.lock().unwrap_or_else(PoisonError::into_inner);
        created.get(&id).is_some_and(|created| created.elapsed() < NEW_FOR)
    }

    fn remember(&self, id: ObjectId) {
        let mut created = self.writer.created.lock().unwrap_or_else(PoisonError::into_inner);
        created.insert(id, Instant::now());
    }
}

async fn pause(wait: Duration, interrupted: &watch::Receiver<bool>) {
    let mut interrupted = interrupted.clone();
    tokio::select! {
        () = tokio::time::sleep(wait) => {}
        // An error means that nobody can interrupt any more; then the wait is simply over early.
        _ = interrupted.wait_for(|interrupted| *interrupted) => {}
    }
}

fn conflict(what: String, next: &str) -> Outcome {
    Outcome::Failed { failure: Failure::new(FailureKind::Conflict, what).with_next(next) }
}

#[cfg(test)]
mod tests;
