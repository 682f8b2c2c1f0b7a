//! A group under another key is the same group: its object, its id and its bindings stay as they are.

use crate::common::World;

const OLD: &str = "k8s_dev_users";
const NEW: &str = "trinity_developers";

/// The quickstart, applied, with its group called something else since then.
fn renamed(previously: &str) -> World {
    let world = World::with_quickstart_grants();
    let _ = world.apply(&["--yes"]).exits(0);
    let block = format!("  {NEW}:\n{previously}");
    world.replace("access/rolecall.yaml", &format!("  {OLD}:\n"), &block);
    world.replace("access/rolecall.yaml", &format!("groups: [{OLD}]"), &format!("groups: [{NEW}]"));
    world
}

/// All that the sandbox keeps of its tenant and its clusters: names, ids, uids and resource versions among it.
fn state(world: &World) -> Vec<(String, Vec<u8>)> {
    let mut open = vec![world.path("sandbox")];
    let mut files = Vec::new();
    while let Some(folder) = open.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            let name = path.to_str().unwrap().to_owned();
            if path.is_dir() {
                open.push(path);
            } else if !name.contains("requests") && !name.contains("lock") {
                files.push((name, std::fs::read(path).unwrap()));
            }
        }
    }
    files.sort();
    files
}

#[test]
fn a_renamed_group_keeps_its_id_and_every_binding() {
    let world = renamed(&format!("    previously: [{OLD}]\n"));
    let (before, writes) = (state(&world), world.writes());
    let texts = before.iter().map(|(_, bytes)| String::from_utf8_lossy(bytes).into_owned()).collect::<String>();
    assert!(texts.contains("k8s_dev_users-read-only-85ef6981c7"), "the binding is among what is compared");
    assert!(texts.contains("rolecall.quickstart.k8s_dev_users"), "the group is among what is compared");
    let plan = world.plan(&["--detailed-exitcode"]).exits(0);
    assert!(plan.stdout.starts_with("No changes. 1 group, 1 environment, 1 binding match"), "{}", plan.all());
    let _ = world.apply(&["--yes"]).exits(0);
    assert_eq!(world.writes(), writes);
    assert!(state(&world) == before, "something is kept otherwise than before");
    // By its new key it goes on as any group does.
    world.replace("access/rolecall.yaml", "- hayden@contoso.com", "- hayden@contoso.com\n      - erin@contoso.com");
    let applied = world.apply(&["--yes"]).exits(0);
    assert!(applied.stderr.contains(&format!("entra/group/{NEW}/member/erin@contoso.com")), "{}", applied.all());
    let _ = world.plan(&["--detailed-exitcode"]).exits(0);
    let narrow = world.plan(&["--only", &format!("group/{OLD}")]).exits(64);
    assert!(narrow.stderr.contains(&format!("say --only group/{NEW}")), "{}", narrow.stderr);
}

#[test]
fn without_its_previous_key_a_renamed_group_is_refused_and_told_what_to_write() {
    let world = renamed("");
    let writes = world.writes();
    let plan = world.apply(&["--yes"]).exits(3);
    let line = format!("previously: [{OLD}]");
    let words = plan.stdout.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains(&line), "{}", plan.stdout);
    assert!(words.contains(&format!("--acknowledge group-replaced:{OLD}/{NEW}")), "{}", plan.stdout);
    assert_eq!(world.writes(), writes);
    // The line, written where the guard says.
    world.replace("access/rolecall.yaml", &format!("  {NEW}:\n"), &format!("  {NEW}:\n    {line}\n"));
    let _ = world.plan(&["--detailed-exitcode"]).exits(0);
}

#[test]
fn whoever_is_to_be_absent_is_taken_out() {
    let world = World::with_quickstart_grants();
    let _ = world.apply(&["--yes"]).exits(0);
    world.replace(
        "access/rolecall.yaml",
        "    members:\n      - hayden@contoso.com\n",
        "    membership: additive\n    members: [erin@contoso.com]\n    absent: [Hayden@contoso.com]\n",
    );
    let plan = world.apply(&["--yes"]).exits(0);
    assert!(plan.stdout.contains("- member hayden@contoso.com"), "{}", plan.stdout);
    assert!(plan.stdout.contains("rolecall.yaml:23"), "{}", plan.stdout);
    let _ = world.plan(&["--detailed-exitcode"]).exits(0);
}
