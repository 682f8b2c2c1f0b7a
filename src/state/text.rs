//! Small questions about texts that more than one part of the house asks.

use std::fmt::Display;
use std::path::Path;

/// Whether a file would be taken for an access file by its name: YAML by its ending, in whatever case.
pub fn is_access_file(file: &Path) -> bool {
    let is = |extension: &std::ffi::OsStr| ["yaml", "yml"].iter().any(|yaml| extension.eq_ignore_ascii_case(yaml));
    file.extension().is_some_and(is)
}

/// Whether a text is like a pattern in which `*` stands for any characters, none included.
pub fn like(pattern: &str, text: &str) -> bool {
    let mut pieces = pattern.split('*');
    let first = pieces.next().unwrap_or_default();
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    let mut last = None;
    for piece in pieces {
        // The piece before this one may stand at its first place: what comes after only gains by that.
        if let Some(middle) = last.replace(piece) {
            match rest.find(middle) {
                Some(found) => rest = &rest[found + str::len(middle)..],
                None => return false,
            }
        }
    }
    last.map_or(rest.is_empty(), |last| rest.ends_with(last))
}

/// The first so many, and how many more there are: "a, b and 3 more".
pub fn first_few<T: Display>(all: impl IntoIterator<Item = T>, most: usize) -> String {
    let mut all = all.into_iter();
    let shown: Vec<String> = all.by_ref().take(most).map(|one| one.to_string()).collect();
    let shown = shown.join(", ");
    match all.count() {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// All of them: "a, b and c"; "a; b; c" where one has a comma inside.
pub fn all_of<T: Display>(all: impl IntoIterator<Item = T>) -> String {
    let all: Vec<String> = all.into_iter().map(|one| one.to_string()).collect();
    match all.as_slice() {
        _ if all.len() > 1 && all.iter().any(|one| one.contains(',')) => all.join("; "),
        [first @ .., last] if !first.is_empty() => format!("{} and {last}", first.join(", ")),
        _ => all.concat(),
    }
}

/// The name that a mistyped one was meant to be: at most a third of its letters are others.
pub fn closest<'n>(text: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let most = (text.chars().count() / 3).max(1);
    names
        .into_iter()
        .filter(|name| name.len().abs_diff(text.len()) <= most * 4)
        .map(|name| (strsim::damerau_levenshtein(text, name), name))
        .filter(|(distance, _)| (1..=most).contains(distance))
        .min()
        .map(|(_, name)| name)
}

/// The address that a mistyped one was meant to be: a name like it at the same domain, or the same name at a domain like it.
/// Whole addresses of one company are much alike, whoever they belong to. Without a domain, the name alone is looked at.
pub fn closest_address<'n>(text: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let parts = |text: &str| text.split_once('@').map(|(name, domain)| (name.to_lowercase(), domain.to_lowercase()));
    let near = |address: &str| match (parts(text), parts(address)) {
        (Some((name, domain)), Some((known, at))) if domain == at => slips(&name, &known),
        (Some((name, domain)), Some((known, at))) if name == known => slips(&domain, &at),
        (None, Some((known, _))) if text.eq_ignore_ascii_case(&known) => Some(0),
        (None, Some((known, _))) => slips(&text.to_lowercase(), &known),
        (Some(_), _) | (None, None) => None,
    };
    names.into_iter().filter_map(|name| Some((near(name)?, name))).min().map(|(_, name)| name)
}

/// The nearest of these names that is at most two slips away.
pub fn nearest<'n>(text: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    let near = names.into_iter().map(|name| (strsim::osa_distance(text, name), name));
    near.filter(|(distance, _)| (1..=2).contains(distance)).min().map(|(_, name)| name)
}

/// The name that a mistyped one was meant to be, where both are names of things that may well be there: `team-a` is not
/// `team-b`, nor `shop1` `shop2`.
pub fn closest_name<'n>(text: &str, names: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    names.into_iter().filter_map(|name| Some((slips(text, name)?, name))).min().map(|(_, name)| name)
}

