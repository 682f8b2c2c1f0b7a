//! What a server says, made fit for a message: on one line, bounded, and without what it was sent in confidence.

use std::collections::BTreeSet;

/// The longest piece of remote text in a message, in characters.
const EXCERPT: usize = 400;
/// In how many ways at once a text may be read as a secret.
const READINGS: usize = 16;
/// The longest name or number of a character in HTML that is looked at.
const LONGEST_ENTITY: usize = 16;
/// So many characters of a secret in a row give it away; a server may cut what it repeats.
const TELLING: usize = 8;

/// Remote text for a message: one line, no control characters, bounded.
pub fn excerpt(text: &str) -> String {
    let words: Vec<&str> = text
        .split(|character: char| character.is_whitespace() || character.is_control())
        .filter(|word| !word.is_empty())
        .collect();
    let line = words.join(" ");
    match line.char_indices().nth(EXCERPT) {
        Some((end, _)) => format!("{}…", line.get(..end).unwrap_or_default()),
        None => line,
    }
}

/// Why a connection ended, in words for whoever knows no library of ours.
pub fn broken_off(text: &str) -> String {
    // rustls names a page of its own documentation.
    let text = text.split(": https://docs.rs/").next().unwrap_or_default();
    if text.contains("close_notify") || text.contains("unexpected EOF") || text.contains("connection closed before") {
        return "the connection was cut before an answer".to_owned();
    }
    excerpt(text)
}

/// Why something could not be read, with `…` for the value that the reader quotes: it may be what was sent in confidence.
pub fn without_value(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match (text.find('"'), text.rfind('"')) {
        (Some(first), Some(last)) if first < last => {
            format!("{}…{}", text.get(..first).unwrap_or_default(), text.get(last + 1..).unwrap_or_default())
        }
        _ => text,
    }
}

/// The text with `…` for the user name and password of each address in it.
pub fn without_user(text: &str) -> String {
    let ends = |character: char| character.is_whitespace() || matches!(character, '"' | '\'' | '`' | ',');
    let mut pieces = text.split("://");
    let mut shown = pieces.next().unwrap_or_default().to_owned();
    for piece in pieces {
        let address = piece.split(ends).next().unwrap_or_default();
        let user = address.rfind('@').unwrap_or_default();
        shown.push_str("://");
        shown.push_str(if user > 0 { "…" } else { "" });
        shown.push_str(piece.get(user..).unwrap_or_default());
    }
    shown
}

/// The text with `…` for each of these secrets, wherever it or its beginning stands, as it is or escaped for a URL, for
/// JSON or for HTML. The parts of a token between its dots count as secrets too.
pub fn without<'a>(text: &str, secrets: impl IntoIterator<Item = &'a str>) -> String {
    let secrets: BTreeSet<&str> = secrets
        .into_iter()
        .flat_map(|secret| {
            let secret = secret.trim();
            let parts = secret.split('.').filter(|part| part.len() >= TELLING);
            std::iter::once(secret).chain(parts)
        })
        .filter(|secret| !secret.is_empty())
        .collect();
    let mut shown = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(character) = rest.chars().next() {
        let hidden = secrets.iter().filter_map(|secret| repeated(rest, secret)).max().unwrap_or_default();
        if hidden > 0 {
            shown.push('…');
        } else {
            shown.push(character);
        }
        rest = rest.get(hidden.max(character.len_utf8())..).unwrap_or_default();
    }
    shown
}

/// How much of the text, from its start, repeats this secret or its beginning.
fn repeated(text: &str, secret: &str) -> Option<usize> {
    // A spelling may be read in two ways (`%25` is itself, or a `%`), so all that are possible are followed.
    let mut ends = BTreeSet::from([0]);
    for (count, character) in secret.chars().enumerate() {
        let next: BTreeSet<usize> = ends
            .iter()
            .flat_map(|end| [*end, if count > 0 { after_gap(text, *end) } else { *end }])
            .flat_map(|end| spellings(text.get(end..).unwrap_or_default(), character).map(move |length| end + length))
            .collect();
        if next.is_empty() {
            // What follows may be the same secret in a spelling that is not known: the word goes as a whole.
            let end = ends.last().copied().filter(|_| count >= TELLING)?;
            let word = text.get(end..)?.find(char::is_whitespace);
            return Some(word.map_or(text.len(), |length| end + length));
        }
        ends = next;
        if ends.len() > READINGS {
            // A text of nothing but backslashes: each of them may be any part of the secret.
            let (first, last) = (ends.iter().take(READINGS / 2), ends.iter().rev().take(READINGS / 2));
            ends = first.chain(last).copied().collect();
        }
    }
    ends.last().copied()
}

