//! The commits before the one that is checked out, and the access files of each, read from git's objects.
//!
//! Nothing is read twice: commits, and the YAML files below each tree, are kept by their ids, so that of a commit which left
//! the files alone no more is read than itself and the trees on the way to their folder.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;
use std::path::Path;
use std::rc::Rc;

use fs_err as fs;
use git2::{ErrorCode, ObjectType, Oid, Repository, Time};
use jiff::Timestamp;
use jiff::tz::Offset;

use super::open::Repo;
use super::pull_request;
use super::tree::{self, MAX_DEPTH, MAX_NAME, MAX_NAMES, Tree, is_too_much, too_much};
use crate::state::history::Revision;
use crate::state::is_access_file;

/// The root file of a config, by which its folder is known.
pub(super) const ROOT_FILE: &str = "rolecall.yaml";

/// The most files of a config.
const MAX_FILES: usize = 10_000;
/// The most names of all versions of the files together.
const MAX_LISTED: usize = 4_000_000;

/// The id of a commit or of the content of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id(Oid);

impl Id {
    /// The id that a content would have in a repository.
    pub fn of(content: &[u8]) -> Option<Self> {
        Oid::hash_object(ObjectType::Blob, content).ok().map(Self)
    }
}

impl fmt::Display for Id {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "{}", self.0)
    }
}

/// The access files of a commit: their paths below their folder, with `/`, and their contents by id.
pub type Files = BTreeMap<String, Id>;

/// Why the history cannot be told.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what}")]
pub struct NoHistory {
    /// What is wrong. May hold text from the repository.
    pub what: String,
    /// What to do next.
    pub next: String,
    /// Whether there is no repository at all.
    pub is_absent: bool,
}

/// Where the access files lie in a commit, and what they are.
#[derive(Clone, Debug)]
pub struct Place {
    /// The folder below the top of the repository; empty for the top itself.
    pub folder: Rc<str>,
    /// The files; empty where there is no such folder.
    pub files: Rc<Files>,
}

/// One commit, as far as the walk needs it.
#[derive(Debug)]
pub struct Commit {
    /// The commits that it was made from, the main line first.
    pub parents: Vec<Id>,
    /// When it was committed, in seconds.
    pub committed: i64,
    tree: Oid,
}

/// The tree of a folder below another tree, where there is one.
type Folders = HashMap<(Oid, Rc<str>), Option<Oid>>;

/// The repository around a folder.
pub struct History {
    repository: Repository,
    /// The commits of which a shallow clone lacks the parents.
    cut: BTreeSet<Oid>,
    commits: RefCell<HashMap<Oid, Rc<Commit>>>,
    listings: RefCell<HashMap<Oid, Rc<Files>>>,
    folders: RefCell<Folders>,
    reads: Cell<usize>,
    /// How many names were listed.
    listed: Cell<usize>,
}

impl History {
    /// Opens the repository around a folder; gives also where the folder is in it.
    ///
    /// # Errors
    /// There is no repository, or it cannot be read.
    pub fn open(folder: &Path) -> Result<(Self, Rc<str>), NoHistory> {
        let next = "name a folder that lies in a git repository; history is read from there alone";
        let told = |error: git2::Error| {
            let what = match error.code() {
                ErrorCode::NotFound => "the access files lie in no git repository".to_owned(),
                _ => super::explain(folder, &error),
            };
            NoHistory { what, next: next.to_owned(), is_absent: error.code() == ErrorCode::NotFound }
        };
        let repo = Repo::around(folder).map_err(told)?;
        let inside = repo.inside(folder).ok_or_else(|| NoHistory {
            what: format!("{} is not in the folders of a git repository", folder.display()),
            next: next.to_owned(),
            is_absent: false,
        })?;
        let repository = repo.repository;
        let cut = if repository.is_shallow() { cut(&repository) } else { BTreeSet::new() };
        let history = Self {
            repository,
            cut,
            commits: RefCell::default(),
            listings: RefCell::default(),
            folders: RefCell::default(),
            reads: Cell::new(0),
            listed: Cell::new(0),
        };
        Ok((history, inside.into()))
    }

    /// The commit that is checked out.
    ///
    /// # Errors
    /// There is none yet, or it cannot be read.
    pub fn head(&self) -> Result<Id, NoHistory> {
        let head = self.repository.head().and_then(|head| head.peel_to_commit());
        head.map(|commit| Id(commit.id())).map_err(|error| self.broken(&error))
    }

