//! The login endpoint under `azure_identity`: our transport instead of its own, and its errors in our words.
//!
//! The crate's retries are off and ours are used, because its own hide a certificate that is not trusted behind 60 s of
//! repeating, and ignore a `Retry-After` with a fraction.

use std::error::Error as _;
use std::sync::Arc;
use std::time::{Duration, SystemTime};

use async_trait::async_trait;
use azure_core::cloud::{CloudConfiguration, CustomConfiguration};
use azure_core::credentials::{AccessToken, TokenCredential};
use azure_core::error::ErrorKind;
use azure_core::http::headers::Headers;
use azure_core::http::{
    AsyncRawResponse, Body, ClientOptions, HttpClient, Request, RetryOptions, Transport as AzureTransport,
};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use reqwest::Method;
use secrecy::SecretString;
use serde::Deserialize;
use serde_json::Value;
use url::{Url, form_urlencoded};

use super::super::{Answer, NotAnswered, Patience, excerpt, without};
use super::Login;
use super::source::Fetched;
use crate::state::{Failure, FailureKind, Result};

/// Client options for a credential of `azure_identity` that uses this login endpoint and nothing else.
pub(super) fn client_options(login: &Login, endpoint: &Url) -> ClientOptions {
    let mut cloud = CustomConfiguration::default();
    endpoint.as_str().clone_into(&mut cloud.authority_host);
    ClientOptions {
        retry: RetryOptions::none(),
        transport: Some(AzureTransport::new(Arc::new(login.clone()))),
        // Named always: without it the crate reads AZURE_AUTHORITY_HOST from the process.
        cloud: Some(Arc::new(CloudConfiguration::Custom(cloud))),
        ..ClientOptions::default()
    }
}

/// Asks a credential of `azure_identity`. A new one for each token: they hold a cache of their own, which would give a
/// refused token again.
pub(super) async fn ask(credential: azure_core::Result<Arc<dyn TokenCredential>>, scope: &str) -> Result<Fetched> {
    let credential = credential.map_err(|error| failure(&error))?;
    let token = credential.get_token(&[scope], None).await.map_err(|error| failure(&error))?;
    Ok(fetched(&token))
}

fn fetched(token: &AccessToken) -> Fetched {
    let good_for = SystemTime::from(token.expires_on).duration_since(SystemTime::now()).unwrap_or(Duration::ZERO);
    Fetched { secret: SecretString::from(token.token.secret()), good_for }
}

/// Our own failure if there is one below, else the crate's words.
fn failure(error: &azure_core::Error) -> Failure {
    let mut cause = error.source();
    let mut innermost = error.to_string();
    while let Some(inner) = cause {
        if let Some(failure) = inner.downcast_ref::<Failure>() {
            return failure.clone();
        }
        innermost = inner.to_string();
        cause = inner.source();
    }
    Failure::new(FailureKind::Unauthenticated, first_line(&innermost))
}

pub(super) fn first_line(text: &str) -> String {
    text.lines().map(str::trim).find(|line| !line.is_empty()).unwrap_or("it gave no reason").to_owned()
}

impl Login {
    /// Sends a request that changes nothing, so it may be repeated whatever became of it.
    ///
    /// # Errors
    /// What `refused` makes of an answer that is no success; the transport's own failure without an answer.
    pub(super) async fn answer(
        &self,
        request: impl Fn() -> Result<reqwest::Request>,
        refused: impl Fn(&Answer) -> Failure,
    ) -> Result<Answer> {
        let mut patience = Patience::new(self.pace);
        loop {
            let (failure, wait) = match self.transport.send(request()?).await {
                Ok(answer) if answer.status.is_success() => return Ok(answer),
                Ok(answer) => {
                    let again = answer.status.as_u16() == 429 || answer.status.is_server_error();
                    (refused(&answer), if again { patience.after_failure(answer.retry_after) } else { None })
                }
                Err(NotAnswered::Refused(failure) | NotAnswered::Unusable(failure)) => (failure, None),
                Err(NotAnswered::NotSent(failure) | NotAnswered::Unknown(failure)) => {
                    (failure, patience.after_failure(None))
                }
            };
            let Some(wait) = wait else { return Err(failure) };
            tokio::time::sleep(wait).await;
        }
    }
}

