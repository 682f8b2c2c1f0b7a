//! Single runs of the executor.

use std::sync::Arc;

use super::*;
use crate::apply::Conclusion;
use crate::apply::journal::{OutcomeV1, StepV1, StoppedV1};
use crate::state::{Failure, FailureKind};

fn requiring(mut change: Change, address: &Address) -> Change {
    change.requires.insert(address.clone());
    change
}

fn failed() -> Outcome {
    Outcome::Failed { failure: Failure::new(FailureKind::Forbidden, "403") }
}

fn not_tried(reason: &str) -> Outcome {
    Outcome::NotTried { reason: reason.to_owned() }
}

/// Runs changes over writers that a test brings itself.
fn run(changes: Vec<Change>, writers: Writers, ends: watch::Receiver<Option<Stop>>) -> crate::apply::Report {
    let mut journal = Journal::over(Box::new(Paper::default()), Path::new("journal.jsonl"), clock);
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(execute(changes, writers, &mut journal, ends, &mut |_| {})).unwrap()
}

#[test]
fn a_created_id_reaches_members_and_bindings_without_being_asked_for() {
    let trial = attempt(
        vec![member("sre", "erin@contoso.com"), binding("alpha", "sre-view", "sre"), group("sre")],
        [],
        &Paper::default(),
        false,
    );
    assert_eq!(trial.result.as_ref().unwrap().conclusion(), Conclusion::Done);
    let id = created(&group("sre")).unwrap();
    let resources: Vec<_> = trial.handed.iter().flatten().filter_map(|change| change.after().cloned()).collect();
    let edge = resources.iter().find_map(|resource| match resource {
        Resource::Member(edge) => Some(edge.group_id.clone()),
        _ => None,
    });
    assert_eq!(edge, Some(Identity::Known(id)));
    let subject = resources.iter().find_map(|resource| match resource {
        Resource::Binding(binding) => Some(binding.subjects[0].name.clone()),
        _ => None,
    });
    assert_eq!(subject, Some(SubjectName::Known(format!("oidc:{id}"))));
}

#[test]
fn a_group_created_without_an_id_stops_who_needs_the_id() {
    let deeds = [(Address::Group(key("sre")), Deed::Report(done()))];
    let trial = attempt(vec![group("sre"), member("sre", "erin@contoso.com")], deeds, &Paper::default(), false);
    assert_eq!(trial.outcomes()[1].1, not_tried("the id of group sre is not known"));
    assert_eq!(trial.result.unwrap().conclusion(), Conclusion::Partial);
}

#[test]
fn a_promise_of_a_group_outside_the_plan_is_not_handed_over() {
    let trial = attempt(vec![member("sre", "erin@contoso.com")], [], &Paper::default(), false);
    assert_eq!(trial.outcomes()[0].1, not_tried("the id of group sre is not known"));
    assert!(trial.handed.is_empty());
}

#[test]
fn each_place_gets_everything_that_is_ready_in_one_call() {
    let changes = vec![
        role("alpha", "one"),
        role("alpha", "two"),
        requiring(role("alpha", "three"), &object("alpha", "one")),
        role("staging", "one"),
    ];
    let trial = attempt(changes, [], &Paper::default(), false);
    assert_eq!(
        trial.calls(),
        [
            vec!["alpha/clusterrole/one", "alpha/clusterrole/two"],
            vec!["staging/clusterrole/one"],
            vec!["alpha/clusterrole/three"],
        ]
    );
}

#[test]
fn a_failure_stops_its_dependents_only() {
    let changes = vec![
        role("alpha", "one"),
        requiring(role("staging", "two"), &object("alpha", "one")),
        requiring(role("staging", "three"), &object("staging", "two")),
        role("alpha", "four"),
    ];
    let deeds = [(object("alpha", "one"), Deed::Report(failed()))];
    let trial = attempt(changes, deeds, &Paper::default(), false);
    assert_eq!(trial.outcome(&object("staging", "two")), not_tried("waits for alpha/clusterrole/one"));
    assert_eq!(trial.outcome(&object("staging", "three")), not_tried("waits for staging/clusterrole/two"));
    assert_eq!(trial.outcome(&object("alpha", "four")), done());
    let summary = trial.result.unwrap().summary;
    assert_eq!((summary.done, summary.failed, summary.not_tried), (1, 1, 2));
}

