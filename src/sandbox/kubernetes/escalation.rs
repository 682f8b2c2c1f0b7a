//! Nobody gives what they do not hold: the check in front of the storage of roles and bindings
//! (`pkg/registry/rbac/{escalation_check.go,*/policybased/storage.go}` of Kubernetes and
//! `auth/rbac/validation/policy_comparator.go` of component-helpers).

use std::collections::BTreeSet;
use std::fmt::{self, Write as _};

use serde_json::{Value, json};

use super::authentication::MASTERS;
use super::authorize::{Action, Missing, authorize, role_rules, rules_of};
use super::kind::{Kind, RBAC};
use super::object::{items, remove, settle, text, texts, without_managed_fields};
use super::state::ClusterState;
use super::status::Failure;
use super::write::Target;

impl Target<'_> {
    /// Whether the sender may store this role or binding; `live` is what it replaces. The URL's name and namespace
    /// count: a POST has no name, so `escalate` on a name is of no use there.
    ///
    /// # Errors
    /// 403 that names every rule which the sender lacks; 404 when the referenced role is not there and the sender has
    /// no `bind` on it.
    pub(super) fn check_escalation(
        self,
        state: &ClusterState,
        object: &Value,
        live: Option<&Value>,
    ) -> Result<(), Failure> {
        if self.user.groups.iter().any(|group| group == MASTERS) {
            return Ok(());
        }
        match self.kind {
            Kind::Namespace | Kind::ServiceAccount | Kind::Lease | Kind::CustomResourceDefinition | Kind::Custom(_) => {
                Ok(())
            }
            Kind::ClusterRole | Kind::Role => {
                let may = self.may(state, "escalate", self.kind.plural(), self.name);
                if may || live.is_some_and(|live| changes_little(self.kind, object, live)) {
                    return Ok(());
                }
                self.confirm(state, object, items(object, "rules"))?;
                let gathers = |role: &Value| !items(&role["aggregationRule"], "clusterRoleSelectors").is_empty();
                if self.kind == Kind::ClusterRole && (gathers(object) || live.is_some_and(gathers)) {
                    let why = "must have cluster-admin privileges to use the aggregationRule";
                    self.confirm(state, object, &full_authority()).map_err(|_| self.refused(object, why))?;
                }
                Ok(())
            }
            Kind::ClusterRoleBinding | Kind::RoleBinding => {
                if live.is_some_and(|live| changes_little(self.kind, object, live)) {
                    return Ok(());
                }
                let role = &object["roleRef"];
                let resource = match text(role, "kind") {
                    "ClusterRole" => Some(Kind::ClusterRole),
                    "Role" => Some(Kind::Role),
                    _ => None,
                };
                if resource.is_some_and(|kind| self.may(state, "bind", kind.plural(), text(role, "name"))) {
                    return Ok(());
                }
                let rules = role_rules(state, role, self.namespace).map_err(|missing| match missing {
                    // The storage calls what it looks up by the resource of the request.
                    Missing::Role { name, .. } => Failure::not_found(RBAC, self.kind.plural(), name),
                    Missing::Kind(_) => Failure::internal(missing.to_string()),
                })?;
                self.confirm(state, object, rules)
            }
        }
    }

    fn may(self, state: &ClusterState, verb: &str, resource: &str, name: &str) -> bool {
        let action = Action::Resource {
            verb: verb.to_owned(),
            namespace: self.namespace.to_owned(),
            group: RBAC.to_owned(),
            resource: resource.to_owned(),
            subresource: String::new(),
            name: name.to_owned(),
        };
        authorize(state, self.user, &action).allowed
    }

    /// `ConfirmNoEscalation`: the sender's own rules there cover these.
    fn confirm(self, state: &ClusterState, object: &Value, rules: &[Value]) -> Result<(), Failure> {
        let (own, missing) = rules_of(state, self.user, self.namespace);
        let lacked = lacked(&own, rules);
        if lacked.is_empty() {
            return Ok(());
        }
        let lines: BTreeSet<_> = lacked.iter().map(ToString::to_string).collect();
        let lines: Vec<_> = lines.into_iter().collect();
        let groups: Vec<_> = self.user.groups.iter().map(|group| format!("{group:?}")).collect();
        let mut why = format!(
            "user {:?} (groups=[{}]) is attempting to grant RBAC permissions not currently held:\n{}",
            self.user.name,
            groups.join(" "),
            lines.join("\n"),
        );
        if !missing.is_empty() {
            let errors = Missing::all(&missing, |missing| missing.in_storage(self.kind.plural()));
            // Writing to a String cannot fail.
            let _ = write!(why, "; resolution errors: [{errors}]");
        }
        Err(self.refused(object, &why))
    }

    fn refused(self, object: &Value, why: &str) -> Failure {
        Failure::forbidden(RBAC, self.kind.plural(), text(&object["metadata"], "name"), why)
    }
}

