//! What people, groups, bindings and lines are called in an answer.

use std::collections::{BTreeMap, BTreeSet};

use unicode_width::UnicodeWidthStr;

use crate::access::people::WithoutGroups;
use crate::access::questions::{
    Brought, Given, GroupLabel, Indirect, Membership, Part, Party, PersonLabel, Reached, Unseen, Whose,
    WithoutTheirGroups,
};
use crate::report::escape;
use crate::report::text::page::{Mark, Page};
use crate::report::text::words;
use crate::state::{Namespace, Origin, PrincipalName, SubjectKind, first_few};

/// Names longer than this move nothing that stands behind shorter ones.
pub(super) const LONGEST_COLUMN: usize = 44;

/// Whoever can be a subject.
pub(super) fn party(party: &Party) -> String {
    match party {
        Party::Person(label) => person(label),
        Party::Group(label) => format!("(group) {}", group(label)),
        Party::User(name) => format!("(user) {}", escape::name(name)),
        Party::ServiceAccount { namespace, name } => {
            format!("(service account) {}/{}", escape::name(namespace), escape::name(name))
        }
        Party::ServiceAccounts(None) => "(every service account)".to_owned(),
        Party::ServiceAccounts(Some(namespace)) => format!("(every service account in {})", escape::name(namespace)),
        Party::Everybody => "(everybody who signs in)".to_owned(),
        Party::Anonymous => "(everybody, signed in or not)".to_owned(),
        Party::System(name) => format!("(Kubernetes) {}", escape::name(name)),
        Party::Superusers => "(superusers) system:masters".to_owned(),
    }
}

/// Somebody: name first, id short behind it.
pub(super) fn person(label: &PersonLabel) -> String {
    let disabled = if label.disabled { ", disabled" } else { "" };
    match (&label.name, &label.display_name) {
        (PrincipalName::Object(id), Some(name)) => format!("{} ({}{disabled})", escape::quoted(name), id.short()),
        (PrincipalName::ServicePrincipal(app), Some(name)) => {
            format!("service principal {} of app {app}", escape::quoted(name))
        }
        (PrincipalName::User(_) | PrincipalName::Guest(_), _) => {
            let id = label.id.map(|id| format!(" ({}{disabled})", id.short())).unwrap_or_default();
            format!("{}{id}", words::principal(&label.name))
        }
        _ => words::principal(&label.name),
    }
}

/// A group: name first, id short behind it; the whole id where nothing else is known.
pub(super) fn group(label: &GroupLabel) -> String {
    let name = short_group(label);
    label.id.filter(|_| !is_nameless(label)).map_or_else(|| name.clone(), |id| format!("{name} ({})", id.short()))
}

/// ` in trinity`, ` across the cluster`.
pub(super) fn scope(namespace: Option<&Namespace>) -> String {
    namespace.map_or_else(|| " across the cluster".to_owned(), |namespace| format!(" in {namespace}"))
}

/// `group contractors in k8s_dev_users → view in trinity`.
pub(super) fn way(who: &Party, way: &Reached) -> String {
    let given = &way.given;
    let role = format!("{}{}{}", role(given), brought(&given.brought), scope(given.namespace.as_ref()));
    let by = match who {
        Party::Group(_) if way.steps.is_empty() => "whoever is in it".to_owned(),
        _ => by(way).unwrap_or_else(|| DIRECTLY.to_owned()),
    };
    format!("{by} → {role}")
}

/// How a role reaches whoever is a subject themselves.
pub(super) const DIRECTLY: &str = "bound directly";

/// A role by its key in the files, where it is one of ours, else by the name of its object.
pub(super) fn role(given: &Given) -> String {
    let key = given.role_block.as_ref().map(|(key, _)| key.to_string());
    key.unwrap_or_else(|| escape::name(&given.role.name))
}

/// The role that another one takes in.
pub(super) fn source(from: &Brought) -> String {
    from.block.as_ref().map_or_else(|| escape::name(&from.role), |(key, _)| key.to_string())
}

/// By which groups, or by what else than themselves.
pub(super) fn by(way: &Reached) -> Option<String> {
    if way.steps.is_empty() {
        return match (way.given.subject_kind.clone(), way.given.subject.as_str()) {
            (SubjectKind::Group, "system:authenticated") => Some("everybody who signs in".to_owned()),
            (SubjectKind::Group, name) if name.starts_with("system:") => Some(escape::name(name)),
            _ => None,
        };
    }
    let groups: Vec<String> = way.steps.iter().map(|step| short_group(&step.group)).collect();
    Some(format!("group {}", groups.join(" in ")))
}

/// A group where its id stands elsewhere.
fn short_group(label: &GroupLabel) -> String {
    if label.in_files || is_nameless(label) { escape::name(&label.name) } else { escape::quoted(&label.name) }
}

fn is_nameless(label: &GroupLabel) -> bool {
    label.id.is_some_and(|id| id.to_string() == label.name)
}

/// ` (from pod-lister)` for a role that is filled from others; Kubernetes' own parts of its roles go without saying.
pub(super) fn brought(brought: &[Brought]) -> String {
    brought
        .last()
        .filter(|from| from.block.is_some() || !from.role.starts_with("system:"))
        .map(|from| format!(" (from {})", source(from)))
        .unwrap_or_default()
}

