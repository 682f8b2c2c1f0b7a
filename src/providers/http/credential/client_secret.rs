//! An app with a client secret, from `AZURE_TENANT_ID`, `AZURE_CLIENT_ID` and `AZURE_CLIENT_SECRET`.

use async_trait::async_trait;
use azure_core::credentials::{Secret, TokenCredential};
use azure_identity::{ClientSecretCredential, ClientSecretCredentialOptions};
use secrecy::{ExposeSecret as _, SecretString};
use std::sync::Arc;
use url::Url;

use super::settings::{CredentialSettings, Intent};
use super::source::{Fetched, Grant, SetUp};
use super::{Login, login};
use crate::state::Result;

struct ClientSecret {
    login: Login,
    endpoint: Url,
    tenant: String,
    client: String,
    secret: SecretString,
}

pub(super) fn set_up(settings: &CredentialSettings, login: &Login) -> SetUp {
    let [secret, client] = match settings.all(Intent::ByHand, ["AZURE_CLIENT_SECRET", "AZURE_CLIENT_ID"]) {
        Ok(values) => values,
        Err(set_up) => return set_up,
    };
    SetUp::of(settings.tenant_to_ask("AZURE_TENANT_ID").map(|tenant| ClientSecret {
        login: login.clone(),
        endpoint: settings.login.clone(),
        tenant,
        client: client.to_owned(),
        secret: SecretString::from(secret),
    }))
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
