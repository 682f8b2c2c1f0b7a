//! Findings about the access files: which rule, where, what to do; and the sources they point into.

mod finding;
mod source;

pub use finding::{Finding, Label, Rule, Severity};
pub use source::{FileId, Located, SourceFile, SourceMap, Span};
