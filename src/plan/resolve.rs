//! From names to object ids, and from the groups of the files to the live ones they mean.

use std::collections::{BTreeMap, BTreeSet, HashSet};

use foldhash::fast::RandomState;

use super::draft::Cause;
use super::edges::{self, List};
use super::people::{People, is_disabled};
use super::standing::{self, Called, Standing};
use crate::plan::Reason;
use crate::state::{
    Above, AppId, DeletedGroup, Desired, GroupAnswers, GroupKey, GroupNaming, Identity, LiveGroup, LivePrincipal,
    ObjectId, Policy, PrincipalKind, PrincipalName, PrivilegedMembers, Resolution, Subject, SubjectKind, SubjectName,
    Tenant, TokenNaming, UserNaming,
};

/// What a name stands for.
#[derive(Clone, Debug)]
pub(super) struct Resolved<'a> {
    /// Its object id, or the promise of one.
    pub(super) identity: Identity,
    /// Its kind.
    pub(super) kind: PrincipalKind,
    /// The person or app; `None` for groups of the files.
    pub(super) live: Option<&'a LivePrincipal>,
    /// The live group, where it was read.
    pub(super) group: Option<&'a LiveGroup>,
}

/// Why a name stands for nothing that may be used.
#[derive(Clone, Debug)]
pub(super) enum Doubt<'d> {
    /// It is a group of the files that is itself held back, for this cause.
    Held(&'d Cause),
    /// It does not stand for exactly one object.
    Name {
        /// A stable id: `unknown-person` or `ambiguous-person`.
        reason: Reason,
        /// A clause that says why.
        why: String,
    },
}

/// Before anything was asked of groups.
static UNASKED: GroupAnswers = GroupAnswers {
    privileged: BTreeMap::new(),
    above: BTreeMap::new(),
    inside: BTreeMap::new(),
    direct: BTreeMap::new(),
};

/// The names of a tenant.
pub(super) struct Directory<'a> {
    tenant: Option<&'a Tenant>,
    /// What was asked of groups; nothing, until it is given.
    answers: &'a GroupAnswers,
    /// The lists of live groups that are as the files ask, as far as they were compared.
    alike: HashSet<(&'a GroupKey, List), RandomState>,
    /// What became of each group of the files; empty when Entra could not be read.
    standings: BTreeMap<&'a GroupKey, Standing<'a>>,
    /// The key of each live group that the files know or that carries our mark.
    keys: BTreeMap<ObjectId, &'a GroupKey>,
    /// The groups that this plan restores, by the id that they keep.
    restored: BTreeMap<ObjectId, &'a GroupKey>,
    /// The key that each of our live groups carries in its mark, where that is one it had before.
    carried: BTreeMap<&'a GroupKey, &'a GroupKey>,
    /// The same groups by display name.
    called: BTreeMap<&'a str, Vec<&'a GroupKey>>,
    /// The display name that each group of the files has after this plan.
    final_names: BTreeMap<&'a GroupKey, &'a str>,
    /// The same groups by that name.
    finally_called: BTreeMap<&'a str, Vec<&'a GroupKey>>,
    /// People, apps and groups of others by name.
    people: People<'a>,
    /// The groups in groups, and what may be one: members of a type that we do not know.
    nested: BTreeMap<ObjectId, Vec<&'a LivePrincipal>>,
    /// The groups that whoever runs this is in.
    own_groups: BTreeSet<ObjectId>,
    /// The groups that carry our mark.
    marked: HashSet<ObjectId>,
    /// The service principals of the appliers.
    appliers: BTreeSet<ObjectId>,
}

