//! From two states to a plan: what would change, in which order, what is withheld, and which guards refuse.
//!
//! Everything here is pure.

mod aggregation;
mod base;
mod digest;
mod disabled;
mod display_names;
mod draft;
pub mod drift;
mod edges;
mod entra;
pub mod guards;
mod ids;
mod kubernetes;
mod lock;
mod meanwhile;
mod names;
mod order;
mod owning;
mod parts;
mod people;
pub mod preflight;
mod reach;
mod replaced;
mod resolve;
mod restored;
pub mod saved;
mod standing;
#[cfg(test)]
pub(crate) mod tests;
mod unmanaged;
mod unsaid;

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

pub use self::aggregation::{Effect, Reached, Spread, listed};
pub use self::base::Caused;
pub use self::ids::{NoteKind, Reason};
pub use self::owning::{Owning, owning};
pub use self::unmanaged::{Beside, BindingOwner, Rights, Treatment, UnmanagedBinding};
pub use self::unsaid::{Read, Side, Unsaid, unsaid};

use self::draft::{Cause, Draft};
use self::entra::Entra;
use self::kubernetes::Environment;
use self::parts::Parts;
use self::resolve::Directory;
use crate::state::{
    AccessQuestion, Address, AppId, Change, ConfigName, Desired, EnvironmentName, Failure, GroupAnswers, GroupQuestion,
    ObjectId, Observed, Origin, Policy, Sign, TenantId,
};

/// What would change, and everything a person needs to decide about it.
#[must_use]
#[derive(Clone, Debug, PartialEq)]
pub struct Plan {
    /// The config.
    pub config: ConfigName,
    /// The tenant.
    pub tenant: TenantId,
    /// The tenant's domain, for people.
    pub domain: Option<String>,
    /// The changes, each after those it requires, otherwise by address.
    pub changes: Vec<Change>,
    /// What the files ask for and this plan does not do.
    pub withheld: Vec<Withheld>,
    /// What a person should know and nobody needs to act on now.
    pub notes: Vec<Note>,
    /// Bindings on clusters that no file asks for and this plan does not take away, by environment and address.
    pub unmanaged: Vec<UnmanagedBinding>,
    /// The guards that have something to say.
    pub verdicts: Vec<Verdict>,
    /// What the API servers would refuse, by environment, as far as [`access_questions`] were answered.
    pub forecasts: Vec<preflight::Forecast>,
    /// What changed roles do to those who have a default role that they are added to.
    pub spreads: Vec<Spread>,
    /// Parts that could not be read: an environment, or Entra as a whole.
    pub unread: Vec<Unread>,
    /// How much was compared.
    pub compared: Compared,
    /// Names for the object ids that occur in changes, for people.
    pub names: BTreeMap<String, String>,
    /// The appliers who own the groups that are created, as the files name them.
    pub first_owners: BTreeMap<ObjectId, FirstOwner>,
}

/// How much of the files was compared with the live systems.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    /// Groups.
    pub groups: usize,
    /// Environments that could be read.
    pub environments: usize,
    /// Bindings asked for, over all environments.
    pub bindings: usize,
}

/// An applier as the files name it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FirstOwner {
    /// Its app id.
    pub app: AppId,
    /// The line that names it.
    pub origin: Origin,
}

/// Something the files ask for that this plan does not do, and why.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Withheld {
    /// The line that asks for it.
    pub origin: Option<Origin>,
    /// What is withheld, by address; several when one cause holds back more.
    pub addresses: Vec<Address>,
    /// What would become of each of them, in the same order.
    pub signs: Vec<Sign>,
    /// Which reason it is.
    pub reason: Reason,
    /// What, why, and what to do next, in one or two sentences. May hold remote text.
    pub message: String,
    /// Whether the run counts as failed because of it (`--strict`, a name that two groups share).
    pub is_error: bool,
}

/// Something worth knowing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Note {
    /// The environment it is about; `None` for Entra or the whole.
    pub environment: Option<EnvironmentName>,
    /// The line it is about.
    pub origin: Option<Origin>,
    /// What it is about.
    pub kind: NoteKind,
    /// The message. May hold remote text.
    pub message: String,
    /// Whom it is about, where many notes of a kind differ in that and in the place alone.
    pub about: Option<String>,
}

/// What a guard says about one subject.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Verdict {
    /// The guard's id, e.g. `group-deleted`.
    pub guard: String,
    /// What it is about, spelt as `--acknowledge GUARD:SUBJECT` wants it.
    pub subject: String,
    /// What would happen. May hold remote text.
    pub message: String,
    /// Whether it was acknowledged.
    pub acknowledged: bool,
    /// Whether it only leaves the changes it is about to a saved plan (`protected`), rather than refusing the whole apply.
    pub leaves_out: Vec<Address>,
}

