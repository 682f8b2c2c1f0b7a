//! The preview of a change: what it causes apart from what was off before it, in real repositories.

use std::collections::BTreeSet;

use git2::{BranchType, IndexAddOption, Oid, Repository, RepositoryInitOptions, Signature, Time};
use serde_json::Value;

use crate::common::World;

const ROOT: &str = "version: 1
name: contoso
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f, pim: none }
appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]
environments:
  alpha: { type: k3s, labels: { stage: dev } }
  prod: { type: k3s, labels: { stage: prod }, protected: true, cluster: 77ab1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f }
groups:
  dev: { owners: [erin@contoso.com], members: [hayden@contoso.com, mallory@contoso.com, dana@contoso.com] }
  ops: { owners: [erin@contoso.com], members: [erin@contoso.com] }
  pool: { owners: [erin@contoso.com], members: [sam@contoso.com, joan@contoso.com] }
roles:
  read-only: { cluster-role: view }
  full: { cluster-role: edit }
grants:
  - { groups: [dev], roles: [read-only], environments: [alpha], namespaces: [trinity] }
  - { groups: [ops], roles: [full], environments: [prod], namespaces: [trinity] }
expectations:
  - { user: carol@contoso.com, environments: [alpha], cannot: [list pods in trinity] }
";

/// A world with a repository; what is live is not what its `main` asks for, and a branch with a change is checked out.
pub(crate) struct Change {
    pub(crate) world: World,
    pub(crate) repository: Repository,
}

pub(crate) fn commit(repository: &Repository, message: &str) -> Oid {
    let who = Signature::new("Erin", "erin@contoso.com", &Time::new(0, 0)).unwrap();
    let mut index = repository.index().unwrap();
    index.add_all(["access"], IndexAddOption::DEFAULT, None).unwrap();
    index.write().unwrap();
    let tree = repository.find_tree(index.write_tree().unwrap()).unwrap();
    let parent = repository.head().ok().and_then(|head| head.peel_to_commit().ok());
    repository.commit(Some("HEAD"), &who, &who, message, &tree, &parent.iter().collect::<Vec<_>>()).unwrap()
}

impl Change {
    /// Live: `ROOT`. On `main`: mallory is taken out, sam comes to ops, and nobody has applied it.
    pub(crate) fn new(change: &[(&str, &str)]) -> Self {
        Self::after(&[], change)
    }

    /// The same with edits of `main`, too.
    pub(crate) fn after(main: &[(&str, &str)], change: &[(&str, &str)]) -> Self {
        let world = World::with_files(&[("rolecall.yaml", ROOT)]);
        let _ = world.plan(&["--save", "first.plan"]).exits(0);
        let _ = world.run(&["apply", "first.plan", "access", "--sandbox", "sandbox"]).exits(0);
        let mut options = RepositoryInitOptions::new();
        let repository = Repository::init_opts(world.path(""), options.initial_head("main")).unwrap();
        world.replace("access/rolecall.yaml", ", mallory@contoso.com", "");
        world.replace(
            "access/rolecall.yaml",
            "members: [erin@contoso.com]",
            "members: [erin@contoso.com, sam@contoso.com]",
        );
        for (from, to) in main {
            world.replace("access/rolecall.yaml", from, to);
        }
        let first = commit(&repository, "access: first");
        drop(repository.branch("change", &repository.find_commit(first).unwrap(), false).unwrap());
        repository.set_head("refs/heads/change").unwrap();
        for (from, to) in change {
            world.replace("access/rolecall.yaml", from, to);
        }
        commit(&repository, "access: a change");
        Self { world, repository }
    }

    pub(crate) fn json(&self, code: i32) -> Value {
        let ran = self.world.plan(&["--base", "main", "--output", "json"]).exits(code);
        serde_json::from_str(&ran.stdout).unwrap()
    }
}

fn causes(plan: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap_or("null").to_owned();
    plan["changes"].as_array().unwrap().iter().map(|one| (text(&one["address"]), text(&one["cause"]))).collect()
}

fn who(access: &Value) -> Vec<(String, String)> {
    let rows = access["rows"].as_array().unwrap();
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let named = |row: &Value| {
        let who = row["who"].as_array().unwrap().iter().map(|who| text(&who["name"])).collect::<Vec<_>>().join(", ");
        (who, text(&row["effect"]))
    };
    rows.iter().map(named).collect()
}

fn pair(one: &str, other: &str) -> (String, String) {
    (one.to_owned(), other.to_owned())
}

