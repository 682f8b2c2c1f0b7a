//! The JSON Schema of access files, for editors, from the same tables as the check.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::shape::{Constraint, FILE, Form, LABEL_KEY, LABEL_VALUE, ROOT, Record, Text};

/// The schema of every access file, the root file and the others alike. Draft 7, which editors know best.
///
/// It says what an editor can: keys, types, words and patterns. Names across files, and rules about meaning, are the
/// check's.
pub fn schema() -> Value {
    let mut definitions = Definitions::default();
    let mut schema = definitions.record(&ROOT);
    // One schema serves both kinds of file: what makes a root file needs the rest of a root file.
    schema.remove("required");
    let needed: Vec<&str> = ROOT.keys.iter().filter(|key| key.required).map(|key| key.name).collect();
    let root_only = ROOT.keys.iter().filter(|key| FILE.key(key.name).is_none());
    let dependencies: Map<String, Value> = root_only.map(|key| (key.name.to_owned(), json!(needed))).collect();
    schema.insert("dependencies".to_owned(), Value::Object(dependencies));
    schema.insert("$schema".to_owned(), json!("http://json-schema.org/draft-07/schema#"));
    schema.insert("title".to_owned(), json!("rolecall access file"));
    schema.insert(
        "description".to_owned(),
        json!("Access to Kubernetes as code: environments, groups, roles, grants and expectations. The root file is rolecall.yaml."),
    );
    schema.insert("definitions".to_owned(), json!(definitions.0));
    Value::Object(schema)
}

#[derive(Default)]
struct Definitions(BTreeMap<String, Value>);

impl Definitions {
    fn record(&mut self, record: &Record) -> Map<String, Value> {
        let mut properties = Map::new();
        for key in record.keys {
            let mut value = self.form(&key.form);
            if let Value::Object(value) = &mut value {
                // Draft 7 ignores what stands beside a `$ref`.
                if let Some(reference) = value.remove("$ref") {
                    value.insert("allOf".to_owned(), json!([{ "$ref": reference }]));
                }
                value.insert("description".to_owned(), json!(key.about));
            }
            properties.insert(key.name.to_owned(), value);
        }
        let required: Vec<&str> = record.keys.iter().filter(|key| key.required).map(|key| key.name).collect();
        let mut schema = object(json!({
            "type": "object",
            "description": record.about,
            "additionalProperties": false,
            "properties": properties,
        }));
        if !required.is_empty() {
            schema.insert("required".to_owned(), json!(required));
        }
        let constraints: Vec<Value> = record.constraints.iter().map(constraint).collect();
        if !constraints.is_empty() {
            schema.insert("allOf".to_owned(), Value::Array(constraints));
        }
        schema
    }

    fn reference(&mut self, record: &Record) -> Value {
        let name = record.name.replace(' ', "-");
        if !self.0.contains_key(&name) {
            let definition = Value::Object(self.record(record));
            self.0.insert(name.clone(), definition);
        }
        json!({ "$ref": format!("#/definitions/{name}") })
    }

    fn form(&mut self, form: &Form) -> Value {
        match form {
            Form::Text(form) => text(form),
            Form::Choice(words) => {
                let about: Vec<String> = words.iter().map(|(word, about)| format!("`{word}`: {about}")).collect();
                let words: Vec<&str> = words.iter().map(|(word, _)| *word).collect();
                json!({ "type": "string", "enum": words, "enumDescriptions": about })
            }
            Form::Flag => json!({ "type": "boolean" }),
            Form::OnlyTrue => json!({ "const": true }),
            Form::One => json!({ "const": 1 }),
            Form::List(of, least) => {
                let mut list = object(json!({ "type": "array", "items": self.form(of) }));
                if *least > 0 {
                    list.insert("minItems".to_owned(), json!(least));
                }
                // Whole blocks may be equal; entries that name something may not.
                if !matches!(of, Form::Record(_)) {
                    list.insert("uniqueItems".to_owned(), json!(true));
                }
                Value::Object(list)
            }
            Form::Labels(least) => json!({
                "type": "object",
                "minProperties": least,
                "propertyNames": text(&LABEL_KEY),
                "additionalProperties": text(&LABEL_VALUE),
            }),
            Form::Named(key, record) => json!({
                "type": "object",
                "propertyNames": text(key),
                "additionalProperties": self.reference(record),
            }),
            Form::Record(record) => self.reference(record),
            Form::Either(forms) => {
                let forms: Vec<Value> = forms.iter().map(|form| self.form(form)).collect();
                json!({ "oneOf": forms })
            }
        }
    }
}

fn text(text: &Text) -> Value {
    let mut schema = object(json!({ "type": "string", "pattern": text.pattern }));
    if let Some(longest) = text.longest {
        schema.insert("maxLength".to_owned(), json!(longest));
    }
    Value::Object(schema)
}

fn constraint(constraint: &Constraint) -> Value {
    let each = |keys: &[&str]| -> Vec<Value> { keys.iter().map(|key| json!({ "required": [key] })).collect() };
    match constraint {
        Constraint::ExactlyOne(keys) => json!({ "oneOf": each(keys) }),
        Constraint::AtLeastOne(keys) => json!({ "anyOf": each(keys) }),
        Constraint::AtMostOne(keys) => json!({ "not": { "required": keys } }),
        Constraint::Needs(key, needed) => json!({ "dependencies": { *key: [needed] } }),
    }
}

fn object(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}
