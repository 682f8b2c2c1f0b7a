//! Who wrote a change, as git says. Whoever makes a commit chooses that, so that it is a hint and never proof.

use git2::{Commit, Oid, Repository};

use super::base::Base;
use super::tree;

/// The most commits that are looked at.
const MOST_COMMITS: usize = 1_000;

/// The author of commits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Author {
    /// Their name: hostile text.
    pub name: String,
    /// Their mail address: hostile text.
    pub mail: String,
}

/// The authors of the commits that came since the base and did something to the access files, each mail address once, the
/// latest commit first. Nobody where git cannot tell.
pub fn authors(base: &Base) -> Vec<Author> {
    walk(base).unwrap_or_default()
}

fn walk(base: &Base) -> Result<Vec<Author>, git2::Error> {
    let repository = base.tree.repository();
    let mut walk = repository.revwalk()?;
    walk.push_head()?;
    walk.hide(Oid::from_str(&base.commit)?)?;
    let mut authors: Vec<Author> = Vec::new();
    for id in walk.take(MOST_COMMITS) {
        // Where a shallow clone ends, what was found before it still holds.
        let Ok(commit) = id.and_then(|id| repository.find_commit(id)) else { break };
        if !is_about(repository, &commit, &base.folder) {
            continue;
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        let author = commit.author();
        let author = Author { name: text(author.name_bytes()), mail: text(author.email_bytes()) };
        if !authors.iter().any(|known| known.mail.eq_ignore_ascii_case(&author.mail)) {
            authors.push(author);
        }
    }
    Ok(authors)
}

/// Whether the folder differs from that of every commit before: a merge that only brings two sides together did nothing to it.
fn is_about(repository: &Repository, commit: &Commit<'_>, folder: &str) -> bool {
    let own = below(repository, commit, folder);
    // A clone may lack commits before; then nobody knows, and a hint too many is none too few.
    let parents = commit.parent_ids().filter_map(|id| repository.find_commit(id).ok());
    parents.map(|parent| below(repository, &parent, folder)).all(|before| before != own)
}

/// The object of a folder in a commit.
fn below(repository: &Repository, commit: &Commit<'_>, folder: &str) -> Option<Oid> {
    tree::below(repository, commit.tree_id(), folder).ok()?
}
