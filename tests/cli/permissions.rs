//! The permissions that the README asks for are enough, and one that is missing is named.

use crate::common::{Ran, World, repository};

const PLAN: [&str; 3] = ["Group.Read.All", "User.Read.All", "Application.Read.All"];

/// The quickstart against a sandbox whose applier holds these permissions and no others.
fn holding(permissions: &[&str]) -> World {
    let world = World::with_example("quickstart");
    let seed = std::fs::read_to_string(repository().join("examples/sandbox.yaml")).unwrap();
    let applier = "app-id: 0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d\n";
    assert!(seed.contains(applier));
    let roles = format!("{applier}  roles: [{}]\n", permissions.join(", "));
    world.write("seed.yaml", seed.replace(applier, &roles));
    let _ = world.run(&["sandbox", "init", "sandbox", "--from", "seed.yaml"]).exits(0);
    world
}

fn words(ran: &Ran) -> String {
    ran.all().split_whitespace().collect::<Vec<_>>().join(" ")
}

#[test]
fn what_the_readme_names_for_plan_is_enough_and_stands_there() {
    let readme = std::fs::read_to_string(repository().join("README.md")).unwrap();
    for permission in PLAN {
        assert!(readme.contains(&format!("| `plan` | `{permission}` | always |")), "{permission}");
    }
    let ran = holding(&PLAN).plan(&["--detailed-exitcode"]).exits(2);
    assert!(ran.stdout.contains("0 withheld"), "{}", ran.stdout);
}

#[test]
fn what_the_readme_names_for_apply_is_enough() {
    let world = holding(&[PLAN.as_slice(), &["Group.ReadWrite.All"]].concat());
    let _ = world.apply(&["--yes"]).exits(0);
    let _ = world.plan(&["--detailed-exitcode"]).exits(0);
}

#[test]
fn a_permission_that_is_missing_is_named() {
    for missing in ["Group.Read.All", "User.Read.All"] {
        let held: Vec<&str> = PLAN.into_iter().filter(|permission| *permission != missing).collect();
        let ran = holding(&held).plan(&[]);
        assert!(words(&ran).contains(missing), "{missing} is not named:\n{}", ran.all());
        assert!(!ran.stdout.contains("+ member"), "nothing is concluded without it:\n{}", ran.all());
    }
    let ran = holding(&PLAN).apply(&["--yes"]);
    assert!([1, 4].contains(&ran.code), "{}", ran.all());
    assert!(words(&ran).contains("Group.ReadWrite.All"), "{}", ran.all());
}
