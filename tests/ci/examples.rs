//! The examples for GitHub as they stand, job by job: the reader signs in by the job's own token, tenant and cluster are a sandbox that
//! is served, and GitHub is on loopback.

use std::collections::BTreeMap;
use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use serde_json::{Value, json};

use crate::company::{Company, MEMBER};
use crate::files::read;
use crate::runner::{Job, Run};
use crate::served::Served;
use crate::server::{BOT, Face, HEAD, READER};

/// A company whose tenant and cluster are served.
pub(crate) struct Site {
    pub(crate) company: Company,
    pub(crate) served: Served,
}

/// What a fork might want to say in our name.
const HOSTILE: &str = "<!-- rolecall:comment plan -->\nthe plan of a fork\n</details>\n```\n\n\n@contoso/admins approve this\r### Approved\n\u{1b}[2J<img src=https://evil.example/x>\n```\n";

impl Site {
    fn new() -> Self {
        Self::at(Face::GitHub)
    }

    pub(crate) fn at(face: Face) -> Self {
        let company = Company::at(face);
        let served = Served::start(&company.path("sandbox"));
        Self { company, served }
    }

    /// What is said under Settings → Variables, as the README of the examples says it.
    fn names(&self) -> BTreeMap<String, String> {
        let text = |name: &str| std::fs::read_to_string(self.served.file(name)).unwrap();
        let kubeconfig = self.served.file("kubeconfig");
        let connections = text("connections.yaml")
            .replace("ca-file: ca.pem", "ca-file: cluster-ca.pem")
            .replace("kubeconfig: kubeconfig", &format!("kubeconfig: {}", kubeconfig.display()));
        let client = "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d".to_owned();
        [
            ("vars.ROLECALL_READER_CLIENT_ID", client.clone()),
            ("vars.ROLECALL_WRITER_CLIENT_ID", client),
            ("vars.ROLECALL_CONNECTIONS", connections),
            ("vars.ROLECALL_CLUSTER_CA", text("ca.pem")),
        ]
        .map(|(name, value)| (name.to_owned(), value))
        .into()
    }

    /// What a job has of these variables to sign in by a source.
    pub(crate) fn sign_in(&self, source: &str, of: &[&str]) -> BTreeMap<String, String> {
        let text = std::fs::read_to_string(self.served.file(&format!("credentials/{source}.env"))).unwrap();
        let pairs = text.lines().filter_map(|line| line.split_once('='));
        let asks = pairs.filter(|(name, _)| of.contains(name));
        asks.map(|(name, value)| (name.to_owned(), value.trim_matches('\'').to_owned())).collect()
    }

    fn run(&self, event_name: &'static str, event: Value) -> Run {
        let mut environment = self.company.host.environment(BOT.token);
        if event_name != "pull_request" {
            environment.insert("GITHUB_REF".to_owned(), "refs/heads/main".to_owned());
        }
        // How a job asks GitHub for a token of its own.
        let sign_in =
            self.sign_in("github-actions", &["ACTIONS_ID_TOKEN_REQUEST_URL", "ACTIONS_ID_TOKEN_REQUEST_TOKEN"]);
        Run { names: self.names(), sign_in, ..self.company.run(environment, event_name, event) }
    }

    fn pull_request_of(&self, head: &str) -> Run {
        let repo = |name: &str| json!({ "repo": { "full_name": name }, "ref": "main", "sha": HEAD });
        let pull_request = json!({ "number": 7, "head": repo(head), "base": repo("contoso/access") });
        self.run("pull_request", json!({ "pull_request": pull_request }))
    }

    fn apply(&self) -> Job {
        let workflow = read("examples/ci/github/apply.yml");
        let mut run = self.run("push", json!({ "ref": "refs/heads/main" }));
        let plan = run.job(&workflow, "plan").expect("it is for every push").passes();
        assert_eq!(plan.output("has-changes"), "true", "{}", plan.log);
        for (name, value) in &plan.outputs {
            run.names.insert(format!("needs.plan.outputs.{name}"), value.clone());
        }
        run.job(&workflow, "apply").expect("there is something to apply")
    }

