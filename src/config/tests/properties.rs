//! No input panics, and nothing that has a config is half of one.

use std::fmt::Write as _;
use std::path::PathBuf;

use proptest::prelude::*;

use super::{files, told};
use crate::config::{File, read};
use crate::diagnostics::{Finding, Severity};

const QUICKSTART: &str = include_str!("../../../examples/quickstart/rolecall.yaml");
const PAYMENTS: &str = include_str!("../../../examples/company/teams/payments.yaml");

/// Reads, tells and compiles; what matters is that it comes back, and that a config and a finding exclude each other.
fn survives(contents: Vec<Vec<u8>>) {
    let names = ["rolecall.yaml", "a.yaml", "b.yaml"];
    let files = names.iter().zip(contents).map(|(path, content)| File::new(*path, Ok(content)));
    let loaded = read(PathBuf::from("/access"), files.collect());
    let is_error = |finding: &Finding| finding.severity == Severity::Error;
    assert_eq!(loaded.config.is_some(), !loaded.findings.iter().any(is_error));
    told(&loaded);
    if let Some(config) = &loaded.config {
        crate::desired::compile(config, &loaded.sources);
    }
    assert!(loaded.findings.iter().all(|finding| finding.rule.id != "not-understood"), "{}", told(&loaded));
}

/// Pieces of access files and of YAML, put together at random: far more often close to right than random bytes are.
fn pieces() -> impl Strategy<Value = String> {
    let piece = prop::sample::select(vec![
        "groups:",
        "roles:",
        "grants:",
        "environments:",
        "version: 1",
        "name: contoso",
        "tenant:",
        "id:",
        "\n",
        "\n  ",
        "\n    ",
        "- ",
        "{ ",
        " }",
        "[",
        "]",
        ", ",
        ": ",
        "&a ",
        "*a",
        "!!str ",
        "? ",
        "| ",
        "> ",
        "'",
        "\"",
        "#",
        "---\n",
        "<<: ",
        "dev",
        "alpha",
        "members:",
        "owners:",
        "group: dev",
        "guest: ana@partner.example",
        "sam@contoso.com",
        "adopt:",
        "membership: external",
        "type: k3s",
        "labels:",
        "stage: dev",
        "protected: true",
        "cluster-role: view",
        "rules:",
        "verbs: [get]",
        "nonResourceURLs: [/x]",
        "cluster-wide: true",
        "namespaces: [trinity]",
        "delegate:",
        "files: [a.yaml]",
        "groups: [dev, d*]",
        "environments: { stage: dev }",
        "8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f",
        "~",
        "0x1",
        "\t",
        "é",
        "👩",
        "\u{feff}",
        "\r\n",
    ]);
    prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
}

/// A right file with a few places overwritten, cut out or doubled.
fn mutated(text: &'static str) -> impl Strategy<Value = Vec<u8>> {
    let edit = (
        0..text.len(),
        0..30_usize,
        prop_oneof!["[ -~]{0,6}", "\\PC{0,3}", Just("\n".to_owned()), Just("  ".to_owned())],
    );
    prop::collection::vec(edit, 1..6).prop_map(move |edits| {
        let mut bytes = text.as_bytes().to_vec();
        for (at, length, with) in edits {
            let at = at.min(bytes.len());
            let end = (at + length).min(bytes.len());
            bytes.splice(at..end, with.into_bytes());
        }
        bytes
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..Default::default() })]

    #[test]
    fn bytes_do_not_panic(root in prop::collection::vec(any::<u8>(), 0..200), other in prop::collection::vec(any::<u8>(), 0..200)) {
        survives(vec![root, other]);
    }

    #[test]
    fn pieces_do_not_panic(root in pieces(), one in pieces()) {
        survives(vec![root.into_bytes(), one.into_bytes()]);
    }

    #[test]
    fn mutations_do_not_panic(root in mutated(QUICKSTART), team in mutated(PAYMENTS)) {
        survives(vec![QUICKSTART.as_bytes().to_vec(), team]);
        survives(vec![root, PAYMENTS.as_bytes().to_vec()]);
    }
}

#[test]
fn very_long_chains_of_groups_are_walked_without_recursion() {
    let mut text = "groups:\n".to_owned();
    for at in 0..3000 {
        writeln!(text, "  g{at}: {{ members: [{{ group: g{} }}] }}", at + 1).unwrap();
    }
    text += "  g3000: { members: [{ group: g0 }] }\n";
    let loaded = files(&[("rolecall.yaml", super::ROOT), ("chain.yaml", &text)]);
    assert_eq!(loaded.findings.len(), 1);
    assert_eq!(loaded.findings[0].rule.id, "group-cycle");
}
