//! Text from files and remote systems made harmless for a terminal.

use std::borrow::Cow;

/// What stands for a character that is not shown.
const REPLACEMENT: char = '\u{fffd}';

/// The text with every character replaced that could move the cursor, change colours or reorder what is read: control
/// characters, line breaks among them, and the invisible ones that set the direction of writing or take no room.
pub fn one_line(text: &str) -> Cow<'_, str> {
    replace(text, |character| is_hostile(character) || is_break(character))
}

/// The same, but line breaks and tabs stay.
pub fn lines(text: &str) -> Cow<'_, str> {
    let returns = text.contains("\r\n");
    replace(text, |character| is_hostile(character) && !(returns && character == '\r'))
}

fn replace(text: &str, hostile: impl Fn(char) -> bool) -> Cow<'_, str> {
    if text.contains(&hostile) {
        Cow::Owned(text.chars().map(|character| if hostile(character) { REPLACEMENT } else { character }).collect())
    } else {
        Cow::Borrowed(text)
    }
}

fn is_break(character: char) -> bool {
    matches!(character, '\n' | '\t')
}

fn is_hostile(character: char) -> bool {
    (character.is_control() && !is_break(character))
        || matches!(
            character,
            '\u{00ad}' | '\u{061c}' | '\u{180e}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}'
                | '\u{feff}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e007f}'
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn control_and_direction_characters_are_replaced() {
        assert_eq!(one_line("a\u{1b}[31mb\u{202e}c\nd\te\r"), "a\u{fffd}[31mb\u{fffd}c\u{fffd}d\u{fffd}e\u{fffd}");
        assert_eq!(lines("a\nb\tc\u{7}\u{9b}"), "a\nb\tc\u{fffd}\u{fffd}");
        assert_eq!(one_line("Zoë 東京 👩"), "Zoë 東京 👩");
    }
}
