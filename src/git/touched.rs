//! Which lines of the access files a change touches, as a pull request shows them.
//!
//! The files after the change are those that lie in the folder, committed or not; those before are of the base. A file that
//! was moved is compared with what it was before, and so is one that was there all the time and was no access file: of
//! neither a reviewer is shown more lines than differ.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::path::{Path, PathBuf};

use git2::{Commit, Delta, DiffFindOptions, DiffOptions, ObjectType, Oid, Patch, Repository};

use super::base::Base;
use super::open::Repo;
use super::tree::{self, MAX_DEPTH, MAX_NAME, MAX_NAMES, Tree, is_too_much, too_much};
use crate::state::Lines;

/// The longest file that is compared, in bytes. No access file is longer.
const LONGEST: usize = 1024 * 1024;
/// The most pairs of a file that comes and one that goes that are looked at, to find those that were moved and edited.
const MOST_PAIRS: usize = 40_000;
/// A file of fewer bytes counts as one of so many when sizes are compared.
const SHORT: usize = 128;
/// The most bytes of the files in these pairs.
const MOST_PAIR_BYTES: usize = 32 * 1024 * 1024;
/// The most bytes of all texts that are compared line by line.
const MOST_BYTES: usize = 4 * 1024 * 1024;
/// The most lines of them.
const MOST_LINES: usize = 200_000;

/// The touched lines of each file by its path below the folder: before the change and after it.
pub type TouchedLines = [BTreeMap<String, Lines>; 2];

/// The lines that a change takes out of the files before it, and those that it adds to the files after it, with the texts of
/// both by their paths below the folder.
///
/// # Errors
/// git cannot read the repository, or more differs than is compared: a sentence.
pub fn touched_lines(
    base: &Base,
    before: &BTreeMap<&str, &str>,
    after: &BTreeMap<&str, &str>,
) -> Result<TouchedLines, String> {
    let repository = base.tree.repository();
    compare(repository, base, before, after).map_err(|error| {
        if is_too_much(&error) {
            return format!("the change holds more than is compared: {}", error.message());
        }
        super::explain(repository.path(), &error)
    })
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
    let of = |commit: &Commit<'_>, path: &Path| blob(repository, commit, path);
    let is_there = |path: &Path| repository.workdir().is_some_and(|top| top.join(path).exists());
    let place = |tree: &Tree, path: &str| {
        let real = tree.real(&root.join(path)).unwrap_or_else(|_| root.join(path));
        real.strip_prefix("/").map_or_else(|_| real.clone(), Path::to_owned)
    };
    let by_place: HashMap<PathBuf, &str> = after.iter().map(|(path, text)| (place(&head_tree, path), *text)).collect();
    let access = [
        before.keys().map(|path| place(&base.tree, path)).collect::<HashSet<_>>(),
        by_place.keys().cloned().collect::<HashSet<_>>(),
    ];
    let moved = moved(repository, [&base_commit, &head], &access)?;
    let moved_to: HashMap<&PathBuf, &PathBuf> = moved.iter().map(|(to, from)| (from, to)).collect();

    let (mut lines, mut budget) = (TouchedLines::default(), Budget::default());
    // What was compared, by where it was and where it is: links show one file in many places.
    let mut known: HashMap<(PathBuf, PathBuf), [Lines; 2]> = HashMap::new();
    let [taken, added] = &mut lines;
    for (path, text) in after {
        let at = place(&head_tree, path);
        let pair = (moved.get(&at).unwrap_or(&at).clone(), at);
        let touched = if let Some([_, new]) = known.get(&pair) {
            new.clone()
        } else {
            let old = of(&base_commit, &pair.0)?;
            let compared = old.map_or(Ok([Lines::All, Lines::All]), |old| budget.differing(&old, text))?;
            let [_, new] = known.entry(pair).or_insert(compared);
            new.clone()
        };
        added.insert((*path).to_owned(), touched);
    }
    for (path, text) in before {
        let at = place(&base.tree, path);
        let to = moved_to.get(&at).copied().unwrap_or(&at).clone();
        let pair = (at, to);
        let touched = if let Some([old, _]) = known.get(&pair) {
            old.clone()
        } else {
            let new = match by_place.get(&pair.1) {
                Some(text) => Some((*text).to_owned()),
                // It is no access file any more, but still there.
                None if is_there(&pair.1) => of(&head, &pair.1)?,
                None => None,
            };
            let compared = new.map_or(Ok([Lines::All, Lines::All]), |new| budget.differing(text, &new))?;
            let [old, _] = known.entry(pair).or_insert(compared);
            old.clone()
        };
        taken.insert((*path).to_owned(), touched);
    }
    Ok(lines)
}

