//! The diff of the tenant: groups, their owners and their members.

use std::collections::{BTreeMap, BTreeSet};

use super::digest::digest;
use super::display_names;
use super::draft::{Cause, Draft};
use super::edges::{self, Found};
use super::kubernetes::binding_address;
use super::parts::Part;
use super::resolve::{Directory, labels};
use super::standing::{Standing, is_managed, owned_by_applier, read_only};
use crate::plan::{NoteKind, Reason};
use crate::state::{
    Address, Binding, Change, Desired, DesiredGroup, EnvironmentName, Group, GroupKey, GroupKind, GroupNaming,
    Identity, LiveGroup, LivePrincipal, Management, Mark, ObjectId, Operation, Policy, PrincipalName, Resource, Sign,
    Tenant, mark,
};

/// Everything the diff of the tenant looks at.
pub(super) struct Entra<'a> {
    pub(super) desired: &'a Desired,
    pub(super) tenant: &'a Tenant,
    pub(super) directory: &'a Directory<'a>,
    pub(super) policy: &'a Policy,
}

impl Entra<'_> {
    /// Compares every group in scope. Returns the groups that would lose members unless these hold their membership
    /// through PIM.
    pub(super) fn compare(&self, draft: &mut Draft) -> BTreeSet<ObjectId> {
        let mut losing = BTreeSet::new();
        for (key, group) in self.desired.groups.iter().filter(|(key, _)| self.policy.only.group(key)) {
            match self.directory.standing(key) {
                Some(Standing::Live(live)) => {
                    let found = self.existing(key, group, live, draft);
                    if found.loses_members {
                        losing.insert(live.id);
                    }
                    admit(key, group, live, found.changes, draft);
                }
                Some(Standing::Planned { first_owner }) => self.create(key, group, *first_owner, draft),
                Some(Standing::Restored { carried, deleted, cause }) => {
                    self.restore((key, group), (carried, deleted), cause, draft);
                }
                Some(Standing::Held { cause, .. }) => hold(key, group, cause, draft),
                None => {}
            }
        }
        if self.policy.only.all_groups() {
            self.delete_surplus(draft);
        }
        losing
    }

    fn create(&self, key: &GroupKey, group: &DesiredGroup, first_owner: ObjectId, draft: &mut Draft) {
        let name = group.display_name.clone().unwrap_or_else(|| key.to_string());
        self.note_look_alikes(key, group, &name, draft);
        let id = Identity::AfterApply(key.clone());
        let after = Group {
            key: key.clone(),
            id: id.clone(),
            display_name: name,
            description: group.description.clone().filter(|text| !text.is_empty()),
            mail_nickname: Some(mark::mail_nickname(&self.desired.config, key)),
            unique_name: Some(mark::unique_name(&self.desired.config, key)),
            first_owner: Some(first_owner),
        };
        draft.change(Change {
            origin: Some(group.origin.clone()),
            ..Change::new(Address::Group(key.clone()), Operation::Create { after: Resource::Group(after) })
        });
        for change in self.lists(key, group, &id, None, Some(first_owner), draft).changes {
            draft.change(change);
        }
    }

    /// What differs, whether or not it can be changed.
    fn existing(&self, key: &GroupKey, group: &DesiredGroup, live: &LiveGroup, draft: &mut Draft) -> Found {
        if !is_managed(group) {
            return Found::default();
        }
        let mut found = self.lists(key, group, &Identity::Known(live.id), Some(live), None, draft);
        let before = as_resource(key, live);
        let mut after = before.clone();
        if let Some(name) = &group.display_name {
            after.display_name.clone_from(name);
        }
        if let Some(description) = &group.description {
            after.description = Some(description.clone()).filter(|text| !text.is_empty());
        }
        if group.management == Management::Owned {
            after.mail_nickname = Some(mark::mail_nickname(&self.desired.config, self.directory.mark_of(key)));
            if group.owners.is_none() {
                self.note_other_owners(key, group, live, draft);
            }
        }
        if after != before {
            found.changes.push(Change {
                origin: Some(group.origin.clone()),
                ..Change::new(
                    Address::Group(key.clone()),
                    Operation::Update { before: Resource::Group(before), after: Resource::Group(after) },
                )
            });
        }
        found
    }

    fn lists(
        &self,
        key: &GroupKey,
        group: &DesiredGroup,
        id: &Identity,
        live: Option<&LiveGroup>,
        first_owner: Option<ObjectId>,
        draft: &mut Draft,
    ) -> Found {
        // Nothing is removed from a group that cannot be edited, so PIM has nothing to say about it.
        let without_pim = self.desired.without_pim || live.is_some_and(|live| read_only(live.kind).is_some());
        let mut found = Found::default();
        for list in edges::of_group(key, group, id, live, first_owner) {
            if live.is_none() || !self.directory.is_alike(key, list.list) {
                let more = list.compare(self.directory, self.policy, without_pim, draft);
                found.changes.extend(more.changes);
                found.loses_members |= more.loses_members;
            }
        }
        found
    }

    fn note_look_alikes(&self, key: &GroupKey, group: &DesiredGroup, name: &str, draft: &mut Draft) {
        for other in self.tenant.by_display_name.get(name).into_iter().flatten() {
            let owners = if other.owners.is_empty() { "nobody known".to_owned() } else { other.owners.join(", ") };
            let created = other.created.as_deref().map(|when| format!(", created {when}")).unwrap_or_default();
            let what = format!(
                "a group named `{}` is there already (id {}, {}{created}, owned by {owners})",
                other.display_name,
                other.id,
                describe(other.kind)
            );
            if other.unique_name.as_deref().is_some_and(|name| mark::parse_unique_name(name).is_some()) {
                let message =
                    format!("{what}; it is another group that rolecall manages, so {key} is another one beside it");
                draft.note(None, Some(&group.origin), NoteKind::LookAlike, message);
            } else {
                let message = format!(
                    "{what}; {key} is another one beside it. If that group is the one you mean, write `adopt: {}` in the \
                     block of {key}",
                    other.id
                );
                draft.note(None, Some(&group.origin), NoteKind::AdoptionCandidate, message);
            }
        }
    }

    fn note_other_owners(&self, key: &GroupKey, group: &DesiredGroup, live: &LiveGroup, draft: &mut Draft) {
        let is_other = |owner: &&LivePrincipal| !self.directory.is_applier(owner) && !self.directory.is_own_app(owner);
        let others = labels(live.owners.iter().filter(is_other));
        if !others.is_empty() {
            let message = format!(
                "{key} is also owned by {others}, who can change its members; write `owners:` to manage its owners"
            );
            draft.note(None, Some(&group.origin), NoteKind::OtherOwners, message);
        }
    }

    /// Groups of ours that no file asks for any more.
    fn delete_surplus(&self, draft: &mut Draft) {
        let mut surplus: BTreeMap<ObjectId, (&GroupKey, &LiveGroup)> = BTreeMap::new();
        let renamed: BTreeSet<&GroupKey> =
            self.desired.groups.values().flat_map(|group| group.previously.keys()).collect();
        let named = self.named_by_id();
        for (key, live) in self.tenant.marked.iter().filter(|(key, _)| !renamed.contains(key)) {
            if let Some(group) = self.desired.groups.get(key) {
                if matches!(group.management, Management::Adopted(id) | Management::External(id) if id != live.id) {
                    let message = format!(
                        "the group that rolecall created for {key} (id {}) is still there, and the block of {key} now \
                         means another one; it is left alone. Delete it by hand when nobody needs it",
                        live.id
                    );
                    draft.note(None, Some(&group.origin), NoteKind::LeftBehind, message);
                }
            } else if named.contains(&live.id) {
                let message = format!(
                    "group {key} (id {}) has no block of its own any more, but the files name its id; it is left alone",
                    live.id
                );
                draft.note(None, None, NoteKind::StillNamed, message);
            } else if owned_by_applier(self.directory, live) {
                surplus.insert(live.id, (key, live));
            } else {
                let message = format!(
                    "`{}` (id {}) carries the mark of {key} and no file asks for it, but no applier is among its owners; \
                     it is not taken for ours and left alone",
                    live.display_name, live.id
                );
                draft.note(None, None, NoteKind::NotOurs, message);
            }
        }
        if surplus.is_empty() {
            return;
        }
        let mut parents: BTreeMap<ObjectId, BTreeSet<Address>> = BTreeMap::new();
        for (parent, group) in self.directory.live_groups() {
            for member in self.directory.nested_in(group) {
                if let Some((key, _)) = surplus.get(&member.id) {
                    let edge = Address::Member(parent.clone(), PrincipalName::Group((*key).clone()));
                    parents.entry(member.id).or_default().insert(edge);
                }
            }
        }
        for (id, (key, live)) in surplus {
            draft.change(deletion(key, live, parents.remove(&id).unwrap_or_default()));
        }
    }

    /// The groups that the files name by id: as what a block means, or in a list of members.
    fn named_by_id(&self) -> BTreeSet<ObjectId> {
        let groups = self.desired.groups.values();
        let meant = groups.clone().filter_map(|group| match group.management {
            Management::Adopted(id) | Management::External(id) => Some(id),
            Management::Owned => None,
        });
        let listed = groups.flat_map(|group| group.members.keys().chain(group.absent.keys()));
        let listed = listed.filter_map(|name| match name {
            PrincipalName::GroupId(id) => Some(*id),
            _ => None,
        });
        meant.chain(listed).collect()
    }
}

