//! A runner of GitHub's of our own: it takes the jobs of a workflow, and the steps of the composite action, from their files, and runs
//! each script in the environment that the host sets. Artifacts are folders.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;

use crate::expression::{self, fill};
use crate::files::{File, read, repository};

const ACTION: &str = ".github/actions/rolecall";

/// One run of a workflow: its checkout, what started it, and what its jobs hand on.
pub(crate) struct Run {
    /// The checkout, `$GITHUB_WORKSPACE`.
    pub(crate) workspace: PathBuf,
    /// What the host sets, the job's token among it.
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) event_name: &'static str,
    pub(crate) event: Value,
    /// The artifacts of this run, by name.
    pub(crate) artifacts: PathBuf,
    /// Names in expressions that stand for something here, such as `vars.ROLECALL_READER_CLIENT_ID`.
    pub(crate) names: BTreeMap<String, String>,
    /// What signs a job in that may have a token of its own (`id-token: write`).
    pub(crate) sign_in: BTreeMap<String, String>,
    /// A folder with programs that come before those of the machine.
    pub(crate) programs: Option<PathBuf>,
}

/// What came of a job.
#[derive(Debug, Default)]
pub(crate) struct Job {
    pub(crate) failed: bool,
    pub(crate) outputs: BTreeMap<String, String>,
    /// What it printed.
    pub(crate) log: String,
    pub(crate) summary: String,
    /// The names of the steps that were run, in order.
    pub(crate) steps: Vec<String>,
}

impl Job {
    pub(crate) fn output(&self, name: &str) -> &str {
        self.outputs.get(name).unwrap_or_else(|| panic!("no output {name}: {self:#?}"))
    }

    pub(crate) fn passes(self) -> Self {
        assert!(!self.failed, "{}\n--- summary\n{}", self.log, self.summary);
        self
    }

    pub(crate) fn fails(self) -> Self {
        assert!(self.failed, "{}\n--- summary\n{}", self.log, self.summary);
        self
    }
}

type Outputs = BTreeMap<String, BTreeMap<String, String>>;

/// What the steps of one job have so far.
struct Underway<'a> {
    run: &'a Run,
    temp: tempfile::TempDir,
    /// The inputs of the action that is run, and the outputs of its steps; of the workflow's, outside of it.
    inputs: BTreeMap<String, String>,
    outputs: Outputs,
    /// What the job and its steps have added for the steps after them.
    environment: BTreeMap<String, String>,
    path: Vec<String>,
    job: Job,
}

impl Run {
    fn begin(&self) -> Underway<'_> {
        Underway {
            run: self,
            temp: tempfile::tempdir().unwrap(),
            inputs: BTreeMap::new(),
            outputs: BTreeMap::new(),
            environment: BTreeMap::new(),
            path: self.programs.iter().map(|folder| folder.display().to_string()).collect(),
            job: Job::default(),
        }
    }

    /// A job with the action as its only step.
    pub(crate) fn action(&self, inputs: &[(&str, &str)]) -> Job {
        let mut underway = self.begin();
        let inputs = inputs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let outputs = underway.action(&inputs);
        Job { outputs, ..underway.job }
    }

    /// A job of a workflow; `None` where its condition does not hold.
    pub(crate) fn job(&self, workflow: &File, name: &str) -> Option<Job> {
        let job = &workflow.value["jobs"][name];
        assert!(job["steps"].is_array(), "{} has no job {name}", workflow.path);
        let mut underway = self.begin();
        if job["permissions"]["id-token"] == "write" {
            underway.environment.extend(self.sign_in.clone());
        }
        if !underway.holds(job) {
            return None;
        }
        for (name, value) in job["env"].as_object().into_iter().flatten() {
            let value = underway.fill(value);
            underway.environment.insert(name.clone(), value);
        }
        for step in job["steps"].as_array().unwrap() {
            underway.step(step);
        }
        let outputs = job["outputs"].as_object().into_iter().flatten();
        let outputs = outputs.map(|(name, value)| (name.clone(), underway.fill(value))).collect();
        Some(Job { outputs, ..underway.job })
    }
}

