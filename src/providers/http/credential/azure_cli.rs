//! Whoever is logged in to the Azure CLI, for people at a terminal.

use std::ffi::OsStr;
use std::io;
use std::process::{Output, Stdio};
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use azure_core::credentials::TokenCredential;
use azure_identity::{AzureCliCredential, AzureCliCredentialOptions, Executor};

use super::settings::CredentialSettings;
use super::source::{Fetched, Grant, SetUp};
use super::{Login, login};
use crate::state::{Result, TenantId};

/// `az` is a Python program that may have to renew its own token first.
const DEADLINE: Duration = Duration::from_secs(60);

pub(super) struct AzureCli {
    tenant: TenantId,
    executor: Arc<dyn Executor>,
}

impl AzureCli {
    pub(super) fn new(tenant: TenantId, executor: Arc<dyn Executor>) -> Self {
        Self { tenant, executor }
    }
}

pub(super) fn set_up(settings: &CredentialSettings, _: &Login) -> SetUp {
    if !settings.azure_cli {
        return SetUp::Absent("not used here".to_owned());
    }
    SetUp::Ready(Box::new(AzureCli::new(settings.tenant, Arc::new(Spawn))))
}

#[async_trait]
impl Grant for AzureCli {
    async fn fetch(&self, scope: &str) -> Result<Fetched> {
        // With the tenant named, `az` takes the account that it has there, whichever one is its default.
        let options = AzureCliCredentialOptions {
            tenant_id: Some(self.tenant.to_string()),
            executor: Some(Arc::clone(&self.executor)),
            ..AzureCliCredentialOptions::default()
        };
        let credential = AzureCliCredential::new(Some(options));
        login::ask(credential.map(|credential| credential as Arc<dyn TokenCredential>), scope).await
    }
}

/// Runs `az` with an end to it; the crate's own executor waits for ever.
#[derive(Debug)]
struct Spawn;

#[async_trait]
impl Executor for Spawn {
    async fn run(&self, program: &OsStr, args: &[&OsStr]) -> io::Result<Output> {
        let output = tokio::process::Command::new(program).args(args).stdin(Stdio::null()).kill_on_drop(true).output();
        tokio::time::timeout(DEADLINE, output).await.unwrap_or_else(|_| {
            Err(io::Error::new(io::ErrorKind::TimedOut, format!("`az` gave no answer within {} s", DEADLINE.as_secs())))
        })
    }
}
