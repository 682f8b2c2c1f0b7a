//! SARIF 2.1.0 for code scanning (OASIS, "Static Analysis Results Interchange Format", sections in brackets).

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::fingerprints;
use crate::diagnostics::{Finding, Label, Rule, SourceMap};
use crate::lint::{LINTS, Lint, text};
use crate::report::escape;
use crate::report::findings::annotations::ended;
use crate::report::findings::place;

/// What the paths of findings are relative to in what is written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Base {
    /// The top of a repository, in which the config's folder has this path, with `/`; empty where it is the top itself.
    Repository(String),
    /// The config's folder.
    Config,
}

impl Base {
    /// The path of a file of the config, from there.
    pub(in crate::report) fn path_of(&self, path: &str) -> String {
        match self {
            Self::Repository(folder) if !folder.is_empty() => format!("{folder}/{path}"),
            Self::Repository(_) | Self::Config => path.to_owned(),
        }
    }
}

/// Findings of lint rules, or mistakes that the check found, as SARIF. All lint rules are described, and whatever else has a
/// finding.
pub fn sarif(findings: &[Finding], sources: &SourceMap, base: &Base) -> String {
    log(LINTS.iter().map(|lint| &lint.rule).collect(), findings, sources, base)
}

/// Mistakes that the check found, as SARIF. The rules are described that have a finding.
pub fn sarif_of_mistakes(findings: &[Finding], sources: &SourceMap, base: &Base) -> String {
    log(Vec::new(), findings, sources, base)
}

fn log<'r>(mut rules: Vec<&'r Rule>, findings: &'r [Finding], sources: &SourceMap, base: &Base) -> String {
    for finding in findings {
        if rules.iter().all(|rule| rule.id != finding.rule.id) {
            rules.push(finding.rule);
        }
    }
    let index: BTreeMap<&str, usize> = rules.iter().enumerate().map(|(at, rule)| (rule.id, at)).collect();
    let prints = fingerprints(findings, sources);
    let results = findings.iter().zip(prints).map(|(finding, print)| {
        let mut result = json!({
            "ruleId": finding.rule.id,
            "ruleIndex": index.get(finding.rule.id),
            "level": finding.severity.word(),
            "message": { "text": message(finding) },
            "locations": [location(finding, sources, base)],
            // The one that GitHub compares by, and a name of our own for everybody else (3.27.17).
            "partialFingerprints": { "primaryLocationLineHash": print, "rolecallFinding/v1": print },
        });
        let related: Vec<Value> = finding
            .labels
            .iter()
            .skip(1)
            .enumerate()
            .filter_map(|(at, label)| {
                let mut related = at_label(label, sources, base)?;
                related["id"] = json!(at + 1);
                Some(related)
            })
            .collect();
        if !related.is_empty() {
            result["relatedLocations"] = json!(related);
        }
        result
    });
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": "rolecall",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules.into_iter().map(rule).collect::<Vec<_>>(),
            } },
            // As most viewers count, whatever is said here (3.14.27).
            "columnKind": "utf16CodeUnits",
            "results": results.collect::<Vec<_>>(),
        }],
    });
    escape::json(&format!("{log:#}"))
}

fn rule(rule: &Rule) -> Value {
    let mut described = json!({
        "id": rule.id,
        "shortDescription": { "text": rule.summary },
        "defaultConfiguration": { "level": rule.severity.word() },
    });
    if let Some(lint) = LINTS.iter().find(|lint| lint.rule.id == rule.id) {
        let Lint { docs, .. } = lint;
        described["fullDescription"] = json!({ "text": docs });
        described["help"] = json!({ "text": docs, "markdown": text(lint) });
        described["properties"] = json!({ "tags": ["security", "access"] });
    }
    described
}

fn message(finding: &Finding) -> String {
    match &finding.help {
        Some(help) => format!("{} What to do: {}", ended(&finding.message), ended(help)),
        None => ended(&finding.message),
    }
}

/// The place of a finding; the file where there is no text to point into.
fn location(finding: &Finding, sources: &SourceMap, base: &Base) -> Value {
    let at = finding.labels.first().and_then(|label| at_label(label, sources, base));
    at.unwrap_or_else(
        || json!({ "physicalLocation": { "artifactLocation": artifact(&place(finding, sources).file, base) } }),
    )
}

fn at_label(label: &Label, sources: &SourceMap, base: &Base) -> Option<Value> {
    let source = sources.get(label.span.file)?;
    let (line, column) = source.position_in_utf16(label.span.start);
    let (end_line, end_column) = source.position_in_utf16(label.span.end);
    Some(json!({
        "physicalLocation": {
            "artifactLocation": artifact(&source.path, base),
            "region": { "startLine": line, "startColumn": column, "endLine": end_line, "endColumn": end_column },
        },
        "message": { "text": label.text },
    }))
}

/// A relative reference; whoever reads it knows what its base is (3.4.4).
fn artifact(path: &str, base: &Base) -> Value {
    let uri = reference(&base.path_of(path));
    match base {
        Base::Repository(_) => json!({ "uri": uri, "uriBaseId": "%SRCROOT%" }),
        Base::Config => json!({ "uri": uri }),
    }
}

/// A path as a relative reference of RFC 3986: whatever is not plain is encoded, a `:` too, which would end a scheme.
fn reference(path: &str) -> String {
    let mut encoded = String::new();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            encoded.push(char::from(byte));
        } else {
            // Writing to a string cannot fail.
            let _ = write!(encoded, "%{byte:02X}");
        }
    }
    encoded
}
