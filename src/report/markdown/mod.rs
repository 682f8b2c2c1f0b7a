//! A plan as Markdown, for the comment on a pull request, a job summary or a tracked issue: what a reviewer must decide comes
//! first, what is only worth knowing is folded, and names can neither break out nor notify anybody.

mod access;
mod base;
mod changes;
mod document;
mod drift;
mod escape;
mod failure;
mod host;
mod plan;
mod remarks;
#[cfg(test)]
mod tests;

pub use drift::drift;
pub use failure::{Failed, failed};
pub use host::{Host, Sheet, Subject};
pub use plan::{MEASURED, plan};

use crate::report::text::page::Mark;

/// An item of a list: a sign, words, the place that they come from, and what is said about them below.
fn item(mark: Mark, words: &str, place: Option<&str>, details: &[String]) -> String {
    written(mark, &escape::prose(words), place, details)
}

/// The same with its words in bold.
fn bold_item(mark: Mark, words: &str, place: Option<&str>, details: &[String]) -> String {
    written(mark, &format!("**{}**", escape::prose(words)), place, details)
}

fn written(mark: Mark, words: &str, place: Option<&str>, details: &[String]) -> String {
    let sign = mark.sign().map(|sign| format!("`{sign}` ")).unwrap_or_default();
    let place = place.map(|place| format!(" ({})", escape::prose(place))).unwrap_or_default();
    let details = details.iter().fold(String::new(), |all, detail| all + "\n  - " + detail);
    format!("- {sign}{words}{place}{details}")
}

/// A row of a table, of cells that are Markdown already.
fn row(cells: &[String]) -> String {
    format!("| {} |", cells.join(" | "))
}
