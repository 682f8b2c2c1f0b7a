//! Finding the config's folder and reading the files in it: the only part of the config that touches a disk.
//!
//! The files of a commit are found by the same walk over another [`Storage`], so that the two cannot differ.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fmt::Display;
use std::io::{self, ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use fs_err as fs;

use super::exclude::Exclude;
use super::load::{File, ROOT_FILE};
use super::{rules, yaml};
use crate::diagnostics::{Rule, SourceMap};
use crate::state::is_access_file;

/// The most files of a config.
const MAX_FILES: usize = 10_000;
/// The most bytes of all files of a config.
const MAX_TOTAL_BYTES: u64 = 64 * 1024 * 1024;

/// Why there is no text of a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unreadable {
    /// The rule that is broken.
    pub rule: &'static Rule,
    /// What is wrong.
    pub message: String,
    /// What to do next.
    pub help: String,
}

impl Unreadable {
    /// A file that may not belong here at all.
    pub(super) fn new(rule: &'static Rule, message: impl Into<String>) -> Self {
        let help =
            "mend or remove it, or, if it is no access file, name it under `exclude:` of the root file".to_owned();
        Self { rule, message: message.into(), help }
    }

    /// A file of too many bytes.
    pub fn too_large(bytes: u64) -> Self {
        let message = format!("{bytes} bytes are too many, {} is the most", yaml::MAX_BYTES);
        Self::new(&rules::FILE_TOO_LARGE, message).with_help("split the file")
    }

    /// Something that is neither a file nor a link to one.
    pub fn no_file() -> Self {
        Self::new(&rules::UNREADABLE_FILE, "this is no regular file")
    }

    /// A file that could not be read for this reason.
    pub fn because(reason: impl Display) -> Self {
        Self::new(&rules::UNREADABLE_FILE, format!("cannot be read: {reason}"))
    }

    fn with_help(self, help: impl Into<String>) -> Self {
        Self { help: help.into(), ..self }
    }

    fn by(error: &std::io::Error) -> Self {
        // Without the path, which is shown beside it.
        let reason: &dyn Display = match error.kind() {
            ErrorKind::NotFound => &"it does not exist",
            ErrorKind::PermissionDenied => &"permission denied",
            kind => &kind.to_string(),
        };
        let unreadable = Self::because(reason);
        match error.kind() {
            ErrorKind::PermissionDenied => unreadable.with_help("give whoever runs this leave to read it"),
            _ => unreadable,
        }
    }
}

pub(super) fn no_root() -> Unreadable {
    Unreadable::new(&rules::NO_ROOT, format!("there is no `{ROOT_FILE}` here or in any folder above"))
        .with_help("a config starts with a root file of that name; `rolecall demo` shows one at work")
}

/// Whether a path belongs to a config at all.
pub fn has_root(path: &Path) -> bool {
    find_root(path).is_ok()
}

/// The folder of the nearest root file, from the path upwards, absolute and free of links.
pub(super) fn find_root(path: &Path) -> Result<PathBuf, Unreadable> {
    let start = fs::canonicalize(path)
        .map_err(|error| Unreadable::by(&error).with_help("name a folder of access files, or a file in one"))?;
    let mut folders = start.ancestors();
    if let Some(folder) = folders.find(|folder| fs::symlink_metadata(folder.join(ROOT_FILE)).is_ok()) {
        return Ok(folder.to_owned());
    }
    let misnamed = start.ancestors().map(|folder| folder.join("rolecall.yml")).find(|file| file.exists());
    Err(match misnamed {
        Some(file) => no_root().with_help(format!("rename {} to `{ROOT_FILE}`", file.display())),
        None => no_root(),
    })
}

/// Where access files lie: on the disk, or in a commit.
pub trait Storage {
    /// Where a path leads to in the end, past every link.
    ///
    /// # Errors
    /// Nothing is there, or the way cannot be followed.
    fn real(&self, path: &Path) -> io::Result<PathBuf>;

    /// The names in a folder, and whether each is a link.
    ///
    /// # Errors
    /// It cannot be listed.
    fn entries(&self, folder: &Path) -> io::Result<Vec<(OsString, bool)>>;

