//! `delegate` of the root file: what each entry allows, and whether it stands for anything.

use std::collections::{BTreeMap, BTreeSet};

use globset::{GlobBuilder, GlobMatcher};

use super::form::short;
use super::names::{Kind, closest};
use super::{Checker, Tree, label};
use crate::config::model::Environment;
use crate::config::pattern::{self, NamePattern};
use crate::config::rules;
use crate::config::shape::{FILE_PATTERN, NAMESPACE_PATTERN};
use crate::config::yaml::{Entry, Node, Value};
use crate::diagnostics::{Located, Span};
use crate::state::{AppId, EnvironmentName, RoleKey, first_few};

/// How many names a message shows of a list.
const SHOWN: usize = 6;

/// An entry of `delegate`, ready to judge by.
pub(super) struct Allowed {
    /// Where it starts.
    pub(super) span: Span,
    pub(super) files: Vec<FilePattern>,
    pub(super) groups: Listed,
    pub(super) roles: Listed,
    pub(super) environments: Listed,
    pub(super) namespaces: Listed,
}

/// An entry as it is written, in one spelling whatever the style: `files: teams/**; groups: payments-*; …`.
pub(super) fn written(node: &Node) -> Located<String> {
    let words = |node: &Node| -> String {
        let listed = node.items().iter().map(|item| item.words().to_owned());
        let labels = node.entries().iter().map(|entry| format!("{}={}", entry.key.value, entry.value.words()));
        listed.chain(labels).collect::<Vec<_>>().join(", ")
    };
    let keys = ["files", "groups", "roles", "environments", "namespaces"];
    let keys = keys.iter().filter_map(|key| Some(format!("{key}: {}", words(node.get(key)?))));
    Located { value: keys.collect::<Vec<_>>().join("; "), span: node.head() }
}

/// One of its `files`.
pub(super) struct FilePattern {
    pub(super) text: Located<String>,
    glob: GlobMatcher,
}

impl FilePattern {
    pub(super) fn matches(&self, path: &str) -> bool {
        self.glob.is_match(path)
    }

    /// Whether it would match, if case meant nothing.
    pub(super) fn matches_in_any_case(&self, path: &str) -> bool {
        let folded = GlobBuilder::new(&self.text.value.to_lowercase())
            .literal_separator(true)
            .build()
            .map(|it| it.compile_matcher());
        folded.is_ok_and(|glob| glob.is_match(path.to_lowercase()))
    }
}

/// What one key of an entry lists.
pub(super) struct Listed {
    /// The key, or where the entry starts when it is left out.
    pub(super) span: Span,
    /// The same in words: "lists `view` and `edit`".
    pub(super) words: String,
    what: What,
}

enum What {
    Names(BTreeSet<String>),
    Groups(Vec<Located<NamePattern>>),
    Namespaces(Vec<Located<NamePattern>>),
    /// It has a mistake of its own, which is reported: until that is mended it allows everything, so that it brings no others
    /// with it.
    Mistaken,
}

impl What {
    fn words(&self) -> Vec<&str> {
        match self {
            Self::Names(names) => names.iter().map(String::as_str).collect(),
            Self::Groups(patterns) | Self::Namespaces(patterns) => {
                patterns.iter().map(|pattern| pattern.value.as_str()).collect()
            }
            Self::Mistaken => Vec::new(),
        }
    }
}

fn names(names: &[&str]) -> What {
    What::Names(names.iter().map(|name| (*name).to_owned()).collect())
}

/// Whether everything that is written was understood. Labels are, when they select something.
fn is_whole(node: Option<&Node>, found: usize) -> bool {
    node.is_some_and(|node| match &node.value {
        Value::Seq(items) => found > 0 && items.len() == found,
        Value::Map(_) => found > 0,
        Value::Null | Value::Scalar { .. } => false,
    })
}

impl Listed {
    pub(super) fn has(&self, name: &str) -> bool {
        match &self.what {
            What::Names(names) => names.contains(name),
            What::Groups(patterns) => patterns.iter().any(|pattern| pattern.value.matches(name)),
            What::Namespaces(patterns) => patterns.iter().any(|pattern| pattern.value.matches_namespace(name)),
            What::Mistaken => true,
        }
    }
}

