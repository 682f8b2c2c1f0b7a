//! Journals, whole and cut off.

use rolecall::apply::journal::{LineV1, ReadError, Record, parse};
use rolecall::report::escape;

use super::is_harmless;

/// A journal up to this length is cut at every byte, a longer one at this many.
const CUTS: usize = 600;

pub(super) fn run(input: &[u8]) {
    let record = match parse(input) {
        Ok(record) => record,
        Err(error) => return is_harmless("why a journal is refused", &escape::message(&error.to_string())),
    };
    let text = lines(&record);
    let written = parse(text.as_bytes()).expect("what was written can be read");
    let whole = Record { cut: false, ..record.clone() };
    assert_eq!(written, whole, "it is another journal after it was written and read");

    let step = (input.len() / CUTS).max(1);
    for cut in (0..input.len()).step_by(step) {
        let start = &input[..cut];
        let complete = start.split(|byte| *byte == b'\n').count() - 1;
        match (complete, parse(start)) {
            (0, result) => assert!(matches!(result, Err(ReadError::NoHeader)), "cut at byte {cut}: {result:?}"),
            (_, Err(error)) => panic!("cut at byte {cut}, whole lines cannot be read any more: {error}"),
            (_, Ok(part)) => {
                assert_eq!(part.header, record.header);
                let steps = (complete - 1).min(record.steps.len());
                assert_eq!(part.steps, record.steps[..steps], "cut at byte {cut}");
                assert_eq!(part.summary, record.summary.clone().filter(|_| complete - 1 > record.steps.len()));
                assert_eq!(part.cut, !start.ends_with(b"\n"), "cut at byte {cut}");
            }
        }
    }
}

fn lines(record: &Record) -> String {
    let header = LineV1::Header(record.header.clone());
    let summary = record.summary.clone().map(rolecall::apply::journal::StepV1::Summary);
    let steps = record.steps.iter().cloned().chain(summary).map(LineV1::Step);
    let line = |line| serde_json::to_string(&line).expect("a line can be written") + "\n";
    std::iter::once(header).chain(steps).map(line).collect()
}
