use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};

use super::*;
use crate::providers::entra::fake::{FakeGraph, said};
use crate::providers::http::credential::tests::IDENTITY;
use crate::state::{Address, Edge, Group, GroupKey, Identity, Operation, PrincipalKind, PrincipalName, Resource};

const GROUP: &str = "11111111-1111-4111-8111-111111111111";
const KEY: &str = "/groups(uniqueName=%27rolecall.contoso.devs%27)";
const DONE: Outcome = Outcome::Done { created: None };
const ALREADY: Outcome = Outcome::AlreadySo { created: None };

fn key(name: &str) -> GroupKey {
    name.parse().unwrap()
}

fn person(number: u128) -> ObjectId {
    uuid::Uuid::from_u128(number).into()
}

fn group(id: Identity) -> Group {
    Group {
        key: key("devs"),
        id,
        display_name: "devs".to_owned(),
        description: None,
        mail_nickname: Some("rolecall-00000000-devs".to_owned()),
        unique_name: Some("rolecall.contoso.devs".to_owned()),
        first_owner: Some(IDENTITY.parse().unwrap()),
    }
}

fn create() -> Change {
    let after = Resource::Group(group(Identity::AfterApply(key("devs"))));
    Change::new(Address::Group(key("devs")), Operation::Create { after })
}

fn update() -> Change {
    let before = Resource::Group(group(Identity::Known(GROUP.parse().unwrap())));
    let mut after = group(Identity::Known(GROUP.parse().unwrap()));
    after.display_name = "Developers".to_owned();
    Change::new(Address::Group(key("devs")), Operation::Update { before, after: Resource::Group(after) })
}

fn delete() -> Change {
    let before = Resource::Group(group(Identity::Known(GROUP.parse().unwrap())));
    Change::new(Address::Group(key("devs")), Operation::Delete { before })
}

fn edge(group: &str, group_id: ObjectId, number: u128) -> Edge {
    Edge {
        group: key(group),
        group_id: Identity::Known(group_id),
        principal: PrincipalName::Object(person(number)),
        principal_id: Identity::Known(person(number)),
        kind: PrincipalKind::User,
    }
}

fn add(number: u128) -> Change {
    let after = Resource::Member(edge("devs", GROUP.parse().unwrap(), number));
    Change::new(Address::Member(key("devs"), PrincipalName::Object(person(number))), Operation::Create { after })
}

fn remove(number: u128) -> Change {
    let before = Resource::Member(edge("devs", GROUP.parse().unwrap(), number));
    Change::new(Address::Member(key("devs"), PrincipalName::Object(person(number))), Operation::Delete { before })
}

/// Writes with a new writer; every change has exactly one outcome.
async fn write(graph: &FakeGraph, changes: &[Change]) -> Vec<Outcome> {
    let writer = EntraWriter::new(&graph.connection, Arc::clone(&graph.chain)).unwrap();
    write_with(&writer, changes).await
}

async fn write_with(writer: &EntraWriter, changes: &[Change]) -> Vec<Outcome> {
    let outcomes = Mutex::new(vec![Vec::new(); changes.len()]);
    let report = |at: usize, outcome: Outcome| outcomes.lock().unwrap()[at].push(outcome);
    let (_sender, interrupted) = watch::channel(false);
    writer.write(changes, &interrupted, &report).await;
    let outcomes = outcomes.into_inner().unwrap();
    assert!(outcomes.iter().all(|outcomes| outcomes.len() == 1), "{outcomes:?}");
    outcomes.into_iter().flatten().collect()
}

fn live_group(kind: &Value) -> (u16, Value) {
    (
        200,
        json!({ "id": GROUP, "displayName": "devs", "groupTypes": kind, "mailEnabled": false, "securityEnabled": true }),
    )
}

fn list(ids: &[&str]) -> (u16, Value) {
    let items: Vec<_> = ids.iter().map(|id| json!({ "@odata.type": "#microsoft.graph.user", "id": id })).collect();
    (200, json!({ "value": items }))
}

fn not_found(id: &str) -> (u16, Value) {
    let message =
        format!("Resource '{id}' does not exist or one of its queried reference-property objects are not present.");
    (404, said("Request_ResourceNotFound", &message))
}

fn failure(outcome: &Outcome) -> &Failure {
    match outcome {
        Outcome::Failed { failure } => failure,
        other => panic!("{other:?}"),
    }
}

