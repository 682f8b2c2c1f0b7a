//! What became of each group of the files: there and ours to use, to be created, or held back and why.

use std::collections::{BTreeMap, BTreeSet};

use super::draft::Cause;
use super::resolve::{Directory, labels};
use super::restored::{self, when};
use crate::plan::Reason;
use crate::state::{
    AppId, DeletedGroup, Desired, DesiredGroup, GroupKey, GroupKind, Identity, LiveGroup, Management, ObjectId, Policy,
    PrincipalName, Tenant, mark,
};

/// What became of one group of the files.
#[derive(Clone, Debug)]
pub(super) enum Standing<'a> {
    /// It is there, and it is the one the files mean.
    Live(&'a LiveGroup),
    /// This plan creates it.
    Planned {
        /// Its first owner, an applier.
        first_owner: ObjectId,
    },
    /// It was deleted, and this plan restores it. Nothing rests on it yet.
    Restored {
        /// The key in its mark.
        carried: &'a GroupKey,
        /// What can be read of it.
        deleted: &'a DeletedGroup,
        /// Why everything else about it waits.
        cause: Cause,
    },
    /// Nothing may be done with it or rest on it.
    Held {
        /// Why.
        cause: Cause,
        /// What it would be called if the cause were gone.
        called: Called<'a>,
    },
}

/// What a cluster would call a group that is held back.
#[derive(Clone, Copy, Debug)]
pub(super) enum Called<'a> {
    /// By this object id.
    Id(ObjectId),
    /// It is not there and would be created: by an id that nobody has yet, or by this display name.
    New(&'a str),
    /// Nobody knows.
    Unknown,
}

/// Whether rolecall changes the group at all.
pub(super) fn is_managed(group: &DesiredGroup) -> bool {
    match group.management {
        Management::Owned | Management::Adopted(_) => true,
        Management::External(_) => false,
    }
}

/// Whether Graph lets anybody edit such a group; if not, why.
pub(super) fn read_only(kind: GroupKind) -> Option<&'static str> {
    match kind {
        GroupKind::Security | GroupKind::Microsoft365 => None,
        GroupKind::Dynamic => Some("its members come from a rule"),
        GroupKind::MailEnabledSecurity => Some("it is mail-enabled, and Microsoft Graph cannot edit such a group"),
        GroupKind::Distribution => Some("it is a distribution list, and Microsoft Graph cannot edit one"),
        GroupKind::Synced => Some("it is mastered on premises and synced from there"),
    }
}

/// Whether an applier is among the owners: what deleting a group takes as proof that it is ours.
pub(super) fn owned_by_applier(directory: &Directory<'_>, group: &LiveGroup) -> bool {
    group.kind == GroupKind::Security && group.owners.iter().any(|owner| directory.is_applier(owner))
}

/// The standing of every group of the files.
pub(super) fn of_all<'a>(
    desired: &'a Desired,
    tenant: &'a Tenant,
    policy: &Policy,
    directory: &Directory<'a>,
) -> BTreeMap<&'a GroupKey, Standing<'a>> {
    let mut standings: BTreeMap<&GroupKey, Standing<'_>> = desired
        .groups
        .iter()
        .map(|(key, group)| {
            let standing = match group.management {
                Management::Owned => owned((key, group), desired, tenant, policy, directory),
                Management::Adopted(id) | Management::External(id) => by_id(desired, key, group, id, tenant),
            };
            (key, standing)
        })
        .collect();
    hold_shared(desired, &mut standings);
    standings
}

