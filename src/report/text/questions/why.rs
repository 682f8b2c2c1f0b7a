//! Why somebody may do something.

use super::called::{binding, by, everybody_has, group, is_everybody_s, line, party, scope, whose, without};
use crate::access::questions::{Answer, Given, Nearest, Part, Party, Reached};
use crate::report::escape;
use crate::report::text::page::{Mark, Page};
use crate::report::text::words;
use crate::state::{Request, first_few};

pub(super) fn draw(page: &mut Page, answer: &Answer, who: &Party, request: Option<&Request>) {
    for part in &answer.parts {
        page.gap();
        let said = headline(part, who, request);
        page.words(0, &format!("{}: {said}", super::place(answer, part.environment.as_str())));
        page.gap();
        // What everybody has is worth its steps only where it is the answer.
        let folds = |way: &&Reached| request.is_none() && is_everybody_s(way);
        let (everybody, own): (Vec<&Reached>, Vec<&Reached>) =
            part.entries.iter().flat_map(|entry| &entry.ways).partition(folds);
        for way in own {
            chain(page, way, request);
            page.gap();
        }
        if !everybody.is_empty() {
            page.words(0, &everybody_has(&everybody));
        }
        if let Some(nearest) = &part.nearest {
            page.words(0, &near(nearest));
        }
        for of in &part.without {
            page.marked(0, Mark::Same, &without(of), None);
        }
        if let Party::Person(label) = who
            && label.disabled
        {
            page.marked(0, Mark::Same, "The account is disabled: nobody can sign in with it now.", None);
        }
    }
}

fn headline(part: &Part, who: &Party, request: Option<&Request>) -> String {
    let who = party(who);
    let is_superuser = part.entries.iter().any(|entry| entry.is_superuser);
    let may = part.entries.iter().any(crate::access::questions::Entry::may);
    match request {
        _ if is_superuser => format!("{who} is in system:masters and can do anything."),
        Some(request) => {
            let can = if may { "can" } else { "cannot" };
            format!("{who} {can} {}.", escape::line(&request.to_string()))
        }
        None if part.entries.iter().flat_map(|entry| &entry.ways).all(is_everybody_s) => {
            format!("{who} has nothing here but what everybody has.")
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
    }
    if way.steps.is_empty()
        && let Some(by) = by(way)
    {
        page.marked(2, Mark::None, &format!("as {by}"), None);
    }
    let bound = if way.steps.is_empty() { "bound by" } else { "which is bound by" };
    page.marked(2, Mark::None, &format!("{bound} {}", binding(given)), Some(whose(&given.whose)));
    let role = format!("to {} {}{}", given.role.kind, escape::name(&given.role.name), scope(given.namespace.as_ref()));
    page.marked(2, Mark::None, &role, given.role_origin.as_ref().map(ToString::to_string));
    for from in &given.brought {
        let text = format!("which takes in clusterrole {}", escape::name(&from.role));
        page.marked(2, Mark::None, &text, from.origin.as_ref().map(ToString::to_string));
    }
    rules(page, given, request);
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
        Nearest::Roles(roles) => format!("Nearest: what they have here is {}.", names(roles)),
        Nearest::Elsewhere(namespaces) => {
            format!("Nearest: they have something in {}, and nothing here.", first_few(namespaces, 8))
        }
        Nearest::Nothing => "They have nothing on this cluster but what everybody has who signs in.".to_owned(),
    }
}
