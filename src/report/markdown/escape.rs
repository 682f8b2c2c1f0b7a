//! The one place that makes text harmless in Markdown and HTML. Whatever could be a name stands in a code span, in which no
//! host of git finds a link, a mention, a reference or a tag; plain words stand as they are.
//!
//! Character references would not do: hosts look for `@somebody` and `#1` in the page that comes out, where `&#64;` is an `@`.

use std::fmt::Write as _;

use crate::report::escape;

/// Marks that may stand in front of a word and behind one. None of them begins or ends anything in Markdown.
const BEFORE: &[char] = &['(', '"'];
const BEHIND: &[char] = &[',', '.', ';', ':', '?', '!', ')', '"'];
/// Marks that stand alone between words.
const BETWEEN: &[&str] = &["→", "·", "…"];
/// What stands where there is no text.
const EMPTY: &str = "(empty)";
/// From so many hexadecimal digits on a word may be the id of a commit, which hosts link.
const SHORTEST_COMMIT: usize = 7;

/// A piece of a text: words, or what stands in a code span.
#[derive(Debug, PartialEq, Eq)]
enum Piece {
    Words(String),
    Code(String),
}

/// A sentence as Markdown, for a heading, a paragraph or an item of a list; never the beginning of a line by itself.
pub(super) fn prose(text: &str) -> String {
    written(text, span)
}

/// The same as one cell of a table.
pub(super) fn cell(text: &str) -> String {
    written(text, |code| in_cell(&span(code)))
}

/// The same as HTML, for the summary of something folded.
pub(super) fn html(text: &str) -> String {
    written(text, |code| format!("<code>{}</code>", entities(code)))
}

/// A text as a code span, all of it.
pub(super) fn code(text: &str) -> String {
    span(&escape::line(text))
}

/// A fence around lines that no line of them can close. Each line is one line.
pub(super) fn fence(language: &str, lines: &[String]) -> String {
    let longest = lines.iter().map(|line| longest_run(line)).max().unwrap_or(0);
    let marks = "`".repeat(longest.max(2) + 1);
    let mut text = format!("{marks}{language}\n");
    for line in lines {
        text.push_str(&escape::line(line));
        text.push('\n');
    }
    text.push_str(&marks);
    text
}

fn written(text: &str, code: impl Fn(&str) -> String) -> String {
    let mut out = String::new();
    let pieces = pieces(&escape::line(text));
    if pieces.is_empty() {
        // A list's item without words would underline what stands above it.
        return EMPTY.to_owned();
    }
    for piece in pieces {
        match piece {
            Piece::Words(words) => out.push_str(&words),
            Piece::Code(content) => out.push_str(&code(&content)),
        }
    }
    out
}

/// Words and code in turn: two pieces of code never touch, or their marks would run together.
fn pieces(text: &str) -> Vec<Piece> {
    let mut pieces = Vec::new();
    let mut words = String::new();
    for token in tokens(text) {
        if !words.is_empty() || !pieces.is_empty() {
            words.push(' ');
        }
        let is_first = pieces.is_empty() && words.is_empty();
        let inner = token.trim_start_matches(BEFORE);
        let core = inner.trim_end_matches(BEHIND);
        let (before, behind) =
            (token.get(..token.len() - inner.len()).unwrap_or(""), inner.get(core.len()..).unwrap_or(""));
        // `1.` and `1)` begin a list.
        let is_number = core.chars().all(|character| character.is_ascii_digit());
        let begins_list = is_first && before.is_empty() && is_number && behind.starts_with(['.', ')']);
        words.push_str(before);
        match quoted(core) {
            Some(inside) => split(&mut pieces, &mut words, inside),
            None if BETWEEN.contains(&core) || is_plain(core) && !begins_list => words.push_str(core),
            None if core.is_empty() && before.len() + behind.len() > 0 => {
                // Marks alone: as they stand, but in code, where they come to nothing.
                words.truncate(words.len() - before.len());
                split(&mut pieces, &mut words, token);
                continue;
            }
            None => split(&mut pieces, &mut words, core),
        }
        words.push_str(behind);
    }
    if !words.is_empty() {
        pieces.push(Piece::Words(words));
    }
    pieces
}

