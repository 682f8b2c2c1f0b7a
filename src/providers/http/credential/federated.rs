//! Signing in with an assertion instead of a secret: a token of another issuer, or one that we sign ourselves.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use azure_core::credentials::TokenCredential;
use azure_core::error::ErrorKind;
use azure_core::http::ClientMethodOptions;
use azure_identity::{ClientAssertion, ClientAssertionCredential, ClientAssertionCredentialOptions};
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::settings::CredentialSettings;
use super::source::{Fetched, Grant};
use super::{Login, login};
use crate::state::{Failure, FailureKind, Result};

/// Where assertions come from.
#[async_trait]
pub(super) trait Assertion: Send + Sync {
    /// A fresh one: it is asked for each token, because the last one may be past its time.
    async fn assertion(&self) -> Result<SecretString>;

    /// Where it came from, for messages, and what to do when what came is no token.
    fn origin(&self) -> (String, &'static str);
}

/// An app that shows an assertion.
pub(super) struct Federated {
    login: Login,
    endpoint: Url,
    tenant: String,
    client: String,
    assertion: Arc<dyn Assertion>,
}

impl Federated {
    pub(super) fn new(
        settings: &CredentialSettings,
        login: &Login,
        tenant: String,
        client: &str,
        assertion: Arc<dyn Assertion>,
    ) -> Self {
        Self { login: login.clone(), endpoint: settings.login.clone(), tenant, client: client.to_owned(), assertion }
    }
}

#[async_trait]
impl Grant for Federated {
    async fn fetch(&self, scope: &str) -> Result<Fetched> {
        let options =
            ClientAssertionCredentialOptions { client_options: login::client_options(&self.login, &self.endpoint) };
        let assertion = Callback(Arc::clone(&self.assertion));
        let credential =
            ClientAssertionCredential::new(self.tenant.clone(), self.client.clone(), assertion, Some(options));
        login::ask(credential.map(|credential| credential as Arc<dyn TokenCredential>), scope).await
    }
}

/// What `azure_identity` calls.
struct Callback(Arc<dyn Assertion>);

impl fmt::Debug for Callback {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Callback")
    }
}

#[async_trait]
impl ClientAssertion for Callback {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        let no_token = |failure| azure_core::Error::with_error(ErrorKind::Credential, failure, "no token");
        let assertion = self.0.assertion().await.map_err(no_token)?;
        if !is_token(assertion.expose_secret()) {
            let (origin, next) = self.0.origin();
            let what = format!("{origin} holds no token (JWT), so that nothing was sent");
            return Err(no_token(Failure::new(FailureKind::Unauthenticated, what).with_next(next)));
        }
        Ok(assertion.expose_secret().to_owned())
    }
}

/// Whether a text looks like a signed JSON Web Token. What does not may be any secret, such as a file of variables that was
/// named by mistake, and is not to leave this machine.
fn is_token(text: &str) -> bool {
    let parts: Option<Vec<Vec<u8>>> =
        text.split('.').map(|part| URL_SAFE_NO_PAD.decode(part).ok().filter(|bytes| !bytes.is_empty())).collect();
    let is_object =
        |bytes: &Vec<u8>| serde_json::from_slice::<serde_json::Map<String, serde_json::Value>>(bytes).is_ok();
    parts.is_some_and(|parts| matches!(&parts[..], [header, _, _] if is_object(header)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_looks_like_a_token_is_sent() {
        assert!(is_token("eyJhbGciOiJub25lIn0.e30.c2lnbmF0dXJl"));
        for text in
            ["", "..", "SECRET=hunter2", "a.b.c", "e30.e30", "e30.e30.e30.e30", "e30..e30", "e30.e30.=", "MTI.e30.e30"]
        {
            assert!(!is_token(text), "{text}");
        }
    }
}
