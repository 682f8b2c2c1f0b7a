//! What a change weakens, by two configs.

use std::path::PathBuf;

use crate::config::{File, Loaded, ReachedOtherwise, reached_otherwise, read, weakened};
use crate::state::{NowCalled, Weakening};

const ROOT: &str = "version: 1
name: contoso
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f }
appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]
delegate:
  - { files: [teams/**], groups: [team-*], roles: [read-only], environments: [alpha], namespaces: [trinity] }
lint:
  wildcard-rule: { severity: error, reason: none of them }
  unused-role: { severity: 'off', reason: more to come }
environments:
  alpha: { type: k3s, labels: { stage: dev }, unmanaged: refuse, allow-unmanaged: [kube-system/*] }
  prod: { type: k3s, protected: true, cluster: 77ab1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f }
groups:
  dev: { members: [hayden@contoso.com] }
  loose: { membership: additive, members: [hayden@contoso.com], absent: [mallory@contoso.com] }
roles:
  read-only: { cluster-role: view }
grants:
  - { groups: [dev, loose], roles: [read-only], environments: [alpha, prod], namespaces: [trinity] }
expectations:
  - { user: hayden@contoso.com, environments: [alpha, prod], can: [list pods in trinity], cannot: [list nodes, list pods in default] }
  - { group: dev, environments: [alpha], only: [list pods in trinity, get pods in trinity] }
lock: { environment: alpha, namespace: trinity }
";

fn load(text: &str) -> Loaded {
    let loaded = read(PathBuf::from("/access"), vec![File::new("rolecall.yaml", Ok(text.as_bytes().to_vec()))]);
    let errors: Vec<_> = loaded.findings.iter().filter(|finding| finding.rule.id != "unmatched-delegation").collect();
    assert!(loaded.config.is_some(), "{errors:?}");
    loaded
}

fn compare<T>(one: &str, other: &str, with: impl Fn(&Loaded, &Loaded) -> T) -> T {
    let after = if one.is_empty() { ROOT.to_owned() } else { ROOT.replace(one, other) };
    assert!(one.is_empty() || after != ROOT, "{one} is not there");
    with(&load(ROOT), &load(&after))
}

fn told(one: &str, other: &str) -> Vec<String> {
    let line = |weakening: &Weakening| {
        let place = |origin: &Option<crate::state::Origin>| origin.as_ref().map_or(0, |origin| origin.line);
        format!("{:?} at {}, was {}", weakening.what, place(&weakening.now), place(&weakening.was))
    };
    compare(one, other, |base, head| {
        let sides = (base.config.as_ref().unwrap(), head.config.as_ref().unwrap());
        let called =
            [(sides.0, base), (sides.1, head)].map(|(config, loaded)| crate::desired::compile(config, &loaded.sources));
        let called = NowCalled::new(&called[0], &called[1]);
        weakened((sides.0, &base.sources), (sides.1, &head.sources), &called).iter().map(line).collect()
    })
}

fn reached(one: &str, other: &str) -> ReachedOtherwise {
    compare(one, other, |base, head| reached_otherwise(base.config.as_ref().unwrap(), head.config.as_ref().unwrap()))
}

#[test]
fn each_weakening_is_found_at_its_places() {
    let cases = [
        (
            ", cannot: [list nodes, list pods in default]",
            ", cannot: [list pods in default]",
            "Expectation",
            "at 0, was 21",
        ),
        ("can: [list pods in trinity], cannot", "cannot", "Can(", "at 0, was 21"),
        (
            "only: [list pods in trinity, get pods in trinity]",
            "only: [list pods in trinity, get pods in trinity, list secrets in trinity]",
            "Only(",
            "at 0, was 22",
        ),
        ("protected: true, ", "", "Protection", "at 12, was 12"),
        ("unmanaged: refuse, ", "", "Unmanaged", "at 11, was 11"),
        ("[kube-system/*]", "[kube-system/*, 'trinity/*']", "AllowedUnmanaged", "at 11, was 11"),
        (
            "roles: [read-only], environments: [alpha], namespaces: [trinity] }",
            "roles: [read-only], environments: [alpha, prod], namespaces: [trinity] }",
            "Delegation",
            "at 6, was 6",
        ),
        (
            "delegate:\n  - { files: [teams/**], groups: [team-*], roles: [read-only], environments: [alpha], namespaces: [trinity] }\n",
            "",
            "NoDelegate",
            "at 0, was 6",
        ),
        (
            "appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]",
            "appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d, 1a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]",
            "Applier",
            "at 4, was 0",
        ),
        (
            "dev: { members: [hayden@contoso.com] }",
            "dev: { membership: additive, members: [hayden@contoso.com] }",
            "Membership",
            "at 14, was 14",
        ),
        (", absent: [mallory@contoso.com]", "", "Absence", "at 0, was 15"),
        ("1e2f }\nappliers", "1e2f, pim: none }\nappliers", "WithoutPim", "at 3, was 0"),
        ("lock: { environment: alpha, namespace: trinity }\n", "", "Lock { gone: true }", "at 0, was 23"),
        ("lock: { environment: alpha", "lock: { environment: prod", "Lock { gone: false }", "at 23, was 23"),
        ("severity: error", "severity: warning", "Lint", "at 8, was 8"),
        ("  wildcard-rule: { severity: error, reason: none of them }\n", "", "Lint", "at 0, was 8"),
    ];
    for (one, other, what, places) in cases {
        let told = told(one, other);
        assert_eq!(told.len(), 1, "{one} -> {other}: {told:#?}");
        assert!(told[0].contains(what) && told[0].ends_with(places), "{one} -> {other}: {told:#?}");
    }
}

#[test]
fn what_is_expected_in_fewer_places_is_told_of_those_that_go() {
    let told = told("environments: [alpha, prod], can", "environments: [alpha], can");
    assert_eq!(told.len(), 3, "{told:#?}");
    assert!(
        told.iter().all(|told| told.ends_with("environments: {EnvironmentName(\"prod\")} } at 0, was 21")),
        "{told:#?}"
    );
}

#[test]
fn what_is_stricter_or_the_same_is_no_weakening() {
    let cases = [
        ("", ""),
        ("protected: true, ", "protected: true,  "),
        ("only: [list pods in trinity, get pods in trinity]", "only: [get pods in trinity]"),
        ("[list nodes, list pods in default]", "[list pods in default, list secrets in default, list nodes]"),
        (", allow-unmanaged: [kube-system/*]", ""),
        (
            "roles: [read-only], environments: [alpha], namespaces: [trinity] }",
            "roles: [read-only], environments: { stage: dev }, namespaces: [trinity] }",
        ),
        ("  unused-role: { severity: 'off', reason: more to come }\n", ""),
        ("labels: { stage: dev }", "labels: { stage: dev, team: sre }"),
    ];
    // How an entry selects its environments is part of what it says.
    for (one, other) in cases {
        let told = told(one, other);
        let is_spelt = other.contains("{ stage: dev }, namespaces");
        assert_eq!(told.len(), usize::from(is_spelt), "{one} -> {other}: {told:#?}");
    }
}

#[test]
fn an_environment_that_goes_is_told_with_what_was_expected_there() {
    let told = told("prod", "production");
    assert_eq!(told.len(), 4, "{told:#?}");
    for (told, what) in told.iter().zip(["Cannot", "Cannot", "Can(", "Environment(EnvironmentName(\"prod\"))"]) {
        assert!(told.contains(what) && told.contains("\"prod\"") && told.contains("at 0, "), "{told}");
    }
}

#[test]
fn how_systems_are_reached_is_told_apart() {
    let of = |one: &str, other: &str| {
        let reached = reached(one, other);
        let environments = reached.environments.into_iter().map(|(name, keys)| (name.to_string(), keys));
        (reached.tenant, environments.collect::<Vec<_>>())
    };
    let alpha = |keys: &[&'static str]| (false, vec![("alpha".to_owned(), Some(keys.to_vec()))]);
    assert_eq!(of("", ""), (false, vec![]));
    assert_eq!(of("8f9f1c2d", "9f9f1c2d"), (true, vec![]));
    assert_eq!(of("2f }\nappliers", "2f, cloud: china }\nappliers"), (true, vec![]));
    assert_eq!(of("alpha: { type: k3s", "alpha: { type: kubernetes"), alpha(&["type"]));
    assert_eq!(of("alpha: { type: k3s", "alpha: { type: k3s, context: prod"), alpha(&["context"]));
    assert_eq!(of("alpha: { type: k3s", "alpha: { type: k3s, context: alpha"), (false, vec![]));
    assert_eq!(of("alpha: { type: k3s", "alpha: { type: k3s, tokens: { groups-prefix: 'e:' }"), alpha(&["tokens"]));
    assert_eq!(
        of("alpha: { type: k3s", "alpha: { type: k3s, cluster: 5c1e7a3d-0b1c-4d2e-8f3a-4b5c6d7e8f90"),
        (false, vec![])
    );
    assert_eq!(of("77ab1c2d", "87ab1c2d").1, [("prod".to_owned(), Some(vec!["cluster"]))]);
    assert_eq!(of("environments:\n", "environments:\n  beta: { type: k3s }\n").1, [("beta".to_owned(), None)]);
}