impl Underway<'_> {
    /// Runs the steps of the action, and says its outputs.
    fn action(&mut self, given: &BTreeMap<String, String>) -> BTreeMap<String, String> {
        let action = read(&format!("{ACTION}/action.yml"));
        let known = action.value["inputs"].as_object().unwrap();
        for name in given.keys() {
            assert!(known.contains_key(name), "the action has no input {name}");
        }
        let inputs = known.iter().map(|(name, input)| {
            let value = given.get(name).cloned().unwrap_or_else(|| self.fill(&input["default"]));
            assert!(!value.is_empty() || input["required"] != true, "the input {name} is missing");
            (name.clone(), value)
        });
        let outside = (inputs.collect(), Outputs::new());
        let outside = (std::mem::replace(&mut self.inputs, outside.0), std::mem::replace(&mut self.outputs, outside.1));
        for step in action.value["runs"]["steps"].as_array().unwrap() {
            assert!(step["uses"].is_string() || step["shell"] == "bash", "{step}");
            self.step(step);
        }
        let outputs = action.value["outputs"].as_object().unwrap().iter();
        let outputs = outputs.map(|(name, output)| (name.clone(), self.fill(&output["value"]))).collect();
        (self.inputs, self.outputs) = outside;
        outputs
    }

    /// What stands behind a name in an expression.
    fn named(&self, name: &str) -> Option<String> {
        if let Some(value) = self.run.names.get(name) {
            return Some(value.clone());
        }
        let parts: Vec<&str> = name.split('.').collect();
        match parts.as_slice() {
            ["inputs", input] => self.inputs.get(*input).cloned(),
            ["steps", step, "outputs", output] => self.outputs.get(*step)?.get(*output).cloned(),
            ["runner", "temp"] => Some(self.temp.path().display().to_string()),
            ["github", "token"] => self.run.environment.get("GITHUB_TOKEN").cloned(),
            ["github", "repository"] => self.run.environment.get("GITHUB_REPOSITORY").cloned(),
            ["github", "event_name"] => Some(self.run.event_name.to_owned()),
            ["github", "base_ref"] => self.run.event["pull_request"]["base"]["ref"].as_str().map(str::to_owned),
            // An action that is used by its path has no repository of its own.
            ["github", "action_repository"] => None,
            ["github", "event", keys @ ..] => {
                let value = keys.iter().fold(&self.run.event, |value, key| &value[*key]);
                value.as_str().map(str::to_owned).or_else(|| (!value.is_null()).then(|| value.to_string()))
            }
            _ => panic!("the runner does not know {name}"),
        }
    }

    fn fill(&self, value: &Value) -> String {
        let text = match value {
            Value::String(text) => text.clone(),
            Value::Null => String::new(),
            other => other.to_string(),
        };
        fill(&text, &|name| self.named(name))
    }

    /// Whether the `if` of a step or a job holds.
    fn holds(&self, of: &Value) -> bool {
        let Some(condition) = of["if"].as_str() else { return !self.job.failed };
        // Without a word about it, a step is for jobs in which nothing has failed.
        (!self.job.failed || condition.contains("always()"))
            && expression::is_true(&expression::value(condition, &|name| self.named(name)))
    }

    fn step(&mut self, step: &Value) {
        if !self.holds(step) {
            return;
        }
        let name = step["name"].as_str().or(step["uses"].as_str()).expect("a step says what it is").to_owned();
        self.job.log.extend(["== ", &name, "\n"]);
        self.job.steps.push(name);
        match (&step["run"], &step["uses"]) {
            (Value::String(script), Value::Null) => {
                let passed = self.script(step, script);
                self.job.failed |= !passed;
            }
            (Value::Null, Value::String(action)) if action.contains(&format!("/{ACTION}@")) => {
                let mut inputs: BTreeMap<String, String> = step["with"]
                    .as_object()
                    .unwrap()
                    .iter()
                    .map(|(name, value)| (name.clone(), self.fill(value)))
                    .collect();
                assert!(inputs.remove("version").is_some(), "{step}");
                // There is no release here: it is the program that is tested.
                inputs.insert("rolecall".to_owned(), env!("CARGO_BIN_EXE_rolecall").to_owned());
                let outputs = self.action(&inputs);
                if let Some(id) = step["id"].as_str() {
                    self.outputs.insert(id.to_owned(), outputs);
                }
            }
            // The checkout is there.
            (Value::Null, Value::String(action)) if action.starts_with("actions/checkout@") => {}
            (Value::Null, Value::String(action)) => {
                let passed = self.artifact(step, action);
                self.job.failed |= !passed;
            }
            _ => panic!("a step runs one thing: {step}"),
        }
    }

    /// Runs a script as GitHub does, in nothing but the environment that GitHub sets.
    fn script(&mut self, step: &Value, script: &str) -> bool {
        assert!(!script.contains("${{"), "{script}");
        let files = self.temp.path().join(format!("files-{}", self.job.steps.len()));
        fs::create_dir(&files).unwrap();
        for file in ["output", "summary", "env", "path"] {
            fs::write(files.join(file), "").unwrap();
        }
        fs::write(files.join("script.sh"), script).unwrap();
        fs::write(files.join("event.json"), self.run.event.to_string()).unwrap();
        let mut path = self.path.clone();
        path.extend(["/usr/local/bin", "/usr/bin", "/bin"].map(str::to_owned));
        let mut command = Command::new("bash");
        command
            .args(["--noprofile", "--norc", "-e"])
            .args(if step["shell"] == "bash" { &["-o", "pipefail"][..] } else { &[] })
            .arg(files.join("script.sh"))
            .current_dir(&self.run.workspace)
            .env_clear()
            .envs(self.run.environment.iter().filter(|(name, _)| *name != "GITHUB_TOKEN"))
            .env("PATH", path.join(":"))
            .env("HOME", self.temp.path())
            .env("GITHUB_ACTIONS", "true")
            .env("GITHUB_ACTION_PATH", repository().join(ACTION))
            .env("GITHUB_WORKSPACE", &self.run.workspace)
            .env("GITHUB_EVENT_NAME", self.run.event_name)
            .env("GITHUB_EVENT_PATH", files.join("event.json"))
            .env("GITHUB_RUN_ATTEMPT", "1")
            .env("GITHUB_OUTPUT", files.join("output"))
            .env("GITHUB_STEP_SUMMARY", files.join("summary"))
            .env("GITHUB_ENV", files.join("env"))
            .env("GITHUB_PATH", files.join("path"))
            .env("RUNNER_TEMP", self.temp.path())
            .env("RUNNER_OS", "Linux")
            .env("RUNNER_ARCH", "X64")
            .envs(&self.environment)
            .stdin(Stdio::null());
        for (name, value) in step["env"].as_object().into_iter().flatten() {
            command.env(name, self.fill(value));
        }
        let output = command.output().unwrap();
        for bytes in [output.stdout, output.stderr] {
            self.job.log += &String::from_utf8(bytes).expect("a log is UTF-8");
        }
        let read = |file: &str| fs::read_to_string(files.join(file)).unwrap();
        self.job.summary += &read("summary");
        self.environment.extend(pairs(&read("env")));
        self.path.splice(0..0, read("path").lines().map(str::to_owned));
        if let Some(id) = step["id"].as_str() {
            self.outputs.insert(id.to_owned(), pairs(&read("output")).collect());
        }
        output.status.success()
    }

    /// What the actions for artifacts do, by copying.
    fn artifact(&mut self, step: &Value, action: &str) -> bool {
        let name = self.fill(&step["with"]["name"]);
        let path = PathBuf::from(self.fill(&step["with"]["path"]));
        let is_name =
            !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte));
        let kept = self.run.artifacts.join(if is_name { &name } else { "none" });
        if action.starts_with("actions/upload-artifact@") {
            assert!(is_name, "no artifact may be called {name}");
            if !path.exists() {
                self.job.log += "Error: No files were found with the provided path\n";
                return step["with"]["if-no-files-found"] != "error";
            }
            assert!(!kept.exists() || step["with"]["overwrite"] == true, "there is an artifact {name} in this run");
            copy(&path, &kept);
        } else if action.starts_with("actions/download-artifact@") {
            if !kept.exists() {
                self.job.log += "Error: Unable to download artifact(s): Artifact not found for name\n";
                return false;
            }
            copy(&kept, &path);
        } else {
            panic!("the runner does not know {action}");
        }
        true
    }
}

/// `name=value` lines. A value over several lines is not used by the action, and is no pair here.
fn pairs(text: &str) -> impl Iterator<Item = (String, String)> {
    text.lines()
        .map(|line| line.split_once('=').map(|(name, value)| (name.to_owned(), value.to_owned())).expect("a pair"))
}

/// A file or a folder becomes the content of a folder.
fn copy(from: &Path, to: &Path) {
    if from.is_dir() {
        crate::folder::copy(from, to);
    } else {
        fs::create_dir_all(to).unwrap();
        fs::copy(from, to.join(from.file_name().unwrap())).unwrap();
    }
}