/// Whether only what the garbage collector needs to change does change. A PUT that leaves out the resourceVersion or
/// the uid of the live object changes more.
fn changes_little(kind: Kind, object: &Value, live: &Value) -> bool {
    let rest = |object: &Value| {
        let mut object = without_managed_fields(object.clone());
        remove(&mut object, &["ownerReferences", "finalizers", "selfLink"]);
        settle(kind, &object)
    };
    rest(object) == rest(live)
}

/// What using an aggregation rule takes.
fn full_authority() -> [Value; 2] {
    [
        json!({ "verbs": ["*"], "apiGroups": ["*"], "resources": ["*"] }),
        json!({ "verbs": ["*"], "nonResourceURLs": ["*"] }),
    ]
}

/// The smallest part of a rule: one resource or path. `verbs` has one verb until parts are merged for the message.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Part<'a> {
    what: What<'a>,
    verbs: Vec<&'a str>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum What<'a> {
    Resource { group: &'a str, resource: &'a str, name: Option<&'a str> },
    Path(&'a str),
}

/// `Covers`: the parts of `wanted` that no single rule of `own` covers, those of one resource merged as `CompactRules`
/// does.
fn lacked<'a>(own: &[&Value], wanted: &'a [Value]) -> Vec<Part<'a>> {
    let mut lacked: Vec<Part<'_>> = Vec::new();
    let parts = wanted.iter().flat_map(break_down);
    for (what, verb) in parts.filter(|(what, verb)| !own.iter().any(|rule| covers(rule, *what, verb))) {
        let same = lacked.iter_mut().find(|part| part.what == what && matches!(what, What::Resource { .. }));
        match same {
            Some(part) => part.verbs.push(verb),
            None => lacked.push(Part { what, verbs: vec![verb] }),
        }
    }
    lacked
}

fn break_down(rule: &Value) -> Vec<(What<'_>, &str)> {
    let mut parts = Vec::new();
    for group in texts(rule, "apiGroups") {
        for resource in texts(rule, "resources") {
            for verb in texts(rule, "verbs") {
                let mut names = texts(rule, "resourceNames").peekable();
                if names.peek().is_none() {
                    parts.push((What::Resource { group, resource, name: None }, verb));
                }
                parts.extend(names.map(|name| (What::Resource { group, resource, name: Some(name) }, verb)));
            }
        }
    }
    for path in texts(rule, "nonResourceURLs") {
        parts.extend(texts(rule, "verbs").map(|verb| (What::Path(path), verb)));
    }
    parts
}

/// `ruleCovers`. A wildcard among the parts is a word like any other: only a wildcard covers it.
fn covers(rule: &Value, what: What<'_>, verb: &str) -> bool {
    let has = |field: &str, word: &str| texts(rule, field).any(|own| own == word);
    let has_or_all = |field: &str, word: &str| has(field, "*") || has(field, word);
    if !has_or_all("verbs", verb) {
        return false;
    }
    match what {
        What::Resource { group, resource, name } => {
            let below = resource.split_once('/').map(|(_, below)| format!("*/{below}"));
            let by_resource =
                has_or_all("resources", resource) || below.is_some_and(|pattern| has("resources", &pattern));
            let names = items(rule, "resourceNames");
            let by_name = names.is_empty() || name.is_some_and(|name| has("resourceNames", name));
            has_or_all("apiGroups", group) && by_resource && by_name
        }
        What::Path(path) => texts(rule, "nonResourceURLs")
            .any(|own| own == path || (own.ends_with('*') && path.starts_with(own.trim_end_matches('*')))),
    }
}

