//! `$batch`: up to twenty requests in one, each with a result of its own.
//! <https://learn.microsoft.com/graph/json-batching>

use std::collections::BTreeMap;
use std::time::Duration;

use bytes::Bytes;
use reqwest::Method;
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::sync::watch;

use super::error::{GraphError, Meaning, Problem};
use super::{AGAIN, BETWEEN, Call, Core, Path, Permit, pause, unknown};
use crate::providers::http::{Patience, retry_after, without_value};
use crate::state::{Failure, FailureKind};

/// The most items that Graph takes.
pub(in super::super) const LARGEST_BATCH: usize = 20;

/// One request of a batch.
#[derive(Clone, Debug)]
pub(super) struct Item {
    pub(super) method: Method,
    pub(super) relative: String,
    pub(super) headers: BTreeMap<&'static str, &'static str>,
    pub(super) body: Option<Value>,
    /// See [`Call::repeatable`].
    pub(super) repeatable: bool,
}

/// The success of one item; its body is null where Graph gives none.
pub(in super::super) type Reply = std::result::Result<Success, Problem>;

/// A 2xx.
#[derive(Clone, Debug)]
pub(in super::super) struct Success {
    /// The HTTP status.
    pub(in super::super) status: u16,
    /// The body.
    pub(in super::super) body: Value,
}

#[derive(Deserialize)]
struct Answers {
    responses: Vec<AnswerItem>,
}

#[derive(Deserialize)]
struct AnswerItem {
    id: String,
    status: u16,
    headers: Option<BTreeMap<String, Value>>,
    #[serde(default)]
    body: Value,
}

impl AnswerItem {
    fn header(&self, name: &str) -> Option<String> {
        let (_, value) = self.headers.as_ref()?.iter().find(|(key, _)| key.eq_ignore_ascii_case(name))?;
        Some(value.as_str().map_or_else(|| value.to_string(), str::to_owned))
    }
}

impl Item {
    pub(super) fn get(path: &Path) -> Self {
        let headers = if path.eventual { BTreeMap::from([("ConsistencyLevel", "eventual")]) } else { BTreeMap::new() };
        Self { method: Method::GET, relative: path.as_str().to_owned(), headers, body: None, repeatable: true }
    }

    fn to_json(&self, at: usize) -> Value {
        let mut request = json!({ "id": at.to_string(), "method": self.method.as_str(), "url": self.relative });
        if !self.headers.is_empty() {
            request["headers"] = json!(self.headers);
        }
        if let Some(body) = &self.body {
            request["body"] = body.clone();
        }
        request
    }
}

/// What the items of one round that need another one asked for.
#[derive(Default)]
struct Again {
    throttled: Vec<usize>,
    /// The longest wait that a throttled item asked for; all of the client keeps it.
    throttled_for: Option<Duration>,
    failed: Vec<(usize, GraphError)>,
    /// The longest wait that a failed item asked for.
    failed_for: Option<Duration>,
}

impl Core {
    /// Sends up to [`LARGEST_BATCH`] items, and those that were throttled, or failed and may be repeated, once more by
    /// themselves until each has its result. Results are in the order of the items.
    ///
    /// Who is throttled may be charged for what was refused: while few get through, few are sent at once.
    ///
    /// Once `interrupted` holds true, what was not sent stays unsent, and nothing that reads waits.
    pub(super) async fn batch(&self, items: &[Item], interrupted: Option<&watch::Receiver<bool>>) -> Vec<Reply> {
        let mut replies: Vec<Option<Reply>> = items.iter().map(|_| None).collect();
        let mut waiting: Vec<usize> = (0..items.len()).collect();
        let mut patience = Patience::new(self.pace);
        let mut room = LARGEST_BATCH;
        while !waiting.is_empty() {
            let later = waiting.split_off(waiting.len().min(room));
            let (mut answers, permit) = match self.exchange(items, &waiting, &mut patience, interrupted).await {
                Ok(answers) => answers,
                Err(problem) => {
                    for at in waiting {
                        replies[at] = Some(Err(problem.clone()));
                    }
                    for at in later {
                        replies[at] = Some(Err(refused_before(&problem)));
                    }
                    break;
                }
            };
            let mut again = Again::default();
            let sent = waiting.len();
            for at in waiting {
                let answer = answers.remove(&at);
                replies[at] = self.sort(at, &items[at], answer, &mut again);
            }
            room = room_after(room, sent, again.throttled.len());
            waiting = self.wait_for(again, &mut patience, &mut replies, permit, interrupted).await;
            waiting.extend(later);
        }
        let lost = || Err(Problem::Failed(Failure::new(FailureKind::BadAnswer, "an item of a batch has no result")));
        replies.into_iter().map(|reply| reply.unwrap_or_else(lost)).collect()
    }

