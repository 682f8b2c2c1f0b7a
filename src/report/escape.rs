//! The one place where text from elsewhere is made harmless: names in Entra and on clusters, and answers of servers, are
//! written by people who may want a screen to say something else than it does.

use std::fmt::Write as _;

/// The longest name that is shown, in characters. A display name in Entra has at most 256.
pub const LONGEST_NAME: usize = 256;
/// The longest message that is shown, in characters.
pub const LONGEST_MESSAGE: usize = 2000;

/// The text on one line, with every character spelt out that would act on a terminal or that nobody would see: control
/// characters (line breaks and escape sequences), changes of the writing direction, and characters without a shape. What would
/// act on a CI system that reads its log for commands is spelt out, too. Doing it twice changes nothing.
pub fn line(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for (at, character) in text.char_indices() {
        match character {
            '#' | ':' if begins_command(text, at) => {
                let _ = write!(escaped, "\\u{{{:x}}}", u32::from(character));
            }
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\t' => escaped.push_str("\\t"),
            _ if is_hidden(character) => {
                // Writing to a string cannot fail.
                let _ = write!(escaped, "\\u{{{:x}}}", u32::from(character));
            }
            _ => escaped.push(character),
        }
    }
    escaped
}

/// A text whose lines and columns stay where they are, for excerpts of files: each hidden character is replaced by one that
/// is seen. Of a line's end `\r\n`, `\n` is left; a `\r` elsewhere would let a line overwrite itself.
pub fn in_place(text: &str) -> String {
    pieces_in_place(text).map(|(_, character)| character).collect()
}

/// What [`in_place`] shows of a text, each character with the byte at which what it stands for begins in the text.
pub fn pieces_in_place(text: &str) -> impl Iterator<Item = (usize, char)> {
    let ends_line = |at: usize| text.as_bytes().get(at + 1) == Some(&b'\n');
    let shown = move |(at, character)| match character {
        '\r' if ends_line(at) => None,
        '\n' | '\t' => Some((at, character)),
        '#' if begins_command(text, at) => Some((at, char::REPLACEMENT_CHARACTER)),
        _ if is_hidden(character) => Some((at, char::REPLACEMENT_CHARACTER)),
        _ => Some((at, character)),
    };
    text.char_indices().filter_map(shown)
}

/// A name on one line, cut when it is longer than [`LONGEST_NAME`].
pub fn name(text: &str) -> String {
    line(&cut(text, LONGEST_NAME))
}

/// A message on one line, cut when it is longer than [`LONGEST_MESSAGE`].
pub fn message(text: &str) -> String {
    line(&cut(text, LONGEST_MESSAGE))
}

/// A name between quotation marks, so that where it ends cannot be mistaken.
pub fn quoted(text: &str) -> String {
    format!("\"{}\"", name(text).replace('"', "\\\""))
}

/// A word as a shell takes it: bare where that is safe, else between single quotation marks.
pub fn shell_word(text: &str) -> String {
    let is_safe = |character: char| character.is_ascii_alphanumeric() || "_@%+=:,./-".contains(character);
    if !text.is_empty() && text.chars().all(is_safe) {
        text.to_owned()
    } else {
        format!("'{}'", line(text).replace('\'', "'\\''"))
    }
}

/// JSON in which hidden characters, and what a CI system would take for a command, are spelt `\uXXXX`; they stand inside strings
/// only: the same data, harmless when somebody prints it.
pub fn json(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for (at, character) in text.char_indices() {
        let acts = is_hidden(character) || character == '#' && begins_command(text, at);
        if character != '\n' && acts {
            for unit in character.encode_utf16(&mut [0; 2]) {
                let _ = write!(escaped, "\\u{unit:04x}");
            }
        } else {
            escaped.push(character);
        }
    }
    escaped
}

/// Whether a character acts on a terminal or has no shape of its own: Unicode's control (Cc) and format (Cf) characters,
/// line and paragraph separators, the fillers that look like nothing, and variation selectors beyond the common sixteen.
pub fn is_hidden(character: char) -> bool {
    character.is_control()
        || matches!(u32::from(character),
            0xAD | 0x61C | 0x6DD | 0x70F | 0x8E2 | 0x180E | 0xFEFF | 0x110BD | 0x110CD | 0xE0001
            | 0x600..=0x605 | 0x890..=0x891 | 0x200B..=0x200F | 0x2028..=0x202E | 0x2060..=0x206F | 0xFFF0..=0xFFFB
            | 0x13430..=0x1343F | 0x1BCA0..=0x1BCA3 | 0x1D173..=0x1D17A | 0xE0020..=0xE007F
            | 0x115F | 0x1160 | 0x3164 | 0xFFA0 | 0x2800 | 0xE0100..=0xE01EF)
}

/// Whether a text that is printed as it is would act on a terminal, by a control character. Line breaks and tabs do not.
pub fn acts_on_terminal(text: &str) -> bool {
    let ends_line = |at: usize| text.as_bytes().get(at + 1) == Some(&b'\n');
    text.char_indices().any(|(at, character)| match character {
        '\n' | '\t' => false,
        '\r' => !ends_line(at),
        _ => character.is_control(),
    })
}

