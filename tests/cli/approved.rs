//! Approved is what is applied: who changes the file, the files or the live systems after an approval gets nothing by it.

use git2::{IndexAddOption, Repository, RepositoryInitOptions, Signature, Time};
use serde_json::Value;

use crate::common::{Ran, World};
use crate::golden::check;

const APPLY: [&str; 5] = ["apply", "tonight.plan", "access", "--sandbox", "sandbox"];

/// Saves a plan and gives its id, as a job records it: from what the plan itself printed.
fn saved(world: &World) -> String {
    let plan = world.plan(&["--save", "tonight.plan", "--output", "json"]).exits(0);
    let plan: Value = serde_json::from_str(&plan.stdout).unwrap();
    plan["plan_id"].as_str().or_else(|| plan["id"].as_str()).unwrap().to_owned()
}

fn apply(world: &World, more: &[&str]) -> Ran {
    world.run(&[&APPLY, more].concat())
}

/// How many requests the sandbox has seen.
fn requests(world: &World) -> usize {
    world.read("sandbox/requests.jsonl").lines().count()
}

/// Changes the file of a saved plan as somebody would who may write it.
fn forge(world: &World, change: impl FnOnce(&mut Value)) {
    let mut file: Value = serde_json::from_str(&world.read("tonight.plan")).unwrap();
    change(&mut file);
    world.write("tonight.plan", file.to_string());
}

/// Somebody's hand in the live systems: every such text of a state becomes another.
fn by_hand(world: &World, state: &str, from: &str, to: &str) {
    let mut found = false;
    for file in [format!("sandbox/{state}.json"), format!("sandbox/{state}.json.journal")] {
        let text = world.read(&file);
        found |= text.contains(from);
        world.write(&file, text.replace(from, to));
    }
    assert!(found, "{state} does not hold {from}");
}

/// Nobody was asked anything, and nothing was written.
fn refused_unread(world: &World, ran: Ran, before: usize) -> Ran {
    let ran = ran.exits(5);
    assert!(ran.stderr.contains("nothing was written") && ran.stderr.contains("is not the plan that was approved"));
    assert_eq!((requests(world), world.writes()), (before, Vec::<String>::new()), "{}", ran.all());
    ran
}

#[test]
fn the_plan_that_was_approved_is_applied_and_the_journal_names_it() {
    let world = World::with_quickstart_grants();
    let id = saved(&world);
    let _ = apply(&world, &["--require-approved-plan", &id.to_ascii_uppercase(), "--journal", "j.jsonl"]).exits(0);
    assert!(world.read("j.jsonl").lines().next().unwrap().contains(&id));
}

#[test]
fn a_file_that_was_changed_after_the_approval_is_refused_before_anything_is_asked() {
    let mallory = "00000000-1111-2222-3333-444444444444";
    let swap = |file: &mut Value| {
        let changes = file["changes"].as_array_mut().unwrap();
        let member = changes.iter_mut().find_map(|change| change["operation"]["after"].get_mut("member")).unwrap();
        member["principal_id"]["known"] = mallory.into();
    };
    let world = World::with_quickstart_grants();
    let id = saved(&world);
    let before = requests(&world);

    // The id that is printed in the file is left as it was.
    forge(&world, swap);
    let ran = apply(&world, &["--require-approved-plan", &id]);
    let ran = refused_unread(&world, ran, before);
    assert!(ran.stderr.contains("was changed after it was saved"), "{}", ran.stderr);

    // It is made to fit, as whoever changes the file can do.
    let (_, forged) = ran.stderr.split_once("the id of tonight.plan is ").unwrap();
    let forged = forged[..64].to_owned();
    assert_ne!(forged, id);
    forge(&world, |file| file["plan_id"] = forged.as_str().into());
    let ran = refused_unread(&world, apply(&world, &["--require-approved-plan", &id]), before);
    assert!(!ran.stderr.contains("was changed after it was saved"), "{}", ran.stderr);

    // Even if the forged id were recorded as approved, the files and the live systems name somebody else.
    let ran = apply(&world, &["--require-approved-plan", &forged]).exits(5);
    assert_eq!(world.writes(), Vec::<String>::new());
    check("approved-swapped-member", &ran);
}

