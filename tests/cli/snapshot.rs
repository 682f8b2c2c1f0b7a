//! `snapshot`, and what `plan --snapshot` says without any way to what is live.

use std::io::ErrorKind;
use std::net::TcpListener;

use rolecall::snapshot::{SIZE_LIMIT, Snapshot};
use serde_json::Value;

use crate::base::Change;
use crate::common::{Ran, World};

/// Everybody of the tenant is in these files; `access/` names fewer of them once `Self::pull_request` has come.
const ROOT: &str = "version: 1
name: contoso
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f }
appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]
environments:
  alpha: { type: k3s, labels: { stage: dev } }
groups:
  dev: { owners: [erin@contoso.com], members: [hayden@contoso.com] }
  ops: { owners: [erin@contoso.com], members: [erin@contoso.com] }
roles:
  read-only: { cluster-role: view }
grants:
  - { groups: [dev], roles: [read-only], environments: [alpha], namespaces: [trinity] }
  - { groups: [ops], roles: [read-only], environments: [alpha], namespaces: [payments] }
";

/// A world whose tenant has more people, and whose cluster more namespaces, than the files name.
fn world() -> World {
    let world = World::with_files(&[("rolecall.yaml", ROOT)]);
    let file = "access/rolecall.yaml";
    world.replace(file, "[hayden@contoso.com]", "[hayden@contoso.com, gina@contoso.com]");
    world.replace(file, "[trinity]", "[trinity, search]");
    let _ = world.plan(&[]).exits(0);
    world.replace(file, ", gina@contoso.com", "");
    world.replace(file, ", search]", "]");
    let _ = world.apply(&["--yes"]).exits(0);
    world
}

fn take(world: &World, more: &[&str]) -> Ran {
    world.run(&[&["snapshot", "live.json", "access", "--sandbox", "sandbox"], more].concat())
}

/// A plan with nothing but the file: no credential, no kubeconfig, and nobody may be called.
fn preview(world: &World, more: &[&str]) -> Ran {
    let trap = TcpListener::bind(("127.0.0.1", 0)).unwrap();
    trap.set_nonblocking(true).unwrap();
    let proxy = format!("http://{}", trap.local_addr().unwrap());
    let arguments = [&["plan", "access", "--snapshot", "live.json"], more].concat();
    let ran = world.run_with(&arguments, &[("HTTPS_PROXY", &proxy), ("HTTP_PROXY", &proxy), ("ALL_PROXY", &proxy)]);
    assert_eq!(
        trap.accept().map(drop).map_err(|error| error.kind()),
        Err(ErrorKind::WouldBlock),
        "somebody was called"
    );
    ran
}

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap()
}

/// The same file, as if it had been taken or said otherwise.
fn forge(world: &World, change: impl Fn(&mut Snapshot)) {
    let mut snapshot = Snapshot::parse(world.read("live.json").as_bytes()).unwrap();
    change(&mut snapshot);
    world.write("live.json", snapshot.to_json().unwrap());
}

/// A time so many hours ago.
fn hours_ago(hours: i64) -> jiff::Timestamp {
    jiff::Timestamp::now() - jiff::SignedDuration::from_hours(hours)
}

#[test]
fn a_company_is_planned_against_its_snapshot_as_against_what_is_live() {
    let world = World::with_example("company");
    let _ = take(&world, &[]).exits(0);
    for more in [&["--output", "json"][..], &["--output", "json", "--strict"]] {
        let (mut live, mut preview) = (json(&world.plan(more).exits(0)), json(&preview(&world, more).exits(0)));
        assert!(live["changes"].as_array().unwrap().len() > 20);
        assert_eq!(
            preview["snapshot"]["lacking"],
            serde_json::json!({ "names": [], "groups": [], "display_names": [] })
        );
        for plan in [&mut live, &mut preview] {
            plan["snapshot"].take();
            plan["id"].take();
            plan["usage"].take();
        }
        assert_eq!(live, preview);
    }
    let without = |ran: Ran| {
        let lines = ran.stdout.lines().filter(|line| !line.starts_with("live state of ") && !line.ends_with(" s"));
        lines.map(str::to_owned).collect::<Vec<_>>()
    };
    assert_eq!(without(world.plan(&[]).exits(0)), without(preview(&world, &[]).exits(0)));
    assert_eq!(world.writes(), Vec::<String>::new());
}