async fn writes(graph: &FakeGraph) -> usize {
    graph.batches().await.iter().flatten().filter(|(method, _)| method != "GET").count()
}

/// A Graph where the key is free when it is looked up, and the nth upsert gets the nth answer.
async fn upserts(owners: &'static [&'static str], answers: Vec<(u16, Value)>) -> FakeGraph {
    let count = AtomicUsize::new(0);
    FakeGraph::of_items(move |method, path, _| match (method, path) {
        ("PATCH", KEY) => answers[count.fetch_add(1, Ordering::SeqCst).min(answers.len() - 1)].clone(),
        ("GET", KEY) if count.load(Ordering::SeqCst) == 0 => not_found("x"),
        ("GET", KEY) => live_group(&json!([])),
        ("GET", path) if path.ends_with("/owners") => list(owners),
        ("GET", path) if path.ends_with("/members") => list(&[]),
        ("POST", path) if path.ends_with("/owners/$ref") => (204, Value::Null),
        other => panic!("{other:?}"),
    })
    .await
}

#[tokio::test]
async fn an_upsert_that_met_somebody_elses_group_says_that_it_was_rewritten() {
    let graph = upserts(&["22222222-2222-4222-8222-222222222222"], vec![(204, Value::Null)]).await;
    let outcomes = write(&graph, &[create()]).await;
    assert_eq!(failure(&outcomes[0]).kind, FailureKind::Unknown, "something was written");
    let what = &failure(&outcomes[0]).what;
    assert!(what.contains(GROUP) && what.contains("were rewritten"), "{what}");
}

#[tokio::test]
async fn an_upsert_that_met_a_group_with_anybody_in_it_is_no_success() {
    const MALLORY: &str = "22222222-2222-4222-8222-222222222222";
    for (owners, members) in [(vec![IDENTITY, MALLORY], vec![]), (vec![IDENTITY], vec![MALLORY])] {
        for status in [204, 500] {
            let (owners, members, is_there) = (owners.clone(), members.clone(), AtomicUsize::new(0));
            let graph = FakeGraph::of_items(move |method, path, _| match (method, path) {
                ("PATCH", KEY) => {
                    is_there.store(1, Ordering::SeqCst);
                    (status, Value::Null)
                }
                ("GET", KEY) if is_there.load(Ordering::SeqCst) == 0 => not_found("x"),
                ("GET", KEY) => live_group(&json!([])),
                ("GET", path) if path.ends_with("/owners") => list(&owners),
                ("GET", path) if path.ends_with("/members") => list(&members),
                other => panic!("{other:?}"),
            })
            .await;
            let outcomes = write(&graph, &[create()]).await;
            assert_eq!(failure(&outcomes[0]).kind, FailureKind::Unknown);
            assert!(failure(&outcomes[0]).what.contains("were rewritten"), "{outcomes:?}");
        }
    }
}

#[tokio::test]
async fn an_upsert_whose_group_cannot_be_read_back_may_have_written() {
    for status in [204, 500] {
        let is_there = AtomicUsize::new(0);
        let graph = FakeGraph::of_items(move |method, _, _| match method {
            "PATCH" => {
                is_there.store(1, Ordering::SeqCst);
                (status, Value::Null)
            }
            _ if is_there.load(Ordering::SeqCst) == 0 => not_found("x"),
            _ => (403, said("Authorization_RequestDenied", "Insufficient privileges to complete the operation.")),
        })
        .await;
        let outcomes = write(&graph, &[create()]).await;
        assert_eq!(failure(&outcomes[0]).kind, FailureKind::Unknown);
        assert!(failure(&outcomes[0]).what.contains("may have been written"), "{outcomes:?}");
    }
}

#[tokio::test]
async fn an_upsert_that_met_our_own_group_is_success() {
    let graph = upserts(&[IDENTITY], vec![(204, Value::Null)]).await;
    let outcomes = write(&graph, &[create()]).await;
    assert_eq!(outcomes, [Outcome::AlreadySo { created: Some(GROUP.parse().unwrap()) }]);
}

