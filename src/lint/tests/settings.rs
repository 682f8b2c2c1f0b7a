//! What the config makes of severities.

use super::{HEAD, load, report};
use crate::diagnostics::Severity;
use crate::lint::Silenced;

const WILDCARD: &str = "roles:\n  all: { rules: [{ apiGroups: [apps], resources: [deployments], verbs: ['*'] }] }\n";

fn with(setting: &str) -> String {
    format!("lint:\n  wildcard-rule: {setting}\n{WILDCARD}")
}

#[test]
fn a_severity_is_changed_and_a_note_fails_nothing() {
    for (word, severity, fails) in
        [("note", Severity::Note, false), ("warning", Severity::Warning, true), ("error", Severity::Error, true)]
    {
        let (report, _) = report(&with(&format!("{{ severity: {word}, reason: because }}")));
        let of = report.findings.iter().find(|finding| finding.rule.id == "wildcard-rule").unwrap();
        assert_eq!(of.severity, severity);
        let alone = crate::lint::Report { findings: vec![of.clone()], silenced: Vec::new(), left_out: 0 };
        assert_eq!(alone.fails(), fails, "{word}");
    }
}

#[test]
fn what_is_off_is_counted_with_its_reason() {
    let (said, _) = report(&with("{ severity: off, reason: The pilot ends in March. }"));
    assert!(said.findings.iter().all(|finding| finding.rule.id != "wildcard-rule"));
    let reason = "The pilot ends in March.".to_owned();
    assert_eq!(said.silenced, [Silenced { rule: "wildcard-rule", findings: 1, reason }]);
    let (said, _) = report("lint:\n  wildcard-rule: { severity: off, reason: nothing to find }\n");
    assert_eq!(said.silenced, []);
}

#[test]
fn mistakes_in_settings_are_found_by_the_check() {
    let mistakes = |text: &str| {
        let loaded = load(&[("rolecall.yaml", &format!("{HEAD}{text}"))]);
        assert!(loaded.config.is_none(), "{text}");
        let told = |finding: &crate::diagnostics::Finding| {
            format!("{}: {} ({})", finding.rule.id, finding.message, finding.help.as_deref().unwrap_or_default())
        };
        loaded.findings.iter().map(told).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(mistakes("lint: { wildcard-rules: { severity: off, reason: r } }\n"), @"
    unknown-key: `wildcard-rules` is not a key of a lint block (did you mean `wildcard-rule`?)
    ");
    insta::assert_snapshot!(mistakes("lint: { wildcard-rule: { severity: off } }\n"), @"
    missing-key: `reason` is missing from this lint setting (add `reason`: Why, for whoever wonders later.)
    ");
    insta::assert_snapshot!(mistakes("lint: { wildcard-rule: { severity: off, reason: '  ' } }\n"), @"
    invalid-name: `  ` is not a reason (it is empty)
    ");
    insta::assert_snapshot!(mistakes("lint: { wildcard-rule: { severity: silent, reason: r } }\n"), @"
    invalid-value: `severity` cannot be `silent` (use `off`, `note`, `warning` or `error`)
    ");
    insta::assert_snapshot!(mistakes("lint: { wildcard-rule: off }\n"), @"
    wrong-type: `wildcard-rule` must be a map with `severity` or `reason`, not text ()
    ");
}

#[test]
fn only_the_root_file_sets_severities() {
    for delegate in ["", "delegate: [{ files: [team.yaml], groups: ['*'] }]\n"] {
        let loaded = load(&[
            ("rolecall.yaml", &format!("{HEAD}{delegate}{WILDCARD}")),
            ("team.yaml", "lint:\n  wildcard-rule: { severity: off, reason: leave us alone }\n"),
        ]);
        assert!(loaded.config.is_none());
        let found: Vec<_> = loaded.findings.iter().map(|finding| finding.rule.id).collect();
        assert!(found.contains(&"root-only-key"), "{found:?}");
    }
}
