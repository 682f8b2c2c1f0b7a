//! The access difference: who, where, before, after, through what.

use super::document::{Body, Fold, Part};
use super::{escape, row};
use crate::access::AccessDifference;
use crate::report::Context;
use crate::report::text::access::lines::{Line, lines};
use crate::report::text::access::{remarks, table, unseen};
use crate::report::text::page::Mark;
use crate::state::first_few;

/// As many places stand in a cell where there are more than [`MOST_PLACES`], which all stand in it.
const PLACES: usize = 3;
const MOST_PLACES: usize = 5;
/// As many are listed below the table.
const PLACES_IN_FULL: usize = 100;
/// Longer details stand below the table.
const DETAILS: usize = 120;
/// What stands above the columns.
pub(super) type Header = &'static [&'static str; 6];
/// The same of a plan.
pub(super) const HEADER: Header = &["", "who", "where", "before", "after", "via"];

/// What the changes mean for people; nothing where that is nothing.
pub(super) fn parts(context: &Context) -> Vec<Part> {
    let difference = &context.access;
    let mut parts = table("Access", HEADER, difference);
    if let Some(part) = parts.first_mut() {
        part.tail = remarks(difference).into_iter().map(escape::prose).collect();
    }
    parts.extend(not_seen("What of this could not be seen", difference));
    parts
}

/// The rows as a table, and below it what is too much for its cells; nothing where there is no row.
pub(super) fn table(title: &str, header: Header, difference: &AccessDifference) -> Vec<Part> {
    let lines = lines(difference);
    let mut parts = Vec::new();
    if !lines.is_empty() {
        parts.push(Part::new(title, Body::Table(header, lines.iter().map(of_line).collect())));
        parts.extend(in_full(title, header, &lines));
    }
    parts
}

/// The lines of which the table tells a part, each whole.
fn in_full(title: &str, header: Header, lines: &[(Line, Vec<String>)]) -> Option<Part> {
    let whole: Vec<String> =
        lines.iter().filter(|line| !Cells::of(line).is_whole).map(|line| item_of_line(header, line)).collect();
    let title = format!("{title}: the rest of what is in the table ({})", whole.len());
    (!whole.is_empty()).then(|| Part::new(&title, Body::List(whole)).folded(Fold::Always))
}

/// What could not be seen, so that a row may be missing or wrong.
pub(super) fn not_seen(title: &str, difference: &AccessDifference) -> Option<Part> {
    let unseen: Vec<String> =
        unseen(difference).iter().map(|each| super::item(Mark::Unknown, each, None, &[])).collect();
    (!unseen.is_empty()).then(|| Part::new(title, Body::List(unseen)))
}

/// What a line has to say in the two widest cells.
struct Cells<'l> {
    places: Vec<&'l str>,
    more_places: usize,
    details: &'l [String],
    /// Whether that is all.
    is_whole: bool,
}

impl<'l> Cells<'l> {
    fn of((line, places): &'l (Line, Vec<String>)) -> Self {
        let more_places = if places.len() > MOST_PLACES { places.len() - PLACES } else { 0 };
        let shown = places.iter().take(places.len() - more_places).map(String::as_str).collect();
        // Who comes to everything is never told below alone.
        let is_master = !line.rank.0;
        let is_short = line.details.iter().map(String::len).sum::<usize>() <= DETAILS;
        let details = if is_master || is_short { line.details.as_slice() } else { &[] };
        let is_whole = more_places == 0 && details.len() == line.details.len();
        Self { places: shown, more_places, details, is_whole }
    }
}

fn of_line(of: &(Line, Vec<String>)) -> String {
    let (line, _) = of;
    let Cells { places, more_places, details, is_whole: _ } = Cells::of(of);
    let mut place: Vec<String> = places.into_iter().map(escape::cell).collect();
    place.extend((more_places > 0).then(|| format!("and {more_places} more (below)")));
    let mut via: Vec<String> = (!line.via.is_empty()).then(|| escape::cell(&line.via)).into_iter().collect();
    via.extend(details.iter().map(|detail| escape::cell(detail)));
    via.extend((details.len() < line.details.len()).then(|| "(more below)".to_owned()));
    let [who, before, after] = [&line.who, &line.before, &line.after].map(|cell| match cell.as_str() {
        "-" | "" => cell.clone(),
        words => escape::cell(words),
    });
    row(&[format!("`{}`", sign(line)), who, place.join("<br>"), before, after, via.join("<br>")])
}

fn item_of_line([_, _, _, before, after, via]: Header, (line, places): &(Line, Vec<String>)) -> String {
    let told = [(before, &line.before), (after, &line.after), (via, &line.via)];
    let told = told.into_iter().filter(|(_, words)| !words.is_empty());
    let mut details: Vec<String> = told.map(|(term, words)| format!("{term}: {}", escape::prose(words))).collect();
    details.extend(line.details.iter().map(|detail| escape::prose(detail)));
    let more = if places.len() > PLACES_IN_FULL { "; `--output json` lists each" } else { "" };
    details.push(escape::prose(&format!("in {}{more}", first_few(places, PLACES_IN_FULL))));
    super::item(table::mark(line.rank), &line.who, None, &details)
}

fn sign(line: &Line) -> &'static str {
    table::mark(line.rank).sign().unwrap_or(" ")
}
