//! What somebody may do at all.

use super::called::{by, column, everybody_has, is_everybody_s, lines, padded, party, without};
use crate::access::questions::{Answer, Party, Reached};
use crate::report::escape;
use crate::report::text::page::{Mark, Page};
use crate::report::text::words::count;

pub(super) fn draw(page: &mut Page, answer: &Answer, who: &Party) {
    let name = party(who);
    page.words(0, &if answer.planned { format!("{name}, after the apply") } else { name });
    for part in &answer.parts {
        page.gap();
        let ways = || part.entries.iter().flat_map(|entry| &entry.ways);
        let (everybody, own): (Vec<&Reached>, Vec<&Reached>) = ways().partition(|way| is_everybody_s(way));
        if part.entries.iter().any(|entry| entry.is_superuser) {
            page.words(0, &format!("{}: anything, as a member of system:masters", part.environment));
        } else if own.is_empty() {
            page.words(0, &format!("{}: nothing", part.environment));
        } else {
            page.words(0, part.environment.as_str());
        }
        let scopes: Vec<String> = own.iter().map(|way| scope(way)).collect();
        let roles: Vec<String> = own.iter().map(|way| role(way)).collect();
        let (wide, wider) = (column(scopes.iter().map(String::as_str)), column(roles.iter().map(String::as_str)));
        for ((way, scope), role) in own.iter().zip(&scopes).zip(&roles) {
            let via = by(way).unwrap_or_else(|| "bound by name".to_owned());
            let text = format!("{}{}{via}", padded(scope, wide), padded(role, wider));
            page.marked(2, Mark::None, &text, Some(lines(way)));
        }
        if !everybody.is_empty() {
            page.marked(2, Mark::None, &everybody_has(&everybody), None);
        }
        for of in &part.without {
            page.marked(2, Mark::Same, &without(of), None);
        }
    }
    if answer.parts.is_empty() {
        page.gap();
        page.words(0, &format!("{} could be looked at.", count(0, "cluster")));
    }
    if let Party::Person(label) = who
        && label.disabled
    {
        page.gap();
        page.marked(0, Mark::Same, "The account is disabled: nobody can sign in with it now.", None);
    }
}

fn scope(way: &Reached) -> String {
    way.given.namespace.as_ref().map_or_else(|| "whole cluster".to_owned(), ToString::to_string)
}

fn role(way: &Reached) -> String {
    let role = escape::name(&way.given.role.name);
    match &way.given.rules {
        Some(_) => role,
        None => format!("{role} (not there)"),
    }
}
