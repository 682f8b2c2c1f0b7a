//! The lines in columns.

use unicode_width::UnicodeWidthStr as _;

use super::super::page::{Mark, Page};
use super::super::words::count;
use super::lines::Line;
use crate::access::difference::AccessEffect;
use crate::state::{Sign, first_few};

/// Places that take no more room than this stand in the line; others below it.
const WIDEST_PLACES: usize = 32;
pub(in crate::report) const NAMED_PLACES: usize = 6;
/// Wider cells widen no column, and no column is narrower than [`NARROWEST`].
const WIDEST: usize = 38;
const NARROWEST: usize = 12;

type Cells = [String; 4];

/// The table, with what stands over the two columns of roles.
pub(super) fn table(page: &mut Page, lines: &[(Line, Vec<String>)], [before, after]: [&str; 2]) {
    if lines.is_empty() {
        return;
    }
    let header = ["who", "where", before, after].map(str::to_owned);
    let rows: Vec<Cells> = lines.iter().map(cells).collect();
    let widths = widths(rows.iter().chain([&header]), page.width());
    let table = 2 + widths.iter().sum::<usize>() + 2 * (widths.len() - 1);
    let room = page.width().saturating_sub(table + 2);
    // One long way sends no other below its line, as long as most stand beside.
    let fits = |line: &Line, row: &Cells| {
        line.via.width() <= room && row.iter().zip(widths).all(|(cell, width)| cell.width() <= width)
    };
    let fitting = lines.iter().zip(&rows).filter(|((line, _), row)| fits(line, row)).count();
    let has_column = fitting * 2 > lines.len();
    let header = padded(&header, widths);
    page.words(2, (if has_column { format!("{header}  via") } else { header }).trim_end());
    for ((line, places), cells) in lines.iter().zip(rows) {
        let beside = has_column && fits(line, &cells);
        let mark = mark(line.rank);
        let [who, rest @ ..] = &cells;
        if beside {
            page.marked(0, mark, format!("{}  {}", padded(&cells, widths), line.via).trim_end(), None);
        } else if who.width() <= widths[0] {
            page.marked(0, mark, padded(&cells, widths).trim_end(), None);
        } else {
            // One long name widens no column: it has a line of its own.
            page.marked(0, mark, who, None);
            let rest: Cells = [String::new(), rest[0].clone(), rest[1].clone(), rest[2].clone()];
            page.verbatim(2, padded(&rest, widths).trim_end());
        }
        if !beside {
            page.detail(4, &line.via);
        }
        for detail in &line.details {
            page.detail(4, detail);
        }
        if !stand_in_line(places) {
            let more = if places.len() > NAMED_PLACES { "; `--output json` lists each" } else { "" };
            page.detail(4, &format!("in {}{more}", first_few(places, NAMED_PLACES)));
        }
    }
}

fn cells((line, places): &(Line, Vec<String>)) -> Cells {
    let places = if stand_in_line(places) { places.join(", ") } else { count(places.len(), "place") };
    [line.who.clone(), places, line.before.clone(), line.after.clone()]
}

/// Whether the places stand in the line itself.
pub(in crate::report) fn stand_in_line(places: &[String]) -> bool {
    places.len() == 1 || places.join(", ").width() <= WIDEST_PLACES
}

/// As wide as their widest cell, as far as the page has room: names give way first.
fn widths<'c>(rows: impl Iterator<Item = &'c Cells>, page: usize) -> [usize; 4] {
    let mut widths = [0; 4];
    for row in rows {
        for (width, cell) in widths.iter_mut().zip(row) {
            if cell.width() <= WIDEST {
                *width = (*width).max(cell.width());
            }
        }
    }
    let table = 2 + widths.iter().sum::<usize>() + 2 * (widths.len() - 1);
    widths[0] = widths[0].saturating_sub(table.saturating_sub(page)).max(NARROWEST.min(widths[0]));
    widths
}

fn padded(cells: &Cells, widths: [usize; 4]) -> String {
    let cells = cells.iter().zip(widths).map(|(cell, width)| {
        let padding = " ".repeat(width.saturating_sub(cell.width()));
        format!("{cell}{padding}")
    });
    cells.collect::<Vec<_>>().join("  ")
}

/// The sign of a line.
pub(in crate::report) fn mark((is_plain, _, effect): (bool, bool, AccessEffect)) -> Mark {
    match (is_plain, effect) {
        (false, _) => Mark::Decide,
        (true, AccessEffect::Gains) => Mark::Sign(Sign::Add),
        (true, AccessEffect::Both) => Mark::Sign(Sign::Change),
        (true, AccessEffect::Loses) => Mark::Sign(Sign::Remove),
        (true, AccessEffect::Same) => Mark::Same,
    }
}
