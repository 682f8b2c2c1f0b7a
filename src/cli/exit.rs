//! Exit codes: what a script may rely on.

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// All is well.
    Fine = 0,
    /// An error, or a part that could not be read.
    Error = 1,
    /// Changes are pending, those included that the plan withholds (`plan --detailed-exitcode`; `apply`, when those are all that
    /// is left).
    Pending = 2,
    /// A guard refused; nothing was written.
    Refused = 3,
    /// Something was written, but not everything: what was withheld counts as missing.
    Partial = 4,
    /// Nothing was written: what was approved no longer holds.
    Stale = 5,
    /// An expectation of the access files fails. One that was broken before, through no change of the plan, stops nothing: `apply`
    /// has written then, and says what.
    Expectation = 6,
    /// Lint rules found something (`lint`).
    Lint = 7,
    /// The command line could not be understood.
    Usage = 64,
    /// Interrupted; nothing was written.
    Interrupted = 130,
}

impl Exit {
    /// The number given to the operating system.
    pub fn code(self) -> u8 {
        self as u8
    }
}

/// The table for `--help`.
pub(super) const HELP: &str = "\
Exit codes:
  0    fine
  1    error, or a part could not be read (unless named in --allow-unreachable)
  2    changes are pending (plan --detailed-exitcode, drift) or withheld (apply, too)
  3    a guard refused; nothing was written
  4    something was written, but not everything (a part withheld counts)
  5    nothing was written: what was approved no longer holds
  6    an expectation fails (validate, plan, verify, apply; apply says what was written)
  7    lint rules found something that is more than a note (lint)
  64   usage
  130  interrupted; nothing was written";
