//! An app that trusts a token in a file, from `AZURE_FEDERATED_TOKEN_FILE`, `AZURE_CLIENT_ID` and `AZURE_TENANT_ID`:
//! what the workload identity webhook gives to pods.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use azure_core::credentials::TokenCredential;
use azure_core::error::ErrorKind;
use azure_core::http::ClientMethodOptions;
use azure_identity::{ClientAssertion, ClientAssertionCredential, ClientAssertionCredentialOptions};
use url::Url;

use super::{CredentialSettings, Fetched, Grant, Login, SetUp, login};
use crate::state::{Failure, FailureKind, Result};

struct WorkloadIdentity {
    login: Login,
    endpoint: Url,
    tenant: String,
    client: String,
    file: PathBuf,
}

pub(super) fn set_up(settings: &CredentialSettings, login: &Login) -> SetUp {
    let Some(file) = settings.variable("AZURE_FEDERATED_TOKEN_FILE") else {
        return SetUp::Absent("AZURE_FEDERATED_TOKEN_FILE is not set".to_owned());
    };
    let Some(client) = settings.variable("AZURE_CLIENT_ID") else {
        let what = "AZURE_FEDERATED_TOKEN_FILE is set without AZURE_CLIENT_ID";
        return SetUp::Broken(
            Failure::new(FailureKind::Unauthenticated, what).with_next("set AZURE_CLIENT_ID to the app's id"),
        );
    };
    match settings.tenant_to_ask() {
        Ok(tenant) => SetUp::Ready(Box::new(WorkloadIdentity {
            login: login.clone(),
            endpoint: settings.login.clone(),
            tenant,
            client: client.to_owned(),
            file: PathBuf::from(file),
        })),
        Err(failure) => SetUp::Broken(failure),
    }
}

/// The file's token; read anew each time, because the kubelet replaces it every hour. `azure_identity`'s own workload
/// identity credential keeps it for ten minutes and takes what is not set from the process's environment.
#[derive(Debug)]
struct TokenFile(PathBuf);

#[async_trait]
impl ClientAssertion for TokenFile {
    async fn secret(&self, _: Option<ClientMethodOptions<'_>>) -> azure_core::Result<String> {
        let problem = match fs_err::read_to_string(&self.0) {
            Ok(text) if !text.trim().is_empty() => return Ok(text.trim().to_owned()),
            Ok(_) => format!("{} is empty", self.0.display()),
            Err(error) => error.to_string(),
        };
        let failure = Failure::new(FailureKind::Unauthenticated, problem)
            .with_next("point AZURE_FEDERATED_TOKEN_FILE to the projected service account token");
        Err(azure_core::Error::with_error(ErrorKind::Credential, failure, "no token"))
    }
}

#[async_trait]
impl Grant for WorkloadIdentity {
    async fn fetch(&self, scope: &str) -> Result<Fetched> {
        let options =
            ClientAssertionCredentialOptions { client_options: login::client_options(&self.login, &self.endpoint) };
        let file = TokenFile(self.file.clone());
        let credential = ClientAssertionCredential::new(self.tenant.clone(), self.client.clone(), file, Some(options));
        login::ask(credential.map(|credential| credential as Arc<dyn TokenCredential>), scope).await
    }
}
