//! Repositories by somebody who means harm: what is checked out must not choose what it is compared with.

use std::collections::BTreeMap;
use std::path::Path;

use fs_err as fs;
use git2::{ObjectType, Oid, Repository, Signature, Time};

use super::base::{World, commit, text, who};
use crate::git::history::History;
use crate::git::{Base, NoBase, base, head, touched_lines};

fn named(path: &Path, folder: &Path, reference: &str) -> Result<Base, NoBase> {
    base(path, folder, reference)
}

fn refused(path: &Path, reference: &str) -> NoBase {
    let folder = fs::canonicalize(path).unwrap();
    named(path, &folder, reference).map(|base| base.commit).unwrap_err()
}

#[test]
fn files_that_look_like_a_repository_are_none() {
    let world = World::new();
    let access = world.folder.path().join("access");
    // What `git init --bare` makes, committed as plain files beside the access files; its `main` is the change itself.
    let bare = Repository::init_bare(&access).unwrap();
    bare.reference("refs/heads/main", own_commit(&bare), true, "test").unwrap();
    bare.set_head("refs/heads/main").unwrap();
    commit(&world.repository, "access: a repository of its own");
    let found = world.base("main").unwrap();
    assert_eq!(found.commit, world.first.to_string());
    assert_eq!(text(&found, "/access/rolecall.yaml"), "version: 1\n");
    let outer = world.repository.head().unwrap().target().unwrap().to_string();
    assert_eq!(head(&access).unwrap().commit, outer);
    let (history, inside) = History::open(&access).unwrap();
    assert_eq!((history.head().unwrap().to_string(), &*inside), (outer, "access"));
}

fn own_commit(repository: &Repository) -> Oid {
    let mut tree = repository.treebuilder(None).unwrap();
    tree.insert("rolecall.yaml", repository.blob(b"version: 9\n").unwrap(), 0o100_644).unwrap();
    let tree = repository.find_tree(tree.write().unwrap()).unwrap();
    repository.commit(None, &who(), &who(), "own", &tree, &[]).unwrap()
}

#[test]
fn a_submodule_in_place_of_the_folder_is_refused() {
    let world = World::new();
    let access = world.folder.path().join("access");
    fs::remove_dir_all(&access).unwrap();
    let own = Repository::init(&access).unwrap();
    fs::write(access.join("rolecall.yaml"), "version: 9\n").unwrap();
    let id = own_commit(&own);
    own.reference("refs/heads/main", id, true, "test").unwrap();
    own.set_head("refs/heads/main").unwrap();
    assert!(refused(&access, "main").what.contains("keeps it"), "files are kept in its place");
    // As a submodule: the entry is the commit of the other repository.
    let mut tree = world.repository.treebuilder(None).unwrap();
    tree.insert("access", id, 0o160_000).unwrap();
    let tree = world.repository.find_tree(tree.write().unwrap()).unwrap();
    let parent = world.repository.head().unwrap().peel_to_commit().unwrap();
    world.repository.commit(Some("HEAD"), &who(), &who(), "a submodule", &tree, &[&parent]).unwrap();
    let refusal = refused(&access, "main");
    assert!(refusal.what.contains("within another one") && refusal.next.contains("on its own"), "{refusal}");
}

#[test]
fn a_checkout_that_nobody_keeps_is_a_repository_of_its_own() {
    let world = World::new();
    let beside = world.folder.path().join("beside");
    let own = Repository::init(&beside).unwrap();
    fs::write(beside.join("rolecall.yaml"), "version: 9\n").unwrap();
    let id = own_commit(&own);
    own.reference("refs/heads/trunk", id, true, "test").unwrap();
    own.set_head("refs/heads/trunk").unwrap();
    assert_eq!(base(&beside, &beside, "trunk").unwrap().commit, id.to_string());
}

#[cfg(unix)]
#[test]
fn a_git_directory_among_its_own_files_is_refused() {
    let world = World::new();
    fs::rename(world.folder.path().join(".git"), world.folder.path().join("store")).unwrap();
    fs::write(world.folder.path().join(".git"), "gitdir: store\n").unwrap();
    let refusal = refused(&world.folder.path().join("access"), "main");
    assert!(refusal.what.contains("lies among the files that it keeps"), "{refusal}");
}

#[cfg(unix)]
#[test]
fn a_link_in_place_of_the_folder_is_refused() {
    let world = World::new();
    let top = world.folder.path();
    fs::rename(top.join("access"), top.join("old")).unwrap();
    std::os::unix::fs::symlink("old", top.join("access")).unwrap();
    commit(&world.repository, "access: a link");
    for path in ["access", "access/teams", "access/rolecall.yaml"] {
        let refusal = named(&top.join(path), &top.join("old"), "main").map(|base| base.commit).unwrap_err();
        assert!(refusal.what.contains("is a link among the files"), "{path}: {refusal}");
        assert!(refusal.next.contains("name the folder"), "{path}: {}", refusal.next);
    }
    // One that leads into the repository from elsewhere is nobody's but who runs it.
    let elsewhere = tempfile::tempdir().unwrap();
    let link = elsewhere.path().join("here");
    std::os::unix::fs::symlink(top.join("old"), &link).unwrap();
    assert!(named(&link, &top.join("old"), "main").is_ok());
}

