//! Changes to the text of access files. Everything that a change does not concern stays as it is, byte for byte: comments,
//! order, quotes, ends of lines.
//!
//! A change is a splice at the place where a value stands. The text is read again after each, so that no place is ever out of
//! date. Whether the files then ask for what was meant is for the caller to check: it compiles them.

pub mod accept;
mod grant;
mod group;
mod list;
mod map;
mod product;
mod rules;
mod scalar;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

use crate::config::yaml::{self, Entry, Node};
use crate::config::{self, File, Loaded};
use crate::diagnostics::{FileId, Severity, SourceMap};
use crate::state::{EnvironmentName, GroupKey, PolicyRule, PrincipalName, RoleKey, ScopeTarget};

/// One change of the access files.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Edit {
    /// People come to a list of a group, and others leave it.
    List {
        /// The group.
        group: GroupKey,
        /// Which of its lists.
        list: List,
        /// Who leaves it.
        remove: Vec<PrincipalName>,
        /// Who comes to it, at its end and in this order.
        add: Vec<PrincipalName>,
    },
    /// A text of a group becomes another one; without one, its key is taken out.
    Text {
        /// The group.
        group: GroupKey,
        /// Which of its texts.
        key: Text,
        /// What it becomes.
        value: Option<String>,
    },
    /// A group goes: its block, and wherever a list or a grant names it.
    NoGroup {
        /// The group.
        group: GroupKey,
    },
    /// A role with rules of its own comes to have others.
    Rules {
        /// The role.
        role: RoleKey,
        /// What it allows, normalised.
        rules: Vec<PolicyRule>,
    },
    /// Grants give this no more. One that gives other things as well is made smaller, or taken apart into a few.
    Revoke {
        /// What.
        asked: BTreeSet<Asked>,
    },
    /// Grants that give this are put beside one for the same subject or role.
    Give {
        /// What.
        asked: BTreeSet<Asked>,
        /// Whether they stand in the root file, wherever others do.
        at_root: bool,
    },
}

/// What a grant gives: one subject × role × environment × scope.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Asked {
    /// To whom.
    pub subject: PrincipalName,
    /// What they may do.
    pub role: RoleKey,
    /// On which cluster.
    pub environment: EnvironmentName,
    /// Where there.
    pub scope: ScopeTarget,
}

/// A list of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum List {
    /// `members`
    Members,
    /// `owners`
    Owners,
    /// `absent`
    Absent,
}

/// A text of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Text {
    /// `description`
    Description,
    /// `display-name`
    DisplayName,
}

impl List {
    /// Its key in the files.
    pub fn key(self) -> &'static str {
        match self {
            Self::Members => "members",
            Self::Owners => "owners",
            Self::Absent => "absent",
        }
    }
}

impl Text {
    /// Its key in the files.
    pub fn key(self) -> &'static str {
        match self {
            Self::Description => "description",
            Self::DisplayName => "display-name",
        }
    }
}

/// Why a change cannot be made to a text, as a clause.
pub type Why = &'static str;

const NO_GROUP: Why = "no file has a block for this group";
const NOT_READ: Why = "the file cannot be read again after the change";
const ALIAS: Why = "it stands behind a YAML alias or anchor, and a change there would change other places, too";
const FORM: Why = "it is written in a way that cannot be changed without rewriting it";
const NOBODY: Why = "it is not in that list of the files";

/// The access files while they are changed.
#[derive(Clone)]
pub struct Texts {
    /// Each by its path below the config's folder.
    texts: BTreeMap<Arc<str>, String>,
    /// In which file each group is.
    groups: BTreeMap<String, Arc<str>>,
}

