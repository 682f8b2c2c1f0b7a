//! The only place that makes an HTTP client: rustls on ring, roots of the operating system, no redirects, HTTPS or
//! loopback, and every wait and every body bounded.

mod address;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;
use std::error::Error as _;
use std::fmt;
use std::sync::{Arc, Mutex, Once, PoisonError};
use std::time::Duration;

use bytes::{Bytes, BytesMut};
use jiff::{SignedDuration, Timestamp};
use reqwest::header::{HeaderMap, RETRY_AFTER};
use reqwest::{Certificate, Client, Request, Response, StatusCode, Url, redirect};

use super::proxy::{self, Proxies};
use super::throttle::retry_after;
use super::words::broken_off;
use crate::state::{Failure, FailureKind, Heard, Result};
use address::is_link_local;
pub use address::{is_loopback, require_tls};

/// How long connecting to what runs beside us may take: it answers at once or is not there.
const NEAR_DEADLINE: Duration = Duration::from_secs(2);
/// How long connecting, TLS included, may take.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// More than twenty full pages of members in one batch, and far less than memory.
const LARGEST_BODY: usize = 64 * 1024 * 1024;

/// What to do about an answer that did not come.
const REACH: &str = "check the network and the proxy, then run it again";

/// How to build a [`Transport`].
#[derive(Clone, Debug)]
pub struct TransportSettings {
    /// A PEM bundle that is trusted beside the roots of the operating system.
    pub extra_ca: Option<Vec<u8>>,
    /// The proxy, if there is one; nothing is taken from the process's environment.
    pub proxies: Proxies,
    /// How long one call may take from sending to the last byte of the answer.
    pub call_deadline: Duration,
    /// Our clock, which what answers say about time is compared with.
    pub clock: fn() -> Timestamp,
}

impl TransportSettings {
    /// Settings with 30 seconds a call.
    pub fn new(extra_ca: Option<Vec<u8>>, proxies: Proxies) -> Self {
        Self { extra_ca, proxies, call_deadline: Duration::from_secs(30), clock: Timestamp::now }
    }
}

/// One pool of connections, cheap to clone.
#[derive(Clone, Debug)]
pub struct Transport {
    client: Client,
    call_deadline: Duration,
    connect_deadline: Duration,
    clock: fn() -> Timestamp,
    /// For messages: the client has them too.
    proxies: Proxies,
    /// See [`Transport::to_this_machine`].
    link_local: bool,
    /// What answers say besides what was asked, by origin.
    heard: Arc<Mutex<BTreeMap<String, Heard>>>,
    /// See [`Transport::answering`].
    answers: Option<Answers>,
}

/// A server that is a function.
#[derive(Clone)]
struct Answers(Arc<Answering>);
type Answering = dyn Fn(&Request) -> http::Response<Bytes> + Send + Sync;

impl fmt::Debug for Answers {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Answers")
    }
}

/// An answer that was read whole. Its status is never a redirect.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The HTTP status.
    pub status: StatusCode,
    /// The headers.
    pub headers: HeaderMap,
    /// How long it asks us to wait.
    pub retry_after: Option<Duration>,
    /// The body.
    pub body: Bytes,
}

/// Why there is no answer.
#[derive(Clone, Debug)]
pub enum NotAnswered {
    /// Nothing was sent: repeating it can do no harm.
    NotSent(Failure),
    /// It was sent, or may have been, and what became of it is not known.
    Unknown(Failure),
    /// Nothing was done, and repeating would give the same: it may not be sent like this, or the answer must not be followed.
    Refused(Failure),
    /// It was answered with what cannot be used. Repeating would give the same; it may have been done.
    Unusable(Failure),
}

impl NotAnswered {
    /// The failure, whatever became of the request.
    pub fn into_failure(self) -> Failure {
        match self {
            Self::NotSent(failure) | Self::Unknown(failure) | Self::Refused(failure) | Self::Unusable(failure) => {
                failure
            }
        }
    }
}

impl Transport {
    /// Builds the client.
    ///
    /// Roots come from the operating system through rustls-platform-verifier, which reqwest brings: companies that
    /// inspect TLS put their CA there, and a root that is withdrawn goes with the system's updates instead of ours.
    ///
    /// # Errors
    /// When the extra CA is not PEM, or no root can be loaded.
    pub fn new(settings: &TransportSettings) -> Result<Self> {
        Self::build(settings, CONNECT_DEADLINE)
    }

