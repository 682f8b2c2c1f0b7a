//! Mistakes in access files, as text for people and as JSON for programs.

use std::collections::BTreeSet;
use std::fmt::Write as _;

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan,
    SpanContents, ThemeCharacters, ThemeStyles,
};
use serde::Serialize;

use super::escape::{self, in_place};
use crate::diagnostics::{FileId, Finding, Label, Severity, SourceFile, SourceMap};

/// How findings are drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Style {
    /// With frames and arrows, for a terminal; otherwise plain lines, for pipes and logs.
    pub graphical: bool,
    /// With colour.
    pub colour: bool,
    /// The width of the terminal, in columns.
    pub width: usize,
}

/// Every finding in the given order, then how many there were. Empty when there is none.
pub fn render(findings: &[Finding], sources: &SourceMap, style: &Style) -> String {
    let mut text = String::new();
    for finding in findings {
        if style.graphical {
            graphical(&mut text, finding, sources, style);
        } else {
            plain(&mut text, finding, sources);
        }
        text.push('\n');
    }
    if !findings.is_empty() {
        text.push_str(&count(findings, sources));
        text.push('\n');
    }
    text
}

fn count(findings: &[Finding], sources: &SourceMap) -> String {
    let number = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
    let of = |severity| findings.iter().filter(|finding| finding.rule.severity == severity).count();
    let counts = [(of(Severity::Error), "error"), (of(Severity::Warning), "warning")];
    let counts: Vec<String> =
        counts.into_iter().filter(|(count, _)| *count > 0).map(|(count, noun)| number(count, noun)).collect();
    let files = findings.iter().map(|finding| place(finding, sources).file).collect::<BTreeSet<_>>();
    format!("{} in {}. Nothing was read or written.", counts.join(" and "), number(files.len(), "file"))
}

fn word(severity: Severity) -> &'static str {
    match severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
    }
}

/// Where a finding stands.
struct Place {
    file: String,
    /// Line and column, from 1.
    position: Option<(u32, u32)>,
}

fn place(finding: &Finding, sources: &SourceMap) -> Place {
    let first = finding.labels.first().and_then(|label| Some((label, sources.get(label.span.file)?)));
    match (first, &finding.file) {
        (Some((label, file)), _) => Place { file: file.path.clone(), position: Some(file.position(label.span.start)) },
        (None, file) => Place { file: file.clone().unwrap_or_default(), position: None },
    }
}

/// `error[rule]: file:line:column: message`, the line itself, what is said about other places, and the help.
fn plain(text: &mut String, finding: &Finding, sources: &SourceMap) {
    let Place { file, position } = place(finding, sources);
    let at = position.map_or(String::new(), |(line, column)| format!(":{line}:{column}"));
    let severity = word(finding.rule.severity);
    let message = escape::line(&finding.message);
    let _ = writeln!(text, "{severity}[{}]: {}{at}: {message}", finding.rule.id, escape::line(&file));
    for (at, label) in finding.labels.iter().enumerate() {
        let Some(source) = sources.get(label.span.file) else { continue };
        let (line, column) = source.position(label.span.start);
        if at > 0 {
            let _ = writeln!(text, "  {}:{line}:{column}: {}", escape::line(&source.path), escape::line(&label.text));
        }
        let quoted = source.text.lines().nth(line.saturating_sub(1) as usize).unwrap_or_default();
        let _ = writeln!(text, "  {line} | {}", escape::line(quoted.trim_end()));
        if at == 0 {
            let _ = writeln!(text, "  {}", escape::line(&label.text));
        }
    }
    if let Some(help) = &finding.help {
        let _ = writeln!(text, "  help: {}", escape::line(help));
    }
}

