//! Looking into objects, where missing and mistyped fields read as empty, as they do in Go's types; and the forms that
//! an object has on its way from a client to etcd and back.

use serde_json::{Value, json};

use super::kind::{Kind, RBAC};
use super::{decode, definition};

/// The text in a field, or an empty one.
pub(super) fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value.get(field).and_then(Value::as_str).unwrap_or_default()
}

/// The list in a field, or an empty one.
pub(super) fn items<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value.get(field).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default()
}

/// The texts of the list in a field.
pub(super) fn texts<'a>(value: &'a Value, field: &str) -> impl Iterator<Item = &'a str> {
    items(value, field).iter().filter_map(Value::as_str)
}

/// What the API fills in on every write (pkg/apis/rbac/v1/defaults.go; core/v1 `SetDefaults_Namespace`).
pub(super) fn default(kind: Kind, object: &mut Value) {
    if kind == Kind::Namespace {
        let name = text(&object["metadata"], "name").to_owned();
        if !name.is_empty() {
            object["metadata"]["labels"]["kubernetes.io/metadata.name"] = name.into();
        }
    }
    if kind == Kind::CustomResourceDefinition {
        definition::default(object);
    }
    if !kind.is_binding() {
        return;
    }
    if text(&object["roleRef"], "apiGroup").is_empty() {
        object["roleRef"]["apiGroup"] = RBAC.into();
    }
    // Indexing would put a null where there are no subjects.
    for subject in object.get_mut("subjects").and_then(Value::as_array_mut).into_iter().flatten() {
        if matches!(text(subject, "kind"), "User" | "Group") && text(subject, "apiGroup").is_empty() {
            subject["apiGroup"] = RBAC.into();
        }
    }
}

/// What the server sets in a new object besides metadata; no manager owns it.
pub(super) fn complete(kind: Kind, object: &mut Value) {
    if kind == Kind::Namespace {
        object["spec"] = json!({ "finalizers": ["kubernetes"] });
        object["status"] = json!({ "phase": "Active" });
    }
    if kind == Kind::CustomResourceDefinition {
        object["status"] = definition::unestablished(object);
    }
    if kind.has_generation() {
        object["metadata"]["generation"] = 1.into();
    }
}

/// The object in its stored form, without kind and version.
pub(super) fn settle(kind: Kind, object: &Value) -> Value {
    let mut object = decode::stored(object, kind.shape());
    if let Some(object) = object.as_object_mut() {
        object.remove("kind");
        object.remove("apiVersion");
    }
    object
}

/// A stored object with its kind and version, as single objects are answered; items of a list have neither.
pub(super) fn whole(kind: Kind, stored: &Value) -> Value {
    let mut object = stored.clone();
    object["kind"] = kind.name().into();
    object["apiVersion"] = kind.api_version().into();
    object
}

pub(super) fn without_managed_fields(mut object: Value) -> Value {
    remove(&mut object, &["managedFields"]);
    object
}

/// Takes fields out of the metadata.
pub(super) fn remove(object: &mut Value, fields: &[&str]) {
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.retain(|field, _| !fields.contains(&field.as_str()));
    }
}
