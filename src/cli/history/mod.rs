//! What git knows of the lines of the access files: since when each says what it says, and what they said before.

mod told;
mod walk;

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::rc::Rc;

pub(super) use self::told::{of_answer, of_changes};
pub(super) use self::walk::{Found, Wanted, tell};
use crate::config::{MAX_FILE_BYTES, ROOT_FILE, Sheet, Value};
use crate::diagnostics::{SourceFile, SourceMap};
use crate::git::blame::{Reader, Unread};
use crate::git::history::{Files, History, Id};
use crate::state::{GroupKey, PrincipalName};

/// The most bytes of access files that are read for one answer about single lines.
const MOST_BYTES: u64 = 96 * 1024 * 1024;

/// The files that were read, by path.
fn listed(sources: &SourceMap) -> Files {
    sources.iter().filter_map(|(_, file)| Some((file.path.to_string(), Id::of(file.text.as_bytes())?))).collect()
}

/// The files of all versions, each read once.
pub(super) struct Sheets<'h> {
    history: &'h History,
    /// Those that lie in the folder, which need be in no commit.
    now: HashMap<Id, String>,
    read: HashMap<Id, Option<Rc<Sheet>>>,
    bytes: u64,
    most: u64,
    /// The keys that groups had before, by any version.
    previously: BTreeMap<GroupKey, BTreeSet<GroupKey>>,
}

impl<'h> Sheets<'h> {
    /// Starts with the files as they lie in the folder; gives their contents by path, too.
    pub(super) fn new(history: &'h History, sources: &SourceMap, most: u64) -> (Self, Files) {
        let files = listed(sources);
        let text = |file: &SourceFile| Some((Id::of(file.text.as_bytes())?, file.text.clone()));
        let now = sources.iter().filter_map(|(_, file)| text(file)).collect();
        let sheets = Self { history, now, read: HashMap::new(), bytes: 0, most, previously: BTreeMap::new() };
        (sheets, files)
    }

    /// What a file says; `None` where nobody can tell.
    pub(super) fn sheet(&mut self, id: Id) -> Result<Option<Rc<Sheet>>, Unread> {
        if let Some(known) = self.read.get(&id) {
            return Ok(known.clone());
        }
        if self.bytes > self.most {
            return Err(Unread::TooMuch);
        }
        let text = match self.now.get(&id) {
            Some(text) => Some(text.clone()),
            None => self.history.text(id, MAX_FILE_BYTES)?,
        };
        self.bytes += text.as_ref().map_or(0, |text| text.len() as u64);
        let sheet = text.and_then(|text| Sheet::read(&text)).map(Rc::new);
        for (key, group) in sheet.iter().flat_map(|sheet| &sheet.groups) {
            if !group.previously.is_empty() {
                self.previously.entry(key.clone()).or_default().extend(group.previously.iter().cloned());
            }
        }
        self.read.insert(id, sheet.clone());
        Ok(sheet)
    }

    /// The groups and the people of every file that was read.
    pub(super) fn names(&self) -> (BTreeSet<GroupKey>, BTreeSet<PrincipalName>) {
        let sheets = || self.read.values().flatten();
        let groups = sheets().flat_map(|sheet| sheet.groups.keys().cloned());
        let listed = sheets().flat_map(|sheet| sheet.groups.values()).flat_map(|group| group.lists.values());
        let granted = sheets().flat_map(|sheet| &sheet.grants).flat_map(|grant| &grant.subjects);
        (groups.collect(), listed.flat_map(BTreeMap::keys).chain(granted).cloned().collect())
    }
}

/// A value and the file in which it stands.
pub(super) type Held = (Value, String);

impl Reader for Sheets<'_> {
    type Value = Held;

    fn before(&mut self, (value, path): &Held, after: &Files, before: &Files) -> Result<Option<Held>, Unread> {
        let same = before.get(path).is_some_and(|id| after.get(path) == Some(id));
        if same {
            return Ok(Some((value.clone(), path.clone())));
        }
        let root = before.get(ROOT_FILE).map(|id| self.sheet(*id)).transpose()?.flatten();
        let is_read = |other: &String| other == ROOT_FILE || !root.as_ref().is_some_and(|root| root.excludes(other));
        let own: Vec<(&String, &Id)> = before.iter().filter(|(other, _)| is_read(other)).collect();
        // Where it stands now first, then the files that the commit touched, then all others.
        let touched = |(other, id): &(&String, &Id)| after.get(*other) != Some(*id);
        let all = || own.iter().copied();
        let mut order: Vec<(&String, &Id)> = all().filter(|(other, _)| *other == path).collect();
        order.extend(all().filter(|file| file.0 != path && touched(file)));
        order.extend(all().filter(|file| file.0 != path && !touched(file)));
        let mut blocks = BTreeSet::new();
        for (other, id) in &order {
            let Some(sheet) = self.sheet(**id)? else { continue };
            if sheet.holds(value) {
                return Ok(Some((value.clone(), (*other).clone())));
            }
            blocks.extend(sheet.groups.keys().cloned());
        }
        // A group whose key is new is the one that had the key before.
        for (path, id) in after.iter().filter(|(path, id)| before.get(*path) != Some(*id)) {
            let _ = (path, self.sheet(*id)?);
        }
        let called = |key: &GroupKey| {
            let old = self.previously.get(key).into_iter().flatten().find(|old| blocks.contains(*old));
            old.filter(|_| !blocks.contains(key)).cloned().unwrap_or_else(|| key.clone())
        };
        let renamed = value.renamed(called);
        if renamed == *value {
            return Ok(None);
        }
        for (other, id) in order {
            if self.sheet(*id)?.is_some_and(|sheet| sheet.holds(&renamed)) {
                return Ok(Some((renamed, other.clone())));
            }
        }
        Ok(None)
    }
}
