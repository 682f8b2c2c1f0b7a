//! Lists: an item a line, or between brackets.

use super::scalar::principal;
use super::{
    ALIAS, FORM, NOBODY, Why, begins_line, ends_line, line_break, line_end, line_start, next_line, next_token, spliced,
    with_blank_line, with_comment_above,
};
use crate::config::yaml::{Entry, Node, Value};
use crate::diagnostics::Span;
use crate::state::PrincipalName;

/// The text with some people taken out of a list and others put at its end.
pub(super) fn change(
    text: &str,
    entry: Option<&Entry>,
    remove: &[PrincipalName],
    add: &[PrincipalName],
) -> Result<String, Why> {
    let entry = entry.ok_or("the files do not say this list")?;
    let added: Vec<String> = add.iter().map(principal).collect::<Option<_>>().ok_or("no access file can name it")?;
    let mut gone = Vec::new();
    for name in remove {
        let is_it = |item: &Node| is_same(item, name);
        gone.push(entry.value.items().iter().position(is_it).ok_or(NOBODY)?);
    }
    gone.sort_unstable();
    gone.dedup();
    splice(text, entry, &gone, &added, None)
}

/// The text with some items taken out of a list, by number and in order, and others put at its end. Where items stand on lines of
/// their own, they may be put behind another one instead; then none is taken out.
pub(super) fn splice(
    text: &str,
    entry: &Entry,
    gone: &[usize],
    added: &[String],
    behind: Option<usize>,
) -> Result<String, Why> {
    if matches!(entry.value.value, Value::Null) || (behind.is_some() && !gone.is_empty()) {
        return Err(FORM);
    }
    match text.as_bytes().get(entry.value.span.start) {
        Some(b'*' | b'&') => Err(ALIAS),
        Some(b'[') => between_brackets(text, &entry.value, gone, added),
        Some(_) => by_lines(text, entry, gone, added, behind),
        None => Err(FORM),
    }
}

/// Whether an item of the files names this principal.
pub(super) fn is_same(item: &Node, name: &PrincipalName) -> bool {
    let (key, value) = match item.entries() {
        [] => ("", item.words()),
        [Entry { key, value }] => (key.value.as_str(), value.words()),
        _ => return false,
    };
    let (wanted, spelt) = match name {
        PrincipalName::User(user) => ("", user.to_string()),
        PrincipalName::Guest(mail) => ("guest", mail.to_string()),
        PrincipalName::Group(group) => ("group", group.to_string()),
        PrincipalName::GroupId(id) => ("group-id", id.to_string()),
        PrincipalName::ServicePrincipal(app) => ("service-principal", app.to_string()),
        PrincipalName::Object(_) => return false,
    };
    // Unicode's case, as names of people are compared.
    key == wanted && value.to_lowercase() == spelt.to_lowercase()
}

/// Where the dash of an item is, and that it stands alone on its lines.
fn dash(text: &str, item: Span) -> Result<usize, Why> {
    let before = text.get(..item.start).ok_or(FORM)?;
    let dash = before.trim_end_matches(' ').len().checked_sub(1).ok_or(FORM)?;
    let is_alone = text.as_bytes().get(dash) == Some(&b'-') && begins_line(text, dash) && ends_line(text, item.end);
    let starts = text.as_bytes().get(item.start);
    if !is_alone || matches!(starts, Some(b'|' | b'>')) { Err(FORM) } else { Ok(dash) }
}

fn by_lines(text: &str, entry: &Entry, gone: &[usize], added: &[String], behind: Option<usize>) -> Result<String, Why> {
    let items = entry.value.items();
    let dashes: Vec<usize> = items.iter().map(|item| dash(text, item.span)).collect::<Result<_, _>>()?;
    let (Some(first), Some(last)) = (dashes.first().copied(), items.last()) else { return Err(FORM) };
    let indent = first - line_start(text, first);
    let lead = text.get(line_start(text, first)..first).ok_or(FORM)?;
    let broken = line_break(text, first);
    let mut changed = text.to_owned();
    // From the end on, so that what stands before keeps its place.
    let before = behind.and_then(|at| items.get(at)).unwrap_or(last);
    let end = line_end(text, before.span.end);
    let new = added.iter().fold(String::new(), |new, item| new + broken + lead + "- " + item);
    changed = spliced(&changed, end, end, &new)?;
    for at in gone.iter().rev() {
        let (Some(dash), Some(item)) = (dashes.get(*at), items.get(*at)) else { return Err(FORM) };
        let (from, to) = (line_start(&changed, *dash), next_line(&changed, item.span.end));
        let from = if gone.len() == items.len() { from } else { with_comment_above(&changed, from, to, indent) };
        let (from, to) = with_blank_line(&changed, from, to);
        changed = spliced(&changed, from, to, "")?;
        if to == text.len() && !text.ends_with('\n') && new.is_empty() {
            // The file ends without a line break, and does so again.
            let kept = changed.strip_suffix('\n').map(|kept| kept.strip_suffix('\r').unwrap_or(kept));
            changed = kept.map_or_else(|| changed.clone(), str::to_owned);
        }
    }
    if gone.len() == items.len() && added.is_empty() {
        let (colon, found) = next_token(text, entry.key.span.end).ok_or(FORM)?;
        if found != b':' || !ends_line(text, colon + 1) {
            return Err(FORM);
        }
        changed = spliced(&changed, colon + 1, colon + 1, " []")?;
    }
    Ok(changed)
}