#[test]
fn a_change_is_previewed_and_whoever_is_not_in_the_snapshot_is_said_to_be_so_once() {
    let world = world();
    let ran = take(&world, &[]).exits(0);
    assert!(ran.stderr.contains("2 groups, 1 cluster"), "{}", ran.stderr);
    forge(&world, |snapshot| snapshot.taken = hours_ago(3));
    let quiet = preview(&world, &[]).exits(0).stdout;
    assert!(quiet.contains(", 3 h ago\n") && quiet.contains("No changes."), "{quiet}");
    let file = "access/rolecall.yaml";
    world.replace(file, "members: [hayden@contoso.com]", "members: [gina@contoso.com]");
    world.replace(
        file,
        "members: [erin@contoso.com]",
        "members: [erin@contoso.com, hayden@contoso.com, gina@contoso.com]",
    );
    world.replace(file, "namespaces: [trinity] }", "namespaces: [trinity, search, nowhere] }");
    world.replace(
        file,
        "read-only: { cluster-role: view }\n",
        "read-only: { cluster-role: view }\n  full: { cluster-role: admin }\n  watcher: { rules: [{ apiGroups: [\"\"], resources: [pods], verbs: [watch] }] }\n",
    );
    world.replace(
        file,
        "roles: [read-only], environments: [alpha], namespaces: [payments]",
        "roles: [full, watcher], environments: [alpha], namespaces: [payments]",
    );
    let text = preview(&world, &[]).exits(0).stdout;
    assert_eq!(text.matches("--people all").count(), 1, "{text}");
    let text = text.lines().filter(|line| !line.starts_with("live state of") && !line.starts_with("from a snapshot"));
    insta::assert_snapshot!(text.collect::<Vec<_>>().join("\n"));
    let plan = json(&preview(&world, &["--output", "json"]).exits(0));
    assert_eq!(plan["snapshot"]["lacking"]["names"], serde_json::json!(["gina@contoso.com"]));
    let _ = preview(&world, &["--strict"]).exits(1);
}

#[test]
fn with_everybody_in_it_a_preview_is_what_the_live_plan_is() {
    let world = world();
    let before = world.writes().len();
    let _ = take(&world, &["--people", "all"]).exits(0);
    let file = "access/rolecall.yaml";
    world.replace(
        file,
        "members: [hayden@contoso.com]",
        "members: [gina@contoso.com, nobody@contoso.com, haydn@contoso.com]",
    );
    let (mut live, mut preview) =
        (json(&world.plan(&["--output", "json"]).exits(0)), json(&preview(&world, &["--output", "json"]).exits(0)));
    for plan in [&mut live, &mut preview] {
        plan["snapshot"].take();
        plan["id"].take();
        plan["usage"].take();
    }
    assert_eq!(live, preview);
    assert!(live.to_string().contains("nobody has this user principal name (did you mean `hayden@contoso.com`?)"));
    assert_eq!(world.writes().len(), before, "neither a snapshot nor a plan writes");
}

#[test]
fn whoever_is_listed_and_is_nobody_is_named() {
    let world = world();
    world.write("people.txt", "gina@contoso.com\nhaydn@contoso.com\n");
    let ran = take(&world, &["--people", "people.txt"]).exits(0);
    let note = "note: 1 of 2 names in people.txt is nobody in the tenant: haydn@contoso.com (did you mean `hayden@contoso.com`?)";
    let said = ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(said.contains(note), "{}", ran.stderr);
    // Whom the files do not name is nobody's to read.
    world.write("people.txt", "gin@contoso.com\n");
    let ran = take(&world, &["--people", "people.txt", "--pseudonymise"]).exits(0);
    assert!(ran.stderr.contains("gin@contoso.com") && !ran.stderr.contains("gina@"), "{}", ran.stderr);
    world.write("people.txt", "gina@contoso.com\n");
    let ran = take(&world, &["--people", "people.txt"]).exits(0);
    assert!(!ran.stderr.contains("note:"), "{}", ran.stderr);
    let ran = take(&world, &["--people", "peple.txt"]).exits(1);
    assert!(ran.stderr.contains("help: did you mean `people.txt`?"), "{}", ran.stderr);
}

