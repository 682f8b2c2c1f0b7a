//! An app that trusts a token in the environment, from `AZURE_CLIENT_ASSERTION`, `AZURE_CLIENT_ID` and `AZURE_TENANT_ID`:
//! for CI systems that hand a job its token in a variable, such as GitLab's `id_tokens`.

use std::sync::Arc;

use async_trait::async_trait;
use secrecy::SecretString;

use super::Login;
use super::federated::{Assertion, Federated};
use super::settings::{CredentialSettings, Intent};
use super::source::SetUp;
use crate::state::Result;

pub(super) fn set_up(settings: &CredentialSettings, login: &Login) -> SetUp {
    let [assertion, client] = match settings.all(Intent::ByHand, ["AZURE_CLIENT_ASSERTION", "AZURE_CLIENT_ID"]) {
        Ok(values) => values,
        Err(set_up) => return set_up,
    };
    let assertion = Arc::new(Given(SecretString::from(assertion.trim())));
    let tenant = settings.tenant_to_ask("AZURE_TENANT_ID");
    SetUp::of(tenant.map(|tenant| Federated::new(settings, login, tenant, client, assertion)))
}

/// The one that was given. When it is past its time Entra says so: nobody here can get another.
struct Given(SecretString);

#[async_trait]
impl Assertion for Given {
    async fn assertion(&self) -> Result<SecretString> {
        Ok(self.0.clone())
    }

    fn origin(&self) -> (String, &'static str) {
        ("AZURE_CLIENT_ASSERTION".to_owned(), "set it to the token that the CI system gives the job, and nothing else")
    }
}
