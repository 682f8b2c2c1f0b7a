//! The authorizer once more, over objects as they are stored, with a switch for each of its rules: what a rule decides is
//! every question that has another answer once it is broken.

use std::collections::BTreeMap;

use serde_json::Value;

use super::question::{Question, What};

/// Names of the rules and what each says, in the order of the summary.
macro_rules! rules {
    ($($rule:ident: $words:literal),* $(,)?) => {
        /// A rule of the authorizer that can be broken.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub(crate) enum Rule { $($rule),* }

        impl Rule {
            pub(crate) const ALL: &[Self] = &[$(Self::$rule),*];

            pub(crate) fn words(self) -> &'static str {
                match self { $(Self::$rule => $words),* }
            }
        }
    };
}

rules! {
    VerbEqual: "a verb matches its equal",
    VerbStar: "`*` is every verb",
    VerbCase: "verbs in another case differ",
    VerbAsked: "an asked verb `*` is no wildcard",
    GroupEqual: "an API group matches its equal",
    GroupStar: "`*` is every API group",
    GroupCore: "`\"\"` is the core group alone",
    ResourceEqual: "a resource matches its equal",
    ResourceStar: "`*` is every resource",
    ResourceStarBelow: "`*` is every subresource, too",
    BelowEqual: "`pods/log` matches its equal",
    BelowApart: "`pods` is not `pods/log`",
    BelowStar: "`*/log` is that subresource of all",
    BelowNoStar: "`pods/*` and `*/*` are no wildcards",
    NamesNone: "without names a rule is for all",
    NamesEqual: "a name matches its equal",
    NamesLimit: "names keep other names out",
    NamesMissing: "names keep the nameless out",
    NamesEmpty: "the empty name is one to list",
    NamesStar: "a name `*` is no wildcard",
    NamesCreate: "`create` with a name may have it",
    UrlEqual: "a path matches its equal",
    UrlStar: "`*` is every path",
    UrlPrefix: "a star at the end is what follows",
    UrlStars: "many stars at the end are one",
    UrlMiddle: "a star elsewhere is no wildcard",
    UrlSlash: "`/a/*` is not `/a`",
    PathsApart: "rules of resources are not of paths",
    ResourcesApart: "rules of paths are not of resources",
    UserEqual: "a user matches its name",
    UserCase: "users in another case differ",
    GroupMember: "a group matches any of somebody's",
    GroupCase: "groups in another case differ",
    KindsApart: "users are not groups of their name",
    AccountOwn: "an account of its own namespace",
    AccountHere: "an account of the binding's",
    AccountElsewhere: "an account of another is another",
    AccountUser: "a user named as an account is it",
    SubjectNamespace: "users and groups have no namespace",
    Masters: "system:masters may do anything",
    AsGiven: "system:authenticated is not added",
    WideEverywhere: "cluster bindings hold in namespaces",
    NarrowNeverWide: "others do not hold on the cluster",
    NarrowHere: "nor in other namespaces",
    NamespaceAsked: "namespaces/n is in n only if asked so",
    NarrowClusterRole: "a ClusterRole bound in a namespace",
    RoleHere: "a Role is of the binding's namespace",
    RoleKind: "a Role is no ClusterRole",
    RoleMissing: "a missing role is nothing, no error",
    Aggregated: "aggregated rules count as stored",
    Default: "Kubernetes' default roles",
}

/// The rules, roles and bindings of a cluster, as its API server stores them.
#[derive(Debug, Default)]
pub(crate) struct Stored {
    /// By namespace, empty for those of the whole cluster, and name.
    roles: BTreeMap<String, BTreeMap<String, Role>>,
    pub(super) bindings: Vec<Bound>,
}

#[derive(Debug)]
struct Role {
    rules: Vec<Policy>,
    is_aggregated: bool,
    is_default: bool,
}

/// One rule of a role.
#[derive(Debug, Default, PartialEq, serde::Deserialize)]
#[serde(default, rename_all = "camelCase")]
pub(super) struct Policy {
    pub(super) verbs: Vec<String>,
    pub(super) api_groups: Vec<String>,
    pub(super) resources: Vec<String>,
    pub(super) resource_names: Vec<String>,
    #[serde(rename = "nonResourceURLs")]
    pub(super) urls: Vec<String>,
}

#[derive(Debug)]
pub(super) struct Bound {
    /// Empty for a cluster-wide one.
    pub(super) namespace: String,
    pub(super) name: String,
    kind: String,
    role: String,
    pub(super) subjects: Vec<Who>,
    /// What they are called, in lower case.
    near: Vec<String>,
}

#[derive(Debug, Clone, serde::Deserialize)]
pub(super) struct Who {
    pub(super) kind: String,
    pub(super) name: String,
    #[serde(default)]
    pub(super) namespace: String,
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}

fn read<T: serde::de::DeserializeOwned>(value: &Value) -> Vec<T> {
    if value.is_null() { Vec::new() } else { serde_json::from_value(value.clone()).unwrap() }
}

