//! An app that trusts a token in a file, from `AZURE_FEDERATED_TOKEN_FILE`, `AZURE_CLIENT_ID` and `AZURE_TENANT_ID`:
//! what the workload identity webhook gives to pods.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretString;

use super::Login;
use super::federated::{Assertion, Federated};
use super::settings::{CredentialSettings, Intent};
use super::source::SetUp;
use crate::state::{Failure, FailureKind, Result};

pub(super) fn set_up(settings: &CredentialSettings, login: &Login) -> SetUp {
    let [file, client] = match settings.all(Intent::ByHand, ["AZURE_FEDERATED_TOKEN_FILE", "AZURE_CLIENT_ID"]) {
        Ok(values) => values,
        Err(set_up) => return set_up,
    };
    let tenant = settings.tenant_to_ask("AZURE_TENANT_ID");
    SetUp::of(tenant.map(|tenant| Federated::new(settings, login, tenant, client, Arc::new(TokenFile(file.into())))))
}

/// The file's token; read anew each time, because the kubelet replaces it every hour. `azure_identity`'s own workload
/// identity credential keeps it for ten minutes and takes what is not set from the process's environment.
struct TokenFile(PathBuf);

const NEXT: &str = "point AZURE_FEDERATED_TOKEN_FILE to the projected service account token";

#[async_trait]
impl Assertion for TokenFile {
    async fn assertion(&self) -> Result<SecretString> {
        let problem = match fs_err::read_to_string(&self.0) {
            Ok(text) if !text.trim().is_empty() => return Ok(SecretString::from(text.trim())),
            Ok(_) => format!("{} is empty", self.0.display()),
            Err(error) => error.to_string(),
        };
        Err(Failure::new(FailureKind::Unauthenticated, problem).with_next(NEXT))
    }

    fn origin(&self) -> (String, &'static str) {
        (self.0.display().to_string(), NEXT)
    }
}
