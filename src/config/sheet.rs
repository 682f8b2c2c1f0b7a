//! What one access file says by its names, whether or not the files hang together: to compare it with what it said before.
//!
//! A commit of long ago is no config to act on. What is malformed in it says nothing here, and is no mistake.

use std::collections::{BTreeMap, BTreeSet};
use std::str::FromStr;

use super::exclude::Exclude;
use super::yaml::{self, Node, Value as Written};
use crate::diagnostics::SourceMap;
use crate::state::history::{List, Place};
use crate::state::{
    AppId, EnvironmentName, GroupKey, Mail, Namespace, ObjectId, PolicyRule, PrincipalName, RoleKey, UserPrincipalName,
};

/// One access file.
#[derive(Debug, Default)]
pub struct Sheet {
    /// The environments with their labels.
    pub environments: BTreeMap<EnvironmentName, BTreeMap<String, String>>,
    /// The groups.
    pub groups: BTreeMap<GroupKey, GroupSheet>,
    /// The roles.
    pub roles: BTreeMap<RoleKey, RoleSheet>,
    /// The grants.
    pub grants: Vec<GrantSheet>,
    /// What is expected.
    pub expectations: Vec<ExpectationSheet>,
    exclude: Exclude,
}

/// A group's block. Each name has the line that it stands on.
#[derive(Debug, Default)]
pub struct GroupSheet {
    /// The line of the key.
    pub line: u32,
    /// Members, owners and who must be absent.
    pub lists: BTreeMap<List, BTreeMap<PrincipalName, u32>>,
    /// The keys that it had before.
    pub previously: BTreeSet<GroupKey>,
    /// What else the block says, by its keys.
    pub properties: BTreeMap<&'static str, String>,
}

/// A role's block.
#[derive(Debug, Default)]
pub struct RoleSheet {
    /// The line of the key.
    pub line: u32,
    /// The `ClusterRole` that it stands for.
    pub cluster_role: Option<String>,
    /// Its rules.
    pub rules: Vec<PolicyRule>,
    /// The roles of Kubernetes' own that take its rules in.
    pub aggregate_to: BTreeSet<String>,
    /// Where they do.
    pub environments: Environments,
}

/// A grant.
#[derive(Debug)]
pub struct GrantSheet {
    /// The line on which it starts.
    pub line: u32,
    /// Who.
    pub subjects: BTreeSet<PrincipalName>,
    /// Which roles.
    pub roles: BTreeSet<RoleKey>,
    /// Which environments.
    pub environments: Environments,
    /// Where in them.
    pub places: BTreeSet<Place>,
}

/// An entry of `expectations`.
#[derive(Debug)]
pub struct ExpectationSheet {
    /// Of whom.
    pub who: PrincipalName,
    /// Where.
    pub environments: Environments,
    /// The requests under each key, as they are written.
    pub requests: BTreeMap<&'static str, BTreeSet<String>>,
}

impl Default for Environments {
    fn default() -> Self {
        Self::Named(BTreeSet::new())
    }
}

/// Environments, by their names or by labels.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Environments {
    /// These.
    Named(BTreeSet<EnvironmentName>),
    /// Those with all of these labels.
    Labels(BTreeMap<String, String>),
}

/// A value of the access files that can be looked for in other versions of them.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Value {
    /// A group's block.
    Group(GroupKey),
    /// An entry of one of its lists.
    Listed(GroupKey, List, PrincipalName),
    /// A role's block.
    Role(RoleKey),
    /// A rule of it, or the `ClusterRole` that it stands for.
    Allows(RoleKey, String),
    /// That a grant gives this role there.
    Grant {
        /// To whom.
        subject: PrincipalName,
        /// Which role.
        role: RoleKey,
        /// In which environment.
        environment: EnvironmentName,
        /// By which labels, where not by its name.
        labels: Option<BTreeMap<String, String>>,
        /// Where in it.
        place: Place,
    },
}

