//! What every workflow and action of GitHub's in this repository keeps to, examples included. Each rule is a function of one file, and
//! each is shown to fail.

use serde_json::Value;

use crate::files::{File, folder, read, repository, walk};

/// Events whose author may be anybody, or that act for somebody who may be.
const FROM_ANYBODY: &[&str] = &["pull_request", "pull_request_target", "workflow_run", "issue_comment", "issues"];

fn workflows() -> Vec<File> {
    [folder(".github/workflows"), crate::identities::github()].concat()
}

fn with_actions() -> Vec<File> {
    let mut files = workflows();
    for entry in std::fs::read_dir(repository().join(".github/actions")).unwrap() {
        files.push(read(&format!(".github/actions/{}/action.yml", entry.unwrap().file_name().to_str().unwrap())));
    }
    files
}

/// The events that start a workflow.
fn events(file: &File) -> Vec<String> {
    match &file.value["on"] {
        Value::String(one) => vec![one.clone()],
        Value::Array(list) => list.iter().map(|one| one.as_str().unwrap().to_owned()).collect(),
        Value::Object(map) => map.keys().cloned().collect(),
        other => panic!("{}: `on` is {other}", file.path),
    }
}

fn is_hex(text: &str) -> bool {
    text.len() == 40 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Actions of others stand for one commit, and say which version that is.
fn pinned(file: &File) -> Result<(), String> {
    let mut named = 0;
    walk(&file.value, &mut |at, value| named += usize::from(at.last() == Some(&"uses") && value.is_string()));
    let mut seen = 0;
    for line in file.text.lines() {
        let line = line.trim_start().trim_start_matches("- ");
        let Some(action) = line.strip_prefix("uses: ") else { continue };
        seen += 1;
        let (action, comment) = action.split_once(" # ").unwrap_or((action, ""));
        if action.starts_with("./") {
            continue;
        }
        let commit = action.rsplit_once('@').map_or("", |(_, commit)| commit);
        if !is_hex(commit) {
            return Err(format!("`{action}` is not pinned to a commit"));
        }
        if comment.trim().is_empty() {
            return Err(format!("`{action}` does not say its version"));
        }
    }
    if seen == named { Ok(()) } else { Err(format!("{named} `uses` and {seen} lines of it")) }
}

/// Nothing for the workflow as a whole; for each job a list, and writing only what that kind of job must.
fn minimal(file: &File) -> Result<(), String> {
    if file.value["permissions"] != serde_json::json!({}) {
        return Err("`permissions: {}` does not stand at the top".to_owned());
    }
    let anybody = events(file).iter().any(|event| FROM_ANYBODY.contains(&event.as_str()));
    for (name, job) in file.jobs() {
        let Value::Object(permissions) = &job["permissions"] else {
            return Err(format!("job `{name}` has no list of permissions"));
        };
        for (scope, access) in permissions {
            let access = access.as_str().unwrap_or_default();
            let allowed = match (scope.as_str(), access) {
                (_, "read" | "none") | ("id-token" | "issues" | "pull-requests", "write") => true,
                // What writes into the repository is behind an environment, and nobody's pull request starts it.
                ("contents" | "attestations", "write") => !anybody && !job["environment"].is_null(),
                _ => false,
            };
            if !allowed {
                return Err(format!("job `{name}` may `{scope}: {access}`"));
            }
        }
    }
    Ok(())
}

/// What a step runs is the same whoever started it: values come by the environment.
fn no_injection(file: &File) -> Result<(), String> {
    let mut found = Ok(());
    walk(&file.value, &mut |at, value| {
        if let (Some(&"run" | &"script"), Value::String(text)) = (at.last(), value)
            && text.contains("${{")
        {
            found = Err(format!("an expression stands in what a step runs: {text}"));
        }
    });
    found
}

/// A token that is left in the checkout would be there for everything that runs after it.
fn no_token_is_left(file: &File) -> Result<(), String> {
    let mut found = Ok(());
    walk(&file.value, &mut |_, value| {
        if value["uses"].as_str().is_some_and(|action| action.starts_with("actions/checkout@"))
            && value["with"]["persist-credentials"] != Value::Bool(false)
        {
            found = Err("a checkout without `persist-credentials: false`".to_owned());
        }
    });
    found
}

/// Two runs never meet, and none goes on for hours.
fn bounded(file: &File) -> Result<(), String> {
    if !file.value["concurrency"]["group"].is_string() {
        return Err("no concurrency group".to_owned());
    }
    match file.jobs().into_iter().find(|(_, job)| !job["timeout-minutes"].is_number()) {
        Some((name, _)) => Err(format!("job `{name}` has no time limit")),
        None => Ok(()),
    }
}

/// A workflow that acts for somebody else's pull request takes no code of it and signs in nowhere.
fn takes_no_code(file: &File) -> Result<(), String> {
    let events = events(file);
    if !events.iter().any(|event| matches!(event.as_str(), "workflow_run" | "pull_request_target" | "issue_comment")) {
        return Ok(());
    }
    for (name, job) in file.jobs() {
        let text = job.to_string();
        if text.contains("actions/checkout@") {
            return Err(format!("job `{name}` checks out"));
        }
        if job["permissions"]["id-token"] == "write" || text.contains("secrets.") {
            return Err(format!("job `{name}` holds what it does not need"));
        }
    }
    Ok(())
}

/// A rule, the files that it is for, and what breaks it: a text of one of the files, and what it becomes.
type Rule = (&'static str, fn(&File) -> Result<(), String>, fn() -> Vec<File>, &'static [(&'static str, &'static str)]);

const RULES: &[Rule] = &[
    (
        "pinned",
        pinned,
        with_actions,
        &[
            ("@de0fac2e4500dabe0009e67214ff5f5447ce83dd", "@v6.0.2"),
            ("@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2", "@de0fac2e4500dabe0009e67214ff5f5447ce83dd"),
            (
                "uses: actions/checkout@de0fac2e4500dabe0009e67214ff5f5447ce83dd # v6.0.2",
                "\"uses\": actions/checkout@v6",
            ),
        ],
    ),
    (
        "minimal",
        minimal,
        workflows,
        &[
            ("permissions: {}", "permissions: write-all"),
            ("permissions: {}\n", ""),
            ("      contents: read\n", "      contents: write\n"),
            ("    permissions:\n      contents: read\n", ""),
            ("    permissions:\n      contents: read\n", "    permissions: write-all\n"),
            ("      contents: read\n", "      packages: write\n"),
        ],
    ),
    (
        "no injection",
        no_injection,
        with_actions,
        &[
            ("      - run: .ci/run\n", "      - run: echo '${{ github.event.pull_request.title }}'\n"),
            ("      - run: .ci/run\n", "      - run: |\n          git switch ${{ github.head_ref }}\n"),
        ],
    ),
    ("no token is left", no_token_is_left, workflows, &[("persist-credentials: false", "fetch-depth: 0")]),
    (
        "bounded",
        bounded,
        workflows,
        &[("    timeout-minutes: 60\n", ""), ("concurrency:\n  group: ${{ github.workflow }}-", "env:\n  group: ")],
    ),
    (
        "takes no code",
        takes_no_code,
        workflows,
        &[("  pull_request:\n", "  pull_request_target:\n"), ("  pull_request:\n", "  issue_comment:\n")],
    ),
];

#[test]
fn every_workflow_keeps_the_rules() {
    let mut broken = Vec::new();
    for (rule, holds, files, _) in RULES {
        for file in files() {
            if let Err(reason) = holds(&file) {
                broken.push(format!("{}: {rule}: {reason}", file.path));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn each_rule_can_be_broken() {
    let ours = read(".github/workflows/ci.yml");
    for (rule, holds, _, breaks) in RULES {
        assert!(!breaks.is_empty(), "{rule}");
        for (from, to) in *breaks {
            assert!(holds(&ours.with(from, to)).is_err(), "{rule} holds with {to}");
        }
    }
}

#[test]
fn what_the_action_runs_takes_its_inputs_from_the_environment() {
    let folder = repository().join(".github/actions/rolecall");
    let action = read(".github/actions/rolecall/action.yml");
    let mut scripts = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let Some(script) = name.strip_suffix(".sh") else { continue };
        let text = std::fs::read_to_string(repository().join(".github/actions/rolecall").join(&name)).unwrap();
        assert!(!text.contains("${{"), "{name} holds an expression");
        assert!(text.lines().any(|line| line == "set -euo pipefail"), "{name} goes on after a failure");
        assert!(action.text.contains(&format!("run: '\"$GITHUB_ACTION_PATH/{script}.sh\"'")), "{name} is not run");
        scripts.push(name);
    }
    assert!(scripts.len() > 3, "{scripts:?}");
}
