//! What can be desired and observed: one closed set of resources, normalised so that equal means the same.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{DefaultRole, GroupKey, Identity, Namespace, ObjectId, PrincipalKind, PrincipalName};

/// Everything rolecall changes. A provider adds its variants here, and diff, order, report and writers match on them
/// without wildcards, so that the compiler names every place a new one must be thought of.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Resource {
    /// An Entra group's own properties.
    Group(Group),
    /// One owner of a group.
    Owner(Edge),
    /// One member of a group.
    Member(Edge),
    /// A `ClusterRole`, or a `Role` in a namespace.
    Role(Role),
    /// A `ClusterRoleBinding`, or a `RoleBinding` in a namespace.
    Binding(Binding),
}

/// The managed properties of an Entra group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Group {
    /// Its key in the files, or the one in its `uniqueName`.
    pub key: GroupKey,
    /// Its object id.
    pub id: Identity,
    /// Display name, at most 256 characters; not unique in a tenant.
    pub display_name: String,
    /// Description; `None` is no description.
    pub description: Option<String>,
    /// `mailNickname`: for groups of ours the filterable index, never proof of ownership.
    pub mail_nickname: Option<String>,
    /// `uniqueName`, the immutable alternate key; `None` for groups that rolecall did not create.
    pub unique_name: Option<String>,
    /// For a group to create: the service principal of the applier that becomes its first owner.
    pub first_owner: Option<ObjectId>,
}

/// One owner or member of one group.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Edge {
    /// The group's key.
    pub group: GroupKey,
    /// The group's object id.
    pub group_id: Identity,
    /// Who, as the files or the screen name them.
    pub principal: PrincipalName,
    /// Their object id.
    pub principal_id: Identity,
    /// What kind of object they are.
    pub kind: PrincipalKind,
}

/// A role object of ours.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Role {
    /// `None` makes it a `ClusterRole`.
    pub namespace: Option<Namespace>,
    /// `metadata.name`.
    pub name: String,
    /// Its rules, normalised by [`PolicyRule::normalise`].
    pub rules: Vec<PolicyRule>,
    /// The default roles whose label it carries, a `ClusterRole` only: whoever has one of them has these rules too.
    #[serde(default, skip_serializing_if = "BTreeSet::is_empty")]
    pub aggregate_to: BTreeSet<DefaultRole>,
}

impl Role {
    /// The default roles that come to hold its rules.
    pub fn reaches(&self) -> BTreeSet<DefaultRole> {
        self.aggregate_to.iter().flat_map(|target| target.reached()).copied().collect()
    }
}

/// One rule of a role, with Kubernetes' own keys.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct PolicyRule {
    /// API groups; `""` is the core group, `*` all.
    pub api_groups: Vec<String>,
    /// Resources, `resource/subresource`, `*` or `*/subresource`.
    pub resources: Vec<String>,
    /// Verbs; `*` is all.
    pub verbs: Vec<String>,
    /// Object names; empty means every name.
    pub resource_names: Vec<String>,
    /// Paths for rules about non-resource URLs; spelt `nonResourceURLs` by Kubernetes.
    #[serde(rename = "nonResourceURLs")]
    pub non_resource_urls: Vec<String>,
}

impl PolicyRule {
    /// Sorts and de-duplicates the lists of every rule, then the rules: their order means nothing to the authorizer.
    pub fn normalise(mut rules: Vec<Self>) -> Vec<Self> {
        for rule in &mut rules {
            for list in [
                &mut rule.api_groups,
                &mut rule.resources,
                &mut rule.verbs,
                &mut rule.resource_names,
                &mut rule.non_resource_urls,
            ] {
                list.sort();
                list.dedup();
            }
        }
        rules.sort();
        rules.dedup();
        rules
    }

    /// Whether these rules together allow every change to every resource of every API group, as cluster-admin does.
    pub fn grant_everything(rules: &[Self]) -> bool {
        ["create", "update", "patch", "delete"].iter().all(|verb| Self::allow(rules, verb, "*", &["*"], None))
    }

    /// Whether one of the rules allows this verb on one of these resources: on every object, or at least on this one.
    fn allow(rules: &[Self], verb: &str, group: &str, resources: &[&str], name: Option<&str>) -> bool {
        let holds = |list: &[String], wanted: &str| list.iter().any(|entry| entry == "*" || entry == wanted);
        rules.iter().any(|rule| {
            holds(&rule.verbs, verb)
                && holds(&rule.api_groups, group)
                && resources.iter().any(|resource| holds(&rule.resources, resource))
                && (rule.resource_names.is_empty()
                    || name.is_some_and(|name| rule.resource_names.iter().any(|entry| entry == name)))
        })
    }
}

