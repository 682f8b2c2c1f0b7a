//! Expectations on what is live: what nobody knows, what a plan takes away, and what was so before it.

use crate::common::World;

const HEAD: &str = "version: 1
name: adv
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f, pim: none }
appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]
";

/// Hayden is to be alone in a group in which eve is as well; mallory was bound by hand on beta.
const MADE_BY_HAND: &str = "tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f, domain: contoso.com }
applier: { app-id: 0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d }
users: [{ user-principal-name: hayden@contoso.com }, { user-principal-name: mallory@contoso.com }, { user-principal-name: eve@contoso.com }]
groups:
  - { display-name: dev, unique-name: rolecall.adv.dev, owners: [{ service-principal: 0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d }], members: [hayden@contoso.com, eve@contoso.com] }
clusters:
  alpha: { namespaces: { trinity: {} } }
";

const BETA: &str = "  beta:
    namespaces: { trinity: {} }
    bindings: [{ name: mine, namespace: trinity, cluster-role: edit, subjects: [mallory@contoso.com] }]
";

const DEV: &str = "environments:
  alpha: { type: k3s }
  beta: { type: k3s }
groups:
  dev: { members: [hayden@contoso.com] }
expectations:
  - { user: mallory@contoso.com, environments: [beta], cannot: [delete pods in trinity] }
";

fn world(files: &str, seed: &str) -> World {
    let world = World::with_files(&[("rolecall.yaml", &format!("{HEAD}{files}"))]);
    if !seed.is_empty() {
        world.write("seed.yaml", seed);
        let _ = world.run(&["sandbox", "init", "sandbox", "--from", "seed.yaml"]).exits(0);
    }
    world
}

/// A grant is moved to a group that waits for something: whoever has it now would be locked out.
#[test]
fn what_a_plan_takes_away_is_missing_whatever_it_withholds() {
    let world = world(
        "environments:
  alpha: { type: k3s }
groups:
  oncall: { members: [hayden@contoso.com] }
  oncall2: { members: [hayden@contoso.com] }
roles:
  full: { cluster-role: edit }
grants:
  - { groups: [oncall], roles: [full], environments: [alpha], namespaces: [trinity] }
expectations:
  - { user: hayden@contoso.com, environments: [alpha], can: [delete pods in trinity] }
",
        "",
    );
    let _ = world.apply(&["--yes"]).exits(0);
    world.replace("access/rolecall.yaml", "groups: [oncall]", "groups: [oncall2]");
    world.replace(
        "access/rolecall.yaml",
        "oncall2: { members",
        "oncall2: { adopt: 11111111-1111-4111-8111-000000000009, members",
    );
    let before = world.writes().len();
    let ran = world.apply(&["--yes"]);
    assert_eq!(world.writes().len(), before, "hayden is locked out: {}", ran.all());
    let _ = ran.exits(6);
}

/// Who is in a group of others that is bound is read, as it is for `who-can`, and counted.
#[test]
fn who_is_in_groups_of_others_is_read() {
    let seed = r#"tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f, domain: contoso.com }
applier: { app-id: 0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d }
users: [{ user-principal-name: mallory@contoso.com }]
groups:
  - { display-name: legacy, id: "11111111-1111-4111-8111-000000000001", members: [mallory@contoso.com] }
clusters:
  alpha:
    namespaces: { trinity: {} }
    bindings:
      - { name: legacy, namespace: trinity, cluster-role: admin, subjects: [{ group: "11111111-1111-4111-8111-000000000001" }] }
"#;
    let world = world(
        "environments:
  alpha: { type: k3s }
expectations:
  - { user: mallory@contoso.com, environments: [alpha], cannot: [delete pods in trinity] }
",
        seed,
    );
    let ran = world.plan(&[]).exits(6);
    assert!(
        ran.stdout.contains("mallory@contoso.com can delete pods in trinity on alpha, and should not"),
        "{}",
        ran.all()
    );
    assert!(ran.stdout.contains("through group 11111111-1111-4111-8111-000000000001"), "{}", ran.all());
    assert!(ran.stdout.contains("1 call for groups that are not ours"), "{}", ran.all());
}

