//! Whether some rules cover others, decided as the API server does before it lets anybody write a role or a binding.
//!
//! Nobody may give what they do not hold. The API server breaks the rules that are given into single rights and looks
//! for ONE held rule that covers each (component-helpers `auth/rbac/validation/policy_comparator.go`): a given wildcard
//! is just a string, which only a held wildcard covers, however many single rights are held.

mod given;
mod held;

use std::collections::{BTreeMap, BTreeSet};

pub use self::given::Given;
pub use self::held::Held;

use super::{PolicyRule, first_few};

/// How many missing rules a message names.
const NAMED_RULES: usize = 5;
/// How many it names where there are more: then nobody copies them, and a few tell what it is about.
const NAMED_OF_MANY: usize = 2;

/// One single right: what a rule comes apart into.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Right<'a> {
    /// One verb on one resource.
    Resource {
        /// The API group.
        group: &'a str,
        /// The resource, perhaps with a subresource.
        resource: &'a str,
        /// The only object it is about; `None` is every object.
        name: Option<&'a str>,
        /// The verb.
        verb: &'a str,
    },
    /// One verb on one path.
    Url {
        /// The path.
        url: &'a str,
        /// The verb.
        verb: &'a str,
    },
}

/// The rights that rules come apart into, in the rules' own order and with repeats.
pub fn rights(rules: &[PolicyRule]) -> impl Iterator<Item = Right<'_>> {
    rules.iter().flat_map(|rule| resource_rights(rule).chain(url_rights(rule)))
}

fn resource_rights(rule: &PolicyRule) -> impl Iterator<Item = Right<'_>> {
    rule.api_groups.iter().flat_map(move |group| {
        rule.resources.iter().flat_map(move |resource| {
            rule.verbs.iter().flat_map(move |verb| {
                let every_name = rule.resource_names.is_empty().then_some(None);
                let names = rule.resource_names.iter().map(|name| Some(name.as_str()));
                names.chain(every_name).map(move |name| Right::Resource { group, resource, name, verb })
            })
        })
    })
}

fn url_rights(rule: &PolicyRule) -> impl Iterator<Item = Right<'_>> {
    rule.non_resource_urls.iter().flat_map(|url| rule.verbs.iter().map(move |verb| Right::Url { url, verb }))
}

impl Right<'_> {
    /// Whether this one rule covers the right.
    pub fn covered_by(&self, rule: &PolicyRule) -> bool {
        match *self {
            Self::Resource { group, resource, name, verb } => {
                holds(&rule.verbs, verb)
                    && holds(&rule.api_groups, group)
                    && (holds(&rule.resources, resource) || holds_subresource(&rule.resources, resource))
                    && (rule.resource_names.is_empty()
                        || name.is_some_and(|name| rule.resource_names.iter().any(|held| held == name)))
            }
            Self::Url { url, verb } => {
                holds(&rule.verbs, verb)
                    && rule.resource_names.is_empty()
                    && rule.non_resource_urls.iter().any(|held| url_covers(held, url))
            }
        }
    }
}

fn holds(list: &[String], wanted: &str) -> bool {
    list.iter().any(|held| held == "*" || held == wanted)
}

/// `*/log` covers `pods/log`.
fn holds_subresource(list: &[String], wanted: &str) -> bool {
    let Some((_, subresource)) = wanted.split_once('/') else { return false };
    list.iter().any(|held| held.strip_prefix("*/") == Some(subresource))
}

fn url_covers(held: &str, wanted: &str) -> bool {
    held == wanted || (held.ends_with('*') && wanted.starts_with(held.trim_end_matches('*')))
}

/// Whoever holds `held` and gives `given` lacks these rules; empty when it holds all of it. They are compacted as in the
/// API server's own refusal: one rule for each group, resource and name, with every missing verb.
pub fn missing(held: &[PolicyRule], given: &[PolicyRule]) -> Vec<PolicyRule> {
    compact(rights(given).filter(|right| !held.iter().any(|rule| right.covered_by(rule))))
}

