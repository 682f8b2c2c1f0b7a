//! `metadata.managedFields`: which manager owns which field, and what an update or a server-side apply does to it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::fields::{Comparison, FieldSet, compare, fields_of, merge, prune};
use super::kind::Kind;
use super::status::{Cause, Failure};

/// How a manager came to own its fields; `Apply` sorts before `Update`, as in the real list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Operation {
    Apply,
    Update,
}

impl Operation {
    fn name(self) -> &'static str {
        match self {
            Self::Apply => "Apply",
            Self::Update => "Update",
        }
    }
}

/// One entry's identity. The version is left out: only one is served.
type Manager = (Operation, String);

#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Owned {
    time: Option<String>,
    fields: FieldSet,
}

/// All entries of an object.
#[derive(Debug, Clone, Default)]
pub(super) struct Managers(BTreeMap<Manager, Owned>);

/// The manager whose fields an object without entries has when it is applied for the first time.
const BEFORE_FIRST_APPLY: &str = "before-first-apply";

impl Managers {
    /// Reads an object's entries.
    pub(super) fn of(object: &Value) -> Self {
        let entries = object.pointer("/metadata/managedFields").and_then(Value::as_array);
        let entries = entries.into_iter().flatten().filter_map(|entry| {
            let operation =
                if entry.get("operation")?.as_str()? == "Apply" { Operation::Apply } else { Operation::Update };
            let time = entry.get("time").and_then(Value::as_str).map(str::to_owned);
            let fields = FieldSet::from_value(entry.get("fieldsV1")?);
            Some(((operation, entry.get("manager")?.as_str()?.to_owned()), Owned { time, fields }))
        });
        Self(entries.collect())
    }

