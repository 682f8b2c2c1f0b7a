//! What whoever proposes a change must not choose: where it starts, what it is compared with, and where its preview goes.

use git2::{BranchType, Repository};

use crate::base::{Change, JOAN_COMES, asked, commit};

/// A change that starts from the first commit, while `main` has gone on.
fn behind(main: &[(&str, &str)], change: &[(&str, &str)]) -> Change {
    let it = Change::new(change);
    let files = it.world.read("access/rolecall.yaml");
    let head = it.repository.head().unwrap().target().unwrap();
    let before = {
        let first = it.repository.find_branch("main", BranchType::Local).unwrap().get().peel_to_tree().unwrap();
        let entry = first.get_path(std::path::Path::new("access/rolecall.yaml")).unwrap();
        let blob = it.repository.find_blob(entry.id()).unwrap();
        blob.content().to_vec()
    };
    it.world.write("access/rolecall.yaml", before);
    for (from, to) in main {
        it.world.replace("access/rolecall.yaml", from, to);
    }
    it.repository.set_head("refs/heads/main").unwrap();
    commit(&it.repository, "access: main goes on");
    it.repository.reference("refs/heads/change", head, true, "test").unwrap();
    it.repository.set_head("refs/heads/change").unwrap();
    it.world.write("access/rolecall.yaml", files);
    it
}

#[test]
fn how_systems_are_reached_is_as_the_branch_says_by_now() {
    let moved = ("alpha: { type: k3s,", "alpha: { type: k3s, context: prod,");
    let change = behind(&[moved], &[JOAN_COMES]);
    let since = rolecall::sandbox::RequestLog::read(&change.world.path("sandbox")).unwrap().lines().len();
    let plan = change.json(0);
    let why = "main says otherwise how alpha is reached (`context`) since this change started; its files were checked, and \
               nothing was read there";
    assert_eq!(plan["base"]["left_out"], serde_json::json!([why]));
    assert!(!asked(&change, since).iter().any(|server| server.contains("alpha")));
    // What the change starts from is told apart all the same.
    assert!(plan["changes"].as_array().unwrap().iter().any(|one| one["cause"] == "change"), "{plan}");
    // A change that has main's is reached.
    let change = behind(&[moved], &[moved, JOAN_COMES]);
    assert_eq!(change.json(0)["base"]["left_out"], serde_json::json!([]));
    // Another tenant: nothing at all is read.
    let tenant = ("8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f", "11111111-3b4a-4c5d-9e6f-7a8b9c0d1e2f");
    let change = behind(&[tenant], &[JOAN_COMES]);
    let since = rolecall::sandbox::RequestLog::read(&change.world.path("sandbox")).unwrap().lines().len();
    let plan = change.json(0);
    assert!(plan["base"]["left_out"][0].as_str().unwrap().starts_with("main names another tenant"), "{}", plan["base"]);
    assert!(asked(&change, since).is_empty());
}

#[test]
fn what_the_branch_keeps_watch_over_by_now_counts() {
    let watched = (
        "cannot: [list pods in trinity] }\n",
        "cannot: [list pods in trinity] }\n  - { user: joan@contoso.com, environments: [alpha], cannot: [list pods in trinity] }\n",
    );
    let absent = ("  dev: { owners", "  dev: { membership: additive, absent: [eve@contoso.com], owners");
    let change = behind(&[watched, absent], &[JOAN_COMES]);
    let main = change.repository.find_branch("main", BranchType::Local).unwrap().get().target().unwrap();
    let short = main.to_string()[..7].to_owned();
    let plan = change.json(6);
    let weakened: Vec<(&str, &str)> = plan["base"]["weakened"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| (one["kind"].as_str().unwrap(), one["was"]["file"].as_str().unwrap()))
        .collect();
    let file = format!("{short}:access/rolecall.yaml");
    assert_eq!(weakened, ["expectation", "membership", "absent"].map(|kind| (kind, file.as_str())));
    assert!(plan["base"]["left_out"][0].as_str().unwrap().starts_with("main has gone on since"), "{}", plan["base"]);
    let judged = plan["expectations"].as_array().unwrap();
    assert!(judged.iter().any(|one| one["origin"]["file"] == file.as_str()), "{judged:?}");
}

