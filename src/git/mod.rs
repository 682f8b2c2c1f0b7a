//! What git knows about the access files. It reads the repository on disk and never the network.

mod ancestry;
mod authors;
mod base;
pub mod blame;
mod committed;
pub mod history;
mod open;
mod pull_request;
mod reference;
mod touched;
mod tree;

use std::path::Path;

pub use ancestry::is_in_history;
pub use authors::{Author, authors};
pub use base::{Base, NoBase, Tip, base};
pub use committed::is_committed;
use git2::{ErrorCode, Status, StatusOptions};
use open::Repo;
pub use touched::{TouchedLines, touched_lines};
pub use tree::{Content, Tree};

use crate::state::is_access_file;

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
    let repo = Repo::around(folder).map_err(explain)?;
    let repository = &repo.repository;
    let commit = repository.head().and_then(|head| head.peel_to_commit()).map_err(explain)?;
    let id = commit.id().to_string();
    let short = commit
        .as_object()
        .short_id()
        .ok()
        .and_then(|short| short.as_str().ok().map(str::to_owned))
        .unwrap_or_else(|| id.chars().take(7).collect());
    let dirty = is_dirty(&repo, folder).map_err(explain)?;
    Ok(Head { commit: id, short, dirty })
}

/// The path of a folder below the top of the repository around it, with `/`; empty for the top itself. `None` where there is
/// no repository, or its name is no text.
pub fn inside(folder: &Path) -> Option<String> {
    Repo::around(folder).ok()?.inside(folder)
}

fn is_dirty(repo: &Repo, folder: &Path) -> Result<bool, git2::Error> {
    let Some(inside) = repo.inside(folder) else { return Ok(false) };
    let mut options = StatusOptions::new();
    options.include_untracked(true).recurse_untracked_dirs(true).exclude_submodules(true).include_ignored(false);
    if !inside.is_empty() {
        options.disable_pathspec_match(true).pathspec(&inside);
    }
    let statuses = repo.repository.statuses(Some(&mut options))?;
    // Journals and saved plans lie in the same folders and are no part of the config; nor is what is hidden in there, wherever
    // the folder itself lies.
    let is_ours = |path: &str| {
        let below = path.strip_prefix(&inside).unwrap_or(path);
        is_access_file(Path::new(path)) && !below.split('/').any(|part| part.starts_with('.'))
    };
    Ok(statuses.iter().any(|entry| entry.status() != Status::CURRENT && entry.path().is_ok_and(is_ours)))
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
