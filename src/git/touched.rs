//! Which lines of the access files a change touches, as a pull request shows them.
//!
//! The files after the change are those that lie in the folder, committed or not; those before are of the base. A file that
//! was moved is compared with what it was before, and so is one that was there all the time and was no access file: of
//! neither a reviewer is shown more lines than differ.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use git2::{Commit, Delta, DiffFindOptions, DiffOptions, ObjectType, Oid, Patch, Repository};

use super::base::Base;
use super::open::Repo;
use super::tree::{self, MAX_DEPTH, MAX_NAME, MAX_NAMES, Tree, too_much};
use crate::state::Lines;

/// The longest file that is compared, in bytes. No access file is longer.
const LONGEST: usize = 1024 * 1024;
/// Among more files than this that come or go, moved ones are found by equal content alone.
const MOST_MOVED: usize = 400;

/// The touched lines of each file by its path below the folder: before the change and after it.
pub type TouchedLines = [BTreeMap<String, Lines>; 2];

/// The lines that a change takes out of the files before it, and those that it adds to the files after it, with the texts of
/// both by their paths below the folder.
///
/// # Errors
/// git cannot read the repository: a sentence.
pub fn touched_lines(
    base: &Base,
    before: &BTreeMap<&str, &str>,
    after: &BTreeMap<&str, &str>,
) -> Result<TouchedLines, String> {
    let repository = base.tree.repository();
    compare(repository, base, before, after).map_err(|error| super::explain(repository.path(), &error))
}

fn compare(
    repository: &Repository,
    base: &Base,
    before: &BTreeMap<&str, &str>,
    after: &BTreeMap<&str, &str>,
) -> Result<TouchedLines, git2::Error> {
    let head = repository.head()?.peel_to_commit()?;
    let root = base.tree.root();
    let head_tree = Tree::new(Repo::again(repository)?, head.id(), &base.folder)?;
    let base_commit = repository.find_commit(Oid::from_str(&base.commit)?)?;
    let moved = moved(repository, &base_commit, &head)?;
    let moved_to: HashMap<&PathBuf, &PathBuf> = moved.iter().map(|(to, from)| (from, to)).collect();
    let of = |commit: &Commit<'_>, path: &Path| blob(repository, commit, path);
    let is_there = |path: &Path| repository.workdir().is_some_and(|top| top.join(path).exists());
    let place = |tree: &Tree, path: &str| {
        let real = tree.real(&root.join(path)).unwrap_or_else(|_| root.join(path));
        real.strip_prefix("/").map_or_else(|_| real.clone(), Path::to_owned)
    };
    let by_place: HashMap<PathBuf, &str> = after.iter().map(|(path, text)| (place(&head_tree, path), *text)).collect();

    let mut lines: TouchedLines = Default::default();
    let [taken, added] = &mut lines;
    for (path, text) in after {
        let at = place(&head_tree, path);
        let old = of(&base_commit, moved.get(&at).unwrap_or(&at))?;
        let touched = old.map_or(Ok(Lines::All), |old| differing(&old, text).map(|[_, new]| new))?;
        added.insert((*path).to_owned(), touched);
    }
    for (path, text) in before {
        let at = place(&base.tree, path);
        let to = moved_to.get(&at).copied().unwrap_or(&at);
        let new = match by_place.get(to) {
            Some(text) => Some((*text).to_owned()),
            // It is no access file any more, but still there.
            None if is_there(to) => of(&head, to)?,
            None => None,
        };
        let touched = new.map_or(Ok(Lines::All), |new| differing(text, &new).map(|[old, _]| old))?;
        taken.insert((*path).to_owned(), touched);
    }
    Ok(lines)
}

/// The files that were moved on the way, from anywhere in the repository: where each is now, and where it was.
fn moved(
    repository: &Repository,
    base: &Commit<'_>,
    head: &Commit<'_>,
) -> Result<HashMap<PathBuf, PathBuf>, git2::Error> {
    let ends = ends(repository, base.tree_id(), head.tree_id())?;
    if ends.is_empty() {
        return Ok(HashMap::new());
    }
    let mut options = DiffOptions::new();
    options.context_lines(0).disable_pathspec_match(true);
    for path in &ends {
        options.pathspec(path);
    }
    let mut diff = repository.diff_tree_to_tree(Some(&base.tree()?), Some(&head.tree()?), Some(&mut options))?;
    let mut find = DiffFindOptions::new();
    find.renames(true).exact_match_only(ends.len() > MOST_MOVED);
    diff.find_similar(Some(&mut find))?;
    let renamed = diff.deltas().filter(|delta| delta.status() == Delta::Renamed);
    Ok(renamed.filter_map(|delta| Some((delta.new_file().path()?.into(), delta.old_file().path()?.into()))).collect())
}