#[async_trait]
impl HttpClient for Login {
    /// Sends a token request.
    async fn execute_request(&self, request: &Request) -> azure_core::Result<AsyncRawResponse> {
        let no_token = |failure| azure_core::Error::with_error(ErrorKind::Credential, failure, "no token");
        let answer = self.answer(|| to_reqwest(request), |answer| refused(answer, request)).await.map_err(no_token)?;
        let status = answer.status.as_u16();
        let wrong = match serde_json::from_slice::<TokenBody>(&answer.body) {
            Err(_) => Some("gave no token"),
            Ok(body) if !LIFETIME.contains(&body.expires_in) => Some("gave a token of an impossible lifetime"),
            Ok(_) => None,
        };
        if let Some(wrong) = wrong {
            let what = format!("the login endpoint answered {status} and {wrong}");
            return Err(no_token(Failure::new(FailureKind::BadAnswer, what).with_next(
                "check the address of the login endpoint, and whether a proxy or sign-in page stands in between",
            )));
        }
        Ok(AsyncRawResponse::from_bytes(status.into(), Headers::default(), answer.body))
    }
}

fn to_reqwest(request: &Request) -> Result<reqwest::Request> {
    let method = Method::from_bytes(request.method().as_ref().as_bytes());
    let method = method.map_err(|error| Failure::new(FailureKind::Invalid, error.to_string()))?;
    let mut copy = reqwest::Request::new(method, request.url().clone());
    for (name, value) in request.headers().iter() {
        let name = reqwest::header::HeaderName::from_bytes(name.as_str().as_bytes());
        let value = reqwest::header::HeaderValue::from_str(value.as_str());
        if let (Ok(name), Ok(value)) = (name, value) {
            copy.headers_mut().insert(name, value);
        }
    }
    if let Body::Bytes(bytes) = request.body() {
        *copy.body_mut() = Some(bytes.clone().into());
    }
    Ok(copy)
}

/// The seconds that a token may be good for. Entra gives at most a day; the crate panics on a time past the year 9999.
const LIFETIME: std::ops::RangeInclusive<i64> = 0..=30 * 24 * 3600;

/// What `azure_identity` reads of an answer. Read here first, because its own error quotes what it does not understand.
#[derive(Deserialize)]
#[expect(dead_code, reason = "of the others only whether they can be read matters")]
struct TokenBody {
    token_type: String,
    expires_in: i64,
    ext_expires_in: i64,
    access_token: String,
}

/// The error body of the token endpoint.
#[derive(Default, Deserialize)]
#[serde(default)]
struct ErrorBody {
    error: String,
    error_description: String,
    error_codes: Vec<u64>,
}

fn refused(answer: &Answer, request: &Request) -> Failure {
    let status = answer.status.as_u16();
    let body: ErrorBody = serde_json::from_slice(&answer.body).unwrap_or_default();
    let kind = match status {
        429 | 500.. => FailureKind::Unavailable,
        _ => FailureKind::Unauthenticated,
    };
    if body.error_description.is_empty() {
        let code = if body.error.is_empty() { "no reason".to_owned() } else { words(&body.error, request) };
        return Failure::new(kind, format!("the login endpoint answered {status} with {code}"));
    }
    // The rest are a trace id and a time, each time new.
    let text = body.error_description.split("Trace ID:").next().unwrap_or_default();
    let text = words(&first_line(text), request);
    let known = body.error_codes.iter().find_map(|code| Some((*code, advice(*code)?)));
    let Some((code, next)) = known else { return Failure::new(kind, text) };
    let presented = AssertionClaims::in_request(request);
    let next = match &presented {
        Some(claims) if code == 700_027 && !claims.is_self_signed() => {
            "Entra cannot check the signature of this token: see that it is whole and of the issuer that the app's federated \
             credential names, and that Entra can reach that issuer's keys"
        }
        _ => next,
    };
    let presented = presented.and_then(|claims| match code {
        70_021 | 700_211 | 700_212 | 700_213 | 70_025 => Some(claims.identity()),
        700_027 if !claims.is_self_signed() => Some(claims.identity()),
        700_024 => Some(claims.times(Timestamp::now())),
        _ => None,
    });
    let text = presented.map_or(text.clone(), |presented| format!("{text} {presented}"));
    Failure::new(kind, text).with_next(next)
}