fn between_brackets(text: &str, brackets: &Node, gone: &[usize], added: &[String]) -> Result<String, Why> {
    let items = brackets.items();
    let (open, close) = (brackets.span.start, brackets.span.end.checked_sub(1).ok_or(FORM)?);
    if text.as_bytes().get(close) != Some(&b']') {
        return Err(FORM);
    }
    let Some(last) = items.last() else {
        return spliced(text, open, close + 1, &format!("[{}]", added.join(", ")));
    };
    // Each item must stand right behind a comma or the bracket: an anchor or a tag in between would be left behind.
    let mut behind = open;
    for item in items {
        if next_token(text, behind + 1).map(|(at, _)| at) != Some(item.span.start) {
            return Err(FORM);
        }
        match next_token(text, item.span.end) {
            Some((at, b',')) => behind = at,
            Some((at, b']')) if at == close => {}
            _ => return Err(FORM),
        }
    }
    let mut changed = text.to_owned();
    let lines = begins_line(text, last.span.start) && last.span.start > line_start(text, open).max(open);
    if !added.is_empty() {
        let comma = next_token(text, last.span.end).filter(|(_, found)| *found == b',');
        let alone = lines && ends_line(text, comma.map_or(last.span.end, |(at, _)| at + 1));
        if alone {
            let lead = text.get(line_start(text, last.span.start)..last.span.start).ok_or(FORM)?;
            let end = line_end(text, comma.map_or(last.span.end, |(at, _)| at + 1));
            let broken = line_break(text, last.span.start);
            let new = added.join(&format!(",{broken}{lead}"));
            let behind = if comma.is_some() { "," } else { "" };
            changed = spliced(&changed, end, end, &format!("{broken}{lead}{new}{behind}"))?;
            if comma.is_none() {
                changed = spliced(&changed, last.span.end, last.span.end, ",")?;
            }
        } else {
            let new = added.iter().fold(String::new(), |new, item| new + ", " + item);
            changed = spliced(&changed, last.span.end, last.span.end, &new)?;
        }
    }
    // From the end on, so that what stands before keeps its place. Whether something is left behind decides about commas.
    for at in gone.iter().rev() {
        let item = items.get(*at).ok_or(FORM)?;
        let stays_before = (0..*at).any(|before| !gone.contains(&before));
        changed = without(&changed, open, item.span, stays_before)?;
    }
    Ok(changed)
}

/// A list between brackets without one item.
fn without(text: &str, open: usize, item: Span, stays_before: bool) -> Result<String, Why> {
    let comma = next_token(text, item.end).filter(|(_, found)| *found == b',').map(|(at, _)| at);
    let end = comma.map_or(item.end, |comma| comma + 1);
    if begins_line(text, item.start) && line_start(text, item.start) > open && ends_line(text, end) {
        let indent = item.start - line_start(text, item.start);
        let (from, to) = (line_start(text, item.start), next_line(text, end));
        return spliced(text, with_comment_above(text, from, to, indent), to, "");
    }
    let blanks = |from: usize| {
        let rest = text.get(from..).unwrap_or_default();
        from + rest.len() - rest.trim_start_matches([' ', '\t']).len()
    };
    if let Some(comma) = comma.filter(|comma| !text.get(item.end..*comma).is_some_and(|gap| gap.contains('\n'))) {
        // What follows comes to stand where it stood.
        let to = if ends_line(text, comma + 1) { comma + 1 } else { blanks(comma + 1) };
        let is_last = next_token(text, comma + 1).is_some_and(|(_, found)| found == b']');
        if !is_last || !stays_before {
            return spliced(text, item.start, to, "");
        }
    }
    // The last: the comma before it goes, where it is on the same line.
    let before = text.get(..item.start).ok_or(FORM)?.trim_end_matches([' ', '\t']);
    let from = match before.as_bytes().last() {
        Some(b',') if stays_before => before.len() - 1,
        _ => item.start,
    };
    let to = comma.map_or(item.end, |_| item.end);
    let changed = spliced(text, from, to, "")?;
    // `[ ]` is written `[]`.
    let inside = changed.get(open + 1..).ok_or(FORM)?;
    let blank = inside.len() - inside.trim_start_matches(' ').len();
    if changed.as_bytes().get(open + 1 + blank) == Some(&b']') {
        return spliced(&changed, open + 1, open + 1 + blank, "");
    }
    Ok(changed)
}