impl Texts {
    /// The files as they were read.
    pub fn new(sources: &SourceMap) -> Self {
        let mut groups = BTreeMap::new();
        for (file, source) in sources.iter() {
            let Some(root) = yaml::read(file, &source.text, &mut Vec::new()) else { continue };
            for Entry { key, .. } in root.get("groups").map_or(&[][..], Node::entries) {
                groups.entry(key.value.clone()).or_insert_with(|| Arc::clone(&source.path));
            }
        }
        let texts = sources.iter().map(|(_, source)| (Arc::clone(&source.path), source.text.clone())).collect();
        Self { texts, groups }
    }

    /// Every file by its path below the config's folder.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.texts.iter().map(|(path, text)| (&**path, text.as_str()))
    }

    /// Makes a change.
    ///
    /// # Errors
    /// It cannot be made, and why, as a clause that may hold names of the files. Then some of it may have been made.
    pub fn make(&mut self, edit: &Edit) -> Result<(), String> {
        match edit {
            Edit::List { group, list, remove, add } => {
                self.change_group(group, |text, block| list::change(text, block.entry(list.key()), remove, add))?;
            }
            Edit::Text { group, key, value } => {
                self.change_group(group, |text, block| map::set(text, block, key.key(), value.as_deref()))?;
            }
            Edit::NoGroup { group } => group::take_out(self, group)?,
            Edit::Rules { role, rules } => rules::replace(self, role, rules)?,
            Edit::Revoke { asked } => grant::revoke(self, asked)?,
            Edit::Give { asked, at_root } => grant::give(self, asked, *at_root)?,
        }
        Ok(())
    }

    /// What the files say as a whole now.
    ///
    /// # Errors
    /// They do not hang together: the first mistake, and where.
    fn load(&self) -> Result<(config::Config, SourceMap), String> {
        let files = self.iter().map(|(path, text)| File::new(path, Ok(text.as_bytes().to_vec()))).collect();
        let Loaded { config, sources, findings, .. } = config::read(PathBuf::new(), files);
        config.map(|config| (config, sources.clone())).ok_or_else(|| {
            let Some(first) = findings.iter().find(|finding| finding.severity == Severity::Error) else {
                return NOT_READ.to_owned();
            };
            let line = first.labels.first().map(|label| format!(" ({}, once changed)", sources.origin(label.span)));
            format!("the files would not hang together: {}{}", first.message, line.unwrap_or_default())
        })
    }

    fn change_group(
        &mut self,
        group: &GroupKey,
        change: impl FnOnce(&str, &Node) -> Result<String, Why>,
    ) -> Result<(), Why> {
        let path = Arc::clone(self.groups.get(group.as_str()).ok_or(NO_GROUP)?);
        self.change(&path, |text, root| {
            let block = root.get("groups").and_then(|groups| groups.get(group.as_str())).ok_or(NO_GROUP)?;
            if text.get(block.span.start..).is_some_and(|rest| rest.starts_with(['*', '&'])) {
                return Err(ALIAS);
            }
            change(text, block)
        })
    }

    /// Changes one file, which is as it was where that fails.
    fn change(&mut self, path: &Arc<str>, change: impl FnOnce(&str, &Node) -> Result<String, Why>) -> Result<(), Why> {
        let text = self.texts.get_mut(path).ok_or(NOT_READ)?;
        let file = one_file(path);
        let root = yaml::read(file, text, &mut Vec::new()).ok_or(NOT_READ)?;
        let changed = change(text, &root)?;
        yaml::read(file, &changed, &mut Vec::new()).ok_or(NOT_READ)?;
        *text = changed;
        Ok(())
    }
}

/// An id for a file that is looked at alone.
fn one_file(path: &Arc<str>) -> FileId {
    SourceMap::default().add(Arc::clone(path), "")
}

/// The end of the line that a byte is in, before its line break.
fn line_end(text: &str, at: usize) -> usize {
    let end = text.get(at..).and_then(|rest| rest.find('\n')).map_or(text.len(), |found| at + found);
    if text.as_bytes().get(end.wrapping_sub(1)) == Some(&b'\r') && end > at { end - 1 } else { end }
}