    /// The result of one item, or `None` when it has to go again.
    fn sort(&self, at: usize, item: &Item, answer: Option<AnswerItem>, again: &mut Again) -> Option<Reply> {
        let Some(answer) = answer else {
            return Some(Err(item.without_answer("Graph's answer to a batch leaves out an item")));
        };
        self.count_units(answer.header("x-ms-resource-unit").as_deref());
        if (200..300).contains(&answer.status) {
            return Some(Ok(Success { status: answer.status, body: answer.body }));
        }
        let error = self.refused(answer.status, &answer.body);
        let asked = answer.header("retry-after").and_then(|value| retry_after(&value, self.transport.now()));
        if answer.status == 429 {
            again.throttled.push(at);
            again.throttled_for = again.throttled_for.max(asked);
        } else if (answer.status >= 500 && item.repeatable) || error.meaning() == Meaning::Concurrent {
            again.failed.push((at, error));
            again.failed_for = again.failed_for.max(asked);
        } else if answer.status >= 500 {
            return Some(Err(unknown(&error.to_string())));
        } else {
            return Some(Err(Problem::Refused(error)));
        }
        None
    }

    /// Waits for the items that go again and gives their positions; those whose patience is over get their problem.
    async fn wait_for(
        &self,
        again: Again,
        patience: &mut Patience,
        replies: &mut [Option<Reply>],
        permit: Permit<'_>,
        interrupted: Option<&watch::Receiver<bool>>,
    ) -> Vec<usize> {
        let mut waiting = Vec::new();
        if !again.throttled.is_empty() {
            let wait = patience.after_throttling(again.throttled_for);
            self.close_gate(again.throttled.len() as u64, wait, patience);
            let in_time = patience.allows(self.gate.closed_for());
            for at in again.throttled {
                if in_time {
                    waiting.push(at);
                } else {
                    replies[at] = Some(Err(self.still_throttled()));
                }
            }
        }
        drop(permit);
        if !again.failed.is_empty() {
            let waited = match patience.after_failure(again.failed_for) {
                Some(wait) => Some(pause(wait, interrupted).await),
                None => None,
            };
            for (at, error) in again.failed {
                match &waited {
                    Some(Ok(())) => waiting.push(at),
                    Some(Err(problem)) => replies[at] = Some(Err(problem.clone())),
                    None => replies[at] = Some(Err(Problem::Refused(error))),
                }
            }
        }
        waiting.sort_unstable();
        waiting
    }

    /// One round trip: the answers by position.
    async fn exchange(
        &self,
        items: &[Item],
        waiting: &[usize],
        patience: &mut Patience,
        interrupted: Option<&watch::Receiver<bool>>,
    ) -> std::result::Result<(BTreeMap<usize, AnswerItem>, Permit<'_>), Problem> {
        let requests: Vec<_> = waiting.iter().map(|at| items[*at].to_json(*at)).collect();
        let repeatable = waiting.iter().all(|at| items[*at].repeatable);
        let call = Call {
            method: Method::POST,
            url: self.url("/$batch").map_err(Problem::Failed)?,
            body: Some(Bytes::from(json!({ "requests": requests }).to_string())),
            eventual: false,
            repeatable,
            interrupted: interrupted.cloned(),
        };
        let (answer, permit) = self.send(&call, patience).await?;
        if !answer.status.is_success() {
            return Err(Problem::Refused(self.answered(&answer)));
        }
        by_position(&answer.body, waiting).map(|answers| (answers, permit)).map_err(|what| {
            // The writes of this batch may well have been done.
            if repeatable {
                Problem::Failed(Failure::new(FailureKind::BadAnswer, what).with_next(BETWEEN))
            } else {
                unknown(&what)
            }
        })
    }
}

/// Why an item that was throttled, and waits for others that were, does not go again.
fn refused_before(problem: &Problem) -> Problem {
    if !problem.is_unknown() {
        return problem.clone();
    }
    let what = "Graph asked to wait (429) and nothing was done; then it gave no answer to others";
    Problem::Failed(Failure::new(FailureKind::Unavailable, what).with_next(AGAIN))
}

/// How many items go next time: as many as got through, at least half of what went, and twice as many once all did.
fn room_after(room: usize, sent: usize, throttled: usize) -> usize {
    match throttled {
        0 => (room * 2).min(LARGEST_BATCH),
        _ => (sent - throttled).max(sent / 2).max(1),
    }
}

impl Item {
    fn without_answer(&self, what: &str) -> Problem {
        if self.repeatable { Problem::Failed(Failure::new(FailureKind::BadAnswer, what)) } else { unknown(what) }
    }
}

/// Answers come in any order; only their ids tell what they answer.
fn by_position(body: &[u8], waiting: &[usize]) -> std::result::Result<BTreeMap<usize, AnswerItem>, String> {
    let answers: Answers = serde_json::from_slice(body)
        .map_err(|error| format!("Graph's answer to a batch cannot be read ({})", without_value(&error)))?;
    let mut positions = BTreeMap::new();
    for answer in answers.responses {
        let at = answer.id.parse().ok().filter(|at| waiting.contains(at));
        let at = at.ok_or_else(|| format!("Graph answered an item `{}` that was not in the batch", answer.id))?;
        if positions.insert(at, answer).is_some() {
            return Err("Graph answered one item of a batch twice".to_owned());
        }
    }
    Ok(positions)
}