#[test]
fn a_root_file_at_another_place_is_refused() {
    let world = World::new();
    let top = world.folder.path();
    fs::rename(top.join("access/rolecall.yaml"), top.join("rolecall.yaml")).unwrap();
    commit(&world.repository, "access: the root file is above");
    let refusal = named(&top.join("access"), top, "main").map(|base| base.commit).unwrap_err();
    assert_eq!(refusal.what, "the root file is access/rolecall.yaml in main, and rolecall.yaml here");
    // A folder that the branch does not have at all is new.
    assert!(named(top, top, "main").is_ok());
}

#[test]
fn a_name_is_a_branch_before_it_is_the_beginning_of_an_id() {
    let world = World::new();
    let tip = world.repository.head().unwrap().target().unwrap().to_string();
    // A branch of the origin's that is called as the change's own commit begins.
    let face = &tip[..7];
    world.repository.reference(&format!("refs/remotes/origin/{face}"), world.first, true, "test").unwrap();
    assert_eq!(world.base(face).unwrap().commit, world.first.to_string());
    assert_eq!(world.base(&format!("{face}~0")).unwrap().commit, world.first.to_string());
    let refusal = world.refusal(&tip[..8]);
    assert!(refusal.what.contains("must be written in full") && refusal.next.contains("git rev-parse"), "{refusal}");
    // Nor is a branch called as a whole id taken for it.
    let first = world.first.to_string();
    let other = Oid::from_str(&tip).unwrap();
    world.repository.reference(&format!("refs/remotes/origin/{first}"), other, true, "test").unwrap();
    assert_eq!(world.base(&first).unwrap().commit, first);
}

#[test]
fn the_origin_s_branch_is_taken_before_a_local_one_of_that_name() {
    let world = World::new();
    let tip = world.repository.head().unwrap().target().unwrap();
    world.repository.reference("refs/remotes/origin/main", world.first, true, "test").unwrap();
    assert_eq!(world.base("main").unwrap().taken, None, "both are one commit");
    // The branch of the change is called main as well, or origin/main.
    world.branch("main", tip);
    world.branch("origin/main", tip);
    for name in ["main", "origin/main"] {
        let found = world.base(name).unwrap();
        assert_eq!(found.commit, world.first.to_string(), "{name}");
        let taken = found.taken.unwrap();
        assert!(taken.starts_with(&format!("`{name}` is refs/remotes/origin/main here")), "{taken}");
    }
    assert_eq!(world.base("refs/heads/main").unwrap().commit, tip.to_string());
    assert!(world.base("refs/heads/main").unwrap().is_merged);
}

/// A tree of `width` names for the same tree, `depth` times over.
fn bomb(repository: &Repository, depth: usize, width: usize) -> Oid {
    let mut id = repository.blob(b"groups: {}\n").unwrap();
    let mut kind = 0o100_644;
    for _ in 0..depth {
        let mut tree = repository.treebuilder(None).unwrap();
        for name in 0..width {
            tree.insert(format!("{name}.yaml"), id, kind).unwrap();
        }
        (id, kind) = (tree.write().unwrap(), 0o040_000);
    }
    id
}

/// Puts a tree in place of the folder, in a commit of its own on `main`, and the change on top.
fn planted(world: &World, folder: Oid) {
    let mut tree = world.repository.treebuilder(None).unwrap();
    let mut access = world.repository.treebuilder(None).unwrap();
    access.insert("rolecall.yaml", world.repository.blob(b"version: 1\n").unwrap(), 0o100_644).unwrap();
    access.insert("many", folder, 0o040_000).unwrap();
    tree.insert("access", access.write().unwrap(), 0o040_000).unwrap();
    let tree = world.repository.find_tree(tree.write().unwrap()).unwrap();
    let main = world.repository.find_branch("main", git2::BranchType::Local).unwrap().get().peel_to_commit().unwrap();
    let who = Signature::new("Mallory", "m@contoso.com", &Time::new(0, 0)).unwrap();
    let id = world.repository.commit(Some("refs/heads/main"), &who, &who, "many", &tree, &[&main]).unwrap();
    world.repository.reference("refs/heads/change", id, true, "test").unwrap();
    let head = world.repository.find_commit(id).unwrap();
    let first = world.repository.find_commit(world.first).unwrap().tree().unwrap();
    world.repository.commit(Some("HEAD"), &who, &who, "gone again", &first, &[&head]).unwrap();
}

