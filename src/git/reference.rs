//! Which commit a name stands for.
//!
//! Names of branches and the first digits of ids can be chosen by whoever proposes a change. So a name is first of all a branch or a
//! tag, an id is written out in full, and where two branches are meant by one name, the origin's is taken: that is where the
//! change goes.

use git2::{ErrorCode, Oid, Repository};

use super::base::NoBase;
use crate::state::closest;

/// The commit of a name.
pub(super) struct Found {
    pub(super) commit: Oid,
    /// Which of two branches it is: a sentence.
    pub(super) taken: Option<String>,
}

/// The commit of a name: a branch, a tag, a full id, `HEAD`, or what is counted from one of these (`HEAD~2`, `main^`).
///
/// A clone made by CI often has the branch of the other side alone.
pub(super) fn find(repository: &Repository, reference: &str, is_shallow: bool) -> Result<Found, NoBase> {
    let end = ["~", "^", "@{"].iter().filter_map(|sign| reference.find(sign)).min().unwrap_or(reference.len());
    let (name, counted) = reference.split_at(end);
    let Some((spelt, taken)) = spelt(repository, name, counted)? else {
        return Err(unknown(repository, reference, is_shallow));
    };
    let peeled = |text: &str| repository.revparse_single(text).and_then(|object| object.peel_to_commit());
    let found = match (counted, Oid::from_str(&spelt)) {
        ("", Ok(id)) if spelt.len() == DIGITS => {
            repository.find_object(id, None).and_then(|object| object.peel_to_commit())
        }
        ("", _) => repository.find_reference(&spelt).and_then(|reference| reference.peel_to_commit()),
        _ => peeled(&format!("{spelt}{counted}")),
    };
    match found {
        Ok(commit) => Ok(Found { commit: commit.id(), taken }),
        Err(error) if error.code() == ErrorCode::NotFound => Err(unknown(repository, reference, is_shallow)),
        Err(error) => Err(NoBase::new(
            format!("git does not understand `{reference}`: {}", error.message()),
            "name a branch, a tag or a commit",
        )),
    }
}

/// How many digits an id has.
const DIGITS: usize = 40;

fn is_hex(name: &str) -> bool {
    name.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// The full name of a reference, or a full id, that a name stands for; with a sentence where it could have been another.
fn spelt(repository: &Repository, name: &str, counted: &str) -> Result<Option<(String, Option<String>)>, NoBase> {
    let commit = |full: &str| repository.find_reference(full).and_then(|found| found.peel_to_commit()).ok();
    let alone = |full: String| Ok(Some((full, None)));
    if name.len() == DIGITS && is_hex(name) {
        // A branch may be called so, but nobody can choose a commit of this id.
        return alone(name.to_owned());
    }
    let is_special = name.ends_with("HEAD") && name.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    match name {
        "" if counted.starts_with("@{") => return alone(String::new()),
        "" => {
            let what = format!("git does not understand `{counted}`");
            return Err(NoBase::new(what, "name a branch, a tag or a commit"));
        }
        "@" => return alone("HEAD".to_owned()),
        _ if is_special || name.starts_with("refs/") => {
            return Ok(commit(name).map(|_| (name.to_owned(), None)));
        }
        _ => {}
    }
    // The more exact first: a branch may be called `origin/main` to be taken for the origin's `main`.
    let exact = ["heads/", "tags/", "remotes/"].iter().any(|place| name.starts_with(place));
    let exact = exact.then(|| format!("refs/{name}"));
    let places = ["refs/remotes/", "refs/remotes/origin/", "refs/heads/", "refs/tags/"];
    let all = exact.into_iter().chain(places.iter().map(|place| format!("{place}{name}")));
    let found: Vec<(String, Oid)> = all.filter_map(|full| Some((full.clone(), commit(&full)?.id()))).collect();
    let (tags, branches): (Vec<_>, Vec<_>) = found.iter().partition(|(full, _)| full.starts_with("refs/tags/"));
    if let (Some((tag, _)), Some((branch, _))) = (tags.first(), branches.first()) {
        // git itself would take the tag, which is easier to come by than the branch.
        return Err(NoBase::new(format!("`{name}` is a tag and a branch"), format!("write `{branch}` or `{tag}`")));
    }
    let Some((full, id)) = found.first() else { return Ok(None) };
    let other = found.iter().find(|(_, other)| other != id);
    let taken = other.map(|(other, _)| {
        format!(
            "`{name}` is {full} here, where the change goes; {other} is at another commit (write `{other}` if that is meant)."
        )
    });
    Ok(Some((full.clone(), taken)))
}

/// Nothing is called so.
fn unknown(repository: &Repository, reference: &str, is_shallow: bool) -> NoBase {
    let is_id = is_hex(reference) && reference.len() == DIGITS;
    if is_id && reference.bytes().all(|digit| digit == b'0') {
        return NoBase::new(
            format!("`{reference}` stands for no commit"),
            "use the name of the branch that the change goes to, e.g. `origin/main`",
        );
    }
    let branch = reference.strip_prefix("refs/remotes/").or_else(|| reference.strip_prefix("refs/heads/"));
    let branch = branch.unwrap_or(reference);
    let branch = branch.strip_prefix("origin/").unwrap_or(branch);
    let is_counted = reference.contains(['~', '^']) || reference.contains("@{");
    let fetch = match (is_id, is_counted) {
        (true, _) => format!("git fetch origin {reference}"),
        (false, false) => format!("git fetch origin +refs/heads/{branch}:refs/remotes/origin/{branch}"),
        (false, true) => "git fetch origin".to_owned(),
    };
    if is_shallow {
        return NoBase::new(
            format!("this clone has no commit `{reference}`: it was made without the whole history"),
            format!(
                "check out with `fetch-depth: 0` (in a pull request of GitHub's, `fetch-depth: 2` and `--base HEAD^1`), or run \
                 `{}`",
                fetch.replace("git fetch origin", "git fetch --unshallow origin")
            ),
        );
    }
    if is_id {
        return NoBase::new(format!("the repository has no commit `{reference}`"), format!("fetch it: `{fetch}`"));
    }
    if is_counted {
        // What is counted from another commit is not there because there are no more, or because nothing is called so.
        return NoBase::new(
            format!("the repository has no commit `{reference}`: nothing is called so, or the history is not as long"),
            "name one that is there (`git log --oneline`)",
        );
    }
    let fetch = format!("fetch it (`{fetch}`), or name another");
    let what = format!("the repository has no branch, tag or commit `{reference}`");
    if is_hex(reference) && reference.len() >= 4 {
        return NoBase::new(
            format!("{what}, and an id must be written in full: others can choose how theirs begins"),
            format!("write all {DIGITS} digits (`git rev-parse {reference}`), or name a branch"),
        );
    }
    let near = nearest(repository, reference);
    NoBase::new(what, near.map_or_else(|| fetch.clone(), |near| format!("did you mean `{near}`? Else {fetch}")))
}

/// The branch or tag that a mistyped name was meant to be.
fn nearest(repository: &Repository, reference: &str) -> Option<String> {
    let references = repository.references().ok()?;
    let short = |found: Result<git2::Reference<'_>, git2::Error>| found.ok()?.shorthand().ok().map(str::to_owned);
    let names: Vec<String> = references.filter_map(short).collect();
    closest(reference, names.iter().map(String::as_str)).map(str::to_owned)
}
