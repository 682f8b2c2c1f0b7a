//! The published schemas and references are those of the code. `ROLECALL_BLESS=1` rewrites them.

#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::path::Path;

fn assert_current(file: &str, generated: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(file);
    #[expect(clippy::disallowed_methods, reason = "a test's own switch")]
    let bless = std::env::var_os("ROLECALL_BLESS");
    if bless.is_some() {
        fs_err::write(&path, generated).unwrap();
    }
    let published = fs_err::read_to_string(&path).unwrap_or_default();
    assert!(published == generated, "{} is out of date; ROLECALL_BLESS=1 rewrites it", path.display());
}

#[test]
fn the_journal_schema_is_current() {
    assert_current("schema/journal.schema.json", &rolecall::apply::journal::journal_schema());
}

#[test]
fn the_answer_schema_is_current() {
    assert_current("schema/answer.schema.json", &rolecall::report::json::answer_schema());
}

#[test]
fn the_history_schema_is_current() {
    assert_current("schema/history.schema.json", &rolecall::report::json::history_schema());
}

#[test]
fn the_verification_schema_is_current() {
    assert_current("schema/verification.schema.json", &rolecall::report::json::verification_schema());
}

#[test]
fn the_doctor_schema_is_current() {
    assert_current("schema/doctor.schema.json", &rolecall::report::json::doctor_schema());
}

#[test]
fn the_drift_schema_is_current() {
    assert_current("schema/drift.schema.json", &rolecall::report::json::drift_schema());
}

#[test]
fn the_failure_schema_is_current() {
    assert_current("schema/failure.schema.json", &rolecall::report::json::failure_schema());
}

#[test]
fn the_plan_schema_is_current() {
    assert_current("schema/plan.schema.json", &rolecall::report::json::plan_schema());
}

#[test]
fn the_reference_of_the_access_files_is_current() {
    assert_current("docs/reference/access-files.md", &rolecall::config::reference());
}

#[test]
fn the_reference_of_the_command_line_is_current() {
    assert_current("docs/reference/command-line.md", &rolecall::cli::reference());
}

#[test]
fn the_reference_of_the_ids_in_a_plan_is_current() {
    assert_current("docs/reference/plan-ids.md", &rolecall::report::json::reference());
}

#[test]
fn the_lint_schema_is_current() {
    assert_current("schema/lint.schema.json", &rolecall::report::lint::lint_schema());
}

#[test]
fn the_pages_of_lint_rules_are_current() {
    assert_current("docs/lint/README.md", &rolecall::lint::index());
    for lint in rolecall::lint::LINTS {
        assert_current(&format!("docs/lint/{}.md", lint.rule.id), &rolecall::lint::page(lint));
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/lint");
    assert_eq!(fs_err::read_dir(folder).unwrap().count(), rolecall::lint::LINTS.len() + 1, "a page without a rule");
}
