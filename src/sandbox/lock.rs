//! One process at a time in a sandbox's folder.

use std::fs::TryLockError;
use std::io::{self, Read as _, Seek as _, Write as _};
use std::path::Path;

/// The name of the lock in a sandbox's folder.
pub(crate) const FILE: &str = "lock";

/// Held until it is dropped; the operating system lets go of it when the process dies.
#[derive(Debug)]
pub(crate) struct Lock {
    file: std::fs::File,
}

impl Drop for Lock {
    /// Closing alone would not do: a program that is just being started has the file, too, until it runs.
    fn drop(&mut self) {
        // It goes with the process in any case.
        let _ = self.file.unlock();
    }
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
            Ok(Attempt::Held(Lock { file }))
        }
        Err(TryLockError::WouldBlock) => {
            let mut text = String::new();
            file.read_to_string(&mut text)?;
            Ok(Attempt::Taken(text.trim().parse().ok()))
        }
        Err(TryLockError::Error(error)) => Err(error),
    }
}
