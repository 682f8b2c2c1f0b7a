//! One run of a scenario and the runs after it, in a folder of their own.

use std::path::{Path, PathBuf};
use std::process::Command;

use crate::folder::copy;
use crate::process::{self, Served, rolecall};

/// More runs than this is no converging.
const MOST_RUNS: usize = 5;

/// A copy of the sandbox, and the journals of the runs.
pub(crate) struct Place<'a> {
    prepared: &'a Path,
    folder: tempfile::TempDir,
    connections: PathBuf,
}

impl<'a> Place<'a> {
    /// From a folder that holds `sandbox` and `access`.
    pub(crate) fn new(prepared: &'a Path) -> Self {
        let folder = tempfile::tempdir().unwrap();
        copy(&prepared.join("sandbox"), &folder.path().join("sandbox"));
        let connections = folder.path().join("sandbox/connections.yaml");
        Self { prepared, folder, connections }
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn sandbox(&self) -> PathBuf {
        self.path("sandbox")
    }

    /// Reaches the cluster `west` by this kubeconfig from now on; Entra is still the sandbox's.
    pub(crate) fn reach_west_by(&mut self, served: &Served, kubeconfig: &str) {
        let url = served.credential("ROLECALL_SANDBOX_URL");
        let connections = format!(
            "entra: {{ login: '{url}', graph: '{url}', ca-file: sandbox/ca.pem }}\n\
             environments: {{ west: {{ kubeconfig: kubeconfig, context: west }} }}\n"
        );
        self.connections = self.path("connections.yaml");
        std::fs::write(&self.connections, connections).unwrap();
        std::fs::write(self.path("kubeconfig"), kubeconfig).unwrap();
    }

    pub(crate) fn command(&self, served: &Served, journal: &str, acknowledged: &[String]) -> Command {
        let mut command = rolecall(self.folder.path(), &["apply", "--yes", "--journal", journal]);
        command.arg(self.prepared.join("access")).arg("--connections").arg(&self.connections);
        command.args(acknowledged.iter().flat_map(|guard| ["--acknowledge", guard])).envs(served.credentials());
        command
    }

    /// Applies until it is done; what a guard asks for is acknowledged, as somebody does who means it.
    pub(crate) fn apply(&self, served: &Served, journal: &str, acknowledged: &mut Vec<String>) -> Result<(), String> {
        loop {
            let ran = process::run(&mut self.command(served, journal, acknowledged));
            let new: Vec<String> = asked(&ran.text).filter(|guard| !acknowledged.contains(guard)).collect();
            match ran.code {
                Some(0) => return Ok(()),
                Some(3) if !new.is_empty() => acknowledged.extend(new),
                code => return Err(format!("`apply` ended with {code:?}:\n{}", ran.text)),
            }
        }
    }

    /// Applies while reads are behind, until a plan finds nothing to do: one may be shown what an earlier one was not. A guard
    /// that nobody acknowledged before is not now: it may be there only because of what is not shown yet. Gives how many runs
    /// it took.
    pub(crate) fn converge(&self, served: &Served, acknowledged: &[String]) -> Result<usize, String> {
        let mut said = String::new();
        for run in 1..=MOST_RUNS {
            let ran = process::run(&mut self.command(served, &format!("again-{run}.jsonl"), acknowledged));
            said = format!("{said}--- run {run}: {:?}\n{}", ran.code, ran.text);
            match self.is_in_order(served) {
                Ok(()) if ran.code == Some(0) => return Ok(run),
                Ok(()) => {}
                Err(why) => said = format!("{said}{why}\n"),
            }
        }
        Err(format!("{MOST_RUNS} runs were not enough:\n{said}"))
    }

    /// A further plan finds nothing to do.
    pub(crate) fn is_in_order(&self, served: &Served) -> Result<(), String> {
        let mut command = rolecall(self.folder.path(), &["plan", "--detailed-exitcode"]);
        command.arg(self.prepared.join("access")).arg("--connections").arg(&self.connections);
        let ran = process::run(command.envs(served.credentials()));
        let is_in_order = ran.code == Some(0) && ran.text.contains("No changes.");
        is_in_order
            .then_some(())
            .ok_or_else(|| format!("the plan after it is not empty ({:?}):\n{}", ran.code, ran.text))
    }
}

/// What the guards of a plan want to hear.
pub(crate) fn asked(text: &str) -> impl Iterator<Item = String> {
    text.lines()
        .filter_map(|line| line.split_once("if meant: --acknowledge "))
        .map(|(_, guard)| guard.trim().to_owned())
}