impl<'a> Directory<'a> {
    /// Looks at everything once; look-ups are cheap afterwards.
    pub(super) fn new(desired: &'a Desired, tenant: Option<&'a Tenant>, policy: &Policy) -> Self {
        let mut directory = Self {
            tenant,
            answers: &UNASKED,
            alike: HashSet::default(),
            standings: BTreeMap::new(),
            keys: BTreeMap::new(),
            restored: BTreeMap::new(),
            carried: BTreeMap::new(),
            called: BTreeMap::new(),
            final_names: BTreeMap::new(),
            finally_called: BTreeMap::new(),
            people: People::new(tenant),
            nested: BTreeMap::new(),
            own_groups: BTreeSet::new(),
            marked: HashSet::new(),
            appliers: BTreeSet::new(),
        };
        let Some(tenant) = tenant else { return directory };
        for group in directory.people.groups() {
            for member in &group.members {
                if matches!(member.kind, PrincipalKind::Group | PrincipalKind::Other) {
                    directory.nested.entry(group.id).or_default().push(member);
                }
                if member.id == tenant.identity.id {
                    directory.own_groups.insert(group.id);
                }
            }
        }
        directory.marked = tenant.marked.values().map(|group| group.id).collect();
        directory.appliers = appliers(desired, tenant, &directory);
        directory.standings = standing::of_all(desired, tenant, policy, &directory);
        // A group with the mark of a key whose block means another group is nobody we know.
        for (key, group) in tenant.marked.iter().filter(|(key, _)| !desired.groups.contains_key(*key)) {
            directory.keys.insert(group.id, key);
        }
        for (key, standing) in &directory.standings {
            if let Standing::Live(group) = standing {
                directory.keys.insert(group.id, key);
            }
        }
        // Where a key only refers to a group that another key manages, the managing key is the group's name.
        for (key, standing) in &directory.standings {
            if let Standing::Live(group) = standing
                && desired.groups.get(*key).is_some_and(standing::is_managed)
            {
                directory.keys.insert(group.id, key);
            }
        }
        for (key, group) in &desired.groups {
            let carried = match directory.standings.get(key) {
                Some(Standing::Live(live)) => standing::carried_key(key, group, live, tenant),
                Some(Standing::Restored { carried, deleted, .. }) => {
                    directory.restored.insert(deleted.id, key);
                    Some(*carried)
                }
                Some(Standing::Planned { .. } | Standing::Held { .. }) | None => None,
            };
            directory.carried.extend(carried.map(|carried| (key, carried)));
        }
        directory.final_names = standing::final_names(desired, policy, &directory.standings);
        for (key, name) in &directory.final_names {
            directory.finally_called.entry(name).or_default().push(key);
        }
        for (key, group) in directory.live_groups().collect::<Vec<_>>() {
            directory.called.entry(&group.display_name).or_default().push(key);
        }
        directory
    }

    /// The same with what was asked of groups.
    pub(super) fn answered(self, answers: &'a GroupAnswers) -> Self {
        Self { answers, ..self }
    }

    /// Compares the lists of all groups, so that nearly all of them need no second look.
    pub(super) fn compare_lists(&mut self, desired: &'a Desired) {
        let mut alike = HashSet::default();
        for (key, group) in desired.groups.iter().filter(|(_, group)| standing::is_managed(group)) {
            if let Some(Standing::Live(live)) = self.standings.get(key) {
                let id = Identity::Known(live.id);
                let lists = edges::of_group(key, group, &id, Some(live), None);
                alike.extend(lists.filter(|each| each.is_as_asked(self)).map(|each| (key, each.list)));
            }
        }
        self.alike = alike;
    }

    /// Whether a list of a group was found to be as the files ask.
    pub(super) fn is_alike(&self, key: &GroupKey, list: List) -> bool {
        self.alike.contains(&(key, list))
    }

    /// Lets groups of the files that this plan does not make after all rest, for these causes.
    pub(super) fn hold(&mut self, refused: BTreeMap<GroupKey, Cause>) {
        for (key, cause) in refused {
            let name = self.final_names.remove(&key);
            if let Some(name) = name
                && let Some(same) = self.finally_called.get_mut(name)
            {
                same.retain(|other| **other != key);
            }
            if let Some(standing) = self.standings.get_mut(&key) {
                let called = match (&*standing, name) {
                    (Standing::Planned { .. }, Some(name)) => Called::New(name),
                    _ => Called::Unknown,
                };
                *standing = Standing::Held { cause, called };
            }
            self.restored.retain(|_, restored| **restored != key);
        }
    }

