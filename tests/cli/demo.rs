//! `rolecall demo`: the newcomer's door.

use crate::common::World;

#[test]
fn the_demo_shows_the_whole_job_and_ends_with_an_empty_plan() {
    let world = World::new();
    let ran = world.run(&["demo"]).exits(0);
    for expected in [
        "$ rolecall validate",
        "$ rolecall plan",
        "+ member hayden@contoso.com",
        "$ rolecall apply",
        "may list pods in trinity  yes",
        "may list pods in default  no",
    ] {
        assert!(ran.stdout.contains(expected), "{expected} is missing:\n{}", ran.all());
    }
    let last_plan = ran.stdout.rsplit("$ rolecall plan").next().unwrap();
    assert!(last_plan.contains("No changes."), "{last_plan}");
    assert_eq!(std::fs::read_dir(world.path("")).unwrap().count(), 0, "nothing is left in the working folder");
}

#[test]
fn what_the_demo_keeps_can_be_used_on() {
    let world = World::new();
    let _ = world.run(&["demo", "--keep", "try"]).exits(0);
    let ran = world.run(&["plan", "try/quickstart", "--sandbox", "try/sandbox"]).exits(0);
    assert!(ran.stdout.contains("No changes."), "{}", ran.all());
    let _ = world.run(&["demo", "--keep", "try"]).exits(0);
}