    /// A commit.
    ///
    /// # Errors
    /// The repository lacks it, or it cannot be read.
    pub fn commit(&self, id: Id) -> Result<Rc<Commit>, NoHistory> {
        if let Some(known) = self.commits.borrow().get(&id.0) {
            return Ok(known.clone());
        }
        self.read();
        let found = self.repository.find_commit(id.0).map_err(|error| self.broken(&error))?;
        let parents = if self.is_cut(id) { Vec::new() } else { found.parent_ids().map(Id).collect() };
        let commit = Rc::new(Commit { parents, committed: found.time().seconds(), tree: found.tree_id() });
        self.commits.borrow_mut().insert(id.0, commit.clone());
        Ok(commit)
    }

    /// Whether what came before a commit is missing because the clone is shallow.
    pub fn is_cut(&self, id: Id) -> bool {
        self.cut.contains(&id.0)
    }

    /// The access files of a commit, below a folder.
    ///
    /// # Errors
    /// The repository lacks an object, or it cannot be read.
    pub fn files(&self, id: Id, folder: &Rc<str>) -> Result<Rc<Files>, NoHistory> {
        let top = self.commit(id)?.tree;
        match self.folder(top, folder).map_err(|error| self.broken(&error))? {
            Some(tree) => self.list(tree, 0).map_err(|error| self.broken(&error)),
            None => Ok(Rc::default()),
        }
    }

    /// Where the files of a commit were in one that it was made from. A folder that was moved as a whole is found where its
    /// root file was.
    ///
    /// # Errors
    /// The repository lacks an object, or it cannot be read.
    pub fn before(&self, child: Id, at: &Place, parent: Id) -> Result<Place, NoHistory> {
        let files = self.files(parent, &at.folder)?;
        if files.contains_key(ROOT_FILE) || !at.files.contains_key(ROOT_FILE) {
            return Ok(Place { folder: at.folder.clone(), files });
        }
        match self.moved_from(child, at, parent).map_err(|error| self.broken(&error))? {
            Some(folder) => Ok(Place { files: self.files(parent, &folder)?, folder }),
            None => Ok(Place { folder: at.folder.clone(), files }),
        }
    }

    /// What is in a file; `None` where it has more bytes than that, or is no text.
    ///
    /// # Errors
    /// The repository lacks it, or it cannot be read.
    pub fn text(&self, id: Id, most: u64) -> Result<Option<String>, NoHistory> {
        self.read();
        let objects = self.repository.odb().map_err(|error| self.broken(&error))?;
        let (size, _) = objects.read_header(id.0).map_err(|error| self.broken(&error))?;
        if size as u64 > most {
            return Ok(None);
        }
        let object = objects.read(id.0).map_err(|error| self.broken(&error))?;
        Ok(String::from_utf8(object.data().to_vec()).ok())
    }

    /// The folder of a commit, to read it as a config.
    ///
    /// # Errors
    /// The repository lacks an object, or it cannot be read.
    pub fn tree(&self, id: Id, folder: &str) -> Result<Tree, NoHistory> {
        let again = Repo::again(&self.repository).map_err(|error| self.broken(&error))?;
        Tree::new(again, id.0, folder).map_err(|error| self.broken(&error))
    }

    /// A commit for people. `merges` are those that brought it into the main line, the first of them first: one of them may
    /// name the pull request, else the commit itself does.
    ///
    /// # Errors
    /// The repository lacks it, or it cannot be read.
    pub fn revision(&self, id: Id, merges: &[Id]) -> Result<Revision, NoHistory> {
        let mut pull_request = None;
        for merge in merges.iter().chain([&id]) {
            self.read();
            let commit = self.repository.find_commit(merge.0).map_err(|error| self.broken(&error))?;
            pull_request = pull_request.or_else(|| pull_request::named_in(&lossy(commit.message_bytes())));
        }
        let commit = self.repository.find_commit(id.0).map_err(|error| self.broken(&error))?;
        let full = id.to_string();
        let short = commit.as_object().short_id().ok().and_then(|short| short.as_str().ok().map(str::to_owned));
        let author = commit.author();
        let (time, date) = moment(author.when());
        Ok(Revision {
            short: short.unwrap_or_else(|| full.chars().take(7).collect()),
            id: full,
            author: lossy(author.name_bytes()),
            mail: lossy(author.email_bytes()),
            time,
            date,
            pull_request,
        })
    }