#[tokio::test]
async fn a_caller_who_is_an_owner_by_itself_is_left_out_of_the_body() {
    let duplicate = (400, said("Request_BadRequest", "Request contains a property with duplicate values."));
    let graph = upserts(&[IDENTITY], vec![duplicate, (201, json!({ "id": GROUP }))]).await;
    let outcomes = write(&graph, &[create()]).await;
    assert_eq!(outcomes, [Outcome::Done { created: Some(GROUP.parse().unwrap()) }]);
    let batches = graph.batches().await;
    let last = batches.last().unwrap();
    assert_eq!(
        last[..],
        [("POST".to_owned(), format!("/groups/{GROUP}/owners/$ref"))],
        "its ownership is made sure of"
    );
}

#[tokio::test]
async fn a_creation_of_unknown_result_is_looked_for_and_not_repeated() {
    let graph = upserts(&[IDENTITY], vec![(500, Value::Null)]).await;
    let outcomes = write(&graph, &[create()]).await;
    assert_eq!(outcomes, [Outcome::Done { created: Some(GROUP.parse().unwrap()) }]);
    assert_eq!(writes(&graph).await, 1);
}

#[tokio::test]
async fn a_creation_that_was_not_done_is_repeated_and_one_that_never_is_fails() {
    let count = AtomicUsize::new(0);
    let graph = FakeGraph::of_items(move |method, _, _| match method {
        "PATCH" if count.fetch_add(1, Ordering::SeqCst) == 2 => (201, json!({ "id": GROUP })),
        "PATCH" => (503, Value::Null),
        _ => not_found("x"),
    })
    .await;
    assert_eq!(write(&graph, &[create()]).await, [Outcome::Done { created: Some(GROUP.parse().unwrap()) }]);
    assert_eq!(writes(&graph).await, 3);

    let graph =
        FakeGraph::of_items(|method, _, _| if method == "PATCH" { (503, Value::Null) } else { not_found("x") }).await;
    assert_eq!(failure(&write(&graph, &[create()]).await[0]).kind, FailureKind::Unknown);
}

#[tokio::test]
async fn a_key_that_a_deleted_group_holds_is_a_conflict_with_the_way_out() {
    let taken = said(
        "Request_MultipleObjectsWithSameKeyValue",
        "Another object with the same value for property uniqueName already exists.",
    );
    for status in [400, 409] {
        let graph = upserts(&[], vec![(status, taken.clone())]).await;
        let outcomes = write(&graph, &[create()]).await;
        assert!(failure(&outcomes[0]).next.as_ref().unwrap().contains("restore it"), "{outcomes:?}");
    }
}

#[tokio::test]
async fn twenty_of_unknown_result_are_read_back_and_only_the_missing_are_sent_again() {
    let present: Vec<String> = (0..18).map(|number| person(number).to_string()).collect();
    let graph = FakeGraph::of_items(move |method, _, _| match method {
        "PATCH" => (504, Value::Null),
        "POST" => (204, Value::Null),
        _ => list(&present.iter().map(String::as_str).collect::<Vec<_>>()),
    })
    .await;
    let changes: Vec<_> = (0..20).map(add).collect();
    assert!(write(&graph, &changes).await.iter().all(|outcome| *outcome == DONE));
    assert_eq!(writes(&graph).await, 3, "one PATCH and the two who were not there");
}

#[tokio::test]
async fn a_single_addition_of_unknown_result_that_the_list_does_not_show_yet_ends_as_already_there() {
    let count = AtomicUsize::new(0);
    let exists = "One or more added object references already exist for the following modified properties: 'members'.";
    let graph = FakeGraph::of_items(move |method, _, _| match method {
        "POST" if count.fetch_add(1, Ordering::SeqCst) == 0 => (500, Value::Null),
        "POST" => (400, said("Request_BadRequest", exists)),
        _ => list(&[]),
    })
    .await;
    assert_eq!(write(&graph, &[add(1)]).await, [ALREADY]);
}

