//! What adversarial files may cost: nothing grows with the square of what they hold.

use std::fmt::Write as _;

use super::{root_with, told};

/// A chain of groups, each of which also holds the first.
fn circles(count: usize) -> String {
    let mut text = "groups:\n".to_owned();
    for at in 0..count {
        let next = (at + 1) % count;
        writeln!(text, "  g{at:06}: {{ members: [{{ group: g{next:06} }}, {{ group: g000000 }}] }}").unwrap();
    }
    text
}

#[test]
fn a_long_circle_is_shown_by_its_beginning_and_its_end() {
    let loaded = root_with(&circles(14));
    let told = told(&loaded);
    let first = told.lines().find(|line| line.starts_with("group-cycle") && line.contains("more")).unwrap();
    insta::assert_snapshot!(first, @"group-cycle: the group `g000000` contains itself: g000000 → g000001 → g000002 → g000003 → g000004 → g000005 → g000006 → g000007 → 1 more → g000009 → g000000");
    assert!(loaded.findings.iter().all(|finding| finding.labels.len() <= 9));
}

#[test]
fn thousands_of_circles_are_told_in_few_words_each() {
    let loaded = root_with(&circles(8_000));
    assert!(loaded.findings.len() >= 8_000);
    let words: usize = loaded.findings.iter().map(|finding| finding.message.len() + finding.labels.len()).sum();
    assert!(words < 300 * loaded.findings.len(), "{words} bytes of messages");
}

#[test]
fn thousands_of_misspelt_names_among_thousands_get_suggestions_at_first() {
    let mut text = "groups:\n".to_owned();
    for at in 0..6_000 {
        writeln!(text, "  g{at:06}: {{ members: [{{ group: x{at:06} }}] }}").unwrap();
    }
    let loaded = root_with(&text);
    assert_eq!(loaded.findings.len(), 6_000);
    let helps = |at: usize| loaded.findings.get(at).and_then(|finding| finding.help.clone()).unwrap_or_default();
    assert!(helps(0).starts_with("did you mean"), "{}", helps(0));
    assert_eq!(helps(5_999), "define it under `groups:` in any access file");
}

#[test]
fn more_bindings_than_any_memory_holds_are_refused() {
    let names = |prefix: &str| (0..101).map(|at| format!("{prefix}{at}")).collect::<Vec<_>>();
    let mut text = "roles:\n".to_owned();
    for name in names("r") {
        writeln!(text, "  {name}: {{ cluster-role: view }}").unwrap();
    }
    text.push_str("environments:\n");
    for name in names("e") {
        writeln!(text, "  {name}: {{ type: k3s }}").unwrap();
    }
    let people: Vec<String> = names("p").iter().map(|name| format!("{name}@contoso.com")).collect();
    let (roles, places) = (names("r").join(", "), names("e").join(", "));
    writeln!(
        text,
        "grants:\n  - {{ users: [{}], roles: [{roles}], environments: [{places}], namespaces: [n] }}",
        people.join(", ")
    )
    .unwrap();
    let told = told(&root_with(&text));
    assert!(told.starts_with("too-complex: the grants ask for more than 1000000 bindings\n"), "{told}");
}
