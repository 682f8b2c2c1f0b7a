//! Walking the commits of real repositories, and what it costs.

use std::rc::Rc;

use fs_err as fs;
use git2::{IndexAddOption, Oid, Repository, Signature, Time};
use tempfile::TempDir;

use crate::git::blame::{Reader, Unread, since};
use crate::git::history::{Files, History, Id, Place};
use crate::state::history::Since;

struct World {
    folder: TempDir,
    repository: Repository,
}

fn who(name: &str, second: i64) -> Signature<'static> {
    Signature::new(name, "erin@contoso.com", &Time::new(second, -480)).unwrap()
}

impl World {
    fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut options = git2::RepositoryInitOptions::new();
        let repository = Repository::init_opts(folder.path(), options.initial_head("main")).unwrap();
        Self { folder, repository }
    }

    fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    fn commit(&self, message: &str) -> Oid {
        let mut index = self.repository.index().unwrap();
        index.add_all(["*"], IndexAddOption::DEFAULT, None).unwrap();
        index.update_all(["*"], None).unwrap();
        index.write().unwrap();
        let tree = self.repository.find_tree(index.write_tree().unwrap()).unwrap();
        let parent = self.repository.head().ok().and_then(|head| head.peel_to_commit().ok());
        let who = who("Erin", 1_772_366_400);
        self.repository.commit(Some("HEAD"), &who, &who, message, &tree, &parent.iter().collect::<Vec<_>>()).unwrap()
    }

    fn open(&self) -> (History, Rc<str>) {
        History::open(&self.folder.path().join("access")).unwrap()
    }
}

/// Looks for a text, and counts how often a file is read for it.
struct Texts<'h> {
    history: &'h History,
    read: usize,
}

impl Reader for Texts<'_> {
    type Value = String;

    fn before(&mut self, value: &String, _: &Files, before: &Files) -> Result<Option<String>, Unread> {
        let mut found = None;
        for id in before.values() {
            self.read += 1;
            let text = self.history.text(*id, 1_000_000)?.unwrap_or_default();
            if text.contains(value.as_str()) {
                found = Some(value.clone());
            }
        }
        Ok(found)
    }
}

fn asked(world: &World, value: &str) -> (Since, usize, usize) {
    let (history, folder) = world.open();
    let now = history.files(history.head().unwrap(), &folder).unwrap();
    let mut texts = Texts { history: &history, read: 0 };
    let since = since(&history, &folder, &now, vec![value.to_owned()], &mut texts).unwrap();
    let read = texts.read;
    (since.into_iter().next().unwrap(), read, history.reads())
}

fn id(since: &Since) -> String {
    match since {
        Since::Revision(revision) => revision.id.clone(),
        other => format!("{other:?}"),
    }
}

#[test]
fn files_are_the_yaml_files_of_the_folder() {
    let world = World::new();
    world.write("access/rolecall.yaml", "version: 1\n");
    world.write("access/teams/a.YML", "groups: {}\n");
    world.write("access/.hidden/b.yaml", "groups: {}\n");
    world.write("access/notes.txt", "words\n");
    world.write("elsewhere/c.yaml", "groups: {}\n");
    world.commit("first");
    let (history, folder) = world.open();
    let files = history.files(history.head().unwrap(), &folder).unwrap();
    assert_eq!(files.keys().collect::<Vec<_>>(), ["rolecall.yaml", "teams/a.YML"]);
    assert_eq!(files.get("teams/a.YML"), Id::of(b"groups: {}\n").as_ref());
}

#[test]
fn thousands_of_commits_that_leave_the_files_alone_cost_a_few_objects_each() {
    let world = World::new();
    world.write("access/rolecall.yaml", "alice\n");
    for team in 0..50 {
        world.write(&format!("access/teams/{team}.yaml"), "groups: {}\n");
    }
    let first = world.commit("first");
    world.write("access/rolecall.yaml", "alice, bob\n");
    let mut tip = world.repository.find_commit(world.commit("second")).unwrap();
    // Straight into the object database: the folder beside it changes with every commit.
    let access = tip.tree().unwrap().get_name("access").unwrap().id();
    let commits = 2_000;
    for at in 0..commits {
        let blob = world.repository.blob(format!("{at}").as_bytes()).unwrap();
        let mut tree = world.repository.treebuilder(None).unwrap();
        tree.insert("access", access, 0o040_000).unwrap();
        tree.insert("other.txt", blob, 0o100_644).unwrap();
        let tree = world.repository.find_tree(tree.write().unwrap()).unwrap();
        let id = world.repository.commit(None, &who("Erin", at), &who("Erin", at), "other", &tree, &[&tip]).unwrap();
        tip = world.repository.find_commit(id).unwrap();
    }
    world.repository.reference("refs/heads/main", tip.id(), true, "test").unwrap();
    let (since, texts, objects) = asked(&world, "alice");
    assert_eq!(id(&since), first.to_string());
    assert_eq!(texts, 51, "the files are read once, at the only commit that changed one");
    let each = usize::try_from(commits).unwrap() * 2;
    assert!((each..each + 100).contains(&objects), "a commit and its top tree each, not {objects}");
}