/// A part that could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unread {
    /// The environment; `None` is Entra.
    pub environment: Option<EnvironmentName>,
    /// Why.
    pub failure: Failure,
    /// Whether `--allow-unreachable` names it.
    pub allowed: bool,
}

impl Verdict {
    /// Whether `apply` refuses to write anything because of it.
    pub fn refuses(&self) -> bool {
        !self.acknowledged && self.leaves_out.is_empty()
    }
}

/// How much was read of what the files are about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Coverage {
    /// All of it.
    Whole,
    /// Something was not read, and something could be compared.
    Part,
    /// So little that nothing could be compared: there is no plan.
    Nothing,
}

impl Plan {
    /// How much was read of what the files are about. Whom a binding is for is known from Entra only, so that without it the clusters
    /// that were read say nothing either.
    pub fn coverage(&self) -> Coverage {
        let without_entra = self.unread.iter().any(|part| part.environment.is_none());
        let compared = self.compared.groups > 0 || (self.compared.environments > 0 && !without_entra);
        match (self.unread.is_empty(), compared || !self.changes.is_empty()) {
            (true, _) => Coverage::Whole,
            (false, true) => Coverage::Part,
            (false, false) => Coverage::Nothing,
        }
    }

    /// Whether the live systems are as the files ask, as far as they could be read.
    pub fn is_empty(&self) -> bool {
        self.changes.is_empty()
    }

    /// The changes that may be made without a saved plan, in order. They are to be judged again by themselves.
    pub fn remaining(&self) -> Vec<Change> {
        let left_out: BTreeSet<&Address> = self.verdicts.iter().flat_map(|verdict| &verdict.leaves_out).collect();
        self.changes.iter().filter(|change| !left_out.contains(&change.address)).cloned().collect()
    }

    /// The verdicts because of which `apply` would write nothing.
    pub fn refusals(&self) -> impl Iterator<Item = &Verdict> {
        self.verdicts.iter().filter(|verdict| verdict.refuses())
    }
}

/// The two states side by side. What is asked of it first, and the plan after, rest on one look at everything.
pub struct Comparison<'a> {
    desired: &'a Desired,
    observed: &'a Observed,
    policy: &'a Policy,
    parts: Parts<'a>,
    directory: Directory<'a>,
}

impl<'a> Comparison<'a> {
    /// Looks at everything. Where part of `observed` is missing, nothing is derived from it: the part is listed as unread,
    /// and whatever would need it is not planned. [`Observed::of_groups`] is not looked at.
    pub fn new(desired: &'a Desired, observed: &'a Observed, policy: &'a Policy) -> Self {
        let parts = Parts::new(desired, observed, policy);
        let mut directory = Directory::new(desired, parts.tenant, policy);
        directory.compare_lists(desired);
        Self { desired, observed, policy, parts, directory }
    }

    /// What must be read of groups before there can be a plan: of those that would lose members, the assignments by
    /// Privileged Identity Management, which tell drift from a membership of this hour (not where the files say that PIM is
    /// not in use); of those that would change at all, if only by such a loss, the groups that they are in, which tell what a
    /// change reaches.
    pub fn group_questions(&self) -> Vec<GroupQuestion> {
        let Self { desired, policy, directory, .. } = self;
        let Some(tenant) = self.parts.tenant else { return Vec::new() };
        let mut draft = Draft::default();
        let losing = Entra { desired, tenant, directory, policy }.compare(&mut draft);
        let outer = if desired.environments.is_empty() {
            // Where there is no cluster, nothing can be reached.
            BTreeSet::new()
        } else {
            reach::groups_in_question(&draft.changes, &losing, directory)
        };
        losing.into_iter().map(GroupQuestion::Privileged).chain(outer.into_iter().map(GroupQuestion::Above)).collect()
    }

    /// The difference, judged. It holds nothing outside `policy.only`.
    pub fn plan(self, answers: &'a GroupAnswers) -> Plan {
        let (Self { desired, observed, policy, parts, directory }, mut draft, compared) = self.settled(answers);
        let withheld = draft.withheld();
        draft.unmanaged.retain(|binding| !draft.changes.contains_key(&binding.address));
        let mut changes = order::order(draft.changes);
        reach::mark_protected(&mut changes, desired, &parts, &directory);
        let on = aggregation::by_environment(&changes);
        let spreads = parts.clusters.iter().flat_map(|(name, part)| {
            let changes = on.get(name).map_or(&[][..], Vec::as_slice);
            aggregation::spreads(name, *part, &directory, changes)
        });
        let spreads = spreads.collect();
        draft.notes.extend(lock::note(desired, observed, policy, &changes));
        Plan {
            config: desired.config.clone(),
            tenant: desired.tenant,
            domain: parts.tenant.and_then(|tenant| tenant.domain.clone()),
            verdicts: guards::judge(desired, policy, &parts, &directory, &changes),
            forecasts: preflight::forecasts(desired, observed, policy, &changes),
            names: names::of_ids(&changes, &directory, desired),
            spreads,
            first_owners: names::first_owners(&changes, &directory, desired),
            unmanaged: draft.unmanaged,
            changes,
            withheld,
            notes: draft.notes.into_iter().collect(),
            unread: parts.unread,
            compared,
        }
    }