/// Whether it is what everybody has who signs in.
pub(super) fn is_everybody_s(way: &Reached) -> bool {
    way.steps.is_empty() && way.given.subject_kind == SubjectKind::Group && way.given.subject == "system:authenticated"
}

/// What everybody has who signs in, by its roles; once for all the environments where it is the same.
pub(super) fn everybody_has(parts: &[Part]) -> Vec<String> {
    let mut all: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for part in parts {
        let ways = part.entries.iter().flat_map(|entry| &entry.ways).filter(|way| is_everybody_s(way));
        all.entry(roles_of(ways)).or_default().push(part.environment.as_str());
    }
    let is_one = all.len() == 1;
    let said = all.into_iter().filter(|(roles, _)| !roles.is_empty()).map(|(roles, environments)| {
        let place = if is_one { String::new() } else { format!("on {} ", first_few(environments, 8)) };
        format!("Everybody who signs in {place}has besides: {roles}.")
    });
    said.collect()
}

fn roles_of<'w>(ways: impl Iterator<Item = &'w Reached>) -> String {
    let roles: BTreeSet<String> = ways
        .map(|way| match &way.given.namespace {
            None => role(&way.given),
            Some(namespace) => format!("{} in {namespace}", role(&way.given)),
        })
        .collect();
    roles.into_iter().collect::<Vec<_>>().join(", ")
}

/// The groups that somebody owns and is not in, and what they would have as their members.
pub(super) fn owned(page: &mut Page, indirect: &[Indirect]) {
    for could in indirect {
        let gains: BTreeSet<String> = could
            .ways
            .iter()
            .map(|way| format!("{}{}", role(&way.given), scope(way.given.namespace.as_ref())))
            .collect();
        let gains = gains.into_iter().collect::<Vec<_>>().join(", ");
        let text = format!("owns group {} and could join it: {gains}", group(&could.group));
        page.marked(0, Mark::Decide, &text, None);
    }
}

/// The lines of the files, the grant's first; the same file is named once.
pub(super) fn lines(way: &Reached) -> String {
    let role = way.given.brought.last().and_then(|from| from.block.as_ref()).map(|(_, origin)| origin);
    let steps = way.steps.iter().filter_map(|step| step.origin.as_ref());
    let grant = match &way.given.whose {
        Whose::Grant(origin) => Some(origin),
        Whose::Left | Whose::Others => None,
    };
    let mut named: Option<&str> = None;
    let mut said: Vec<String> = match &way.given.whose {
        Whose::Grant(_) => Vec::new(),
        other => vec![whose(other)],
    };
    for origin in grant.into_iter().chain(steps).chain(role) {
        let line = if named == Some(&*origin.file) { format!(":{}", origin.line) } else { origin.to_string() };
        named = Some(&origin.file);
        if !said.contains(&line) {
            said.push(line);
        }
    }
    if way.steps.iter().any(|step| step.origin.is_none()) {
        said.push("a membership that no file asks for".to_owned());
    }
    said.join(", ")
}

/// Whose a binding is, where no line says it.
pub(super) fn whose(whose: &Whose) -> String {
    match whose {
        Whose::Grant(origin) => origin.to_string(),
        Whose::Left => "ours, no longer in the files".to_owned(),
        Whose::Others => "not ours".to_owned(),
    }
}

/// The line of a membership.
pub(super) fn line(step: &Membership) -> String {
    step.origin.as_ref().map_or_else(|| "live, not in the files".to_owned(), Origin::to_string)
}

/// `rolebinding trinity/name`.
pub(super) fn binding(given: &Given) -> String {
    match &given.namespace {
        Some(namespace) => format!("rolebinding {namespace}/{}", escape::name(&given.binding)),
        None => format!("clusterrolebinding {}", escape::name(&given.binding)),
    }
}

/// Somebody to whom their groups are worth nothing.
pub(super) fn without(of: &WithoutTheirGroups) -> String {
    let (who, group) = (person(&of.who), group(&of.group));
    match of.why {
        WithoutGroups::Application => {
            format!("{who} is in group {group} and gains nothing by it: tokens of apps carry no groups")
        }
        WithoutGroups::Overage(groups) => format!(
            "{who} is in group {group}, worth nothing while in {groups} groups: of more than 200 a token carries none. \
             Whoever leaves some has it"
        ),
    }
}

/// What could not be seen.
pub fn unseen(unseen: &Unseen) -> String {
    let with = |what: &str, next: &Option<String>| match next {
        Some(next) => format!("{}; {}", escape::message(what), escape::message(next)),
        None => escape::message(what),
    };
    match unseen {
        Unseen::Entra(what, next) => format!("who is in which group: {}", with(what, next)),
        Unseen::Environment(name, what, next) => format!("environment {name}: {}", with(what, next)),
        Unseen::Group(label, why) => format!("who is in group {}: {}", group(label), escape::message(why)),
    }
}

/// A text that fills a column, where it is not longer than that.
pub(super) fn padded(text: &str, width: usize) -> String {
    format!("{text}{}", " ".repeat(width.saturating_sub(text.width()) + 2))
}

/// The width of a column of these texts.
pub(super) fn column<'t>(texts: impl IntoIterator<Item = &'t str>) -> usize {
    texts.into_iter().map(UnicodeWidthStr::width).filter(|width| *width <= LONGEST_COLUMN).max().unwrap_or(0)
}
