//! `$batch` (entra.md §1.5).

use std::collections::{BTreeMap, BTreeSet};

use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::answer::{Answer, Mark};
use super::call::{Body, Call, segments};
use super::error::Refusal;
use super::permission::Caller;
use super::query::Query;
use super::respond::{self, RequestIds};
use super::{Graph, fault, units};
use crate::sandbox::faults::Fault;
use crate::sandbox::log::{self, Item};

/// The most requests that one batch holds.
const MOST_REQUESTS: usize = 20;

#[derive(Deserialize)]
struct Batch {
    requests: Vec<Request>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Request {
    id: String,
    method: String,
    url: String,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: Option<Value>,
    #[serde(default)]
    depends_on: Vec<String>,
}

/// What is the same for every item.
pub(super) struct Outer<'a> {
    pub(super) caller: &'a Caller,
    pub(super) origin: &'a str,
    pub(super) ids: &'a RequestIds,
    pub(super) version: &'static str,
}

/// What came of the items so far.
#[derive(Default)]
struct Replies {
    responses: Vec<Value>,
    items: Vec<Item>,
    failed: BTreeSet<String>,
}

/// Answers a batch: one answer, and one item for the log for each request in it.
pub(super) fn run(graph: &Graph, outer: &Outer<'_>, body: &Body) -> (Result<Answer, Refusal>, Vec<Item>) {
    let requests = match read(body) {
        Ok(requests) => requests,
        Err(refusal) => return (Err(refusal), Vec::new()),
    };
    let calls = requests.into_iter().map(|request| (call(graph, outer, &request), request)).collect::<Vec<_>>();
    let only_reads = calls.iter().all(|(call, _)| call.is_ok())
        && graph.behaviour.only_reads(calls.iter().filter_map(|(call, _)| call.as_ref().ok()));
    // One write of the state for the whole batch: twenty of them would be twenty lines for nothing.
    let replies = graph.behaviour.with(&graph.store, only_reads, |answer| answer_each(graph, outer, &calls, answer));
    match replies {
        Ok(Replies { mut responses, items, failed: _ }) => {
            // Replies come in any order, so a client that trusts the order of its requests fails here.
            responses.reverse();
            (Ok(Answer::ok(json!({"responses": responses}))), items)
        }
        Err(error) => (Err(respond::not_stored(&error)), Vec::new()),
    }
}

