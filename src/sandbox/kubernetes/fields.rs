//! Sets of field paths and the operations of structured merge that server-side apply is made of
//! (sigs.k8s.io/structured-merge-diff: `ToFieldSet`, `Compare`, `Merge`, `RemoveItems`).

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value, json};

use super::definition::Node;
use super::schema::{Field, Shape};

/// Paths to fields. A path may be in the set together with paths below it: that is the `.` of `FieldsV1`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct FieldSet {
    members: BTreeSet<String>,
    children: BTreeMap<String, Self>,
}

impl FieldSet {
    pub(super) fn insert(&mut self, path: &[&str]) {
        match path {
            [] => {}
            [last] => {
                self.members.insert((*last).to_owned());
            }
            [first, rest @ ..] => self.children.entry((*first).to_owned()).or_default().insert(rest),
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.members.is_empty() && self.children.values().all(Self::is_empty)
    }

    pub(super) fn union(&self, other: &Self) -> Self {
        let mut both = self.clone();
        both.members.extend(other.members.iter().cloned());
        for (name, child) in &other.children {
            let merged = both.children.get(name).map_or_else(|| child.clone(), |own| own.union(child));
            both.children.insert(name.clone(), merged);
        }
        both
    }

    /// Without the paths of `other`; paths below them stay.
    pub(super) fn difference(&self, other: &Self) -> Self {
        let nothing = Self::default();
        self.combine(self.members.difference(&other.members), |name, child| {
            child.difference(other.children.get(name).unwrap_or(&nothing))
        })
    }

    pub(super) fn intersection(&self, other: &Self) -> Self {
        let nothing = Self::default();
        self.combine(self.members.intersection(&other.members), |name, child| {
            child.intersection(other.children.get(name).unwrap_or(&nothing))
        })
    }

    fn combine<'a>(&self, members: impl Iterator<Item = &'a String>, child: impl Fn(&String, &Self) -> Self) -> Self {
        let children = self.children.iter().map(|(name, own)| (name.clone(), child(name, own)));
        Self { members: members.cloned().collect(), children: children.filter(|(_, set)| !set.is_empty()).collect() }
    }

    /// With every declared field on the way to a path; keys of maps are not declared.
    fn with_declared_parents(&self, shape: Shape) -> Self {
        let mut members = self.members.clone();
        let mut children = BTreeMap::new();
        for (name, child) in &self.children {
            let (below, declared) = step(shape, name);
            if declared {
                members.insert(name.clone());
            }
            children.insert(name.clone(), child.with_declared_parents(below));
        }
        Self { members, children }
    }

    /// The paths in the order in which the real server lists conflicts: those that end here, then those further down.
    pub(super) fn paths(&self) -> Vec<String> {
        let mut paths: Vec<_> = self.members.iter().map(|name| format!(".{name}")).collect();
        for (name, child) in &self.children {
            paths.extend(child.paths().into_iter().map(|path| format!(".{name}{path}")));
        }
        paths
    }

    /// The `FieldsV1` form.
    pub(super) fn to_value(&self) -> Value {
        let mut value = Map::new();
        for name in &self.members {
            value.insert(format!("f:{name}"), json!({}));
        }
        for (name, child) in &self.children {
            let mut below = child.to_value();
            if self.members.contains(name) {
                below["."] = json!({});
            }
            value.insert(format!("f:{name}"), below);
        }
        value.into()
    }

    /// Reads the `FieldsV1` form; list items cannot occur, as every list is atomic.
    pub(super) fn from_value(value: &Value) -> Self {
        let mut set = Self::default();
        for (key, below) in value.as_object().into_iter().flatten() {
            let Some(name) = key.strip_prefix("f:") else { continue };
            let child = Self::from_value(below);
            let is_member = child.is_empty() || below.get(".").is_some();
            if is_member {
                set.members.insert(name.to_owned());
            }
            if !child.is_empty() {
                set.children.insert(name.to_owned(), child);
            }
        }
        set
    }
}

