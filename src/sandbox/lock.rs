//! One process at a time in a sandbox's folder.

use std::fs::TryLockError;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::Path;

/// The name of the lock in a sandbox's folder.
pub(crate) const FILE: &str = "lock";

/// Held until it is dropped; the operating system lets go of it when the process dies.
#[derive(Debug)]
pub(crate) struct Lock {
    _file: std::fs::File,
}

/// What came of trying.
#[derive(Debug)]
pub(crate) enum Attempt {
    Held(Lock),
    /// Somebody else has it: the process id, when the file says one.
    Taken(Option<u32>),
}

pub(crate) fn take(folder: &Path) -> io::Result<Attempt> {
    let file =
        fs_err::OpenOptions::new().create(true).read(true).write(true).truncate(false).open(folder.join(FILE))?;
    let mut file = file.into_parts().0;
    match file.try_lock() {
        Ok(()) => {
            file.set_len(0)?;
            file.rewind()?;
            writeln!(file, "{}", std::process::id())?;
            Ok(Attempt::Held(Lock { _file: file }))
        }
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            file.read_to_string(&mut text)?;
            Ok(Attempt::Taken(text.trim().parse().ok()))
        }
        Err(TryLockError::Error(error)) => Err(error),
    }
}
