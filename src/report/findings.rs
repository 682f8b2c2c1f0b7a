//! Mistakes in access files, as text for people and as JSON for programs.

use std::borrow::Cow;
use std::collections::BTreeSet;
use std::fmt::{self, Write as _};
use std::ops::Range;

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan,
    SpanContents, ThemeCharacters, ThemeStyles,
};
use serde::Serialize;
use unicode_width::UnicodeWidthStr as _;

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
    let counts = format!("{} in {}.", counts.join(" and "), number(files.len(), "file"));
    // After warnings alone the command goes on.
    if of(Severity::Error) > 0 { format!("{counts} Nothing was read or written.") } else { counts }
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

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Some((line, column)) => write!(formatter, "{}:{line}:{column}", self.file),
            None => formatter.write_str(&self.file),
        }
    }
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
    let at = place(finding, sources).to_string();
    let severity = word(finding.rule.severity);
    let message = escape::line(&finding.message);
    let _ = writeln!(text, "{severity}[{}]: {}: {message}", finding.rule.id, escape::line(&at));
    for (at, label) in finding.labels.iter().enumerate() {
        let Some(source) = sources.get(label.span.file) else { continue };
        let (line, column) = source.position(label.span.start);
        if at > 0 {
            let _ = writeln!(text, "  {}:{line}:{column}: {}", escape::line(&source.path), escape::line(&label.text));
        }
        let quoted = source.text.get(whole_lines(source, label.span.start, label.span.start)).unwrap_or_default();
        let _ = writeln!(text, "  {line} | {}", in_place(&cut(quoted)));
        if at == 0 {
            let _ = writeln!(text, "  {}", escape::line(&label.text));
        }
    }
    if let Some(help) = &finding.help {
        let _ = writeln!(text, "  help: {}", escape::line(help));
    }
}

/// The bytes of the lines that a range touches, without the last line's end.
fn whole_lines(source: &SourceFile, start: usize, end: usize) -> Range<usize> {
    let from = source.text.get(..start).and_then(|before| before.rfind('\n')).map_or(0, |at| at + 1);
    let to = source.text.get(end..).and_then(|after| after.find(['\r', '\n'])).map_or(source.text.len(), |at| end + at);
    from..to.max(from)
}

/// The most bytes of a file that are shown for one finding: a file may be one long line.
const MAX_EXCERPT: usize = 4096;

