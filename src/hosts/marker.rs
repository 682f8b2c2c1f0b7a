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

/// Whether a text of ours has lost its marker: it begins with the hidden line of a plan's document, which stands below it. Such
/// a line further down says nothing: texts are quoted, by other programs with the same token as well.
pub(super) fn has_lost_its_marker(text: &str) -> bool {
    let first = text.trim_start().lines().next().unwrap_or_default().trim_end();
    first.starts_with("<!-- rolecall plan-id:") && first.ends_with(" -->")
}

/// The text without what differs from one run to the next and says nothing of the result: what stands in the last line behind the
/// mark that documents put before what a run has cost.
pub(super) fn without_measured(text: &str) -> &str {
    let last = text.rfind('\n').map_or(0, |end| end + 1);
    let at = text.get(last..).and_then(|line| line.find("<!-- rolecall:measured -->"));
    at.and_then(|at| text.get(..last + at)).unwrap_or(text)
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
    fn what_is_measured_is_not_compared() {
        let measured = "text <!-- rolecall:measured --> a name\nPlan 1 · <!-- rolecall:measured -->2.3 s";
        assert_eq!(without_measured(measured), "text <!-- rolecall:measured --> a name\nPlan 1 · ");
        for whole in ["", "text", "<!-- rolecall:measured -->\ntext", "<!-- rolecall:measured -->\n"] {
            assert_eq!(without_measured(whole), whole);
        }
    }

    #[test]
    fn a_plan_without_a_marker_is_known_by_its_first_line() {
        assert!(has_lost_its_marker("\n<!-- rolecall plan-id:none -->\r\n### Plan"));
        for other in ["", "> <!-- rolecall plan-id:none -->", "a scan of\n<!-- rolecall plan-id:none -->\n"] {
            assert!(!has_lost_its_marker(other), "{other}");
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
