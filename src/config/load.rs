//! From a path to a config: the root file, the walk below its folder, and the files' content. The only part that does I/O.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _};
use std::path::{Path, PathBuf};

use fs_err as fs;

use super::check::{self, Tree};
use super::exclude::Exclude;
use super::model::Config;
use super::{rules, yaml};
use crate::diagnostics::{FileId, Finding, Rule, SourceMap};
use crate::state::mark;

/// The name of the root file.
pub(crate) const ROOT_FILE: &str = "rolecall.yaml";
/// The most files of a config.
const MAX_FILES: usize = 10_000;
/// The most bytes of all files of a config.
const MAX_TOTAL_BYTES: u64 = 64 * 1024 * 1024;

/// A config as it was read: either typed and without a mistake, or every mistake.
#[derive(Debug)]
pub struct Loaded {
    /// The folder of the root file, absolute and free of links; the given path where there is no root file.
    pub root: PathBuf,
    /// Every file that could be read as text.
    pub sources: SourceMap,
    /// The config; only when there is no finding.
    pub config: Option<Config>,
    /// Every mistake, in the order of the files: the root file, then the others by path.
    pub findings: Vec<Finding>,
    /// SHA-256, in hex, over the sorted paths and contents of all access files.
    pub tree_hash: String,
}

impl Loaded {
    /// Whether a path leads into the config's folder, by its own name or through a link.
    ///
    /// Whoever writes access files must not choose where tokens go: kubeconfigs, certificates and connections in there
    /// are refused by the caller.
    pub fn contains(&self, path: &Path) -> bool {
        let absolute = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
        let resolved = fs::canonicalize(path).ok();
        // A link in the folder that leads out of it was still put there by whoever writes the folder.
        let by_name = absolute
            .parent()
            .and_then(|parent| fs::canonicalize(parent).ok())
            .zip(absolute.file_name())
            .map(|(parent, name)| parent.join(name));
        [Some(absolute), resolved, by_name].into_iter().flatten().any(|path| path.starts_with(&self.root))
    }
}

/// One file of a config before it is read.
#[derive(Clone, Debug)]
pub struct File {
    /// Its path relative to the config's folder, with `/`.
    pub path: String,
    /// Its bytes, or why there are none.
    pub content: Result<Vec<u8>, (&'static Rule, String)>,
}

/// Loads the config that a path belongs to: the nearest folder, from the path upwards, that has a `rolecall.yaml`.
pub fn load(path: &Path) -> Loaded {
    let root = match find_root(path) {
        Ok(root) => root,
        Err(finding) => {
            return Loaded {
                root: path.to_owned(),
                sources: SourceMap::default(),
                config: None,
                findings: vec![*finding],
                tree_hash: mark::hex(&[], 64),
            };
        }
    };
    let mut walk = Walk { root: &root, files: BTreeMap::new(), findings: Vec::new() };
    let root_file = walk.root_file();
    let exclude = match &root_file.content {
        Ok(bytes) => std::str::from_utf8(bytes).ok().map_or_else(Exclude::default, exclude_of),
        Err(_) => Exclude::default(),
    };
    walk.folders(&exclude);
    let Walk { files, findings, .. } = walk;
    let files = read_all(&root, root_file, files);
    let loaded = read(root, files);
    let mut findings = findings;
    let sources = loaded.sources;
    findings.extend(loaded.findings);
    let config = if findings.is_empty() { loaded.config } else { None };
    sort(&mut findings, &sources);
    Loaded { findings, config, sources, ..loaded }
}

/// Reads a config from its files: the root file first, the others in any order.
///
/// Everything [`load`] does after the disk; the files may as well come from a commit.
pub fn read(root: PathBuf, mut files: Vec<File>) -> Loaded {
    files.sort_by(|one, other| (one.path != ROOT_FILE, &one.path).cmp(&(other.path != ROOT_FILE, &other.path)));
    let mut sources = SourceMap::default();
    let mut findings = Vec::new();
    let mut trees = Vec::new();
    let mut exclude = Exclude::default();
    for File { path, content } in files {
        let is_root = path == ROOT_FILE;
        if !is_root && exclude.matches(&path) {
            continue;
        }
        let text = match content.and_then(|bytes| text_of(bytes)) {
            Ok(text) => text,
            Err((rule, message)) => {
                findings.push(about_file(rule, message, path));
                continue;
            }
        };
        let file = sources.add(path, text);
        let text = sources.get(file).map_or("", |source| &source.text);
        let node = yaml::read(file, text, &mut findings);
        if let (true, Some(node)) = (is_root, &node) {
            exclude = Exclude::read(node, &mut findings);
        }
        trees.push(Tree { file, is_root, node });
    }
    let config = check::check(&trees, &sources, &mut findings);
    sort(&mut findings, &sources);
    let tree_hash = tree_hash(&sources);
    Loaded { root, sources, config, findings, tree_hash }
}

fn exclude_of(text: &str) -> Exclude {
    // Read for its patterns only; the findings are those of the second reading.
    let mut sources = SourceMap::default();
    let file: FileId = sources.add(ROOT_FILE, "");
    yaml::read(file, text, &mut Vec::new()).map_or_else(Exclude::default, |node| Exclude::read(&node, &mut Vec::new()))
}

fn text_of(bytes: Vec<u8>) -> Result<String, (&'static Rule, String)> {
    if bytes.len() as u64 > yaml::MAX_BYTES {
        return Err(too_large(bytes.len() as u64));
    }
    if bytes.contains(&0) {
        return Err((&rules::NOT_TEXT, "this is no text: it holds a zero byte".to_owned()));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1;
        (&rules::NOT_TEXT, format!("this is not UTF-8: the first other byte is in line {line}"))
    })
}

