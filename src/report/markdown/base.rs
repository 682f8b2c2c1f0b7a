//! What a change of the access files weakens, what it accepts, and what was off before it.

use super::document::{Body, Fold, Part};
use super::{access, changes, escape, item, remarks};
use crate::access::AccessDifference;
use crate::plan::{Caused, Plan};
use crate::report::text::base::{
    OffBefore, SHALLOW, compared, giving, left, off_before, place, said_first, sentence, unknown_before,
};
use crate::report::text::hints::{self, OWNERS, UNSAID, gaining_authors, unsaid};
use crate::report::text::page::Mark;
use crate::report::{Base, Context};

/// What a reviewer must know before anything else.
pub(super) fn opening(base: &Base, context: &Context) -> Vec<Part> {
    let mut parts = Vec::new();
    if let Some(compared) = compared(base) {
        let part = Part::new("What this change is compared with", Body::None).vital();
        parts.push(Part { lead: vec![escape::prose(&compared)], ..part });
    }
    let mut said: Vec<String> = said_first(base).iter().map(|each| item(Mark::Decide, each, None, &[])).collect();
    said.extend(base.is_shallow.then(|| item(Mark::Unknown, SHALLOW, None, &[])));
    if !said.is_empty() {
        parts.push(Part::new("Before you read this", Body::List(said)).vital());
    }
    let weakened: Vec<String> =
        base.weakened.iter().map(|each| item(Mark::Decide, &sentence(each), place(each).as_deref(), &[])).collect();
    if !weakened.is_empty() {
        parts.push(Part::new("Weakened by this change", Body::List(weakened)).vital());
    }
    parts.extend(remarks::failing_by_change(&context.expectations));
    let authors = gaining_authors(base, &context.access);
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
    let unknown = unknown_before(plan, base).map(|unknown| {
        Part::new("Off before this change, and not read", Body::List(vec![item(Mark::Unknown, &unknown, None, &[])]))
    });
    let is_told = |caused: &&Caused| !(caused.drift.is_empty() && base.drift.rows.is_empty());
    let Some(caused) = base.caused.as_ref().ok().filter(is_told) else { return unknown.into_iter().collect() };
    let given = giving(&base.drift);
    let OffBefore { title, signs } = off_before(plan, caused);
    let mut parts = access::table(title, access::HEADER, &given);
    if parts.is_empty() {
        parts.push(Part::new(title, Body::None));
    }
    if let Some(first) = parts.first_mut() {
        first.is_vital = true;
        first.lead = signs.iter().map(|signs| escape::prose(signs)).collect();
    }
    parts.extend(unknown);
    parts.extend(access::not_seen("What of what was off before could not be seen", &base.drift));
    let others = AccessDifference {
        rows: base.drift.rows.iter().filter(|row| !given.rows.contains(row)).cloned().collect(),
        ..AccessDifference { role_keys: base.drift.role_keys.clone(), ..AccessDifference::default() }
    };
    let less = access::table("Who has less by what was off before", access::HEADER, &others);
    parts.extend(less.into_iter().map(|part| part.folded(Fold::Always)));
    if !caused.drift.is_empty() {
        let lines = changes::lines(plan, |change| caused.drift.contains(&change.address));
        parts.push(Part::new("What was off before", Body::Fence("diff", lines)).folded(Fold::Always));
    }
    parts
}
