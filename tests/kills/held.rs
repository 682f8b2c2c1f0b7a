//! An `apply` of which one request to the cluster is held, so that something can happen in its middle.

use std::path::Path;
use std::process::{Child, ExitStatus};

use rolecall::apply::journal::{OutcomeV1, Record, StepV1};
use tokio::runtime::{Builder, Runtime};

use crate::gate::{Gate, Hold, Upstream};
use crate::place::Place;
use crate::process::{Served, until};
use crate::scenario::Scenario;

pub(crate) struct Held<'a> {
    pub(crate) apply: Child,
    pub(crate) gate: Gate,
    pub(crate) place: Place<'a>,
    pub(crate) upstream: Upstream,
    served: Served,
    /// Keeps the gate at work.
    pub(crate) runtime: Runtime,
}

impl<'a> Held<'a> {
    /// Begins it, and waits until the request is held.
    pub(crate) fn new(folder: &'a Path, scenario: &Scenario, hold: Hold) -> Self {
        scenario.prepare(folder);
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let mut place = Place::new(folder);
        let served = Served::start(&place.sandbox(), None);
        let kubeconfig = std::fs::read(place.sandbox().join("kubeconfig")).unwrap();
        let upstream = Upstream::of_context(&serde_json::from_slice(&kubeconfig).unwrap(), "west");
        let gate = runtime.block_on(Gate::start(upstream.clone(), Some(hold)));
        place.reach_west_by(&served, &gate.kubeconfig());
        let mut apply = place.command(&served, "first.jsonl", &[]);
        let file = std::fs::File::create(place.path("said")).unwrap();
        let apply = apply.stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap();
        let mut begun = Self { apply, gate, place, upstream, served, runtime };
        assert!(until(&mut begun.apply, || begun.gate.holds()).is_none(), "{}", begun.said());
        begun
    }

    pub(crate) fn said(&self) -> String {
        std::fs::read_to_string(self.place.path("said")).unwrap()
    }

    /// Waits until it has said this.
    pub(crate) fn until_said(&mut self, text: &str) {
        let said = || std::fs::read_to_string(self.place.path("said")).unwrap();
        assert!(until(&mut self.apply, || said().contains(text)).is_none(), "{}", said());
    }

    pub(crate) fn end(&mut self) -> ExitStatus {
        self.apply.wait().unwrap()
    }

    /// Whether the journal's changes that are done were sent to the cluster, and those that were not tried were not.
    pub(crate) fn sent_what_is_done(&self, record: &Record) {
        let ended = |wanted: OutcomeV1| {
            let of_it = record.steps.iter().filter_map(move |step| match step {
                StepV1::End { address, outcome, .. } if *outcome == wanted => address.rsplit('/').next(),
                StepV1::Begin { .. } | StepV1::End { .. } | StepV1::Summary(_) => None,
            });
            of_it.collect::<Vec<_>>()
        };
        let summary = record.summary.as_ref().unwrap();
        let seen = self.gate.seen();
        let was_sent =
            |name: &&str| seen.iter().any(|seen| seen.is_write() && seen.path.contains(&format!("/{name}?")));
        let (done, not_tried) = (ended(OutcomeV1::Done), ended(OutcomeV1::NotTried));
        assert_eq!((done.len(), not_tried.len()), (summary.done, summary.not_tried));
        assert!(done.iter().all(was_sent), "{done:?} {seen:?}");
        assert!(!not_tried.iter().any(was_sent), "{not_tried:?} {seen:?}");
    }

    /// Runs it again.
    pub(crate) fn again(&self) {
        self.place.apply(&self.served, "second.jsonl", &mut Vec::new()).unwrap();
        self.place.is_in_order(&self.served).unwrap();
    }
}