/// The access files that were moved on the way, from anywhere in the repository or to there: where each is now, and where it
/// was. `access` is where they were, and where they are.
fn moved(
    repository: &Repository,
    [base, head]: [&Commit<'_>; 2],
    access: &[HashSet<PathBuf>; 2],
) -> Result<HashMap<PathBuf, PathBuf>, git2::Error> {
    let mut moved = HashMap::new();
    let mut by_content: BTreeMap<Oid, [Vec<End>; 2]> = BTreeMap::new();
    for end in ends(repository, base.tree_id(), head.tree_id())? {
        let sides = by_content.entry(end.id).or_default();
        if let Some(side) = sides.get_mut(usize::from(end.is_new)) {
            side.push(end);
        }
    }
    let is_access = |end: &End| access.get(usize::from(end.is_new)).is_some_and(|at| at.contains(Path::new(&end.path)));
    // What is the same is moved, access files first; of the rest, only what an access file could have been or become is compared.
    let mut rest: [Vec<End>; 2] = Default::default();
    for [mut gone, mut come] in by_content.into_values() {
        gone.sort_by_key(|end| !is_access(end));
        come.sort_by_key(|end| !is_access(end));
        let same = gone.len().min(come.len());
        for (old, new) in gone.drain(..same).zip(come.drain(..same)) {
            moved.insert(PathBuf::from(new.path), PathBuf::from(old.path));
        }
        for (side, more) in rest.iter_mut().zip([gone, come]) {
            side.extend(more);
        }
    }
    let sizes = rest.each_ref().map(|ends| {
        let mut sizes: Vec<usize> = ends.iter().filter(|end| is_access(end)).map(|end| end.size).collect();
        sizes.sort_unstable();
        sizes
    });
    let [old_sizes, new_sizes] = &sizes;
    let [gone, come] = &mut rest;
    gone.retain(|end| is_access(end) || is_alike(end.size, new_sizes));
    come.retain(|end| is_access(end) || is_alike(end.size, old_sizes));
    if gone.is_empty() || come.is_empty() {
        return Ok(moved);
    }
    let bytes: usize = gone.iter().chain(&*come).map(|end| end.size).sum();
    if gone.len().saturating_mul(come.len()) > MOST_PAIRS || bytes > MOST_PAIR_BYTES {
        let [gone, come] = [gone.len(), come.len()];
        return Err(too_much(format!("{gone} files go and {come} come that could be access files which were moved")));
    }
    let mut options = DiffOptions::new();
    options.context_lines(0).disable_pathspec_match(true);
    for end in gone.iter().chain(&*come) {
        options.pathspec(&end.path);
    }
    let mut diff = repository.diff_tree_to_tree(Some(&base.tree()?), Some(&head.tree()?), Some(&mut options))?;
    let mut find = DiffFindOptions::new();
    find.renames(true).rename_limit(MOST_PAIRS);
    diff.find_similar(Some(&mut find))?;
    let renamed = diff.deltas().filter(|delta| delta.status() == Delta::Renamed);
    moved.extend(renamed.filter_map(|delta| Some((delta.new_file().path()?.into(), delta.old_file().path()?.into()))));
    Ok(moved)
}

/// Whether a file of this size could be one of those sizes, edited: one of two is at most eight times as long, but for the
/// shortest.
fn is_alike(size: usize, sizes: &[usize]) -> bool {
    let least = if size > SHORT * 8 { size / 8 } else { 0 };
    let from = sizes.partition_point(|other| *other < least);
    sizes.get(from).is_some_and(|other| *other <= size.max(SHORT).saturating_mul(8))
}

/// A file that only one of two trees has.
struct End {
    path: String,
    is_new: bool,
    id: Oid,
    size: usize,
}

/// The files that only one of two trees has, and that are no longer than an access file. Whoever writes a change writes both
/// trees, and a few objects can stand for ten million names: no more are looked at than a tree of access files could have.
fn ends(repository: &Repository, base: Oid, head: Oid) -> Result<Vec<End>, git2::Error> {
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
                [Some(id), None] => Some((id, false)),
                [None, Some(id)] => Some((id, true)),
                [Some(_), Some(_)] | [None, None] => None,
            };
            if let Some((id, is_new)) = end {
                let (size, _) = objects.read_header(id)?;
                if size <= LONGEST {
                    ends.push(End { path: path.clone(), is_new, id, size });
                }
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

/// What was compared so far: to compare texts line by line costs far more than to read them.
#[derive(Default)]
struct Budget {
    bytes: usize,
    lines: usize,
}

impl Budget {
    /// The lines of either text that the other has not. How lines end makes no difference.
    fn differing(&mut self, old: &str, new: &str) -> Result<[Lines; 2], git2::Error> {
        let [old, new] = [old, new].map(|text| text.replace("\r\n", "\n"));
        if old == new {
            return Ok([Lines::Some(Vec::new()), Lines::Some(Vec::new())]);
        }
        self.bytes += old.len() + new.len();
        self.lines += old.lines().count() + new.lines().count();
        if self.bytes > MOST_BYTES || self.lines > MOST_LINES {
            return Err(too_much(format!(
                "the files that differ have more than {MOST_LINES} lines or {MOST_BYTES} bytes"
            )));
        }
        differing(&old, &new)
    }
}

fn differing(old: &str, new: &str) -> Result<[Lines; 2], git2::Error> {
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
            assert_eq!(Budget::default().differing(old, new).unwrap(), expected, "{old:?} {new:?}");
        }
    }

    #[test]
    fn no_more_lines_are_compared_than_access_files_have() {
        let many = |word: &str| format!("{word}\n").repeat(MOST_LINES / 4);
        let mut budget = Budget::default();
        for _ in 0..3 {
            assert!(budget.differing(&many("a"), &many("a")).is_ok(), "what is the same costs nothing");
        }
        assert!(budget.differing(&many("a"), &many("b")).is_ok());
        assert!(budget.differing(&many("a"), &many("b")).is_ok());
        let error = budget.differing("a\n", "b\n").unwrap_err();
        assert!(is_too_much(&error) && error.message().contains("200000 lines"), "{error}");
        assert!(Budget::default().differing(&"a".repeat(MOST_BYTES), "b").is_err());
    }

    #[test]
    fn a_file_could_be_another_one_of_about_its_size() {
        let cases = [
            (1_000, 8_000, true),
            (1_000, 8_001, false),
            (8_000, 1_000, true),
            (8_000, 999, false),
            (5, 900, true),
            (900, 5, true),
            (9_000, 5, false),
        ];
        for (size, other, expected) in cases {
            assert_eq!(is_alike(size, &[other]), expected, "{size} {other}");
        }
        assert!(!is_alike(5, &[]) && !is_alike(500, &[]));
    }
}
