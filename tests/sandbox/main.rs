//! Tests against the embedded systems.
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "../suite/answers.rs"]
mod answers;
mod kubernetes;
#[path = "../suite/kubernetes.rs"]
mod suite;