    /// The first line of a commit's message.
    ///
    /// # Errors
    /// The repository lacks it, or it cannot be read.
    pub fn title(&self, id: Id) -> Result<String, NoHistory> {
        let commit = self.repository.find_commit(id.0).map_err(|error| self.broken(&error))?;
        Ok(commit.summary_bytes().map(lossy).unwrap_or_default())
    }

    /// The authors of what a merge brought into the access files, in the order of their names; of `most` commits at most.
    ///
    /// # Errors
    /// The repository lacks an object, or it cannot be read.
    pub fn merged_authors(&self, merge: Id, folder: &Rc<str>, most: usize) -> Result<Vec<String>, NoHistory> {
        let parents = self.commit(merge)?.parents.clone();
        let [main, others @ ..] = parents.as_slice() else { return Ok(Vec::new()) };
        let walk = || {
            let mut walk = self.repository.revwalk()?;
            others.iter().try_for_each(|other| walk.push(other.0))?;
            walk.hide(main.0)?;
            walk.take(most).collect::<Result<Vec<Oid>, git2::Error>>()
        };
        let brought = walk().map_err(|error| self.broken(&error))?;
        let mut authors = BTreeSet::new();
        for id in brought.into_iter().map(Id) {
            let commit = self.commit(id)?;
            let files = self.files(id, folder)?;
            let before = match commit.parents.first() {
                Some(parent) => self.files(*parent, folder)?,
                None => Rc::default(),
            };
            if commit.parents.len() < 2 && before != files {
                let commit = self.repository.find_commit(id.0).map_err(|error| self.broken(&error))?;
                authors.insert(lossy(commit.author().name_bytes()));
            }
        }
        Ok(authors.into_iter().collect())
    }

    /// How many objects were asked for: what a long history costs.
    #[cfg(test)]
    pub(super) fn reads(&self) -> usize {
        self.reads.get()
    }

    fn read(&self) {
        self.reads.set(self.reads.get() + 1);
    }

    fn broken(&self, error: &git2::Error) -> NoHistory {
        if is_too_much(error) {
            let what = format!("the commits hold more than access files: {}", error.message());
            return NoHistory {
                what,
                next: "look at what they hold: no folder of access files is like that".to_owned(),
                is_absent: false,
            };
        }
        let place = self.repository.workdir().unwrap_or_else(|| self.repository.path());
        let next = match error.code() {
            ErrorCode::UnbornBranch => "commit the access files; history starts there",
            _ => "run `git fsck`; a partial clone must be able to fetch what it lacks (`git fetch --refetch`)",
        };
        let what = match error.code() {
            ErrorCode::NotFound => {
                format!("the repository around {} lacks an object: {}", place.display(), error.message())
            }
            _ => super::explain(place, error),
        };
        NoHistory { what, next: next.to_owned(), is_absent: false }
    }

    /// The tree of a folder below another.
    fn folder(&self, top: Oid, folder: &Rc<str>) -> Result<Option<Oid>, git2::Error> {
        if folder.is_empty() {
            return Ok(Some(top));
        }
        let key = (top, folder.clone());
        if let Some(known) = self.folders.borrow().get(&key) {
            return Ok(*known);
        }
        let mut at = Some(top);
        for name in folder.split('/') {
            let Some(tree) = at else { break };
            self.read();
            let tree = tree::tree(&self.repository, tree)?;
            at = tree
                .get_name_bytes(name.as_bytes())
                .filter(|entry| entry.kind() == Some(ObjectType::Tree))
                .map(|entry| entry.id());
        }
        self.folders.borrow_mut().insert(key, at);
        Ok(at)
    }