/// Where the text goes on after a line break or the like: what a server wraps is the same secret still.
fn after_gap(text: &str, end: usize) -> usize {
    let rest = text.get(end..).unwrap_or_default();
    let gap = |character: char| character.is_whitespace() || character.is_control();
    text.len() - rest.trim_start_matches(gap).len()
}

/// The lengths of all spellings of a character that the text starts with.
fn spellings(text: &str, character: char) -> impl Iterator<Item = usize> {
    let raw = text.starts_with(character).then(|| character.len_utf8());
    let space = (character == ' ' && text.starts_with('+')).then_some(1);
    let slashes = slashes(text);
    let escaped = text.get(slashes..).filter(|rest| slashes > 0 && rest.starts_with(character));
    let escaped = escaped.map(|_| slashes + character.len_utf8());
    // A backslash is spelt by more of them.
    let doubled = (character == '\\' && slashes > 1).then_some(slashes);
    let found =
        [raw, space, escaped, doubled, in_url(text, character), in_json(text, character), in_html(text, character)];
    found.into_iter().flatten()
}

/// How many backslashes the text starts with, up to what escaping again and again could make: a text of nothing else would
/// take for ever.
fn slashes(text: &str) -> usize {
    text.bytes().take(64).take_while(|byte| *byte == b'\\').count()
}

/// `%2B`, and `%252B` where it was escaped again.
fn in_url(text: &str, character: char) -> Option<usize> {
    let mut rest = text;
    for byte in character.encode_utf8(&mut [0; 4]).bytes() {
        rest = rest.strip_prefix('%')?;
        while let Some(again) = rest.strip_prefix("25").filter(|again| is_hex(again, 2)) {
            rest = again;
        }
        rest = hex(rest, 2, u32::from(byte))?;
    }
    Some(text.len() - rest.len())
}

/// `\u002b`.
fn in_json(text: &str, character: char) -> Option<usize> {
    let mut rest = text;
    for unit in character.encode_utf16(&mut [0; 2]) {
        let digits = rest.get(slashes(rest)..)?;
        rest = hex(digits.strip_prefix('u').filter(|_| digits.len() < rest.len())?, 4, u32::from(*unit))?;
    }
    Some(text.len() - rest.len())
}

/// `&#43;`, `&#x2b;` or `&amp;`.
fn in_html(text: &str, character: char) -> Option<usize> {
    let name = text.strip_prefix('&')?;
    let end = name.bytes().take(LONGEST_ENTITY).position(|byte| byte == b';')?;
    let name = name.get(..end)?;
    let named = match name {
        "amp" => Some('&'),
        "lt" => Some('<'),
        "gt" => Some('>'),
        "quot" => Some('"'),
        "apos" => Some('\''),
        "plus" => Some('+'),
        _ => {
            let number = name.strip_prefix('#')?;
            let number = number
                .strip_prefix(['x', 'X'])
                .map_or_else(|| number.parse().ok(), |number| u32::from_str_radix(number, 16).ok());
            number.and_then(char::from_u32)
        }
    };
    (named? == character).then_some(name.len() + 2)
}

fn is_hex(text: &str, digits: usize) -> bool {
    text.get(..digits).is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()))
}

