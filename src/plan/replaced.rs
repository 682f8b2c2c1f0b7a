//! Groups that would be made though they look like one that is there: under another key, with mostly the same members.

use std::collections::{BTreeMap, BTreeSet};

use super::edges::List;
use super::people::Table;
use super::resolve::Directory;
use super::standing::{Standing, owned_by_applier};
use crate::state::{
    Address, Binding, Change, Desired, DesiredGroup, EnvironmentName, GroupKey, GroupNaming, Identity, LiveGroup,
    Management, Membership, Namespace, ObjectId, Operation, PrincipalName, Resource, RoleRef,
};

/// A group that would be made, and the one that it looks like.
pub(super) struct Replacement<'a> {
    /// The key of the one that is there.
    pub(super) old: &'a GroupKey,
    pub(super) live: &'a LiveGroup,
    /// The block that means its object now; `None` where no file asks for it any more.
    pub(super) heir: Option<&'a DesiredGroup>,
    /// The one that would be made.
    pub(super) new: GroupKey,
    /// Who would be in it, those included who are made by this plan.
    pub(super) members: BTreeSet<Identity>,
    /// Who is in both.
    pub(super) shared: BTreeSet<ObjectId>,
}

/// Who would be put in the place of whom.
///
/// A group that nobody asks for any more looks like one that gets mostly its members. One that is asked for is another
/// group, unless those very members leave it, or what it is bound to goes to the new one: then another block has come to
/// its key.
pub(super) fn replacements<'a, 'c>(
    desired: &'a Desired,
    directory: &Directory<'a>,
    changes: impl Iterator<Item = &'c Change> + Clone,
) -> Vec<Replacement<'a>> {
    let created = created(changes.clone());
    if created.is_empty() {
        return Vec::new();
    }
    let moves = Moves::new(desired, directory, changes);
    let joining = Joining::of(&created);
    let mut replacements = Vec::new();
    // Also where the deletion is not part of this plan, because it waits or was left out by `--only`: it comes later.
    let heirs =
        inherited(desired, directory, |key| !directory.is_alike(key, List::Members) || moves.lost.contains_key(key));
    let old = left_over(desired, directory).into_iter().chain(heirs);
    for (old, live, heir) in old.filter(|(_, live, _)| joining.is_mostly_in_one(live)) {
        let before: BTreeSet<ObjectId> = live.members.iter().map(|member| member.id).collect();
        let leaving = heir.map_or_else(|| before.clone(), |heir| leaving(&before, heir, directory));
        for (new, members) in &created {
            let shared = |some: &BTreeSet<ObjectId>| -> BTreeSet<ObjectId> {
                some.iter().filter(|id| members.contains(&Identity::Known(**id))).copied().collect()
            };
            let are_mostly = |some: &BTreeSet<ObjectId>| {
                let shared = shared(some).len();
                is_mostly(shared, before.len()) && is_mostly(shared, members.len())
            };
            if are_mostly(&leaving) || (moves.any(old, new) && are_mostly(&before)) {
                let shared = shared(&before);
                replacements.push(Replacement { old, live, heir, new: new.clone(), members: members.clone(), shared });
            }
        }
    }
    replacements
}

