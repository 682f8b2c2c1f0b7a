//! Taking, keeping, losing and giving back, against a server that keeps one Lease. Time is tokio's own and passes at once.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use serde_json::Value;
use tokio::sync::watch;
use tokio::time::{Instant, sleep};

use super::{Held, Holder, Locker, Taken, Terms};
use crate::providers::kubernetes::link::Link;
use crate::providers::kubernetes::scripted::{Answer, Seen, link, status};
use crate::state::{ConfigName, FailureKind};

/// What the server keeps, and what it does instead of answering.
#[derive(Default)]
struct Kept {
    lease: Option<Value>,
    version: u64,
    /// Of the next write: it is done, and the answer is lost.
    loses_answer: bool,
    /// Of the next write: it is done, and answered so many seconds later.
    answers_late: u64,
    /// Everything is answered with this status.
    refuses: Option<u16>,
    has_no_namespace: bool,
}

type Server = Arc<Mutex<Kept>>;

fn serve(server: &Server, seen: &Seen) -> Answer {
    let mut kept = server.lock().unwrap();
    match kept.refuses {
        Some(0) => return Answer::Lost,
        Some(code) => return status(code, "Forbidden", "leases.coordination.k8s.io is forbidden"),
        None => {}
    }
    let version = |lease: &Value| lease["metadata"]["resourceVersion"].as_str().unwrap_or_default().to_owned();
    match seen.method.as_str() {
        "GET" => match &kept.lease {
            Some(lease) => return Answer::Json(200, lease.clone()),
            None => return status(404, "NotFound", "leases.coordination.k8s.io not found"),
        },
        "POST" if kept.has_no_namespace => {
            let details = serde_json::json!({ "name": "rolecall", "kind": "namespaces" });
            let status = serde_json::json!({ "kind": "Status", "status": "Failure", "code": 404, "reason": "NotFound",
                "message": "namespaces \"rolecall\" not found", "details": details });
            return Answer::Json(404, status);
        }
        "POST" if kept.lease.is_some() => return status(409, "AlreadyExists", "already exists"),
        "PUT" if kept.lease.as_ref().map(version) != Some(version(&seen.body)) => {
            return status(409, "Conflict", "the object has been modified");
        }
        "POST" | "PUT" => {}
        other => panic!("{other} is never sent"),
    }
    kept.version += 1;
    let mut lease = seen.body.clone();
    lease["metadata"]["resourceVersion"] = kept.version.to_string().into();
    kept.lease = Some(lease.clone());
    match (std::mem::take(&mut kept.loses_answer), std::mem::take(&mut kept.answers_late)) {
        (true, _) => Answer::Lost,
        (false, 0) => Answer::Json(200, lease),
        (false, late) => Answer::Late(late, 200, lease),
    }
}

fn server() -> (Server, Link) {
    let server = Server::default();
    let kept = Arc::clone(&server);
    let (link, _) = link(move |_, seen| serve(&kept, seen));
    (server, link)
}

fn config() -> ConfigName {
    "contoso_platform".parse().unwrap()
}

fn locker(link: &Link, holder: &str) -> Locker {
    Locker::new(link.clone(), &"rolecall".parse().unwrap(), &config(), holder.to_owned(), Terms::default())
}

/// Takes it with nobody who interrupts; also whom it waited for.
async fn take(link: &Link, holder: &str, patience: u64) -> (crate::state::Result<Taken>, Vec<Holder>) {
    let (_interrupt, interrupted) = watch::channel(false);
    let mut waited = Vec::new();
    let mut waits = |holder: &Holder| waited.push(holder.clone());
    let taken = locker(link, holder).take(Duration::from_secs(patience), interrupted, &mut waits).await;
    (taken, waited)
}

async fn held(link: &Link, holder: &str, patience: u64) -> Held {
    match take(link, holder, patience).await.0 {
        Ok(Taken::Held(held)) => held,
        Ok(Taken::Busy(other)) => panic!("{} has it", other.identity),
        Ok(Taken::Interrupted) => panic!("nobody interrupts"),
        Err(failure) => panic!("{failure}"),
    }
}

fn spec(server: &Server, key: &str) -> Value {
    server.lock().unwrap().lease.as_ref().unwrap()["spec"][key].clone()
}

/// Why it was lost, once it is.
async fn lost(held: &Held) -> String {
    let mut lost = held.lost();
    lost.wait_for(Option::is_some).await.unwrap().clone().unwrap()
}

