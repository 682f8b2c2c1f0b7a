//! What was approved and is not what is asked for now: for each change what was approved, what is there, and what the files ask
//! for, always in this order and one below the other.

use std::collections::BTreeSet;

use super::Layout;
use super::page::{Mark, Page};
use super::words;
use crate::plan::saved::{Asked, Moved, Now, Why};
use crate::report::escape;
use crate::state::{
    Address, Beyond, Binding, Change, Edge, Group, Identity, ObjectId, Operation, Resource, Role, SubjectName,
};

/// How many are told one by one.
const TOLD: usize = 50;
/// How many rules of a role are told.
const RULES: usize = 3;
/// The width of the widest of the three terms.
const TERM: usize = 8;

/// Each change that is not what was approved.
pub fn moved(all: &[Moved], layout: Layout) -> String {
    let mut page = Page::new(layout);
    for moved in all.iter().take(TOLD) {
        page.verbatim_marked(Mark::Decide, &moved.address.to_string());
        let mut line = |term: &str, text: &str| page.described(4, term, TERM, text);
        line("approved", &moved.approved.as_ref().map_or_else(|| "nothing".to_owned(), asks));
        line("now", &now(moved));
        line("files", &files(moved));
    }
    if all.len() > TOLD {
        let more = all.len() - TOLD;
        page.item(Mark::Decide, &format!("and {} not as approved", words::count(more, "more change")));
    }
    page.render()
}

/// Each of those who would come to more than a saved plan showed.
pub fn beyond(all: &BTreeSet<Beyond>, layout: Layout) -> String {
    let mut page = Page::new(layout);
    for one in all.iter().take(TOLD) {
        let place = match &one.namespace {
            Some(namespace) => format!("in {namespace} on {}", one.environment),
            None => format!("on the whole of {}", one.environment),
        };
        let roles: Vec<String> = one.roles.iter().map(|role| escape::name(&role.name)).collect();
        let would = if one.as_owner { "could come to" } else { "would have" };
        page.item(Mark::Decide, &format!("{} {would} {} {place}", escape::name(&one.who), roles.join(", ")));
    }
    if all.len() > TOLD {
        page.item(Mark::Decide, &format!("and {}", words::count(all.len() - TOLD, "more place")));
    }
    page.render()
}

/// A group as it is, as far as what was approved or is asked for is about it.
fn group_now(moved: &Moved, now: &Group) -> String {
    let asked = match &moved.asked {
        Asked::Change(change) => Some(&**change),
        Asked::Withheld(_) | Asked::Nothing => None,
    };
    let after = [moved.approved.as_ref(), asked].into_iter().flatten().filter_map(Change::after);
    let after: Vec<&Group> = after
        .filter_map(|after| match after {
            Resource::Group(group) => Some(group),
            Resource::Owner(_) | Resource::Member(_) | Resource::Role(_) | Resource::Binding(_) => None,
        })
        .collect();
    let properties: Vec<String> = values(now)
        .into_iter()
        .enumerate()
        .filter(|(at, (_, value))| after.iter().any(|after| values(after)[*at].1 != *value))
        .map(|(_, (name, value))| format!("{name} {}", quoted(value)))
        .collect();
    let whole = content(&Resource::Group(now.clone()));
    if properties.is_empty() { whole } else { format!("{whole}, {}", properties.join("; ")) }
}

