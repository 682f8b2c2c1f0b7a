//! Since which commit values stand in the access files.
//!
//! Not the last commit that touched their lines: what is asked is whether a value was there before, which only who reads the
//! files can tell. So that a block that is moved, a list that is indented or a neighbour that comes changes nothing.

use std::collections::HashMap;
use std::rc::Rc;

use super::history::{Files, History, Id, NoHistory, Place};
use crate::state::history::{Horizon, Revision, Since};

/// The most commits that are looked through for one question, counting again those that two values need apart.
const MOST_COMMITS: usize = 100_000;

/// Who can tell whether a value stands in the files of a commit.
pub trait Reader {
    /// What is looked for.
    type Value;

    /// The value as it is called in `before`, if it stands there; `after` are the files in which it stands now.
    ///
    /// # Errors
    /// It cannot be read, or reading it would take too long.
    fn before(&mut self, value: &Self::Value, after: &Files, before: &Files) -> Result<Option<Self::Value>, Unread>;
}

/// Why it is not known whether a value stands in the files of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unread {
    /// More would have to be read than one answer is worth.
    TooMuch,
    /// The repository cannot be read.
    Broken(NoHistory),
}

impl From<NoHistory> for Unread {
    fn from(broken: NoHistory) -> Self {
        Self::Broken(broken)
    }
}

/// Since when each of these values stands in the files as they lie in the folder, in their order.
///
/// Where a merge has a value from its main line, it was there before; else the other side brought it, and the pull request is
/// the one of the first merge on that way. Values that go the same way are looked for together.
///
/// # Errors
/// The repository cannot be read.
pub fn since<R: Reader>(
    history: &History,
    folder: &Rc<str>,
    now: &Files,
    values: Vec<R::Value>,
    reader: &mut R,
) -> Result<Vec<Since>, NoHistory> {
    let at = history.head()?;
    let place = Place { folder: folder.clone(), files: history.files(at, folder)? };
    let mut found = Found { history, known: HashMap::new(), since: values.iter().map(|_| None).collect() };
    let mut here = Vec::new();
    for (index, value) in values.into_iter().enumerate() {
        if *place.files == *now {
            here.push((index, value));
            continue;
        }
        match reader.before(&value, now, &place.files) {
            Ok(Some(known)) => here.push((index, known)),
            Ok(None) => found.put(index, Since::Uncommitted),
            Err(Unread::TooMuch) => found.cut_off(index, at, &[], Horizon::Long)?,
            Err(Unread::Broken(broken)) => return Err(broken),
        }
    }
    let mut waiting = vec![Walk { at, place, merges: Vec::new(), values: here }];
    let mut commits = 0;
    while let Some(walk) = waiting.pop() {
        commits += 1;
        let why = match (history.is_cut(walk.at), commits > MOST_COMMITS) {
            (true, _) => Some(Horizon::Shallow),
            (false, true) => Some(Horizon::Long),
            (false, false) => None,
        };
        match why {
            Some(why) => {
                for (index, _) in &walk.values {
                    found.cut_off(*index, walk.at, &walk.merges, why)?;
                }
            }
            None => step(walk, reader, &mut found, &mut waiting)?,
        }
    }
    Ok(found.since.into_iter().map(|since| since.unwrap_or(Since::Uncommitted)).collect())
}

/// Values on their way back.
struct Walk<V> {
    at: Id,
    place: Place,
    /// The merges on the way that brought them into what was walked before.
    merges: Vec<Id>,
    values: Vec<(usize, V)>,
}

/// Goes on to the commits before: each value to the first that has it.
fn step<R: Reader>(
    walk: Walk<R::Value>,
    reader: &mut R,
    found: &mut Found<'_>,
    waiting: &mut Vec<Walk<R::Value>>,
) -> Result<(), NoHistory> {
    let Walk { at, place, merges, values: mut left } = walk;
    let history = found.history;
    for (side, parent) in history.commit(at)?.parents.iter().enumerate() {
        if left.is_empty() {
            return Ok(());
        }
        let before = history.before(at, &place, *parent)?;
        let mut goes = Vec::new();
        if Rc::ptr_eq(&before.files, &place.files) || before.files == place.files {
            goes = std::mem::take(&mut left);
        } else {
            for (index, value) in std::mem::take(&mut left) {
                match reader.before(&value, &place.files, &before.files) {
                    Ok(Some(known)) => goes.push((index, known)),
                    Ok(None) => left.push((index, value)),
                    Err(Unread::TooMuch) => found.cut_off(index, at, &merges, Horizon::Long)?,
                    Err(Unread::Broken(broken)) => return Err(broken),
                }
            }
        }
        if !goes.is_empty() {
            let mut merges = merges.clone();
            merges.extend((side > 0).then_some(at));
            waiting.push(Walk { at: *parent, place: before, merges, values: goes });
        }
    }
    for (index, _) in left {
        let revision = found.revision(at, &merges)?;
        found.put(index, Since::Revision(revision));
    }
    Ok(())
}

/// What was found out.
struct Found<'h> {
    history: &'h History,
    known: HashMap<(Id, Option<Id>), Revision>,
    since: Vec<Option<Since>>,
}

impl Found<'_> {
    fn put(&mut self, index: usize, since: Since) {
        if let Some(place) = self.since.get_mut(index) {
            *place = Some(since);
        }
    }

    fn cut_off(&mut self, index: usize, at: Id, merges: &[Id], why: Horizon) -> Result<(), NoHistory> {
        let revision = self.revision(at, merges)?;
        self.put(index, Since::AtOrBefore(revision, why));
        Ok(())
    }

    /// Many values come by the same commit.
    fn revision(&mut self, id: Id, merges: &[Id]) -> Result<Revision, NoHistory> {
        let key = (id, merges.first().copied());
        if let Some(known) = self.known.get(&key) {
            return Ok(known.clone());
        }
        let revision = self.history.revision(id, merges)?;
        self.known.insert(key, revision.clone());
        Ok(revision)
    }
}
