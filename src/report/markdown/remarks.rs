//! What is said about a plan beside its changes: guards, expectations, what is withheld or was not read, and what is only worth
//! knowing.

use super::document::{Body, Fold, Part};
use super::{bold_item, escape, item};
use crate::access::expectations::Judged;
use crate::plan::{Plan, Withheld};
use crate::report::text::expectations::{BY_CHANGE, Entry, told, told_by_change};
use crate::report::text::guards::{Said, all};
use crate::report::text::page::Mark;
use crate::report::text::plan::{waiting_of, withheld_at};
use crate::report::text::view::View;
use crate::report::text::{notes, preflight, unmanaged};
use crate::report::{Context, escape as harmless, unread};

/// What the guards say, each with what to type to agree.
pub(super) fn guards(plan: &Plan, context: &Context) -> Option<Part> {
    let of = |said: &Said| {
        let mut details: Vec<String> = said.details.iter().map(|detail| escape::prose(detail)).collect();
        details.extend(said.acknowledge.as_ref().map(|flag| format!("if meant: {}", escape::code(flag))));
        item(said.mark, &said.text, None, &details)
    };
    listed("Guards", all(plan, context).iter().map(of).collect()).map(Part::vital)
}

/// What does not hold, and what nobody can tell; without what fails by a change.
pub(super) fn expectations(context: &Context) -> Option<Part> {
    let of = |entry: &Entry| item(entry.mark, &entry.text, entry.place.as_deref(), &details(entry));
    listed("Expectations", told(&context.expectations).iter().map(of).collect())
}

/// What fails by a change.
pub(super) fn failing_by_change(judged: &[Judged]) -> Option<Part> {
    let of = |entry: &Entry| bold_item(entry.mark, &entry.text, entry.place.as_deref(), &details(entry));
    listed(BY_CHANGE, told_by_change(judged).iter().map(of).collect()).map(Part::vital)
}

fn details(entry: &Entry) -> Vec<String> {
    entry.details.iter().map(|detail| escape::prose(detail)).collect()
}

/// What the files ask for and the plan does not do.
pub(super) fn withheld(plan: &Plan) -> Vec<Part> {
    let of = |entry: &&Withheld| {
        let waiting = waiting_of(entry);
        let mut details: Vec<String> = entry.reason.next().into_iter().map(escape::prose).collect();
        details.extend(waiting.iter().map(|(sign, address)| {
            let sign = Mark::Sign(*sign).sign().unwrap_or_default();
            format!("waiting: `{sign}` {}", escape::prose(&address.to_string()))
        }));
        let more = if waiting.is_empty() { 0 } else { entry.addresses.len() - waiting.len() };
        details.extend((more > 0).then(|| format!("and {more} more; `--output json` lists each")));
        item(Mark::Decide, &harmless::message(&entry.message), Some(&withheld_at(entry)), &details)
    };
    let (errors, waiting): (Vec<&Withheld>, Vec<&Withheld>) = plan.withheld.iter().partition(|entry| entry.is_error);
    [("Errors", errors), ("Withheld", waiting)]
        .into_iter()
        .filter_map(|(title, entries)| listed(title, entries.iter().map(of).collect()))
        .collect()
}

/// What was not read, and what nobody could check.
pub(super) fn unknown(plan: &Plan) -> Vec<Part> {
    let unchecked = preflight::unchecked(&plan.forecasts);
    let title = "Not checked: whether whoever applies may write this";
    not_read(plan).into_iter().chain(listed(title, terms(Mark::Unknown, &unchecked))).collect()
}

/// What was not read.
pub(super) fn not_read(plan: &Plan) -> Option<Part> {
    let parts = unread::not_read(plan).into_iter().map(|part| {
        let next: Vec<String> = part.failure.next.iter().map(|next| escape::prose(&harmless::message(next))).collect();
        let mark = if part.allowed { Mark::Unknown } else { Mark::Decide };
        item(mark, &format!("{}: {}", part.name(), harmless::message(&part.failure.what)), None, &next)
    });
    listed("Not read", parts.collect())
}

/// What is only worth knowing, folded.
pub(super) fn information(plan: &Plan) -> Vec<Part> {
    let kinds =
        [(unmanaged::title(plan), unmanaged::entries(plan, &View::of(plan))), ("Notes", notes::entries(&plan.notes))];
    let part = |(title, entries): (&str, Vec<(String, String)>)| {
        let title = format!("{title} ({})", entries.len());
        listed(&title, terms(Mark::None, &entries)).map(|part| part.folded(Fold::Always))
    };
    kinds.into_iter().filter_map(part).collect()
}

fn terms(mark: Mark, entries: &[(String, String)]) -> Vec<String> {
    entries.iter().map(|(term, message)| item(mark, &format!("{term}: {message}"), None, &[])).collect()
}

fn listed(title: &str, items: Vec<String>) -> Option<Part> {
    (!items.is_empty()).then(|| Part::new(title, Body::List(items)))
}
