//! For people.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::diagnostics::{Finding, Severity, SourceMap};
use crate::lint::{LINTS, Report, Silenced};
use crate::report::escape;
use crate::report::findings::{Style, count, draw, place};
use crate::report::text::paragraph;

/// Every finding, how many there are, what the config silences, and what to do next.
pub fn render(report: &Report, sources: &SourceMap, style: &Style) -> String {
    let (notes, others): (Vec<Finding>, Vec<Finding>) =
        report.findings.iter().cloned().partition(|finding| finding.severity == Severity::Note);
    let width = if style.graphical { style.width } else { usize::MAX };
    let mut text = draw(&others, sources, style) + &listed(&notes, sources, width);
    // Writing to a string cannot fail.
    text.push_str(&table(report));
    let _ = match (report.findings.as_slice(), report.left_out) {
        ([], 0) => writeln!(text, "{} rules, no finding.", LINTS.len()),
        ([], _) => writeln!(text, "No such finding."),
        (findings, _) => writeln!(text, "{}.", count(findings, sources)),
    };
    if report.left_out > 0 {
        let findings = if report.left_out == 1 { "finding" } else { "findings" };
        let _ = writeln!(text, "Left out by --rule or --severity: {} {findings}.", report.left_out);
    }
    if !report.silenced.is_empty() {
        text.push_str("Silenced by `lint` in rolecall.yaml:\n");
        for Silenced { rule, findings, reason } in &report.silenced {
            let _ = writeln!(text, "{}", paragraph("  ", &format!("{rule} ({findings}): {reason}"), width));
        }
    }
    // The first of the worst, as they are listed.
    let worst = others.iter().min_by_key(|finding| finding.severity);
    if let Some(first) = worst.or_else(|| notes.iter().min_by_key(|note| note.rule.id)) {
        let told = format!(
            "`rolecall lint --explain {0}` says why it matters. Where it is meant, say so in rolecall.yaml: \
             lint: {{ {0}: {{ severity: off, reason: … }} }}",
            first.rule.id
        );
        let _ = writeln!(text, "{}", paragraph("", &told, width));
    }
    text
}

/// Of more findings than fit a screen, how many each rule has.
fn table(report: &Report) -> String {
    const A_SCREEN: usize = 10;
    let rules = report.by_rule();
    if report.findings.len() <= A_SCREEN || rules.len() < 2 {
        return String::new();
    }
    let widest = rules.keys().map(|rule| rule.len()).max().unwrap_or(0);
    let mut text = format!("{:widest$}  severity  findings\n", "rule");
    for (rule, (severity, number)) in rules {
        let _ = writeln!(text, "{rule:widest$}  {:8}  {number:8}", severity.word());
    }
    text.push('\n');
    text
}

/// Notes may be many: what to do once, and a line for each place.
fn listed(notes: &[Finding], sources: &SourceMap, width: usize) -> String {
    let mut alike: BTreeMap<(&str, Option<&str>), Vec<&Finding>> = BTreeMap::new();
    for note in notes {
        alike.entry((note.rule.id, note.help.as_deref())).or_default().push(note);
    }
    let mut text = String::new();
    for ((rule, help), notes) in alike {
        let head = format!("note[{rule}]: {}", help.unwrap_or_default());
        let _ = writeln!(text, "{}", paragraph("", &head, width));
        for note in notes {
            let told = format!("{}: {}", escape::line(&place(note, sources).to_string()), note.message);
            let _ = writeln!(text, "{}", paragraph("  ", &told, width));
        }
        text.push('\n');
    }
    text
}
