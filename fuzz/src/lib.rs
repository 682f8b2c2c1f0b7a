//! The bodies of the targets, which `tests/fuzz` runs too.

#[path = "../../tests/fuzz/bodies/mod.rs"]
#[allow(clippy::expect_used, reason = "a target fails by panicking")]
mod bodies;

/// Runs one target by its name.
pub fn run(name: &str, input: &[u8]) {
    bodies::run(name, input);
}
