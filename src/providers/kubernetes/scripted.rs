//! An API server made of one function, for what a real one does only on bad days.

use std::io;
use std::sync::{Arc, Mutex};

use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use http_body_util::BodyExt as _;
use kube::client::Body;
use serde_json::{Value, json};

use super::link::Link;

/// One request as it arrived.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) method: Method,
    /// Path and query.
    pub(super) target: String,
    /// `null` when there is none.
    pub(super) body: Value,
}

/// What the server does with it.
pub(super) enum Answer {
    /// Answers with a status and JSON.
    Json(u16, Value),
    /// The same, so many seconds later.
    Late(u64, u16, Value),
    /// Answers with a status and `Retry-After` of this many seconds.
    Wait(u16, &'static str),
    /// Answers with a status and a `Location`.
    Redirect(u16, &'static str),
    /// Breaks the connection.
    Lost,
    /// Never answers.
    Never,
}

/// The name of the scripted cluster in messages.
pub(super) const NAME: &str = "context `alpha`";
/// The uid of its `kube-system` namespace.
pub(super) const UID: &str = "5c1e1b5e-0000-4000-8000-000000000001";

/// What the requests so far were.
pub(super) type Log = Arc<Mutex<Vec<Seen>>>;

/// A link to a server that answers with `handler`, which is told how many requests came before. The namespace
/// `kube-system` is there already.
pub(super) fn link(handler: impl Fn(usize, &Seen) -> Answer + Send + Sync + 'static) -> (Link, Log) {
    let log = Log::default();
    let handler = Arc::new(handler);
    let service = tower::service_fn({
        let log = Arc::clone(&log);
        move |request: Request<Body>| {
            let (log, handler) = (Arc::clone(&log), Arc::clone(&handler));
            async move {
                let (parts, body) = request.into_parts();
                let body = body.collect().await.map_err(io::Error::other)?.to_bytes();
                let seen = Seen {
                    method: parts.method,
                    target: parts.uri.to_string(),
                    body: serde_json::from_slice(&body).unwrap_or(Value::Null),
                };
                if seen.target == "/api/v1/namespaces/kube-system" {
                    return Ok(answer(200, &json!({ "metadata": { "name": "kube-system", "uid": UID } }), None));
                }
                let number = {
                    let mut log = log.lock().unwrap();
                    log.push(seen.clone());
                    log.len() - 1
                };
                match handler(number, &seen) {
                    Answer::Json(code, body) => Ok(answer(code, &body, None)),
                    Answer::Late(seconds, code, body) => {
                        tokio::time::sleep(std::time::Duration::from_secs(seconds)).await;
                        Ok(answer(code, &body, None))
                    }
                    Answer::Wait(code, seconds) => Ok(answer(code, &Value::Null, Some(("retry-after", seconds)))),
                    Answer::Redirect(code, to) => Ok(answer(code, &Value::Null, Some(("location", to)))),
                    Answer::Lost => Err(io::Error::from(io::ErrorKind::ConnectionReset)),
                    Answer::Never => std::future::pending().await,
                }
            }
        }
    });
    (Link::over(kube::Client::new(service, "default"), NAME), log)
}

fn answer(code: u16, body: &Value, header: Option<(&str, &str)>) -> Response<Body> {
    let mut response = Response::new(Body::from(Bytes::from(body.to_string())));
    *response.status_mut() = StatusCode::from_u16(code).unwrap();
    if let Some((name, value)) = header {
        response.headers_mut().insert(http::HeaderName::try_from(name).unwrap(), value.parse().unwrap());
    }
    response
}

/// A `Status` with this reason and message.
pub(super) fn status(code: u16, reason: &str, message: &str) -> Answer {
    Answer::Json(
        code,
        json!({ "kind": "Status", "status": "Failure", "code": code, "reason": reason, "message": message }),
    )
}

/// One line for each request: method, target.
pub(super) fn lines(log: &Log) -> Vec<String> {
    log.lock().unwrap().iter().map(|seen| format!("{} {}", seen.method, seen.target)).collect()
}
