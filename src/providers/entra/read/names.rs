//! What each name in the files stands for. Nobody whom a list already names is looked up, but for guests: a mail address
//! is not unique, so that a list never shows that nobody else has it.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use super::directory::LookUp;
use super::edges::Live;
use crate::providers::entra::client::ReadClient;
use crate::state::{
    GroupKey, GroupKind, LiveGroup, LivePrincipal, Mail, ObjectId, PrincipalKind, PrincipalName, Resolution, Result,
    UserPrincipalName, nearest,
};

/// Who may be meant by each name, each object once.
pub(super) type Candidates = BTreeMap<PrincipalName, Vec<LivePrincipal>>;

/// Names of which it is known what was read already.
pub(super) struct Names<'a> {
    asked: &'a BTreeSet<PrincipalName>,
    candidates: Candidates,
    known: Known,
    pub(super) look_up: LookUp,
}

impl<'a> Names<'a> {
    pub(super) fn new(names: &'a BTreeSet<PrincipalName>, live: &Live, keys: &BTreeMap<ObjectId, GroupKey>) -> Self {
        let everyone = everyone(&live.groups);
        let candidates = seen(names, &everyone, live, keys);
        let is_open =
            |name: &&PrincipalName| matches!(name, PrincipalName::Guest(_)) || !candidates.contains_key(*name);
        let look_up = LookUp::of(&names.iter().filter(is_open).collect::<Vec<_>>());
        Self { asked: names, candidates, known: Known::of(&everyone), look_up }
    }

    /// Resolves every name.
    pub(super) fn finish(self, client: &ReadClient) -> Result<BTreeMap<PrincipalName, Resolution>> {
        let Self { asked, mut candidates, known, look_up } = self;
        let directory = look_up.finish(client)?;
        let mut resolved = BTreeMap::new();
        for name in asked {
            let mut found = candidates.remove(name).unwrap_or_default();
            directory.candidates(name).iter().for_each(|who| add(&mut found, who.clone()));
            found.sort_by_key(|who| who.id);
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

/// Adds a candidate; what was read of it last is what counts.
pub(super) fn add(candidates: &mut Vec<LivePrincipal>, who: LivePrincipal) {
    match candidates.iter_mut().find(|other| other.id == who.id) {
        Some(other) => *other = who,
        None => candidates.push(who),
    }
}

/// Who owns a group or is in one: not once for each, but once for each thing that was read of them.
fn everyone(live: &BTreeMap<ObjectId, LiveGroup>) -> Vec<&LivePrincipal> {
    let mut known: HashMap<ObjectId, &LivePrincipal> = HashMap::new();
    let listed = live.values().flat_map(|group| group.owners.iter().chain(&group.members));
    listed.filter(|who| known.insert(who.id, who).is_none_or(|before| before != *who)).collect()
}

/// Who is named by what was read already.
fn seen(
    names: &BTreeSet<PrincipalName>,
    everyone: &[&LivePrincipal],
    live: &Live,
    keys: &BTreeMap<ObjectId, GroupKey>,
) -> Candidates {
    let mut seen = Candidates::new();
    let mut note = |name: PrincipalName, principal: &LivePrincipal| {
        if names.contains(&name) {
            add(seen.entry(name).or_default(), principal.clone());
        }
    };
    for principal in everyone {
        match principal.kind {
            PrincipalKind::User | PrincipalKind::Guest => {
                if let Some(name) = user_principal_name(principal) {
                    note(PrincipalName::User(name), principal);
                }
                if live.guests.contains(&principal.id) {
                    note(principal.name.clone(), principal);
                }
            }
            PrincipalKind::Group => note(PrincipalName::GroupId(principal.id), principal),
            PrincipalKind::ServicePrincipal => note(principal.name.clone(), principal),
            PrincipalKind::Device | PrincipalKind::Contact | PrincipalKind::Other => {}
        }
    }
    for group in live.groups.values() {
        let name =
            keys.get(&group.id).map_or(PrincipalName::GroupId(group.id), |key| PrincipalName::Group(key.clone()));
        let principal = LivePrincipal {
            id: group.id,
            kind: PrincipalKind::Group,
            name: name.clone(),
            user_principal_name: None,
            display_name: Some(group.display_name.as_str().into()),
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
    users: BTreeSet<UserPrincipalName>,
    guests: BTreeSet<Mail>,
}

impl Known {
    fn of(everyone: &[&LivePrincipal]) -> Self {
        let mut known = Self { users: BTreeSet::new(), guests: BTreeSet::new() };
        for principal in everyone {
            match &principal.name {
                PrincipalName::User(name) => drop(known.users.insert(name.clone())),
                PrincipalName::Guest(mail) => drop(known.guests.insert(mail.clone())),
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
        match name {
            PrincipalName::User(name) => {
                nearest(name.as_str(), self.users.iter().map(UserPrincipalName::as_str)).map(str::to_owned)
            }
            PrincipalName::Guest(mail) => {
                nearest(mail.as_str(), self.guests.iter().map(Mail::as_str)).map(str::to_owned)
            }
            PrincipalName::Group(_)
            | PrincipalName::GroupId(_)
            | PrincipalName::ServicePrincipal(_)
            | PrincipalName::Object(_) => None,
        }
    }
}