impl Sheet {
    /// Reads a file. Of what is no YAML, or too much of it, nothing is known: `None`.
    pub fn read(text: &str) -> Option<Self> {
        let mut sources = SourceMap::default();
        let file = sources.add("", text);
        let root = yaml::read(file, text, &mut Vec::new())?;
        let line = |node: &Node| sources.origin(node.head()).line;
        let mut sheet = Self { exclude: Exclude::read(&root, &mut Vec::new()), ..Self::default() };
        for entry in root.all("environments").flat_map(Node::entries) {
            if let Ok(name) = entry.key.value.parse() {
                sheet.environments.insert(name, labels(entry.value.get("labels")));
            }
        }
        for entry in root.all("groups").flat_map(Node::entries) {
            let Ok(key) = entry.key.value.parse::<GroupKey>() else { continue };
            let list = |name: &str| -> BTreeMap<PrincipalName, u32> {
                let items = entry.value.get(name).map_or(&[][..], Node::items).iter();
                items.filter_map(|item| Some((principal(item)?, line(item)))).collect()
            };
            let lists = LISTS.map(|(kind, name)| (kind, list(name)));
            let said = |name: &&'static str| Some((*name, entry.value.get(name)?.words().to_owned()));
            let block = GroupSheet {
                line: sources.origin(entry.key.span).line,
                lists: lists.into_iter().collect(),
                previously: names(entry.value.get("previously")),
                properties: PROPERTIES.iter().filter_map(said).collect(),
            };
            sheet.groups.insert(key, block);
        }
        for entry in root.all("roles").flat_map(Node::entries) {
            let Ok(key) = entry.key.value.parse::<RoleKey>() else { continue };
            let block = RoleSheet {
                line: sources.origin(entry.key.span).line,
                cluster_role: entry.value.get("cluster-role").map(|name| name.words().to_owned()),
                rules: entry.value.get("rules").map_or(&[][..], Node::items).iter().map(rule).collect(),
                aggregate_to: names(entry.value.get("aggregate-to")),
                environments: environments(entry.value.get("environments")),
            };
            sheet.roles.insert(key, block);
        }
        for node in root.all("grants").flat_map(Node::items) {
            let users = node.get("users").map_or(&[][..], Node::items).iter().filter_map(principal);
            let groups = names::<GroupKey>(node.get("groups")).into_iter().map(PrincipalName::Group);
            let apps = names::<AppId>(node.get("service-principals")).into_iter().map(PrincipalName::ServicePrincipal);
            sheet.grants.push(GrantSheet {
                line: line(node),
                subjects: users.chain(groups).chain(apps).collect(),
                roles: names(node.get("roles")),
                environments: environments(node.get("environments")),
                places: places(node),
            });
        }
        for node in root.all("expectations").flat_map(Node::items) {
            let Some(who) = whose(node) else { continue };
            let requests = |name: &&'static str| {
                let items = node.get(name)?.items().iter().map(|item| item.words().to_owned());
                Some((*name, items.collect()))
            };
            sheet.expectations.push(ExpectationSheet {
                who,
                environments: environments(node.get("environments")),
                requests: ["can", "cannot", "only"].iter().filter_map(requests).collect(),
            });
        }
        Some(sheet)
    }

    /// Whether the root file leaves a file out.
    pub fn excludes(&self, path: &str) -> bool {
        self.exclude.matches(path)
    }

    /// Whether a value stands in this file.
    pub fn holds(&self, value: &Value) -> bool {
        match value {
            Value::Group(key) => self.groups.contains_key(key),
            Value::Listed(key, list, who) => {
                let group = self.groups.get(key);
                group.is_some_and(|group| group.lists.get(list).is_some_and(|list| list.contains_key(who)))
            }
            Value::Role(key) => self.roles.contains_key(key),
            Value::Allows(key, what) => self.roles.get(key).is_some_and(|role| role.allows().any(|one| one == *what)),
            Value::Grant { subject, role, environment, labels, place } => {
                let reaches = |environments: &Environments| match environments {
                    Environments::Named(names) => names.contains(environment),
                    Environments::Labels(wanted) => labels.as_ref() == Some(wanted),
                };
                self.grants.iter().any(|grant| {
                    grant.subjects.contains(subject)
                        && grant.roles.contains(role)
                        && grant.places.contains(place)
                        && reaches(&grant.environments)
                })
            }
        }
    }
}

impl RoleSheet {
    /// What the role stands for, or each of its rules: texts that differ when they do.
    pub fn allows(&self) -> impl Iterator<Item = String> {
        let named = self.cluster_role.iter().map(|name| format!("cluster-role {name}"));
        named.chain(self.rules.iter().map(spelt))
    }

    /// Whether its rules come to whoever has this role: of Kubernetes' own roles, `edit` has what `view` has, and `admin` what
    /// both have.
    pub fn comes_to(&self, other: &Self) -> bool {
        let within: &[&str] = match other.cluster_role.as_deref() {
            Some("view") => &["view"],
            Some("edit") => &["view", "edit"],
            Some("admin") => &["view", "edit", "admin"],
            Some(_) | None => &[],
        };
        within.iter().any(|name| self.aggregate_to.contains(*name))
    }
}

impl Environments {
    /// Whether an environment of this name and with these labels is one of them.
    pub fn include(&self, name: &EnvironmentName, labels: &BTreeMap<String, String>) -> bool {
        match self {
            Self::Named(names) => names.contains(name),
            Self::Labels(wanted) => {
                !wanted.is_empty() && wanted.iter().all(|(key, value)| labels.get(key) == Some(value))
            }
        }
    }
}