#[test]
fn what_is_only_pending_is_no_ground_to_go_on() {
    let changes = vec![role("alpha", "one"), requiring(role("alpha", "two"), &object("alpha", "one"))];
    let deeds = [(object("alpha", "one"), Deed::Report(Outcome::PENDING))];
    let trial = attempt(changes, deeds, &Paper::default(), false);
    assert_eq!(trial.outcome(&object("alpha", "two")), not_tried("waits for alpha/clusterrole/one"));
    assert_eq!(trial.result.unwrap().conclusion(), Conclusion::Partial);
}

#[test]
fn what_is_done_and_not_shown_is_no_success_and_stops_nothing() {
    let changes = vec![group("sre"), member("sre", "erin@contoso.com"), binding("alpha", "sre-view", "sre")];
    let unread = Outcome::PendingReplication { why: Some("503".to_owned()) };
    let deeds =
        [(changes[1].address.clone(), Deed::ReadBack(unread.clone())), (changes[2].address.clone(), done_by_report())];
    let trial = attempt(changes.clone(), deeds, &Paper::default(), false);
    assert_eq!(trial.outcome(&changes[1].address), unread);
    assert!(trial.outcome(&changes[0].address).is_success() && trial.outcome(&changes[2].address).is_success());
    // What was created is read back by its id.
    let created = trial.read_back.iter().find(|change| change.address == changes[0].address).unwrap();
    assert!(matches!(created.after(), Some(Resource::Group(Group { id: Identity::Known(_), .. }))), "{created:?}");
    let told = |address: &Address| trial.events.iter().filter(|event| **event == format!("={address}")).count();
    assert_eq!((told(&changes[0].address), told(&changes[1].address)), (1, 2));
    let ends = trial.record().steps.into_iter().filter_map(|step| match step {
        StepV1::End { address, outcome, detail, .. } if address == changes[1].address.to_string() => {
            Some((outcome, detail))
        }
        _ => None,
    });
    let (done, pending) = ((OutcomeV1::Done, None), (OutcomeV1::PendingReplication, Some("503".to_owned())));
    assert_eq!(ends.collect::<Vec<_>>(), [done, pending], "the journal says why it could not be read back");
    assert_eq!(trial.record().summary.unwrap().pending, 1);
    let report = trial.result.unwrap();
    assert_eq!((report.summary.done, report.summary.pending), (2, 1));
    assert_eq!(report.conclusion(), Conclusion::Partial);
}

#[test]
fn what_is_done_and_read_back_with_more_than_was_planned_has_failed() {
    let failed = Outcome::Failed { failure: Failure::new(FailureKind::Unknown, "somebody is in it") };
    let changes = vec![group("sre"), member("sre", "erin@contoso.com")];
    let deeds = [(changes[0].address.clone(), Deed::ReadBack(failed.clone()))];
    let trial = attempt(changes.clone(), deeds, &Paper::default(), false);
    assert_eq!(trial.outcome(&changes[0].address), failed);
    let report = trial.result.unwrap();
    assert_eq!((report.summary.done, report.summary.failed, report.conclusion()), (1, 1, Conclusion::Partial));
}

fn done_by_report() -> Deed {
    Deed::Report(done())
}

#[test]
fn a_circle_is_refused_and_the_rest_goes_on() {
    let changes = vec![
        requiring(role("alpha", "one"), &object("alpha", "two")),
        requiring(role("alpha", "two"), &object("alpha", "one")),
        requiring(role("alpha", "self"), &object("alpha", "self")),
        requiring(role("alpha", "free"), &object("alpha", "elsewhere")),
    ];
    let trial = attempt(changes, [], &Paper::default(), false);
    assert_eq!(
        trial.outcomes(),
        [
            ("alpha/clusterrole/one", "alpha/clusterrole/two"),
            ("alpha/clusterrole/two", "alpha/clusterrole/one"),
            ("alpha/clusterrole/self", "alpha/clusterrole/self"),
        ]
        .map(|(address, other)| {
            let reason = format!("waits for {other}, in a circle of changes that wait for each other");
            (address.to_owned(), not_tried(&reason))
        })
        .into_iter()
        .chain([("alpha/clusterrole/free".to_owned(), done())])
        .collect::<Vec<_>>()
    );
}

