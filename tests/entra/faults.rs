//! What a person is told when Graph answers with what no client can have expected.

use std::collections::BTreeSet;
use std::time::Duration;

use rolecall::sandbox::{Budget, Fault, Faults, Hostile, Options, Rule, SeedGroup};
use rolecall::state::{Failure, FailureKind};

use crate::world::{World, key, member, ours, seed, user};

fn on(path: Option<&str>, fault: Fault) -> Faults {
    let rule = Rule { path: path.map(str::to_owned), on: Some("graph".to_owned()), ..Rule::of(fault) };
    Faults { rules: vec![rule], ..Faults::default() }
}

async fn world(faults: Faults, deadline: Option<Duration>) -> World {
    let mut seed = seed();
    seed.users = vec![user("hayden")];
    seed.groups.push(SeedGroup { members: vec![member("hayden")], ..ours("devs") });
    let options = Options { faults, ..Options::default() };
    let world = match deadline {
        Some(deadline) => World::hasty(seed, options, deadline).await,
        None => World::with(seed, options).await,
    };
    world.asking_for(&["devs"])
}

/// What was struck, as the sandbox's log calls it.
fn struck(world: &World) -> Vec<String> {
    let log = world.sandbox.requests().unwrap();
    let faults =
        log.lines().iter().flat_map(|line| line.fault.iter().chain(line.items.iter().flat_map(|item| &item.fault)));
    faults.cloned().collect()
}

/// The failure, without the address that is another in each run.
fn told(world: &World, failure: &Failure) -> String {
    let origin = world.sandbox.access().graph.origin().ascii_serialization();
    failure.what.replace(&origin, "GRAPH")
}

#[tokio::test]
async fn an_answer_that_cannot_be_read_is_an_error_and_never_a_short_list() {
    let healthy = world(Faults::default(), None).await;
    healthy.observe().await.unwrap();
    let paths: BTreeSet<String> = {
        let log = healthy.sandbox.requests().unwrap();
        // The first part of the path of the token endpoint is the tenant.
        let tenant = format!("/{}", healthy.sandbox.access().tenant_id);
        log.lines().iter().map(|line| line.path.split('?').next().unwrap().replace(&tenant, "")).collect()
    };
    healthy.end().await;
    let mut said = Vec::new();
    for path in &paths {
        for (name, hostile) in [
            ("deep", Hostile::Deep),
            ("not-text", Hostile::NotText),
            ("empty", Hostile::Empty),
            ("html", Hostile::Html),
            ("wrong-shape", Hostile::WrongShape),
        ] {
            let world = world(on(Some(path), Fault::Body(hostile)), None).await;
            let failure = world.observe().await.expect_err(path);
            assert!(struck(&world).iter().all(|fault| fault == "body") && !struck(&world).is_empty(), "{name} {path}");
            assert!(failure.kind == FailureKind::BadAnswer && failure.next.is_some(), "{name} {path}: {failure:?}");
            said.push(format!("{path} {name}: {}", told(&world, &failure)));
            world.end().await;
        }
    }
    insta::assert_snapshot!(said.join("\n"), @r"
    /oauth2/v2.0/token deep: no token for GRAPH from client-secret: the login endpoint answered 200 and gave no token
    /oauth2/v2.0/token not-text: no token for GRAPH from client-secret: the login endpoint answered 200 and gave no token
    /oauth2/v2.0/token empty: no token for GRAPH from client-secret: the login endpoint answered 200 and gave no token
    /oauth2/v2.0/token html: no token for GRAPH from client-secret: the login endpoint answered 200 and gave no token
    /oauth2/v2.0/token wrong-shape: no token for GRAPH from client-secret: the login endpoint answered 200 and gave no token
    /v1.0/$batch deep: reading the groups of config `contoso-platform`: Graph's answer to a batch cannot be read (invalid type: sequence, expected a string at line 1 column 3)
    /v1.0/$batch not-text: reading the groups of config `contoso-platform`: Graph's answer to a batch cannot be read (control character (\u0000-\u001F) found while parsing a string at line 1 column 5)
    /v1.0/$batch empty: reading the groups of config `contoso-platform`: Graph's answer to a batch cannot be read (EOF while parsing a value at line 1 column 0)
    /v1.0/$batch html: reading the groups of config `contoso-platform`: Graph's answer to a batch cannot be read (expected value at line 1 column 1)
    /v1.0/$batch wrong-shape: reading the groups of config `contoso-platform`: Graph's answer to a batch cannot be read (missing field `responses` at line 1 column 55)
    ");
}

#[tokio::test]
async fn a_list_that_goes_on_elsewhere_is_an_error() {
    let world = world(on(Some("/v1.0/$batch"), Fault::Body(Hostile::ForeignLink)), None).await;
    let failure = world.observe().await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Refused, "{failure}");
    insta::assert_snapshot!(format!("{}\n{}", told(&world, &failure), failure.next.as_deref().unwrap()), @"
    reading the groups of config `contoso-platform`: the link to a next page leads to https://graph.contoso.example and not below GRAPH/v1.0
    check the address of the connection; a token is never sent anywhere else
    ");
    assert_eq!(struck(&world), ["body"]);
    world.end().await;
}

#[tokio::test]
async fn an_answer_that_breaks_off_is_asked_for_again_but_not_for_ever() {
    let once = |times| Rule { times, path: Some("/v1.0/".to_owned()), ..Rule::of(Fault::Truncated) };
    let broken = world(Faults { rules: vec![once(Some(1))], ..Faults::default() }, None).await;
    assert_eq!(broken.observe().await.unwrap().marked[&key("devs")].members.len(), 1);
    assert_eq!(struck(&broken), ["truncated"]);
    broken.end().await;

    let broken = world(Faults { rules: vec![once(None)], ..Faults::default() }, None).await;
    let failure = broken.observe().await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unreachable, "{failure}");
    assert!(told(&broken, &failure).contains("GRAPH broke off before its answer was whole"), "{failure}");
    broken.end().await;
}

#[tokio::test]
async fn a_late_answer_is_waited_for_as_long_as_a_call_may_take() {
    let world = world(on(None, Fault::Late { ms: 5 }), None).await;
    assert_eq!(world.observe().await.unwrap().marked[&key("devs")].members.len(), 1);
    assert!(struck(&world).iter().all(|fault| fault == "late") && !struck(&world).is_empty());
    world.end().await;
}

#[tokio::test]
async fn an_answer_that_comes_too_late_is_none() {
    let world = world(on(None, Fault::Late { ms: 3_600_000 }), Some(Duration::from_millis(200))).await;
    let failure = world.observe().await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unreachable, "{failure}");
    assert!(told(&world, &failure).contains("gave no whole answer within 0.2 s"), "{failure}");
    world.end().await;
}

#[tokio::test]
async fn a_budget_that_stays_spent_ends_in_an_error_and_the_log_says_why() {
    // So long a window that nothing of it comes back: what it asks for is more than anybody waits.
    let budget = Budget { units: 2, writes: 1, window_ms: 3_600_000 };
    let world = world(Faults { budget: Some(budget), ..Faults::default() }, None).await;
    let failure = world.observe().await.unwrap_err();
    assert_eq!(failure.kind, FailureKind::Unavailable, "{failure}");
    insta::assert_snapshot!(format!("{failure}\n{}", failure.next.as_deref().unwrap()), @"
    reading the groups of config `contoso-platform`: Graph asks to wait (429) for another 60 min, and 300 s in all are waited
    run it again in 60 min
    ");
    assert!(struck(&world).iter().all(|fault| fault == "budget") && !struck(&world).is_empty());
    world.end().await;
}
