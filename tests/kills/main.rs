//! The kill matrix: `apply` is killed at every request, before and after its work, and run again.
#![allow(clippy::disallowed_methods, reason = "`tests/run` says by its environment where the real components are")]
#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

#[path = "../suite/folder.rs"]
mod folder;
mod gate;
#[cfg(unix)]
mod held;
mod interrupted;
mod lock;
mod matrix;
mod place;
mod process;
mod real;
mod record;
mod scenario;
mod state;
#[path = "../suite/summary.rs"]
mod summary;

use self::scenario::Scenario;

#[test]
fn whenever_apply_is_killed_running_it_again_ends_in_the_same_state() {
    let lines: Vec<String> = Scenario::all().iter().map(matrix::run).collect();
    summary::leave("4-kills", &lines.join("\n"));
}

#[test]
fn a_killed_apply_converges_as_well_while_reads_are_behind() {
    summary::leave("4-kills-behind", &matrix::run(&scenario::company_in_use()));
}
