//! Calls to one API server: limits, repetition, counting and errors in one place.
//!
//! Only this module can send. [`Reading`] offers `GET` and the reviews that ask; [`Writing`] adds apply and delete.

mod read;
mod write;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use bytes::Bytes;
use http::{HeaderValue, Method, Request, StatusCode, header};
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use jiff::SignedDuration;
use kube::client::Body;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use secrecy::{ExposeSecret, SecretString};
use tokio::time::{Instant, sleep, timeout_at};
use url::Url;

pub(super) use read::{Reading, Review};
pub(super) use write::Writing;

use super::link::Link;
use super::refusal::Refusal;
use crate::providers::http::{OpensTooLate, Pace, Patience, ahead, broken_off, excerpt, proxy, without, without_value};
use crate::state::{Failure, FailureKind, Usage};

/// The largest answer that is read, in bytes: a page of 500 large objects stays far below.
const LARGEST_ANSWER: usize = 256 << 20;
/// How much is read of an answer with an error status, in bytes.
const LARGEST_REFUSAL: usize = 1 << 20;
/// How often a read that got no answer is sent again.
const READ_REPEATS: u32 = 4;
/// What to do about an answer that did not come.
const REACH: &str = "check the network, and that the API server runs, then run it again";
/// What to do about an answer that cannot be an API server's.
const NOT_A_SERVER: &str = "run again; if it stays, check that the connection's address is the API server's own and not that of \
                            something in between";
/// The wait when a server says that it is too busy and not for how long, times the first wait.
const DEFAULT_WAIT: u32 = 4;
/// The shortest waits for a server that is too busy, whatever it asks for; repeats are counted elsewhere.
const BUSY: Pace = Pace {
    first_wait: Duration::ZERO,
    longest_wait: Duration::from_secs(8),
    throttled_for: Duration::ZERO,
    attempts: 0,
    replication: Duration::ZERO,
};

/// What may stand in a path segment as it is; RBAC names may hold almost anything.
const SEGMENT: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// One segment of a path, escaped.
fn segment(text: &str) -> String {
    utf8_percent_encode(text, SEGMENT).to_string()
}

/// Why a call has no result.
#[derive(Debug)]
pub(super) enum CallError {
    /// The server answered with an error.
    Refused(Box<Refusal>),
    /// Nothing was sent.
    NotSent(Failure),
    /// Something was sent, and whether it was done is not known.
    NoAnswer(Failure),
    /// The answer is not one of an API server.
    Odd(Failure),
}

impl CallError {
    /// The failure that this is when nothing more is known about what was tried.
    pub(super) fn into_failure(self, link: &Link, tried: &str) -> Failure {
        match self {
            Self::Refused(refusal) => refusal.failure(link, tried),
            Self::NotSent(failure) | Self::NoAnswer(failure) | Self::Odd(failure) => failure,
        }
    }
}

/// One call, ready to be sent more than once.
struct Call {
    method: Method,
    /// Path and query.
    target: String,
    content_type: Option<&'static str>,
    body: Bytes,
    /// Whether sending it again without looking first changes nothing.
    repeatable: bool,
}

impl Call {
    fn get(target: String) -> Self {
        Self { method: Method::GET, target, content_type: None, body: Bytes::new(), repeatable: true }
    }
}

/// Sends calls over one link and counts them.
struct Caller {
    link: Link,
    requests: AtomicU64,
    throttled: AtomicU64,
    /// How far the server's clock is ahead of ours, by its last answer.
    ahead: Mutex<Option<SignedDuration>>,
}

impl Caller {
    fn new(link: Link) -> Self {
        Self { link, requests: AtomicU64::new(0), throttled: AtomicU64::new(0), ahead: Mutex::default() }
    }

    fn usage(&self) -> Usage {
        Usage {
            requests: self.requests.load(Ordering::Relaxed),
            resource_units: 0,
            throttled: self.throttled.load(Ordering::Relaxed),
        }
    }

