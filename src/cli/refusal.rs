//! What forbids writing anything at all: `apply` stops by it, and `plan` says beforehand that it would.

use super::session::Planned;
use crate::access::expectations::Judged;
use crate::plan::Verdict;
use crate::report::WouldApply;

/// Why nothing may be written, and by how many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Refusal {
    /// With `--strict`, a name that does not resolve.
    Names,
    /// Guards that nobody has acknowledged.
    Guards(usize),
    /// Expectations that the files or the plan break.
    Expectations(usize),
}

/// Every reason to write nothing, by what guards and expectations say of the changes that are carried out; the one to tell first.
pub(super) fn refusals(strict: bool, planned: &Planned, verdicts: &[Verdict], expectations: &[Judged]) -> Vec<Refusal> {
    let is_unresolved = planned.plan.withheld.iter().any(|withheld| withheld.is_error) || planned.expects_of_nobody();
    let refused = verdicts.iter().filter(|verdict| verdict.refuses()).count();
    let failed = expectations.iter().filter(|judged| judged.stops).count();
    let names = (strict && is_unresolved).then_some(Refusal::Names);
    let guards = (refused > 0).then_some(Refusal::Guards(refused));
    let expectations = (failed > 0).then_some(Refusal::Expectations(failed));
    names.into_iter().chain(guards).chain(expectations).collect()
}

/// What `apply` does with the whole of a plan, once it is saved, if nothing has moved until then.
pub(super) fn would_apply(strict: bool, planned: &Planned) -> WouldApply {
    let refusals = refusals(strict, planned, &planned.plan.verdicts, &planned.expectations);
    // What can be acknowledged is not the last word; anything else that refuses is.
    if refusals.iter().any(|refusal| !matches!(refusal, Refusal::Guards(_))) {
        WouldApply::Refused
    } else if !refusals.is_empty() {
        WouldApply::Acknowledge
    } else if planned.plan.changes.is_empty() {
        WouldApply::Nothing
    } else {
        WouldApply::Changes
    }
}