    /// The `managedFields` list, in the real order: by operation, time, manager. `None` when nobody owns anything.
    pub(super) fn to_value(&self, kind: Kind) -> Option<Value> {
        let mut entries: Vec<_> = self.0.iter().collect();
        entries.sort_by_key(|((operation, name), owned)| (*operation, owned.time.clone(), name.clone()));
        let entries: Vec<_> = entries
            .into_iter()
            .map(|((operation, name), owned)| {
                let mut entry = json!({
                    "manager": name, "operation": operation.name(), "apiVersion": kind.api_version(),
                    "fieldsType": "FieldsV1", "fieldsV1": owned.fields.to_value(),
                });
                if let Some(time) = &owned.time {
                    entry["time"] = time.as_str().into();
                }
                entry
            })
            .collect();
        (!entries.is_empty()).then(|| entries.into())
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether both give the same fields to the same managers; times do not count, so that a write that changes
    /// nothing else is none.
    pub(super) fn own_the_same(&self, other: &Self) -> bool {
        let fields = |managers: &Self| -> Vec<_> {
            managers.0.iter().map(|(manager, owned)| (manager.clone(), owned.fields.clone())).collect()
        };
        fields(self) == fields(other)
    }

    /// After a create, replace or merge patch by `name`: it owns what it added or changed.
    ///
    /// An object that nobody manages stays unmanaged, unless it is new.
    pub(super) fn update(&mut self, kind: Kind, before: &Value, after: &Value, name: &str, now: &str) {
        let is_new = before.pointer("/metadata/uid").is_none();
        if self.0.is_empty() && !is_new {
            return;
        }
        self.take(kind, before, after, name, now);
    }

    fn take(&mut self, kind: Kind, before: &Value, after: &Value, name: &str, now: &str) {
        let difference = compare(before, after, kind.shape());
        self.release(&self.disputed(None, &difference), &difference.removed);
        let taken = difference.modified.union(&difference.added).difference(&server_fields(kind));
        if !taken.is_empty() {
            let owned = self.0.entry((Operation::Update, manager_name(name))).or_default();
            owned.fields = owned.fields.union(&taken);
            owned.time = Some(now.to_owned());
        }
    }

    /// Server-side apply of `config` over `live`: the merged object, undefaulted, and in `self` who owns what now.
    ///
    /// # Errors
    /// 409 that names each field which another manager owns and `config` would change, unless `force`.
    pub(super) fn apply(
        &mut self,
        kind: Kind,
        live: &Value,
        config: &Value,
        name: &str,
        force: bool,
        now: &str,
    ) -> Result<Value, Failure> {
        let shape = kind.shape();
        if self.0.is_empty() && live.pointer("/metadata/uid").is_some() {
            self.take(kind, &blank(kind), live, BEFORE_FIRST_APPLY, now);
        }
        let manager = (Operation::Apply, manager_name(name));
        let last = self.0.remove(&manager).unwrap_or_default();
        // Until pruning is done the configured metadata counts as owned, the name above all.
        self.0.insert(manager.clone(), Owned { time: last.time, fields: fields_of(config, shape) });

        let mut merged = merge(live, config, shape);
        if !last.fields.is_empty() {
            let owned = self.0.values().fold(FieldSet::default(), |all, owned| all.union(&owned.fields));
            merged = prune(&merged, &last.fields, &owned, shape);
        }

        let difference = compare(live, &merged, shape);
        let disputed = self.disputed(Some(&manager), &difference);
        if !force && !disputed.is_empty() {
            return Err(conflict(kind, &disputed));
        }
        self.release(&disputed, &difference.removed);
        if let Some(owned) = self.0.get_mut(&manager) {
            owned.fields = owned.fields.difference(&server_fields(kind));
            if live != &merged {
                owned.time = Some(now.to_owned());
            }
        }
        self.0.retain(|_, owned| !owned.fields.is_empty());
        Ok(merged)
    }

    /// The fields of others than `manager` that a change touches.
    fn disputed(&self, manager: Option<&Manager>, difference: &Comparison) -> BTreeMap<Manager, FieldSet> {
        let touched = difference.modified.union(&difference.added);
        let others = self.0.iter().filter(|(other, _)| Some(*other) != manager);
        let disputed = others.map(|(other, owned)| (other.clone(), owned.fields.intersection(&touched)));
        disputed.filter(|(_, fields)| !fields.is_empty()).collect()
    }

    fn release(&mut self, disputed: &BTreeMap<Manager, FieldSet>, removed: &FieldSet) {
        for (manager, owned) in &mut self.0 {
            if let Some(lost) = disputed.get(manager) {
                owned.fields = owned.fields.difference(lost);
            }
            owned.fields = owned.fields.difference(removed);
        }
        self.0.retain(|_, owned| !owned.fields.is_empty());
    }
}

/// An object of that kind with nothing in it, as the real server compares a new object with.
pub(super) fn blank(kind: Kind) -> Value {
    let body = match kind {
        Kind::ClusterRole | Kind::Role => json!({ "rules": null }),
        Kind::ClusterRoleBinding | Kind::RoleBinding => {
            json!({ "roleRef": { "apiGroup": "", "kind": "", "name": "" } })
        }
        Kind::Namespace => json!({ "spec": {}, "status": {} }),
        Kind::CustomResourceDefinition => {
            json!({ "spec": { "group": "", "names": { "plural": "", "kind": "" }, "scope": "", "versions": null } })
        }
        Kind::Lease => json!({ "spec": {} }),
        Kind::ServiceAccount | Kind::Custom(_) => json!({}),
    };
    let mut blank = json!({ "apiVersion": kind.api_version(), "kind": kind.name(), "metadata": {} });
    if let (Some(blank), Value::Object(mut body)) = (blank.as_object_mut(), body) {
        blank.append(&mut body);
    }
    blank
}

fn manager_name(name: &str) -> String {
    if name.is_empty() { "unknown".to_owned() } else { name.to_owned() }
}

/// What no manager can own.
fn server_fields(kind: Kind) -> FieldSet {
    let mut set = FieldSet::default();
    for path in [&["apiVersion"][..], &["kind"], &["metadata"]] {
        set.insert(path);
    }
    if kind == Kind::Namespace {
        set.insert(&["status"]);
        set.insert(&["status", "phase"]);
    }
    for name in [
        "name",
        "namespace",
        "creationTimestamp",
        "selfLink",
        "uid",
        "clusterName",
        "generation",
        "managedFields",
        "resourceVersion",
    ] {
        set.insert(&["metadata", name]);
    }
    set
}

/// The words of the real server: the manager, for updates the version, and every field.
fn conflict(kind: Kind, disputed: &BTreeMap<Manager, FieldSet>) -> Failure {
    let named = |(operation, name): &Manager| match operation {
        Operation::Apply => format!("{name:?}"),
        Operation::Update => format!("{name:?} using {}", kind.api_version()),
    };
    let mut causes = Vec::new();
    let mut lines = Vec::new();
    let mut disputed: Vec<_> = disputed.iter().collect();
    disputed.sort_by_key(|((operation, name), _)| (name.as_str(), *operation));
    for (manager, fields) in disputed {
        lines.push(format!("conflicts with {}:", named(manager)));
        for field in fields.paths() {
            lines.push(format!("- {field}"));
            let message = format!("conflict with {}", named(manager));
            causes.push(Cause { reason: "FieldManagerConflict", message, field });
        }
    }
    let message = match &causes[..] {
        [only] => format!("Apply failed with 1 conflict: {}: {}", only.message, only.field),
        several => format!("Apply failed with {} conflicts: {}", several.len(), lines.join("\n")),
    };
    Failure::apply_conflict(message, causes)
}
