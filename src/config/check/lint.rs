//! `lint` of the root file.

use std::collections::BTreeMap;

use super::Checker;
use crate::config::model::LintSetting;
use crate::config::shape::{LINT, SEVERITIES};
use crate::config::yaml::{Entry, Node};
use crate::diagnostics::Severity;

impl Checker<'_> {
    pub(super) fn lint(&mut self, root: &Node) -> BTreeMap<&'static str, LintSetting> {
        let mut settings = BTreeMap::new();
        for Entry { key, value } in root.get("lint").map_or(&[][..], Node::entries) {
            let severity = value.get("severity").map(Node::words).unwrap_or_default();
            let is_severity = SEVERITIES.iter().any(|(word, _)| *word == severity);
            match (LINT.key(&key.value), is_severity, self.text(value.get("reason"))) {
                (Some(rule), true, Some(reason)) => {
                    let severities = [Severity::Error, Severity::Warning, Severity::Note];
                    let severity = severities.into_iter().find(|known| known.word() == severity);
                    settings.insert(rule.name, LintSetting { span: key.span, severity, reason });
                }
                _ => self.skip(key.span),
            }
        }
        settings
    }
}
