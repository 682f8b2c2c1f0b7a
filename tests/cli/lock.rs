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
    // Whoever asks first takes it after the answer, and here there is nothing to ask.
    let _ = world.apply(&[]).exits(0);
    assert_eq!(world.writes().len(), writes.len());
    let _ = world.apply(&["--yes"]).exits(0);
    let more = world.writes().split_off(writes.len());
    assert_eq!((more.len(), leases(&more).len()), (2, 2), "{more:#?}");
}

#[test]
fn whoever_has_it_is_named_and_nothing_is_written() {
    let world = taken(3600);
    let before = world.writes().len();
    let ran = world.apply(&["--yes", "--lock-timeout", "0"]).exits(1);
    assert_eq!(world.writes().len(), before, "{}", ran.all());
    assert!(ran.stderr.contains("https://ci.contoso.com/jobs/7\\u{1b}[2J has the lock since "), "{}", ran.stderr);
    assert_eq!(ran.stdout, "");
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
    let _ = world.plan(&[]).exits(0);
    world.replace("access/rolecall.yaml", "namespace: trinity }", "namespace: nowhere }");
    let planned = world.plan(&[]).exits(0);
    let note = "alpha there is no namespace `nowhere`, where `lock` is, or it is being deleted";
    assert!(planned.stdout.split_whitespace().collect::<Vec<_>>().join(" ").contains(note), "{}", planned.stdout);
    let ran = world.apply(&["--yes"]).exits(1);
    assert!(ran.stderr.contains("has no namespace `nowhere`, where `lock` puts it"), "{}", ran.stderr);
    assert!(ran.stderr.contains("kubectl create namespace nowhere"), "{}", ran.stderr);
    let writes = world.writes();
    assert!(!writes.is_empty() && writes.iter().all(|write| write.contains("/leases")), "{writes:#?}");
}

#[test]
fn a_cluster_without_a_way_to_it_is_said_to_be_that_of_the_lock() {
    let world = locking();
    let kubeconfig = "apiVersion: v1
kind: Config
clusters: [{ name: c, cluster: { server: 'https://127.0.0.1:9' } }]
users: [{ name: u, user: { token: t } }]
contexts: [{ name: alpha, context: { cluster: c, user: u } }]
";
    world.write("kubeconfig", kubeconfig);
    let apply = ["apply", "access", "--yes", "--kubeconfig", "kubeconfig", "--only", "alpha"];
    let ran = world.run_with(&apply, &[("PATH", "/nonexistent")]).exits(1);
    let unreachable = "nothing was written: cannot take the lock: cannot connect to context `alpha`";
    assert!(ran.stderr.contains(unreachable), "{}", ran.stderr);
    // Where nothing but the lock is, only whoever takes it needs a way.
    world.replace("access/rolecall.yaml", "lock: { environment: alpha", "lock: { environment: beta");
    world.replace("access/rolecall.yaml", "\nenvironments:\n", "\nenvironments:\n  beta: { type: k3s }\n");
    let ran = world.run_with(&apply, &[("PATH", "/nonexistent")]).exits(1);
    assert!(ran.stderr.contains("nothing was written: cannot take the lock: "), "{}", ran.stderr);
    assert!(ran.stderr.contains("kubeconfig has no context `beta`"), "{}", ran.stderr);
    let ran = world.run_with(&[&["plan"], &apply[1..2], &apply[3..]].concat(), &[("PATH", "/nonexistent")]);
    assert!(!ran.all().contains("beta"), "{}", ran.all());
}

#[test]
fn a_sandbox_that_is_filled_from_the_files_has_its_namespace() {
    let world = locking();
    world.replace("access/rolecall.yaml", "namespace: trinity }\n\nenv", "namespace: rolecall }\n\nenv");
    let _ = world.apply(&["--yes"]).exits(0);
}

#[test]
fn who_waits_for_a_lock_that_the_files_do_not_have_is_told() {
    let world = World::with_quickstart_grants();
    let ran = world.apply(&["--yes", "--lock-timeout", "30m"]).exits(0);
    assert!(ran.stderr.contains("note: the files have no `lock`, so that --lock-timeout"), "{}", ran.stderr);
    assert!(!world.apply(&["--yes"]).exits(0).stderr.contains("lock-timeout"));
}

#[test]
fn how_long_to_wait_must_be_a_time() {
    let world = locking();
    for wrong in ["soon", "5", "-1s", "1w", ""] {
        let ran = world.apply(&["--yes", &format!("--lock-timeout={wrong}")]).exits(64);
        assert!(ran.stderr.contains("e.g. `90s`, `5m`"), "{}", ran.stderr);
    }
}

#[test]
fn of_two_applies_of_one_plan_one_does_the_work_and_the_other_says_so() {
    let _ = crate::together::of_two_applies_one_works_and_the_other_says_so(None);
}
