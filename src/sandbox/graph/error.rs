//! Refusals, in the envelope of entra.md §1.1.

use http::StatusCode;
use serde_json::{Value, json};

use super::answer::{Answer, Mark};

/// A request that Graph refuses.
#[derive(Clone, Debug)]
pub(super) struct Refusal {
    status: StatusCode,
    code: &'static str,
    message: String,
    mark: Mark,
}

impl Refusal {
    pub(super) fn new(status: StatusCode, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into(), mark: Mark::Nothing }
    }

    /// 400 with the directory's most common code.
    pub(super) fn bad_request(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Request_BadRequest", message)
    }

    /// 400 of the `OData` layer in front of the directory.
    pub(super) fn malformed(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "BadRequest", message)
    }

    /// 400 for a query that the directory does not support.
    pub(super) fn unsupported_query(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, "Request_UnsupportedQuery", message)
    }

    /// 401.
    pub(super) fn unauthenticated(message: impl Into<String>) -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "InvalidAuthenticationToken", message)
    }

    /// 403 for want of a permission.
    pub(super) fn forbidden() -> Self {
        let message = "Insufficient privileges to complete the operation.";
        Self::new(StatusCode::FORBIDDEN, "Authorization_RequestDenied", message)
    }

    /// 404: the same words whether the object or one it refers to is missing (entra.md §2.4).
    pub(super) fn not_found(id: &str) -> Self {
        let message =
            format!("Resource '{id}' does not exist or one of its queried reference-property objects are not present.");
        Self::new(StatusCode::NOT_FOUND, "Request_ResourceNotFound", message)
    }

    /// 501 for whatever this tenant does not model; never an answer of 200 to something it does not know.
    pub(super) fn not_modelled(what: &str) -> Self {
        let message = format!("This operation target is not yet supported. The sandbox does not model {what}.");
        Self { mark: Mark::NotModelled, ..Self::new(StatusCode::NOT_IMPLEMENTED, "NotImplemented", message) }
    }

    /// The same refusal with a mark in the log.
    pub(super) fn marked(mut self, mark: Mark) -> Self {
        self.mark = mark;
        self
    }

    /// The answer that carries this refusal.
    pub(super) fn answer(&self, request_id: &str, client_request_id: &str) -> Answer {
        let body = envelope(self.code, &self.message, request_id, client_request_id);
        Answer::new(self.status, Some(body)).marked(self.mark)
    }
}

fn envelope(code: &str, message: &str, request_id: &str, client_request_id: &str) -> Value {
    let date = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S").to_string();
    json!({"error": {"code": code, "message": message, "innerError": {
        "date": date, "request-id": request_id, "client-request-id": client_request_id,
    }}})
}
