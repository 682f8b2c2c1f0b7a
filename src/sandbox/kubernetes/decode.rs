//! Bodies of requests: JSON or YAML to a checked object in the form in which it is stored.

use serde_json::{Map, Value};

use super::definition::{Node, Others, Schema};
use super::fields::find;
use super::kind::Kind;
use super::object::text;
use super::schema::{Field, Shape};
use super::status::{Cause, Failure};

/// Why a body cannot be an object.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Mistakes {
    /// Paths of keys that the API does not have, as in `metadata.foo`.
    pub(super) unknown: Vec<String>,
    /// Values of a wrong type: path, what is expected there, what was found.
    pub(super) mistyped: Vec<(String, &'static str, Value)>,
}

/// Looks for keys and values that `shape` does not have.
pub(super) fn check(value: &Value, shape: Shape) -> Mistakes {
    let mut mistakes = Mistakes::default();
    look(value, shape, "", &mut mistakes);
    mistakes
}

fn look(value: &Value, shape: Shape, path: &str, mistakes: &mut Mistakes) {
    let expected = match (shape, value) {
        (_, Value::Null)
        | (Shape::Opaque, _)
        | (Shape::Text | Shape::Time, Value::String(_))
        | (Shape::Boolean, Value::Bool(_)) => return,
        (Shape::Integer, Value::Number(number)) if number.is_i64() => return,
        (Shape::List(below), Value::Array(items)) => {
            for (index, item) in items.iter().enumerate() {
                look(item, *below, &format!("{path}[{index}]"), mistakes);
            }
            return;
        }
        (Shape::Map, Value::Object(entries)) => {
            for (key, entry) in entries {
                look(entry, Shape::Text, &join(path, key), mistakes);
            }
            return;
        }
        (Shape::Struct(fields) | Shape::Atomic(fields), Value::Object(entries)) => {
            for (key, entry) in entries {
                match find(fields, key) {
                    Some(field) => look(entry, field.shape, &join(path, key), mistakes),
                    None => mistakes.unknown.push(join(path, key)),
                }
            }
            return;
        }
        (Shape::Custom(schema), value) => {
            look_custom(value, schema, path, mistakes);
            return;
        }
        (Shape::Text | Shape::Time, _) => "string",
        (Shape::Boolean, _) => "boolean",
        (Shape::Integer, _) => "integer",
        (Shape::List(_), _) => "list",
        (Shape::Map | Shape::Struct(_) | Shape::Atomic(_), _) => "map",
    };
    mistakes.mistyped.push((path.to_owned(), expected, value.clone()));
}

/// Unknown keys only: what has a wrong type is told by the schema's own check.
fn look_custom(value: &Value, schema: &'static Schema, path: &str, mistakes: &mut Mistakes) {
    match (&schema.node, value) {
        (Node::BuiltIn(shape), value) => look(value, *shape, path, mistakes),
        (Node::Object { fields, others }, Value::Object(entries)) => {
            for (key, entry) in entries {
                if !fields.contains_key(key) && *others == Others::Pruned {
                    mistakes.unknown.push(join(path, key));
                } else {
                    look(entry, schema.below(key).0, &join(path, key), mistakes);
                }
            }
        }
        (Node::List(item), Value::Array(list)) => {
            for (index, entry) in list.iter().enumerate() {
                look(entry, Shape::Custom(item), &format!("{path}[{index}]"), mistakes);
            }
        }
        _ => {}
    }
}

fn join(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}

/// What JSON calls a value's type, in the words of Go's decoder.
fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "bool",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}

impl Mistakes {
    /// The decoder's message, or `None` when the body can be used. Unknown keys only count when `strict`.
    pub(super) fn message(&self, kind: &str, strict: bool) -> Option<String> {
        if let Some((path, expected, found)) = self.mistyped.first() {
            let found = type_of(found);
            return Some(format!(
                "json: cannot unmarshal {found} into Go struct field {kind}.{path} of type {expected}"
            ));
        }
        if !strict || self.unknown.is_empty() {
            return None;
        }
        let unknown: Vec<_> = self.unknown.iter().map(|path| format!("unknown field {path:?}")).collect();
        Some(format!("strict decoding error: {}", unknown.join(", ")))
    }

