//! From drift to the changes of the files that ask for what is there.
//!
//! What each difference would need is found first (`wishes`). All of it is then tried at once, and in halves where that does not
//! hold: whatever is kept was read, compiled and compared with the same look at the live systems (`check`).

mod check;
mod people;
#[cfg(test)]
mod tests;
mod wishes;

use std::collections::{BTreeMap, BTreeSet};

pub use self::people::look_up_whoever_is_there;

use self::check::Before;
use self::wishes::{Wish, Wishes};
use super::{Asked, Edit, Texts};
use crate::desired;
use crate::diagnostics::SourceMap;
use crate::plan::Plan;
use crate::state::{Address, Change, Desired, Observed, Operation, Policy, Resource};

/// What live systems are like beside what the files ask for.
#[derive(Clone, Copy)]
pub struct Live<'a> {
    /// What would put it right.
    pub plan: &'a Plan,
    /// What was read.
    pub observed: &'a Observed,
    /// By what it was planned.
    pub policy: &'a Policy,
}

/// The files that would ask for what is there.
pub struct Accepted {
    /// Each file that changes: its path below the config's folder, its text before, and after.
    pub files: Vec<(String, String, String)>,
    /// What the changed files ask for as it is.
    pub expressed: BTreeSet<Address>,
    /// Objects that `apply` would still change, each with why, a clause; nobody has anything else by it.
    pub followed: BTreeMap<Address, String>,
    /// What they do not, each with why: a clause that may hold remote text.
    pub left: BTreeMap<Address, String>,
    /// What the changed files ask for, and the plan that there would be.
    pub after: Option<(Desired, Plan)>,
}

const OTHERWISE: &str = "the files would then ask for something else as well";
const UNREADABLE: &str = "the files cannot be read again";

/// Changes the files so that they ask for what is there. `desired` is what they ask for now.
pub fn accept(sources: &SourceMap, desired: &Desired, live: &Live<'_>) -> Accepted {
    let texts = Texts::new(sources);
    let Live { plan, observed, policy } = *live;
    let Ok((config, _)) = texts.load() else {
        let left = plan.changes.iter().map(|change| (change.address.clone(), UNREADABLE.to_owned()));
        let (files, expressed, followed) = (Vec::new(), BTreeSet::new(), BTreeMap::new());
        return Accepted { files, expressed, followed, left: left.collect(), after: None };
    };
    let Wishes { wishes, left } = wishes::of(desired, &config, plan, observed);
    let asked = desired::compile(&config, &SourceMap::default());
    let mut kept = Kept {
        before: Before::new(asked, observed, policy, plan),
        texts,
        edits: Vec::new(),
        addresses: Vec::new(),
        plan: None,
        left,
    };
    kept.keep(&wishes.iter().collect::<Vec<_>>());
    kept.told(sources, plan)
}

/// What is kept of it so far.
struct Kept<'a> {
    before: Before<'a>,
    texts: Texts,
    edits: Vec<Edit>,
    addresses: Vec<&'a Address>,
    plan: Option<Plan>,
    left: BTreeMap<Address, String>,
}

