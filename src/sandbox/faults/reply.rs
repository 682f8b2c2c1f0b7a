//! Faults as replies, in the words of the system that they come from.

use axum::body::{Body, Bytes};
use axum::extract::Request;
use axum::response::Response;
use http::header::{CONTENT_LENGTH, CONTENT_TYPE, HeaderValue, LOCATION, RETRY_AFTER};
use http::{HeaderMap, Method, StatusCode};
use serde_json::{Value, json};
use std::time::Duration;

use super::injector::token_of;
use super::{Fault, Hostile, whole_seconds};
use crate::sandbox::{graph, kubernetes};

/// Whose words a reply is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dialect {
    Graph,
    Kubernetes,
}

/// Put into a reply that is never sent.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unsent {
    /// The server ends the connection instead.
    Cut,
    /// The server says nothing for as long as the client stays.
    Held,
}

/// What of a request is needed to make up a reply to it.
#[derive(Clone, Debug)]
pub(crate) struct Asked {
    pub(crate) method: Method,
    /// With the query.
    pub(crate) path: String,
    pub(crate) headers: HeaderMap,
}

impl Asked {
    pub(crate) fn of(request: &Request) -> Self {
        let path = request.uri().path_and_query().map_or_else(|| request.uri().path().to_owned(), ToString::to_string);
        Self { method: request.method().clone(), path, headers: request.headers().clone() }
    }

    fn url(&self) -> String {
        let host = self.headers.get("host").and_then(|host| host.to_str().ok()).unwrap_or("localhost");
        format!("https://{host}{}", self.path)
    }
}

/// The reply to a request that is not carried out; `None` when the fault lets it be carried out.
pub(crate) fn before_work(fault: &Fault, dialect: Dialect, asked: &Asked) -> Option<Response> {
    match fault {
        Fault::CutBefore => Some(unsent(Response::new(Body::empty()), Unsent::Cut)),
        Fault::HoldBefore => Some(unsent(Response::new(Body::empty()), Unsent::Held)),
        Fault::Unavailable { after_work: true, .. }
        | Fault::CutAfter
        | Fault::HoldAfter
        | Fault::Truncated
        | Fault::Body(_)
        | Fault::Late { .. }
        | Fault::EmptyPage => None,
        Fault::Throttled { .. } | Fault::Unavailable { .. } | Fault::ExpiredToken | Fault::Conflict => {
            said(fault, dialect, asked)
        }
    }
}

/// What becomes of the reply to a request that was carried out, and whether anything did.
pub(crate) async fn after_work(fault: &Fault, dialect: Dialect, asked: &Asked, reply: Response) -> (Response, bool) {
    match fault {
        Fault::CutAfter => (unsent(reply, Unsent::Cut), true),
        Fault::HoldAfter => (unsent(reply, Unsent::Held), true),
        Fault::Truncated => truncated(reply).await,
        Fault::Body(hostile) => spoilt(*hostile, dialect, asked, reply).await,
        Fault::Unavailable { after_work: true, .. } => match said(fault, dialect, asked) {
            Some(mut said) => {
                *said.extensions_mut() = std::mem::take(&mut reply.into_parts().0.extensions);
                (said, true)
            }
            None => (reply, false),
        },
        Fault::Late { .. } => (reply, true),
        // A page that came out empty says so itself; the others were over before any work.
        Fault::EmptyPage
        | Fault::Throttled { .. }
        | Fault::Unavailable { .. }
        | Fault::CutBefore
        | Fault::HoldBefore
        | Fault::ExpiredToken
        | Fault::Conflict => (reply, false),
    }
}

fn said(fault: &Fault, dialect: Dialect, asked: &Asked) -> Option<Response> {
    match dialect {
        Dialect::Graph => graph::fault_reply(fault, asked),
        Dialect::Kubernetes => of_cluster(fault, &asked.path),
    }
}

fn unsent(mut reply: Response, how: Unsent) -> Response {
    reply.extensions_mut().insert(how);
    reply
}

/// As kube-apiserver says it: the priority and fairness filter in plain text and whole seconds
/// (apiserver `pkg/server/filters/priority-and-fairness.go`), everything else as a `Status`.
fn of_cluster(fault: &Fault, path: &str) -> Option<Response> {
    let status = |code: u16, reason: &str, message: &str| {
        let body = json!({
            "kind": "Status", "apiVersion": "v1", "metadata": {}, "status": "Failure",
            "message": message, "reason": reason, "code": code,
        });
        reply(code, "application/json", body.to_string().into())
    };
    let mut response = match fault {
        Fault::Throttled { .. } => {
            reply(429, "text/plain; charset=utf-8", "Too many requests, please try again later.\n".into())
        }
        Fault::Unavailable { status: 502, .. } => reply(502, "text/html", "<h1>502 Bad Gateway</h1>".into()),
        Fault::Unavailable { status: 500, .. } => status(500, "InternalError", "etcdserver: request timed out"),
        Fault::Unavailable { status: 504, .. } => {
            status(504, "Timeout", "Timeout: request did not complete within the allotted timeout")
        }
        Fault::Unavailable { .. } => {
            status(503, "ServiceUnavailable", "the server is currently unable to handle the request")
        }
        Fault::Conflict => status(
            409,
            "Conflict",
            "Operation cannot be fulfilled: the object has been modified; please apply your changes to the latest \
             version and try again",
        ),
        Fault::ExpiredToken => kubernetes::expired_page(token_of(path)?)?,
        Fault::CutBefore
        | Fault::CutAfter
        | Fault::HoldBefore
        | Fault::HoldAfter
        | Fault::Truncated
        | Fault::Body(_)
        | Fault::Late { .. }
        | Fault::EmptyPage => return None,
    };
    let wait = match fault {
        Fault::Throttled { retry_after_ms } => Some(*retry_after_ms),
        Fault::Unavailable { retry_after_ms, .. } => *retry_after_ms,
        _ => None,
    };
    if let Some(wait) = wait {
        let seconds = whole_seconds(Duration::from_millis(wait));
        response.headers_mut().insert(RETRY_AFTER, HeaderValue::from(seconds));
    }
    Some(response)
}

