//! Failures as the API server words them: `Status` objects of core/v1.

use axum::response::{IntoResponse, Response};
use http::{StatusCode, header};
use serde_json::{Map, Value, json};

use super::kind::Kind;

/// A refused request. It becomes a `Status` body; fields left empty stay out of it, as with the real server.
#[derive(Debug, Clone)]
pub(super) struct Failure(Box<Status>);

#[derive(Debug, Clone)]
struct Status {
    code: StatusCode,
    reason: &'static str,
    message: String,
    details: Option<Details>,
    restart: Option<String>,
}

/// What a failure is about.
#[derive(Debug, Clone, Default)]
struct Details {
    name: String,
    group: String,
    kind: String,
    causes: Vec<Cause>,
    retry_after_seconds: Option<u32>,
}

/// One reason among several of the same failure.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Cause {
    /// A word of the API's `CauseType`s, as in `FieldValueRequired`.
    pub(super) reason: &'static str,
    pub(super) message: String,
    /// The path inside the object, as in `rules[0].verbs`.
    pub(super) field: String,
}

impl Cause {
    /// A field that must have a value. `detail` may be empty.
    pub(super) fn required(field: impl Into<String>, detail: &str) -> Self {
        let message = if detail.is_empty() { "Required value".to_owned() } else { format!("Required value: {detail}") };
        Self { reason: "FieldValueRequired", message, field: field.into() }
    }

    /// A field whose value is wrong.
    pub(super) fn invalid(field: impl Into<String>, value: &Value, detail: &str) -> Self {
        Self { reason: "FieldValueInvalid", message: format!("Invalid value: {value}: {detail}"), field: field.into() }
    }

    /// A field of a custom object whose value has another type than its schema says.
    pub(super) fn mistyped(field: &str, expected: &str, found: &str) -> Self {
        let message = format!("Invalid value: {found:?}: {field} in body must be of type {expected}: {found:?}");
        Self { reason: "FieldValueTypeInvalid", message, field: field.to_owned() }
    }

    /// A field whose value is none of the few that are allowed.
    pub(super) fn unsupported(field: impl Into<String>, value: &Value, supported: &[&str]) -> Self {
        let supported: Vec<_> = supported.iter().map(|word| format!("{word:?}")).collect();
        let message = format!("Unsupported value: {value}: supported values: {}", supported.join(", "));
        Self { reason: "FieldValueNotSupported", message, field: field.into() }
    }

    /// A field that may not be given here.
    pub(super) fn forbidden(field: impl Into<String>, detail: &str) -> Self {
        Self { reason: "FieldValueForbidden", message: format!("Forbidden: {detail}"), field: field.into() }
    }

    /// A field that is longer than allowed.
    pub(super) fn too_long(field: impl Into<String>, bytes: usize) -> Self {
        let message = format!("Too long: may not be more than {bytes} bytes");
        Self { reason: "FieldValueTooLong", message, field: field.into() }
    }
}

impl Failure {
    fn new(code: StatusCode, reason: &'static str, message: impl Into<String>) -> Self {
        Self(Box::new(Status { code, reason, message: message.into(), details: None, restart: None }))
    }

    fn about(mut self, group: &str, kind: &str, name: &str) -> Self {
        let (name, group, kind) = (name.to_owned(), group.to_owned(), kind.to_owned());
        self.0.details = Some(Details { name, group, kind, ..Details::default() });
        self
    }

    fn with_causes(mut self, causes: Vec<Cause>) -> Self {
        self.0.details.get_or_insert_default().causes = causes;
        self
    }

