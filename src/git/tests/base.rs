//! The base of a change, in real repositories.

use std::path::{Path, PathBuf};

use fs_err as fs;
use git2::{Oid, Repository, Signature, Time};
use tempfile::TempDir;

use crate::git::{Base, Content, NoBase, Tree, base};

/// A repository with `access/rolecall.yaml` on `main`, and a change on a branch that is checked out.
pub(super) struct World {
    pub(super) folder: TempDir,
    pub(super) repository: Repository,
    pub(super) first: Oid,
}

pub(super) fn who() -> Signature<'static> {
    Signature::new("Erin", "erin@contoso.com", &Time::new(0, 0)).unwrap()
}

/// Commits everything in the folder on the branch that is checked out.
pub(super) fn commit(repository: &Repository, message: &str) -> Oid {
    let mut index = repository.index().unwrap();
    index.add_all(["*"], git2::IndexAddOption::DEFAULT, None).unwrap();
    index.update_all(["*"], None).unwrap();
    index.write().unwrap();
    let tree = repository.find_tree(index.write_tree().unwrap()).unwrap();
    let parent = repository.head().ok().and_then(|head| head.peel_to_commit().ok());
    repository.commit(Some("HEAD"), &who(), &who(), message, &tree, &parent.iter().collect::<Vec<_>>()).unwrap()
}

impl World {
    pub(super) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let mut options = git2::RepositoryInitOptions::new();
        let repository = Repository::init_opts(folder.path(), options.initial_head("main")).unwrap();
        let world = |first| Self { folder, repository, first };
        let mut world = world(Oid::ZERO_SHA1);
        world.write("access/rolecall.yaml", "version: 1\n");
        world.write("access/teams/trinity.yaml", "groups: {}\n");
        world.write("elsewhere.yaml", "not: ours\n");
        world.first = commit(&world.repository, "access: first");
        world.branch("change", world.first);
        world.check_out("change");
        world.write("access/rolecall.yaml", "version: 2\n");
        commit(&world.repository, "access: a change");
        world
    }

    pub(super) fn write(&self, path: &str, text: &str) {
        let path = self.folder.path().join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    pub(super) fn branch(&self, name: &str, at: Oid) {
        drop(self.repository.branch(name, &self.repository.find_commit(at).unwrap(), true).unwrap());
    }

    pub(super) fn check_out(&self, branch: &str) {
        self.repository.set_head(&format!("refs/heads/{branch}")).unwrap();
        self.repository.checkout_head(Some(git2::build::CheckoutBuilder::new().force())).unwrap();
    }

    pub(super) fn base(&self, reference: &str) -> Result<Base, NoBase> {
        let access = self.folder.path().join("access");
        base(&access, &access, reference)
    }

    pub(super) fn refusal(&self, reference: &str) -> NoBase {
        self.base(reference).map(|base| base.commit).unwrap_err()
    }
}

pub(super) fn text(base: &Base, path: &str) -> String {
    match base.tree.content(&base.tree.real(Path::new(path)).unwrap(), 1_000).unwrap() {
        Content::Bytes(bytes) => String::from_utf8(bytes).unwrap(),
        other => format!("{other:?}"),
    }
}

#[test]
fn the_files_are_those_of_the_commit_in_common() {
    let world = World::new();
    // What the other side did since is no part of the change.
    world.check_out("main");
    world.write("access/rolecall.yaml", "version: 3\n");
    commit(&world.repository, "access: meanwhile");
    world.check_out("change");
    let base = world.base("main").unwrap();
    assert_eq!((base.commit.as_str(), base.short.as_str()), (&*world.first.to_string(), &world.first.to_string()[..7]));
    assert_eq!(text(&base, "/access/rolecall.yaml"), "version: 1\n");
    assert!(!base.is_shallow);
    let names = |folder: &str| {
        let entries = base.tree.entries(Path::new(folder)).unwrap().into_iter();
        let mut names: Vec<String> = entries.map(|(name, _)| name.to_str().unwrap().to_owned()).collect();
        names.sort();
        names
    };
    assert_eq!(names("/access"), ["rolecall.yaml", "teams"]);
    assert_eq!(names("/access/teams"), ["trinity.yaml"]);
    assert_eq!(base.tree.root(), Path::new("/access"));
}

#[test]
fn a_tag_a_commit_and_a_branch_of_the_origin_are_found_too() {
    let world = World::new();
    let first = world.repository.find_object(world.first, None).unwrap();
    world.repository.tag_lightweight("v1", &first, false).unwrap();
    world.repository.reference("refs/remotes/origin/trunk", world.first, true, "test").unwrap();
    let first = world.first.to_string();
    for name in [
        "v1",
        "trunk",
        "origin/trunk",
        "remotes/origin/trunk",
        "tags/v1",
        "HEAD^",
        "@~1",
        "HEAD~1",
        "v1^0",
        "v1^{commit}",
        &first,
    ] {
        assert_eq!(world.base(name).unwrap().commit, world.first.to_string(), "{name}");
    }
}

#[test]
fn a_detached_head_and_a_worktree_have_a_base() {
    let world = World::new();
    let head = world.repository.head().unwrap().peel_to_commit().unwrap().id();
    world.repository.set_head_detached(head).unwrap();
    assert_eq!(world.base("main").unwrap().commit, world.first.to_string());
    let beside = tempfile::tempdir().unwrap();
    let mut options = git2::WorktreeAddOptions::new();
    let reference = world.repository.find_reference("refs/heads/change").unwrap();
    world.repository.worktree("beside", &beside.path().join("it"), Some(options.reference(Some(&reference)))).unwrap();
    let access = beside.path().join("it/access");
    let found = base(&access, &access, "main").unwrap();
    assert_eq!((found.commit, text_at(&found.tree)), (world.first.to_string(), "/access".to_owned()));
}