fn answer_each(
    graph: &Graph,
    outer: &Outer<'_>,
    calls: &[(Result<Call<'_>, Refusal>, Request)],
    answer: &mut dyn FnMut(&Call<'_>) -> Result<Answer, Refusal>,
) -> Replies {
    let mut replies = Replies::default();
    for (call, request) in calls {
        let blocked = request.depends_on.iter().any(|id| replies.failed.contains(&id.to_lowercase()));
        let units = call.as_ref().map_or(1, |call| units::resource_units(&call.method, &call.route(), &call.query));
        let result = if blocked {
            let message = "The request was not executed because a request it depends on failed.";
            Err(Refusal::new(StatusCode::FAILED_DEPENDENCY, "FailedDependency", message))
        } else {
            call.as_ref().map_err(Clone::clone).and_then(|call| struck_or(graph, call, answer))
        };
        let answer = result.unwrap_or_else(|refusal| outer.ids.refuse(&refusal));
        if !answer.status.is_success() {
            replies.failed.insert(request.id.to_lowercase());
        }
        let throttled = answer.headers.iter().find(|(name, _)| *name == "Retry-After");
        let throttled = throttled.filter(|_| answer.status == StatusCode::TOO_MANY_REQUESTS);
        replies.items.push(Item {
            method: request.method.to_uppercase(),
            url: request.url.clone(),
            status: answer.status.as_u16(),
            wait_ms: throttled.and_then(|(_, value)| log::milliseconds(value)),
            danger: answer.mark == Mark::Danger,
            not_modelled: answer.mark == Mark::NotModelled,
            fault: answer.fault.map(str::to_owned),
        });
        replies.responses.push(response(request, answer, units));
    }
    replies
}

/// The answer to an item, or what a fault makes of it.
fn struck_or(
    graph: &Graph,
    call: &Call<'_>,
    answer: &mut dyn FnMut(&Call<'_>) -> Result<Answer, Refusal>,
) -> Result<Answer, Refusal> {
    if let Err(refused) = graph.behaviour.charge(call) {
        return Ok(refused);
    }
    let Some(fault) = graph.behaviour.strike_item(call.method.as_str(), &call.url()) else { return answer(call) };
    let made_up = || {
        let host = call.origin.trim_start_matches("https://");
        fault::answer(&fault, &call.method, &call.url(), host, call.ids).map(|made_up| made_up.because(fault.name()))
    };
    match &fault {
        Fault::EmptyPage => answer(&call.with_empty_page()),
        // Carried out, and denied afterwards.
        Fault::Unavailable { after_work: true, .. } => {
            let done = answer(call);
            made_up().map_or(done, Ok)
        }
        _ => made_up().map_or_else(|| answer(call), Ok),
    }
}

fn read(body: &Body) -> Result<Vec<Request>, Refusal> {
    let malformed = |message: String| Refusal::malformed(format!("Invalid batch payload format. {message}"));
    let Body::Json(body) = body else { return Err(super::call::unreadable()) };
    let batch: Batch = serde_json::from_value(body.clone()).map_err(|error| malformed(error.to_string()))?;
    let requests = batch.requests;
    if requests.is_empty() || requests.len() > MOST_REQUESTS {
        let count = requests.len();
        return Err(malformed(format!("It holds {count} requests; 1 to {MOST_REQUESTS} are allowed.")));
    }
    let mut seen = BTreeSet::new();
    for (position, request) in requests.iter().enumerate() {
        // Fully parallel, or fully serial: each waits for the one before it.
        let before = position.checked_sub(1).and_then(|before| requests.get(before)).map(|before| &before.id);
        let serial = match request.depends_on.as_slice() {
            [] => true,
            [only] => before.is_some_and(|before| before.eq_ignore_ascii_case(only)),
            _ => false,
        };
        if !serial {
            return Err(malformed(format!("Request '{}' does not depend on just the one before it.", request.id)));
        }
        if !seen.insert(request.id.to_lowercase()) {
            return Err(malformed(format!("The id '{}' is used twice.", request.id)));
        }
    }
    let dependent = requests.iter().skip(1).filter(|request| !request.depends_on.is_empty()).count();
    if dependent != 0 && dependent != requests.len() - 1 {
        return Err(malformed("Some requests depend on others and some do not.".to_owned()));
    }
    Ok(requests)
}

fn call<'a>(graph: &Graph, outer: &Outer<'a>, request: &Request) -> Result<Call<'a>, Refusal> {
    let method = Method::from_bytes(request.method.to_uppercase().as_bytes())
        .map_err(|_| Refusal::malformed(format!("'{}' is not a method.", request.method)))?;
    if request.url.contains("://") {
        return Err(Refusal::malformed("The url of a request in a batch is relative to the version."));
    }
    let (path, query) = request.url.split_once('?').unwrap_or((&request.url, ""));
    let header = |name: &str| {
        request.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name)).map(|(_, value)| value.as_str())
    };
    let json = header("Content-Type").is_some_and(|kind| kind.to_ascii_lowercase().starts_with("application/json"));
    Ok(Call {
        method,
        segments: segments(path)?,
        path: path.to_owned(),
        query: Query::parse(query)?,
        caller: outer.caller,
        origin: outer.origin,
        eventual: header("ConsistencyLevel").is_some_and(|level| level.eq_ignore_ascii_case("eventual")),
        prefer: header("Prefer").map(str::to_owned),
        body: match &request.body {
            None => Body::Nothing,
            Some(body) if json => Body::Json(body.clone()),
            Some(_) => Body::Unreadable,
        },
        page_life: graph.lifetimes.page_token,
        now: graph.now(),
        version: outer.version,
        ids: outer.ids,
        empty_page: false,
    })
}

fn response(request: &Request, answer: Answer, units: u32) -> Value {
    let mut headers = Map::new();
    headers.insert("x-ms-resource-unit".to_owned(), json!(units.to_string()));
    headers.insert("Cache-Control".to_owned(), json!("no-cache"));
    for (name, value) in answer.headers {
        headers.insert(name.to_owned(), json!(value));
    }
    let mut response = json!({"id": request.id, "status": answer.status.as_u16()});
    // 204 has no body.
    if let Some(body) = answer.body {
        headers.insert("Content-Type".to_owned(), json!(respond::CONTENT_TYPE));
        response["body"] = body;
    }
    response["headers"] = Value::Object(headers);
    response
}
