//! Live objects in rolecall's own words, so that equal means the same whatever the spelling.

use std::collections::BTreeSet;

use k8s_openapi::api::rbac::v1 as rbac;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement, ObjectMeta};

use super::ownership;
use crate::providers::http::excerpt;
use crate::state::{
    Binding, ConfigName, DefaultRole, Expression, Failure, FailureKind, LiveBinding, LiveRole, Namespace, PolicyRule,
    Result, Role, RoleKind, RoleRef, Selector, Subject, SubjectKind, SubjectName,
};

/// The API group of everything about RBAC.
pub(super) const API_GROUP: &str = "rbac.authorization.k8s.io";

pub(super) fn cluster_role(object: rbac::ClusterRole, config: &ConfigName) -> Result<LiveRole> {
    let aggregation = object
        .aggregation_rule
        .map(|rule| rule.cluster_role_selectors.unwrap_or_default().into_iter().map(selector).collect());
    role(object.metadata, object.rules, aggregation, "clusterrole", config)
}

pub(super) fn namespaced_role(object: rbac::Role, config: &ConfigName) -> Result<LiveRole> {
    role(object.metadata, object.rules, None, "role", config)
}

pub(super) fn cluster_role_binding(object: rbac::ClusterRoleBinding, config: &ConfigName) -> Result<LiveBinding> {
    binding(&object.metadata, object.role_ref, object.subjects, "clusterrolebinding", config)
}

pub(super) fn role_binding(object: rbac::RoleBinding, config: &ConfigName) -> Result<LiveBinding> {
    binding(&object.metadata, object.role_ref, object.subjects, "rolebinding", config)
}

/// A namespace's name, when it is one. The API server accepts no other.
pub(super) fn namespace(name: &str) -> Result<Namespace> {
    name.parse().map_err(|error| bad(&format!("the namespace `{}`: {error}", excerpt(name))))
}

fn bad(what: &str) -> Failure {
    Failure::new(FailureKind::BadAnswer, format!("the API server gave an object that cannot be: {what}"))
}

/// Name and namespace. Without a name, uid or version an object could be neither shown nor written safely.
fn place(metadata: &ObjectMeta, kind: &str) -> Result<(Option<Namespace>, String)> {
    let name =
        metadata.name.clone().filter(|name| !name.is_empty()).ok_or_else(|| bad(&format!("a {kind} without name")))?;
    let given = |value: &Option<String>| value.as_ref().is_some_and(|value| !value.is_empty());
    if !given(&metadata.uid) || !given(&metadata.resource_version) {
        return Err(bad(&format!("the {kind} `{}` without uid or resourceVersion", excerpt(&name))));
    }
    match (kind.starts_with("cluster"), metadata.namespace.as_deref()) {
        (true, None) => Ok((None, name)),
        (false, Some(found)) => Ok((Some(namespace(found)?), name)),
        _ => Err(bad(&format!("the {kind} `{}` in the wrong scope", excerpt(&name)))),
    }
}

fn role(
    metadata: ObjectMeta,
    rules: Option<Vec<rbac::PolicyRule>>,
    aggregation: Option<Vec<Selector>>,
    kind: &str,
    config: &ConfigName,
) -> Result<LiveRole> {
    let (namespace, name) = place(&metadata, kind)?;
    let rules = rules
        .unwrap_or_default()
        .into_iter()
        .map(|rule| PolicyRule {
            api_groups: rule.api_groups.unwrap_or_default(),
            resources: rule.resources.unwrap_or_default(),
            verbs: rule.verbs,
            resource_names: rule.resource_names.unwrap_or_default(),
            non_resource_urls: rule.non_resource_urls.unwrap_or_default(),
        })
        .collect();
    Ok(LiveRole {
        role: Role {
            aggregate_to: aggregate_to(&metadata, namespace.as_ref()),
            namespace,
            name,
            rules: PolicyRule::normalise(rules),
        },
        meta: ownership::judge(&metadata, config),
        labels: metadata.labels.unwrap_or_default(),
        aggregation,
    })
}

fn selector(selector: LabelSelector) -> Selector {
    let expressions = selector.match_expressions.unwrap_or_default().into_iter().map(expression);
    Selector { labels: selector.match_labels.unwrap_or_default(), expressions: expressions.collect() }
}

