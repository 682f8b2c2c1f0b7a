//! Replication lag: reads that are answered from before a write (entra.md §1.4).
//!
//! Counted in reads, so that a test that repeats itself sees the same. Writes see the truth, with one exception: a group that
//! was just created is not there yet for a write that comes too soon.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};

use super::answer::Answer;
use super::call::Call;
use super::error::Refusal;
use super::route;
use super::state::{DeletedGroup, Group, Tenant};
use crate::sandbox::faults::{Lag, lot};
use crate::state::ObjectId;

/// What a replica still shows, by group.
#[derive(Debug, Default)]
pub(super) struct Lagging {
    lag: Option<Lag>,
    seed: u64,
    stale: Mutex<BTreeMap<ObjectId, Stale>>,
}

/// One group that a replica is behind with.
#[derive(Clone, Debug)]
struct Stale {
    image: Image,
    /// The change before the first one that is hidden.
    since: u64,
    gets: u32,
    lists: u32,
    deltas: u32,
}

/// A group as it was: live, among the deleted, or not there.
#[derive(Clone, Debug)]
struct Image {
    live: Option<Group>,
    deleted: Option<DeletedGroup>,
}

impl Image {
    fn of(tenant: &Tenant, id: ObjectId) -> Self {
        Self { live: tenant.groups.get(&id).cloned(), deleted: tenant.deleted_groups.get(&id).cloned() }
    }

    /// Puts this image in place and returns what was there.
    fn swap(self, tenant: &mut Tenant, id: ObjectId) -> Self {
        let live = tenant.groups.remove(&id);
        let deleted = tenant.deleted_groups.remove(&id);
        if let Some(group) = &live {
            tenant.index.forget_group(group);
        }
        if let Some(group) = self.live {
            tenant.index.learn_group(&group);
            tenant.groups.insert(id, group);
        }
        if let Some(group) = self.deleted {
            tenant.deleted_groups.insert(id, group);
        }
        Self { live, deleted }
    }
}

impl Lagging {
    pub(super) fn new(lag: Option<Lag>, seed: u64) -> Self {
        Self { lag, seed, stale: Mutex::default() }
    }

    /// Whether anything lags, so that reads need the tenant for themselves.
    pub(super) fn is_on(&self) -> bool {
        self.lag.is_some()
    }

    /// Answers a call as a tenant that lags does, and whether the answer is behind.
    pub(super) fn answer(&self, tenant: &mut Tenant, call: &Call<'_>) -> (Result<Answer, Refusal>, bool) {
        if self.lag.is_none() {
            return (route::any(tenant, call), false);
        }
        if route::is_read(call) { self.read(tenant, call) } else { self.write(tenant, call) }
    }

    fn read(&self, tenant: &mut Tenant, call: &Call<'_>) -> (Result<Answer, Refusal>, bool) {
        let mut stale = self.stale.lock().unwrap_or_else(PoisonError::into_inner);
        let one = addressed(tenant, call, &stale);
        if matches!(call.route().as_slice(), ["groups", "delta", ..]) {
            let hidden = stale.values_mut().filter(|stale| stale.deltas > 0);
            let hidden = hidden.map(|stale| (stale.deltas -= 1, stale.since).1).min();
            let answer = super::delta::answer(tenant, call, hidden);
            stale.retain(|_, stale| !stale.is_over());
            return (answer, hidden.is_some());
        }
        let shown = stale.iter_mut().filter_map(|(id, stale)| {
            let left = if one.is_some() { &mut stale.gets } else { &mut stale.lists };
            let behind = *left > 0 && one.is_none_or(|one| one == *id);
            behind.then(|| {
                *left -= 1;
                (*id, stale.image.clone())
            })
        });
        let shown = shown.collect::<Vec<_>>();
        let behind = !shown.is_empty();
        let truth = shown.into_iter().map(|(id, image)| (id, image.swap(tenant, id))).collect::<Vec<_>>();
        let answer = route::read(tenant, call);
        for (id, image) in truth {
            image.swap(tenant, id);
        }
        stale.retain(|_, stale| !stale.is_over());
        (answer, behind)
    }

    fn write(&self, tenant: &mut Tenant, call: &Call<'_>) -> (Result<Answer, Refusal>, bool) {
        let mut stale = self.stale.lock().unwrap_or_else(PoisonError::into_inner);
        let one = addressed(tenant, call, &stale);
        if let Some(id) = one
            && let Some(entry) = stale.get_mut(&id)
            && entry.gets > 0
            && entry.image.live.is_none()
            && entry.image.deleted.is_none()
        {
            entry.gets -= 1;
            return (Err(Refusal::not_found(&id.to_string())), true);
        }
        let before = one.map(|id| (id, Image::of(tenant, id)));
        let (since, written) = (tenant.sequence, tenant.unwritten.len());
        let answer = route::any(tenant, call);
        let changed: BTreeSet<ObjectId> =
            tenant.unwritten.iter().skip(written).filter_map(super::change::Numbered::group).collect();
        for id in changed {
            let was = before.as_ref().filter(|(known, _)| *known == id).map(|(_, image)| image.clone());
            let image = was.unwrap_or(Image { live: None, deleted: None });
            let reads = |kind: &str| {
                let most = self.lag.map_or(0, |lag| lag.reads);
                1 + lot(self.seed, &format!("{kind} {id} {since}")) % most.max(1)
            };
            let entry = stale.entry(id).or_insert(Stale { image, since, gets: 0, lists: 0, deltas: 0 });
            (entry.gets, entry.lists) = (reads("get"), reads("list"));
            entry.deltas = 2 * entry.gets.max(entry.lists);
        }
        (answer, false)
    }
}

impl Stale {
    fn is_over(&self) -> bool {
        self.gets == 0 && self.lists == 0 && self.deltas == 0
    }
}

/// The group that a call is about, when it is about one.
fn addressed(tenant: &Tenant, call: &Call<'_>, stale: &BTreeMap<ObjectId, Stale>) -> Option<ObjectId> {
    let key = match call.route().as_slice() {
        ["groups", "delta" | "$count", ..] => None,
        ["groups", key, ..] | ["directory", "deletedItems", key, ..] => Some(*key),
        _ => None,
    }?;
    let named = |key: &str| {
        let name = super::call::alternate_key(key, "uniqueName")?;
        let was = |stale: &&Stale| {
            stale.image.live.as_ref().is_some_and(|group| group.unique_name.as_deref() == Some(name.as_str()))
        };
        tenant.index.unique_name(&name).or_else(|| stale.iter().find(|(_, stale)| was(stale)).map(|(id, _)| *id))
    };
    key.parse().ok().or_else(|| named(key))
}
