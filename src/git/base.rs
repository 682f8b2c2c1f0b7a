//! What a change starts from: the commit that the one checked out has in common with the branch that it goes to.

use std::path::Path;

use git2::{ErrorCode, Oid, Repository};

use super::history::ROOT_FILE;
use super::open::{Repo, link_in_files};
use super::reference::{Found, find};
use super::tree::{self, Tree, is_too_much};

/// What a change starts from.
pub struct Base {
    /// What was asked for.
    pub reference: String,
    /// The full id of the commit.
    pub commit: String,
    /// The shortest beginning of it that is unique, at least seven digits.
    pub short: String,
    /// The folder of the access files below the top of the repository, with `/`; empty for the top itself.
    pub folder: String,
    /// That folder as it was there.
    pub tree: Tree,
    /// Where the branch is by now that the change goes to.
    pub tip: Tip,
    /// Whether the clone lacks part of the history, so that a nearer commit may be in common.
    pub is_shallow: bool,
    /// Whether the commit that is checked out is in the history of the branch already.
    pub is_merged: bool,
    /// Which of two branches of that name it is: a sentence.
    pub taken: Option<String>,
}

/// A branch as it is by now.
pub struct Tip {
    /// The full id of its commit.
    pub commit: String,
    /// The shortest beginning of its commit's id that is unique, at least seven digits.
    pub short: String,
    /// The folder of the access files as it is there.
    pub tree: Tree,
}

/// Why there is no base.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct NoBase {
    /// What is wrong. May hold text from the repository.
    pub what: String,
    /// What to do next.
    pub next: String,
}

impl NoBase {
    pub(super) fn new(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { what: what.into(), next: next.into() }
    }
}

/// What the change starts from that is checked out around a folder and goes to a branch, tag or commit.
///
/// `path` is what was named, as it was named; `folder` is where the root file lies that it belongs to. Whoever proposes a change
/// writes what is checked out, and must not choose by it with what it is compared: neither by a link, nor by a repository of its
/// own, nor by a root file at another place.
///
/// # Errors
/// There is no repository, nothing is called so, the two have no commit in common, the access files lie elsewhere in the branch,
/// or git cannot read them.
pub fn base(path: &Path, folder: &Path, reference: &str) -> Result<Base, NoBase> {
    let unreadable = |error: &git2::Error| unreadable(folder, error);
    if let Some(link) = link_in_files(path) {
        return Err(NoBase::new(
            format!(
                "{} is a link among the files that are checked out: a change chooses where it leads",
                link.display()
            ),
            "name the folder of the access files itself; where that is a folder in the branch, the change has put a link in \
             its place",
        ));
    }
    let repo = Repo::around(folder).map_err(|error| unreadable(&error))?;
    if let Some(outer) = repo.kept_by() {
        return Err(NoBase::new(
            format!(
                "{} lies in a repository within another one, {}, which keeps it: a change of that one chooses what this one is",
                folder.display(),
                outer.display()
            ),
            "check out the repository of the access files on its own, and plan there",
        ));
    }
    let outside = || NoBase::new(format!("{} is not in the folders of a git repository", folder.display()), NEEDED);
    let inside = repo.inside(folder).ok_or_else(outside)?;
    let named = repo.inside(path).ok_or_else(outside)?;
    let repository = &repo.repository;
    let is_shallow = repository.is_shallow();
    let head = repository.head().and_then(|head| head.peel_to_commit()).map_err(|error| unreadable(&error))?.id();
    let Found { commit: tip, taken } = find(repository, reference, is_shallow)?;
    let start = in_common(repository, head, tip, reference, is_shallow)?;
    let root = root_above(repository, tip, &named).map_err(|error| unreadable(&error))?;
    if let Some(root) = root.filter(|root| *root != inside) {
        let file =
            |folder: &str| if folder.is_empty() { ROOT_FILE.to_owned() } else { format!("{folder}/{ROOT_FILE}") };
        return Err(NoBase::new(
            format!("the root file is {} in {reference}, and {} here", file(&root), file(&inside)),
            "a change must not choose what it is compared with: move the root file in a change of its own, and name its new \
             folder from then on",
        ));
    }
    let at = |oid: Oid| {
        let tree = Tree::new(Repo::again(repository)?, oid, &inside)?;
        Ok((short(repository, oid)?, tree))
    };
    let at = |oid| at(oid).map_err(|error| unreadable(&error));
    let (short, tree) = at(start)?;
    let tip = at(tip).map(|(short, tree)| Tip { commit: tip.to_string(), short, tree })?;
    Ok(Base {
        reference: reference.to_owned(),
        commit: start.to_string(),
        short,
        folder: inside,
        tree,
        tip,
        is_shallow,
        is_merged: start == head,
        taken,
    })
}

fn short(repository: &Repository, oid: Oid) -> Result<String, git2::Error> {
    let short = repository.find_commit(oid)?.as_object().short_id()?;
    Ok(short.as_str().map_or_else(|_| oid.to_string().chars().take(7).collect(), str::to_owned))
}

/// The folder of the nearest root file of a commit, from a path upwards.
fn root_above(repository: &Repository, commit: Oid, path: &str) -> Result<Option<String>, git2::Error> {
    let top = repository.find_commit(commit)?.tree_id();
    let mut folder = Some(path);
    while let Some(at) = folder {
        if let Some(id) = tree::below(repository, top, at)?
            && tree::tree(repository, id)?.get_name(ROOT_FILE).is_some()
        {
            return Ok(Some(at.to_owned()));
        }
        folder = (!at.is_empty()).then(|| at.rsplit_once('/').map_or("", |(above, _)| above));
    }
    Ok(None)
}

const NEEDED: &str = "`--base` needs a git repository with the history of the change";

fn unreadable(folder: &Path, error: &git2::Error) -> NoBase {
    if is_too_much(error) {
        let what = format!("the folders of a commit cannot be read: {}", error.message());
        return NoBase::new(what, "no folder of access files is like that: look at what the commits hold");
    }
    NoBase::new(super::explain(folder, error), NEEDED)
}

fn in_common(repository: &Repository, head: Oid, tip: Oid, reference: &str, is_shallow: bool) -> Result<Oid, NoBase> {
    repository.merge_base(head, tip).map_err(|error| match error.code() {
        ErrorCode::NotFound if is_shallow => NoBase::new(
            format!(
                "the part of the history that this clone has holds no commit that HEAD and `{reference}` have in common"
            ),
            "check out with `fetch-depth: 0`, or run `git fetch --unshallow origin`",
        ),
        ErrorCode::NotFound => NoBase::new(
            format!("HEAD and `{reference}` have no commit in common: their histories are unrelated"),
            "name the branch that this change goes to",
        ),
        _ => NoBase::new(
            format!("git cannot compare HEAD with `{reference}`: {}", error.message()),
            "run `git fsck`; a partial clone must be able to fetch what it lacks",
        ),
    })
}
