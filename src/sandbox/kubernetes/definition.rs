//! Custom resources: what a `CustomResourceDefinition` says, and the objects that it allows.
//!
//! Modelled is one version with a structural schema, without defaults, conversion or rules in CEL. A schema or value
//! that needs more is answered 501, when the definition is written or when the value comes.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use serde_json::{Value, json};

use super::kind::Kind;
use super::object::{items, text, texts};
use super::schema::{METADATA, Shape};
use super::state::{ClusterState, now};
use super::status::{Cause, Failure};

/// What a definition makes: a kind of objects. Two are the same when their resource is.
#[derive(Debug)]
pub(super) struct Definition {
    pub(super) group: String,
    pub(super) version: String,
    pub(super) api_version: String,
    pub(super) plural: String,
    pub(super) singular: String,
    pub(super) kind: String,
    pub(super) list_kind: String,
    pub(super) short_names: Vec<String>,
    pub(super) categories: Vec<String>,
    pub(super) is_namespaced: bool,
    /// Writes of the object leave its status alone.
    pub(super) has_status: bool,
    schema: Schema,
}

impl Definition {
    /// `widgets.example.com`, the name of the definition.
    pub(super) fn name(&self) -> String {
        format!("{}.{}", self.plural, self.group)
    }

    pub(super) fn shape(&'static self) -> Shape {
        Shape::Custom(&self.schema)
    }

    /// The mistakes of an object by its schema.
    ///
    /// # Errors
    /// 501 for a value that breaks a rule whose message is not modelled.
    pub(super) fn mistakes(&self, object: &Value) -> Result<Vec<Cause>, Failure> {
        let mut causes = Vec::new();
        self.schema.validate(object, "", &mut causes)?;
        Ok(causes)
    }

    /// Reads a stored or defaulted definition. Each one that differs is kept for the life of the process, so that a
    /// [`Kind`] stays as small as those that are built in; a sandbox sees a handful.
    ///
    /// # Errors
    /// 422 for what the real server refuses, 501 for what is not modelled.
    pub(super) fn of(object: &Value) -> Result<&'static Self, Failure> {
        static KNOWN: Mutex<BTreeMap<String, &'static Definition>> = Mutex::new(BTreeMap::new());
        let text = object["spec"].to_string();
        let mut known = KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(definition) = known.get(&text) {
            return Ok(definition);
        }
        let definition: &'static Self = Box::leak(Box::new(Self::read(object)?));
        known.insert(text, definition);
        Ok(definition)
    }

    fn read(object: &Value) -> Result<Self, Failure> {
        let (spec, names) = (&object["spec"], &object["spec"]["names"]);
        let [version] = items(spec, "versions") else {
            return Err(Failure::not_modelled("a custom resource with other than one version"));
        };
        if version["served"] != true || version["storage"] != true {
            return Err(Failure::not_modelled("a version that is not served or not stored"));
        }
        if text(&spec["conversion"], "strategy") != "None" || spec["preserveUnknownFields"] == true {
            return Err(Failure::not_modelled("conversion of custom resources, and preserveUnknownFields"));
        }
        for (key, value) in version.as_object().into_iter().flatten() {
            let known = ["name", "served", "storage", "schema", "subresources", "additionalPrinterColumns"];
            let status_only = value.as_object().is_some_and(|below| below.keys().all(|key| key == "status"));
            if !known.contains(&key.as_str()) || (key == "subresources" && !status_only) {
                return Err(Failure::not_modelled(&format!("spec.versions[0].{key} of a custom resource")));
            }
        }
        let schema = &version["schema"]["openAPIV3Schema"];
        let mut root = Schema::read(schema, "openAPIV3Schema")
            .map_err(|what| Failure::not_modelled(&format!("{what} in the schema of a custom resource")))?;
        let Node::Object { fields, .. } = &mut root.node else {
            return Err(Failure::not_modelled("a schema of a custom resource whose type is not object"));
        };
        for (name, shape) in [("apiVersion", Shape::Text), ("kind", Shape::Text), ("metadata", METADATA.shape)] {
            fields.insert(name.to_owned(), Schema::node(Node::BuiltIn(shape)));
        }
        let (group, version_name) = (text(spec, "group").to_owned(), text(version, "name").to_owned());
        let owned = |field: &str| text(names, field).to_owned();
        let list = |field: &str| texts(names, field).map(str::to_owned).collect();
        Ok(Self {
            api_version: format!("{group}/{version_name}"),
            group,
            version: version_name,
            plural: owned("plural"),
            singular: owned("singular"),
            kind: owned("kind"),
            list_kind: owned("listKind"),
            short_names: list("shortNames"),
            categories: list("categories"),
            is_namespaced: text(spec, "scope") == "Namespaced",
            has_status: version.pointer("/subresources/status").is_some(),
            schema: root,
        })
    }
}

