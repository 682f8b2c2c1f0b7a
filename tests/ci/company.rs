//! A company with a repository, a tenant, a cluster and a host.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::process::Command;

use git2::build::CheckoutBuilder;
use git2::{BranchType, IndexAddOption, Oid, Repository, RepositoryInitOptions, Signature, Time};
use serde_json::{Value, json};

use crate::files::repository;
use crate::runner::{Job, Run};
use crate::server::{BOT, Face, HEAD, Server};

/// A company's repository with the access files in `access`, on `main`; live is what `main` asks for.
pub(crate) struct Company {
    folder: tempfile::TempDir,
    git: Repository,
    pub(crate) host: Server,
}

impl Company {
    pub(crate) fn new() -> Self {
        Self::at(Face::GitHub)
    }

    /// The same at another host.
    pub(crate) fn at(face: Face) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let access = folder.path().join("repository/access");
        crate::folder::copy(&repository().join("examples/quickstart"), &access);
        let mut options = RepositoryInitOptions::new();
        let git = Repository::init_opts(folder.path().join("repository"), options.initial_head("main")).unwrap();
        let remote = folder.path().join("remote.git");
        drop(Repository::init_bare(&remote).unwrap());
        drop(git.remote("origin", remote.to_str().unwrap()).unwrap());
        let company = Self { folder, git, host: Server::start(face) };
        company.commit("access: first");
        company.push();
        let applied = company.rolecall(&["apply", "--yes", "--sandbox", "../sandbox", "access"]);
        assert!(applied.0, "{}", applied.1);
        company
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn rolecall(&self, words: &[&str]) -> (bool, String) {
        let output = Command::new(env!("CARGO_BIN_EXE_rolecall"))
            .args(words)
            .current_dir(self.path("repository"))
            .env_clear()
            .output()
            .unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        (output.status.success(), text(output.stdout) + &text(output.stderr))
    }

    fn commit(&self, message: &str) {
        let who = Signature::new("Erin", "erin@contoso.com", &Time::new(0, 0)).unwrap();
        let mut index = self.git.index().unwrap();
        index.add_all(["access", "README"], IndexAddOption::DEFAULT, None).unwrap();
        index.write().unwrap();
        let tree = self.git.find_tree(index.write_tree().unwrap()).unwrap();
        let parent = self.git.head().ok().and_then(|head| head.peel_to_commit().ok());
        self.git.commit(Some("HEAD"), &who, &who, message, &tree, &parent.iter().collect::<Vec<_>>()).unwrap();
    }

    /// Brings `main` to where the host has it.
    fn push(&self) {
        let mut remote = self.git.find_remote("origin").unwrap();
        remote.push(&["+refs/heads/main:refs/heads/main"], None).unwrap();
    }

    /// Checks a commit out, as the runner does for a run of that commit.
    pub(crate) fn check_out(&self, commit: &str) {
        self.git.set_head_detached(Oid::from_str(commit).unwrap()).unwrap();
        self.git.checkout_head(Some(CheckoutBuilder::new().force())).unwrap();
    }

    pub(crate) fn check_out_main(&self) {
        self.git.set_head("refs/heads/main").unwrap();
        self.git.checkout_head(Some(CheckoutBuilder::new().force())).unwrap();
    }

    /// The commit that `main` is at.
    pub(crate) fn main(&self) -> String {
        self.git.find_branch("main", BranchType::Local).unwrap().get().target().unwrap().to_string()
    }

    /// Puts a branch with a change before us.
    pub(crate) fn change(&self, from: &str, to: &str) {
        if self.git.find_branch("change", BranchType::Local).is_err() {
            let main = self.git.head().unwrap().peel_to_commit().unwrap();
            drop(self.git.branch("change", &main, false).unwrap());
        }
        self.git.set_head("refs/heads/change").unwrap();
        let file = self.path("repository/access/rolecall.yaml");
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.contains(from), "{text}");
        std::fs::write(&file, text.replace(from, to)).unwrap();
        self.commit("access: a change");
    }

    /// Makes `main` what the branch is, as a merge does.
    pub(crate) fn merge(&self) {
        let change = self.git.find_branch("change", BranchType::Local).unwrap().get().peel_to_commit().unwrap();
        self.git.set_head_detached(change.id()).unwrap();
        drop(self.git.branch("main", &change, true).unwrap());
        self.git.set_head("refs/heads/main").unwrap();
        self.push();
    }

    pub(crate) fn run(&self, environment: BTreeMap<String, String>, event_name: &'static str, event: Value) -> Run {
        Run {
            workspace: self.path("repository"),
            environment,
            event_name,
            event,
            artifacts: self.path(&format!("artifacts-{event_name}")),
            names: BTreeMap::new(),
            sign_in: BTreeMap::new(),
            programs: None,
        }
    }

    /// The job of a pull request, of a branch of ours or of a fork's.
    pub(crate) fn preview_from(&self, head: &str, token: &str, more: &[(&str, &str)]) -> Job {
        let event = json!({ "pull_request": {
            "number": 7,
            "head": { "repo": { "full_name": head }, "ref": "change", "sha": HEAD },
            "base": { "repo": { "full_name": "contoso/access" }, "ref": "main" },
        } });
        let run = self.run(self.host.environment(token), "pull_request", event);
        run.action(&[&[("mode", "plan"), ("base", "main")], &given()[..], more].concat())
    }

    pub(crate) fn preview(&self) -> Job {
        self.preview_from("contoso/access", BOT.token, &[])
    }

    /// A job of a push to `main`.
    pub(crate) fn on_main(&self, inputs: &[(&str, &str)]) -> Job {
        let mut environment = self.host.environment(BOT.token);
        environment.insert("GITHUB_REF".to_owned(), "refs/heads/main".to_owned());
        let run = self.run(environment, "push", json!({ "ref": "refs/heads/main" }));
        run.action(&[inputs, &given()[..]].concat())
    }

    /// The comments that people see.
    pub(crate) fn comments(&self) -> Vec<String> {
        self.host.state().shown().iter().map(|item| item.text.clone()).collect()
    }

    /// What the sandbox was asked to change.
    pub(crate) fn writes(&self) -> usize {
        rolecall::sandbox::RequestLog::read(&self.path("sandbox")).unwrap().writes().len()
    }
}

/// What every job says.
pub(crate) fn given() -> [(&'static str, &'static str); 3] {
    [("path", "access"), ("arguments", "--sandbox=../sandbox"), ("rolecall", env!("CARGO_BIN_EXE_rolecall"))]
}

/// A change that gives something to somebody.
pub(crate) const MEMBER: (&str, &str) =
    ("      - hayden@contoso.com\n", "      - hayden@contoso.com\n      - erin@contoso.com\n");
