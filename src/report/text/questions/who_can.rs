//! Who may do something.

use std::collections::BTreeMap;

use super::called::{column, is_kubernetes, lines, padded, party, person, way, without};
use crate::access::questions::{Answer, Entry, Part, Party};
use crate::report::escape;
use crate::report::text::page::{Mark, Page};
use crate::report::text::words::count;
use crate::state::{Request, first_few};

pub(super) fn draw(page: &mut Page, answer: &Answer, request: &Request) {
    let request = escape::line(&request.to_string());
    for part in &answer.parts {
        page.gap();
        page.words(0, &format!("{}: {}", super::place(answer, part.environment.as_str()), headline(part, &request)));
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

fn headline(part: &Part, request: &str) -> String {
    let people = part.entries.iter().filter(|entry| matches!(entry.who, Party::Person(_))).count();
    let kubernetes = part.entries.iter().filter(|entry| is_kubernetes(entry)).count();
    let superusers = part.entries.iter().filter(|entry| entry.who == Party::Superusers).count();
    let others = part.entries.len() - people - kubernetes - superusers;
    let who = match (people, others) {
        (0, 0) if kubernetes == 0 => return format!("no one can {request}, superusers apart."),
        (0, 0) => return format!("no one can {request}, Kubernetes itself apart."),
        (0, 1) => "no one whom we know in Entra, but 1 other,".to_owned(),
        (0, _) => format!("no one whom we know in Entra, but {others} others,"),
        (1, 0) => "1 person".to_owned(),
        (_, 0) => format!("{people} people"),
        (1, _) => format!("1 person, and {},", count(others, "other")),
        (..) => format!("{people} people, and {},", count(others, "other")),
    };
    format!("{who} can {request}.")
}

fn rows(page: &mut Page, part: &Part) {
    let (kubernetes, shown): (Vec<&Entry>, Vec<&Entry>) = part.entries.iter().partition(|entry| is_kubernetes(entry));
    let names: Vec<String> = shown.iter().map(|entry| party(&entry.who)).collect();
    let width = column(names.iter().map(String::as_str));
    for (entry, name) in shown.iter().zip(&names) {
        if entry.is_superuser {
            page.marked(0, Mark::None, &format!("{}anything, without a binding", padded(name, width)), None);
        }
        for (at, reached) in entry.ways.iter().filter(|_| !entry.is_superuser).enumerate() {
            let name = if at == 0 { name.as_str() } else { "" };
            page.marked(
                0,
                Mark::None,
                &format!("{}{}", padded(name, width), way(&entry.who, reached)),
                Some(lines(reached)),
            );
        }
    }
    if !kubernetes.is_empty() {
        page.detail(0, &own(&kubernetes));
    }
}

/// Kubernetes' own, all of them in one sentence.
fn own(entries: &[&Entry]) -> String {
    let (mut named, mut accounts) = (Vec::new(), Vec::new());
    for entry in entries {
        match &entry.who {
            Party::ServiceAccount { name, .. } => accounts.push(escape::name(name)),
            Party::System(name) => named.push(escape::name(name)),
            other => named.push(party(other)),
        }
    }
    let accounts = accounts.join(", ");
    let accounts = if accounts.is_empty() { None } else { Some(format!("in kube-system {accounts}")) };
    let all: Vec<String> = named.into_iter().chain(accounts).collect();
    format!("and {} of Kubernetes itself: {}", entries.len(), all.join(", "))
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
