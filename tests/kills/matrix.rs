//! Every point of a scenario: at each request of the whole run, once before its work and once after.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use rolecall::sandbox::RequestLog;

use crate::place::Place;
use crate::process::{Served, end, is_untouched, until};
use crate::record;
use crate::scenario::Scenario;
use crate::state::{self, Facts, Names, State};

/// Where `apply` is killed.
#[derive(Clone, Debug)]
struct Point {
    server: String,
    /// How many requests this server has answered before.
    request: usize,
    after_work: bool,
}

impl Point {
    /// The faults of all runs, and the one that strikes here.
    fn faults(&self, of_all: &str) -> String {
        let fault = if self.after_work { "hold-after" } else { "hold-before" };
        let Self { server, request, .. } = self;
        // What lags, and how long, is something else at each point.
        // A piece of every path: signing in counts as well.
        format!(
            "seed: {request}\n{of_all}rules: [{{ fault: {fault}, on: {server}, path: /, after: {request}, times: 1 }}]\n"
        )
    }

    fn told(&self) -> String {
        let when = if self.after_work { "after" } else { "before" };
        format!("{when} the work of request {} to {}", self.request + 1, self.server)
    }
}

/// What came of all points.
#[derive(Default)]
struct Tally {
    killed: usize,
    /// Of those, the ones that had written something.
    mid_way: usize,
    /// Points that no request came to, because this run needed fewer.
    unreached: usize,
    converged: usize,
    /// How many runs it took after the killed one, at most.
    most_runs: usize,
    duplicates: usize,
    left_over: usize,
    /// Requests that write, each with its line in the journal of a killed run.
    recorded: usize,
    failures: Vec<String>,
}

/// A scenario, ready to be run again and again.
struct Bench {
    folder: tempfile::TempDir,
    /// What the guards ask for.
    acknowledged: Vec<String>,
    /// How the undisturbed run ended.
    end: State,
    names: Names,
    /// What everybody has before and after.
    kept: BTreeMap<String, Facts>,
    /// What anybody has before or after, by ids and by names.
    meant: BTreeMap<String, Facts>,
    /// The faults of every run, as their file says them.
    faults: Option<String>,
    /// The requests of the undisturbed run, by server.
    requests: BTreeMap<String, usize>,
}

/// Runs every point of a scenario; gives a line about them for the summary.
pub(crate) fn run(scenario: &Scenario) -> String {
    let bench = Bench::new(scenario);
    let points: Vec<Point> = bench.points().into_iter().step_by(scenario.stride).collect();
    let next = AtomicUsize::new(0);
    let tally = Mutex::new(Tally::default());
    let cores = std::thread::available_parallelism().map_or(1, std::num::NonZero::get).min(4);
    // Where reads are behind, most of the time is spent waiting.
    let workers = if scenario.reads_behind > 0 { 6 * cores } else { cores };
    std::thread::scope(|scope| {
        for _ in 0..workers {
            scope.spawn(|| {
                while let Some(point) = points.get(next.fetch_add(1, Ordering::Relaxed)) {
                    bench.kill_at(point, &tally);
                }
            });
        }
    });
    let tally = tally.into_inner().unwrap_or_else(PoisonError::into_inner);
    let name = scenario.name;
    assert!(tally.failures.is_empty(), "{name}:\n{}", tally.failures.join("\n"));
    assert_eq!((tally.converged, tally.duplicates, tally.left_over), (tally.killed, 0, 0), "{name}");
    // A run may need fewer requests than the undisturbed one: what is ready at one moment goes into one batch, and reads may
    // be behind for a shorter time. Each that was not reached proved that it had no such request; were they many, the matrix
    // would not be what it says.
    let most = points.len() / 4;
    assert!(tally.unreached <= most, "{name}: {} of {} not reached", tally.unreached, points.len());
    assert!(tally.mid_way > 0 && tally.recorded > 0, "{name}");
    let each = match scenario.stride {
        1 => String::new(),
        stride => format!(", of which each {stride}rd was taken"),
    };
    format!(
        "kills, {name}: {} requests, killed before and after each{each}: {} points ({} with something written); {} \
         converged in {} runs at most, duplicates {}, left over {}; {} writes, each after its line in the journal",
        bench.requests.values().sum::<usize>(),
        tally.killed,
        tally.mid_way,
        tally.converged,
        tally.most_runs,
        tally.duplicates,
        tally.left_over,
        tally.recorded
    )
}

impl Bench {
    /// Runs the scenario once without disturbing it.
    fn new(scenario: &Scenario) -> Self {
        let folder = tempfile::tempdir().unwrap();
        scenario.prepare(folder.path());
        let start = folder.path().join("sandbox");
        let mut acknowledged = Vec::new();
        let reads = scenario.reads_behind;
        let faults = (reads > 0).then(|| format!("lag: {{ reads: {reads} }}\n"));
        // The first time is for what the guards ask for, which takes a run that is refused.
        let mut apply = || {
            let place = Place::new(folder.path());
            let served = Served::start(&place.sandbox(), faults.as_deref());
            let applied = place.apply(&served, "first.jsonl", &mut acknowledged);
            applied.unwrap_or_else(|why| panic!("{}: {why}", scenario.name));
            (place, served)
        };
        drop(apply());
        let (place, served) = apply();
        let all = RequestLog::read(&place.sandbox()).unwrap();
        place.is_in_order(&served).unwrap_or_else(|why| panic!("{}: {why}", scenario.name));
        drop(served);
        let mut requests = BTreeMap::new();
        for line in all.lines() {
            *requests.entry(line.server.clone()).or_default() += 1;
        }
        let history = state::history(&start, &place.sandbox());
        let names = Names::read(&place.sandbox());
        let (mut kept, mut meant) = (BTreeMap::<String, Facts>::new(), BTreeMap::<String, Facts>::new());
        for (name, moments) in &history {
            let (first, last) = (moments.first().unwrap(), moments.last().unwrap());
            kept.insert(name.clone(), first.intersection(last).cloned().collect());
            let either = first.union(last);
            meant.insert(name.clone(), either.flat_map(|fact| [fact.clone(), names.in_fact(fact)]).collect());
        }
        for name in scenario.kept_in {
            assert!(!kept[*name].is_empty(), "{}: nobody keeps anything in {name}", scenario.name);
        }
        let end = state::read(&place.sandbox());
        Self { folder, acknowledged, end, names, kept, meant, faults, requests }
    }