impl PartialEq for Definition {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Definition {}

impl PartialOrd for Definition {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Definition {
    fn cmp(&self, other: &Self) -> Ordering {
        (&self.group, &self.plural).cmp(&(&other.group, &other.plural))
    }
}

/// What the real server fills into a definition.
pub(super) fn default(object: &mut Value) {
    let names = &object["spec"]["names"];
    let kind = text(names, "kind").to_owned();
    let (singular, list_kind) = (kind.to_lowercase(), format!("{kind}List"));
    for (field, value) in [("singular", singular), ("listKind", list_kind)] {
        if !kind.is_empty() && text(&object["spec"]["names"], field).is_empty() {
            object["spec"]["names"][field] = value.into();
        }
    }
    if object["spec"]["conversion"].is_null() {
        object["spec"]["conversion"] = json!({ "strategy": "None" });
    }
}

/// The mistakes of a definition that the real server names.
pub(super) fn mistakes(object: &Value) -> Vec<Cause> {
    let spec = &object["spec"];
    let mut causes = Vec::new();
    let name = text(&object["metadata"], "name");
    if name != format!("{}.{}", text(&spec["names"], "plural"), text(spec, "group")) {
        let why = "must be spec.names.plural+\".\"+spec.group";
        causes.push(Cause::invalid("metadata.name", &name.into(), why));
    }
    for (index, version) in items(spec, "versions").iter().enumerate() {
        if version.pointer("/schema/openAPIV3Schema").is_none_or(Value::is_null) {
            causes.push(Cause::required(format!("spec.versions[{index}].schema.openAPIV3Schema"), ""));
        }
    }
    causes
}

/// Whether a new definition's group holds nothing but custom kinds of the same version.
pub(super) fn shares(state: &ClusterState, definition: &Definition) -> bool {
    let of_group = state.kinds().into_iter().filter(|kind| kind.group() == definition.group);
    of_group.into_iter().all(|kind| matches!(kind, Kind::Custom(other) if other.version == definition.version))
}

/// A definition may change its schema and nothing that its stored objects hang on.
///
/// # Errors
/// 501 for the rest, and for what is not modelled of the new one.
pub(super) fn check_change(live: &Value, object: &Value) -> Result<(), Failure> {
    let (before, after) = (Definition::of(live)?, Definition::of(object)?);
    let fixed = |made: &Definition| (made.api_version.clone(), made.kind.clone(), made.is_namespaced);
    if before == after && fixed(before) == fixed(after) {
        Ok(())
    } else {
        Err(Failure::not_modelled("a custom resource that changes its group, version, names or scope"))
    }
}

/// The status of a definition that was only just written.
pub(super) fn unestablished(object: &Value) -> Value {
    let versions: Vec<_> = items(&object["spec"], "versions").iter().map(|version| version["name"].clone()).collect();
    json!({ "conditions": null, "acceptedNames": { "plural": "", "kind": "" }, "storedVersions": versions })
}

/// The status that its controllers give it a moment later.
pub(super) fn established(object: &Value) -> Value {
    let mut status = unestablished(object);
    let condition = |name: &str, reason: &str, message: &str| json!({ "type": name, "status": "True", "lastTransitionTime": now(), "reason": reason, "message": message });
    status["conditions"] = json!([
        condition("NamesAccepted", "NoConflicts", "no conflicts found"),
        condition("Established", "InitialNamesAccepted", "the initial names have been accepted"),
    ]);
    status["acceptedNames"] = object["spec"]["names"].clone();
    status
}

/// Every kind that stored definitions make. One that cannot be read was never stored.
pub(super) fn kinds<'a>(definitions: impl Iterator<Item = &'a Value>) -> Vec<Kind> {
    definitions.filter_map(|object| Definition::of(object).ok().map(Kind::Custom)).collect()
}

/// A part of a structural schema.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Schema {
    pub(super) node: Node,
    type_name: String,
    nullable: bool,
    required: Vec<String>,
    allowed: Vec<Value>,
    /// The rest of the keywords that limit values.
    limits: BTreeMap<String, Value>,
}