#[test]
fn whoever_is_listed_is_in_it() {
    let world = world();
    world.write("people.txt", "# newcomers\ngina@contoso.com\n\nguest:ana@partner.example # of a partner\n");
    let _ = take(&world, &["--people", "people.txt"]).exits(0);
    world.replace(
        "access/rolecall.yaml",
        "members: [hayden@contoso.com]",
        "members: [hayden@contoso.com, gina@contoso.com, { guest: ana@partner.example }]",
    );
    let plan = json(&preview(&world, &["--output", "json"]).exits(0));
    assert_eq!(plan["changes"][0]["address"], "entra/group/dev/member/gina@contoso.com");
    assert_eq!(plan["snapshot"]["lacking"]["names"], serde_json::json!([]));
    assert_eq!(plan["withheld"][0]["reason"], "unknown-person", "she is looked up, and nobody");
    world.write("people.txt", "gina@contoso.com\nteam:x\n");
    let ran = take(&world, &["--people", "people.txt"]).exits(1);
    assert!(ran.stderr.starts_with("error: people.txt:2: `team:x` is no name"), "{}", ran.stderr);
}

#[test]
fn a_group_by_its_id_that_is_not_in_the_snapshot_is_not_said_to_be_missing() {
    let world = world();
    let _ = take(&world, &[]).exits(0);
    world.replace(
        "access/rolecall.yaml",
        "groups:\n  dev",
        "groups:\n  partners: { id: 11111111-2222-4333-8444-555555555555, membership: external }\n  dev",
    );
    world.replace("access/rolecall.yaml", "groups: [dev]", "groups: [dev, partners]");
    let plan = json(&preview(&world, &["--output", "json"]).exits(0));
    assert_eq!(plan["withheld"][0]["reason"], "not-in-snapshot");
    assert_eq!(plan["snapshot"]["lacking"]["groups"], serde_json::json!(["11111111-2222-4333-8444-555555555555"]));
    assert!(!plan.to_string().contains("there is no such group"));
}

#[test]
fn what_could_not_be_read_stays_so() {
    let world = world();
    let _ = take(&world, &[]).exits(0);
    forge(&world, |snapshot| {
        let failure =
            rolecall::state::Failure::new(rolecall::state::FailureKind::Unreachable, "alpha\u{1b}[31m is away");
        let alpha = snapshot.observed.clusters.values_mut().next().unwrap();
        *alpha = Err(failure);
    });
    let ran = preview(&world, &[]).exits(1);
    assert!(
        ran.stdout.contains("it could not be read when the snapshot was taken: alpha\\u{1b}[31m is away"),
        "{}",
        ran.stdout
    );
    let _ = preview(&world, &["--allow-unreachable", "alpha"]).exits(0);
}

#[test]
fn an_old_snapshot_is_told_to_be_old_and_one_from_the_future_to_be_from_there() {
    let world = world();
    let _ = take(&world, &[]).exits(0);
    assert_eq!(preview(&world, &["--max-age", "24h"]).exits(0).stderr, "");
    forge(&world, |snapshot| snapshot.taken = hours_ago(75));
    let ran = preview(&world, &[]).exits(0);
    assert!(ran.stdout.contains("! this snapshot is 3 days old: much may be otherwise by now"), "{}", ran.stdout);
    let ran = preview(&world, &["--max-age", "24h"]).exits(1);
    assert!(
        ran.stderr.starts_with("error: live.json: the snapshot is 3 days old, and --max-age allows 24 h\n"),
        "{}",
        ran.stderr
    );
    let _ = preview(&world, &["--max-age", "7d"]).exits(0);
    forge(&world, |snapshot| snapshot.taken = hours_ago(-4));
    let ran = preview(&world, &[]).exits(0);
    assert!(
        ran.stdout.contains("! this snapshot is from the future: one of the two clocks is wrong"),
        "{}",
        ran.stdout
    );
    let _ = preview(&world, &["--max-age", "24h"]).exits(1);
    let _ = preview(&world, &["--max-age", "soon"]).exits(64);
}

