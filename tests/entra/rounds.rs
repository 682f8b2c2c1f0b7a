//! How many calls are made together, and how often one waits for another.

use std::time::Duration;

use rolecall::providers::Reader as _;

use crate::requests::Shape;
use crate::stage::Stage;

/// Calls that are in flight at once, at most.
const AT_ONCE: usize = 8;

/// Reads a world, where each round's calls are answered only when all of them have come: a call that waited for another of
/// its round would never be answered.
async fn in_rounds(shape: Shape, rounds: &[usize]) {
    assert_eq!(rounds.iter().sum::<usize>(), shape.calls().iter().sum::<usize>());
    let world = shape.world().await;
    let stage = Stage::before(&world, rounds).await;
    let reader = world.reader_at(stage.url.clone());
    let plan = async {
        let tenant = reader.observe(&world.query).await.unwrap();
        reader.ask(&shape.questions(&tenant)).await
    };
    // Only so that a mistake ends.
    let answers = tokio::time::timeout(Duration::from_secs(120), plan).await;
    let answers =
        answers.unwrap_or_else(|_| panic!("{} requests came, in other rounds than {rounds:?}", stage.requests()));
    assert!(answers.into_iter().all(|answer| answer.is_ok()));
    assert_eq!(stage.requests(), rounds.iter().sum::<usize>());
    world.end().await;
}

#[tokio::test]
async fn a_plan_of_what_is_there_takes_four_rounds() {
    let shape = Shape {
        listed: 20,
        pinned: 5,
        new: 3,
        users: 40,
        guests: 20,
        apps: 16,
        losing: 4,
        changing: 5,
        ..Shape::default()
    };
    // What is there; who is in it and what else is; who the others are; and what the difference depends on.
    in_rounds(shape, &[1, 3, 1, 1]).await;
}

#[tokio::test]
async fn a_first_plan_takes_three_rounds() {
    let shape = Shape { new: 40, users: 310, guests: 10, ..Shape::default() };
    in_rounds(shape, &[1, 3, 2]).await;
}

#[tokio::test]
async fn groups_off_the_index_take_one_round_more() {
    let shape = Shape { listed: 3, moved: 12, users: 1, ..Shape::default() };
    in_rounds(shape, &[1, 1, 2, 1]).await;
}

#[tokio::test]
async fn further_pages_take_a_round_each_however_many_lists_have_them() {
    let shape = Shape { listed: 10, large: 10, members: 1000, ..Shape::default() };
    in_rounds(shape, &[1, 1, 1]).await;
}

#[tokio::test]
async fn as_many_calls_are_in_flight_as_may_be() {
    let shape = Shape { listed: 200, losing: 100, ..Shape::default() };
    in_rounds(shape, &[1, AT_ONCE, AT_ONCE, 4, 5]).await;
}

#[tokio::test]
async fn many_calls_share_few_connections() {
    let shape = Shape { listed: 500, ..Shape::default() };
    let world = shape.world().await;
    let stage = Stage::before(&world, &[]).await;
    let reader = world.reader_at(stage.url.clone());
    let tenant = reader.observe(&world.query).await.unwrap();
    assert!(reader.ask(&shape.questions(&tenant)).await.into_iter().all(|answer| answer.is_ok()));
    assert_eq!(stage.requests(), shape.calls().iter().sum::<usize>());
    // One that comes back a moment too late finds another being made.
    assert!(stage.connections() <= 2 * AT_ONCE, "{} for {}", stage.connections(), stage.requests());
    world.end().await;
}
