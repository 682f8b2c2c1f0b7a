//! State that survives the command: one JSON file for each simulated system, replaced atomically at every write.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// The state of one simulated system.
#[derive(Debug)]
pub struct Store<S> {
    file: Option<PathBuf>,
    state: Mutex<S>,
}

impl<S: Serialize + DeserializeOwned> Store<S> {
    /// Opens the state in `file`, or writes `initial` there when the file does not exist.
    ///
    /// # Errors
    /// When the file cannot be read or written, or holds something else.
    pub fn open(file: &Path, initial: impl FnOnce() -> S) -> io::Result<Self> {
        match Self::load(file)? {
            Some(store) => Ok(store),
            None => Self::create(file, initial()),
        }
    }

    /// The state in `file`, or `None` when the file does not exist.
    ///
    /// # Errors
    /// When the file cannot be read, or holds something else.
    pub fn load(file: &Path) -> io::Result<Option<Self>> {
        let bytes = match fs_err::read(file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let state = serde_json::from_slice(&bytes)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", file.display())))?;
        Ok(Some(Self { file: Some(file.to_owned()), state: Mutex::new(state) }))
    }

    /// Writes `state` to `file`, whatever was there.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn create(file: &Path, state: S) -> io::Result<Self> {
        replace(file, &state)?;
        Ok(Self { file: Some(file.to_owned()), state: Mutex::new(state) })
    }

    /// State that lives no longer than this value, for tests.
    pub fn in_memory(state: S) -> Self {
        Self { file: None, state: Mutex::new(state) }
    }

    /// Looks at the state.
    pub fn read<R>(&self, look: impl FnOnce(&S) -> R) -> R {
        look(&self.lock())
    }

    /// Changes the state; when this returns, the change is on disk.
    ///
    /// # Errors
    /// When the file cannot be replaced. The state in memory has changed all the same, and the next write tries again.
    pub fn write<R>(&self, change: impl FnOnce(&mut S) -> R) -> io::Result<R> {
        self.write_if(|state| (change(state), true))
    }

    /// The same for a change that may turn out to be none: `change` says whether it was one, and the file is left alone
    /// when it was not.
    ///
    /// # Errors
    /// As [`Store::write`].
    pub fn write_if<R>(&self, change: impl FnOnce(&mut S) -> (R, bool)) -> io::Result<R> {
        let mut state = self.lock();
        let (result, changed) = change(&mut state);
        if let Some(file) = self.file.as_ref().filter(|_| changed) {
            replace(file, &*state)?;
        }
        Ok(result)
    }

    // A panic while the lock was held can only come from a request handler; the state itself is plain data.
    fn lock(&self) -> MutexGuard<'_, S> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn replace(file: &Path, state: &impl Serialize) -> io::Result<()> {
    let folder = file.parent().unwrap_or(Path::new("."));
    let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
    serde_json::to_writer(io::BufWriter::new(&mut temporary), state)?;
    temporary.persist(file).map_err(|error| error.error)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_written_is_there_when_the_file_is_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state.json");
        let store = Store::open(&file, || vec![1]).unwrap();
        store.write(|state| state.push(2)).unwrap();
        let again: Store<Vec<i32>> = Store::open(&file, || panic!("the file exists")).unwrap();
        assert_eq!(again.read(Clone::clone), [1, 2]);
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 1, "no temporary file stays behind");
    }

    #[test]
    fn what_changed_nothing_leaves_the_file_alone() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state.json");
        let store = Store::open(&file, || vec![1]).unwrap();
        fs_err::remove_file(&file).unwrap();
        assert_eq!(store.write_if(|state| (state.len(), false)).unwrap(), 1);
        assert!(!file.exists());
        store.write_if(|state| (state.push(2), true)).unwrap();
        assert!(file.exists());
    }

    #[test]
    fn a_file_with_other_content_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state.json");
        fs_err::write(&file, "no json").unwrap();
        let error = Store::<Vec<i32>>::open(&file, Vec::new).unwrap_err();
        assert!(error.to_string().contains("state.json"), "{error}");
    }
}
