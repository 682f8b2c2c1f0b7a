//! Files that a command writes beside its output.

use std::io;
use std::path::Path;

/// Writes a file that only its owner may read, all of it or nothing.
pub(super) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A temporary file is made with mode 0600.
    let folder = folder_of(path);
    let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
    io::Write::write_all(&mut temporary, bytes)?;
    temporary.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Whether a file can be written there, found out without leaving anything behind.
pub(super) fn check_writable(path: &Path) -> io::Result<()> {
    if path.is_dir() {
        return Err(io::ErrorKind::IsADirectory.into());
    }
    tempfile::NamedTempFile::new_in(folder_of(path))?.close()
}

/// What the operating system said, without the name of a file that the person has never heard of.
pub(super) fn reason(error: &io::Error) -> String {
    if let Some(source) = error.get_ref().and_then(|inner| inner.source()) {
        return source.to_string();
    }
    let text = error.to_string();
    text.split_once(" at path ").map_or(text.clone(), |(why, _)| why.to_owned())
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
