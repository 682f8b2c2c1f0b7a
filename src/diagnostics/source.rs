//! The text of every access file, and values that remember where they stood in it.

use std::cmp::Ordering;
use std::sync::Arc;

use crate::state::Origin;

/// A file of a [`SourceMap`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct FileId(usize);

/// A range of bytes of one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Span {
    /// The file.
    pub file: FileId,
    /// The first byte.
    pub start: usize,
    /// The byte after the last.
    pub end: usize,
}

/// A value and the place where it was written. Compares by value alone.
#[derive(Clone, Copy, Debug)]
pub struct Located<T> {
    /// The value.
    pub value: T,
    /// Where it was written.
    pub span: Span,
}

impl<T> Located<T> {
    /// A value at a place.
    pub fn new(value: T, span: Span) -> Self {
        Self { value, span }
    }

    /// The same place with another value.
    pub fn map<U>(self, function: impl FnOnce(T) -> U) -> Located<U> {
        Located { value: function(self.value), span: self.span }
    }
}

impl<T: PartialEq> PartialEq for Located<T> {
    fn eq(&self, other: &Self) -> bool {
        self.value == other.value
    }
}
impl<T: Eq> Eq for Located<T> {}
impl<T: PartialOrd> PartialOrd for Located<T> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        self.value.partial_cmp(&other.value)
    }
}
impl<T: Ord> Ord for Located<T> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.value.cmp(&other.value)
    }
}

/// One access file as it was read.
#[derive(Clone, Debug)]
pub struct SourceFile {
    /// Its path relative to the config's folder, with `/`.
    pub path: Arc<str>,
    /// Its text.
    pub text: String,
    /// The byte at which each line starts.
    line_starts: Vec<usize>,
    /// What stands before each block: a file may be one long line, and thousands of places may be asked for.
    before_block: Vec<Length>,
}

/// How long a text is.
#[derive(Clone, Copy, Debug, Default)]
struct Length {
    characters: usize,
    /// Code units of UTF-16.
    units: usize,
}

impl Length {
    /// Of what starts in these bytes.
    fn of(bytes: &[u8]) -> Self {
        let starts = bytes.iter().filter(|byte| **byte & 0b1100_0000 != 0b1000_0000).count();
        // A character of four bytes is two units.
        Self { characters: starts, units: starts + bytes.iter().filter(|byte| **byte >= 0b1111_0000).count() }
    }

    fn and(self, other: Self) -> Self {
        Self { characters: self.characters + other.characters, units: self.units + other.units }
    }
}

/// The bytes of a block.
const BLOCK: usize = 1024;

impl SourceFile {
    /// The line and column (both from 1, the column in characters) of a byte.
    pub fn position(&self, byte: usize) -> (u32, u32) {
        self.position_by(byte, |length| length.characters)
    }

    /// The same with the column in code units of UTF-16, as editors and code scanning count.
    pub fn position_in_utf16(&self, byte: usize) -> (u32, u32) {
        self.position_by(byte, |length| length.units)
    }

    fn position_by(&self, byte: usize, counted: impl Fn(Length) -> usize) -> (u32, u32) {
        let column = counted(self.before(byte)) - counted(self.before(self.line_start(byte))) + 1;
        let number = |count| u32::try_from(count).unwrap_or(u32::MAX);
        (number(self.line(byte)), number(column))
    }

    /// Where the line of a byte starts.
    pub fn line_start(&self, byte: usize) -> usize {
        self.line_starts.get(self.line(byte) - 1).copied().unwrap_or(0)
    }

    fn before(&self, byte: usize) -> Length {
        let byte = byte.min(self.text.len());
        let block = byte / BLOCK;
        let rest = self.text.as_bytes().get(block * BLOCK..byte).unwrap_or_default();
        self.before_block.get(block).copied().unwrap_or_default().and(Length::of(rest))
    }

    /// The line of a byte, from 1.
    fn line(&self, byte: usize) -> usize {
        self.line_starts.partition_point(|start| *start <= byte).max(1)
    }
}

/// All files of a config, in the order in which they were added.
#[derive(Clone, Debug, Default)]
pub struct SourceMap {
    files: Vec<SourceFile>,
}

impl SourceMap {
    /// Adds a file and gives its id.
    pub fn add(&mut self, path: impl Into<Arc<str>>, text: impl Into<String>) -> FileId {
        let text = text.into();
        let line_starts = std::iter::once(0)
            .chain(text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at + 1))
            .collect();
        let mut before_block = vec![Length::default()];
        for block in text.as_bytes().chunks(BLOCK) {
            before_block.push(before_block.last().copied().unwrap_or_default().and(Length::of(block)));
        }
        self.files.push(SourceFile { path: path.into(), text, line_starts, before_block });
        FileId(self.files.len() - 1)
    }

    /// A file that was added to this map.
    ///
    /// Ids are only made by [`SourceMap::add`], so `None` means an id of another map.
    pub fn get(&self, file: FileId) -> Option<&SourceFile> {
        self.files.get(file.0)
    }

    /// Every file with its id.
    pub fn iter(&self) -> impl Iterator<Item = (FileId, &SourceFile)> {
        self.files.iter().enumerate().map(|(at, file)| (FileId(at), file))
    }

    /// The file and line of a span.
    pub fn origin(&self, span: Span) -> Origin {
        self.get(span.file).map_or_else(
            || Origin { file: Arc::from(""), line: 0 },
            |file| Origin {
                file: Arc::clone(&file.path),
                line: u32::try_from(file.line(span.start)).unwrap_or(u32::MAX),
            },
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_count_lines_and_characters_from_one() {
        let mut sources = SourceMap::default();
        let file = sources.add("teams/a.yaml", "ä: 1\nb: 2\n");
        let source = sources.get(file).expect("it was just added");
        assert_eq!(source.position(0), (1, 1));
        assert_eq!(source.position(2), (1, 2), "a two-byte character is one column");
        assert_eq!(source.position(6), (2, 1));
        assert_eq!(source.position(999), (3, 1), "past the end is the end");
        assert_eq!(sources.origin(Span { file, start: 6, end: 7 }).to_string(), "teams/a.yaml:2");
    }

    #[test]
    fn positions_are_right_in_lines_of_many_blocks() {
        let mut sources = SourceMap::default();
        let text = format!("{}\n{}", "aé東🔑".repeat(1000), "é".repeat(3000));
        let file = sources.add("a.yaml", text.clone());
        let source = sources.get(file).expect("it was just added");
        for (at, _) in text.char_indices().step_by(7) {
            let before = text.get(source.line_start(at)..at).expect("a line starts with a character");
            assert_eq!(source.position(at).1 as usize, before.chars().count() + 1, "byte {at}");
            assert_eq!(source.position_in_utf16(at).1 as usize, before.encode_utf16().count() + 1, "byte {at}");
        }
    }
}
