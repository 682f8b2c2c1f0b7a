//! The RBAC authorizer over the stored objects, rule by rule as the real one
//! (`pkg/registry/rbac/validation/rule.go` and `pkg/apis/rbac/v1/evaluation_helpers.go` of Kubernetes).

use std::fmt;

use serde_json::Value;

use super::authentication::{MASTERS, User};
use super::kind::{Kind, RBAC};
use super::object::{items, text, texts};
use super::request::Request;
use super::state::ClusterState;
use super::status::Failure;

/// What somebody wants to do. Names and namespaces are taken as given: nothing is inferred.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Action {
    /// On a resource of the API.
    Resource { verb: String, namespace: String, group: String, resource: String, subresource: String, name: String },
    /// On any other path.
    Path { verb: String, path: String },
}

impl Action {
    /// What a request does.
    pub(super) fn of(request: &Request) -> Self {
        let verb = request.verb.clone();
        if !request.is_resource {
            return Self::Path { verb, path: request.path.clone() };
        }
        Self::Resource {
            verb,
            namespace: request.namespace.clone(),
            group: request.group.clone(),
            resource: request.resource.clone(),
            subresource: request.subresource.clone(),
            name: request.name.clone(),
        }
    }

    fn namespace(&self) -> &str {
        match self {
            Self::Resource { namespace, .. } => namespace,
            Self::Path { .. } => "",
        }
    }
}

/// The answer; RBAC never denies, it only has no opinion.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Decision {
    pub(super) allowed: bool,
    /// Which binding allows it, or which roles could not be found. Empty for `system:masters`.
    pub(super) reason: String,
}

/// Decides by the stored roles and bindings. `user.groups` is taken as it is.
pub(super) fn authorize(state: &ClusterState, user: &User, action: &Action) -> Decision {
    if user.groups.iter().any(|group| group == MASTERS) {
        return Decision { allowed: true, reason: String::new() };
    }
    let mut missing = Vec::new();
    for granted in grants(state, user, action.namespace()) {
        match granted {
            Ok(Grant { rules, described }) if rules.iter().any(|rule| allows(rule, action)) => {
                return Decision { allowed: true, reason: format!("RBAC: allowed by {described}") };
            }
            Ok(_) => {}
            Err(error) => missing.push(error),
        }
    }
    let reason = if missing.is_empty() {
        String::new()
    } else {
        format!("RBAC: {}", Missing::all(&missing, Missing::to_string))
    };
    Decision { allowed: false, reason }
}

/// Why a binding gives nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Missing<'a> {
    /// The role that it refers to is not there.
    Role { kind: &'a str, name: &'a str },
    /// It refers to something that is no role.
    Kind(&'a str),
}

impl fmt::Display for Missing<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Role { kind, name } => write!(formatter, "{}.{RBAC} {name:?} not found", kind.to_ascii_lowercase()),
            Self::Kind(kind) => write!(formatter, "unsupported role reference kind: {kind:?}"),
        }
    }
}

impl Missing<'_> {
    /// In the words of the storage, which calls everything that it looks up by the resource of the request
    /// (`qualifiedResourceFromContext` of the generic registry).
    pub(super) fn in_storage(&self, resource: &str) -> String {
        match self {
            Self::Role { name, .. } => format!("{resource}.{RBAC} {name:?} not found"),
            Self::Kind(_) => self.to_string(),
        }
    }

    /// Several of them, each once, in the words of Go's aggregate.
    pub(super) fn all(several: &[Self], words: impl Fn(&Self) -> String) -> String {
        let mut said: Vec<String> = Vec::new();
        for words in several.iter().map(words) {
            if !said.contains(&words) {
                said.push(words);
            }
        }
        if let [only] = &said[..] { only.clone() } else { format!("[{}]", said.join(", ")) }
    }
}

/// Every rule that reaches somebody in a namespace, and what could not be resolved on the way.
pub(super) fn rules_of<'a>(
    state: &'a ClusterState,
    user: &User,
    namespace: &str,
) -> (Vec<&'a Value>, Vec<Missing<'a>>) {
    let (mut rules, mut missing) = (Vec::new(), Vec::new());
    for granted in grants(state, user, namespace) {
        match granted {
            Ok(grant) => rules.extend(grant.rules),
            Err(error) => missing.push(error),
        }
    }
    (rules, missing)
}

/// The rules that one binding gives.
struct Grant<'a> {
    rules: &'a [Value],
    described: String,
}

/// The bindings that name the user: cluster-wide ones, then those of the namespace, if any.
fn grants<'state, 'user>(
    state: &'state ClusterState,
    user: &'user User,
    namespace: &'user str,
) -> impl Iterator<Item = Result<Grant<'state>, Missing<'state>>> + use<'state, 'user> {
    let everywhere = state.all(Kind::ClusterRoleBinding).map(|binding| (binding, ""));
    let here = state.all_in(Kind::RoleBinding, namespace).map(move |binding| (binding, namespace));
    everywhere.chain(here).filter_map(move |(binding, namespace)| {
        let subject = items(binding, "subjects").iter().find(|subject| is(subject, user, namespace))?;
        Some(role_rules(state, &binding["roleRef"], namespace).map(|rules| {
            let described = describe(binding, subject, namespace);
            Grant { rules, described }
        }))
    })
}

