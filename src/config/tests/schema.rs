//! The JSON Schema says what the check says.

use std::sync::LazyLock;

use serde_json::{Value, json};

use super::{ROOT, files};
use crate::config::shape::{FILE, Form, ROOT as ROOT_SHAPE, Record, Text};
use crate::config::yaml::{self, Node, Value as Yaml};
use crate::diagnostics::SourceMap;

/// What an editor makes of a file: values by the core schema of YAML 1.2.
pub(super) fn json_of(text: &str) -> Value {
    fn value(node: &Node) -> Value {
        match &node.value {
            Yaml::Null => Value::Null,
            Yaml::Scalar { text, plain: true } if crate::config::check::is_number(text) => {
                serde_json::from_str(text).unwrap_or_else(|_| json!(0.5))
            }
            Yaml::Scalar { text, plain: true } if matches!(text.as_str(), "true" | "false") => json!(text == "true"),
            Yaml::Scalar { text, .. } => json!(text),
            Yaml::Seq(items) => Value::Array(items.iter().map(value).collect()),
            Yaml::Map(entries) => {
                Value::Object(entries.iter().map(|entry| (entry.key.value.clone(), value(&entry.value))).collect())
            }
        }
    }
    let mut sources = SourceMap::default();
    let file = sources.add("x.yaml", text);
    let mut findings = Vec::new();
    let node = yaml::read(file, text, &mut findings).expect("it is YAML");
    value(&node)
}

#[test]
fn the_committed_schema_is_current() {
    let path = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/access.schema.json");
    let current = format!("{:#}\n", crate::config::schema());
    #[expect(clippy::disallowed_methods, reason = "a test's own switch")]
    let bless = std::env::var_os("ROLECALL_BLESS");
    if bless.is_some() {
        std::fs::write(&path, &current).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(committed == current, "schema/access.schema.json is out of date: run the tests with ROLECALL_BLESS=1");
}

/// Every record of the shape, each once.
fn records() -> Vec<&'static Record> {
    fn walk(form: &'static Form, records: &mut Vec<&'static Record>) {
        match form {
            Form::List(of, _) => walk(of, records),
            Form::Named(_, record) | Form::Record(record) => add(record, records),
            Form::Either(forms) => forms.iter().for_each(|of| walk(of, records)),
            Form::Text(_) | Form::Choice(_) | Form::Flag | Form::OnlyTrue | Form::One | Form::Labels(_) => {}
        }
    }
    fn add(record: &'static Record, records: &mut Vec<&'static Record>) {
        if !records.iter().any(|known| std::ptr::eq(*known, record)) {
            records.push(record);
            record.keys.iter().for_each(|key| walk(&key.form, records));
        }
    }
    let mut records = Vec::new();
    add(&ROOT_SHAPE, &mut records);
    add(&FILE, &mut records);
    records
}

#[test]
fn schema_and_check_know_the_same_keys() {
    let schema = crate::config::schema();
    for record in records() {
        let object = match record.name {
            "root file" | "access file" => &schema,
            name => &schema["definitions"][name.replace(' ', "-")],
        };
        let known: Vec<&String> = object["properties"].as_object().expect(record.name).keys().collect();
        let mut accepted: Vec<&str> = record.keys.iter().map(|key| key.name).collect();
        accepted.sort_unstable();
        if record.name == "access file" {
            assert!(accepted.iter().all(|key| known.iter().any(|known| known == key)));
        } else {
            assert_eq!(known, accepted, "{}", record.name);
        }
        assert_eq!(object["additionalProperties"], json!(false), "{}", record.name);
    }
}

