//! The part of a plan about Entra: one block for each group.

use std::collections::BTreeMap;

use super::page::{Mark, Page};
use super::view::View;
use super::words;
use crate::report::escape;
use crate::state::{Address, Change, Edge, Group, GroupKey, Identity, ObjectId, Operation, Origin, Resource, Sign};

/// From this many owners or members with the same sign on, they are listed in columns instead of line by line.
pub(super) const COLUMNS_FROM: usize = 13;

/// Adds a block for each group that changes.
pub(super) fn groups<'a>(page: &mut Page, changes: impl Iterator<Item = &'a Change>, view: &View<'_>) {
    let mut blocks: BTreeMap<&GroupKey, Vec<&Change>> = BTreeMap::new();
    for change in changes {
        if let Some(key) = change.address.group() {
            blocks.entry(key).or_default().push(change);
        }
    }
    for (key, changes) in blocks {
        block(page, key, &changes, view);
    }
}

fn block(page: &mut Page, key: &GroupKey, changes: &[&Change], view: &View<'_>) {
    let own = changes.iter().find(|change| matches!(change.address, Address::Group(_)));
    let id = changes.iter().find_map(|change| group_id(change));
    let id = id.map(words::short).unwrap_or_default();
    match own {
        None => page.marked(0, Mark::Sign(Sign::Change), &format!("group {key}{id}"), None),
        Some(change) => {
            let text = format!("group {key}{id}{}", view.protection(change));
            page.marked(0, Mark::Sign(change.sign()), &text, View::origin(change, "no longer in the files"));
            properties(page, change, view);
        }
    }
    for (title, is_owner) in [("owner", true), ("member", false)] {
        for sign in [Sign::Add, Sign::Change, Sign::Remove] {
            let mut edges: Vec<(&Change, &Edge)> = changes
                .iter()
                .filter(|change| change.sign() == sign)
                .filter_map(|change| edge_of(change, is_owner).map(|edge| (*change, edge)))
                .collect();
            edges.sort_by(|(_, one), (_, other)| one.principal.cmp(&other.principal));
            list(page, title, sign, &edges, view);
        }
    }
}

pub(super) fn group_id(change: &Change) -> Option<&Identity> {
    match change.after().or(change.before())? {
        Resource::Group(group) => Some(&group.id),
        Resource::Owner(edge) | Resource::Member(edge) => Some(&edge.group_id),
        Resource::Role(_) | Resource::Binding(_) => None,
    }
}

pub(super) fn edge_of(change: &Change, is_owner: bool) -> Option<&Edge> {
    match change.after().or(change.before())? {
        Resource::Owner(edge) if is_owner => Some(edge),
        Resource::Member(edge) if !is_owner => Some(edge),
        Resource::Owner(_) | Resource::Member(_) | Resource::Group(_) | Resource::Role(_) | Resource::Binding(_) => {
            None
        }
    }
}

/// What a group is given at creation, or which of its properties change.
fn properties(page: &mut Page, change: &Change, view: &View<'_>) {
    match &change.operation {
        Operation::Create { after: Resource::Group(after) } => created(page, after, view),
        Operation::Update { before: Resource::Group(before), after: Resource::Group(after) } => {
            updated(page, before, after);
        }
        Operation::Restore { after: Resource::Group(after) } => restored(page, after),
        Operation::Create { .. } | Operation::Restore { .. } | Operation::Update { .. } | Operation::Delete { .. } => {}
    }
}

fn restored(page: &mut Page, after: &Group) {
    page.detail(4, "restored, with the members and owners it had; the next plan shows them");
    if after.display_name != after.key.as_str() {
        page.detail(4, &format!("display name: {}", escape::quoted(&after.display_name)));
    }
    if let Some(description) = &after.description {
        page.detail(4, &format!("description: {}", long_quoted(description)));
    }
}

fn created(page: &mut Page, after: &Group, view: &View<'_>) {
    if after.display_name != after.key.as_str() {
        page.detail(4, &format!("display name: {}", escape::quoted(&after.display_name)));
    }
    if let Some(description) = &after.description {
        page.detail(4, &format!("description: {}", long_quoted(description)));
    }
    if let Some(owner) = after.first_owner.filter(|owner| !view.is_applier(*owner)) {
        let name = view.name(owner);
        let name =
            name.map_or_else(|| owner.to_string(), |name| format!("{} ({})", escape::quoted(name), owner.short()));
        page.detail(4, &format!("first owner: {name}, which applies"));
    }
}

/// Who owns a group from its creation on.
pub(super) fn first_owner(change: &Change) -> Option<ObjectId> {
    match &change.operation {
        Operation::Create { after: Resource::Group(after) } => after.first_owner,
        Operation::Create { .. } | Operation::Restore { .. } | Operation::Update { .. } | Operation::Delete { .. } => {
            None
        }
    }
}

pub(super) fn updated(page: &mut Page, before: &Group, after: &Group) {
    let quoted = |text: &Option<String>| text.as_deref().map_or_else(|| "none".to_owned(), long_quoted);
    let properties = [
        ("display name", Some(before.display_name.clone()), Some(after.display_name.clone())),
        ("description", before.description.clone(), after.description.clone()),
        ("mail nickname", before.mail_nickname.clone(), after.mail_nickname.clone()),
        ("unique name", before.unique_name.clone(), after.unique_name.clone()),
    ];
    for (property, before, after) in properties {
        if before != after {
            page.detail(4, &format!("{property}: {} → {}", quoted(&before), quoted(&after)));
        }
    }
}

/// A description may have 1024 characters; all of it is written, so all of it is shown.
fn long_quoted(text: &str) -> String {
    format!("\"{}\"", escape::message(text).replace('"', "\\\""))
}

fn list(page: &mut Page, title: &str, sign: Sign, edges: &[(&Change, &Edge)], view: &View<'_>) {
    if edges.len() < COLUMNS_FROM {
        for (change, edge) in edges {
            let text = format!("{title} {}{}", words::edge(edge, view), view.protection(change));
            page.marked(4, Mark::Sign(sign), &text, View::origin(change, "not in the files"));
        }
        return;
    }
    let origins: Vec<&Origin> = edges.iter().filter_map(|(change, _)| change.origin.as_ref()).collect();
    let right = if origins.is_empty() { "not in the files".to_owned() } else { ranges(&origins) };
    // A mark that all of them carry is said once.
    let protections: Vec<String> = edges.iter().map(|(change, _)| view.protection(change)).collect();
    let shared = protections.iter().all(|protection| *protection == protections[0]);
    let mark = if shared { protections[0].as_str() } else { "" };
    page.marked(4, Mark::Sign(sign), &format!("{}{mark}", words::count(edges.len(), title)), Some(right));
    let items: Vec<String> = edges
        .iter()
        .zip(&protections)
        .map(|((_, edge), protection)| {
            format!("{}{}", words::edge(edge, view), if shared { "" } else { protection.as_str() })
        })
        .collect();
    page.columns(8, &items);
}

/// `teams/all.yaml:9-508, teams/sre.yaml:4`.
fn ranges(origins: &[&Origin]) -> String {
    let mut lines: BTreeMap<&str, (u32, u32)> = BTreeMap::new();
    for origin in origins {
        let (first, last) = lines.entry(&origin.file).or_insert((origin.line, origin.line));
        (*first, *last) = ((*first).min(origin.line), (*last).max(origin.line));
    }
    let range = |(file, (first, last)): (&&str, &(u32, u32))| {
        if first == last { format!("{file}:{first}") } else { format!("{file}:{first}-{last}") }
    };
    lines.iter().map(range).collect::<Vec<_>>().join(", ")
}