#[test]
fn an_address_that_occurs_twice_is_not_written_at_all() {
    let changes = vec![role("alpha", "one"), role("alpha", "two"), role("alpha", "one")];
    let trial = attempt(changes, [], &Paper::default(), false);
    assert_eq!(trial.calls(), [["alpha/clusterrole/two"]]);
    let twice = not_tried("the plan holds two changes with this address");
    assert_eq!(
        trial.outcomes().into_iter().map(|(_, outcome)| outcome).collect::<Vec<_>>(),
        [twice.clone(), done(), twice]
    );
}

#[test]
fn the_first_of_two_outcomes_holds_and_none_is_unknown() {
    let changes = vec![role("alpha", "one"), role("alpha", "two"), role("staging", "one"), role("staging", "two")];
    let deeds = [
        (object("alpha", "one"), Deed::Twice(done(), failed())),
        (object("alpha", "two"), Deed::Silent),
        (object("staging", "one"), Deed::Panic),
    ];
    let trial = attempt(changes, deeds, &Paper::default(), false);
    let kind = |name: &str, environment: &str| match trial.outcome(&object(environment, name)) {
        Outcome::Failed { failure } => Some(failure.kind),
        _ => None,
    };
    assert_eq!(trial.outcome(&object("alpha", "one")), done());
    assert_eq!(kind("two", "alpha"), Some(FailureKind::Unknown));
    assert_eq!(kind("one", "staging"), Some(FailureKind::Unknown));
    assert_eq!(kind("two", "staging"), Some(FailureKind::Unknown), "it was in the set of a call that panicked");
}

#[test]
fn a_place_without_a_writer_is_named() {
    let trial = attempt(vec![role("beta", "one"), role("alpha", "one")], [], &Paper::default(), false);
    assert_eq!(trial.outcomes()[0].1, not_tried("there is no connection to beta that may write"));
    assert_eq!(trial.outcomes()[1].1, done());
}

#[test]
fn an_interrupted_run_starts_nothing() {
    let trial = attempt(vec![role("alpha", "one")], [], &Paper::default(), true);
    assert!(trial.handed.is_empty());
    assert_eq!(trial.events, ["!", "=alpha/clusterrole/one"]);
    let report = trial.result.as_ref().unwrap();
    assert_eq!(report.conclusion(), Conclusion::NothingWritten);
    assert_eq!(report.summary.stopped, Some(Stop::Interrupted));
    assert_eq!(trial.record().summary.map(|summary| summary.interrupted), Some(true));
}

/// Stops the run from inside its first call, then waits until it is told.
struct Stopper(watch::Sender<Option<Stop>>, Stop);

#[async_trait]
impl providers::Writer for Stopper {
    async fn write(&self, ready: &[Change], interrupted: &watch::Receiver<bool>, report: &providers::Report<'_>) {
        self.0.send_replace(Some(self.1));
        interrupted.clone().wait_for(|stop| *stop).await.unwrap();
        for at in 0..ready.len() {
            report(at, if at == 0 { done() } else { not_tried(providers::STOPPED) });
        }
    }

    fn usage(&self) -> Usage {
        Usage::default()
    }
}

#[test]
fn what_is_in_flight_is_finished_when_the_run_is_stopped_and_why_it_was_is_said() {
    for (stop, why, stopped) in [
        (Stop::Interrupted, "interrupted", StoppedV1::Interrupted),
        (Stop::LockLost, "the lock was lost", StoppedV1::LockLost),
    ] {
        let (sender, ends) = watch::channel(None);
        let writers = Writers {
            entra: None,
            clusters: [("alpha".parse().unwrap(), Arc::new(Stopper(sender, stop)) as Arc<dyn providers::Writer>)]
                .into(),
        };
        let three = requiring(role("alpha", "three"), &object("alpha", "one"));
        let changes = vec![role("alpha", "one"), role("alpha", "two"), three];
        let paper = Paper::default();
        let mut journal = Journal::over(Box::new(paper.clone()), Path::new("journal.jsonl"), clock);
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        let report = runtime.block_on(execute(changes, writers, &mut journal, ends, &mut |_| {})).unwrap();
        let outcomes: Vec<_> = report.outcomes.iter().map(|(_, outcome)| outcome.clone()).collect();
        assert_eq!(outcomes, [done(), not_tried(why), not_tried(why)]);
        assert_eq!((report.conclusion(), report.summary.stopped), (Conclusion::Partial, Some(stop)));
        let record = paper.record();
        let summary = record.summary.unwrap();
        assert_eq!((summary.interrupted, summary.stopped), (stop == Stop::Interrupted, Some(stopped)));
        let left = record.steps.iter().filter(|step| {
            matches!(step, StepV1::End { outcome: OutcomeV1::NotTried, detail: Some(detail), .. } if detail == why)
        });
        assert_eq!(left.count(), 2);
    }
}

