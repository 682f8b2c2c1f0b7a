//! Answers as HTTP replies.

use std::time::Duration;

use axum::body::Body;
use axum::response::Response;
use http::header::{CONTENT_TYPE as CONTENT_TYPE_HEADER, HeaderName};
use http::{HeaderMap, HeaderValue, StatusCode};
use serde_json::{Value, json};

use super::answer::{Answer, Mark};
use super::error::Refusal;
use crate::sandbox::log::Note;

/// The content type of every Graph reply with a body (entra.md §1.1).
pub(super) const CONTENT_TYPE: &str =
    "application/json;odata.metadata=minimal;odata.streaming=true;IEEE754Compatible=false;charset=utf-8";

/// The ids that a reply and its error carry.
#[derive(Clone, Debug)]
pub(super) struct RequestIds {
    request: String,
    client: String,
}

impl RequestIds {
    /// A fresh request id, and the client's own, which is echoed.
    pub(super) fn new(headers: &HeaderMap) -> Self {
        let request = uuid::Uuid::new_v4().to_string();
        let client = headers.get("client-request-id").and_then(|value| value.to_str().ok());
        let client = client.map_or_else(|| request.clone(), str::to_owned);
        Self { request, client }
    }

    pub(super) fn refuse(&self, refusal: &Refusal) -> Answer {
        refusal.answer(&self.request, &self.client)
    }
}

/// Which limit was reached.
#[derive(Clone, Copy, Debug)]
pub(super) struct Scope {
    pub(super) writes: bool,
}

/// 429 with a `Retry-After` that may be a fraction, or without one (entra.md §1.6).
pub(super) fn throttled(retry_after: Option<Duration>, scope: Scope, ids: &RequestIds) -> Answer {
    let date = jiff::Timestamp::now().strftime("%Y-%m-%dT%H:%M:%S").to_string();
    let body = json!({"error": {
        "code": "TooManyRequests",
        "innerError": {
            "code": "429", "date": date, "message": "Please retry after", "request-id": ids.request,
            "client-request-id": ids.client, "status": "429",
        },
        "message": "Please retry again later.",
    }});
    let (of, information) =
        if scope.writes { ("Write", "WriteLimitExceeded") } else { ("ReadWrite", "ResourceUnitLimitExceeded") };
    let answer = Answer::new(StatusCode::TOO_MANY_REQUESTS, Some(body))
        .with_header("x-ms-throttle-scope", format!("Tenant_Application/{of}"))
        .with_header("x-ms-throttle-information", information);
    match retry_after {
        Some(wait) => answer.with_header("Retry-After", seconds(wait)),
        None => answer,
    }
}

pub(super) use crate::sandbox::faults::seconds;

/// 410: start again from nothing, at the address in `Location` (entra.md §2.7).
pub(super) fn resync(url: &str, ids: &RequestIds) -> Answer {
    let message =
        "The sync state generation is not found; continuing is not possible and full synchronization is needed.";
    let refusal = Refusal::new(StatusCode::GONE, "syncStateNotFound", message);
    ids.refuse(&refusal).with_header("Location", format!("{url}?$deltatoken="))
}

/// The sandbox's own disk failed.
pub(super) fn not_stored(error: &std::io::Error) -> Refusal {
    let message = format!("The sandbox could not store its state: {error}");
    Refusal::new(StatusCode::SERVICE_UNAVAILABLE, "serviceNotAvailable", message)
}

/// A Graph reply.
pub(super) fn reply(answer: Answer, ids: &RequestIds, units: Option<u32>, note: Note) -> Response {
    let Answer { status, body, headers: extra, mark, fault } = answer;
    let has_body = body.is_some();
    let mut response = Response::new(body.map_or_else(Body::empty, |body| Body::from(body.to_string())));
    *response.status_mut() = status;
    let headers = response.headers_mut();
    let mut add = |name: &'static str, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(HeaderName::from_static(name), value);
        }
    };
    add("request-id", &ids.request);
    add("client-request-id", &ids.client);
    if has_body {
        add("odata-version", "4.0");
        add(CONTENT_TYPE_HEADER.as_str(), CONTENT_TYPE);
    }
    if let Some(units) = units {
        add("x-ms-resource-unit", &units.to_string());
    }
    for (name, value) in &extra {
        if let (Ok(name), Ok(value)) = (HeaderName::try_from(*name), HeaderValue::from_str(value)) {
            headers.insert(name, value);
        }
    }
    let note = Note { danger: mark == Mark::Danger, not_modelled: mark == Mark::NotModelled, fault, ..note };
    response.extensions_mut().insert(note);
    response
}

/// A reply of the sign-in service or of Azure Resource Manager.
pub(super) fn plain(status: StatusCode, body: &Value) -> Response {
    let mut response = Response::new(Body::from(body.to_string()));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE_HEADER, HeaderValue::from_static("application/json; charset=utf-8"));
    response
}
