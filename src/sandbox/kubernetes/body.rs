//! Bodies of requests by their media type.

use bytes::Bytes;
use http::{HeaderMap, header};
use serde_json::Value;

use super::kind::Kind;
use super::protobuf;
use super::schema::{self, Shape};
use super::status::Failure;

/// The real limit for a request's body.
pub(super) const LARGEST: usize = 3 * 1024 * 1024;

/// How a PATCH is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum PatchType {
    Merge,
    Apply,
}

/// The media type without its parameters.
fn media_type(headers: &HeaderMap) -> &str {
    let value = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    value.split(';').next().unwrap_or_default().trim()
}

/// What kind of patch the media type says.
///
/// # Errors
/// 415 for one that the real server does not know either, 501 for JSON patches.
pub(super) fn patch_type(headers: &HeaderMap, kind: Kind) -> Result<PatchType, Failure> {
    let is_custom = matches!(kind, Kind::Custom(_));
    match media_type(headers) {
        "application/strategic-merge-patch+json" if is_custom => Err(Failure::unsupported_custom_patch()),
        // Its lists are merged by keys.
        "application/strategic-merge-patch+json" if kind == Kind::ServiceAccount => {
            Err(Failure::not_modelled("strategic merge patches of service accounts"))
        }
        // The lists of the kinds served have no strategy of their own: a strategic patch replaces them, too.
        "application/merge-patch+json" | "application/strategic-merge-patch+json" => Ok(PatchType::Merge),
        "application/apply-patch+yaml" => Ok(PatchType::Apply),
        known @ ("application/json-patch+json" | "application/apply-patch+cbor") => Err(Failure::not_modelled(known)),
        _ => Err(Failure::unsupported_patch()),
    }
}

/// The object in a POST or PUT.
///
/// # Errors
/// 400 when it cannot be read, 415 for another media type.
pub(super) fn object(headers: &HeaderMap, body: &Bytes, kind: &str, shape: Shape) -> Result<Value, Failure> {
    let unrecognized = |why: String| {
        let text = String::from_utf8_lossy(body);
        let text = if text.is_empty() { "<empty>" } else { &text };
        Failure::bad_request(format!(
            "the object provided is unrecognized (must be of type {kind}): couldn't get version/kind; {why} ({text})"
        ))
    };
    let value = read(headers, body, shape)?.map_err(unrecognized)?;
    if value.is_object() { Ok(value) } else { Err(unrecognized("json parse error: it is no object".to_owned())) }
}

/// Reads a body by its media type.
fn read(headers: &HeaderMap, body: &Bytes, shape: Shape) -> Result<Result<Value, String>, Failure> {
    match media_type(headers) {
        // Without a media type the real server takes its default, JSON.
        "application/json" | "" => Ok(serde_json::from_slice(body).map_err(|error| match error.classify() {
            serde_json::error::Category::Eof => "json parse error: unexpected end of JSON input".to_owned(),
            _ => format!("json parse error: {error}"),
        })),
        "application/yaml" => Ok(yaml(body)),
        "application/vnd.kubernetes.protobuf" => Ok(protobuf::object(body, shape).map_err(|error| error.to_string())),
        _ => Err(Failure::unsupported_body()),
    }
}

/// The body of a merge patch.
///
/// # Errors
/// 400 when it is no JSON.
pub(super) fn patch(body: &Bytes) -> Result<Value, Failure> {
    let patch: Value =
        serde_json::from_slice(body).map_err(|error| Failure::bad_request(format!("error decoding patch: {error}")))?;
    if holds_directive(&patch) {
        Err(Failure::not_modelled("directives of strategic merge patches"))
    } else {
        Ok(patch)
    }
}

fn holds_directive(patch: &Value) -> bool {
    match patch {
        Value::Object(fields) => fields.iter().any(|(key, below)| key.starts_with('$') || holds_directive(below)),
        Value::Array(items) => items.iter().any(holds_directive),
        _ => false,
    }
}

/// The configuration of a server-side apply, which may be JSON or any other YAML.
///
/// # Errors
/// 400 when it is neither.
pub(super) fn configuration(body: &Bytes) -> Result<Value, Failure> {
    let wrong = |why: String| Failure::bad_request(format!("error decoding YAML: {why}"));
    let value = match serde_json::from_slice(body) {
        Ok(value) => value,
        Err(_) => yaml(body).map_err(|why| wrong(format!("error converting YAML to JSON: {why}")))?,
    };
    match value {
        Value::Null => Ok(Value::Object(serde_json::Map::new())),
        Value::Object(_) => Ok(value),
        _ => Err(wrong("error unmarshaling JSON: while decoding JSON: json: cannot unmarshal into a map".to_owned())),
    }
}

/// The body of a DELETE; `None` when there is none.
///
/// # Errors
/// 400 when it is no JSON.
pub(super) fn delete(headers: &HeaderMap, body: &Bytes) -> Result<Option<Value>, Failure> {
    if body.is_empty() {
        return Ok(None);
    }
    let value = read(headers, body, schema::DELETE_OPTIONS)?;
    value.map(Some).map_err(|why| Failure::bad_request(format!("couldn't get version/kind; {why}")))
}

fn yaml(body: &Bytes) -> Result<Value, String> {
    let text = std::str::from_utf8(body).map_err(|error| format!("yaml: {error}"))?;
    if text.trim().is_empty() {
        return Ok(Value::Null);
    }
    serde_saphyr::from_str(text).map_err(|error| format!("yaml: {error}"))
}