/// The deletion of a group, which goes after it was taken out of other groups. Its members are part of what is approved.
fn deletion(key: &GroupKey, live: &LiveGroup, requires: BTreeSet<Address>) -> Change {
    let members: BTreeSet<ObjectId> = live.members.iter().map(|member| member.id).collect();
    Change {
        requires,
        refers: BTreeMap::from([("members".to_owned(), digest(&members))]),
        ..Change::new(
            Address::Group(key.clone()),
            Operation::Delete { before: Resource::Group(as_resource(key, live)) },
        )
    }
}

/// Lets the changes of a live group into the plan, if Graph can make them.
fn admit(key: &GroupKey, group: &DesiredGroup, live: &LiveGroup, changes: Vec<Change>, draft: &mut Draft) {
    if changes.is_empty() {
        return;
    }
    if let Some(why) = read_only(live.kind) {
        let message = format!(
            "group {key} (`{}`) cannot be changed: {why}. Change it where it is managed, or refer to it by `id:`",
            live.display_name
        );
        let cause = Cause::new(Some(&group.origin), Reason::ReadOnlyGroup, message);
        for change in changes {
            draft.withhold_as(change.sign(), &cause, [change.address]);
        }
        return;
    }
    if live.role_assignable {
        let message = format!(
            "group {key} can hold Entra roles: changing it needs the permission `RoleManagement.ReadWrite.Directory` \
             as well"
        );
        draft.note(None, Some(&group.origin), NoteKind::RoleAssignable, message);
    }
    for change in changes {
        draft.change(change);
    }
}