fn split(pieces: &mut Vec<Piece>, words: &mut String, code: &str) {
    if !words.is_empty() {
        pieces.push(Piece::Words(std::mem::take(words)));
    }
    pieces.push(Piece::Code(code.to_owned()));
}

/// What stands between spaces; what stands between two backticks is one, spaces included.
fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_matches(' ');
    while !rest.is_empty() {
        let inner = rest.trim_start_matches(BEFORE);
        let quoted = inner.strip_prefix('`').and_then(|inside| inside.find('`').map(|end| (inside, end)));
        let from = quoted.map_or(0, |(inside, end)| rest.len() - inside.len() + end + 1);
        let end = rest.get(from..).and_then(|after| after.find(' ')).map_or(rest.len(), |at| from + at);
        let (token, after) = rest.split_at(end);
        tokens.push(token);
        rest = after.trim_start_matches(' ');
    }
    tokens
}

/// What stands between backticks, where nothing else does.
fn quoted(core: &str) -> Option<&str> {
    let inside = core.strip_prefix('`')?.strip_suffix('`')?;
    (!inside.is_empty() && !inside.contains('`')).then_some(inside)
}

/// Whether a word is a word, or a number, and nothing that anybody could take for a name of something.
fn is_plain(word: &str) -> bool {
    let is_digits = |text: &str| !text.is_empty() && text.chars().all(|character| character.is_ascii_digit());
    if ["e.g", "i.e"].contains(&word)
        || word.split_once('.').is_some_and(|(one, rest)| is_digits(one) && is_digits(rest))
    {
        return true;
    }
    let is_inner = |character: char| matches!(character, '-' | '\'' | '’');
    let is_edge = |character: Option<char>| character.is_some_and(char::is_alphanumeric);
    let has_letter = word.chars().any(|character| !character.is_numeric());
    let has_digit = word.chars().any(char::is_numeric);
    is_edge(word.chars().next())
        && is_edge(word.chars().next_back())
        && word.chars().all(|character| character.is_alphanumeric() || is_inner(character))
        && !word.contains("--")
        && !(has_letter && has_digit)
        // The key of a ticket.
        && !(word.contains('-') && word.chars().any(char::is_uppercase))
        && !(word.len() >= SHORTEST_COMMIT && word.chars().all(|character| character.is_ascii_hexdigit()))
}

/// A code span, whose marks are longer than any in it.
fn span(code: &str) -> String {
    if code.is_empty() {
        return EMPTY.to_owned();
    }
    // Of a run inside that is as long as the marks, or longer, none would be a mark.
    let marks = "`".repeat(longest_run(code) + 1);
    let is_spaced = code.starts_with(' ') && code.ends_with(' ') && !code.trim_matches(' ').is_empty();
    let pad = if code.starts_with('`') || code.ends_with('`') || is_spaced { " " } else { "" };
    format!("{marks}{pad}{code}{pad}{marks}")
}

/// A `|` with a backslash in front, behind an even number of others, so that no parser takes it for the end of a cell.
fn in_cell(markdown: &str) -> String {
    let mut out = String::new();
    let mut backslashes = 0;
    for character in markdown.chars() {
        match character {
            '\\' => backslashes += 1,
            '|' => {
                out.push_str(&"\\".repeat(backslashes + 1));
                backslashes = 0;
            }
            _ => backslashes = 0,
        }
        out.push(character);
    }
    // A backslash at the end stands in front of the closing mark, not of a `|`.
    out
}

fn entities(text: &str) -> String {
    let mut out = String::new();
    for character in text.chars() {
        if character.is_alphanumeric() || character == ' ' {
            out.push(character);
        } else {
            // Writing to a string cannot fail.
            let _ = write!(out, "&#{};", u32::from(character));
        }
    }
    out
}

fn longest_run(text: &str) -> usize {
    text.split(|character| character != '`').map(str::len).max().unwrap_or(0)
}
