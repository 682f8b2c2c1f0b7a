//! Tests against the embedded systems.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[macro_use]
#[path = "../suite/cases.rs"]
mod cases;

mod agreement;
#[path = "../suite/answers/mod.rs"]
mod answers;
mod faults;
mod kubernetes;
#[path = "../suite/sandbox.rs"]
mod servers;
#[path = "../suite/kubernetes.rs"]
mod suite;
mod throttling;
