//! A finding: one mistake, where it stands, and what to do about it.

use super::Span;

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Severity {
    /// The config cannot be used.
    Error,
    /// The config can be used.
    Warning,
    /// Worth knowing; nothing fails by it.
    Note,
}

impl Severity {
    /// Its name in configs and in what is printed.
    pub fn word(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// A rule that findings belong to. The id is stable and may be searched for.
#[derive(Debug, PartialEq, Eq)]
pub struct Rule {
    /// Kebab-case, e.g. `unknown-group`.
    pub id: &'static str,
    /// How bad a breach is, unless the config says otherwise, which it may for lint rules.
    pub severity: Severity,
    /// One sentence for lists of rules.
    pub summary: &'static str,
}

/// A place in a file and what is to be said there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Label {
    /// Where.
    pub span: Span,
    /// What, e.g. "no group has this key".
    pub text: String,
}

/// One mistake.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// The rule that is broken.
    pub rule: &'static Rule,
    /// How bad it is here.
    pub severity: Severity,
    /// What is wrong: lower-case start, no full stop, literals in backticks.
    pub message: String,
    /// Where; the first is the place itself. Empty only when a file as a whole cannot be read, then `file` tells.
    pub labels: Vec<Label>,
    /// The file, for findings about a file that has no text to point into (unreadable, not UTF-8, too large).
    pub file: Option<String>,
    /// What to do next.
    pub help: Option<String>,
}
