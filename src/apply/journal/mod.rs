//! What a run did, line by line, written before and after every change.
//!
//! A journal is a file of JSON Lines. The first line says who applies what; then every change that is handed to a
//! provider has a `begin` line, which is on disk before the provider sees it, and an `end` line with its outcome. The
//! last line counts. A change with a `begin` and no `end` was in flight when the run was killed: it may or may not have
//! been written, and the next plan tells. The format is published as `schema/journal.schema.json`.

mod line;
mod read;
mod write;

pub use line::{
    AddedV1, FailureV1, FormatV1, HeaderV1, IdentitiesV1, KnownV1, LineV1, OutcomeV1, SignV1, StepV1, StoppedV1,
    SummaryV1, journal_schema,
};
pub use read::{ReadError, Record, parse, read};
pub use write::{Header, Identities, Journal, JournalError, check_path, default_path, link_on_the_way};

#[cfg(test)]
pub(super) use write::Sink;

#[cfg(test)]
mod tests;
