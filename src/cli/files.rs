//! Files that somebody names to a command: those that it writes beside its output, and those that it reads whole.

use std::io::{self, Read as _};
use std::path::{Path, PathBuf};

use super::error::CliError;
use super::ui::Ui;
use crate::apply::journal::link_on_the_way;
use crate::report::escape;
use crate::state::closest;

/// The place on disk of a file that somebody named. The folder that one works in may be a checkout, with links that somebody
/// committed: whoever proposes a change would choose by them what is written, or what is read and shown.
///
/// # Errors
/// There is a symbolic link on the way from the current folder, the file itself included.
pub(super) fn place(ui: &Ui, file: &Path) -> io::Result<PathBuf> {
    let below = file.strip_prefix(&ui.folder).unwrap_or(file);
    match link_on_the_way(&ui.folder, below) {
        Some(link) => {
            let link = link.display();
            Err(io::Error::other(format!("{link} is a symbolic link, and none is followed here; name its real place")))
        }
        None => Ok(ui.resolve(file)),
    }
}

/// The name of a file or a folder that is there, where none is of the name that was typed.
pub(super) fn did_you_mean(ui: &Ui, file: &Path, error: &io::Error) -> Option<String> {
    const LOOKED_AT: usize = 1_000;
    let typed = file.file_name().filter(|_| error.kind() == io::ErrorKind::NotFound)?.to_str()?;
    let there = std::fs::read_dir(folder_of(&ui.resolve(file))).ok()?.take(LOOKED_AT);
    let mut names: Vec<String> = there.filter_map(|entry| entry.ok()?.file_name().into_string().ok()).collect();
    names.sort();
    let near = file.with_file_name(closest(typed, names.iter().map(String::as_str))?);
    Some(format!("did you mean `{}`?", escape::name(&near.display().to_string())))
}

/// All of a file, or what shows that it is longer than `limit`: one byte more. What is no file is not opened: a pipe or a device
/// would wait for whoever writes to it.
pub(super) fn read_limited(path: &Path, limit: usize) -> io::Result<Vec<u8>> {
    // Whoever asks says which file it is.
    if !path.metadata()?.is_file() {
        return Err(io::Error::other("this is no file"));
    }
    let mut bytes = Vec::new();
    std::fs::File::open(path)?.take(limit as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// Writes a file that only its owner may read, all of it or nothing. It takes the place of a file, and of nothing else.
pub(super) fn write_private(path: &Path, bytes: &[u8]) -> io::Result<()> {
    check_kind(path)?;
    // A temporary file is made with mode 0600.
    let folder = folder_of(path);
    let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
    io::Write::write_all(&mut temporary, bytes)?;
    temporary.persist(path).map_err(|error| error.error)?;
    Ok(())
}

/// Whether a file can be written there, found out without leaving anything behind.
pub(super) fn check_writable(path: &Path) -> io::Result<()> {
    check_kind(path)?;
    tempfile::NamedTempFile::new_in(folder_of(path))?.close()
}

/// A folder, a device, a pipe or a link is not put away for a file.
fn check_kind(path: &Path) -> io::Result<()> {
    match fs_err::symlink_metadata(path) {
        Ok(known) if known.is_dir() => Err(io::ErrorKind::IsADirectory.into()),
        Ok(known) if known.is_symlink() => Err(io::Error::other("what is there is a symbolic link")),
        Ok(known) if !known.is_file() => Err(io::Error::other("what is there is no file")),
        Ok(_) | Err(_) => Ok(()),
    }
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

/// What the operating system said, without the name of a file that the person has never heard of.
pub(super) fn reason(error: &io::Error) -> String {
    if let Some(source) = error.get_ref().and_then(|inner| inner.source()) {
        return source.to_string();
    }
    let text = error.to_string();
    // `failed to open file `live.json`: Permission denied (os error 13)`
    let text = text.rsplit_once("`: ").map_or(text.as_str(), |(_, why)| why);
    text.split_once(" at path ").map_or(text, |(why, _)| why).to_owned()
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}
