//! A thin client for Microsoft Graph v1.0.
//!
//! [`ReadClient`] sends GET and `$batch` of GET and has no method that could send anything else; [`WriteClient`] is made
//! only by the writer and sends only what [`Write`] lists.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Method, Request};
use secrecy::ExposeSecret as _;
use serde_json::Value;
use tokio::sync::{Semaphore, SemaphorePermit, watch};
use url::Url;

use super::Connection;
use crate::providers::http::credential::{Chain, Claims, Token};
use crate::providers::http::{
    Answer, Gate, NotAnswered, OnWait, OpensTooLate, Pace, Patience, Transport, require_tls, without_value,
};
use crate::state::{Failure, FailureKind, Result, Usage};

mod address;
mod batch;
mod error;
mod gather;
mod paging;
mod write;

pub(super) use address::{EdgeList, Filter, LARGEST_IN, MembershipRef, Path};
pub(super) use batch::{LARGEST_BATCH, Success};
use error::GraphError;
pub(super) use error::{Acting, Meaning, Permission, Problem};
pub(super) use gather::{Beginnings, Ended, Lists, Singles};
pub(super) use write::{LARGEST_ADDITION, Write, WriteClient, Written};

/// Requests in flight at once: enough to hide latency, and few enough that one 429 comes before many more.
const IN_FLIGHT: usize = 8;

/// How many tokens an answer is looked through for; one is good for an hour, and a call takes minutes at most.
const TOKENS: usize = 4;

/// What to do when Graph has no time for us.
const AGAIN: &str = "wait a little and run it again";

/// What to do about an answer that cannot be Graph's own.
const BETWEEN: &str = "run it again; if it stays, see whether a proxy or a sign-in page stands in between";

/// What both clients stand on. Nobody outside this module can reach [`Core::send`].
#[derive(Debug)]
struct Core {
    /// `https://graph.microsoft.com/v1.0`, without a slash at the end.
    base: String,
    scope: String,
    chain: Arc<Chain>,
    transport: Transport,
    pace: Pace,
    gate: Arc<Gate>,
    on_wait: OnWait,
    permits: Semaphore,
    requests: AtomicU64,
    resource_units: AtomicU64,
    throttled: AtomicU64,
    acting: Mutex<Option<Acting>>,
    /// What requests were sent with, the last few: an answer may repeat it.
    sent: Mutex<VecDeque<Arc<Token>>>,
    /// What reads heed, once something is being written: holds true once nobody is to be kept waiting.
    interrupted: Mutex<Option<watch::Receiver<bool>>>,
}

/// Leave to have a request under way. It is kept until the answer has been understood: an answer that closes the gate closes it
/// before the next request can take its place.
type Permit<'c> = Option<SemaphorePermit<'c>>;

/// One HTTP request.
struct Call {
    method: Method,
    url: Url,
    body: Option<Bytes>,
    eventual: bool,
    /// Whether sending it twice is as good as once. If not, an unknown result is the caller's to find out.
    repeatable: bool,
    /// Holds true once nothing more is to be sent.
    interrupted: Option<watch::Receiver<bool>>,
}

impl Core {
    fn new(connection: &Connection, chain: Arc<Chain>) -> Result<Self> {
        // Before any token: the bearer is not even asked for when it could not be sent safely.
        require_tls(&connection.graph)?;
        require_tls(&connection.login)?;
        let origin = connection.graph.origin().ascii_serialization();
        if chain.tenant() != connection.tenant {
            return Err(Failure::new(
                FailureKind::WrongTarget,
                format!("the credential is for tenant {}, the connection for {}", chain.tenant(), connection.tenant),
            ));
        }
        Ok(Self {
            base: format!("{origin}/v1.0"),
            scope: format!("{origin}/.default"),
            transport: chain.transport().clone(),
            chain,
            pace: connection.pace,
            gate: Arc::clone(&connection.gate),
            on_wait: connection.on_wait.clone(),
            permits: Semaphore::new(IN_FLIGHT),
            requests: AtomicU64::new(0),
            resource_units: AtomicU64::new(0),
            throttled: AtomicU64::new(0),
            acting: Mutex::new(None),
            sent: Mutex::default(),
            interrupted: Mutex::new(None),
        })
    }

    async fn token(&self) -> Result<Arc<Token>> {
        let token = self.chain.token(&self.scope).await?;
        let mut acting = self.acting.lock().unwrap_or_else(PoisonError::into_inner);
        acting.get_or_insert_with(|| Acting {
            label: token.claims.label(),
            is_app: token.claims.app.is_some(),
            roles: token.claims.roles.iter().cloned().collect(),
        });
        Ok(token)
    }

    fn usage(&self) -> Usage {
        Usage {
            requests: self.requests.load(Ordering::Relaxed),
            resource_units: self.resource_units.load(Ordering::Relaxed),
            throttled: self.throttled.load(Ordering::Relaxed),
        }
    }

