//! The hidden line by which an entry of ours is found again.

use std::fmt;
use std::str::FromStr;

/// Tells entries of ours apart, where a pull request has several: `plan`, `prod`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key(String);

/// The longest key, in characters.
const LONGEST: usize = 64;

impl FromStr for Key {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let good = |character: char| character.is_ascii_lowercase() || character.is_ascii_digit();
        let inner = |character: char| good(character) || matches!(character, '-' | '_' | '.');
        if text.len() <= LONGEST && text.starts_with(good) && text.chars().all(inner) && text.ends_with(good) {
            // Two dashes in a row would be allowed in HTML only at the end of a comment.
            if !text.contains("--") {
                return Ok(Self(text.to_owned()));
            }
        }
        Err(format!(
            "a key is up to {LONGEST} lower-case letters, digits and single `-`, `_` or `.` between them, such as `prod-eu`"
        ))
    }
}

impl fmt::Display for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl Key {
    /// The first line of what is kept under this key.
    pub(super) fn marker(&self) -> String {
        format!("<!-- rolecall:comment {self} -->")
    }

    /// The first line of what was, and is not looked at any more.
    pub(super) fn retired(&self) -> String {
        format!("<!-- rolecall:superseded {self} -->")
    }

    /// What stands behind the marker, where the text begins with it. A marker anywhere else says nothing: texts are quoted.
    pub(super) fn behind<'a>(&self, text: &'a str) -> Option<&'a str> {
        let rest = text.strip_prefix(&self.marker())?;
        let rest = rest.strip_prefix('\r').unwrap_or(rest);
        if rest.is_empty() { Some(rest) } else { rest.strip_prefix('\n') }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_cannot_end_the_comment_that_holds_it() {
        for good in ["plan", "prod-eu", "a", "0.1_x"] {
            assert_eq!(good.parse::<Key>().unwrap().to_string(), good);
        }
        for bad in ["", "Plan", "a--b", "-a", "a-", "a b", "a\nb", "ä", "-->", &"a".repeat(65)] {
            assert!(bad.parse::<Key>().is_err(), "{bad}");
        }
    }

    #[test]
    fn only_a_marker_in_the_first_line_counts() {
        let key: Key = "plan".parse().unwrap();
        let marker = key.marker();
        assert_eq!(key.behind(&format!("{marker}\ntext")), Some("text"));
        assert_eq!(key.behind(&format!("{marker}\r\ntext")), Some("text"));
        assert_eq!(key.behind(&marker), Some(""));
        for other in [format!("> {marker}\ntext"), format!("\n{marker}\n"), format!("{marker} and\n"), key.retired()] {
            assert_eq!(key.behind(&other), None, "{other}");
        }
        assert_eq!("plan-2".parse::<Key>().unwrap().behind(&format!("{marker}\n")), None);
    }
}
