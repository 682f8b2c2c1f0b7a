//! State that survives the command: a JSON file for each simulated system and a journal beside it.
//!
//! A write appends what it changed to the journal, one line a write, and never rewrites the whole: a tenant of ten thousand
//! groups is tens of megabytes. The journal is folded into the file when it has outgrown it.

use std::ffi::OsString;
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::Serialize;
use serde::de::DeserializeOwned;

/// What a journal may always grow to, in bytes, however small the state is.
const SMALL_JOURNAL: u64 = 1 << 20;

/// State that keeps account of its own changes.
pub trait Journaled: Serialize + DeserializeOwned {
    /// One change, enough to make it again.
    type Change: Serialize + DeserializeOwned;

    /// The changes since this was last called.
    fn take_changes(&mut self) -> Vec<Self::Change>;

    /// Makes a change again that was read from the journal. One that the state has already is skipped: a process that was
    /// killed after folding leaves the journal behind.
    fn redo(&mut self, change: Self::Change);

    /// Called once the state was read and every change of the journal made again.
    fn loaded(&mut self) {}
}

/// The state of one simulated system.
#[derive(Debug)]
pub struct Store<S> {
    kept: Mutex<Kept<S>>,
}

#[derive(Debug)]
struct Kept<S> {
    state: S,
    disk: Option<Disk>,
}

/// Where the state is kept.
#[derive(Debug)]
struct Disk {
    file: PathBuf,
    /// `None` when what is on disk is behind the state, so that the next write must write the whole.
    journal: Option<fs_err::File>,
    journal_bytes: u64,
    file_bytes: u64,
}

impl<S: Journaled> Store<S> {
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
        let Some(bytes) = read(file)? else { return Ok(None) };
        let damaged = |file: &Path, error: serde_json::Error| {
            io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", file.display()))
        };
        let mut state: S = serde_json::from_slice(&bytes).map_err(|error| damaged(file, error))?;
        let journal = journal_of(file);
        let lines = read(&journal)?.unwrap_or_default();
        // A line without its end is of a write that was never answered.
        let whole = lines.iter().rposition(|byte| *byte == b'\n').map_or(0, |last| last + 1);
        for line in lines.get(..whole).unwrap_or_default().split(|byte| *byte == b'\n').filter(|line| !line.is_empty())
        {
            let changes: Vec<S::Change> = serde_json::from_slice(line).map_err(|error| damaged(&journal, error))?;
            for change in changes {
                state.redo(change);
            }
        }
        state.loaded();
        let mut disk = Disk {
            file: file.to_owned(),
            journal: None,
            journal_bytes: lines.len() as u64,
            file_bytes: bytes.len() as u64,
        };
        if whole < lines.len() || disk.has_outgrown() {
            disk.fold(&state)?;
        } else {
            disk.journal = Some(appender(&journal)?);
        }
        Ok(Some(Self { kept: Mutex::new(Kept { state, disk: Some(disk) }) }))
    }

    /// Writes `state` to `file`, whatever was there.
    ///
    /// # Errors
    /// When the file cannot be written.
    pub fn create(file: &Path, mut state: S) -> io::Result<Self> {
        state.take_changes();
        let mut disk = Disk { file: file.to_owned(), journal: None, journal_bytes: 0, file_bytes: 0 };
        disk.fold(&state)?;
        Ok(Self { kept: Mutex::new(Kept { state, disk: Some(disk) }) })
    }

    /// State that lives no longer than this value, for tests.
    pub fn in_memory(mut state: S) -> Self {
        state.take_changes();
        Self { kept: Mutex::new(Kept { state, disk: None }) }
    }

    /// Looks at the state.
    pub fn read<R>(&self, look: impl FnOnce(&S) -> R) -> R {
        look(&self.lock().state)
    }

    /// Changes the state; when this returns, the change is on disk. What changed nothing writes nothing.
    ///
    /// # Errors
    /// When the journal cannot be written. The state in memory has changed all the same, and the next write tries again.
    pub fn write<R>(&self, change: impl FnOnce(&mut S) -> R) -> io::Result<R> {
        let mut kept = self.lock();
        let result = change(&mut kept.state);
        let changes = kept.state.take_changes();
        let Kept { state, disk } = &mut *kept;
        if let Some(disk) = disk {
            disk.keep(state, &changes)?;
        }
        Ok(result)
    }

    // A panic while the lock was held can only come from a request handler; the state itself is plain data.
    fn lock(&self) -> MutexGuard<'_, Kept<S>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Disk {
    fn keep<S: Journaled>(&mut self, state: &S, changes: &[S::Change]) -> io::Result<()> {
        let Some(journal) = &mut self.journal else { return self.fold(state) };
        if changes.is_empty() {
            return Ok(());
        }
        let mut line = serde_json::to_vec(changes)?;
        line.push(b'\n');
        if let Err(error) = journal.write_all(&line) {
            self.journal = None;
            return Err(error);
        }
        self.journal_bytes += line.len() as u64;
        if self.has_outgrown() { self.fold(state) } else { Ok(()) }
    }

    fn has_outgrown(&self) -> bool {
        self.journal_bytes > self.file_bytes.max(SMALL_JOURNAL)
    }

    /// Writes the whole state and starts an empty journal.
    fn fold(&mut self, state: &impl Serialize) -> io::Result<()> {
        self.journal = None;
        let folder = self.file.parent().unwrap_or(Path::new("."));
        let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
        let mut writer = io::BufWriter::new(&mut temporary);
        serde_json::to_writer(&mut writer, state)?;
        writer.flush()?;
        drop(writer);
        self.file_bytes = temporary.as_file().metadata()?.len();
        temporary.persist(&self.file).map_err(|error| error.error)?;
        let journal = journal_of(&self.file);
        match fs_err::remove_file(&journal) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        self.journal = Some(appender(&journal)?);
        self.journal_bytes = 0;
        Ok(())
    }
}

