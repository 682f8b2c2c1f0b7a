//! The lines of a file that a finding points at, as miette draws them.

use std::fmt;

use miette::{LabeledSpan, MietteError, MietteSpanContents, SourceCode, SourceSpan, SpanContents};

use super::{MAX_EXCERPT, whole_lines};
use crate::diagnostics::{Label, SourceFile};
use crate::report::escape::{self, in_place, pieces_in_place};

/// The lines of one file that the labels of one finding point at, as miette wants them.
#[derive(Debug)]
pub(super) struct Snippet {
    source: Source,
    labels: Vec<LabeledSpan>,
}

impl Snippet {
    /// `None` when there is no line to show, or too much of it.
    pub(super) fn new(source: &SourceFile, labels: &[&Label]) -> Option<Self> {
        let start = labels.iter().map(|label| label.span.start).min()?;
        let end = labels.iter().map(|label| label.span.end.max(label.span.start)).max()?;
        let shown = whole_lines(source, start, end);
        let excerpt = source.text.get(shown.clone())?;
        if source.text.is_empty() || excerpt.len() > MAX_EXCERPT {
            return None;
        }
        let mut text = in_place(excerpt);
        if labels.iter().any(|label| label.span.start >= shown.end) {
            // A label behind the last character needs something to stand under.
            text.push(' ');
        }
        // What is not shown as it is takes another number of bytes, so that places move.
        let moved = |byte: usize| {
            let before = pieces_in_place(excerpt).take_while(|(at, _)| shown.start + at < byte);
            before.map(|(_, character)| character.len_utf8()).sum::<usize>()
        };
        let label = |(at, label): (usize, &&Label)| {
            let (start, end) = (moved(label.span.start), moved(label.span.end));
            let words = Some(escape::line(&label.text));
            let length = if start + 1 == text.len() { 1 } else { end.saturating_sub(start) };
            if at == 0 {
                LabeledSpan::new_primary_with_span(words, (start, length))
            } else {
                LabeledSpan::new(words, start, length)
            }
        };
        let labels = labels.iter().enumerate().map(label).collect();
        let first_line = source.position(shown.start).0.saturating_sub(1) as usize;
        Some(Self { labels, source: Source { path: escape::line(&source.path), text, first_line } })
    }
}

/// Some lines of a file, shown whole and without their neighbours; miette's own sources show either the bytes of a label
/// or neighbours too, and count columns in bytes.
#[derive(Debug)]
struct Source {
    path: String,
    text: String,
    /// The first line's number, from 0.
    first_line: usize,
}

impl SourceCode for Source {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        context_before: usize,
        _context_after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let (start, end) = (span.offset(), span.offset() + span.len());
        let (Some(before), Some(inside), Some(after)) =
            (self.text.get(..start), self.text.get(start..end), self.text.get(end..))
        else {
            return Err(MietteError::OutOfBounds);
        };
        let line = self.first_line + before.matches('\n').count();
        let line_start = before.rfind('\n').map_or(0, |at| at + 1);
        let name = self.path.clone();
        // Without context it asks for the position of a label alone.
        if context_before == 0 {
            let column = self.text.get(line_start..start).map_or(0, |text| text.chars().count());
            let contents = MietteSpanContents::new_named(name, inside.as_bytes(), *span, line, column, 1);
            return Ok(Box::new(contents));
        }
        let line_end = end + after.find('\n').unwrap_or(after.len());
        let shown = self.text.get(line_start..line_end).unwrap_or_default();
        let whole = SourceSpan::new(line_start.into(), shown.len());
        let count = shown.matches('\n').count() + 1;
        Ok(Box::new(MietteSpanContents::new_named(name, shown.as_bytes(), whole, line, 0, count)))
    }
}

impl fmt::Display for Snippet {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(".")
    }
}
impl std::error::Error for Snippet {}
impl miette::Diagnostic for Snippet {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(&self.source)
    }
    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }
}
