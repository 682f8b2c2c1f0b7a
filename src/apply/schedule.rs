//! Which change may go next. Pure: it knows no writer, no journal and no clock.

use std::collections::{BTreeMap, BTreeSet};

use super::promise;
use crate::state::{Address, Change, EnvironmentName, Outcome};

/// Where a change is carried out: a cluster, or Entra when `None`.
pub(super) type Place = Option<EnvironmentName>;

/// The changes of one run, and how far each has come.
pub(super) struct Schedule {
    tasks: Vec<Task>,
    ready: BTreeMap<Place, BTreeSet<usize>>,
    /// What has an outcome that nobody has been told yet, in the order of the outcomes.
    settled: Vec<usize>,
}

struct Task {
    change: Change,
    /// How many required changes have not succeeded yet.
    missing: usize,
    dependents: Vec<usize>,
    progress: Progress,
}

enum Progress {
    Waiting,
    Running,
    Settled(Outcome),
}

impl Schedule {
    /// Lays out the dependency graph. A requirement outside the plan counts as met.
    pub(super) fn new(changes: Vec<Change>) -> Self {
        let mut positions: BTreeMap<Address, usize> = BTreeMap::new();
        let mut twice = BTreeSet::new();
        for (at, change) in changes.iter().enumerate() {
            if let Some(first) = positions.insert(change.address.clone(), at) {
                twice.extend([first, at]);
            }
        }
        let mut tasks: Vec<Task> = changes
            .into_iter()
            .map(|change| Task { change, missing: 0, dependents: Vec::new(), progress: Progress::Waiting })
            .collect();
        for at in 0..tasks.len() {
            let required: BTreeSet<usize> =
                requirements(&tasks[at].change).iter().filter_map(|address| positions.get(address).copied()).collect();
            tasks[at].missing = required.len();
            for position in required {
                tasks[position].dependents.push(at);
            }
        }
        let mut schedule = Self { tasks, ready: BTreeMap::new(), settled: Vec::new() };
        for at in 0..schedule.tasks.len() {
            if schedule.tasks[at].missing == 0 {
                schedule.make_ready(at);
            }
        }
        for at in twice {
            let reason = "the plan holds two changes with this address".to_owned();
            schedule.settle(at, Outcome::NotTried { reason });
        }
        schedule
    }

    /// The places with something ready.
    pub(super) fn places(&self) -> Vec<Place> {
        self.ready.keys().cloned().collect()
    }

    /// Takes everything that is ready at a place; it counts as running from now on.
    pub(super) fn take(&mut self, place: &Place) -> Vec<usize> {
        let ready: Vec<usize> = self.ready.remove(place).unwrap_or_default().into_iter().collect();
        for at in &ready {
            self.tasks[*at].progress = Progress::Running;
        }
        ready
    }

    /// The change at a position.
    pub(super) fn change(&self, at: usize) -> &Change {
        &self.tasks[at].change
    }

    /// Puts the same change with its promises filled in its place.
    pub(super) fn replace(&mut self, at: usize, change: Change) {
        self.tasks[at].change = change;
    }

    /// The outcome at a position, once there is one.
    pub(super) fn outcome(&self, at: usize) -> Option<&Outcome> {
        match &self.tasks[at].progress {
            Progress::Settled(outcome) => Some(outcome),
            Progress::Waiting | Progress::Running => None,
        }
    }

    /// Gives a change its outcome, and everything behind it what follows from that. A change that already has one keeps
    /// it: what was built on the first answer cannot be taken back. Says whether this outcome was the first.
    pub(super) fn settle(&mut self, at: usize, outcome: Outcome) -> bool {
        if self.outcome(at).is_some() {
            return false;
        }
        let mut pending = vec![(at, outcome)];
        while let Some((at, outcome)) = pending.pop() {
            if self.outcome(at).is_some() {
                continue;
            }
            let success = outcome.is_success();
            self.unready(at);
            self.tasks[at].progress = Progress::Settled(outcome);
            self.settled.push(at);
            for dependent in self.tasks[at].dependents.clone() {
                if success {
                    self.tasks[dependent].missing -= 1;
                    if self.tasks[dependent].missing == 0 {
                        self.make_ready(dependent);
                    }
                } else {
                    let reason = format!("waits for {}", self.tasks[at].change.address);
                    pending.push((dependent, Outcome::NotTried { reason }));
                }
            }
        }
        true
    }

