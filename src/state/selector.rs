//! Kubernetes' label selectors, and what is filled by them: `ClusterRoles` that take in the rules of others.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use super::{Cluster, ConfigName, DefaultRole, LiveRole, PolicyRule, Role, mark};

/// One selector of an `aggregationRule`. All of it must hold; an empty one holds for every role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Selector {
    /// `matchLabels`.
    pub labels: BTreeMap<String, String>,
    /// `matchExpressions`.
    pub expressions: Vec<Expression>,
}

/// One entry of `matchExpressions`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Expression {
    /// The label has one of these values.
    In(String, BTreeSet<String>),
    /// The label is not there, or has another value.
    NotIn(String, BTreeSet<String>),
    /// The label is there.
    Exists(String),
    /// The label is not there.
    DoesNotExist(String),
    /// What no API server of today takes; its operator. Nobody knows what it selects.
    Unknown(String),
}

impl Selector {
    /// The selector of one label with the value `true`.
    pub fn of_label(label: &str) -> Self {
        Self { labels: BTreeMap::from([(label.to_owned(), "true".to_owned())]), expressions: Vec::new() }
    }

    /// Whether it selects what has these labels; `None` where nobody knows.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> Option<bool> {
        if !self.labels.iter().all(|(label, value)| labels.get(label) == Some(value)) {
            return Some(false);
        }
        let mut is_known = true;
        for expression in &self.expressions {
            match expression.holds(labels) {
                Some(true) => {}
                Some(false) => return Some(false),
                None => is_known = false,
            }
        }
        is_known.then_some(true)
    }

    /// The operators of which nobody knows what they select.
    pub fn unknown(&self) -> impl Iterator<Item = &str> {
        self.expressions.iter().filter_map(|expression| match expression {
            Expression::Unknown(operator) => Some(operator.as_str()),
            Expression::In(..) | Expression::NotIn(..) | Expression::Exists(_) | Expression::DoesNotExist(_) => None,
        })
    }
}

impl Expression {
    fn holds(&self, labels: &BTreeMap<String, String>) -> Option<bool> {
        match self {
            Self::In(label, values) => Some(labels.get(label).is_some_and(|value| values.contains(value))),
            Self::NotIn(label, values) => Some(labels.get(label).is_none_or(|value| !values.contains(value))),
            Self::Exists(label) => Some(labels.contains_key(label)),
            Self::DoesNotExist(label) => Some(!labels.contains_key(label)),
            Self::Unknown(_) => None,
        }
    }
}

/// What to take of a selector that nobody understands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Doubt {
    /// That it selects everything: where somebody may gain, or may have had.
    Selects,
    /// That it selects nothing: where somebody is to keep.
    SelectsNothing,
}

/// The `ClusterRoles` of one cluster that take in others: those that are there, and the default ones whether or not they
/// were read.
#[derive(Clone, Debug)]
pub struct Filled<'a> {
    config: &'a ConfigName,
    live: BTreeMap<&'a str, &'a LiveRole>,
}

impl<'a> Filled<'a> {
    /// Those of this cluster.
    pub fn new(cluster: &'a Cluster) -> Self {
        let of_cluster = cluster.roles.iter().filter(|live| live.role.namespace.is_none());
        Self { config: &cluster.config, live: of_cluster.map(|live| (live.role.name.as_str(), live)).collect() }
    }

    /// Whether the rules of this `ClusterRole` are those of others.
    pub fn is_filled(&self, role: &str) -> bool {
        DefaultRole::of_name(role).is_some() || self.live.get(role).is_some_and(|live| live.aggregation.is_some())
    }

