//! Signing in with an assertion instead of a secret: a token of another issuer, or one that we sign ourselves.

use std::fmt;
use std::sync::Arc;

use async_trait::async_trait;
use azure_core::credentials::TokenCredential;
use azure_core::error::ErrorKind;
use azure_core::http::ClientMethodOptions;
use azure_identity::{ClientAssertion, ClientAssertionCredential, ClientAssertionCredentialOptions};
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::settings::CredentialSettings;
use super::source::{Fetched, Grant};
use super::{Login, login};
use crate::state::Result;

/// Where assertions come from.
#[async_trait]
pub(super) trait Assertion: Send + Sync {
    /// A fresh one: it is asked for each token, because the last one may be past its time.
    async fn assertion(&self) -> Result<SecretString>;
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
        Ok(assertion.expose_secret().to_owned())
    }
}