/// What is below `name`, and whether `name` is a declared field.
fn step(shape: Shape, name: &str) -> (Shape, bool) {
    match shape {
        Shape::Struct(fields) | Shape::Atomic(fields) => match find(fields, name) {
            Some(field) => (field.shape, true),
            None => (Shape::Opaque, false),
        },
        Shape::Map => (Shape::Text, false),
        Shape::Custom(schema) => schema.below(name),
        Shape::Text | Shape::Boolean | Shape::Integer | Shape::Time | Shape::List(_) | Shape::Opaque => {
            (Shape::Opaque, false)
        }
    }
}

/// The field of that name.
pub(super) fn find<'a>(fields: &'a [Field], name: &str) -> Option<&'a Field> {
    fields.iter().find(|field| field.name == name)
}

/// Whether what is in there has owners of its own. Of what may be anything, only objects do.
fn is_granular(shape: Shape, values: &[Option<&Value>]) -> bool {
    match shape {
        Shape::Struct(_) | Shape::Map => true,
        Shape::Custom(schema) => match schema.node {
            Node::Object { .. } => true,
            Node::Any => values.iter().flatten().all(|value| value.is_object()),
            Node::BuiltIn(shape) => is_granular(shape, values),
            Node::List(_) | Node::Leaf => false,
        },
        Shape::Text
        | Shape::Boolean
        | Shape::Integer
        | Shape::Time
        | Shape::Atomic(_)
        | Shape::List(_)
        | Shape::Opaque => false,
    }
}

fn is_empty_or_null(value: Option<&Value>) -> bool {
    value.is_none_or(|value| value.is_null() || value.as_object().is_some_and(Map::is_empty))
}

/// The fields that `value` sets.
pub(super) fn fields_of(value: &Value, shape: Shape) -> FieldSet {
    let mut set = FieldSet::default();
    collect(value, shape, &mut Vec::new(), &mut set);
    set
}

fn collect<'a>(value: &'a Value, shape: Shape, path: &mut Vec<&'a str>, set: &mut FieldSet) {
    if !is_granular(shape, &[Some(value)]) {
        set.insert(path);
        return;
    }
    for (name, below) in value.as_object().into_iter().flatten() {
        path.push(name);
        let (inside, declared) = step(shape, name);
        collect(below, inside, path, set);
        // Keys of maps count themselves, too (`visitMapItems`).
        if is_empty_or_null(Some(below)) || !declared {
            set.insert(path);
        }
        path.pop();
    }
}

/// How two values differ.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Comparison {
    pub(super) added: FieldSet,
    pub(super) modified: FieldSet,
    pub(super) removed: FieldSet,
}

/// Compares two objects field by field.
pub(super) fn compare(before: &Value, after: &Value, shape: Shape) -> Comparison {
    let mut comparison = Comparison::default();
    walk(Some(before), Some(after), shape, &mut Vec::new(), &mut comparison);
    comparison
}

fn walk<'a>(
    before: Option<&'a Value>,
    after: Option<&'a Value>,
    shape: Shape,
    path: &mut Vec<&'a str>,
    comparison: &mut Comparison,
) {
    let granular = is_granular(shape, &[before, after]) && !(is_empty_or_null(before) && is_empty_or_null(after));
    if granular {
        let objects = [before, after].map(|side| side.and_then(Value::as_object));
        let names: BTreeSet<_> = objects.iter().flatten().flat_map(|object| object.keys()).collect();
        for name in names {
            let [before, after] = objects.map(|object| object.and_then(|object| object.get(name)));
            path.push(name);
            walk(before, after, step(shape, name).0, path, comparison);
            path.pop();
        }
    }
    match (before, after) {
        (None, _) => comparison.added.insert(path),
        (_, None) => comparison.removed.insert(path),
        (Some(before), Some(after)) if !granular && before != after => comparison.modified.insert(path),
        _ => {}
    }
}