/// The files that only one of two trees has, and that are no longer than an access file. Whoever writes a change writes both
/// trees, and a few objects can stand for ten million names: no more are looked at than a tree of access files could have.
fn ends(repository: &Repository, base: Oid, head: Oid) -> Result<Vec<String>, git2::Error> {
    let objects = repository.odb()?;
    let mut ends = Vec::new();
    let mut open = vec![(String::new(), Some(base), Some(head), 0)];
    let mut names = 0;
    while let Some((folder, base, head, depth)) = open.pop() {
        if depth > MAX_DEPTH {
            return Err(too_much(format!("more than {MAX_DEPTH} folders within one another")));
        }
        let mut here: BTreeMap<String, [Option<(ObjectType, Oid)>; 2]> = BTreeMap::new();
        for (side, id) in [base, head].into_iter().enumerate() {
            let Some(id) = id else { continue };
            let tree = tree::tree(repository, id)?;
            names += tree.len();
            if names > MAX_NAMES {
                return Err(too_much(format!("more than {MAX_NAMES} names that differ")));
            }
            for entry in &tree {
                let (Ok(name), Some(kind)) = (entry.name(), entry.kind()) else { continue };
                if name.len() > MAX_NAME {
                    return Err(too_much(format!("a name of more than {MAX_NAME} bytes")));
                }
                if let Some(side) = here.entry(name.to_owned()).or_default().get_mut(side) {
                    *side = Some((kind, entry.id()));
                }
            }
        }
        for (name, [old, new]) in here {
            if old == new {
                continue;
            }
            let path = if folder.is_empty() { name } else { format!("{folder}/{name}") };
            let of =
                |kind| move |side: Option<(ObjectType, Oid)>| side.filter(|side| side.0 == kind).map(|side| side.1);
            let [old_folder, new_folder] = [old, new].map(of(ObjectType::Tree));
            let end = match [old, new].map(of(ObjectType::Blob)) {
                [Some(id), None] | [None, Some(id)] => Some(id),
                [Some(_), Some(_)] | [None, None] => None,
            };
            if let Some(end) = end
                && objects.read_header(end)?.0 <= LONGEST
            {
                ends.push(path.clone());
            }
            if old_folder.is_some() || new_folder.is_some() {
                open.push((path, old_folder, new_folder, depth + 1));
            }
        }
    }
    Ok(ends)
}

/// The text of a file in a commit; nothing where there is none, or none that could be an access file.
fn blob(repository: &Repository, commit: &Commit<'_>, path: &Path) -> Result<Option<String>, git2::Error> {
    let (Some(path), objects) = (path.to_str(), repository.odb()?) else { return Ok(None) };
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    let Some(folder) = tree::below(repository, commit.tree_id(), folder)? else { return Ok(None) };
    let folder = tree::tree(repository, folder)?;
    let Some(entry) = folder.get_name(name).filter(|entry| entry.kind() == Some(ObjectType::Blob)) else {
        return Ok(None);
    };
    if objects.read_header(entry.id())?.0 > LONGEST {
        return Ok(None);
    }
    let blob = repository.find_blob(entry.id())?;
    Ok(Some(String::from_utf8_lossy(blob.content()).into_owned()))
}

/// The lines of either text that the other has not. How lines end makes no difference.
fn differing(old: &str, new: &str) -> Result<[Lines; 2], git2::Error> {
    let [old, new] = [old, new].map(|text| text.replace("\r\n", "\n"));
    if old == new {
        return Ok([Lines::Some(Vec::new()), Lines::Some(Vec::new())]);
    }
    let mut options = DiffOptions::new();
    options.context_lines(0).force_text(true);
    let patch = Patch::from_buffers(old.as_bytes(), None, new.as_bytes(), None, Some(&mut options))?;
    let (mut taken, mut added) = (Vec::new(), Vec::new());
    for at in 0..patch.num_hunks() {
        let (hunk, _) = patch.hunk(at)?;
        for (lines, start, count) in
            [(&mut taken, hunk.old_start(), hunk.old_lines()), (&mut added, hunk.new_start(), hunk.new_lines())]
        {
            if count > 0 {
                lines.push((start, start + count - 1));
            }
        }
    }
    Ok([Lines::Some(taken), Lines::Some(added)])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_told_by_what_the_other_text_lacks() {
        let cases = [
            ("a\nb\nc\n", "a\nb\nc\n", vec![], vec![]),
            ("a\nb\nc\n", "a\nx\nb\nc\n", vec![], vec![(2, 2)]),
            ("a\nb\nc\n", "a\nc\n", vec![(2, 2)], vec![]),
            ("a\nb\nc\n", "a\nB\nC\nc\n", vec![(2, 2)], vec![(2, 3)]),
            ("a\nb\nc\nd\ne\n", "x\nb\nc\nd\ny\n", vec![(1, 1), (5, 5)], vec![(1, 1), (5, 5)]),
            ("a\r\nb\r\n", "a\nb\n", vec![], vec![]),
            ("a\nb", "a\nb\n", vec![(2, 2)], vec![(2, 2)]),
            ("", "a\n", vec![], vec![(1, 1)]),
        ];
        for (old, new, taken, added) in cases {
            let expected = [Lines::Some(taken), Lines::Some(added)];
            assert_eq!(differing(old, new).unwrap(), expected, "{old:?} {new:?}");
        }
    }
}