#[test]
fn nothing_is_written_when_the_journal_cannot_be() {
    let trial = attempt(vec![role("alpha", "one")], [], &fails_after(0), false);
    assert!(matches!(trial.result, Err(crate::apply::JournalError::Write { .. })));
    assert!(trial.handed.is_empty());
    assert!(trial.events.is_empty());
}

#[test]
fn a_journal_that_fails_midway_ends_the_run() {
    let changes = vec![role("alpha", "one"), requiring(role("alpha", "two"), &object("alpha", "one"))];
    let trial = attempt(changes, [], &fails_after(1), false);
    assert_eq!(trial.calls(), [["alpha/clusterrole/one"]]);
    assert_eq!(
        trial.outcomes().into_iter().map(|(_, outcome)| outcome).collect::<Vec<_>>(),
        [done(), not_tried("the journal could not be written")]
    );
    assert_eq!(
        trial.events,
        ["+alpha/clusterrole/one", "=alpha/clusterrole/one", "=alpha/clusterrole/two"],
        "everything is still told"
    );
    let report = trial.result.unwrap();
    insta::assert_snapshot!(report.journal_failure.unwrap(), @"cannot write the journal: no space left on device");
}

#[test]
fn a_journal_that_fails_between_two_sets_hands_over_nothing_more() {
    let changes = vec![role("alpha", "one"), requiring(role("alpha", "two"), &object("alpha", "one"))];
    let trial = attempt(changes, [], &fails_after(2), false);
    assert_eq!(trial.calls(), [["alpha/clusterrole/one"]]);
    assert_eq!(trial.outcome(&object("alpha", "two")), not_tried("the journal could not be written"));
    assert_eq!(trial.result.unwrap().conclusion(), Conclusion::Partial);
}

