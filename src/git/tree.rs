//! The files of a commit, read from git's objects: nothing is checked out.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::OsString;
use std::io;
use std::path::{Component, Path, PathBuf};

use git2::{ObjectType, Oid, Repository, TreeWalkMode, TreeWalkResult};

/// The most links that one path may lead through, as on Linux.
const MAX_LINKS: usize = 40;

/// A folder of a commit. Its paths begin with `/`, which stands for the top of the repository.
pub struct Tree {
    repository: Repository,
    root: PathBuf,
    files: BTreeMap<PathBuf, (Kind, Oid)>,
    folders: BTreeSet<PathBuf>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
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
        let root = Path::new("/").join(inside);
        let (mut files, mut folders) = (BTreeMap::new(), BTreeSet::from([PathBuf::from("/")]));
        folders.extend(root.ancestors().map(Path::to_owned));
        {
            let top = repository.find_commit(commit)?.tree()?;
            let tree = if inside.is_empty() {
                Some(top)
            } else {
                match top.get_path(Path::new(inside)) {
                    Ok(entry) => entry.to_object(&repository)?.into_tree().ok(),
                    Err(error) if error.code() == git2::ErrorCode::NotFound => None,
                    Err(error) => return Err(error),
                }
            };
            let mut take = |above: &str, entry: &git2::TreeEntry<'_>| {
                let path = root.join(above).join(&*String::from_utf8_lossy(entry.name_bytes()));
                match entry.kind() {
                    Some(ObjectType::Tree) => drop(folders.insert(path)),
                    Some(ObjectType::Blob) => {
                        let kind = if entry.filemode() == 0o120_000 { Kind::Link } else { Kind::File };
                        files.insert(path, (kind, entry.id()));
                    }
                    Some(_) | None => drop(files.insert(path, (Kind::Other, entry.id()))),
                }
                TreeWalkResult::Ok
            };
            if let Some(tree) = tree {
                tree.walk(TreeWalkMode::PreOrder, |above, entry| take(above, entry))?;
            }
        }
        Ok(Self { repository, root, files, folders })
    }

    /// The repository that it is of.
    pub(super) fn repository(&self) -> &Repository {
        &self.repository
    }

    /// The folder, as it is called here.
    pub fn root(&self) -> &Path {
        &self.root
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
            if name == ".." {
                real.pop();
                continue;
            }
            real.push(name);
            let Some((Kind::Link, id)) = self.files.get(&real) else { continue };
            links += 1;
            if links > MAX_LINKS {
                return Err(io::Error::other("links lead in a circle"));
            }
            let target =
                self.repository.find_blob(*id).map_err(|error| io::Error::other(error.message().to_owned()))?;
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
        let is_there = !real.starts_with(&self.root) || self.folders.contains(&real) || self.files.contains_key(&real);
        if is_there { Ok(real) } else { Err(io::ErrorKind::NotFound.into()) }
    }

    /// The names in a folder, and whether each is a link.
    pub fn entries(&self, folder: &Path) -> Vec<(OsString, bool)> {
        let within =
            |path: &PathBuf| (path.parent() == Some(folder)).then(|| path.file_name().map(OsString::from)).flatten();
        let files = self.files.range(folder.to_owned()..).take_while(|(path, _)| path.starts_with(folder));
        let files = files.filter_map(|(path, (kind, _))| Some((within(path)?, *kind == Kind::Link)));
        let folders = self.folders.range(folder.to_owned()..).take_while(|path| path.starts_with(folder));
        files.chain(folders.filter_map(|path| Some((within(path)?, false)))).collect()
    }

    /// Whether a path without links is a folder.
    pub fn is_folder(&self, real: &Path) -> bool {
        self.folders.contains(real)
    }

    /// What is in a file, unless that is more than `most` bytes.
    ///
    /// # Errors
    /// git has not got it, or cannot read it.
    pub fn content(&self, real: &Path, most: u64) -> io::Result<Content> {
        let Some((Kind::File, id)) = self.files.get(real) else { return Ok(Content::NoFile) };
        let told = |error: git2::Error| io::Error::other(error.message().to_owned());
        let (size, _) = self.repository.odb().and_then(|objects| objects.read_header(*id)).map_err(told)?;
        if size as u64 > most {
            return Ok(Content::TooLarge(size as u64));
        }
        Ok(Content::Bytes(self.repository.find_blob(*id).map_err(told)?.content().to_vec()))
    }
}
