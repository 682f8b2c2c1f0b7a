//! Owners and members of one group: what is added, what is removed, and what waits.

use std::collections::{BTreeMap, BTreeSet};

use super::draft::{Cause, Draft};
use super::people::is_disabled;
use super::resolve::{Directory, Doubt, Resolved, label};
use crate::plan::{NoteKind, Reason};
use crate::state::{
    Address, Change, DesiredGroup, Edge, GroupKey, GroupKind, Identity, LiveGroup, LivePrincipal, Membership, ObjectId,
    Operation, Origin, Policy, PrincipalKind, PrincipalName, PrivilegedMembers, Resource, Sign,
};

/// Which of a group's two lists.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum List {
    Owners,
    Members,
}

impl List {
    fn address(self, key: &GroupKey, name: &PrincipalName) -> Address {
        match self {
            Self::Owners => Address::Owner(key.clone(), name.clone()),
            Self::Members => Address::Member(key.clone(), name.clone()),
        }
    }

    fn resource(self, edge: Edge) -> Resource {
        match self {
            Self::Owners => Resource::Owner(edge),
            Self::Members => Resource::Member(edge),
        }
    }
}

/// One list of one group, as it is asked for and as it is.
pub(super) struct Edges<'a> {
    pub(super) list: List,
    pub(super) key: &'a GroupKey,
    /// Its block.
    pub(super) origin: &'a Origin,
    pub(super) id: Identity,
    /// What it is, or becomes.
    pub(super) kind: GroupKind,
    pub(super) asked: &'a BTreeMap<PrincipalName, Origin>,
    pub(super) live: &'a [LivePrincipal],
    /// Who becomes an owner by the creation itself.
    pub(super) first_owner: Option<ObjectId>,
    pub(super) removes: Removes<'a>,
}

/// Who goes.
#[derive(Clone, Copy)]
pub(super) enum Removes<'a> {
    /// Whoever is not asked for.
    Surplus,
    /// Only these.
    These(&'a BTreeMap<PrincipalName, Origin>),
}

/// The lists of a group that the files manage, as they are asked for and as they are: none there yet where it is to be made.
pub(super) fn of_group<'a>(
    key: &'a GroupKey,
    group: &'a DesiredGroup,
    id: &Identity,
    live: Option<&'a LiveGroup>,
    first_owner: Option<ObjectId>,
) -> impl Iterator<Item = Edges<'a>> {
    let kind = live.map_or(GroupKind::Security, |live| live.kind);
    let edges = |list, asked, live, first_owner, removes| Edges {
        list,
        key,
        origin: &group.origin,
        id: id.clone(),
        kind,
        asked,
        live,
        first_owner,
        removes,
    };
    let members = live.map_or(&[][..], |live| &live.members);
    let members = match group.membership {
        Membership::Authoritative => Some(edges(List::Members, &group.members, members, None, Removes::Surplus)),
        Membership::Additive => {
            Some(edges(List::Members, &group.members, members, None, Removes::These(&group.absent)))
        }
        Membership::External => None,
    };
    let there = live.map_or(&[][..], |live| &live.owners);
    let owners = group.owners.as_ref().map(|owners| edges(List::Owners, owners, there, first_owner, Removes::Surplus));
    members.into_iter().chain(owners)
}

/// The changes of one list, and whom PIM must be asked about.
#[derive(Default)]
pub(super) struct Found {
    pub(super) changes: Vec<Change>,
    /// Whether somebody would lose their membership unless they hold it through PIM.
    pub(super) loses_members: bool,
}

