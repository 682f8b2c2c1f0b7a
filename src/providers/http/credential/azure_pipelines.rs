//! An app that trusts an Azure Pipelines service connection, from the variables that a task with that connection sets, and
//! `SYSTEM_ACCESSTOKEN`, which the pipeline must pass on by hand.

use std::sync::Arc;

use secrecy::SecretString;

use super::Login;
use super::federated::Federated;
use super::issuer::{Issuer, endpoint};
use super::settings::{CredentialSettings, Intent};
use super::source::SetUp;
use crate::state::Result;

const CONNECTION: &str = "AZURESUBSCRIPTION_SERVICE_CONNECTION_ID";
const CLIENT: &str = "AZURESUBSCRIPTION_CLIENT_ID";
const TENANT: &str = "AZURESUBSCRIPTION_TENANT_ID";
const URL: &str = "SYSTEM_OIDCREQUESTURI";
const TOKEN: &str = "SYSTEM_ACCESSTOKEN";
const PASS_ON: &str = "pass the token on in the step: `env: { SYSTEM_ACCESSTOKEN: $(System.AccessToken) }`";
/// The version of the request that `azure_identity` sends too.
const VERSION: &str = "7.1";

pub(super) fn set_up(settings: &CredentialSettings, login: &Login) -> SetUp {
    match settings.all(Intent::Ambient, [CONNECTION, CLIENT, URL, TOKEN]) {
        Ok([connection, client, url, bearer]) => SetUp::of(federated(settings, login, connection, client, url, bearer)),
        Err(SetUp::Absent(reason)) if reason.contains(TOKEN) => SetUp::Absent(format!("{reason}; {PASS_ON}")),
        Err(SetUp::Broken(failure)) if failure.what.contains(TOKEN) => SetUp::Broken(failure.with_next(PASS_ON)),
        Err(set_up) => set_up,
    }
}

fn federated(
    settings: &CredentialSettings,
    login: &Login,
    connection: &str,
    client: &str,
    url: &str,
    bearer: &str,
) -> Result<Federated> {
    let mut url = endpoint(URL, url)?;
    url.query_pairs_mut().append_pair("api-version", VERSION).append_pair("serviceConnectionId", connection);
    let issuer = Issuer {
        name: "Azure Pipelines",
        login: login.clone(),
        method: reqwest::Method::POST,
        url,
        bearer: SecretString::from(bearer),
        // Without it a refused request is redirected to a page to sign in.
        headers: &[("x-tfs-fedauthredirect", "Suppress"), ("content-length", "0")],
        field: "oidcToken",
        next: "check the id of the service connection, that the pipeline may use it, and that SYSTEM_ACCESSTOKEN is this run's",
    };
    let tenant = settings.tenant_to_ask(TENANT)?;
    Ok(Federated::new(settings, login, tenant, client, Arc::new(issuer)))
}