/// Rights as rules: one for each group, resource and name, or each path, with all of their verbs.
pub fn compact<'a>(rights: impl IntoIterator<Item = Right<'a>>) -> Vec<PolicyRule> {
    let mut verbs: BTreeMap<Right<'a>, BTreeSet<&str>> = BTreeMap::new();
    for right in rights {
        let (target, verb) = match right {
            Right::Resource { group, resource, name, verb } => {
                (Right::Resource { group, resource, name, verb: "" }, verb)
            }
            Right::Url { url, verb } => (Right::Url { url, verb: "" }, verb),
        };
        verbs.entry(target).or_default().insert(verb);
    }
    let one = |text: &str| vec![text.to_owned()];
    let rules = verbs.into_iter().map(|(target, verbs)| {
        let verbs = verbs.into_iter().map(str::to_owned).collect();
        match target {
            Right::Resource { group, resource, name, verb: _ } => PolicyRule {
                api_groups: one(group),
                resources: one(resource),
                resource_names: name.map(str::to_owned).into_iter().collect(),
                verbs,
                ..PolicyRule::default()
            },
            Right::Url { url, verb: _ } => PolicyRule { non_resource_urls: one(url), verbs, ..PolicyRule::default() },
        }
    });
    rules.collect()
}

/// Rules in words that can be copied into a role: YAML in flow style, resources of one group with the same verbs
/// together; of more than five, the first two and a count.
///
/// What stands in a rule of somebody else's role is hostile text: it is quoted here and must still be escaped.
pub fn words(rules: &[PolicyRule]) -> String {
    let rules = together(rules);
    let shown = if rules.len() > NAMED_RULES { NAMED_OF_MANY } else { NAMED_RULES };
    first_few(rules.iter().map(rule_words), shown)
}

/// The same rights in fewer rules: those that differ only in the object, then only in the resource or the path, become one.
pub fn together(rules: &[PolicyRule]) -> Vec<PolicyRule> {
    let same_place = |one: &PolicyRule, other: &PolicyRule| {
        one.api_groups == other.api_groups
            && one.verbs == other.verbs
            && one.non_resource_urls.is_empty() == other.non_resource_urls.is_empty()
    };
    let by_name = fold(rules, |one, other| {
        same_place(one, other)
            && one.resources == other.resources
            && one.non_resource_urls == other.non_resource_urls
            && one.resource_names.is_empty() == other.resource_names.is_empty()
    });
    fold(&by_name, |one, other| same_place(one, other) && one.resource_names == other.resource_names)
}

fn fold(rules: &[PolicyRule], same: impl Fn(&PolicyRule, &PolicyRule) -> bool) -> Vec<PolicyRule> {
    let mut kept: Vec<PolicyRule> = Vec::new();
    for rule in rules {
        let Some(other) = kept.iter_mut().find(|other| same(other, rule)) else {
            kept.push(rule.clone());
            continue;
        };
        for (list, more) in [
            (&mut other.resources, &rule.resources),
            (&mut other.resource_names, &rule.resource_names),
            (&mut other.non_resource_urls, &rule.non_resource_urls),
        ] {
            let new: Vec<String> = more.iter().filter(|entry| !list.contains(entry)).cloned().collect();
            list.extend(new);
        }
    }
    kept
}

fn rule_words(rule: &PolicyRule) -> String {
    let lists = [
        ("apiGroups", &rule.api_groups),
        ("resources", &rule.resources),
        ("resourceNames", &rule.resource_names),
        ("nonResourceURLs", &rule.non_resource_urls),
        ("verbs", &rule.verbs),
    ];
    let lists = lists.into_iter().filter(|(_, list)| !list.is_empty()).map(|(key, list)| {
        let entries: Vec<String> = list.iter().map(|entry| scalar(entry)).collect();
        format!("{key}: [{}]", entries.join(", "))
    });
    format!("{{ {} }}", lists.collect::<Vec<_>>().join(", "))
}

/// A YAML scalar: plain where no reader can take it for anything but this string.
fn scalar(text: &str) -> String {
    const NOT_STRINGS: [&str; 9] = ["true", "false", "null", "yes", "no", "on", "off", "y", "n"];
    let plain = text.starts_with(|first: char| first.is_ascii_alphabetic() || first == '/')
        && text.chars().all(|each| each.is_ascii_alphanumeric() || "./-_".contains(each))
        && !NOT_STRINGS.contains(&text.to_ascii_lowercase().as_str());
    if plain { text.to_owned() } else { serde_json::Value::from(text).to_string() }
}

#[cfg(test)]
mod tests;