    /// Sends a call and waits out a throttling server, all within the link's limit. Only what is repeatable is sent again
    /// after it may have been received.
    async fn call(&self, call: &Call) -> Result<Bytes, CallError> {
        let Link { first_wait, call_limit: throttled_for, .. } = self.link;
        let mut patience = Patience::new(Pace { first_wait, throttled_for, ..BUSY });
        let deadline = patience.deadline();
        let mut unanswered = 0;
        loop {
            let passed = self.link.gate.pass_until(deadline).await;
            passed.map_err(|OpensTooLate| CallError::NotSent(self.too_busy()))?;
            let error = match self.attempt(call, deadline).await {
                Ok(body) => return Ok(body),
                Err(error) => error,
            };
            let wait = match &error {
                CallError::Refused(refusal) if refusal.code == StatusCode::TOO_MANY_REQUESTS => {
                    self.throttled.fetch_add(1, Ordering::Relaxed);
                    let wait =
                        patience.after_throttling(Some(refusal.retry_after.unwrap_or(first_wait * DEFAULT_WAIT)));
                    self.link.gate.close_for(wait);
                    if !patience.allows(wait) {
                        return Err(error);
                    }
                    // The gate is where it waits: there it hears of a longer wait that another call is asked for.
                    continue;
                }
                CallError::Refused(refusal) if call.repeatable && refusal.code == StatusCode::SERVICE_UNAVAILABLE => {
                    refusal.retry_after.map(|asked| patience.after_throttling(Some(asked)))
                }
                _ => None,
            };
            let wait = match (&error, wait) {
                (_, Some(wait)) => wait,
                (CallError::NoAnswer(_), None) if call.repeatable && unanswered < READ_REPEATS => {
                    unanswered += 1;
                    first_wait * unanswered
                }
                (CallError::Refused(refusal), None)
                    if call.repeatable && unanswered < READ_REPEATS && refusal.code.is_server_error() =>
                {
                    unanswered += 1;
                    first_wait * unanswered
                }
                _ => return Err(error),
            };
            if !patience.allows(wait) {
                return Err(error);
            }
            sleep(wait).await;
        }
    }

    fn too_busy(&self) -> Failure {
        let limit = self.link.call_limit.as_secs_f32();
        let what = format!("{} asks to wait (429) for longer than the {limit} s that a call may take", self.link);
        Failure::new(FailureKind::Unavailable, what).with_next("wait a little and run it again")
    }

    fn no_time_left(&self) -> Failure {
        let limit = self.link.call_limit.as_secs_f32();
        let what = format!("getting a token for {} took longer than the {limit} s that a call may take", self.link);
        Failure::new(FailureKind::Unavailable, what).with_next("see why the credential takes so long, and run it again")
    }

    async fn attempt(&self, call: &Call, deadline: Instant) -> Result<Bytes, CallError> {
        let token = match &self.link.tokens {
            Some(tokens) => Some(tokens.token().await.map_err(CallError::NotSent)?),
            None => None,
        };
        // Getting a token may have taken long, and a request is under way as soon as it is looked after.
        if Instant::now() >= deadline {
            return Err(CallError::NotSent(self.no_time_left()));
        }
        let request = self.request(call, token.as_ref()).map_err(CallError::NotSent)?;
        self.requests.fetch_add(1, Ordering::Relaxed);
        let answered = async {
            let answer = self.link.client.send(request).await.map_err(|error| self.unsent_or_unanswered(&error))?;
            let (parts, body) = answer.into_parts();
            let now = (self.link.clock)();
            if let Some(ahead) = parts.headers.get(header::DATE).and_then(|date| ahead(date.to_str().ok()?, now)) {
                *self.ahead.lock().unwrap_or_else(PoisonError::into_inner) = Some(ahead);
            }
            let body = Limited::new(body, LARGEST_ANSWER).collect().await.map_err(|error| self.cut_short(&*error))?;
            let body = body.to_bytes();
            if parts.status.is_success() {
                return Ok(body);
            }
            if parts.status.is_redirection() {
                return Err(CallError::Odd(self.redirected(parts.status, parts.headers.get(header::LOCATION))));
            }
            // Whatever answers here was sent the token, and may repeat it.
            let body = body.get(..LARGEST_REFUSAL).unwrap_or(&body);
            let body = without(&String::from_utf8_lossy(body), token.iter().map(ExposeSecret::expose_secret));
            Err(CallError::Refused(Box::new(Refusal::read(parts.status, &parts.headers, body.as_bytes(), now))))
        };
        timeout_at(deadline, answered).await.unwrap_or_else(|_| {
            let what = format!("no answer from {} within {} s", self.link, self.link.call_limit.as_secs_f32());
            Err(CallError::NoAnswer(Failure::new(FailureKind::Unreachable, what).with_next(REACH)))
        })
    }

