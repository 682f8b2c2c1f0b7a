//! Invented tenants and the access files that match them.

use crate::common::World;

#[test]
fn the_files_of_an_invented_tenant_ask_for_what_is_in_it() {
    let world = World::new();
    let init = ["sandbox", "init", "sandbox", "--groups", "60", "--members", "12", "--seed", "7", "--files", "access"];
    let ran = world.run(&init).exits(0);
    insta::assert_snapshot!(ran.stdout, @"
    Made a sandbox in sandbox. Use it with --sandbox sandbox.
    Wrote 7 access files into access. Try: rolecall plan access --sandbox sandbox
    ");
    let _ = world.run(&["validate", "access"]).exits(0);
    let ran = world.run(&["plan", "access", "--sandbox", "sandbox", "--detailed-exitcode"]).exits(0);
    assert!(ran.stdout.contains("No changes."), "{}", ran.stdout);
    // What its people did by hand is not ours, and left alone.
    assert!(world.writes().is_empty());
}

#[test]
fn what_is_not_applied_yet_is_created_and_then_there_are_no_changes() {
    let world = World::new();
    let init = ["sandbox", "init", "sandbox", "--groups", "30", "--members", "5", "--files", "access", "--not-applied"];
    let _ = world.run(&init).exits(0);
    let ran = world.plan(&[]).exits(0);
    let created = ran.stdout.lines().filter(|line| line.trim_start().starts_with("+ group ")).count();
    assert_eq!(created, 24, "{}", ran.stdout);
    let _ = world.apply(&["--yes"]).exits(0);
    let ran = world.plan(&["--detailed-exitcode"]).exits(0);
    assert!(ran.stdout.contains("No changes."), "{}", ran.stdout);
}

#[test]
fn the_same_numbers_make_the_same_tenant_and_another_seed_another() {
    let files = |seed: &str| {
        let world = World::new();
        let init =
            ["sandbox", "init", "sandbox", "--groups", "20", "--members", "5", "--seed", seed, "--files", "access"];
        let _ = world.run(&init).exits(0);
        (world.read("access/teams/payments.yaml"), world.read("access/rolecall.yaml"))
    };
    assert_eq!(files("3"), files("3"));
    assert_ne!(files("3"), files("4"));
}

#[test]
fn what_init_cannot_do_is_said() {
    let world = World::new();
    world.write("full/thesis.txt", "");
    let ran = world.run(&["sandbox", "init", "sandbox", "--groups", "2", "--files", "full"]).exits(1);
    assert!(ran.stderr.contains("full: the folder is not empty"), "{}", ran.stderr);
    assert!(!world.path("sandbox").exists());
    let _ = world.run(&["sandbox", "init", "sandbox"]).exits(64);
    let _ = world.run(&["sandbox", "init", "sandbox", "--groups", "0"]).exits(64);
    world.write("faults.yaml", "rules:\n  - { fault: { unavailable: { status: 404 } } }\n");
    let _ = world.run(&["sandbox", "init", "sandbox", "--groups", "2", "--members", "1"]).exits(0);
    let ran = world.run(&["sandbox", "serve", "sandbox", "--faults", "faults.yaml"]).exits(1);
    assert!(ran.stderr.contains("faults.yaml: rule 1: status is 404"), "{}", ran.stderr);
    world.write("faults.yaml", "rules:\n  - { fault: throttled }\n");
    let ran = world.run(&["sandbox", "serve", "sandbox", "--faults", "faults.yaml"]).exits(1);
    assert!(ran.stderr.contains("{ fault: { throttled: { retry-after-ms: 1500 } } }"), "{}", ran.stderr);
}
