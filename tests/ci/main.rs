//! What runs in CI systems: the rules that every workflow and pipeline of ours keeps, and the action on a runner of our own.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod files;
mod rules;