    /// What is said of the keys that are dropped, in headers; a body that cannot be used says so instead.
    pub(super) fn warnings(&self) -> impl Iterator<Item = String> {
        let unknown = if self.mistyped.is_empty() { &self.unknown[..] } else { &[] };
        unknown.iter().map(|path| format!("299 - {:?}", format!("unknown field {path:?}")))
    }

    /// What server-side apply says, whatever `fieldValidation` asks for: 500, as the real server has no better code.
    pub(super) fn of_apply(&self, kind: Kind, namespace: &str, name: &str) -> Option<Failure> {
        let unknown = self.unknown.iter().map(|path| format!(".{path}: field not declared in schema"));
        let mistyped = self
            .mistyped
            .iter()
            .map(|(path, expected, found)| format!(".{path}: expected {expected}, got &{{{}}}", plain(found)));
        let mistakes: Vec<_> = unknown.chain(mistyped).collect();
        let text = match &mistakes[..] {
            [] => return None,
            [only] => only.clone(),
            several => format!("errors:\n  {}", several.join("\n  ")),
        };
        let kind = format!("{}, Kind={}", kind.api_version(), kind.name());
        Some(Failure::internal(format!("failed to create typed patch object ({namespace}/{name}; {kind}): {text}")))
    }
}

fn plain(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

/// An object as Go's decoder leaves it: no unknown keys, no nulls, nothing empty except where the API always serialises
/// a field, and inside lists, where the comparison of owners tells an empty list from none.
pub(super) fn decoded(value: &Value, shape: Shape) -> Value {
    Form { keeps_empty: false, lists_keep_empty: true }.of(value, shape)
}

/// An object as it comes back from etcd, which knows no empty lists at all.
pub(super) fn stored(value: &Value, shape: Shape) -> Value {
    Form { keeps_empty: false, lists_keep_empty: false }.of(value, shape)
}

/// Which empty lists and maps an object keeps.
#[derive(Debug, Clone, Copy)]
struct Form {
    keeps_empty: bool,
    /// The same, for what is inside a list.
    lists_keep_empty: bool,
}

impl Form {
    fn of(self, value: &Value, shape: Shape) -> Value {
        match (shape, value) {
            (Shape::Struct(fields) | Shape::Atomic(fields), Value::Object(entries)) => {
                self.fields(entries, fields).into()
            }
            (Shape::Map, Value::Object(entries)) => {
                let text = |entry: &Value| if entry.is_null() { Value::from("") } else { entry.clone() };
                Value::Object(entries.iter().map(|(key, entry)| (key.clone(), text(entry))).collect())
            }
            (Shape::List(below), Value::Array(items)) => {
                let inside = Self { keeps_empty: self.lists_keep_empty, ..self };
                items.iter().map(|item| inside.of(item, *below)).collect()
            }
            (Shape::Custom(schema), value) => self.custom(value, schema),
            _ => value.clone(),
        }
    }

    /// A custom object has no Go type: it keeps nulls and what is empty, and loses undeclared keys only.
    fn custom(self, value: &Value, schema: &'static Schema) -> Value {
        match (&schema.node, value) {
            (Node::BuiltIn(shape), value) => self.of(value, *shape),
            (Node::Object { fields, others }, Value::Object(entries)) => {
                let kept = entries.iter().filter(|(key, _)| fields.contains_key(*key) || *others != Others::Pruned);
                kept.map(|(key, entry)| (key.clone(), self.of(entry, schema.below(key).0))).collect()
            }
            (Node::List(item), Value::Array(list)) => {
                list.iter().map(|entry| self.of(entry, Shape::Custom(item))).collect()
            }
            _ => value.clone(),
        }
    }

    fn fields(self, entries: &Map<String, Value>, fields: &[Field]) -> Map<String, Value> {
        let mut kept = Map::new();
        for field in fields {
            let value = entries.get(field.name).filter(|value| !value.is_null());
            let value = value.map(|value| self.of(value, field.shape));
            let value = match value {
                Some(value) if !is_empty(&value) || self.keeps(field, &value) => value,
                _ if field.always => self.zero(field.shape),
                _ => continue,
            };
            kept.insert(field.name.to_owned(), value);
        }
        kept
    }

    fn keeps(self, field: &Field, empty: &Value) -> bool {
        match field.shape {
            // A pointer in Go: given, even if nothing is in it.
            Shape::Struct(_) => true,
            _ if field.pointer => true,
            // An empty list of managers asks to forget them.
            Shape::List(Shape::Opaque) => self.lists_keep_empty,
            _ => {
                (empty.is_array() || empty.is_object()) && (self.keeps_empty || (field.always && self.lists_keep_empty))
            }
        }
    }

    fn zero(self, shape: Shape) -> Value {
        match shape {
            Shape::Text | Shape::Time => Value::from(""),
            Shape::Struct(fields) | Shape::Atomic(fields) => self.fields(&Map::new(), fields).into(),
            Shape::Boolean | Shape::Integer | Shape::Map | Shape::List(_) | Shape::Opaque | Shape::Custom(_) => {
                Value::Null
            }
        }
    }
}

fn is_empty(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Object(entries) => entries.is_empty(),
        Value::Bool(value) => !value,
        Value::Number(number) => number.as_i64() == Some(0),
    }
}

