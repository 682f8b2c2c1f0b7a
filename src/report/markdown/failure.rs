//! What stands in the place of a plan that could not be made, or of drift that could not be looked for, so that no old one is left
//! there.

use super::document::{Body, Document, Part, mark};
use super::escape;
use super::host::{Sheet, Subject};
use crate::report::{Commit, text};

/// Where messages are wrapped.
const WIDTH: usize = 110;

/// What is said of what an old document showed.
const PLAN_BEFORE: &str = "Whatever plan stood here before holds no more.";
const DRIFT_BEFORE: &str = "Whatever stood here before may not be so any more.";

/// Why there is no plan.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed<'f> {
    /// A message without `error:` in front; with `in_files` the mistakes as text, each with its file, line and snippet.
    pub what: &'f str,
    /// Whether the mistakes are in the access files.
    pub in_files: bool,
    /// What to do next, a sentence each.
    pub next: &'f [String],
    /// The commit that was checked out, where there is one.
    pub commit: Option<&'f Commit>,
}

/// The document.
pub fn failed(failed: &Failed<'_>, sheet: &Sheet) -> String {
    let (heading, before, again) = match (sheet.subject, failed.in_files) {
        (Subject::Plan, true) => ("### The access files have mistakes: there is no plan", PLAN_BEFORE, "plan again"),
        (Subject::Plan, false) => ("### There is no plan: it failed", PLAN_BEFORE, "plan again"),
        (Subject::Drift, true) => {
            ("### The access files have mistakes: drift is not known", DRIFT_BEFORE, "look again")
        }
        (Subject::Drift, false) => ("### Drift is not known: looking for it failed", DRIFT_BEFORE, "look again"),
    };
    let lines = if failed.in_files {
        failed.what.trim_end().to_owned()
    } else {
        text::paragraph("error: ", failed.what, WIDTH)
    };
    let lines: Vec<String> = lines.lines().map(str::to_owned).collect();
    let mut parts = vec![Part::new("What failed", Body::Fence("text", lines)).vital()];
    let next: Vec<String> = match failed.next {
        [] if failed.in_files => {
            vec!["- Mend what stands above; `rolecall validate` checks it without any credential.".to_owned()]
        }
        [] => vec![format!("- See the output of this run, and {again}.")],
        next => next.iter().map(|each| format!("- {}", escape::prose(&crate::report::escape::message(each)))).collect(),
    };
    parts.push(Part::new("Next", Body::List(next)).vital());
    let commit = failed.commit.map(|commit| {
        let dirty = if commit.dirty { ", with changes not committed" } else { "" };
        format!("At {}{dirty}", escape::code(&commit.short))
    });
    let head = vec![heading.to_owned(), format!("Nothing was changed. {before}")];
    Document { mark: mark(None), head, parts, foot: commit }.fit(sheet)
}
