//! Who may do something.

use std::collections::BTreeMap;

use unicode_width::UnicodeWidthStr as _;

use super::called::{LONGEST_COLUMN, lines, padded, party, person, way, without};
use crate::access::questions::{Answer, Entry, Part, Party};
use crate::report::escape;
use crate::report::text::page::{Mark, Page};
use crate::report::text::words::count;
use crate::state::{Request, first_few};

pub(super) fn draw(page: &mut Page, answer: &Answer, request: &Request) {
    let request = super::requested(request);
    for (environment, part) in super::places(answer) {
        page.gap();
        let place = super::place(answer, environment);
        let Some(part) = part else {
            page.words(0, &format!("{place}: who can {request} is not known: the cluster was not read."));
            continue;
        };
        page.words(0, &format!("{place}: {}", headline(part, &request, answer.is_entra_unread())));
        page.gap();
        rows(page, part);
        indirect(page, part);
        for of in &part.without {
            page.marked(0, Mark::Same, &without(of), None);
        }
        if !part.in_namespaces.is_empty() {
            let names = first_few(&part.in_namespaces, 8);
            page.words(0, &format!("More may in single namespaces: {names}. Ask with -n."));
        }
    }
}

fn headline(part: &Part, request: &str, is_entra_unread: bool) -> String {
    let number = |counts: fn(&Entry) -> bool| part.entries.iter().filter(|entry| counts(entry)).count();
    let people = number(|entry| matches!(entry.who, Party::Person(_)));
    let groups = number(|entry| matches!(entry.who, Party::Group(_)));
    let kubernetes = number(Entry::is_its_own);
    let superusers = number(|entry| entry.who == Party::Superusers);
    let others = part.entries.len() - people - groups - kubernetes - superusers;
    if is_entra_unread {
        let bound = if people + groups + others == 0 { ", no one but superusers and Kubernetes itself." } else { ":" };
        return format!("who can {request} is not known: Entra was not read. By the bindings alone{bound}");
    }
    let who = match (people, others) {
        (0, 0) if groups > 0 => {
            let groups = count(groups, "group");
            return format!("who can {request} is not known: not all members of {groups} could be read.");
        }
        (0, 0) if kubernetes == 0 => return format!("no one can {request}, superusers apart."),
        (0, 0) => return format!("no one can {request}, Kubernetes itself apart."),
        (0, 1) => "no one whom we know in Entra, but 1 other,".to_owned(),
        (0, _) => format!("no one whom we know in Entra, but {others} others,"),
        (1, 0) => "1 person".to_owned(),
        (_, 0) => format!("{people} people"),
        (1, _) => format!("1 person, and {},", count(others, "other")),
        (..) => format!("{people} people, and {},", count(others, "other")),
    };
    let more = match groups {
        0 => String::new(),
        _ => format!(", and so can whoever is in {} that could not be read", count(groups, "group")),
    };
    format!("{who} can {request}{more}.")
}

/// A row for each way beside who has it, or, where one is too long for that, all ways below who has them.
fn rows(page: &mut Page, part: &Part) {
    const INDENT: usize = 2;
    let shown: Vec<(String, Vec<(String, String)>)> = part
        .entries
        .iter()
        .filter(|entry| !entry.is_its_own())
        .map(|entry| {
            let ways = entry.ways.iter().map(|reached| (way(&entry.who, reached), lines(reached)));
            let anything = || vec![("anything, without a binding".to_owned(), String::new())];
            (party(&entry.who), if entry.is_superuser { anything() } else { ways.collect() })
        })
        .collect();
    let column = shown.iter().map(|(name, _)| name.width()).max().unwrap_or(0);
    let texts = shown.iter().flat_map(|(_, ways)| ways);
    let widest = texts.map(|(way, lines)| way.width() + 2 + lines.width()).max().unwrap_or(0);
    let is_beside = column <= LONGEST_COLUMN && INDENT + column + 2 + widest <= page.width();
    for (name, ways) in &shown {
        if !is_beside {
            page.words(INDENT, name);
        }
        for (at, (way, lines)) in ways.iter().enumerate() {
            let right = Some(lines.clone()).filter(|lines| !lines.is_empty());
            if is_beside {
                let name = if at == 0 { name.as_str() } else { "" };
                page.marked(INDENT, Mark::None, &format!("{}{way}", padded(name, column)), right);
            } else {
                page.marked(INDENT + 4, Mark::None, way, right);
            }
        }
    }
    let kubernetes = part.entries.iter().filter(|entry| entry.is_its_own()).count();
    if kubernetes > 0 {
        page.words(INDENT, &format!("and {} of Kubernetes itself", count(kubernetes, "part")));
    }
}

/// Owners, each with the groups that they own.
fn indirect(page: &mut Page, part: &Part) {
    let mut owned: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for indirect in &part.indirect {
        owned.entry(person(&indirect.who)).or_default().push(escape::name(&indirect.group.name));
    }
    for (who, groups) in owned {
        let (noun, it) = if groups.len() == 1 { ("group", "it") } else { ("groups", "one of them") };
        let text = format!("{who} owns {noun} {} and could join {it}", groups.join(", "));
        page.marked(0, Mark::Decide, &text, None);
    }
}
