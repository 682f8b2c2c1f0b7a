//! Every rule is registered once, can be set, and does what its page says.

use super::report;
use crate::config::lint_rules;
use crate::lint::{LINTS, page};

#[test]
fn the_registry_is_sorted_and_each_rule_can_be_set() {
    let ids: Vec<&str> = LINTS.iter().map(|lint| lint.rule.id).collect();
    let mut sorted = ids.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(ids, sorted, "sorted, and each once");
    let rules: Vec<_> = LINTS.iter().map(|lint| (lint.rule.id, lint.rule.summary)).collect();
    assert_eq!(lint_rules().collect::<Vec<_>>(), rules, "src/config/shape/lint.rs has the same rules");
}

#[test]
fn every_file_of_a_rule_is_registered() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lint/rules");
    let files = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let mut files: Vec<String> = files.filter(|name| name != "mod.rs").collect();
    files.sort_unstable();
    let ids: Vec<String> = LINTS.iter().map(|lint| format!("{}.rs", lint.rule.id.replace('-', "_"))).collect();
    assert_eq!(files, ids);
}

#[test]
fn the_examples_of_the_pages_are_what_is_found_and_what_is_not() {
    for lint in LINTS {
        let of = |text: &str| {
            let (report, _) = report(text);
            report.findings.iter().filter(|finding| finding.rule.id == lint.rule.id).count()
        };
        assert_eq!(of(lint.example), 1, "{} finds its example", lint.rule.id);
        assert_eq!(of(lint.instead), 0, "{} does not find what is right", lint.rule.id);
    }
}

#[test]
fn pages_are_complete_sentences() {
    for lint in LINTS {
        assert!(lint.rule.summary.ends_with('.') && lint.docs.ends_with('.'), "{}", lint.rule.id);
        assert!(page(lint).contains(lint.rule.id));
    }
}
