//! `rolecall lint`.

use serde_json::Value;

use crate::common::{World, repository};

/// A config with a mistake of each kind that lint looks for, somewhere.
pub(crate) const UNWISE: &str = "version: 1
name: contoso
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f }
appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]
lint:
  empty-group: { severity: off, reason: The rota is filled on Monday. }
  individual-person: { severity: note, reason: Reviewed every month. }
environments:
  alpha: { type: k3s, labels: { stage: dev } }
groups:
  oncall: { owners: [erin@contoso.com, kim@contoso.com], members: [] }
";

/// What a team adds to it.
pub(crate) const TEAM: &str = "roles:
  debugger:
    rules:
      - { apiGroups: [''], resources: [pods], verbs: ['*'] }
      - { apiGroups: [''], resources: [pods/exec], verbs: [create] }
grants:
  - groups: [oncall]
    users: [hayden@contoso.com]
    roles: [debugger]
    environments: { stage: dev }
    namespaces: [trinity]
";

pub(crate) fn unwise() -> World {
    World::with_files(&[("rolecall.yaml", UNWISE), ("teams/trinity.yaml", TEAM)])
}

#[test]
fn notes_alone_fail_nothing() {
    let world = unwise();
    let _ = world.run(&["lint", "access"]).exits(7);
    world.replace("access/teams/trinity.yaml", "'*'", "get");
    world.replace("access/teams/trinity.yaml", "pods/exec", "pods/log");
    let ran = world.run(&["lint", "access"]).exits(0);
    assert!(ran.stdout.contains("\n1 note in 1 file.\n"), "{}", ran.all());
}

#[test]
fn mistakes_in_the_files_are_those_of_validate() {
    let world = unwise();
    world.replace("access/teams/trinity.yaml", "[debugger]", "[debuger]");
    let validated = world.run(&["validate", "access"]).exits(1);
    let linted = world.run(&["lint", "access"]).exits(1);
    assert_eq!((linted.stdout, linted.stderr), (validated.stdout, validated.stderr));
    let validated = world.run(&["validate", "access", "--output", "json"]).exits(1);
    assert_eq!(world.run(&["lint", "access", "--output", "json"]).exits(1).stdout, validated.stdout);
    let log: Value = serde_json::from_str(&world.run(&["lint", "access", "-o", "sarif"]).exits(1).stdout).unwrap();
    assert_eq!(log["runs"][0]["results"][0]["ruleId"], "unknown-role");
    assert_eq!(log["runs"][0]["results"][0]["level"], "error");
}

#[test]
fn sarif_is_relative_to_the_repository_and_stays_when_lines_move() {
    let world = unwise();
    let log = || -> Value {
        serde_json::from_str(&world.run(&["lint", "access/teams", "--output", "sarif"]).exits(7).stdout).unwrap()
    };
    let first = |log: &Value| log["runs"][0]["results"][1].clone();
    let uri = "/locations/0/physicalLocation/artifactLocation/uri";
    let outside = first(&log());
    assert_eq!(outside.pointer(uri).unwrap(), "teams/trinity.yaml");
    git2::Repository::init(world.path(".")).unwrap();
    let inside = first(&log());
    assert_eq!(inside.pointer(uri).unwrap(), "access/teams/trinity.yaml");
    world.write("access/teams/trinity.yaml", format!("# A line more.\n{TEAM}"));
    let moved = first(&log());
    assert_eq!(inside["partialFingerprints"], moved["partialFingerprints"]);
    assert_ne!(inside["locations"], moved["locations"]);
}

/// What is asked for is the same in every form, and the exit code is about that alone.
#[test]
fn findings_are_picked_by_rule_and_by_severity() {
    let world = unwise();
    let rules = |arguments: &[&str], code: i32| -> (Vec<String>, Vec<String>, serde_json::Value) {
        let run = |output: &str| {
            let all = [&["lint", "access", "--output", output], arguments].concat();
            serde_json::from_str::<Value>(&world.run(&all).exits(code).stdout).unwrap()
        };
        let own = |list: &Value, key: &str| -> Vec<String> {
            list.as_array().unwrap().iter().map(|each| each[key].as_str().unwrap().to_owned()).collect()
        };
        let (json, sarif) = (run("json"), run("sarif"));
        (own(&json["findings"], "rule"), own(&sarif["runs"][0]["results"], "ruleId"), json)
    };
    let (all, _, json) = rules(&[], 7);
    assert_eq!(json["left_out"], 0);
    let (json, sarif, said) = rules(&["--severity", "warning"], 7);
    assert!(json == sarif && json.len() < all.len() && !json.contains(&"individual-person".to_owned()), "{json:?}");
    assert_eq!(said["left_out"], all.len() - json.len());
    let (json, sarif, said) = rules(&["--rule", "individual-person", "--rule", "unused-role"], 0);
    assert_eq!((&json, &sarif), (&vec!["individual-person".to_owned()], &vec!["individual-person".to_owned()]));
    assert_eq!(said["rules"], serde_json::json!([{ "rule": "individual-person", "severity": "note", "findings": 1 }]));
    assert_eq!(said["silenced"], serde_json::json!([]));
    let ran = world.run(&["lint", "access", "--rule", "individual-person", "--severity", "error"]).exits(0);
    assert!(ran.stdout.starts_with("No such finding.\nLeft out by --rule or --severity: "), "{}", ran.stdout);
    let ran = world.run(&["lint", "access", "--rule", "individual"]).exits(64);
    assert!(ran.stderr.contains("'individual-person'"), "{}", ran.stderr);
}

/// At the end of many findings it is counted which rule has how many.
#[test]
fn many_findings_end_in_a_table() {
    let groups: Vec<String> = (0..12).map(|at| format!("  g{at}: {{ members: [hayden@contoso.com] }}\n")).collect();
    let groups = groups.concat();
    let world = World::with_files(&[("rolecall.yaml", &format!("{UNWISE}{groups}"))]);
    let ran = world.run(&["lint", "access"]).exits(7);
    let table = ran.stdout.split("\n\n").find(|part| part.starts_with("rule ")).unwrap_or_default();
    assert_eq!(
        table,
        "rule                 severity  findings\ngroup-without-owner  warning         12\nunused-group         note            13",
        "{}",
        ran.stdout
    );
    assert!(!unwise().run(&["lint", "access"]).exits(7).stdout.contains("severity  findings"));
}

#[test]
fn a_rule_is_explained() {
    let world = World::new();
    let ran = world.run(&["lint", "--explain", "wildcard-rule"]).exits(0);
    let page = std::fs::read_to_string(repository().join("docs/lint/wildcard-rule.md")).unwrap();
    assert_eq!(page.split_once("-->\n\n").unwrap().1, ran.stdout);
    let ran = world.run(&["lint", "--explain", "wildcard-rules"]).exits(64);
    assert!(ran.stderr.contains("'wildcard-rule'"), "{}", ran.stderr);
}

#[test]
fn the_examples_have_no_finding_that_is_more_than_a_note() {
    for example in ["quickstart", "company", "teams"] {
        let ran = World::with_example(example).run(&["lint", "access"]).exits(0);
        assert!(ran.stdout.contains("note"), "{example}: {}", ran.stdout);
    }
}