    /// The YAML files below a tree, outside of hidden folders. Links lead to files that are found by their own names.
    fn list(&self, id: Oid, depth: usize) -> Result<Rc<Files>, git2::Error> {
        if let Some(known) = self.listings.borrow().get(&id) {
            return Ok(known.clone());
        }
        if depth > MAX_DEPTH {
            return Err(too_much(format!("more than {MAX_DEPTH} folders within one another")));
        }
        self.read();
        let mut files = Files::new();
        let tree = tree::tree(&self.repository, id)?;
        self.count(tree.len())?;
        for entry in &tree {
            let name = lossy(entry.name_bytes());
            if name.len() > MAX_NAME {
                return Err(too_much(format!("a name of more than {MAX_NAME} bytes")));
            }
            match entry.kind() {
                _ if name.starts_with('.') => {}
                Some(ObjectType::Tree) => {
                    let below = self.list(entry.id(), depth + 1)?;
                    self.count(below.len())?;
                    files.extend(below.iter().map(|(path, id)| (format!("{name}/{path}"), *id)));
                }
                Some(ObjectType::Blob) if is_access_file(Path::new(&name)) && entry.filemode() != 0o120_000 => {
                    files.insert(name, Id(entry.id()));
                }
                Some(_) | None => {}
            }
            if files.len() > MAX_FILES {
                return Err(too_much(format!("more than {MAX_FILES} YAML files in one folder")));
            }
        }
        let files = Rc::new(files);
        self.listings.borrow_mut().insert(id, files.clone());
        Ok(files)
    }

    fn count(&self, names: usize) -> Result<(), git2::Error> {
        self.listed.set(self.listed.get().saturating_add(names));
        if self.listed.get() > MAX_LISTED {
            return Err(too_much(format!("more than {MAX_LISTED} names in all versions of the files")));
        }
        Ok(())
    }

    /// The folder that lost its root file in the commit in which this one got one.
    fn moved_from(&self, child: Id, at: &Place, parent: Id) -> Result<Option<Rc<str>>, git2::Error> {
        let top = |id: Id| self.repository.find_commit(id.0).map(|commit| commit.tree_id());
        let mut lost = Lost { repository: &self.repository, names: 0, roots: Vec::new() };
        match lost.between(top(parent)?, Some(top(child)?), "", 0) {
            // Among so many others, nobody can tell: the history starts here.
            Err(error) if is_too_much(&error) => return Ok(None),
            found => found?,
        }
        let same = lost.roots.iter().find(|(_, id)| at.files.get(ROOT_FILE) == Some(id));
        Ok(match (same, lost.roots.as_slice()) {
            (Some((folder, _)), _) | (None, [(folder, _)]) => Some(folder.as_str().into()),
            (None, _) => None,
        })
    }
}

/// The folders that have lost their root files, with what those were.
struct Lost<'r> {
    repository: &'r Repository,
    names: usize,
    roots: Vec<(String, Id)>,
}

impl Lost<'_> {
    fn between(&mut self, before: Oid, after: Option<Oid>, folder: &str, depth: usize) -> Result<(), git2::Error> {
        if after == Some(before) {
            return Ok(());
        }
        let repository = self.repository;
        let old = tree::tree(repository, before)?;
        let new = after.map(|after| tree::tree(repository, after)).transpose()?;
        self.names += old.len();
        if self.names > MAX_NAMES || depth > MAX_DEPTH {
            return Err(too_much("more names than are compared"));
        }
        for entry in &old {
            let name = lossy(entry.name_bytes());
            let there = new.as_ref().and_then(|new| new.get_name_bytes(entry.name_bytes()));
            let path = |name: &str| if folder.is_empty() { name.to_owned() } else { format!("{folder}/{name}") };
            match entry.kind() {
                Some(ObjectType::Blob) if name == ROOT_FILE && there.is_none() => {
                    self.roots.push((folder.to_owned(), Id(entry.id())));
                }
                Some(ObjectType::Tree) => {
                    let there = there.filter(|there| there.kind() == Some(ObjectType::Tree)).map(|there| there.id());
                    self.between(entry.id(), there, &path(&name), depth + 1)?;
                }
                Some(_) | None => {}
            }
        }
        Ok(())
    }
}

fn lossy(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The commits that a shallow clone names as those whose parents it lacks.
fn cut(repository: &Repository) -> BTreeSet<Oid> {
    let text = fs::read_to_string(repository.commondir().join("shallow")).unwrap_or_default();
    text.lines().filter_map(|line| Oid::from_str(line.trim()).ok()).collect()
}

/// A time of git's; what no calendar has is the nearest that one has.
fn moment(time: Time) -> (Timestamp, String) {
    let nearest = if time.seconds() < 0 { Timestamp::MIN } else { Timestamp::MAX };
    let moment = Timestamp::from_second(time.seconds()).unwrap_or(nearest);
    let offset = Offset::from_seconds(time.offset_minutes().saturating_mul(60)).unwrap_or(Offset::UTC);
    (moment, offset.to_datetime(moment).date().to_string())
}