    fn failure(&self, problem: Problem, doing: &str, permission: Permission) -> Failure {
        let acting = self.acting.lock().unwrap_or_else(PoisonError::into_inner).clone().unwrap_or_default();
        problem.into_failure(doing, permission, &acting)
    }

    fn url(&self, relative: &str) -> Result<Url> {
        let text = format!("{}{relative}", self.base);
        Url::parse(&text).map_err(|_| Failure::new(FailureKind::Refused, format!("`{text}` is no URL")))
    }

    /// Sends until there is an answer that is neither throttling nor, for what may be repeated, a passing error.
    ///
    /// A failure of kind [`FailureKind::Unknown`] means that a request which must not be repeated may have been done.
    async fn send(&self, call: &Call, patience: &mut Patience) -> std::result::Result<(Answer, Permit<'_>), Problem> {
        let mut token = self.token().await.map_err(Problem::Failed)?;
        let mut renewed = false;
        loop {
            let request = call.request(&token).map_err(Problem::Failed)?;
            self.sends_with(&token);
            let (answer, permit) = self.pass_and_send(call, request, patience).await?;
            let answer = match answer {
                Ok(answer) => answer,
                Err(NotAnswered::Unknown(failure) | NotAnswered::Unusable(failure)) if !call.repeatable => {
                    return Err(unknown(&failure.what));
                }
                Err(NotAnswered::Refused(failure) | NotAnswered::Unusable(failure)) => {
                    return Err(Problem::Failed(failure));
                }
                Err(NotAnswered::NotSent(failure) | NotAnswered::Unknown(failure)) => {
                    drop(permit);
                    let wait = patience.after_failure(None).ok_or(Problem::Failed(failure))?;
                    pause(wait, call.interrupted.as_ref()).await?;
                    continue;
                }
            };
            self.count_units(answer.headers.get("x-ms-resource-unit").and_then(|value| value.to_str().ok()));
            match answer.status.as_u16() {
                401 if !renewed => {
                    renewed = true;
                    drop(permit);
                    token = self.chain.renew(&self.scope, &token).await.map_err(Problem::Failed)?;
                }
                429 => {
                    let wait = patience.after_throttling(answer.retry_after);
                    self.close_gate(1, wait, patience);
                    drop(permit);
                }
                500.. if !call.repeatable => return Err(unknown(&self.answered(&answer).to_string())),
                500.. => {
                    drop(permit);
                    let failure = || Failure::new(FailureKind::Unavailable, self.answered(&answer).to_string());
                    let wait = patience.after_failure(answer.retry_after);
                    let wait = wait.ok_or_else(|| Problem::Failed(failure().with_next(AGAIN)))?;
                    pause(wait, call.interrupted.as_ref()).await?;
                }
                _ => return Ok((answer, permit)),
            }
        }
    }

    fn answered(&self, answer: &Answer) -> GraphError {
        let body = serde_json::from_slice(&answer.body).unwrap_or(Value::Null);
        self.refused(answer.status.as_u16(), &body)
    }

    /// What an answer, or one of a batch, says; the token stays unsaid.
    fn refused(&self, status: u16, body: &Value) -> GraphError {
        let sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let hide = |error: GraphError, token: &Arc<Token>| error.without(Some(token.secret().expose_secret()));
        sent.iter().fold(GraphError::of(status, body), hide)
    }

    /// Requests are under way with the token before while others are sent with the one after it.
    fn sends_with(&self, token: &Arc<Token>) {
        let mut sent = self.sent.lock().unwrap_or_else(PoisonError::into_inner);
        if !sent.iter().any(|known| Arc::ptr_eq(known, token)) {
            sent.push_back(Arc::clone(token));
            if sent.len() > TOKENS {
                sent.pop_front();
            }
        }
    }

    /// Waits for a permit and for the gate, as long as the patience lasts and nobody interrupts; then sends. A read is sent
    /// after an interruption too, if the gate is open: it may tell what has become of a write.
    async fn pass_and_send(
        &self,
        call: &Call,
        request: Request,
        patience: &Patience,
    ) -> std::result::Result<(std::result::Result<Answer, NotAnswered>, Permit<'_>), Problem> {
        // Never closed, so there is always a permit to come.
        let permit = self.permits.acquire().await.ok();
        tokio::select! {
            biased;
            passed = self.gate.pass_until(patience.deadline()) => passed.map_err(|OpensTooLate| self.still_throttled())?,
            () = interruption(call.interrupted.as_ref()) => return Err(Problem::Interrupted),
        }
        if !call.repeatable && call.interrupted.as_ref().is_some_and(|interrupted| *interrupted.borrow()) {
            return Err(Problem::Interrupted);
        }
        self.requests.fetch_add(1, Ordering::Relaxed);
        Ok((self.transport.send(request).await, permit))
    }

