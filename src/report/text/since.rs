//! Since when a line says what it says, in words.

use crate::report::escape;
use crate::state::history::{Horizon, Revision, Since};

/// `added 2026-03-04 by Erin Example in 4f2c1aa (#12)`.
pub(super) fn added(since: &Since) -> String {
    match since {
        Since::Revision(revision) => {
            format!("added {} by {} in {}", revision.date, author(&revision.author), named(revision))
        }
        Since::AtOrBefore(revision, Horizon::Shallow) => {
            format!("added at or before {} ({}), where this shallow clone ends", named(revision), revision.date)
        }
        Since::AtOrBefore(revision, Horizon::Long) => {
            format!(
                "added at or before {} ({}); no more of the history was looked through",
                named(revision),
                revision.date
            )
        }
        Since::Uncommitted => "not committed yet".to_owned(),
    }
}

/// `4f2c1aa (#12)`.
pub(super) fn named(revision: &Revision) -> String {
    let pull_request = revision.pull_request.map(|number| format!(" ({number})")).unwrap_or_default();
    format!("{}{pull_request}", escape::name(&revision.short))
}

/// The name of an author, who chose it: what could be taken for more than a name stands between quotation marks.
pub(super) fn author(name: &str) -> String {
    let is_plain = |character: char| character.is_alphabetic() || matches!(character, ' ' | '-' | '.' | '\'' | '’');
    let words = name.split(' ').any(|word| matches!(word, "in" | "by" | "and" | "merged"));
    match name.trim() {
        "" => "somebody without a name".to_owned(),
        name if name.chars().all(is_plain) && !words => escape::name(name),
        name => escape::quoted(name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_cannot_be_taken_for_what_stands_behind_it() {
        let cases = [
            ("Erin Example", "Erin Example"),
            ("Áine O'Neill-Smith", "Áine O'Neill-Smith"),
            ("Mallory in 0000000 (#1)", "\"Mallory in 0000000 (#1)\""),
            ("Erin in abcdefa", "\"Erin in abcdefa\""),
            ("dependabot[bot]", "\"dependabot[bot]\""),
            ("\u{1b}[31mErin", "\"\\u{1b}[31mErin\""),
            ("", "somebody without a name"),
        ];
        for (name, expected) in cases {
            assert_eq!(author(name), expected);
        }
    }
}
