//! Tokens: JSON Web Tokens that this tenant signs, and what it takes as an assertion instead of a secret.

use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use ring::hmac;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use super::state::{App, FederatedCredential, Tenant};
use crate::state::{AppId, ObjectId, TenantId};

/// Issuer of the assertions that [`assertion`] makes.
const ASSERTION_ISSUER: &str = "https://oidc.sandbox.rolecall.dev/";

/// Claims of an app-only access token (entra.md §7.1).
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Claims {
    pub(super) aud: String,
    iss: String,
    iat: i64,
    nbf: i64,
    pub(super) exp: i64,
    pub(super) appid: AppId,
    pub(super) oid: ObjectId,
    sub: ObjectId,
    tid: TenantId,
    idtyp: String,
    ver: String,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) roles: Vec<String>,
}

/// Claims of an assertion, as far as they are compared.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Assertion {
    pub(super) iss: String,
    pub(super) sub: String,
    pub(super) aud: String,
    pub(super) nbf: i64,
    pub(super) exp: i64,
}

/// Why a bearer is not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Rejected {
    /// Not a token, or none that this tenant signed.
    NotOurs,
    /// Past its time.
    Expired,
}

/// An access token of `app` for `audience`.
pub(super) fn access_token(
    tenant: &Tenant,
    id: AppId,
    app: &App,
    audience: &str,
    roles: Vec<String>,
    life: Duration,
) -> String {
    let now = Timestamp::now().as_second();
    let claims = Claims {
        aud: audience.to_owned(),
        iss: format!("https://sts.windows.net/{}/", tenant.id),
        iat: now,
        nbf: now,
        exp: now.saturating_add(seconds(life)),
        appid: id,
        oid: app.service_principal,
        sub: app.service_principal,
        tid: tenant.id,
        idtyp: "app".to_owned(),
        ver: "1.0".to_owned(),
        roles,
    };
    sign(tenant, &claims)
}

/// The claims of a token that this tenant signed and whose time is not over.
pub(super) fn verify(tenant: &Tenant, token: &str) -> Result<Claims, Rejected> {
    let claims: Claims = open(tenant, token).ok_or(Rejected::NotOurs)?;
    if claims.exp <= Timestamp::now().as_second() { Err(Rejected::Expired) } else { Ok(claims) }
}

/// An assertion as a workload's token file would hold it, for the first federated credential of `app`, valid from an
/// hour before `expires` to `expires`.
pub(crate) fn workload_assertion(tenant: &Tenant, app: &App, expires: Timestamp) -> Option<String> {
    let exp = expires.as_second();
    Some(assertion(tenant, app.federated.first()?, exp.saturating_sub(3600), exp))
}

/// An assertion for a federated credential. The sandbox signs for every issuer, and takes nothing that it did not sign.
pub(super) fn assertion(tenant: &Tenant, credential: &FederatedCredential, nbf: i64, exp: i64) -> String {
    let FederatedCredential { issuer, subject, audience } = credential.clone();
    sign(tenant, &Assertion { iss: issuer, sub: subject, aud: audience, nbf, exp })
}

/// The bearer by which a job proves to its CI system, and an app to its platform, that it is the one.
pub(crate) fn job_token(tenant: &Tenant) -> String {
    URL_SAFE_NO_PAD.encode(hmac::sign(&key(tenant), b"job"))
}

/// The claims of an assertion that the sandbox itself made, whatever issuer it names.
pub(super) fn verify_assertion(tenant: &Tenant, token: &str) -> Option<Assertion> {
    open(tenant, token)
}

/// The federated credential that every seeded applier has.
pub(crate) fn workload_credential() -> FederatedCredential {
    FederatedCredential {
        issuer: ASSERTION_ISSUER.to_owned(),
        subject: "system:serviceaccount:rolecall:rolecall".to_owned(),
        audience: "api://AzureADTokenExchange".to_owned(),
    }
}

/// The token that a cluster of this name gives the applier; the same for as long as the tenant lives.
pub(crate) fn cluster_token(tenant: &Tenant, cluster: &str) -> String {
    URL_SAFE_NO_PAD.encode(hmac::sign(&key(tenant), format!("cluster/{cluster}").as_bytes()))
}

/// Seals a text so that the client can carry it and cannot change it.
pub(super) fn seal(tenant: &Tenant, content: &impl Serialize) -> String {
    let payload = encode(content);
    let tag = URL_SAFE_NO_PAD.encode(hmac::sign(&key(tenant), payload.as_bytes()));
    format!("{payload}.{tag}")
}

/// What [`seal`] sealed.
pub(super) fn unseal<T: DeserializeOwned>(tenant: &Tenant, sealed: &str) -> Option<T> {
    let (payload, tag) = sealed.rsplit_once('.')?;
    let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
    hmac::verify(&key(tenant), payload.as_bytes(), &tag).ok()?;
    decode(payload)
}

/// A signed token with these claims.
pub(super) fn sign(tenant: &Tenant, claims: &impl Serialize) -> String {
    let header = URL_SAFE_NO_PAD.encode(r#"{"typ":"JWT","alg":"HS256","kid":"sandbox"}"#);
    let signed = format!("{header}.{}", encode(claims));
    let tag = URL_SAFE_NO_PAD.encode(hmac::sign(&key(tenant), signed.as_bytes()));
    format!("{signed}.{tag}")
}

fn open<T: DeserializeOwned>(tenant: &Tenant, token: &str) -> Option<T> {
    let (signed, tag) = token.rsplit_once('.')?;
    let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
    hmac::verify(&key(tenant), signed.as_bytes(), &tag).ok()?;
    decode(signed.split_once('.')?.1)
}

fn encode(content: &impl Serialize) -> String {
    // Plain structs of texts and numbers always serialise; an empty payload would only fail to decode again.
    URL_SAFE_NO_PAD.encode(serde_json::to_vec(content).unwrap_or_default())
}

fn decode<T: DeserializeOwned>(payload: &str) -> Option<T> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).ok()?).ok()
}

fn key(tenant: &Tenant) -> hmac::Key {
    hmac::Key::new(hmac::HMAC_SHA256, &tenant.signing_key)
}

fn seconds(life: Duration) -> i64 {
    i64::try_from(life.as_secs()).unwrap_or(i64::MAX)
}