/// The same of a CI system, which takes a piece of its log for a command, or shows what a control character makes of it.
pub fn acts_on_ci(text: &str) -> bool {
    acts_on_terminal(text) || text.char_indices().any(|(at, _)| begins_command(text, at))
}

/// Whether a CI system that finds this in its log takes it for a command: Azure Pipelines `##vso[…]` and GitHub Actions
/// `##[…]` wherever they stand, GitHub Actions `::command::` at the beginning of a line, which may be that of any word.
fn begins_command(text: &str, at: usize) -> bool {
    let rest = text.as_bytes().get(at..).unwrap_or_default();
    if let Some(after) = rest.strip_prefix(b"##") {
        return after.starts_with(b"[") || after.get(..4).is_some_and(|word| word.eq_ignore_ascii_case(b"vso["));
    }
    let begins_word =
        || text.get(..at).is_some_and(|before| before.chars().next_back().is_none_or(char::is_whitespace));
    matches!(rest, [b':', b':', letter, ..] if letter.is_ascii_alphabetic()) && begins_word()
}

fn cut(text: &str, longest: usize) -> String {
    match text.char_indices().nth(longest) {
        None => text.to_owned(),
        Some((end, _)) => format!("{}…", &text[..end]),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_acts_on_a_terminal_is_spelt_out() {
        assert_eq!(line("a\u{1b}[31mb\nc\u{9b}d"), "a\\u{1b}[31mb\\nc\\u{9b}d");
        assert_eq!(line("admin\u{202e}txt\u{200b}"), "admin\\u{202e}txt\\u{200b}");
        assert_eq!(line("Zoë Ångström 東京"), "Zoë Ångström 東京");
    }

    #[test]
    fn an_excerpt_keeps_its_lines_and_cannot_overwrite_them() {
        assert_eq!(in_place("a:\t1\r\nb: 2\n"), "a:\t1\nb: 2\n");
        assert_eq!(
            in_place("a: 1\r\nb: cluster-admin\rb: read-only\r"),
            "a: 1\nb: cluster-admin\u{fffd}b: read-only\u{fffd}"
        );
    }

    #[test]
    fn what_acts_on_a_ci_system_is_spelt_out() {
        assert_eq!(line("a##vso[task.setvariable variable=x]b"), "a\\u{23}#vso[task.setvariable variable=x]b");
        assert_eq!(line("###[error]x ##VSO[y"), "#\\u{23}#[error]x \\u{23}#VSO[y");
        assert_eq!(line("::error::x a ::add-mask::y"), "\\u{3a}:error::x a \\u{3a}:add-mask::y");
        assert_eq!(line("[::1]:443 ::1 a::b ## [x] #[y]"), "[::1]:443 ::1 a::b ## [x] #[y]");
        assert_eq!(in_place("a: b # ##vso[x]\n"), "a: b # \u{fffd}#vso[x]\n");
        assert_eq!(json(r###"{"a":"##vso[x]"}"###), r#"{"a":"\u0023#vso[x]"}"#);
    }

    #[test]
    fn what_acts_where_it_is_printed_is_known() {
        for text in
            ["+ a: '##vso[x]'", "- ###[x]", " b\n  ::add-mask::y\n", " # a\r::add-mask::y", "\u{1b}[2J", "a\u{9b}b"]
        {
            assert!(acts_on_ci(text), "{text:?}");
        }
        assert!(acts_on_terminal("a\rb\n") && !acts_on_terminal("##vso[x]\r\n"));
        for text in ["", " a: 1\r\n+\tb: [::1]:443\n", "# ## x\n # été \u{1f469}\u{200d}\u{1f4bb}", "a::b"] {
            assert!(!acts_on_ci(text), "{text:?}");
        }
    }

    #[test]
    fn long_text_is_cut() {
        assert_eq!(name(&"ä".repeat(256)), "ä".repeat(256));
        assert_eq!(name(&"ä".repeat(257)), format!("{}…", "ä".repeat(256)));
    }

    #[test]
    fn a_quotation_mark_does_not_end_a_name() {
        assert_eq!(quoted("a\" (done)"), r#""a\" (done)""#);
    }

    #[test]
    fn a_shell_gets_one_word() {
        assert_eq!(shell_word("group-deleted:old@contoso.com"), "group-deleted:old@contoso.com");
        assert_eq!(shell_word("a b;$(c)'d"), r"'a b;$(c)'\''d'");
        assert_eq!(shell_word(""), "''");
    }

    proptest::proptest! {
        #[test]
        fn nothing_hidden_is_left(text: String) {
            let once = line(&text);
            proptest::prop_assert!(!once.chars().any(is_hidden));
            proptest::prop_assert_eq!(line(&once), once);
        }

        #[test]
        fn json_stays_the_same_data(text: String, extra in "[\u{80}-\u{9f}\u{202a}-\u{202e}\u{e0041}\u{feff}]*") {
            let text = text + &extra;
            let written = json(&serde_json::to_string(&text).unwrap());
            proptest::prop_assert!(!written.chars().any(is_hidden));
            proptest::prop_assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text);
        }
    }
}