    /// Takes a success back: what was done is not what is read. What was built on it stays.
    pub(super) fn take_back(&mut self, at: usize, outcome: Outcome) {
        if self.outcome(at).is_some_and(Outcome::is_success) {
            self.tasks[at].progress = Progress::Settled(outcome);
            self.settled.push(at);
        }
    }

    /// Everything at a place that succeeded, in the plan's order.
    pub(super) fn succeeded(&self, place: &Place) -> Vec<usize> {
        let is_there = |at: &usize| self.tasks[*at].change.address.environment() == place.as_ref();
        let tasks = 0..self.tasks.len();
        tasks.filter(|at| is_there(at) && self.outcome(*at).is_some_and(Outcome::is_success)).collect()
    }

    /// Gives up everything that is not running.
    pub(super) fn refuse_waiting(&mut self, reason: &str) {
        for at in 0..self.tasks.len() {
            if matches!(self.tasks[at].progress, Progress::Waiting) {
                self.unready(at);
                self.tasks[at].progress = Progress::Settled(Outcome::NotTried { reason: reason.to_owned() });
                self.settled.push(at);
            }
        }
    }

    /// Gives up what can never become ready. To be called when nothing runs and nothing is ready: what still waits then
    /// waits, directly or not, for itself.
    pub(super) fn refuse_circles(&mut self) {
        let positions: BTreeMap<Address, usize> =
            self.tasks.iter().enumerate().map(|(at, task)| (task.change.address.clone(), at)).collect();
        for at in 0..self.tasks.len() {
            if !matches!(self.tasks[at].progress, Progress::Waiting) {
                continue;
            }
            let unmet = requirements(&self.tasks[at].change).into_iter().find(|address| {
                positions.get(address).is_some_and(|position| {
                    !matches!(&self.tasks[*position].progress, Progress::Settled(outcome) if outcome.is_success())
                })
            });
            let waits_for = unmet.map_or_else(|| "itself".to_owned(), |address| address.to_string());
            let reason = format!("waits for {waits_for}, in a circle of changes that wait for each other");
            self.tasks[at].progress = Progress::Settled(Outcome::NotTried { reason });
            self.settled.push(at);
        }
    }

    /// What got an outcome since the last call, in that order.
    pub(super) fn take_settled(&mut self) -> Vec<usize> {
        std::mem::take(&mut self.settled)
    }

    /// Every change with its outcome, in the plan's order; `None` only for what still runs.
    pub(super) fn into_outcomes(self) -> impl Iterator<Item = (Change, Option<Outcome>)> {
        self.tasks.into_iter().map(|task| match task.progress {
            Progress::Settled(outcome) => (task.change, Some(outcome)),
            Progress::Waiting | Progress::Running => (task.change, None),
        })
    }

    fn make_ready(&mut self, at: usize) {
        if matches!(self.tasks[at].progress, Progress::Waiting) {
            let place = self.tasks[at].change.address.environment().cloned();
            self.ready.entry(place).or_default().insert(at);
        }
    }

    fn unready(&mut self, at: usize) {
        let place = self.tasks[at].change.address.environment().cloned();
        if let Some(ready) = self.ready.get_mut(&place) {
            ready.remove(&at);
            if ready.is_empty() {
                self.ready.remove(&place);
            }
        }
    }
}

/// What must be done before: what the plan says, and the creation of every group whose id is promised.
fn requirements(change: &Change) -> BTreeSet<Address> {
    let promises = promise::promised(change).into_iter().map(Address::Group);
    change.requires.iter().cloned().chain(promises).collect()
}
