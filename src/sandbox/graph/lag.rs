//! Replication lag: reads that are answered from before a write (entra.md §1.4).
//!
//! Counted in reads, so that a test that repeats itself sees the same, or in time, for what waits by the clock. Writes see the
//! truth, with one exception: a group that was just created is not there yet for a write to it, or one that names it, that
//! comes too soon.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use super::answer::Answer;
use super::call::{Body, Call};
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
    gets: Left,
    lists: Left,
    deltas: Left,
}

/// How much longer one kind of read is behind.
#[derive(Clone, Copy, Debug, Default)]
struct Left {
    reads: u32,
    until: Option<Instant>,
}

impl Left {
    fn is_over(self) -> bool {
        self.reads == 0 && self.until.is_none_or(|until| until <= Instant::now())
    }

    /// Whether a read that comes now is behind; counts it.
    fn strikes(&mut self) -> bool {
        let strikes = !self.is_over();
        self.reads = self.reads.saturating_sub(1);
        strikes
    }

    /// Twice the longer of two.
    fn doubled(one: Self, other: Self) -> Self {
        let now = Instant::now();
        let until = one.until.max(other.until).map(|until| until + until.saturating_duration_since(now));
        Self { reads: 2 * one.reads.max(other.reads), until }
    }
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
            let hidden = stale.values_mut().filter_map(|stale| stale.deltas.strikes().then_some(stale.since)).min();
            let answer = super::delta::answer(tenant, call, hidden);
            stale.retain(|_, stale| !stale.is_over());
            return (answer, hidden.is_some());
        }
        let shown = stale.iter_mut().filter_map(|(id, stale)| {
            let left = if one.is_some() { &mut stale.gets } else { &mut stale.lists };
            let behind = one.is_none_or(|one| one == *id) && left.strikes();
            behind.then(|| (*id, stale.image.clone()))
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
        let body = if let Body::Json(body) = &call.body { body.to_string() } else { String::new() };
        let missing = stale.iter_mut().find_map(|(id, entry)| {
            let is_new = entry.image.live.is_none() && entry.image.deleted.is_none();
            let concerns = is_new && (one == Some(*id) || body.contains(&id.to_string()));
            (concerns && entry.gets.strikes()).then_some(*id)
        });
        if let Some(id) = missing {
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
            let left = |kind: &str| {
                self.lag.map_or_else(Left::default, |lag| draw(lag, self.seed, &format!("{kind} {id} {since}")))
            };
            let (gets, lists) = (left("get"), left("list"));
            let entry = stale.entry(id).or_insert(Stale { image, since, gets, lists, deltas: gets });
            (entry.gets, entry.lists, entry.deltas) = (gets, lists, Left::doubled(gets, lists));
        }
        (answer, false)
    }
}

impl Stale {
    fn is_over(&self) -> bool {
        self.gets.is_over() && self.lists.is_over() && self.deltas.is_over()
    }
}

/// How long a write is hidden from one kind of read.
fn draw(lag: Lag, seed: u64, about: &str) -> Left {
    let lot = lot(seed, about);
    let reads = if lag.reads > 0 { 1 + lot % lag.reads } else { 0 };
    let half = lag.ms / 2;
    let until =
        (lag.ms > 0).then(|| Instant::now() + Duration::from_millis(lag.ms - half + u64::from(lot) % (half + 1)));
    Left { reads, until }
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
