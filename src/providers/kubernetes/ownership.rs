//! Whose a live object is: labels, and what `managedFields` says about who wrote what.

use std::collections::BTreeSet;

use k8s_openapi::apimachinery::pkg::apis::meta::v1::{ManagedFieldsEntry, ObjectMeta, Time};
use serde_json::Value;

use crate::providers::http::excerpt;
use crate::state::{ConfigName, DefaultRole, FieldWrite, LiveMeta, Mark, Trace, WrittenField, mark};

/// The fields of an object that we manage, besides our labels.
const FIELDS: [(&str, WrittenField); 4] = [
    ("f:rules", WrittenField::Rules),
    ("f:aggregationRule", WrittenField::Rules),
    ("f:subjects", WrittenField::Subjects),
    ("f:roleRef", WrittenField::RoleRef),
];

/// Judges an object's metadata. Whatever it lacks (uid, version) is left empty: an object without them is never written.
pub(super) fn judge(metadata: &ObjectMeta, config: &ConfigName) -> LiveMeta {
    let managers = metadata.managed_fields.as_deref().unwrap_or_default();
    let others: BTreeSet<String> = managers
        .iter()
        .filter(|entry| !is_ours(entry) && entry.subresource.is_none() && !fields_of_ours(entry).is_empty())
        .map(name)
        .collect();
    let labels = metadata.labels.as_ref();
    let bootstrapping =
        is_system(metadata) || labels.is_some_and(|labels| labels.contains_key(mark::BOOTSTRAPPING_LABEL));
    LiveMeta {
        uid: metadata.uid.clone().unwrap_or_default(),
        resource_version: metadata.resource_version.clone().unwrap_or_default(),
        mark: find_mark(metadata, managers, config),
        other_managers: others.into_iter().collect(),
        bootstrapping,
        // Nobody asks it of what is never compared, and there is much of that.
        trace: if bootstrapping { Trace::default() } else { trace(metadata, managers) },
    }
}

/// Who wrote it and when.
fn trace(metadata: &ObjectMeta, managers: &[ManagedFieldsEntry]) -> Trace {
    let time = |time: &Option<Time>| time.as_ref().map(|time| time.0.to_string());
    let write = |entry: &ManagedFieldsEntry| FieldWrite {
        manager: name(entry),
        operation: excerpt(entry.operation.as_deref().unwrap_or_default()),
        time: time(&entry.time),
        fields: fields_of_ours(entry),
        is_ours: is_ours(entry),
    };
    let writes = managers.iter().filter(|entry| entry.subresource.is_none()).map(write);
    Trace {
        created: time(&metadata.creation_timestamp),
        deleting: time(&metadata.deletion_timestamp),
        writes: writes.filter(|write| !write.fields.is_empty()).collect(),
    }
}

fn is_system(metadata: &ObjectMeta) -> bool {
    metadata.name.as_deref().is_some_and(|name| name.starts_with("system:"))
}

fn find_mark(metadata: &ObjectMeta, managers: &[ManagedFieldsEntry], config: &ConfigName) -> Mark {
    let label = |key: &str| metadata.labels.as_ref().and_then(|labels| labels.get(key)).map(String::as_str);
    // No name that we give starts with `system:`, whoever claims to be our field manager.
    let can_be_ours = !is_system(metadata) && managers.iter().any(is_ours);
    match (label(mark::MANAGED_BY_LABEL), label(mark::CONFIG_LABEL)) {
        (Some(mark::MANAGER), Some(_)) if !can_be_ours => Mark::LabelsOnly,
        (Some(mark::MANAGER), Some(found)) if found == config.as_str() => Mark::Ours,
        (Some(mark::MANAGER), Some(found)) => Mark::OtherConfig(found.to_owned()),
        _ => Mark::None,
    }
}

/// Ours is only what our manager *applied*: the same name with another operation is somebody who borrowed it, and to the
/// API server another manager.
fn is_ours(entry: &ManagedFieldsEntry) -> bool {
    entry.manager.as_deref() == Some(mark::MANAGER)
        && entry.operation.as_deref() == Some("Apply")
        && entry.subresource.is_none()
}

fn name(entry: &ManagedFieldsEntry) -> String {
    match entry.manager.as_deref() {
        None | Some("") => "(unnamed)".to_owned(),
        Some(mark::MANAGER) => format!("{} ({})", mark::MANAGER, entry.operation.as_deref().unwrap_or("unknown")),
        Some(name) => excerpt(name),
    }
}