    fn drift(&self) -> Job {
        self.run("schedule", json!({})).job(&read("examples/ci/github/drift.yml"), "drift").unwrap()
    }

    /// The issues: whether each is open, and its text.
    pub(crate) fn issues(&self) -> Vec<(bool, String)> {
        self.company.host.state().issues.iter().map(|issue| (issue.is_open, issue.text.clone())).collect()
    }
}

#[test]
fn a_change_goes_all_the_way_by_the_examples() {
    let site = Site::new();
    site.company.change(MEMBER.0, MEMBER.1);
    let before = site.served.writes();
    let preview = site.pull_request_of("contoso/access").job(&read("examples/ci/github/preview.yml"), "plan").unwrap();
    let preview = preview.passes();
    let [comment] = site.company.comments().try_into().unwrap();
    assert!(comment.contains("erin@contoso.com"), "{comment}");
    assert!(preview.summary.contains("erin@contoso.com"), "{}", preview.summary);
    assert_eq!(site.served.writes(), before, "a preview writes nothing");
    let fork = site.pull_request_of("eve/access").job(&read("examples/ci/github/preview.yml"), "plan");
    assert!(fork.is_none(), "a fork gets no identity: {fork:?}");

    // Merged, and not applied yet: that is what the daily look finds.
    site.company.merge();
    let drift = site.drift().passes();
    assert!(drift.summary.contains("erin@contoso.com"), "{}", drift.summary);
    let [(true, issue)] = <[_; 1]>::try_from(site.issues()).unwrap() else { panic!("{:?}", site.issues()) };
    assert!(issue.contains("erin@contoso.com"), "{issue}");

    let apply = site.apply().passes();
    assert!(site.served.writes() > before && apply.summary.contains("done"), "{}", apply.summary);
    let _ = site.drift().passes();
    assert!(matches!(site.issues().as_slice(), [(false, _)]), "{:?}", site.issues());
}

#[test]
fn a_look_for_drift_that_fails_closes_no_issue() {
    let site = Site::new();
    site.company.change("- hayden@contoso.com\n", "- hayden@contoso.com\n      - erin@contoso.com\n");
    let _ = site.drift().passes();
    site.company.change("cluster-role: view", "cluster-roll: view");
    let failed = site.drift().fails();
    let [(true, issue)] = <[_; 1]>::try_from(site.issues()).unwrap() else { panic!("{}", failed.log) };
    assert!(
        issue.contains("cluster-roll") && !issue.contains("erin@contoso.com"),
        "what failed, and nothing old: {issue}"
    );
    assert!(failed.log.contains("cluster-roll") && failed.summary.contains("cluster-roll"), "{}", failed.log);
}

/// A folder with a `gh` that answers one question and no other.
fn gh(site: &Site, question: &str, answer: &str) -> PathBuf {
    let programs = site.company.path("programs");
    std::fs::create_dir_all(&programs).unwrap();
    let script = format!("#!/bin/sh\ncase \"$*\" in\n'{question}'*) echo {answer} ;;\n*) exit 1 ;;\nesac\n");
    std::fs::write(programs.join("gh"), script).unwrap();
    std::fs::set_permissions(programs.join("gh"), std::fs::Permissions::from_mode(0o755)).unwrap();
    programs
}

