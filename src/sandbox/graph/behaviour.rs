//! How this Graph misbehaves, and the answer to one call under that.

use std::sync::Arc;
use std::time::Duration;

use super::answer::Answer;
use super::call::Call;
use super::error::Refusal;
use super::lag::Lagging;
use super::state::Tenant;
use super::{fault, route, units};
use crate::sandbox::faults::{Charge, Fault, Faults, Injector, Meter};
use crate::sandbox::store::Store;

/// Faults that Graph itself must carry out, and its clock.
#[derive(Debug)]
pub(crate) struct Behaviour {
    injector: Arc<Injector>,
    meter: Meter,
    pub(super) lagging: Lagging,
    /// How far this tenant's clock is ahead of ours.
    pub(super) later: Duration,
}

impl Behaviour {
    pub(crate) fn new(faults: &Faults, injector: Arc<Injector>, later: Duration) -> Self {
        let lagging = Lagging::new(faults.lag, faults.seed);
        Self { injector, meter: Meter::new(faults.budget), lagging, later }
    }

    /// The fault of a request inside a batch.
    pub(super) fn strike_item(&self, method: &str, url: &str) -> Option<Fault> {
        self.injector.item(method, url)
    }

    /// Charges the call; an answer when it is refused for that, and how full the bucket is when that is worth saying.
    pub(super) fn charge(&self, call: &Call<'_>) -> Result<Option<f64>, Answer> {
        let units = units::resource_units(&call.method, &call.route(), &call.query);
        let charge = self.meter.charge(units, !route::is_read(call));
        match (fault::over_budget(charge, &call.path, call.ids), charge) {
            (Some(refused), _) => Err(refused.because("budget")),
            (None, Charge::Near(full)) => Ok(Some(full)),
            (None, Charge::Free | Charge::Over { .. }) => Ok(None),
        }
    }

    /// Whether these calls leave the tenant as it is, in fact and for the moment.
    pub(super) fn only_reads<'c>(&self, mut calls: impl Iterator<Item = &'c Call<'c>>) -> bool {
        !self.lagging.is_on() && calls.all(route::is_read)
    }

    /// Looks at or changes the tenant, whichever the calls need.
    pub(super) fn with<R>(
        &self,
        store: &Store<Tenant>,
        only_reads: bool,
        look: impl FnOnce(&mut dyn FnMut(&Call<'_>) -> Result<Answer, Refusal>) -> R,
    ) -> std::io::Result<R> {
        if only_reads {
            return Ok(store.read(|tenant| look(&mut |call| route::read(tenant, call))));
        }
        store.write(|tenant| {
            look(&mut |call| match self.lagging.answer(tenant, call) {
                (Ok(answer), true) => Ok(answer.because("lag")),
                (Err(refusal), true) => Ok(call.ids.refuse(&refusal).because("lag")),
                (answer, false) => answer,
            })
        })
    }
}