/// `live` overlaid with `config`: maps and structs field by field, everything else whole. A null map changes nothing.
pub(super) fn merge(live: &Value, config: &Value, shape: Shape) -> Value {
    let is_granular = is_granular(shape, &[Some(live), Some(config)]);
    let Some(live_fields) = live.as_object().filter(|_| is_granular) else { return config.clone() };
    let Some(config) = config.as_object() else { return live.clone() };
    let mut merged = live_fields.clone();
    for (name, wanted) in config {
        let have = live_fields.get(name);
        let value = have.map_or_else(|| wanted.clone(), |have| merge(have, wanted, step(shape, name).0));
        merged.insert(name.clone(), value);
    }
    merged.into()
}

fn without(value: &Value, set: &FieldSet, shape: Shape) -> Value {
    let (true, Some(object)) = (is_granular(shape, &[Some(value)]), value.as_object()) else { return value.clone() };
    let mut kept = Map::new();
    for (name, below) in object {
        if set.members.contains(name) {
            continue;
        }
        let below = match set.children.get(name) {
            Some(child) => without(below, child, step(shape, name).0),
            None => below.clone(),
        };
        kept.insert(name.clone(), below);
    }
    if kept.is_empty() { Value::Null } else { kept.into() }
}

/// Takes out of `merged` what the manager owned (`last`), owns no longer, and nobody else owns (`owned` is what all
/// managers own now). The three steps of the real `prune`, in its order.
pub(super) fn prune(merged: &Value, last: &FieldSet, owned: &FieldSet, shape: Shape) -> Value {
    let (last, owned) = (last.with_declared_parents(shape), owned.with_declared_parents(shape));
    let all = fields_of(merged, shape).with_declared_parents(shape);
    let left = |value: &Value| fields_of(value, shape).with_declared_parents(shape);

    let pruned = without(merged, &last, shape);
    let pruned = without(merged, &all.difference(&left(&pruned).union(&owned)), shape);
    without(merged, &all.difference(&left(&pruned)).intersection(&last), shape)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sandbox::kubernetes::schema::CLUSTER_ROLE;

    fn set(paths: &[&[&str]]) -> FieldSet {
        let mut set = FieldSet::default();
        for path in paths {
            set.insert(path);
        }
        set
    }

    #[test]
    fn sets_are_written_as_fields_v1_and_read_back() {
        let set =
            set(&[&["rules"], &["metadata", "labels"], &["metadata", "labels", "a"], &["metadata", "labels", "b"]]);
        let value = json!({ "f:rules": {}, "f:metadata": { "f:labels": { ".": {}, "f:a": {}, "f:b": {} } } });
        assert_eq!(set.to_value(), value);
        assert_eq!(FieldSet::from_value(&value), set);
    }

    #[test]
    fn taking_a_path_away_leaves_those_below_it() {
        let both = set(&[&["labels"], &["labels", "a"]]);
        assert_eq!(both.difference(&set(&[&["labels"]])), set(&[&["labels", "a"]]));
        assert_eq!(both.intersection(&set(&[&["labels", "a"]])), set(&[&["labels", "a"]]));
        assert!(both.difference(&both).is_empty());
    }

    #[test]
    fn a_new_map_is_added_with_its_keys_and_a_list_as_one() {
        let before = json!({ "metadata": {}, "rules": null });
        let after = json!({ "metadata": { "labels": { "a": "1" } }, "rules": [{ "verbs": ["get"] }] });
        let there = compare(&before, &after, CLUSTER_ROLE);
        assert_eq!(there.added, set(&[&["metadata", "labels"], &["metadata", "labels", "a"]]));
        assert_eq!(there.modified, set(&[&["rules"]]));
        let back = compare(&after, &before, CLUSTER_ROLE);
        assert_eq!((back.removed, back.added), (there.added, FieldSet::default()));
    }

    #[test]
    fn nothing_of_others_is_pruned() {
        let merged = json!({ "metadata": { "name": "a", "labels": { "mine": "1", "theirs": "2", "nobody": "3" } } });
        let last = set(&[&["metadata", "labels", "mine"], &["metadata", "labels", "theirs"]]);
        let owned = set(&[&["metadata", "name"], &["metadata", "labels", "theirs"]]);
        let left = json!({ "metadata": { "name": "a", "labels": { "theirs": "2", "nobody": "3" } } });
        assert_eq!(prune(&merged, &last, &owned, CLUSTER_ROLE), left);
    }
}
