//! What several rules ask about a config, worked out once.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::access::builtin_roles;
use crate::config::{Config, Grant, Group, Role, RoleSource};
use crate::diagnostics::{Label, Located, Span};
use crate::state::{GroupKey, GroupsClaim, Membership, PolicyRule, PrincipalName, RoleKey, all_of};

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

    /// Whether whoever is in a nested group is in the outer one for every cluster: where tokens carry only the groups that are
    /// assigned to the app, only direct members count.
    pub(super) fn nesting_counts(&self) -> bool {
        self.config.environments.values().all(|environment| environment.tokens.claim == GroupsClaim::SecurityGroups)
    }

    /// The groups that hold a group, through any number of others, without itself.
    pub(super) fn above(&self, key: &GroupKey) -> BTreeSet<&'a GroupKey> {
        let direct = |key: &GroupKey| self.above.get(key).into_iter().flatten().copied();
        closure(direct(key), direct)
    }

    /// The groups that are in one of these, through any number of others, and these themselves.
    pub(super) fn below(&self, keys: impl IntoIterator<Item = &'a GroupKey>) -> BTreeSet<&'a GroupKey> {
        let direct = |key: &GroupKey| self.config.groups.get(key).into_iter().flat_map(nested);
        closure(keys, direct)
    }

    /// The groups that a grant names, each with the first place.
    pub(super) fn subjects(&self) -> BTreeMap<&'a GroupKey, Span> {
        let mut subjects = BTreeMap::new();
        for subject in self.config.grants.iter().flat_map(|grant| &grant.subjects) {
            if let PrincipalName::Group(key) = &subject.value {
                subjects.entry(key).or_insert(subject.span);
            }
        }
        subjects
    }

    /// The groups that somebody may be in: somebody is named, or others than we know who.
    pub(super) fn peopled(&self) -> BTreeSet<&'a GroupKey> {
        let is_peopled = |group: &Group| match group.membership {
            Membership::External | Membership::Additive => true,
            Membership::Authoritative => {
                group.members.iter().any(|member| !matches!(member.value, PrincipalName::Group(_)))
            }
        };
        let groups = self.config.groups.iter().filter(|(_, group)| is_peopled(group)).map(|(key, _)| key);
        closure(groups, |key| self.above.get(key).into_iter().flatten().copied())
    }
}

/// Everything that is reached step by step.
fn closure<'a, I: Iterator<Item = &'a GroupKey>>(
    start: impl IntoIterator<Item = &'a GroupKey>,
    next: impl Fn(&'a GroupKey) -> I,
) -> BTreeSet<&'a GroupKey> {
    let mut waiting: Vec<&GroupKey> = start.into_iter().collect();
    let mut reached = BTreeSet::new();
    while let Some(key) = waiting.pop() {
        if reached.insert(key) {
            waiting.extend(next(key));
        }
    }
    reached
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
        RoleSource::ClusterRole(name) => builtin_roles::rules(&name.value).map(Cow::Borrowed),
    }
}

pub(super) fn label(span: Span, text: impl Into<String>) -> Label {
    Label { span, text: text.into() }
}

/// Whom a grant is for: a group by its key, anybody else as the files name them.
pub(super) fn name(subject: &PrincipalName) -> String {
    match subject {
        PrincipalName::Group(key) => key.to_string(),
        PrincipalName::User(_)
        | PrincipalName::Guest(_)
        | PrincipalName::GroupId(_)
        | PrincipalName::ServicePrincipal(_)
        | PrincipalName::Object(_) => subject.to_string(),
    }
}

/// "`a`, `b` and `c`".
pub(super) fn all<'a>(words: impl IntoIterator<Item = &'a str>) -> String {
    all_of(words.into_iter().map(|word| format!("`{word}`")))
}

/// Those of them who are people.
pub(super) fn people(principals: &[Located<PrincipalName>]) -> Vec<&Located<PrincipalName>> {
    let is_person =
        |one: &&Located<PrincipalName>| matches!(one.value, PrincipalName::User(_) | PrincipalName::Guest(_));
    principals.iter().filter(is_person).collect()
}
