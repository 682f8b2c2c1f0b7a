//! How single things are called.

use super::view::View;
use crate::report::escape;
use crate::state::{
    Address, Edge, Identity, ObjectId, PolicyRule, PrincipalKind, PrincipalName, Subject, SubjectKind, SubjectName,
};

/// `1 group`, `2 groups`.
pub(in crate::report) fn count(number: usize, thing: &str) -> String {
    format!("{number} {thing}{}", if number == 1 { "" } else { "s" })
}

/// ` (0f3c…)`, or nothing for what is created by the same plan.
pub(super) fn short(identity: &Identity) -> String {
    identity.known().map(|id| format!(" ({})", id.short())).unwrap_or_default()
}

/// An owner or member: name first, id short behind it. Whoever the files know by an id gets the name that was read.
pub(super) fn edge(edge: &Edge, view: &View<'_>) -> String {
    let name = edge.principal_id.known().and_then(|id| view.name(id));
    let name = name.filter(|name| *name != edge.principal.to_string()).map(escape::quoted);
    let who = match &edge.principal {
        PrincipalName::User(_) | PrincipalName::Guest(_) | PrincipalName::Group(_) => principal(&edge.principal),
        PrincipalName::ServicePrincipal(app) => {
            let name = name.map(|name| format!(" {name}")).unwrap_or_default();
            format!("service principal{name} of app {app}")
        }
        PrincipalName::GroupId(id) | PrincipalName::Object(id) => match name {
            Some(name) => format!("{} {name}", kind(edge.kind)),
            None => return format!("{} {id}", kind(edge.kind)),
        },
    };
    format!("{who}{}", short(&edge.principal_id))
}

fn kind(kind: PrincipalKind) -> &'static str {
    match kind {
        PrincipalKind::User => "user",
        PrincipalKind::Guest => "guest",
        PrincipalKind::Group => "group",
        PrincipalKind::ServicePrincipal => "service principal",
        PrincipalKind::Device => "device",
        PrincipalKind::Contact => "contact",
        PrincipalKind::Other => "object",
    }
}

/// A principal by the name that the files use.
pub(super) fn principal(name: &PrincipalName) -> String {
    match name {
        PrincipalName::User(name) => name.to_string(),
        PrincipalName::Guest(mail) => format!("guest {mail}"),
        PrincipalName::Group(key) => format!("group {key}"),
        PrincipalName::GroupId(id) => format!("group {id}"),
        PrincipalName::ServicePrincipal(app) => format!("service principal of app {app}"),
        PrincipalName::Object(id) => format!("object {id}"),
    }
}

/// A subject of a binding: whom it stands for where that is known, and the name that the API server compares.
pub(super) fn subject(subject: &Subject, view: &View<'_>) -> String {
    let name = match &subject.name {
        SubjectName::Known(name) => name.as_str(),
        SubjectName::AfterApply { prefix, group } => {
            let prefix = if prefix.is_empty() { String::new() } else { format!("{} and ", escape::quoted(prefix)) };
            return format!("group {group} (as {prefix}its id, known after apply)");
        }
    };
    let kind = kind_of(subject);
    match (&subject.principal, id_in(name).and_then(|id| view.name(id))) {
        (Some(principal), _) => {
            let who = match principal {
                PrincipalName::User(user) => format!("user {user}"),
                PrincipalName::Guest(_)
                | PrincipalName::Group(_)
                | PrincipalName::GroupId(_)
                | PrincipalName::ServicePrincipal(_)
                | PrincipalName::Object(_) => self::principal(principal),
            };
            let is_same = matches!(principal, PrincipalName::Group(key) if key.as_str() == name);
            if is_same || name == principal.to_string() { who } else { format!("{who} ({})", spelling(name)) }
        }
        (None, Some(read)) => format!("{kind} {} ({})", word(read), spelling(name)),
        (None, None) => {
            let namespace = subject.namespace.as_deref().map(|namespace| format!("{}/", word(namespace)));
            format!("{kind} {}{}", namespace.unwrap_or_default(), word(name))
        }
    }
}

/// The kind of a subject.
pub(super) fn kind_of(subject: &Subject) -> String {
    match &subject.kind {
        SubjectKind::Other(kind) => format!("{} (a kind that matches nobody)", escape::name(kind)),
        SubjectKind::User | SubjectKind::Group | SubjectKind::ServiceAccount => subject.kind.to_string(),
    }
}

/// The object id that a subject's name is, or ends with behind a prefix.
fn id_in(name: &str) -> Option<ObjectId> {
    name.get(name.len().checked_sub(36)?..)?.parse().ok()
}

/// How the API server sees a subject: an id short, anything else in full.
fn spelling(name: &str) -> String {
    name.parse::<ObjectId>().map_or_else(|_| format!("as {}", word(name)), |id| id.short())
}

/// A rule of a role, e.g. `get, list: deployments (apps)`.
pub(super) fn rule(rule: &PolicyRule) -> String {
    let list = |items: &[String]| items.iter().map(|item| word(item)).collect::<Vec<_>>().join(", ");
    let any = |items: &[String], any: &str| if is_any(items) { any.to_owned() } else { list(items) };
    let mut targets = Vec::new();
    if !rule.resources.is_empty() || !rule.api_groups.is_empty() {
        let groups = if is_any(&rule.api_groups) {
            "every API group".to_owned()
        } else {
            let group = |group: &String| if group.is_empty() { "core".to_owned() } else { word(group) };
            rule.api_groups.iter().map(group).collect::<Vec<_>>().join(", ")
        };
        targets.push(format!("{} ({groups})", any(&rule.resources, "every resource")));
    }
    if !rule.resource_names.is_empty() {
        targets.push(format!("named {}", list(&rule.resource_names)));
    }
    if !rule.non_resource_urls.is_empty() {
        targets.push(format!("URL {}", list(&rule.non_resource_urls)));
    }
    format!("{}: {}", any(&rule.verbs, "every verb"), targets.join(" "))
}

fn is_any(items: &[String]) -> bool {
    matches!(items, [only] if only == "*")
}

/// An object on a cluster without its environment: `rolebinding trinity/hand-made`.
pub(super) fn object(address: &Address) -> String {
    match address {
        Address::Object { kind, namespace, name, .. } => {
            let namespace = namespace.as_ref().map(|namespace| format!("{namespace}/")).unwrap_or_default();
            format!("{kind} {namespace}{}", word(name))
        }
        Address::Group(_) | Address::Owner(..) | Address::Member(..) => escape::name(&address.to_string()),
    }
}

/// A word as it is; quoted where its end could be mistaken.
pub(super) fn word(text: &str) -> String {
    let is_plain = |character: char| character.is_alphanumeric() || "-_.:/*@#+=%".contains(character);
    if !text.is_empty() && text.chars().count() <= escape::LONGEST_NAME && text.chars().all(is_plain) {
        text.to_owned()
    } else {
        escape::quoted(text)
    }
}
