//! Writing a journal.

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::path::{Component, Path, PathBuf};

use fs_err as fs;
use jiff::Timestamp;

use super::line::{FormatV1, HeaderV1, IdentitiesV1, LineV1, StepV1};
use crate::apply::Summary;
use crate::state::history::Since;
use crate::state::{Acknowledgement, Address, Change, ConfigName, EnvironmentName, Outcome, TenantId};

/// Who applies what: the first line of a journal.
#[derive(Clone, Debug)]
pub struct Header {
    /// The config.
    pub config: ConfigName,
    /// The tenant.
    pub tenant: TenantId,
    /// As whom.
    pub identities: Identities,
    /// The git commit of the access files, where there is one.
    pub commit: Option<String>,
    /// The hash of the access files themselves.
    pub tree: Option<String>,
    /// The plan's id.
    pub plan: Option<String>,
    /// What was acknowledged.
    pub acknowledgements: BTreeSet<Acknowledgement>,
}

/// As whom changes are made.
#[derive(Clone, Debug, Default)]
pub struct Identities {
    /// In Entra: a user principal name or an app id.
    pub entra: Option<String>,
    /// On each cluster: the user name that its API server sees.
    pub environments: BTreeMap<EnvironmentName, String>,
}

/// The journal cannot be written.
#[derive(Debug, thiserror::Error)]
pub enum JournalError {
    /// The folder for it could not be made.
    #[error("cannot create the folder {} for the journal: {source}; name another place with --journal", folder.display())]
    Folder {
        /// The folder.
        folder: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A folder on the way to a relative path is a symbolic link.
    #[error("the journal {} would be behind {}, a symbolic link; name its real place with --journal", path.display(), link.display())]
    Linked {
        /// The journal.
        path: PathBuf,
        /// The link.
        link: PathBuf,
    },
    /// Something is there already.
    #[error("the journal {} exists already, and a journal never overwrites; name another with --journal", path.display())]
    Exists {
        /// The journal.
        path: PathBuf,
    },
    /// The file could not be made. The source names it.
    #[error("cannot create the journal: {source}; name another place with --journal")]
    Create {
        /// Why.
        source: io::Error,
    },
    /// A line could not be written. The source names the file.
    #[error("cannot write the journal: {source}")]
    Write {
        /// Why.
        source: io::Error,
    },
}

/// The folder that is ours alone.
const OWN_FOLDER: &str = ".rolecall";
const IGNORED: &str = "# Made by rolecall: what is in here is not for the repository.\n*\n";

/// The place for a journal when none is named: `.rolecall/<time>.jsonl` below the current folder.
pub fn default_path(time: Timestamp) -> PathBuf {
    Path::new(OWN_FOLDER).join(format!("{}.jsonl", time.strftime("%Y-%m-%dT%H-%M-%S%.3fZ")))
}

/// Whether a journal can be made there, found out without leaving anything behind: before somebody is asked a question.
///
/// # Errors
/// What [`Journal::create`] would say.
pub fn check_path(path: &Path) -> Result<(), JournalError> {
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    if let Some(link) = link_on_the_way(Path::new(""), folder) {
        return Err(JournalError::Linked { path: path.to_owned(), link });
    }
    if fs::symlink_metadata(path).is_ok() {
        return Err(JournalError::Exists { path: path.to_owned() });
    }
    // Folders that are missing are made below the nearest one that is there.
    let there = folder.ancestors().find(|folder| folder.exists()).unwrap_or(Path::new("."));
    let unusable = |source| JournalError::Folder { folder: folder.to_owned(), source };
    if !there.is_dir() {
        return Err(unusable(io::ErrorKind::NotADirectory.into()));
    }
    let probe = tempfile::Builder::new().prefix(".rolecall-").tempfile_in(there);
    // Its own message would name a file that nobody knows.
    probe.map(drop).map_err(|error| unusable(error.kind().into()))
}

/// Where the bytes of a journal go, and can be made to stay.
pub(crate) trait Sink: Write + Send {
    /// Returns when what was written survives a crash of the machine.
    fn sync(&mut self) -> io::Result<()>;
}

impl Sink for fs::File {
    fn sync(&mut self) -> io::Result<()> {
        self.sync_data()
    }
}

/// A journal that is being written.
///
/// Every call writes its lines at once and returns when they are on disk: a run killed at any moment leaves a trace of
/// everything that was handed to a provider.
pub struct Journal {
    path: PathBuf,
    sink: Box<dyn Sink>,
    clock: fn() -> Timestamp,
    since: BTreeMap<Address, Since>,
}

impl Journal {
    /// Makes the file, readable by its owner only, and writes the first line.
    ///
    /// Missing folders are made, for their owner only. A relative path lies below the current folder, which may be a
    /// checkout with links that somebody committed: no link on the way is followed. The file itself is never reached
    /// through a link, and never one that exists.
    pub fn create(path: &Path, header: &Header, clock: fn() -> Timestamp) -> Result<Self, JournalError> {
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        if let Some(folder) = folder {
            if let Some(link) = link_on_the_way(Path::new(""), folder) {
                return Err(JournalError::Linked { path: path.to_owned(), link });
            }
            let is_new = !folder.exists();
            create_folders(folder).map_err(|source| JournalError::Folder { folder: folder.to_owned(), source })?;
            if is_new && folder.ends_with(OWN_FOLDER) {
                // A journal names people: it is not to be committed by accident. Without this it is still a journal.
                let _ = fs::write(folder.join(".gitignore"), IGNORED);
            }
        }
        let file = create_file(path).map_err(|source| match source.kind() {
            io::ErrorKind::AlreadyExists => JournalError::Exists { path: path.to_owned() },
            _ => JournalError::Create { source },
        })?;
        let mut journal = Self::over(Box::new(file), path, clock);
        journal.write([LineV1::Header(journal.header(header))])?;
        if let Ok(folder) = fs::File::open(folder.unwrap_or(Path::new("."))) {
            // Makes the file's name durable too. Not every system can do this to a folder.
            let _ = folder.sync_all();
        }
        Ok(journal)
    }

