//! The part of a plan about one cluster: its roles and bindings.

use std::collections::{BTreeMap, BTreeSet};

use super::page::{Mark, Page};
use super::view::View;
use super::words;
use crate::plan::{Effect, listed};
use crate::report::escape;
use crate::state::{
    Address, Binding, Change, DefaultRole, Namespace, Operation, PolicyRule, Resource, Role, Sign, Subject,
};

/// How many of those are named who gain or lose by a role that is added to another.
const REACHED: usize = 5;

/// Adds a row for each object that changes, with what it grants below.
pub(super) fn objects<'a>(page: &mut Page, changes: impl Iterator<Item = &'a Change>, view: &View<'_>) {
    let mut changes: Vec<&Change> = changes.collect();
    changes.sort_by(|one, other| one.address.cmp(&other.address));
    for change in changes {
        if change.address.environment().is_none() {
            continue;
        }
        let text = format!("{}{}", words::object(&change.address), view.protection(change));
        page.marked(0, Mark::Sign(change.sign()), &text, View::origin(change, "no longer in the files"));
        content(page, change, view);
        for held in view.held(&change.address) {
            page.marked(4, Mark::Same, held, None);
        }
        if !change.overrules.is_empty() {
            let managers: Vec<String> = change.overrules.iter().map(|manager| escape::quoted(manager)).collect();
            page.detail(4, &format!("drift: taken back from field manager {}", managers.join(", ")));
        }
    }
}

fn content(page: &mut Page, change: &Change, view: &View<'_>) {
    match &change.operation {
        Operation::Create { after } | Operation::Restore { after } => whole(page, change, after, Sign::Add, view),
        Operation::Delete { before } => match (before, &change.replaced_by) {
            (Resource::Binding(before), Some(by)) => replaced(page, before, by, view),
            _ => whole(page, change, before, Sign::Remove, view),
        },
        Operation::Update { before, after } => match after {
            Resource::Role(after) => {
                if let Resource::Role(before) = before {
                    // Where nothing but a label changes, there is nothing to say about rules.
                    if before.rules != after.rules || before.aggregate_to == after.aggregate_to {
                        rules(page, &before.rules, &after.rules);
                    }
                    aggregation(page, change, before, after, view);
                }
            }
            Resource::Binding(after) => {
                if let Resource::Binding(before) = before {
                    binding(page, before, after, view);
                }
            }
            Resource::Group(_) | Resource::Owner(_) | Resource::Member(_) => {}
        },
    }
}

/// A binding of somebody else that ours take over from.
fn replaced(page: &mut Page, before: &Binding, by: &BTreeSet<Address>, view: &View<'_>) {
    for subject in &before.subjects {
        page.marked(4, Mark::Same, &grant(before, subject, "still may", view), None);
    }
    let ours: Vec<String> = by.iter().map(words::object).collect();
    page.detail(4, &format!("not ours; replaced by {}", ours.join(", ")));
}

fn whole(page: &mut Page, change: &Change, resource: &Resource, sign: Sign, view: &View<'_>) {
    match resource {
        Resource::Role(role) => match sign {
            Sign::Remove => {
                rules(page, &role.rules, &[]);
                let none = Role { aggregate_to: BTreeSet::new(), ..role.clone() };
                aggregation(page, change, role, &none, view);
            }
            Sign::Add | Sign::Change => {
                rules(page, &[], &role.rules);
                let none = Role { aggregate_to: BTreeSet::new(), ..role.clone() };
                aggregation(page, change, &none, role, view);
            }
        },
        Resource::Binding(binding) => {
            let may = if sign == Sign::Remove { "no longer may" } else { "may" };
            for subject in &binding.subjects {
                page.detail(4, &grant(binding, subject, may, view));
            }
        }
        Resource::Group(_) | Resource::Owner(_) | Resource::Member(_) => {}
    }
}

fn grant(binding: &Binding, subject: &Subject, may: &str, view: &View<'_>) -> String {
    let everywhere = if binding.namespace.is_none() { ", on the whole cluster" } else { "" };
    let role = format!("{} {}", binding.role.kind, words::word(&binding.role.name));
    format!("{} {may}: {role}{everywhere}", words::subject(subject, view))
}