impl Allowed {
    pub(super) fn matches(&self, path: &str) -> bool {
        self.files.iter().any(|pattern| pattern.matches(path))
    }
}

impl Checker<'_> {
    /// Reads `delegate` and holds every other file against it.
    pub(super) fn delegate(
        &mut self,
        entry: &Entry,
        files: &[&Tree],
        environments: &BTreeMap<EnvironmentName, Environment>,
        appliers: &[Located<AppId>],
    ) {
        let mut allowed = Vec::new();
        let mut mistaken = entry.value.items().is_empty();
        for node in entry.value.items() {
            match self.delegation(node, environments) {
                Some(one) => allowed.push(one),
                None => mistaken = true,
            }
        }
        if mistaken {
            // Which files would have been matched is not known; there is an error to be mended first.
            self.skip(entry.key.span);
        } else {
            self.unmatched(&allowed, files);
            for file in files {
                self.delegated(file, entry.key.span, &allowed, environments, appliers);
            }
        }
    }

    /// `None` when it cannot be told which files it matches.
    fn delegation(&mut self, node: &Node, environments: &BTreeMap<EnvironmentName, Environment>) -> Option<Allowed> {
        let texts: Vec<Located<String>> = self.parse_list(node.get("files"));
        let groups: Vec<Located<NamePattern>> = self.parse_list(node.get("groups"));
        let roles: Vec<Located<RoleKey>> = self.references(node.get("roles"), Kind::Role);
        let places = self.environments(node.get("environments"), environments);
        let namespaces: Vec<Located<NamePattern>> = self.parse_list(node.get("namespaces"));
        let mut files = Vec::new();
        for (node, text) in node.get("files").map_or(&[][..], Node::items).iter().zip(&texts) {
            (FILE_PATTERN.check)(&text.value).ok()?;
            let glob = pattern::path(node, node.words(), "delegates nothing", self.findings)?;
            files.push(FilePattern { text: text.clone(), glob: glob.compile_matcher() });
        }
        if files.is_empty() || !is_whole(node.get("files"), files.len()) {
            return None;
        }
        let roles: Vec<&str> = roles.iter().map(|role| role.value.as_str()).collect();
        let places: Vec<&str> = places.iter().map(EnvironmentName::as_str).collect();
        let well_formed = namespaces.iter().filter(|pattern| (NAMESPACE_PATTERN.check)(pattern.value.as_str()).is_ok());
        let well_formed = well_formed.count();
        Some(Allowed {
            span: node.head(),
            files,
            groups: self.listed(node, "groups", groups.len(), What::Groups(groups)),
            roles: self.listed(node, "roles", roles.len(), names(&roles)),
            environments: self.listed(node, "environments", places.len(), names(&places)),
            namespaces: self.listed(node, "namespaces", well_formed, What::Namespaces(namespaces)),
        })
    }

    /// What a key lists, when all of it could be read.
    fn listed(&mut self, node: &Node, key: &str, found: usize, what: What) -> Listed {
        let span = node.entry(key).map_or(node.head(), |entry| entry.key.span);
        // These three go together; the form says so when one of them is missing.
        let grants = ["roles", "environments", "namespaces"];
        let left_out =
            node.get(key).is_none() && grants.contains(&key) && grants.iter().all(|key| node.get(key).is_none());
        if left_out || is_whole(node.get(key), found) {
            let is_selector = node.get(key).is_some_and(|node| !node.entries().is_empty());
            let words = format!("{} {}", if is_selector { "selects" } else { "lists" }, some(&what.words()));
            return Listed { span, words, what };
        }
        self.skip(span);
        Listed { span, words: String::new(), what: What::Mistaken }
    }

    /// Patterns that stand for nothing. No errors: a team is often let in before its first file is there, and a delegation
    /// for nobody gives nobody anything.
    fn unmatched(&mut self, delegations: &[Allowed], files: &[&Tree]) {
        let mut paths: Vec<String> = files.iter().filter_map(|file| file.lies.clone()).collect();
        // What cannot be read is there all the same.
        paths.extend(self.unread.iter().cloned());
        for delegation in delegations {
            for pattern in &delegation.files {
                if !paths.iter().any(|path| pattern.matches(path)) {
                    self.unmatched_file(pattern, &paths);
                }
            }
            let is_for_nobody = !paths.iter().any(|path| delegation.matches(path));
            if let (What::Groups(patterns), false, true) =
                (&delegation.groups.what, is_for_nobody, self.unread.is_empty())
            {
                for pattern in patterns {
                    self.unmatched_group(pattern);
                }
            }
        }
    }

    fn unmatched_file(&mut self, pattern: &FilePattern, paths: &[String]) {
        let text = &pattern.text.value;
        let below = format!("{text}/");
        let folders = paths.iter().filter_map(|path| path.rsplit_once('/')).map(|(folder, _)| folder);
        let meant = if paths.iter().any(|path| path.starts_with(&below)) {
            Some(format!("{text}/**"))
        } else if let Some(path) = paths.iter().find(|path| pattern.matches_in_any_case(path)) {
            Some(path.clone())
        } else if let Some(folder) = text.strip_suffix("/**") {
            closest(folder, folders).map(|folder| format!("{folder}/**"))
        } else {
            closest(text, paths.iter().map(String::as_str)).map(str::to_owned)
        };
        let meant = meant.map_or_else(
            || "mend it unless such a file is on its way".to_owned(),
            |meant| format!("did you mean `{meant}`? If such a file is on its way, all is well"),
        );
        let message = format!("`{}` matches no file", short(text));
        let labels = [label(pattern.text.span, "delegates to nobody")];
        self.report(&rules::UNMATCHED_DELEGATION, message, labels, meant);
    }

    fn unmatched_group(&mut self, pattern: &Located<NamePattern>) {
        let groups: Vec<&str> = self.names.groups.keys().map(String::as_str).collect();
        if groups.iter().any(|group| pattern.value.matches(group)) {
            return;
        }
        let text = pattern.value.as_str();
        let meant = if pattern.value.is_open() {
            near_pattern(text, &groups)
        } else {
            closest(text, groups.into_iter()).map(str::to_owned)
        };
        let help = meant.map_or_else(
            || "mend it unless such a group is on its way".to_owned(),
            |meant| format!("did you mean `{meant}`? If such a group is on its way, all is well"),
        );
        let message = format!("`{text}` stands for no group of this config");
        let labels = [label(pattern.span, "no group has such a key")];
        self.report(&rules::UNMATCHED_DELEGATION, message, labels, help);
    }
}

