//! Whether a commit is one of those that led to what is checked out.

use std::path::Path;

use git2::{ErrorCode, Oid, Repository, RepositoryOpenFlags};

/// Whether a commit, by its full id, is in the history of the one that is checked out around a folder. `None` where that cannot be
/// told: there is no repository, that is no id, or the clone lacks part of the history.
pub fn is_in_history(folder: &Path, commit: &str) -> Option<bool> {
    let repository = Repository::open_ext(folder, RepositoryOpenFlags::empty(), std::iter::empty::<&Path>()).ok()?;
    let (head, commit) = (repository.head().ok()?.peel_to_commit().ok()?.id(), Oid::from_str(commit).ok()?);
    let found = match repository.find_commit(commit) {
        Ok(_) => head == commit || repository.graph_descendant_of(head, commit).ok()?,
        Err(error) if error.code() == ErrorCode::NotFound => false,
        Err(_) => return None,
    };
    (found || !repository.is_shallow()).then_some(found)
}