fn owned<'a>(
    (key, group): (&'a GroupKey, &'a DesiredGroup),
    desired: &Desired,
    tenant: &'a Tenant,
    policy: &Policy,
    directory: &Directory<'a>,
) -> Standing<'a> {
    let held = |reason, message: String| Standing::Held {
        cause: Cause::new(Some(&group.origin), reason, message),
        called: Called::Unknown,
    };
    let keys: Vec<&GroupKey> = keys_of(key, group).collect();
    let live: Vec<(&GroupKey, &LiveGroup)> =
        keys.iter().filter_map(|key| Some((*key, tenant.marked.get(*key)?))).collect();
    match live[..] {
        [] => {}
        [(carried, live)] => {
            return if is_ours(group, live, directory) {
                Standing::Live(live)
            } else {
                held(Reason::NotOurs, not_ours(carried, live, desired, tenant))
            };
        }
        _ => {
            let each: Vec<String> = live.iter().map(|(key, live)| format!("{key} (id {})", live.id)).collect();
            let origin = live.iter().find_map(|(key, _)| group.previously.get(*key)).unwrap_or(&group.origin);
            let cause = Cause::new(Some(origin), Reason::PreviousKeysConflict, several(key, &each)).error_if(true);
            return Standing::Held { cause, called: Called::Unknown };
        }
    }
    let deleted: Vec<(&GroupKey, &DeletedGroup)> =
        keys.iter().flat_map(|key| tenant.deleted.get(*key).into_iter().flatten().map(|group| (*key, group))).collect();
    match deleted[..] {
        [] => {}
        [(carried, deleted)] => return restorable((key, group), (carried, deleted), policy),
        _ => {
            let mut each: Vec<String> =
                deleted.iter().map(|(key, group)| format!("{key} (id {}{})", group.id, when(group))).collect();
            each.sort();
            let message = format!(
                "group {key} is not there, and more than one deleted group may be it: {}. None is picked. Have those deleted \
                 for good that are not meant, or restore the right one by hand, then plan again",
                each.join(", ")
            );
            return held(Reason::DeletedGroupsConflict, message);
        }
    }
    if let Some(failure) = &tenant.deleted_unreadable {
        return held(
            Reason::DeletedUnreadable,
            format!(
                "group {key} is not there, and whether it was deleted and can be restored is not known: {failure}. \
                 Let this identity read deleted groups (`Group.Read.All`), then plan again"
            ),
        );
    }
    if !policy.only.group(key) {
        return held(
            Reason::GroupNotThereYet,
            format!("group {key} does not exist yet and is not part of this plan; add `--only group/{key}`"),
        );
    }
    match directory.first_applier() {
        Some(first_owner) => Standing::Planned { first_owner },
        None => held(
            Reason::UnknownApplier,
            format!(
                "group {key} cannot be created: its first owner must be an applier, and none of `appliers` in the root \
                 file has a service principal in this tenant. Name the app ids of the identities that apply"
            ),
        ),
    }
}

/// Of a deleted group only the mark and the kind can be read. Whether an applier owns it shows once it is restored.
fn restorable<'a>(
    (key, group): (&'a GroupKey, &'a DesiredGroup),
    (carried, deleted): (&'a GroupKey, &'a DeletedGroup),
    policy: &Policy,
) -> Standing<'a> {
    let id = deleted.id;
    let held = |reason, message: String| Standing::Held {
        cause: Cause::new(Some(&group.origin), reason, message),
        called: Called::Id(id),
    };
    match deleted.kind {
        Some(GroupKind::Security) if policy.only.group(key) => {
            Standing::Restored { carried, deleted, cause: restored::cause(key, group, deleted) }
        }
        Some(GroupKind::Security) => held(
            Reason::GroupNotThereYet,
            format!(
                "group {key} was deleted{}, and restoring it is not part of this plan; add `--only group/{key}`",
                when(deleted)
            ),
        ),
        Some(_) => held(
            Reason::NotOurs,
            format!(
                "a deleted group with the mark of {carried} is there (`{}`, id {id}), and it is no plain security group, so it \
                 is not ours and is not restored. Have it deleted for good, then plan again",
                deleted.display_name
            ),
        ),
        None => held(
            Reason::DeletedUnreadable,
            format!(
                "a deleted group with the mark of {carried} is there (id {id}), and what kind of group it is may not be read. \
                 Let this identity read deleted groups (`Group.Read.All`), then plan again"
            ),
        ),
    }
}

/// The keys that the live group may carry: its own, and those it had before.
fn keys_of<'a>(key: &'a GroupKey, group: &'a DesiredGroup) -> impl Iterator<Item = &'a GroupKey> {
    std::iter::once(key).chain(group.previously.keys())
}

