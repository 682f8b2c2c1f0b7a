//! Label and field selectors of lists.

use serde_json::Value;

use super::kind::Kind;
use super::object::{items, text, texts};
use super::status::Failure;

/// A label selector: all requirements must hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct LabelSelector(Vec<Requirement>);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Requirement {
    Exists(String),
    Absent(String),
    In(String, Vec<String>),
    /// Also holds when the label is not there.
    NotIn(String, Vec<String>),
}

impl LabelSelector {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads the query's form: `a=b,c!=d,e in (f,g),h notin (i),j,!k`.
    ///
    /// # Errors
    /// 400 in the words of the real parser; 501 for `gt` and `lt`.
    pub(super) fn parse(selector: &str) -> Result<Self, Failure> {
        let mut tokens = Tokens::of(selector);
        let mut requirements = Vec::new();
        while tokens.peek() != "" {
            if tokens.peek() != "!" && !is_identifier(tokens.peek()) {
                return Err(unexpected(tokens.peek(), "!, identifier, or 'end of string'"));
            }
            requirements.push(requirement(&mut tokens)?);
            match tokens.next() {
                "" => break,
                "," if tokens.peek() == "!" || is_identifier(tokens.peek()) => {}
                "," => return Err(unexpected(tokens.peek(), "identifier after ','")),
                other => return Err(unexpected(other, "',' or 'end of string'")),
            }
        }
        Ok(Self(requirements))
    }

    /// Reads a `LabelSelector` object, as in an aggregation rule. `None` when it is no valid selector.
    pub(super) fn of(selector: &Value) -> Option<Self> {
        let mut requirements = Vec::new();
        for (key, value) in selector.get("matchLabels").and_then(Value::as_object).into_iter().flatten() {
            requirements.push(Requirement::In(key.clone(), vec![value.as_str()?.to_owned()]));
        }
        for expression in items(selector, "matchExpressions") {
            let key = text(expression, "key").to_owned();
            let values: Vec<_> = texts(expression, "values").map(str::to_owned).collect();
            requirements.push(match (text(expression, "operator"), values.is_empty()) {
                ("In", false) => Requirement::In(key, values),
                ("NotIn", false) => Requirement::NotIn(key, values),
                ("Exists", true) => Requirement::Exists(key),
                ("DoesNotExist", true) => Requirement::Absent(key),
                _ => return None,
            });
        }
        Some(Self(requirements))
    }

    /// Whether an object's labels fit.
    pub(super) fn matches(&self, object: &Value) -> bool {
        let label =
            |key: &str| object.pointer("/metadata/labels").and_then(|labels| labels.get(key)).and_then(Value::as_str);
        self.0.iter().all(|requirement| match requirement {
            Requirement::Exists(key) => label(key).is_some(),
            Requirement::Absent(key) => label(key).is_none(),
            Requirement::In(key, values) => label(key).is_some_and(|value| values.iter().any(|wanted| wanted == value)),
            Requirement::NotIn(key, values) => {
                label(key).is_none_or(|value| values.iter().all(|wanted| wanted != value))
            }
        })
    }
}

fn unexpected(found: &str, expected: &str) -> Failure {
    Failure::bad_request(format!("found '{found}', expected: {expected}"))
}

/// A mistake inside of a requirement.
fn unparsable(why: &str) -> Failure {
    Failure::bad_request(format!("unable to parse requirement: {why}"))
}

fn requirement(tokens: &mut Tokens<'_>) -> Result<Requirement, Failure> {
    if tokens.peek() == "!" {
        tokens.next();
        return Ok(Requirement::Absent(identifier(tokens)?));
    }
    let key = identifier(tokens)?;
    match tokens.peek() {
        "" | "," => Ok(Requirement::Exists(key)),
        "=" | "==" => {
            tokens.next();
            Ok(Requirement::In(key, vec![value(tokens)?]))
        }
        "!=" => {
            tokens.next();
            Ok(Requirement::NotIn(key, vec![value(tokens)?]))
        }
        "in" => {
            tokens.next();
            Ok(Requirement::In(key, values(tokens)?))
        }
        "notin" => {
            tokens.next();
            Ok(Requirement::NotIn(key, values(tokens)?))
        }
        "gt" | "lt" | ">" | "<" => Err(Failure::not_modelled("numeric label selectors")),
        other => Err(unparsable(&format!("found '{other}', expected: in, notin, =, ==, !=, gt, lt"))),
    }
}

fn is_identifier(token: &str) -> bool {
    !token.is_empty() && !token.contains(|sign: char| SIGNS.contains(sign))
}