fn fields_of_ours(entry: &ManagedFieldsEntry) -> BTreeSet<WrittenField> {
    let Some(fields) = entry.fields_v1.as_ref().and_then(|fields| fields.0.as_object()) else {
        return BTreeSet::new();
    };
    let mut held: BTreeSet<WrittenField> =
        FIELDS.iter().filter(|(field, _)| fields.contains_key(*field)).map(|(_, field)| *field).collect();
    let labels = fields.get("f:metadata").and_then(|metadata| metadata.get("f:labels")).and_then(Value::as_object);
    let is_held = labels.is_some_and(|labels| {
        let ours = [mark::MANAGED_BY_LABEL, mark::CONFIG_LABEL].into_iter();
        let mut ours = ours.chain(DefaultRole::ALL.into_iter().map(DefaultRole::label));
        ours.any(|label| labels.contains_key(&format!("f:{label}")))
    });
    if is_held {
        held.insert(WrittenField::Labels);
    }
    held
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn config() -> ConfigName {
        "contoso-platform".parse().unwrap()
    }

    fn metadata(labels: &Value, managers: &Value) -> ObjectMeta {
        serde_json::from_value(json!({
            "name": "sre-view-0123456789", "uid": "u1", "resourceVersion": "7", "labels": labels, "managedFields": managers,
        }))
        .unwrap()
    }

    fn ours() -> Value {
        json!({ mark::MANAGED_BY_LABEL: "rolecall", mark::CONFIG_LABEL: "contoso-platform" })
    }

    fn entry(manager: &str, operation: &str, fields: &Value) -> Value {
        json!({
            "manager": manager, "operation": operation, "apiVersion": "rbac.authorization.k8s.io/v1",
            "fieldsType": "FieldsV1", "fieldsV1": fields,
        })
    }

    #[test]
    fn the_mark_needs_both_labels_and_an_apply_entry() {
        let applied = json!([entry("rolecall", "Apply", &json!({ "f:rules": {} }))]);
        let updated = json!([entry("rolecall", "Update", &json!({ "f:rules": {} }))]);
        let mark_of = |labels: &Value, managers: &Value| judge(&metadata(labels, managers), &config()).mark;
        assert_eq!(mark_of(&ours(), &applied), Mark::Ours);
        assert_eq!(mark_of(&ours(), &updated), Mark::LabelsOnly);
        assert_eq!(mark_of(&ours(), &json!([])), Mark::LabelsOnly);
        assert_eq!(mark_of(&json!({ mark::MANAGED_BY_LABEL: "rolecall" }), &applied), Mark::None);
        assert_eq!(mark_of(&json!({ mark::CONFIG_LABEL: "contoso-platform" }), &applied), Mark::None);
        let other = json!({ mark::MANAGED_BY_LABEL: "rolecall", mark::CONFIG_LABEL: "other" });
        assert_eq!(mark_of(&other, &applied), Mark::OtherConfig("other".to_owned()));
        assert_eq!(mark_of(&other, &json!([])), Mark::LabelsOnly);
    }

    #[test]
    fn a_name_of_kubernetes_own_is_never_ours() {
        let applied = json!([entry("rolecall", "Apply", &json!({ "f:rules": {} }))]);
        for labels in [ours(), json!({ mark::MANAGED_BY_LABEL: "rolecall", mark::CONFIG_LABEL: "other" })] {
            let mut metadata = metadata(&labels, &applied);
            metadata.name = Some("system:sre-view-0123456789".to_owned());
            assert_eq!(judge(&metadata, &config()).mark, Mark::LabelsOnly);
        }
    }

    #[test]
    fn another_manager_of_our_fields_is_named_once_and_others_are_not() {
        let label = json!({ "f:metadata": { "f:labels": { ".": {}, "f:rolecall.dev/config": {} } } });
        let managers = json!([
            entry("rolecall", "Apply", &json!({ "f:rules": {}, "f:subjects": {} })),
            entry("kubectl-edit", "Update", &json!({ "f:subjects": {} })),
            entry("kubectl-edit", "Apply", &json!({ "f:rules": {} })),
            entry("flux", "Apply", &label),
            entry(
                "annotator",
                "Update",
                &json!({ "f:metadata": { "f:annotations": {}, "f:labels": { "f:team": {} } } })
            ),
            entry("rolecall", "Update", &json!({ "f:roleRef": {} })),
            entry("", "Update", &json!({ "f:aggregationRule": {} })),
        ]);
        let others = judge(&metadata(&ours(), &managers), &config()).other_managers;
        assert_eq!(others, ["(unnamed)", "flux", "kubectl-edit", "rolecall (Update)"]);
    }

    #[test]
    fn who_wrote_a_field_of_ours_is_told_with_the_time() {
        let mut edited = entry("kubectl-edit", "Update", &json!({ "f:subjects": {} }));
        edited["time"] = json!("2026-11-23T14:02:11Z");
        let managers = json!([
            entry(
                "rolecall",
                "Apply",
                &json!({ "f:roleRef": {}, "f:metadata": { "f:labels": { "f:rolecall.dev/config": {} } } })
            ),
            edited,
            entry("annotator", "Update", &json!({ "f:metadata": { "f:annotations": {} } })),
        ]);
        let mut metadata = metadata(&ours(), &managers);
        metadata.creation_timestamp = Some(serde_json::from_value(json!("2026-11-01T08:00:00Z")).unwrap());
        let trace = judge(&metadata, &config()).trace;
        assert_eq!((trace.created.as_deref(), trace.deleting), (Some("2026-11-01T08:00:00Z"), None));
        let [first, second] = &trace.writes[..] else { panic!("{:?}", trace.writes) };
        assert_eq!((first.is_ours, first.time.as_deref()), (true, None));
        assert_eq!(first.fields, BTreeSet::from([WrittenField::RoleRef, WrittenField::Labels]));
        assert_eq!((second.manager.as_str(), second.operation.as_str()), ("kubectl-edit", "Update"));
        assert_eq!(second.time.as_deref(), Some("2026-11-23T14:02:11Z"));
        assert_eq!(second.fields, BTreeSet::from([WrittenField::Subjects]));
    }

    #[test]
    fn what_kubernetes_made_is_told_apart() {
        let labelled = metadata(&json!({ mark::BOOTSTRAPPING_LABEL: "rbac-defaults" }), &json!([]));
        assert!(judge(&labelled, &config()).bootstrapping);
        let mut named = metadata(&json!({}), &json!([]));
        assert!(!judge(&named, &config()).bootstrapping);
        named.name = Some("system:node".to_owned());
        assert!(judge(&named, &config()).bootstrapping);
    }
}