/// Where the line after the one that a byte is in starts.
fn next_line(text: &str, at: usize) -> usize {
    text.get(at..).and_then(|rest| rest.find('\n')).map_or(text.len(), |found| at + found + 1)
}

/// Where the line that a byte is in starts.
fn line_start(text: &str, at: usize) -> usize {
    text.get(..at).and_then(|before| before.rfind('\n')).map_or(0, |found| found + 1)
}

/// How lines end around here.
fn line_break(text: &str, at: usize) -> &'static str {
    let from = line_start(text, at);
    let is_crlf = |at: usize| text.as_bytes().get(at.wrapping_sub(1)) == Some(&b'\r');
    let here = text.get(from..).and_then(|rest| rest.find('\n')).map(|found| from + found);
    let here = here.or_else(|| text.rfind('\n'));
    if here.is_some_and(is_crlf) { "\r\n" } else { "\n" }
}

/// Whether nothing but blanks and a comment stands on the rest of the line.
fn ends_line(text: &str, at: usize) -> bool {
    let rest = text.get(at..line_end(text, at)).unwrap_or_default();
    let words = rest.trim_start_matches([' ', '\t']);
    words.is_empty() || (words.starts_with('#') && words.len() < rest.len())
}

/// Whether nothing but blanks stands before this on its line.
fn begins_line(text: &str, at: usize) -> bool {
    text.get(line_start(text, at)..at).is_some_and(|before| before.chars().all(|character| character == ' '))
}

/// The next byte that is no blank, line break or comment.
fn next_token(text: &str, mut at: usize) -> Option<(usize, u8)> {
    let bytes = text.as_bytes();
    loop {
        match *bytes.get(at)? {
            b' ' | b'\t' | b'\r' | b'\n' => at += 1,
            b'#' => at = next_line(text, at),
            other => return Some((at, other)),
        }
    }
}

/// The text with a piece of it replaced.
fn spliced(text: &str, from: usize, to: usize, with: &str) -> Result<String, Why> {
    let (before, after) = text.get(..from).zip(text.get(to..)).ok_or(FORM)?;
    Ok(format!("{before}{with}{after}"))
}

/// The piece of lines to cut with a blank line beside it that would then be one too many: beside another one, at the start of a
/// block, or at the end of the file.
fn with_blank_line(text: &str, from: usize, to: usize) -> (usize, usize) {
    let indent = |line: &str| line.len() - line.trim_start_matches(' ').len();
    let is_blank = |line: &str| line.trim().is_empty();
    let first = text.get(from..).unwrap_or_default();
    let start = from.checked_sub(1).map(|end| line_start(text, end));
    let Some((start, above)) = start.and_then(|start| Some((start, text.get(start..from)?))) else { return (from, to) };
    let below = next_line(text, to);
    if to == text.len() && is_blank(above) {
        (start, to)
    } else if to < below
        && text.get(to..below).is_some_and(is_blank)
        && (is_blank(above) || indent(above) < indent(first))
    {
        (from, below)
    } else {
        (from, to)
    }
}

/// The piece of lines to cut so that what stands on them alone is gone: the comment above goes with it where it is about
/// nothing else, which is where no neighbour follows it directly.
fn with_comment_above(text: &str, from: usize, to: usize, indent: usize) -> usize {
    let follows = text.get(to..next_line(text, to)).unwrap_or_default();
    let words = follows.trim_start_matches(' ');
    let is_neighbour = !words.trim().is_empty() && !words.starts_with('#') && follows.len() - words.len() == indent;
    if is_neighbour {
        return from;
    }
    let mut start = from;
    while start > 0 {
        let above = line_start(text, start - 1);
        let line = text.get(above..start).unwrap_or_default();
        let words = line.trim_start_matches(' ');
        if !words.starts_with('#') || line.len() - words.len() != indent {
            break;
        }
        start = above;
    }
    start
}