/// Holds back all that the files ask for about a group.
fn hold(key: &GroupKey, group: &DesiredGroup, cause: &Cause, draft: &mut Draft) {
    let member = |name: &PrincipalName| Address::Member(key.clone(), name.clone());
    let members = group.members.keys().map(member);
    let owners = group.owners.iter().flatten().map(|(name, _)| Address::Owner(key.clone(), name.clone()));
    draft.withhold(cause, std::iter::once(Address::Group(key.clone())).chain(members).chain(owners));
    draft.withhold_as(Sign::Remove, cause, group.absent.keys().map(member));
}

/// A group goes after the bindings that name it. Where one of those stays, or nobody can tell, the group stays as well: a
/// binding to a name that nobody carries any more waits for whoever takes that name next.
pub(super) fn wait_for_bindings(
    directory: &Directory<'_>,
    clusters: &BTreeMap<&EnvironmentName, Part<'_>>,
    unread: &[&EnvironmentName],
    draft: &mut Draft,
) {
    let deletions: BTreeSet<GroupKey> = draft
        .changes
        .values()
        .filter(|change| matches!(change.operation, Operation::Delete { .. }))
        .filter_map(|change| match &change.address {
            Address::Group(key) => Some(key.clone()),
            Address::Owner(..) | Address::Member(..) | Address::Object { .. } => None,
        })
        .collect();
    let mut bound = bindings_of(&deletions, directory, clusters, |mark| *mark == Mark::Ours);
    let mut foreign = bindings_of(&deletions, directory, clusters, |mark| *mark != Mark::Ours);
    let held: BTreeSet<Address> = draft.withheld.values().flatten().cloned().collect();
    for key in deletions {
        let address = Address::Group(key.clone());
        let bindings = bound.remove(&key).unwrap_or_default();
        let stays = bindings.iter().find(|binding| !draft.changes.contains_key(*binding));
        let message = match stays {
            Some(binding) if held.contains(binding) => None,
            Some(binding) => Some(format!(
                "group {key} is to be deleted, and {binding}, which names it, is not part of this plan. Plan without \
                 `--only`"
            )),
            None => (!unread.is_empty()).then(|| {
                let names: Vec<&str> = unread.iter().map(|name| name.as_str()).collect();
                format!(
                    "group {key} is to be deleted, and whether it is bound on {} is not known, because that could not \
                     be read",
                    names.join(", ")
                )
            }),
        };
        if let Some(message) = message {
            draft.changes.remove(&address);
            draft.withhold_as(Sign::Remove, &Cause::new(None, Reason::StillBound, message), [address]);
        } else if let Some(change) = draft.changes.get_mut(&address) {
            change.requires.extend(bindings);
            for binding in foreign.remove(&key).unwrap_or_default() {
                let message = format!(
                    "group {key} is to be deleted, and {binding}, which is not ours, names it and stays. Have it removed \
                     if nobody else needs it"
                );
                draft.note(binding.environment(), None, NoteKind::BoundByOthers, message);
            }
        }
    }
}

