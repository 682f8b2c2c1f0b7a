//! Every example is planned, applied and found in order afterwards.

use crate::common::{World, repository};

#[test]
fn the_quickstart_is_applied_and_then_in_order() {
    let world = World::with_example("quickstart");
    let plan = world.plan(&["--detailed-exitcode"]).exits(2);
    assert!(plan.stdout.contains("+ member hayden@contoso.com"), "{}", plan.stdout);
    assert_eq!(world.writes(), Vec::<String>::new(), "a plan writes nothing");
    let apply = world.apply(&["--yes"]).exits(0);
    assert!(apply.stderr.contains("done"), "{}", apply.stderr);
    assert!(!world.writes().is_empty());
    let again = world.plan(&["--detailed-exitcode"]).exits(0);
    assert!(again.stdout.contains("No changes."), "{}", again.stdout);
}

#[test]
fn the_company_is_planned_without_a_write() {
    let world = World::with_example("company");
    let _ = world.plan(&["--detailed-exitcode"]).exits(2);
    let _ = world.plan(&["--output", "json"]).exits(0);
    assert_eq!(world.writes(), Vec::<String>::new());
}

#[test]
fn the_company_is_applied_by_a_saved_plan_because_prod_is_protected() {
    let world = World::with_example("company");
    let direct = world.apply(&["--yes"]);
    assert!([3, 4].contains(&direct.code), "{}\n{}", direct.code, direct.all());
    assert!(direct.all().contains("saved plan"), "{}", direct.all());
    let saved = world.plan(&["--save", "tonight.plan"]);
    let acknowledge = acknowledgements(&saved.stdout);
    let acknowledge: Vec<&str> = acknowledge.iter().flat_map(|text| ["--acknowledge", text]).collect();
    let _ = world.plan(&[&["--save", "tonight.plan"], acknowledge.as_slice()].concat()).exits(0);
    let apply = world
        .run(&[&["apply", "tonight.plan", "access", "--sandbox", "sandbox"], acknowledge.as_slice()].concat())
        .exits(0);
    assert!(apply.stderr.contains("done"), "{}", apply.stderr);
    let again = world.plan(&["--detailed-exitcode"]).exits(0);
    assert!(again.stdout.contains("No changes."), "{}", again.stdout);
}

#[test]
fn the_sandbox_example_makes_a_sandbox_for_the_quickstart() {
    let world = World::with_example("quickstart");
    let seed = repository().join("examples/sandbox.yaml");
    let init = ["sandbox", "init", "sandbox", "--from", seed.to_str().unwrap()];
    let _ = world.run(&init).exits(0);
    let _ = world.run(&init).exits(1);
    let plan = world.plan(&["--detailed-exitcode"]).exits(2);
    assert!(plan.stdout.contains("0 withheld"), "{}", plan.stdout);
}

/// What a plan prints as `if meant: --acknowledge …`.
fn acknowledgements(plan: &str) -> Vec<String> {
    plan.lines().filter_map(|line| Some(line.split_once("--acknowledge ")?.1.trim().to_owned())).collect()
}
