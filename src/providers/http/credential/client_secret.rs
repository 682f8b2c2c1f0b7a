//! An app with a client secret, from `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and `AZURE_CLIENT_SECRET`.

use async_trait::async_trait;
use azure_core::credentials::{Secret, TokenCredential};
use azure_identity::{ClientSecretCredential, ClientSecretCredentialOptions};
use secrecy::{ExposeSecret as _, SecretString};
use std::sync::Arc;
use url::Url;

use super::{CredentialSettings, Fetched, Grant, Login, SetUp, login};
use crate::state::{Failure, FailureKind, Result};

struct ClientSecret {
    login: Login,
    endpoint: Url,
    tenant: String,
    client: String,
    secret: SecretString,
}

pub(super) fn set_up(settings: &CredentialSettings, login: &Login) -> SetUp {
    let Some(secret) = settings.variable("AZURE_CLIENT_SECRET") else {
        return SetUp::Absent("AZURE_CLIENT_SECRET is not set".to_owned());
    };
    let Some(client) = settings.variable("AZURE_CLIENT_ID") else {
        let what = "AZURE_CLIENT_SECRET is set without AZURE_CLIENT_ID";
        return SetUp::Broken(
            Failure::new(FailureKind::Unauthenticated, what).with_next("set AZURE_CLIENT_ID to the app's id"),
        );
    };
    match settings.tenant_to_ask() {
        Ok(tenant) => SetUp::Ready(Box::new(ClientSecret {
            login: login.clone(),
            endpoint: settings.login.clone(),
            tenant,
            client: client.to_owned(),
            secret: SecretString::from(secret),
        })),
        Err(failure) => SetUp::Broken(failure),
    }
}

#[async_trait]
impl Grant for ClientSecret {
    async fn fetch(&self, scope: &str) -> Result<Fetched> {
        let options =
            ClientSecretCredentialOptions { client_options: login::client_options(&self.login, &self.endpoint) };
        let secret = Secret::new(self.secret.expose_secret().to_owned());
        let credential = ClientSecretCredential::new(&self.tenant, self.client.clone(), secret, Some(options));
        login::ask(credential.map(|credential| credential as Arc<dyn TokenCredential>), scope).await
    }
}
