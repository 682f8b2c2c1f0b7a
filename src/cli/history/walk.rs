//! The history of somebody's access: commit by commit along the main line, newest first.

use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use super::{Sheets, listed};
use crate::cli::error::CliError;
use crate::cli::session::load_commit;
use crate::config::{Loaded, ROOT_FILE, Sheet};
use crate::desired::history::{standing, turn};
use crate::diagnostics::{Finding, Severity};
use crate::git::blame::Unread;
use crate::git::history::{History, Id, NoHistory, Place};
use crate::state::history::{self, At, Horizon, Skipped, Step, Turn, Whose};
use crate::state::{GroupKey, PrincipalName};

/// How many commits of one merge are asked for their authors.
const MOST_MERGED: usize = 500;
/// Commits are not always dated in their order: so many seconds are looked beyond what was asked for.
const SLOP: i64 = 30 * 24 * 60 * 60;

/// What is asked for.
pub(in crate::cli) struct Wanted {
    /// No older than this, in seconds.
    pub(in crate::cli) since: Option<i64>,
    /// No more steps than this.
    pub(in crate::cli) limit: usize,
}

/// One state of the files.
struct Version {
    /// The commit that brought it; `None` for the files as they lie in the folder.
    commit: Option<Id>,
    place: Place,
    sheets: Vec<Rc<Sheet>>,
    /// Whether nothing is before it, and if so, why.
    ends: Option<End>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum End {
    /// The history starts here.
    Start,
    /// The clone is shallow.
    Cut,
}

/// The history of somebody, and whether anybody by that name was ever in the files that were read.
pub(in crate::cli) struct Found {
    pub(in crate::cli) history: history::History,
    pub(in crate::cli) is_known: bool,
    /// The groups and the people of all versions that were read, for who is not among them.
    pub(in crate::cli) groups: BTreeSet<GroupKey>,
    pub(in crate::cli) people: BTreeSet<PrincipalName>,
}

/// Tells the history of somebody.
///
/// # Errors
/// There is no repository, it cannot be read, or no commit has the folder.
pub(in crate::cli) fn tell(loaded: &Loaded, whose: &Whose, wanted: &Wanted) -> Result<Found, CliError> {
    let (git, folder) = History::open(&loaded.root).map_err(none)?;
    let (sheets, now) = Sheets::new(&git, &loaded.sources, u64::MAX);
    let mut walk = Walk { git: &git, sheets, judged: HashMap::new(), commits: BTreeSet::new() };
    let mut notes = Vec::new();
    let head = git.head().map_err(none)?;
    let place = Place { files: git.files(head, &folder).map_err(none)?, folder: folder.clone() };
    let mut newest = walk.introduced(head, place).map_err(none)?;
    if newest.sheets.is_empty()
        && !newest.place.files.contains_key(ROOT_FILE)
        && !walk.was_ever(&newest).map_err(none)?
    {
        let shown = if folder.is_empty() { "the top of the repository".to_owned() } else { format!("{folder}/") };
        return Err(CliError::user(format!("no commit has access files in {shown}"))
            .hint("commit them; the history starts there"));
    }
    let mut whose = renamed_since(whose, &newest, &mut notes);
    let mut is_known = false;
    // By the same reader as those that lie in the folder: without what is excluded, and past links.
    let committed = load_commit(&git.tree(head, &folder).map_err(none)?);
    if listed(&committed.sources) != now {
        // Files that do not hang together are no state to compare with.
        if doubt(loaded).is_some() {
            notes.push(
                "The access files in the folder are not those of the commit, and do not hang together: what they change is left \
                 out."
                    .to_owned(),
            );
        } else {
            let place = Place { files: Rc::new(now), folder: folder.clone() };
            let sheets = walk.sheets(&place).map_err(none)?;
            newest = Version { commit: None, place, sheets, ends: None };
            whose = renamed_since(&whose, &newest, &mut notes);
        }
    }
    let latest = whose.clone();
    is_known |= !standing(&newest.sheets, &whose).is_empty();
    let (steps, has_more) = walk.steps(newest, head, whose, wanted, &mut notes).map_err(none)?;
    is_known |= !steps.is_empty();
    let (groups, people) = walk.sheets.names();
    let history = history::History {
        whose: latest,
        folder: folder.to_string(),
        steps,
        has_more,
        since: None,
        commits: walk.commits.len(),
        notes,
    };
    Ok(Found { history, is_known, groups, people })
}

/// The first mistake that leaves it open what the files say, and how many more there are. That a plan would not go on for what
/// they say is none: a later version asks for more than the one that they were written for.
fn doubt(loaded: &Loaded) -> Option<String> {
    let counts = |finding: &&Finding| finding.severity == Severity::Error && !CLEAR.contains(&finding.rule.id);
    let mut doubts = loaded.findings.iter().filter(counts);
    let first = doubts.next()?;
    let line = first.labels.first().map(|label| loaded.sources.origin(label.span).to_string());
    let place = line.or_else(|| first.file.clone()).unwrap_or_default();
    Some(match doubts.count() {
        0 => format!("{place}: {}", first.message),
        more => format!("{place}: {}, and {more} more", first.message),
    })
}

/// Rules about what must not be said, or not without something else. What is said is clear all the same.
const CLEAR: [&str; 14] = [
    "missing-appliers",
    "missing-members",
    "protected-without-cluster",
    "allowance-without-effect",
    "replaces-outside-grant",
    "subject-without-upn",
    "non-resource-in-namespace",
    "unmanaged-group",
    "group-as-owner",
    "absent-member",
    "invalid-expectation",
    "contradiction",
    "empty-file",
    "not-an-access-file",
];

fn none(none: NoHistory) -> CliError {
    CliError::user(none.what).hint(none.next)
}

/// A group that was asked for by a key that it does not have any more.
fn renamed_since(whose: &Whose, newest: &Version, notes: &mut Vec<String>) -> Whose {
    let Whose::Group(key) = whose else { return whose.clone() };
    let mut groups = newest.sheets.iter().flat_map(|sheet| &sheet.groups);
    if newest.sheets.iter().any(|sheet| sheet.groups.contains_key(key)) {
        return whose.clone();
    }
    match groups.find(|(_, group)| group.previously.contains(key)) {
        Some((new, _)) => {
            notes.push(format!("The group {key} is called {new} now."));
            Whose::Group(new.clone())
        }
        None => whose.clone(),
    }
}

struct Walk<'h> {
    git: &'h History,
    sheets: Sheets<'h>,
    /// The first mistake of a commit whose files do not hang together.
    judged: HashMap<Id, Option<String>>,
    commits: BTreeSet<Id>,
}

