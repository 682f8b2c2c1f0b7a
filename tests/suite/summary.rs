//! What a test leaves for the summary that `tests/run` prints at its end.
#![allow(clippy::disallowed_methods, reason = "`tests/run` says by its environment where the summary goes")]

use std::path::Path;

/// Leaves a few lines under a name; the summary prints them in the order of the names. Without `tests/run` it does nothing.
pub(crate) fn leave(name: &str, lines: &str) {
    if let Some(folder) = std::env::var_os("ROLECALL_SUMMARY") {
        fs_err::write(Path::new(&folder).join(name), format!("{}\n", lines.trim_end())).unwrap();
    }
}