    fn interrupted(&self) -> Option<watch::Receiver<bool>> {
        self.interrupted.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn still_throttled(&self) -> Problem {
        let limit = self.pace.throttled_for.as_secs();
        let asked = self.gate.closed_for();
        let (what, next) = if asked.is_zero() {
            (format!("Graph throttles for longer than the {limit} s that are waited"), AGAIN.to_owned())
        } else {
            let minutes = asked.as_secs_f64() / 60.0;
            let asked = format!("{:.0} min", minutes.ceil());
            (
                format!("Graph asks to wait (429) for another {asked}, and {limit} s in all are waited"),
                format!("run it again in {asked}"),
            )
        };
        Problem::Failed(Failure::new(FailureKind::Unavailable, what).with_next(next))
    }

    /// Holds back the whole client after throttled answers, of a call or of items.
    fn close_gate(&self, answers: u64, wait: Duration, patience: &Patience) {
        self.throttled.fetch_add(answers, Ordering::Relaxed);
        self.gate.close_for(wait);
        let wait = self.gate.closed_for();
        if patience.allows(wait) {
            self.on_wait.hears(patience.wait(wait));
        }
    }

    fn count_units(&self, header: Option<&str>) {
        let units = header.and_then(|value| value.trim().parse().ok()).unwrap_or(0);
        self.resource_units.fetch_add(units, Ordering::Relaxed);
    }

    /// Reads one thing that is no list.
    async fn get(&self, path: &Path) -> std::result::Result<Value, Problem> {
        let call = Call {
            method: Method::GET,
            url: self.url(path.as_str()).map_err(Problem::Failed)?,
            body: None,
            eventual: path.eventual,
            repeatable: true,
            interrupted: self.interrupted(),
        };
        let (answer, _) = self.send(&call, &mut Patience::new(self.pace)).await?;
        if !answer.status.is_success() {
            return Err(Problem::Refused(self.answered(&answer)));
        }
        serde_json::from_slice(&answer.body).map_err(|error| {
            let what = format!("Graph's answer is no JSON ({})", without_value(&error));
            Problem::Failed(Failure::new(FailureKind::BadAnswer, what).with_next(BETWEEN))
        })
    }
}

/// Comes back only when nothing more is to be sent.
async fn interruption(interrupted: Option<&watch::Receiver<bool>>) {
    if let Some(mut interrupted) = interrupted.cloned()
        && interrupted.wait_for(|interrupted| *interrupted).await.is_ok()
    {
        return;
    }
    // Nobody can interrupt, or nobody is left who could.
    std::future::pending::<()>().await;
}

/// Waits before something is sent again; an error once nothing is to be.
async fn pause(wait: Duration, interrupted: Option<&watch::Receiver<bool>>) -> std::result::Result<(), Problem> {
    tokio::select! {
        biased;
        () = interruption(interrupted) => Err(Problem::Interrupted),
        () = tokio::time::sleep(wait) => Ok(()),
    }
}

impl Call {
    fn request(&self, token: &Token) -> Result<Request> {
        let mut headers = HeaderMap::new();
        let mut bearer =
            HeaderValue::from_str(&format!("Bearer {}", token.secret().expose_secret())).map_err(|_| {
                Failure::new(
                    FailureKind::BadAnswer,
                    "the login endpoint gave a token with characters that no header can hold",
                )
            })?;
        bearer.set_sensitive(true);
        headers.insert(AUTHORIZATION, bearer);
        headers.insert(ACCEPT, HeaderValue::from_static("application/json"));
        if self.eventual {
            headers.insert("consistencylevel", HeaderValue::from_static("eventual"));
        }
        let mut request = Request::new(self.method.clone(), self.url.clone());
        if let Some(body) = &self.body {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
            *request.body_mut() = Some(body.clone().into());
        }
        *request.headers_mut() = headers;
        Ok(request)
    }
}

fn unknown(what: &str) -> Problem {
    let failure = Failure::new(FailureKind::Unknown, format!("it is not known whether it was done: {what}"));
    Problem::Failed(failure.with_next("run it again: the next plan shows what is there"))
}

/// Reads. It sends GET, and `$batch` of GET, and nothing else.
#[derive(Clone, Debug)]
pub(super) struct ReadClient(Arc<Core>);

impl ReadClient {
    pub(super) fn new(connection: &Connection, chain: Arc<Chain>) -> Result<Self> {
        Core::new(connection, chain).map(|core| Self(Arc::new(core)))
    }

    /// As whom we act, from our own token.
    pub(super) async fn claims(&self) -> Result<Claims> {
        self.0.token().await.map(|token| token.claims.clone())
    }

    /// Reads one thing that is no list.
    pub(super) async fn get(&self, path: &Path) -> std::result::Result<Value, Problem> {
        self.0.get(path).await
    }

    /// The failure to report for a problem: what was tried, and the permission that it needs.
    pub(super) fn failure(&self, problem: Problem, doing: &str, permission: Permission) -> Failure {
        self.0.failure(problem, doing, permission)
    }

    pub(super) fn usage(&self) -> Usage {
        self.0.usage()
    }
}

#[cfg(test)]
mod tests;
