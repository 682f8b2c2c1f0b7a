//! What a plan has to say of lines of the access files, as findings.

use crate::access::expectations::Judged;
use crate::diagnostics::{Finding, Label, Rule, Severity, SourceMap, Span};
use crate::plan::{Plan, Withheld};
use crate::report::text::{because, reasons, sentence_on};
use crate::state::Origin;

static WITHHELD: Rule = Rule {
    id: "withheld",
    severity: Severity::Warning,
    summary: "What the files ask for can be done: its people, groups and namespaces are there.",
};

/// What is expected does not follow from what is granted, or would not be so.
pub static EXPECTATION_FAILED: Rule = Rule {
    id: "expectation-failed",
    severity: Severity::Error,
    summary: "What the files expect of somebody follows from what they grant.",
};

/// What a plan withholds, and what it breaks of what is expected, at the lines that ask for it. What stands in no file of
/// `sources` is left out.
pub fn planned(plan: &Plan, expectations: &[Judged], sources: &SourceMap) -> Vec<Finding> {
    let withheld = plan.withheld.iter().filter_map(|entry: &Withheld| {
        let severity = if entry.is_error { Severity::Error } else { Severity::Warning };
        let label = label(entry.origin.as_ref()?, sources, entry.reason.id())?;
        Some(finding(&WITHHELD, severity, entry.message.trim_end_matches('.'), label, None))
    });
    let broken = expectations.iter().filter(|judged| judged.is_broken()).filter_map(|judged| {
        let label = label(&judged.origin, sources, "expected here")?;
        let why: Vec<String> = reasons(judged).iter().map(because).collect();
        let help = format!("change what is granted, or what is expected: {}", why.join("; "));
        let message = sentence_on(judged, judged.environment.as_str());
        Some(finding(&EXPECTATION_FAILED, Severity::Error, &message, label, Some(help)))
    });
    withheld.chain(broken).collect()
}

fn finding(rule: &'static Rule, severity: Severity, message: &str, label: Label, help: Option<String>) -> Finding {
    Finding { rule, severity, message: message.to_owned(), labels: vec![label], file: None, help }
}

/// The whole of a line, without the spaces around it.
fn label(origin: &Origin, sources: &SourceMap, text: &str) -> Option<Label> {
    let (file, source) = sources.iter().find(|(_, source)| *source.path == *origin.file)?;
    let before = usize::try_from(origin.line).ok()?.checked_sub(1)?;
    let mut start = 0;
    for _ in 0..before {
        start += source.text.get(start..)?.find('\n')? + 1;
    }
    let line = source.text.get(start..)?.lines().next().unwrap_or_default();
    let from = start + (line.len() - line.trim_start().len());
    let end = (start + line.trim_end().len()).max(from);
    Some(Label { span: Span { file, start: from, end }, text: text.to_owned() })
}
