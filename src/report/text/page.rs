//! A page of text: rows with a sign in front, a place in the files at the right, and words wrapped to the width.

use std::fmt::Write as _;

use anstyle::{AnsiColor, Style};
use unicode_width::UnicodeWidthStr as _;

use super::Layout;
use crate::report::escape;
use crate::state::Sign;

/// At this width and below there is no room for long terms beside what is said about them.
const NARROW: usize = 80;
/// The longest term that leaves room beside it on a narrow screen.
const SHORT_TERM: usize = 12;
/// The least room in which words are wrapped beside something else.
const LEAST_ROOM: usize = 40;
/// The longest text that is put in the right column.
const LONGEST_RIGHT: usize = 60;

/// What stands in front of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::report) enum Mark {
    None,
    Sign(Sign),
    /// `+`: it is as it should be.
    Fine,
    /// `!`: somebody must decide.
    Decide,
    /// `=`: it has no effect.
    Same,
    /// `?`: nobody knows.
    Unknown,
}

impl Mark {
    /// The sign, where there is one.
    pub(in crate::report) fn sign(self) -> Option<&'static str> {
        self.text().map(|(sign, _)| sign)
    }

    fn text(self) -> Option<(&'static str, Style)> {
        match self {
            Self::None => None,
            Self::Sign(Sign::Add) | Self::Fine => Some(("+", AnsiColor::Green.on_default())),
            Self::Sign(Sign::Change) => Some(("~", AnsiColor::Yellow.on_default())),
            Self::Sign(Sign::Remove) => Some(("-", AnsiColor::Red.on_default())),
            Self::Decide => Some(("!", AnsiColor::Red.on_default().bold())),
            Self::Same => Some(("=", Style::new())),
            Self::Unknown => Some(("?", AnsiColor::Yellow.on_default().bold())),
        }
    }
}

/// One row of a page.
struct Row {
    indent: usize,
    mark: Mark,
    text: String,
    right: Option<String>,
    /// How far a second line is indented; `None` keeps the row on one line, however long.
    hanging: Option<usize>,
}

/// Collects rows and lays them out. All text is made harmless here, whatever its origin.
pub(in crate::report) struct Page {
    layout: Layout,
    rows: Vec<Row>,
    /// Every sign stands in the first column, however far its row is indented, and nothing else does.
    signs_first: bool,
}

impl Page {
    pub(super) fn new(layout: Layout) -> Self {
        Self { layout, rows: Vec::new(), signs_first: false }
    }

    /// A page for whoever reads signs in the first column, as of a `diff`.
    pub(in crate::report) fn signs_first(width: usize) -> Self {
        Self { signs_first: true, ..Self::new(Layout { width, colour: false }) }
    }

    /// The width in columns.
    pub(super) fn width(&self) -> usize {
        self.layout.width
    }

    pub(super) fn is_narrow(&self) -> bool {
        self.layout.width <= NARROW
    }

    /// An empty line, to begin a new part; nothing at the top of the page or after another one.
    pub(super) fn gap(&mut self) {
        if self.rows.last().is_some_and(|row| !row.text.is_empty()) {
            self.push(0, Mark::None, "", None, None);
        }
    }

    /// A row with a mark, and the place in the files that it comes from.
    pub(super) fn marked(&mut self, indent: usize, mark: Mark, text: &str, right: Option<String>) {
        self.push(indent, mark, text, right, Some(indent + 6));
    }

    /// A row with a mark whose further lines stand below its first letter.
    pub(super) fn item(&mut self, mark: Mark, text: &str) {
        self.push(0, mark, text, None, Some(2));
    }

    /// Words, wrapped.
    pub(super) fn words(&mut self, indent: usize, text: &str) {
        self.push(indent, Mark::None, text, None, Some(indent));
    }

    /// Something about the row above, wrapped.
    pub(super) fn detail(&mut self, indent: usize, text: &str) {
        self.push(indent, Mark::None, text, None, Some(indent + 4));
    }

    /// A row that is never wrapped, because somebody will copy it.
    pub(super) fn verbatim(&mut self, indent: usize, text: &str) {
        self.push(indent, Mark::None, text, None, None);
    }

    /// A term and what is said about it: side by side where there is room, else the second below the first.
    pub(super) fn described(&mut self, indent: usize, term: &str, term_width: usize, text: &str) {
        if self.is_narrow() && term_width > SHORT_TERM {
            self.words(indent, term);
            self.words(indent + 4, text);
        } else {
            let padding = " ".repeat(term_width.saturating_sub(term.width()) + 2);
            let start = indent + term_width.max(term.width()) + 2;
            self.push(indent, Mark::None, &format!("{term}{padding}{text}"), None, Some(start));
        }
    }

    /// A row with something said about it from a column on, or below it where it is too long.
    pub(super) fn aligned(&mut self, mark: Mark, text: &str, column: usize, said: &str) {
        let text = escape::line(text);
        let end = text.width() + 4;
        let room = self.layout.width.saturating_sub(column);
        if end <= column && (said.width() <= room || room >= LEAST_ROOM) {
            let padding = " ".repeat(column - end + 2);
            self.push(0, mark, &format!("{text}{padding}{said}"), None, Some(column));
        } else if end + said.width() <= self.layout.width {
            self.verbatim_marked(mark, &format!("{text}  {said}"));
        } else {
            self.verbatim_marked(mark, &text);
            self.words(4, said);
        }
    }