    fn request(&self, call: &Call, token: Option<&SecretString>) -> Result<Request<Body>, Failure> {
        let mut request = Request::builder()
            .method(call.method.clone())
            .uri(&call.target)
            .header(header::ACCEPT, "application/json")
            .header(header::USER_AGENT, concat!("rolecall/", env!("CARGO_PKG_VERSION")));
        if let Some(content_type) = call.content_type {
            request = request.header(header::CONTENT_TYPE, content_type);
        }
        if let Some(token) = token {
            let mut value = HeaderValue::try_from(format!("Bearer {}", token.expose_secret())).map_err(|_| {
                let what = format!("the token for {} holds characters that no header may hold", self.link);
                Failure::new(FailureKind::Unauthenticated, what)
            })?;
            value.set_sensitive(true);
            request = request.header(header::AUTHORIZATION, value);
        }
        request.body(Body::from(call.body.clone())).map_err(|error| {
            Failure::new(FailureKind::Invalid, format!("cannot build a request to {}: {error}", self.link))
        })
    }

    /// Tells a connection that was never made from one that broke after something was sent.
    fn unsent_or_unanswered(&self, error: &kube::Error) -> CallError {
        if let Some(failure) = proxy::refusal(error, self.link.proxy.as_ref(), &self.link.to_string()) {
            return CallError::NotSent(failure);
        }
        let mut cause: &dyn std::error::Error = error;
        let mut unsent = false;
        let mut text = cause.to_string();
        loop {
            if let Some(client) = cause.downcast_ref::<hyper_util::client::legacy::Error>() {
                unsent |= client.is_connect();
            }
            match cause.source() {
                Some(source) => cause = source,
                None => break,
            }
            text = cause.to_string();
        }
        let text = broken_off(&text);
        if !unsent {
            let what = format!("the connection to {} broke: {text}", self.link);
            return CallError::NoAnswer(Failure::new(FailureKind::Unreachable, what).with_next(REACH));
        }
        let failure = Failure::new(FailureKind::Unreachable, format!("cannot connect to {}: {text}", self.link));
        CallError::NotSent(if text.contains("certificate") {
            failure.with_next(
                "check that the connection's certificate authority is the one that signed the server's certificate",
            )
        } else {
            failure.with_next("check the address, the network and that the API server runs")
        })
    }

    fn cut_short(&self, error: &(dyn std::error::Error + Send + Sync + 'static)) -> CallError {
        if error.is::<LengthLimitError>() {
            let what = format!("{} sent an answer of more than {} MiB", self.link, LARGEST_ANSWER >> 20);
            return CallError::Odd(Failure::new(FailureKind::BadAnswer, what));
        }
        let what = format!("the answer of {} was cut short: {}", self.link, broken_off(&error.to_string()));
        CallError::NoAnswer(Failure::new(FailureKind::Unreachable, what).with_next(REACH))
    }

    /// Only the origin of the new address is shown: its query may hold a secret.
    fn redirected(&self, status: StatusCode, location: Option<&HeaderValue>) -> Failure {
        let place = location
            .and_then(|value| Url::parse(value.to_str().ok()?).ok())
            .map_or_else(|| "another place".to_owned(), |url| excerpt(&url.origin().ascii_serialization()));
        let what = format!(
            "{} redirects to {place} ({}); no redirect is followed, because the credential would go there",
            self.link,
            status.as_u16()
        );
        Failure::new(FailureKind::Refused, what).with_next("name the API server's own address in the connection")
    }

    /// Reads JSON out of an answer.
    fn decode<T: serde::de::DeserializeOwned>(&self, body: &[u8], tried: &str) -> Result<T, CallError> {
        serde_json::from_slice(body).map_err(|error| {
            let error = excerpt(&without_value(&error));
            let what = format!("the answer of {} to \"{tried}\" is not one of an API server: {error}", self.link);
            CallError::Odd(Failure::new(FailureKind::BadAnswer, what).with_next(NOT_A_SERVER))
        })
    }
}