impl Value {
    /// The same of groups that went by other keys.
    #[must_use]
    pub fn renamed(&self, called: impl Fn(&GroupKey) -> GroupKey) -> Self {
        let principal = |who: &PrincipalName| match who {
            PrincipalName::Group(key) => PrincipalName::Group(called(key)),
            other => other.clone(),
        };
        match self {
            Self::Group(key) => Self::Group(called(key)),
            Self::Listed(key, list, who) => Self::Listed(called(key), *list, principal(who)),
            Self::Role(_) | Self::Allows(..) => self.clone(),
            Self::Grant { subject, role, environment, labels, place } => Self::Grant {
                subject: principal(subject),
                role: role.clone(),
                environment: environment.clone(),
                labels: labels.clone(),
                place: place.clone(),
            },
        }
    }
}

/// A rule as one text, whatever the order in which its lists are written.
pub fn spelt(rule: &PolicyRule) -> String {
    let list = |items: &[String]| {
        let mut items: Vec<&str> = items.iter().map(String::as_str).collect();
        items.sort_unstable();
        items.dedup();
        items.join(",")
    };
    format!(
        "{} [{}] [{}] [{}] [{}]",
        list(&rule.verbs),
        list(&rule.api_groups),
        list(&rule.resources),
        list(&rule.resource_names),
        list(&rule.non_resource_urls)
    )
}

const LISTS: [(List, &str); 3] = [(List::Members, "members"), (List::Owners, "owners"), (List::Absent, "absent")];

/// What of a group's block is one word.
const PROPERTIES: [&str; 5] = ["membership", "id", "adopt", "display-name", "description"];

fn names<T: FromStr + Ord>(list: Option<&Node>) -> BTreeSet<T> {
    list.map_or(&[][..], Node::items).iter().filter_map(|item| item.words().parse().ok()).collect()
}

fn labels(node: Option<&Node>) -> BTreeMap<String, String> {
    let entries = node.map_or(&[][..], Node::entries).iter();
    entries.map(|entry| (entry.key.value.clone(), entry.value.words().to_owned())).collect()
}

/// An entry of a list of people: a user principal name, or a map of one key.
fn principal(node: &Node) -> Option<PrincipalName> {
    match &node.value {
        Written::Scalar { text, .. } => text.parse::<UserPrincipalName>().ok().map(PrincipalName::User),
        Written::Map(entries) => {
            let entry = entries.first()?;
            named(&entry.key.value, entry.value.words())
        }
        Written::Null | Written::Seq(_) => None,
    }
}

fn named(key: &str, text: &str) -> Option<PrincipalName> {
    match key {
        "user" => text.parse::<UserPrincipalName>().ok().map(PrincipalName::User),
        "guest" => text.parse::<Mail>().ok().map(PrincipalName::Guest),
        "group" => text.parse::<GroupKey>().ok().map(PrincipalName::Group),
        "group-id" => text.parse::<ObjectId>().ok().map(PrincipalName::GroupId),
        "service-principal" => text.parse::<AppId>().ok().map(PrincipalName::ServicePrincipal),
        _ => None,
    }
}

/// Of whom something is expected.
fn whose(node: &Node) -> Option<PrincipalName> {
    ["user", "guest", "group", "service-principal"]
        .into_iter()
        .find_map(|key| node.get(key).and_then(|node| named(key, node.words())))
}

fn environments(node: Option<&Node>) -> Environments {
    match node.map(|node| &node.value) {
        Some(Written::Map(_)) => Environments::Labels(labels(node)),
        _ => Environments::Named(names(node)),
    }
}

fn places(node: &Node) -> BTreeSet<Place> {
    if node.get("cluster-wide").is_some() {
        return BTreeSet::from([Place::Cluster]);
    }
    match node.get("namespaces") {
        Some(namespaces) if matches!(namespaces.value, Written::Map(_)) => {
            BTreeSet::from([Place::Labels(labels(namespaces.get("labels")))])
        }
        namespaces => names::<Namespace>(namespaces).into_iter().map(Place::Namespace).collect(),
    }
}

fn rule(node: &Node) -> PolicyRule {
    let list = |name: &str| -> Vec<String> {
        node.get(name).map_or(&[][..], Node::items).iter().map(|item| item.words().to_owned()).collect()
    };
    PolicyRule {
        api_groups: list("apiGroups"),
        resources: list("resources"),
        resource_names: list("resourceNames"),
        non_resource_urls: list("nonResourceURLs"),
        verbs: list("verbs"),
    }
}