    pub(super) fn unauthorized() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "Unauthorized", "Unauthorized")
    }

    /// 403 on a resource; `name` is empty for lists and creations, `group` for core resources.
    pub(super) fn forbidden(group: &str, resource: &str, name: &str, message: &str) -> Self {
        let subject = match (qualified(group, resource), name) {
            (resource, "") if resource.is_empty() => "forbidden".to_owned(),
            (resource, "") => format!("{resource} is forbidden"),
            (resource, name) => format!("{resource} {name:?} is forbidden"),
        };
        Self::new(StatusCode::FORBIDDEN, "Forbidden", format!("{subject}: {message}")).about(group, resource, name)
    }

    pub(super) fn not_found(group: &str, resource: &str, name: &str) -> Self {
        let message = format!("{} {name:?} not found", qualified(group, resource));
        Self::new(StatusCode::NOT_FOUND, "NotFound", message).about(group, resource, name)
    }

    /// 404 for a path that no API group or resource serves.
    pub(super) fn no_such_resource() -> Self {
        Self::new(StatusCode::NOT_FOUND, "NotFound", "the server could not find the requested resource")
            .about("", "", "")
    }

    pub(super) fn method_not_allowed() -> Self {
        let message = "the server does not allow this method on the requested resource";
        Self::new(StatusCode::METHOD_NOT_ALLOWED, "MethodNotAllowed", message).about("", "", "")
    }

    pub(super) fn already_exists(kind: Kind, name: &str) -> Self {
        let message = format!("{} {name:?} already exists", qualified(kind.group(), kind.plural()));
        Self::new(StatusCode::CONFLICT, "AlreadyExists", message).about(kind.group(), kind.plural(), name)
    }

    /// 409 on an object; the real server names the plural resource on writes and the kind on deletes.
    pub(super) fn conflict(group: &str, resource: &str, name: &str, message: &str) -> Self {
        let message = format!("Operation cannot be fulfilled on {} {name:?}: {message}", qualified(group, resource));
        Self::new(StatusCode::CONFLICT, "Conflict", message).about(group, resource, name)
    }

    /// 409 of server-side apply: fields that other managers own.
    pub(super) fn apply_conflict(message: String, causes: Vec<Cause>) -> Self {
        Self::new(StatusCode::CONFLICT, "Conflict", message).with_causes(causes)
    }

    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    /// 400 for a custom object that does not say what it is.
    pub(super) fn unrecognized(kind: &str, missing: &str, body: &Value) -> Self {
        let missing = if missing == "kind" { "Kind" } else { missing };
        let (text, length) = (body.to_string(), 30);
        let cut: String = text.chars().take(length).collect();
        let cut = if text.chars().count() > length { format!("{cut} ...") } else { cut };
        Self::bad_request(format!(
            "the object provided is unrecognized (must be of type {kind}): Object '{missing}' is missing in '{text}' ({cut})"
        ))
    }

    /// 415 for the body of a POST, PUT or DELETE.
    pub(super) fn unsupported_body() -> Self {
        let message = "the body of the request was in an unknown format - accepted media types include: \
             application/json, application/yaml, application/vnd.kubernetes.protobuf";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message)
    }

    /// 415 for the body of a PATCH.
    pub(super) fn unsupported_patch() -> Self {
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", "415: Unsupported Media Type")
            .about("", "", "")
    }

    /// 415 for a PATCH of a custom object that only Go types can be patched by.
    pub(super) fn unsupported_custom_patch() -> Self {
        let message = "the body of the request was in an unknown format - accepted media types include: \
             application/json-patch+json, application/merge-patch+json, application/apply-patch+yaml";
        Self::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "UnsupportedMediaType", message)
    }

    /// 413 for a body above the real limit.
    pub(super) fn too_large(limit: usize) -> Self {
        let message = format!("Request entity too large: limit is {limit}");
        Self::new(StatusCode::PAYLOAD_TOO_LARGE, "RequestEntityTooLarge", message)
    }

    /// 422 with one cause a mistake; the message holds each distinct mistake once.
    pub(super) fn invalid(group: &str, kind: &str, name: &str, causes: Vec<Cause>) -> Self {
        let mut texts: Vec<String> = Vec::new();
        for Cause { field, message, .. } in &causes {
            let text = format!("{field}: {message}");
            if !texts.contains(&text) {
                texts.push(text);
            }
        }
        let text = if texts.len() == 1 { texts.concat() } else { format!("[{}]", texts.join(", ")) };
        Self::new(
            StatusCode::UNPROCESSABLE_ENTITY,
            "Invalid",
            format!("{} {name:?} is invalid: {text}", qualified(group, kind)),
        )
        .about(group, kind, name)
        .with_causes(causes)
    }

    /// 410 for a page token whose revision is gone; `restart` is a token that goes on inconsistently.
    pub(super) fn expired(message: &str, restart: String) -> Self {
        let mut failure = Self::new(StatusCode::GONE, "Expired", message);
        failure.0.restart = Some(restart);
        failure
    }

    /// 504 for a resourceVersion that this server has not reached.
    pub(super) fn too_large_resource_version(asked: u64, current: u64) -> Self {
        let message = format!("Timeout: Too large resource version: {asked}, current: {current}");
        let causes = vec![Cause {
            reason: "ResourceVersionTooLarge",
            message: "Too large resource version".to_owned(),
            field: String::new(),
        }];
        let mut failure = Self::new(StatusCode::GATEWAY_TIMEOUT, "Timeout", message).with_causes(causes);
        failure.0.details.get_or_insert_default().retry_after_seconds = Some(1);
        failure
    }

    /// 500 without a reason, which is how the real server answers errors of its lower layers.
    pub(super) fn internal(message: impl Into<String>) -> Self {
        Self::new(StatusCode::INTERNAL_SERVER_ERROR, "", message)
    }

    /// 501 for what Kubernetes has and this server does not.
    pub(super) fn not_modelled(what: &str) -> Self {
        Self::new(StatusCode::NOT_IMPLEMENTED, "NotImplemented", format!("the sandbox does not model {what}"))
    }
}

impl Status {
    /// The `Status` object.
    fn to_value(&self) -> Value {
        let metadata = self.restart.as_ref().map_or_else(|| json!({}), |token| json!({ "continue": token }));
        let mut status = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": metadata, "status": "Failure",
            "message": self.message, "code": self.code.as_u16(),
        });
        if !self.reason.is_empty() {
            status["reason"] = self.reason.into();
        }
        if let Some(details) = &self.details {
            status["details"] = details.to_value();
        }
        status
    }
}

impl Details {
    fn to_value(&self) -> Value {
        let mut value = Map::new();
        for (key, text) in [("name", &self.name), ("group", &self.group), ("kind", &self.kind)] {
            if !text.is_empty() {
                value.insert(key.to_owned(), text.as_str().into());
            }
        }
        let causes: Vec<_> = self.causes.iter().map(Cause::to_value).collect();
        if !causes.is_empty() {
            value.insert("causes".to_owned(), causes.into());
        }
        if let Some(seconds) = self.retry_after_seconds {
            value.insert("retryAfterSeconds".to_owned(), seconds.into());
        }
        value.into()
    }
}

impl Cause {
    fn to_value(&self) -> Value {
        let mut value = json!({ "reason": self.reason, "message": self.message });
        if !self.field.is_empty() {
            value["field"] = self.field.as_str().into();
        }
        value
    }
}

impl IntoResponse for Failure {
    fn into_response(self) -> Response {
        answer(self.0.code, &self.0.to_value())
    }
}

/// A JSON answer.
pub(super) fn answer(code: StatusCode, body: &Value) -> Response {
    (code, [(header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}

/// `roles.rbac.authorization.k8s.io`, or the bare word in the core group.
fn qualified(group: &str, word: &str) -> String {
    if group.is_empty() { word.to_owned() } else { format!("{word}.{group}") }
}
