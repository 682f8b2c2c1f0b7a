//! Two identities: a reader that plans, and a writer that applies in a protected place. The examples for each host are read job by
//! job, with all that a job inherits, and a job that plans must not name the writer anywhere.

use serde_json::{Value, json};

use crate::files::{File, folder};

/// What of the writer a job could name, in whatever case: its client id's variable, its connection, its environment.
const OF_THE_WRITER: &[&str] = &["writer", "production"];
/// What of the reader.
const OF_THE_READER: &[&str] = &["reader"];
/// What a job that plans runs.
const PLANS: &[&str] =
    &["rolecall plan", "rolecall drift", "rolecall snapshot", "\"mode\":\"plan\"", "\"mode\":\"install\""];
/// What a job that applies runs.
const APPLIES: &[&str] = &["rolecall apply", "\"mode\":\"apply\""];

pub(crate) fn github() -> Vec<File> {
    folder("examples/ci/github")
}

fn gitlab() -> Vec<File> {
    folder("examples/ci/gitlab")
}

fn azure_pipelines() -> Vec<File> {
    folder("examples/ci/azure-pipelines")
}

/// A job as it runs.
#[derive(Debug)]
struct Job {
    name: String,
    /// All that it says and inherits, as JSON.
    text: String,
    /// Whether a change that is not merged can start it.
    before_merge: bool,
    /// Whether it waits for a protected place.
    environment: bool,
}

impl Job {
    fn names(&self, words: &[&str]) -> bool {
        let text = self.text.to_lowercase();
        words.iter().any(|word| text.contains(word))
    }

    fn runs(&self, commands: &[&str]) -> bool {
        commands.iter().any(|command| self.text.contains(command))
    }

    fn check(&self) -> Result<(), String> {
        let name = &self.name;
        let (plans, applies) = (self.runs(PLANS), self.runs(APPLIES));
        if plans && applies {
            return Err(format!("`{name}` plans and applies, so it is both identities"));
        }
        if plans && self.names(OF_THE_WRITER) {
            return Err(format!("`{name}` plans and names the writer"));
        }
        if applies && self.names(OF_THE_READER) {
            return Err(format!("`{name}` applies as the reader"));
        }
        if applies && (self.before_merge || !self.environment || !self.names(OF_THE_WRITER)) {
            return Err(format!("`{name}` applies outside the protected place, or before the merge"));
        }
        let approved = ["needs.plan.outputs.plan-id", "$APPROVED_PLAN"];
        if applies
            && !(self.text.contains("require-approved-plan") && approved.iter().any(|from| self.text.contains(from)))
        {
            return Err(format!("`{name}` applies without the id that the CI system has on record"));
        }
        Ok(())
    }
}

/// The jobs of a workflow of GitHub's, each with what stands above all of them.
fn jobs_of_github(file: &File) -> Vec<Job> {
    let before_merge = ["pull_request", "pull_request_target"].iter().any(|event| !file.value["on"][event].is_null());
    let job = |(name, job): (String, &Value)| Job {
        name: format!("{}: {name}", file.path),
        text: format!("{job} {} {}", file.value["env"], file.value["defaults"]),
        before_merge,
        environment: job["environment"] == "production",
    };
    file.jobs().into_iter().map(job).collect()
}

/// Lays `over` on what a job extends, as GitLab does: maps are merged, the rest is replaced.
fn lay(under: &mut Value, over: &Value) {
    match (under, over) {
        (Value::Object(under), Value::Object(over)) => {
            for (key, value) in over {
                lay(under.entry(key.clone()).or_insert(Value::Null), value);
            }
        }
        (under, over) => *under = over.clone(),
    }
}

/// A job of GitLab's with all that it extends.
pub(crate) fn extended(file: &File, name: &str) -> Value {
    let own = &file.value[name];
    let mut job = match &own["extends"] {
        Value::String(parent) => extended(file, parent),
        Value::Array(parents) => parents.iter().fold(json!({}), |mut job, parent| {
            lay(&mut job, &extended(file, parent.as_str().unwrap()));
            job
        }),
        _ => json!({}),
    };
    lay(&mut job, own);
    job
}