/// What is no expression to the API server (apimachinery `labels.NewRequirement`) is none to us.
fn expression(expression: LabelSelectorRequirement) -> Expression {
    let LabelSelectorRequirement { key, operator, values } = expression;
    let values: BTreeSet<String> = values.unwrap_or_default().into_iter().collect();
    match (operator.as_str(), values.is_empty()) {
        ("In", false) => Expression::In(key, values),
        ("NotIn", false) => Expression::NotIn(key, values),
        ("Exists", true) => Expression::Exists(key),
        ("DoesNotExist", true) => Expression::DoesNotExist(key),
        _ => Expression::Unknown(operator),
    }
}

/// The labels mean something on a `ClusterRole` only.
fn aggregate_to(metadata: &ObjectMeta, namespace: Option<&Namespace>) -> BTreeSet<DefaultRole> {
    let labels = metadata.labels.as_ref().filter(|_| namespace.is_none());
    let is_set =
        |role: &DefaultRole| labels.and_then(|labels| labels.get(role.label())).is_some_and(|value| value == "true");
    DefaultRole::ALL.into_iter().filter(is_set).collect()
}

fn binding(
    metadata: &ObjectMeta,
    reference: rbac::RoleRef,
    subjects: Option<Vec<rbac::Subject>>,
    kind: &str,
    config: &ConfigName,
) -> Result<LiveBinding> {
    let (namespace, name) = place(metadata, kind)?;
    let role_kind = match (reference.api_group.as_str(), reference.kind.as_str()) {
        ("" | API_GROUP, "ClusterRole") => RoleKind::ClusterRole,
        ("" | API_GROUP, "Role") if namespace.is_some() => RoleKind::Role,
        (group, other) => {
            // No API server accepts such a binding today. Leaving it out could hide who has access.
            let what = format!(
                "the {kind} `{}` refers to the unknown kind `{}` of API group `{}`",
                excerpt(&name),
                excerpt(other),
                excerpt(group)
            );
            return Err(bad(&what).with_next("a newer rolecall may know this kind"));
        }
    };
    let mut subjects: Vec<Subject> =
        subjects.unwrap_or_default().into_iter().map(|found| subject(found, namespace.as_ref())).collect();
    subjects.sort();
    subjects.dedup();
    Ok(LiveBinding {
        binding: Binding { namespace, name, role: RoleRef { kind: role_kind, name: reference.name }, subjects },
        meta: ownership::judge(metadata, config),
    })
}

/// The authorizer looks neither at a subject's API group nor, for users and groups, at its namespace; a service account
/// without namespace is one of the binding's own (kubernetes `pkg/registry/rbac/validation/rule.go`).
fn subject(found: rbac::Subject, binding_namespace: Option<&Namespace>) -> Subject {
    let own = found.namespace.filter(|namespace| !namespace.is_empty());
    let (kind, namespace) = match found.kind.as_str() {
        "User" => (SubjectKind::User, None),
        "Group" => (SubjectKind::Group, None),
        "ServiceAccount" => (SubjectKind::ServiceAccount, own.or_else(|| binding_namespace.map(ToString::to_string))),
        _ => (SubjectKind::Other(found.kind), own),
    };
    Subject { kind, name: SubjectName::Known(found.name), namespace, principal: None }
}

#[cfg(test)]
mod tests {
    use super::*;
    use insta::assert_snapshot;
    use serde::de::DeserializeOwned;
    use serde_json::{Value, json};

    fn config() -> ConfigName {
        "contoso-platform".parse().unwrap()
    }

    fn object<T: DeserializeOwned>(mut value: Value, namespace: Option<&str>) -> T {
        value["metadata"] = json!({ "name": "x", "uid": "u1", "resourceVersion": "7", "namespace": namespace });
        serde_json::from_value(value).unwrap()
    }

    #[test]
    fn rules_that_mean_the_same_are_equal() {
        let left = cluster_role(
            object(
                json!({ "rules": [
                { "apiGroups": ["apps", ""], "resources": ["b", "a"], "verbs": ["list", "get", "get"] },
                { "nonResourceURLs": ["/metrics"], "verbs": ["get"] },
            ] }),
                None,
            ),
            &config(),
        );
        let right = cluster_role(
            object(
                json!({ "rules": [
                { "nonResourceURLs": ["/metrics"], "verbs": ["get"], "resourceNames": [] },
                { "apiGroups": ["", "apps"], "resources": ["a", "b"], "verbs": ["get", "list"] },
            ] }),
                None,
            ),
            &config(),
        );
        assert_eq!(left, right);
    }

