//! What a change starts from: the commit that the one checked out has in common with the branch that it goes to.

use std::path::Path;

use git2::{Commit, ErrorCode, Oid, Repository, RepositoryOpenFlags};

use super::tree::Tree;
use crate::state::closest;

/// What a change starts from.
pub struct Base {
    /// What was asked for.
    pub reference: String,
    /// The full id of the commit.
    pub commit: String,
    /// The shortest beginning of it that is unique, at least seven digits.
    pub short: String,
    /// Whether the clone lacks part of the history, so that a nearer commit may be in common.
    pub is_shallow: bool,
    /// The folder of the access files as it was there.
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
    fn new(what: impl Into<String>, next: impl Into<String>) -> Self {
        Self { what: what.into(), next: next.into() }
    }
}

/// What the change starts from that is checked out around a folder and goes to a branch, tag or commit.
///
/// # Errors
/// There is no repository, nothing is called so, the two have no commit in common, or git cannot read them.
pub fn base(folder: &Path, reference: &str) -> Result<Base, NoBase> {
    let unreadable = |error: &git2::Error| unreadable(folder, error);
    let (repository, inside) = open(folder)?;
    let is_shallow = repository.is_shallow();
    let (oid, short) = {
        let head = repository.head().and_then(|head| head.peel_to_commit()).map_err(|error| unreadable(&error))?;
        let tip = find(&repository, reference, is_shallow)?;
        let oid = in_common(&repository, head.id(), tip.id(), reference, is_shallow)?;
        let base = repository.find_commit(oid).map_err(|error| unreadable(&error))?;
        let short = base.as_object().short_id().ok().and_then(|short| short.as_str().ok().map(str::to_owned));
        (oid, short)
    };
    let commit = oid.to_string();
    let short = short.unwrap_or_else(|| commit.chars().take(7).collect());
    let tree = Tree::new(repository, oid, &inside).map_err(|error| unreadable(&error))?;
    Ok(Base { reference: reference.to_owned(), commit, short, is_shallow, tree })
}

/// The folder as it is at the tip of a branch, or at a tag or a commit.
///
/// # Errors
/// As of [`base`].
pub fn tip(folder: &Path, reference: &str) -> Result<Tree, NoBase> {
    let (repository, inside) = open(folder)?;
    let tip = find(&repository, reference, repository.is_shallow())?.id();
    Tree::new(repository, tip, &inside).map_err(|error| unreadable(folder, &error))
}

const NEEDED: &str = "`--base` needs a git repository with the history of the change";

fn unreadable(folder: &Path, error: &git2::Error) -> NoBase {
    NoBase::new(super::explain(folder, error), NEEDED)
}

/// The repository around a folder, and where the folder is in it.
fn open(folder: &Path) -> Result<(Repository, String), NoBase> {
    let repository = Repository::open_ext(folder, RepositoryOpenFlags::empty(), std::iter::empty::<&Path>())
        .map_err(|error| unreadable(folder, &error))?;
    let outside = || NoBase::new(format!("{} is not in the folders of a git repository", folder.display()), NEEDED);
    let inside = super::inside(folder).ok_or_else(outside)?;
    Ok((repository, inside))
}

/// The commit of a name. A clone made by CI often has the branch of the other side alone.
fn find<'r>(repository: &'r Repository, reference: &str, is_shallow: bool) -> Result<Commit<'r>, NoBase> {
    if reference.is_empty() {
        return Err(NoBase::new("`--base` names nothing", "is the variable set that it is taken from?"));
    }
    // git itself would take the tag, which is easier to come by than the branch.
    let is_there = |place: &str| repository.find_reference(&format!("refs/{place}/{reference}")).is_ok();
    if is_there("tags") && ["heads", "remotes", "remotes/origin"].into_iter().any(is_there) {
        return Err(NoBase::new(
            format!("`{reference}` is a tag and a branch"),
            format!("write `refs/heads/{reference}`, `refs/remotes/origin/{reference}` or `refs/tags/{reference}`"),
        ));
    }
    let named = |name: &str| repository.revparse_single(name).and_then(|object| object.peel_to_commit());
    let found = named(reference).or_else(|error| match error.code() {
        ErrorCode::NotFound => named(&format!("refs/remotes/origin/{reference}")).map_err(|_| error),
        _ => Err(error),
    });
    found.map_err(|error| match error.code() {
        ErrorCode::NotFound if is_shallow => NoBase::new(
            format!("this clone has no commit `{reference}`: it was made without the whole history"),
            "check out with `fetch-depth: 0` (in a pull request of GitHub's, `fetch-depth: 2` and `--base HEAD^1`), or run \
             `git fetch --unshallow origin`",
        ),
        // What is counted from another commit is not there because there are no more.
        ErrorCode::NotFound if reference.contains(['~', '^', '@']) => NoBase::new(
            format!("the repository has no commit `{reference}`: the history is not as long"),
            "name one that is there (`git log --oneline`)",
        ),
        ErrorCode::NotFound => {
            let branch = reference.strip_prefix("origin/").unwrap_or(reference);
            let fetch = format!("fetch it (`git fetch origin {branch}:refs/remotes/origin/{branch}`), or name another");
            let near = nearest(repository, reference);
            NoBase::new(
                format!("the repository has no branch, tag or commit `{reference}`"),
                near.map_or_else(|| fetch.clone(), |near| format!("did you mean `{near}`? Else {fetch}")),
            )
        }
        ErrorCode::Ambiguous => {
            NoBase::new(format!("`{reference}` is the beginning of several commits"), "write more of its id")
        }
        _ => NoBase::new(
            format!("git does not understand `{reference}`: {}", error.message()),
            "name a branch, a tag or a commit",
        ),
    })
}

/// The branch or tag that a mistyped name was meant to be.
fn nearest(repository: &Repository, reference: &str) -> Option<String> {
    let references = repository.references().ok()?;
    let short = |found: Result<git2::Reference<'_>, git2::Error>| found.ok()?.shorthand().ok().map(str::to_owned);
    let names: Vec<String> = references.filter_map(short).collect();
    closest(reference, names.iter().map(String::as_str)).map(str::to_owned)
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
