//! Through what somebody has something, and why that comes, goes or stays.

use super::{label, role};
use crate::access::difference::{AccessDifference, AccessEffect, AccessRow, Bearing, Cause, Standing, Via};

/// `payments-dev (removed); still through platform`.
pub(super) fn ways(difference: &AccessDifference, row: &AccessRow) -> String {
    let can = if row.effect == AccessEffect::Loses { "can no longer" } else { "can" };
    match &row.bearing {
        Bearing::Owner(group) => return format!("{}: {can} make themselves a member", label(group)),
        Bearing::OwningApp(group) => return format!("{}: {can} put anybody in it", label(group)),
        Bearing::Token | Bearing::NoGroups | Bearing::TooManyGroups(_) => {}
    }
    let (moved, moved_paths) = moved(difference, row, usize::MAX);
    let mut parts = vec![moved];
    if row.bearing == Bearing::Token && row.effect != AccessEffect::Gains {
        let kept = telling(row, true).into_iter().map(path);
        let kept: Vec<String> = distinct(kept).into_iter().filter(|path| !moved_paths.contains(path)).collect();
        if !kept.is_empty() {
            let still = if moved_paths.is_empty() { "" } else { "still " };
            parts.push(format!("{still}through {}", kept.join(", ")));
        }
    }
    match row.bearing {
        Bearing::NoGroups => parts.push("worth nothing to an app, whose tokens carry no groups".to_owned()),
        Bearing::TooManyGroups(groups) => {
            parts.push(format!("worth nothing while in {groups} groups: of more than 200 a token carries none"));
        }
        Bearing::Token | Bearing::Owner(_) | Bearing::OwningApp(_) => {}
    }
    parts.retain(|part| !part.is_empty());
    parts.join("; ")
}

/// The first of them alone, by which many people are told as one.
pub(super) fn first(difference: &AccessDifference, row: &AccessRow) -> String {
    if row.bearing == Bearing::Token && !telling(row, false).is_empty() {
        moved(difference, row, 1).0
    } else {
        ways(difference, row)
    }
}

/// What comes, goes or changes, and its paths.
fn moved(difference: &AccessDifference, row: &AccessRow, most: usize) -> (String, Vec<String>) {
    let moved = telling(row, false);
    let paths: Vec<String> = distinct(moved.iter().map(|via| path(via))).into_iter().take(most).collect();
    let texts = paths.iter().map(|of| {
        let along: Vec<&Via> = moved.iter().copied().filter(|via| path(via) == *of).collect();
        match why(difference, row, &along) {
            why if why.is_empty() => of.clone(),
            why => format!("{of} ({why})"),
        }
    });
    (texts.collect::<Vec<_>>().join(", "), paths)
}

/// The ways that stay, or the others. What another way covers tells nothing, unless there is nothing else to tell.
fn telling(row: &AccessRow, kept: bool) -> Vec<&Via> {
    let of = |via: &&Via| (via.standing == Standing::Kept) == kept;
    let tells = |via: &&Via| {
        if via.standing == Standing::Gone { row.before.contains(&via.role) } else { row.after.contains(&via.role) }
    };
    let telling: Vec<&Via> = row.via.iter().filter(of).filter(tells).collect();
    if telling.is_empty() { row.via.iter().filter(of).collect() } else { telling }
}

fn distinct(texts: impl Iterator<Item = String>) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for text in texts {
        if !all.contains(&text) {
            all.push(text);
        }
    }
    all
}

fn path(via: &Via) -> String {
    if via.groups.is_empty() {
        return "a binding of their own".to_owned();
    }
    via.groups.iter().map(label).collect::<Vec<_>>().join(" → ")
}

/// Why the ways along one path come, go or change.
fn why(difference: &AccessDifference, row: &AccessRow, along: &[&Via]) -> String {
    let by_binding = |standing: Standing| {
        let of = |via: &&&Via| via.standing == standing && via.causes.first() == Some(&Cause::Binding);
        along.iter().find(of).map(|via| role(difference, row, &via.role))
    };
    // Another role in place of one is one thing that happens.
    if let (Some(old), Some(new), 2) = (by_binding(Standing::Gone), by_binding(Standing::New), along.len()) {
        return if old == new { "bound anew".to_owned() } else { format!("{old} becomes {new}") };
    }
    distinct(along.iter().map(|via| causes(difference, row, via)).filter(|why| !why.is_empty())).join(", ")
}

/// Why a way comes or goes: what is nearest to the person tells it.
fn causes(difference: &AccessDifference, row: &AccessRow, via: &Via) -> String {
    let comes = via.standing == Standing::New;
    let told = |cause: &Cause| match (cause, comes) {
        (Cause::Member, true) => "new member".to_owned(),
        (Cause::Member, false) => "removed".to_owned(),
        (Cause::Nested(inner), true) => format!("{} is put in", label(inner)),
        (Cause::Nested(inner), false) => format!("{} is taken out", label(inner)),
        (Cause::Deleted(_), _) if via.groups.len() == 1 => "deleted".to_owned(),
        (Cause::Deleted(group), _) => format!("{} is deleted", label(group)),
        (Cause::Binding, true) => "new binding".to_owned(),
        (Cause::Binding, false) => "binding removed".to_owned(),
        (Cause::Role, _) => format!("role {} changes", role(difference, row, &via.role)),
        (Cause::TooManyGroups, true) => "their tokens carry groups again".to_owned(),
        (Cause::TooManyGroups, false) => "in too many groups: their tokens carry none".to_owned(),
    };
    let first = via.causes.first();
    let alike =
        |cause: &&Cause| first.is_some_and(|first| std::mem::discriminant(*cause) == std::mem::discriminant(first));
    via.causes.iter().filter(alike).map(told).collect::<Vec<_>>().join(", ")
}