fn identifier(tokens: &mut Tokens<'_>) -> Result<String, Failure> {
    match tokens.next() {
        token if is_identifier(token) => Ok(token.to_owned()),
        other => Err(unparsable(&format!("found '{other}', expected: identifier"))),
    }
}

/// The value after `=`, which may be left out.
fn value(tokens: &mut Tokens<'_>) -> Result<String, Failure> {
    if matches!(tokens.peek(), "" | ",") { Ok(String::new()) } else { identifier(tokens) }
}

fn values(tokens: &mut Tokens<'_>) -> Result<Vec<String>, Failure> {
    if tokens.peek() != "(" {
        return Err(unparsable(&format!("found '{}' expected: '('", tokens.peek())));
    }
    tokens.next();
    let mut values = Vec::new();
    loop {
        values.push(match tokens.peek() {
            "," | ")" => String::new(),
            found if !is_identifier(found) => {
                return Err(unparsable(&format!("found '{found}', expected: ',', ')' or identifier")));
            }
            _ => identifier(tokens)?,
        });
        match tokens.next() {
            ")" => return Ok(values),
            "," => {}
            other => return Err(unparsable(&format!("found '{other}', expected: ',' or ')'"))),
        }
    }
}

/// The signs that end a word.
const SIGNS: &str = "=!(),<>";

/// A selector's words and signs; an empty token is the end.
struct Tokens<'a> {
    rest: &'a str,
}

impl<'a> Tokens<'a> {
    fn of(selector: &'a str) -> Self {
        Self { rest: selector.trim_start() }
    }

    fn split(&self) -> (&'a str, &'a str) {
        let length = if self.rest.starts_with("==") || self.rest.starts_with("!=") {
            2
        } else if self.rest.starts_with(|sign: char| SIGNS.contains(sign)) {
            1
        } else {
            let ends = |sign: char| SIGNS.contains(sign) || sign.is_whitespace();
            self.rest.find(ends).unwrap_or(self.rest.len())
        };
        self.rest.split_at(length)
    }

    fn peek(&self) -> &'a str {
        self.split().0
    }

    fn next(&mut self) -> &'a str {
        let (token, rest) = self.split();
        self.rest = rest.trim_start();
        token
    }
}

/// A field selector over `metadata.name` and `metadata.namespace`, the only fields that RBAC objects can be selected by.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct FieldSelector(Vec<FieldTerm>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct FieldTerm {
    field: &'static str,
    equal: bool,
    value: String,
}

impl FieldSelector {
    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Reads the query's form: `metadata.name=view,metadata.namespace!=default`.
    ///
    /// # Errors
    /// 400 for anything else, 501 for the fields that only namespaces have.
    pub(super) fn parse(selector: &str, kind: Kind) -> Result<Self, Failure> {
        let mut terms = Vec::new();
        for term in selector.split(',').filter(|term| !term.is_empty()) {
            let (field, equal, value) = split_term(term).ok_or_else(|| {
                Failure::bad_request(format!("invalid selector: '{selector}'; can't understand '{term}'"))
            })?;
            let field = match field {
                // Nothing is nothing, as the real parser has it.
                "" if value.is_empty() => continue,
                "metadata.name" => "name",
                "metadata.namespace" => "namespace",
                "name" | "status.phase" if kind == Kind::Namespace => {
                    return Err(Failure::not_modelled(&format!("field selectors on {field}")));
                }
                _ if matches!(kind, Kind::Custom(_)) => {
                    return Err(Failure::bad_request(format!("field label not supported: {field}")));
                }
                _ => {
                    return Err(Failure::bad_request(format!(
                        "{field:?} is not a known field selector: only \"metadata.name\", \"metadata.namespace\""
                    )));
                }
            };
            terms.push(FieldTerm { field, equal, value: value.to_owned() });
        }
        Ok(Self(terms))
    }

    /// Whether an object's name and namespace fit.
    pub(super) fn matches(&self, object: &Value) -> bool {
        self.0.iter().all(|term| (text(&object["metadata"], term.field) == term.value) == term.equal)
    }
}

fn split_term(term: &str) -> Option<(&str, bool, &str)> {
    let negative = term.split_once("!=").map(|(field, value)| (field, false, value));
    let double = || term.split_once("==").map(|(field, value)| (field, true, value));
    let single = || term.split_once('=').map(|(field, value)| (field, true, value));
    negative.or_else(double).or_else(single)
}

/// The one name that a field selector asks for.
pub(super) fn exact_name(selector: &str) -> Option<String> {
    let mut terms = selector.split(',').filter_map(split_term);
    let (_, _, name) = terms.find(|(field, equal, _)| *field == "metadata.name" && *equal)?;
    (!name.is_empty()).then(|| name.to_owned())
}