/// What somebody made by hand on one cluster keeps nobody from taking somebody out of a group, and is said all the same.
#[test]
fn what_was_broken_before_does_not_stop_a_removal() {
    let world = world(DEV, &format!("{MADE_BY_HAND}{BETA}"));
    let ran = world.plan(&[]).exits(6);
    assert!(ran.stdout.contains("`apply` goes on all the same"), "{}", ran.all());
    assert!(!ran.stdout.contains("`apply` would refuse"), "{}", ran.all());
    let ran = world.plan(&["--output", "json"]).exits(6);
    let plan: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let judged = &plan["expectations"][0];
    assert_eq!((&judged["verdict"], &judged["stops"]), (&"broken".into(), &false.into()));
    assert_eq!(plan["would_apply"], "changes", "a job goes on by this, and not by the exit code");
    let before = world.writes().len();
    let ran = world.apply(&["--yes"]).exits(6);
    assert!(world.writes().len() > before, "eve is still in dev: {}", ran.all());
    assert!(ran.stderr.contains("1 expectation fails still:"), "{}", ran.all());
    assert!(
        ran.stderr.contains("mallory@contoso.com can delete pods in trinity on beta, and should not"),
        "{}",
        ran.all()
    );
}

/// The same binding by hand, and the files give it as well: that is the files' own doing.
#[test]
fn what_the_files_give_stops_a_plan_however_it_was_before() {
    let files = DEV.replace(
        "expectations:",
        "  fault: { members: [mallory@contoso.com] }
roles:
  full: { cluster-role: edit }
grants:
  - { groups: [fault], roles: [full], environments: [beta], namespaces: [trinity] }
expectations:",
    );
    let world = world(&files, &format!("{MADE_BY_HAND}{BETA}"));
    let ran = world.plan(&["--output", "json"]).exits(6);
    let plan: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(plan["would_apply"], "refused");
    let before = world.writes().len();
    let ran = world.apply(&["--yes"]).exits(6);
    assert_eq!(world.writes().len(), before, "{}", ran.all());
    assert!(ran.stderr.contains("Nothing was written: 1 expectation failed."), "{}", ran.all());
}

/// Who is delegated may not stop others by what they expect of anybody; it is said all the same.
#[test]
fn what_a_delegated_file_expects_stops_nobody() {
    let root = "delegate:
  - { files: [teams/**], groups: [team-*] }
environments:
  alpha: { type: k3s }
groups:
  dev: { members: [hayden@contoso.com] }
roles:
  full: { cluster-role: edit }
grants:
  - { groups: [dev], roles: [full], environments: [alpha], namespaces: [trinity] }
";
    let expected = "expectations:
  - { user: hayden@contoso.com, environments: [alpha], cannot: [delete pods in trinity] }
";
    let world = World::with_files(&[("rolecall.yaml", &format!("{HEAD}{root}")), ("teams/one.yaml", expected)]);
    let ran = world.plan(&[]).exits(6);
    assert!(ran.stdout.contains("`apply` goes on all the same"), "{}", ran.all());
    let ran = world.apply(&["--yes"]).exits(6);
    assert!(!world.writes().is_empty(), "{}", ran.all());
    world.write("access/rolecall.yaml", format!("{HEAD}{root}{expected}"));
    world.replace("access/rolecall.yaml", "namespaces: [trinity]", "namespaces: [trinity, default]");
    let before = world.writes().len();
    let ran = world.apply(&["--yes"]).exits(6);
    assert_eq!(world.writes().len(), before, "the root file may: {}", ran.all());
}

/// A name that is misspelt protects nobody; who means it to says `--strict`.
#[test]
fn what_is_expected_of_nobody_is_an_error_when_strict() {
    let files = DEV.replace("user: mallory@contoso.com", "user: malory@contoso.com");
    let world = world(&files, &format!("{MADE_BY_HAND}{BETA}"));
    let ran = world.plan(&[]).exits(0);
    assert!(ran.stdout.contains("nothing can be told of malory@contoso.com"), "{}", ran.all());
    let _ = world.plan(&["--strict"]).exits(1);
    let before = world.writes().len();
    let ran = world.apply(&["--strict", "--yes"]).exits(1);
    assert_eq!(world.writes().len(), before, "{}", ran.all());
}

/// A part of a plan judges as the whole does.
#[test]
fn a_part_of_a_plan_knows_whom_an_expectation_is_about() {
    let world = world(DEV, &format!("{MADE_BY_HAND}{BETA}"));
    let said = "mallory@contoso.com can delete pods in trinity on beta, and should not";
    let ran = world.plan(&["--only", "entra"]);
    assert!(ran.stdout.contains(said), "{}", ran.all());
    let ran = world.apply(&["--only", "group/dev", "--yes"]);
    assert!(ran.all().contains(said), "{}", ran.all());
}

/// Of a cluster that was not read nobody knows who cannot.
#[test]
fn nobody_is_said_not_to_be_able_to_where_nothing_was_read() {
    let world = world(DEV, MADE_BY_HAND);
    let ran = world.plan(&["--allow-unreachable", "beta", "--output", "json"]).exits(0);
    let plan: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(plan["expectations"][0]["verdict"], "unknown", "{}", ran.all());
    assert_eq!(plan["expectations"][0]["why"][0]["message"], "what is bound on beta was not read", "{}", ran.all());
}