    /// The comparison with every group at rest that is not made after all, and what comes out of it then.
    fn settled(self, answers: &'a GroupAnswers) -> (Self, Draft, Compared) {
        let Self { desired, observed, policy, parts, directory } = self;
        let mut directory = directory.answered(answers);
        let mut held = Vec::new();
        loop {
            let (draft, compared) = compare(desired, &parts, &directory, policy, &held);
            let refused = display_names::refused(&directory, &draft);
            if refused.is_empty() {
                return (Self { desired, observed, policy, parts, directory }, draft, compared);
            }
            // Nothing may rest on a group that is not made after all, and what goes only after it stays.
            held.extend(refused.values().flat_map(|cause| draft.held_by(cause)));
            directory.hold(refused);
        }
    }
}

/// Compares the two states and judges the difference, once everything is answered.
pub fn plan(desired: &Desired, observed: &Observed, policy: &Policy) -> Plan {
    Comparison::new(desired, observed, policy).plan(&observed.of_groups)
}

/// What the guards say of some of the changes that [`plan`] makes of the same, as far as only those are made.
pub fn judge(desired: &Desired, observed: &Observed, policy: &Policy, changes: &[Change]) -> Vec<Verdict> {
    let (settled, _, _) = Comparison::new(desired, observed, policy).settled(&observed.of_groups);
    guards::judge(desired, policy, &settled.parts, &settled.directory, changes)
}

/// What the API servers must be asked before [`plan`] can say of these changes which ones they would refuse. The answers go
/// into [`Observed::answers`], and then there may be more to ask: until it is empty.
pub fn access_questions(
    desired: &Desired,
    observed: &Observed,
    policy: &Policy,
    changes: &[Change],
) -> BTreeMap<EnvironmentName, Vec<AccessQuestion>> {
    let mut questions = preflight::questions(desired, observed, policy, changes);
    if let Some((environment, of_lock)) = lock::questions(desired, observed, policy, changes) {
        questions.entry(environment).or_default().extend(of_lock);
    }
    questions
}

/// Says again of a plan which of its changes the API servers would refuse, now that [`access_questions`] were answered.
/// Nothing else of a plan rests on the answers.
pub fn foresee(plan: &mut Plan, desired: &Desired, observed: &Observed, policy: &Policy) {
    plan.forecasts = preflight::forecasts(desired, observed, policy, &plan.changes);
    plan.notes.retain(|note| note.kind != NoteKind::LockOutOfReach);
    plan.notes.extend(lock::note(desired, observed, policy, &plan.changes));
    plan.notes.sort();
}

/// One comparison of everything, settled.
///
/// What is already known to be held back is, whatever else looks different without the groups that are not made.
fn compare(
    desired: &Desired,
    parts: &Parts<'_>,
    directory: &Directory<'_>,
    policy: &Policy,
    held: &[(Cause, Address)],
) -> (Draft, Compared) {
    let mut draft = Draft::default();
    let mut compared = Compared::default();
    if let Some(tenant) = parts.tenant {
        Entra { desired, tenant, directory, policy }.compare(&mut draft);
        compared.groups = desired.groups.keys().filter(|key| policy.only.group(key)).count();
    }
    for (name, part) in parts.clusters.iter().filter(|(name, _)| policy.only.environment(name)) {
        compared.bindings += Environment::new(name, parts, *part, desired, directory, policy).compare(&mut draft);
        compared.environments += 1;
    }
    kubernetes::note_done(desired, parts, policy, &mut draft);
    let unread: Vec<&EnvironmentName> =
        desired.environments.keys().filter(|name| !parts.clusters.contains_key(*name)).collect();
    entra::wait_for_bindings(directory, &parts.clusters, &unread, &mut draft);
    restored::rely_on_bindings(directory, &parts.clusters, &mut draft);
    replaced::grant_first(desired, directory, &mut draft.changes);
    // What waits for something withheld happens to nobody's name.
    order::settle(&mut draft);
    display_names::clear(desired, parts, directory, &mut draft);
    draft.hold_again(held);
    order::settle(&mut draft);
    meanwhile::take_first(parts, directory, &mut draft);
    disabled::in_privileged_groups(desired, parts, directory, &policy.only, &mut draft.notes);
    (draft, compared)
}