/// How a value is built.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Node {
    /// `metadata` and the like.
    BuiltIn(Shape),
    Object {
        fields: BTreeMap<String, Schema>,
        others: Others,
    },
    List(Box<Schema>),
    Leaf,
    /// Anything; objects in it are owned key by key.
    Any,
}

/// What becomes of the keys that are not declared.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Others {
    Pruned,
    Kept,
    Each(Box<Schema>),
}

/// What is below something undeclared that is kept.
pub(super) static ANY: Schema = Schema {
    node: Node::Any,
    type_name: String::new(),
    nullable: true,
    required: Vec::new(),
    allowed: Vec::new(),
    limits: BTreeMap::new(),
};

/// Keywords that say nothing about values.
const REMARKS: [&str; 4] = ["description", "title", "example", "externalDocs"];
/// Keywords that limit values.
const LIMITS: [&str; 7] = ["minimum", "maximum", "minLength", "maxLength", "minItems", "maxItems", "format"];
/// Keywords that say how a value is built, or are read one by one.
const STRUCTURE: [&str; 9] = [
    "type",
    "properties",
    "items",
    "additionalProperties",
    "required",
    "enum",
    "nullable",
    "x-kubernetes-preserve-unknown-fields",
    "x-kubernetes-int-or-string",
];

impl Schema {
    fn node(node: Node) -> Self {
        Self {
            node,
            type_name: String::new(),
            nullable: false,
            required: Vec::new(),
            allowed: Vec::new(),
            limits: BTreeMap::new(),
        }
    }

    /// Reads a schema; the error says which part of it is not modelled.
    fn read(schema: &Value, path: &str) -> Result<Self, String> {
        let Some(keywords) = schema.as_object() else { return Err(format!("{path} that is no object")) };
        let mut limits = BTreeMap::new();
        for (keyword, value) in keywords {
            let word = keyword.as_str();
            let atomic = word == "x-kubernetes-list-type" && value == "atomic";
            let known_format = word != "format" || ["int32", "int64", "date-time"].iter().any(|known| value == known);
            if LIMITS.contains(&word) && known_format {
                limits.insert(keyword.clone(), value.clone());
            } else if !(REMARKS.contains(&word) || STRUCTURE.contains(&word) || atomic) {
                return Err(format!("{word} at {path}"));
            }
        }
        let type_name = text(schema, "type").to_owned();
        let keeps = schema["x-kubernetes-preserve-unknown-fields"] == true;
        let node = match type_name.as_str() {
            "object" => {
                let mut fields = BTreeMap::new();
                for (name, below) in schema["properties"].as_object().into_iter().flatten() {
                    fields.insert(name.clone(), Self::read(below, &format!("{path}.{name}"))?);
                }
                let others = match &schema["additionalProperties"] {
                    below @ Value::Object(_) => Others::Each(Box::new(Self::read(below, &format!("{path}[*]"))?)),
                    Value::Null | Value::Bool(false) if keeps => Others::Kept,
                    Value::Null | Value::Bool(false) => Others::Pruned,
                    _ => return Err(format!("additionalProperties at {path}")),
                };
                Node::Object { fields, others }
            }
            "array" => Node::List(Box::new(Self::read(&schema["items"], &format!("{path}[]"))?)),
            "string" | "integer" | "number" | "boolean" => Node::Leaf,
            "" if schema["x-kubernetes-int-or-string"] == true => Node::Leaf,
            "" if keeps => Node::Any,
            other => return Err(format!("the type {other:?} at {path}")),
        };
        Ok(Self {
            node,
            type_name,
            nullable: schema["nullable"] == true,
            required: texts(schema, "required").map(str::to_owned).collect(),
            allowed: items(schema, "enum").to_vec(),
            limits,
        })
    }

    /// What is below a name, and whether it is declared.
    pub(super) fn below(&'static self, name: &str) -> (Shape, bool) {
        match &self.node {
            Node::Object { fields, others } => match (fields.get(name), others) {
                (Some(schema), _) => (schema.shape(), true),
                (None, Others::Each(schema)) => (schema.shape(), false),
                (None, Others::Kept) => (Shape::Custom(&ANY), false),
                (None, Others::Pruned) => (Shape::Opaque, false),
            },
            Node::Any => (Shape::Custom(&ANY), false),
            Node::BuiltIn(_) | Node::List(_) | Node::Leaf => (Shape::Opaque, false),
        }
    }

