//! Every fuzz target over its corpus and over generated input, on any toolchain. `docs/contributing/fuzzing.md` says how.
#![allow(
    clippy::disallowed_methods,
    reason = "`tests/run` says by its environment for how long, and a person what again"
)]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "../suite/summary.rs"]
mod summary;

mod bodies;
mod generate;
mod run;
