//! What a client asks that is not rolecall, and the answers that real API servers and the sandbox both give, word for word.
//!
//! Each conversation gives back a transcript. `tests/real` holds it with both servers and compares what they said; what the
//! real one said is recorded in `tests/suite/recorded`, and `tests/sandbox` holds the sandbox to that.

pub(crate) mod aggregation;
pub(crate) mod agreement;
pub(crate) mod apply;
pub(crate) mod authorizer;
mod dice;
pub(crate) mod escalation;
pub(crate) mod impersonation;
pub(crate) mod leases;
pub(crate) mod lists;
pub(crate) mod objects;
pub(crate) mod preconditions;
mod script;
pub(crate) mod worlds;

pub(crate) use script::{Server, Transcript};

/// Holds a transcript to what the real API server said. A run against that one records it anew with `INSTA_UPDATE=always`.
pub(crate) fn recorded(name: &str, transcript: &Transcript) {
    insta::with_settings!({
        snapshot_path => "../recorded",
        prepend_module_to_snapshot => false,
        omit_expression => true,
    }, {
        insta::assert_snapshot!(name, transcript);
    });
}
