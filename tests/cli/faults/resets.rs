//! Every kind of write to a cluster, each of its requests struck once: one `apply` does what was asked, and says so only when
//! it is so.

use rolecall::sandbox::{Fault, Faults, Hostile, Rule};

use super::place::Place;
use crate::state::State;

const SEED: &str = "
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f, domain: contoso.com }
applier: { app-id: 0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d }
users:
  - { user-principal-name: hayden@contoso.com }
  - { user-principal-name: omar@contoso.com }
groups:
  - { id: 3c2b1a09-8f7e-4d6c-9b5a-4f3e2d1c0b9a, display-name: developers, members: [hayden@contoso.com] }
  - { id: 91be3d2c-4f5a-4b6c-8d7e-9f0a1b2c3d4e, display-name: operators, members: [omar@contoso.com] }
clusters:
  west: { namespaces: { trinity: {}, docs: {} } }
";

const BEFORE: &str = "version: 1
name: struck
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f, pim: none }
appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]
environments: { west: { type: k3s } }
groups:
  developers: { id: 3c2b1a09-8f7e-4d6c-9b5a-4f3e2d1c0b9a }
  operators: { id: 91be3d2c-4f5a-4b6c-8d7e-9f0a1b2c3d4e }
roles:
  viewing: { cluster-role: view }
  changing: { cluster-role: edit }
  restarter: { rules: [{ apiGroups: [apps], resources: [deployments], verbs: [get, list, patch] }] }
  node-reader: { rules: [{ apiGroups: [''], resources: [nodes], verbs: [get, list] }] }
  log-reader: { rules: [{ apiGroups: [''], resources: [pods/log], verbs: [get] }] }
  lease-reader: { rules: [{ apiGroups: [coordination.k8s.io], resources: [leases], verbs: [get] }] }
grants:
  - { groups: [developers], roles: [lease-reader], environments: [west], namespaces: [docs] }
  - { groups: [operators], roles: [viewing], environments: [west], cluster-wide: true }
  - { groups: [developers], roles: [viewing], environments: [west], namespaces: [trinity] }
  - { groups: [operators], roles: [restarter], environments: [west], namespaces: [trinity] }
  - { groups: [operators], roles: [log-reader], environments: [west], namespaces: [trinity, docs] }
  - { groups: [operators], roles: [node-reader], environments: [west], cluster-wide: true }
";

/// Roles of both kinds are changed, made and deleted; bindings of both kinds are made, deleted, and made anew because they
/// give another role.
fn after() -> String {
    let mut files = BEFORE.to_owned();
    for (from, to) in [
        ("  - { groups: [developers], roles: [lease-reader], environments: [west], namespaces: [docs] }\n", ""),
        ("  - { groups: [operators], roles: [viewing], environments: [west], cluster-wide: true }\n", ""),
        ("[developers], roles: [viewing]", "[developers], roles: [changing]"),
        ("verbs: [get, list, patch]", "verbs: [get, list, patch, watch]"),
        ("resources: [nodes]", "resources: [nodes, nodes/status]"),
        (
            "[log-reader], environments: [west], namespaces: [trinity, docs]",
            "[viewing], environments: [west], namespaces: [docs]",
        ),
        ("  log-reader:", "  event-reader:"),
        ("resources: [pods/log]", "resources: [events]"),
    ] {
        assert!(files.contains(from), "{from}");
        files = files.replace(from, to);
    }
    files
        + "  - { groups: [developers], roles: [event-reader], environments: [west], namespaces: [trinity] }\n\
               \x20 - { groups: [developers], roles: [event-reader], environments: [west], cluster-wide: true }\n"
}

/// How many requests the cluster got that change nothing.
fn reads(place: &Place) -> usize {
    let log = place.log();
    let lines = log.lines().iter().filter(|line| line.server == "west");
    lines.filter(|line| !["PATCH", "DELETE"].contains(&line.method.as_str())).count()
}

/// A place like this one, where all that is struck ends as it would have without.
fn ends_alike(start: &Place, expected: &State, rule: &Rule) {
    let mut place = start.again();
    place.begin();
    place.serve(Faults { rules: vec![rule.clone()], ..Faults::default() });
    let (ran, _) = place.apply();
    assert_eq!(ran.code, 0, "{rule:?}\n{}", ran.stderr);
    let struck: usize = place.log().lines().iter().map(|line| line.faults().count()).sum();
    assert_eq!(struck, 1, "{rule:?}");
    assert_eq!(place.lost_for_a_while(), Vec::<String>::new(), "{rule:?}");
    assert_eq!(place.state(), *expected, "{rule:?}");
}

#[test]
fn whatever_breaks_off_is_done_all_the_same() {
    let mut start = Place::seeded(SEED);
    start.world.write("access/rolecall.yaml", BEFORE);
    let _ = start.apply_in_peace();
    start.world.write("access/rolecall.yaml", after());
    let mut healthy = start.again();
    healthy.serve(Faults::default());
    let _ = healthy.apply().0.exits(0);
    // The next plan finds nothing to do, and so it does wherever the end is the same.
    let reads = reads(&healthy);
    let _ = healthy.run(&["plan", "access", "--detailed-exitcode"]).exits(0);
    let expected = healthy.state();

    let on = |methods: &[&str], path: &str, after: usize, fault: Fault| Rule {
        on: Some("west".to_owned()),
        methods: methods.iter().map(|method| (*method).to_owned()).collect(),
        path: Some(path.to_owned()),
        after: u64::try_from(after).unwrap(),
        times: Some(1),
        ..Rule::of(fault)
    };
    let fails = |status, after_work| Fault::Unavailable { status, retry_after_ms: None, after_work };
    let faults = [
        Fault::CutBefore,
        Fault::CutAfter,
        Fault::Truncated,
        fails(503, false),
        fails(504, true),
        Fault::Throttled { retry_after_ms: 0 },
        Fault::Body(Hostile::Html),
    ];
    let mut rules = Vec::new();
    for method in ["PATCH", "DELETE"] {
        for kind in ["/roles/", "/clusterroles/", "/rolebindings/", "/clusterrolebindings/"] {
            rules.extend(faults.iter().map(|fault| on(&[method], kind, 0, fault.clone())));
        }
    }
    rules.extend((0..reads).map(|at| on(&["GET", "POST"], "/", at, Fault::CutAfter)));
    let halves = rules.split_at(rules.len() / 2);
    std::thread::scope(|scope| {
        for rules in [halves.0, halves.1] {
            let (start, expected) = (&start, &expected);
            scope.spawn(move || rules.iter().for_each(|rule| ends_alike(start, expected, rule)));
        }
    });
}