    fn shape(&'static self) -> Shape {
        if let Node::BuiltIn(shape) = self.node { shape } else { Shape::Custom(self) }
    }

    fn validate(&self, value: &Value, path: &str, causes: &mut Vec<Cause>) -> Result<(), Failure> {
        if value.is_null() && self.nullable {
            return Ok(());
        }
        let found = type_of(value);
        let fits = match self.type_name.as_str() {
            // Of int-or-string, anything and what is built in.
            "" => matches!(self.node, Node::Any | Node::BuiltIn(_)) || matches!(found, "integer" | "string"),
            "number" => matches!(found, "integer" | "number"),
            expected => expected == found,
        };
        if !fits {
            if self.type_name.is_empty() {
                return Err(Failure::not_modelled(&format!("the refusal of {path}, which is no int-or-string")));
            }
            causes.push(Cause::mistyped(path, &self.type_name, found));
            return Ok(());
        }
        if !self.allowed.is_empty() && !self.allowed.contains(value) {
            let allowed: Vec<_> = self.allowed.iter().filter_map(Value::as_str).collect();
            if allowed.len() < self.allowed.len() {
                return Err(Failure::not_modelled(&format!("the refusal of {path} by an enum of other than strings")));
            }
            causes.push(Cause::unsupported(path, value, &allowed));
        }
        self.limit(value, path, causes)?;
        match (&self.node, value) {
            (Node::Object { fields, others }, Value::Object(entries)) => {
                let join = |name: &str| if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") };
                let missing = self.required.iter().filter(|name| !entries.contains_key(*name));
                causes.extend(missing.map(|name| Cause::required(join(name), "")));
                for (name, below) in entries {
                    match (fields.get(name), others) {
                        (Some(schema), _) => schema.validate(below, &join(name), causes)?,
                        (None, Others::Each(schema)) => schema.validate(below, &join(name), causes)?,
                        (None, Others::Kept | Others::Pruned) => {}
                    }
                }
            }
            (Node::List(item), Value::Array(list)) => {
                for (index, below) in list.iter().enumerate() {
                    item.validate(below, &format!("{path}[{index}]"), causes)?;
                }
            }
            _ => {}
        }
        Ok(())
    }

    /// Minimum and maximum as the real server words them; 501 for a value beyond one of the other limits.
    fn limit(&self, value: &Value, path: &str, causes: &mut Vec<Cause>) -> Result<(), Failure> {
        for (keyword, limit) in &self.limits {
            let (number, bound) = (value.as_f64(), limit.as_f64());
            let beyond = |size: Option<usize>, above: bool| {
                let (size, bound) = (size.and_then(|size| u64::try_from(size).ok()), limit.as_u64());
                size.zip(bound).is_some_and(|(size, bound)| if above { size > bound } else { size < bound })
            };
            let (length, count) = (value.as_str().map(|text| text.chars().count()), value.as_array().map(Vec::len));
            let breaks = match keyword.as_str() {
                "minimum" | "maximum" => {
                    let (word, is_beyond) = if keyword == "minimum" {
                        ("greater", number.zip(bound).is_some_and(|(number, bound)| number < bound))
                    } else {
                        ("less", number.zip(bound).is_some_and(|(number, bound)| number > bound))
                    };
                    if is_beyond {
                        let why = format!("{path} in body should be {word} than or equal to {limit}");
                        causes.push(Cause::invalid(path, value, &why));
                    }
                    false
                }
                "minLength" => beyond(length, false),
                "maxLength" => beyond(length, true),
                "minItems" => beyond(count, false),
                "maxItems" => beyond(count, true),
                _ => match limit.as_str() {
                    Some("int32") => value.as_i64().is_some_and(|number| i32::try_from(number).is_err()),
                    Some("date-time") => value.as_str().is_some_and(|text| text.parse::<jiff::Timestamp>().is_err()),
                    _ => false,
                },
            };
            if breaks {
                return Err(Failure::not_modelled(&format!("the refusal of {path} by {keyword}")));
            }
        }
        Ok(())
    }
}

/// What JSON schema calls a value's type.
fn type_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_i64() || number.is_u64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    }
}