fn too_large(bytes: u64) -> (&'static Rule, String) {
    (&rules::FILE_TOO_LARGE, format!("{bytes} bytes are too many, {} is the most", yaml::MAX_BYTES))
}

fn tree_hash(sources: &SourceMap) -> String {
    let files: BTreeMap<&str, &str> =
        sources.iter().map(|(_, file)| (file.path.as_str(), file.text.as_str())).collect();
    let parts: Vec<&str> = files.into_iter().flat_map(|(path, text)| [path, text]).collect();
    mark::hex(&parts, 64)
}

/// In the order of the files and, within one, of the places; a mistake that is found twice is said once.
fn sort(findings: &mut Vec<Finding>, sources: &SourceMap) {
    let key = |finding: &Finding| {
        let span = finding.labels.first().map(|label| label.span);
        let path = finding
            .file
            .clone()
            .or_else(|| span.and_then(|span| sources.get(span.file)).map(|file| file.path.clone()))
            .unwrap_or_default();
        (path != ROOT_FILE, path, span.map_or(0, |span| span.start), finding.rule.id, finding.message.clone())
    };
    findings.sort_by_cached_key(key);
    findings.dedup();
}

fn about_file(rule: &'static Rule, message: String, path: String) -> Finding {
    let help = match rule {
        rule if *rule == rules::FILE_TOO_LARGE => "split the file",
        rule if *rule == rules::LINK_OUT_OF_FOLDER => "put the file itself here",
        rule if *rule == rules::TOO_MANY_FILES => "name what is no access file under `exclude:` of the root file",
        _ => "mend or remove it, or, if it is no access file, name it under `exclude:` of the root file",
    };
    Finding { rule, message, labels: Vec::new(), file: Some(path), help: Some(help.to_owned()) }
}

/// The folder of the nearest root file, from the path upwards.
fn find_root(path: &Path) -> Result<PathBuf, Box<Finding>> {
    let shown = path.display().to_string();
    let start = fs::canonicalize(path).map_err(|error| {
        let message = format!("cannot be read: {}", reason(&error));
        let help = Some("name a folder of access files, or a file in one".to_owned());
        Box::new(Finding { help, ..about_file(&rules::UNREADABLE_FILE, message, shown.clone()) })
    })?;
    for folder in start.ancestors() {
        if fs::symlink_metadata(folder.join(ROOT_FILE)).is_ok() {
            return Ok(folder.to_owned());
        }
    }
    let other = start.ancestors().map(|folder| folder.join("rolecall.yml")).find(|file| file.exists());
    let mut finding =
        about_file(&rules::NO_ROOT, format!("there is no `{ROOT_FILE}` here or in any folder above"), shown);
    finding.help = Some(other.map_or_else(
        || "a config starts with a root file of that name; `rolecall demo` shows one at work".to_owned(),
        |file| format!("rename {} to `{ROOT_FILE}`", file.display()),
    ));
    Err(Box::new(finding))
}

/// What the operating system said, without the path, which is shown beside it.
fn reason(error: &std::io::Error) -> String {
    match error.kind() {
        ErrorKind::NotFound => "it does not exist".to_owned(),
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        kind => kind.to_string(),
    }
}

struct Walk<'a> {
    root: &'a Path,
    /// The relative path of each file by where it really is, so that a file is read once however many links lead to it.
    files: BTreeMap<PathBuf, Found>,
    findings: Vec<Finding>,
}

#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Found {
    /// A file by its own name comes before a link to it.
    through_link: bool,
    path: String,
}