fn graphical(text: &mut String, finding: &Finding, sources: &SourceMap, style: &Style) {
    let theme = GraphicalTheme {
        characters: ThemeCharacters::unicode(),
        styles: if style.colour { ThemeStyles::ansi() } else { ThemeStyles::none() },
    };
    let severity = match finding.rule.severity {
        Severity::Error => theme.styles.error,
        Severity::Warning => theme.styles.warning,
    };
    let head = format!("{}[{}]", word(finding.rule.severity), finding.rule.id);
    let message = escape::line(&finding.message);
    let at = if finding.labels.is_empty() { format!("{}: ", place(finding, sources).file) } else { String::new() };
    let _ = writeln!(text, "{}: {}{message}", severity.style(head), escape::line(&at));

    let handler = GraphicalReportHandler::new_themed(theme.clone())
        .with_width(style.width)
        .with_context_lines(1)
        .without_cause_chain();
    for (file, labels) in by_file(&finding.labels) {
        let Some(source) = sources.get(file) else { continue };
        let mut drawn = String::new();
        let snippet = Snippet::new(source, &labels);
        if handler.render_report(&mut drawn, &snippet).is_err() {
            continue;
        }
        // The first line is miette's own header, which holds no message here: ours stands above.
        let frame = drawn.split_once('\n').map_or("", |(_, frame)| frame);
        text.push_str(frame);
    }
    if let Some(help) = &finding.help {
        let help = escape::line(help);
        let indent = "        ";
        let mut line = format!("  {}", theme.styles.help.style("help:"));
        let mut used = 7;
        for word in help.split(' ') {
            let wide = unicode_width::UnicodeWidthStr::width(word);
            if used + 1 + wide > style.width && used > indent.len() {
                let _ = writeln!(text, "{line}");
                line = indent[1..].to_owned();
                used = indent.len() - 1;
            }
            line.push(' ');
            line.push_str(word);
            used += 1 + wide;
        }
        let _ = writeln!(text, "{line}");
    }
}

/// The labels of each file, the first label's file first.
fn by_file(labels: &[Label]) -> Vec<(FileId, Vec<&Label>)> {
    let mut files: Vec<(FileId, Vec<&Label>)> = Vec::new();
    for label in labels {
        match files.iter_mut().find(|(file, _)| *file == label.span.file) {
            Some((_, labels)) => labels.push(label),
            None => files.push((label.span.file, vec![label])),
        }
    }
    files
}

/// The lines of one file that the labels of one finding point at, as miette wants them.
#[derive(Debug)]
struct Snippet {
    source: Source,
    labels: Vec<LabeledSpan>,
}

impl Snippet {
    fn new(source: &SourceFile, labels: &[&Label]) -> Self {
        // What is not shown as it is takes another number of bytes, so that places move.
        let moved = |byte: usize| source.text.get(..byte).map_or(byte, |before| in_place(before).len());
        let labels = labels.iter().enumerate().map(|(at, label)| {
            let (start, end) = (moved(label.span.start), moved(label.span.end));
            let text = Some(escape::line(&label.text));
            if at == 0 {
                LabeledSpan::new_primary_with_span(text, (start, end.saturating_sub(start)))
            } else {
                LabeledSpan::new(text, start, end.saturating_sub(start))
            }
        });
        let labels = labels.collect();
        let source = Source { path: escape::line(&source.path), text: in_place(&source.text) };
        Self { source, labels }
    }
}

/// A file whose lines are shown whole and without their neighbours; miette's own sources show either the bytes of a
/// label or neighbours too, and count columns in bytes.
#[derive(Debug)]
struct Source {
    path: String,
    text: String,
}

impl SourceCode for Source {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        context_before: usize,
        _context_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let (start, end) = (span.offset(), span.offset() + span.len());
        let (Some(before), Some(inside), Some(after)) =
            (self.text.get(..start), self.text.get(start..end), self.text.get(end..))
        else {
            return Err(MietteError::OutOfBounds);
        };
        let line = before.matches('\n').count();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let name = self.path.clone();
        // Without context it asks for the position of a label alone.
        if context_before == 0 {
            let column = self.text.get(line_start..start).map_or(0, |text| text.chars().count());
            let contents = MietteSpanContents::new_named(name, inside.as_bytes(), *span, line, column, 1);
            return Ok(Box::new(contents));
        }
        let line_end = end + after.find(['\r', '\n']).unwrap_or(after.len());
        let shown = self.text.get(line_start..line_end).unwrap_or_default();
        let whole = SourceSpan::new(line_start.into(), shown.len());
        let count = shown.matches('\n').count() + 1;
        Ok(Box::new(MietteSpanContents::new_named(name, shown.as_bytes(), whole, line, 0, count)))
    }
}

impl std::fmt::Display for Snippet {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(".")
    }
}
impl std::error::Error for Snippet {}
impl miette::Diagnostic for Snippet {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }
    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }
}

/// The findings for programs. `version` changes when the meaning of a field does.
pub fn json(findings: &[Finding], sources: &SourceMap) -> serde_json::Value {
    let of = |severity| findings.iter().filter(|finding| finding.rule.severity == severity).count();
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
        Some(JsonLabel { file: source.path.clone(), line, column, end_line, end_column, text: label.text.clone() })
    };
    JsonFinding {
        rule: finding.rule.id,
        severity: word(finding.rule.severity),
        message: finding.message.clone(),
        file: place(finding, sources).file,
        labels: finding.labels.iter().filter_map(label).collect(),
        help: finding.help.clone(),
    }
}
