//! Every name that the files define, so that references can be resolved and the right one suggested.

use std::collections::BTreeMap;

use super::form::{flag, number, short};
use super::{Checker, label};
use crate::config::rules;
use crate::config::yaml::{Entry, Node, Value};
use crate::diagnostics::{Located, Rule, Span};

/// The names of all files by kind, whether or not their blocks are right.
#[derive(Default)]
pub(super) struct Names {
    pub(super) environments: BTreeMap<String, Span>,
    pub(super) groups: BTreeMap<String, Span>,
    pub(super) roles: BTreeMap<String, Span>,
    /// The groups that stand for a live object, by its id in lower case.
    pub(super) group_ids: BTreeMap<String, Located<String>>,
    /// The groups that say what they are called, by that name in lower case.
    pub(super) called: BTreeMap<String, Located<String>>,
    /// What groups are called now, by keys that they had before.
    renamed: BTreeMap<String, String>,
}

/// What a reference leads to.
#[derive(Clone, Copy)]
pub(super) enum Kind {
    Environment,
    Group,
    Role,
}

impl Kind {
    fn word(self) -> &'static str {
        match self {
            Self::Environment => "environment",
            Self::Group => "group",
            Self::Role => "role",
        }
    }

    fn section(self) -> &'static str {
        match self {
            Self::Environment => "environments",
            Self::Group => "groups",
            Self::Role => "roles",
        }
    }

    fn rule(self) -> &'static Rule {
        match self {
            Self::Environment => &rules::UNKNOWN_ENVIRONMENT,
            Self::Group => &rules::UNKNOWN_GROUP,
            Self::Role => &rules::UNKNOWN_ROLE,
        }
    }
}

impl Names {
    fn of(&self, kind: Kind) -> &BTreeMap<String, Span> {
        match kind {
            Kind::Environment => &self.environments,
            Kind::Group => &self.groups,
            Kind::Role => &self.roles,
        }
    }
}

impl Checker<'_> {
    /// Collects the names of all files. A name that is defined twice, and an id that stands behind two names, is reported
    /// with both places.
    pub(super) fn collect_names(&mut self, files: &[&Node]) {
        let mut names = Names::default();
        self.define(files, Kind::Environment, &mut names.environments);
        self.define(files, Kind::Group, &mut names.groups);
        self.define(files, Kind::Role, &mut names.roles);
        names.group_ids = self.ids(files, "groups", &["id", "adopt"]);
        self.ids(files, "environments", &["cluster"]);
        for Entry { key, value: block } in sections(files, "groups") {
            if let Some(name) = block.get("display-name") {
                names.called.insert(name.words().to_lowercase(), Located::new(key.value.clone(), name.span));
            }
            for previous in block.get("previously").map_or(&[][..], Node::items) {
                names.renamed.entry(previous.words().to_owned()).or_insert_with(|| key.value.clone());
            }
        }
        self.names = names;
    }

    fn define(&mut self, files: &[&Node], kind: Kind, names: &mut BTreeMap<String, Span>) {
        for Entry { key, .. } in sections(files, kind.section()) {
            if let Some(first) = names.get(&key.value) {
                let labels = [label(key.span, "defined again here"), label(*first, "first defined here")];
                let message = format!("the {} `{}` is defined twice", kind.word(), short(&key.value));
                self.report(&rules::DUPLICATE_NAME, message, labels, "rename one of the two, or merge them");
            } else {
                names.insert(key.value.clone(), key.span);
            }
        }
    }

    fn ids(&mut self, files: &[&Node], section: &'static str, keys: &[&str]) -> BTreeMap<String, Located<String>> {
        let mut ids: BTreeMap<String, Located<String>> = BTreeMap::new();
        for Entry { key: name, value: block } in sections(files, section) {
            for node in keys.iter().filter_map(|key| block.get(key)) {
                let id = node.words().to_ascii_lowercase();
                match ids.get(&id) {
                    _ if id.is_empty() => {}
                    Some(first) if first.value != name.value => {
                        let message =
                            format!("`{}` and `{}` stand for one object", short(&first.value), short(&name.value));
                        let labels = [label(node.span, "the same id again"), label(first.span, "first used here")];
                        self.report(&rules::DUPLICATE_ID, message, labels, "keep one of the two blocks");
                    }
                    Some(_) => {}
                    None => {
                        ids.insert(id, Located::new(name.value.clone(), node.span));
                    }
                }
            }
        }
        ids
    }

    /// The name that a reference holds, if it is defined; otherwise says which one may have been meant.
    pub(super) fn refer(&mut self, node: &Node, kind: Kind) -> Option<String> {
        let Value::Scalar { text, plain } = &node.value else { return None };
        if *plain && (number(text) || flag(text)) {
            // Reported as a wrong type; `2024` in quotes may well be a name.
            return None;
        }
        if self.names.of(kind).contains_key(text) {
            return Some(text.clone());
        }
        let word = kind.word();
        let renamed = matches!(kind, Kind::Group).then(|| self.names.renamed.get(text).map(String::as_str)).flatten();
        let names = self.names.of(kind);
        let comparisons = &mut self.comparisons;
        let suggestion = renamed.or_else(|| closest_within(comparisons, text, names.keys().map(String::as_str)));
        let help = match suggestion.and_then(|name| self.names.of(kind).get_key_value(name)) {
            Some((name, span)) if renamed.is_some() => {
                format!("it was renamed: write `{name}` ({})", self.sources.origin(*span))
            }
            Some((name, span)) => format!("did you mean `{name}` ({})?", self.sources.origin(*span)),
            None => match self.unread.first() {
                Some(file) => format!("define it under `{}:`, or mend {file}, which may define it", kind.section()),
                None => format!("define it under `{}:` in any access file", kind.section()),
            },
        };
        let label =
            label(node.span, format!("no {word} has this {}", if word == "environment" { "name" } else { "key" }));
        let message = format!(
            "`{}` is not {} {word} of this config",
            short(text),
            if word == "environment" { "an" } else { "a" }
        );
        self.report(kind.rule(), message, [label], help);
        None
    }
}

/// Every entry of a section such as `groups`, over all files; a section that stands twice in a file counts twice.
pub(super) fn sections<'a>(files: &[&'a Node], section: &'a str) -> Vec<&'a Entry> {
    files.iter().flat_map(|file| file.all(section)).flat_map(Node::entries).collect()
}

/// The name that a misspelt one was probably meant to be.
pub(crate) fn closest<'a>(text: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    closest_within(&mut usize::MAX.clone(), text, names)
}

/// How many names are compared with misspelt ones: thousands of mistakes among thousands of names take minutes, and the
/// first ones show what is wrong.
pub(super) const COMPARISONS: usize = 300_000;

/// The same, as long as this many comparisons last.
fn closest_within<'a>(left: &mut usize, text: &str, names: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let length = text.chars().count();
    if length > 80 {
        return None;
    }
    let most = (length / 3).max(1);
    let folded = text.to_lowercase();
    names
        .filter(|name| name.len().abs_diff(text.len()) <= most * 4)
        .filter(|name| name.chars().count().abs_diff(folded.chars().count()) <= most)
        .map_while(|name| {
            *left = left.checked_sub(1)?;
            Some((strsim::damerau_levenshtein(&folded, name), name))
        })
        .filter(|(distance, _)| *distance <= most)
        .min()
        .map(|(_, name)| name)
}