    /// A transport for the identity endpoints that Azure puts beside a machine or an app.
    ///
    /// They speak plain HTTP by nature: the instance metadata service at 169.254.169.254, and App Service at an address of
    /// the same range or on loopback. This is the one exception from TLS besides loopback, and no other transport has it:
    /// link-local addresses are never routed, so what is sent does not leave the host's own link. No proxy is used.
    ///
    /// # Errors
    /// As [`Transport::new`].
    pub fn to_this_machine() -> Result<Self> {
        let settings = TransportSettings {
            call_deadline: Duration::from_secs(10),
            ..TransportSettings::new(None, Proxies::default())
        };
        Ok(Self { link_local: true, ..Self::build(&settings, NEAR_DEADLINE)? })
    }

    fn build(settings: &TransportSettings, connect_deadline: Duration) -> Result<Self> {
        static PROVIDER: Once = Once::new();
        // Another part of the process may have installed one before; both are ring, so either will do.
        PROVIDER.call_once(|| drop(rustls::crypto::ring::default_provider().install_default()));

        let mut builder = Client::builder()
            .user_agent(concat!("rolecall/", env!("CARGO_PKG_VERSION")))
            .redirect(redirect::Policy::none())
            .referer(false)
            .connect_timeout(connect_deadline)
            .tcp_nodelay(true);
        if let Some(pem) = &settings.extra_ca {
            let certificates = Certificate::from_pem_bundle(pem).ok().filter(|found| !found.is_empty());
            let certificates = certificates.ok_or_else(|| {
                Failure::new(FailureKind::Refused, "the CA file of the connection holds no certificate in PEM form")
                    .with_next("give a file that holds -----BEGIN CERTIFICATE----- blocks")
            })?;
            builder = builder.tls_certs_merge(certificates);
        }
        // The first turns off what reqwest reads from the environment by itself.
        builder = builder.no_proxy().proxy(settings.proxies.to_reqwest());
        let client = builder.build().map_err(|error| {
            Failure::new(FailureKind::Unreachable, format!("cannot set up TLS: {}", cause(&error)))
                .with_next("install the CA certificates of the operating system (often the package ca-certificates)")
        })?;
        Ok(Self {
            client,
            call_deadline: settings.call_deadline,
            connect_deadline,
            clock: settings.clock,
            proxies: settings.proxies.clone(),
            link_local: false,
            heard: Arc::default(),
            answers: None,
        })
    }

    /// The same, answered by a function instead of a server; nothing is sent. For fuzzing what reads answers.
    #[doc(hidden)]
    #[must_use]
    pub fn answering(self, answers: impl Fn(&Request) -> http::Response<Bytes> + Send + Sync + 'static) -> Self {
        Self { answers: Some(Answers(Arc::new(answers))), heard: Arc::default(), ..self }
    }

    /// Sends one request and reads its whole answer, of whatever status below or above 3xx.
    ///
    /// # Errors
    /// See [`NotAnswered`].
    pub async fn send(&self, request: Request) -> std::result::Result<Answer, NotAnswered> {
        let origin = request.url().origin().ascii_serialization();
        if !(self.link_local && is_link_local(request.url())) {
            require_tls(request.url()).map_err(NotAnswered::Refused)?;
        }
        match tokio::time::timeout(self.call_deadline, self.exchange(request, &origin)).await {
            Ok(answer) => answer,
            Err(_) => Err(NotAnswered::Unknown(
                Failure::new(
                    FailureKind::Unreachable,
                    format!("{origin} gave no whole answer within {} s", self.call_deadline.as_secs_f32()),
                )
                .with_next(REACH),
            )),
        }
    }

