//! What git knows about the access files. It reads the repository on disk and never the network.

mod authors;
mod base;
pub mod blame;
mod committed;
pub mod history;
mod pull_request;
mod touched;
mod tree;

use std::path::Path;

pub use authors::{Author, authors};
pub use base::{Base, NoBase, base, tip};
pub use committed::is_committed;
use git2::{ErrorCode, Repository, RepositoryOpenFlags, Status, StatusOptions};
pub use touched::{TouchedLines, touched_lines};
pub use tree::{Content, Tree};

/// The commit that is checked out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Its full id.
    pub commit: String,
    /// The shortest beginning of the id that is unique in the repository, at least seven digits.
    pub short: String,
    /// Whether YAML files of the folder that was asked about differ from the commit, files that git does not know
    /// included: then the commit is not what the plan was made from.
    pub dirty: bool,
}

/// Why there is no commit to name. A plan goes on without one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{reason}")]
pub struct NoHead {
    /// A sentence for people, with what to do where something can be done. May hold text from the repository.
    pub reason: String,
}

/// The commit that is checked out around a folder.
///
/// # Errors
/// There is no repository, it has no commit yet, it belongs to another user, or it cannot be read.
pub fn head(folder: &Path) -> Result<Head, NoHead> {
    let explain = |error: git2::Error| NoHead { reason: explain(folder, &error) };
    // Upwards as git does, without its environment variables and never across a mount.
    let repository =
        Repository::open_ext(folder, RepositoryOpenFlags::empty(), std::iter::empty::<&Path>()).map_err(explain)?;
    let commit = repository.head().and_then(|head| head.peel_to_commit()).map_err(explain)?;
    let id = commit.id().to_string();
    let short = commit
        .as_object()
        .short_id()
        .ok()
        .and_then(|short| short.as_str().ok().map(str::to_owned))
        .unwrap_or_else(|| id.chars().take(7).collect());
    let dirty = is_dirty(&repository, folder).map_err(explain)?;
    Ok(Head { commit: id, short, dirty })
}

/// The path of a folder below the top of the repository around it, with `/`; empty for the top itself. `None` where there is
/// no repository, or its name is no text.
pub fn inside(folder: &Path) -> Option<String> {
    let found = Repository::open_ext(folder, RepositoryOpenFlags::empty(), std::iter::empty::<&Path>()).ok()?;
    let (top, folder) = (fs_err::canonicalize(found.workdir()?).ok()?, fs_err::canonicalize(folder).ok()?);
    let parts = folder.strip_prefix(&top).ok()?.components().map(|part| part.as_os_str().to_str());
    Some(parts.collect::<Option<Vec<_>>>()?.join("/"))
}

fn is_dirty(repository: &Repository, folder: &Path) -> Result<bool, git2::Error> {
    let Some(root) = repository.workdir() else { return Ok(false) };
    let canonical = |path: &Path| fs_err::canonicalize(path).map_err(|error| git2::Error::from_str(&error.to_string()));
    let (root, folder) = (canonical(root)?, canonical(folder)?);
    let inside = folder.strip_prefix(&root).unwrap_or(Path::new(""));
    let mut options = StatusOptions::new();
    options.include_untracked(true).recurse_untracked_dirs(true).exclude_submodules(true).include_ignored(false);
    if inside != Path::new("") {
        options.disable_pathspec_match(true).pathspec(inside);
    }
    let statuses = repository.statuses(Some(&mut options))?;
    // Journals and saved plans lie in the same folders and are no part of the config.
    Ok(statuses.iter().any(|entry| entry.status() != Status::CURRENT && entry.path().is_ok_and(is_access_file)))
}

/// Whether rolecall would read this file: YAML, outside hidden folders.
fn is_access_file(path: &str) -> bool {
    let hidden = path.split('/').any(|part| part.starts_with('.'));
    let extension = Path::new(path).extension().and_then(|extension| extension.to_str());
    !hidden && matches!(extension, Some("yaml" | "yml"))
}

fn explain(folder: &Path, error: &git2::Error) -> String {
    let folder = folder.display();
    match error.code() {
        ErrorCode::NotFound => format!("{folder} is not in a git repository"),
        ErrorCode::UnbornBranch => "the git repository has no commit yet".to_owned(),
        ErrorCode::Owner => format!(
            "git does not trust the repository around {folder} ({}); \
             `git config --global --add safe.directory` with that path makes it",
            error.message()
        ),
        _ => format!("git cannot read the repository around {folder}: {}", error.message()),
    }
}

#[cfg(test)]
mod tests;
