//! The company, applied to a tenant and clusters that throttle, fail, break off and lag: it converges, and says what it waited
//! for.

use std::collections::{BTreeMap, BTreeSet};

use rolecall::sandbox::RequestLog;

use super::place::asked;
use crate::common::{Ran, World};
use crate::folder::copy;
use crate::served::Served;
use crate::state::{self, Facts, State};
use crate::summary;

/// As many as run at the same time.
const SEEDS: u64 = 10;
/// And so many that change a company that was applied before.
const LATER_SEEDS: u64 = 4;
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

/// What is changed in the files of a company that was applied before: somebody comes, somebody goes and somebody stays, a group
/// is deleted with its binding, and two bindings give another role.
const CHANGES: [(&str, &str, &str); 7] = [
    ("trinity", "      - lea@contoso.com\n", "      - sam@contoso.com\n"),
    (
        "trinity",
        "  - { groups: [trinity-operators], roles: [edit], environments: [staging, prod], namespaces: [trinity] }\n",
        "",
    ),
    (
        "trinity",
        "  trinity-operators:\n    description: May change trinity in production\n    \
         owners: [erin@contoso.com, hayden@contoso.com]\n    members: [hayden@contoso.com]\n",
        "",
    ),
    ("payments", "members: [sam@contoso.com]", "members: [carol@contoso.com, sam@contoso.com]"),
    ("payments", "      - nora@contoso.com\n", ""),
    ("payments", "[payments-dev], roles: [edit]", "[payments-dev], roles: [log-reader]"),
    ("data", "roles: [namespace-admin]", "roles: [edit]"),
];

/// What is there, and what comes of it without faults.
struct Start {
    /// The sandbox, and the files that are to be applied.
    world: World,
    expected: State,
    acknowledged: BTreeSet<String>,
}

/// How one seed went.
struct Went {
    runs: usize,
    struck: BTreeMap<String, usize>,
    waited: Vec<String>,
}

fn save_and_apply(acknowledged: &BTreeSet<String>, run: &dyn Fn(&[&str]) -> Ran) -> Ran {
    let acknowledged: Vec<&str> = acknowledged.iter().flat_map(|text| ["--acknowledge", text]).collect();
    let saved = run(&[&["plan", "access", "--save", "tonight.plan"], acknowledged.as_slice()].concat());
    if saved.code != 0 {
        return saved;
    }
    run(&[&["apply", "tonight.plan", "access"], acknowledged.as_slice()].concat())
}

impl Start {
    /// The company before its first `apply`.
    fn first() -> Self {
        let world = World::with_example("company");
        let _ = world.plan(&[]).exits(0);
        Self::of(world)
    }

    /// The company as it was applied, and files that ask for something else.
    fn later(first: &Self) -> Self {
        let world = again(&first.world);
        first.apply_in(&world);
        for (team, from, to) in CHANGES {
            world.replace(&format!("access/teams/{team}.yaml"), from, to);
        }
        Self::of(world)
    }

    fn of(world: World) -> Self {
        let acknowledged = asked(&world.plan(&[]).exits(0).stdout);
        state::fold(&world.path("sandbox"));
        let mut start = Self { world, expected: State::new(), acknowledged };
        let healthy = again(&start.world);
        start.apply_in(&healthy);
        start.expected = state::read(&healthy.path("sandbox"));
        start
    }

    fn apply_in(&self, world: &World) {
        let run = |arguments: &[&str]| world.run(&[arguments, &["--sandbox", "sandbox"]].concat());
        let applied = save_and_apply(&self.acknowledged, &run).exits(0);
        assert!(!applied.stderr.contains("Waited"), "{}", applied.stderr);
    }
}

/// Another world where everything is as in this one, and the sandbox was asked nothing yet.
fn again(world: &World) -> World {
    let copied = World::new();
    copy(&world.path(""), &copied.path(""));
    std::fs::remove_file(copied.path("sandbox/requests.jsonl")).unwrap();
    let _ = std::fs::remove_file(copied.path("tonight.plan"));
    copied
}

fn with_faults(seed: u64, start: &Start) -> Went {
    let Start { expected, acknowledged, .. } = start;
    let world = again(&start.world);
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
    assert_eq!(
        state::read(&world.path("sandbox")),
        *expected,
        "seed {seed}: the same, each once, with the same people"
    );
    for (name, moments) in state::history(&start.world.path("sandbox"), &world.path("sandbox")) {
        let kept: Facts = moments[0].intersection(moments.last().unwrap()).cloned().collect();
        for (at, moment) in moments.iter().enumerate() {
            assert_eq!(
                kept.difference(moment).next(),
                None,
                "seed {seed}: lost for a while, after write {at} in {name}"
            );
        }
    }
    let _ = world.plan(&["--detailed-exitcode"]).exits(0);
    Went { runs, struck, waited }
}

#[test]
fn the_company_converges_whatever_seed_the_faults_have() {
    let first = Start::first();
    let later = Start::later(&first);
    assert!(later.expected.contains_key("deleted group trinity-operators"));
    // All at once.
    let all: Vec<Went> = std::thread::scope(|scope| {
        let seeds = (1..=SEEDS).map(|seed| (seed, &first)).chain((1..=LATER_SEEDS).map(|seed| (100 + seed, &later)));
        let seeds: Vec<_> = seeds.map(|(seed, start)| scope.spawn(move || with_faults(seed, start))).collect();
        seeds.into_iter().map(|seed| seed.join().unwrap()).collect()
    });
    let mut struck: BTreeMap<&str, usize> = BTreeMap::new();
    for (fault, count) in all.iter().flat_map(|went| &went.struck) {
        *struck.entry(fault).or_default() += count;
    }
    let struck: Vec<String> = struck.iter().map(|(fault, count)| format!("{count} {fault}")).collect();
    let (firsts, laters) = all.split_at(usize::try_from(SEEDS).unwrap());
    let runs = |all: &[Went]| all.iter().map(|went| went.runs.to_string()).collect::<Vec<_>>().join(" ");
    summary::leave(
        "3-faults",
        &format!(
            "faults: the company converged for {} of {SEEDS} seeds, in {} runs of apply; no group twice\n\
             \x20 changed after it was applied, for {} of {LATER_SEEDS} seeds, in {}; nobody who stays was out for a moment\n\
             \x20 struck, as the sandboxes' logs count: {}\n\
             \x20 seed 1: {}",
            firsts.len(),
            runs(firsts),
            laters.len(),
            runs(laters),
            struck.join(", "),
            firsts[0].waited.join(" "),
        ),
    );
}