#[test]
fn a_file_that_does_not_fit_is_refused_with_what_to_do() {
    let world = world();
    let _ = take(&world, &[]).exits(0);
    let good = world.read("live.json");
    let _ = preview(&world, &["--save", "x.plan"]).exits(64);
    let _ = preview(&world, &["--sandbox", "sandbox"]).exits(64);
    let _ = world.plan(&["--max-age", "1h"]).exits(64);
    let mut screens = String::new();
    let mut refused = |content: &[u8]| {
        world.write("live.json", content);
        let ran = preview(&world, &[]).exits(1);
        assert_eq!(ran.stdout, "");
        screens.push_str(&ran.stderr);
        screens.push('\n');
    };
    // A time is written with as many digits as it has: half of it is not always at one byte.
    refused(&good.as_bytes()[..50_000]);
    refused(good.replace("\"invented\":true", "\"invented\":false").as_bytes());
    refused(good.replace("rolecall-snapshot/1", "rolecall-snapshot/9\u{202e}").as_bytes());
    refused(b"{\"format\":\"rolecall-snapshot/1\",\"\\u001b[2J\":1}");
    refused(b"groups: {}\n");
    refused(&vec![b' '; SIZE_LIMIT + 1]);
    refused(good.replacen("\"rolecall\":", "\"rolecall\":\"0.1.0\",\"rolecall\":", 1).as_bytes());
    let mut other = Snapshot::parse(good.as_bytes()).unwrap();
    other.tenant = "00000000-2222-4333-8444-555555555555".parse().unwrap();
    refused(other.to_json().unwrap().as_bytes());
    let mut other = Snapshot::parse(good.as_bytes()).unwrap();
    other.config = "fabrikam".parse().unwrap();
    refused(other.to_json().unwrap().as_bytes());
    std::fs::remove_file(world.path("live.json")).unwrap();
    screens.push_str(&preview(&world, &[]).exits(1).stderr);
    std::fs::create_dir(world.path("live.json")).unwrap();
    screens.push_str(&preview(&world, &[]).exits(1).stderr);
    insta::assert_snapshot!(screens);
}

#[test]
fn what_the_api_servers_were_not_asked_then_is_not_checked_now() {
    let world = World::with_files(&[("rolecall.yaml", ROOT)]);
    let seed = "
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f, domain: contoso.com }
applier: { app-id: 0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d }
users: [{ user-principal-name: erin@contoso.com }, { user-principal-name: hayden@contoso.com }]
clusters:
  alpha:
    namespaces: { trinity: {}, payments: {} }
    applier-rules:
      - { apiGroups: [rbac.authorization.k8s.io], resources: ['*'], verbs: [get, list, create, patch, delete] }
      - { apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles], resourceNames: [view], verbs: [bind] }
      - { apiGroups: ['', authorization.k8s.io], resources: ['*'], verbs: [get, list, create] }
";
    world.write("seed.yaml", seed);
    let _ = world.run(&["sandbox", "init", "sandbox", "--from", "seed.yaml"]).exits(0);
    let _ = world.apply(&["--yes"]).exits(0);
    for more in [&[][..], &["--pseudonymise"]] {
        let _ = take(&world, more).exits(0);
        world.replace("access/rolecall.yaml", "cluster-role: view", "cluster-role: edit");
        let of = |ran: Ran| {
            let plan = json(&ran.exits(0));
            (plan["counts"]["forbidden"].clone(), plan["preflight"][0]["unchecked"].as_array().unwrap().len())
        };
        assert_eq!(of(world.plan(&["--output", "json"])), (2.into(), 0), "what is live");
        assert_eq!(of(preview(&world, &["--output", "json"])), (0.into(), 1));
        let text = preview(&world, &[]).exits(0).stdout;
        assert!(
            text.contains("Not checked")
                && text.contains("what the API server of alpha would allow is not in the snapshot"),
            "{text}"
        );
        // Once it was asked with these files, it is known.
        let _ = take(&world, more).exits(0);
        assert_eq!(of(preview(&world, &["--output", "json"])), (2.into(), 0));
        world.replace("access/rolecall.yaml", "cluster-role: edit", "cluster-role: view");
    }
}

