//! What each name in the files stands for. Nobody whom a list already names is looked up, but for guests: a mail address
//! is not unique, so that a list never shows that nobody else has it.

use std::collections::{BTreeMap, BTreeSet};

use super::directory::LookUp;
use super::edges::Live;
use crate::providers::entra::client::ReadClient;
use crate::state::{
    GroupKey, GroupKind, LiveGroup, LivePrincipal, ObjectId, PrincipalKind, PrincipalName, Resolution, Result,
    UserPrincipalName,
};

/// Who may be meant by each name.
pub(super) type Candidates = BTreeMap<PrincipalName, BTreeMap<ObjectId, LivePrincipal>>;

/// Names of which it is known what was read already.
pub(super) struct Names<'a> {
    asked: &'a BTreeSet<PrincipalName>,
    candidates: Candidates,
    known: Known,
    pub(super) look_up: LookUp,
}

impl<'a> Names<'a> {
    pub(super) fn new(names: &'a BTreeSet<PrincipalName>, live: &Live, keys: &BTreeMap<ObjectId, GroupKey>) -> Self {
        let candidates = seen(names, &live.groups, &live.guests, keys);
        let is_open =
            |name: &&PrincipalName| matches!(name, PrincipalName::Guest(_)) || !candidates.contains_key(*name);
        let look_up = LookUp::of(&names.iter().filter(is_open).collect::<Vec<_>>());
        Self { asked: names, candidates, known: Known::of(&live.groups), look_up }
    }

    /// Resolves every name.
    pub(super) fn finish(self, client: &ReadClient) -> Result<BTreeMap<PrincipalName, Resolution>> {
        let Self { asked, mut candidates, known, look_up } = self;
        let directory = look_up.finish(client)?;
        let mut resolved = BTreeMap::new();
        for name in asked {
            let mut found = candidates.remove(name).unwrap_or_default();
            found.extend(directory.candidates(name).into_iter().flatten().map(|(id, who)| (*id, who.clone())));
            let mut found: Vec<LivePrincipal> = found.into_values().collect();
            let resolution = match found.len() {
                1 => found.pop().map(Resolution::Found),
                2.. => Some(Resolution::Ambiguous(found)),
                0 => directory.missing(name).map(|(reason, instead)| {
                    let suggestion = instead.or_else(|| known.closest(name));
                    Resolution::Missing { reason, suggestion }
                }),
            };
            resolved.extend(resolution.map(|resolution| (name.clone(), resolution)));
        }
        Ok(resolved)
    }
}

/// Who is named by what was read already.
fn seen(
    names: &BTreeSet<PrincipalName>,
    live: &BTreeMap<ObjectId, LiveGroup>,
    guests: &BTreeSet<ObjectId>,
    keys: &BTreeMap<ObjectId, GroupKey>,
) -> Candidates {
    let mut seen = Candidates::new();
    let mut note = |name: PrincipalName, principal: &LivePrincipal| {
        if names.contains(&name) {
            seen.entry(name).or_default().insert(principal.id, principal.clone());
        }
    };
    for principal in live.values().flat_map(|group| group.owners.iter().chain(&group.members)) {
        match principal.kind {
            PrincipalKind::User | PrincipalKind::Guest => {
                if let Some(name) = user_principal_name(principal) {
                    note(PrincipalName::User(name), principal);
                }
                if guests.contains(&principal.id) {
                    note(principal.name.clone(), principal);
                }
            }
            PrincipalKind::Group => note(PrincipalName::GroupId(principal.id), principal),
            PrincipalKind::ServicePrincipal => note(principal.name.clone(), principal),
            PrincipalKind::Device | PrincipalKind::Contact | PrincipalKind::Other => {}
        }
    }
    for group in live.values() {
        let name =
            keys.get(&group.id).map_or(PrincipalName::GroupId(group.id), |key| PrincipalName::Group(key.clone()));
        let principal = LivePrincipal {
            id: group.id,
            kind: PrincipalKind::Group,
            name: name.clone(),
            user_principal_name: None,
            display_name: Some(group.display_name.clone()),
            enabled: None,
        };
        // A Microsoft 365 group can be no member, which the directory says.
        if group.kind != GroupKind::Microsoft365 {
            note(PrincipalName::GroupId(group.id), &principal);
        }
        note(name, &principal);
    }
    seen
}

pub(super) fn user_principal_name(principal: &LivePrincipal) -> Option<UserPrincipalName> {
    principal.user_principal_name.as_deref()?.parse().ok()
}

/// The names that were read, to suggest one that was meant.
struct Known {
    users: BTreeSet<String>,
    guests: BTreeSet<String>,
}

impl Known {
    fn of(live: &BTreeMap<ObjectId, LiveGroup>) -> Self {
        let mut known = Self { users: BTreeSet::new(), guests: BTreeSet::new() };
        for principal in live.values().flat_map(|group| group.owners.iter().chain(&group.members)) {
            match &principal.name {
                PrincipalName::User(name) => drop(known.users.insert(name.to_string())),
                PrincipalName::Guest(mail) => drop(known.guests.insert(mail.to_string())),
                PrincipalName::Group(_)
                | PrincipalName::GroupId(_)
                | PrincipalName::ServicePrincipal(_)
                | PrincipalName::Object(_) => {}
            }
        }
        known
    }

    /// The nearest name that is at most two slips away.
    fn closest(&self, name: &PrincipalName) -> Option<String> {
        let (name, known) = match name {
            PrincipalName::User(name) => (name.to_string(), &self.users),
            PrincipalName::Guest(mail) => (mail.to_string(), &self.guests),
            PrincipalName::Group(_)
            | PrincipalName::GroupId(_)
            | PrincipalName::ServicePrincipal(_)
            | PrincipalName::Object(_) => return None,
        };
        let near = known.iter().map(|other| (strsim::osa_distance(&name, other), other));
        near.filter(|(distance, _)| (1..=2).contains(distance)).min().map(|(_, other)| other.clone())
    }
}
