//! Who changed groups, from the audit log; and what is said where it cannot be read.

use std::time::Duration;

use rolecall::providers::Reader as _;
use rolecall::providers::http::Pace;
use rolecall::sandbox::{Fault, Faults, Options, Rule, SeedGroup};
use rolecall::state::{AuditActivity, AuditTrail, FailureKind, Initiator, ObjectId, Outcome};

use crate::world::{APPLIER, World, add_member, member, ours, remove_member, seed, upn, user};

const GROUP: &str = "d0000000-0000-4000-8000-000000000001";
const LOG: &str = "directoryAudits";

fn group() -> ObjectId {
    GROUP.parse().unwrap()
}

fn person(n: usize) -> (String, ObjectId) {
    (format!("u{n}"), format!("50000000-0000-4000-8000-{n:012}").parse().unwrap())
}

/// A group and so many people, of whom the first is a member.
async fn world(people: usize, held: Option<&[&str]>, rules: Vec<Rule>) -> World {
    let mut seed = seed();
    seed.applier.roles = held.map(|held| held.iter().map(|role| (*role).to_owned()).collect());
    seed.users = (0..people)
        .map(|n| {
            let (name, id) = person(n);
            rolecall::sandbox::SeedUser { id: Some(id), ..user(&name) }
        })
        .collect();
    seed.groups.push(SeedGroup { id: Some(group()), members: vec![member("u0")], ..ours("devs") });
    let options = Options { faults: Faults { rules, ..Faults::default() }, ..Options::default() };
    World::with(seed, options).await
}

/// The same after the second joined and the first left.
async fn changed(held: Option<&[&str]>, rules: Vec<Rule>) -> World {
    let world = world(2, held, rules).await;
    let change = |n: usize| (upn(&person(n).0), person(n).1);
    let ((first, first_id), (second, second_id)) = (change(0), change(1));
    let changes = [add_member("devs", group(), &second, second_id), remove_member("devs", group(), &first, first_id)];
    for outcome in world.write(&changes).await {
        assert!(matches!(outcome, Outcome::Done { .. }), "{outcome:?}");
    }
    world
}

fn rule(fault: Fault, times: Option<u64>) -> Rule {
    Rule { times, path: Some(LOG.to_owned()), ..Rule::of(fault) }
}

/// Asks with little patience.
async fn ask(world: &mut World, groups: &[ObjectId]) -> (AuditTrail, u64) {
    let pace = world.connection.pace;
    world.connection.pace = Pace { throttled_for: Duration::from_millis(300), attempts: 2, ..pace };
    let reader = world.reader_at(world.connection.graph.clone());
    let trail = reader.audit(groups).await;
    (trail, reader.usage().requests)
}

fn activities(trail: &AuditTrail) -> Vec<AuditActivity> {
    let mut activities: Vec<_> = trail.entries[&group()].iter().map(|entry| entry.activity).collect();
    activities.sort();
    activities
}

const BOTH: [AuditActivity; 2] = [AuditActivity::AddMember, AuditActivity::RemoveMember];

#[tokio::test]
async fn who_changed_a_group_is_read_in_one_call() {
    let mut world = changed(None, Vec::new()).await;
    let (trail, requests) = ask(&mut world, &[group()]).await;
    assert_eq!((activities(&trail).as_slice(), requests), (&BOTH[..], 1));
    for entry in &trail.entries[&group()] {
        assert!(matches!(&entry.by, Initiator::App { id: Some(id), .. } if id.to_string() == APPLIER), "{entry:?}");
        let who = if entry.activity == AuditActivity::AddMember { person(1).1 } else { person(0).1 };
        assert_eq!((entry.targets[0].id, entry.targets[0].of_group), (who, Some(group())));
        assert!(entry.time.is_some());
    }
    assert!(trail.unread.is_empty() && trail.cut.is_empty() && trail.not_asked.is_empty());
    world.end().await;
}

