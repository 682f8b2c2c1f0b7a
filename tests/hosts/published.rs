//! Every request of ours, and every answer of the server that we test against, is valid by the description of its API that
//! GitHub publishes (the package `@octokit/openapi`). GitLab and Azure DevOps publish none in a package: there, the public
//! clients alone tell that our servers are like the real ones.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use serde_json::{Value, json};

use crate::clients::{by_turns, real};
use crate::place::Place;
use crate::server::{BOT, Face, READER, Seen, Wrong};

/// The description, with what was used of it.
struct Description {
    whole: Value,
    used: BTreeMap<String, usize>,
}

impl Description {
    fn read() -> Self {
        let file =
            Path::new(&real("ROLECALL_REAL_NODE_MODULES")).join("@octokit/openapi/generated/api.github.com.json");
        let whole = serde_json::from_slice(&fs_err::read(file).unwrap()).unwrap();
        Self { whole, used: BTreeMap::new() }
    }

    fn resolve<'a>(&'a self, value: &'a Value) -> &'a Value {
        match value["$ref"].as_str() {
            Some(reference) => self.whole.pointer(reference.trim_start_matches('#')).unwrap(),
            None => value,
        }
    }

    /// The path as the description writes it, whose pieces in braces stand for anything.
    fn template(&self, path: &str) -> String {
        let pieces: Vec<&str> = path.split('/').collect();
        let fits = |template: &&String| {
            let other: Vec<&str> = template.split('/').collect();
            other.len() == pieces.len()
                && other.iter().zip(&pieces).all(|(one, piece)| one.starts_with('{') || one == piece)
        };
        let paths = self.whole["paths"].as_object().unwrap();
        // The one with the fewest braces is meant.
        let best = paths.keys().filter(fits).min_by_key(|template| template.matches('{').count());
        best.unwrap_or_else(|| panic!("GitHub has no {path}")).clone()
    }

    /// Why a value is not as a schema says.
    fn why_not(&self, schema: &Value, value: &Value) -> Vec<String> {
        let mut needed = BTreeSet::new();
        let mut open = vec![schema];
        while let Some(next) = open.pop() {
            for reference in references(next) {
                if needed.insert(reference.clone()) {
                    open.push(self.whole.pointer(reference.trim_start_matches('#')).unwrap());
                }
            }
        }
        let mut document = json!({ "allOf": [schema], "components": { "schemas": {} } });
        for reference in needed {
            let name = reference.rsplit('/').next().unwrap();
            let schema = self.whole.pointer(reference.trim_start_matches('#')).unwrap();
            document["components"]["schemas"][name] = schema.clone();
        }
        with_null(&mut document);
        let validator = jsonschema::draft4::new(&document).unwrap();
        validator.iter_errors(value).map(|error| format!("{} at {}", error, error.instance_path())).collect()
    }

    /// A request and its answer are as published.
    fn check(&mut self, seen: &Seen) {
        let template = self.template(&seen.path);
        let what = format!("{} {template}", seen.method);
        let item = &self.whole["paths"][&template];
        let operation = &item[seen.method.to_lowercase()];
        assert!(operation.is_object(), "GitHub has no {what}");
        let parameters: Vec<&Value> =
            operation["parameters"].as_array().into_iter().flatten().map(|one| self.resolve(one)).collect();
        for (name, value) in &seen.query {
            let known = parameters.iter().find(|one| one["in"] == "query" && one["name"] == name.as_str());
            let known = known.unwrap_or_else(|| panic!("{what} has no parameter {name}"));
            let value = match self.resolve(&known["schema"])["type"].as_str() {
                Some("integer") => json!(value.parse::<i64>().unwrap()),
                _ => json!(value),
            };
            assert_eq!(self.why_not(&known["schema"], &value), Vec::<String>::new(), "{what}: {name}");
        }
        let body = &operation["requestBody"]["content"]["application/json"]["schema"];
        assert_eq!(body.is_object(), !seen.body.is_null(), "{what}: a body");
        if body.is_object() {
            assert_eq!(self.why_not(body, &seen.body), Vec::<String>::new(), "{what}: {}", seen.body);
            let known = body["properties"].as_object().unwrap();
            assert!(seen.body.as_object().unwrap().keys().all(|key| known.contains_key(key)), "{what}: {}", seen.body);
        }
        let answer = self.resolve(&operation["responses"][seen.status.to_string()]);
        let schema = &answer["content"]["application/json"]["schema"];
        if schema.is_object() {
            assert_eq!(
                self.why_not(schema, &seen.answer),
                Vec::<String>::new(),
                "{what}: {} {}",
                seen.status,
                seen.answer
            );
        }
        *self.used.entry(format!("{what} {}", seen.status)).or_default() += 1;
    }
}

