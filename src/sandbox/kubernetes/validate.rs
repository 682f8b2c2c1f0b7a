//! What the API server demands of an object (pkg/apis/rbac/validation/validation.go and apimachinery's metadata rules).

use serde_json::{Value, json};

use super::definition;
use super::kind::{Kind, RBAC};
use super::object::{items, text};
use super::selector::LabelSelector;
use super::status::Cause;

/// The mistakes of a new object.
pub(super) fn new(kind: Kind, object: &Value) -> Vec<Cause> {
    let mut causes = metadata(kind, &object["metadata"]);
    match kind {
        Kind::Namespace | Kind::ServiceAccount | Kind::Custom(_) => {}
        Kind::Lease => causes.extend(lease(&object["spec"])),
        Kind::CustomResourceDefinition => causes.extend(definition::mistakes(object)),
        Kind::ClusterRole | Kind::Role => {
            for (index, rule) in items(object, "rules").iter().enumerate() {
                causes.extend(policy_rule(kind, rule, &format!("rules[{index}]")));
            }
            causes.extend(aggregation(&object["aggregationRule"]));
        }
        Kind::ClusterRoleBinding | Kind::RoleBinding => {
            causes.extend(role_ref(kind, &object["roleRef"]));
            for (index, subject) in items(object, "subjects").iter().enumerate() {
                causes.extend(binding_subject(kind, subject, &format!("subjects[{index}]")));
            }
        }
    }
    causes
}

/// The mistakes of a changed object: those of a new one, and what cannot change.
pub(super) fn changed(kind: Kind, live: &Value, object: &Value) -> Vec<Cause> {
    let mut causes = new(kind, object);
    let (live_metadata, metadata) = (&live["metadata"], &object["metadata"]);
    if live_metadata["uid"] != metadata["uid"] {
        let cause = Cause::invalid("metadata.uid", &metadata["uid"], "field is immutable");
        // The real server checks it twice, and says so.
        causes.extend([cause.clone(), cause]);
    }
    if kind.is_binding() && live["roleRef"] != object["roleRef"] {
        let role = &object["roleRef"];
        let value = json!({ "APIGroup": role["apiGroup"], "Kind": role["kind"], "Name": role["name"] });
        causes.push(Cause::invalid("roleRef", &value, "cannot change roleRef"));
    }
    causes
}

/// What pkg/apis/coordination/validation demands.
fn lease(spec: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    if spec["leaseDurationSeconds"].as_i64().is_some_and(|seconds| seconds <= 0) {
        let cause =
            Cause::invalid("spec.leaseDurationSeconds", &spec["leaseDurationSeconds"], "must be greater than 0");
        causes.push(cause);
    }
    if spec["leaseTransitions"].as_i64().is_some_and(|number| number < 0) {
        let why = "must be greater than or equal to 0";
        causes.push(Cause::invalid("spec.leaseTransitions", &spec["leaseTransitions"], why));
    }
    causes
}

fn metadata(kind: Kind, metadata: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    let name = text(metadata, "name");
    if name.is_empty() {
        causes.push(Cause::required("metadata.name", "name or generateName is required"));
    } else if kind == Kind::Namespace {
        causes.extend(not_a_label(name).map(|why| Cause::invalid("metadata.name", &name.into(), why)));
    } else if matches!(kind, Kind::ServiceAccount | Kind::Lease | Kind::CustomResourceDefinition | Kind::Custom(_)) {
        if !is_dns_subdomain(name) {
            causes.push(Cause::invalid("metadata.name", &name.into(), DNS_SUBDOMAIN));
        }
    } else {
        causes.extend(
            not_a_path_segment(name).into_iter().map(|why| Cause::invalid("metadata.name", &name.into(), &why)),
        );
    }
    for (key, value) in metadata["labels"].as_object().into_iter().flatten() {
        causes.extend(not_a_key(key).iter().map(|why| Cause::invalid("metadata.labels", &key.as_str().into(), why)));
        let text = value.as_str().unwrap_or_default();
        if text.len() > 63 {
            causes.push(Cause::invalid("metadata.labels", value, "must be no more than 63 bytes"));
        }
        if !text.is_empty() && !is_name_part(text) {
            causes.push(Cause::invalid("metadata.labels", value, LABEL_VALUE));
        }
    }
    for key in metadata["annotations"].as_object().into_iter().flatten().map(|(key, _)| key) {
        let mistakes = not_a_key(&key.to_lowercase());
        causes.extend(mistakes.iter().map(|why| Cause::invalid("metadata.annotations", &key.as_str().into(), why)));
    }
    causes
}