/// A binding of one role to subjects. Ours carry exactly one subject.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Binding {
    /// `None` makes it a `ClusterRoleBinding`.
    pub namespace: Option<Namespace>,
    /// `metadata.name`.
    pub name: String,
    /// The role; immutable in Kubernetes.
    pub role: RoleRef,
    /// The subjects, sorted.
    pub subjects: Vec<Subject>,
}

/// The kinds of role a binding may refer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum RoleKind {
    /// A role of the whole cluster.
    ClusterRole,
    /// A role of the binding's own namespace.
    Role,
}

impl fmt::Display for RoleKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::ClusterRole => "clusterrole",
            Self::Role => "role",
        })
    }
}

/// A binding's `roleRef`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RoleRef {
    /// Its kind.
    pub kind: RoleKind,
    /// Its name.
    pub name: String,
}

impl RoleRef {
    /// Where the role is that a binding in this place means: its namespace, if it has one, and its name.
    pub fn place(&self, namespace: Option<&Namespace>) -> (Option<Namespace>, String) {
        let namespace = match self.kind {
            RoleKind::ClusterRole => None,
            RoleKind::Role => namespace.cloned(),
        };
        (namespace, self.name.clone())
    }
}

/// The kinds of subject RBAC knows. Live objects may hold others, which match nobody.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum SubjectKind {
    /// A user name from a token.
    User,
    /// A group name from a token.
    Group,
    /// A service account.
    ServiceAccount,
    /// Anything else that a live binding holds.
    Other(String),
}

impl fmt::Display for SubjectKind {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::User => "user",
            Self::Group => "group",
            Self::ServiceAccount => "service account",
            Self::Other(kind) => kind,
        })
    }
}

/// One subject of a binding.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// Its kind.
    pub kind: SubjectKind,
    /// Its name, exactly as the API server sees it in a token.
    pub name: SubjectName,
    /// For service accounts: their namespace.
    pub namespace: Option<String>,
    /// Whom the name stands for, where we know; it is for people and takes no part in comparison.
    pub principal: Option<PrincipalName>,
}

/// A subject's name, or the promise of one that holds the id of a group created by this plan.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub enum SubjectName {
    /// The name.
    Known(String),
    /// This prefix and then the object id of the group.
    AfterApply {
        /// The environment's `groups-prefix`.
        prefix: String,
        /// The group that this plan creates.
        group: GroupKey,
    },
}

impl Subject {
    /// Whether both are one subject to an API server; whom the names stand for does not matter.
    pub fn is_same(&self, other: &Self) -> bool {
        (&self.kind, &self.name, &self.namespace) == (&other.kind, &other.name, &other.namespace)
    }

    /// Whether its name is one that Kubernetes keeps for its own parts. Nothing but a certificate's author holds it to that.
    pub fn is_system(&self) -> bool {
        matches!(&self.name, SubjectName::Known(name) if name.starts_with("system:"))
    }
}

impl Binding {
    /// Whether both give the same role to the same subjects; whom the names stand for does not matter.
    pub fn same_content(&self, other: &Self) -> bool {
        let bare = |subjects: &[Subject]| {
            let mut bare: Vec<_> = subjects
                .iter()
                .map(|subject| (subject.kind.clone(), subject.name.clone(), subject.namespace.clone()))
                .collect();
            bare.sort();
            bare.dedup();
            bare
        };
        self.role == other.role && bare(&self.subjects) == bare(&other.subjects)
    }
}

#[cfg(test)]
mod tests {
    use super::PolicyRule;

    fn rule(verbs: &[&str], group: &str, resource: &str, name: Option<&str>) -> PolicyRule {
        PolicyRule {
            api_groups: vec![group.to_owned()],
            resources: vec![resource.to_owned()],
            verbs: verbs.iter().map(|verb| (*verb).to_owned()).collect(),
            resource_names: name.map(str::to_owned).into_iter().collect(),
            non_resource_urls: Vec::new(),
        }
    }

    #[test]
    fn everything_may_be_granted_by_several_rules() {
        let writes = rule(&["create", "update"], "*", "*", None);
        let rest = rule(&["patch", "delete"], "*", "*", None);
        assert!(PolicyRule::grant_everything(&[rule(&["*"], "*", "*", None)]));
        assert!(PolicyRule::grant_everything(&[writes.clone(), rest.clone()]));
        assert!(!PolicyRule::grant_everything(&[writes, rule(&["*"], "apps", "*", None)]));
        assert!(!PolicyRule::grant_everything(&[rest, rule(&["get", "list"], "*", "*", None)]));
    }
}
