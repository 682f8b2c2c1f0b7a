//! The company, applied to a tenant and clusters that throttle, fail, break off and lag: it converges, and says what it waited
//! for.

use std::collections::{BTreeMap, BTreeSet};

use rolecall::sandbox::RequestLog;
use rolecall::sandbox::graph::state::Tenant;
use rolecall::sandbox::store::Store;

use crate::common::{Ran, World};
use crate::served::Served;
use crate::summary;

/// As many as run at the same time.
const SEEDS: u64 = 10;
/// More runs than this is no converging.
const MOST_RUNS: usize = 6;

/// 20 % are throttled; of the others 7 % fail and of what is left 7 % end without a reply, which is more than 5 % of all for
/// each, half of them after the work was done. What is written shows after 10 s at the latest.
const FAULTS: &str = "
lag: { ms: 10000 }
rules:
  - { fault: { throttled: { retry-after-ms: 212 } }, percent: 20 }
  - { fault: { unavailable: { status: 503 } }, percent: 4 }
  - { fault: { unavailable: { status: 504, after-work: true } }, percent: 3 }
  - { fault: cut-before, percent: 4 }
  - { fault: cut-after, percent: 3 }
";

/// How one seed went.
struct Went {
    runs: usize,
    struck: BTreeMap<String, usize>,
    waited: Vec<String>,
}

/// Every group of the tenant, whoever made it, without the time of its creation.
fn groups(world: &World) -> BTreeMap<String, serde_json::Value> {
    let tenant = Store::<Tenant>::load(&world.path("sandbox/tenant.json")).unwrap().unwrap();
    let tenant = tenant.read(|tenant| serde_json::to_value(tenant).unwrap());
    let groups = tenant["groups"].as_object().unwrap().clone();
    assert_eq!(tenant["deleted_groups"].as_object().map(serde_json::Map::len), Some(0));
    let mut groups: BTreeMap<_, _> = groups.into_iter().collect();
    for group in groups.values_mut() {
        group.as_object_mut().unwrap().remove("created");
    }
    groups
}

/// What a plan prints as `if meant: --acknowledge …`.
fn acknowledgements(plan: &str) -> BTreeSet<String> {
    plan.lines().filter_map(|line| Some(line.split_once("--acknowledge ")?.1.trim().to_owned())).collect()
}

fn save_and_apply(acknowledged: &BTreeSet<String>, run: &dyn Fn(&[&str]) -> Ran) -> Ran {
    let acknowledged: Vec<&str> = acknowledged.iter().flat_map(|text| ["--acknowledge", text]).collect();
    let saved = run(&[&["plan", "access", "--save", "tonight.plan"], acknowledged.as_slice()].concat());
    if saved.code != 0 {
        return saved;
    }
    run(&[&["apply", "tonight.plan", "access"], acknowledged.as_slice()].concat())
}

/// The company as it is without faults.
fn without_faults() -> (BTreeMap<String, serde_json::Value>, BTreeSet<String>) {
    let world = World::with_example("company");
    let acknowledged = acknowledgements(&world.plan(&[]).exits(0).stdout);
    let run = |arguments: &[&str]| world.run(&[arguments, &["--sandbox", "sandbox"]].concat());
    let applied = save_and_apply(&acknowledged, &run).exits(0);
    assert!(!applied.stderr.contains("Waited"), "{}", applied.stderr);
    (groups(&world), acknowledged)
}

fn with_faults(seed: u64, expected: &BTreeMap<String, serde_json::Value>, acknowledged: &BTreeSet<String>) -> Went {
    let world = World::with_example("company");
    let _ = world.plan(&[]).exits(0);
    world.write("faults.yaml", format!("seed: {seed}{FAULTS}"));
    let served = Served::with(&world.path("sandbox"), &["--faults", world.path("faults.yaml").to_str().unwrap()]);
    let credentials = served.credentials();
    let credentials: Vec<(&str, &str)> =
        credentials.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let connections = served.file("connections.yaml");
    let run = |arguments: &[&str]| {
        let connections = ["--connections", connections.to_str().unwrap()];
        world.run_with(&[arguments, &connections].concat(), &credentials)
    };
    let (mut runs, mut waited, mut said) = (0, Vec::new(), String::new());
    loop {
        runs += 1;
        let ran = save_and_apply(acknowledged, &run);
        waited.extend(ran.stderr.lines().filter(|line| line.starts_with("Waited ")).map(str::to_owned));
        said = format!("{said}--- run {runs}: exit {}\n{}", ran.code, ran.stderr);
        if ran.code == 0 {
            break;
        }
        // Something was not read, or not everything was written; nothing else can come of such faults.
        assert!(matches!(ran.code, 1 | 4) && runs < MOST_RUNS, "seed {seed}:\n{said}");
    }
    assert!(waited.iter().any(|line| line.contains("for Entra to show")), "seed {seed}:\n{said}");
    // What was written is shown: the next plan asks for nothing. A plan itself may meet too many faults in a row.
    let plans = (0..MOST_RUNS).map(|_| run(&["plan", "access", "--detailed-exitcode"]));
    let plan = plans.into_iter().find(|plan| plan.code != 1).unwrap();
    assert_eq!(plan.code, 0, "seed {seed}:\n{said}\n{}", plan.all());
    drop(served);

    let log = RequestLog::read(&world.path("sandbox")).unwrap();
    let mut struck = BTreeMap::new();
    for fault in log.lines().iter().flat_map(rolecall::sandbox::log::Line::faults) {
        *struck.entry(fault.to_owned()).or_default() += 1;
    }
    for fault in ["throttled", "unavailable", "cut-before", "cut-after", "lag"] {
        assert!(struck.contains_key(fault), "seed {seed} met no {fault}: {struck:?}");
    }
    assert_eq!(groups(&world), *expected, "seed {seed}: the same groups, each once, with the same people");
    let _ = world.plan(&["--detailed-exitcode"]).exits(0);
    Went { runs, struck, waited }
}

#[test]
fn the_company_converges_whatever_seed_the_faults_have() {
    let (expected, acknowledged) = without_faults();
    let all: Vec<Went> = std::thread::scope(|scope| {
        let seeds: Vec<_> = (1..=SEEDS)
            .map(|seed| {
                scope.spawn({
                    let (e, a) = (&expected, &acknowledged);
                    move || with_faults(seed, e, a)
                })
            })
            .collect();
        seeds.into_iter().map(|seed| seed.join().unwrap()).collect()
    });
    let mut struck: BTreeMap<&str, usize> = BTreeMap::new();
    for (fault, count) in all.iter().flat_map(|went| &went.struck) {
        *struck.entry(fault).or_default() += count;
    }
    let struck: Vec<String> = struck.iter().map(|(fault, count)| format!("{count} {fault}")).collect();
    let runs: Vec<String> = all.iter().map(|went| went.runs.to_string()).collect();
    summary::leave(
        "3-faults",
        &format!(
            "faults: the company converged for {} of {SEEDS} seeds, in {} runs of apply; no group twice\n\
             \x20 struck, as the sandboxes' logs count: {}\n\
             \x20 seed 1: {}",
            all.len(),
            runs.join(" "),
            struck.join(", "),
            all[0].waited.join(" "),
        ),
    );
}
