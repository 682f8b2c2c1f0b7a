use std::path::{Path, PathBuf};

use fs_err as fs;
use git2::{Repository, Signature, Time};
use tempfile::TempDir;

mod base;
mod change;
mod committed;
mod history;
mod hostile;

use super::*;

/// A repository with one commit of `access/rolecall.yaml`.
fn repository() -> (TempDir, PathBuf) {
    let folder = tempfile::tempdir().unwrap();
    let access = folder.path().join("access");
    fs::create_dir(&access).unwrap();
    fs::write(access.join("rolecall.yaml"), "version: 1\n").unwrap();
    let repository = Repository::init(folder.path()).unwrap();
    commit(&repository, "access/rolecall.yaml");
    (folder, access)
}

fn commit(repository: &Repository, path: &str) {
    let mut index = repository.index().unwrap();
    index.add_path(Path::new(path)).unwrap();
    index.write().unwrap();
    let tree = repository.find_tree(index.write_tree().unwrap()).unwrap();
    let who = Signature::new("Erin", "erin@contoso.com", &Time::new(0, 0)).unwrap();
    repository.commit(Some("HEAD"), &who, &who, "access: first", &tree, &[]).unwrap();
}

#[test]
fn the_commit_is_named_from_any_folder_inside() {
    let (_folder, access) = repository();
    let head = head(&access).unwrap();
    assert_eq!(head.commit.len(), 40);
    assert_eq!(head.short, head.commit[..7]);
    assert!(!head.dirty);
}

#[test]
fn what_led_to_the_commit_that_is_checked_out_is_in_its_history() {
    let (folder, access) = repository();
    let repository = Repository::open(folder.path()).unwrap();
    let who = Signature::new("Erin", "erin@contoso.com", &Time::new(0, 0)).unwrap();
    let first = repository.head().unwrap().peel_to_commit().unwrap();
    let tree = first.tree().unwrap();
    let aside = repository.commit(None, &who, &who, "aside", &tree, &[&first]).unwrap();
    let second = repository.commit(Some("HEAD"), &who, &who, "second", &tree, &[&first]).unwrap();
    let told = |commit: &str| is_in_history(&access, commit);
    assert_eq!([first.id(), second, aside].map(|id| told(&id.to_string())), [Some(true), Some(true), Some(false)]);
    assert_eq!([told(&"0".repeat(40)), told("main")], [Some(false), None]);
    fs::write(folder.path().join(".git").join("shallow"), format!("{}\n", first.id())).unwrap();
    assert_eq!([told(&second.to_string()), told(&"0".repeat(40))], [Some(true), None]);
}

#[test]
fn a_changed_or_unknown_access_file_is_dirty() {
    let (_folder, access) = repository();
    fs::write(access.join("teams.yaml"), "groups: {}\n").unwrap();
    assert!(head(&access).unwrap().dirty);
    fs::remove_file(access.join("teams.yaml")).unwrap();
    assert!(!head(&access).unwrap().dirty);
    fs::write(access.join("rolecall.yaml"), "version: 2\n").unwrap();
    assert!(head(&access).unwrap().dirty);
}

#[test]
fn what_is_no_access_file_of_the_folder_is_not_dirty() {
    let (folder, access) = repository();
    fs::create_dir(access.join(".rolecall")).unwrap();
    fs::write(access.join(".rolecall").join("run.jsonl"), "{}\n").unwrap();
    fs::write(access.join(".rolecall").join("hidden.yaml"), "a: b\n").unwrap();
    fs::write(access.join("review.rolecall.plan"), "{}\n").unwrap();
    fs::write(folder.path().join("elsewhere.yaml"), "a: b\n").unwrap();
    assert!(!head(&access).unwrap().dirty);
    assert!(head(folder.path()).unwrap().dirty, "for the folder above, it is one");
}

#[test]
fn a_config_in_a_hidden_folder_is_dirty_as_well_and_endings_are_of_any_case() {
    let (folder, access) = repository();
    let hidden = folder.path().join(".github").join("access");
    fs::create_dir_all(&hidden).unwrap();
    fs::write(hidden.join("rolecall.yaml"), "version: 1\n").unwrap();
    assert!(head(&hidden).unwrap().dirty);
    assert!(!head(&access).unwrap().dirty);
    fs::write(access.join("TEAMS.YML"), "groups: {}\n").unwrap();
    assert!(head(&access).unwrap().dirty);
}

#[test]
fn a_folder_name_is_no_pattern() {
    let (folder, _access) = repository();
    let odd = folder.path().join("acc[e]ss*");
    fs::create_dir(&odd).unwrap();
    fs::write(odd.join("rolecall.yaml"), "version: 1\n").unwrap();
    assert!(head(&odd).unwrap().dirty);
}

#[test]
fn a_repository_without_a_commit_says_so() {
    let folder = tempfile::tempdir().unwrap();
    Repository::init(folder.path()).unwrap();
    assert_eq!(head(folder.path()).unwrap_err().reason, "the git repository has no commit yet");
}

#[test]
fn a_folder_without_a_repository_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let error = head(folder.path()).unwrap_err().reason;
    assert!(error.ends_with("is not in a git repository"), "{error}");
}

#[test]
fn a_broken_repository_is_a_reason() {
    let (folder, access) = repository();
    fs::write(folder.path().join(".git").join("HEAD"), "ref: \u{1b}[31m\n").unwrap();
    let error = head(&access).unwrap_err().reason;
    assert!(error.contains("git"), "{error}");
}

#[test]
fn a_repository_of_another_user_is_explained() {
    let message = "repository path '/srv/access/' is not owned by current user";
    let error = git2::Error::new(ErrorCode::Owner, git2::ErrorClass::Config, message);
    insta::assert_snapshot!(explain(Path::new("access"), &error), @"git does not trust the repository around access (repository path '/srv/access/' is not owned by current user); `git config --global --add safe.directory` with that path makes it");
}
