//! Which groups lead where: nesting, and the groups that are bound on a cluster.

use std::collections::{BTreeMap, BTreeSet};

use super::parts::Parts;
use super::resolve::Directory;
use crate::state::{
    Address, Change, Cluster, Desired, DesiredEnvironment, EnvironmentName, GroupKey, ObjectId, Operation,
    PrincipalKind, PrincipalName,
};

/// Which groups are directly in which.
pub(super) struct Nesting<'a> {
    inside: BTreeMap<&'a GroupKey, BTreeSet<&'a GroupKey>>,
}

impl<'a> Nesting<'a> {
    /// As it is now.
    pub(super) fn live(directory: &Directory<'a>) -> Self {
        let mut inside: BTreeMap<&GroupKey, BTreeSet<&GroupKey>> = BTreeMap::new();
        for (key, group) in directory.live_groups() {
            let nested = group.members.iter().filter(|member| member.kind == PrincipalKind::Group);
            inside.entry(key).or_default().extend(nested.filter_map(|member| directory.key(member.id)));
        }
        Self { inside }
    }

    /// The same, with what the files ask for added.
    pub(super) fn with_files(mut self, desired: &'a Desired, directory: &Directory<'a>) -> Self {
        for (key, group) in &desired.groups {
            let nested = group.members.keys().filter_map(|name| key_of(name, directory));
            self.inside.entry(key).or_default().extend(nested);
        }
        self
    }

    /// The same, with what the changes add.
    pub(super) fn with_changes(mut self, changes: &'a [Change], directory: &Directory<'a>) -> Self {
        for change in changes {
            if let (Address::Member(key, name), Operation::Create { .. }) = (&change.address, &change.operation)
                && let Some(nested) = key_of(name, directory)
            {
                self.inside.entry(key).or_default().insert(nested);
            }
        }
        self
    }

    /// The groups whose members are, through nesting, members of one of these; these included.
    pub(super) fn leading_to(&self, groups: impl IntoIterator<Item = &'a GroupKey>) -> BTreeSet<&'a GroupKey> {
        let mut open: Vec<&GroupKey> = groups.into_iter().collect();
        let mut reached = BTreeSet::new();
        while let Some(group) = open.pop() {
            if reached.insert(group) {
                open.extend(self.inside.get(group).into_iter().flatten());
            }
        }
        reached
    }
}

/// The key of the group that a name stands for, if it stands for one we know.
pub(super) fn key_of<'a>(name: &'a PrincipalName, directory: &Directory<'a>) -> Option<&'a GroupKey> {
    match name {
        PrincipalName::Group(key) => Some(key),
        PrincipalName::GroupId(id) => directory.key(*id),
        _ => None,
    }
}

/// Every person or other object that is a live member of these groups.
pub(super) fn live_members(directory: &Directory<'_>, groups: &BTreeSet<&GroupKey>) -> BTreeSet<ObjectId> {
    groups
        .iter()
        .filter_map(|key| directory.live(key))
        .flat_map(|group| group.members.iter().map(|member| member.id))
        .collect()
}

/// The groups that are bound on an environment, live or as the files ask.
fn bound<'a>(
    environment: &'a DesiredEnvironment,
    cluster: Option<&Cluster>,
    directory: &Directory<'a>,
) -> BTreeSet<&'a GroupKey> {
    let mut bound: BTreeSet<&GroupKey> = environment
        .bindings
        .iter()
        .filter_map(|binding| match &binding.subject {
            PrincipalName::Group(key) => Some(key),
            _ => None,
        })
        .collect();
    for subject in cluster.into_iter().flat_map(|cluster| &cluster.bindings).flat_map(|live| &live.binding.subjects) {
        bound.extend(directory.groups_called(&environment.tokens, subject));
        bound.extend(directory.groups_finally_called(&environment.tokens, subject));
    }
    bound
}

/// Marks every change that reaches a protected environment: what is on it, and the groups that are bound there, those
/// nested in them included.
pub(super) fn mark_protected(changes: &mut [Change], desired: &Desired, parts: &Parts<'_>, directory: &Directory<'_>) {
    let nesting = Nesting::live(directory).with_files(desired, directory);
    let mut anything = BTreeSet::new();
    let mut reached: BTreeMap<&GroupKey, BTreeSet<EnvironmentName>> = BTreeMap::new();
    for (name, environment) in desired.environments.iter().filter(|(_, environment)| environment.protected) {
        let cluster = parts.clusters.get(name).map(|part| part.cluster);
        for key in nesting.leading_to(bound(environment, cluster, directory)) {
            reached.entry(key).or_default().insert(name.clone());
        }
        // Which groups are bound on a cluster that was not read, whatever the reason, nobody knows: it may be any of them.
        if cluster.is_none() {
            anything.insert(name.clone());
        }
    }
    for change in changes {
        match &change.address {
            Address::Object { environment, .. } => {
                if desired.environments.get(environment).is_some_and(|block| block.protected) {
                    change.protected.insert(environment.clone());
                }
            }
            Address::Group(key) | Address::Owner(key, _) | Address::Member(key, _) => {
                change.protected.extend(reached.get(key).into_iter().flatten().chain(&anything).cloned());
            }
        }
    }
}
