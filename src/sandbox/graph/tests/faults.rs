//! Faults as Graph carries them out: each happens as it was asked for, and is told to the log.

use super::*;
use crate::sandbox::faults::{Budget, Fault, Hostile, Lag, Rule};

fn rules(rules: Vec<Rule>) -> Faults {
    Faults { rules, ..Faults::default() }
}

fn world(faults: &Faults) -> World {
    let seed = with_group(people(&["ada", "bea", "cat"]), "g", |group| group.members = vec![member("ada")]);
    World::faulty(&seed, faults)
}

#[tokio::test]
async fn refusals_are_in_graphs_words() {
    let fault = |fault, path: &str| Rule { path: Some(path.to_owned()), ..Rule::of(fault) };
    let unavailable = |status, retry_after_ms| Fault::Unavailable { status, retry_after_ms, after_work: false };
    let world = world(&rules(vec![
        fault(Fault::Throttled { retry_after_ms: 2128 }, "users/1"),
        fault(unavailable(500, None), "users/2"),
        fault(unavailable(503, Some(1500)), "users/3"),
        fault(unavailable(504, None), "users/4"),
        fault(Fault::Conflict, "groups/5"),
        fault(Fault::Throttled { retry_after_ms: 2128 }, "conditionalAccess"),
    ]));
    let mut said = Vec::new();
    for (method, path) in [
        ("GET", "users/1"),
        ("GET", "users/2"),
        ("GET", "users/3"),
        ("GET", "users/4"),
        ("PATCH", "groups/5"),
        ("GET", "identity/conditionalAccess/policies"),
    ] {
        let reply = world.send(method, path, &[], None).await;
        let wait = reply.header("retry-after").unwrap_or("-").to_owned();
        said.push(format!("{} | wait {wait} | {}", reply.note.fault.unwrap(), reply.said()));
    }
    insta::assert_snapshot!(said.join("\n"), @"
    throttled | wait 2.128 | 429 TooManyRequests: Please retry again later.
    unavailable | wait - | 500 Service_InternalServerError: An error occurred.
    unavailable | wait 1.500 | 503 serviceNotAvailable: The service is temporarily unavailable. Please try again later.
    unavailable | wait - | 504 UnknownError: The service did not answer in time.
    conflict | wait - | 409 Directory_ConcurrencyViolation: The object is being changed by another request. Please try again.
    throttled | wait - | 429 TooManyRequests: Please retry again later.
    ");
}

#[tokio::test]
async fn an_item_of_a_batch_is_struck_alone() {
    let once = |fault, path: &str| Rule { path: Some(path.to_owned()), ..Rule::of(fault) };
    let done = Fault::Unavailable { status: 504, retry_after_ms: None, after_work: true };
    let world = world(&rules(vec![
        once(Fault::Throttled { retry_after_ms: 2128 }, "users/ada"),
        once(Fault::Conflict, "description"),
        once(done, "/groups/"),
        // Concerns a connection, and so no item.
        once(Fault::CutBefore, "users/bea"),
    ]));
    let group = world.group("g");
    let requests = json!({"requests": [
        {"id": "1", "method": "GET", "url": "/users/ada@contoso.com"},
        {"id": "2", "method": "GET", "url": "/users/bea@contoso.com"},
        {"id": "3", "method": "PATCH", "url": format!("/groups/{group}"), "headers": {"Content-Type": "application/json"},
         "body": {"displayName": "done"}},
    ]});
    let reply = world.post("$batch", requests).await;
    let told = reply.note.items.iter().map(|item| format!("{} {}", item.status, item.fault.as_deref().unwrap_or("-")));
    assert_eq!(told.collect::<Vec<_>>(), ["429 throttled", "200 -", "504 unavailable"]);
    // It was carried out all the same.
    assert_eq!(world.group("done"), group);
}

#[tokio::test]
async fn tokens_run_out_when_asked_to() {
    let world = world(&Faults::rule(Fault::ExpiredToken, 100));
    let page = world.get("users?$top=1").await;
    let next = world.get(page.body["@odata.nextLink"].as_str().unwrap()).await;
    assert_eq!(next.note.fault, Some("expired-token"));
    assert!(next.said().starts_with("400 Directory_ExpiredPageToken"), "{}", next.said());
    let delta = world.get("groups/delta").await;
    let gone = world.get(delta.body["@odata.deltaLink"].as_str().unwrap()).await;
    assert_eq!(
        (gone.status, gone.header("location")),
        (410, Some("https://127.0.0.1:8443/v1.0/groups/delta?$deltatoken="))
    );
}

#[tokio::test]
async fn a_page_may_be_empty_and_have_a_next_one() {
    let twice = Rule { times: Some(2), ..Rule::of(Fault::EmptyPage) };
    let world = world(&rules(vec![twice]));
    let mut path = "users?$top=2".to_owned();
    let (mut sizes, mut links) = (Vec::new(), std::collections::BTreeSet::new());
    loop {
        let reply = world.get(&path).await;
        let size = reply.body["value"].as_array().unwrap().len();
        assert_eq!(reply.note.fault, (size == 0).then_some("empty-page"));
        sizes.push(size);
        let Some(next) = reply.body["@odata.nextLink"].as_str() else { break };
        assert!(links.insert(next.to_owned()), "a link comes once");
        next.clone_into(&mut path);
    }
    assert_eq!(sizes, [0, 0, 2, 1]);
}

#[tokio::test(start_paused = true)]
async fn a_budget_is_spent_and_comes_back() {
    let budget = Budget { units: 10, writes: 5, window_ms: 10_000 };
    let world = world(&Faults { budget: Some(budget), ..Faults::default() });
    let path = format!("groups/{}/members", world.group("g"));
    let mut statuses = Vec::new();
    for _ in 0..3 {
        let reply = world.get(&path).await;
        assert_eq!(reply.header("x-ms-resource-unit"), Some("3"));
        statuses.push((reply.status, reply.header("x-ms-throttle-limit-percentage").map(str::to_owned)));
    }
    assert_eq!(statuses, [(200, None), (200, None), (200, Some("0.90".to_owned()))]);
    let refused = world.get(&path).await;
    assert_eq!((refused.status, refused.header("retry-after")), (429, Some("5")));
    assert_eq!(refused.header("x-ms-throttle-information"), Some("ResourceUnitLimitExceeded"));
    assert_eq!(refused.note.fault, Some("budget"));
    tokio::time::advance(Duration::from_secs(5)).await;
    assert_eq!(world.get(&path).await.status, 200, "who waits as long as asked gets through");
}

#[tokio::test]
async fn hostile_bodies_are_what_they_are_called() {
    let of = |hostile| Faults::rule(Fault::Body(hostile), 100);
    let foreign = world(&of(Hostile::ForeignLink)).get("users").await;
    assert_eq!(foreign.body["@odata.nextLink"], "https://graph.contoso.example/v1.0/groups?$skiptoken=x");
    let endless = world(&of(Hostile::EndlessPages)).get("users?$top=999").await;
    assert_eq!(endless.body["@odata.nextLink"], format!("{ORIGIN}/v1.0/users?$top=999"));
    let scrawled = world(&of(Hostile::ControlCharacters)).get("users").await;
    assert!(scrawled.body["value"][0]["displayName"].as_str().unwrap().contains('\u{1b}'));
    let shapeless = world(&of(Hostile::WrongShape)).get("users").await;
    assert!(shapeless.body["value"].is_object());
    let empty = world(&of(Hostile::Empty)).get("users").await;
    assert_eq!((empty.status, empty.body, empty.note.fault), (200, Value::Null, Some("body")));
    // A reply that is no list has no next page to spoil.
    let single = world(&of(Hostile::ForeignLink)).get("users/ada@contoso.com").await;
    assert_eq!((single.status, single.note.fault), (200, None));
}

#[tokio::test]
async fn a_replica_is_behind_for_so_many_reads_and_lists_and_reads_disagree() {
    let lag = Faults { seed: 5, lag: Some(Lag { reads: 3, ms: 0 }), ..Faults::default() };
    let first = lagging_reads(&lag).await;
    assert!(first.contains("behind"), "{first}");
    assert_eq!(first, lagging_reads(&lag).await, "the same seed, the same lag");
    let other = Faults { seed: 6, ..lag };
    assert_ne!(first, lagging_reads(&other).await);
}

/// A group is renamed; what reads and lists say of it then.
async fn lagging_reads(faults: &Faults) -> String {
    let world = world(faults);
    let group = world.group("g");
    assert_eq!(world.patch(&format!("groups/{group}"), json!({"displayName": "new"})).await.status, 204);
    let mut told = String::new();
    for (kind, path) in [("get", format!("groups/{group}")), ("list", "groups".to_owned())] {
        for _ in 0..5 {
            let reply = world.get(&path).await;
            let name = reply.body["displayName"].as_str().or(reply.body["value"][0]["displayName"].as_str()).unwrap();
            assert_eq!(name == "g", reply.note.fault == Some("lag"), "{kind} {name}");
            told += if name == "g" { "behind " } else { "true " };
        }
        assert!(told.ends_with("true "), "{told}");
    }
    told
}

#[tokio::test]
async fn what_was_just_made_may_not_be_there_yet_and_what_was_deleted_still() {
    let world = world(&Faults { lag: Some(Lag { reads: 1, ms: 0 }), ..Faults::default() });
    let made = world.post("groups", new_group("made")).await;
    let id = made.body["id"].as_str().unwrap().to_owned();
    let path = format!("groups/{id}");
    let early = world.patch(&path, json!({"description": "too soon"})).await;
    assert_eq!((early.status, early.note.fault), (404, Some("lag")));
    assert_eq!(world.patch(&path, json!({"description": "late enough"})).await.status, 204);

    let group = world.group("g");
    assert_eq!(world.delete(&format!("groups/{group}")).await.status, 204);
    let deleted = format!("directory/deletedItems/{group}");
    assert_eq!(world.get(&format!("groups/{group}")).await.status, 200, "a deletion lingers");
    assert_eq!(world.get(&format!("groups/{group}")).await.status, 404);
    assert_eq!(world.get(&deleted).await.status, 200);
    // Nothing of this reached the state.
    assert!(world.graph.store.read(|tenant| tenant.deleted_groups.len() == 1 && tenant.groups.len() == 1));
}

#[tokio::test(start_paused = true)]
async fn a_replica_is_behind_for_so_long_and_lists_and_reads_disagree() {
    let world = world(&Faults { seed: 3, lag: Some(Lag { reads: 0, ms: 10_000 }), ..Faults::default() });
    let group = world.group("g");
    assert_eq!(world.patch(&format!("groups/{group}"), json!({"displayName": "new"})).await.status, 204);
    // Each second: whether a read and a list show the new name.
    let mut shown = Vec::new();
    for _ in 0..=10 {
        let read = world.get(&format!("groups/{group}")).await.body["displayName"] == "new";
        let list = world.get("groups").await.body["value"][0]["displayName"] == "new";
        shown.push((read, list));
        tokio::time::advance(Duration::from_secs(1)).await;
    }
    assert!(shown[..5].iter().all(|shown| *shown == (false, false)), "half of the time at least: {shown:?}");
    assert!(shown.iter().any(|(read, list)| read != list), "{shown:?}");
    assert_eq!(shown[10], (true, true));
}

#[tokio::test(start_paused = true)]
async fn a_group_that_is_not_there_yet_is_not_there_for_a_write_that_names_it() {
    let world = world(&Faults { lag: Some(Lag { reads: 0, ms: 10_000 }), ..Faults::default() });
    let made = world.post("groups", new_group("made")).await.body["id"].as_str().unwrap().to_owned();
    let path = format!("groups/{}/members/$ref", world.group("g"));
    let named = json!({"@odata.id": format!("{ORIGIN}/v1.0/directoryObjects/{made}")});
    let early = world.post(&path, named.clone()).await;
    assert_eq!((early.status, early.note.fault), (404, Some("lag")));
    assert!(early.body["error"]["message"].as_str().unwrap().contains(&made));
    tokio::time::advance(Duration::from_secs(10)).await;
    assert_eq!(world.post(&path, named).await.status, 204);
}

#[tokio::test]
async fn delta_lags_longer_and_loses_nothing() {
    let world = world(&Faults { lag: Some(Lag { reads: 2, ms: 0 }), ..Faults::default() });
    let mut link =
        world.get("groups/delta?$deltatoken=latest").await.body["@odata.deltaLink"].as_str().unwrap().to_owned();
    let group = world.group("g");
    assert_eq!(world.patch(&format!("groups/{group}"), json!({"displayName": "new"})).await.status, 204);
    let mut rounds = Vec::new();
    for _ in 0..6 {
        let reply = world.get(&link).await;
        rounds.push(reply.body["value"].as_array().unwrap().len());
        reply.body["@odata.deltaLink"].as_str().unwrap().clone_into(&mut link);
    }
    assert_eq!(rounds.iter().sum::<usize>(), 1, "{rounds:?}");
    assert_eq!(rounds[..2], [0, 0], "{rounds:?}");
}