    /// What was read from Entra, if it could be.
    pub(super) fn tenant(&self) -> Option<&'a Tenant> {
        self.tenant
    }

    /// Who holds a membership of this group through Privileged Identity Management, if that was asked.
    pub(super) fn privileged(&self, group: ObjectId) -> Option<&'a PrivilegedMembers> {
        self.answers.privileged.get(&group)
    }

    /// What this group is in, if that was asked.
    pub(super) fn above(&self, group: ObjectId) -> Option<&'a Above> {
        self.answers.above.get(&group)
    }

    /// What became of a group of the files; `None` when Entra could not be read.
    pub(super) fn standing(&self, key: &GroupKey) -> Option<&Standing<'a>> {
        self.standings.get(key)
    }

    /// Whether a live group carries this config's mark.
    pub(super) fn is_marked(&self, live: &LiveGroup) -> bool {
        self.marked.contains(&live.id)
    }

    /// The key of a live group.
    pub(super) fn key(&self, id: ObjectId) -> Option<&'a GroupKey> {
        self.keys.get(&id).copied()
    }

    /// The groups that this plan restores.
    pub(super) fn restored(&self) -> impl Iterator<Item = (&'a GroupKey, &'a DeletedGroup)> {
        self.standings.iter().filter_map(|(key, standing)| match standing {
            Standing::Restored { deleted, .. } => Some((*key, *deleted)),
            Standing::Live(_) | Standing::Planned { .. } | Standing::Held { .. } => None,
        })
    }

    /// The key that a group is marked with, which outlives its key in the files.
    pub(super) fn mark_of<'k>(&self, key: &'k GroupKey) -> &'k GroupKey
    where
        'a: 'k,
    {
        self.carried.get(key).copied().unwrap_or(key)
    }

    /// A subject by the name that goes into names of bindings: a renamed group keeps the bindings that it has.
    pub(super) fn lasting(&self, subject: &PrincipalName) -> PrincipalName {
        match subject {
            PrincipalName::Group(key) => PrincipalName::Group(self.mark_of(key).clone()),
            other => other.clone(),
        }
    }

    /// The live group behind a key: one of the files, or one with our mark that no file asks for any more.
    pub(super) fn live(&self, key: &GroupKey) -> Option<&'a LiveGroup> {
        match self.standings.get(key) {
            Some(Standing::Live(group)) => Some(group),
            Some(_) => None,
            None => self.tenant?.marked.get(key),
        }
    }

    /// Every live group that the files know or that carries our mark, by key.
    pub(super) fn live_groups(&self) -> impl Iterator<Item = (&'a GroupKey, &'a LiveGroup)> {
        self.keys.values().filter_map(|key| self.live(key).map(|group| (*key, group)))
    }

    /// The members of a live group that are groups, or of a type that we do not know.
    pub(super) fn nested_in(&self, group: &LiveGroup) -> &[&'a LivePrincipal] {
        self.nested.get(&group.id).map_or(&[], Vec::as_slice)
    }

    /// Whether whoever runs this is in a live group.
    pub(super) fn holds_us(&self, group: &LiveGroup) -> bool {
        self.own_groups.contains(&group.id)
    }

    /// The live groups that are proven ours to change: those of the files that are managed, and those with our mark that
    /// an applier owns. A mark alone proves nothing.
    pub(super) fn own_groups(&self, desired: &Desired) -> impl Iterator<Item = (&'a GroupKey, &'a LiveGroup)> {
        self.live_groups().filter(|(key, live)| match desired.groups.get(*key) {
            Some(group) => standing::is_managed(group),
            None => standing::owned_by_applier(self, live),
        })
    }

    /// The display name that a group of the files has after this plan.
    pub(super) fn final_name(&self, key: &GroupKey) -> Option<&'a str> {
        self.final_names.get(key).copied()
    }

    /// The other groups of the files that have this display name after this plan.
    pub(super) fn others_finally_named(&self, key: &GroupKey, name: &str) -> Vec<&'a GroupKey> {
        let id = self.live(key).map(|group| group.id);
        let others = self.finally_called.get(name).into_iter().flatten().copied().filter(|other| *other != key);
        others.filter(|other| id.is_none() || self.live(other).map(|group| group.id) != id).collect()
    }

    /// The first applier that resolves: the first owner of a new group. Our own identity, if it is one.
    pub(super) fn first_applier(&self) -> Option<ObjectId> {
        let own = self.tenant?.identity.id;
        if self.appliers.contains(&own) { Some(own) } else { self.appliers.first().copied() }
    }

    /// The app of an applier's service principal.
    pub(super) fn app_of(&self, id: ObjectId) -> Option<AppId> {
        let tenant = self.tenant()?;
        if tenant.identity.id == id {
            return tenant.identity.app;
        }
        tenant.directory.iter().find_map(|(name, resolution)| match (name, resolution) {
            (PrincipalName::ServicePrincipal(app), Resolution::Found(live)) if live.id == id => Some(*app),
            _ => None,
        })
    }

    /// Whether this is the service principal of an applier.
    pub(super) fn is_applier(&self, principal: &LivePrincipal) -> bool {
        self.appliers.contains(&principal.id)
    }

    /// Whether this is the service principal we act as. A person who runs rolecall is an owner like any other, or the
    /// same files would mean another thing to each of them.
    pub(super) fn is_own_app(&self, principal: &LivePrincipal) -> bool {
        self.tenant.is_some_and(|tenant| tenant.identity.app.is_some() && tenant.identity.id == principal.id)
    }

    /// The name under which a live principal stands in addresses: groups by key, whatever the reader called them.
    pub(super) fn name_of(&self, principal: &LivePrincipal) -> PrincipalName {
        match (self.key(principal.id), &principal.name) {
            (Some(key), _) => PrincipalName::Group(key.clone()),
            (None, PrincipalName::Group(_)) => PrincipalName::GroupId(principal.id),
            (None, name) => name.clone(),
        }
    }

    /// What a name of the files stands for.
    pub(super) fn resolve(&self, name: &PrincipalName) -> Result<Resolved<'a>, Doubt<'_>> {
        match name {
            PrincipalName::Group(key) => self.resolve_group(key),
            PrincipalName::GroupId(id) if self.keys.contains_key(id) => Ok(Resolved {
                identity: Identity::Known(*id),
                kind: PrincipalKind::Group,
                live: None,
                group: self.key(*id).and_then(|key| self.live(key)),
            }),
            _ => self.people.resolve(name).map(|live| Resolved {
                identity: Identity::Known(live.id),
                kind: live.kind,
                live: Some(live),
                group: None,
            }),
        }
    }

    /// The object that a name of the files stands for, where there is one and nothing to say about it.
    pub(super) fn plain(&self, name: &PrincipalName) -> Option<ObjectId> {
        match name {
            PrincipalName::Group(_) | PrincipalName::GroupId(_) => {
                let resolved = self.resolve(name).ok()?;
                resolved.identity.known().filter(|_| !resolved.live.is_some_and(is_disabled))
            }
            PrincipalName::User(_)
            | PrincipalName::Guest(_)
            | PrincipalName::ServicePrincipal(_)
            | PrincipalName::Object(_) => self.people.plain(name),
        }
    }

    fn resolve_group(&self, key: &GroupKey) -> Result<Resolved<'a>, Doubt<'_>> {
        let (identity, group) = match self.standings.get(key) {
            Some(Standing::Live(group)) => (Identity::Known(group.id), Some(*group)),
            Some(Standing::Planned { .. }) => (Identity::AfterApply(key.clone()), None),
            Some(Standing::Restored { cause, .. } | Standing::Held { cause, .. }) => return Err(Doubt::Held(cause)),
            None => {
                return Err(Doubt::Name {
                    reason: Reason::UnknownGroup,
                    why: "the files define no group with this key".to_owned(),
                });
            }
        };
        Ok(Resolved { identity, kind: PrincipalKind::Group, live: None, group })
    }

    /// The groups that a subject names now. More than one only where clusters know groups by display name.
    pub(super) fn groups_called(&self, tokens: &TokenNaming, subject: &Subject) -> Vec<&'a GroupKey> {
        self.groups_by(tokens, subject, &self.called)
    }

    /// Whom a live subject stands for, where what was read tells.
    pub(super) fn named(&self, tokens: &TokenNaming, subject: &Subject) -> Option<PrincipalName> {
        let SubjectName::Known(name) = &subject.name else { return None };
        match (&subject.kind, tokens.users) {
            (SubjectKind::Group, _) => match self.groups_called(tokens, subject)[..] {
                [key] if !self.is_shared(tokens, subject) => Some(PrincipalName::Group(key.clone())),
                _ => None,
            },
            (SubjectKind::User, UserNaming::ObjectId) => {
                let id = name.strip_prefix(&tokens.users_prefix).and_then(spelt_id)?;
                self.people.name(id).cloned()
            }
            (SubjectKind::User, UserNaming::UserPrincipalName)
            | (SubjectKind::ServiceAccount | SubjectKind::Other(_), _) => None,
        }
    }

    /// Whether a subject is a display name that several groups have now, whoever they belong to.
    pub(super) fn is_shared(&self, tokens: &TokenNaming, subject: &Subject) -> bool {
        let SubjectName::Known(name) = &subject.name else { return false };
        let bare = name.strip_prefix(&tokens.groups_prefix).filter(|_| tokens.groups == GroupNaming::DisplayName);
        let same = bare.and_then(|bare| self.tenant?.by_display_name.get(bare)).into_iter().flatten();
        same.filter(|group| Some(group.display_name.as_str()) == bare).count() > 1
    }

    /// The groups that a subject names once the plan is applied: a display name is taken by renaming a group to it.
    pub(super) fn groups_finally_called(&self, tokens: &TokenNaming, subject: &Subject) -> Vec<&'a GroupKey> {
        self.groups_by(tokens, subject, &self.finally_called)
    }

    fn groups_by(
        &self,
        tokens: &TokenNaming,
        subject: &Subject,
        names: &BTreeMap<&'a str, Vec<&'a GroupKey>>,
    ) -> Vec<&'a GroupKey> {
        if subject.kind != SubjectKind::Group {
            return Vec::new();
        }
        match &subject.name {
            SubjectName::AfterApply { group, .. } => {
                self.standings.get_key_value(group).map(|(key, _)| *key).into_iter().collect()
            }
            SubjectName::Known(name) => {
                let Some(bare) = name.strip_prefix(&tokens.groups_prefix) else { return Vec::new() };
                match tokens.groups {
                    GroupNaming::ObjectId => spelt_id(bare)
                        .and_then(|id| self.key(id).or_else(|| self.restored.get(&id).copied()))
                        .into_iter()
                        .collect(),
                    GroupNaming::DisplayName => names.get(bare).cloned().unwrap_or_default(),
                }
            }
        }
    }
}