fn jobs_of_gitlab(file: &File) -> Vec<Job> {
    let names = file.value.as_object().unwrap().iter();
    let names = names.filter(|(name, value)| {
        !name.starts_with('.') && !extended(file, name)["script"].is_null() && value.is_object()
    });
    let job = |name: &String| {
        let job = extended(file, name);
        let rules = job["rules"].as_array().expect("a job says when it runs");
        Job {
            name: format!("{}: {name}", file.path),
            text: format!("{job} {} {}", file.value["variables"], file.value["default"]),
            before_merge: !rules.iter().all(|rule| {
                rule["if"]
                    .as_str()
                    .is_some_and(|condition| condition.starts_with("$CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH"))
            }),
            environment: job["environment"] == "production",
        }
    };
    names.map(|(name, _)| job(name)).collect()
}

/// The jobs of a pipeline of Azure's, whether or not it has stages, each with what stands above it.
fn jobs_of_azure(file: &File) -> Vec<Job> {
    let mut above = file.value.clone();
    for key in ["stages", "jobs"] {
        above.as_object_mut().unwrap().remove(key);
    }
    let only_main = file.value["trigger"]["branches"]["include"] == json!(["main"]);
    let mut jobs = Vec::new();
    let mut add = |job: &Value, around: &str| {
        jobs.push(Job {
            name: format!("{}: {}", file.path, job["job"].as_str().or(job["deployment"].as_str()).unwrap()),
            text: format!("{job} {around} {above}"),
            before_merge: !(only_main && file.value["pr"] == "none"),
            environment: job["deployment"].is_string() && job["environment"] == "production",
        });
    };
    for job in file.value["jobs"].as_array().into_iter().flatten() {
        add(job, "");
    }
    for stage in file.value["stages"].as_array().into_iter().flatten() {
        for job in stage["jobs"].as_array().unwrap() {
            add(job, &stage["variables"].to_string());
        }
    }
    jobs
}