/// By how many slips of the keyboard two names differ, where that is all that is between them: word by word, one in a short
/// word and two in a long one, none in what is counted or lettered.
fn slips(one: &str, other: &str) -> Option<usize> {
    let words = |text: &str| -> Vec<String> { text.split(['-', '.', '_']).map(str::to_owned).collect() };
    let (one, other) = (words(one), words(other));
    if one.len() != other.len() {
        return None;
    }
    let mut all = 0;
    for (one, other) in one.iter().zip(&other).filter(|(one, other)| one != other) {
        let most = match one.chars().count() {
            0..=3 => 0,
            4..=7 => 1,
            8.. => 2,
        };
        let is_numbered = |word: &str| word.bytes().any(|byte| byte.is_ascii_digit());
        if one.len().abs_diff(other.len()) > most * 4 || is_numbered(one) || is_numbered(other) {
            return None;
        }
        all += Some(strsim::osa_distance(one, other)).filter(|distance| *distance <= most)?;
    }
    (1..=2).contains(&all).then_some(all)
}

/// A shared text, written and read like any other.
pub(super) mod shared {
    use std::sync::Arc;

    use serde::{Deserialize as _, Deserializer, Serializer};

    pub(in crate::state) fn serialize<S: Serializer>(text: &Arc<str>, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(text)
    }

    pub(in crate::state) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Arc<str>, D::Error> {
        String::deserialize(deserializer).map(Arc::from)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The same question, answered the slow and plain way.
    fn like_by_trying(pattern: &[char], text: &[char]) -> bool {
        match (pattern.split_first(), text.split_first()) {
            (None, rest) => rest.is_none(),
            (Some(('*', rest)), None) => like_by_trying(rest, &[]),
            (Some(('*', rest)), Some((_, tail))) => like_by_trying(rest, text) || like_by_trying(pattern, tail),
            (Some((one, rest)), Some((other, tail))) => one == other && like_by_trying(rest, tail),
            (Some(_), None) => false,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 2048, failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn a_star_stands_for_any_characters(pattern in "[ab*]{0,8}", text in "[abé*]{0,10}") {
            let letters = |text: &str| text.chars().collect::<Vec<_>>();
            prop_assert_eq!(like(&pattern, &text), like_by_trying(&letters(&pattern), &letters(&text)));
        }
    }

    #[test]
    fn what_is_left_out_is_counted() {
        assert_eq!(first_few(["a", "b", "c"], 3), "a, b, c");
        assert_eq!(first_few(["a", "b", "c"], 2), "a, b and 1 more");
        assert_eq!(first_few::<&str>([], 2), "");
    }

    #[test]
    fn what_was_meant_is_near_and_not_the_same() {
        assert_eq!(closest("trinty", ["payments", "trinity", "trinity-two"]), Some("trinity"));
        assert_eq!(closest("trinity", ["trinity", "payments"]), None);
    }

    #[test]
    fn an_address_is_like_another_by_its_name_or_by_its_domain() {
        let known = ["erin@contoso.com", "hayden@contoso.com", "ana@partner.example", "k.lee-smith@contoso.com"];
        let near = |text: &str| closest_address(text, known);
        for text in ["haydn@contoso.com", "Hadyen@contoso.com", "hayden@contosso.com", "haydn", "HAYDEN"] {
            assert_eq!(near(text), Some("hayden@contoso.com"), "{text}");
        }
        assert_eq!(near("k.lee-smyth@contoso.com"), Some("k.lee-smith@contoso.com"));
        for text in ["zoe@contoso.com", "hayden@partner.example", "bob@contoso.com", "k.lea-smith@contoso.com", "", "@"]
        {
            assert_eq!(near(text), None, "{text}");
        }
    }

    #[test]
    fn what_is_numbered_or_lettered_is_another_thing() {
        let near = |text: &str, known: &'static str| closest_name(text, [known]).is_some();
        assert!(near("trinityy", "trinity") && near("dev-paymnts", "dev-payments") && near("defualt", "default"));
        assert!(!near("team-a", "team-b") && !near("shop1", "shop2") && !near("web", "dev") && !near("same", "same"));
    }
}
