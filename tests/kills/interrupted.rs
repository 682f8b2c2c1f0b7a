//! Ctrl-C in the middle of `apply`: nothing more is sent, what was done and what was not is said.
#![cfg(unix)]

use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};

use rolecall::apply::journal::{self, OutcomeV1, StepV1};

use crate::gate::{Gate, Hold, Upstream};
use crate::place::Place;
use crate::process::{Served, is_untouched, until};
use crate::scenario::role_replacement;

/// What Ctrl-C does to a process in the foreground.
fn interrupt(process: &Child) {
    let sent = Command::new("kill").args(["-INT", &process.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// An `apply` whose first write on the cluster is held.
struct Held<'a> {
    apply: Child,
    gate: Gate,
    place: Place<'a>,
    served: Served,
    /// Keeps the gate at work.
    _runtime: tokio::runtime::Runtime,
}

impl<'a> Held<'a> {
    fn new(folder: &'a Path, after_work: bool) -> Self {
        role_replacement().prepare(folder);
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let mut place = Place::new(folder);
        let served = Served::start(&place.sandbox(), None);
        let kubeconfig = std::fs::read(place.sandbox().join("kubeconfig")).unwrap();
        let upstream = Upstream::of_context(&serde_json::from_slice(&kubeconfig).unwrap(), "west");
        let gate = runtime.block_on(Gate::start(upstream, Some(Hold { request: 0, of_writes: true, after_work })));
        place.reach_west_by(&served, &gate.kubeconfig());
        let mut apply = place.command(&served, "first.jsonl", &[]);
        let file = std::fs::File::create(place.path("said")).unwrap();
        let apply = apply.stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap();
        let mut held = Self { apply, gate, place, served, _runtime: runtime };
        assert!(until(&mut held.apply, || held.gate.holds()).is_none(), "{}", held.said());
        held
    }

    fn said(&self) -> String {
        std::fs::read_to_string(self.place.path("said")).unwrap()
    }

    /// Interrupts it, and waits until it says so.
    fn interrupt(&mut self) {
        interrupt(&self.apply);
        let said = || std::fs::read_to_string(self.place.path("said")).unwrap();
        assert!(until(&mut self.apply, || said().contains("A second signal")).is_none(), "{}", said());
    }

    fn end(&mut self) -> ExitStatus {
        self.apply.wait().unwrap()
    }

    /// Runs it again.
    fn again(&self) {
        self.place.apply(&self.served, "second.jsonl", &mut Vec::new()).unwrap();
        self.place.is_in_order(&self.served).unwrap();
    }
}

#[test]
fn an_interruption_before_anything_is_written_ends_at_once_with_130() {
    let folder = tempfile::tempdir().unwrap();
    role_replacement().prepare(folder.path());
    let place = Place::new(folder.path());
    let faults = "rules: [{ fault: hold-before, on: west, path: /, after: 2, times: 1 }]\n";
    let served = Served::start(&place.sandbox(), Some(faults));
    let mut apply = place.command(&served, "first.jsonl", &[]);
    let mut apply = apply.stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    assert!(until(&mut apply, || served.holds()).is_none());
    interrupt(&apply);
    let output = apply.wait_with_output().unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{said}");
    assert!(said.contains("nothing was written"), "{said}");
    drop(served);
    assert!(is_untouched(&place.sandbox()));
    assert!(!place.path("first.jsonl").exists());
}

#[test]
fn an_interruption_while_writing_finishes_what_is_in_flight_and_sends_nothing_more() {
    let folder = tempfile::tempdir().unwrap();
    let mut held = Held::new(folder.path(), false);
    held.interrupt();
    held.gate.let_go();
    let (status, said) = (held.end(), held.said());
    assert_eq!(status.code(), Some(4), "{said}");
    assert!(said.contains("not tried") && said.contains("done"), "{said}");

    let record = journal::read(&held.place.path("first.jsonl")).unwrap();
    let summary = record.summary.unwrap();
    assert!(summary.interrupted && summary.done > 0 && summary.not_tried > 0 && summary.failed == 0, "{summary:?}");
    let ended = |wanted: OutcomeV1| {
        let of_it = record.steps.iter().filter_map(move |step| match step {
            StepV1::End { address, outcome, .. } if *outcome == wanted => address.rsplit('/').next(),
            StepV1::Begin { .. } | StepV1::End { .. } | StepV1::Summary(_) => None,
        });
        of_it.collect::<Vec<_>>()
    };
    let seen = held.gate.seen();
    let was_sent = |name: &&str| seen.iter().any(|seen| seen.is_write() && seen.path.contains(&format!("/{name}?")));
    let (done, not_tried) = (ended(OutcomeV1::Done), ended(OutcomeV1::NotTried));
    assert_eq!((done.len(), not_tried.len()), (summary.done, summary.not_tried));
    assert!(done.iter().all(was_sent), "{done:?} {seen:?}");
    assert!(!not_tried.iter().any(was_sent), "{not_tried:?} {seen:?}");
    held.again();
}

#[test]
fn a_second_interruption_ends_an_apply_that_waits_for_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let mut held = Held::new(folder.path(), true);
    held.interrupt();
    interrupt(&held.apply);
    let (status, said) = (held.end(), held.said());
    assert_eq!(status.code(), Some(4), "{said}");
    assert!(said.contains("Interrupted twice"), "{said}");
    held.gate.let_go();

    let record = journal::read(&held.place.path("first.jsonl")).unwrap();
    assert!(record.summary.is_none(), "whoever is ended sums nothing up");
    assert!(record.steps.iter().any(|step| matches!(step, StepV1::Begin { .. })), "what was begun is on disk");
    held.again();
}
