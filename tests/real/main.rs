//! Tests against real components, which `tests/run` starts. `cargo test` alone leaves them out, and says so.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::print_stderr, reason = "a test fails by panicking")]
#![allow(clippy::disallowed_methods, reason = "`tests/run` says by its environment where the real components are")]

/// The value of a variable that `tests/run` sets.
macro_rules! real {
    ($variable:literal) => {
        crate::part($variable)
    };
}

#[macro_use]
#[path = "../suite/cases.rs"]
mod cases;

mod agreement;
#[path = "../suite/answers/mod.rs"]
mod answers;
mod azure_cli;
mod builtin_roles;
mod company;
#[path = "../suite/folder.rs"]
mod folder;
#[allow(dead_code, reason = "those who kill look at more of it")]
#[path = "../kills/gate.rs"]
mod gate;
mod graph_clients;
mod kubernetes;
mod preflight;
mod served;
#[path = "../suite/sandbox.rs"]
mod servers;
#[path = "../suite/kubernetes.rs"]
mod suite;
#[path = "../suite/summary.rs"]
mod summary;
mod table;
#[path = "../suite/takeover.rs"]
mod takeover;
#[path = "../suite/together.rs"]
mod together;
mod verify;

/// Where a part is. A part that is missing is a failure: nothing here may pass without it.
fn part(variable: &str) -> String {
    assert!(std::env::var("ROLECALL_REAL").as_deref() == Ok("1"), "the real components are not there: run tests/run");
    std::env::var(variable).unwrap_or_else(|_| panic!("ROLECALL_REAL=1, but {variable} is not set: run tests/run"))
}
