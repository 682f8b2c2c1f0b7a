//! `verify`: what is expected, held against what is live, and asked of the API servers.

use crate::common::{Ran, World};
use crate::golden::check;

fn verify(world: &World, more: &[&str]) -> Ran {
    world.run(&[&["verify", "access", "--sandbox", "sandbox"], more].concat())
}

/// The quickstart, applied.
fn applied() -> World {
    let world = World::with_example("quickstart");
    let _ = world.apply(&["--yes"]).exits(0);
    world
}

/// A text of the file is another one while it is applied: what somebody else did to the live systems.
fn behind_our_back(world: &World, from: &str, to: &str) {
    let file = "access/rolecall.yaml";
    let text = world.read(file);
    let (kept, expectations) = text.split_once("\nexpectations:").unwrap();
    assert!(kept.contains(from) && expectations.contains("can:"));
    world.write(file, kept.replace(from, to));
    let plan = world.plan(&[]).exits(0);
    let agreed = plan.stdout.lines().filter_map(|line| line.trim().strip_prefix("if meant: "));
    let agreed: Vec<&str> = agreed.flat_map(|flags| flags.split(' ')).collect();
    let _ = world.apply(&[&["--yes"], agreed.as_slice()].concat()).exits(0);
    world.write(file, text);
}

#[test]
fn what_is_expected_is_live() {
    let world = applied();
    check("verify-holds", &verify(&world, &[]).exits(0));
    let before = world.writes();
    let ran = verify(&world, &["--output", "json"]).exits(0);
    assert_eq!(world.writes(), before, "it sends only what plan may send");
    let said: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((&said["format"], &said["whole"]), (&"rolecall-verification/1".into(), &true.into()));
    let holds = said["expectations"].as_array().unwrap().iter().filter(|each| each["verdict"] == "holds").count();
    assert_eq!((holds, &said["reviews"][0]["count"]), (3, &3.into()));
    assert_eq!(said["differences"], serde_json::json!([]));
}

#[test]
fn a_binding_that_is_gone_is_told_at_file_and_line() {
    let world = applied();
    behind_our_back(&world, "\ngrants:\n  - {", "\ngrants: []\n#   {");
    check("verify-binding-gone", &verify(&world, &[]).exits(6));
}

#[test]
fn a_member_who_is_gone_is_told_at_file_and_line() {
    let world = applied();
    behind_our_back(&world, "      - hayden@contoso.com\n", "      - erin@contoso.com\n");
    check("verify-member-gone", &verify(&world, &[]).exits(6));
}

#[test]
fn what_nobody_asked_for_breaks_what_must_not_be() {
    let world = applied();
    behind_our_back(&world, "namespaces: [trinity]", "namespaces: [trinity, default]");
    check("verify-too-much", &verify(&world, &[]).exits(6));
}

const ONLY: &str = "
  - { user: zoe@contoso.com, environments: [alpha], only: [] }
  - { user: hayden@contoso.com, environments: [alpha], only: [\"get * in trinity\", \"list * in trinity\", \"watch * in trinity\"] }
  - { group: k8s_dev_users, environments: [alpha], can: [get pods/log in trinity, get /healthz], only: [\"* pods in trinity\", get pods/log in trinity] }
";

#[test]
fn only_is_asked_about_all_that_is_served() {
    let world = World::with_example("quickstart");
    let text = world.read("access/rolecall.yaml");
    let _ = world.apply(&["--yes"]).exits(0);
    world.write("access/rolecall.yaml", text.trim_end().to_owned() + ONLY);
    // The sandbox was filled before Zoe was named.
    let _ = verify(&world, &[]).exits(1);
    let world = World::with_example("quickstart");
    world.write("access/rolecall.yaml", text.trim_end().to_owned() + ONLY);
    let without = text.split_once("\nexpectations:").unwrap().0;
    let _ = world.plan(&[]).exits(6);
    world.write("access/rolecall.yaml", without);
    let _ = world.apply(&["--yes"]).exits(0);
    world.write("access/rolecall.yaml", text.trim_end().to_owned() + ONLY);
    let ran = verify(&world, &[]).exits(6);
    let counted: usize = reviews(&ran);
    assert!(counted > 500, "{counted}");
    check("verify-only", &hiding_reviews(ran));
    let ran = verify(&world, &["--output", "json"]).exits(6);
    let said: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(said["asked_in"].as_array().unwrap().len(), 3);
    assert_eq!(
        (&said["asked_in"][1]["named"], &said["asked_in"][1]["other"]),
        (&serde_json::json!(["trinity"]), &"default".into())
    );
}

fn reviews(ran: &Ran) -> usize {
    let (before, _) = ran.stdout.split_once(" access reviews").unwrap();
    before.rsplit(' ').next().unwrap().parse().unwrap()
}

/// What a cluster serves changes with what the sandbox models.
fn hiding_reviews(mut ran: Ran) -> Ran {
    let count = reviews(&ran);
    ran.stdout = ran.stdout.replace(&format!("{count} access reviews"), "[MANY] access reviews");
    let (start, rest) = ran.stdout.split_once("units), ").unwrap();
    let (_, end) = rest.split_once(" cluster calls").unwrap();
    ran.stdout = format!("{start}units), [MANY] cluster calls{end}");
    ran
}

#[test]
fn nothing_expected_is_nothing_to_look_at() {
    let world = World::with_quickstart_grants();
    let ran = verify(&world, &[]).exits(0);
    assert_eq!(ran.stdout, "The access files expect nothing there: nothing was looked at.\n");
    let ran = verify(&world, &["-e", "beta"]).exits(64);
    assert!(ran.stderr.contains("no environment is called `beta`"), "{}", ran.stderr);
}
