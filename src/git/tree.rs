//! The files of a commit, read from git's objects: nothing is checked out.
//!
//! Eight small objects can stand for ten million names. Folders are therefore read when they are asked for, each tree once, and
//! no more of them than a disk of access files could hold.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap, VecDeque};
use std::ffi::{OsStr, OsString};
use std::io;
use std::path::{Component, Path, PathBuf};
use std::rc::Rc;

use git2::{ErrorClass, ErrorCode, ObjectType, Oid, Repository};

/// The most links that one path may lead through, as on Linux.
const MAX_LINKS: usize = 40;
/// The most bytes of the path that a link holds, as on Linux.
const MAX_TARGET: usize = 4_096;
/// The most bytes of a name, as on every disk.
pub(super) const MAX_NAME: usize = 255;
/// The most folders within one another.
pub(super) const MAX_DEPTH: usize = 64;
/// The most names in the folders of one commit.
pub(super) const MAX_NAMES: usize = 250_000;
/// The most bytes of all paths of one commit.
const MAX_PATH_BYTES: usize = 32 * 1024 * 1024;
/// The most bytes of one tree.
const MAX_TREE_BYTES: usize = 16 * 1024 * 1024;
/// The most names that are followed on the way to files.
const MAX_STEPS: usize = 5_000_000;

/// A folder of a commit. Its paths begin with `/`, which stands for the top of the repository.
pub struct Tree {
    repository: Repository,
    root: PathBuf,
    folder: Option<Oid>,
    listings: RefCell<HashMap<Oid, Rc<Listing>>>,
    folders: RefCell<HashMap<PathBuf, Option<Oid>>>,
    read: Cell<usize>,
    names: Cell<usize>,
    path_bytes: Cell<usize>,
    steps: Cell<usize>,
    given_up: RefCell<Option<String>>,
}

/// What is in one folder.
type Listing = BTreeMap<OsString, (Kind, Oid)>;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    Folder,
    File,
    Link,
    /// A submodule.
    Other,
}

/// A file of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Content {
    /// Its bytes.
    Bytes(Vec<u8>),
    /// It has more bytes than were asked for: so many.
    TooLarge(u64),
    /// It is no file.
    NoFile,
}

impl Tree {
    /// The folder `inside` of a commit, with `/` between its names and empty for all of it. What is not there has no files.
    pub(super) fn new(repository: Repository, commit: Oid, inside: &str) -> Result<Self, git2::Error> {
        let top = repository.find_commit(commit)?.tree_id();
        let folder = below(&repository, top, inside)?;
        Ok(Self {
            repository,
            root: Path::new("/").join(inside),
            folder,
            listings: RefCell::default(),
            folders: RefCell::default(),
            read: Cell::new(0),
            names: Cell::new(0),
            path_bytes: Cell::new(0),
            steps: Cell::new(0),
            given_up: RefCell::default(),
        })
    }

    /// The repository that it is of.
    pub(super) fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The folder, as it is called here.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// Why the rest of it is not read, where there is more in it than any folder of access files has: a sentence without its
    /// end.
    pub fn given_up(&self) -> Option<String> {
        self.given_up.borrow().clone()
    }

    /// Where a path leads to in the end, past every link.
    ///
    /// # Errors
    /// There is nothing, or links lead in a circle. What lies outside of the folder is not looked for.
    pub fn real(&self, path: &Path) -> io::Result<PathBuf> {
        let names = |path: &Path| -> VecDeque<OsString> {
            let parts = path.components().filter(|part| !matches!(part, Component::RootDir | Component::CurDir));
            parts.map(|part| part.as_os_str().to_owned()).collect()
        };
        let (mut real, mut open, mut links) = (PathBuf::from("/"), names(path), 0);
        while let Some(name) = open.pop_front() {
            self.spend(&self.steps, 1, MAX_STEPS, "more links than are worth following")?;
            if name == ".." {
                real.pop();
                continue;
            }
            real.push(name);
            if !real.starts_with(&self.root) || real == self.root {
                continue;
            }
            let id = match self.entry(&real)? {
                Some((Kind::Link, id)) => id,
                Some(_) => continue,
                None => return Err(io::ErrorKind::NotFound.into()),
            };
            links += 1;
            if links > MAX_LINKS {
                return Err(io::Error::other("links lead in a circle"));
            }
            let (size, _) = self.repository.odb().and_then(|objects| objects.read_header(id)).map_err(told)?;
            if size > MAX_TARGET {
                return Err(io::Error::other("the link holds no path"));
            }
            let target = self.repository.find_blob(id).map_err(told)?;
            let target = PathBuf::from(String::from_utf8_lossy(target.content()).into_owned());
            real.pop();
            if target.is_absolute() {
                // That is a place of some machine, not of the repository.
                return Ok(target);
            }
            for name in names(&target).into_iter().rev() {
                open.push_front(name);
            }
        }
        Ok(real)
    }

    /// The names in a folder, and whether each is a link.
    ///
    /// # Errors
    /// git has not got it, or there is more in the folders than is read.
    pub fn entries(&self, folder: &Path) -> io::Result<Vec<(OsString, bool)>> {
        let depth = folder.components().count();
        if depth > MAX_DEPTH + self.root.components().count() {
            return Err(self.give_up(&format!("more than {MAX_DEPTH} folders within one another")));
        }
        let Some(id) = self.folder(folder)? else { return Ok(Vec::new()) };
        let listing = self.listing(id)?;
        let too_many = format!("more than {MAX_NAMES} names");
        self.spend(&self.names, listing.len(), MAX_NAMES, &too_many)?;
        let bytes = listing.keys().map(|name| name.len() + folder.as_os_str().len()).sum();
        self.spend(&self.path_bytes, bytes, MAX_PATH_BYTES, "more and longer names than access files have")?;
        Ok(listing.iter().map(|(name, (kind, _))| (name.clone(), *kind == Kind::Link)).collect())
    }