fn references(value: &Value) -> Vec<String> {
    match value {
        Value::Object(all) => {
            let own = all.get("$ref").and_then(Value::as_str).map(str::to_owned);
            own.into_iter().chain(all.values().flat_map(references)).collect()
        }
        Value::Array(all) => all.iter().flat_map(references).collect(),
        _ => Vec::new(),
    }
}

/// `nullable` is a word of `OpenAPI` 3.0 that JSON Schema says by a type. What only describes is left out.
fn with_null(value: &mut Value) {
    match value {
        Value::Object(all) => {
            for name in ["example", "examples", "description", "format", "default", "x-multi-segment"] {
                // Only where it is no property of that name.
                if all
                    .get(name)
                    .is_some_and(|inner| inner["type"].is_null() && inner["$ref"].is_null() && inner["anyOf"].is_null())
                {
                    all.remove(name);
                }
            }
            all.values_mut().for_each(with_null);
            if all.remove("nullable") == Some(json!(true)) {
                let schema = Value::Object(std::mem::take(all));
                all.insert("anyOf".to_owned(), json!([schema, { "type": "null" }]));
            }
        }
        Value::Array(all) => all.iter_mut().for_each(with_null),
        _ => {}
    }
}

#[test]
#[ignore = "needs what GitHub publishes: run tests/run"]
fn requests_and_answers_are_as_github_publishes_them() {
    let mut description = Description::read();
    let (turns, _) = by_turns(Face::GitHub);
    let mut place = Place::of(Face::GitHub);
    for text in ["one", "two", ""] {
        place.write("plan.md", text);
        let _ = place.comment(&["plan.md"]).exits(0);
        let _ = place.comment(&["plan.md", "--as-issue", "--title", "Drift"]).exits(0);
    }
    let _ = place.comment(&["--as-issue", "--close"]).exits(0);
    let _ = place.comment(&["plan.md", "--as-issue"]).exits(0);
    place.server.state().comment(BOT.id, "<!-- rolecall:comment plan -->\nanother");
    let _ = place.comment(&["plan.md"]).exits(0);
    place.server.fault("PATCH", 1, Wrong::DeletedBefore);
    place.write("plan.md", "three");
    let _ = place.comment(&["plan.md"]).exits(0);
    place.set("GITHUB_TOKEN", READER.token);
    let _ = place.comment(&["plan.md", "--key", "other"]).exits(1);
    for place in [&turns, &place] {
        let seen = place.server.state().seen.clone();
        for seen in seen.iter().filter(|seen| seen.path != "/graphql") {
            description.check(seen);
        }
    }
    let repository = "/repos/{owner}/{repo}/issues";
    for used in [
        format!("GET {repository}/{{issue_number}}/comments 200"),
        format!("POST {repository}/{{issue_number}}/comments 201"),
        format!("POST {repository}/{{issue_number}}/comments 403"),
        format!("PATCH {repository}/comments/{{comment_id}} 200"),
        format!("GET {repository} 200"),
        format!("POST {repository} 201"),
        format!("PATCH {repository}/{{issue_number}} 200"),
    ] {
        assert!(description.used.contains_key(&used), "{used} was not checked: {:?}", description.used);
    }
}

#[test]
fn a_request_that_is_not_as_published_is_found() {
    let schema = json!({ "type": "object", "properties": { "body": { "type": "string", "nullable": true, "example": "x" } },
                         "required": ["body"] });
    let description = Description { whole: json!({ "components": {} }), used: BTreeMap::new() };
    for (value, fits) in [
        (json!({ "body": "x" }), true),
        (json!({ "body": null }), true),
        (json!({}), false),
        (json!({ "body": 1 }), false),
    ] {
        assert_eq!(description.why_not(&schema, &value).is_empty(), fits, "{value}");
    }
}