#[tokio::test]
async fn removal_change_and_deletion_of_unknown_result_are_looked_at() {
    let graph = FakeGraph::of_items(|method, path, _| match (method, path) {
        ("GET", path) if path.ends_with("/members") => list(&[]),
        ("GET", _) => (200, json!({ "id": GROUP, "displayName": "Developers" })),
        _ => (500, Value::Null),
    })
    .await;
    assert_eq!(write(&graph, &[update(), remove(1)]).await, [DONE, DONE]);
    assert_eq!(writes(&graph).await, 2);

    let graph =
        FakeGraph::of_items(|method, _, _| if method == "GET" { not_found(GROUP) } else { (502, Value::Null) }).await;
    assert_eq!(write(&graph, &[delete()]).await, [DONE]);
    assert_eq!(writes(&graph).await, 1);

    // Still as before: sent again, and in the end said to be unknown.
    let graph = FakeGraph::of_items(|method, path, _| match (method, path) {
        ("GET", path) if path.ends_with("/members") => list(&[&person(1).to_string()]),
        ("GET", _) => live_group(&json!([])),
        _ => (500, Value::Null),
    })
    .await;
    for outcome in write(&graph, &[update(), remove(1), delete()]).await {
        assert_eq!(failure(&outcome).kind, FailureKind::Unknown);
    }
    assert!(writes(&graph).await > 3);
}

#[tokio::test]
async fn what_may_have_been_written_and_cannot_be_looked_up_is_unknown_and_no_refusal() {
    let graph = FakeGraph::of_items(|method, _, _| match method {
        "GET" => (403, said("Authorization_RequestDenied", "Insufficient privileges to complete the operation.")),
        _ => (504, Value::Null),
    })
    .await;
    for change in [add(1), remove(2), update(), delete(), restore()] {
        let outcome = write(&graph, std::slice::from_ref(&change)).await.remove(0);
        let failure = failure(&outcome);
        assert_eq!(failure.kind, FailureKind::Unknown, "{}: {failure:?}", change.address);
        assert!(failure.what.contains("it may have been written; looking it up failed"), "{failure:?}");
    }
}

fn restore() -> Change {
    let Change { address, operation: Operation::Delete { before }, .. } = delete() else { panic!("no deletion") };
    Change::new(address, Operation::Restore { after: before })
}

#[tokio::test]
async fn a_restoring_is_judged_by_whether_the_group_is_there() {
    let path = format!("/directory/deletedItems/{GROUP}/restore");
    let answering = async |status: u16, body: Value, is_there: bool| {
        let path = path.clone();
        let graph = FakeGraph::of_items(move |method, asked, _| match method {
            "GET" if is_there => live_group(&json!([])),
            "GET" => not_found(GROUP),
            _ => {
                assert_eq!((method, asked), ("POST", path.as_str()));
                (status, body.clone())
            }
        })
        .await;
        let outcome = write(&graph, &[restore()]).await.remove(0);
        (outcome, writes(&graph).await)
    };
    assert_eq!(answering(200, json!({ "id": GROUP }), true).await, (DONE, 1));
    // Restored by another run, or by this one before it was killed.
    assert_eq!(answering(404, not_found(GROUP).1, true).await, (ALREADY, 1));
    let (gone, _) = answering(404, not_found(GROUP).1, false).await;
    assert_eq!(failure(&gone).kind, FailureKind::Conflict);
    assert!(failure(&gone).what.contains("deleted for good"), "{gone:?}");
    let taken = said("Request_MultipleObjectsWithSameKeyValue", "Another object with the same value for property");
    let (taken, _) = answering(409, taken, false).await;
    assert!(failure(&taken).what.contains("another group holds its key"), "{taken:?}");
    // Nobody knows what became of it: looked at, and sent again only while it is not there.
    assert_eq!(answering(502, Value::Null, true).await, (DONE, 1));
    let (unknown, sent) = answering(502, Value::Null, false).await;
    assert_eq!(failure(&unknown).kind, FailureKind::Unknown);
    assert!(sent > 1);
}

/// Graph that has just made the group and does not know it for the first `lag` writes to it.
async fn lagging(lag: usize) -> FakeGraph {
    let count = AtomicUsize::new(0);
    FakeGraph::of_items(move |method, path, _| match (method, path) {
        ("GET", KEY) => not_found("x"),
        ("PATCH", KEY) => (201, json!({ "id": GROUP })),
        _ if count.fetch_add(1, Ordering::SeqCst) < lag => not_found(GROUP),
        _ => (204, Value::Null),
    })
    .await
}

