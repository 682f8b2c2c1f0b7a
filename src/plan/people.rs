//! Whom a name stands for: people, apps, and groups of others.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, HashMap};

use foldhash::fast::RandomState;

use super::resolve::{Doubt, labels};
use crate::plan::Reason;
use crate::state::{
    LiveGroup, LivePrincipal, ObjectId, PrincipalKind, PrincipalName, Resolution, Tenant, UserPrincipalName,
};

/// For as many look-ups as there are members in the files. Names are written by others, so that the hash has a secret.
pub(super) type Table<K, V> = HashMap<K, V, RandomState>;

/// Everybody in a tenant whose name was read or looked up.
pub(super) struct People<'a> {
    tenant: Option<&'a Tenant>,
    /// What each name was looked up to be.
    found: Table<&'a PrincipalName, &'a Resolution>,
    /// Every group that was read.
    groups: Vec<&'a LiveGroup>,
    /// Where in their lists a name stands, each object once; made when a name is asked for that was not looked up.
    listed: OnceCell<Table<PrincipalName, Vec<Place>>>,
    plain: RefCell<Plain>,
    /// The name of everybody; made when it is first asked for.
    names: OnceCell<BTreeMap<ObjectId, PrincipalName>>,
}

/// Somebody in the lists of a group: the number of the group, and theirs among its members and then its owners.
#[derive(Clone, Copy)]
struct Place(usize, usize);

/// Names that stand for one object about which there is nothing to say, by where they are kept. Whoever is in many groups of
/// the files has one name there; to find it by its letters each time would take longer than all the rest of a comparison.
#[derive(Default)]
struct Plain {
    ids: Table<usize, ObjectId>,
    /// As long as these are here, nothing else is kept in their places.
    names: Vec<UserPrincipalName>,
}

impl<'a> People<'a> {
    pub(super) fn new(tenant: Option<&'a Tenant>) -> Self {
        let groups =
            tenant.into_iter().flat_map(|tenant| tenant.marked.values().chain(tenant.by_id.values().flatten()));
        Self {
            tenant,
            found: tenant.into_iter().flat_map(|tenant| &tenant.directory).collect(),
            groups: groups.collect(),
            listed: OnceCell::new(),
            plain: RefCell::default(),
            names: OnceCell::new(),
        }
    }

    /// Every group that was read, as often as it was.
    pub(super) fn groups(&self) -> &[&'a LiveGroup] {
        &self.groups
    }

    /// The one object that has a name.
    pub(super) fn resolve(&self, name: &PrincipalName) -> Result<&'a LivePrincipal, Doubt<'static>> {
        self.tenant.ok_or_else(|| unknown("Entra could not be read", None))?;
        match self.found.get(name) {
            Some(Resolution::Found(live)) => Ok(live),
            Some(Resolution::Missing { reason, suggestion }) => Err(unknown(reason, suggestion.as_deref())),
            Some(Resolution::Ambiguous(several)) => Err(ambiguous(several.iter())),
            Some(Resolution::NotInSnapshot) => Err(Doubt::Name {
                reason: Reason::NotInSnapshot,
                why: "it is not in the snapshot, so that nobody knows whom it stands for".to_owned(),
            }),
            None => match self.listed(name)[..] {
                [] => Err(unknown("nothing in Entra has this name", None)),
                [live] => Ok(live),
                ref several => Err(ambiguous(several.iter().copied())),
            },
        }
    }

    /// The one object that has a name, where there is nothing to say about it.
    pub(super) fn plain(&self, name: &PrincipalName) -> Option<ObjectId> {
        let look = || self.resolve(name).ok().filter(|live| !is_disabled(live)).map(|live| live.id);
        let PrincipalName::User(user) = name else { return look() };
        let mut plain = self.plain.borrow_mut();
        if let Some(id) = plain.ids.get(&user.place()) {
            return Some(*id);
        }
        let id = look()?;
        plain.ids.insert(user.place(), id);
        plain.names.push(user.clone());
        Some(id)
    }

    /// The name of a person or an app.
    pub(super) fn name(&self, id: ObjectId) -> Option<&PrincipalName> {
        let names = self.names.get_or_init(|| {
            let found = self.tenant.into_iter().flat_map(|tenant| tenant.directory.values());
            let found = found.filter_map(|resolution| match resolution {
                Resolution::Found(live) => Some(live),
                Resolution::Missing { .. } | Resolution::Ambiguous(_) | Resolution::NotInSnapshot => None,
            });
            let listed = self.groups.iter().flat_map(|group| lists_of(group));
            let people = listed.chain(found).filter(|live| live.kind != PrincipalKind::Group);
            people.map(|live| (live.id, live.name.clone())).collect()
        });
        names.get(&id)
    }

    /// The objects of this name in member and owner lists.
    fn listed(&self, name: &PrincipalName) -> Vec<&'a LivePrincipal> {
        let at = |place: &Place| lists_of(self.groups.get(place.0)?).nth(place.1);
        let listed = self.listed.get_or_init(|| {
            let mut listed: Table<PrincipalName, Vec<Place>> = Table::default();
            for (number, group) in self.groups.iter().enumerate() {
                for (position, principal) in lists_of(group).enumerate() {
                    let known = listed.entry(principal.name.clone()).or_default();
                    match known.iter_mut().find(|known| at(known).is_some_and(|known| known.id == principal.id)) {
                        Some(known) => *known = Place(number, position),
                        None => known.push(Place(number, position)),
                    }
                }
            }
            listed
        });
        listed.get(name).into_iter().flatten().filter_map(at).collect()
    }
}

/// The members and then the owners of a group.
fn lists_of(group: &LiveGroup) -> impl Iterator<Item = &LivePrincipal> {
    group.members.iter().chain(&group.owners)
}

/// Whether somebody is known not to be able to sign in.
pub(super) fn is_disabled(live: &LivePrincipal) -> bool {
    live.enabled == Some(false)
}

fn unknown(reason: &str, suggestion: Option<&str>) -> Doubt<'static> {
    let hint = suggestion.map(|close| format!(" (did you mean `{close}`?)")).unwrap_or_default();
    Doubt::Name { reason: Reason::UnknownPerson, why: format!("{reason}{hint}") }
}

fn ambiguous<'p>(several: impl IntoIterator<Item = &'p LivePrincipal>) -> Doubt<'static> {
    let why = format!("several objects have this name and none is picked: {}", labels(several));
    Doubt::Name { reason: Reason::AmbiguousPerson, why }
}
