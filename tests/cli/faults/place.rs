//! A sandbox and the command, both in this process, and with short waits: a run costs milliseconds.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use rolecall::cli::Ui;
use rolecall::providers::http::Pace;
use rolecall::sandbox::{Faults, Options, RequestLog, Sandbox, Seed};
use secrecy::ExposeSecret as _;
use tokio::runtime::{Builder, Runtime};

use crate::common::{Ran, World};
use crate::folder::copy;
use crate::state::{self, Facts, State};

/// Waits as short as they can be. What Entra does not show after this is pending.
pub(crate) const HASTY: Pace = Pace {
    first_wait: Duration::from_millis(1),
    longest_wait: Duration::from_millis(4),
    throttled_for: Duration::from_secs(20),
    attempts: 6,
    replication: Duration::from_millis(100),
};

/// The access files in `access/`, and a sandbox in `sandbox/`.
pub(crate) struct Place {
    pub(crate) world: World,
    runtime: Runtime,
    sandbox: Option<Sandbox>,
    env: BTreeMap<String, String>,
    acknowledged: BTreeSet<String>,
    runs: usize,
}

/// A stream that can be looked at afterwards.
#[derive(Clone, Default)]
struct Kept(Arc<Mutex<Vec<u8>>>);

impl Kept {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Kept {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Place {
    /// One with this in its sandbox, and nobody serving it yet.
    pub(crate) fn seeded(seed: &str) -> Self {
        let seed: Seed = serde_saphyr::from_str(seed).unwrap();
        let mut place = Self::around(World::new());
        place.open(seed, Faults::default());
        place.stop();
        place
    }

    fn around(world: World) -> Self {
        let runtime = Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        Self { world, runtime, sandbox: None, env: BTreeMap::new(), acknowledged: BTreeSet::new(), runs: 0 }
    }

    /// Another place where everything is as it is here, with the log of requests empty. Nobody may be serving this one.
    pub(crate) fn again(&self) -> Self {
        assert!(self.sandbox.is_none());
        let mut place = Self::around(World::new());
        (place.runs, place.acknowledged) = (self.runs, self.acknowledged.clone());
        copy(&self.world.path(""), &place.world.path(""));
        std::fs::remove_file(place.world.path("sandbox/requests.jsonl")).unwrap();
        place
    }

    /// Serves the sandbox with these faults; what lagged until now is shown.
    pub(crate) fn serve(&mut self, faults: Faults) {
        self.stop();
        self.open(Seed::new("nothing is seeded twice"), faults);
    }

    fn open(&mut self, seed: Seed, faults: Faults) {
        let options = Options { faults, ..Options::default() };
        let folder = self.world.path("sandbox");
        let sandbox = self.runtime.block_on(Sandbox::open(&folder, || seed, options)).unwrap();
        let access = sandbox.access();
        let url = access.graph.as_str().trim_end_matches('/');
        let way = |name| format!("  {name}: {{ kubeconfig: kubeconfig, context: {name} }}\n");
        let ways: String = access.clusters.keys().map(way).collect();
        let connections =
            format!("entra: {{ login: '{url}', graph: '{url}', ca-file: sandbox/ca.pem }}\nenvironments:\n{ways}");
        self.world.write("connections.yaml", connections);
        self.world.write("kubeconfig", access.kubeconfig().expose_secret());
        self.env = access.environment();
        self.sandbox = Some(sandbox);
    }

    /// Nobody serves the sandbox any more.
    pub(crate) fn stop(&mut self) {
        if let Some(sandbox) = self.sandbox.take() {
            self.runtime.block_on(sandbox.stop());
        }
    }

    /// Runs the command with the connections of the sandbox.
    pub(crate) fn run(&self, arguments: &[&str]) -> Ran {
        let (stdout, stderr) = (Kept::default(), Kept::default());
        let streams = (Box::new(stdout.clone()), Box::new(stderr.clone()));
        let mut ui = Ui::captured(streams.0, streams.1, self.env.clone(), self.world.path(""), jiff::Timestamp::now);
        ui.pace = HASTY;
        let arguments = [&["rolecall"], arguments, &["--connections", "connections.yaml"]].concat();
        let exit = rolecall::cli::run(arguments.into_iter().map(OsString::from), &mut ui);
        Ran { stdout: stdout.text(), stderr: stderr.text(), code: exit.code().into() }
    }