#[test]
fn a_file_of_which_something_was_taken_or_to_which_something_was_added_is_another_plan() {
    type Forgery = (&'static str, fn(&mut Value));
    let forgeries: [Forgery; 5] = [
        ("a change less", |file| drop(file["changes"].as_array_mut().unwrap().pop())),
        ("an expectation less", |file| drop(file["expectations"].as_array_mut().unwrap().pop())),
        ("another precondition", |file| {
            let binding = file["changes"].as_array_mut().unwrap().iter_mut();
            let mut binding = binding.filter(|change| change["address"].get("object").is_some());
            binding.next().unwrap()["refers"] = serde_json::json!({});
        }),
        ("another tenant", |file| file["tenant"] = "00001c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f".into()),
        ("another config", |file| file["config"] = "slowstart".into()),
    ];
    for (what, forgery) in forgeries {
        let world = World::with_example("quickstart");
        let id = saved(&world);
        let before = requests(&world);
        forge(&world, forgery);
        let ran = apply(&world, &["--require-approved-plan", &id]);
        assert_eq!(ran.code, 5, "{what}: {}", ran.all());
        let _ = refused_unread(&world, ran, before);
    }
}

#[test]
fn an_acknowledgement_in_the_file_helps_nobody_and_its_absence_neither() {
    let world = World::with_quickstart_grants();
    world.replace("access/rolecall.yaml", "cluster-role: view", "cluster-role: cluster-admin");
    world.replace("access/rolecall.yaml", "namespaces: [trinity]", "cluster-wide: true");
    let id = saved(&world);
    let guards = ["group:k8s_dev_users", "hayden@contoso.com", "erin@contoso.com"];
    let guards = guards.map(|subject| format!("cluster-admin-gained:alpha/{subject}"));
    // Whoever could change the file says that all of it was agreed to.
    forge(&world, |file| file["acknowledged"] = guards.to_vec().into());
    let _ = apply(&world, &["--require-approved-plan", &id]).exits(3);
    assert_eq!(world.writes(), Vec::<String>::new());
    // Nor does a file that knows of none stop whoever agrees where it is applied.
    forge(&world, |file| file["acknowledged"] = serde_json::json!([]));
    let agreed: Vec<&str> = guards.iter().flat_map(|guard| ["--acknowledge", guard.as_str()]).collect();
    let _ = apply(&world, &[["--require-approved-plan", &id].as_slice(), &agreed].concat()).exits(0);
}

#[test]
fn a_guard_that_objects_by_now_is_heard_although_the_changes_are_the_same() {
    let world = World::with_quickstart_grants();
    world.replace("access/rolecall.yaml", "type: k3s", "type: k3s\n    unmanaged: refuse");
    let id = saved(&world);
    let other = world.read("access/rolecall.yaml").replace("name: quickstart", "name: other");
    let (kept, _) = other.split_once("\ngroups:").unwrap();
    let grants = "grants:\n  - { users: [erin@contoso.com], roles: [read-only], environments: [alpha], namespaces: \
                  [trinity] }\nroles: { read-only: { cluster-role: view } }\n";
    world.write("other/rolecall.yaml", format!("{}\n{grants}", kept.replace("unmanaged: refuse", "unmanaged: report")));
    let _ = world
        .run(&["apply", "other", "--yes", "--sandbox", "sandbox", "--acknowledge", "config-renamed:other"])
        .exits(0);
    let before = world.writes().len();
    // That another config is at home here is agreed to; it is about the binding that it made.
    let agreed = ["--acknowledge", "config-renamed:quickstart"];
    let ran = apply(&world, &[["--require-approved-plan", &id], agreed].concat()).exits(3);
    assert!(ran.stdout.contains("! unmanaged: alpha/rolebinding/trinity/erin-read-only-"), "{}", ran.all());
    assert_eq!(world.writes().len(), before);
}

#[test]
fn a_file_cut_in_half_or_of_another_format_is_none() {
    let world = World::with_quickstart_grants();
    let id = saved(&world);
    let whole = world.read("tonight.plan");
    let before = requests(&world);
    let other = whole.replace("rolecall-saved-plan/3", "rolecall-saved-plan/9");
    let hostile = whole.replace("rolecall-saved-plan/3", "\\u001b[2Jrolecall");
    for (text, said) in [
        (&whole[..whole.len() / 2], "tonight.plan: this is no saved plan: EOF while parsing"),
        (
            other.as_str(),
            "is of format `rolecall-saved-plan/9`, this version of rolecall reads `rolecall-saved-plan/3`",
        ),
        (hostile.as_str(), "is of format `\\u{1b}[2Jrolecall`"),
    ] {
        world.write("tonight.plan", text);
        for more in [&[][..], &["--require-approved-plan", &id]] {
            let ran = apply(&world, more).exits(1);
            assert!(ran.stderr.contains(said) && ran.stderr.contains("save"), "{}", ran.stderr);
        }
    }
    assert_eq!((requests(&world), world.writes()), (before, Vec::new()));
}

#[test]
fn an_id_that_is_no_whole_id_is_never_taken_for_one() {
    let world = World::with_quickstart_grants();
    let id = saved(&world);
    let before = requests(&world);
    for (given, said) in [
        ("", "it is empty"),
        (&id[..63], "all of them are needed, not 63"),
        (&id[..16], "all of them are needed, not 16"),
        ("none", "64 hex digits"),
        (&format!("sha256:{id}"), "64 hex digits"),
    ] {
        let ran = apply(&world, &[&format!("--require-approved-plan={given}")]).exits(64);
        assert!(ran.stderr.contains(said), "{}", ran.stderr);
    }
    // Nothing is approved where no plan is named.
    for paths in [&["apply"][..], &["apply", "access"], &["apply", "access/rolecall.yaml"]] {
        let ran = world.run(&[paths, &["--sandbox", "sandbox", "--yes", "--require-approved-plan", &id]].concat());
        assert!(ran.stderr.contains("name its file: `rolecall apply FILE --require-approved-plan"), "{}", ran.all());
        assert_eq!(ran.code, 64, "{}", ran.all());
    }
    assert_eq!((requests(&world), world.writes()), (before, Vec::new()));
}

/// A repository with the access files at a commit.
struct Commits(Repository);

impl Commits {
    fn new(world: &World) -> Self {
        let mut options = RepositoryInitOptions::new();
        let commits = Self(Repository::init_opts(world.path(""), options.initial_head("main")).unwrap());
        let _ = commits.add("access: first");
        commits
    }

    /// Commits the access files as they are.
    fn add(&self, message: &str) -> String {
        let who = Signature::new("Erin", "erin@contoso.com", &Time::new(0, 0)).unwrap();
        let mut index = self.0.index().unwrap();
        index.add_all(["access"], IndexAddOption::DEFAULT, None).unwrap();
        index.write().unwrap();
        let tree = self.0.find_tree(index.write_tree().unwrap()).unwrap();
        let parent = self.0.head().ok().and_then(|head| head.peel_to_commit().ok());
        let parents: Vec<_> = parent.iter().collect();
        self.0.commit(Some("HEAD"), &who, &who, message, &tree, &parents).unwrap().to_string()[..12].to_owned()
    }
}

#[test]
fn the_base_has_moved_and_the_changes_are_the_same() {
    let world = World::with_quickstart_grants();
    let commits = Commits::new(&world);
    let then = commits.add("access: as approved");
    let id = saved(&world);
    // Somebody else's change is merged as well, and is live already or of no consequence here.
    world.replace("access/rolecall.yaml", "groups:\n", "# Who is who.\n\ngroups:\n");
    let now = commits.add("access: as merged");
    let ran = apply(&world, &["--require-approved-plan", &id]).exits(0);
    let said = format!(
        "note: the plan was saved at {then}, the files are at {now}: planned again, and every change is as approved\n"
    );
    assert!(ran.stderr.contains(&said), "{}", ran.stderr);
    assert!(ran.stderr.contains("4 done"), "{}", ran.stderr);
}

#[test]
fn the_same_files_at_another_commit_are_said_to_be_the_same() {
    let world = World::with_quickstart_grants();
    let commits = Commits::new(&world);
    let id = saved(&world);
    let _ = commits.add("access: merged");
    let ran = apply(&world, &["--require-approved-plan", &id]).exits(0);
    assert!(ran.stderr.contains(" (the same files): planned again"), "{}", ran.stderr);
    // At the commit of the plan there is nothing to say.
    let world = World::with_quickstart_grants();
    let _ = Commits::new(&world);
    let id = saved(&world);
    let ran = apply(&world, &["--require-approved-plan", &id]).exits(0);
    assert!(!ran.stderr.contains("the plan was saved at"), "{}", ran.stderr);
}

#[test]
fn a_plan_of_a_commit_that_is_not_merged_is_said_to_be_that() {
    let world = World::with_quickstart_grants();
    let commits = Commits::new(&world);
    let first = commits.0.head().unwrap().peel_to_commit().unwrap();
    world.replace("access/rolecall.yaml", "groups:\n", "# Who is who.\n\ngroups:\n");
    let _ = commits.add("access: a change");
    let id = saved(&world);
    // It was merged as another commit, with the same files.
    commits.0.set_head_detached(first.id()).unwrap();
    let _ = commits.add("access: a change, squashed");
    let ran = apply(&world, &["--require-approved-plan", &id]).exits(0);
    let said =
        " (the same files); that commit is not in the history of what is checked out (a change that is not merged, or";
    assert!(ran.stderr.contains(said), "{}", ran.stderr);
    assert!(ran.stderr.contains("planned again, and every change is as approved"), "{}", ran.stderr);
}

#[test]
fn the_base_has_moved_and_the_changes_are_others() {
    let world = World::with_quickstart_grants();
    let commits = Commits::new(&world);
    let id = saved(&world);
    let then = commits.0.head().unwrap().peel_to_commit().unwrap().id().to_string();
    world.replace("access/rolecall.yaml", "- hayden@contoso.com", "- hayden@contoso.com\n      - erin@contoso.com");
    let now = commits.add("access: erin, too");
    let mut ran = apply(&world, &["--require-approved-plan", &id]).exits(5);
    assert_eq!(world.writes(), Vec::<String>::new());
    for (commit, called) in [(&then[..12], "[THEN]"), (&now, "[NOW]")] {
        assert!(ran.stderr.contains(commit), "{}", ran.stderr);
        ran.stderr = ran.stderr.replace(commit, called);
    }
    check("approved-moved-base", &ran);
}

#[test]
fn the_plan_of_another_pull_request_is_told_to_be_that() {
    let world = World::with_quickstart_grants();
    let commits = Commits::new(&world);
    let original = world.read("access/rolecall.yaml");
    world.replace("access/rolecall.yaml", "- hayden@contoso.com", "- mallory@contoso.com");
    let theirs = commits.add("access: theirs");
    let _ = saved(&world);
    std::fs::rename(world.path("tonight.plan"), world.path("theirs.plan")).unwrap();
    world.write("access/rolecall.yaml", original);
    let ours = commits.add("access: ours");
    let id = saved(&world);
    std::fs::rename(world.path("theirs.plan"), world.path("tonight.plan")).unwrap();

    let before = requests(&world);
    let ran = refused_unread(&world, apply(&world, &["--require-approved-plan", &id]), before);
    assert!(ran.stderr.contains(&format!("it was saved at {theirs} of the config quickstart")), "{}", ran.stderr);
    assert!(ran.stderr.contains(&format!("approved is {id}")), "{}", ran.stderr);

    let ran = apply(&world, &[]).exits(5);
    assert!(ran.stderr.contains(&format!("saved at {theirs}, the files are at {ours}")), "{}", ran.stderr);
    assert_eq!(world.writes(), Vec::<String>::new());

    // Of another config altogether.
    world.replace("access/rolecall.yaml", "name: quickstart", "name: slowstart");
    let ran = apply(&world, &[]).exits(5);
    assert!(ran.stderr.contains(&format!("it was saved at {theirs} of the config quickstart")), "{}", ran.stderr);
}

const LIVE: &str = "version: 1
name: contoso
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f, pim: none }
appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]
environments:
  alpha: { type: k3s }
