//! The shape of access files as data: which keys there are, what each may hold, and what it means.
//!
//! The check and the JSON Schema both read these tables, so that no key can be in one and not in the other.

mod lint;
mod tables;
mod text;

pub use lint::lint_rules;
pub(crate) use lint::{LINT, SEVERITIES};
pub(crate) use tables::{EXPECTATION, FILE, GRANT, GROUP, MEMBER, OWNER, ROOT};
pub(crate) use text::{FILE_PATTERN, LABEL_KEY, LABEL_VALUE, NAMESPACE_PATTERN};

use crate::diagnostics::Rule;
use crate::state::InvalidName;

/// What a value may be.
pub(crate) enum Form {
    /// Text of some form.
    Text(&'static Text),
    /// One of a few words, each with its meaning.
    Choice(&'static [(&'static str, &'static str)]),
    /// `true` or `false`.
    Flag,
    /// Only ever `true`.
    OnlyTrue,
    /// The number 1.
    One,
    /// A list of at least so many entries.
    List(&'static Self, usize),
    /// At least so many Kubernetes labels.
    Labels(usize),
    /// A map from names to blocks.
    Named(&'static Text, &'static Record),
    /// A map with fixed keys.
    Record(&'static Record),
    /// One of several forms that a glance tells apart: at most one of text, list and map each.
    Either(&'static [Self]),
}

/// A form of text.
pub(crate) struct Text {
    /// What it is, with its article: "a group's key".
    pub(crate) name: &'static str,
    /// The same as `check`, for editors.
    pub(crate) pattern: &'static str,
    /// The most characters, where the pattern does not say it.
    pub(crate) longest: Option<usize>,
    /// Whether case means nothing.
    pub(crate) any_case: bool,
    /// Says what is wrong with a text.
    pub(crate) check: fn(&str) -> Result<(), InvalidName>,
}

/// A map with fixed keys.
pub(crate) struct Record {
    /// What it is called in messages and in the schema: "environment".
    pub(crate) name: &'static str,
    /// What it is.
    pub(crate) about: &'static str,
    /// Its keys.
    pub(crate) keys: &'static [Key],
    /// How its keys depend on each other.
    pub(crate) constraints: &'static [Constraint],
    /// Keys that people will try and that deserve a better answer than "unknown".
    pub(crate) refused: &'static [Refused],
}

/// One key of a [`Record`].
pub(crate) struct Key {
    pub(crate) name: &'static str,
    /// What it means, and what leaving it out means.
    pub(crate) about: &'static str,
    pub(crate) required: bool,
    pub(crate) form: Form,
}

/// How the keys of a record depend on each other.
pub(crate) enum Constraint {
    /// One of these, and only one.
    ExactlyOne(&'static [&'static str]),
    /// At least one of these.
    AtLeastOne(&'static [&'static str]),
    /// Not more than one of these.
    AtMostOne(&'static [&'static str]),
    /// The first needs the second.
    Needs(&'static str, &'static str),
}

/// A key that is refused for a reason of its own.
pub(crate) struct Refused {
    pub(crate) key: &'static str,
    pub(crate) rule: &'static Rule,
    pub(crate) why: &'static str,
    pub(crate) help: &'static str,
}

impl Record {
    pub(crate) fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }
}