#[test]
fn the_journal_tells_the_run() {
    let changes = vec![role("alpha", "one"), requiring(role("alpha", "two"), &object("alpha", "one"))];
    let deeds = [(object("alpha", "one"), Deed::Report(failed()))];
    let trial = attempt(changes, deeds, &Paper::default(), false);
    insta::assert_snapshot!(String::from_utf8(trial.journal.clone()).unwrap(), @r#"
    {"phase":"begin","time":"2026-11-22T16:40:11Z","address":"alpha/clusterrole/one","sign":"remove"}
    {"phase":"end","time":"2026-11-22T16:40:11Z","address":"alpha/clusterrole/one","sign":"remove","outcome":"failed","failure":"forbidden","detail":"403"}
    {"phase":"end","time":"2026-11-22T16:40:11Z","address":"alpha/clusterrole/two","sign":"remove","outcome":"not-tried","detail":"waits for alpha/clusterrole/one"}
    {"phase":"summary","time":"2026-11-22T16:40:11Z","done":0,"already":0,"pending":0,"failed":1,"not_tried":1,"interrupted":false}
    "#);
    let record = trial.record();
    assert_eq!(record.steps.iter().filter(|step| matches!(step, StepV1::Begin { .. })).count(), 1);
}

#[test]
fn nothing_to_do_is_done() {
    let trial = attempt(Vec::new(), [], &Paper::default(), false);
    assert_eq!(trial.result.unwrap().conclusion(), Conclusion::Done);
}

/// Counts how many calls run at once.
#[derive(Default)]
struct Crowd {
    inside: Mutex<(usize, usize)>,
}

#[async_trait]
impl providers::Writer for Crowd {
    async fn write(&self, ready: &[Change], _interrupted: &watch::Receiver<bool>, report: &providers::Report<'_>) {
        {
            let mut inside = self.inside.lock().unwrap();
            inside.0 += 1;
            inside.1 = inside.1.max(inside.0);
        }
        for _ in 0..100 {
            tokio::task::yield_now().await;
        }
        for at in 0..ready.len() {
            report(at, done());
        }
        self.inside.lock().unwrap().0 -= 1;
    }

    fn usage(&self) -> Usage {
        Usage::default()
    }
}

#[test]
fn sixteen_clusters_are_written_to_at_once() {
    let crowd = Arc::new(Crowd::default());
    let names: Vec<String> = (0..40).map(|number| format!("cluster-{number}")).collect();
    let writers = Writers {
        entra: None,
        clusters: names
            .iter()
            .map(|name| (name.parse().unwrap(), crowd.clone() as Arc<dyn providers::Writer>))
            .collect(),
    };
    let changes = names.iter().map(|name| role(name, "one")).collect();
    let report = run(changes, writers, watch::channel(None).1);
    assert_eq!(report.summary.done, 40);
    assert_eq!(crowd.inside.lock().unwrap().1, 16);
}

/// On Entra: reports the group, then lingers in the call to see whether a cluster is called meanwhile.
#[derive(Default)]
struct Lingerer {
    called: Arc<std::sync::atomic::AtomicBool>,
    seen: Mutex<bool>,
}

#[async_trait]
impl providers::Writer for Lingerer {
    async fn write(&self, ready: &[Change], _interrupted: &watch::Receiver<bool>, report: &providers::Report<'_>) {
        use std::sync::atomic::Ordering;
        if ready[0].address.environment().is_some() {
            self.called.store(true, Ordering::SeqCst);
        }
        for (at, change) in ready.iter().enumerate() {
            report(at, Outcome::Done { created: created(change) });
        }
        if ready[0].address.environment().is_none() {
            for _ in 0..1000 {
                tokio::task::yield_now().await;
            }
            *self.seen.lock().unwrap() = self.called.load(Ordering::SeqCst);
        }
    }

    fn usage(&self) -> Usage {
        Usage::default()
    }
}

#[test]
fn a_cluster_does_not_wait_for_the_end_of_a_call_to_entra() {
    let writer = Arc::new(Lingerer::default());
    let writers = Writers {
        entra: Some(writer.clone()),
        clusters: [("alpha".parse().unwrap(), writer.clone() as Arc<dyn providers::Writer>)].into(),
    };
    let changes = vec![group("sre"), binding("alpha", "sre-view", "sre")];
    let report = run(changes, writers, watch::channel(None).1);
    assert_eq!(report.conclusion(), Conclusion::Done);
    assert!(*writer.seen.lock().unwrap());
}

/// Is interrupted while it reads back, and goes on for an hour unless the user hears of it meanwhile.
struct Listened {
    interrupt: watch::Sender<Option<Stop>>,
    heard: Arc<tokio::sync::Notify>,
}

#[async_trait]
impl providers::Writer for Listened {
    async fn write(&self, ready: &[Change], _interrupted: &watch::Receiver<bool>, report: &providers::Report<'_>) {
        (0..ready.len()).for_each(|at| report(at, done()));
    }

    async fn read_back(&self, _written: &[Change], _interrupted: &watch::Receiver<bool>) -> BTreeMap<usize, Outcome> {
        self.interrupt.send_replace(Some(Stop::Interrupted));
        let heard = tokio::time::timeout(std::time::Duration::from_secs(3600), self.heard.notified()).await;
        if heard.is_ok() { BTreeMap::new() } else { BTreeMap::from([(0, Outcome::PENDING)]) }
    }

    fn usage(&self) -> Usage {
        Usage::default()
    }
}

#[test]
fn an_interruption_while_reading_back_is_said_at_once() {
    let (interrupt, interrupted) = watch::channel(None);
    let heard = Arc::new(tokio::sync::Notify::new());
    let writer = Listened { interrupt, heard: Arc::clone(&heard) };
    let writers = Writers {
        entra: None,
        clusters: [("alpha".parse().unwrap(), Arc::new(writer) as Arc<dyn providers::Writer>)].into(),
    };
    let mut journal = Journal::over(Box::new(Paper::default()), Path::new("journal.jsonl"), clock);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
    let mut listen = |event: Event<'_>| {
        if let Event::Stopping(Stop::Interrupted) = event {
            heard.notify_one();
        }
    };
    let changes = vec![role("alpha", "one")];
    let report = runtime.block_on(execute(changes, writers, &mut journal, interrupted, &mut listen)).unwrap();
    assert_eq!(report.outcomes[0].1, done());
    assert_eq!(report.summary.stopped, Some(Stop::Interrupted));
}