    fn points(&self) -> Vec<Point> {
        let requests =
            self.requests.iter().flat_map(|(server, count)| (0..*count).map(move |request| (server, request)));
        let both = |(server, request): (&String, usize)| {
            [false, true].map(|after_work| Point { server: server.clone(), request, after_work })
        };
        requests.flat_map(both).collect()
    }

    fn kill_at(&self, point: &Point, tally: &Mutex<Tally>) {
        let mut of_this = Tally::default();
        if let Err(why) = self.try_kill_at(point, &mut of_this) {
            of_this.failures.push(format!("killed {}: {why}", point.told()));
        }
        tally.lock().unwrap_or_else(PoisonError::into_inner).add(of_this);
    }

    fn try_kill_at(&self, point: &Point, tally: &mut Tally) -> Result<(), String> {
        let place = Place::new(self.folder.path());
        let sandbox = place.sandbox();
        let mut served = Served::start(&sandbox, Some(&point.faults(self.faults.as_deref().unwrap_or_default())));
        let said = place.path("said");
        let file = std::fs::File::create(&said).unwrap();
        let mut apply = place.command(&served, "first.jsonl", &self.acknowledged);
        let mut apply = apply.stdout(file.try_clone().unwrap()).stderr(file).spawn().unwrap();
        if let Some(status) = until(&mut apply, || served.holds()) {
            if !status.success() {
                return Err(format!("it ended by itself: {status}\n{}", std::fs::read_to_string(&said).unwrap()));
            }
            let sent =
                RequestLog::read(&sandbox).unwrap().lines().iter().filter(|line| line.server == point.server).count();
            if sent > point.request {
                return Err(format!("it was not held, though {} was sent {sent} requests", point.server));
            }
            tally.unreached += 1;
            return Ok(());
        }
        end(&mut apply);
        tally.killed += 1;
        let secrets = record::secrets(&served, &sandbox);
        let text = std::fs::read_to_string(&said).unwrap();
        if secrets.iter().any(|secret| text.contains(secret.as_str())) {
            return Err("a secret was printed".to_owned());
        }
        tally.recorded += record::check(&place.path("first.jsonl"), record::writes(&sandbox), &self.names, &secrets)?;
        if is_untouched(&sandbox) {
            drop(served);
            // Once nobody serves it nothing can come any more.
            if is_untouched(&sandbox) {
                // The next run starts from where the undisturbed one did.
                tally.converged += 1;
                return Ok(());
            }
            served = Served::start(&sandbox, self.faults.as_deref());
        }
        tally.mid_way += 1;
        tally.most_runs = if self.faults.is_none() {
            place.apply(&served, "second.jsonl", &mut self.acknowledged.clone())?;
            place.is_in_order(&served)?;
            1
        } else {
            place.converge(&served, &self.acknowledged)?
        };
        drop(served);
        let state = state::read(&sandbox);
        let extra: Vec<&String> = state.keys().filter(|name| !self.end.contains_key(*name)).collect();
        // A second of something, or one that only went to the deleted items because there were two.
        let (duplicates, left_over): (Vec<&String>, Vec<&String>) =
            extra.iter().partition(|name| name.contains(" #") || name.starts_with("deleted group"));
        (tally.duplicates, tally.left_over) = (duplicates.len(), left_over.len());
        if state != self.end {
            let differs = |(name, value): &(&String, &serde_json::Value)| state.get(*name) != Some(*value);
            let other: Vec<_> = self.end.iter().filter(differs).map(|(name, _)| (name, state.get(name))).collect();
            return Err(format!("it ended otherwise; too much: {extra:?}; missing or other: {other:?}"));
        }
        let names = Names::read(&sandbox);
        for (name, moments) in state::history(&self.folder.path().join("sandbox"), &sandbox) {
            for (at, moment) in moments.iter().enumerate() {
                if let Some(fact) = self.kept[&name].difference(moment).next() {
                    return Err(format!("after write {at} in {name} this was lost for a while: {fact}"));
                }
                let meant = &self.meant[&name];
                let mut others = moment.difference(meant).map(|fact| names.in_fact(fact));
                if let Some(fact) = others.find(|fact| !meant.contains(fact)) {
                    return Err(format!("after write {at} in {name} somebody had what nobody was to have: {fact}"));
                }
            }
        }
        tally.converged += 1;
        Ok(())
    }
}

impl Tally {
    fn add(&mut self, other: Self) {
        let Self { killed, mid_way, unreached, converged, most_runs, duplicates, left_over, recorded, failures } =
            other;
        self.killed += killed;
        self.mid_way += mid_way;
        self.unreached += unreached;
        self.converged += converged;
        self.most_runs = self.most_runs.max(most_runs);
        self.duplicates += duplicates;
        self.left_over += left_over;
        self.recorded += recorded;
        self.failures.extend(failures);
    }
}