#[tokio::test]
async fn a_group_made_a_moment_ago_is_waited_for_and_then_pending() {
    for changes in [vec![add(1)], (0..20).map(add).collect::<Vec<_>>(), vec![update()]] {
        let mut graph = lagging(3).await;
        // However busy the machine is, it comes in time.
        graph.connection.pace.replication = Duration::from_secs(3600);
        let writer = EntraWriter::new(&graph.connection, Arc::clone(&graph.chain)).unwrap();
        write_with(&writer, &[create()]).await;
        assert!(write_with(&writer, &changes).await.iter().all(|outcome| *outcome == DONE));

        let graph = lagging(usize::MAX).await;
        let writer = EntraWriter::new(&graph.connection, Arc::clone(&graph.chain)).unwrap();
        write_with(&writer, &[create()]).await;
        assert!(write_with(&writer, &changes).await.iter().all(|outcome| *outcome == Outcome::PENDING));
    }
    // Without having made it, a missing group is a failure at once.
    let graph = lagging(usize::MAX).await;
    assert_eq!(failure(&write(&graph, &[add(1)]).await[0]).kind, FailureKind::NotFound);
    assert_eq!(writes(&graph).await, 1);
}

#[tokio::test]
async fn a_full_list_of_owners_is_told_from_an_owner_who_is_there() {
    let quota =
        "Unable to perform operation as '101' would exceed the maximum quota count '100' for forward-link owners.";
    let graph = FakeGraph::of_items(move |method, _, _| match method {
        "GET" => list(&[&person(1).to_string()]),
        _ => (403, said("Directory_QuotaExceeded", quota)),
    })
    .await;
    let outcomes = write(&graph, &[add(1), add(2)]).await;
    assert_eq!(outcomes[0], ALREADY);
    assert!(failure(&outcomes[1]).what.contains("quota"), "{outcomes:?}");
}

#[tokio::test]
async fn a_404_that_names_nobody_is_looked_into() {
    let graph = FakeGraph::of_items(|method, _, _| match method {
        "GET" => list(&[&person(2).to_string()]),
        _ => (404, Value::Null),
    })
    .await;
    let outcomes = write(&graph, &[remove(1), remove(2)]).await;
    assert_eq!(outcomes[0], ALREADY);
    assert_eq!(failure(&outcomes[1]).kind, FailureKind::NotFound);
}

#[tokio::test]
async fn two_patches_of_one_group_are_never_under_way_together() {
    let graph = FakeGraph::of_items(|_, _, _| (204, Value::Null)).await;
    let mut changes = Vec::new();
    for team in 0..30_u128 {
        let group_id = person(1000 + team);
        changes.extend((0..45).map(|number| {
            let after = Resource::Member(edge(&format!("team-{team}"), group_id, number));
            let address = Address::Member(key(&format!("team-{team}")), PrincipalName::Object(person(number)));
            Change::new(address, Operation::Create { after })
        }));
    }
    assert!(write(&graph, &changes).await.iter().all(|outcome| *outcome == DONE));
    let batches = graph.batches().await;
    for batch in &batches {
        let urls: BTreeSet<_> = batch.iter().collect();
        assert_eq!(urls.len(), batch.len(), "{batch:?}");
    }
    assert_eq!(batches.iter().map(Vec::len).sum::<usize>(), 90);
    assert!(batches.len() <= 6, "{}", batches.len());
}

/// A Graph whose list of our groups, of members and of owners show this.
async fn showing(listed: Value, members: &'static [&'static str]) -> FakeGraph {
    FakeGraph::of_items(move |method, path, _| match (method, path) {
        ("GET", "/groups") => (200, json!({ "value": listed })),
        ("GET", path) if path.ends_with("/members") => list(members),
        ("GET", path) if path.ends_with("/owners") => list(&[IDENTITY]),
        other => panic!("{other:?}"),
    })
    .await
}

fn made() -> Change {
    let after = Resource::Group(group(Identity::Known(GROUP.parse().unwrap())));
    Change::new(Address::Group(key("devs")), Operation::Create { after })
}

fn marked(name: &str) -> Value {
    json!({
        "id": GROUP, "displayName": name, "description": null, "mailNickname": "rolecall-00000000-devs",
        "uniqueName": "rolecall.contoso.devs", "groupTypes": [], "mailEnabled": false, "securityEnabled": true,
    })
}

