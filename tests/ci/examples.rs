//! The examples for GitHub as they stand, job by job: the reader signs in by the job's own token, tenant and cluster are a sandbox that
//! is served, and GitHub is on loopback.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::company::{Company, MEMBER};
use crate::files::read;
use crate::runner::{Job, Run};
use crate::served::Served;
use crate::server::{BOT, Face, READER};

/// A company whose tenant and cluster are served.
pub(crate) struct Site {
    pub(crate) company: Company,
    pub(crate) served: Served,
}

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
        let repo = |name: &str| json!({ "repo": { "full_name": name }, "ref": "main" });
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
    assert!(matches!(site.issues().as_slice(), [(true, _)]), "{:?}\n{}", site.issues(), failed.log);
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