/// Lets whoever is in both groups get what the new one has before they lose what the old one had.
pub(super) fn grant_first(desired: &Desired, directory: &Directory<'_>, changes: &mut BTreeMap<Address, Change>) {
    let replacements = replacements(desired, directory, changes.values());
    for Replacement { old, new, shared, .. } in &replacements {
        let joining = changes.iter().filter_map(|(address, change)| match change.after() {
            Some(Resource::Member(edge)) if edge.group == *new => {
                Some((edge.principal_id.known().filter(|id| shared.contains(id))?, address.clone()))
            }
            _ => None,
        });
        let joining: BTreeMap<ObjectId, Address> = joining.collect();
        let granted: BTreeSet<Address> = changes
            .iter()
            .filter(|(_, change)| binding_in(change.after()).is_some_and(|binding| is_for(binding, new)))
            .map(|(address, _)| address.clone())
            .collect();
        let is_lost = |change: &Change| {
            let binding = change.before().filter(|_| change.after().is_none() && change.replaced_by.is_none());
            let environment = change.address.environment();
            environment
                .zip(binding_in(binding))
                .is_some_and(|(environment, binding)| names(desired, directory, environment, binding, old))
        };
        let lost: BTreeSet<Address> =
            changes.values().filter(|change| is_lost(change)).map(|change| change.address.clone()).collect();
        let own = Address::Group((*old).clone());
        let is_renamed = changes.get(&own).is_some_and(renames);
        for change in changes.values_mut() {
            // Whoever comes to the object does not come to what it was given before.
            if let Operation::Create { after: Resource::Member(edge) } = &change.operation
                && edge.group == **old
            {
                change.requires.extend(lost.iter().cloned());
            }
            let Operation::Delete { before } = &change.operation else { continue };
            match before {
                Resource::Member(edge) if edge.group == **old => {
                    let Identity::Known(id) = edge.principal_id else { continue };
                    if let Some(address) = joining.get(&id) {
                        change.requires.insert(address.clone());
                        change.requires.extend(granted.iter().cloned());
                    }
                }
                Resource::Group(group) if group.key == **old => {
                    change.requires.extend(joining.values().chain(&granted).cloned());
                }
                // The group loses this with its name, whatever becomes of the binding.
                Resource::Binding(_)
                    if is_renamed && lost.contains(&change.address) && is_by_name(desired, &change.address) =>
                {
                    change.requires.insert(own.clone());
                }
                Resource::Binding(_) if lost.contains(&change.address) => {
                    let there = granted.iter().filter(|address| address.environment() == change.address.environment());
                    change.requires.extend(joining.values().chain(there).cloned());
                }
                Resource::Member(_)
                | Resource::Group(_)
                | Resource::Binding(_)
                | Resource::Owner(_)
                | Resource::Role(_) => {}
            }
        }
    }
}

/// Which created groups somebody joins.
struct Joining {
    sizes: Vec<usize>,
    of: Table<ObjectId, Vec<usize>>,
}

impl Joining {
    fn of(created: &BTreeMap<GroupKey, BTreeSet<Identity>>) -> Self {
        let mut joining = Self { sizes: Vec::new(), of: Table::default() };
        for (number, members) in created.values().enumerate() {
            joining.sizes.push(members.len());
            for id in members.iter().filter_map(Identity::known) {
                joining.of.entry(id).or_default().push(number);
            }
        }
        joining
    }

    /// Whether some created group has mostly members of this one. Hardly any does, so that the rest is asked of a few.
    fn is_mostly_in_one(&self, live: &LiveGroup) -> bool {
        let mut shared: BTreeMap<usize, usize> = BTreeMap::new();
        for number in live.members.iter().filter_map(|member| self.of.get(&member.id)).flatten() {
            *shared.entry(*number).or_default() += 1;
        }
        shared.into_iter().any(|(number, shared)| self.sizes.get(number).is_some_and(|all| is_mostly(shared, *all)))
    }
}

/// The groups that are created, with the members they get.
fn created<'c>(changes: impl Iterator<Item = &'c Change> + Clone) -> BTreeMap<GroupKey, BTreeSet<Identity>> {
    let mut created: BTreeMap<GroupKey, BTreeSet<Identity>> = BTreeMap::new();
    for change in changes.clone() {
        if let Operation::Create { after: Resource::Group(group) } = &change.operation {
            created.entry(group.key.clone()).or_default();
        }
    }
    for change in changes {
        if let Operation::Create { after: Resource::Member(edge) } = &change.operation
            && let Some(members) = created.get_mut(&edge.group)
        {
            members.insert(edge.principal_id.clone());
        }
    }
    created
}

type Candidate<'a> = (&'a GroupKey, &'a LiveGroup, Option<&'a DesiredGroup>);

/// Groups of ours that have no block any more.
fn left_over<'a>(desired: &'a Desired, directory: &Directory<'a>) -> Vec<Candidate<'a>> {
    let renamed: BTreeSet<&GroupKey> = desired.groups.values().flat_map(|group| group.previously.keys()).collect();
    let marked = directory.tenant().into_iter().flat_map(|tenant| &tenant.marked);
    marked
        .filter(|(key, _)| !desired.groups.contains_key(*key) && !renamed.contains(key))
        .filter(|(_, live)| owned_by_applier(directory, live))
        .map(|(key, live)| (key, live, None))
        .collect()
}

/// Groups of ours whose block has the key that they were made with: it need not be the block that they were made for. Only
/// those that lose something.
fn inherited<'a>(
    desired: &'a Desired,
    directory: &Directory<'a>,
    loses: impl Fn(&GroupKey) -> bool,
) -> Vec<Candidate<'a>> {
    let owned = desired.groups.iter().filter(|(_, group)| group.management == Management::Owned);
    owned
        .filter(|(key, _)| loses(key))
        .filter_map(|(key, group)| match directory.standing(key) {
            Some(Standing::Live(live)) if directory.mark_of(key) == key => Some((key, *live, Some(group))),
            _ => None,
        })
        .collect()
}

