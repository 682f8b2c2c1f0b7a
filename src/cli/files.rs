//! Files that a command writes beside its output.

use std::io;
use std::path::Path;

use super::error::CliError;

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

/// Writes what others may read as well: a file that is there keeps its mode and its place, a new one is its owner's alone. All
/// of it or nothing, where a file can be replaced; what is no file (a pipe), or must stay the same one (mounted on its own), is
/// written as it is.
pub(super) fn write_over(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let Ok(known) = fs_err::metadata(path) else { return write_private(path, bytes) };
    if !known.is_file() {
        return fs_err::write(path, bytes);
    }
    let path = fs_err::canonicalize(path)?;
    let replaced = || -> io::Result<()> {
        let mut temporary = tempfile::NamedTempFile::new_in(folder_of(&path))?;
        io::Write::write_all(&mut temporary, bytes)?;
        fs_err::set_permissions(temporary.path(), known.permissions())?;
        temporary.persist(&path).map(drop).map_err(|error| error.error)
    };
    replaced().or_else(|_| fs_err::write(&path, bytes))
}

/// Whether [`write_over`] could write there. What is there and no file is not asked: whoever reads a pipe takes its end for the
/// end.
pub(super) fn check_writable_over(path: &Path) -> io::Result<()> {
    match fs_err::metadata(path) {
        Ok(known) if known.is_file() => fs_err::OpenOptions::new().append(true).open(path).map(drop),
        Ok(known) if !known.is_dir() => Ok(()),
        Ok(_) | Err(_) => check_writable(path),
    }
}

/// Whether it is there and no file: what is written to it cannot be replaced.
pub(super) fn is_stream(path: &Path) -> bool {
    fs_err::metadata(path).is_ok_and(|known| !known.is_file())
}

/// Why a file that somebody named cannot be written.
pub(super) fn unwritable(file: &Path, why: &io::Error) -> CliError {
    CliError::user(format!("{}: it cannot be written: {}", file.display(), reason(why)))
        .hint("name a file in a folder that is there and that you may write to")
}

/// Whether a file would be taken for an access file by its name.
pub(super) fn is_yaml(file: &Path) -> bool {
    let is = |extension: &std::ffi::OsStr| ["yaml", "yml"].iter().any(|yaml| extension.eq_ignore_ascii_case(yaml));
    file.extension().is_some_and(is)
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