#[tokio::test]
async fn what_was_written_is_read_back_and_what_does_not_show_in_time_is_named() {
    const PERSON: &str = "00000000-0000-0000-0000-000000000001";
    let read_back = async |listed: Value, members: &'static [&'static str], written: &[Change]| {
        let mut graph = showing(listed, members).await;
        let told = Arc::new(Mutex::new(Vec::new()));
        let listener = Arc::clone(&told);
        graph.connection.on_lag = OnLag::tell(move |lagging: Lagging| listener.lock().unwrap().push(lagging.groups));
        let writer = EntraWriter::new(&graph.connection, Arc::clone(&graph.chain)).unwrap();
        let (_sender, interrupted) = watch::channel(false);
        let missing: Vec<usize> = writer.read_back(written, &interrupted).await.into_keys().collect();
        let told = told.lock().unwrap().clone();
        assert_eq!(told.is_empty(), missing.is_empty());
        assert!(told.iter().all(|groups| groups.contains(&key("devs"))), "{told:?}");
        assert_eq!(writes(&graph).await, 0, "nothing is written to find out");
        (missing, graph.requests().await.len())
    };
    let all = [made(), add(1), remove(2)];
    assert_eq!(read_back(json!([marked("devs")]), &[PERSON], &all).await, (vec![], 1), "one call for all of it");
    let (missing, requests) = read_back(json!([marked("devs")]), &[], &all).await;
    assert_eq!(missing, [1]);
    assert!(requests > 1, "it was looked for again");
    assert_eq!(read_back(json!([]), &[PERSON], &all).await.0, [0]);
    assert_eq!(read_back(json!([marked("devs")]), &[PERSON], &[update()]).await.0, [0], "the old name");
    assert!(read_back(json!([marked("Developers")]), &[], &[update()]).await.0.is_empty());
    assert_eq!(read_back(json!([marked("devs")]), &[], &[delete(), remove(1)]).await.0, [0]);
    assert!(
        read_back(json!([]), &[PERSON], &[delete(), remove(1)]).await.0.is_empty(),
        "it is gone with all that was in it"
    );
}

#[tokio::test]
async fn what_cannot_be_read_back_is_not_shown_and_nobody_waits_after_an_interruption() {
    let denied = (403, said("Authorization_RequestDenied", "Insufficient privileges to complete the operation."));
    let mut graph = FakeGraph::of_items(move |_, _, _| denied.clone()).await;
    let told = Arc::new(Mutex::new(Vec::new()));
    let listener = Arc::clone(&told);
    graph.connection.on_lag = OnLag::tell(move |lagging: Lagging| listener.lock().unwrap().extend(lagging.unread));
    let writer = EntraWriter::new(&graph.connection, Arc::clone(&graph.chain)).unwrap();
    let (sender, interrupted) = watch::channel(false);
    let outcomes = writer.read_back(&[made(), add(1)], &interrupted).await;
    let why = told.lock().unwrap()[0].clone();
    assert!(why.contains("reading back what was written"), "{why}");
    let pending = |count: usize| {
        let pending = Outcome::PendingReplication { why: Some(why.clone()) };
        (0..count).map(|at| (at, pending.clone())).collect::<BTreeMap<_, _>>()
    };
    assert_eq!(outcomes, pending(2));
    let before = graph.requests().await.len();
    sender.send_replace(true);
    assert_eq!(writer.read_back(&[made()], &interrupted).await, pending(1));
    assert_eq!(graph.requests().await.len(), before + 1);
}

/// What was written is to be read back while the gate is closed for this long: what does not show, and after how long that was
/// said. Somebody interrupts after a second, if at all.
async fn read_back_behind_the_gate(closed_for: Duration, interrupts: bool) -> (BTreeMap<usize, Outcome>, Duration) {
    let mut graph = showing(json!([marked("devs")]), &[]).await;
    graph.connection.pace.throttled_for = Duration::from_secs(300);
    graph.connection.pace.replication = Duration::from_secs(120);
    graph.connection.gate.close_for(closed_for);
    let writer = EntraWriter::new(&graph.connection, Arc::clone(&graph.chain)).unwrap();
    let (sender, interrupted) = watch::channel(false);
    let start = tokio::time::Instant::now();
    let interrupt = async {
        if interrupts {
            tokio::time::sleep(Duration::from_secs(1)).await;
            sender.send_replace(true);
        }
    };
    let written = [made()];
    let (missing, ()) = futures::join!(writer.read_back(&written, &interrupted), interrupt);
    assert_eq!(graph.requests().await.len(), 0);
    (missing, start.elapsed())
}