/// A config that uses every key there is, with a value other than what leaving it out means.
const EVERYTHING: &str = "
version: 1
name: contoso
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f, cloud: china, pim: none }
appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d, 1a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]
exclude: [other.yaml]
delegate:
  - { files: [teams/**], groups: [team-*], roles: [view], environments: { stage: dev }, namespaces: [team-*] }
environments:
  alpha:
    type: k3s
    labels: { stage: dev }
    context: elsewhere
    cluster: 5c1e7a3d-0b1c-4d2e-8f3a-4b5c6d7e8f90
    protected: true
    tokens: { groups-as: display-name, groups-claim: assigned-groups, groups-prefix: 'g:', users-as: upn, users-prefix: 'u:' }
    unmanaged: refuse
    allow-unmanaged: [argocd/*, prometheus, { config: contoso-apps }]
    applier: { user: ci, groups: [deployers] }
  beta: { type: kubernetes, applier: { service-account: rolecall/applier } }
groups:
  dev:
    description: Developers
    display-name: Devs
    owners: [erin@contoso.com, { guest: ana@partner.example }, { service-principal: 0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d }]
    members:
      - { guest: ana@partner.example }
      - { group: ops }
      - { group-id: 0f3c7a3d-0b1c-4d2e-8f3a-4b5c6d7e8f90 }
      - { service-principal: 0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d }
    absent: [sam@contoso.com]
    membership: additive
    previously: [devs]
  ops: { adopt: 1f3c7a3d-0b1c-4d2e-8f3a-4b5c6d7e8f90, members: [sam@contoso.com] }
  staff: { id: 2f3c7a3d-0b1c-4d2e-8f3a-4b5c6d7e8f90 }
roles:
  view: { cluster-role: view }
  own:
    rules:
      - { apiGroups: [apps], resources: [deployments], verbs: [get], resourceNames: [web] }
      - { nonResourceURLs: [/metrics], verbs: [get] }
    aggregate-to: [view, admin]
    environments: [alpha]
grants:
  - groups: [dev]
    users: [sam@contoso.com, { guest: ana@partner.example }]
    service-principals: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]
    roles: [view]
    environments: [beta]
    namespaces: { labels: { team: sre } }
    replaces: sre/hand-made
  - { groups: [dev], roles: [own], environments: { stage: dev }, cluster-wide: true }
expectations:
  - { user: sam@contoso.com, environments: [alpha], can: [list pods in trinity], cannot: [list nodes], only: [list pods in trinity] }
  - { guest: ana@partner.example, environments: { stage: dev }, cannot: [get /metrics] }
  - { service-principal: 0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d, environments: [beta], only: [\"* deployments.apps/scale/web across the cluster\"] }
  - { group: dev, environments: [beta], can: [get pods/log in trinity] }
lock: { environment: alpha, namespace: rolecall }
";

#[test]
fn no_key_is_accepted_and_ignored() {
    // What the check makes of a file: its findings and its config, both without places. That `delegate` was read shows in
    // a warning: it stands for no file here.
    let made = |value: &Value| {
        let loaded = files(&[("rolecall.yaml", &value.to_string()), ("other.yaml", "not: ours")]);
        let mut made = format!("{:#?}", loaded.config)
            .lines()
            .filter(|line| !line.trim_start().starts_with("start:") && !line.trim_start().starts_with("end:"))
            .collect::<Vec<_>>()
            .join("\n");
        for finding in &loaded.findings {
            made = format!("{made}\n{}: {}", finding.rule.id, finding.message);
        }
        made
    };
    let mut everything = json_of(EVERYTHING);
    let setting = |(rule, _): (&str, &str)| (rule.to_owned(), json!({ "severity": "off", "reason": "meant" }));
    everything["lint"] = Value::Object(crate::config::lint_rules().map(setting).collect());
    let whole = made(&everything);
    assert!(whole.starts_with("Some"), "{whole}");

    let known: Vec<&str> = records().iter().flat_map(|record| record.keys).map(|key| key.name).collect();
    let mut seen = std::collections::BTreeSet::new();
    let mut paths = vec![String::new()];
    while let Some(path) = paths.pop() {
        let below = everything.pointer(&path).unwrap();
        let names: Vec<String> = match below {
            Value::Object(map) => map.keys().cloned().collect(),
            Value::Array(items) => (0..items.len()).map(|at| at.to_string()).collect(),
            _ => Vec::new(),
        };
        for name in names {
            let mut without = everything.clone();
            if let Some(Value::Object(map)) = without.pointer_mut(&path) {
                map.remove(&name);
                assert!(made(&without) != whole, "{path}/{name} changes nothing");
                seen.insert(name.clone());
            }
            paths.push(format!("{path}/{name}"));
        }
    }
    for key in known {
        assert!(seen.contains(key), "`{key}` is not tried");
    }
}

fn schema_errors(text: &str) -> Vec<String> {
    let validator = jsonschema::validator_for(&crate::config::schema()).unwrap();
    validator.iter_errors(&json_of(text)).map(|error| error.to_string()).collect()
}

#[test]
fn the_schema_refuses_what_an_editor_can_see() {
    assert_eq!(schema_errors(ROOT), Vec::<String>::new());
    for wrong in [
        "version: 2",
        "name: contoso",
        "groups: { dev: { member: [] } }",
        "groups: { Dev: { members: [] } }",
        "groups: { dev: { members: [sam] } }",
        "groups: { dev: { members: [{ guest: a@b.c, group: x }] } }",
        "groups: { dev: { members: [{}] } }",
        "groups: { dev: { owners: [{ group: x }] } }",
        "groups: { dev: { description: 2024 } }",
        "groups: { dev: { adopt: 0f3c7a3d-0b1c-4d2e-8f3a-4b5c6d7e8f90, id: 0f3c7a3d-0b1c-4d2e-8f3a-4b5c6d7e8f90 } }",
        "environments: { a: {} }",
        "lint: { wildcard-rule: { severity: off } }",
        "lint: { wildcard-rule: { severity: off, reason: ' ' } }",
        "lint: { wildcard-rules: { severity: off, reason: meant } }",
        "environments: { a: { type: aks } }",
        "environments: { a: { type: k3s, protected: yes } }",
        "roles: { a: {} }",
        "roles: { a: { cluster-role: view, rules: [{ apiGroups: [''], resources: [pods], verbs: [get] }] } }",
        "roles: { a: { rules: [{ apiGroups: [''], verbs: [get] }] } }",
        "roles: { a: { rules: [{ resources: [pods], verbs: [get] }] } }",
        "environments: { a: { type: k3s, unmanaged: report-all } }",
        "environments: { a: { type: k3s, allow-unmanaged: [] } }",
        "environments: { a: { type: k3s, allow-unmanaged: [a/b/c] } }",
        "environments: { a: { type: k3s, allow-unmanaged: [{}] } }",
        "grants: [{ groups: [a], roles: [b], environments: [c], cluster-wide: true, replaces: 'system:basic-user' }]",
        "grants: [{ groups: [a], roles: [b], environments: [c], cluster-wide: true, replaces: [] }]",
        "grants: [{ groups: [a], roles: [b], environments: [c], cluster-wide: true, replaces: { a: b } }]",
        "grants: [{ groups: [a], roles: [b], environments: [c] }]",
        "grants: [{ roles: [b], environments: [c], cluster-wide: true }]",
        "grants: [{ groups: [a], roles: [b], environments: [c], cluster-wide: false }]",
        "delegate: [{ files: [teams/**], groups: [team-*], roles: [view] }]",
        "delegate: [{ files: [../teams/**], groups: [team-*] }]",
        "delegate: [{ files: [teams/**], groups: [Team] }]",
        "delegate: []",
        "grants: [{ groups: [], roles: [b], environments: [c], cluster-wide: true }]",
        "grants: [{ groups: [a], roles: [b], environments: {}, cluster-wide: true }]",
        "grants: [{ groups: [a], roles: [b], environments: [c], namespaces: { labels: {} } }]",
    ] {
        assert!(!schema_errors(wrong).is_empty(), "{wrong}");
        // What stands in the schema is refused by the check as well.
        assert!(!files(&[("rolecall.yaml", ROOT), ("a.yaml", wrong)]).findings.is_empty(), "{wrong}");
    }
}

/// Every form of text of the shape.
fn texts() -> Vec<&'static Text> {
    fn walk(form: &'static Form, texts: &mut Vec<&'static Text>) {
        match form {
            Form::Text(text) | Form::Named(text, _) => texts.push(text),
            Form::List(of, _) => walk(of, texts),
            Form::Either(forms) => forms.iter().for_each(|of| walk(of, texts)),
            Form::Labels(_) => texts.extend([&crate::config::shape::LABEL_KEY, &crate::config::shape::LABEL_VALUE]),
            Form::Choice(_) | Form::Flag | Form::OnlyTrue | Form::One | Form::Record(_) => {}
        }
    }
    let mut texts = Vec::new();
    records().iter().flat_map(|record| record.keys).for_each(|key| walk(&key.form, &mut texts));
    texts
}

/// Each form of text with what its pattern accepts, compiled once.
static PATTERNS: LazyLock<Vec<(&Text, jsonschema::Validator)>> = LazyLock::new(|| {
    let validator = |text: &'static Text| {
        let mut schema = json!({ "pattern": text.pattern });
        if let Some(longest) = text.longest {
            schema["maxLength"] = json!(longest);
        }
        (text, jsonschema::validator_for(&schema).unwrap())
    };
    // A reference is right when what it names is there, which no pattern can say.
    let is_reference =
        |(text, pattern): &(&Text, jsonschema::Validator)| (text.check)("").is_ok() && !pattern.is_valid(&json!(""));
    texts().into_iter().map(validator).filter(|text| !is_reference(text)).collect()
});

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 256, failure_persistence: None, ..Default::default() })]

    #[test]
    fn patterns_accept_what_the_check_accepts(
        value in "([a-zA-Z0-9._@#:/%{}\\[\\]* -]{0,70}|[a-z]{1,5}@[a-z.-]{1,9}|[a-z.]{1,9}/[a-zA-Z._-]{1,9}|[a-z*-]{0,66}/?(system:)?[a-z*.]{0,4}|[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}|\\PC{0,9}|[a-zéß\u{7}\u{85}\n]{0,5}|\\.{0,3}|[a-z]{60,66})"
    ) {
        for (text, pattern) in PATTERNS.iter() {
            let accepted = (text.check)(&value).is_ok();
            proptest::prop_assert_eq!(accepted, pattern.is_valid(&json!(value)), "{}: {:?}", text.name, value);
        }
    }
}