    /// Whether a path without links is a folder.
    fn is_folder(&self, real: &Path) -> bool;

    /// The bytes of a regular file; no more than one over [`MAX_FILE_BYTES`](super::MAX_FILE_BYTES) are read.
    ///
    /// # Errors
    /// It is too large, no regular file, or cannot be read.
    fn content(&self, real: &Path) -> Result<Vec<u8>, Unreadable>;

    /// Why the rest of it is not read, where there is more in it than any folder of access files has.
    fn given_up(&self) -> Option<String> {
        None
    }
}

/// The disk of this machine.
pub(super) struct Disk;

impl Storage for Disk {
    fn real(&self, path: &Path) -> io::Result<PathBuf> {
        fs::canonicalize(path)
    }

    fn entries(&self, folder: &Path) -> io::Result<Vec<(OsString, bool)>> {
        let named = |entry: io::Result<fs::DirEntry>| {
            let entry = entry?;
            let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
            Ok((entry.file_name(), is_link))
        };
        fs::read_dir(folder)?.map(named).collect()
    }

    fn is_folder(&self, real: &Path) -> bool {
        fs::metadata(real).is_ok_and(|meta| meta.is_dir())
    }

    /// A pipe or a device could go on for ever.
    fn content(&self, path: &Path) -> Result<Vec<u8>, Unreadable> {
        let meta = fs::metadata(path).map_err(|error| Unreadable::by(&error))?;
        if !meta.is_file() {
            return Err(Unreadable::no_file());
        }
        if meta.len() > yaml::MAX_BYTES {
            return Err(Unreadable::too_large(meta.len()));
        }
        let mut bytes = Vec::new();
        let file = fs::File::open(path).map_err(|error| Unreadable::by(&error))?;
        file.take(yaml::MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| Unreadable::by(&error))?;
        Ok(bytes)
    }
}

/// Every YAML file in the folder of a root file, and an entry for each that could not be read. Hidden files and folders
/// are left out, and so is what the root file excludes.
pub(super) fn files(root: &Path, storage: &dyn Storage) -> Vec<File> {
    let root_file = match storage.real(&root.join(ROOT_FILE)) {
        Ok(real) if !real.starts_with(root) => Err(out_of_folder(&real)),
        Ok(real) => storage.content(&real),
        Err(error) => Err(Unreadable::by(&error)),
    };
    let exclude = match &root_file {
        Ok(bytes) => std::str::from_utf8(bytes).map_or_else(|_| Exclude::default(), exclude_of),
        Err(_) => Exclude::default(),
    };
    // Where a config map is mounted, every file is a link into a folder of the kubelet's, the root file too.
    let lies_in = storage.real(&root.join(ROOT_FILE)).ok().and_then(|real| real.parent().map(Path::to_owned));
    let lies_in = lies_in.as_deref().unwrap_or(root);
    let mut walk = Walk { root, storage, exclude, found: BTreeMap::new(), files: Vec::new() };
    walk.folders();
    let Walk { found, mut files, .. } = walk;

    let given_up = storage.given_up();
    let too_many = given_up.is_some() || found.len() > MAX_FILES;
    let mut total = 0;
    for (real, Found { path, .. }) in if too_many { BTreeMap::new() } else { found } {
        if total > MAX_TOTAL_BYTES {
            break;
        }
        let content = storage.content(&real);
        total += content.as_ref().map_or(0, |bytes| bytes.len() as u64);
        files.push(File { path, lies: below(lies_in, &real), content });
    }
    if too_many || total > MAX_TOTAL_BYTES {
        let message = given_up.unwrap_or_else(|| {
            format!("the folder holds more than {MAX_FILES} YAML files or {MAX_TOTAL_BYTES} bytes of them")
        });
        let help = "name what is no access file under `exclude:` of the root file";
        let content = Err(Unreadable::new(&rules::TOO_MANY_FILES, message).with_help(help));
        files = vec![File::new(".", content)];
    }
    files.push(File::new(ROOT_FILE, root_file));
    files
}

