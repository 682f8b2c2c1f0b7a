//! What is well formed and still not wise: rules over the access files alone. Pure, and without a network.
//!
//! A rule is one file of `rules`: its id, how bad it is, why it matters, an example, and a `check`. The registry below has one
//! line for each. A config may say under `lint`, with a reason, that the findings of a rule count as something else.

mod facts;
mod reference;
mod rules;

use std::collections::BTreeMap;

use crate::config::{Config, ROOT_FILE};
use crate::diagnostics::{Finding, Label, Rule, Severity, SourceMap};

use facts::Facts;
pub use reference::{index, page, text};

/// One rule.
pub struct Lint {
    /// Its id, how bad its findings are unless the config says otherwise, and one sentence that says what is right.
    pub rule: Rule,
    /// Why it matters and what to do, in Markdown. A paragraph is one line.
    pub docs: &'static str,
    /// What it finds: the rest of a root file.
    pub example: &'static str,
    /// The same as it should be.
    pub instead: &'static str,
    check: fn(&Facts<'_>, &mut Found<'_>),
}

/// Every rule, sorted by id.
pub static LINTS: &[&Lint] = &[
    &rules::cluster_wide_write::LINT,
    &rules::empty_group::LINT,
    &rules::escalation_road::LINT,
    &rules::group_across_stages::LINT,
    &rules::group_with_one_owner::LINT,
    &rules::group_without_owner::LINT,
    &rules::guest_in_privileged_group::LINT,
    &rules::individual_person::LINT,
    &rules::member_through_nesting::LINT,
    &rules::namespace_relabel::LINT,
    &rules::overlapping_grants::LINT,
    &rules::production_without_expectation::LINT,
    &rules::unused_group::LINT,
    &rules::unused_role::LINT,
    &rules::wildcard_rule::LINT,
];

/// What the rules say about a config.
#[derive(Debug, Default)]
pub struct Report {
    /// In the order of the files and, within one, of the places.
    pub findings: Vec<Finding>,
    /// What the config silences although there is something to say.
    pub silenced: Vec<Silenced>,
    /// How many findings were not asked for.
    pub left_out: usize,
}

/// A rule that the config silences.
#[derive(Debug, PartialEq, Eq)]
pub struct Silenced {
    /// Its id.
    pub rule: &'static str,
    /// How many findings it would have.
    pub findings: usize,
    /// Why, as the config says.
    pub reason: String,
}

impl Report {
    /// Leaves out what other rules than these find, where any is named, and what is not as bad as this.
    pub fn keep(&mut self, rules: &[String], least: Severity) {
        let is_asked = |rule: &str| rules.is_empty() || rules.iter().any(|asked| asked == rule);
        let all = self.findings.len();
        self.findings.retain(|finding| is_asked(finding.rule.id) && finding.severity <= least);
        self.left_out += all - self.findings.len();
        self.silenced.retain(|silenced| is_asked(silenced.rule));
    }

    /// How many findings each rule has, and how bad they are, by rule.
    pub fn by_rule(&self) -> BTreeMap<&'static str, (Severity, usize)> {
        let mut rules = BTreeMap::new();
        for finding in &self.findings {
            rules.entry(finding.rule.id).or_insert((finding.severity, 0)).1 += 1;
        }
        rules
    }

    /// Whether there is a finding that is more than a note.
    pub fn fails(&self) -> bool {
        self.findings.iter().any(|finding| finding.severity != Severity::Note)
    }
}

/// Asks every rule.
pub fn lint(config: &Config, sources: &SourceMap) -> Report {
    let facts = Facts::new(config);
    let mut report = Report::default();
    for lint in LINTS {
        let setting = config.lint.get(lint.rule.id);
        let severity = setting.map_or(Some(lint.rule.severity), |setting| setting.severity);
        let mut findings = Vec::new();
        (lint.check)(&facts, &mut Found { rule: &lint.rule, severity, findings: &mut findings });
        match (severity, setting) {
            (None, Some(setting)) if !findings.is_empty() => report.silenced.push(Silenced {
                rule: lint.rule.id,
                findings: findings.len(),
                reason: setting.reason.value.trim().to_owned(),
            }),
            (None, _) => {}
            (Some(_), _) => report.findings.append(&mut findings),
        }
    }
    report.findings.sort_by_cached_key(|finding| {
        let span = finding.labels.first().map(|label| label.span);
        let path = span.and_then(|span| sources.get(span.file)).map_or_else(String::new, |file| file.path.to_string());
        (path != ROOT_FILE, path, span.map_or(0, |span| span.start), finding.rule.id, finding.message.clone())
    });
    report
}

/// Where a rule puts what it finds.
struct Found<'a> {
    rule: &'static Rule,
    severity: Option<Severity>,
    findings: &'a mut Vec<Finding>,
}

impl Found<'_> {
    fn report(&mut self, message: impl Into<String>, labels: impl IntoIterator<Item = Label>, help: impl Into<String>) {
        self.findings.push(Finding {
            rule: self.rule,
            severity: self.severity.unwrap_or(self.rule.severity),
            message: message.into(),
            labels: labels.into_iter().collect(),
            file: None,
            help: Some(help.into()),
        });
    }
}

#[cfg(test)]
mod tests;