groups:
  dev: { description: Developers, owners: [erin@contoso.com], members: [carol@contoso.com, sam@contoso.com] }
  ops: { owners: [erin@contoso.com], members: [erin@contoso.com] }
  qa: { owners: [erin@contoso.com], members: [erin@contoso.com, alice@contoso.com] }
roles:
  lister: { rules: [{ apiGroups: [apps], resources: [deployments], verbs: [get] }] }
  full: { cluster-role: edit }
grants:
  - { groups: [dev], roles: [lister], environments: [alpha], namespaces: [trinity] }
  - { groups: [qa], roles: [full], environments: [alpha], namespaces: [payments] }
";

/// Of each kind one that is not as approved any more.
#[test]
fn what_has_moved_is_told_three_ways() {
    let world = World::with_files(&[("rolecall.yaml", LIVE)]);
    let files = "access/rolecall.yaml";
    // People who come later are people of the tenant from the start.
    world.replace(
        files,
        "sam@contoso.com]",
        "sam@contoso.com, hayden@contoso.com, nora@contoso.com, mallory@contoso.com]",
    );
    let _ = world.plan(&[]).exits(0);
    world.write(files, LIVE);
    let _ = world.apply(&["--yes"]).exits(0);

    world.replace(files, "carol@contoso.com, sam@contoso.com", "sam@contoso.com, hayden@contoso.com, nora@contoso.com");
    world.replace(files, "[erin@contoso.com, alice@contoso.com]", "[erin@contoso.com, sam@contoso.com]");
    world.replace(files, "description: Developers", "description: Developers of trinity");
    world.replace(files, "verbs: [get]", "verbs: [get, list]");
    let grants = "  - { groups: [ops], roles: [full], environments: [alpha], namespaces: [trinity] }\n";
    world.write(files, world.read(files) + grants);
    let id = saved(&world);

    // Somebody else comes to hayden's name, one leaves, and on the cluster two roles and a binding are changed by hand.
    by_hand(&world, "tenant", &object_id(&world, "hayden@contoso.com"), "91be3d2c-4f5a-4b6c-8d7e-9f0a1b2c3d4e");
    by_hand(&world, "tenant", "sam@contoso.com", "samuel@contoso.com");
    by_hand(&world, "clusters/alpha", r#""verbs":["get"]}"#, r#""verbs":["get","delete"]}"#);
    by_hand(&world, "clusters/alpha", r#""resources":["pods/attach","#, r#""resources":["secrets/attach","#);
    // The files ask for more, for less, and for something else.
    world.replace(files, ", nora@contoso.com", "");
    world.replace(files, "members: [erin@contoso.com] }", "members: [erin@contoso.com, mallory@contoso.com] }");
    world.replace(files, "Developers of trinity", "Developers of trinity and more");
    let ran = apply(&world, &["--require-approved-plan", &id]).exits(5);
    assert!(ran.stderr.lines().skip(2).all(|line| line.chars().count() <= 100), "{}", ran.stderr);
    check("approved-three-ways", &ran);
}

/// The id of somebody in the sandbox's tenant.
fn object_id(world: &World, name: &str) -> String {
    let text = world.read("sandbox/tenant.json");
    let (before, _) = text.split_once(&format!("\"{name}\"")).unwrap();
    let (_, id) = before.rsplit_once("\"id\":").unwrap();
    id.trim().trim_start_matches('"')[..36].to_owned()
}

/// A group whose members are kept elsewhere is granted something, and somebody comes into it between approval and apply.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_gets_by_an_approved_plan_what_it_did_not_show() {
    use crate::drift::{Hands, ROOT};
    let files = ROOT.replace("  ops: {", "  partners: { membership: external }\n  ops: {");
    let world = World::with_files(&[("rolecall.yaml", &files)]);
    let _ = world.apply(&["--yes"]).exits(0);
    // The sandbox serves one at a time.
    let by_hand = async |joins: bool, who: &str| {
        let hands = Hands::on(&world).await;
        if joins {
            hands.join("partners", "members", who).await;
        } else {
            hands.leave("partners", "members", who).await;
        }
    };
    by_hand(true, "dana@contoso.com").await;
    world.replace("access/rolecall.yaml", "{ groups: [dev], roles:", "{ groups: [dev, partners], roles:");
    let id = saved(&world);
    by_hand(true, "joan@contoso.com").await;
    let before = world.writes().len();
    let ran = apply(&world, &["--require-approved-plan", &id]).exits(5);
    assert_eq!(world.writes().len(), before);
    check("approved-beyond", &ran);

    // What is not in the file any more is not what was approved, and fewer than were shown are.
    forge(&world, |file| file["gains"] = serde_json::json!([]));
    let ran = apply(&world, &["--require-approved-plan", &id]).exits(5);
    assert!(ran.stderr.contains("was changed after it was saved"), "{}", ran.stderr);
    by_hand(false, "joan@contoso.com").await;
    let id = saved(&world);
    by_hand(false, "dana@contoso.com").await;
    let _ = apply(&world, &["--require-approved-plan", &id]).exits(0);
}

/// Nobody can tell whether it still holds, which is no reason to approve it again.
#[test]
fn what_cannot_be_read_voids_no_approval() {
    let files = "version: 1
name: contoso
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f }
appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]
environments:
  alpha: { type: k3s }
