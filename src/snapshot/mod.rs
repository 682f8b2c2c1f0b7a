//! What is live, in a file: taken by a job that is trusted, and planned against by one that has no credentials.
//!
//! A [`Snapshot`] is data of an earlier time and of whoever wrote the file. Whatever it does not have is not in it, and never
//! "not there". [`RecordedTenant`] and [`RecordedCluster`] are readers over one: they contact nothing.

mod age;
mod answer;
mod document;
mod once;
mod pseudonyms;
mod reader;
#[cfg(test)]
mod tests;

use jiff::Timestamp;

pub use self::age::{Age, OLD, ages};
pub use self::answer::{Lacking, NOT_IN_SNAPSHOT};
pub use self::reader::{RecordedCluster, RecordedTenant};
use crate::state::{ConfigName, Desired, Observed, TenantId};

/// The format that this version writes and reads.
pub const FORMAT: &str = "rolecall-snapshot/1";

/// What the format of every version starts with.
const FORMAT_PREFIX: &str = "rolecall-snapshot/";

/// The largest file that is read, in bytes.
pub const SIZE_LIMIT: usize = 128 * 1024 * 1024;

/// How many members and owners all lists of a file may have together. An entry takes two bytes there, and a hundred in memory.
const ENTRIES_LIMIT: usize = 4_000_000;

/// What was live at a time, as far as a preview needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Snapshot {
    /// The version of rolecall that took it, for people.
    pub rolecall: String,
    /// When it was taken: after everything was read.
    pub taken: Timestamp,
    /// The tenant that was read.
    pub tenant: TenantId,
    /// The config for which it was read: what is ours was judged by it.
    pub config: ConfigName,
    /// The hash of the config's tree of files, by which it was known what to read.
    pub tree: String,
    /// The git commit of the files, where they were in a repository.
    pub commit: Option<String>,
    /// Whether tenant and clusters are those of a sandbox.
    pub invented: bool,
    /// Whether everybody in the tenant was looked up, so that whoever is not here is nobody.
    pub everybody: bool,
    /// Whether names and ids that the access files do not have are pseudonyms in it.
    pub pseudonymised: bool,
    /// What was read. Where part of it could not be, this says so and why.
    pub observed: Observed,
}

/// Why a file is no snapshot that these access files can be planned against.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub enum SnapshotError {
    /// It is larger than [`SIZE_LIMIT`].
    #[error("the snapshot is larger than {SIZE_LIMIT} bytes, which is the most that is read")]
    TooLarge,
    /// Its lists have more entries together than are read.
    #[error("the lists of the snapshot have {0} entries together, {ENTRIES_LIMIT} are the most that is read")]
    TooMany(usize),
    /// The file ends too early.
    #[error("the snapshot ends in the middle (byte {0}): it was cut off")]
    CutOff(usize),
    /// It is no JSON, or not of the shape of a snapshot. May hold text of the file.
    #[error("this is no snapshot of rolecall: {0}")]
    Malformed(String),
    /// Another version of the format. May hold text of the file.
    #[error("the snapshot is of format `{0}`, this version of rolecall reads `{FORMAT}`")]
    OtherFormat(String),
    /// What it holds is not what was written.
    #[error("the snapshot was changed after it was taken: what it holds is not what its own hash says")]
    Changed,
    /// Another config.
    #[error("the snapshot is of the config `{snapshot}`, these files are `{files}`")]
    OtherConfig {
        /// The config in the file.
        snapshot: ConfigName,
        /// The config of the access files.
        files: ConfigName,
    },
    /// Another tenant.
    #[error("the snapshot is of tenant {snapshot}, these files are for {files}")]
    OtherTenant {
        /// The tenant in the file.
        snapshot: TenantId,
        /// The tenant of the access files.
        files: TenantId,
    },
    /// It cannot be written.
    #[error("the snapshot cannot be written as JSON: {0}")]
    Unwritable(String),
}

impl SnapshotError {
    /// What to do next.
    pub fn next(&self) -> &'static str {
        match self {
            Self::TooLarge | Self::TooMany(_) => {
                "no company of the size that rolecall is made for has one as large: see who wrote it"
            }
            Self::CutOff(_) => "fetch it again, and take it again with `rolecall snapshot FILE` if it stays so",
            Self::Malformed(_) => "name a file that `rolecall snapshot FILE` wrote",
            Self::OtherFormat(_) => "take it again with this version, or plan with the version that took it",
            Self::Changed => {
                "take it again. The hash finds an accident, not a forger: whoever can write the file can write its hash, so \
                 take it only from a job that you trust"
            }
            Self::OtherConfig { .. } | Self::OtherTenant { .. } => {
                "take one with the access files that are live, `rolecall snapshot FILE PATH`"
            }
            Self::Unwritable(_) => "report it as a bug of rolecall",
        }
    }
}

impl Snapshot {
    /// The text of the file: one line, the same for the same content.
    ///
    /// # Errors
    /// It has something that JSON cannot say, or is larger than what is read.
    pub fn to_json(&self) -> Result<String, SnapshotError> {
        document::write(self)
    }

    /// Reads a file. Whatever it holds is a claim of whoever wrote it.
    ///
    /// # Errors
    /// It is no snapshot, not whole, or too large.
    pub fn parse(bytes: &[u8]) -> Result<Self, SnapshotError> {
        document::read(bytes)
    }

    /// Whether it is about what these files are about.
    ///
    /// # Errors
    /// It is of another config or tenant.
    pub fn check_target(&self, desired: &Desired) -> Result<(), SnapshotError> {
        if self.config != desired.config {
            return Err(SnapshotError::OtherConfig { snapshot: self.config.clone(), files: desired.config.clone() });
        }
        if self.tenant != desired.tenant {
            return Err(SnapshotError::OtherTenant { snapshot: self.tenant, files: desired.tenant });
        }
        Ok(())
    }
}