/// A comparison across commits whose files do not hang together.
struct Held {
    /// The later side.
    version: Version,
    whose: Whose,
    skipped: Vec<Skipped>,
}

impl Walk<'_> {
    /// The commit that brought the files of this one, along the main line.
    fn introduced(&mut self, from: Id, at: Place) -> Result<Version, NoHistory> {
        let (mut id, mut place) = (from, at);
        loop {
            self.commits.insert(id);
            let parent = self.git.commit(id)?.parents.first().copied();
            let before = match parent {
                Some(parent) => Some((parent, self.git.before(id, &place, parent)?)),
                None => None,
            };
            match before {
                Some((parent, before)) if Rc::ptr_eq(&before.files, &place.files) || before.files == place.files => {
                    (id, place) = (parent, before);
                }
                before => {
                    let ends = match (before, self.git.is_cut(id)) {
                        (Some(_), _) => None,
                        (None, true) => Some(End::Cut),
                        (None, false) => Some(End::Start),
                    };
                    let sheets = self.sheets(&place)?;
                    return Ok(Version { commit: Some(id), place, sheets, ends });
                }
            }
        }
    }

    /// The state before another; `None` where the history starts or ends with it.
    fn older(&mut self, version: &Version, head: Id) -> Result<Option<Version>, NoHistory> {
        let Some(id) = version.commit else {
            let place =
                Place { files: self.git.files(head, &version.place.folder)?, folder: version.place.folder.clone() };
            return self.introduced(head, place).map(Some);
        };
        if version.ends.is_some() {
            return Ok(None);
        }
        let Some(parent) = self.git.commit(id)?.parents.first().copied() else { return Ok(None) };
        let before = self.git.before(id, &version.place, parent)?;
        self.introduced(parent, before).map(Some)
    }

    /// Whether a commit before it has access files at this place: they may have been taken away.
    fn was_ever(&mut self, version: &Version) -> Result<bool, NoHistory> {
        let mut at = version.commit;
        while let Some(id) = at {
            if self.git.files(id, &version.place.folder)?.contains_key(ROOT_FILE) {
                return Ok(true);
            }
            at = self.git.commit(id)?.parents.first().copied();
        }
        Ok(false)
    }

    /// What the files of a state say, without what the root file excludes.
    fn sheets(&mut self, place: &Place) -> Result<Vec<Rc<Sheet>>, NoHistory> {
        let mut read = |id: &Id| match self.sheets.sheet(*id) {
            Ok(sheet) => Ok(sheet),
            Err(Unread::Broken(broken)) => Err(broken),
            // There is no limit here.
            Err(Unread::TooMuch) => Ok(None),
        };
        let root = place.files.get(ROOT_FILE).map(&mut read).transpose()?.flatten();
        let mut sheets = Vec::new();
        for (path, id) in place.files.iter() {
            if path == ROOT_FILE || !root.as_ref().is_some_and(|root| root.excludes(path)) {
                sheets.extend(read(id)?);
            }
        }
        // Without a root file it is no config.
        Ok(if place.files.contains_key(ROOT_FILE) { sheets } else { Vec::new() })
    }

    /// The first mistake, where the files of a state do not hang together. Where there are none, there is no mistake.
    fn mistake(&mut self, version: &Version) -> Result<Option<String>, NoHistory> {
        let Some(id) = version.commit.filter(|_| version.place.files.contains_key(ROOT_FILE)) else { return Ok(None) };
        if let Some(known) = self.judged.get(&id) {
            return Ok(known.clone());
        }
        let loaded = load_commit(&self.git.tree(id, &version.place.folder)?);
        let mistake = doubt(&loaded);
        self.judged.insert(id, mistake.clone());
        Ok(mistake)
    }

    fn skipped(&mut self, version: &Version, why: String) -> Result<Option<Skipped>, NoHistory> {
        let Some(id) = version.commit else { return Ok(None) };
        Ok(Some(Skipped { revision: self.revision(id)?, why }))
    }

    fn revision(&self, id: Id) -> Result<history::Revision, NoHistory> {
        self.git.revision(id, &[])
    }

    /// The steps, newest first, and whether there are older ones.
    fn steps(
        &mut self,
        newest: Version,
        head: Id,
        whose: Whose,
        wanted: &Wanted,
        notes: &mut Vec<String>,
    ) -> Result<(Vec<Step>, bool), NoHistory> {
        let (mut version, mut whose, mut across) = (newest, whose, None::<Held>);
        // Those since the last step: they say the same of them.
        let mut passed: Vec<Version> = Vec::new();
        let mut steps = Vec::new();
        loop {
            if let (Some(since), Some(id)) = (wanted.since, version.commit)
                && self.git.commit(id)?.committed < since - SLOP
            {
                return Ok((steps, false));
            }
            let older = self.older(&version, head)?;
            let (after, asked) = across.as_ref().map_or((&version, &whose), |across| (&across.version, &across.whose));
            let before = older.as_ref().map_or(&[][..], |older| older.sheets.as_slice());
            let (turn, earlier) = turn(before, &after.sheets, asked);
            if older.is_none() && version.ends == Some(End::Cut) {
                self.end(&version, turn, wanted, &mut steps)?;
                return Ok((steps, false));
            }
            if turn.is_empty() {
                passed.extend(across.take().map(|held| held.version));
                let Some(older) = older else { return Ok((steps, false)) };
                passed.push(std::mem::replace(&mut version, older));
                whose = earlier;
                continue;
            }
            if let (None, Some(why)) = (&across, self.mistake(&version)?) {
                let skipped = self.skipped(&version, why)?;
                if let Some(mended) = self.mended(&mut passed)? {
                    // It says the same of them, so that it is what the next comparison starts from.
                    across =
                        Some(Held { version: mended, whose: whose.clone(), skipped: skipped.into_iter().collect() });
                    continue;
                }
                notes.extend(skipped.map(|Skipped { revision, why }| {
                    format!(
                        "The files of {} do not hang together, and what it changes is left out: {why}",
                        revision.short
                    )
                }));
            } else {
                let mistake = older.as_ref().map(|older| self.mistake(older)).transpose()?.flatten();
                if let (Some(why), Some(broken)) = (mistake, &older) {
                    let skipped = self.skipped(broken, why)?;
                    let mut longer = across.take().unwrap_or(Held { version, whose, skipped: Vec::new() });
                    longer.skipped.extend(skipped);
                    across = Some(longer);
                } else {
                    let ended = across.take();
                    let at = ended.as_ref().map_or(&version, |ended| &ended.version);
                    let is_wanted = match (wanted.since, at.commit) {
                        (Some(since), Some(id)) => self.git.commit(id)?.committed >= since,
                        _ => true,
                    };
                    if is_wanted && steps.len() == wanted.limit {
                        return Ok((steps, true));
                    }
                    if is_wanted {
                        let mut step = self.step(at, turn)?;
                        step.skipped = ended.map(|ended| ended.skipped).unwrap_or_default();
                        steps.push(step);
                    }
                }
            }
            let Some(older) = older else { return Ok((steps, false)) };
            (version, whose) = (older, earlier);
            passed.clear();
        }
    }

    /// The next commit after a broken one whose files hang together.
    fn mended(&mut self, passed: &mut Vec<Version>) -> Result<Option<Version>, NoHistory> {
        while let Some(version) = passed.pop() {
            if self.mistake(&version)?.is_none() {
                return Ok(Some(version));
            }
        }
        Ok(None)
    }

    fn step(&self, version: &Version, turn: Turn) -> Result<Step, NoHistory> {
        let Some(id) = version.commit else {
            return Ok(Step {
                at: At::Uncommitted,
                title: String::new(),
                authors: Vec::new(),
                turn,
                skipped: Vec::new(),
            });
        };
        Ok(Step {
            at: At::Revision(self.revision(id)?),
            title: self.git.title(id)?,
            authors: self.git.merged_authors(id, &version.place.folder, MOST_MERGED)?,
            turn,
            skipped: Vec::new(),
        })
    }

    /// The end of a shallow clone: what is so there came then or before.
    fn end(&self, version: &Version, turn: Turn, wanted: &Wanted, steps: &mut Vec<Step>) -> Result<(), NoHistory> {
        let Some(id) = version.commit.filter(|_| steps.len() < wanted.limit) else { return Ok(()) };
        let at = At::Horizon(self.revision(id)?, Horizon::Shallow);
        steps.push(Step { at, title: String::new(), authors: Vec::new(), turn, skipped: Vec::new() });
        Ok(())
    }
}
