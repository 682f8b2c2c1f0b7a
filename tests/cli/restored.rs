//! A group of ours that was deleted is restored before anything else is done about it.

use crate::common::World;

const ACKNOWLEDGED: [&str; 2] = ["--acknowledge", "group-restored:k8s_dev_users"];

/// The quickstart, applied; then its group was taken out of the files and deleted, and is asked for again.
pub(crate) fn deleted() -> World {
    let world = World::with_quickstart_grants();
    let _ = world.apply(&["--yes"]).exits(0);
    let whole = world.read("access/rolecall.yaml");
    let (start, end) = (whole.find("groups:").unwrap(), whole.find("roles:").unwrap());
    let without = format!("{}{}", &whole[..start], &whole[end..whole.find("grants:").unwrap()]);
    world.write("access/rolecall.yaml", without);
    let guards = ["group-deleted:k8s_dev_users", "empty-config:quickstart", "removals:run=1"];
    let acknowledged: Vec<&str> = guards.iter().flat_map(|guard| ["--acknowledge", *guard]).collect();
    let _ = world.apply(&[&["--yes"], acknowledged.as_slice()].concat()).exits(0);
    world.write("access/rolecall.yaml", whole);
    world
}

#[test]
fn it_keeps_its_id_and_its_members_are_shown_before_anything_rests_on_them() {
    let world = deleted();
    let json = world.plan(&["--output", "json"]).exits(0);
    let plan: serde_json::Value = serde_json::from_str(&json.stdout).unwrap();
    let changes = plan["changes"].as_array().unwrap();
    assert_eq!(changes.len(), 1, "{}", json.stdout);
    assert_eq!(
        (&changes[0]["action"], &changes[0]["address"]),
        (&"restore".into(), &"entra/group/k8s_dev_users".into())
    );
    let id = changes[0]["after"]["id"].as_str().unwrap().to_owned();

    let writes = world.writes().len();
    let _ = world.apply(&["--yes"]).exits(3);
    assert_eq!(world.writes().len(), writes, "the guard refuses");

    // What rests on it waits for the next plan.
    let _ = world.apply(&[&["--yes"], ACKNOWLEDGED.as_slice()].concat()).exits(4);
    let restored = format!("POST /directory/deletedItems/{id}/restore");
    assert!(world.writes().iter().any(|write| write.ends_with(&restored)), "{:?}", world.writes());

    let second = world.apply(&["--yes"]).exits(0);
    assert!(second.stdout.contains("+ rolebinding trinity/k8s_dev_users-read-only-85ef6981c7"), "{}", second.stdout);
    assert!(second.stdout.contains(&id[..4]), "the binding names the same id: {}", second.stdout);
    let _ = world.plan(&["--detailed-exitcode"]).exits(0);
}

#[test]
fn a_saved_plan_restores_and_the_next_one_does_the_rest() {
    let world = deleted();
    let _ = world.plan(&["--save", "tonight.plan"]).exits(0);
    let apply = ["apply", "tonight.plan", "access", "--sandbox", "sandbox"];
    let _ = world.run(&[apply.as_slice(), ACKNOWLEDGED.as_slice()].concat()).exits(4);
    let again = world.run(&[apply.as_slice(), ACKNOWLEDGED.as_slice()].concat()).exits(5);
    assert!(again.stderr.contains("    approved  nothing"), "{}", again.stderr);
}