#[tokio::test]
async fn of_more_groups_than_go_into_one_call_the_first_are_asked_about() {
    let mut world = changed(None, Vec::new()).await;
    let others = (1..=24_u64).map(|n| format!("d0000000-0000-4000-8000-1{n:011}").parse().unwrap());
    let groups: Vec<ObjectId> = std::iter::once(group()).chain(others).collect();
    let (trail, requests) = ask(&mut world, &groups).await;
    assert_eq!((trail.entries.len(), trail.not_asked.len(), requests), (20, 5, 1));
    assert_eq!(activities(&trail), BOTH);
    world.end().await;
}

#[tokio::test]
async fn a_long_list_goes_on_on_the_next_page() {
    let mut world = world(230, None, Vec::new()).await;
    let changes: Vec<_> = (1..230).map(person).map(|(name, id)| add_member("devs", group(), &upn(&name), id)).collect();
    world.write(&changes).await;
    let (trail, requests) = ask(&mut world, &[group()]).await;
    assert_eq!((trail.entries[&group()].len(), requests, trail.cut.len()), (229, 2, 0));
    world.end().await;
}

#[tokio::test]
async fn an_empty_page_is_followed_by_the_next_but_not_for_ever() {
    let mut world = changed(None, vec![rule(Fault::EmptyPage, Some(1))]).await;
    let (trail, requests) = ask(&mut world, &[group()]).await;
    assert_eq!((activities(&trail).as_slice(), requests), (&BOTH[..], 2));
    world.end().await;

    let mut world = changed(None, vec![rule(Fault::EmptyPage, None)]).await;
    let (trail, requests) = ask(&mut world, &[group()]).await;
    assert_eq!((trail.entries[&group()].len(), requests), (0, 5));
    assert!(trail.cut.contains(&group()) && trail.unread.is_empty());
    world.end().await;
}

#[tokio::test]
async fn without_the_permission_nothing_is_known_and_it_is_named() {
    let held = ["Group.ReadWrite.All", "User.Read.All"];
    let mut world = changed(Some(&held), Vec::new()).await;
    let (trail, requests) = ask(&mut world, &[group()]).await;
    let failure = &trail.unread[&group()];
    assert_eq!((failure.kind, requests, trail.entries.len()), (FailureKind::Forbidden, 1, 0));
    assert!(failure.next.as_ref().unwrap().contains("`AuditLog.Read.All`"), "{failure:?}");
    world.end().await;
}

#[tokio::test]
async fn what_passes_is_waited_for_and_what_does_not_is_told() {
    let throttled = Fault::Throttled { retry_after_ms: 5 };
    let unavailable = Fault::Unavailable { status: 503, retry_after_ms: None, after_work: false };
    for fault in [throttled, unavailable] {
        let mut world = changed(None, vec![rule(fault.clone(), Some(1))]).await;
        let (trail, _) = ask(&mut world, &[group()]).await;
        assert_eq!(activities(&trail), BOTH, "{fault:?}");
        world.end().await;

        let mut world = changed(None, vec![rule(fault.clone(), None)]).await;
        let (trail, _) = ask(&mut world, &[group()]).await;
        let failure = &trail.unread[&group()];
        assert_eq!((failure.kind, trail.entries.len()), (FailureKind::Unavailable, 0), "{fault:?}: {failure:?}");
        assert!(failure.next.is_some(), "{failure:?}");
        world.end().await;
    }
}

#[tokio::test]
async fn an_answer_that_breaks_off_each_time_is_told() {
    let broken = Rule { path: Some("/v1.0/$batch".to_owned()), ..Rule::of(Fault::Truncated) };
    let mut world = world(1, None, vec![broken]).await;
    let (trail, _) = ask(&mut world, &[group()]).await;
    let failure = &trail.unread[&group()];
    assert_eq!(failure.kind, FailureKind::Unreachable, "{failure:?}");
    assert!(failure.what.starts_with("reading the audit log: "), "{failure:?}");
    world.end().await;
}