    /// A journal over anything that takes bytes.
    pub(crate) fn over(sink: Box<dyn Sink>, path: &Path, clock: fn() -> Timestamp) -> Self {
        Self { path: path.to_owned(), sink, clock, since: BTreeMap::new() }
    }

    /// The same, which says of each change since when its line asks for it.
    #[must_use]
    pub fn with_since(self, since: BTreeMap<Address, Since>) -> Self {
        Self { since, ..self }
    }

    /// Where it is.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes that these changes are about to be handed over.
    pub(in crate::apply) fn begin(&mut self, changes: &[&Change]) -> Result<(), JournalError> {
        let time = (self.clock)();
        let lines: Vec<LineV1> = changes
            .iter()
            .map(|change| LineV1::Step(StepV1::begin(time, change, self.since.get(&change.address))))
            .collect();
        self.write(lines)
    }

    /// Writes what became of these changes.
    pub(in crate::apply) fn end(&mut self, outcomes: &[(&Change, &Outcome)]) -> Result<(), JournalError> {
        let time = (self.clock)();
        self.write(outcomes.iter().map(|(change, outcome)| LineV1::Step(StepV1::end(time, change, outcome))))
    }

    /// Writes the last line.
    pub(in crate::apply) fn finish(&mut self, summary: &Summary) -> Result<(), JournalError> {
        let time = (self.clock)();
        self.write([LineV1::Step(StepV1::summary(time, summary))])
    }

    fn header(&self, header: &Header) -> HeaderV1 {
        let environments =
            header.identities.environments.iter().map(|(name, identity)| (name.to_string(), identity.clone()));
        HeaderV1 {
            format: FormatV1::V1,
            version: env!("CARGO_PKG_VERSION").to_owned(),
            time: (self.clock)(),
            config: header.config.to_string(),
            tenant: header.tenant.to_string(),
            identities: IdentitiesV1 { entra: header.identities.entra.clone(), environments: environments.collect() },
            commit: header.commit.clone(),
            tree: header.tree.clone(),
            plan: header.plan.clone(),
            acknowledgements: header.acknowledgements.iter().map(ToString::to_string).collect(),
        }
    }

    fn write(&mut self, lines: impl IntoIterator<Item = LineV1>) -> Result<(), JournalError> {
        let mut text = Vec::new();
        let written = lines
            .into_iter()
            .try_for_each(|line| {
                serde_json::to_writer(&mut text, &line)?;
                text.push(b'\n');
                Ok(())
            })
            .and_then(|()| self.sink.write_all(&text))
            .and_then(|()| self.sink.sync());
        written.map_err(|source| JournalError::Write { source })
    }
}

/// The first symbolic link on a relative path from a folder, which may be a checkout with links that somebody committed.
pub fn link_on_the_way(from: &Path, path: &Path) -> Option<PathBuf> {
    if path.is_absolute() {
        return None;
    }
    let mut reached = PathBuf::new();
    path.components().find_map(|component| {
        reached.push(component);
        let linked = matches!(component, Component::Normal(_))
            && fs::symlink_metadata(from.join(&reached)).is_ok_and(|metadata| metadata.is_symlink());
        linked.then(|| reached.clone())
    })
}

fn create_folders(folder: &Path) -> io::Result<()> {
    let mut builder = std::fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(folder)
}

fn create_file(path: &Path) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create_new(true);
    #[cfg(unix)]
    fs::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    options.open(path)
}
