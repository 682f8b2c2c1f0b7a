//! What changes mean for people, as `plan` says it first: four prepared changes of one small company.

use std::fmt::Write as _;

use crate::common::{Ran, World};
use crate::golden::check;

const COMPANY: &str = "\
version: 1
name: contoso-platform
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f, pim: none }
appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]

environments:
  alpha: { type: k3s }
  prod: { type: k3s }

groups:
  k8s_dev_users:
    members:
      - hayden@contoso.com
      - { group: contractors }
  contractors:
    members: [{ guest: ana@partner.example }, { guest: tom@partner.example }]
  payments-dev:
    members:
      - carol@contoso.com
      - sam@contoso.com
  platform:
    members: [carol@contoso.com]

roles:
  read-only: { cluster-role: view }
  edit: { cluster-role: edit }
  restarter:
    rules:
      - { apiGroups: [apps], resources: [deployments], verbs: [get, list, patch] }

grants:
  - { groups: [k8s_dev_users], roles: [read-only], environments: [alpha], namespaces: [trinity] }
  - { groups: [payments-dev], roles: [edit], environments: [alpha, prod], namespaces: [payments] }
  - { groups: [k8s_dev_users], roles: [restarter], environments: [prod], namespaces: [trinity] }
  - { groups: [platform], roles: [edit], environments: [alpha], namespaces: [payments] }
";

/// The company as it is applied.
fn company() -> World {
    let world = World::with_files(&[("rolecall.yaml", COMPANY)]);
    let _ = world.apply(&["--yes"]).exits(0);
    world
}

/// What a plan says after one text of the company's file was replaced.
fn after(world: &World, from: &str, to: &str) -> Ran {
    world.replace("access/rolecall.yaml", from, to);
    world.plan(&[]).exits(0)
}

#[test]
fn a_new_member() {
    check(
        "access-new-member",
        &after(&company(), "hayden@contoso.com\n", "hayden@contoso.com\n      - sam@contoso.com\n"),
    );
}

#[test]
fn a_member_who_leaves_and_keeps_what_another_group_gives() {
    let world = company();
    world.replace("access/rolecall.yaml", "      - carol@contoso.com\n", "");
    check("access-kept-elsewhere", &world.plan(&[]).exits(0));
}

#[test]
fn a_role_that_is_narrowed() {
    check("access-role-narrowed", &after(&company(), "verbs: [get, list, patch]", "verbs: [get, list]"));
}

#[test]
fn a_nested_group_that_moves() {
    let world = company();
    world.replace("access/rolecall.yaml", "      - { group: contractors }\n", "");
    check(
        "access-group-moved",
        &after(&world, "      - sam@contoso.com\n", "      - sam@contoso.com\n      - { group: contractors }\n"),
    );
}

const APP: &str = "1a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d";

/// The company with two more of whom the tenant knows.
fn with_mallory() -> String {
    let known = format!("groups:\n  known:\n    members: [mallory@contoso.com, {{ service-principal: {APP} }}]\n");
    COMPANY.replace("groups:\n", &known)
}

/// What a plan says first of somebody.
fn difference(ran: &Ran, who: &str) -> String {
    let said = ran.stdout.split("\nEntra\n").next().unwrap();
    said.lines().skip_while(|line| !line.contains(who)).take(2).collect::<Vec<_>>().join("\n")
}

#[test]
fn who_is_put_in_too_many_groups_is_said_to_have_nothing_by_them_for_now() {
    let world = World::with_files(&[("rolecall.yaml", &with_mallory())]);
    let _ = world.apply(&["--yes"]).exits(0);
    let mut crowd = String::from("groups:\n");
    for number in 0..199 {
        writeln!(crowd, "  crowd{number}: {{ members: [mallory@contoso.com] }}").unwrap();
    }
    world.replace("access/rolecall.yaml", "groups:\n", &crowd);
    let ran = after(&world, "  platform:\n    members: [", "  platform:\n    members: [mallory@contoso.com, ");
    let said = difference(&ran, "mallory@contoso.com");
    assert!(said.starts_with("= ") && said.contains("(edit)"), "{}", ran.stdout);
    assert!(said.contains("platform (new member); worth nothing while in 201 groups"), "{}", ran.stdout);
}

#[test]
fn owners_of_what_comes_to_be_bound_are_told_persons_and_apps() {
    let owned = with_mallory().replace("  contractors:\n", "  contractors:\n    owners: [mallory@contoso.com]\n");
    let apart = owned.replace("      - { group: contractors }\n", "");
    let world = World::with_files(&[("rolecall.yaml", &apart)]);
    let _ = world.apply(&["--yes"]).exits(0);
    let of_app = format!("  payments-dev:\n    owners: [{{ service-principal: {APP} }}]\n");
    world.write("access/rolecall.yaml", owned.replace("  payments-dev:\n", &of_app));
    let ran = world.plan(&[]);
    let said = difference(&ran, "mallory@contoso.com");
    assert!(said.starts_with("+ ") && said.contains("(owner)"), "owns contractors: {}", ran.all());
    let said = difference(&ran, APP);
    assert!(said.starts_with("+ ") && said.contains("(owner)"), "comes to own payments-dev: {}", ran.all());
    assert!(ran.stdout.contains("payments-dev: can put anybody in it"), "{}", ran.all());
    assert_eq!(difference(&ran, "0a1b2c3d"), "", "whoever applies is left out");
}