/// The pattern of the same kind that is closest to one that stands for no group: `mobil-*` for `mobile-devs` is `mobile-*`.
fn near_pattern(pattern: &str, groups: &[&str]) -> Option<String> {
    let separators = ['-', '_'];
    if let Some(start) = pattern.strip_suffix('*').filter(|start| !start.is_empty() && !start.contains('*')) {
        let starts = groups.iter().flat_map(|group| (1..group.len()).filter_map(|end| group.get(..end)));
        let starts = starts.filter(|known| known.ends_with(separators) == start.ends_with(separators));
        closest(start, starts).map(|known| format!("{known}*"))
    } else {
        let end = pattern.strip_prefix('*').filter(|end| !end.is_empty() && !end.contains('*'))?;
        let ends = groups.iter().flat_map(|group| (1..group.len()).filter_map(|start| group.get(start..)));
        let ends = ends.filter(|known| known.starts_with(separators) == end.starts_with(separators));
        closest(end, ends).map(|known| format!("*{known}"))
    }
}

/// "`a`, `b` and `c`", or the first few and how many more.
pub(super) fn some(names: &[&str]) -> String {
    match names {
        [] => "none".to_owned(),
        names if names.len() <= SHOWN => super::form::all(names.iter().copied()),
        names => first_few(names.iter().map(|name| format!("`{name}`")), SHOWN),
    }
}