/// The properties of a group that change, by name.
fn values(group: &Group) -> [(&'static str, Option<&str>); 4] {
    [
        ("display name", Some(&group.display_name)),
        ("description", group.description.as_deref()),
        ("mail nickname", group.mail_nickname.as_deref()),
        ("unique name", group.unique_name.as_deref()),
    ]
}

fn quoted(text: Option<&str>) -> String {
    text.map_or_else(|| "none".to_owned(), escape::quoted)
}

/// What a change does, in a few words.
fn asks(change: &Change) -> String {
    match &change.operation {
        Operation::Create { after } => asked_of(after, "add", "create"),
        Operation::Restore { after } => asked_of(after, "add", "restore"),
        Operation::Delete { before } => asked_of(before, "remove", "delete"),
        Operation::Update { before, after } => match (before, after) {
            (Resource::Group(before), Resource::Group(after)) => properties(before, after),
            _ => format!("{} → {}", content(before), content(after)),
        },
    }
}

fn asked_of(resource: &Resource, edge: &str, object: &str) -> String {
    match resource {
        Resource::Owner(of) | Resource::Member(of) => format!("{edge} {}", identity(&of.principal_id)),
        Resource::Group(_) | Resource::Role(_) | Resource::Binding(_) => format!("{object}: {}", content(resource)),
    }
}

/// What an object is, as far as people decide by it.
fn content(resource: &Resource) -> String {
    match resource {
        Resource::Group(group) => format!("{}{}", escape::quoted(&group.display_name), words::short(&group.id)),
        Resource::Owner(Edge { principal_id, .. }) | Resource::Member(Edge { principal_id, .. }) => {
            identity(principal_id)
        }
        Resource::Role(role) => rules(role),
        Resource::Binding(binding) => grant(binding),
    }
}

fn identity(identity: &Identity) -> String {
    match identity {
        Identity::Known(id) => id.to_string(),
        Identity::AfterApply(key) => format!("the new group {key}"),
    }
}

fn properties(before: &Group, after: &Group) -> String {
    let both = values(before).into_iter().zip(values(after));
    let differ = both.filter(|((_, before), (_, after))| before != after);
    let texts = differ.map(|((name, before), (_, after))| format!("{name} {} → {}", quoted(before), quoted(after)));
    texts.collect::<Vec<_>>().join("; ")
}

fn rules(role: &Role) -> String {
    let mut texts: Vec<String> = role.rules.iter().take(RULES).map(words::rule).collect();
    if role.rules.len() > RULES {
        texts.push(format!("and {} more", role.rules.len() - RULES));
    }
    let mut text = if texts.is_empty() { "no rules".to_owned() } else { texts.join("; ") };
    if !role.aggregate_to.is_empty() {
        let to: Vec<&str> = role.aggregate_to.iter().map(|role| role.name()).collect();
        text = format!("{text}; added to {}", to.join(", "));
    }
    text
}

fn grant(binding: &Binding) -> String {
    let subjects = binding.subjects.iter().map(|subject| {
        let name = match &subject.name {
            SubjectName::Known(name) => words::word(name),
            SubjectName::AfterApply { group, .. } => format!("the new group {group}"),
        };
        match &subject.principal {
            Some(principal) if principal.to_string() != name => format!("{} ({name})", words::principal(principal)),
            _ => format!("{} {name}", words::kind_of(subject)),
        }
    });
    let subjects: Vec<String> = subjects.collect();
    let to = if subjects.is_empty() { "nobody".to_owned() } else { subjects.join(", ") };
    format!("{} {} to {to}", binding.role.kind, words::word(&binding.role.name))
}

/// What is there, and what about it is not as it was.
fn now(moved: &Moved) -> String {
    let there = match &moved.now {
        Now::Unread => return "could not be read".to_owned(),
        Now::Absent => "not there".to_owned(),
        Now::There(Resource::Group(group)) => group_now(moved, group),
        Now::There(resource) => content(resource),
        Now::Edge { group, listed, means } => edge(moved, *group, *listed, *means),
    };
    let because = match &moved.why {
        Why::Taken => "with other members or owners than approved".to_owned(),
        Why::OtherObject if is_another(moved) => "another object of this name".to_owned(),
        Why::OtherCluster => "another cluster".to_owned(),
        Why::Relies(on) => on.iter().map(|on| relied_on(moved, on)).collect::<Vec<_>>().join("; "),
        Why::OtherReplacement => "other bindings would take its place".to_owned(),
        Why::OtherManagers => {
            let managers = match &moved.asked {
                Asked::Change(change) => change.overrules.as_slice(),
                Asked::Withheld(_) | Asked::Nothing => &[],
            };
            let managers: Vec<String> = managers.iter().map(|manager| words::word(manager)).collect();
            format!("held by {}", if managers.is_empty() { "no other manager".to_owned() } else { managers.join(", ") })
        }
        Why::NotApproved
        | Why::OtherKind
        | Why::OtherResult
        | Why::OtherObject
        | Why::Differs
        | Why::Withheld(_)
        | Why::Unread
        | Why::NotAsked => return there,
    };
    format!("{there}; {because}")
}

/// Whether the object was made anew under its name since.
fn is_another(moved: &Moved) -> bool {
    let Asked::Change(asked) = &moved.asked else { return false };
    moved.approved.as_ref().is_some_and(|approved| approved.uid != asked.uid)
}

fn edge(moved: &Moved, group: Option<ObjectId>, listed: bool, means: Option<ObjectId>) -> String {
    let Some(change) = moved.approved.as_ref().or(match &moved.asked {
        Asked::Change(change) => Some(change),
        Asked::Withheld(_) | Asked::Nothing => None,
    }) else {
        return "not there".to_owned();
    };
    let Some(Resource::Owner(edge) | Resource::Member(edge)) = change.after().or(change.before()) else {
        return "not there".to_owned();
    };
    let list = if matches!(change.address, Address::Owner(..)) { "an owner" } else { "a member" };
    let mut text = match group {
        None => "no such group".to_owned(),
        Some(_) if listed => list.to_owned(),
        Some(_) => format!("not {list}"),
    };
    if let (Some(group), Some(then)) = (group, edge.group_id.known())
        && group != then
    {
        text = format!("{text}; the group is {group}, not {then}");
    }
    match (means, edge.principal_id.known()) {
        (Some(now), Some(then)) if now != then => format!("{text}; {now} has this name"),
        _ => text,
    }
}

/// What a change relies on and is not as it was.
fn relied_on(moved: &Moved, on: &str) -> String {
    let name = escape::name(on);
    if let Some(selector) = on.strip_prefix("namespaces/") {
        return format!("{} selects other namespaces", escape::name(selector));
    }
    if on == "members" {
        return "it has other members".to_owned();
    }
    if on.starts_with("clusterrole/") || on.starts_with("role/") {
        return format!("{name} has other rules");
    }
    let means = match &moved.asked {
        Asked::Change(change) => change.refers.get(on).and_then(|value| value.parse::<ObjectId>().ok()),
        Asked::Withheld(_) | Asked::Nothing => None,
    };
    means.map_or_else(|| format!("{name}: not as it was"), |id| format!("{id} has the name {name}"))
}

fn files(moved: &Moved) -> String {
    match &moved.asked {
        Asked::Change(asked) => {
            let text = asks(asked);
            if moved.approved.as_ref().is_some_and(|approved| asks(approved) == text) {
                "the same".to_owned()
            } else {
                text
            }
        }
        Asked::Withheld(reason) => format!("withheld ({reason})"),
        Asked::Nothing => "nothing".to_owned(),
    }
}