/// A path relative to a folder, with `/`; `None` when it is not below it.
fn below(folder: &Path, path: &Path) -> Option<String> {
    let names = path.strip_prefix(folder).ok()?.components().map(|name| name.as_os_str().to_string_lossy());
    Some(names.collect::<Vec<_>>().join("/"))
}

/// The patterns of a root file; what is wrong with them is found when the file is read for good.
fn exclude_of(text: &str) -> Exclude {
    let file = SourceMap::default().add(ROOT_FILE, "");
    yaml::read(file, text, &mut Vec::new()).map_or_else(Exclude::default, |node| Exclude::read(&node, &mut Vec::new()))
}

struct Walk<'a> {
    root: &'a Path,
    storage: &'a dyn Storage,
    exclude: Exclude,
    /// The files by where they really are, so that each is read once however many links lead to it.
    found: BTreeMap<PathBuf, Found>,
    /// What could not be read.
    files: Vec<File>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    /// A file by its own name comes before a link to it.
    through_link: bool,
    path: String,
}

impl Walk<'_> {
    fn folders(&mut self) {
        let mut waiting = vec![(self.root.to_owned(), String::new(), false)];
        // Links come last, in the order of their names: a folder is found by its own name if it has one here, whatever the
        // order in which the disk lists them.
        let mut links: BTreeMap<String, PathBuf> = BTreeMap::new();
        let mut seen = BTreeSet::from([self.root.to_owned()]);
        loop {
            if self.found.len() > MAX_FILES || self.storage.given_up().is_some() {
                break;
            }
            let link = |(path, folder)| (folder, path, true);
            let Some((folder, path, through_link)) = waiting.pop().or_else(|| links.pop_first().map(link)) else {
                break;
            };
            if path.is_empty() || seen.insert(folder.clone()) {
                self.folder(&folder, &path, through_link, &mut waiting, &mut links);
            }
        }
    }

    fn folder(
        &mut self,
        folder: &Path,
        path: &str,
        through_link: bool,
        waiting: &mut Vec<(PathBuf, String, bool)>,
        links: &mut BTreeMap<String, PathBuf>,
    ) {
        let entries = match self.storage.entries(folder) {
            Ok(entries) => entries,
            Err(error) => return self.unreadable(if path.is_empty() { "." } else { path }, Unreadable::by(&error)),
        };
        for (entry, is_link) in entries {
            let name = entry.to_string_lossy().into_owned();
            let path = if path.is_empty() { name.clone() } else { format!("{path}/{name}") };
            if name.starts_with('.') || path == ROOT_FILE || self.exclude.matches(&path) {
                continue;
            }
            if self.storage.given_up().is_some() {
                return;
            }
            match self.entry(&folder.join(entry), path.clone(), is_link, through_link) {
                Some(folder) if is_link => {
                    links.insert(path, folder);
                }
                Some(folder) => waiting.push((folder, path, through_link)),
                None => {}
            }
        }
    }

    /// Takes one entry of a folder; gives where it really is when it is a folder itself.
    fn entry(&mut self, entry: &Path, path: String, is_link: bool, through_link: bool) -> Option<PathBuf> {
        let is_yaml = is_access_file(Path::new(&path));
        let real = match self.storage.real(entry) {
            Ok(real) => real,
            Err(error) => {
                if is_yaml {
                    self.unreadable(&path, Unreadable::by(&error));
                }
                return None;
            }
        };
        let is_folder = self.storage.is_folder(&real);
        if is_link && !real.starts_with(self.root) && (is_folder || is_yaml) {
            self.unreadable(&path, out_of_folder(&real));
            return None;
        }
        if is_folder {
            return Some(real);
        }
        if is_yaml {
            let found = Found { through_link: through_link || is_link, path };
            match self.found.get(&real) {
                Some(known) if *known <= found => {}
                Some(_) | None => {
                    self.found.insert(real, found);
                }
            }
        }
        None
    }

    fn unreadable(&mut self, path: &str, why: Unreadable) {
        self.files.push(File::new(path, Err(why)));
    }
}

fn out_of_folder(real: &Path) -> Unreadable {
    let message = format!("this link leads out of the config's folder, to {}", real.display());
    Unreadable::new(&rules::LINK_OUT_OF_FOLDER, message).with_help("put the file itself here")
}
