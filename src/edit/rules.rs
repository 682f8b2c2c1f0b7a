//! Rules of a role.

use std::sync::Arc;

use super::{ALIAS, FORM, NOT_READ, Texts, Why, list, scalar};
use crate::config::yaml::{self, Entry, Node};
use crate::state::{PolicyRule, RoleKey};

const NO_RULES: Why = "no file has a block with rules for this role";
const NO_RULE: Why = "nothing is left of its rules, and a role of the files has at least one";

/// The lists of a rule, with Kubernetes' own keys.
const LISTS: [&str; 5] = ["apiGroups", "resources", "verbs", "resourceNames", "nonResourceURLs"];

/// Has a role allow this: rules that are the same stay as they are written, one that differs in a single list is changed there, and
/// the rest is taken out and put in.
pub(super) fn replace(texts: &mut Texts, role: &RoleKey, rules: &[PolicyRule]) -> Result<(), Why> {
    if rules.is_empty() {
        return Err(NO_RULE);
    }
    let path = file_of(texts, role).ok_or(NO_RULES)?;
    let mut changes: Vec<(usize, &PolicyRule, usize)> = Vec::new();
    let mut gone = Vec::new();
    let mut added: Vec<&PolicyRule> = Vec::new();
    texts.change(&path, |text, root| {
        let items: Vec<PolicyRule> = block(text, root, role)?.value.items().iter().map(rule).collect();
        added = rules.iter().filter(|rule| !items.contains(rule)).collect();
        for (at, item) in items.iter().enumerate().filter(|(_, item)| !rules.contains(item)) {
            let near = added.iter().enumerate().find_map(|(to, rule)| Some((to, *rule, only_difference(item, rule)?)));
            match near {
                Some((to, wanted, list)) => {
                    changes.push((at, wanted, list));
                    added.remove(to);
                }
                None => gone.push(at),
            }
        }
        Ok(text.to_owned())
    })?;
    for (at, rule, of) in changes {
        texts.change(&path, |text, root| {
            let rules = block(text, root, role)?;
            let item = rules.value.items().get(at).ok_or(FORM)?;
            if text.get(item.span.start..).is_some_and(|rest| rest.starts_with(['*', '&'])) {
                return Err(ALIAS);
            }
            let list = LISTS.get(of).and_then(|key| item.entry(key)).ok_or(FORM)?;
            let wanted = *lists(rule).get(of).ok_or(FORM)?;
            let words: Vec<&str> = list.value.items().iter().map(Node::words).collect();
            let gone: Vec<usize> =
                (0..words.len()).filter(|at| !wanted.iter().any(|word| word == words[*at])).collect();
            let added: Vec<String> =
                wanted.iter().filter(|word| !words.contains(&word.as_str())).map(|word| scalar::term(word)).collect();
            list::splice(text, list, &gone, &added, None)
        })?;
    }
    texts.change(&path, |text, root| {
        let rules = block(text, root, role)?;
        let added: Vec<String> = added.iter().map(|rule| written(rule)).collect();
        if gone.is_empty() && added.is_empty() {
            return Ok(text.to_owned());
        }
        list::splice(text, rules, &gone, &added, None)
    })
}

fn file_of(texts: &Texts, role: &RoleKey) -> Option<Arc<str>> {
    let defines = |(path, text): &(&Arc<str>, &String)| {
        let root = yaml::read(super::one_file(path), text, &mut Vec::new());
        root.is_some_and(|root| root.get("roles").is_some_and(|roles| roles.entry(role.as_str()).is_some()))
    };
    texts.texts.iter().find(defines).map(|(path, _)| Arc::clone(path))
}

fn block<'n>(text: &str, root: &'n Node, role: &RoleKey) -> Result<&'n Entry, Why> {
    let block = root.get("roles").and_then(|roles| roles.get(role.as_str())).ok_or(NO_RULES)?;
    if text.get(block.span.start..).ok_or(NOT_READ)?.starts_with(['*', '&']) {
        return Err(ALIAS);
    }
    block.entry("rules").ok_or(NO_RULES)
}

/// A rule of the files, normalised.
fn rule(node: &Node) -> PolicyRule {
    let words = |key: &str| node.get(key).map_or(&[][..], Node::items).iter().map(|item| item.words().to_owned());
    let rule = PolicyRule {
        api_groups: words("apiGroups").collect(),
        resources: words("resources").collect(),
        verbs: words("verbs").collect(),
        resource_names: words("resourceNames").collect(),
        non_resource_urls: words("nonResourceURLs").collect(),
    };
    PolicyRule::normalise(vec![rule]).pop().unwrap_or_default()
}

/// In the order of [`LISTS`].
fn lists(rule: &PolicyRule) -> [&Vec<String>; 5] {
    [&rule.api_groups, &rule.resources, &rule.verbs, &rule.resource_names, &rule.non_resource_urls]
}

/// The list in which alone two rules differ, which both of them have.
fn only_difference(one: &PolicyRule, other: &PolicyRule) -> Option<usize> {
    let (one, other) = (lists(one), lists(other));
    let mut differing = (0..LISTS.len()).filter(|at| one[*at] != other[*at]);
    let only = differing.next().filter(|_| differing.next().is_none())?;
    (!one[only].is_empty() && !other[only].is_empty()).then_some(only)
}

fn written(rule: &PolicyRule) -> String {
    let keys = LISTS.iter().zip(lists(rule)).filter(|(_, words)| !words.is_empty());
    let keys = keys.map(|(key, words)| {
        format!("{key}: [{}]", words.iter().map(|word| scalar::term(word)).collect::<Vec<_>>().join(", "))
    });
    format!("{{ {} }}", keys.collect::<Vec<_>>().join(", "))
}
