//! An app that trusts a GitHub Actions workflow, from `AZURE_CLIENT_ID`, `AZURE_TENANT_ID` and what GitHub sets in a job with
//! `permissions: id-token: write`.

use std::sync::Arc;

use secrecy::SecretString;

use super::Login;
use super::federated::Federated;
use super::issuer::{Issuer, endpoint};
use super::settings::{CredentialSettings, Intent};
use super::source::SetUp;
use crate::state::Result;

const URL: &str = "ACTIONS_ID_TOKEN_REQUEST_URL";
const TOKEN: &str = "ACTIONS_ID_TOKEN_REQUEST_TOKEN";

pub(super) fn set_up(settings: &CredentialSettings, login: &Login) -> SetUp {
    let [url, bearer, client] = match settings.all(Intent::Ambient, [URL, TOKEN, "AZURE_CLIENT_ID"]) {
        Ok(values) => values,
        Err(SetUp::Absent(reason)) if settings.picked.is_some() => {
            return SetUp::Absent(format!(
                "{reason}; GitHub sets ACTIONS_ID_TOKEN_REQUEST_… in jobs with `permissions: id-token: write`"
            ));
        }
        Err(set_up) => return set_up,
    };
    SetUp::of(federated(settings, login, url, bearer, client))
}

fn federated(settings: &CredentialSettings, login: &Login, url: &str, bearer: &str, client: &str) -> Result<Federated> {
    let mut url = endpoint(URL, url)?;
    // The token endpoint of each cloud takes assertions that are for it, and no other.
    url.query_pairs_mut().append_pair("audience", settings.cloud.exchange_audience());
    let issuer = Issuer {
        name: "GitHub Actions",
        login: login.clone(),
        method: reqwest::Method::GET,
        url,
        bearer: SecretString::from(bearer),
        headers: &[("accept", "application/json")],
        field: "value",
        next: "give the job `permissions: id-token: write`; the request token is good for the job that it was made for",
    };
    let tenant = settings.tenant_to_ask("AZURE_TENANT_ID")?;
    Ok(Federated::new(settings, login, tenant, client, Arc::new(issuer)))
}
