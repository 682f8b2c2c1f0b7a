//! Finding and opening a repository: the only place that does.
//!
//! What lies in the files of a change is written by whoever proposes it, and may look like a repository of its own. git keeps
//! nobody from committing `HEAD`, `config`, `objects/` and `refs/`, but never takes in anything called `.git`: so that name alone
//! counts.

use std::path::{Path, PathBuf};

use fs_err as fs;
use git2::{ErrorClass, ErrorCode, Repository, RepositoryOpenFlags};

pub(super) const DOT_GIT: &str = ".git";

/// A repository around a folder.
pub(super) struct Repo {
    pub(super) repository: Repository,
    /// The top of its work tree, free of links.
    top: Option<PathBuf>,
}

impl Repo {
    /// The repository around a folder or a file: the nearest `.git` upwards, never across a mount and without git's environment
    /// variables. Whoever owns it is looked at as git does.
    pub(super) fn around(path: &Path) -> Result<Self, git2::Error> {
        let none = |error: std::io::Error| git2::Error::new(ErrorCode::NotFound, ErrorClass::Os, error.to_string());
        let start = fs::canonicalize(path).map_err(none)?;
        let mount = fs::metadata(&start).map_err(none).map(|meta| device(&meta))?;
        for folder in start.ancestors() {
            let named = folder.join(DOT_GIT);
            let Ok(meta) = fs::metadata(&named) else { continue };
            if device(&meta) != mount {
                break;
            }
            match exactly(&named) {
                Ok(repository) => return Self::of(repository),
                // A folder of that name that is no repository means nothing to git either.
                Err(error) if error.code() == ErrorCode::NotFound && meta.is_dir() => {}
                Err(error) => return Err(error),
            }
        }
        Err(git2::Error::new(ErrorCode::NotFound, ErrorClass::Repository, "no `.git` here or above"))
    }

    /// The same repository once more, for who keeps it for itself.
    pub(super) fn again(repository: &Repository) -> Result<Repository, git2::Error> {
        exactly(repository.path())
    }

    fn of(repository: Repository) -> Result<Self, git2::Error> {
        let top = repository.workdir().and_then(|top| fs::canonicalize(top).ok());
        for place in [repository.path(), repository.commondir()] {
            let place = fs::canonicalize(place).unwrap_or_else(|_| place.to_owned());
            let within = top.as_ref().and_then(|top| place.strip_prefix(top).ok());
            if within.is_some_and(|within| !within.starts_with(DOT_GIT)) {
                let message = format!("{} lies among the files that it keeps", place.display());
                return Err(git2::Error::new(ErrorCode::Invalid, ErrorClass::Repository, message));
            }
        }
        Ok(Self { repository, top })
    }

    /// The path of a folder or a file below the top, with `/`; empty for the top itself. `None` where it is not below it, or its
    /// name is no text.
    pub(super) fn inside(&self, path: &Path) -> Option<String> {
        let path = fs::canonicalize(path).ok()?;
        let parts = path.strip_prefix(self.top.as_ref()?).ok()?.components().map(|part| part.as_os_str().to_str());
        Some(parts.collect::<Option<Vec<_>>>()?.join("/"))
    }

    /// The top of a repository around this one that keeps this one, as a submodule, or files in its place. Which that is, and at
    /// which commit, is then written by whoever changes the other.
    pub(super) fn kept_by(&self) -> Option<PathBuf> {
        let top = self.top.as_ref()?;
        let outer = Self::around(top.parent()?).ok()?;
        let inside = outer.inside(top)?;
        let in_head = || outer.repository.head().ok()?.peel_to_tree().ok()?.get_path(Path::new(&inside)).ok();
        let in_index = || {
            let index = outer.repository.index().ok()?;
            let below = format!("{inside}/");
            index.iter().find(|entry| entry.path == inside.as_bytes() || entry.path.starts_with(below.as_bytes()))
        };
        (in_head().is_some() || in_index().is_some()).then(|| outer.top.clone()).flatten()
    }
}

/// The repository of a `.git`, or of the folder that one stands for: no other is looked for.
pub(super) fn exactly(place: &Path) -> Result<Repository, git2::Error> {
    let flags = RepositoryOpenFlags::NO_SEARCH | RepositoryOpenFlags::NO_DOTGIT;
    Repository::open_ext(place, flags, std::iter::empty::<&Path>())
}

/// The first link on the way to a path that lies in the files of a repository: where it leads is written by whoever changes
/// those.
pub(super) fn link_in_files(path: &Path) -> Option<PathBuf> {
    let mut at = PathBuf::new();
    for part in std::path::absolute(path).ok()?.components() {
        match part {
            std::path::Component::ParentDir => drop(at.pop()),
            other => at.push(other),
        }
        if fs::symlink_metadata(&at).is_ok_and(|meta| meta.file_type().is_symlink()) {
            let is_in_files = at.ancestors().skip(1).any(|folder| fs::symlink_metadata(folder.join(DOT_GIT)).is_ok());
            if is_in_files {
                return Some(at);
            }
            at = fs::canonicalize(&at).ok()?;
        }
    }
    None
}

#[cfg(unix)]
fn device(meta: &std::fs::Metadata) -> u64 {
    std::os::unix::fs::MetadataExt::dev(meta)
}

#[cfg(not(unix))]
fn device(_: &std::fs::Metadata) -> u64 {
    0
}
