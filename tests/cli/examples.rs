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
fn the_ten_teams_are_without_a_finding_and_planned() {
    let world = World::with_example("teams");
    let valid = world.run(&["validate", "access"]).exits(0);
    assert_eq!(valid.stderr, "");
    let plan = world.plan(&["--detailed-exitcode"]).exits(2);
    assert!(plan.stdout.contains("0 withheld") && plan.stderr.is_empty(), "{}", plan.all());
    assert_eq!(world.writes(), Vec::<String>::new());
}

#[test]
fn a_team_that_is_let_in_before_its_first_file_is_a_warning() {
    let world = World::with_example("teams");
    std::fs::remove_file(world.path("access/teams/support.yaml")).unwrap();
    let valid = world.run(&["validate", "access"]).exits(0);
    assert!(valid.stderr.contains("warning[unmatched-delegation]: rolecall.yaml:23:"), "{}", valid.stderr);
    assert!(valid.stderr.ends_with("1 warning in 1 file.\n"), "{}", valid.stderr);
    let _ = world.plan(&["--detailed-exitcode"]).exits(2);
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
    plan.lines().filter_map(|line| Some(line.split_once("if meant: --acknowledge ")?.1.trim().to_owned())).collect()
}