/// Who has a role's rules besides those it is granted to: everybody who has a role that takes them in.
fn aggregation(page: &mut Page, change: &Change, before: &Role, after: &Role, view: &View<'_>) {
    let all = |roles: &BTreeSet<&str>| {
        listed(roles.iter().copied()).into_iter().map(words::word).collect::<Vec<_>>().join(" or ")
    };
    let names = |role: &Role| role.reaches().into_iter().map(DefaultRole::name).collect::<BTreeSet<&str>>();
    let others = |effect| view.filled(&change.address, effect).filter(|name| DefaultRole::of_name(name).is_none());
    let (had, have) = (names(before), names(after));
    let mut gain: BTreeSet<&str> =
        if before.rules == after.rules { have.difference(&had).copied().collect() } else { have.clone() };
    gain.extend(others(Effect::Widens));
    let mut lose: BTreeSet<&str> = had.difference(&have).copied().collect();
    lose.extend(others(Effect::Narrows));
    if !gain.is_empty() {
        let text =
            format!("everybody who has {} on this cluster, by whatever binding, gets these rules too", all(&gain));
        page.marked(4, Mark::Decide, &text, None);
        page.detail(6, &format!("with this plan: {}", reached(change, Effect::Widens, view)));
    }
    if !lose.is_empty() {
        page.detail(4, &format!("whoever has {} no longer gets these rules by it", all(&lose)));
    }
    if !lose.is_empty() || view.reached(&change.address, Effect::Narrows).next().is_some() {
        page.detail(6, &format!("who loses by it: {}", reached(change, Effect::Narrows, view)));
    }
}

/// Who gains or loses by a role that is added to a default role: the first few, and how many there are.
fn reached(change: &Change, effect: Effect, view: &View<'_>) -> String {
    let mut places: BTreeMap<String, BTreeSet<&str>> = BTreeMap::new();
    for binding in view.reached(&change.address, effect) {
        for subject in &binding.subjects {
            let place = binding.namespace.as_ref().map_or("", Namespace::as_str);
            places.entry(words::subject(subject, view)).or_default().insert(place);
        }
    }
    if places.is_empty() {
        return "nobody".to_owned();
    }
    let more = places.len().saturating_sub(REACHED);
    let named = places.iter().take(REACHED).map(|(who, places)| match places.iter().collect::<Vec<_>>()[..] {
        [&"", ..] => format!("{who} on the whole cluster"),
        [one] => format!("{who} in {one}"),
        ref several => format!("{who} in {} namespaces", several.len()),
    });
    let named = named.collect::<Vec<_>>().join(", ");
    if more > 0 { format!("{named} and {more} more") } else { named }
}

fn rules(page: &mut Page, before: &[PolicyRule], after: &[PolicyRule]) {
    let (before, after): (BTreeSet<_>, BTreeSet<_>) = (before.iter().collect(), after.iter().collect());
    for (sign, rules) in [(Sign::Remove, before.difference(&after)), (Sign::Add, after.difference(&before))] {
        for rule in rules {
            page.marked(4, Mark::Sign(sign), &words::rule(rule), None);
        }
    }
    let same = before.intersection(&after).count();
    if before == after {
        page.detail(4, "its rules stay; its marks of ownership are set right");
    } else if same > 0 {
        page.detail(4, &format!("and {} as before", words::count(same, "rule")));
    }
}

fn binding(page: &mut Page, before: &Binding, after: &Binding, view: &View<'_>) {
    if before.same_content(after) {
        page.detail(4, "what it grants stays; its marks of ownership are set right");
        return;
    }
    if before.role != after.role {
        for subject in &before.subjects {
            page.marked(4, Mark::Sign(Sign::Remove), &grant(before, subject, "no longer may", view), None);
        }
        for subject in &after.subjects {
            page.marked(4, Mark::Sign(Sign::Add), &grant(after, subject, "may", view), None);
        }
        return;
    }
    // Whom a name stands for takes no part in comparison.
    let has = |binding: &Binding, subject: &Subject| {
        binding.subjects.iter().any(|other| {
            (&other.kind, &other.name, &other.namespace) == (&subject.kind, &subject.name, &subject.namespace)
        })
    };
    for subject in before.subjects.iter().filter(|subject| !has(after, subject)) {
        page.marked(4, Mark::Sign(Sign::Remove), &grant(before, subject, "no longer may", view), None);
    }
    for subject in after.subjects.iter().filter(|subject| !has(before, subject)) {
        page.marked(4, Mark::Sign(Sign::Add), &grant(after, subject, "may", view), None);
    }
    for subject in after.subjects.iter().filter(|subject| has(before, subject)) {
        page.detail(6, &format!("{} (unchanged)", grant(after, subject, "may", view)));
    }
}
