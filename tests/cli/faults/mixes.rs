//! Any small company, changed to any other one, under any mix of faults: whatever is called done is done, nobody who stays
//! misses anything meanwhile, and once the faults are over one more run ends where a run without faults does.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use proptest::prelude::*;
use proptest::sample::{select, subsequence};
use proptest::test_runner::{RngSeed, TestRunner};
use rolecall::sandbox::{Fault, Faults, Hostile, Lag, Rule};

use super::place::Place;
use crate::summary;

const PEOPLE: [&str; 6] = [
    "erin@contoso.com",
    "lea@contoso.com",
    "hayden@contoso.com",
    "omar@contoso.com",
    "sam@contoso.com",
    "zoe@contoso.com",
];
const KEYS: [&str; 4] = ["payments", "search", "trinity", "web"];
const NAMESPACES: [&str; 2] = ["docs", "shop"];
const ROLES: [&str; 4] = ["viewing", "changing", "restarter", "log-reader"];

/// Every one that can happen here, as the log calls it.
const FAULTS: [&str; 11] = [
    "body",
    "conflict",
    "cut-after",
    "cut-before",
    "empty-page",
    "expired-token",
    "lag",
    "late",
    "throttled",
    "truncated",
    "unavailable",
];

const SEED: &str = "
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f, domain: contoso.com }
applier: { app-id: 0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d }
users:
  - { user-principal-name: erin@contoso.com }
  - { user-principal-name: lea@contoso.com }
  - { user-principal-name: hayden@contoso.com }
  - { user-principal-name: omar@contoso.com }
  - { user-principal-name: sam@contoso.com }
  - { user-principal-name: zoe@contoso.com }
  - { mail: ana@partner.example, guest: true }
groups:
  - { id: 91be3d2c-4f5a-4b6c-8d7e-9f0a1b2c3d4e, display-name: on-call, members: [lea@contoso.com], owners: [erin@contoso.com] }
clusters:
  west: { namespaces: { docs: {}, shop: {} } }
";