#[tokio::test(start_paused = true)]
async fn reading_back_ends_with_an_interruption_and_with_its_time() {
    let unshown = |why: &str| BTreeMap::from([(0, Outcome::PendingReplication { why: Some(why.to_owned()) })]);
    let long = Duration::from_secs(200);
    let interrupted = unshown("reading back what was written: interrupted");
    assert_eq!(read_back_behind_the_gate(long, true).await, (interrupted, Duration::from_secs(1)));
    let late = unshown("reading back what was written: no end after 120 s");
    assert_eq!(read_back_behind_the_gate(long, false).await, (late, Duration::from_secs(120)));
}

#[tokio::test(start_paused = true)]
async fn an_interruption_while_keys_are_looked_up_leaves_the_creation_untried() {
    let graph = FakeGraph::of_items(|method, path, _| panic!("{method} {path}")).await;
    graph.connection.gate.close_for(Duration::from_secs(4));
    let writer = EntraWriter::new(&graph.connection, Arc::clone(&graph.chain)).unwrap();
    let (sender, interrupted) = watch::channel(false);
    let outcomes = Mutex::new(Vec::new());
    let report = |at: usize, outcome: Outcome| outcomes.lock().unwrap().push((at, outcome));
    let (start, ready) = (tokio::time::Instant::now(), [create()]);
    let interrupt = async {
        tokio::time::sleep(Duration::from_secs(1)).await;
        sender.send_replace(true);
    };
    futures::join!(writer.write(&ready, &interrupted, &report), interrupt);
    assert_eq!(*outcomes.lock().unwrap(), [(0, Outcome::NotTried { reason: "interrupted".to_owned() })]);
    assert_eq!(start.elapsed(), Duration::from_secs(1));
}

async fn read_back(graph: &FakeGraph, written: &[Change]) -> BTreeMap<usize, Outcome> {
    let writer = EntraWriter::new(&graph.connection, Arc::clone(&graph.chain)).unwrap();
    let (_sender, interrupted) = watch::channel(false);
    writer.read_back(written, &interrupted).await
}

#[tokio::test]
async fn a_group_made_here_with_somebody_in_it_whom_nobody_planned_has_failed() {
    const PLANNED: &str = "00000000-0000-0000-0000-000000000001";
    const MALLORY: &str = "22222222-2222-4222-8222-222222222222";
    let graph = async |owners: &'static [&'static str], members: &'static [&'static str]| {
        FakeGraph::of_items(move |method, path, _| match (method, path) {
            ("GET", "/groups") => (200, json!({ "value": [marked("devs")] })),
            ("GET", path) if path.ends_with("/members") => list(members),
            ("GET", path) if path.ends_with("/owners") => list(owners),
            ("POST", _) => (403, said("Authorization_RequestDenied", "Insufficient privileges.")),
            other => panic!("{other:?}"),
        })
        .await
    };
    for (owners, members, role) in [
        (&[IDENTITY, MALLORY][..], &[PLANNED][..], "owner"),
        (&[IDENTITY], &[PLANNED, MALLORY], "member"),
        // An applier owns it, and is no member by that.
        (&[IDENTITY], &[PLANNED, IDENTITY], "member"),
    ] {
        let outcomes = read_back(&graph(owners, members).await, &[made(), add(1)]).await;
        assert_eq!(outcomes.keys().collect::<Vec<_>>(), [&0]);
        let failure = failure(&outcomes[&0]);
        let stranger = if members.contains(&IDENTITY) { IDENTITY } else { MALLORY };
        assert_eq!(failure.kind, FailureKind::Unknown, "something was written");
        assert!(failure.what.contains("whom the plan did not show"), "{failure:?}");
        assert!(failure.what.contains(&format!("{role} ? ({stranger})")), "{failure:?}");
        assert!(
            !failure.what.contains(PLANNED) && failure.next.as_ref().unwrap().contains("plan again"),
            "{failure:?}"
        );
    }
    // Of a group that was there before, others are none of this run's business.
    assert!(read_back(&graph(&[IDENTITY], &[PLANNED, MALLORY]).await, &[add(1)]).await.is_empty());
    // Who was to be put in and seems to have failed is no stranger.
    let graph = graph(&[IDENTITY], &[PLANNED]).await;
    let writer = EntraWriter::new(&graph.connection, Arc::clone(&graph.chain)).unwrap();
    failure(&write_with(&writer, &[add(1)]).await[0]);
    let (_sender, interrupted) = watch::channel(false);
    assert!(writer.read_back(&[made()], &interrupted).await.is_empty());
}

