//! Who wrote a change, as git says. Whoever makes a commit chooses that, so that it is a hint and never proof.
//!
//! Whoever makes commits chooses their times and what they come after, too, by the ten thousand if they like. So no more is read
//! than a change has, whatever there is.

use std::collections::{BinaryHeap, HashMap, HashSet};
use std::rc::Rc;

use git2::{Commit, ObjectType, Oid, Repository};

use super::base::Base;
use super::tree;

/// The most commits that are looked at.
const MOST_COMMITS: usize = 1_000;
/// The most commits before the base that are followed, to know them from those that came since.
const MOST_BEFORE: usize = 5_000;
/// The most commits that are read, whatever for.
const MOST_READ: usize = 30_000;
/// The most commits that one comes after.
const MOST_PARENTS: usize = 16;
/// The most bytes of all commits that are read.
const MOST_COMMIT_BYTES: usize = 32 * 1024 * 1024;
/// The most bytes of all trees that are read.
const MOST_TREE_BYTES: usize = 64 * 1024 * 1024;

/// The author of commits.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Author {
    /// Their name: hostile text.
    pub name: String,
    /// Their mail address: hostile text.
    pub mail: String,
}

/// The authors of the commits that came since the base and did something to the access files, each mail address once, the
/// latest commit first. Nobody where git cannot tell; of a long history only those of its latest commits.
pub fn authors(base: &Base) -> Vec<Author> {
    let repository = base.tree.repository();
    let head = repository.head().and_then(|head| head.peel_to_commit());
    let (Ok(head), Ok(start)) = (head, Oid::from_str(&base.commit)) else { return Vec::new() };
    let mut reader = Reader::new(repository);
    let mut mails = HashSet::new();
    let mut authors = Vec::new();
    for commit in reader.since(start, head.id()) {
        if reader.is_about(&commit, &base.folder) && mails.insert(commit.author.mail.to_ascii_lowercase()) {
            authors.push(commit.author.clone());
        }
    }
    authors
}

/// What is known of a commit.
struct Known {
    id: Oid,
    time: i64,
    tree: Oid,
    /// The commits before it, each once.
    parents: Vec<Oid>,
    /// Whether there are more of them.
    has_more_parents: bool,
    author: Author,
}

impl Known {
    fn of(commit: &Commit<'_>) -> Self {
        let (mut parents, mut has_more_parents) = (Vec::new(), false);
        for id in commit.parent_ids() {
            if parents.contains(&id) {
                continue;
            }
            if parents.len() == MOST_PARENTS {
                has_more_parents = true;
                break;
            }
            parents.push(id);
        }
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).trim().to_owned();
        let author = commit.author();
        let author = Author { name: text(author.name_bytes()), mail: text(author.email_bytes()) };
        let (id, time, tree) = (commit.id(), commit.time().seconds(), commit.tree_id());
        Self { id, time, tree, parents, has_more_parents, author }
    }
}

/// The folder of the access files in a commit.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Folder {
    At(Oid),
    Absent,
    Unknown,
}

/// Reads commits and trees, each once, until it was enough.
struct Reader<'r> {
    repository: &'r Repository,
    commits: HashMap<Oid, Option<Rc<Known>>>,
    /// The folder of the access files by the tree of a commit.
    folders: HashMap<Oid, Folder>,
    commit_bytes: usize,
    tree_bytes: usize,
}

impl<'r> Reader<'r> {
    fn new(repository: &'r Repository) -> Self {
        let (commits, folders) = (HashMap::new(), HashMap::new());
        Self { repository, commits, folders, commit_bytes: MOST_COMMIT_BYTES, tree_bytes: MOST_TREE_BYTES }
    }

