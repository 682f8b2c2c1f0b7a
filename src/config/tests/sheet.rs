//! What a sheet reads of a file.

use crate::config::Sheet;
use crate::config::shape::{FILE, Form, Record};

/// Keys that say nothing of who may do what, each with the reason.
const LEFT_OUT: [(&str, &str, &str); 1] =
    [("grant", "replaces", "it takes nothing and gives nothing: it says what is ours from then on")];

/// A block of each kind, with whatever its keys need, to which one key is added.
fn file(record: &str, key: &str, value: &str) -> String {
    let entry = format!("{{ {key}: {value} }}");
    match record {
        "group" | "role" => format!("{record}s:\n  one: {entry}\n"),
        "grant" => format!("grants:\n  - {entry}\n"),
        "expectation" if ["user", "guest", "group", "service-principal"].contains(&key) => {
            format!("expectations:\n  - {entry}\n")
        }
        "expectation" => format!("expectations:\n  - {{ user: a@contoso.com, {key}: {value} }}\n"),
        other => panic!("there is a new kind of block: {other}"),
    }
}

/// A value of a key.
fn sample(key: &str) -> &'static str {
    match key {
        "owners" | "members" | "absent" | "users" => "[a@contoso.com]",
        "previously" | "groups" | "roles" | "environments" | "namespaces" => "[other]",
        "service-principals" => "[0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]",
        "service-principal" => "0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d",
        "user" | "guest" => "a@contoso.com",
        "group" => "other",
        "can" | "cannot" | "only" => "[list pods]",
        "rules" => "[{ verbs: [get] }]",
        "aggregate-to" => "[view]",
        "cluster-wide" => "true",
        _ => "some",
    }
}

fn records() -> Vec<&'static Record> {
    let mut records = Vec::new();
    for key in FILE.keys.iter().filter(|key| key.name != "environments") {
        let (Form::Named(_, record) | Form::List(Form::Record(record), _)) = &key.form else {
            panic!("{} is neither a map of blocks nor a list of them", key.name)
        };
        records.push(*record);
    }
    records
}

#[test]
fn every_key_is_read_or_left_out_for_a_reason() {
    let records = records();
    assert_eq!(records.len(), 4, "groups, roles, grants and expectations");
    for record in records {
        for key in record.keys {
            let read = |text: &str| format!("{:?}", Sheet::read(text).expect("it is YAML"));
            let names_whom = ["user", "guest", "group", "service-principal"].contains(&key.name);
            let without = match record.name {
                "expectation" if names_whom => "expectations:\n  - { nothing: some }\n".to_owned(),
                of => file(of, "nothing", "some"),
            };
            let is_read = read(&file(record.name, key.name, sample(key.name))) != read(&without);
            let is_left_out = LEFT_OUT.iter().any(|(of, name, _)| (*of, *name) == (record.name, key.name));
            assert_eq!(is_read, !is_left_out, "`{}` of a {}", key.name, record.name);
        }
    }
}