fn text_at(tree: &Tree) -> String {
    tree.root().display().to_string()
}

#[test]
fn what_has_no_base_says_why_and_what_to_do() {
    let world = World::new();
    assert_eq!(world.refusal("nobody").what, "the repository has no branch, tag or commit `nobody`");
    assert!(world.refusal("mian").next.starts_with("did you mean `main`? Else fetch it"));
    let head = world.repository.head().unwrap().peel(git2::ObjectType::Commit).unwrap();
    world.repository.tag_lightweight("main", &head, false).unwrap();
    assert_eq!(world.refusal("main").what, "`main` is a tag and a branch");
    assert_eq!(world.base("refs/heads/main").unwrap().commit, world.first.to_string());
    let short = "the repository has no commit `HEAD~9`: nothing is called so, or the history is not as long";
    assert_eq!(world.refusal("HEAD~9").what, short);
    let fetch = "fetch it (`git fetch origin +refs/heads/trunk:refs/remotes/origin/trunk`), or name another";
    for name in ["origin/trunk", "refs/remotes/origin/trunk", "refs/heads/trunk"] {
        assert_eq!(world.refusal(name).next, fetch, "{name}");
    }
    assert!(world.refusal("^").what.starts_with("git does not understand `^`"));
    assert!(world.refusal("HEAD^{tree}").what.starts_with("git does not understand `HEAD^{tree}`"));
    let none = world.refusal(&"0".repeat(40));
    assert!(none.what.ends_with("stands for no commit") && none.next.contains("name of the branch"), "{none}");
    let lacking = world.refusal(&"1".repeat(40));
    assert_eq!(lacking.next, format!("fetch it: `git fetch origin {}`", "1".repeat(40)));
    // A history of its own.
    let tree = world.repository.find_tree(world.repository.treebuilder(None).unwrap().write().unwrap()).unwrap();
    let alone = world.repository.commit(Some("refs/heads/alone"), &who(), &who(), "alone", &tree, &[]).unwrap();
    assert!(world.refusal("alone").what.contains("their histories are unrelated"), "{alone}");
    let outside = tempfile::tempdir().unwrap();
    let refusal = base(outside.path(), outside.path(), "main").map(|base| base.commit).unwrap_err();
    assert!(refusal.what.ends_with("is not in a git repository"), "{refusal}");
}

#[test]
fn a_shallow_clone_says_what_to_fetch() {
    let world = World::new();
    let tip = world.repository.head().unwrap().peel_to_commit().unwrap().id();
    let clone = tempfile::tempdir().unwrap();
    let shallow = Repository::init(clone.path()).unwrap();
    // What `git clone --depth 1` makes: the commit without its parents, which the file names.
    copy(&world.repository.path().join("objects"), &shallow.path().join("objects"));
    fs::remove_file(object(shallow.path(), world.first)).unwrap();
    fs::write(shallow.path().join("shallow"), format!("{tip}\n")).unwrap();
    let shallow = Repository::open(clone.path()).unwrap();
    shallow.reference("refs/heads/change", tip, true, "test").unwrap();
    shallow.set_head("refs/heads/change").unwrap();
    shallow.checkout_head(Some(git2::build::CheckoutBuilder::new().force())).unwrap();
    let access = clone.path().join("access");
    let refusal = |name: &str| base(&access, &access, name).map(|base| base.commit).unwrap_err();
    let unknown = refusal("main");
    assert!(unknown.what.contains("without the whole history") && unknown.next.contains("fetch-depth: 0"), "{unknown}");
    let fetch = "git fetch --unshallow origin +refs/heads/main:refs/remotes/origin/main";
    assert!(unknown.next.contains(fetch), "{}", unknown.next);
    let parent = refusal("HEAD^1");
    assert!(parent.what.contains("without the whole history") && parent.next.contains("fetch-depth: 2"), "{parent}");
}

fn object(git: &Path, id: Oid) -> PathBuf {
    let id = id.to_string();
    git.join("objects").join(&id[..2]).join(&id[2..])
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        let to = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

#[cfg(unix)]
#[test]
fn links_are_followed_as_on_a_disk() {
    let world = World::new();
    let access = world.folder.path().join("access");
    let link = |to: &str, at: &str| std::os::unix::fs::symlink(to, access.join(at)).unwrap();
    link("teams", "squads");
    link("../squads/trinity.yaml", "teams/again.yaml");
    link("../elsewhere.yaml", "out.yaml");
    link("nowhere.yaml", "broken.yaml");
    link("circle.yaml", "circle.yaml");
    link("/etc/hosts", "far.yaml");
    commit(&world.repository, "access: links");
    let tree = world.base("HEAD").unwrap().tree;
    let real = |path: &str| tree.real(Path::new(path)).map(|real| real.display().to_string());
    assert_eq!(real("/access/squads").unwrap(), "/access/teams");
    assert_eq!(real("/access/teams/again.yaml").unwrap(), "/access/teams/trinity.yaml");
    assert_eq!(real("/access/out.yaml").unwrap(), "/elsewhere.yaml");
    assert_eq!(real("/access/far.yaml").unwrap(), "/etc/hosts");
    assert_eq!(real("/access/broken.yaml").unwrap_err().kind(), std::io::ErrorKind::NotFound);
    assert!(real("/access/circle.yaml").unwrap_err().to_string().contains("circle"));
    assert!(tree.is_folder(Path::new("/access/teams")) && !tree.is_folder(Path::new("/access/rolecall.yaml")));
    let content = |most| tree.content(Path::new("/access/rolecall.yaml"), most).unwrap();
    assert_eq!((content(11), content(10)), (Content::Bytes(b"version: 2\n".to_vec()), Content::TooLarge(11)));
}
