//! For people.

use std::fmt::Write as _;

use crate::diagnostics::SourceMap;
use crate::lint::{LINTS, Report, Silenced};
use crate::report::findings::{Style, count, draw};
use crate::report::text::paragraph;

/// Every finding, how many there are, what the config silences, and what to do next.
pub fn render(report: &Report, sources: &SourceMap, style: &Style) -> String {
    let mut text = draw(&report.findings, sources, style);
    let width = if style.graphical { style.width } else { usize::MAX };
    // Writing to a string cannot fail.
    let _ = match report.findings.as_slice() {
        [] => writeln!(text, "{} rules, no finding.", LINTS.len()),
        findings => writeln!(text, "{}.", count(findings, sources)),
    };
    if !report.silenced.is_empty() {
        text.push_str("Silenced by `lint` in rolecall.yaml:\n");
        for Silenced { rule, findings, reason } in &report.silenced {
            let _ = writeln!(text, "{}", paragraph("  ", &format!("{rule} ({findings}): {reason}"), width));
        }
    }
    // The first of the worst.
    if let Some(first) = report.findings.iter().min_by_key(|finding| finding.severity) {
        let told = format!(
            "`rolecall lint --explain {0}` says why it matters. Where it is meant, say so in rolecall.yaml: \
             lint: {{ {0}: {{ severity: off, reason: … }} }}",
            first.rule.id
        );
        let _ = writeln!(text, "{}", paragraph("", &told, width));
    }
    text
}