const LABEL_VALUE: &str = "a valid label must be an empty string or consist of alphanumeric characters, '-', '_' or '.', \
     and must start and end with an alphanumeric character (e.g. 'MyValue',  or 'my_value',  or '12345', regex used for \
     validation is '(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?')";
const NAME_PART: &str = "name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with \
     an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is \
     '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')";
const DNS_LABEL: &str = "a lowercase RFC 1123 label must consist of lower case alphanumeric characters or '-', and must \
     start and end with an alphanumeric character (e.g. 'my-name',  or '123-abc', regex used for validation is \
     '[a-z0-9]([-a-z0-9]*[a-z0-9])?')";
const DNS_SUBDOMAIN: &str = "a lowercase RFC 1123 subdomain must consist of lower case alphanumeric characters, '-' or \
     '.', and must start and end with an alphanumeric character (e.g. 'example.com', regex used for validation is \
     '[a-z0-9]([-a-z0-9]*[a-z0-9])?(\\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*')";

fn is_name_part(text: &str) -> bool {
    let ends = |sign: Option<char>| sign.is_some_and(|sign| sign.is_ascii_alphanumeric());
    ends(text.chars().next())
        && ends(text.chars().next_back())
        && text.chars().all(|sign| sign.is_ascii_alphanumeric() || matches!(sign, '-' | '_' | '.'))
}

pub(super) fn is_dns_label(text: &str) -> bool {
    let inner = |sign: char| sign.is_ascii_lowercase() || sign.is_ascii_digit();
    text.starts_with(inner) && text.ends_with(inner) && text.chars().all(|sign| inner(sign) || sign == '-')
}

pub(super) fn is_dns_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_dns_label)
}

fn not_a_label(name: &str) -> Option<&'static str> {
    if name.len() > 63 {
        Some("must be no more than 63 bytes")
    } else if is_dns_label(name) {
        None
    } else {
        Some(DNS_LABEL)
    }
}

/// RBAC names are only kept from breaking a URL's path.
fn not_a_path_segment(name: &str) -> Vec<String> {
    if matches!(name, "." | "..") {
        return vec![format!("may not be '{name}'")];
    }
    ["/", "%"].iter().filter(|sign| name.contains(**sign)).map(|sign| format!("may not contain '{sign}'")).collect()
}

/// What is wrong with a key of a label or annotation: `name` or `subdomain/name`.
fn not_a_key(key: &str) -> Vec<String> {
    let mut mistakes = Vec::new();
    let name = match key.split('/').collect::<Vec<_>>()[..] {
        [name] => name,
        [prefix, name] => {
            if prefix.is_empty() {
                mistakes.push("prefix part must be non-empty".to_owned());
            } else if !is_dns_subdomain(prefix) {
                mistakes.push(format!("prefix part {DNS_SUBDOMAIN}"));
            }
            name
        }
        _ => {
            let rest = NAME_PART.strip_prefix("name part").unwrap_or_default();
            return vec![format!(
                "a valid label key{rest} with an optional DNS subdomain prefix and '/' (e.g. 'example.com/MyName')"
            )];
        }
    };
    if name.is_empty() {
        mistakes.push("name part must be non-empty".to_owned());
    } else if name.len() > 63 {
        mistakes.push("name part must be no more than 63 bytes".to_owned());
    }
    if !is_name_part(name) {
        mistakes.push(NAME_PART.to_owned());
    }
    mistakes
}

fn policy_rule(kind: Kind, rule: &Value, path: &str) -> Vec<Cause> {
    let mut causes = Vec::new();
    let has = |field: &str| !items(rule, field).is_empty();
    if !has("verbs") {
        causes.push(Cause::required(format!("{path}.verbs"), "verbs must contain at least one value"));
    }
    if has("nonResourceURLs") {
        let invalid = |why| Cause::invalid(format!("{path}.nonResourceURLs"), &rule["nonResourceURLs"], why);
        if kind == Kind::Role {
            causes.push(invalid("namespaced rules cannot apply to non-resource URLs"));
        }
        if has("apiGroups") || has("resources") || has("resourceNames") {
            causes.push(invalid("rules cannot apply to both regular resources and non-resource URLs"));
        }
        return causes;
    }
    if !has("apiGroups") {
        causes.push(Cause::required(format!("{path}.apiGroups"), "resource rules must supply at least one api group"));
    }
    if !has("resources") {
        causes.push(Cause::required(format!("{path}.resources"), "resource rules must supply at least one resource"));
    }
    causes
}