/// What an assertion says about itself. None of it is a secret; the token around it is.
struct AssertionClaims(serde_json::Map<String, Value>);

impl AssertionClaims {
    /// The claims of the assertion that a token request shows.
    fn in_request(request: &Request) -> Option<Self> {
        let Body::Bytes(body) = request.body() else { return None };
        let (_, assertion) = form_urlencoded::parse(body).find(|(name, _)| name == "client_assertion")?;
        let payload = URL_SAFE_NO_PAD.decode(assertion.split('.').nth(1)?.trim_end_matches('=')).ok()?;
        serde_json::from_slice(&payload).ok().map(Self)
    }

    /// Whether the app signed it with its own certificate: then it names itself twice.
    fn is_self_signed(&self) -> bool {
        self.0.get("iss").is_some_and(|issuer| self.0.get("sub") == Some(issuer))
    }

    fn identity(&self) -> String {
        let claim = |name: &str| match self.0.get(name) {
            Some(Value::String(text)) => format!("`{text}`"),
            Some(other) => format!("`{other}`"),
            None => "none".to_owned(),
        };
        format!("It was presented issuer {}, subject {}, audience {}.", claim("iss"), claim("sub"), claim("aud"))
    }

    fn times(&self, now: Timestamp) -> String {
        let claim = |name: &str| {
            let second = self.0.get(name).and_then(Value::as_i64);
            let time = second.and_then(|second| Timestamp::from_second(second).ok());
            time.map_or_else(|| "an unknown time".to_owned(), |time| time.to_string())
        };
        let start = if self.0.contains_key("nbf") { "nbf" } else { "iat" };
        let now = Timestamp::from_second(now.as_second()).unwrap_or(now);
        format!("The assertion says it is valid from {} to {}; our clock says {now}.", claim(start), claim("exp"))
    }
}

/// Fields of a token request that are no secret. Any other may be one: a server that repeats it must not get it printed.
const PUBLIC: &[&str] = &["client_assertion_type", "client_id", "grant_type", "scope"];

/// The server's words, without what it was sent in confidence.
fn words(text: &str, request: &Request) -> String {
    let Body::Bytes(body) = request.body() else { return excerpt(text) };
    let fields: Vec<_> = form_urlencoded::parse(body).filter(|(name, _)| !PUBLIC.contains(&&**name)).collect();
    excerpt(&without(text, fields.iter().map(|(_, value)| &**value)))
}

/// What the commonest codes of the token endpoint mean, and what to do.
fn advice(code: u64) -> Option<&'static str> {
    Some(match code {
        7_000_215 => "the secret is wrong: give the secret's value (not its id) in AZURE_CLIENT_SECRET",
        7_000_222 => "the secret has expired: make a new one for the app",
        700_016 => {
            "no app of this tenant has this client id: check AZURE_CLIENT_ID, and that the app has a service principal here"
        }
        90_002 => "there is no such tenant in this cloud: check the tenant id and tenant.cloud",
        70_021 => "no federated credential of the app is the assertion's: compare all three, letter by letter",
        700_211 => {
            "no federated credential of the app has this issuer, which is compared letter by letter, the last slash \
             included; after adding one, wait some minutes"
        }
        700_212 => {
            "no federated credential of the app has this audience; each cloud has its own, see tenant.cloud. After \
             changing it, wait some minutes"
        }
        700_213 => {
            "no federated credential of the app has this subject, which is compared letter by letter (branch, \
             environment, namespace); after adding one, wait some minutes"
        }
        70_025 => "the app has no federated credential: add one with this issuer, subject and audience",
        700_024 => {
            "get a fresh token, as its file, variable or job is from before; if the times look right, correct this \
             machine's clock"
        }
        700_027 => {
            "Entra cannot check the signature: upload this certificate to the app, or sign with the key of one that is there"
        }
        500_011 => "this tenant has no such resource: check the audience, and tenant.cloud",
        _ => return None,
    })
}
