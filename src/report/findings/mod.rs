//! Mistakes in access files, as text for people and as JSON for programs.

pub mod annotations;
mod json;
mod planned;
mod snippet;
#[cfg(test)]
mod tests;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::{self, Write as _};
use std::ops::Range;

use miette::{GraphicalReportHandler, GraphicalTheme, ThemeCharacters, ThemeStyles};
use unicode_width::UnicodeWidthStr as _;

pub use self::json::json;
pub use self::planned::{EXPECTATION_FAILED, planned};
use self::snippet::Snippet;
use super::escape::{self, in_place};
use crate::diagnostics::{FileId, Finding, Label, Severity, SourceFile, SourceMap};
use crate::state::{all_of, first_few};

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

/// One mistake at more places than these is drawn once, and so many of the others are named.
const MANY: usize = 3;

/// Every finding in the given order, then how many there were. Empty when there is none.
pub fn render(findings: &[Finding], sources: &SourceMap, style: &Style) -> String {
    let mut text = draw(findings, sources, style);
    if !findings.is_empty() {
        // After warnings alone the command goes on.
        let is_over = findings.iter().any(|finding| finding.severity == Severity::Error);
        let end = if is_over { " Nothing was changed." } else { "" };
        let _ = writeln!(text, "{}.{end}", count(findings, sources));
    }
    text
}

/// Every finding in the given order.
pub(super) fn draw(findings: &[Finding], sources: &SourceMap, style: &Style) -> String {
    let mut text = String::new();
    let mut same: BTreeMap<(&str, &str), Vec<&Finding>> = BTreeMap::new();
    for finding in findings {
        same.entry((finding.rule.id, &finding.message)).or_default().push(finding);
    }
    let mut folded = BTreeSet::new();
    for finding in findings {
        let key = (finding.rule.id, finding.message.as_str());
        let all = same.get(&key).map_or(&[][..], Vec::as_slice);
        if all.len() > MANY && !folded.insert(key) {
            continue;
        }
        if style.graphical {
            graphical(&mut text, finding, sources, style);
        } else {
            plain(&mut text, finding, sources);
        }
        if all.len() > MANY {
            let others = all.iter().skip(1).map(|finding| escape::line(&place(finding, sources).to_string()));
            let told = format!("the same at {} other places: {}", all.len() - 1, first_few(others, MANY));
            let width = if style.graphical { style.width } else { usize::MAX };
            let _ = writeln!(text, "{}", super::text::paragraph("  ", &told, width));
        }
        text.push('\n');
    }
    text
}

/// "1 error and 2 warnings in 2 files".
pub(super) fn count(findings: &[Finding], sources: &SourceMap) -> String {
    let number = |count: usize, noun: &str| format!("{count} {noun}{}", if count == 1 { "" } else { "s" });
    let of = |severity| findings.iter().filter(|finding| finding.severity == severity).count();
    let counts = [Severity::Error, Severity::Warning, Severity::Note].map(|severity| (of(severity), severity.word()));
    let counts: Vec<String> =
        counts.into_iter().filter(|(count, _)| *count > 0).map(|(count, noun)| number(count, noun)).collect();
    // Where there is no root file, what is named is a folder.
    let in_files = findings.iter().filter(|finding| finding.rule.id != "no-root");
    let files = in_files.map(|finding| place(finding, sources).file).collect::<BTreeSet<_>>();
    let files = if files.is_empty() { String::new() } else { format!(" in {}", number(files.len(), "file")) };
    format!("{}{files}", all_of(counts))
}

/// Where a finding stands.
pub(super) struct Place {
    pub(super) file: String,
    /// Line and column, from 1.
    pub(super) position: Option<(u32, u32)>,
}

impl fmt::Display for Place {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.position {
            Some((line, column)) => write!(formatter, "{}:{line}:{column}", self.file),
            None => formatter.write_str(&self.file),
        }
    }
}

pub(super) fn place(finding: &Finding, sources: &SourceMap) -> Place {
    let first = finding.labels.first().and_then(|label| Some((label, sources.get(label.span.file)?)));
    match (first, &finding.file) {
        (Some((label, file)), _) => {
            Place { file: file.path.to_string(), position: Some(file.position(label.span.start)) }
        }
        (None, file) => Place { file: file.clone().unwrap_or_default(), position: None },
    }
}

/// `error[rule]: file:line:column: message`, the line itself, what is said about other places, and the help.
fn plain(text: &mut String, finding: &Finding, sources: &SourceMap) {
    let at = place(finding, sources).to_string();
    let severity = finding.severity.word();
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
    let from = source.line_start(start);
    // A longer line is cut anyway, so that where it ends does not matter.
    let length = source.text.len();
    let most = (end + MAX_EXCERPT + 1..length).find(|at| source.text.is_char_boundary(*at)).unwrap_or(length);
    let to = source.text.get(end..most).and_then(|after| after.find(['\r', '\n'])).map_or(most, |at| end + at);
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
    let severity = match finding.severity {
        Severity::Error => theme.styles.error,
        Severity::Warning => theme.styles.warning,
        Severity::Note => theme.styles.advice,
    };
    let head = format!("{}[{}]", finding.severity.word(), finding.rule.id);
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