#[test]
fn a_change_is_previewed_apart_from_what_was_off_before_it_was_made() {
    let change = Change::new(&[("sam@contoso.com]", "sam@contoso.com, dana@contoso.com, nobody@contoso.com]")]);
    let repository = git2::Repository::open(change.world.path("")).unwrap();
    let check_out = |branch: &str| {
        repository.set_head(&format!("refs/heads/{branch}")).unwrap();
        repository.checkout_head(Some(git2::build::CheckoutBuilder::new().force())).unwrap();
    };
    // Taken on `main`, which knows nothing of the change.
    check_out("main");
    let _ = take(&change.world, &[]).exits(0);
    let _ = change.world.run(&["snapshot", "open.json", "access", "--sandbox", "sandbox", "--pseudonymise"]).exits(0);
    check_out("change");
    let live = change.json(0);
    let json_of = |file| {
        let ran = change.world.run(&["plan", "access", "--snapshot", file, "--base", "main", "--output", "json"]);
        json(&ran.exits(0))
    };
    let plain = json_of("live.json");
    assert_eq!(plain["snapshot"]["lacking"]["names"], serde_json::json!(["nobody@contoso.com"]));
    assert_eq!(plain["base"]["commit"], live["base"]["commit"]);
    let causes = |plan: &Value| {
        let changes = plan["changes"].as_array().unwrap();
        let mut causes: Vec<String> =
            changes.iter().map(|one| format!("{} {}", one["address"], one["cause"]).replace('"', "")).collect();
        causes.sort();
        causes
    };
    assert_eq!(
        causes(&plain),
        [
            "entra/group/dev/member/mallory@contoso.com drift",
            "entra/group/ops/member/dana@contoso.com change",
            "entra/group/ops/member/sam@contoso.com drift",
        ]
    );
    assert_eq!(causes(&live), causes(&plain));
    // Mallory was taken out of the files of `main` already.
    let hidden: Vec<String> = causes(&json_of("open.json"));
    assert_eq!(hidden.len(), 3);
    assert_eq!(hidden[1..], causes(&plain)[1..]);
    assert!(hidden[0].starts_with("entra/group/dev/member/person-") && hidden[0].ends_with(" drift"), "{hidden:?}");
    let text = change.world.run(&["plan", "access", "--snapshot", "open.json", "--base", "main"]).exits(0).stdout;
    assert!(
        !text.contains("mallory") && text.contains("dana@contoso.com") && text.contains("live state of "),
        "{text}"
    );
    // How systems are reached is not the change's to say, and a file is no system.
    change.world.replace("access/rolecall.yaml", "tenant: { id: 8f9f1c2d", "tenant: { id: 00000000");
    let ran = change.world.run(&["plan", "access", "--snapshot", "live.json", "--base", "main"]).exits(0);
    assert!(ran.stdout.contains("this change names another tenant or cloud"), "{}", ran.stdout);
    let ran = change.world.run(&["plan", "access", "--snapshot", "live.json"]).exits(1);
    assert!(ran.stderr.contains("the snapshot is of tenant 8f9f1c2d-"), "{}", ran.stderr);
}

#[test]
fn apply_takes_no_snapshot_for_a_plan() {
    let world = world();
    let _ = take(&world, &[]).exits(0);
    let before = world.writes();
    let ran = world.run(&["apply", "live.json", "access", "--sandbox", "sandbox", "--yes"]).exits(1);
    assert!(
        ran.stderr.starts_with("error: live.json: this is a snapshot of what was live, not a plan"),
        "{}",
        ran.stderr
    );
    assert_eq!(world.writes(), before);
}

#[test]
fn nothing_is_written_where_it_cannot_be_and_only_its_owner_may_read_it() {
    let world = world();
    let before = world.writes();
    for (file, code) in [("live.yaml", 64), ("no/such/live.json", 1), ("access", 1)] {
        let _ = world.run(&["snapshot", file, "access", "--sandbox", "sandbox"]).exits(code);
    }
    let _ = take(&world, &[]).exits(0);
    assert_eq!(world.writes(), before, "a snapshot only reads");
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt as _;
        assert_eq!(std::fs::metadata(world.path("live.json")).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
