//! After one 429 nothing more is asked before its time, by nobody who asks as the same identity.

use futures::future::join_all;
use rolecall::sandbox::{Fault, Faults, Options, Rule, SeedGroup};

use crate::world::{World, add_member, key, member, ours, seed, upn, user};

/// How many observations and how many writes are under way at once.
const AT_ONCE: usize = 12;

fn arrivals_before(world: &World, moment_us: u64) -> usize {
    world.graph_requests().iter().filter(|line| line.arrived_us < moment_us).count()
}

/// Reads and writes all at once, one of which is throttled once.
async fn nothing_leaves(rule: Rule) {
    let mut seed = seed();
    seed.users = (0..AT_ONCE).map(|number| user(&format!("person{number}"))).collect();
    seed.groups = (0..AT_ONCE)
        .map(|number| SeedGroup { members: vec![member("person0")], ..ours(&format!("team-{number}")) })
        .collect();
    let rule = Rule { on: Some("graph".to_owned()), times: Some(1), ..rule };
    let options = Options { faults: Faults { rules: vec![rule], ..Faults::default() }, ..Options::default() };
    let world = World::with(seed, options).await;
    let live = world.observe().await.unwrap();
    let people = world.people((0..AT_ONCE).map(|number| upn(&format!("person{number}")))).await;
    let team = |number: usize| live.marked[&key(&format!("team-{number}"))].id;
    let ended = std::cell::Cell::new(false);
    let load = async {
        let reads = join_all((0..AT_ONCE).map(|_| world.observe()));
        let (world, people) = (&world, &people);
        let writes = join_all((1..AT_ONCE).map(|number| async move {
            let (name, id) = &people[number];
            world.write(&[add_member(&format!("team-{number}"), team(number), name, *id)]).await
        }));
        let done = futures::join!(reads, writes);
        ended.set(true);
        done
    };
    // How many requests had left when the client learned that it has to wait. Everything runs on one thread, so that nothing
    // leaves between the answer and this look at it, unless the gate lets it.
    let learned = async {
        loop {
            let (reader, writer) = world.usage();
            if reader.throttled + writer.throttled > 0 {
                break usize::try_from(reader.requests + writer.requests).unwrap();
            }
            assert!(!ended.get(), "nothing was throttled");
            tokio::task::yield_now().await;
        }
    };
    let ((reads, writes), sent) = futures::join!(load, learned);
    assert!(reads.iter().all(Result::is_ok) && writes.iter().flatten().all(rolecall::state::Outcome::is_success));

    let log = world.graph_requests();
    let told = log.iter().filter_map(|line| Some((line.answered_us, line.told_until_us()?))).collect::<Vec<_>>();
    let [(answered, until)] = told[..] else { panic!("throttled once: {told:?}") };
    assert!(until - answered >= 300_000);
    assert!(arrivals_before(&world, until) <= sent, "{} of {sent} came too early", arrivals_before(&world, until));
    assert!(log.len() >= sent + AT_ONCE, "there was more to ask: {} after {sent}", log.len());
    world.end().await;
}

#[tokio::test]
async fn after_a_throttled_call_nothing_leaves_before_its_time() {
    for after in [12, 17, 25] {
        let throttled = Fault::Throttled { retry_after_ms: 312 };
        nothing_leaves(Rule { path: Some("$batch".to_owned()), after, ..Rule::of(throttled) }).await;
    }
}

#[tokio::test]
async fn after_a_throttled_item_nothing_leaves_before_its_time() {
    // One in a list of members, one among the writes.
    for (path, method, after) in [("/members", "GET", 40), ("/members/$ref", "POST", 3)] {
        let throttled = Fault::Throttled { retry_after_ms: 312 };
        let rule = Rule { path: Some(path.to_owned()), after, ..Rule::of(throttled) };
        nothing_leaves(Rule { methods: vec![method.to_owned()], ..rule }).await;
    }
}
