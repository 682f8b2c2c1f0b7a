//! The access difference: who, where, before, after, through what.

use super::document::{Body, Part};
use super::{escape, row};
use crate::access::AccessDifference;
use crate::report::Context;
use crate::report::text::access::lines::{Line, lines};
use crate::report::text::access::{remarks, table, unseen};
use crate::report::text::page::Mark;
use crate::state::first_few;

const HEADER: &[&str] = &["", "who", "where", "before", "after", "via"];

/// What the changes mean for people; nothing where that is nothing.
pub(super) fn parts(context: &Context) -> Vec<Part> {
    let difference = &context.access;
    let mut parts = Vec::new();
    if !difference.rows.is_empty() {
        let mut part = Part::new("Access", rows(difference));
        part.tail = remarks(difference).into_iter().map(escape::prose).collect();
        parts.push(part);
    }
    parts.extend(not_seen("What of this could not be seen", difference));
    parts
}

/// The rows.
pub(super) fn rows(difference: &AccessDifference) -> Body {
    Body::Table(HEADER, lines(difference).iter().map(of_line).collect())
}

/// What could not be seen, so that a row may be missing or wrong.
pub(super) fn not_seen(title: &str, difference: &AccessDifference) -> Option<Part> {
    let unseen: Vec<String> =
        unseen(difference).iter().map(|each| super::item(Mark::Unknown, each, None, &[])).collect();
    (!unseen.is_empty()).then(|| Part::new(title, Body::List(unseen)))
}

/// One row.
pub(super) fn of_line((line, places): &(Line, Vec<String>)) -> String {
    let sign = table::mark(line.rank).sign().unwrap_or(" ");
    let mut via: Vec<String> = Vec::new();
    let place = if places.len() <= table::NAMED_PLACES {
        places.iter().map(|place| escape::cell(place)).collect::<Vec<_>>().join("<br>")
    } else {
        via.push(escape::cell(&format!("in {}", first_few(places, table::NAMED_PLACES))));
        format!("{} places", places.len())
    };
    via.splice(0..0, (!line.via.is_empty()).then(|| escape::cell(&line.via)));
    via.extend(line.details.iter().map(|detail| escape::cell(detail)));
    let [who, before, after] = [&line.who, &line.before, &line.after].map(|cell| match cell.as_str() {
        "-" | "" => cell.clone(),
        words => escape::cell(words),
    });
    row(&[format!("`{sign}`"), who, place, before, after, via.join("<br>")])
}
