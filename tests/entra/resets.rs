//! Every kind of write, with each request that it takes struck once: the connection ends before or after the work, the server
//! fails before or after it, or the reply breaks off. The tenant always ends up as it would have been, and after every step
//! what was called done is done.

use rolecall::sandbox::{Fault, Faults, Options, Rule};
use rolecall::state::{Address, Group, Identity, Operation, Outcome, Resource};

use crate::world::{
    World, add_member, add_owner, change, create, delete, group, key, remove_member, remove_owner, seed, upn, user,
};

/// What a tenant held after each step, and what was asked until then.
#[derive(Debug)]
struct Story {
    states: Vec<serde_json::Value>,
    asked: Vec<Asked>,
    struck: usize,
}

/// What a rule counts.
#[derive(Clone, Copy, Debug)]
struct Asked {
    /// Calls, the ones for a token left out.
    calls: usize,
    /// Calls and the items in them.
    everything: usize,
}

fn asked(world: &World) -> Asked {
    let log = world.sandbox.requests().unwrap();
    let items: usize = log.lines().iter().map(|line| line.items.len()).sum();
    Asked { calls: world.graph_requests().len(), everything: log.lines().len() + items }
}

/// Makes, fills, changes, thins out, deletes and restores a group.
async fn see_through(rule: Option<Rule>) -> Story {
    let mut seed = seed();
    seed.users = (0..24).map(|number| user(&format!("person{number}"))).collect();
    let faults = Faults { rules: rule.into_iter().collect(), ..Faults::default() };
    let world = World::with(seed, Options { faults, ..Options::default() }).await.asking_for(&["devs"]);
    let people = world.people((0..24).map(|number| upn(&format!("person{number}")))).await;
    let mut story = Story { states: vec![world.groups()], asked: vec![asked(&world)], struck: 0 };

    let created = world.write(&[create("devs")]).await;
    let id = match created[..] {
        [Outcome::Done { created: Some(id) } | Outcome::AlreadySo { created: Some(id) }] => id,
        ref other => panic!("{other:?}"),
    };
    story.states.push(world.groups());
    story.asked.push(asked(&world));
    let before = group("devs", Identity::Known(id));
    let after = Group { display_name: "Developers".to_owned(), ..before.clone() };
    let update = Operation::Update { before: Resource::Group(before), after: Resource::Group(after.clone()) };
    let add = |count: usize, from: usize| {
        people.iter().skip(from).take(count).map(|(name, who)| add_member("devs", id, name, *who)).collect::<Vec<_>>()
    };
    let owner = |at: usize| (&people[at].0, people[at].1);
    let steps = [
        add(20, 0),
        add(1, 20),
        vec![add_owner("devs", id, owner(5).0, owner(5).1), add_owner("devs", id, owner(6).0, owner(6).1)],
        vec![add_owner("devs", id, owner(7).0, owner(7).1)],
        vec![change(Address::Group(key("devs")), update)],
        people.iter().take(3).map(|(name, who)| remove_member("devs", id, name, *who)).collect(),
        vec![remove_owner("devs", id, owner(6).0, owner(6).1)],
        vec![delete("devs", id)],
        vec![change(Address::Group(key("devs")), Operation::Restore { after: Resource::Group(after) })],
    ];
    for step in steps {
        let outcomes = world.write(&step).await;
        assert!(outcomes.iter().all(Outcome::is_success), "{outcomes:?}");
        story.states.push(world.groups());
        story.asked.push(asked(&world));
    }
    story.struck = world.sandbox.requests().unwrap().lines().iter().map(|line| line.faults().count()).sum();
    world.end().await;
    story
}

/// Strikes one request after the other of all that the steps take.
async fn whatever_breaks_off(faults: &[Fault], path: &str, count: impl Fn(&Asked) -> usize) {
    let expected = see_through(None).await;
    for step in expected.asked.windows(2) {
        assert!(count(&step[0]) < count(&step[1]), "every step has a request: {:?}", expected.asked);
    }
    for (state, next) in expected.states.iter().zip(&expected.states[1..]) {
        assert_ne!(state, next, "every step changes something");
    }
    for struck in count(&expected.asked[0])..count(expected.asked.last().unwrap()) {
        for fault in faults {
            let rule = Rule {
                on: Some("graph".to_owned()),
                path: Some(path.to_owned()),
                after: u64::try_from(struck).unwrap(),
                times: Some(1),
                ..Rule::of(fault.clone())
            };
            let story = see_through(Some(rule)).await;
            for (step, (state, expected)) in story.states.iter().zip(&expected.states).enumerate() {
                assert_eq!(state, expected, "{fault:?} at request {struck}, after step {step}");
            }
            assert_eq!(story.struck, 1, "{fault:?} at request {struck}");
        }
    }
}

fn fails(status: u16, after_work: bool) -> Fault {
    Fault::Unavailable { status, retry_after_ms: None, after_work }
}

#[tokio::test]
async fn a_call_that_breaks_off_ends_in_the_same_state() {
    whatever_breaks_off(&[Fault::CutBefore, Fault::CutAfter, Fault::Truncated], "/v1.0/", |asked| asked.calls).await;
}

#[tokio::test]
async fn a_call_or_an_item_that_the_server_fails_at_ends_in_the_same_state() {
    whatever_breaks_off(&[fails(503, false), fails(504, true)], "/", |asked| asked.everything).await;
}

#[tokio::test]
async fn a_call_or_an_item_that_is_throttled_ends_in_the_same_state() {
    whatever_breaks_off(&[Fault::Throttled { retry_after_ms: 3 }], "/", |asked| asked.everything).await;
}