fn reply(code: u16, content_type: &'static str, body: Bytes) -> Response {
    let mut response = Response::new(Body::from(body));
    *response.status_mut() = StatusCode::from_u16(code).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    response
}

async fn whole(body: Body) -> Bytes {
    // Our own replies are in memory already.
    axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default()
}

/// The length is said, and half of it sent.
async fn truncated(reply: Response) -> (Response, bool) {
    let (mut parts, body) = reply.into_parts();
    let bytes = whole(body).await;
    if bytes.is_empty() {
        return (Response::from_parts(parts, Body::empty()), false);
    }
    parts.headers.insert(CONTENT_LENGTH, HeaderValue::from(bytes.len()));
    let half = bytes.slice(..bytes.len() / 2);
    let sent = futures::stream::once(async move { Ok(half) });
    let end = futures::stream::once(async {
        // What was sent so far leaves while the rest is waited for.
        tokio::task::yield_now().await;
        Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))
    });
    (Response::from_parts(parts, Body::from_stream(futures::StreamExt::chain(sent, end))), true)
}

async fn spoilt(hostile: Hostile, dialect: Dialect, asked: &Asked, reply: Response) -> (Response, bool) {
    const FOREIGN: &str = "https://graph.contoso.example/v1.0/groups?$skiptoken=x";
    let (mut parts, body) = reply.into_parts();
    let bytes = whole(body).await;
    let mut json = serde_json::from_slice::<Value>(&bytes).unwrap_or_default();
    let is_list = json.get("value").or_else(|| json.get("items")).is_some_and(Value::is_array);
    let spoilt: Option<Vec<u8>> = match (hostile, dialect) {
        (Hostile::Html, _) => {
            parts.status = StatusCode::OK;
            parts.headers.insert(CONTENT_TYPE, HeaderValue::from_static("text/html"));
            Some(b"<!doctype html><title>Sign in to the guest network</title>".to_vec())
        }
        (Hostile::Empty, _) => {
            parts.status = StatusCode::OK;
            Some(Vec::new())
        }
        (Hostile::WrongShape, _) => Some(br#"{"value":{"id":[1]},"items":7,"metadata":"x","error":3}"#.to_vec()),
        (Hostile::Deep, _) => Some([vec![b'['; 100_000], vec![b']'; 100_000]].concat()),
        (Hostile::NotText, _) => Some(vec![b'{', b'"', 0xff, 0xfe, 0x00, b'"', b'}']),
        (Hostile::ForeignLink, Dialect::Graph) => {
            let mut lists = lists_of_graph(&mut json);
            for list in &mut lists {
                list["@odata.nextLink"] = FOREIGN.into();
            }
            (!lists.is_empty()).then(|| json.to_string().into())
        }
        (Hostile::ForeignLink, Dialect::Kubernetes) => {
            parts.status = StatusCode::TEMPORARY_REDIRECT;
            parts.headers.insert(LOCATION, HeaderValue::from_static(FOREIGN));
            Some(Vec::new())
        }
        (Hostile::EndlessPages, Dialect::Graph) if is_list => {
            json["@odata.nextLink"] = asked.url().into();
            Some(json.to_string().into())
        }
        (Hostile::EndlessPages, Dialect::Kubernetes) if is_list => {
            json["metadata"]["continue"] = "endless".into();
            Some(json.to_string().into())
        }
        (Hostile::ControlCharacters, Dialect::Graph) => scrawl(&mut json).then(|| json.to_string().into()),
        (Hostile::EndlessPages | Hostile::ControlCharacters, _) => None,
    };
    let applied = spoilt.is_some();
    if applied {
        parts.headers.remove(CONTENT_LENGTH);
        if parts.status == StatusCode::NO_CONTENT {
            parts.status = StatusCode::OK;
        }
    }
    (Response::from_parts(parts, spoilt.map_or_else(|| Body::from(bytes), Body::from)), applied)
}

/// The lists in a reply: itself, or those of its items.
fn lists_of_graph(json: &mut Value) -> Vec<&mut Value> {
    let is_list = |body: &&mut Value| body.get("value").is_some_and(Value::is_array);
    match json.get("responses") {
        Some(Value::Array(_)) => {
            let items = json["responses"].as_array_mut().into_iter().flatten();
            items.filter_map(|item| item.get_mut("body")).filter(is_list).collect()
        }
        _ => Some(json).filter(is_list).into_iter().collect(),
    }
}

/// Writes over every display name and description; says whether there was one.
fn scrawl(value: &mut Value) -> bool {
    match value {
        // Every one of them, not the first alone.
        Value::Array(items) => items.iter_mut().filter_map(|item| scrawl(item).then_some(())).count() > 0,
        Value::Object(object) => object.iter_mut().fold(false, |any, (name, value)| {
            if matches!(name.as_str(), "displayName" | "description") && value.is_string() {
                *value = "\u{1b}[2J\u{1b}[31mall clear\u{7}\r\n| injected | row |\u{202e}".into();
                return true;
            }
            scrawl(value) || any
        }),
        _ => false,
    }
}
