//! What an identity lacks for a write, in the same words before it is tried and after it was refused.

use std::collections::BTreeSet;

use super::covering::{together, words};
use super::{KubernetesKind, PolicyRule, RBAC, RoleRef, first_few};

/// How many rules a message names. More than these nobody copies: then it is the right itself that is given.
const NAMED_RULES: usize = 5;
/// How many namespaces a message names.
const NAMED_PLACES: usize = 5;

/// A right that is missing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Lack {
    /// For what.
    pub right: MissingRight,
    /// In which namespaces; `None` is the whole cluster.
    pub places: BTreeSet<Option<String>>,
    /// For `bind` and `escalate`: the rules that are given and not held. Holding them does instead.
    pub rules: Vec<PolicyRule>,
}

/// What a write needs.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum MissingRight {
    /// These verbs on RBAC objects of this kind.
    Write {
        /// `create`, `patch`, `delete`.
        verbs: BTreeSet<String>,
        /// The kind.
        kind: KubernetesKind,
    },
    /// To write a binding to this role.
    Bind(RoleRef),
    /// To write this role.
    Escalate {
        /// `ClusterRole` or `Role`.
        kind: KubernetesKind,
        /// `metadata.name`.
        name: String,
    },
}

impl MissingRight {
    /// The verbs and the resource that an authorizer knows it by, and a name where only one object is meant.
    pub fn asked(&self) -> (Vec<&str>, KubernetesKind, Option<&str>) {
        match self {
            Self::Write { verbs, kind } => (verbs.iter().map(String::as_str).collect(), *kind, None),
            Self::Bind(role) => (vec!["bind"], role.kind.into(), Some(&role.name)),
            Self::Escalate { kind, name } => (vec!["escalate"], *kind, Some(name)),
        }
    }
}

impl Lack {
    /// A right that is missing in one place.
    pub fn new(right: MissingRight, place: Option<String>, rules: Vec<PolicyRule>) -> Self {
        Self { right, places: BTreeSet::from([place]), rules }
    }

    /// What is needed: "`bind` on clusterroles/edit in namespace trinity, or the rule { … }". May hold remote text.
    pub fn needs(&self) -> String {
        let right = match &self.right {
            MissingRight::Write { verbs, kind } => {
                let verbs: Vec<String> = verbs.iter().map(|verb| format!("`{verb}`")).collect();
                format!("{} on {}", verbs.join(" and "), kind.plural())
            }
            MissingRight::Bind(role) => format!("`bind` on {}s/{}", role.kind, role.name),
            MissingRight::Escalate { kind, name } => format!("`escalate` on {}/{name}", kind.plural()),
        };
        let place = self.place();
        if self.rules.is_empty() {
            return format!("{right} {place}");
        }
        match together(&self.rules).len() {
            1 => format!("{right} {place}, or the rule {}", words(&self.rules)),
            few @ ..=NAMED_RULES => format!("{right} {place}, or the {few} rules {}", words(&self.rules)),
            many => format!("{right} {place}, or {many} rules of it that are not held"),
        }
    }

    /// The least rule that would do.
    pub fn remedy(&self) -> PolicyRule {
        let (verbs, kind, name) = self.right.asked();
        PolicyRule {
            api_groups: vec![RBAC.to_owned()],
            resources: vec![kind.plural().to_owned()],
            resource_names: name.map(str::to_owned).into_iter().collect(),
            verbs: verbs.into_iter().map(str::to_owned).collect(),
            ..PolicyRule::default()
        }
    }

    /// What to do about it, in front of [`Self::remedy`] as YAML: "this allows it, in namespace trinity".
    pub fn advice(&self) -> String {
        let why = match &self.right {
            MissingRight::Write { .. } => "",
            MissingRight::Bind(_) | MissingRight::Escalate { .. } => "nobody may give what they do not hold; ",
        };
        format!("{why}this allows it, {}", self.place())
    }

    /// Advice and remedy as one sentence.
    pub fn next(&self) -> String {
        format!("{}: {}", self.advice(), words(&[self.remedy()]))
    }

    fn place(&self) -> String {
        let namespaces: Vec<&str> = self.places.iter().flatten().map(String::as_str).collect();
        match namespaces[..] {
            [] => "on the whole cluster".to_owned(),
            [one] if !self.places.contains(&None) => format!("in namespace {one}"),
            _ => {
                let also = if self.places.contains(&None) { "on the whole cluster and " } else { "" };
                format!("{also}in namespaces {}", first_few(namespaces, NAMED_PLACES))
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::RoleKind;
    use insta::assert_snapshot;

    fn edit() -> MissingRight {
        MissingRight::Bind(RoleRef { kind: RoleKind::ClusterRole, name: "edit".to_owned() })
    }

    fn secrets() -> PolicyRule {
        PolicyRule {
            api_groups: vec![String::new()],
            resources: vec!["secrets".to_owned()],
            verbs: vec!["get".to_owned()],
            ..PolicyRule::default()
        }
    }

    #[test]
    fn what_is_needed_and_what_to_do_can_be_copied() {
        let bind = Lack::new(edit(), Some("trinity".to_owned()), vec![secrets()]);
        assert_snapshot!(bind.needs(), @r#"`bind` on clusterroles/edit in namespace trinity, or the rule { apiGroups: [""], resources: [secrets], verbs: [get] }"#);
        assert_snapshot!(bind.next(), @"nobody may give what they do not hold; this allows it, in namespace trinity: { apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles], resourceNames: [edit], verbs: [bind] }");
        let verbs = BTreeSet::from(["create".to_owned(), "patch".to_owned()]);
        let write = Lack::new(MissingRight::Write { verbs, kind: KubernetesKind::RoleBinding }, None, Vec::new());
        assert_snapshot!(write.needs(), @"`create` and `patch` on rolebindings on the whole cluster");
        assert_snapshot!(write.next(), @"this allows it, on the whole cluster: { apiGroups: [rbac.authorization.k8s.io], resources: [rolebindings], verbs: [create, patch] }");
        let name = "restarter".to_owned();
        let escalate = MissingRight::Escalate { kind: KubernetesKind::Role, name };
        let mut escalate = Lack::new(
            escalate,
            Some("trinity".to_owned()),
            vec![secrets(), PolicyRule { verbs: vec!["list".to_owned()], ..secrets() }],
        );
        assert!(escalate.needs().starts_with("`escalate` on roles/restarter in namespace trinity, or the 2 rules { "));
        escalate.rules.clear();
        for number in 0..9 {
            escalate.rules.push(PolicyRule { api_groups: vec![format!("g{number}")], ..secrets() });
        }
        assert_snapshot!(escalate.needs(), @"`escalate` on roles/restarter in namespace trinity, or 9 rules of it that are not held");
    }

    #[test]
    fn many_namespaces_are_counted() {
        let mut lack = Lack::new(edit(), None, Vec::new());
        lack.places.extend((0..9).map(|number| Some(format!("n{number}"))));
        assert_snapshot!(lack.needs(), @"`bind` on clusterroles/edit on the whole cluster and in namespaces n0, n1, n2, n3, n4 and 4 more");
        lack.places = BTreeSet::from([Some("b".to_owned()), Some("a".to_owned())]);
        assert_snapshot!(lack.needs(), @"`bind` on clusterroles/edit in namespaces a, b");
    }
}
