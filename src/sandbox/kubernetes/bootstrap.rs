//! What an API server makes when it starts with an empty etcd.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::aggregate;
use super::kind::{Kind, RBAC};
use super::managed::{Managers, blank};
use super::object::{complete, default, whole};
use super::state::{ClusterState, PlantedBinding, new_uid, now};
use super::write::store;
use crate::state::mark;

/// The default roles and bindings of kube-apiserver 1.35.4, one a line, without what all of them have in common
/// (`pkg/registry/rbac/rest/storage_rbac.go` writes them at every start).
const POLICY: &str = include_str!("bootstrap.json");

/// The manager and user of what the API server writes itself.
const API_SERVER: &str = "kube-apiserver";

/// Fills an empty cluster.
pub(super) fn fill(state: &mut ClusterState) {
    for name in ["kube-system", "default", "kube-public", "kube-node-lease"] {
        namespace(state, name, BTreeMap::new());
    }
    let policy: BTreeMap<String, Vec<Value>> = serde_json::from_str(POLICY).unwrap_or_default();
    for (kind, list) in [
        (Kind::ClusterRole, "clusterRoles"),
        (Kind::ClusterRoleBinding, "clusterRoleBindings"),
        (Kind::Role, "roles"),
        (Kind::RoleBinding, "roleBindings"),
    ] {
        for entry in policy.get(list).into_iter().flatten() {
            make(state, kind, policy_object(kind, entry));
        }
    }
    aggregate::run(state);
}

fn policy_object(kind: Kind, entry: &Value) -> Value {
    let mut labels = entry["labels"].as_object().cloned().unwrap_or_default();
    labels.insert("kubernetes.io/bootstrapping".to_owned(), "rbac-defaults".into());
    let mut object = blank(kind);
    for (key, value) in entry.as_object().into_iter().flatten() {
        match key.as_str() {
            "labels" => {}
            "name" | "namespace" => object["metadata"][key] = value.clone(),
            _ => object[key] = value.clone(),
        }
    }
    object["metadata"]["labels"] = labels.into();
    object["metadata"]["annotations"] = json!({ "rbac.authorization.kubernetes.io/autoupdate": "true" });
    object
}

/// Makes a namespace, or adds labels to the one that is there.
pub(super) fn namespace(state: &mut ClusterState, name: &str, labels: BTreeMap<String, String>) {
    let labels: Map<String, Value> = labels.into_iter().map(|(key, value)| (key, value.into())).collect();
    if let Some(live) = state.get(Kind::Namespace, "", name) {
        let mut object = whole(Kind::Namespace, live);
        for (key, value) in labels {
            object["metadata"]["labels"][key] = value;
        }
        let managers = Managers::of(&object);
        store(state, Kind::Namespace, object, &managers);
        return;
    }
    let mut object = blank(Kind::Namespace);
    object["metadata"]["name"] = name.into();
    object["metadata"]["labels"] = labels.into();
    make(state, Kind::Namespace, object);
}

/// Makes a binding, as `kubectl create` or as rolecall would.
pub(super) fn binding(state: &mut ClusterState, binding: PlantedBinding<'_>) {
    let PlantedBinding { name, namespace, cluster_role, subjects, config } = binding;
    let kind = if namespace.is_some() { Kind::RoleBinding } else { Kind::ClusterRoleBinding };
    let api_group = "rbac.authorization.k8s.io";
    let subjects =
        subjects.into_iter().map(|(kind, name)| json!({ "apiGroup": api_group, "kind": kind, "name": name }));
    let mut wanted = json!({
        "apiVersion": kind.api_version(),
        "kind": kind.name(),
        "metadata": { "name": name },
        "roleRef": { "apiGroup": api_group, "kind": "ClusterRole", "name": cluster_role },
        "subjects": subjects.collect::<Vec<_>>(),
    });
    if let Some(namespace) = namespace {
        wanted["metadata"]["namespace"] = namespace.into();
    }
    let mut managers = Managers::default();
    let mut object = match config {
        None => {
            managers.update(kind, &blank(kind), &wanted, "kubectl-create", &now());
            wanted
        }
        Some(config) => {
            wanted["metadata"]["labels"] = json!({ mark::MANAGED_BY_LABEL: mark::MANAGER, mark::CONFIG_LABEL: config });
            match managers.apply(kind, &blank(kind), &wanted, mark::MANAGER, false, &now()) {
                Ok(merged) => merged,
                // Nobody else owns anything of a new object.
                Err(_) => return,
            }
        }
    };
    default(kind, &mut object);
    complete(kind, &mut object);
    object["metadata"]["uid"] = new_uid().into();
    object["metadata"]["creationTimestamp"] = now().into();
    store(state, kind, object, &managers);
}

/// Makes a role with these rules, and binds it to users on the whole cluster.
pub(super) fn give(state: &mut ClusterState, name: &str, users: &[String], rules: &[Value]) {
    let mut role = blank(Kind::ClusterRole);
    role["metadata"]["name"] = name.into();
    role["rules"] = rules.into();
    make(state, Kind::ClusterRole, role);
    let mut binding = blank(Kind::ClusterRoleBinding);
    binding["metadata"]["name"] = name.into();
    binding["roleRef"] = json!({ "apiGroup": RBAC, "kind": "ClusterRole", "name": name });
    let subjects = users.iter().map(|user| json!({ "apiGroup": RBAC, "kind": "User", "name": user }));
    binding["subjects"] = subjects.collect();
    make(state, Kind::ClusterRoleBinding, binding);
}

fn make(state: &mut ClusterState, kind: Kind, mut object: Value) {
    default(kind, &mut object);
    let mut managers = Managers::default();
    managers.update(kind, &blank(kind), &object, API_SERVER, &now());
    complete(kind, &mut object);
    object["metadata"]["uid"] = new_uid().into();
    object["metadata"]["creationTimestamp"] = now().into();
    store(state, kind, object, &managers);
}