impl Walk<'_> {
    fn root_file(&mut self) -> File {
        let path = self.root.join(ROOT_FILE);
        let content = match fs::canonicalize(&path) {
            Ok(real) if !real.starts_with(self.root) => Err(out_of_folder(&real)),
            Ok(real) => content(&real),
            Err(error) => Err((&rules::UNREADABLE_FILE, format!("cannot be read: {}", reason(&error)))),
        };
        if let Ok(real) = fs::canonicalize(&path) {
            self.files.insert(real, Found { through_link: false, path: ROOT_FILE.to_owned() });
        }
        File { path: ROOT_FILE.to_owned(), content }
    }

    fn folders(&mut self, exclude: &Exclude) {
        let mut waiting = vec![(self.root.to_owned(), String::new(), false)];
        let mut seen = std::collections::BTreeSet::from([self.root.to_owned()]);
        while let Some((folder, prefix, through_link)) = waiting.pop() {
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(error) => {
                    self.unreadable(&error, prefix);
                    continue;
                }
            };
            for entry in entries {
                let entry = match entry {
                    Ok(entry) => entry,
                    Err(error) => {
                        self.unreadable(&error, prefix.clone());
                        continue;
                    }
                };
                let name = entry.file_name().to_string_lossy().into_owned();
                let path = if prefix.is_empty() { name.clone() } else { format!("{prefix}/{name}") };
                if name.starts_with('.') || exclude.matches(&path) {
                    continue;
                }
                let is_link = entry.file_type().is_ok_and(|kind| kind.is_symlink());
                let named_as_yaml = [".yaml", ".yml"].iter().any(|ending| name.ends_with(ending));
                let real = match fs::canonicalize(entry.path()) {
                    Ok(real) => real,
                    Err(error) if named_as_yaml => {
                        self.unreadable(&error, path);
                        continue;
                    }
                    Err(_) => continue,
                };
                let is_folder = fs::metadata(&real).is_ok_and(|meta| meta.is_dir());
                if is_link && !real.starts_with(self.root) && (is_folder || named_as_yaml) {
                    let (rule, message) = out_of_folder(&real);
                    self.findings.push(about_file(rule, message, path));
                } else if is_folder {
                    if seen.insert(real.clone()) {
                        waiting.push((real, path, through_link || is_link));
                    }
                } else if named_as_yaml {
                    let found = Found { through_link: through_link || is_link, path };
                    match self.files.get(&real) {
                        Some(known) if *known <= found => {}
                        _ => {
                            self.files.insert(real, found);
                        }
                    }
                }
            }
        }
    }

    fn unreadable(&mut self, error: &std::io::Error, path: String) {
        let path = if path.is_empty() { ".".to_owned() } else { path };
        let message = format!("cannot be read: {}", reason(error));
        self.findings.push(about_file(&rules::UNREADABLE_FILE, message, path));
    }
}

fn out_of_folder(real: &Path) -> (&'static Rule, String) {
    (&rules::LINK_OUT_OF_FOLDER, format!("this link leads out of the config's folder, to {}", real.display()))
}

fn read_all(root: &Path, root_file: File, found: BTreeMap<PathBuf, Found>) -> Vec<File> {
    let mut files = vec![root_file];
    let mut total = 0;
    let too_many = found.len() > MAX_FILES;
    for (real, Found { path, .. }) in found {
        if path == ROOT_FILE || !real.starts_with(root) {
            continue;
        }
        let content = if too_many || total > MAX_TOTAL_BYTES { Ok(Vec::new()) } else { content(&real) };
        total += content.as_ref().map_or(0, |bytes| bytes.len() as u64);
        files.push(File { path, content });
    }
    if too_many || total > MAX_TOTAL_BYTES {
        let message = format!("the folder holds more than {MAX_FILES} YAML files or {MAX_TOTAL_BYTES} bytes of them");
        files.truncate(1);
        files.push(File { path: ".".to_owned(), content: Err((&rules::TOO_MANY_FILES, message)) });
    }
    files
}

/// A regular file's bytes, one more than allowed at most: a pipe or a device could go on for ever.
fn content(path: &Path) -> Result<Vec<u8>, (&'static Rule, String)> {
    let unreadable = |error: &std::io::Error| (&rules::UNREADABLE_FILE, format!("cannot be read: {}", reason(error)));
    let meta = fs::metadata(path).map_err(|error| unreadable(&error))?;
    if !meta.is_file() {
        return Err((&rules::UNREADABLE_FILE, "this is no regular file".to_owned()));
    }
    if meta.len() > yaml::MAX_BYTES {
        return Err(too_large(meta.len()));
    }
    let mut bytes = Vec::new();
    let file = fs::File::open(path).map_err(|error| unreadable(&error))?;
    file.take(yaml::MAX_BYTES + 1).read_to_end(&mut bytes).map_err(|error| unreadable(&error))?;
    Ok(bytes)
}