/// A host: its files, and how their jobs are read.
type Host = (&'static str, fn() -> Vec<File>, fn(&File) -> Vec<Job>);

const HOSTS: &[Host] = &[
    ("GitHub", github, jobs_of_github),
    ("GitLab", gitlab, jobs_of_gitlab),
    ("Azure Pipelines", azure_pipelines, jobs_of_azure),
];

#[test]
fn a_job_that_plans_never_names_the_writer() {
    for (host, files, jobs_of) in HOSTS {
        let jobs: Vec<Job> = files().iter().flat_map(jobs_of).collect();
        let broken: Vec<String> = jobs.iter().filter_map(|job| job.check().err()).collect();
        assert!(broken.is_empty(), "{host}: {}", broken.join("\n"));
        // Nothing would be found in files that plan and apply nothing, or by words that stand nowhere.
        let count = |wanted: &dyn Fn(&Job) -> bool| jobs.iter().filter(|job| wanted(job)).count();
        assert!(count(&|job| job.runs(PLANS) && job.names(OF_THE_READER)) >= 3, "{host}: {jobs:#?}");
        assert_eq!(count(&|job| job.runs(APPLIES) && job.names(OF_THE_WRITER)), 1, "{host}: {jobs:#?}");
        assert!(count(&|job| job.runs(&["rolecall drift"])) == 1, "{host}: {jobs:#?}");
        assert!(count(&|job| job.runs(PLANS) && job.before_merge) >= 1, "{host}: {jobs:#?}");
    }
}

/// Every way in which the writer could come into a job that plans, or `apply` out of its place.
#[test]
fn each_way_to_give_the_writer_away_is_found() {
    let breaks: &[(&str, &str, &str)] = &[
        ("examples/ci/github/preview.yml", "vars.ROLECALL_READER_CLIENT_ID", "vars.ROLECALL_WRITER_CLIENT_ID"),
        ("examples/ci/github/preview.yml", "jobs:\n", "env:\n  KUBECONFIG: /etc/rolecall/writer.kubeconfig\n\njobs:\n"),
        (
            "examples/ci/github/preview.yml",
            "    timeout-minutes: 15\n",
            "    timeout-minutes: 15\n    environment: production\n",
        ),
        ("examples/ci/github/drift.yml", "vars.ROLECALL_READER_CLIENT_ID", "vars.ROLECALL_WRITER_CLIENT_ID"),
        ("examples/ci/github/drift.yml", "rolecall comment --as-issue --close", "rolecall apply --yes"),
        ("examples/ci/github/apply.yml", "    environment: production\n", ""),
        ("examples/ci/github/apply.yml", "  push:\n    branches: [main]\n", "  pull_request:\n    branches: [main]\n"),
        ("examples/ci/github/apply.yml", "vars.ROLECALL_WRITER_CLIENT_ID", "vars.ROLECALL_READER_CLIENT_ID"),
        ("examples/ci/github/apply.yml", "needs.plan.outputs.plan-id }}\n", "github.event.comment.body }}\n"),
        ("examples/ci/gitlab/gitlab-ci.yml", "AZURE_CLIENT_ID: $ROLECALL_READER", "AZURE_CLIENT_ID: $ROLECALL_WRITER"),
        ("examples/ci/gitlab/gitlab-ci.yml", "  GIT_DEPTH: \"0\"", "  AZURE_CLIENT_ID: $ROLECALL_WRITER_CLIENT_ID"),
        ("examples/ci/gitlab/gitlab-ci.yml", "  environment: production\n", ""),
        (
            "examples/ci/gitlab/gitlab-ci.yml",
            "plan:\n  extends: .reader",
            "plan:\n  environment: production\n  extends: .reader",
        ),
        (
            "examples/ci/gitlab/gitlab-ci.yml",
            "    - if: $CI_COMMIT_BRANCH == $CI_DEFAULT_BRANCH && $CI_PIPELINE_SOURCE != \"schedule\"\n      when: manual",
            "    - when: manual",
        ),
        ("examples/ci/gitlab/gitlab-ci.yml", "--require-approved-plan \"$APPROVED_PLAN\" ", ""),
        (
            "examples/ci/azure-pipelines/preview.yml",
            "azureSubscription: rolecall-reader",
            "azureSubscription: rolecall-writer",
        ),
        ("examples/ci/azure-pipelines/preview.yml", "pool:\n", "variables: { client: rolecall-writer }\n\npool:\n"),
        (
            "examples/ci/azure-pipelines/apply.yml",
            "azureSubscription: rolecall-reader",
            "azureSubscription: rolecall-writer",
        ),
        ("examples/ci/azure-pipelines/apply.yml", "        environment: production\n", ""),
        ("examples/ci/azure-pipelines/apply.yml", "{ include: [main] }", "{ include: ['*'] }"),
        ("examples/ci/azure-pipelines/apply.yml", "pr: none", "pr: [main]"),
    ];
    for (path, from, to) in breaks {
        let (_, files, jobs_of) =
            HOSTS.iter().find(|(_, files, _)| files().iter().any(|file| file.path == *path)).unwrap();
        let file = files().into_iter().find(|file| file.path == *path).unwrap();
        let broken = file.with(from, to);
        assert!(jobs_of(&broken).iter().any(|job| job.check().is_err()), "{path}: nobody minds {to}");
    }
}

/// Names from Entra and from clusters stand in what rolecall prints, and Azure's agent takes parts of any line for commands.
#[test]
fn what_rolecall_prints_is_no_command_to_azure_s_agent() {
    for file in azure_pipelines() {
        for line in file.text.replace("\\\n", " ").lines().filter(|line| line.trim_start().starts_with("rolecall ")) {
            let line = line.split_whitespace().collect::<Vec<_>>().join(" ");
            let quiet = ["/dev/null 2>\"", "drift.txt\" 2>\"", ".log\" 2>&1", "rolecall comment"];
            let quiet = quiet.iter().any(|way| line.contains(way));
            assert!(quiet, "{}: {line}", file.path);
        }
    }
}