fn describe(binding: &Value, subject: &Value, namespace: &str) -> String {
    let name = text(&binding["metadata"], "name");
    let role = &binding["roleRef"];
    let who = match (text(subject, "kind"), text(subject, "name")) {
        ("ServiceAccount", name) => {
            let own = text(subject, "namespace");
            format!("ServiceAccount {:?}", format!("{name}/{}", if own.is_empty() { namespace } else { own }))
        }
        (kind, name) => format!("{kind} {name:?}"),
    };
    let what = if namespace.is_empty() {
        format!("ClusterRoleBinding {name:?}")
    } else {
        format!("RoleBinding {:?}", format!("{name}/{namespace}"))
    };
    format!("{what} of {} {:?} to {who}", text(role, "kind"), text(role, "name"))
}

/// `appliesToUser`: the subject's apiGroup is never looked at, its namespace only for service accounts.
fn is(subject: &Value, user: &User, namespace: &str) -> bool {
    let name = text(subject, "name");
    match text(subject, "kind") {
        "User" => user.name == name,
        "Group" => user.groups.iter().any(|group| group == name),
        "ServiceAccount" => {
            let own = text(subject, "namespace");
            let namespace = if own.is_empty() { namespace } else { own };
            !namespace.is_empty() && user.name == format!("system:serviceaccount:{namespace}:{name}")
        }
        _ => false,
    }
}

/// The rules of the role that a binding in `namespace` (empty for a cluster-wide one) refers to.
pub(super) fn role_rules<'a, 'r>(
    state: &'a ClusterState,
    reference: &'r Value,
    namespace: &str,
) -> Result<&'a [Value], Missing<'r>> {
    let (kind, name) = (text(reference, "kind"), text(reference, "name"));
    let role = match kind {
        "ClusterRole" => state.get(Kind::ClusterRole, "", name),
        "Role" => state.get(Kind::Role, namespace, name),
        _ => return Err(Missing::Kind(kind)),
    };
    // Stored rules only: the authorizer never evaluates an aggregationRule.
    role.map(|role| items(role, "rules")).ok_or(Missing::Role { kind, name })
}

/// `RuleAllows`. All comparisons are exact; the only wildcards are `*`, `*/subresource` and a path's last `*`.
fn allows(rule: &Value, action: &Action) -> bool {
    match action {
        Action::Resource { verb, group, resource, subresource, name, .. } => {
            matches_word(rule, "verbs", verb)
                && matches_word(rule, "apiGroups", group)
                && matches_resource(rule, resource, subresource)
                && matches_name(rule, name)
        }
        Action::Path { verb, path } => {
            matches_word(rule, "verbs", verb)
                && texts(rule, "nonResourceURLs").any(|pattern| matches_path(pattern, path))
        }
    }
}

fn matches_word(rule: &Value, field: &str, word: &str) -> bool {
    texts(rule, field).any(|listed| listed == "*" || listed == word)
}

fn matches_resource(rule: &Value, resource: &str, subresource: &str) -> bool {
    let wanted = if subresource.is_empty() { resource.to_owned() } else { format!("{resource}/{subresource}") };
    texts(rule, "resources").any(|listed| {
        let any_parent = listed.strip_prefix("*/").is_some_and(|below| !subresource.is_empty() && below == subresource);
        listed == "*" || listed == wanted || any_parent
    })
}

fn matches_name(rule: &Value, name: &str) -> bool {
    let mut names = texts(rule, "resourceNames").peekable();
    names.peek().is_none() || names.any(|listed| listed == name)
}

fn matches_path(pattern: &str, path: &str) -> bool {
    // All trailing stars go (`strings.TrimRight`), so that `/bar**` means `/bar*`.
    pattern == "*" || pattern == path || (pattern.ends_with('*') && path.starts_with(pattern.trim_end_matches('*')))
}

/// The 403 of a decision against somebody.
pub(super) fn refuse(user: &User, action: &Action, decision: &Decision) -> Failure {
    let because = if decision.reason.is_empty() { String::new() } else { format!(": {}", decision.reason) };
    match action {
        Action::Path { verb, path } => Failure::forbidden(
            "",
            "",
            "",
            &format!("{}{because}", escape(&format!("User {:?} cannot {verb} path {path:?}", user.name))),
        ),
        Action::Resource { verb, namespace, group, resource, subresource, name } => {
            let what = if subresource.is_empty() { resource.clone() } else { format!("{resource}/{subresource}") };
            let place = if namespace.is_empty() {
                "at the cluster scope".to_owned()
            } else {
                format!("in the namespace {namespace:?}")
            };
            let message =
                escape(&format!("User {:?} cannot {verb} resource {what:?} in API group {group:?} {place}", user.name));
            Failure::forbidden(group, resource, name, &format!("{message}{because}"))
        }
    }
}

/// The real server makes its 403 messages safe for HTML.
fn escape(message: &str) -> String {
    message.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;")
}
