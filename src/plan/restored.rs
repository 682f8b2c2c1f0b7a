//! Groups of ours that were deleted and can be restored. A restored group comes back with members and owners that cannot be
//! read before, so all else about it waits for the plan that shows them.

use std::collections::{BTreeMap, BTreeSet};

use super::aggregation::role_of;
use super::digest::digest;
use super::draft::{Cause, Draft};
use super::entra::Entra;
use super::kubernetes::{binding_address, spelling};
use super::parts::Part;
use super::resolve::Directory;
use crate::plan::Reason;
use crate::state::{
    Address, Binding, Change, DeletedGroup, DesiredGroup, Doubt, EnvironmentName, Filled, Group, GroupKey, GroupNaming,
    Identity, LiveBinding, Mark, Operation, PolicyRule, PrincipalName, Resource, Role, Sign, SubjectKind, TokenNaming,
    mark,
};

/// Where the changes of a restoring keep when the group was deleted.
const DELETED: &str = "deleted";
/// Where they keep the bindings that name the group.
const BINDINGS: &str = "bindings";

impl Entra<'_> {
    /// Restores a group. What else the files ask for about it waits.
    pub(super) fn restore(
        &self,
        (key, group): (&GroupKey, &DesiredGroup),
        (carried, deleted): (&GroupKey, &DeletedGroup),
        cause: &Cause,
        draft: &mut Draft,
    ) {
        let after = Group {
            key: key.clone(),
            id: Identity::Known(deleted.id),
            display_name: deleted.display_name.clone(),
            description: deleted.description.clone(),
            mail_nickname: deleted.mail_nickname.clone(),
            unique_name: Some(mark::unique_name(&self.desired.config, carried)),
            first_owner: None,
        };
        let mut change = Change::new(Address::Group(key.clone()), Operation::Restore { after: Resource::Group(after) });
        change.origin = Some(group.origin.clone());
        if let Some(when) = &deleted.deleted {
            change.refers.insert(DELETED.to_owned(), when.clone());
        }
        draft.change(change);
        let member = |name: &PrincipalName| Address::Member(key.clone(), name.clone());
        let members = group.members.keys().map(member);
        let owners = group.owners.iter().flatten().map(|(name, _)| Address::Owner(key.clone(), name.clone()));
        draft.withhold(cause, members.chain(owners));
        draft.withhold_as(Sign::Remove, cause, group.absent.keys().map(member));
    }
}

/// Why everything but the restoring waits.
pub(super) fn cause(key: &GroupKey, group: &DesiredGroup, deleted: &DeletedGroup) -> Cause {
    let message = format!(
        "group {key} was deleted{} and is restored by this plan; who is in it and who owns it cannot be read before, so its \
         members and owners and what refers to it wait for the next plan, which shows them",
        when(deleted)
    );
    Cause::new(Some(&group.origin), Reason::GroupRestored, message)
}

/// ` on 2026-11-01T10:00:00Z`, where it is known.
pub(super) fn when(deleted: &DeletedGroup) -> String {
    deleted.deleted.as_ref().map(|when| format!(" on {when}")).unwrap_or_default()
}

/// A restored group gives its members at once what still names it. That is part of what is approved, and what goes anyway
/// goes before.
pub(super) fn rely_on_bindings(
    directory: &Directory<'_>,
    clusters: &BTreeMap<&EnvironmentName, Part<'_>>,
    draft: &mut Draft,
) {
    for (key, deleted) in directory.restored() {
        let mut leaving = BTreeSet::new();
        let mut staying = Vec::new();
        for (address, (part, live)) in naming(deleted, clusters) {
            if draft.changes.get(&address).is_some_and(|change| change.after().is_none()) {
                leaving.insert(address);
            } else {
                staying.push(digest(&given(&address, part, live, draft)));
            }
        }
        if let Some(change) = draft.changes.get_mut(&Address::Group(key.clone())) {
            change.requires.extend(leaving);
            change.refers.insert(BINDINGS.to_owned(), digest(&staying));
        }
    }
}

/// What a binding that stays gives, once the plan is applied: it is the same before and after.
fn given<'d>(
    address: &'d Address,
    part: Part<'d>,
    live: &'d LiveBinding,
    draft: &'d Draft,
) -> (&'d Address, &'d str, &'d Binding, Option<Vec<&'d PolicyRule>>) {
    let binding = match draft.changes.get(address).and_then(Change::after) {
        Some(Resource::Binding(after)) => after,
        _ => &live.binding,
    };
    let place = binding.role.place(binding.namespace.as_ref());
    let is_it = |role: &&Role| (&role.namespace, &role.name) == (&place.0, &place.1);
    let changes = || draft.changes.values().filter(|change| change.address.environment() == address.environment());
    let role = match changes()
        .find(|change| role_of(change.before()).or(role_of(change.after())).is_some_and(|role| is_it(&role)))
    {
        Some(change) => role_of(change.after()),
        None => part.cluster.roles.iter().map(|live| &live.role).find(is_it),
    };
    // What the cluster adds to it of ours is approved with ours, whether or not the cluster has followed.
    let filled = Filled::new(part.cluster);
    let there = part.cluster.roles.iter().filter(|live| live.meta.mark == Mark::Ours).map(|live| &live.role);
    let ours = filled.by(there.chain(changes().filter_map(|change| role_of(change.after()))), Doubt::Selects);
    let ours = ours.get(place.1.as_str()).filter(|_| place.0.is_none() && filled.is_filled(&place.1));
    let is_of_others = |rule: &&PolicyRule| ours.is_none_or(|ours| !ours.contains(rule));
    (address, &live.meta.uid, binding, role.map(|role| role.rules.iter().filter(is_of_others).collect()))
}

/// The live bindings that name a deleted group, whoever made them.
pub(super) fn naming<'a>(
    deleted: &DeletedGroup,
    clusters: &BTreeMap<&EnvironmentName, Part<'a>>,
) -> BTreeMap<Address, (Part<'a>, &'a LiveBinding)> {
    let mut naming = BTreeMap::new();
    for (name, part) in clusters {
        let called = called(deleted, &part.desired.tokens);
        for live in &part.cluster.bindings {
            let is_it = |kind: &SubjectKind, text: String| *kind == SubjectKind::Group && text == called;
            if live.binding.subjects.iter().any(|subject| is_it(&subject.kind, spelling(&subject.name))) {
                naming.insert(binding_address(name, &live.binding), (*part, live));
            }
        }
    }
    naming
}

fn called(deleted: &DeletedGroup, tokens: &TokenNaming) -> String {
    match tokens.groups {
        GroupNaming::ObjectId => format!("{}{}", tokens.groups_prefix, deleted.id),
        GroupNaming::DisplayName => format!("{}{}", tokens.groups_prefix, deleted.display_name),
    }
}
