//! The lock is lost in the middle of `apply`: nothing more is sent, and what was done and what was not is said.
#![cfg(unix)]

use rolecall::apply::journal::{self, OutcomeV1, StepV1, StoppedV1};
use rolecall::state::mark::lease_name;
use serde_json::Value;

use crate::gate::{Hold, Of};
use crate::held::Held;
use crate::interrupted::{interrupt, interrupt_held};
use crate::scenario::{CONFIG, Scenario, role_replacement};

fn locking() -> Scenario {
    let scenario = role_replacement();
    let (at, lock) = ("environments:\n", "lock: { environment: west, namespace: docs }\nenvironments:\n");
    assert!(scenario.after.contains(at));
    Scenario { after: scenario.after.replacen(at, lock, 1), ..scenario }
}

/// Somebody else asks the API server for the Lease, past the gate.
fn stranger(held: &Held<'_>, method: &str, body: Option<&Value>) -> (u16, Value) {
    let lease = lease_name(&CONFIG.parse().unwrap());
    let server = held.upstream.url.trim_end_matches('/');
    let url = format!("{server}/apis/coordination.k8s.io/v1/namespaces/docs/leases/{lease}");
    let request = held.upstream.client().request(method.parse().unwrap(), url).bearer_auth(&held.upstream.token);
    let request = match body {
        Some(body) => request.header("content-type", "application/json").body(body.to_string()),
        None => request,
    };
    held.runtime.block_on(async {
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), serde_json::from_slice(&answer.bytes().await.unwrap()).unwrap())
    })
}

/// How often the Lease was made and written by us, in this order.
fn written(held: &Held<'_>) -> (usize, usize) {
    let seen = held.gate.seen();
    let count = |method: &str| seen.iter().filter(|seen| seen.is_about_lock() && seen.method == method).count();
    (count("POST"), count("PUT"))
}

#[test]
fn lost_while_changes_are_made_it_ends_with_4_and_says_what_is_done() {
    let folder = tempfile::tempdir().unwrap();
    let mut held = Held::new(folder.path(), &locking(), Hold { request: 0, of: Of::Writes, after_work: false });
    assert_eq!(stranger(&held, "DELETE", None).0, 200);
    held.until_said("The lock was lost (it was deleted): finishing what is in flight");
    held.gate.let_go();
    let (status, said) = (held.end(), held.said());
    assert_eq!(status.code(), Some(4), "{said}");
    for part in
        ["not tried, the lock was lost", "the lock was lost: it was deleted", "Run it again: what is done stays done."]
    {
        assert!(said.contains(part), "{part}: {said}");
    }
    assert!(!said.contains("nterrupted"), "nobody interrupted it: {said}");
    let record = journal::read(&held.place.path("first.jsonl")).unwrap();
    let summary = record.summary.as_ref().unwrap();
    assert!(summary.done > 0 && summary.not_tried > 0 && summary.failed == 0, "{summary:?}");
    assert_eq!((summary.interrupted, summary.stopped), (false, Some(StoppedV1::LockLost)));
    let whys: Vec<&str> = record.steps.iter().filter_map(why_not_tried).collect();
    assert!(whys.contains(&"the lock was lost") && !whys.contains(&"interrupted"), "{whys:?}");
    held.sent_what_is_done(&record);
    // What was lost is neither made again nor given back.
    assert_eq!(written(&held), (1, 1), "{:?}", held.gate.seen());
    assert_eq!(stranger(&held, "GET", None).0, 404);
    held.again();
}

fn why_not_tried(step: &StepV1) -> Option<&str> {
    match step {
        StepV1::End { outcome: OutcomeV1::NotTried, detail, .. } => detail.as_deref(),
        StepV1::End { .. } | StepV1::Begin { .. } | StepV1::Summary(_) => None,
    }
}

#[test]
fn who_ends_it_at_once_is_told_of_the_lock_that_stays() {
    let folder = tempfile::tempdir().unwrap();
    let mut held = Held::new(folder.path(), &locking(), Hold { request: 0, of: Of::Writes, after_work: true });
    interrupt_held(&mut held);
    interrupt(&held.apply);
    let (status, said) = (held.end(), held.said());
    assert_eq!(status.code(), Some(4), "{said}");
    let lease = lease_name(&CONFIG.parse().unwrap());
    let stays = format!(
        "The lock was not given back: the Lease {lease} in the namespace docs on west. It is free by itself in 30 s; until then \
         another apply waits for it."
    );
    assert!(said.contains("Interrupted twice: ended at once, after ") && said.contains(&stays), "{said}");
    held.gate.let_go();
    assert_ne!(stranger(&held, "GET", None).1["spec"]["holderIdentity"], "");
}

#[test]
fn lost_before_anything_is_written_it_ends_with_1() {
    let folder = tempfile::tempdir().unwrap();
    // Everything is read once more after the lock was taken.
    let mut held = Held::new(folder.path(), &locking(), Hold { request: 0, of: Of::Locked, after_work: false });
    let (_, mut lease) = stranger(&held, "GET", None);
    lease["metadata"].as_object_mut().unwrap().remove("managedFields");
    lease["spec"]["holderIdentity"] = "https://ci.contoso.com/jobs/9\u{1b}[2J".into();
    assert_eq!(stranger(&held, "PUT", Some(&lease)).0, 200);
    let (status, said) = (held.end(), held.said());
    assert_eq!(status.code(), Some(1), "{said}");
    let taken = "error: nothing was written: the lock was lost: https://ci.contoso.com/jobs/9\\u{1b}[2J has taken it";
    assert!(said.contains(taken), "{said}");
    assert!(said.contains("run it again"), "{said}");
    held.gate.let_go();
    let seen = held.gate.seen();
    assert!(!seen.iter().any(crate::gate::Seen::is_write), "{seen:?}");
    assert!(!held.place.path("first.jsonl").exists());
    assert_eq!(stranger(&held, "GET", None).1["spec"]["holderIdentity"], lease["spec"]["holderIdentity"]);
    assert_eq!(stranger(&held, "DELETE", None).0, 200);
    held.again();
}