/// The key that a live group of ours carries in its mark, which never changes: its own, or one it had before.
pub(super) fn carried_key<'a>(
    key: &'a GroupKey,
    group: &'a DesiredGroup,
    live: &LiveGroup,
    tenant: &Tenant,
) -> Option<&'a GroupKey> {
    match group.management {
        Management::Owned => {
            keys_of(key, group).find(|key| tenant.marked.get(*key).is_some_and(|marked| marked.id == live.id))
        }
        Management::Adopted(_) | Management::External(_) => None,
    }
}

fn several(key: &GroupKey, each: &[String]) -> String {
    format!(
        "{key} was renamed, and more than one of the groups that it may be is there: {}. Nothing is done about any of \
         them, their members and what the files grant to {key}. Give those that are another group a block of their own, or \
         have the one deleted that nobody needs",
        each.join(", ")
    )
}

/// Anybody may take a predictable key first, so the mark alone proves nothing.
fn is_ours(group: &DesiredGroup, live: &LiveGroup, directory: &Directory<'_>) -> bool {
    if live.kind != GroupKind::Security {
        return false;
    }
    if live.owners.iter().any(|owner| directory.is_applier(owner)) {
        return true;
    }
    let in_files: BTreeSet<ObjectId> = group
        .owners
        .iter()
        .flatten()
        .filter_map(|(name, _)| match directory.resolve(name).ok()?.identity {
            Identity::Known(id) => Some(id),
            Identity::AfterApply(_) => None,
        })
        .collect();
    !live.owners.is_empty() && live.owners.iter().all(|owner| in_files.contains(&owner.id))
}

fn not_ours(key: &GroupKey, live: &LiveGroup, desired: &Desired, tenant: &Tenant) -> String {
    if let Some(message) = unlisted_applier(key, live, desired, tenant) {
        return message;
    }
    let owners = if live.owners.is_empty() { "nobody".to_owned() } else { labels(&live.owners) };
    let why = if live.kind == GroupKind::Security {
        "no applier is among its owners, and they are not all in the files"
    } else {
        "it is no plain security group"
    };
    format!(
        "a group with the mark of {key} is there (`{}`, id {}, owned by {owners}), but it is not ours: {why}. Nothing is \
         changed about it or bound to it. If it is ours, make the service principal of an applier its owner; if it is \
         not, have it deleted",
        live.display_name, live.id
    )
}

/// A group that is owned by an app that `appliers` should have listed: the one that we run as, or one whose id is almost one
/// of those. Such a group is to be kept.
fn unlisted_applier(key: &GroupKey, live: &LiveGroup, desired: &Desired, tenant: &Tenant) -> Option<String> {
    if live.kind != GroupKind::Security {
        return None;
    }
    let apps = live.owners.iter().filter_map(|owner| match (&owner.name, tenant.identity.app) {
        (_, Some(own)) if owner.id == tenant.identity.id => Some(own),
        (PrincipalName::ServicePrincipal(app), _) => Some(*app),
        _ => None,
    });
    let apps: BTreeSet<AppId> = apps.filter(|app| !desired.appliers.contains(app)).collect();
    let near = |app: AppId| {
        let listed = desired.appliers.iter().map(|listed| (distance(*listed, app), *listed));
        listed.filter(|(distance, _)| *distance <= NEAR).min().map(|(_, listed)| listed)
    };
    let own = apps.iter().find(|app| tenant.identity.app == Some(**app));
    let app = own.or_else(|| apps.iter().find(|app| near(**app).is_some()))?;
    let whose = if own.is_some() { "the app that you run as" } else { "an app" };
    let next = near(*app).map_or_else(
        || format!("If {app} applies this config, add it to `appliers`"),
        |listed| format!("`appliers` has {listed}: did you mean {app}? Correct it"),
    );
    Some(format!(
        "a group with the mark of {key} is there (`{}`, id {}), and among its owners is {app}, {whose}, which `appliers` of \
         `rolecall.yaml` does not list. Until it does the group is not taken for ours: nothing is changed about it or bound to \
         it. {next}",
        live.display_name, live.id
    ))
}