    /// Whether a path without links is a folder.
    pub fn is_folder(&self, real: &Path) -> bool {
        self.root.starts_with(real) || self.folder(real).is_ok_and(|folder| folder.is_some())
    }

    /// What is in a file, unless that is more than `most` bytes.
    ///
    /// # Errors
    /// git has not got it, or cannot read it.
    pub fn content(&self, real: &Path, most: u64) -> io::Result<Content> {
        let Some((Kind::File, id)) = self.entry(real)? else { return Ok(Content::NoFile) };
        let (size, _) = self.repository.odb().and_then(|objects| objects.read_header(id)).map_err(told)?;
        if size as u64 > most {
            return Ok(Content::TooLarge(size as u64));
        }
        Ok(Content::Bytes(self.repository.find_blob(id).map_err(told)?.content().to_vec()))
    }

    /// What is at a path without links, below the folder.
    fn entry(&self, real: &Path) -> io::Result<Option<(Kind, Oid)>> {
        let (true, Some(parent), Some(name)) = (real.starts_with(&self.root), real.parent(), real.file_name()) else {
            return Ok(None);
        };
        let Some(folder) = self.folder(parent)? else { return Ok(None) };
        Ok(self.listing(folder)?.get(name).copied())
    }

    /// The tree of a folder.
    fn folder(&self, real: &Path) -> io::Result<Option<Oid>> {
        if real == self.root {
            return Ok(self.folder);
        }
        if let Some(known) = self.folders.borrow().get(real) {
            return Ok(*known);
        }
        let found = match self.entry(real)? {
            Some((Kind::Folder, id)) => Some(id),
            Some(_) | None => None,
        };
        self.folders.borrow_mut().insert(real.to_owned(), found);
        Ok(found)
    }

    fn listing(&self, id: Oid) -> io::Result<Rc<Listing>> {
        if let Some(known) = self.listings.borrow().get(&id) {
            return Ok(known.clone());
        }
        let tree = match tree(&self.repository, id) {
            Err(error) if is_too_much(&error) => return Err(self.give_up(error.message())),
            tree => tree.map_err(told)?,
        };
        self.spend(&self.read, tree.len(), MAX_NAMES * 4, &format!("more than {MAX_NAMES} names"))?;
        let mut listing = Listing::new();
        for entry in &tree {
            let name = entry.name_bytes();
            if name.len() > MAX_NAME {
                return Err(self.give_up(&format!("a name of more than {MAX_NAME} bytes")));
            }
            let kind = match entry.kind() {
                Some(ObjectType::Tree) => Kind::Folder,
                Some(ObjectType::Blob) if entry.filemode() == 0o120_000 => Kind::Link,
                Some(ObjectType::Blob) => Kind::File,
                Some(_) | None => Kind::Other,
            };
            listing.insert(OsStr::new(&*String::from_utf8_lossy(name)).to_owned(), (kind, entry.id()));
        }
        let listing = Rc::new(listing);
        self.listings.borrow_mut().insert(id, listing.clone());
        Ok(listing)
    }

    fn spend(&self, spent: &Cell<usize>, more: usize, most: usize, what: &str) -> io::Result<()> {
        spent.set(spent.get().saturating_add(more));
        if spent.get() > most { Err(self.give_up(what)) } else { Ok(()) }
    }

    fn give_up(&self, what: &str) -> io::Error {
        self.given_up.borrow_mut().get_or_insert_with(|| format!("the folder has {what}"));
        io::Error::other(format!("the folder has {what}"))
    }
}

/// A tree, unless it is larger than any folder of access files.
pub(super) fn tree(repository: &Repository, id: Oid) -> Result<git2::Tree<'_>, git2::Error> {
    let (size, _) = repository.odb()?.read_header(id)?;
    if size > MAX_TREE_BYTES {
        return Err(too_much(format!("a folder of {size} bytes of names")));
    }
    repository.find_tree(id)
}

/// The tree of a folder below another; empty for that itself.
pub(super) fn below(repository: &Repository, top: Oid, inside: &str) -> Result<Option<Oid>, git2::Error> {
    let mut at = top;
    for name in inside.split('/').filter(|name| !name.is_empty()) {
        let tree = tree(repository, at)?;
        match tree.get_name_bytes(name.as_bytes()).filter(|entry| entry.kind() == Some(ObjectType::Tree)) {
            Some(entry) => at = entry.id(),
            None => return Ok(None),
        }
    }
    Ok(Some(at))
}

/// That there is more than is read: a phrase of what.
pub(super) fn too_much(what: impl AsRef<str>) -> git2::Error {
    git2::Error::new(ErrorCode::BufSize, ErrorClass::Tree, what)
}

/// Whether an error is one of [`too_much`].
pub(super) fn is_too_much(error: &git2::Error) -> bool {
    error.code() == ErrorCode::BufSize
}

#[expect(clippy::needless_pass_by_value, reason = "map_err gives it away")]
fn told(error: git2::Error) -> io::Error {
    io::Error::other(error.message().to_owned())
}