#[test]
fn the_first_merge_on_the_way_names_the_pull_request() {
    let world = World::new();
    world.write("access/rolecall.yaml", "alice\n");
    let base = world.commit("first");
    world.write("access/rolecall.yaml", "alice, bob\n");
    let inner = world.commit("bob (#7)");
    let commit = |id: Oid| world.repository.find_commit(id).unwrap();
    // A branch of the branch is merged first.
    let who = who("Hub", 0);
    let merge = |message: &str, one: Oid, other: Oid| {
        let tree = commit(inner).tree().unwrap();
        world.repository.commit(None, &who, &who, message, &tree, &[&commit(one), &commit(other)]).unwrap()
    };
    let into_branch = merge("Merge pull request #8 from x", base, inner);
    let into_main = merge("Merge pull request #9 from y", base, into_branch);
    world.repository.reference("refs/heads/main", into_main, true, "test").unwrap();
    let (since, ..) = asked(&world, "bob");
    let Since::Revision(revision) = since else { panic!("{since:?}") };
    assert_eq!(revision.id, inner.to_string());
    assert_eq!(revision.pull_request.unwrap().to_string(), "#9");
    assert_eq!(revision.date, "2026-03-01");
}

#[test]
fn a_value_of_the_main_line_is_not_taken_for_the_branch_s() {
    let world = World::new();
    world.write("access/rolecall.yaml", "alice\n");
    let base = world.commit("first");
    world.write("access/rolecall.yaml", "alice, bob\n");
    let main = world.commit("bob on main");
    let commit = |id: Oid| world.repository.find_commit(id).unwrap();
    let who = who("Mallory", 0);
    let tree = commit(main).tree().unwrap();
    let branch = world.repository.commit(None, &who, &who, "bob again", &tree, &[&commit(base)]).unwrap();
    let merge = world.repository.commit(None, &who, &who, "merge", &tree, &[&commit(main), &commit(branch)]).unwrap();
    world.repository.reference("refs/heads/main", merge, true, "test").unwrap();
    assert_eq!(id(&asked(&world, "bob").0), main.to_string());
}

#[test]
fn a_folder_that_moved_is_found_by_its_root_file() {
    let world = World::new();
    world.write("old/place/rolecall.yaml", "alice\n");
    world.write("old/place/a.yaml", "more\n");
    let first = world.commit("first");
    fs::create_dir_all(world.folder.path().join("access")).unwrap();
    for name in ["rolecall.yaml", "a.yaml"] {
        let from = world.folder.path().join("old/place").join(name);
        fs::rename(from, world.folder.path().join("access").join(name)).unwrap();
    }
    let second = world.commit("moved");
    let (history, folder) = world.open();
    let head = history.head().unwrap();
    let place = Place { files: history.files(head, &folder).unwrap(), folder };
    let parent = history.commit(head).unwrap().parents[0];
    let before = history.before(head, &place, parent).unwrap();
    assert_eq!((&*before.folder, before.files == place.files), ("old/place", true));
    assert_eq!((head.to_string(), parent.to_string()), (second.to_string(), first.to_string()));
    assert_eq!(id(&asked(&world, "alice").0), first.to_string());
}

#[test]
fn a_lacking_object_is_named_with_what_to_do() {
    let world = World::new();
    world.write("access/rolecall.yaml", "alice\n");
    let first = world.commit("first").to_string();
    world.write("access/rolecall.yaml", "alice, bob\n");
    world.commit("second");
    let object = world.repository.path().join("objects").join(&first[..2]).join(&first[2..]);
    fs::remove_file(object).unwrap();
    let (history, folder) = world.open();
    let now = history.files(history.head().unwrap(), &folder).unwrap();
    let mut texts = Texts { history: &history, read: 0 };
    let error = since(&history, &folder, &now, vec!["alice".to_owned()], &mut texts).unwrap_err();
    assert!(error.what.contains("lacks an object") && error.next.contains("git fetch"), "{error:?}");
}
