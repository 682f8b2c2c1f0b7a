//! The counts that every form of a report ends with.

use std::collections::{BTreeMap, BTreeSet};

use crate::plan::preflight::Forecast;
use crate::plan::{Plan, Verdict};
use crate::state::{Address, Sign};

/// What a plan holds, in numbers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Counts {
    pub(super) add: usize,
    pub(super) change: usize,
    pub(super) remove: usize,
    /// Changes that are withheld, each once, whatever holds it back. This is what people are told.
    pub(super) waiting: usize,
    /// How many of them take something away.
    pub(super) waiting_removals: usize,
    /// Causes for which something is withheld, without those that are errors.
    pub(super) withheld: usize,
    /// Causes that are errors.
    pub(super) errors: usize,
    pub(super) unread: usize,
    /// Guards because of which `apply` would refuse.
    pub(super) refusals: usize,
    /// Changes that an API server would refuse for lack of rights.
    pub(super) forbidden: usize,
    /// Changes that `apply` without a saved plan would leave out.
    pub(super) left_out: usize,
}

impl Counts {
    pub(super) fn of(plan: &Plan) -> Self {
        let signs = |sign: Sign| plan.changes.iter().filter(|change| change.sign() == sign).count();
        let errors = plan.withheld.iter().filter(|entry| entry.is_error).count();
        let open: Vec<&Verdict> = plan.verdicts.iter().filter(|verdict| !verdict.acknowledged).collect();
        let waiting: BTreeMap<&Address, &Sign> =
            plan.withheld.iter().flat_map(|entry| entry.addresses.iter().zip(&entry.signs)).collect();
        Self {
            waiting: waiting.len(),
            waiting_removals: waiting.values().filter(|sign| ***sign == Sign::Remove).count(),
            add: signs(Sign::Add),
            change: signs(Sign::Change),
            remove: signs(Sign::Remove),
            withheld: plan.withheld.len() - errors,
            errors,
            unread: plan.unread.len(),
            refusals: plan.refusals().count(),
            forbidden: plan.forecasts.iter().flat_map(Forecast::forbidden).collect::<BTreeSet<_>>().len(),
            left_out: open.iter().flat_map(|verdict| &verdict.leaves_out).collect::<BTreeSet<_>>().len(),
        }
    }
}
