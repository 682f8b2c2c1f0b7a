//! What the API servers would refuse, below the changes of each environment.

use std::collections::{BTreeMap, BTreeSet};

use super::page::{Mark, Page};
use super::words;
use crate::plan::preflight::{ExpectedRefusal, Forecast, Unchecked, Whose};
use crate::report::escape;
use crate::state::{Address, covering, first_few};

/// How many changes are named for one right that is missing.
const NAMED: usize = 5;

/// Adds what one environment's API server would refuse: what is missing, for which changes, and what to do.
pub(super) fn refusals(page: &mut Page, forecast: &Forecast) {
    if forecast.refusals.is_empty() {
        return;
    }
    let identity = escape::quoted(&forecast.identity);
    let (who, hint) = match forecast.whose {
        Whose::Ourselves => (identity, ""),
        Whose::Applier => (format!("the applier {identity}"), ""),
        Whose::Planner => (format!("{identity}, who plans,"), " (if somebody else applies, name them with `applier:`)"),
    };
    let changes = forecast.forbidden().collect::<BTreeSet<_>>().len();
    page.marked(0, Mark::Decide, &format!("{who} may not write {changes} of these{hint}:"), None);
    for ExpectedRefusal { lack, addresses } in &forecast.refusals {
        page.detail(4, &named(addresses));
        page.detail(6, &format!("needs {}", escape::message(&lack.needs())));
        page.detail(6, &format!("{}:", escape::message(&lack.advice())));
        page.verbatim(6, &escape::message(&format!("- {}", covering::words(&[lack.remedy()]))));
    }
}

fn named(addresses: &BTreeSet<Address>) -> String {
    first_few(addresses.iter().map(words::object), NAMED)
}

/// What could not be checked, the environments with the same reason together.
pub(in crate::report) fn unchecked(forecasts: &[Forecast]) -> Vec<(String, String)> {
    let mut by_reason: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for forecast in forecasts {
        for Unchecked { why, next, addresses } in &forecast.unchecked {
            let is_all = forecast.refusals.is_empty() && forecast.unchecked.len() == 1;
            let which = if is_all { String::new() } else { format!("{}: ", named(addresses)) };
            let message = format!("{which}{}", escape::message(&format!("{why}; {next}")));
            by_reason.entry(message).or_default().push(forecast.environment.as_str());
        }
    }
    by_reason.into_iter().map(|(message, environments)| (environments.join(", "), message)).collect()
}