impl Stored {
    /// From the lists of the four kinds.
    pub(super) fn new(roles: &[Value], bindings: &[Value]) -> Self {
        let mut stored = Self::default();
        for role in roles {
            let metadata = &role["metadata"];
            let is_default = metadata["labels"]["kubernetes.io/bootstrapping"] == "rbac-defaults";
            let is_aggregated = role["aggregationRule"].is_object();
            let role = Role { rules: read(&role["rules"]), is_aggregated, is_default };
            stored.roles.entry(text(&metadata["namespace"])).or_default().insert(text(&metadata["name"]), role);
        }
        for binding in bindings {
            let (metadata, role) = (&binding["metadata"], &binding["roleRef"]);
            let subjects: Vec<Who> = read(&binding["subjects"]);
            stored.bindings.push(Bound {
                namespace: text(&metadata["namespace"]),
                name: text(&metadata["name"]),
                kind: text(&role["kind"]),
                role: text(&role["name"]),
                near: subjects.iter().map(|who| who.name.to_lowercase()).collect(),
                subjects,
            });
        }
        stored
    }

    /// The rules that a binding gives, or where its role is not there those of one that could be taken for it.
    pub(super) fn rules(&self, binding: &Bound) -> &[Policy] {
        let named = || self.roles.values().find_map(|roles| roles.get(&binding.role));
        self.role(binding, None).or_else(named).map_or(&[], |role| &role.rules)
    }

    fn role(&self, binding: &Bound, broken: Option<Rule>) -> Option<&Role> {
        let off = |rule| broken == Some(rule);
        let get = |namespace: &str| self.roles.get(namespace)?.get(&binding.role);
        let role = match binding.kind.as_str() {
            "ClusterRole" if !binding.namespace.is_empty() && off(Rule::NarrowClusterRole) => None,
            "ClusterRole" => get(""),
            "Role" if off(Rule::RoleKind) => get(&binding.namespace).or_else(|| get("")),
            "Role" if off(Rule::RoleHere) => get(&binding.namespace).or_else(|| {
                let mut places = self.roles.keys().filter(|place| !place.is_empty());
                places.find_map(|place| get(place))
            }),
            "Role" => get(&binding.namespace),
            other => panic!("no API server stores a reference to a {other}"),
        };
        let is_off = |role: &&Role| {
            role.is_aggregated && !role.is_default && off(Rule::Aggregated) || role.is_default && off(Rule::Default)
        };
        role.filter(|role| !is_off(role))
    }

    /// The bindings that matter for somebody, whichever rule is broken.
    pub(super) fn about(&self, question: &Question) -> Vec<&Bound> {
        let user = question.user.to_lowercase();
        let mut names: Vec<String> = question.groups.iter().map(|group| group.to_lowercase()).collect();
        names.push("system:authenticated".to_owned());
        if let Some((_, account)) = user.strip_prefix("system:serviceaccount:").and_then(|name| name.split_once(':')) {
            names.push(account.to_owned());
        }
        names.push(user);
        self.bindings.iter().filter(|binding| binding.near.iter().any(|name| names.contains(name))).collect()
    }

    /// Whether these bindings allow it, with one rule broken or none. `cluster-admin` is bound to `system:masters` everywhere, so
    /// that no server shows whether the group itself would do: broken, it is nobody's at all.
    pub(super) fn allows(&self, question: &Question, bindings: &[&Bound], broken: Option<Rule>) -> bool {
        let off = |rule| broken == Some(rule);
        if question.groups.iter().any(|group| group == "system:masters") && !off(Rule::Masters) {
            return true;
        }
        let mut place = question.namespace();
        if let What::Resource { resource, name, .. } = &question.what
            && off(Rule::NamespaceAsked)
            && resource == "namespaces"
            && place.is_empty()
        {
            place = name;
        }
        let (mut is_allowed, mut is_missing) = (false, false);
        for binding in bindings {
            let holds = match binding.namespace.as_str() {
                "" => place.is_empty() || !off(Rule::WideEverywhere),
                _ if place.is_empty() => off(Rule::NarrowNeverWide),
                own => own == place || off(Rule::NarrowHere),
            };
            if !holds || !binding.subjects.iter().any(|who| is(who, question, &binding.namespace, broken)) {
                continue;
            }
            match self.role(binding, broken) {
                Some(role) => is_allowed |= role.rules.iter().any(|rule| allows(rule, &question.what, broken)),
                None => is_missing = true,
            }
        }
        is_allowed && !(is_missing && off(Rule::RoleMissing))
    }
}

