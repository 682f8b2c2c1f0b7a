//! Values behind keys: on lines of their own, or between braces.

use super::scalar;
use super::{
    ALIAS, FORM, Why, begins_line, ends_line, line_break, line_start, next_line, next_token, spliced, with_blank_line,
    with_comment_above,
};
use crate::config::yaml::{Entry, Node};

/// The text with a key of a map set to a text, put first where it is new, or taken out.
pub(super) fn set(text: &str, map: &Node, key: &str, value: Option<&str>) -> Result<String, Why> {
    match (map.entry(key), value) {
        (Some(entry), Some(value)) => {
            let span = entry.value.span;
            is_plainly_behind(text, entry)?;
            spliced(text, span.start, span.end, &scalar::text(value))
        }
        (Some(entry), None) => without(text, map, entry),
        (None, Some(value)) => with(text, map, &format!("{key}: {}", scalar::text(value))),
        (None, None) => Ok(text.to_owned()),
    }
}

/// Whether nothing but a colon and blanks stands between a key and its value: no anchor, and no sign of a text of many lines.
fn is_plainly_behind(text: &str, entry: &Entry) -> Result<(), Why> {
    let span = entry.value.span;
    match (text.get(entry.key.span.end..span.start).map(str::trim), text.as_bytes().get(span.start)) {
        (Some(":"), Some(b'*')) => Err(ALIAS),
        (Some(":"), Some(_)) if span.start < span.end => Ok(()),
        _ => Err(FORM),
    }
}

/// A map with an entry put before the others.
fn with(text: &str, map: &Node, new: &str) -> Result<String, Why> {
    let first = map.entries().first().ok_or(FORM)?.key.span.start;
    if text.as_bytes().get(map.span.start) == Some(&b'{') {
        return spliced(text, first, first, &format!("{new}, "));
    }
    if !begins_line(text, first) {
        return Err(FORM);
    }
    let lead = text.get(line_start(text, first)..first).ok_or(FORM)?;
    spliced(text, first, first, &format!("{new}{}{lead}", line_break(text, first)))
}

/// A map without one of its entries, which is not the only one.
pub(super) fn without(text: &str, map: &Node, entry: &Entry) -> Result<String, Why> {
    let start = entry.key.span.start;
    // A text of many lines ends on the line after its last one.
    let end = text.get(..entry.value.span.end).ok_or(FORM)?.trim_end().len();
    let behind = next_token(text, entry.key.span.end).filter(|(_, found)| *found == b':');
    let value = behind.and_then(|(colon, _)| next_token(text, colon + 1));
    match value {
        Some((_, b'*')) => return Err(ALIAS),
        Some((at, _)) if at == entry.value.span.start && map.entries().len() > 1 => {}
        _ => return Err(FORM),
    }
    if text.as_bytes().get(map.span.start) != Some(&b'{') {
        if !begins_line(text, start) || !ends_line(text, end) {
            return Err(FORM);
        }
        let (from, to) = (line_start(text, start), next_line(text, end));
        let from = with_comment_above(text, from, to, start - from);
        let (from, to) = with_blank_line(text, from, to);
        return spliced(text, from, to, "");
    }
    if let Some((comma, b',')) = next_token(text, end) {
        let next = next_token(text, comma + 1).map_or(comma + 1, |(at, _)| at);
        return spliced(text, start, next, "");
    }
    let before = text.get(..start).ok_or(FORM)?.trim_end_matches([' ', '\t']);
    let from = before.strip_suffix(',').ok_or(FORM)?.len();
    spliced(text, from, end, "")
}