/// What the files ask for.
#[derive(Clone, Debug)]
struct Company {
    groups: BTreeMap<&'static str, Group>,
    on_call: Vec<&'static str>,
    /// Group, role, and namespace or the whole cluster.
    grants: BTreeSet<(&'static str, &'static str, Option<&'static str>)>,
    verbs: usize,
}

#[derive(Clone, Debug)]
struct Group {
    members: Vec<&'static str>,
    has_guest: bool,
    has_next: bool,
    owners: Vec<&'static str>,
    description: Option<&'static str>,
}

impl Company {
    fn yaml(&self) -> String {
        let mut text = "version: 1\nname: mixed\n\
             tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f, pim: none }\n\
             appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]\n\
             environments: { west: { type: k3s } }\ngroups:\n"
            .to_owned();
        let _ = writeln!(
            text,
            "  on-call: {{ adopt: 91be3d2c-4f5a-4b6c-8d7e-9f0a1b2c3d4e, members: [{}] }}",
            self.on_call.join(", ")
        );
        for (key, group) in &self.groups {
            let mut members: Vec<String> = group.members.iter().map(|name| (*name).to_owned()).collect();
            members.extend(group.has_guest.then(|| "{ guest: ana@partner.example }".to_owned()));
            // Into one that comes later, so that there is no circle.
            let next = self.groups.keys().find(|next| *next > key).filter(|_| group.has_next);
            members.extend(next.map(|next| format!("{{ group: {next} }}")));
            let description = group.description.map(|text| format!("description: {text}, ")).unwrap_or_default();
            let _ = writeln!(
                text,
                "  {key}: {{ {description}owners: [{}], members: [{}] }}",
                group.owners.join(", "),
                members.join(", ")
            );
        }
        let verbs = ["get, list", "get, list, patch"][self.verbs];
        let _ = write!(
            text,
            "roles:\n  viewing: {{ cluster-role: view }}\n  changing: {{ cluster-role: edit }}\n  \
             restarter: {{ rules: [{{ apiGroups: [apps], resources: [deployments], verbs: [{verbs}] }}] }}\n  \
             log-reader: {{ rules: [{{ apiGroups: [''], resources: [pods/log], verbs: [get] }}] }}\n"
        );
        let grants = self.grants.iter().filter(|(group, ..)| *group == "on-call" || self.groups.contains_key(group));
        let grants: Vec<_> = grants.collect();
        if !grants.is_empty() {
            text.push_str("grants:\n");
        }
        for (group, role, namespace) in grants {
            let scope = namespace.map_or("cluster-wide: true".to_owned(), |name| format!("namespaces: [{name}]"));
            let _ = writeln!(text, "  - {{ groups: [{group}], roles: [{role}], environments: [west], {scope} }}");
        }
        text
    }
}

fn group() -> impl Strategy<Value = Group> {
    (
        subsequence(&PEOPLE[2..], 1..=4),
        any::<bool>(),
        any::<bool>(),
        subsequence(&PEOPLE[..2], 1..=2),
        proptest::option::of(select(&["one", "other"][..])),
    )
        .prop_map(|(members, has_guest, has_next, owners, description)| Group {
            members,
            has_guest,
            has_next,
            owners,
            description,
        })
}

fn company() -> impl Strategy<Value = Company> {
    let grant = (
        select(&["payments", "search", "trinity", "web", "on-call"][..]),
        select(&ROLES[..]),
        proptest::option::weighted(0.8, select(&NAMESPACES[..])),
    );
    (
        proptest::collection::btree_map(select(&KEYS[..]), group(), 0..=4),
        subsequence(&PEOPLE[..], 1..=3),
        proptest::collection::btree_set(grant, 0..6),
        0..2_usize,
    )
        .prop_map(|(groups, on_call, grants, verbs)| Company { groups, on_call, grants, verbs })
}

fn fault() -> impl Strategy<Value = Fault> {
    let bodies = [
        Hostile::Html,
        Hostile::Empty,
        Hostile::WrongShape,
        Hostile::Deep,
        Hostile::NotText,
        Hostile::ForeignLink,
        Hostile::EndlessPages,
    ];
    let unavailable = (select(&[500, 502, 503, 504][..]), proptest::option::of(Just(3)), any::<bool>());
    prop_oneof![
        3 => (0..9_u64).prop_map(|retry_after_ms| Fault::Throttled { retry_after_ms }),
        3 => unavailable.prop_map(|(status, retry_after_ms, after_work)| Fault::Unavailable { status, retry_after_ms, after_work }),
        2 => Just(Fault::CutBefore),
        2 => Just(Fault::CutAfter),
        2 => Just(Fault::Truncated),
        2 => select(bodies.to_vec()).prop_map(Fault::Body),
        3 => Just(Fault::EmptyPage),
        // Strikes nothing but the page after an empty one.
        3 => Just(Fault::ExpiredToken),
        2 => Just(Fault::Conflict),
        1 => Just(Fault::Late { ms: 2 }),
    ]
}

fn rule() -> impl Strategy<Value = Rule> {
    let methods = select(vec![vec![], vec!["GET"], vec!["PATCH", "POST", "DELETE"]]);
    (fault(), any::<bool>(), methods, 5..=60_u8, 0..12_u64, proptest::option::of(1..6_u64)).prop_map(
        |(fault, of_cluster, methods, percent, after, times)| {
            // An API server asks for whole seconds; for none it is waited as short as can be.
            let fault = match fault {
                Fault::Throttled { .. } if of_cluster => Fault::Throttled { retry_after_ms: 0 },
                Fault::Unavailable { status, after_work, .. } if of_cluster => {
                    Fault::Unavailable { status, retry_after_ms: None, after_work }
                }
                other => other,
            };
            Rule {
                on: Some(if of_cluster { "west" } else { "graph" }.to_owned()),
                methods: methods.into_iter().map(str::to_owned).collect(),
                // What strikes a few requests strikes them for certain.
                percent: if times.is_some() { 100 } else { percent },
                after,
                times,
                ..Rule::of(fault)
            }
        },
    )
}

fn faults() -> impl Strategy<Value = Faults> {
    // So few reads that they are waited for, and so many that they are not.
    let lag = proptest::option::of(prop_oneof![4 => 1..4_u32, 1 => Just(1000)]);
    (any::<u64>(), lag, proptest::collection::vec(rule(), 1..7)).prop_map(|(seed, lag, rules)| Faults {
        seed,
        lag: lag.map(|reads| Lag { reads, ms: 0 }),
        rules,
        ..Faults::default()
    })
}

/// What happened in all cases, so that it is seen that something did.
#[derive(Debug, Default)]
struct Tally {
    exits: BTreeMap<i32, usize>,
    outcomes: BTreeMap<String, usize>,
    struck: BTreeMap<String, usize>,
}

/// From one company to the next, and back to the first: what was deleted is restored.
fn changes(companies: &[Company; 2], faults: &Faults, tally: &mut Tally) -> Result<(), TestCaseError> {
    let mut healthy = Place::seeded(SEED);
    healthy.world.write("access/rolecall.yaml", companies[0].yaml());
    let _ = healthy.apply_in_peace();
    let mut place = healthy.again();
    for company in [&companies[1], &companies[0]] {
        healthy.world.write("access/rolecall.yaml", company.yaml());
        let (first, last) = healthy.apply_in_peace();
        healthy.is_in_order();

        place.world.write("access/rolecall.yaml", company.yaml());
        place.begin();
        place.serve(faults.clone());
        let (ran, journal) = place.apply();
        prop_assert!(matches!(ran.code, 0 | 1 | 4), "exit {}\n{}", ran.code, ran.all());
        let outcomes = Place::outcomes(&journal);
        let state = place.state();
        let is_done = |outcome: &String| matches!(outcome.as_str(), "done" | "already-so");
        let waits = ran.code == 4 && ran.stdout.contains("is restored by this plan") && outcomes.values().all(is_done);
        if ran.code == 0 || waits {
            prop_assert_eq!(&state, &first, "it said that all was done\n{}", ran.stderr);
        }
        prop_assert!(state.keys().all(|name| !name.contains(" #")), "twice: {:?}", state.keys());

        // The faults are over. Of what it called done, nothing is left to do.
        place.serve(Faults::default());
        let plan = place.run(&["plan", "access", "--output", "json"]).exits(0);
        let plan: serde_json::Value = serde_json::from_str(&plan.stdout).unwrap();
        for change in plan["changes"].as_array().unwrap() {
            let outcome = outcomes.get(change["address"].as_str().unwrap()).map_or("", String::as_str);
            prop_assert!(!matches!(outcome, "done" | "already-so"), "{} was {outcome}:\n{change:#}", change["address"]);
        }
        let (_, end) = place.apply_in_peace();
        prop_assert_eq!(place.lost_for_a_while(), Vec::<String>::new());
        prop_assert_eq!(&end, &last);

        *tally.exits.entry(ran.code).or_default() += 1;
        for outcome in outcomes.into_values() {
            *tally.outcomes.entry(outcome).or_default() += 1;
        }
    }
    for fault in place.log().lines().iter().flat_map(rolecall::sandbox::log::Line::faults) {
        *tally.struck.entry(fault.to_owned()).or_default() += 1;
    }
    Ok(())
}

#[test]
fn any_mix_of_faults_is_survived() {
    let config = ProptestConfig {
        cases: 20,
        rng_seed: RngSeed::Fixed(20_261_123),
        max_shrink_iters: 200,
        failure_persistence: None,
        ..ProptestConfig::default()
    };
    let tally = RefCell::new(Tally::default());
    let ran = TestRunner::new(config).run(&(company(), company(), faults()), |(one, other, faults)| {
        changes(&[one, other], &faults, &mut tally.borrow_mut())
    });
    ran.unwrap_or_else(|error| panic!("{error}"));
    let tally = tally.into_inner();
    // It was no fair weather.
    for fault in FAULTS {
        assert!(tally.struck.contains_key(fault), "no {fault} struck: {tally:#?}");
    }
    assert_eq!(tally.exits.keys().copied().collect::<Vec<_>>(), [0, 1, 4], "{tally:#?}");
    for outcome in ["done", "failed", "pending-replication", "not-tried"] {
        assert!(tally.outcomes.contains_key(outcome), "nothing was {outcome}: {tally:#?}");
    }
    let told = |counts: &BTreeMap<String, usize>| {
        let counts: Vec<String> = counts.iter().map(|(what, count)| format!("{count} {what}")).collect();
        counts.join(", ")
    };
    summary::leave(
        "3-faults-mixes",
        &format!(
            "mixes of faults: {} applies of random companies converged, nobody was left out meanwhile, no group twice\n             \x20 outcomes under them: {}\n\x20 struck: {}",
            tally.exits.values().sum::<usize>(),
            told(&tally.outcomes),
            told(&tally.struck)
        ),
    );
}