    /// The commits up to one that are not before another, the latest first. Where times lie or there is more than is followed,
    /// some before it may be among them, and the earliest missing.
    fn since(&mut self, base: Oid, head: Oid) -> Vec<Rc<Known>> {
        let (mut before, mut since) = (HashSet::from([base]), HashSet::from([head]));
        // Of one time, those before the base come first: then what they come after is known to be, too.
        let mut open: BinaryHeap<(i64, bool, Oid)> = BinaryHeap::new();
        for id in [base, head] {
            open.extend(self.commit(id).map(|commit| (commit.time, id == base, id)));
        }
        let (mut left, mut followed, mut found) = (usize::from(head != base), 0, Vec::new());
        while let Some((_, is_before, id)) = open.pop() {
            if left == 0 {
                break;
            }
            if is_before {
                followed += 1;
                if followed > MOST_BEFORE {
                    continue;
                }
            } else {
                left -= 1;
                if before.contains(&id) {
                    continue;
                }
                if found.len() == MOST_COMMITS {
                    break;
                }
            }
            // Where a shallow clone ends, what was found still holds.
            let Some(commit) = self.commit(id) else { continue };
            for parent in &commit.parents {
                let is_new =
                    if is_before { before.insert(*parent) } else { !before.contains(parent) && since.insert(*parent) };
                if let Some(known) = is_new.then(|| self.commit(*parent)).flatten() {
                    open.push((known.time, is_before, *parent));
                    left += usize::from(!is_before);
                }
            }
            if !is_before {
                found.push(commit);
            }
        }
        found.retain(|commit| !before.contains(&commit.id));
        found
    }

    /// Whether the folder differs from that of every commit before: a merge that only brings two sides together did nothing to
    /// it. Where nobody knows, it counts as if: a hint too many is none too few.
    fn is_about(&mut self, commit: &Known, folder: &str) -> bool {
        let own = self.folder(commit.tree, folder);
        if own == Folder::Unknown || commit.has_more_parents {
            return true;
        }
        let mut before = commit.parents.iter().filter_map(|parent| {
            let parent = self.commit(*parent)?;
            Some(self.folder(parent.tree, folder))
        });
        before.all(|before| before != own)
    }

    fn commit(&mut self, id: Oid) -> Option<Rc<Known>> {
        if let Some(known) = self.commits.get(&id) {
            return known.clone();
        }
        if self.commits.len() >= MOST_READ {
            return None;
        }
        let known = self.read(id);
        self.commits.insert(id, known.clone());
        known
    }

    fn read(&mut self, id: Oid) -> Option<Rc<Known>> {
        let (size, _) = self.repository.odb().and_then(|objects| objects.read_header(id)).ok()?;
        self.commit_bytes = self.commit_bytes.checked_sub(size)?;
        Some(Rc::new(Known::of(&self.repository.find_commit(id).ok()?)))
    }

    fn folder(&mut self, top: Oid, folder: &str) -> Folder {
        if let Some(known) = self.folders.get(&top) {
            return *known;
        }
        let found = self.find(top, folder).unwrap_or(Folder::Unknown);
        self.folders.insert(top, found);
        found
    }

