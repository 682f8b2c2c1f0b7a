//! Runs the changes of a plan: each after what it requires, everything else at the same time.

use std::collections::{BTreeMap, BTreeSet};
use std::panic::AssertUnwindSafe;
use std::sync::Arc;

use futures::FutureExt as _;
use tokio::sync::{mpsc, watch};
use tokio::task::JoinSet;

use super::schedule::{Place, Schedule};
use super::{Event, Journal, JournalError, Report, Stop, promise};
use crate::providers::{STOPPED, Writer};
use crate::state::{
    Address, Change, EnvironmentName, Failure, FailureKind, GroupKey, Identity, ObjectId, Operation, Outcome, Resource,
};

/// How many clusters are written to at once. Entra is not counted.
const CLUSTERS_AT_ONCE: usize = 16;
/// How many outcomes are taken, and brought to disk, in one go.
const OUTCOMES_AT_ONCE: usize = 1024;

/// One writer for each place that the plan changes.
#[derive(Clone, Default)]
pub struct Writers {
    /// The tenant's.
    pub entra: Option<Arc<dyn Writer>>,
    /// The clusters'.
    pub clusters: BTreeMap<EnvironmentName, Arc<dyn Writer>>,
}

impl Writers {
    fn places(&self) -> impl Iterator<Item = Place> {
        self.entra.iter().map(|_| None).chain(self.clusters.keys().cloned().map(Some))
    }

    fn at(&self, place: &Place) -> Option<Arc<dyn Writer>> {
        match place {
            None => self.entra.clone(),
            Some(environment) => self.clusters.get(environment).cloned(),
        }
    }
}

/// Carries the changes out and tells the listener what happens.
///
/// Each place gets the whole set that is ready for it in one call, and its next set when that call has ended. A change
/// is handed over only after its `begin` line is on disk and every id it was promised is filled in. Whatever does not
/// succeed stops its dependents and nothing else. Once `ends` holds a reason nothing new is started, what is in
/// flight is finished, and the rest is not tried for this reason; the same holds when the journal can no longer be written.
///
/// When everything has its outcome, what was done is read back. What is not shown in time gets a second outcome, pending
/// replication, and that one counts.
///
/// # Errors
/// The journal could not be written before anything was handed over: then nothing was. A journal that fails later is
/// told by [`Report::journal_failure`], because by then there are outcomes to tell.
pub async fn execute(
    changes: Vec<Change>,
    writers: Writers,
    journal: &mut Journal,
    ends: watch::Receiver<Option<Stop>>,
    listener: &mut (dyn FnMut(Event<'_>) + Send),
) -> Result<Report, JournalError> {
    let (stop, _) = watch::channel(false);
    let (sender, mut outcomes) = mpsc::unbounded_channel();
    let mut calls = JoinSet::new();
    let mut run = Run {
        schedule: Schedule::new(changes),
        created: BTreeMap::new(),
        busy: BTreeSet::new(),
        writers,
        journal,
        listener,
        stop,
        handed_over: false,
        stopping: None,
        halted: None,
        journal_failure: None,
    };
    loop {
        let stop = *ends.borrow();
        if let Some(stop) = stop {
            run.end_early(stop);
        }
        run.record()?;
        run.start(&mut calls, &sender)?;
        run.record()?;
        if calls.is_empty() {
            break;
        }
        let mut reported = Vec::new();
        let mut ended = None;
        tokio::select! {
            _ = outcomes.recv_many(&mut reported, OUTCOMES_AT_ONCE) => {}
            call = calls.join_next() => ended = call,
            _ = reason(ends.clone()), if run.stopping.is_none() => {}
        }
        if ended.is_some() {
            // Everything that a call reported was sent before the call ended.
            while let Ok(outcome) = outcomes.try_recv() {
                reported.push(outcome);
            }
        }
        for (at, outcome) in reported {
            run.settle(at, outcome);
        }
        if let Some(Ok(Ended { place, positions, panicked })) = ended {
            run.end(&place, positions, panicked);
        }
    }
    run.read_back(&ends).await?;
    run.finish()
}

/// Waits until there is a reason to stop; for ever when nobody can give one any more.
async fn reason(mut ends: watch::Receiver<Option<Stop>>) -> Stop {
    let given = ends.wait_for(Option::is_some).await.ok().and_then(|given| *given);
    match given {
        Some(stop) => stop,
        None => std::future::pending().await,
    }
}

/// A call of a writer that has returned.
struct Ended {
    place: Place,
    positions: Vec<usize>,
    panicked: bool,
}

struct Run<'a> {
    schedule: Schedule,
    /// The ids of groups that this run created.
    created: BTreeMap<GroupKey, ObjectId>,
    /// The places with a call in flight.
    busy: BTreeSet<Place>,
    writers: Writers,
    journal: &'a mut Journal,
    listener: &'a mut (dyn FnMut(Event<'_>) + Send),
    /// Told to writers, so that they stop handing out parts of the set they hold.
    stop: watch::Sender<bool>,
    handed_over: bool,
    stopping: Option<Stop>,
    /// Why nothing new is started any more.
    halted: Option<&'static str>,
    journal_failure: Option<JournalError>,
}