#[test]
fn a_folder_that_is_a_repository_by_its_files_changes_nothing() {
    let change = Change::new(&[("protected: true, ", ""), JOAN_COMES]);
    let bare = Repository::init_bare(change.world.path("access")).unwrap();
    let mut tree = bare.treebuilder(None).unwrap();
    let files = bare.blob(change.world.read("access/rolecall.yaml").as_bytes()).unwrap();
    tree.insert("rolecall.yaml", files, 0o100_644).unwrap();
    let tree = bare.find_tree(tree.write().unwrap()).unwrap();
    let who = git2::Signature::now("Mallory", "m@contoso.com").unwrap();
    bare.commit(Some("refs/heads/main"), &who, &who, "own", &tree, &[]).unwrap();
    commit(&change.repository, "access: with a repository of its own");
    let plan = change.json(0);
    assert_eq!(plan["base"]["weakened"][0]["kind"], "protected", "{}", plan["base"]);
}

#[cfg(unix)]
#[test]
fn a_link_in_place_of_the_folder_is_an_error() {
    let change = Change::new(&[JOAN_COMES]);
    std::fs::rename(change.world.path("access"), change.world.path("old")).unwrap();
    std::os::unix::fs::symlink("old", change.world.path("access")).unwrap();
    let ran = change.world.plan(&["--base", "main"]).exits(1);
    assert!(ran.stderr.contains("access is a link among the files") && ran.stdout.is_empty(), "{}", ran.all());
    // Without `--base`, a link is as good as any path.
    let _ = change.world.plan(&[]).exits(0);
}

#[test]
fn a_change_that_is_none_says_so_and_a_name_that_is_two_branches_says_which() {
    let change = Change::new(&[JOAN_COMES]);
    let tip = change.repository.head().unwrap().target().unwrap();
    let first = change.repository.find_branch("main", BranchType::Local).unwrap().get().target().unwrap();
    change.repository.reference("refs/remotes/origin/main", tip, true, "test").unwrap();
    let ran = change.world.plan(&["--base", "main", "--output", "json"]).exits(0);
    assert!(ran.stderr.contains("note: `main` is refs/remotes/origin/main here"), "{}", ran.stderr);
    let plan: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert!(plan["base"]["left_out"][0].as_str().unwrap().contains("there is no change here to preview"), "{plan}");
    let ran = change.world.plan(&["--base", "refs/heads/main", "--output", "json"]).exits(0);
    assert!(!ran.stderr.contains("note:") && ran.stdout.contains(&first.to_string()), "{}", ran.stderr);
    let ran = change.world.plan(&["--base", ""]).exits(64);
    assert!(ran.stderr.contains("is the variable set that it is taken from?"), "{}", ran.stderr);
}

#[test]
fn a_commit_with_more_names_than_any_config_is_an_error() {
    let change = Change::new(&[JOAN_COMES]);
    let repository = &change.repository;
    let (mut id, mut kind) = (repository.blob(b"groups: {}\n").unwrap(), 0o100_644);
    for _ in 0..7 {
        let mut tree = repository.treebuilder(None).unwrap();
        for name in 0..10 {
            tree.insert(format!("{name}.yaml"), id, kind).unwrap();
        }
        (id, kind) = (tree.write().unwrap(), 0o040_000);
    }
    let main = repository.find_branch("main", BranchType::Local).unwrap().get().peel_to_commit().unwrap();
    let top = main.tree().unwrap();
    let access = top.get_name("access").unwrap().to_object(repository).unwrap().peel_to_tree().unwrap();
    let mut builder = repository.treebuilder(Some(&access)).unwrap();
    builder.insert("many", id, 0o040_000).unwrap();
    let access = builder.write().unwrap();
    let mut builder = repository.treebuilder(Some(&top)).unwrap();
    builder.insert("access", access, 0o040_000).unwrap();
    let tree = repository.find_tree(builder.write().unwrap()).unwrap();
    let who = git2::Signature::now("Mallory", "m@contoso.com").unwrap();
    repository.commit(Some("refs/heads/main"), &who, &who, "many", &tree, &[&main]).unwrap();
    let ran = change.world.plan(&["--base", "main"]).exits(1);
    assert!(
        ran.stderr.contains("cannot be read") && ran.stderr.contains("more than 10000 YAML files"),
        "{}",
        ran.stderr
    );
}

#[test]
fn a_branch_whose_files_do_not_hang_together_is_said() {
    let change = behind(&[("roles: [full]", "roles: [fool]")], &[JOAN_COMES]);
    let plan = change.json(0);
    let said = plan["base"]["left_out"][0].as_str().unwrap();
    assert!(said.starts_with("The files of main do not hang together") && said.contains("`fool`"), "{said}");
}
