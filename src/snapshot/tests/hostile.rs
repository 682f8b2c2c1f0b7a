//! Files that are no snapshots, or not whole, or not what was written.

use super::snapshot;
use crate::plan::tests::World;
use crate::snapshot::{Age, Snapshot, SnapshotError, ages};

fn text() -> String {
    let world = World::new();
    snapshot(&world, world.observed.clone()).to_json().unwrap()
}

fn error(text: &str) -> SnapshotError {
    Snapshot::parse(text.as_bytes()).unwrap_err()
}

#[test]
fn a_file_that_was_cut_off_is_told_so_wherever_it_was() {
    let text = text();
    let whole = text.trim_end();
    for end in 1..whole.len() {
        if whole.is_char_boundary(end) {
            assert_eq!(error(&whole[..end]), SnapshotError::CutOff(end));
        }
    }
    assert!(Snapshot::parse(whole.as_bytes()).is_ok());
}

#[test]
fn a_file_that_was_changed_is_told_so_and_its_layout_does_not_matter() {
    let text = text();
    let value: serde_json::Value = serde_json::from_str(&text).unwrap();
    assert!(Snapshot::parse(serde_json::to_string_pretty(&value).unwrap().as_bytes()).is_ok());
    assert_eq!(error(&text.replace("2026-11-22", "2026-11-23")), SnapshotError::Changed);
}

#[test]
fn what_is_something_else_is_told_so() {
    for (text, starts) in [
        ("", "this is no snapshot of rolecall"),
        ("[]", "this is no snapshot of rolecall"),
        ("null", "this is no snapshot of rolecall"),
        ("version: 1", "this is no snapshot of rolecall"),
        (
            r#"{"format":"rolecall-saved-plan/3"}"#,
            "this is no snapshot of rolecall: its format is `rolecall-saved-plan/3`",
        ),
        (r#"{"format":"rolecall-snapshot/2"}"#, "the snapshot is of format `rolecall-snapshot/2`"),
        (r#"{"format":"rolecall-snapshot/1"}"#, "this is no snapshot of rolecall: missing field `sha256`"),
        (&"[".repeat(100_000), "this is no snapshot of rolecall"),
    ] {
        let said = error(text).to_string();
        assert!(said.starts_with(starts), "{said}");
        assert!(!error(text).next().is_empty());
    }
}

#[test]
fn a_key_that_is_there_twice_is_refused_and_an_id_is_one_in_either_case() {
    let text = text();
    let twice = |key: &str, again: &str| {
        let at = format!("\"{key}\":");
        let (before, after) = text.split_once(&at).unwrap();
        error(&format!("{before}\"{again}\":null,{at}{after}")).to_string()
    };
    for (key, again) in [("trinity", "trinity"), ("namespaces", "namespaces"), ("content", "c\\u006fntent")] {
        let said = twice(key, again);
        assert!(
            said.starts_with(&format!("this is no snapshot of rolecall: the key `{key}` is there twice at line 1")),
            "{said}"
        );
    }
    let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
    value["content"]["inside"] = serde_json::json!({
        "abcdef00-0000-4000-8000-000000000001": "missing",
        "ABCDEF00-0000-4000-8000-000000000001": { "read": [] },
    });
    assert!(error(&value.to_string()).to_string().contains("is there twice"));
    // Written otherwise, it is the same file.
    let id = value["content"]["tenant_id"].as_str().unwrap();
    assert!(Snapshot::parse(text.replace(id, &id.to_uppercase()).as_bytes()).is_ok());
}

#[test]
fn a_number_that_nobody_has_is_no_panic() {
    let text = text();
    let content = text.find("\"people\":[").expect("the table of people is there");
    assert!(content > 0);
    // A hash of one's own makes it pass for whole.
    let mut value: serde_json::Value = serde_json::from_str(&text).unwrap();
    value["content"]["inside"] = serde_json::json!({ "00000000-0000-0000-0000-000000000001": { "read": [4_000_000] } });
    value["sha256"] = forged(&value["content"]).into();
    assert_eq!(
        error(&value.to_string()),
        SnapshotError::Malformed("it has no person with the number 4000000".to_owned())
    );
}

#[test]
fn lists_that_would_fill_the_memory_are_refused_before_they_do() {
    let mut value: serde_json::Value = serde_json::from_str(&text()).unwrap();
    value["content"]["inside"] =
        serde_json::json!({ "00000000-0000-0000-0000-000000000001": { "read": vec![0; 4_000_001] } });
    assert!(matches!(error(&value.to_string()), SnapshotError::TooMany(4_000_001..)));
}

/// The hash that belongs to a content, as anybody can work it out who can read the source.
fn forged(content: &serde_json::Value) -> String {
    let of_that = crate::snapshot::document::hash_of(content.clone());
    of_that.unwrap()
}

#[test]
fn an_age_is_said_in_the_largest_unit_that_tells_something() {
    let seconds = |seconds: i64| ages(jiff::SignedDuration::from_secs(seconds));
    assert_eq!(
        [0, 119, 120, 7_199, 7_200, 172_799, 172_800].map(seconds),
        ["0 s", "119 s", "2 min", "119 min", "2 h", "47 h", "2 days"]
    );
    let world = World::new();
    let taken = snapshot(&world, world.observed.clone());
    let age = |now: &str| taken.age(now.parse().unwrap());
    assert!(matches!(age("2026-11-22T16:39:00Z"), Age::Old(age) if age.is_zero()), "clocks differ by a little");
    assert!(matches!(age("2026-11-22T16:30:00Z"), Age::Ahead(by) if by.as_secs() == 600));
    assert!(!age("2026-11-23T16:40:00Z").is_old() && age("2026-11-23T16:40:01Z").is_old());
}