impl Edges<'_> {
    /// Whether there is nothing to do and nothing to say, as with nearly every list of a company: the ids alone show it.
    pub(super) fn is_as_asked(&self, directory: &Directory<'_>) -> bool {
        let asked: Option<Vec<ObjectId>> = self.asked.keys().map(|name| directory.plain(name)).collect();
        let Some(mut asked) = asked else { return false };
        let mut live: Vec<ObjectId> = self.live.iter().map(|each| each.id).collect();
        asked.sort_unstable();
        live.sort_unstable();
        let are_all_there = || asked.iter().all(|id| live.binary_search(id).is_ok());
        let may_stay =
            |each: &LivePrincipal| asked.binary_search(&each.id).is_ok() || self.is_an_applier(each, directory);
        match self.removes {
            Removes::Surplus => asked == live || (are_all_there() && self.live.iter().all(may_stay)),
            Removes::These(absent) => absent.is_empty() && are_all_there(),
        }
    }

    /// Compares the two lists. What cannot be done goes straight into the draft.
    pub(super) fn compare(
        &self,
        directory: &Directory<'_>,
        policy: &Policy,
        without_pim: bool,
        draft: &mut Draft,
    ) -> Found {
        let live: BTreeMap<ObjectId, &LivePrincipal> = self.live.iter().map(|each| (each.id, each)).collect();
        let mut wanted: BTreeMap<Identity, (&PrincipalName, &Origin)> = BTreeMap::new();
        let mut doubts = Vec::new();
        let mut found = Found::default();
        for (name, origin) in self.asked {
            let address = self.list.address(self.key, name);
            let resolved = match directory.resolve(name) {
                Ok(resolved) => resolved,
                Err(doubt) => {
                    doubts.push((cause_of(name, origin, doubt, policy), Sign::Add, address));
                    continue;
                }
            };
            note_disabled(name, origin, &resolved, draft);
            if wanted.contains_key(&resolved.identity) {
                continue;
            }
            wanted.insert(resolved.identity.clone(), (name, origin));
            let there = match &resolved.identity {
                Identity::Known(id) => live.contains_key(id) || self.first_owner == Some(*id),
                Identity::AfterApply(_) => false,
            };
            if there {
                continue;
            }
            match self.refused(name, &resolved) {
                Some((reason, message)) => draft.withhold(&Cause::new(Some(origin), reason, message), [address]),
                None => found.changes.push(self.add(name, origin, &resolved)),
            }
        }
        let kept = self.look_new(&wanted, draft);
        let absent = self.absent(&wanted, directory, policy, &mut doubts, draft, &mut found);
        // Removals that wait for a name wait whatever PIM says, so it need not be asked.
        let without_pim = without_pim || !doubts.is_empty();
        let goes = |id: ObjectId| match self.removes {
            Removes::Surplus => !kept.contains(&id) && !wanted.contains_key(&Identity::Known(id)),
            Removes::These(_) => absent.contains_key(&id),
        };
        let mut removals = self.removals(goes, &live, directory, without_pim, draft, &mut found);
        for removal in &mut removals {
            if let Some(Resource::Member(Edge { principal_id: Identity::Known(id), .. })) = removal.before() {
                removal.origin = absent.get(id).map(|origin| (*origin).clone());
            }
        }
        self.settle(doubts, removals, draft, &mut found);
        found
    }

    /// Groups in this list that carry the mark of a group which is asked for and is to be created: most likely they are that
    /// group, read when not every server of Entra knew it. Taken out, it could not be put in again by this plan.
    fn look_new(
        &self,
        wanted: &BTreeMap<Identity, (&PrincipalName, &Origin)>,
        draft: &mut Draft,
    ) -> BTreeSet<ObjectId> {
        let Removes::Surplus = self.removes else { return BTreeSet::new() };
        let mut kept = BTreeSet::new();
        for each in self.live {
            let PrincipalName::Group(marked) = &each.name else { continue };
            let Some((name, origin)) = wanted.get(&Identity::AfterApply(marked.clone())) else { continue };
            let message = format!(
                "{} holds group {} with the mark of `{name}`, which was not found itself and would be created; it is \
                 left where it is. Plan again",
                self.key, each.id
            );
            let cause = Cause::new(Some(origin), Reason::GroupNotFound, message);
            draft.withhold_as(Sign::Remove, &cause, [self.list.address(self.key, &PrincipalName::Object(each.id))]);
            kept.insert(each.id);
        }
        kept
    }

    /// Who is to go by name. Somebody who is asked for as well, by another spelling, is neither put in nor taken out.
    fn absent(
        &self,
        wanted: &BTreeMap<Identity, (&PrincipalName, &Origin)>,
        directory: &Directory<'_>,
        policy: &Policy,
        doubts: &mut Vec<(Cause, Sign, Address)>,
        draft: &mut Draft,
        found: &mut Found,
    ) -> BTreeMap<ObjectId, &Origin> {
        let mut absent = BTreeMap::new();
        let Removes::These(names) = self.removes else { return absent };
        for (name, origin) in names {
            let address = self.list.address(self.key, name);
            match directory.resolve(name) {
                Err(doubt) => doubts.push((cause_of(name, origin, doubt, policy), Sign::Remove, address)),
                Ok(resolved) => match (wanted.get(&resolved.identity), resolved.identity) {
                    (Some((member, at)), _) => {
                        let message = format!(
                            "`{name}` is to be absent from {}, and is the same as its member `{member}` ({at}); nothing is \
                             done about either. Take one of the two out",
                            self.key
                        );
                        let member = self.list.address(self.key, member);
                        found.changes.retain(|change| change.address != member);
                        let cause = Cause::new(Some(origin), Reason::MemberAndAbsent, message).error_if(true);
                        draft.withhold_as(Sign::Remove, &cause, [address]);
                        draft.withhold(&cause, [member]);
                    }
                    (None, Identity::Known(id)) => {
                        absent.insert(id, origin);
                    }
                    // A group that is not there yet is in nothing.
                    (None, Identity::AfterApply(_)) => {}
                },
            }
        }
        absent
    }

    /// One entry that does not resolve holds back every removal: it may be the very person who would be removed.
    fn settle(&self, doubts: Vec<(Cause, Sign, Address)>, removals: Vec<Change>, draft: &mut Draft, found: &mut Found) {
        let waiting: Vec<Address> = removals.iter().map(|change| change.address.clone()).collect();
        if doubts.is_empty() {
            found.changes.extend(removals);
        }
        for (mut cause, sign, address) in doubts {
            if !waiting.is_empty()
                && matches!(
                    cause.reason,
                    Reason::UnknownPerson | Reason::AmbiguousPerson | Reason::UnknownGroup | Reason::NotInSnapshot
                )
            {
                cause.message = format!("{}; removals in {} wait", cause.message, self.key);
            }
            draft.withhold_as(sign, &cause, [address]);
            draft.withhold_as(Sign::Remove, &cause, waiting.iter().cloned());
        }
    }

    /// What Entra would refuse, known beforehand.
    fn refused(&self, name: &PrincipalName, who: &Resolved<'_>) -> Option<(Reason, String)> {
        let key = self.key;
        let is_person = matches!(who.kind, PrincipalKind::User | PrincipalKind::Guest);
        if who.identity == self.id {
            return Some((
                Reason::ContainsItself,
                format!("`{name}` is {key} itself; a group cannot be in its own lists"),
            ));
        }
        match self.list {
            List::Owners if !is_person && who.kind != PrincipalKind::ServicePrincipal => Some((
                Reason::NotAnOwner,
                format!("`{name}` cannot own {key}: owners are users, guests and service principals"),
            )),
            List::Members if self.kind == GroupKind::Microsoft365 && !is_person => Some((
                Reason::UsersOnly,
                format!("`{name}` cannot be in {key}: a Microsoft 365 group has users and guests as members only"),
            )),
            List::Members => match who.group.map(|group| group.kind) {
                Some(GroupKind::Microsoft365 | GroupKind::Distribution) => Some((
                    Reason::CannotNest,
                    format!(
                        "`{name}` cannot be in {key}: a Microsoft 365 group or distribution list cannot be a member of a \
                         security group. Name its people, or use a security group"
                    ),
                )),
                _ => None,
            },
            List::Owners => None,
        }
    }

    fn add(&self, name: &PrincipalName, origin: &Origin, who: &Resolved<'_>) -> Change {
        let promised = [&self.id, &who.identity].into_iter().filter_map(|identity| match identity {
            Identity::AfterApply(group) => Some(Address::Group(group.clone())),
            Identity::Known(_) => None,
        });
        let edge = self.edge(name, who.identity.clone(), who.kind);
        Change {
            origin: Some(origin.clone()),
            requires: promised.collect(),
            ..Change::new(self.list.address(self.key, name), Operation::Create { after: self.list.resource(edge) })
        }
    }

    fn removals(
        &self,
        goes: impl Fn(ObjectId) -> bool,
        live: &BTreeMap<ObjectId, &LivePrincipal>,
        directory: &Directory<'_>,
        without_pim: bool,
        draft: &mut Draft,
        found: &mut Found,
    ) -> Vec<Change> {
        let surplus: Vec<&LivePrincipal> = live
            .values()
            .copied()
            .filter(|each| goes(each.id))
            .filter(|each| !self.is_an_applier(each, directory))
            .filter(|each| {
                each.kind != PrincipalKind::Other || {
                    let message = format!(
                        "{} holds {}, an object of a type this version does not know; it is left where it is",
                        self.key,
                        label(each)
                    );
                    draft.note(None, Some(self.origin), NoteKind::UnknownObject, message);
                    false
                }
            })
            .collect();
        if surplus.is_empty() {
            return Vec::new();
        }
        let names = self.names(&surplus, live, directory);
        // Additions come first where otherwise a group might be left without an owner, or without anybody in it.
        let additions: BTreeSet<Address> = found.changes.iter().map(|change| change.address.clone()).collect();
        let remove = |lost: &[&LivePrincipal]| -> Vec<Change> {
            let waits = self.list == List::Owners || lost.len() == live.len();
            let requires = if waits { additions.clone() } else { BTreeSet::new() };
            lost.iter().map(|each| Change { requires: requires.clone(), ..self.removal(each, &names) }).collect()
        };
        if self.list == List::Owners || without_pim {
            return remove(&surplus);
        }
        found.loses_members = true;
        let privileged = self.id.known().and_then(|id| directory.privileged(id));
        match privileged {
            Some(PrivilegedMembers::Active(active)) => {
                let (kept, lost): (Vec<_>, Vec<_>) = surplus.into_iter().partition(|each| active.contains(&each.id));
                for each in kept {
                    let message = format!(
                        "{} is in {} through Privileged Identity Management; that is no drift",
                        label(each),
                        self.key
                    );
                    draft.note(None, Some(self.origin), NoteKind::PrivilegedMember, message);
                }
                remove(&lost)
            }
            Some(PrivilegedMembers::Unreadable(why)) => {
                self.withhold_for_pim(why, remove(&surplus), draft);
                Vec::new()
            }
            None => {
                self.withhold_for_pim("they were not read", remove(&surplus), draft);
                Vec::new()
            }
        }
    }

    /// Whether somebody is an owner because they apply, which no file needs to say.
    fn is_an_applier(&self, each: &LivePrincipal, directory: &Directory<'_>) -> bool {
        self.list == List::Owners && (directory.is_applier(each) || directory.is_own_app(each))
    }

    fn withhold_for_pim(&self, why: &str, removals: Vec<Change>, draft: &mut Draft) {
        let message = format!(
            "removals in {} wait: a membership through Privileged Identity Management must not be taken for drift, and \
             those of this group could not be read: {why}. Let this identity read them, or write `pim: none` under \
             `tenant` if it is not in use",
            self.key
        );
        let cause = Cause::new(Some(self.origin), Reason::PimUnreadable, message);
        draft.withhold_as(Sign::Remove, &cause, removals.into_iter().map(|change| change.address));
    }

    /// The names for addresses of removals: the usual one, or the object id where that would mean two things.
    fn names(
        &self,
        surplus: &[&LivePrincipal],
        live: &BTreeMap<ObjectId, &LivePrincipal>,
        directory: &Directory<'_>,
    ) -> BTreeMap<ObjectId, PrincipalName> {
        let mut count: BTreeMap<PrincipalName, usize> = BTreeMap::new();
        for each in live.values() {
            *count.entry(directory.name_of(each)).or_default() += 1;
        }
        surplus
            .iter()
            .map(|each| {
                let name = directory.name_of(each);
                let unique = count.get(&name) == Some(&1) && !self.asked.contains_key(&name);
                (each.id, if unique { name } else { PrincipalName::Object(each.id) })
            })
            .collect()
    }

    fn removal(&self, who: &LivePrincipal, names: &BTreeMap<ObjectId, PrincipalName>) -> Change {
        let name = names.get(&who.id).unwrap_or(&who.name);
        let edge = self.edge(name, Identity::Known(who.id), who.kind);
        Change::new(self.list.address(self.key, name), Operation::Delete { before: self.list.resource(edge) })
    }

    fn edge(&self, name: &PrincipalName, principal_id: Identity, kind: PrincipalKind) -> Edge {
        Edge { group: self.key.clone(), group_id: self.id.clone(), principal: name.clone(), principal_id, kind }
    }
}

fn cause_of(name: &PrincipalName, origin: &Origin, doubt: Doubt<'_>, policy: &Policy) -> Cause {
    match doubt {
        Doubt::Held(cause) => cause.clone(),
        Doubt::Name { reason, why } => {
            Cause::new(Some(origin), reason, format!("`{name}`: {why}")).error_if(policy.strict)
        }
    }
}

fn note_disabled(name: &PrincipalName, origin: &Origin, who: &Resolved<'_>, draft: &mut Draft) {
    if who.live.is_some_and(is_disabled) {
        let message = format!("`{name}` is disabled: what is granted here takes effect when the account is enabled");
        draft.note_about(name.to_string(), origin, NoteKind::DisabledPerson, message);
    }
}
