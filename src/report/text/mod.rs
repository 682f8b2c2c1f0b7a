//! Text for people: plain lines that read well at a terminal, in a log and aloud.

pub(in crate::report) mod access;
mod apply;
pub(in crate::report) mod base;
mod cluster;
mod doctor;
pub(in crate::report) mod drift;
mod entra;
pub(in crate::report) mod expectations;
pub(in crate::report) mod guards;
pub(in crate::report) mod hints;
mod history;
mod moved;
pub(in crate::report) mod notes;
pub(in crate::report) mod page;
pub(in crate::report) mod plan;
pub(in crate::report) mod preflight;
mod questions;
mod since;
pub(in crate::report) mod snapshot;
pub(in crate::report) mod unmanaged;
mod verified;
pub(in crate::report) mod view;
pub(in crate::report) mod words;

pub use apply::{Gathered, Outcomes, closing, not_done, opening};
pub use base::sentence as weakened;
pub use doctor::doctor;
pub use drift::drift;
pub use expectations::{because, expectations, reasons, sentence_on};
pub use history::history;
pub use moved::{beyond, moved};
pub use plan::plan;
pub use questions::{answer, unseen};
pub use verified::verified;

#[cfg(test)]
mod tests;

/// Words behind a term, wrapped so that all of them stand behind it.
pub fn paragraph(term: &str, words: &str, width: usize) -> String {
    let lines = page::wrap(&super::escape::message(words), width, term.len(), term.len());
    let indent = " ".repeat(term.len());
    let lines = lines.iter().enumerate();
    lines.map(|(at, line)| if at == 0 { format!("{term}{line}") } else { format!("\n{indent}{line}") }).collect()
}

/// How text is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The width in columns.
    pub width: usize,
    /// Whether signs are coloured.
    pub colour: bool,
}