#[tokio::test(start_paused = true)]
async fn it_is_made_renewed_and_given_back() {
    let (server, link) = server();
    let held = held(&link, "one", 0).await;
    assert_eq!((spec(&server, "holderIdentity"), spec(&server, "leaseTransitions")), ("one".into(), 0.into()));
    assert_eq!(spec(&server, "leaseDurationSeconds"), 30);
    let time = spec(&server, "acquireTime").as_str().unwrap().to_owned();
    assert!(time.ends_with('Z') && time.split_once('.').unwrap().1.len() == 7, "{time}");
    let before = server.lock().unwrap().version;
    sleep(Duration::from_secs(60)).await;
    assert!(server.lock().unwrap().version >= before + 8, "it is renewed every seven seconds");
    assert_eq!(*held.lost().borrow(), None);
    held.release().await.unwrap();
    assert_eq!(spec(&server, "holderIdentity"), "");
}

#[tokio::test(start_paused = true)]
async fn of_two_one_waits_until_the_other_gives_it_back() {
    let (server, link) = server();
    let first = held(&link, "one", 0).await;
    let (taken, waited) = take(&link, "two", 0).await;
    assert!(matches!(taken, Ok(Taken::Busy(holder)) if holder.identity == "one" && holder.since.is_some()));
    assert_eq!(waited, [], "whoever does not wait is told of the holder by the end alone");
    // It is renewed all the time: a minute is not long enough, whatever the times in it say.
    let (taken, waited) = take(&link, "two", 60).await;
    assert!(matches!(taken, Ok(Taken::Busy(_))));
    assert_eq!(waited.len(), 1, "it is said once");
    let second = tokio::spawn({
        let link = link.clone();
        async move { held(&link, "two", 300).await }
    });
    sleep(Duration::from_secs(10)).await;
    first.release().await.unwrap();
    let second = second.await.unwrap();
    assert_eq!((spec(&server, "holderIdentity"), spec(&server, "leaseTransitions")), ("two".into(), 1.into()));
    second.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn what_nobody_renews_is_taken_after_it_was_watched_for_as_long_as_it_lasts() {
    let (server, link) = server();
    drop(held(&link, "killed", 0).await);
    // What its clock said is of no account: neither a time long past nor one to come.
    for time in ["1999-01-01T00:00:00.000000Z", "2999-01-01T00:00:00.000000Z"] {
        {
            let lease = &mut server.lock().unwrap().lease;
            let spec = &mut lease.as_mut().unwrap()["spec"];
            spec["holderIdentity"] = "killed".into();
            spec["leaseDurationSeconds"] = 30.into();
            spec["renewTime"] = time.into();
        }
        let (taken, _) = take(&link, "two", 29).await;
        assert!(matches!(taken, Ok(Taken::Busy(_))), "{time}");
        let began = Instant::now();
        let second = held(&link, "two", 300).await;
        let waited = began.elapsed().as_secs();
        assert!((30..35).contains(&waited), "{waited}");
        drop(second);
    }
}

#[tokio::test(start_paused = true)]
async fn a_write_whose_answer_is_lost_is_known_by_its_holder() {
    let (server, link) = server();
    server.lock().unwrap().loses_answer = true;
    let held = held(&link, "one", 0).await;
    assert_eq!(server.lock().unwrap().version, 2, "it is renewed before it counts as ours");
    assert_eq!(spec(&server, "leaseTransitions"), 0);
    server.lock().unwrap().loses_answer = true;
    sleep(Duration::from_secs(60)).await;
    assert_eq!(*held.lost().borrow(), None, "nor is a renewal");
    held.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn it_counts_from_when_it_was_asked_for_not_from_a_late_answer() {
    // After 19 s it is renewed at once; after 25 s somebody else might have it before the next renewal.
    for (late, before) in [(19, 1), (25, 2)] {
        let (server, link) = server();
        server.lock().unwrap().answers_late = late;
        let began = Instant::now();
        let held = held(&link, "one", 0).await;
        assert_eq!((began.elapsed().as_secs(), server.lock().unwrap().version), (late, before));
        sleep(Duration::from_secs(1)).await;
        assert_eq!(server.lock().unwrap().version, 2, "{late}");
        sleep(Duration::from_secs(60)).await;
        assert_eq!(*held.lost().borrow(), None);
        held.release().await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn whoever_is_interrupted_while_nobody_knows_whether_it_is_theirs_gives_it_back() {
    let (server, link) = server();
    server.lock().unwrap().answers_late = 3600;
    let (interrupt, interrupted) = watch::channel(false);
    let one = locker(&link, "one");
    let one = tokio::spawn(async move { one.take(Duration::ZERO, interrupted, &mut |_| {}).await });
    sleep(Duration::from_secs(5)).await;
    assert_eq!(spec(&server, "holderIdentity"), "one");
    interrupt.send_replace(true);
    assert!(matches!(one.await.unwrap(), Ok(Taken::Interrupted)));
    assert_eq!(spec(&server, "holderIdentity"), "");
}

#[tokio::test(start_paused = true)]
async fn it_is_lost_when_it_is_deleted_taken_refused_or_out_of_reach() {
    let (server, link) = server();
    let first = held(&link, "one", 0).await;
    server.lock().unwrap().lease = None;
    assert_eq!(lost(&first).await, "it was deleted");
    first.release().await.unwrap();
    assert!(server.lock().unwrap().lease.is_none(), "what was lost is not given back");

    let first = held(&link, "one", 0).await;
    {
        let mut kept = server.lock().unwrap();
        kept.version += 1;
        let version = kept.version.to_string();
        let lease = kept.lease.as_mut().unwrap();
        lease["spec"]["holderIdentity"] = "somebody".into();
        lease["metadata"]["resourceVersion"] = version.into();
    }
    assert_eq!(lost(&first).await, "somebody has taken it");
    first.release().await.unwrap();
    assert_eq!(spec(&server, "holderIdentity"), "somebody");

    for refuses in [403, 0] {
        server.lock().unwrap().lease = None;
        let first = held(&link, "one", 0).await;
        let began = Instant::now();
        server.lock().unwrap().refuses = Some(refuses);
        let why = lost(&first).await;
        assert!(why.starts_with("it could not be renewed for 20 s: "), "{why}");
        assert!(began.elapsed() < Duration::from_secs(28), "before anybody else may take it: {:?}", began.elapsed());
        server.lock().unwrap().refuses = None;
    }
}

#[tokio::test(start_paused = true)]
async fn somebody_who_writes_something_else_into_it_does_not_take_it() {
    let (server, link) = server();
    let held = held(&link, "one", 0).await;
    {
        let mut kept = server.lock().unwrap();
        kept.version += 1;
        let version = kept.version.to_string();
        let lease = kept.lease.as_mut().unwrap();
        lease["metadata"]["annotations"] = serde_json::json!({ "team": "platform" });
        lease["metadata"]["resourceVersion"] = version.into();
    }
    sleep(Duration::from_secs(60)).await;
    assert_eq!(*held.lost().borrow(), None);
    held.release().await.unwrap();
    let kept = server.lock().unwrap();
    assert_eq!(kept.lease.as_ref().unwrap()["metadata"]["annotations"]["team"], "platform");
}

#[tokio::test(start_paused = true)]
async fn why_it_cannot_be_taken_is_said_with_what_to_do() {
    let (server, link) = server();
    server.lock().unwrap().has_no_namespace = true;
    let Err(failure) = take(&link, "one", 0).await.0 else { panic!("there is no namespace") };
    assert_eq!(failure.kind, FailureKind::NotFound);
    assert!(failure.what.contains("has no namespace `rolecall`"), "{failure}");
    assert!(failure.next.unwrap().contains("kubectl create namespace rolecall"));
    server.lock().unwrap().refuses = Some(403);
    let Err(failure) = take(&link, "one", 0).await.0 else { panic!("it is forbidden") };
    assert_eq!(failure.kind, FailureKind::Forbidden);
    assert!(failure.next.unwrap().contains("get, create and update leases in the namespace rolecall"));
}

#[tokio::test(start_paused = true)]
async fn whoever_waits_can_be_interrupted() {
    let (_server, link) = server();
    let first = held(&link, "one", 0).await;
    let (interrupt, interrupted) = watch::channel(false);
    let second = locker(&link, "two");
    let second = tokio::spawn(async move { second.take(Duration::from_secs(300), interrupted, &mut |_| {}).await });
    sleep(Duration::from_secs(5)).await;
    interrupt.send_replace(true);
    assert!(matches!(second.await.unwrap(), Ok(Taken::Interrupted)));
    first.release().await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_lease_of_somebody_else_under_our_name_is_left_alone() {
    let (server, link) = server();
    drop(held(&link, "one", 0).await);
    for (label, value) in [("app.kubernetes.io/managed-by", "helm"), ("rolecall.dev/config", "other")] {
        let mut before = server.lock().unwrap().lease.clone().unwrap();
        before["spec"]["holderIdentity"] = "".into();
        before["metadata"]["labels"][label] = value.into();
        server.lock().unwrap().lease = Some(before.clone());
        let Err(failure) = take(&link, "two", 300).await.0 else { panic!("it is not ours") };
        assert_eq!(failure.kind, FailureKind::Conflict);
        assert!(failure.what.contains("does not carry the labels of this config"), "{failure}");
        assert!(failure.next.unwrap().contains("kubectl get lease rolecall-contoso-platform-"));
        assert_eq!(server.lock().unwrap().lease, Some(before));
    }
}
