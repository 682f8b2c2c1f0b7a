//! What was not read, before it is text or Markdown.

use crate::plan::{Plan, Unread};
use crate::state::{EnvironmentName, Failure, first_few};

/// As many places are named.
const NAMED: usize = 5;
/// As many of them that were not read for one reason.
const NAMED_ALIKE: usize = 8;

/// What was not read for one reason.
pub(super) struct NotRead<'p> {
    parts: Vec<&'p str>,
    /// Why, and what to do.
    pub(super) failure: &'p Failure,
    /// Whether the run goes on without it.
    pub(super) allowed: bool,
}

impl NotRead<'_> {
    /// `alpha, beta (allowed)`.
    pub(super) fn name(&self) -> String {
        let parts = first_few(&self.parts, NAMED_ALIKE);
        format!("{parts}{}", if self.allowed { " (allowed)" } else { "" })
    }
}

/// What was not read, each reason once.
pub(super) fn not_read(plan: &Plan) -> Vec<NotRead<'_>> {
    let mut all: Vec<NotRead<'_>> = Vec::new();
    for part in &plan.unread {
        let is_alike = |other: &&mut NotRead<'_>| other.allowed == part.allowed && *other.failure == part.failure;
        match all.iter_mut().find(is_alike) {
            Some(other) => other.parts.push(name(part)),
            None => all.push(NotRead { parts: vec![name(part)], failure: &part.failure, allowed: part.allowed }),
        }
    }
    all
}

/// `Entra, alpha, beta and 3 more`.
pub(super) fn parts(plan: &Plan) -> String {
    first_few(plan.unread.iter().map(name), NAMED)
}

fn name(part: &Unread) -> &str {
    part.environment.as_ref().map_or("Entra", EnvironmentName::as_str)
}
