//! What lint rules say: for people, for programs and for code scanning.

mod json;
mod sarif;
#[cfg(test)]
mod tests;
mod text;

use std::collections::BTreeMap;

use crate::diagnostics::{Finding, SourceMap};
use crate::report::findings::place;
use crate::state::mark;

pub use json::{lint_schema, lint_v1};
pub use sarif::{Base, sarif, sarif_of_mistakes};
pub use text::render;

/// A name for each finding that stays while lines move: its rule, its file and what it says, and which of the same it is.
pub(super) fn fingerprints(findings: &[Finding], sources: &SourceMap) -> Vec<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let one = |finding: &Finding| {
        let print = mark::hex(&[finding.rule.id, &place(finding, sources).file, &finding.message], 16);
        let count = seen.entry(print.clone()).or_default();
        *count += 1;
        format!("{print}:{count}")
    };
    findings.iter().map(one).collect()
}