    #[test]
    fn no_rules_and_null_rules_are_the_same() {
        let null = cluster_role(object(json!({ "rules": null, "aggregationRule": {} }), None), &config()).unwrap();
        assert!(null.role.rules.is_empty() && null.aggregation == Some(Vec::new()));
        let none = namespaced_role(object(json!({}), Some("trinity")), &config()).unwrap();
        assert!(none.role.rules.is_empty() && none.aggregation.is_none());
    }

    #[test]
    fn what_fills_a_role_is_read_and_what_is_no_selector_is_no_guess() {
        let expression = |operator: &str, values: &[&str]| {
            serde_json::from_value(json!({ "key": "k", "operator": operator, "values": values })).map(super::expression)
        };
        let values = || BTreeSet::from(["a".to_owned()]);
        assert_eq!(expression("In", &["a", "a"]).unwrap(), Expression::In("k".to_owned(), values()));
        assert_eq!(expression("NotIn", &["a"]).unwrap(), Expression::NotIn("k".to_owned(), values()));
        assert_eq!(expression("Exists", &[]).unwrap(), Expression::Exists("k".to_owned()));
        assert_eq!(expression("DoesNotExist", &[]).unwrap(), Expression::DoesNotExist("k".to_owned()));
        for (operator, values) in [("In", &[][..]), ("Exists", &["a"]), ("Gt", &["1"]), ("in", &["a"])] {
            assert_eq!(expression(operator, values).unwrap(), Expression::Unknown(operator.to_owned()));
        }
        let rule = json!({ "clusterRoleSelectors": [{ "matchLabels": { "a": "b" } }, {}] });
        let live = cluster_role(object(json!({ "rules": [], "aggregationRule": rule }), None), &config()).unwrap();
        let of_label = Selector { labels: [("a".to_owned(), "b".to_owned())].into(), expressions: Vec::new() };
        assert_eq!(live.aggregation, Some(vec![of_label, Selector::default()]));
    }

    #[test]
    fn subjects_are_sorted_defaulted_and_never_dropped() {
        let live = role_binding(
            object(
                json!({
                    "roleRef": { "apiGroup": API_GROUP, "kind": "ClusterRole", "name": "view" },
                    "subjects": [
                        { "kind": "Robot", "apiGroup": "future.contoso.com", "name": "r2", "namespace": "n" },
                        { "kind": "ServiceAccount", "name": "bot" },
                        { "kind": "Group", "apiGroup": API_GROUP, "name": "g", "namespace": "ignored" },
                        { "kind": "User", "name": "u" },
                        { "kind": "User", "apiGroup": API_GROUP, "name": "u" },
                    ],
                }),
                Some("trinity"),
            ),
            &config(),
        )
        .unwrap();
        let shown: Vec<String> = live
            .binding
            .subjects
            .iter()
            .map(|subject| format!("{} {:?} {:?}", subject.kind, subject.name, subject.namespace))
            .collect();
        assert_snapshot!(shown.join("\n"), @r#"
        user Known("u") None
        group Known("g") None
        service account Known("bot") Some("trinity")
        Robot Known("r2") Some("n")
        "#);
    }

    #[test]
    fn a_reference_of_an_unknown_kind_is_an_error_that_names_the_binding() {
        for reference in [
            json!({ "apiGroup": API_GROUP, "kind": "SuperRole", "name": "x" }),
            json!({ "apiGroup": "other.contoso.com", "kind": "ClusterRole", "name": "x" }),
        ] {
            let failure =
                role_binding(object(json!({ "roleRef": reference }), Some("trinity")), &config()).unwrap_err();
            assert_eq!(failure.kind, FailureKind::BadAnswer);
            assert!(failure.what.contains("rolebinding `x` refers to the unknown kind"), "{failure}");
        }
        let role = json!({ "roleRef": { "apiGroup": "", "kind": "Role", "name": "x" } });
        assert!(role_binding(object(role.clone(), Some("trinity")), &config()).is_ok());
        assert!(cluster_role_binding(object(role, None), &config()).is_err(), "a cluster-wide binding of a Role");
    }

    #[test]
    fn an_object_that_could_not_be_written_safely_is_an_error() {
        let bare: rbac::Role =
            serde_json::from_value(json!({ "metadata": { "name": "x", "namespace": "n" } })).unwrap();
        assert_eq!(namespaced_role(bare, &config()).unwrap_err().kind, FailureKind::BadAnswer);
        assert!(namespaced_role(object(json!({}), None), &config()).is_err(), "a Role outside a namespace");
    }
}