pub(crate) const CAROL_COMES: (&str, &str) = ("dana@contoso.com]", "dana@contoso.com, carol@contoso.com]");
pub(crate) const JOAN_COMES: (&str, &str) = ("dana@contoso.com]", "dana@contoso.com, joan@contoso.com]");
pub(crate) const UNWATCHED: (&str, &str) =
    ("expectations:\n  - { user: carol@contoso.com, environments: [alpha], cannot: [list pods in trinity] }\n", "");

#[test]
fn what_a_change_causes_is_apart_from_what_was_off_before() {
    let change = Change::new(&[CAROL_COMES, ("protected: true, ", ""), UNWATCHED]);
    let plan = change.json(6);
    assert_eq!(
        causes(&plan),
        [
            pair("entra/group/dev/member/carol@contoso.com", "change"),
            pair("entra/group/dev/member/mallory@contoso.com", "drift"),
            pair("entra/group/ops/member/sam@contoso.com", "drift"),
        ]
    );
    assert_eq!(who(&plan["access"]), [pair("carol@contoso.com", "gains")]);
    let drift = &plan["base"]["drift"];
    assert_eq!(who(drift), [pair("sam@contoso.com", "gains"), pair("mallory@contoso.com", "loses")]);
    let weakened: Vec<&str> =
        plan["base"]["weakened"].as_array().unwrap().iter().map(|one| one["kind"].as_str().unwrap()).collect();
    assert_eq!(weakened, ["expectation", "protected"]);
    assert_eq!(plan["base"]["accepted"].as_array().unwrap().len(), 0);
    let ran = change.world.plan(&["--base", "main"]).exits(6);
    insta::with_settings!({ filters => vec![(r"[0-9a-f]{7}\b", "<commit>"), (r"\d+\.\d s", "<time> s"), (r"\([0-9a-f]{4}…\)", "(<id>)")] }, {
        insta::assert_snapshot!(ran.stdout);
    });
}

#[test]
fn an_expectation_that_a_change_gives_up_is_held_against_it() {
    let change = Change::new(&[CAROL_COMES, UNWATCHED]);
    let plan = change.json(6);
    let broken: Vec<&Value> =
        plan["expectations"].as_array().unwrap().iter().filter(|one| one["verdict"] == "broken").collect();
    assert_eq!(broken.len(), 1);
    let commit = change.repository.find_branch("main", git2::BranchType::Local).unwrap();
    let short = commit.get().target().unwrap().to_string()[..7].to_owned();
    assert_eq!(broken[0]["origin"]["file"], format!("{short}:access/rolecall.yaml"));
    // It is no part of what is saved: after the merge it is gone for good, and a reviewer let that happen.
    let _ = change.world.plan(&["--base", "main", "--save", "it.plan"]);
    assert!(!change.world.read("it.plan").contains("list pods in trinity\""));
    // Without the base nobody knows of it.
    let _ = change.world.plan(&[]).exits(0);
}

#[test]
fn what_a_change_accepts_is_said_and_counts_as_given() {
    let change = Change::new(&[("dana@contoso.com]", "dana@contoso.com, mallory@contoso.com]")]);
    let plan = change.json(0);
    assert_eq!(causes(&plan), [pair("entra/group/ops/member/sam@contoso.com", "drift")]);
    assert_eq!(plan["base"]["accepted"][0]["address"], "entra/group/dev/member/mallory@contoso.com");
    assert_eq!(who(&plan["access"]), [pair("mallory@contoso.com", "gains")]);
    let text = change.world.plan(&["--base", "main"]).exits(0).stdout;
    let line = "= entra/group/dev/member/mallory@contoso.com stays, and would have been taken away without this change";
    assert!(text.contains(line), "{text}");
}

#[test]
fn an_environment_that_a_change_reaches_otherwise_is_left_to_the_merge() {
    let change = Change::new(&[("alpha: { type: k3s,", "alpha: { type: k3s, context: prod,"), JOAN_COMES]);
    let plan = change.json(0);
    let unread: Vec<(&str, &str)> = plan["unread"]
        .as_array()
        .unwrap()
        .iter()
        .map(|part| (part["environment"].as_str().unwrap(), part["message"].as_str().unwrap()))
        .collect();
    let why = "this change says otherwise how alpha is reached (`context`); its files were checked, and nothing was read there";
    assert_eq!(unread, [("alpha", why)]);
    let since = rolecall::sandbox::RequestLog::read(&change.world.path("sandbox")).unwrap().lines().len();
    let ran = change.world.plan(&["--base", "main"]).exits(0);
    let servers = asked(&change, since);
    assert!(servers.iter().any(|server| server.contains("prod")), "{servers:?}");
    assert!(!servers.iter().any(|server| server.contains("alpha")), "{servers:?}");
    assert!(ran.stdout.contains(&format!("! {}", &why[..60])), "{}", ran.stdout);
}

