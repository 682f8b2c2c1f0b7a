//! Ctrl-C in the middle of `apply`: nothing more is sent, what was done and what was not is said.
#![cfg(unix)]

use std::path::Path;
use std::process::{Child, Command, Stdio};

use rolecall::apply::journal::{self, StepV1};

use crate::gate::{Hold, Of};
use crate::held::Held;
use crate::place::Place;
use crate::process::{Served, is_untouched, until};
use crate::scenario::role_replacement;

/// What Ctrl-C does to a process in the foreground.
pub(crate) fn interrupt(process: &Child) {
    let sent = Command::new("kill").args(["-INT", &process.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// An `apply` whose first write on the cluster is held.
fn held(folder: &Path, after_work: bool) -> Held<'_> {
    Held::new(folder, &role_replacement(), Hold { request: 0, of: Of::Writes, after_work })
}

/// Interrupts it, and waits until it says so.
pub(crate) fn interrupt_held(held: &mut Held<'_>) {
    interrupt(&held.apply);
    held.until_said("A second signal");
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
    let mut held = held(folder.path(), false);
    interrupt_held(&mut held);
    held.gate.let_go();
    let (status, said) = (held.end(), held.said());
    assert_eq!(status.code(), Some(4), "{said}");
    assert!(said.contains("not tried") && said.contains("done"), "{said}");

    let record = journal::read(&held.place.path("first.jsonl")).unwrap();
    let summary = record.summary.as_ref().unwrap();
    assert!(summary.interrupted && summary.done > 0 && summary.not_tried > 0 && summary.failed == 0, "{summary:?}");
    held.sent_what_is_done(&record);
    held.again();
}

#[test]
fn a_second_interruption_ends_an_apply_that_waits_for_an_answer() {
    let folder = tempfile::tempdir().unwrap();
    let mut held = held(folder.path(), true);
    interrupt_held(&mut held);
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