#[tokio::test]
async fn a_group_is_read_back_until_one_look_shows_all_of_it() {
    const BOTH: [&str; 2] = ["00000000-0000-0000-0000-000000000001", "00000000-0000-0000-0000-000000000002"];
    let looks = AtomicUsize::new(0);
    // Servers that disagree: each shows one of the two until the third look.
    let mut graph = FakeGraph::of_items(move |_, _, _| match looks.fetch_add(1, Ordering::SeqCst) {
        0 => list(&BOTH[..1]),
        1 => list(&BOTH[1..]),
        _ => list(&BOTH),
    })
    .await;
    graph.connection.pace.replication = Duration::from_secs(3600);
    assert!(read_back(&graph, &[add(1), add(2)]).await.is_empty());
    assert_eq!(graph.requests().await.len(), 3);
}

#[tokio::test]
async fn an_upsert_that_is_refused_because_its_owner_is_there_met_a_group() {
    const MALLORY: &str = "22222222-2222-4222-8222-222222222222";
    let exists = "One or more added object references already exist for the following modified properties: 'owners'.";
    let refused = (400, said("Request_BadRequest", exists));
    let graph = upserts(&[IDENTITY], vec![refused.clone()]).await;
    assert_eq!(write(&graph, &[create()]).await, [Outcome::AlreadySo { created: Some(GROUP.parse().unwrap()) }]);
    assert_eq!(writes(&graph).await, 1);
    let graph = upserts(&[IDENTITY, MALLORY], vec![refused]).await;
    let outcomes = write(&graph, &[create()]).await;
    assert!(failure(&outcomes[0]).what.contains("others own it as well"), "{outcomes:?}");
    assert!(failure(&outcomes[0]).what.contains("may have been rewritten"), "{outcomes:?}");
}

#[tokio::test]
async fn a_group_that_another_run_made_a_moment_ago_is_waited_for_as_well() {
    let count = AtomicUsize::new(0);
    let mut graph = FakeGraph::of_items(move |method, path, _| match (method, path) {
        ("GET", KEY) => live_group(&json!([])),
        ("GET", path) if path.ends_with("/owners") => list(&[IDENTITY]),
        ("GET", path) if path.ends_with("/members") => list(&[]),
        _ if count.fetch_add(1, Ordering::SeqCst) < 3 => not_found(GROUP),
        _ => (204, Value::Null),
    })
    .await;
    graph.connection.pace.replication = Duration::from_secs(3600);
    let writer = EntraWriter::new(&graph.connection, Arc::clone(&graph.chain)).unwrap();
    let taken = Outcome::AlreadySo { created: Some(GROUP.parse().unwrap()) };
    assert_eq!(write_with(&writer, &[create()]).await, [taken]);
    assert_eq!(write_with(&writer, &[add(1)]).await, [DONE]);
}

#[tokio::test]
async fn a_group_that_graph_made_has_its_members_looked_at_and_one_that_was_found_its_owners_too() {
    let asked = async |status: u16| {
        let graph = FakeGraph::of_items(move |method, path, _| match (method, path) {
            ("PATCH", KEY) => (status, if status == 201 { json!({ "id": GROUP }) } else { Value::Null }),
            ("GET", "/groups") => (200, json!({ "value": [marked("devs")] })),
            ("GET", path) if path.ends_with("/owners") => list(&[IDENTITY]),
            ("GET", path) if path.ends_with("/members") => list(&["22222222-2222-4222-8222-222222222222"]),
            _ => not_found("x"),
        })
        .await;
        let writer = EntraWriter::new(&graph.connection, Arc::clone(&graph.chain)).unwrap();
        write_with(&writer, &[create()]).await;
        let (_sender, interrupted) = watch::channel(false);
        let outcomes = writer.read_back(&[made(), remove(1)], &interrupted).await;
        assert!(failure(&outcomes[&0]).what.contains("whom the plan did not show"), "{outcomes:?}");
        let last = graph.batches().await.pop().unwrap();
        last.iter().filter(|(_, path)| path.contains("/owners")).count()
    };
    assert_eq!((asked(201).await, asked(500).await), (0, 1));
}
