//! What a change of the access files weakens, what it accepts, and what was off before it.

use super::document::{Body, Fold, Part};
use super::{access, changes, escape, item};
use crate::access::AccessDifference;
use crate::plan::Plan;
use crate::report::Base;
use crate::report::text::base::{SHALLOW, giving, left, off_before, place, sentence};
use crate::report::text::hints::{self, OWNERS, UNSAID, gaining_authors, unsaid};
use crate::report::text::page::Mark;

/// What a reviewer must know before anything else.
pub(super) fn opening(base: &Base, difference: &AccessDifference) -> Vec<Part> {
    let mut parts = Vec::new();
    let mut said: Vec<String> = base.caused.as_ref().err().into_iter().chain(&base.left_out).cloned().collect();
    said = said.iter().map(|each| item(Mark::Decide, &crate::report::escape::message(each), None, &[])).collect();
    said.extend(base.is_shallow.then(|| item(Mark::Unknown, SHALLOW, None, &[])));
    if !said.is_empty() {
        parts.push(Part::new("Before you read this", Body::List(said)).vital());
    }
    let weakened: Vec<String> =
        base.weakened.iter().map(|each| item(Mark::Decide, &sentence(each), place(each).as_deref(), &[])).collect();
    if !weakened.is_empty() {
        parts.push(Part::new("Weakened by this change", Body::List(weakened)).vital());
    }
    let authors = gaining_authors(base, difference);
    if !authors.is_empty() {
        let items = authors.iter().map(|author| item(Mark::Decide, &author.sentence, None, &[])).collect();
        parts.push(Part::new("What its authors come to", Body::List(items)).vital());
    }
    let unsaid = unsaid(base);
    if !unsaid.is_empty() {
        let items = unsaid.iter().map(|(mark, text, place)| item(*mark, text, place.as_deref(), &[])).collect();
        parts.push(Part::new(UNSAID, Body::List(items)).vital());
    }
    parts
}

/// Whom to ask.
pub(super) fn owners(base: &Base) -> Option<Part> {
    let owners = hints::owners(base);
    let items = owners.iter().map(|(groups, owners)| item(Mark::None, &format!("{groups}: {owners}"), None, &[]));
    (!owners.is_empty()).then(|| Part::new(OWNERS, Body::List(items.collect())).folded(Fold::WhenLong))
}

/// What would have been put right and stays.
pub(super) fn accepted(base: &Base) -> Option<Part> {
    let accepted = &base.caused.as_ref().ok()?.accepted;
    let rows: Vec<String> = accepted.iter().map(|change| item(Mark::Same, &left(change), None, &[])).collect();
    (!rows.is_empty()).then(|| Part::new("Accepted as it is by this change", Body::List(rows)))
}

/// What `apply` puts right besides, folded; but for what it gives to anybody.
pub(super) fn drift(plan: &Plan, base: &Base) -> Vec<Part> {
    let Ok(caused) = &base.caused else { return Vec::new() };
    let given = giving(&base.drift);
    if caused.drift.is_empty() && base.drift.rows.is_empty() {
        return Vec::new();
    }
    let (title, signs) = {
        let told = off_before(plan, caused);
        let (title, signs) = told.split_once(": ").unwrap_or((&told, ""));
        (title.to_owned(), signs.to_owned())
    };
    let mut first = Part::new(&title, if given.rows.is_empty() { Body::None } else { access::rows(&given) }).vital();
    first.lead = vec![escape::prose(&signs)];
    let mut parts = vec![first];
    parts.extend(access::not_seen("What of what was off before could not be seen", &base.drift));
    let others = AccessDifference {
        rows: base.drift.rows.iter().filter(|row| !given.rows.contains(row)).cloned().collect(),
        ..AccessDifference { role_keys: base.drift.role_keys.clone(), ..AccessDifference::default() }
    };
    if !others.rows.is_empty() {
        parts.push(Part::new("Who has less by what was off before", access::rows(&others)).folded(Fold::Always));
    }
    if !caused.drift.is_empty() {
        let lines = changes::lines(plan, |change| caused.drift.contains(&change.address));
        parts.push(Part::new("What was off before", Body::Fence("diff", lines)).folded(Fold::Always));
    }
    parts
}