    /// The names of those that hold the rules of this role of ours, or of one that is there: directly, or because they take
    /// in one that does.
    pub fn holding(&self, role: &Role, doubt: Doubt) -> BTreeSet<&'a str> {
        let mut holding: BTreeSet<&'a str> = BTreeSet::new();
        if role.namespace.is_some() {
            return holding;
        }
        let mut labels = vec![self.labels(role)];
        for default in role.reaches() {
            holding.insert(default.name());
        }
        let mut followed = BTreeSet::new();
        loop {
            for labels in labels.drain(..) {
                holding.extend(self.taking(&labels, doubt).filter(|name| *name != role.name));
            }
            let new: Vec<&str> = holding.difference(&followed).copied().collect();
            if new.is_empty() {
                return holding;
            }
            for name in new {
                followed.insert(name);
                labels.extend(self.live.get(name).map(|live| live.labels.clone()));
                for default in DefaultRole::of_name(name).into_iter().flat_map(DefaultRole::reached) {
                    holding.insert(default.name());
                }
            }
        }
    }

    /// What each of those holds because these roles are there.
    pub fn by<'r>(
        &self,
        roles: impl IntoIterator<Item = &'r Role>,
        doubt: Doubt,
    ) -> BTreeMap<&'a str, Vec<&'r PolicyRule>> {
        let mut by: BTreeMap<&str, Vec<&PolicyRule>> = BTreeMap::new();
        for role in roles {
            for name in self.holding(role, doubt) {
                by.entry(name).or_default().extend(&role.rules);
            }
        }
        by
    }

    /// Every role with a selector that nobody understands, and its operators.
    pub fn unknown(&self) -> impl Iterator<Item = (&'a str, BTreeSet<&'a str>)> {
        let roles = self.live.iter().map(|(name, live)| {
            (*name, live.aggregation.iter().flatten().flat_map(Selector::unknown).collect::<BTreeSet<&str>>())
        });
        roles.filter(|(_, operators)| !operators.is_empty())
    }

    fn taking(&self, labels: &BTreeMap<String, String>, doubt: Doubt) -> impl Iterator<Item = &'a str> {
        let takes = move |live: &LiveRole| {
            let mut selectors = live.aggregation.iter().flatten();
            selectors.any(|selector| selector.matches(labels).unwrap_or(doubt == Doubt::Selects))
        };
        self.live.iter().filter(move |(_, live)| takes(live)).map(|(name, _)| *name)
    }

    /// The labels of a role as it is there or as we would write it. What others put on it stays; a label of ours that goes is
    /// written as `false`.
    pub fn labels(&self, role: &Role) -> BTreeMap<String, String> {
        let live = self.live.get(role.name.as_str());
        let mut labels = live.map(|live| live.labels.clone()).unwrap_or_default();
        let is_live = live.is_some_and(|live| live.role == *role);
        if !is_live {
            labels.insert(mark::MANAGED_BY_LABEL.to_owned(), mark::MANAGER.to_owned());
            labels.insert(mark::CONFIG_LABEL.to_owned(), self.config.to_string());
        }
        for default in live.into_iter().flat_map(|live| live.role.aggregate_to.difference(&role.aggregate_to)) {
            labels.insert(default.label().to_owned(), "false".to_owned());
        }
        labels.extend(role.aggregate_to.iter().map(|default| (default.label().to_owned(), "true".to_owned())));
        labels
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn labels(texts: &[(&str, &str)]) -> BTreeMap<String, String> {
        texts.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect()
    }

    fn values(texts: &[&str]) -> BTreeSet<String> {
        texts.iter().map(|text| (*text).to_owned()).collect()
    }

    #[test]
    fn a_selector_holds_when_all_of_it_does() {
        let team = || "team".to_owned();
        let matches = |expression: Expression, has: &[(&str, &str)]| {
            Selector { labels: labels(&[("on", "true")]), expressions: vec![expression] }.matches(&labels(has))
        };
        let (sre, other, bare) = ([("on", "true"), ("team", "sre")], [("on", "true"), ("team", "x")], [("on", "true")]);
        for (expression, expected) in [
            (Expression::In(team(), values(&["sre", "dev"])), [true, false, false]),
            (Expression::NotIn(team(), values(&["sre", "dev"])), [false, true, true]),
            (Expression::Exists(team()), [true, true, false]),
            (Expression::DoesNotExist(team()), [false, false, true]),
        ] {
            for (has, expected) in [&sre[..], &other, &bare].into_iter().zip(expected) {
                assert_eq!(matches(expression.clone(), has), Some(expected), "{expression:?} {has:?}");
            }
            assert_eq!(matches(expression, &[("on", "false"), ("team", "sre")]), Some(false));
        }
        let unknown = Expression::Unknown("Gt".to_owned());
        assert_eq!(matches(unknown.clone(), &sre), None);
        assert_eq!(matches(unknown, &[]), Some(false), "the rest of it tells");
        assert_eq!(Selector::default().matches(&labels(&[])), Some(true), "an empty one selects everything");
    }
}
