//! A cold plan: the command itself, in a process of its own, against a sandbox that another process serves.

use std::collections::BTreeMap;
use std::io::{BufRead as _, BufReader, Write};
use std::path::Path;
use std::process::Child;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rolecall::cli::{self, Exit, Ui};
use rolecall::sandbox::log::GRAPH;
use rolecall::sandbox::{Options, RequestLog, Sandbox};
use rolecall::{config, desired};
use serde_json::Value;

use crate::Error;
use crate::live;
use crate::measure::{self, Stopwatch};
use crate::world::Shape;

/// How long the sandbox waits before every answer.
pub(crate) const LATENCY: Duration = Duration::from_millis(30);
/// Resource units that Graph allows an app in a tenant within ten seconds: of more than 500 people, and of less than 50
/// (Microsoft's "Microsoft Graph service-specific throttling limits", identity and access).
pub(crate) const ALLOWANCES: [(&str, f64); 2] = [("large tenant", 8000.0), ("small tenant", 3500.0)];

/// What a cold plan was measured to take.
pub(crate) struct Cold {
    pub(crate) seconds: f64,
    pub(crate) cpu_seconds: f64,
    pub(crate) peak_kib: f64,
    pub(crate) graph_calls: f64,
    pub(crate) graph_units: f64,
    pub(crate) cluster_calls: f64,
    /// Round trips of which each needs the answer of the one before, at the least.
    pub(crate) round_trips: f64,
}

impl Cold {
    /// What no client can be faster than, at this allowance.
    pub(crate) fn floor(&self, allowance: f64) -> f64 {
        (self.round_trips * LATENCY.as_secs_f64()).max(self.graph_units / allowance * 10.0)
    }
}

/// Measures a cold plan of the files in `folder`, with a new sandbox in `place`.
pub(crate) fn measure(folder: &Path, place: &Path, shape: Shape) -> Result<Cold, Error> {
    let text = |path: &Path| path.display().to_string();
    let (groups, members) = (shape.groups.to_string(), shape.members.to_string());
    finish(crate::child(&["seed", &text(folder), &text(place), &groups, &members])?)?;
    let served = Served::start(place)?;
    let output = finish(crate::child(&["plan", &text(folder), &text(place)])?)?;
    drop(served);
    let figure = |name: &str| -> Result<f64, Error> {
        let line = output.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        Ok(line.ok_or_else(|| format!("the plan did not say `{name}`"))?.parse()?)
    };
    let log = RequestLog::read(place)?;
    // Each page of the index names the next one. Before the first comes a token, after the last what it names is read, and
    // then what only the difference asks for.
    let is_index = |path: &str| path.starts_with("/v1.0/groups?");
    let pages = log.lines().iter().filter(|line| line.server == GRAPH && is_index(&line.path)).count();
    Ok(Cold {
        seconds: figure("seconds")?,
        cpu_seconds: figure("cpu")?,
        peak_kib: figure("peak")?,
        graph_calls: figure("graph-calls")?,
        graph_units: figure("graph-units")?,
        cluster_calls: figure("cluster-calls")?,
        round_trips: pages as f64 + 3.0,
    })
}

/// Waits for a process of ours and gives what it said.
pub(crate) fn finish(child: Child) -> Result<String, Error> {
    let output = child.wait_with_output()?;
    if !output.status.success() {
        return Err(format!("a part of the bench ended with {}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// A sandbox in a process of its own, for as long as this lives.
struct Served(Child);

impl Served {
    fn start(place: &Path) -> Result<Self, Error> {
        let mut child = crate::child(&["serve", &place.display().to_string()])?;
        let output = child.stdout.take().ok_or("the sandbox has no output")?;
        let served = Self(child);
        for line in BufReader::new(output).lines() {
            if line?.starts_with("Serving") {
                return Ok(served);
            }
        }
        Err("the sandbox did not start".into())
    }
}

impl Drop for Served {
    fn drop(&mut self) {
        // It may have ended by itself; there is nothing more to be done then.
        let _ = self.0.kill().and_then(|()| self.0.wait());
    }
}

/// Makes a sandbox in `place` for the files in `folder`.
pub(crate) fn seed(folder: &Path, place: &Path, shape: Shape) -> Result<(), Error> {
    let loaded = config::load(folder);
    let config = loaded.config.ok_or("the files are not well formed")?;
    let desired = desired::compile(&config, &loaded.sources);
    let seed = live::seed(&desired, shape)?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let sandbox = Sandbox::open(place, || seed, Options::default()).await?;
        sandbox.stop().await;
        Ok(())
    })
}

/// `rolecall sandbox serve`.
pub(crate) fn serve(place: &Path) -> Result<(), Error> {
    let latency = LATENCY.as_millis().to_string();
    let arguments =
        ["rolecall", "sandbox", "serve", &place.display().to_string(), "--latency-ms", &latency].map(Into::into);
    let mut ui = Ui::captured(
        Box::new(std::io::stdout()),
        Box::new(std::io::stderr()),
        BTreeMap::new(),
        place.to_owned(),
        jiff::Timestamp::now,
    );
    match cli::run(arguments, &mut ui) {
        Exit::Fine => Ok(()),
        exit => Err(format!("`sandbox serve` ended with {}", exit.code()).into()),
    }
}

/// `rolecall plan`, and what it took.
pub(crate) fn plan(folder: &Path, place: &Path) -> Result<(), Error> {
    let credentials = fs_err::read_to_string(place.join("credentials.env"))?;
    let pairs = credentials.lines().filter(|line| !line.starts_with('#')).filter_map(|line| line.split_once('='));
    let env = pairs.map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
    let connections = place.join("connections.yaml").display().to_string();
    let arguments =
        ["rolecall", "plan", &folder.display().to_string(), "--connections", &connections, "--output", "json"];
    let printed = Printed::default();
    let mut ui = Ui::captured(
        Box::new(printed.clone()),
        Box::new(std::io::stderr()),
        env,
        place.to_owned(),
        jiff::Timestamp::now,
    );
    let watch = Stopwatch::start();
    let exit = cli::run(arguments.map(Into::into), &mut ui);
    let seconds = watch.passed();
    let (cpu, peak) = (measure::cpu_seconds(), measure::peak_kib());
    if exit != Exit::Fine {
        return Err(format!("`plan` ended with {}", exit.code()).into());
    }
    let text = std::mem::take(&mut *printed.0.lock().unwrap_or_else(PoisonError::into_inner));
    let plan: Value = serde_json::from_slice(&text)?;
    watch.say("seconds", seconds)?;
    watch.say("cpu", cpu.unwrap_or_default())?;
    watch.say("peak", peak.unwrap_or_default())?;
    for (name, key) in
        [("graph-calls", "graph_calls"), ("graph-units", "graph_units"), ("cluster-calls", "cluster_calls")]
    {
        watch.say(
            name,
            plan.pointer(&format!("/usage/{key}")).and_then(Value::as_u64).ok_or("the plan says no cost")?,
        )?;
    }
    Ok(())
}

/// Where the plan is printed.
#[derive(Clone, Default)]
struct Printed(Arc<Mutex<Vec<u8>>>);

impl Write for Printed {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}
