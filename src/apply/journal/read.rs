//! Reading a journal back: strict about what it says, tolerant only of an end that was cut off.

use std::io::{self, BufRead, Read as _};
use std::path::Path;

use fs_err as fs;

use super::line::{HeaderV1, StepV1, SummaryV1};

/// The longest line that is read, in bytes. Those we write are shorter by far.
const LONGEST_LINE: u64 = 1 << 20;
/// The longest journal that is read, in bytes.
const LONGEST_JOURNAL: u64 = 1 << 30;

/// What a journal says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Who applied what.
    pub header: HeaderV1,
    /// What happened, in order, without the summary.
    pub steps: Vec<StepV1>,
    /// The counts; `None` when the run was killed.
    pub summary: Option<SummaryV1>,
    /// Whether the last line was cut off while it was written. It is left out then.
    pub cut: bool,
}

/// A journal that cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The file cannot be read.
    #[error("cannot read the journal: {0}")]
    Unreadable(#[from] io::Error),
    /// It has no complete first line.
    #[error("this is no journal: it has no complete first line")]
    NoHeader,
    /// A line is too long.
    #[error("line {line} of the journal is longer than {LONGEST_LINE} bytes")]
    TooLong {
        /// Which, from 1.
        line: usize,
    },
    /// There is more than a run can have written.
    #[error("the journal is larger than {LONGEST_JOURNAL} bytes")]
    TooLarge,
    /// A line is not one of a journal.
    #[error("line {line} of the journal cannot be understood: {problem}")]
    Malformed {
        /// Which, from 1.
        line: usize,
        /// Why.
        problem: String,
    },
}

/// Reads a journal from a file.
pub fn read(path: &Path) -> Result<Record, ReadError> {
    parse(io::BufReader::new(fs::File::open(path)?))
}

/// Reads a journal.
pub fn parse(mut input: impl BufRead) -> Result<Record, ReadError> {
    let mut number = 0;
    let mut total = 0;
    let mut cut = false;
    let mut next = || -> Result<Option<(usize, Vec<u8>)>, ReadError> {
        let mut line = Vec::new();
        let length = (&mut input).take(LONGEST_LINE + 1).read_until(b'\n', &mut line)?;
        number += 1;
        total += length as u64;
        if total > LONGEST_JOURNAL {
            return Err(ReadError::TooLarge);
        }
        if line.last() == Some(&b'\n') {
            line.pop();
            return Ok(Some((number, line)));
        }
        if length as u64 > LONGEST_LINE {
            return Err(ReadError::TooLong { line: number });
        }
        cut = length > 0;
        Ok(None)
    };
    let Some((line, text)) = next()? else { return Err(ReadError::NoHeader) };
    let header = understand(line, &text)?;
    let mut steps = Vec::new();
    let mut summary = None;
    while let Some((line, text)) = next()? {
        if summary.is_some() {
            return Err(ReadError::Malformed { line, problem: "it stands behind the summary".to_owned() });
        }
        match understand(line, &text)? {
            StepV1::Summary(counts) => summary = Some(counts),
            step @ (StepV1::Begin { .. } | StepV1::End { .. }) => steps.push(step),
        }
    }
    Ok(Record { header, steps, summary, cut })
}

fn understand<'a, T: serde::Deserialize<'a>>(line: usize, text: &'a [u8]) -> Result<T, ReadError> {
    serde_json::from_slice(text).map_err(|error| {
        // The reader counts lines within what it was given, which is one line.
        let problem = error.to_string();
        let problem = problem.rsplit_once(" at line ").map_or(problem.as_str(), |(problem, _)| problem);
        ReadError::Malformed { line, problem: problem.to_owned() }
    })
}