/// `tenant.json` has its journal in `tenant.json.journal`.
fn journal_of(file: &Path) -> PathBuf {
    let mut name = OsString::from(file);
    name.push(".journal");
    PathBuf::from(name)
}

fn appender(journal: &Path) -> io::Result<fs_err::File> {
    fs_err::OpenOptions::new().create(true).append(true).open(journal)
}

fn read(file: &Path) -> io::Result<Option<Vec<u8>>> {
    match fs_err::read(file) {
        Ok(bytes) => Ok(Some(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers, each added once and in order.
    #[derive(Debug, Default, serde::Serialize, serde::Deserialize)]
    struct Numbers {
        kept: Vec<usize>,
        #[serde(skip)]
        new: Vec<usize>,
    }

    impl Numbers {
        fn add(&mut self) {
            self.new.push(self.kept.len());
            self.kept.push(self.kept.len());
        }
    }

    impl Journaled for Numbers {
        type Change = usize;

        fn take_changes(&mut self) -> Vec<usize> {
            std::mem::take(&mut self.new)
        }

        fn redo(&mut self, change: usize) {
            if change == self.kept.len() {
                self.kept.push(change);
            }
        }
    }

    fn reopened(file: &Path) -> Store<Numbers> {
        Store::open(file, || panic!("the file exists")).unwrap()
    }

    fn count(store: &Store<Numbers>) -> usize {
        store.read(|numbers| numbers.kept.len())
    }

    #[test]
    fn what_was_written_is_there_when_the_file_is_opened_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state.json");
        let store = Store::open(&file, Numbers::default).unwrap();
        store.write(Numbers::add).unwrap();
        store.write(|numbers| (numbers.add(), numbers.add())).unwrap();
        assert_eq!(count(&reopened(&file)), 3);
        assert_eq!(fs_err::read_dir(folder.path()).unwrap().count(), 2, "no temporary file stays behind");
    }

    #[test]
    fn a_write_costs_what_it_changes_and_not_what_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state.json");
        let store = Store::create(&file, Numbers { kept: (0..100_000).collect(), new: Vec::new() }).unwrap();
        let (before, journal) = (fs_err::metadata(&file).unwrap().len(), journal_of(&file));
        store.write(Numbers::add).unwrap();
        store.write(|_| ()).unwrap();
        assert_eq!(fs_err::metadata(&file).unwrap().len(), before);
        assert_eq!(fs_err::read_to_string(&journal).unwrap(), "[100000]\n");
        while fs_err::metadata(&journal).unwrap().len() > 0 {
            store.write(|numbers| (0..10_000).for_each(|_| numbers.add())).unwrap();
        }
        let after = fs_err::metadata(&file).unwrap().len();
        assert!(after > 2 * before, "folded when the journal was as long as the file: {after}");
        assert_eq!(count(&reopened(&file)), count(&store));
    }

    #[test]
    fn a_process_killed_at_any_moment_loses_nothing_that_was_answered() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state.json");
        let store = Store::create(&file, Numbers::default()).unwrap();
        store.write(Numbers::add).unwrap();
        let journal = fs_err::read(journal_of(&file)).unwrap();
        drop(store);
        // In the middle of a write.
        fs_err::write(journal_of(&file), [journal.as_slice(), b"[1"].concat()).unwrap();
        let store = reopened(&file);
        assert_eq!(count(&store), 1);
        store.write(Numbers::add).unwrap();
        assert_eq!(count(&reopened(&file)), 2);
        // After folding, before the journal was removed.
        fs_err::write(journal_of(&file), journal).unwrap();
        assert_eq!(reopened(&file).read(|numbers| numbers.kept.clone()), [0]);
    }

    #[test]
    fn a_file_with_other_content_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("state.json");
        fs_err::write(&file, "no json").unwrap();
        let error = Store::<Numbers>::open(&file, Numbers::default).unwrap_err();
        assert!(error.to_string().contains("state.json"), "{error}");
        fs_err::write(&file, r#"{"kept":[]}"#).unwrap();
        fs_err::write(journal_of(&file), "no json\n").unwrap();
        let error = Store::<Numbers>::open(&file, Numbers::default).unwrap_err();
        assert!(error.to_string().contains("state.json.journal"), "{error}");
    }
}
