//! Values as YAML has them: bare where every reader takes them for what they are, else in quotes. What is written goes through
//! logs: a name on a cluster or in Entra must not hold what a CI system that reads its log takes for a command.

use std::fmt::Write as _;

use crate::state::PrincipalName;

/// An item of a list of people. `None` for what no access file can name.
pub(super) fn principal(name: &PrincipalName) -> Option<String> {
    Some(match name {
        PrincipalName::User(user) => word(user.as_str()),
        PrincipalName::Guest(mail) => format!("{{ guest: {} }}", word(mail.as_str())),
        PrincipalName::Group(key) => format!("{{ group: {} }}", word(key.as_str())),
        PrincipalName::GroupId(id) => format!("{{ group-id: {id} }}"),
        PrincipalName::ServicePrincipal(app) => format!("{{ service-principal: {app} }}"),
        PrincipalName::Object(_) => return None,
    })
}

/// A word without blanks.
pub(super) fn word(text: &str) -> String {
    let is_bare = |character: char| character.is_alphanumeric() || "@._+-".contains(character);
    written(text, is_bare)
}

/// A word of a rule, such as `pods/log`.
pub(super) fn term(text: &str) -> String {
    let is_bare = |character: char| character.is_alphanumeric() || "._+-/".contains(character);
    written(text, is_bare)
}

/// A text of several words.
pub(super) fn text(text: &str) -> String {
    let is_bare = |character: char| character.is_alphanumeric() || "@._+-()/ ".contains(character);
    written(text, is_bare)
}

fn written(text: &str, is_bare: impl Fn(char) -> bool) -> String {
    let begins = text.chars().next().is_some_and(char::is_alphabetic);
    let is_word = !matches!(
        text.to_ascii_lowercase().as_str(),
        "null" | "true" | "false" | "yes" | "no" | "on" | "off" | "y" | "n"
    );
    if begins && is_word && !text.ends_with(' ') && text.chars().all(is_bare) {
        return text.to_owned();
    }
    let is_shown = |character: char| character == ' ' || character.is_ascii_graphic() || character.is_alphanumeric();
    // `##vso[…]` and `##[…]` act wherever they stand, `::command::` where a line or a word begins. Two such signs in a row are
    // never written, whatever follows them.
    let is_doubled = |at: usize, sign: char| text.get(at..).is_some_and(|rest| rest.chars().nth(1) == Some(sign));
    let acts = |at: usize, character: char| matches!(character, '#' | ':') && is_doubled(at, character);
    if text.chars().all(is_shown) && !text.char_indices().any(|(at, character)| acts(at, character)) {
        return format!("'{}'", text.replace('\'', "''"));
    }
    let mut quoted = String::from("\"");
    for (at, character) in text.char_indices() {
        match character {
            '"' => quoted.push_str("\\\""),
            '\\' => quoted.push_str("\\\\"),
            // Writing to a string cannot fail.
            _ if acts(at, character) => {
                let _ = write!(quoted, "\\x{:02X}", u32::from(character));
            }
            _ if is_shown(character) => quoted.push(character),
            _ => {
                let _ = write!(quoted, "\\U{:08X}", u32::from(character));
            }
        }
    }
    quoted.push('"');
    quoted
}