/// From the snapshot of `main` to the comment: the run of the fork has nothing to sign in with, and asks nobody.
#[test]
fn a_fork_is_planned_against_the_snapshot_of_main() {
    let site = Site::new();
    let snapshot = read("examples/ci/github/snapshot.yml");
    let taken = site.run("schedule", json!({})).job(&snapshot, "snapshot").unwrap().passes();
    let hand_on = |name: &str, from: &str, to: &str| {
        let artifact = |of: &str| site.company.path(&format!("artifacts-{of}")).join(name);
        assert!(artifact(from).exists(), "{}", taken.log);
        crate::folder::copy(&artifact(from), &artifact(to));
    };
    hand_on("rolecall-snapshot", "schedule", "pull_request");
    site.company.change(MEMBER.0, MEMBER.1);
    let asked = site.served.log().lines().len();
    let mut run = site.pull_request_of("eve/access");
    run.environment.insert("GITHUB_TOKEN".to_owned(), READER.token.to_owned());
    let question = "run list --repo contoso/access --workflow snapshot.yml --branch main --status success --limit 100";
    run.programs = Some(gh(&site, question, "990"));
    let preview = run.job(&read("examples/ci/github/preview-fork.yml"), "plan").unwrap().passes();
    assert!(preview.summary.contains("erin@contoso.com"), "{}", preview.summary);
    assert!(preview.summary.contains("are pseudonyms"), "a stranger may read it: {}", preview.summary);
    assert_eq!(site.served.log().lines().len(), asked, "nobody is asked anything");
    assert!(site.company.comments().is_empty());

    hand_on("rolecall-preview", "pull_request", "workflow_run");
    let event = json!({ "workflow_run": { "id": 990, "event": "pull_request", "head_sha": HEAD } });
    let mut run = site.run("workflow_run", event);
    run.programs = Some(gh(&site, "api repos/contoso/access/pulls/7 --jq .head.sha", HEAD));
    let _ = run.job(&read("examples/ci/github/comment-fork.yml"), "comment").unwrap().passes();
    let [comment] = site.company.comments().try_into().unwrap();
    assert!(comment.contains("erin@contoso.com"), "{comment}");
}

/// What a fork hands over is data: a number that is believed only if GitHub says that this pull request is at that commit.
#[test]
fn the_plan_of_a_fork_is_posted_on_its_own_pull_request_only() {
    let site = Site::new();
    let programs = gh(&site, "api repos/contoso/access/pulls/7 --jq .head.sha", HEAD);
    let comment = |number: &str, head: &str| {
        let event = json!({ "workflow_run": { "id": 990, "event": "pull_request", "head_sha": head } });
        let run = Run { programs: Some(programs.clone()), ..site.run("workflow_run", event) };
        let preview = run.artifacts.join("rolecall-preview");
        std::fs::create_dir_all(&preview).unwrap();
        std::fs::write(preview.join("number"), number).unwrap();
        std::fs::write(preview.join("plan.txt"), HOSTILE).unwrap();
        run.job(&read("examples/ci/github/comment-fork.yml"), "comment").unwrap()
    };
    for number in ["", "0", "7; touch ../run", "$(touch ../run)", "../../user", "7777777777777777777777", "8\n"] {
        let refused = comment(number, HEAD).fails();
        assert!(site.company.comments().is_empty() && !site.company.path("run").exists(), "{number}: {}", refused.log);
    }
    let moved = comment("7\n", &"0".repeat(40)).passes();
    assert!(site.company.comments().is_empty() && moved.log.contains("nothing is posted"), "{}", moved.log);
    let _ = comment("7\n", HEAD).passes();
    let [posted] = site.company.comments().try_into().unwrap();
    let (ours, theirs) =
        posted.split_once("<summary>The plan of the fork</summary>\n\n").expect("it says whose word it is");
    assert!(ours.contains("What the run of a fork says") && ours.contains("by the run of the fork itself"), "{posted}");
    assert!(ours.starts_with("<!-- rolecall:comment fork -->\n"), "it is never taken for that of a plan: {posted}");
    let (theirs, end) = theirs.split_once("\n\n\n</details>").expect("the fold ends by our word");
    assert!(end.trim().is_empty(), "{posted}");
    // Four spaces in front of every line make it code: nobody is mentioned, nothing is folded, no heading is there.
    assert!(theirs.lines().all(|line| line.starts_with("    ")) && !theirs.contains(['\r', '\u{1b}']), "{posted}");
    assert!(theirs.contains("the plan of a fork") && theirs.contains("@contoso/admins"), "{posted}");
}

/// A job without `id-token: write` has nothing to sign in with, whatever it runs.
#[test]
fn a_job_of_a_fork_signs_in_nowhere() {
    let site = Site::new();
    let workflow =
        read("examples/ci/github/preview.yml").with("      id-token: write # signs in to Entra as the reader\n", "");
    let mut run = site.pull_request_of("contoso/access");
    run.environment.insert("GITHUB_TOKEN".to_owned(), READER.token.to_owned());
    let failed = run.job(&workflow, "plan").unwrap().fails();
    assert!(site.company.comments().is_empty(), "{}", failed.log);
}
