//! A CI system that gives a job a token about itself when it is asked.

use async_trait::async_trait;
use reqwest::header::{AUTHORIZATION, HeaderValue};
use reqwest::{Method, Request};
use secrecy::{ExposeSecret as _, SecretString};
use serde_json::Value;
use url::Url;

use super::Login;
use super::federated::Assertion;
use crate::providers::http::{Answer, require_tls};
use crate::state::{Failure, FailureKind, Result};

/// Where to ask, and how. Address and bearer come from the environment, never from the config; the transport follows no
/// redirect, so the bearer goes to this origin only.
pub(super) struct Issuer {
    /// For messages.
    pub(super) name: &'static str,
    pub(super) login: Login,
    pub(super) method: Method,
    pub(super) url: Url,
    pub(super) bearer: SecretString,
    pub(super) headers: &'static [(&'static str, &'static str)],
    /// Where in the answer the token stands.
    pub(super) field: &'static str,
    /// What to do when it refuses.
    pub(super) next: &'static str,
}

/// The address that a variable holds: HTTPS, except on loopback.
pub(super) fn endpoint(variable: &str, value: &str) -> Result<Url> {
    let url = Url::parse(value)
        .map_err(|error| Failure::new(FailureKind::Invalid, format!("{variable} is no URL: {error}")))?;
    require_tls(&url).map_err(|failure| Failure { what: format!("{variable}: {}", failure.what), ..failure })?;
    Ok(url)
}

#[async_trait]
impl Assertion for Issuer {
    async fn assertion(&self) -> Result<SecretString> {
        let bearer = HeaderValue::from_str(&format!("Bearer {}", self.bearer.expose_secret()));
        let mut bearer = bearer.map_err(|_| {
            Failure::new(FailureKind::Invalid, format!("the request token of {} is no token", self.name))
                .with_next(self.next)
        })?;
        bearer.set_sensitive(true);
        let request = || {
            let mut request = Request::new(self.method.clone(), self.url.clone());
            let headers = request.headers_mut();
            headers.insert(AUTHORIZATION, bearer.clone());
            for (name, value) in self.headers {
                headers.insert(*name, HeaderValue::from_static(value));
            }
            Ok(request)
        };
        let answer = self.login.answer(request, |answer| self.refused(answer)).await?;
        let body: Option<Value> = serde_json::from_slice(&answer.body).ok();
        let token = body.as_ref().and_then(|body| body.get(self.field)).and_then(Value::as_str);
        token.filter(|token| !token.is_empty()).map(SecretString::from).ok_or_else(|| {
            let what = format!("{} ({}) gave no token", self.name, self.address());
            Failure::new(FailureKind::BadAnswer, what).with_next(self.next)
        })
    }

    fn origin(&self) -> (String, &'static str) {
        (format!("the answer of {} ({})", self.name, self.address()), self.next)
    }
}

impl Issuer {
    fn address(&self) -> String {
        self.url.origin().ascii_serialization()
    }

    fn refused(&self, answer: &Answer) -> Failure {
        let status = answer.status.as_u16();
        let kind = match status {
            429 | 500.. => FailureKind::Unavailable,
            _ => FailureKind::Unauthenticated,
        };
        let what = format!("{} ({}) refused to give a token about this job: {status}", self.name, self.address());
        Failure::new(kind, what).with_next(self.next)
    }
}
