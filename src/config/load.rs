//! From a path, or from files, to a config.

use std::collections::BTreeMap;
use std::path::{Component, Path, PathBuf};

use fs_err as fs;

use super::check::{self, Tree};
use super::exclude::Exclude;
use super::model::Config;
use super::walk::{self, Disk, Storage, Unreadable};
use super::{rules, yaml};
use crate::diagnostics::{Finding, SourceMap};
use crate::state::mark;

/// The name of the root file.
pub const ROOT_FILE: &str = "rolecall.yaml";

/// A config as it was read: typed when there is no error in it; and every mistake.
#[derive(Debug)]
pub struct Loaded {
    /// The folder of the root file, absolute and free of links; the given path where there is no root file.
    pub root: PathBuf,
    /// Every file that could be read as text.
    pub sources: SourceMap,
    /// The config; only when no finding is an error.
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
        let absolute = without_parents(&std::path::absolute(path).unwrap_or_else(|_| path.to_owned()));
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

/// The path with every `..` carried out by name alone; what links make of it is looked at beside this.
fn without_parents(path: &Path) -> PathBuf {
    path.components().fold(PathBuf::new(), |mut walked, component| {
        if component == Component::ParentDir {
            walked.pop();
        } else {
            walked.push(component);
        }
        walked
    })
}

/// One file of a config before it is read.
#[derive(Clone, Debug)]
pub struct File {
    /// Its path relative to the config's folder, with `/`.
    pub path: String,
    /// The same, past every link: where it lies relative to where the root file lies. `None` when it lies elsewhere. This
    /// is what `delegate` goes by, or a link would give one team's file what another one may do.
    pub lies: Option<String>,
    /// Its bytes, or why there are none.
    pub content: Result<Vec<u8>, Unreadable>,
}

impl File {
    /// A file that is no link.
    pub fn new(path: impl Into<String>, content: Result<Vec<u8>, Unreadable>) -> Self {
        let path = path.into();
        Self { lies: Some(path.clone()), path, content }
    }
}

/// Loads the config that a path belongs to: the nearest folder, from the path upwards, that has a `rolecall.yaml`.
pub fn load(path: &Path) -> Loaded {
    match walk::find_root(path) {
        Ok(root) => {
            let files = walk::files(&root, &Disk);
            read(root, files)
        }
        Err(Unreadable { rule, message, help }) => {
            // Without the `/.` that a path has which was made from `.`.
            let shown = path.components().collect::<PathBuf>().display().to_string();
            let finding = Finding {
                rule,
                severity: rule.severity,
                message,
                labels: Vec::new(),
                file: Some(shown),
                help: Some(help),
            };
            let tree_hash = tree_hash(&SourceMap::default());
            Loaded {
                root: path.to_owned(),
                sources: SourceMap::default(),
                config: None,
                findings: vec![finding],
                tree_hash,
            }
        }
    }
}

/// Loads the config of which the root file lies in this folder of a storage.
pub fn load_from(root: &Path, storage: &dyn Storage) -> Loaded {
    read(root.to_owned(), walk::files(root, storage))
}

/// Reads a config from its files, in any order; `root` is where they are said to come from.
///
/// Everything [`load`] does after the disk; the files may as well come from a commit.
pub fn read(root: PathBuf, mut files: Vec<File>) -> Loaded {
    files.sort_by(|one, other| (one.path != ROOT_FILE, &one.path).cmp(&(other.path != ROOT_FILE, &other.path)));
    let mut sources = SourceMap::default();
    let mut findings = Vec::new();
    let mut trees = Vec::new();
    let mut unread = Vec::new();
    let mut exclude = Exclude::default();
    if files.first().is_none_or(|file| file.path != ROOT_FILE) {
        let Unreadable { rule, message, help } = walk::no_root();
        findings.push(Finding {
            rule,
            severity: rule.severity,
            message,
            labels: Vec::new(),
            file: Some(ROOT_FILE.to_owned()),
            help: Some(help),
        });
    }
    for File { path, lies, content } in files {
        let is_root = path == ROOT_FILE;
        if !is_root && exclude.matches(&path) {
            continue;
        }
        let text = match content.and_then(text_of) {
            Ok(text) => text,
            Err(Unreadable { rule, message, help }) => {
                unread.push(path.clone());
                findings.push(Finding {
                    rule,
                    severity: rule.severity,
                    message,
                    labels: Vec::new(),
                    file: Some(path),
                    help: Some(help),
                });
                continue;
            }
        };
        let file = sources.add(path.clone(), text);
        let text = sources.get(file).map_or("", |source| &source.text);
        let Some(node) = yaml::read(file, text, &mut findings) else {
            unread.push(path);
            continue;
        };
        if is_root {
            exclude = Exclude::read(&node, &mut findings);
        }
        trees.push(Tree { is_root, lies, node });
    }
    let config = check::check(&trees, unread, &sources, &mut findings);
    sort(&mut findings, &sources);
    let tree_hash = tree_hash(&sources);
    Loaded { root, sources, config, findings, tree_hash }
}

fn text_of(bytes: Vec<u8>) -> Result<String, Unreadable> {
    if bytes.len() as u64 > yaml::MAX_BYTES {
        return Err(Unreadable::too_large(bytes.len() as u64));
    }
    if bytes.contains(&0) {
        return Err(Unreadable::new(&rules::NOT_TEXT, "this is no text: it holds a zero byte"));
    }
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes().iter().take(at).filter(|byte| **byte == b'\n').count() + 1;
        Unreadable::new(&rules::NOT_TEXT, format!("this is not UTF-8: the first other byte is in line {line}"))
    })
}

fn tree_hash(sources: &SourceMap) -> String {
    let files: BTreeMap<&str, &str> = sources.iter().map(|(_, file)| (&*file.path, file.text.as_str())).collect();
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
            .or_else(|| span.and_then(|span| sources.get(span.file)).map(|file| file.path.to_string()))
            .unwrap_or_default();
        (path != ROOT_FILE, path, span.map_or(0, |span| span.start), finding.rule.id, finding.message.clone())
    };
    findings.sort_by_cached_key(key);
    findings.dedup();
}