impl Run<'_> {
    /// Hands every idle place what is ready for it.
    fn start(
        &mut self,
        calls: &mut JoinSet<Ended>,
        sender: &mpsc::UnboundedSender<(usize, Outcome)>,
    ) -> Result<(), JournalError> {
        let mut batches = Vec::new();
        for place in self.schedule.places() {
            let clusters = self.busy.iter().filter(|place| place.is_some()).count();
            if self.busy.contains(&place) || (place.is_some() && clusters >= CLUSTERS_AT_ONCE) {
                continue;
            }
            if let Some((writer, positions)) = self.prepare(&place) {
                self.busy.insert(place.clone());
                batches.push((place, writer, positions));
            }
        }
        if batches.is_empty() {
            return Ok(());
        }
        let begun: Vec<&Change> =
            batches.iter().flat_map(|(_, _, positions)| positions).map(|at| self.schedule.change(*at)).collect();
        if let Err(error) = self.journal.begin(&begun) {
            for (place, _, positions) in batches {
                self.busy.remove(&place);
                for at in positions {
                    self.schedule.settle(at, Outcome::NotTried { reason: JOURNAL_FAILED.to_owned() });
                }
            }
            return self.journal_failed(error);
        }
        self.handed_over = true;
        for (place, writer, positions) in batches {
            let ready: Vec<Change> = positions.iter().map(|at| self.schedule.change(*at).clone()).collect();
            for change in &ready {
                (self.listener)(Event::Started(change));
            }
            let (sender, stop) = (sender.clone(), self.stop.subscribe());
            calls.spawn(async move {
                let report = |at: usize, outcome: Outcome| {
                    if let Some(position) = positions.get(at) {
                        // The receiver lives as long as the run; without it there is nobody left to tell.
                        let _ = sender.send((*position, outcome));
                    }
                };
                let call = AssertUnwindSafe(writer.write(&ready, &stop, &report)).catch_unwind().await;
                Ended { place, positions, panicked: call.is_err() }
            });
        }
        Ok(())
    }

    /// Takes what is ready at a place, with its promises filled; `None` when nothing of it can be handed over.
    fn prepare(&mut self, place: &Place) -> Option<(Arc<dyn Writer>, Vec<usize>)> {
        let positions = self.schedule.take(place);
        let Some(writer) = self.writers.at(place) else {
            let reason = match place {
                None => "there is no connection to Entra that may write".to_owned(),
                Some(environment) => format!("there is no connection to {environment} that may write"),
            };
            for at in positions {
                self.schedule.settle(at, Outcome::NotTried { reason: reason.clone() });
            }
            return None;
        };
        let mut prepared = Vec::with_capacity(positions.len());
        for at in positions {
            match promise::fill(self.schedule.change(at).clone(), &self.created) {
                Ok(change) => {
                    self.schedule.replace(at, change);
                    prepared.push(at);
                }
                Err(group) => {
                    let reason = format!("the id of group {group} is not known");
                    self.schedule.settle(at, Outcome::NotTried { reason });
                }
            }
        }
        if prepared.is_empty() { None } else { Some((writer, prepared)) }
    }

    fn settle(&mut self, at: usize, outcome: Outcome) {
        let outcome = self.with_reason(outcome);
        let created = match &outcome {
            Outcome::Done { created } | Outcome::AlreadySo { created } => *created,
            Outcome::PendingReplication { .. } | Outcome::Failed { .. } | Outcome::NotTried { .. } => None,
        };
        if self.schedule.settle(at, outcome)
            && let (Some(id), Address::Group(key)) = (created, &self.schedule.change(at).address)
        {
            self.created.insert(key.clone(), id);
        }
    }

    /// A writer only hears that it is to stop: why is said here.
    fn with_reason(&self, outcome: Outcome) -> Outcome {
        let Some(why) = self.halted else { return outcome };
        let said = |reason: &str| reason.strip_suffix(STOPPED).map(|start| format!("{start}{why}"));
        match outcome {
            Outcome::NotTried { reason } => Outcome::NotTried { reason: said(&reason).unwrap_or(reason) },
            Outcome::PendingReplication { why: Some(reason) } => {
                Outcome::PendingReplication { why: Some(said(&reason).unwrap_or(reason)) }
            }
            other => other,
        }
    }

    /// Waits until every place shows what was written there; what it does not show in time, or shows with more
    /// than was planned, is no success.
    async fn read_back(&mut self, ends: &watch::Receiver<Option<Stop>>) -> Result<(), JournalError> {
        let (end, ended) = watch::channel(self.stopping.is_some());
        let places: BTreeSet<Place> = self.writers.places().collect();
        let looks = places.into_iter().filter_map(|place| {
            let (writer, positions) = (self.writers.at(&place)?, self.schedule.succeeded(&place));
            let written: Vec<Change> = positions.iter().map(|at| self.written(*at)).collect();
            let ended = ended.clone();
            (!written.is_empty()).then_some(async move {
                let look = AssertUnwindSafe(writer.read_back(&written, &ended)).catch_unwind().await;
                // Without an answer nothing of it is known to be shown.
                let why = Some("rolecall itself failed while it looked".to_owned());
                let unknown = Outcome::PendingReplication { why };
                let unknown = || (0..positions.len()).map(|at| (at, unknown.clone())).collect();
                let outcomes: BTreeMap<usize, Outcome> = look.unwrap_or_else(|_| unknown());
                let outcomes = outcomes.into_iter();
                outcomes.filter_map(|(at, outcome)| Some((*positions.get(at)?, outcome))).collect::<Vec<_>>()
            })
        });
        let mut looks = futures::future::join_all(looks.collect::<Vec<_>>());
        let outcomes = tokio::select! {
            outcomes = &mut looks => outcomes,
            stop = reason(ends.clone()), if self.stopping.is_none() => {
                end.send_replace(true);
                self.end_early(stop);
                looks.await
            }
        };
        let stop = *ends.borrow();
        if let Some(stop) = stop {
            self.end_early(stop);
        }
        for (at, outcome) in outcomes.into_iter().flatten() {
            let outcome = self.with_reason(outcome);
            self.schedule.take_back(at, outcome);
        }
        self.record()
    }

    /// A change as it was made: a group that was created has its id.
    fn written(&self, at: usize) -> Change {
        let mut change = self.schedule.change(at).clone();
        if let Operation::Create { after: Resource::Group(group) } = &mut change.operation
            && let Some(id) = self.created.get(&group.key)
        {
            group.id = Identity::Known(*id);
        }
        change
    }

    /// A call has returned: what it left without an outcome may or may not have been written.
    fn end(&mut self, place: &Place, positions: Vec<usize>, panicked: bool) {
        self.busy.remove(place);
        for at in positions {
            if self.schedule.outcome(at).is_none() {
                self.settle(at, Outcome::Failed { failure: unreported(panicked) });
            }
        }
    }

    /// Brings new outcomes to the journal, then to the listener.
    fn record(&mut self) -> Result<(), JournalError> {
        let settled = self.schedule.take_settled();
        let outcomes: Vec<(&Change, &Outcome)> = settled
            .iter()
            .filter_map(|at| self.schedule.outcome(*at).map(|outcome| (self.schedule.change(*at), outcome)))
            .collect();
        if outcomes.is_empty() {
            return Ok(());
        }
        let written = if self.journal_failure.is_none() { self.journal.end(&outcomes) } else { Ok(()) };
        for (change, outcome) in outcomes {
            (self.listener)(Event::Finished(change, outcome));
        }
        match written {
            Ok(()) => Ok(()),
            Err(error) => {
                self.journal_failed(error)?;
                // Halting gave outcomes to whatever was waiting; they can only be told.
                self.record()
            }
        }
    }

    fn end_early(&mut self, stop: Stop) {
        if self.stopping.is_none() {
            self.stopping = Some(stop);
            (self.listener)(Event::Stopping(stop));
            self.halt(stop.reason());
        }
    }

    /// Passes the error on while nothing was handed over, and otherwise keeps it and starts nothing new.
    fn journal_failed(&mut self, error: JournalError) -> Result<(), JournalError> {
        if !self.handed_over {
            return Err(error);
        }
        self.journal_failure.get_or_insert(error);
        self.halt(JOURNAL_FAILED);
        Ok(())
    }

    fn halt(&mut self, reason: &'static str) {
        let reason = *self.halted.get_or_insert(reason);
        self.stop.send_replace(true);
        self.schedule.refuse_waiting(reason);
    }

    fn finish(mut self) -> Result<Report, JournalError> {
        self.schedule.refuse_circles();
        self.record()?;
        let outcomes = self
            .schedule
            .into_outcomes()
            .map(|(change, outcome)| (change, outcome.unwrap_or_else(|| Outcome::Failed { failure: unreported(true) })))
            .collect();
        let mut report = Report::new(outcomes, self.stopping, self.journal_failure);
        if report.journal_failure.is_none()
            && let Err(error) = self.journal.finish(&report.summary)
        {
            if !self.handed_over {
                return Err(error);
            }
            report.journal_failure = Some(error);
        }
        Ok(report)
    }
}

const JOURNAL_FAILED: &str = "the journal could not be written";

fn unreported(panicked: bool) -> Failure {
    let what = if panicked {
        "rolecall itself failed while this change was in flight; it may or may not have been written"
    } else {
        "the provider ended without an outcome; it may or may not have been written"
    };
    Failure::new(FailureKind::Unknown, what).with_next("run plan: it shows whether the change still has to be made")
}
