//! Text for people: plain lines that read well at a terminal, in a log and aloud.

mod apply;
mod cluster;
mod doctor;
mod entra;
mod guards;
mod notes;
mod page;
mod plan;
mod preflight;
mod unmanaged;
mod view;
mod words;

pub use apply::{Outcomes, closing, opening};
pub use doctor::doctor;
pub use plan::plan;

#[cfg(test)]
mod tests;

/// How text is laid out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Layout {
    /// The width in columns.
    pub width: usize,
    /// Whether signs are coloured.
    pub colour: bool,
}
