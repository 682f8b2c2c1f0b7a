//! What several rules ask about a config, worked out once.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::config::{Config, Grant, Group, Role, RoleSource};
use crate::diagnostics::{Label, Located, Span};
use crate::state::{GroupKey, Membership, PolicyRule, PrincipalName, RoleKey};

/// A config and what follows from it.
pub(super) struct Facts<'a> {
    pub(super) config: &'a Config,
    /// The groups that have a group as a member.
    above: BTreeMap<&'a GroupKey, Vec<&'a GroupKey>>,
}

impl<'a> Facts<'a> {
    pub(super) fn new(config: &'a Config) -> Self {
        let mut above: BTreeMap<&GroupKey, Vec<&GroupKey>> = BTreeMap::new();
        for (key, group) in &config.groups {
            for inner in nested(group) {
                above.entry(inner).or_default().push(key);
            }
        }
        Self { config, above }
    }

    /// Every role that a grant names, with where it names it.
    pub(super) fn granted(&self) -> impl Iterator<Item = Granted<'a>> + use<'a> {
        let config = self.config;
        config.grants.iter().flat_map(move |grant| {
            let granted = move |role: &'a Located<RoleKey>| Granted { grant, key: &role.value, span: role.span };
            grant.roles.iter().map(granted)
        })
    }

    /// The groups that somebody may be in: somebody is named, or others than we know who.
    pub(super) fn peopled(&self) -> BTreeSet<&'a GroupKey> {
        let is_peopled = |group: &Group| match group.membership {
            Membership::External | Membership::Additive => true,
            Membership::Authoritative => {
                group.members.iter().any(|member| !matches!(member.value, PrincipalName::Group(_)))
            }
        };
        let groups = self.config.groups.iter();
        let mut waiting: Vec<&GroupKey> = groups.filter(|(_, group)| is_peopled(group)).map(|(key, _)| key).collect();
        let mut peopled: BTreeSet<&GroupKey> = BTreeSet::new();
        while let Some(key) = waiting.pop() {
            if peopled.insert(key) {
                waiting.extend(self.above.get(key).into_iter().flatten());
            }
        }
        peopled
    }
}

/// A role in a grant.
pub(super) struct Granted<'a> {
    pub(super) grant: &'a Grant,
    pub(super) key: &'a RoleKey,
    /// Where the grant names it.
    pub(super) span: Span,
}

/// The groups of the config that are members of a group.
fn nested(group: &Group) -> impl Iterator<Item = &GroupKey> {
    group.members.iter().filter_map(|member| match &member.value {
        PrincipalName::Group(key) => Some(key),
        PrincipalName::User(_)
        | PrincipalName::Guest(_)
        | PrincipalName::GroupId(_)
        | PrincipalName::ServicePrincipal(_)
        | PrincipalName::Object(_) => None,
    })
}

/// What a role allows, where that is known without a cluster.
pub(super) fn rules(role: &Role) -> Option<Cow<'_, [PolicyRule]>> {
    match &role.source {
        RoleSource::Rules(rules) => Some(rules.iter().map(|rule| rule.value.clone()).collect()),
        RoleSource::ClusterRole(name) if name.value == "cluster-admin" => Some(Cow::Owned(vec![everything()])),
        RoleSource::ClusterRole(_) => None,
    }
}

fn everything() -> PolicyRule {
    let all = || vec!["*".to_owned()];
    PolicyRule { api_groups: all(), resources: all(), verbs: all(), ..PolicyRule::default() }
}

pub(super) fn label(span: Span, text: impl Into<String>) -> Label {
    Label { span, text: text.into() }
}

/// "`a`, `b` and `c`".
pub(super) fn all<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    let words: Vec<String> = words.into_iter().map(|word| format!("`{word}`")).collect();
    join(&words)
}

/// "a, b and c".
pub(super) fn join(words: &[String]) -> String {
    match words {
        [] => String::new(),
        [word] => word.clone(),
        [first @ .., last] => format!("{} and {last}", first.join(", ")),
    }
}