/// How many digits of an app id may be mistyped.
const NEAR: usize = 2;

fn distance(one: AppId, other: AppId) -> usize {
    strsim::osa_distance(&one.to_string(), &other.to_string())
}

fn by_id<'a>(
    desired: &Desired,
    key: &'a GroupKey,
    group: &'a DesiredGroup,
    id: ObjectId,
    tenant: &'a Tenant,
) -> Standing<'a> {
    let held = |reason, message| Standing::Held {
        cause: Cause::new(Some(&group.origin), reason, message),
        called: Called::Id(id),
    };
    let live = match tenant.by_id.get(&id) {
        Some(Some(live)) => live,
        Some(None) => {
            let message =
                format!("group {key} is to be the one with id {id}, and there is no such group. Correct the id");
            return held(Reason::MissingGroup, message);
        }
        None => {
            let message = format!("group {key} is to be the one with id {id}, which is not in the snapshot");
            return held(Reason::NotInSnapshot, message);
        }
    };
    match live.unique_name.as_deref().and_then(mark::parse_unique_name) {
        Some((config, _)) if is_managed(group) && config != desired.config => held(
            Reason::OtherConfig,
            format!(
                "group {key} (`{}`, id {id}) belongs to the rolecall config {config}, and two configs cannot manage one \
                 group. Refer to it by `id:` instead of `adopt:`, or remove it from {config} first",
                live.display_name
            ),
        ),
        _ => Standing::Live(live),
    }
}

/// Two keys that manage one object would undo each other's work for ever: those that adopt it are held.
fn hold_shared(desired: &Desired, standings: &mut BTreeMap<&GroupKey, Standing<'_>>) {
    let mut managers: BTreeMap<ObjectId, Vec<GroupKey>> = BTreeMap::new();
    for (key, standing) in &*standings {
        if let Standing::Live(live) = standing
            && desired.groups.get(*key).is_some_and(is_managed)
        {
            managers.entry(live.id).or_default().push((*key).clone());
        }
    }
    for (id, keys) in managers.into_iter().filter(|(_, keys)| keys.len() > 1) {
        let names: Vec<&str> = keys.iter().map(GroupKey::as_str).collect();
        for key in &keys {
            if let Some(group) = desired.groups.get(key)
                && group.management != Management::Owned
                && let Some(standing) = standings.get_mut(key)
            {
                let message = format!(
                    "{} are one and the same group (id {id}), and only one of them can manage it. Keep one block, and \
                     use `id:` in the others",
                    names.join(" and ")
                );
                *standing = Standing::Held {
                    cause: Cause::new(Some(&group.origin), Reason::SameGroup, message),
                    called: Called::Id(id),
                };
            }
        }
    }
}

/// The display name that each usable group has once the plan is applied. A key that only refers to a group sees what the
/// key that manages it does.
pub(super) fn final_names<'a>(
    desired: &'a Desired,
    policy: &Policy,
    standings: &BTreeMap<&'a GroupKey, Standing<'a>>,
) -> BTreeMap<&'a GroupKey, &'a str> {
    let mut written: BTreeMap<ObjectId, &str> = BTreeMap::new();
    for (key, standing) in standings {
        if let Standing::Live(live) = standing
            && let Some(group) = desired.groups.get(*key)
            && let Some(name) = &group.display_name
            && policy.only.group(key)
            && is_managed(group)
            && read_only(live.kind).is_none()
        {
            written.insert(live.id, name);
        }
    }
    let name = |key: &'a GroupKey, standing: &Standing<'a>| match standing {
        Standing::Live(live) => Some(written.get(&live.id).copied().unwrap_or(&live.display_name)),
        Standing::Planned { .. } => {
            Some(desired.groups.get(key)?.display_name.as_deref().unwrap_or_else(|| key.as_str()))
        }
        Standing::Restored { deleted, .. } => Some(deleted.display_name.as_str()),
        Standing::Held { .. } => None,
    };
    standings.iter().filter_map(|(key, standing)| Some((*key, name(key, standing)?))).collect()
}