/// What follows this number, when the text starts with it in so many digits.
fn hex(text: &str, digits: usize, number: u32) -> Option<&str> {
    let (found, rest) = text.split_at_checked(digits)?;
    (is_hex(found, digits) && u32::from_str_radix(found, 16).ok()? == number).then_some(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn remote_text_is_one_bounded_line() {
        assert_eq!(excerpt(" a\n\u{1b}[31mb\t c"), "a [31mb c");
        let long = excerpt(&"x".repeat(1000));
        assert!(long.chars().count() == EXCERPT + 1 && long.ends_with('…'), "{long}");
    }

    #[test]
    fn why_a_connection_ended_is_said_without_the_words_of_a_library() {
        let rustls = "peer closed connection without sending TLS close_notify: \
                      https://docs.rs/rustls/latest/rustls/manual/_03_howto/index.html#unexpected-eof";
        for cut in [rustls, "unexpected EOF during handshake", "connection closed before message completed"] {
            assert_eq!(broken_off(cut), "the connection was cut before an answer");
        }
        assert_eq!(broken_off("Connection reset by peer (os error 104)"), "Connection reset by peer (os error 104)");
        assert_eq!(broken_off("bad record: https://docs.rs/rustls/latest"), "bad record");
    }

    #[test]
    fn a_value_that_cannot_be_read_is_not_quoted() {
        let error = serde_json::from_str::<bool>(r#""ey\"J0""#).unwrap_err();
        assert_eq!(without_value(&error), "invalid type: string …, expected a boolean at line 1 column 8");
        let error = serde_json::from_str::<bool>("7").unwrap_err();
        assert_eq!(without_value(&error), "invalid type: integer `7`, expected a boolean at line 1 column 1");
    }

    #[test]
    fn an_address_is_shown_without_its_user() {
        for (text, shown) in [
            ("empty host: \"https://jane:p@ss/w:rd@\"", "empty host: \"https://…@\""),
            (
                "unknown field `http://jane:x@proxy:3128`, expected url",
                "unknown field `http://…@proxy:3128`, expected url",
            ),
            ("from https://a.contoso.com to http://b:c@d", "from https://a.contoso.com to http://…@d"),
            ("erin@contoso.com", "erin@contoso.com"),
        ] {
            assert_eq!(without_user(text), shown);
        }
    }

    #[test]
    fn a_secret_is_found_in_every_spelling() {
        let secret = "s3/cr\"t+ é%25\\&x";
        let json = serde_json::to_string(secret).unwrap();
        let url: String = url::form_urlencoded::byte_serialize(secret.as_bytes()).collect();
        let again: String = url::form_urlencoded::byte_serialize(url.as_bytes()).collect();
        let ascii: Vec<String> = secret.encode_utf16().map(|unit| format!("\\u{unit:04X}")).collect();
        let html: Vec<String> = secret.chars().map(|character| format!("&#{};", u32::from(character))).collect();
        let (ascii, html) = (ascii.concat(), html.concat());
        let named = secret.replace('&', "&amp;").replace('"', "&quot;");
        let in_json_again = serde_json::to_string(&json).unwrap();
        for text in [secret, &json, &url, &url.to_lowercase(), &again, &ascii, &html, &named, &in_json_again] {
            let shown = without(&format!("wrong: {text} given"), [secret]);
            let shown = shown.replace(['"', '\\'], "");
            assert_eq!(shown, "wrong: … given", "{text}");
        }
    }

    #[test]
    fn a_part_of_a_secret_is_hidden_with_its_word() {
        let token = "eyJhbGciOi.eyJzdWIiOiJhbmEifQ.c2lnbmF0dXJl";
        for part in ["eyJhbGciOi.eyJz...", "eyJzdWIiOiJhbmEifQ", "c2lnbmF0d-and-more", "c2lnbmF0"] {
            assert_eq!(without(&format!("got {part} here"), [token]), "got … here");
        }
        assert_eq!(without("an ordinary sentence", [token, ""]), "an ordinary sentence");
    }

    #[test]
    fn a_secret_that_is_wrapped_or_spaced_out_is_hidden() {
        let secret = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        for every in [1, 7, 20] {
            for gap in [" ", "\n", "\r\n  ", "\u{0}"] {
                let pieces: Vec<char> = secret.chars().collect();
                let pieces: Vec<String> = pieces.chunks(every).map(|piece| piece.iter().collect()).collect();
                let shown = without(&format!("wrong: {} given", pieces.join(gap)), [secret]);
                assert_eq!(shown, "wrong: … given", "{every} {gap:?}");
            }
        }
    }

    #[test]
    fn what_can_be_read_in_thousands_of_ways_ends_all_the_same() {
        let shown = without(&"\\".repeat(20_000), ["\\".repeat(300).as_str()]);
        assert!(shown.len() < 300, "{shown}");
        for text in ["&".repeat(200_000), "\\".repeat(200_000), "a ".repeat(100_000), "%25".repeat(60_000)] {
            assert_eq!(without(&text, ["s3cr3t-of-contoso"]), text);
        }
    }

    proptest! {
        #[test]
        fn nothing_of_a_secret_is_left(before in ".{0,20}", secret in "[!-~]{3,40}", after in "\\PC{0,20}") {
            let shown = without(&format!("{before}{secret}{after}"), [secret.as_str()]);
            prop_assert!(!shown.contains(&secret), "{shown}");
        }
    }
}
