//! For programs, version 1. What is published here only grows; whatever else changes becomes version 2.

use schemars::JsonSchema;
use serde::Serialize;

use super::fingerprints;
use crate::diagnostics::{Finding, Label, Severity, SourceMap};
use crate::lint::Report;
use crate::report::escape;
use crate::report::findings::place;

/// What `rolecall lint --output json` prints.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "What rolecall lint found, version 1")]
struct Lint {
    /// The name of this format.
    format: Format,
    /// How many findings are errors.
    errors: usize,
    /// How many are warnings.
    warnings: usize,
    /// How many are notes, by which `lint` does not fail.
    notes: usize,
    /// Every finding, in the order of the files.
    findings: Vec<JsonFinding>,
    /// How many findings each rule has, by rule.
    rules: Vec<OfRule>,
    /// How many findings `--rule` and `--severity` leave out.
    left_out: usize,
    /// What the config silences although there is something to say.
    silenced: Vec<Silenced>,
}

/// What one rule finds.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct OfRule {
    /// Its id.
    rule: &'static str,
    /// How bad its findings are in this config.
    severity: JsonSeverity,
    /// How many it has.
    findings: usize,
}

#[derive(Serialize, JsonSchema)]
enum Format {
    #[serde(rename = "rolecall-lint/1")]
    V1,
}

/// One finding.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct JsonFinding {
    /// The rule; its page is `docs/lint/RULE.md`.
    rule: &'static str,
    /// How bad it is in this config.
    severity: JsonSeverity,
    /// What is wrong.
    message: String,
    /// The file, relative to the config's folder; lines and columns are in `labels`.
    file: String,
    /// The places, that of the finding itself first.
    labels: Vec<JsonLabel>,
    /// What to do.
    help: Option<String>,
    /// Stays the same while lines move.
    fingerprint: String,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum JsonSeverity {
    Error,
    Warning,
    Note,
}

impl From<Severity> for JsonSeverity {
    fn from(severity: Severity) -> Self {
        match severity {
            Severity::Error => Self::Error,
            Severity::Warning => Self::Warning,
            Severity::Note => Self::Note,
        }
    }
}

/// A place and what is said there. Lines and columns count from 1, columns in characters; the end is behind the last one.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct JsonLabel {
    file: String,
    line: u32,
    column: u32,
    end_line: u32,
    end_column: u32,
    text: String,
}

/// A rule that is off.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Silenced {
    /// Its id.
    rule: &'static str,
    /// How many findings it would have.
    findings: usize,
    /// Why, as the config says.
    reason: String,
}

/// What the rules say, as JSON.
pub fn lint_v1(report: &Report, sources: &SourceMap) -> String {
    let of = |severity| report.findings.iter().filter(|finding| finding.severity == severity).count();
    let prints = fingerprints(&report.findings, sources);
    let lint = Lint {
        format: Format::V1,
        errors: of(Severity::Error),
        warnings: of(Severity::Warning),
        notes: of(Severity::Note),
        findings: report.findings.iter().zip(prints).map(|(finding, print)| one(finding, print, sources)).collect(),
        rules: report
            .by_rule()
            .into_iter()
            .map(|(rule, (severity, findings))| OfRule { rule, severity: severity.into(), findings })
            .collect(),
        left_out: report.left_out,
        silenced: report
            .silenced
            .iter()
            .map(|each| Silenced { rule: each.rule, findings: each.findings, reason: each.reason.clone() })
            .collect(),
    };
    escape::json(&format!("{:#}", serde_json::to_value(lint).unwrap_or_default()))
}

fn one(finding: &Finding, fingerprint: String, sources: &SourceMap) -> JsonFinding {
    let label = |label: &Label| {
        let source = sources.get(label.span.file)?;
        let (line, column) = source.position(label.span.start);
        let (end_line, end_column) = source.position(label.span.end);
        Some(JsonLabel { file: source.path.to_string(), line, column, end_line, end_column, text: label.text.clone() })
    };
    JsonFinding {
        rule: finding.rule.id,
        severity: finding.severity.into(),
        message: finding.message.clone(),
        file: place(finding, sources).file,
        labels: finding.labels.iter().filter_map(label).collect(),
        help: finding.help.clone(),
        fingerprint,
    }
}

/// The JSON Schema of version 1, as it stands in `schema/lint.schema.json`.
pub fn lint_schema() -> String {
    format!("{:#}\n", schemars::schema_for!(Lint).as_value())
}