fn aggregation(rule: &Value) -> Vec<Cause> {
    if rule.is_null() {
        return Vec::new();
    }
    let field = "aggregationRule.clusterRoleSelectors";
    let selectors = items(rule, "clusterRoleSelectors");
    if selectors.is_empty() {
        return vec![Cause::required(field, "at least one clusterRoleSelector required if aggregationRule is non-nil")];
    }
    selectors.iter().enumerate().flat_map(|(index, value)| selector(value, &format!("{field}[{index}]"))).collect()
}

fn selector(selector: &Value, path: &str) -> Vec<Cause> {
    let mut causes = Vec::new();
    for (index, expression) in items(selector, "matchExpressions").iter().enumerate() {
        let path = format!("{path}.matchExpressions[{index}]");
        let has_values = !items(expression, "values").is_empty();
        match text(expression, "operator") {
            "In" | "NotIn" if !has_values => {
                let why = "must be specified when `operator` is 'In' or 'NotIn'";
                causes.push(Cause::required(format!("{path}.values"), why));
            }
            "Exists" | "DoesNotExist" if has_values => {
                let why = "may not be specified when `operator` is 'Exists' or 'DoesNotExist'";
                causes.push(Cause::forbidden(format!("{path}.values"), why));
            }
            "In" | "NotIn" | "Exists" | "DoesNotExist" => {}
            other => {
                causes.push(Cause::invalid(format!("{path}.operator"), &other.into(), "not a valid selector operator"));
            }
        }
    }
    if LabelSelector::of(selector).is_none() {
        causes.push(Cause::invalid(path, &Value::Null, "invalid label selector."));
    }
    causes
}

fn role_ref(kind: Kind, role: &Value) -> Vec<Cause> {
    let mut causes = Vec::new();
    if text(role, "apiGroup") != RBAC {
        causes.push(Cause::unsupported("roleRef.apiGroup", &role["apiGroup"], &[RBAC]));
    }
    let kinds: &[&str] = if kind == Kind::RoleBinding { &["Role", "ClusterRole"] } else { &["ClusterRole"] };
    if !kinds.contains(&text(role, "kind")) {
        causes.push(Cause::unsupported("roleRef.kind", &role["kind"], kinds));
    }
    let name = text(role, "name");
    if name.is_empty() {
        causes.push(Cause::required("roleRef.name", ""));
    }
    causes.extend(not_a_path_segment(name).iter().map(|why| Cause::invalid("roleRef.name", &name.into(), why)));
    causes
}

fn binding_subject(kind: Kind, subject: &Value, path: &str) -> Vec<Cause> {
    let mut causes = Vec::new();
    let (name, group) = (text(subject, "name"), text(subject, "apiGroup"));
    if name.is_empty() {
        causes.push(Cause::required(format!("{path}.name"), ""));
    }
    match text(subject, "kind") {
        "ServiceAccount" => {
            if !name.is_empty() && !is_dns_subdomain(name) {
                causes.push(Cause::invalid(format!("{path}.name"), &name.into(), DNS_SUBDOMAIN));
            }
            if !group.is_empty() {
                causes.push(Cause::unsupported(format!("{path}.apiGroup"), &group.into(), &[""]));
            }
            if kind == Kind::ClusterRoleBinding && text(subject, "namespace").is_empty() {
                causes.push(Cause::required(format!("{path}.namespace"), ""));
            }
        }
        "User" | "Group" if group != RBAC => {
            causes.push(Cause::unsupported(format!("{path}.apiGroup"), &group.into(), &[RBAC]));
        }
        "User" | "Group" => {}
        other => {
            causes.push(Cause::unsupported(
                format!("{path}.kind"),
                &other.into(),
                &["ServiceAccount", "User", "Group"],
            ));
        }
    }
    causes
}