/// `CompactString`: empty attributes are left out.
impl fmt::Display for Part<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.what {
            What::Resource { group, resource, name } => {
                write!(formatter, "{{APIGroups:[{group:?}], Resources:[{resource:?}]")?;
                if let Some(name) = name {
                    write!(formatter, ", ResourceNames:[{name:?}]")?;
                }
            }
            What::Path(path) => write!(formatter, "{{NonResourceURLs:[{path:?}]")?,
        }
        let verbs: Vec<_> = self.verbs.iter().map(|verb| format!("{verb:?}")).collect();
        write!(formatter, ", Verbs:[{}]}}", verbs.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn missing(own: &[Value], wanted: &[Value]) -> Vec<String> {
        let own: Vec<_> = own.iter().collect();
        lacked(&own, wanted).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn every_part_needs_one_rule_that_covers_it() {
        let wanted =
            [json!({ "apiGroups": ["", "apps"], "resources": ["pods", "pods/log"], "verbs": ["get", "list"] })];
        let own = [
            json!({ "apiGroups": [""], "resources": ["pods"], "verbs": ["*"] }),
            json!({ "apiGroups": ["*"], "resources": ["*/log"], "verbs": ["get"] }),
        ];
        assert_eq!(
            missing(&own, &wanted),
            [
                r#"{APIGroups:[""], Resources:["pods/log"], Verbs:["list"]}"#,
                r#"{APIGroups:["apps"], Resources:["pods"], Verbs:["get" "list"]}"#,
                r#"{APIGroups:["apps"], Resources:["pods/log"], Verbs:["list"]}"#,
            ]
        );
    }

    #[test]
    fn a_wildcard_is_covered_by_a_wildcard_only() {
        let every_verb =
            json!({ "apiGroups": [""], "resources": ["pods"], "verbs": ["create", "delete", "get", "list"] });
        let wanted = [json!({ "apiGroups": [""], "resources": ["pods"], "verbs": ["*"] })];
        assert_eq!(missing(&[every_verb], &wanted), [r#"{APIGroups:[""], Resources:["pods"], Verbs:["*"]}"#]);
        assert!(missing(&full_authority(), &wanted).is_empty());
        assert!(missing(&full_authority(), &full_authority()).is_empty());
    }

    #[test]
    fn names_are_covered_by_no_names_or_the_same() {
        let rule = |names: &[&str]| json!({ "apiGroups": [""], "resources": ["pods"], "verbs": ["get"], "resourceNames": names });
        assert!(missing(&[rule(&[])], &[rule(&["a", "b"])]).is_empty());
        assert!(missing(&[rule(&["a"]), rule(&["b"])], &[rule(&["a", "b"])]).is_empty());
        assert_eq!(
            missing(&[rule(&["a"])], &[rule(&["a", "b"])]),
            [r#"{APIGroups:[""], Resources:["pods"], ResourceNames:["b"], Verbs:["get"]}"#]
        );
        assert_eq!(missing(&[rule(&["a"])], &[rule(&[])]).len(), 1);
    }

    #[test]
    fn paths_are_covered_by_a_prefix_and_never_merged() {
        let rule = |path: &str, verbs: &[&str]| json!({ "nonResourceURLs": [path], "verbs": verbs });
        assert!(missing(&[rule("/metrics*", &["get"])], &[rule("/metrics/x", &["get"])]).is_empty());
        assert_eq!(
            missing(&[rule("/metrics/*", &["get"])], &[rule("/metrics", &["get", "post"])]),
            [r#"{NonResourceURLs:["/metrics"], Verbs:["get"]}"#, r#"{NonResourceURLs:["/metrics"], Verbs:["post"]}"#]
        );
    }
}