    /// A row with a mark that is never wrapped.
    pub(super) fn verbatim_marked(&mut self, mark: Mark, text: &str) {
        self.push(0, mark, text, None, None);
    }

    /// Items in as many columns as fit, row by row.
    pub(super) fn columns(&mut self, indent: usize, items: &[String]) {
        let items: Vec<String> = items.iter().map(|item| escape::line(item)).collect();
        let widest = items.iter().map(|item| item.width()).max().unwrap_or(0);
        let fitting = (self.layout.width.saturating_sub(indent) + 2) / (widest + 2);
        for row in items.chunks(fitting.max(1)) {
            let mut text = String::new();
            for (at, item) in row.iter().enumerate() {
                text.push_str(item);
                if at + 1 < row.len() {
                    text.push_str(&" ".repeat(widest - item.width() + 2));
                }
            }
            self.verbatim(indent, &text);
        }
    }

    fn push(&mut self, indent: usize, mark: Mark, text: &str, right: Option<String>, hanging: Option<usize>) {
        let right = right.map(|right| escape::line(&right));
        self.rows.push(Row { indent, mark, text: escape::line(text), right, hanging });
    }

    /// The page as text, with a line break at the end.
    pub(in crate::report) fn render(&self) -> String {
        let column = self.right_column();
        let mut text = String::new();
        for row in &self.rows {
            self.render_row(row, column, &mut text);
        }
        text
    }

    /// Where the right column starts: just behind the longest row that leaves room for the longest place.
    fn right_column(&self) -> Option<usize> {
        let fitting = || {
            self.rows.iter().filter_map(|row| {
                let right = row.right.as_ref()?.width();
                (right <= self.longest_right()).then(|| (self.end(row) + 2, right))
            })
        };
        let widest = fitting().map(|(_, right)| right).max()?;
        let last = self.layout.width.saturating_sub(widest);
        fitting().map(|(end, _)| end).filter(|end| *end <= last).max()
    }

    fn longest_right(&self) -> usize {
        LONGEST_RIGHT.min(self.layout.width / 2)
    }

    /// How far a place stands behind its row: in the column, or right behind where the row is too long for that. Nothing
    /// where it must go below. One long row moves no other.
    fn padding(&self, row: &Row, right: &str, column: Option<usize>) -> Option<usize> {
        let end = self.end(row) + 2;
        let column = column.filter(|column| end <= *column && right.width() <= self.longest_right());
        let start = column.unwrap_or(end);
        (start + right.width() <= self.layout.width).then(|| start - self.end(row))
    }

    fn render_row(&self, row: &Row, column: Option<usize>, out: &mut String) {
        let mut lines = match row.hanging {
            Some(hanging) => wrap(&row.text, self.layout.width, self.start(row), hanging),
            None => vec![row.text.clone()],
        };
        let first = if self.signs_first { 2 } else { 0 };
        let mut below = None;
        if let Some(right) = &row.right {
            match self.padding(row, right, column).filter(|_| lines.len() == 1) {
                Some(padding) => lines = vec![format!("{}{}{right}", row.text, " ".repeat(padding))],
                None => below = Some(right),
            }
        }
        for (at, line) in lines.iter().enumerate() {
            if at > 0 {
                out.push_str(&" ".repeat(first + row.hanging.unwrap_or(0)));
            } else if self.signs_first {
                out.push_str(row.mark.sign().unwrap_or(" "));
                out.push_str(&" ".repeat(1 + row.indent));
            } else {
                out.push_str(&" ".repeat(row.indent));
                if let Some((sign, style)) = row.mark.text() {
                    self.paint(sign, style, out);
                    out.push(' ');
                }
            }
            out.push_str(line);
            out.push('\n');
        }
        if let Some(right) = below {
            let indent = self.start(row) + 2;
            for line in wrap(right, self.layout.width, indent, indent) {
                out.push_str(&" ".repeat(indent));
                out.push_str(&line);
                out.push('\n');
            }
        }
    }

    /// The column of a row's first letter.
    fn start(&self, row: &Row) -> usize {
        row.indent + if row.mark == Mark::None && !self.signs_first { 0 } else { 2 }
    }

    /// The column behind a row's last letter, on one line.
    fn end(&self, row: &Row) -> usize {
        self.start(row) + row.text.width()
    }

    fn paint(&self, text: &str, style: Style, out: &mut String) {
        // Writing to a string cannot fail.
        let _ = if self.layout.colour { write!(out, "{style}{text}{style:#}") } else { write!(out, "{text}") };
    }
}

/// Breaks text at spaces. A word that is longer than a line stays whole. Spaces that fall on no break are kept.
pub(super) fn wrap(text: &str, width: usize, first: usize, hanging: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    let mut used = first;
    for piece in text.split_inclusive(' ') {
        let word = piece.trim_end_matches(' ');
        if !line.trim().is_empty() && used + word.width() > width {
            lines.push(line.trim_end().to_owned());
            line = String::new();
            used = hanging;
        }
        line.push_str(piece);
        used += piece.width();
    }
    lines.push(line.trim_end().to_owned());
    lines
}