/// Whom the files take out of a group, now or as soon as that can be done.
fn leaving(before: &BTreeSet<ObjectId>, group: &DesiredGroup, directory: &Directory<'_>) -> BTreeSet<ObjectId> {
    let ids = |names: Vec<&PrincipalName>| -> BTreeSet<ObjectId> {
        let id = |name| directory.plain(name).or_else(|| directory.resolve(name).ok()?.identity.known());
        names.into_iter().filter_map(id).collect()
    };
    match group.membership {
        Membership::Authoritative => {
            let stay = ids(group.members.keys().collect());
            before.difference(&stay).copied().collect()
        }
        Membership::Additive => {
            let absent = ids(group.absent.keys().collect());
            before.intersection(&absent).copied().collect()
        }
        Membership::External => BTreeSet::new(),
    }
}

/// One role in one place.
type Access = (EnvironmentName, Option<Namespace>, RoleRef);

/// What groups lose and get on clusters.
struct Moves<'a> {
    lost: BTreeMap<&'a GroupKey, BTreeSet<Access>>,
    gained: BTreeMap<GroupKey, BTreeSet<Access>>,
}

impl<'a> Moves<'a> {
    fn new<'c>(desired: &'a Desired, directory: &Directory<'a>, changes: impl Iterator<Item = &'c Change>) -> Self {
        let mut moves = Self { lost: BTreeMap::new(), gained: BTreeMap::new() };
        for change in changes.filter(|change| change.replaced_by.is_none()) {
            let Some(environment) = change.address.environment() else { continue };
            let access = |binding: &Binding| (environment.clone(), binding.namespace.clone(), binding.role.clone());
            if let Operation::Delete { before: Resource::Binding(binding) } = &change.operation {
                for key in subjects(desired, directory, environment, binding) {
                    moves.lost.entry(key).or_default().insert(access(binding));
                }
            }
            if let Operation::Create { after: Resource::Binding(binding) } = &change.operation {
                for subject in &binding.subjects {
                    if let Some(PrincipalName::Group(key)) = &subject.principal {
                        moves.gained.entry(key.clone()).or_default().insert(access(binding));
                    }
                }
            }
        }
        moves
    }

    fn any(&self, old: &GroupKey, new: &GroupKey) -> bool {
        let lost = self.lost.get(old).into_iter().flatten();
        lost.into_iter().any(|access| self.gained.get(new).is_some_and(|gained| gained.contains(access)))
    }
}

/// The groups that a live binding names.
fn subjects<'a>(
    desired: &Desired,
    directory: &Directory<'a>,
    environment: &EnvironmentName,
    binding: &Binding,
) -> Vec<&'a GroupKey> {
    let Some(block) = desired.environments.get(environment) else { return Vec::new() };
    binding.subjects.iter().flat_map(|subject| directory.groups_called(&block.tokens, subject)).collect()
}

fn names(
    desired: &Desired,
    directory: &Directory<'_>,
    environment: &EnvironmentName,
    binding: &Binding,
    key: &GroupKey,
) -> bool {
    subjects(desired, directory, environment, binding).contains(&key)
}

fn binding_in(resource: Option<&Resource>) -> Option<&Binding> {
    match resource {
        Some(Resource::Binding(binding)) => Some(binding),
        Some(Resource::Group(_) | Resource::Owner(_) | Resource::Member(_) | Resource::Role(_)) | None => None,
    }
}

fn renames(change: &Change) -> bool {
    matches!(
        &change.operation,
        Operation::Update { before: Resource::Group(before), after: Resource::Group(after) }
            if before.display_name != after.display_name
    )
}

/// Whether the cluster that this is on knows groups by display name.
fn is_by_name(desired: &Desired, address: &Address) -> bool {
    let block = address.environment().and_then(|environment| desired.environments.get(environment));
    block.is_some_and(|block| block.tokens.groups == GroupNaming::DisplayName)
}

fn is_for(binding: &Binding, key: &GroupKey) -> bool {
    binding
        .subjects
        .iter()
        .any(|subject| matches!(&subject.principal, Some(PrincipalName::Group(group)) if group == key))
}

/// At least half, and somebody.
fn is_mostly(shared: usize, all: usize) -> bool {
    shared > 0 && shared * 2 >= all
}
