//! Grants: made smaller, taken apart, taken out, and put in.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::product::Product;
use super::{ALIAS, Asked, FORM, Texts, Why, list, map, scalar};
use crate::config::yaml::{Entry, Node, Value};
use crate::config::{Config, Grant, ROOT_FILE};
use crate::diagnostics::SourceMap;
use crate::state::{PrincipalName, RoleKey, ScopeTarget};

/// A grant is not taken apart into more than this.
const MOST: usize = 4;

const NO_GRANT: Why = "no grant of the files gives it";
const BY_LABELS: Why = "a grant asks for it by labels of environments, which cannot leave one out: name them";
const REPLACES: Why = "its grant takes over from bindings made by hand (`replaces`), by all that it gives";
const MANY: Why = "its grant would have to be taken apart into more than four";
const NOWHERE: Why = "there is no grant beside which it could stand";

/// Takes this out of every grant that gives it.
pub(super) fn revoke(texts: &mut Texts, asked: &BTreeSet<Asked>) -> Result<(), String> {
    let (config, sources) = texts.load()?;
    let mut found: BTreeSet<&Asked> = BTreeSet::new();
    // From the end of each file on, so that what stands before keeps its place.
    for grant in config.grants.iter().rev() {
        let whole = Product::of(grant);
        let gone: BTreeSet<Asked> = asked.iter().filter(|each| whole.holds(each)).cloned().collect();
        if gone.is_empty() {
            continue;
        }
        found.extend(asked.iter().filter(|each| whole.holds(each)));
        let path = path_of(grant, &sources).ok_or(NO_GRANT)?;
        if !grant.replaces.is_empty() {
            return Err(REPLACES.to_owned());
        }
        let rest = whole.without(&gone).filter(|rest| rest.len() <= MOST).ok_or(MANY)?;
        reduce(texts, &path, grant, &whole, rest)?;
    }
    if found.len() == asked.len() { Ok(()) } else { Err(NO_GRANT.to_owned()) }
}

fn path_of(grant: &Grant, sources: &SourceMap) -> Option<Arc<str>> {
    sources.get(grant.span.file).map(|source| Arc::clone(&source.path))
}

/// The list of grants of a file, and the number of the one that starts here.
fn find(text: &str, root: &Node, start: usize) -> Result<(Entry, usize), Why> {
    let entry = root.entry("grants").ok_or(NO_GRANT)?;
    let items = entry.value.items();
    let at = items.iter().position(|item| item.head().start == start).ok_or(NO_GRANT)?;
    let is_alias = |item: &Node| text.get(item.span.start..).is_some_and(|rest| rest.starts_with(['*', '&']));
    if items.get(at).is_none_or(is_alias) { Err(ALIAS) } else { Ok((entry.clone(), at)) }
}

/// Leaves of a grant only these products: the largest in its place, the others behind it.
fn reduce(
    texts: &mut Texts,
    path: &Arc<str>,
    grant: &Grant,
    whole: &Product,
    mut rest: Vec<Product>,
) -> Result<(), Why> {
    let start = grant.span.start;
    let Some(largest) = (0..rest.len()).max_by_key(|at| (rest[*at].size(), usize::MAX - at)) else {
        return texts.change(path, |text, root| {
            let (entry, at) = find(text, root, start)?;
            list::splice(text, &entry, &[at], &[], None)
        });
    };
    let stays = rest.remove(largest);
    texts.change(path, |text, root| {
        let (entry, at) = find(text, root, start)?;
        let item = entry.value.items().get(at).ok_or(NO_GRANT)?;
        let labels = item.get("environments").filter(|node| matches!(node.value, Value::Map(_)));
        if labels.is_some() && rest.iter().chain([&stays]).any(|each| each.environments != whole.environments) {
            return Err(BY_LABELS);
        }
        if rest.is_empty() {
            return Ok(text.to_owned());
        }
        let others: Vec<String> = rest.iter().map(|each| written(each, labels)).collect::<Option<_>>().ok_or(FORM)?;
        list::splice(text, &entry, &[], &others, Some(at))
    })?;
    let is_kept = |key: &'static str, item: &Node| -> bool {
        let one_of = |name: &str| item.words() == name;
        match key {
            "roles" => stays.roles.iter().any(|role| one_of(role.as_str())),
            "environments" => stays.environments.iter().any(|name| one_of(name.as_str())),
            "namespaces" => {
                stays.scopes.iter().any(|scope| matches!(scope, ScopeTarget::Namespace(name) if one_of(name.as_str())))
            }
            _ => stays.subjects.iter().any(|subject| match (key, subject) {
                ("groups", PrincipalName::Group(group)) => one_of(group.as_str()),
                ("users", PrincipalName::User(_) | PrincipalName::Guest(_)) => list::is_same(item, subject),
                ("service-principals", PrincipalName::ServicePrincipal(app)) => {
                    item.words().eq_ignore_ascii_case(&app.to_string())
                }
                _ => false,
            }),
        }
    };
    for key in ["groups", "users", "service-principals", "roles", "environments", "namespaces"] {
        texts.change(path, |text, root| {
            let (entry, at) = find(text, root, start)?;
            let item = entry.value.items().get(at).ok_or(NO_GRANT)?;
            let Some(list) = item.entry(key).filter(|list| matches!(list.value.value, Value::Seq(_))) else {
                return Ok(text.to_owned());
            };
            let items = list.value.items();
            let gone: Vec<usize> = (0..items.len()).filter(|at| !is_kept(key, &items[*at])).collect();
            match gone.len() {
                0 => Ok(text.to_owned()),
                all if all == items.len() => map::without(text, item, list),
                _ => list::splice(text, list, &gone, &[], None),
            }
        })?;
    }
    Ok(())
}