    async fn exchange(&self, request: Request, origin: &str) -> std::result::Result<Answer, NotAnswered> {
        let response = match &self.answers {
            Some(Answers(answer)) => Ok(answer(&request).into()),
            None => self.client.execute(request).await,
        };
        let mut response: Response = response.map_err(|error| self.not_answered(&error, origin))?;
        let (status, headers) = (response.status(), response.headers().clone());
        self.hear(origin, &headers);
        if status.is_redirection() {
            return Err(NotAnswered::Refused(redirected(origin, status, &headers, response.url())));
        }
        let mut body = BytesMut::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.not_answered(&error, origin))? {
            if body.len() + chunk.len() > LARGEST_BODY {
                return Err(NotAnswered::Unusable(Failure::new(
                    FailureKind::BadAnswer,
                    format!("{origin} answered with more than {} MiB", LARGEST_BODY / 1024 / 1024),
                )));
            }
            body.extend_from_slice(&chunk);
        }
        let wait = headers.get(RETRY_AFTER).and_then(|value| retry_after(value.to_str().ok()?, self.now()));
        Ok(Answer { status, headers, retry_after: wait, body: body.freeze() })
    }

    fn not_answered(&self, error: &reqwest::Error, origin: &str) -> NotAnswered {
        let proxy = error.url().and_then(|url| self.proxies.for_server(url));
        if let Some(failure) = proxy::refusal(error, proxy, origin) {
            return match failure.kind {
                FailureKind::Refused => NotAnswered::Refused(failure),
                _ => NotAnswered::NotSent(failure),
            };
        }
        let reason = self.innermost(error);
        let failure = |text: String| Failure::new(FailureKind::Unreachable, text);
        if error.is_builder() {
            return NotAnswered::Refused(failure(format!("cannot send to {origin}: {reason}")));
        }
        if !error.is_connect() {
            let broke = failure(format!("{origin} broke off before its answer was whole: {reason}"));
            return NotAnswered::Unknown(broke.with_next(REACH));
        }
        let failure = failure(format!("cannot connect to {origin}: {reason}"));
        if reason.contains("certificate") {
            // One that is not trusted now will not be trusted in a second.
            return NotAnswered::Refused(failure.with_next(
                "if the server uses a private CA, name its CA file in the connection; certificates are always verified",
            ));
        }
        if self.link_local {
            // Where it is not, it will not be in a second.
            return NotAnswered::Refused(failure);
        }
        NotAnswered::NotSent(failure.with_next("check the network, the proxy and the address of the connection"))
    }

    /// The cause at the bottom: reqwest's own text only repeats the URL.
    fn innermost(&self, error: &reqwest::Error) -> String {
        if error.is_timeout() && error.is_connect() {
            return format!("no connection within {} s", self.connect_deadline.as_secs());
        }
        cause(error)
    }
}

fn cause(error: &reqwest::Error) -> String {
    let mut cause = error.source();
    let mut text = None;
    while let Some(inner) = cause {
        text = Some(inner.to_string());
        cause = inner.source();
    }
    text.map_or_else(|| "the connection failed".to_owned(), |text| broken_off(&text))
}

impl Transport {
    /// What the answers of each origin have said about its clock and its limits so far.
    pub fn heard(&self) -> BTreeMap<String, Heard> {
        self.heard.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What our clock shows.
    pub fn now(&self) -> Timestamp {
        (self.clock)()
    }

    fn hear(&self, origin: &str, headers: &HeaderMap) {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let mut heard = self.heard.lock().unwrap_or_else(PoisonError::into_inner);
        let heard = heard.entry(origin.to_owned()).or_default();
        heard.ahead = text("date").and_then(|date| ahead(date, self.now())).or(heard.ahead);
        let throttle = text("x-ms-throttle-limit-percentage").and_then(|value| value.trim().parse::<f64>().ok());
        if let Some(throttle) = throttle.filter(|throttle| throttle.is_finite()) {
            heard.throttle = Some(heard.throttle.map_or(throttle, |highest| highest.max(throttle)));
        }
    }
}

/// How far a clock that shows this `Date` is ahead of ours, which shows `now`.
pub fn ahead(date: &str, now: Timestamp) -> Option<SignedDuration> {
    let theirs = jiff::fmt::rfc2822::parse(date).ok()?.timestamp();
    Some(theirs.duration_since(now))
}

fn redirected(origin: &str, status: StatusCode, headers: &HeaderMap, base: &Url) -> Failure {
    let target = headers.get(reqwest::header::LOCATION).and_then(|location| location.to_str().ok());
    // Only the origin: the rest of a location may hold a code or a token.
    let target = target.and_then(|location| base.join(location).ok());
    let target = target.map_or_else(|| "nowhere".to_owned(), |url| url.origin().ascii_serialization());
    Failure::new(
        FailureKind::Refused,
        format!("{origin} redirects to {target} ({}); redirects are never followed", status.as_u16()),
    )
    .with_next("check the address of the connection, and whether a proxy or sign-in page stands in between")
}