/// A tenant with groups that are nobody's in the files, and a cluster where they are bound by hand.
const OTHERS: &str = "\
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f, domain: contoso.com }
applier: { app-id: 0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d }
users:
  - { user-principal-name: carol@contoso.com }
  - { user-principal-name: hayden@contoso.com }
  - { user-principal-name: sam@contoso.com, enabled: false }
  - { mail: ana@partner.example, guest: true }
  - { mail: tom@partner.example, guest: true }
groups:
  - { display-name: whole-payments, id: 11111111-1111-4111-8111-000000000001, members: [{ group: inner }] }
  - { display-name: inner, members: [carol@contoso.com] }
";

/// The same company where `count` groups of others, of which carol is in the first through another, may edit in `payments`.
fn among_others(count: usize) -> World {
    let world = World::with_files(&[("rolecall.yaml", COMPANY)]);
    let mut seed = OTHERS.to_owned();
    for number in 2..=count {
        let id = format!("11111111-1111-4111-8111-{number:012}");
        writeln!(seed, "  - {{ display-name: other {number}, id: {id} }}").unwrap();
    }
    seed += "clusters:\n  prod: { namespaces: { trinity: {}, payments: {} } }\n  alpha:\n    namespaces: { trinity: {}, payments: {} }\n    bindings:\n";
    for number in 1..=count {
        let group = if number == 1 { "whole-payments".to_owned() } else { format!("other {number}") };
        writeln!(
            seed,
            "      - {{ name: hand-made-{number}, namespace: payments, cluster-role: edit, subjects: [{{ group: {group} }}] }}"
        )
        .unwrap();
    }
    world.write("seed.yaml", seed);
    let _ = world.run(&["sandbox", "init", "sandbox", "--from", "seed.yaml"]).exits(0);
    world.replace(
        "access/rolecall.yaml",
        "  platform:\n    members: [carol@contoso.com]\n",
        "  platform:\n    members: []\n",
    );
    let _ = world.apply(&["--yes"]).exits(0);
    world
}

/// How many calls read who is in groups of others, and how many groups.
fn readings(world: &World, since: usize) -> (usize, usize) {
    let log = rolecall::sandbox::RequestLog::read(&world.path("sandbox")).unwrap().since(since);
    let counts =
        log.lines().iter().map(|line| line.items.iter().filter(|item| item.url.contains("/transitiveMembers")).count());
    let counts: Vec<usize> = counts.filter(|count| *count > 0).collect();
    (counts.len(), counts.iter().sum())
}

#[test]
fn whoever_keeps_it_through_a_group_of_others_is_said_to() {
    let world = among_others(1);
    world.replace(
        "access/rolecall.yaml",
        "      - carol@contoso.com\n      - sam@contoso.com\n",
        "      - hayden@contoso.com\n",
    );
    check("access-others", &world.plan(&[]).exits(0));
}

#[test]
fn groups_of_others_are_read_twenty_a_call_and_only_where_a_change_reaches() {
    let world = among_others(23);
    let seen = || rolecall::sandbox::RequestLog::read(&world.path("sandbox")).unwrap().lines().len();
    let before = seen();
    let _ = world.plan(&[]).exits(0);
    assert_eq!(readings(&world, before), (0, 0), "nothing changes");
    let before = seen();
    world.replace("access/rolecall.yaml", "verbs: [get, list, patch]", "verbs: [get, list]");
    let ran = world.plan(&[]).exits(0);
    assert_eq!(readings(&world, before), (0, 0), "nothing of theirs is on that cluster: {}", ran.stdout);
    let before = seen();
    world.replace("access/rolecall.yaml", "      - carol@contoso.com\n", "");
    let ran = world.plan(&[]).exits(0);
    assert_eq!(readings(&world, before), (2, 23), "{}", ran.stdout);
    assert!(ran.stdout.contains("; 2 calls for groups that are not ours), "), "{}", ran.stdout);
    let json: serde_json::Value = serde_json::from_str(&world.plan(&["--output", "json"]).exits(0).stdout).unwrap();
    assert_eq!(json["usage"]["graph_calls_for_others"], 2);
    let of = |effect: &str| {
        let rows = json["access"]["rows"].as_array().unwrap().iter();
        let rows = rows.filter(|row| row["effect"] == effect).flat_map(|row| row["who"].as_array().unwrap());
        rows.map(|who| who["name"].as_str().unwrap().to_owned()).collect::<std::collections::BTreeSet<_>>()
    };
    assert!(of("same").contains("carol@contoso.com") && of("loses").contains("hayden@contoso.com"), "{json:#}");
}

/// What people read first is what the program prints.
#[test]
fn the_readme_shows_the_four_changes() {
    let readme = std::fs::read_to_string(crate::common::repository().join("README.md")).unwrap();
    for name in ["new-member", "kept-elsewhere", "role-narrowed", "group-moved"] {
        let file = format!("tests/cli/snapshots/access-{name}.snap");
        let screen = std::fs::read_to_string(crate::common::repository().join(file)).unwrap();
        let start = screen.find("Access: ").unwrap();
        let part = screen[start..].split("\n\n").next().unwrap();
        assert!(readme.contains(&format!("\n{part}\n")), "the README shows something else than {name}:\n{part}");
    }
}