/// Whoever writes a change chooses where it starts, and what the config is called, but not where its preview goes.
#[test]
fn neither_another_name_nor_an_early_start_changes_how_systems_are_reached() {
    let moved = ("alpha: { type: k3s,", "alpha: { type: k3s, context: prod,");
    let change = Change::new(&[("name: contoso", "name: other"), moved, UNWATCHED]);
    let plan = change.json(0);
    let left_out = plan["base"]["left_out"].as_array().unwrap();
    assert_eq!(left_out.len(), 1, "{left_out:?}");
    assert!(plan["base"]["not_told"].as_str().unwrap().contains("the config was called contoso"));
    assert_eq!(plan["base"]["weakened"][0]["kind"], "expectation");

    // From before there were access files.
    let change = Change::new(&[]);
    let files = change.world.read("access/rolecall.yaml");
    let (main, nothing) = (
        change.repository.find_branch("main", BranchType::Local).unwrap(),
        Signature::now("E", "e@contoso.com").unwrap(),
    );
    let empty = change.repository.find_tree(change.repository.treebuilder(None).unwrap().write().unwrap()).unwrap();
    let root = change.repository.commit(None, &nothing, &nothing, "nothing yet", &empty, &[]).unwrap();
    let root = change.repository.find_commit(root).unwrap();
    let tip = main.get().peel_to_commit().unwrap();
    let merged = change.repository.commit(None, &nothing, &nothing, "main", &tip.tree().unwrap(), &[&root]).unwrap();
    change.repository.branch("main", &change.repository.find_commit(merged).unwrap(), true).unwrap();
    change.repository.branch("early", &root, true).unwrap();
    change.repository.set_head("refs/heads/early").unwrap();
    change.world.write("access/rolecall.yaml", files.replace(moved.0, moved.1));
    commit(&change.repository, "access: from nothing");
    let plan = change.json(0);
    assert_eq!(plan["base"]["left_out"].as_array().unwrap().len(), 1, "{}", plan["base"]);
    // Nothing was there to compare with, so that all of it comes by the change.
    assert_eq!((&plan["base"]["begins"], &plan["base"]["not_told"]), (&"at-start".into(), &Value::Null));
    let causes = causes(&plan);
    assert!(!causes.is_empty() && causes.iter().all(|(_, cause)| cause == "change"), "{causes:?}");
    let text = change.world.plan(&["--base", "main"]).exits(0).stdout;
    assert!(text.contains("environments are those of main.") && !text.contains("taken away"), "{text}");
}

/// The servers that were asked anything since this many requests.
pub(crate) fn asked(change: &Change, since: usize) -> BTreeSet<String> {
    let log = rolecall::sandbox::RequestLog::read(&change.world.path("sandbox")).unwrap();
    log.since(since).lines().iter().map(|line| line.server.clone()).collect()
}

#[test]
fn a_base_that_does_not_hang_together_is_said_and_the_files_are_planned() {
    let change = Change::new(&[JOAN_COMES]);
    change.repository.set_head("refs/heads/main").unwrap();
    let good = change.world.read("access/rolecall.yaml");
    change.world.replace("access/rolecall.yaml", "roles: [full]", "roles: [fool]");
    let broken = commit(&change.repository, "access: a mistake");
    change.world.write("access/rolecall.yaml", good);
    commit(&change.repository, "access: mended");
    let ran = change.world.plan(&["--base", &broken.to_string()]).exits(0);
    let said = "cannot be told from what was off before: the files of";
    assert!(ran.stdout.contains(said) && ran.stdout.contains("joan@contoso.com"), "{}", ran.stdout);
    assert!(ran.stdout.contains("`fool`"), "{}", ran.stdout);
}

#[test]
fn what_is_no_base_is_an_error_with_the_next_step() {
    let change = Change::new(&[JOAN_COMES]);
    let ran = change.world.plan(&["--base", "nobody"]).exits(1);
    assert!(
        ran.stderr.contains("no branch, tag or commit `nobody`") && ran.stderr.contains("git fetch"),
        "{}",
        ran.stderr
    );
    let alone = World::with_files(&[("rolecall.yaml", ROOT)]);
    let ran = alone.plan(&["--base", "main"]).exits(1);
    assert!(ran.stderr.contains("is not in a git repository"), "{}", ran.stderr);
}

#[test]
fn nothing_is_written_for_a_preview() {
    let change = Change::new(&[JOAN_COMES, ("roles: [full]", "roles: [read-only]")]);
    let before = change.world.writes().len();
    let _ = change.world.plan(&["--base", "main"]).exits(0);
    assert_eq!(change.world.writes().len(), before);
}