#[test]
fn ten_million_names_in_eight_objects_are_not_read() {
    let world = World::new();
    planted(&world, bomb(&world.repository, 7, 10));
    let found = world.base("main").unwrap();
    let mut waiting = vec![found.tree.root().to_owned()];
    let mut seen = 0_usize;
    while let Some(folder) = waiting.pop() {
        let Ok(entries) = found.tree.entries(&folder) else { break };
        seen += entries.len();
        waiting
            .extend(entries.into_iter().map(|(name, _)| folder.join(name)).filter(|path| found.tree.is_folder(path)));
    }
    assert_eq!(found.tree.given_up().unwrap(), "the folder has more than 250000 names");
    assert!(seen <= 250_000, "{seen}");
    let why = touched_lines(&found, &BTreeMap::new(), &BTreeMap::new()).unwrap_err();
    assert!(why.contains("more than 250000 names that differ"), "{why}");
    let (history, folder) = History::open(&world.folder.path().join("access")).unwrap();
    let at = history.commit(history.head().unwrap()).unwrap().parents[0];
    let error = history.files(at, &folder).unwrap_err();
    assert!(error.what.contains("more than 10000 YAML files"), "{error:?}");
    assert!(history.reads() < 100, "{}", history.reads());
}

#[test]
fn folders_without_end_are_not_followed() {
    let world = World::new();
    planted(&world, bomb(&world.repository, 5_000, 1));
    let found = world.base("main").unwrap();
    let mut folder = found.tree.root().join("many");
    while found.tree.given_up().is_none() {
        let entries = found.tree.entries(&folder).unwrap_or_default();
        let Some((name, _)) = entries.into_iter().next() else { break };
        folder.push(name);
    }
    assert_eq!(found.tree.given_up().unwrap(), "the folder has more than 64 folders within one another");
    let why = touched_lines(&found, &BTreeMap::new(), &BTreeMap::new()).unwrap_err();
    assert!(why.contains("64 folders within one another"), "{why}");
    let (history, folder) = History::open(&world.folder.path().join("access")).unwrap();
    let at = history.commit(history.head().unwrap()).unwrap().parents[0];
    assert!(history.files(at, &folder).unwrap_err().what.contains("64 folders within one another"));
}

#[test]
fn a_folder_of_many_bytes_and_a_link_of_many_are_not_read() {
    let world = World::new();
    let odb = world.repository.odb().unwrap();
    let (blob, name) = (world.repository.blob(b"a: b\n").unwrap(), "n".repeat(300));
    let entry = |name: &str| [b"100644 ", name.as_bytes(), b"\0", blob.as_bytes()].concat();
    planted(&world, odb.write(ObjectType::Tree, &entry(&name)).unwrap());
    let found = world.base("main").unwrap();
    assert!(found.tree.entries(&found.tree.root().join("many")).is_err());
    assert_eq!(found.tree.given_up().unwrap(), "the folder has a name of more than 255 bytes");
    let large = (0..70_000).flat_map(|at| entry(&format!("{at:06}{}", "n".repeat(220)))).collect::<Vec<u8>>();
    let world = World::new();
    planted(&world, world.repository.odb().unwrap().write(ObjectType::Tree, &large).unwrap());
    let found = world.base("main").unwrap();
    assert!(found.tree.entries(&found.tree.root().join("many")).is_err());
    assert!(found.tree.given_up().unwrap().contains("bytes of names"), "{:?}", found.tree.given_up());
    let world = World::new();
    let target = world.repository.blob(&b"x/".repeat(5_000)).unwrap();
    let mut tree = world.repository.treebuilder(None).unwrap();
    tree.insert("far.yaml", target, 0o120_000).unwrap();
    planted(&world, tree.write().unwrap());
    let found = world.base("main").unwrap();
    let error = found.tree.real(&found.tree.root().join("many/far.yaml")).unwrap_err();
    assert!(error.to_string().contains("holds no path"), "{error}");
}

#[test]
fn a_folder_that_moved_among_ten_million_names_is_not_looked_for() {
    let world = World::new();
    // The commit that brings the root file takes away a great many names at once.
    let mut tree = world.repository.treebuilder(None).unwrap();
    tree.insert("many", bomb(&world.repository, 7, 10), 0o040_000).unwrap();
    let tree = world.repository.find_tree(tree.write().unwrap()).unwrap();
    let root = world.repository.commit(None, &who(), &who(), "many", &tree, &[]).unwrap();
    let root = world.repository.find_commit(root).unwrap();
    let access = world.repository.find_commit(world.first).unwrap().tree().unwrap();
    world.repository.commit(Some("refs/heads/new"), &who(), &who(), "new", &access, &[&root]).unwrap();
    world.repository.set_head("refs/heads/new").unwrap();
    let (history, folder) = History::open(&world.folder.path().join("access")).unwrap();
    let head = history.head().unwrap();
    let place = crate::git::history::Place { files: history.files(head, &folder).unwrap(), folder };
    let before = history.before(head, &place, history.commit(head).unwrap().parents[0]).unwrap();
    assert_eq!((before.files.len(), &*before.folder), (0, "access"));
}
