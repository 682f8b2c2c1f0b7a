//! What somebody may do at all.

use super::called::{DIRECTLY, by, column, everybody_has, is_everybody_s, lines, owned, padded, party, role, without};
use crate::access::questions::{Answer, Party, Reached};
use crate::report::text::page::{Mark, Page};

pub(super) fn draw(page: &mut Page, answer: &Answer, who: &Party) {
    let name = party(who);
    page.words(0, &if answer.planned { format!("{name}, after the apply") } else { name });
    for (environment, part) in super::places(answer) {
        page.gap();
        let Some(part) = part else {
            page.words(0, &format!("{environment}: not known, as the cluster was not read"));
            continue;
        };
        let ways = part.entries.iter().flat_map(|entry| &entry.ways);
        let own: Vec<&Reached> = ways.filter(|way| !is_everybody_s(way)).collect();
        if part.entries.iter().any(|entry| entry.is_superuser) {
            page.words(0, &format!("{}: anything, as a member of system:masters", part.environment));
        } else if own.is_empty() {
            let seen = if part.unread.is_empty() { "" } else { " that could be seen" };
            page.words(0, &format!("{}: nothing{seen}", part.environment));
        } else {
            page.words(0, part.environment.as_str());
        }
        let scopes: Vec<String> = own.iter().map(|way| scope(way)).collect();
        let roles: Vec<String> = own.iter().map(|way| role_there(way)).collect();
        let (wide, wider) = (column(scopes.iter().map(String::as_str)), column(roles.iter().map(String::as_str)));
        for ((way, scope), role) in own.iter().zip(&scopes).zip(&roles) {
            let via = by(way).unwrap_or_else(|| DIRECTLY.to_owned());
            let text = format!("{}{}{via}", padded(scope, wide), padded(role, wider));
            page.marked(2, Mark::None, &text, Some(lines(way)));
        }
        owned(page, &part.indirect);
        for of in &part.without {
            page.marked(2, Mark::Same, &without(of), None);
        }
    }
    page.gap();
    for said in everybody_has(&answer.parts) {
        page.words(0, &said);
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

fn role_there(way: &Reached) -> String {
    let role = role(&way.given);
    match &way.given.rules {
        Some(_) => role,
        None => format!("{role} (not there)"),
    }
}
