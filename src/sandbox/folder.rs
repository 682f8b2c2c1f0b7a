//! A sandbox's folder: whose it is, and what it holds before anything is served.

use std::ffi::OsStr;
use std::io::{self, Write as _};
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::graph::state::Tenant;
use super::log::Recorder;
use super::store::Store;
use super::{SandboxError, Seed, lock, tls};

pub(super) const MARKER: &str = "sandbox.json";
pub(super) const TENANT: &str = "tenant.json";
/// The format of the folder, raised when an older one can no longer be read.
pub(super) const FORMAT: u32 = 2;

/// The content of the marker file.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Marker {
    format: u32,
    seed: Seed,
}

/// What an opened folder holds.
pub(super) struct Folder {
    pub(super) lock: lock::Lock,
    pub(super) seed: Seed,
    pub(super) tenant: Arc<Store<Tenant>>,
    pub(super) recorder: Arc<Recorder>,
    pub(super) identity: tls::Identity,
}

/// Whether a file is one that was to replace another when the process died; `tempfile` names them so.
fn is_temporary(name: &OsStr) -> bool {
    name.to_string_lossy().starts_with(".tmp")
}

fn remove_temporaries(folder: &Path) -> io::Result<()> {
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        if is_temporary(&entry.file_name()) {
            fs_err::remove_file(entry.path())?;
        }
    }
    Ok(())
}

/// Takes the folder for this process and reads it; fills it first when it is empty.
pub(super) fn open(folder: &Path, seed: impl FnOnce() -> Seed) -> Result<Folder, SandboxError> {
    let failed = |source| SandboxError::Io { folder: folder.to_owned(), source };
    if !is_sandbox_or_empty(folder).map_err(failed)? {
        return Err(SandboxError::NotASandbox(folder.to_owned()));
    }
    fs_err::create_dir_all(folder).map_err(failed)?;
    let lock = match lock::take(folder).map_err(failed)? {
        lock::Attempt::Held(lock) => lock,
        lock::Attempt::Taken(process) => {
            let process = process.map_or("another process".to_owned(), |id| format!("process {id}"));
            return Err(SandboxError::InUse { folder: folder.to_owned(), process });
        }
    };
    remove_temporaries(folder).map_err(failed)?;
    let file = folder.join(TENANT);
    let (marker, tenant) = if let Some(marker) = Marker::read(folder)? {
        let tenant = match Store::load(&file).map_err(failed)? {
            Some(tenant) => tenant,
            // A first start that was interrupted before the tenant was written.
            None => Store::create(&file, marker.seed.plant()?).map_err(failed)?,
        };
        (marker, tenant)
    } else {
        let seed = seed();
        let tenant = seed.plant()?;
        let marker = Marker { format: FORMAT, seed }.write(folder).map_err(failed)?;
        let tenant = Store::create(&file, tenant).map_err(failed)?;
        // Whoever was in it is in the tenant now, and may be hundreds of thousands.
        let Marker { format, seed } = marker;
        (Marker { format, seed: seed.without_people() }.write(folder).map_err(failed)?, tenant)
    };
    let recorder = Arc::new(Recorder::open(folder).map_err(failed)?);
    let identity = tls::identity(folder).map_err(failed)?;
    Ok(Folder { lock, seed: marker.seed, tenant: Arc::new(tenant), recorder, identity })
}

fn is_sandbox_or_empty(folder: &Path) -> io::Result<bool> {
    let entries = match fs_err::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    };
    let mut empty = true;
    for entry in entries {
        let name = entry?.file_name();
        if name == MARKER {
            return Ok(true);
        }
        // A first start that was interrupted leaves no more than these.
        empty &= name == lock::FILE || is_temporary(&name);
    }
    Ok(empty)
}

impl Marker {
    /// What is in the folder while it is first filled.
    #[cfg(test)]
    pub(super) fn unfinished(seed: Seed) -> Self {
        Self { format: FORMAT, seed }
    }

    /// The marker in `folder`, if there is one.
    fn read(folder: &Path) -> Result<Option<Self>, SandboxError> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let failed = |source| SandboxError::Io { folder: folder.to_owned(), source };
        let file = folder.join(MARKER);
        let bytes = match fs_err::read(&file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let damaged = |error: serde_json::Error| {
            failed(io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", file.display())))
        };
        let Format { format } = serde_json::from_slice(&bytes).map_err(damaged)?;
        if format != FORMAT {
            return Err(SandboxError::OtherFormat { folder: folder.to_owned(), found: format });
        }
        serde_json::from_slice(&bytes).map(Some).map_err(damaged)
    }

    /// Written before anything else, with the whole seed: from then on the folder is a sandbox, and whatever is missing follows from it.
    pub(super) fn write(self, folder: &Path) -> io::Result<Self> {
        let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
        let mut writer = io::BufWriter::new(&mut temporary);
        serde_json::to_writer_pretty(&mut writer, &self)?;
        writer.flush()?;
        drop(writer);
        temporary.persist(folder.join(MARKER)).map_err(|error| error.error)?;
        Ok(self)
    }
}