impl<'a> Kept<'a> {
    /// Keeps as much of it as holds: all, or what holds of each half.
    fn keep(&mut self, wishes: &[&'a Wish]) {
        let Err(why) = self.try_at_once(wishes) else { return };
        match wishes {
            [] => {}
            [wish] => self.left.extend(wish.addresses.iter().map(|address| (address.clone(), why.clone()))),
            several => {
                let (first, second) = several.split_at(several.len() / 2);
                self.keep(first);
                self.keep(second);
            }
        }
    }

    fn try_at_once(&mut self, wishes: &[&'a Wish]) -> Result<(), String> {
        let most = if let [wish] = wishes { wish.ways.len() } else { 1 };
        let mut told = Ok(());
        for way in 0..most {
            let edits = wishes.iter().filter_map(|wish| wish.ways.get(way)).flatten();
            let addresses = wishes.iter().flat_map(|wish| &wish.addresses);
            match self.try_edits(&merged(edits), addresses) {
                Ok(()) => return Ok(()),
                // The first way is the one that people would expect.
                Err(why) => told = told.and(Err(why)),
            }
        }
        told
    }

    fn try_edits(&mut self, new: &[Edit], addresses: impl Iterator<Item = &'a Address>) -> Result<(), String> {
        let mut texts = self.texts.clone();
        for edit in new {
            texts.make(edit)?;
        }
        let (config, _) = texts.load()?;
        let after = desired::compile(&config, &SourceMap::default());
        let edits = [self.edits.as_slice(), new].concat();
        let addresses: Vec<&Address> = self.addresses.iter().copied().chain(addresses).collect();
        self.plan = Some(self.before.judge(&after, &edits, &addresses)?);
        (self.texts, self.edits, self.addresses) = (texts, edits, addresses);
        Ok(())
    }

    fn told(mut self, sources: &SourceMap, plan: &Plan) -> Accepted {
        let old: BTreeMap<&str, &str> = sources.iter().map(|(_, file)| (&*file.path, file.text.as_str())).collect();
        let changed = self.texts.iter().filter_map(|(path, text)| {
            let old = old.get(path).copied().unwrap_or_default();
            (old != text).then(|| (path.to_owned(), old.to_owned(), text.to_owned()))
        });
        let files: Vec<_> = changed.collect();
        let after = self.texts.load().ok().map(|(config, sources)| desired::compile(&config, &sources));
        let (Some(then), Some(after)) = (self.plan.take(), after.filter(|_| !files.is_empty())) else {
            return Accepted {
                files: Vec::new(),
                expressed: BTreeSet::new(),
                followed: BTreeMap::new(),
                left: self.left,
                after: None,
            };
        };
        let wished: BTreeSet<&Address> = self.addresses.iter().copied().collect();
        let is_more = |change: &&Change| !self.before.is_known(change) || wished.contains(&change.address);
        let followed: BTreeMap<Address, String> = then
            .changes
            .iter()
            .filter(is_more)
            .map(|change| (change.address.clone(), follows(change).to_owned()))
            .collect();
        let withheld = then.withheld.iter().flat_map(|withheld| &withheld.addresses);
        let still: BTreeSet<&Address> = then.changes.iter().map(|change| &change.address).chain(withheld).collect();
        let withheld = plan.withheld.iter().flat_map(|withheld| &withheld.addresses);
        let before = plan.changes.iter().map(|change| &change.address).chain(withheld);
        let expressed: BTreeSet<Address> = before.filter(|address| !still.contains(address)).cloned().collect();
        self.left.retain(|address, _| !expressed.contains(address) && !followed.contains_key(address));
        for change in &plan.changes {
            if !expressed.contains(&change.address) && !followed.contains_key(&change.address) {
                self.left.entry(change.address.clone()).or_insert_with(|| OTHERWISE.to_owned());
            }
        }
        Accepted { files, expressed, followed, left: self.left, after: Some((after, then)) }
    }
}

/// What a change is for that moves nothing.
fn follows(change: &Change) -> &'static str {
    match (&change.operation, change.before().or(change.after())) {
        (Operation::Delete { .. }, Some(Resource::Role(_))) => {
            "no grant uses the role any more, and `apply` takes it away"
        }
        (Operation::Delete { .. }, _) => "it is left over, and `apply` takes it away; nobody loses anything by it",
        _ => "`apply` gives each subject a binding of its own; nobody has more or less by it",
    }
}

/// The changes in the order in which they can be made, with what grants give and give no more each taken together, so that a grant
/// that goes as a whole is not taken apart first.
fn merged<'e>(edits: impl Iterator<Item = &'e Edit>) -> Vec<Edit> {
    let mut plain = Vec::new();
    let mut gone_groups = Vec::new();
    let mut revoked: BTreeSet<Asked> = BTreeSet::new();
    let mut given: BTreeMap<bool, BTreeSet<Asked>> = BTreeMap::new();
    for edit in edits {
        match edit {
            Edit::List { .. } | Edit::Text { .. } | Edit::Rules { .. } => plain.push(edit.clone()),
            Edit::NoGroup { .. } => gone_groups.push(edit.clone()),
            Edit::Revoke { asked } => revoked.extend(asked.iter().cloned()),
            Edit::Give { asked, at_root } => given.entry(*at_root).or_default().extend(asked.iter().cloned()),
        }
    }
    // New grants first: the one beside which they stand may be one that goes.
    plain.extend(given.into_iter().map(|(at_root, asked)| Edit::Give { asked, at_root }));
    plain.extend((!revoked.is_empty()).then_some(Edit::Revoke { asked: revoked }));
    plain.extend(gone_groups);
    plain
}