    /// Applies once; what a guard asks for is acknowledged, as somebody does who means it. Gives the journal's name as well.
    pub(crate) fn apply(&mut self) -> (Ran, PathBuf) {
        loop {
            self.runs += 1;
            let journal = self.world.path(&format!("{}.jsonl", self.runs));
            let acknowledged: Vec<&str> =
                self.acknowledged.iter().flat_map(|guard| ["--acknowledge", guard.as_str()]).collect();
            let ran = self.run(
                &[&["apply", "access", "--yes", "--journal", journal.to_str().unwrap()], acknowledged.as_slice()]
                    .concat(),
            );
            let asked: BTreeSet<String> = asked(&ran.all()).difference(&self.acknowledged).cloned().collect();
            if ran.code != 3 || asked.is_empty() {
                return (ran, journal);
            }
            self.acknowledged.extend(asked);
        }
    }

    /// Applies without faults until there is nothing left to do. Once has to do, except where a group was restored, because
    /// what rests on it waits for the plan that shows who is in it. Gives what there is after the first time and at the end.
    pub(crate) fn apply_in_peace(&mut self) -> (State, State) {
        let mut apply = || {
            self.serve(Faults::default());
            let applied = self.apply().0;
            // What rests on a group that is restored waits for the next plan, so that not everything is done.
            let restores = applied.stdout.contains("is restored by this plan");
            let _ = applied.exits(if restores { 4 } else { 0 });
            (restores, self.state())
        };
        let (restores, first) = apply();
        let last = if restores { apply().1 } else { first.clone() };
        (first, last)
    }

    /// A plan finds nothing to do.
    pub(crate) fn is_in_order(&mut self) {
        self.serve(Faults::default());
        let _ = self.run(&["plan", "access", "--detailed-exitcode"]).exits(0);
        self.stop();
    }

    /// What the sandbox holds. Whoever served it is stopped.
    pub(crate) fn state(&mut self) -> State {
        self.stop();
        state::read(&self.world.path("sandbox"))
    }

    /// What the sandbox holds while it is served.
    pub(crate) fn state_meanwhile(&self) -> State {
        // A copy, because whoever opens the files may also fold them.
        let folder = tempfile::tempdir().unwrap();
        copy(&self.world.path("sandbox"), folder.path());
        state::read(folder.path())
    }

    /// Makes this the moment at which the history begins.
    pub(crate) fn begin(&mut self) {
        self.stop();
        state::fold(&self.world.path("sandbox"));
        let start = self.world.path("start");
        if start.exists() {
            std::fs::remove_dir_all(&start).unwrap();
        }
        copy(&self.world.path("sandbox"), &start);
    }

    /// What somebody had when the history began and has at its end, and had not for a while in between.
    pub(crate) fn lost_for_a_while(&mut self) -> Vec<String> {
        self.stop();
        let mut lost = Vec::new();
        for (name, moments) in state::history(&self.world.path("start"), &self.world.path("sandbox")) {
            let kept: Facts = moments[0].intersection(moments.last().unwrap()).cloned().collect();
            for (at, moment) in moments.iter().enumerate() {
                lost.extend(kept.difference(moment).map(|fact| format!("after write {at} in {name}: {fact}")));
            }
        }
        lost
    }

    /// The last outcome of each change in a journal; empty when there is none.
    pub(crate) fn outcomes(journal: &Path) -> BTreeMap<String, String> {
        let text = std::fs::read_to_string(journal).unwrap_or_default();
        let lines = text.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        let ends = lines.filter(|line| line["phase"] == "end");
        let text = |value: &serde_json::Value| value.as_str().unwrap().to_owned();
        ends.map(|line| (text(&line["address"]), text(&line["outcome"]))).collect()
    }

    /// What the sandbox was asked so far, by its own log.
    pub(crate) fn log(&self) -> RequestLog {
        RequestLog::read(&self.world.path("sandbox")).unwrap()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.stop();
    }
}

/// What a plan prints as `if meant: --acknowledge …`.
pub(crate) fn asked(plan: &str) -> BTreeSet<String> {
    plan.lines().filter_map(|line| Some(line.split_once("if meant: --acknowledge ")?.1.trim().to_owned())).collect()
}
