//! The Entra provider against the sandbox's Graph, over HTTPS as against the real one.

#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

mod audit;
mod credentials;
mod faults;
mod reading;
mod requests;
mod resets;
mod rounds;
mod sources;
mod stage;
#[path = "../suite/summary.rs"]
mod summary;
mod throttling;
mod world;
mod writing;