    fn find(&mut self, top: Oid, folder: &str) -> Option<Folder> {
        let objects = self.repository.odb().ok()?;
        let mut at = top;
        for name in folder.split('/').filter(|name| !name.is_empty()) {
            let (size, _) = objects.read_header(at).ok()?;
            self.tree_bytes = self.tree_bytes.checked_sub(size)?;
            let tree = tree::tree(self.repository, at).ok()?;
            match tree.get_name_bytes(name.as_bytes()).filter(|entry| entry.kind() == Some(ObjectType::Tree)) {
                Some(entry) => at = entry.id(),
                None => return Some(Folder::Absent),
            }
        }
        Some(Folder::At(at))
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use super::*;

    struct World {
        _folder: tempfile::TempDir,
        repository: Repository,
        trees: [Oid; 2],
    }

    impl World {
        fn new() -> Self {
            let folder = tempfile::tempdir().unwrap();
            let repository = Repository::init(folder.path()).unwrap();
            let trees = ["a\n", "b\n"].map(|text| {
                let mut tree = repository.treebuilder(None).unwrap();
                tree.insert("rolecall.yaml", repository.blob(text.as_bytes()).unwrap(), 0o100_644).unwrap();
                let access = tree.write().unwrap();
                let mut tree = repository.treebuilder(None).unwrap();
                tree.insert("access", access, 0o040_000).unwrap();
                tree.write().unwrap()
            });
            Self { _folder: folder, repository, trees }
        }

        /// A commit as no client makes it.
        fn commit(&self, tree: usize, parents: &[Oid], time: i64) -> Oid {
            let mut text = format!("tree {}\n", self.trees[tree]);
            for parent in parents {
                writeln!(text, "parent {parent}").unwrap();
            }
            write!(text, "author A <a@b.c> {time} +0000\ncommitter A <a@b.c> {time} +0000\n\nx\n").unwrap();
            self.repository.odb().unwrap().write(ObjectType::Commit, text.as_bytes()).unwrap()
        }
    }

    fn ids(found: &[Rc<Known>]) -> Vec<Oid> {
        found.iter().map(|commit| commit.id).collect()
    }

    #[test]
    fn a_commit_that_names_another_many_times_reads_it_once() {
        let world = World::new();
        let base = world.commit(0, &[], 0);
        let (mut at, mut all) = (base, Vec::new());
        for number in 0..5 {
            at = world.commit(number % 2, &vec![at; 65_000], 1);
            all.insert(0, at);
        }
        let mut reader = Reader::new(&world.repository);
        let found = reader.since(base, at);
        assert_eq!(ids(&found), all);
        let about: Vec<bool> = found.iter().map(|commit| reader.is_about(commit, "access")).collect();
        // The earliest has the folder of the base.
        assert_eq!(about, [true, true, true, true, false]);
        assert!(found.iter().all(|commit| commit.parents.len() == 1 && !commit.has_more_parents));
        assert_eq!(reader.commits.len(), 6);
    }

    #[test]
    fn a_commit_after_more_than_are_read_counts() {
        let world = World::new();
        let base = world.commit(0, &[], 0);
        let many: Vec<Oid> = (1..=17).map(|time| world.commit(0, &[base], time)).collect();
        let mut reader = Reader::new(&world.repository);
        for (parents, expected) in [(&many[..16], false), (&many[..], true)] {
            let commit = reader.commit(world.commit(0, parents, 20)).unwrap();
            assert_eq!(reader.is_about(&commit, "access"), expected, "{}", parents.len());
        }
    }

    #[test]
    fn no_more_commits_are_read_than_are_looked_at() {
        let world = World::new();
        let base = world.commit(0, &[], 0);
        let mut at = base;
        let all: Vec<Oid> = (1..=3_000)
            .map(|time| {
                at = world.commit(0, &[at], time);
                at
            })
            .collect();
        let mut reader = Reader::new(&world.repository);
        let found = ids(&reader.since(base, at));
        assert!(found.iter().eq(all.iter().rev().take(MOST_COMMITS)));
        assert!(reader.commits.len() <= MOST_COMMITS + 2, "{}", reader.commits.len());
        // Nor where it says that it is older than what it comes after.
        let old = world.commit(1, &[at], -1);
        let mut reader = Reader::new(&world.repository);
        assert_eq!(ids(&reader.since(at, old)), [old]);
        reader.commit_bytes = 0;
        assert_eq!(ids(&Reader { commits: HashMap::new(), ..reader }.since(at, old)), Vec::<Oid>::new());
    }

    #[test]
    fn what_is_before_the_base_is_known_by_whatever_way() {
        let world = World::new();
        // Off an older commit, with the branch merged in on the way.
        let first = world.commit(0, &[], 10);
        let early = world.commit(1, &[first], 11);
        let second = world.commit(1, &[first], 12);
        let base = world.commit(0, &[second], 13);
        let merge = world.commit(0, &[early, base], 14);
        let head = world.commit(1, &[merge], 15);
        let found = Reader::new(&world.repository).since(base, head);
        assert_eq!(ids(&found), [head, merge, early]);
        assert_eq!(ids(&Reader::new(&world.repository).since(base, base)), Vec::<Oid>::new());
        // Times that lie: it comes to the same.
        let late = world.commit(1, &[first], 99);
        let merge = world.commit(0, &[late, base], 5);
        let found = Reader::new(&world.repository).since(base, merge);
        assert_eq!(ids(&found), [merge, late]);
    }
}