/// The object id that a subject's name is. RBAC compares bytes, so another spelling of an id is nobody's.
pub(super) fn spelt_id(name: &str) -> Option<ObjectId> {
    name.parse().ok().filter(|id: &ObjectId| id.to_string() == name)
}

fn appliers(desired: &Desired, tenant: &Tenant, directory: &Directory<'_>) -> BTreeSet<ObjectId> {
    let mut appliers: BTreeSet<ObjectId> = desired
        .appliers
        .iter()
        .filter_map(|app| Some(directory.people.resolve(&PrincipalName::ServicePrincipal(*app)).ok()?.id))
        .collect();
    if tenant.identity.app.is_some_and(|app| desired.appliers.contains(&app)) {
        appliers.insert(tenant.identity.id);
    }
    let owners = tenant.marked.values().chain(tenant.by_id.values().flatten()).flat_map(|group| &group.owners);
    appliers.extend(owners.filter_map(|owner| match owner.name {
        PrincipalName::ServicePrincipal(app) if desired.appliers.contains(&app) => Some(owner.id),
        _ => None,
    }));
    appliers
}

/// A live principal for people: the best name there is, and the id.
pub(super) fn label(principal: &LivePrincipal) -> String {
    let name = match &principal.name {
        PrincipalName::Object(id) => principal.display_name.as_deref().map_or_else(|| id.to_string(), str::to_owned),
        name => name.to_string(),
    };
    format!("{name} ({})", principal.id.short())
}

/// Several live principals for people, in an order that does not depend on how they were read.
pub(super) fn labels<'p>(several: impl IntoIterator<Item = &'p LivePrincipal>) -> String {
    let mut each: Vec<String> = several.into_iter().map(label).collect();
    each.sort();
    each.join(", ")
}
