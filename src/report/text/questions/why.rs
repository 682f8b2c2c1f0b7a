//! Why somebody may do something.

use std::collections::BTreeMap;

use super::called::{
    binding, by, everybody_has, group, is_everybody_s, line, owned, party, role, scope, source, whose, without,
};
use crate::access::questions::{Answer, Given, Nearest, Part, Party, Reached};
use crate::report::escape;
use crate::report::text::page::{Mark, Page};
use crate::report::text::since::added;
use crate::report::text::words;
use crate::state::history::Since;
use crate::state::{Request, RoleKey, first_few};

pub(super) fn draw(page: &mut Page, answer: &Answer, who: &Party, request: Option<&Request>) {
    for (environment, part) in super::places(answer) {
        page.gap();
        let Some(part) = part else {
            let what = request.map_or("anything".to_owned(), super::requested);
            let what = format!("whether {} can {what} is not known: the cluster was not read.", party(who));
            page.words(0, &format!("{}: {what}", super::place(answer, environment)));
            continue;
        };
        let said = headline(part, who, request);
        page.words(0, &format!("{}: {said}", super::place(answer, environment)));
        page.gap();
        // What everybody has is worth its steps only where it is the answer.
        let folds = |way: &&Reached| request.is_none() && is_everybody_s(way);
        for way in part.entries.iter().flat_map(|entry| &entry.ways).filter(|way| !folds(way)) {
            chain(page, way, request);
            page.gap();
        }
        if let Some(nearest) = &part.nearest {
            page.words(0, &near(nearest));
        }
        if part.is_asked_for {
            page.words(0, "The files give it to them: after an apply they can. Ask with --planned to see by what.");
        } else {
            givers(page, part);
        }
        owned(page, &part.indirect);
        for of in &part.without {
            page.marked(0, Mark::Same, &without(of), None);
        }
        if let Party::Person(label) = who
            && label.disabled
        {
            page.marked(0, Mark::Same, "The account is disabled: nobody can sign in with it now.", None);
        }
    }
    page.gap();
    for said in everybody_has(&answer.parts).iter().filter(|_| request.is_none()) {
        page.words(0, said);
    }
}

/// The groups to which the files give it here, by the role.
fn givers(page: &mut Page, part: &Part) {
    let mut by_role: BTreeMap<&RoleKey, Vec<String>> = BTreeMap::new();
    for giver in &part.givers {
        by_role.entry(&giver.role).or_default().push(format!("{} ({})", giver.group, giver.origin));
    }
    for (role, groups) in by_role {
        page.words(0, &format!("`{role}` gives it here, to: {}.", first_few(groups, 4)));
    }
}

fn headline(part: &Part, who: &Party, request: Option<&Request>) -> String {
    let who = party(who);
    let is_superuser = part.entries.iter().any(|entry| entry.is_superuser);
    let may = part.entries.iter().any(crate::access::questions::Entry::may);
    match request {
        _ if is_superuser => format!("{who} is in system:masters and can do anything."),
        Some(request) if !may && !part.unread.is_empty() => {
            let groups = first_few(part.unread.iter().map(group), 4);
            let request = super::requested(request);
            format!("whether {who} can {request} is not known: not all members could be read of {groups}.")
        }
        Some(request) => {
            let can = if may { "can" } else { "cannot" };
            format!("{who} {can} {}.", super::requested(request))
        }
        None if part.entries.iter().flat_map(|entry| &entry.ways).all(is_everybody_s) => {
            let seen = if part.unread.is_empty() { "" } else { " that could be seen" };
            format!("{who} has nothing here{seen} but what everybody has.")
        }
        None => format!("{who} has:"),
    }
}

/// One way, step by step.
fn chain(page: &mut Page, way: &Reached, request: Option<&Request>) {
    let given = &way.given;
    for (at, step) in way.steps.iter().enumerate() {
        let is_in = if at == 0 { "in" } else { "which is in" };
        page.marked(2, Mark::None, &format!("{is_in} group {}", group(&step.group)), Some(line(step)));
        since(page, step.added.as_ref());
    }
    if way.steps.is_empty()
        && let Some(by) = by(way)
    {
        page.marked(2, Mark::None, &format!("as {by}"), None);
    }
    let bound = if way.steps.is_empty() { "bound by" } else { "which is bound by" };
    page.marked(2, Mark::None, &format!("{bound} {}", binding(given)), Some(whose(&given.whose)));
    since(page, given.grant_added.as_ref());
    let kind = if given.role_block.is_some() { "role".to_owned() } else { given.role.kind.to_string() };
    let text = format!("to {kind} {}{}", role(given), scope(given.namespace.as_ref()));
    page.marked(2, Mark::None, &text, given.role_block.as_ref().map(|(_, origin)| origin.to_string()));
    since(page, given.role_added.as_ref());
    for from in &given.brought {
        let kind = if from.block.is_some() { "role" } else { "clusterrole" };
        let text = format!("which takes in {kind} {}", source(from));
        page.marked(2, Mark::None, &text, from.block.as_ref().map(|(_, origin)| origin.to_string()));
        since(page, from.added.as_ref());
    }
    rules(page, given, request);
}

/// Since when the line says so, below it.
fn since(page: &mut Page, since: Option<&Since>) {
    if let Some(since) = since {
        page.detail(6, &added(since));
    }
}

fn rules(page: &mut Page, given: &Given, request: Option<&Request>) {
    let says = if request.is_some() { "whose rule says: " } else { "which may " };
    match &given.rules {
        None => page.marked(2, Mark::Same, "which is not there, so that it gives nothing", None),
        Some(rules) if rules.is_empty() => {
            page.marked(2, Mark::Same, "which has no rules, so that it gives nothing", None);
        }
        Some(rules) if request.is_none() && rules.len() > MANY => {
            page.marked(2, Mark::None, &format!("which has {} rules", rules.len()), None);
        }
        Some(rules) => {
            for rule in rules {
                page.marked(2, Mark::None, &format!("{says}{}", words::rule(rule)), None);
            }
        }
    }
}

/// Roles with more rules than this are known by their names.
const MANY: usize = 6;

fn near(nearest: &Nearest) -> String {
    let names = |names: &std::collections::BTreeSet<String>| first_few(names.iter().map(|name| escape::name(name)), 8);
    match nearest {
        Nearest::InNamespaces(namespaces) => format!("Nearest: they can in {}.", first_few(namespaces, 8)),
        Nearest::Named(objects) => format!("Nearest: they can for objects of these names: {}.", names(objects)),
        Nearest::Verbs(verbs) => format!("Nearest: of the same they can {}.", first_few(verbs, 14)),
        Nearest::Roles(roles) => {
            let called = roles.iter().map(|(name, key)| match key {
                Some(key) => key.to_string(),
                None => escape::name(name),
            });
            format!("Nearest: what they have here is {}.", first_few(called, 8))
        }
        Nearest::Elsewhere(namespaces) => {
            format!("Nearest: they have something in {}, and nothing here.", first_few(namespaces, 8))
        }
        Nearest::Nothing => "They have nothing on this cluster but what everybody has who signs in.".to_owned(),
    }
}
