//! The lock of a config: of two applies one waits or stops, and nothing is applied twice.

use crate::common::World;
use crate::golden::check;

const LEASES: &str = "/apis/coordination.k8s.io/v1/namespaces/trinity/leases";

fn locking() -> World {
    let world = World::with_quickstart_grants();
    let text = world.read("access/rolecall.yaml");
    world.write(
        "access/rolecall.yaml",
        text.replace("\nenvironments:", "\nlock: { environment: alpha, namespace: trinity }\n\nenvironments:"),
    );
    world
}

/// After a first apply the Lease is there and free: it becomes somebody's, as a run that was killed leaves it.
fn taken(lasts: u32) -> World {
    let world = locking();
    let _ = world.apply(&["--yes"]).exits(0);
    let journal = "sandbox/clusters/alpha.json.journal";
    world.replace(journal, "\"holderIdentity\":\"\"", "\"holderIdentity\":\"https://ci.contoso.com/jobs/7\\u001b[2J\"");
    world.replace(journal, "\"leaseDurationSeconds\":1,", &format!("\"leaseDurationSeconds\":{lasts},"));
    world.replace("access/rolecall.yaml", "description: ", "description: more of the ");
    world
}

fn leases(writes: &[String]) -> Vec<&str> {
    writes.iter().filter(|write| write.contains(LEASES)).map(String::as_str).collect()
}

#[test]
fn apply_holds_it_while_it_writes_and_nothing_else_touches_it() {
    let world = locking();
    let _ = world.plan(&["--save", "tonight.plan"]).exits(0);
    assert_eq!(world.writes(), Vec::<String>::new());
    let log = |world: &World| world.read("sandbox/requests.jsonl");
    assert!(!log(&world).contains("/leases"), "a plan does not even look at it");
    let _ = world.run(&["apply", "tonight.plan", "access", "--sandbox", "sandbox"]).exits(0);
    let writes = world.writes();
    assert!(
        writes.first().is_some_and(|write| write.starts_with("alpha POST ") && write.contains(LEASES)),
        "{writes:#?}"
    );
    assert!(
        writes.last().is_some_and(|write| write.starts_with("alpha PUT ") && write.contains(LEASES)),
        "{writes:#?}"
    );
    assert_eq!(leases(&writes).len(), 2);
    // Where there is nothing to write, nobody is kept out.
    let _ = world.apply(&["--yes"]).exits(0);
    assert_eq!(world.writes().len(), writes.len());
}

#[test]
fn whoever_has_it_is_named_and_nothing_is_written() {
    let world = taken(3600);
    let before = world.writes().len();
    let ran = world.apply(&["--yes", "--lock-timeout", "0"]).exits(1);
    assert_eq!(world.writes().len(), before, "{}", ran.all());
    assert!(ran.stderr.contains("https://ci.contoso.com/jobs/7\\u{1b}[2J has it since "), "{}", ran.stderr);
    let mut ran = ran;
    ran.stdout.clear();
    check("lock-held", &ran);
}

#[test]
fn what_a_killed_run_left_is_taken_over() {
    let world = taken(1);
    let ran = world.apply(&["--yes"]).exits(0);
    assert!(
        ran.stderr.contains("Waiting for the lock for up to 5 min: https://ci.contoso.com/jobs/7"),
        "{}",
        ran.stderr
    );
    let journal = world.read("sandbox/clusters/alpha.json.journal");
    assert!(journal.contains("\"leaseTransitions\":1"), "{journal}");
}

#[test]
fn a_lock_that_cannot_be_taken_is_said_before_anything_is_written() {
    let world = locking();
    world.replace("access/rolecall.yaml", "namespace: trinity }", "namespace: nowhere }");
    let ran = world.apply(&["--yes"]).exits(1);
    assert!(ran.stderr.contains("has no namespace `nowhere`, where `lock` puts it"), "{}", ran.stderr);
    assert!(ran.stderr.contains("kubectl create namespace nowhere"), "{}", ran.stderr);
    let writes = world.writes();
    assert!(writes.iter().all(|write| write.contains("/leases")), "{writes:#?}");
}

#[test]
fn how_long_to_wait_must_be_a_time() {
    let world = locking();
    for wrong in ["soon", "5", "-1s", ""] {
        let ran = world.apply(&["--yes", &format!("--lock-timeout={wrong}")]).exits(64);
        assert!(ran.stderr.contains("e.g. `90s`, `5m`"), "{}", ran.stderr);
    }
}

#[test]
fn of_two_applies_of_one_plan_one_does_the_work_and_the_other_says_so() {
    crate::together::of_two_applies_one_works_and_the_other_says_so(None);
}