fn is(who: &Who, question: &Question, place: &str, broken: Option<Rule>) -> bool {
    let off = |rule| broken == Some(rule);
    let (user, name) = (&question.user, &who.name);
    let same = |left: &str, right: &str, case| left == right || off(case) && left.eq_ignore_ascii_case(right);
    let is_user = || same(user, name, Rule::UserCase) && !off(Rule::UserEqual);
    let is_member = || {
        if off(Rule::Masters) && name == "system:masters" {
            return false;
        }
        let is_added = off(Rule::AsGiven) && name == "system:authenticated";
        let mut groups = question.groups.iter();
        is_added || groups.any(|group| same(group, name, Rule::GroupCase)) && !off(Rule::GroupMember)
    };
    match who.kind.as_str() {
        "User" | "Group" if off(Rule::SubjectNamespace) && !who.namespace.is_empty() => false,
        "User" | "Group" if off(Rule::KindsApart) => is_user() || is_member(),
        "User" if off(Rule::AccountUser) && name.starts_with("system:serviceaccount:") => false,
        "User" => is_user(),
        "Group" => is_member(),
        "ServiceAccount" => {
            let (namespace, is_off) = if who.namespace.is_empty() {
                (place, off(Rule::AccountHere))
            } else {
                (who.namespace.as_str(), off(Rule::AccountOwn))
            };
            let account = user.strip_prefix("system:serviceaccount:").and_then(|account| account.split_once(':'));
            !is_off
                && account.is_some_and(|(of, called)| {
                    called == name && (of == namespace || off(Rule::AccountElsewhere)) && !namespace.is_empty()
                })
        }
        other => panic!("no API server stores a subject of kind {other}"),
    }
}

fn allows(rule: &Policy, what: &What, broken: Option<Rule>) -> bool {
    let off = |rule| broken == Some(rule);
    let is_verb = |verb: &str| {
        rule.verbs.iter().any(|entry| {
            entry == verb && !off(Rule::VerbEqual)
                || entry == "*" && !off(Rule::VerbStar)
                || verb == "*" && off(Rule::VerbAsked)
                || off(Rule::VerbCase) && entry.eq_ignore_ascii_case(verb)
        })
    };
    match what {
        What::Path { verb, .. } | What::Resource { verb, .. } if !is_verb(verb) => false,
        What::Path { path, .. } => {
            rule.urls.iter().any(|entry| is_path(entry, path, broken))
                || off(Rule::PathsApart) && rule.resources.iter().any(|entry| entry == "*")
        }
        What::Resource { verb, group, resource, subresource, name, .. } => {
            let is_group = rule.api_groups.iter().any(|entry| {
                entry == group && !off(Rule::GroupEqual)
                    || entry == "*" && !off(Rule::GroupStar)
                    || entry.is_empty() && off(Rule::GroupCore)
            });
            let is_resource = || rule.resources.iter().any(|entry| is_resource(entry, resource, subresource, broken));
            is_group && is_resource() && is_named(rule, verb, name, broken)
                || off(Rule::ResourcesApart) && rule.urls.iter().any(|entry| entry == "*")
        }
    }
}

fn is_resource(entry: &str, resource: &str, subresource: &str, broken: Option<Rule>) -> bool {
    let off = |rule| broken == Some(rule);
    if entry == "*" {
        return if subresource.is_empty() { !off(Rule::ResourceStar) } else { !off(Rule::ResourceStarBelow) };
    }
    if subresource.is_empty() {
        return entry == resource && !off(Rule::ResourceEqual);
    }
    let is_star = |of: &str, below: &str| {
        (of == "*" && below == subresource && !off(Rule::BelowStar))
            || (below == "*" && (of == resource || of == "*") && off(Rule::BelowNoStar))
    };
    match entry.split_once('/') {
        Some((of, below)) => of == resource && below == subresource && !off(Rule::BelowEqual) || is_star(of, below),
        None => entry == resource && off(Rule::BelowApart),
    }
}

fn is_named(rule: &Policy, verb: &str, name: &str, broken: Option<Rule>) -> bool {
    let off = |rule| broken == Some(rule);
    if rule.resource_names.is_empty() {
        return !off(Rule::NamesNone);
    }
    if off(Rule::NamesCreate) && verb == "create" {
        return false;
    }
    if name.is_empty() {
        let is_listed = rule.resource_names.iter().any(String::is_empty) && !off(Rule::NamesEmpty);
        return is_listed || off(Rule::NamesMissing);
    }
    let is_equal = rule.resource_names.iter().any(|entry| entry == name) && !off(Rule::NamesEqual);
    let is_star = rule.resource_names.iter().any(|entry| entry == "*") && off(Rule::NamesStar);
    is_equal || is_star || off(Rule::NamesLimit)
}

fn is_path(entry: &str, path: &str, broken: Option<Rule>) -> bool {
    let off = |rule| broken == Some(rule);
    let begin = entry.trim_end_matches('*');
    if begin.is_empty() && !entry.is_empty() {
        return !off(Rule::UrlStar);
    }
    if entry == path && !off(Rule::UrlEqual) {
        return true;
    }
    let is_prefix = |begin: &str| path.starts_with(begin) && !off(Rule::UrlPrefix);
    if let Some(all_but_one) = entry.strip_suffix('*') {
        let begin = if off(Rule::UrlStars) { all_but_one } else { begin };
        return is_prefix(begin) || off(Rule::UrlSlash) && begin.strip_suffix('/') == Some(path);
    }
    // As if it were a glob.
    let parts = entry.split_once('*').filter(|_| off(Rule::UrlMiddle));
    parts.is_some_and(|(begin, end)| {
        path.len() >= begin.len() + end.len() && path.starts_with(begin) && path.ends_with(end)
    })
}
