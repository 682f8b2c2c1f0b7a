//! Tests against real components, which `tests/run` starts. Without it each of them says that it was left out.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "`tests/run` says by its environment where the real components are")]

/// The value of a variable that `tests/run` sets; leaves the test when no real components are asked for.
macro_rules! real {
    ($variable:literal) => {
        match crate::part($variable) {
            Some(value) => value,
            None => {
                eprintln!("skipped: needs the real control plane, run tests/run");
                return;
            }
        }
    };
}

mod azure_cli;
mod company;
mod kubernetes;
mod served;
#[path = "../suite/kubernetes.rs"]
mod suite;

/// `None` when no real components are asked for; a panic when they are and this one is missing.
fn part(variable: &str) -> Option<String> {
    (std::env::var("ROLECALL_REAL").as_deref() == Ok("1")).then(|| {
        std::env::var(variable).unwrap_or_else(|_| panic!("ROLECALL_REAL=1, but {variable} is not set: run tests/run"))
    })
}