/// Puts grants that give this behind one for the same subject or role.
pub(super) fn give(texts: &mut Texts, asked: &BTreeSet<Asked>, at_root: bool) -> Result<(), String> {
    let (config, sources) = texts.load()?;
    let mut by: BTreeMap<(&PrincipalName, &RoleKey), BTreeSet<Asked>> = BTreeMap::new();
    for each in asked {
        by.entry((&each.subject, &each.role)).or_default().insert(each.clone());
    }
    let mut places: BTreeMap<(Arc<str>, usize), Vec<String>> = BTreeMap::new();
    for ((subject, role), asked) in by {
        let sibling = beside(&config, &sources, (subject, role), at_root).ok_or(NOWHERE)?;
        let path = path_of(sibling, &sources).ok_or(NOWHERE)?;
        let products = Product::covering(&asked);
        let new: Vec<String> = products.iter().map(|each| written(each, None)).collect::<Option<_>>().ok_or(FORM)?;
        places.entry((path, sibling.span.start)).or_default().extend(new);
    }
    // From the end of each file on.
    for ((path, start), new) in places.iter().rev() {
        texts.change(path, |text, root| {
            let (entry, at) = find(text, root, *start)?;
            list::splice(text, &entry, &[], new, Some(at))
        })?;
    }
    Ok(())
}

/// The last grant of those that are most like a new one.
fn beside<'c>(
    config: &'c Config,
    sources: &SourceMap,
    (subject, role): (&PrincipalName, &RoleKey),
    at_root: bool,
) -> Option<&'c Grant> {
    let is_root = |grant: &Grant| path_of(grant, sources).is_some_and(|path| *path == *ROOT_FILE);
    // Only groups are delegated.
    let at_root = at_root || (config.delegates && !matches!(subject, PrincipalName::Group(_)));
    let likeness = |grant: &Grant| {
        let is_for = grant.subjects.iter().any(|each| each.value == *subject);
        let is_of = grant.roles.iter().any(|each| each.value == *role);
        (is_for && is_of, is_for, is_of)
    };
    config.grants.iter().filter(|grant| !at_root || is_root(grant)).max_by_key(|grant| likeness(grant))
}

/// A grant as a line says it. `labels` stand where they stood for all of its environments.
fn written(product: &Product, labels: Option<&Node>) -> Option<String> {
    let listed = |key: &str, items: Vec<String>| (!items.is_empty()).then(|| format!("{key}: [{}]", items.join(", ")));
    let (mut groups, mut users, mut apps) = (Vec::new(), Vec::new(), Vec::new());
    for subject in &product.subjects {
        match subject {
            PrincipalName::Group(key) => groups.push(scalar::word(key.as_str())),
            PrincipalName::User(_) | PrincipalName::Guest(_) => users.push(scalar::principal(subject)?),
            PrincipalName::ServicePrincipal(app) => apps.push(app.to_string()),
            PrincipalName::GroupId(_) | PrincipalName::Object(_) => return None,
        }
    }
    let roles = product.roles.iter().map(|role| scalar::word(role.as_str())).collect();
    let environments = if let Some(node) = labels {
        let wanted = node.entries().iter().map(|Entry { key, value }| (key.value.as_str(), value.words()));
        Some(format!("environments: {}", map_of(wanted)))
    } else {
        let names = product.environments.iter().map(|name| scalar::word(name.as_str()));
        listed("environments", names.collect())
    };
    let mut namespaces = Vec::new();
    let mut other = None;
    for scope in &product.scopes {
        match scope {
            ScopeTarget::Namespace(name) => namespaces.push(scalar::word(name.as_str())),
            ScopeTarget::Selector(wanted) => {
                let wanted = wanted.iter().map(|(key, value)| (key.as_str(), value.as_str()));
                other = Some(format!("namespaces: {{ labels: {} }}", map_of(wanted)));
            }
            ScopeTarget::Cluster => other = Some("cluster-wide: true".to_owned()),
        }
    }
    let keys = [
        listed("groups", groups),
        listed("users", users),
        listed("service-principals", apps),
        listed("roles", roles),
        environments,
        listed("namespaces", namespaces),
        other,
    ];
    Some(format!("{{ {} }}", keys.into_iter().flatten().collect::<Vec<_>>().join(", ")))
}

fn map_of<'a>(entries: impl Iterator<Item = (&'a str, &'a str)>) -> String {
    let entries: Vec<String> =
        entries.map(|(key, value)| format!("{}: {}", scalar::word(key), scalar::word(value))).collect();
    format!("{{ {} }}", entries.join(", "))
}