fn cut(line: &str) -> Cow<'_, str> {
    if line.len() <= MAX_EXCERPT {
        return Cow::Borrowed(line);
    }
    Cow::Owned(format!("{}…", line.chars().take(200).collect::<String>()))
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
    // Where there is no line to show, the place stands with the message.
    let snippets: Vec<Snippet> = by_file(&finding.labels)
        .into_iter()
        .filter_map(|(file, labels)| Snippet::new(sources.get(file)?, &labels))
        .collect();
    let at = if snippets.is_empty() { place(finding, sources).to_string() + ": " } else { String::new() };
    let _ = writeln!(text, "{}: {}{message}", severity.style(head), escape::line(&at));

    let handler = GraphicalReportHandler::new_themed(theme.clone())
        .with_width(style.width)
        .with_context_lines(1)
        .without_cause_chain();
    for snippet in snippets {
        let mut drawn = String::new();
        if handler.render_report(&mut drawn, &snippet).is_ok() {
            // The first line is miette's own header, which holds no message here: ours stands above.
            text.push_str(drawn.split_once('\n').map_or("", |(_, frame)| frame));
        }
    }
    if let Some(help) = &finding.help {
        let indent = "       ";
        let mut line = format!("  {}", theme.styles.help.style("help:"));
        let mut used = indent.len();
        for word in escape::line(help).split(' ') {
            let wide = word.width();
            if used + 1 + wide > style.width && used > indent.len() {
                let _ = writeln!(text, "{line}");
                indent.clone_into(&mut line);
                used = indent.len();
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
    /// `None` when there is no line to show, or too much of it.
    fn new(source: &SourceFile, labels: &[&Label]) -> Option<Self> {
        let start = labels.iter().map(|label| label.span.start).min()?;
        let end = labels.iter().map(|label| label.span.end.max(label.span.start)).max()?;
        let shown = whole_lines(source, start, end);
        let excerpt = source.text.get(shown.clone())?;
        if source.text.is_empty() || excerpt.len() > MAX_EXCERPT {
            return None;
        }
        let mut text = in_place(excerpt);
        if labels.iter().any(|label| label.span.start >= shown.end) {
            // A label behind the last character needs something to stand under.
            text.push(' ');
        }
        // What is not shown as it is takes another number of bytes, so that places move.
        let moved = |byte: usize| source.text.get(shown.start..byte).map_or(0, |before| in_place(before).len());
        let label = |(at, label): (usize, &&Label)| {
            let (start, end) = (moved(label.span.start), moved(label.span.end));
            let words = Some(escape::line(&label.text));
            let length = if start + 1 == text.len() { 1 } else { end.saturating_sub(start) };
            if at == 0 {
                LabeledSpan::new_primary_with_span(words, (start, length))
            } else {
                LabeledSpan::new(words, start, length)
            }
        };
        let labels = labels.iter().enumerate().map(label).collect();
        let first_line = source.position(shown.start).0.saturating_sub(1) as usize;
        Some(Self { labels, source: Source { path: escape::line(&source.path), text, first_line } })
    }
}

/// Some lines of a file, shown whole and without their neighbours; miette's own sources show either the bytes of a label
/// or neighbours too, and count columns in bytes.
#[derive(Debug)]
struct Source {
    path: String,
    text: String,
    /// The first line's number, from 0.
    first_line: usize,
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
        let line = self.first_line + before.matches('\n').count();
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

impl fmt::Display for Snippet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostics::{Rule, Span};

    static RULE: Rule = Rule { id: "unknown-group", severity: Severity::Error, summary: "" };
    static WARNING: Rule = Rule { id: "odd", severity: Severity::Warning, summary: "" };

    const TEXT: &str =
        "grants:\r\n  # 東京\r\n  - { groups: [k8s_dev_userz], roles: [read-only], environments: [alpha] }\r\n";

    fn example() -> (Vec<Finding>, SourceMap) {
        let mut sources = SourceMap::default();
        let one = sources.add("teams/trinity.yaml", TEXT);
        let two = sources.add("roles.yaml", "roles:\n  \u{1b}[2Jré\u{202e}d: {}\n  red: {}\n");
        let label = |file, text: &str, at: &str, label: &str| {
            let start = text.find(at).unwrap();
            Label { span: Span { file, start, end: start + at.len() }, text: label.to_owned() }
        };
        let roles = sources.get(two).unwrap().text.clone();
        let findings = vec![
            Finding {
                rule: &RULE,
                message: "`k8s_dev_userz` is not a group of this config".to_owned(),
                labels: vec![label(one, TEXT, "k8s_dev_userz", "no group has this key")],
                file: None,
                help: Some("did you mean `k8s_dev_users` (teams/trinity.yaml:4)?".to_owned()),
            },
            Finding {
                rule: &RULE,
                message: "`\u{1b}[31mred` stands twice".to_owned(),
                labels: vec![
                    label(two, &roles, "red", "again\u{7} here"),
                    label(two, &roles, "ré\u{202e}d", "first here"),
                    label(one, TEXT, "read-only", "used here"),
                ],
                file: None,
                help: Some("a very long help that does not fit into the width of the terminal and goes on".to_owned()),
            },
            Finding {
                rule: &WARNING,
                message: "cannot be read: permission denied".to_owned(),
                labels: vec![],
                file: Some("secret\n.yaml".to_owned()),
                help: None,
            },
        ];
        (findings, sources)
    }

    #[test]
    fn graphical() {
        let (findings, sources) = example();
        let style = Style { graphical: true, colour: false, width: 60 };
        insta::assert_snapshot!(render(&findings, &sources, &style), @r#"
        error[unknown-group]: `k8s_dev_userz` is not a group of this config
           ╭─[teams/trinity.yaml:3:16]
         3 │   - { groups: [k8s_dev_userz], roles: [read-only], environments: [alpha] }
           ·                ──────┬──────
           ·                      ╰── no group has this key
           ╰────
          help: did you mean `k8s_dev_users` (teams/trinity.yaml:4)?

        error[unknown-group]: `\u{1b}[31mred` stands twice
           ╭─[roles.yaml:3:3]
         2 │   �[2Jré�d: {}
           ·       ──┬─
           ·         ╰── first here
         3 │   red: {}
           ·   ─┬─
           ·    ╰── again\u{7} here
           ╰────
           ╭─[teams/trinity.yaml:3:40]
         3 │   - { groups: [k8s_dev_userz], roles: [read-only], environments: [alpha] }
           ·                                        ────┬────
           ·                                            ╰── used here
           ╰────
          help: a very long help that does not fit into the width of
                the terminal and goes on

        warning[odd]: secret\n.yaml: cannot be read: permission denied

        2 errors and 1 warning in 3 files. Nothing was read or written.
        "#);
    }

    #[test]
    fn plain() {
        let (findings, sources) = example();
        let style = Style { graphical: false, colour: true, width: 60 };
        insta::assert_snapshot!(render(&findings, &sources, &style), @r#"
        error[unknown-group]: teams/trinity.yaml:3:16: `k8s_dev_userz` is not a group of this config
          3 |   - { groups: [k8s_dev_userz], roles: [read-only], environments: [alpha] }
          no group has this key
          help: did you mean `k8s_dev_users` (teams/trinity.yaml:4)?

        error[unknown-group]: roles.yaml:3:3: `\u{1b}[31mred` stands twice
          3 |   red: {}
          again\u{7} here
          roles.yaml:2:7: first here
          2 |   �[2Jré�d: {}
          teams/trinity.yaml:3:40: used here
          3 |   - { groups: [k8s_dev_userz], roles: [read-only], environments: [alpha] }
          help: a very long help that does not fit into the width of the terminal and goes on

        warning[odd]: secret\n.yaml: cannot be read: permission denied

        2 errors and 1 warning in 3 files. Nothing was read or written.
        "#);
    }

    #[test]
    fn colour_is_only_added() {
        let (findings, sources) = example();
        let drawn = |colour| render(&findings, &sources, &Style { graphical: true, colour, width: 60 });
        let coloured = drawn(true);
        assert!(coloured.contains("\u{1b}[31merror[unknown-group]\u{1b}[0m"), "{coloured:?}");
        assert_eq!(anstream::adapter::strip_str(&coloured).to_string(), drawn(false));
    }

    #[test]
    fn nothing_found_is_nothing_said() {
        let style = Style { graphical: true, colour: false, width: 80 };
        assert_eq!(render(&[], &SourceMap::default(), &style), "");
    }

    #[test]
    fn places_at_the_edges_are_drawn() {
        let mut sources = SourceMap::default();
        let long = "x".repeat(10_000);
        for text in ["", "a", "a\n", "\n\n", "é", &long] {
            let file = sources.add("a.yaml", text);
            for (start, end) in [(0, 0), (text.len(), text.len()), (0, text.len())] {
                let finding = Finding {
                    rule: &RULE,
                    message: "m".to_owned(),
                    labels: vec![Label { span: Span { file, start, end }, text: "here".to_owned() }],
                    file: None,
                    help: None,
                };
                let drawn = render(&[finding], &sources, &Style { graphical: true, colour: false, width: 80 });
                let drawn_whole = drawn.contains("here") || text.is_empty() || text.len() > 4096;
                assert!(drawn.contains("a.yaml:") && drawn_whole, "{text:?} {start} {drawn}");
                assert!(drawn.len() < 1000, "{drawn}");
            }
        }
    }

    #[test]
    fn for_programs() {
        let (findings, sources) = example();
        insta::assert_snapshot!(format!("{:#}", json(&findings, &sources)), @r#"
        {
          "errors": 2,
          "findings": [
            {
              "file": "teams/trinity.yaml",
              "help": "did you mean `k8s_dev_users` (teams/trinity.yaml:4)?",
              "labels": [
                {
                  "column": 16,
                  "end_column": 29,
                  "end_line": 3,
                  "file": "teams/trinity.yaml",
                  "line": 3,
                  "text": "no group has this key"
                }
              ],
              "message": "`k8s_dev_userz` is not a group of this config",
              "rule": "unknown-group",
              "severity": "error"
            },
            {
              "file": "roles.yaml",
              "help": "a very long help that does not fit into the width of the terminal and goes on",
              "labels": [
                {
                  "column": 3,
                  "end_column": 6,
                  "end_line": 3,
                  "file": "roles.yaml",
                  "line": 3,
                  "text": "again\u0007 here"
                },
                {
                  "column": 7,
                  "end_column": 11,
                  "end_line": 2,
                  "file": "roles.yaml",
                  "line": 2,
                  "text": "first here"
                },
                {
                  "column": 40,
                  "end_column": 49,
                  "end_line": 3,
                  "file": "teams/trinity.yaml",
                  "line": 3,
                  "text": "used here"
                }
              ],
              "message": "`\u001b[31mred` stands twice",
              "rule": "unknown-group",
              "severity": "error"
            },
            {
              "file": "secret\n.yaml",
              "help": null,
              "labels": [],
              "message": "cannot be read: permission denied",
              "rule": "odd",
              "severity": "warning"
            }
          ],
          "version": 1,
          "warnings": 1
        }
        "#);
    }
}