roles:
  read-only: { cluster-role: view }
grants:
  - { users: [hayden@contoso.com], roles: [read-only], environments: [alpha], namespaces: [trinity] }
";
    let world = World::with_files(&[("rolecall.yaml", files)]);
    let seed = "
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f, domain: contoso.com }
applier: { app-id: 0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d }
users: [{ user-principal-name: hayden@contoso.com }]
clusters:
  alpha:
    namespaces: { trinity: {} }
    applier-rules:
      - { apiGroups: [rbac.authorization.k8s.io], resources: ['*'], verbs: [get, list, create, patch, delete] }
      - { apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles], resourceNames: [view], verbs: [bind] }
      - { apiGroups: ['', authorization.k8s.io], resources: ['*'], verbs: [get, list, create] }
";
    world.write("seed.yaml", seed);
    let _ = world.run(&["sandbox", "init", "sandbox", "--from", "seed.yaml"]).exits(0);
    let id = saved(&world);
    by_hand(&world, "clusters/alpha", "\"list\"", "\"lost\"");
    let ran = apply(&world, &["--require-approved-plan", &id]).exits(1);
    assert_eq!(world.writes(), Vec::<String>::new());
    assert!(ran.all().contains("Not read") && ran.stderr.contains("What was approved is not void"), "{}", ran.all());
    assert!(!ran.all().contains("no longer holds"), "{}", ran.all());
    by_hand(&world, "clusters/alpha", "\"lost\"", "\"list\"");
    let _ = apply(&world, &["--require-approved-plan", &id]).exits(0);
}