/// The object in a POST or PUT body.
///
/// # Errors
/// 400 when it is no JSON, of another kind, mistyped, or `strict` and has unknown keys; 501 for fields that are not
/// modelled.
pub(super) fn object(
    body: &Value,
    kind: &str,
    api_version: &str,
    shape: Shape,
    strict: bool,
) -> Result<Value, Failure> {
    let said = |key: &str| body.get(key).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (said_kind, said_version) = (said("kind"), said("apiVersion"));
    let differs = |said: &str, expected: &str| !said.is_empty() && said != expected;
    let version = |text: &str| text.rsplit('/').next().unwrap_or_default().to_owned();
    let refused = |why: String| {
        let said_kind = if said_kind.is_empty() { kind } else { &said_kind };
        let version = version(if said_version.is_empty() { api_version } else { &said_version });
        Failure::bad_request(format!("{said_kind} in version {version:?} cannot be handled as a {kind}: {why}"))
    };
    if differs(&said_version, api_version) {
        return Err(refused(format!("no kind {said_kind:?} is registered for version {said_version:?}")));
    }
    if let Some(message) = check(body, shape).message(kind, strict) {
        return Err(refused(message));
    }
    if differs(&said_kind, kind) {
        let package = api_version.split(['.', '/']).next().filter(|_| api_version.contains('/')).unwrap_or("core");
        return Err(refused(format!("converting (v1.{said_kind}) to ({package}.{kind}): unknown conversion")));
    }
    let mut object = decoded(body, shape);
    object["kind"] = kind.into();
    object["apiVersion"] = api_version.into();
    refuse_unmodelled(&object)?;
    Ok(object)
}

/// The same for an object that is to be stored.
///
/// # Errors
/// As [`object`]; 422 for a custom object of another kind.
pub(super) fn stored_object(kind: Kind, body: &Value, strict: bool) -> Result<Value, Failure> {
    for field in ["secrets", "imagePullSecrets", "automountServiceAccountToken"] {
        if kind == Kind::ServiceAccount && body.get(field).is_some_and(|value| !value.is_null()) {
            return Err(Failure::not_modelled(&format!("{field} of service accounts")));
        }
    }
    if matches!(kind, Kind::Custom(_)) {
        let mut causes = Vec::new();
        for (field, expected) in [("apiVersion", kind.api_version()), ("kind", kind.name())] {
            let said = text(body, field);
            if said.is_empty() {
                return Err(Failure::unrecognized(kind.name(), field, body));
            }
            if said != expected {
                causes.push(Cause::invalid(field, &said.into(), &format!("must be {expected}")));
            }
        }
        if !causes.is_empty() {
            let name = body["metadata"]["name"].as_str().unwrap_or_default();
            return Err(Failure::invalid(kind.group(), text(body, "kind"), name, causes));
        }
    }
    object(body, kind.name(), kind.api_version(), kind.shape(), strict)
}

/// Owner references and finalizers change when an object goes away, which this server does not follow.
pub(super) fn refuse_unmodelled(object: &Value) -> Result<(), Failure> {
    for field in ["ownerReferences", "finalizers"] {
        if object.pointer(&format!("/metadata/{field}")).is_some_and(|value| !is_empty(value)) {
            return Err(Failure::not_modelled(&format!("metadata.{field}")));
        }
    }
    Ok(())
}