/// The bindings with such a mark that name these groups.
fn bindings_of(
    groups: &BTreeSet<GroupKey>,
    directory: &Directory<'_>,
    clusters: &BTreeMap<&EnvironmentName, Part<'_>>,
    wanted: fn(&Mark) -> bool,
) -> BTreeMap<GroupKey, BTreeSet<Address>> {
    let mut bound: BTreeMap<GroupKey, BTreeSet<Address>> = BTreeMap::new();
    for (name, part) in clusters {
        let tokens = &part.desired.tokens;
        // A display name that another group has as well stays in use, and so does what is granted to one that gets it.
        let is_taken_over = |key: &GroupKey, binding: &Binding| match (tokens.groups, directory.live(key)) {
            (GroupNaming::DisplayName, Some(live)) => {
                let heirs = directory.others_finally_named(key, &live.display_name);
                let has_it = |heir| directory.live(heir).is_some_and(|other| other.display_name == live.display_name);
                heirs.into_iter().any(|heir| has_it(heir) || display_names::grants(*part, heir, binding))
            }
            (GroupNaming::ObjectId, _) | (_, None) => false,
        };
        for live in part.cluster.bindings.iter().filter(|live| wanted(&live.meta.mark)) {
            for key in live.binding.subjects.iter().flat_map(|subject| directory.groups_called(tokens, subject)) {
                if groups.contains(key) && !is_taken_over(key, &live.binding) {
                    bound.entry(key.clone()).or_default().insert(binding_address(name, &live.binding));
                }
            }
        }
    }
    bound
}

/// The managed properties of a live group.
pub(super) fn as_resource(key: &GroupKey, live: &LiveGroup) -> Group {
    Group {
        key: key.clone(),
        id: Identity::Known(live.id),
        display_name: live.display_name.clone(),
        description: live.description.clone().filter(|text| !text.is_empty()),
        mail_nickname: live.mail_nickname.clone(),
        unique_name: live.unique_name.clone(),
        first_owner: None,
    }
}

fn describe(kind: GroupKind) -> &'static str {
    match kind {
        GroupKind::Security => "a security group",
        GroupKind::Microsoft365 => "a Microsoft 365 group",
        GroupKind::Dynamic => "a dynamic group",
        GroupKind::MailEnabledSecurity => "a mail-enabled security group",
        GroupKind::Distribution => "a distribution list",
        GroupKind::Synced => "a group synced from on premises",
    }
}
