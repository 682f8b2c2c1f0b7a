//! Findings for programs.

use serde::Serialize;

use super::place;
use crate::diagnostics::{Finding, Label, Severity, SourceMap};

/// The findings for programs. `version` changes when the meaning of a field does.
pub fn json(findings: &[Finding], sources: &SourceMap) -> serde_json::Value {
    let of = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let report = JsonReport {
        version: 1,
        errors: of(Severity::Error),
        warnings: of(Severity::Warning),
        findings: findings.iter().map(|finding| json_finding(finding, sources)).collect(),
    };
    serde_json::to_value(report).unwrap_or_default()
}

#[derive(Serialize)]
struct JsonReport {
    version: u32,
    errors: usize,
    warnings: usize,
    findings: Vec<JsonFinding>,
}

#[derive(Serialize)]
struct JsonFinding {
    rule: &'static str,
    severity: &'static str,
    message: String,
    /// The file; lines and columns are in `labels`.
    file: String,
    /// The places, that of the mistake itself first; empty when the file as a whole is meant.
    labels: Vec<JsonLabel>,
    help: Option<String>,
}

#[derive(Serialize)]
struct JsonLabel {
    file: String,
    line: u32,
    column: u32,
    end_line: u32,
    end_column: u32,
    text: String,
}

fn json_finding(finding: &Finding, sources: &SourceMap) -> JsonFinding {
    let label = |label: &Label| {
        let source = sources.get(label.span.file)?;
        let (line, column) = source.position(label.span.start);
        let (end_line, end_column) = source.position(label.span.end);
        Some(JsonLabel { file: source.path.to_string(), line, column, end_line, end_column, text: label.text.clone() })
    };
    JsonFinding {
        rule: finding.rule.id,
        severity: finding.severity.word(),
        message: finding.message.clone(),
        file: place(finding, sources).file,
        labels: finding.labels.iter().filter_map(label).collect(),
        help: finding.help.clone(),
    }
}
