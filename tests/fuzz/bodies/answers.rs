//! A server made of an input: what it answers, in order, and what it was asked.
//!
//! `> STATUS WORD` starts an answer to the next request whose target holds WORD (`*`: to any); lines `= NAME: VALUE` behind
//! it are headers, the rest is the body. In a body `{{token}}` and `{{secret}}` stand for what was sent in confidence, where
//! it was. What no answer is about gets a plain one, so that an input need only say what is odd.

use std::sync::{Arc, Mutex};

use bytes::Bytes;

/// A bearer, as an API server or Graph gets it.
pub(super) const TOKEN: &str = "eyJhbGciOiJub25lIn0.eyJvaWQiOiI0NDQ0NDQ0NC00NDQ0LTQ0NDQtODQ0NC00NDQ0NDQ0NDQ0NDQiLCJ0aWQiOiI4ZjlmMWMyZC0zYjRhLTRjNWQtOWU2Zi03YThiOWMwZDFlMmYiLCJhcHBpZCI6IjBhMWIyYzNkLTRlNWYtNGE2Yi04YzdkLTllMGYxYTJiM2M0ZCIsInJvbGVzIjpbIkdyb3VwLlJlYWQuQWxsIl19.dGhlLXNpZ25hdHVyZS1vZi1hLXRva2Vu";
/// A secret, as the login endpoint gets it.
pub(super) const SECRET: &str = "vQ8~a-client-secret-of-contoso-that-nobody-prints";

/// What no message may repeat.
pub(super) const CONFIDENTIAL: [&str; 3] = [TOKEN, SECRET, "dGhlLXNpZ25hdHVyZS1vZi1hLXRva2Vu"];

/// One answer.
#[derive(Clone, Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    word: String,
    headers: Vec<(String, String)>,
    pub(super) body: Vec<u8>,
}

/// A request and what was answered.
#[derive(Clone, Debug)]
pub(super) struct Exchange {
    pub(super) target: String,
    /// What was asked, as the body of the request.
    pub(super) asked: Vec<u8>,
    pub(super) status: u16,
    pub(super) body: Vec<u8>,
}

impl Exchange {
    pub(super) fn is_success(&self) -> bool {
        (200..300).contains(&self.status)
    }
}

/// The server.
#[derive(Clone, Default)]
pub(super) struct Server(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    waiting: Vec<Answer>,
    log: Vec<Exchange>,
}

impl Server {
    /// `sent` is what it was sent in confidence and may repeat: what stands for it, and what it is.
    pub(super) fn new(input: &[u8], sent: &[(&str, &str)]) -> Self {
        let mut waiting: Vec<Answer> = Vec::new();
        let mut in_body = false;
        for line in input.split_inclusive(|byte| *byte == b'\n') {
            if let Some(head) = line.strip_prefix(b"> ") {
                let head = String::from_utf8_lossy(head);
                let (status, word) = head.trim().split_once(' ').unwrap_or((head.trim(), "*"));
                let status = status.parse().ok().filter(|status| (100..1000).contains(status)).unwrap_or(200);
                waiting.push(Answer { status, word: word.to_owned(), headers: Vec::new(), body: Vec::new() });
                in_body = false;
            } else if let Some(answer) = waiting.last_mut() {
                match (in_body, line.strip_prefix(b"= ").map(String::from_utf8_lossy)) {
                    (false, Some(header)) if header.contains(": ") => {
                        let (name, value) = header.trim().split_once(": ").unwrap_or_default();
                        answer.headers.push((name.to_owned(), value.to_owned()));
                    }
                    _ => {
                        in_body = true;
                        answer.body.extend_from_slice(line);
                    }
                }
            }
        }
        for answer in &mut waiting {
            for (name, value) in sent {
                answer.body = replace(&answer.body, name.as_bytes(), value.as_bytes());
            }
        }
        Self(Arc::new(Mutex::new(State { waiting, log: Vec::new() })))
    }

    /// The next answer that is meant for this target.
    pub(super) fn next(&self, target: &str) -> Option<Answer> {
        let mut state = self.0.lock().unwrap();
        let at = state.waiting.iter().position(|answer| answer.word == "*" || target.contains(&answer.word))?;
        Some(state.waiting.remove(at))
    }

    /// Answers a request, with what is meant for it or else with this, and remembers both.
    pub(super) fn answer(
        &self,
        target: &str,
        asked: &[u8],
        otherwise: impl FnOnce() -> (u16, Vec<u8>),
    ) -> http::Response<Bytes> {
        let answer = self.next(target).unwrap_or_else(|| {
            let (status, body) = otherwise();
            Answer { status, word: String::new(), headers: Vec::new(), body }
        });
        self.0.lock().unwrap().log.push(Exchange {
            target: target.to_owned(),
            asked: asked.to_vec(),
            status: answer.status,
            body: answer.body.clone(),
        });
        let mut response = http::Response::new(Bytes::from(answer.body));
        *response.status_mut() = http::StatusCode::from_u16(answer.status).unwrap();
        for (name, value) in answer.headers {
            if let (Ok(name), Ok(value)) = (http::HeaderName::try_from(name), http::HeaderValue::try_from(value)) {
                response.headers_mut().append(name, value);
            }
        }
        response
    }

    /// What no failure may tell: all that was sent in confidence but for what the server itself calls something by. Names
    /// are shown, whatever they are.
    pub(super) fn confidential(&self) -> Vec<&'static str> {
        let mut given = Vec::new();
        for body in self.log().iter().filter_map(|exchange| serde_json::from_slice(&exchange.body).ok()) {
            names(&body, "", &mut given);
        }
        CONFIDENTIAL.into_iter().filter(|secret| !given.iter().any(|name| name.contains(secret))).collect()
    }

    /// What was asked and answered so far.
    pub(super) fn log(&self) -> Vec<Exchange> {
        self.0.lock().unwrap().log.clone()
    }
}

fn names(value: &serde_json::Value, key: &str, found: &mut Vec<String>) {
    const NAMES: [&str; 7] =
        ["displayName", "userPrincipalName", "mail", "mailNickname", "uniqueName", "name", "namespace"];
    match value {
        serde_json::Value::Object(object) => object.iter().for_each(|(key, value)| names(value, key, found)),
        serde_json::Value::Array(values) => values.iter().for_each(|value| names(value, key, found)),
        serde_json::Value::String(text) if NAMES.contains(&key) => found.push(text.clone()),
        _ => {}
    }
}

fn replace(text: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    let mut replaced = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.windows(from.len()).position(|window| window == from) {
        replaced.extend_from_slice(&rest[..at]);
        replaced.extend_from_slice(to);
        rest = &rest[at + from.len()..];
    }
    replaced.extend_from_slice(rest);
    replaced
}

/// Runs what waits in no time at all: its clock stands still but for what is waited for.
pub(super) fn block_on<T>(work: impl Future<Output = T>) -> T {
    let mut builder = tokio::runtime::Builder::new_current_thread();
    builder.enable_time().start_paused(true).build().expect("a runtime is made").block_on(work)
}
