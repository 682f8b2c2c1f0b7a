//! A Graph that a test makes up, for what a well-behaved one never does.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use serde_json::{Value, json};
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, Request as Received, ResponseTemplate};

use super::Connection;
use crate::providers::http::credential::Chain;
use crate::providers::http::credential::tests::{TENANT, working_chain};
use crate::providers::http::{OnWait, Pace};

/// A Graph that answers the nth request, counted from 0, by a function of its body.
pub(super) struct FakeGraph {
    pub(super) server: MockServer,
    pub(super) connection: Connection,
    pub(super) chain: Arc<Chain>,
    pub(super) tokens: Arc<AtomicUsize>,
}

impl FakeGraph {
    pub(super) async fn new(
        answer: impl Fn(usize, Value, &Received, &str) -> ResponseTemplate + Send + Sync + 'static,
    ) -> Self {
        let server = MockServer::start().await;
        let (count, uri) = (AtomicUsize::new(0), server.uri());
        Mock::given(any())
            .respond_with(move |request: &Received| {
                let body = serde_json::from_slice(&request.body).unwrap_or(Value::Null);
                answer(count.fetch_add(1, Ordering::SeqCst), body, request, &uri)
            })
            .mount(&server)
            .await;
        let pace = Pace {
            first_wait: Duration::from_millis(1),
            longest_wait: Duration::from_millis(2),
            throttled_for: Duration::from_secs(5),
            attempts: 3,
            replication: Duration::from_millis(50),
        };
        let graph = server.uri().parse().unwrap();
        let login = "https://127.0.0.1".parse().unwrap();
        let proxies = crate::providers::http::Proxies::default();
        let connection = Connection {
            graph,
            login,
            extra_ca: None,
            proxies,
            tenant: TENANT.parse().unwrap(),
            pace,
            gate: Arc::default(),
            on_lag: super::OnLag::default(),
            on_wait: OnWait::default(),
        };
        let (chain, tokens) = working_chain();
        Self { server, connection, chain, tokens }
    }

    /// A Graph that answers each item, or each plain GET, by method and URL.
    pub(super) async fn of_items(answer: impl Fn(&str, &str, &Value) -> (u16, Value) + Send + Sync + 'static) -> Self {
        Self::new(move |_, body, request, _| {
            let Some(items) = body["requests"].as_array() else {
                let path = request.url.path().trim_start_matches("/v1.0");
                let (status, body) = answer(request.method.as_str(), path, &Value::Null);
                return ResponseTemplate::new(status).set_body_json(body);
            };
            let answers: Vec<_> = items
                .iter()
                .map(|item| {
                    let text = |name: &str| item[name].as_str().unwrap();
                    let path = text("url").split('?').next().unwrap();
                    let (status, body) = answer(text("method"), path, &item["body"]);
                    json!({ "id": item["id"], "status": status, "headers": {}, "body": body })
                })
                .collect();
            responses(&answers)
        })
        .await
    }

    pub(super) async fn requests(&self) -> Vec<Received> {
        self.server.received_requests().await.unwrap()
    }

    /// Method and URL of the items of each batch.
    pub(super) async fn batches(&self) -> Vec<Vec<(String, String)>> {
        let items = |body: &[u8]| -> Option<Vec<(String, String)>> {
            let body: Value = serde_json::from_slice(body).ok()?;
            let text = |item: &Value, name: &str| item[name].as_str().unwrap().to_owned();
            Some(body["requests"].as_array()?.iter().map(|item| (text(item, "method"), text(item, "url"))).collect())
        };
        self.requests().await.iter().filter_map(|request| items(&request.body)).collect()
    }
}

/// One item of an answer.
pub(super) fn item(id: &Value, status: u16, body: &Value) -> Value {
    json!({ "id": id, "status": status, "headers": {}, "body": body })
}

pub(super) fn responses(items: &[Value]) -> ResponseTemplate {
    ResponseTemplate::new(200).set_body_json(json!({ "responses": items }))
}

/// Answers every item of a batch, the last one first.
pub(super) fn each(body: &Value, answer: impl Fn(&str, &Value) -> Value) -> ResponseTemplate {
    let items = body["requests"].as_array().unwrap();
    let items: Vec<_> = items.iter().rev().map(|item| answer(item["url"].as_str().unwrap(), &item["id"])).collect();
    responses(&items)
}

pub(super) fn error(code: &str) -> Value {
    said(code, "")
}

pub(super) fn said(code: &str, message: &str) -> Value {
    json!({ "error": { "code": code, "message": message } })
}
