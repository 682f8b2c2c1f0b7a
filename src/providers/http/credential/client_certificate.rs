//! An app's certificate, from `AZURE_CLIENT_CERTIFICATE_PATH`, `AZURE_CLIENT_ID` and `AZURE_TENANT_ID`.
//!
//! `azure_identity` would sign through OpenSSL; here the assertion is signed by ring, and PEM is the only form that is read.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jiff::Timestamp;
use ring::{rand, signature};
use secrecy::SecretString;
use serde_json::{Value, json};

use super::Login;
use super::certificate::Certificate;
use super::federated::{Assertion, Federated};
use super::settings::{CredentialSettings, Intent};
use super::source::SetUp;
use crate::state::{Failure, FailureKind, Result};

const PATH: &str = "AZURE_CLIENT_CERTIFICATE_PATH";
/// Azure's own libraries send the chain, for apps that trust a subject name and issuer, when this is set.
const SEND_CHAIN: &str = "AZURE_CLIENT_SEND_CERTIFICATE_CHAIN";
/// How long an assertion of ours is good; it is shown once, at once.
const LIFE: i64 = 600;

pub(super) fn set_up(settings: &CredentialSettings, login: &Login) -> SetUp {
    let [path, client] = match settings.all(Intent::ByHand, [PATH, "AZURE_CLIENT_ID"]) {
        Ok(values) => values,
        Err(set_up) => return set_up,
    };
    SetUp::of(settings.tenant_to_ask("AZURE_TENANT_ID").and_then(|tenant| {
        let signer = Signer {
            path: PathBuf::from(path),
            client: client.to_owned(),
            audience: format!("{}/{tenant}/oauth2/v2.0/token", settings.login.as_str().trim_end_matches('/')),
            send_chain: settings.variable(SEND_CHAIN).is_some_and(|value| matches!(value, "1" | "true" | "True")),
        };
        // Read once now, so that a wrong file is said before anything is sent.
        Certificate::read(&signer.path, Timestamp::now())?;
        Ok(Federated::new(settings, login, tenant, client, Arc::new(signer)))
    }))
}

/// Signs assertions. The file is read anew for each, so that a renewed certificate counts at once.
struct Signer {
    path: PathBuf,
    client: String,
    audience: String,
    send_chain: bool,
}

#[async_trait]
impl Assertion for Signer {
    async fn assertion(&self) -> Result<SecretString> {
        let now = Timestamp::now();
        let certificate = Certificate::read(&self.path, now)?;
        let mut header = json!({"alg": "PS256", "typ": "JWT", "x5t#S256": certificate.thumbprint()});
        if self.send_chain {
            let chain = certificate.chain.iter().map(|certificate| Value::String(STANDARD.encode(certificate)));
            header["x5c"] = chain.collect();
        }
        let now = now.as_second();
        let claims = json!({
            "aud": self.audience, "iss": self.client, "sub": self.client, "jti": uuid::Uuid::new_v4().to_string(),
            "iat": now, "nbf": now, "exp": now + LIFE,
        });
        let encode = |part: &Value| URL_SAFE_NO_PAD.encode(part.to_string());
        let signed = format!("{}.{}", encode(&header), encode(&claims));
        let mut tag = vec![0; certificate.key.public().modulus_len()];
        certificate
            .key
            .sign(&signature::RSA_PSS_SHA256, &rand::SystemRandom::new(), signed.as_bytes(), &mut tag)
            .map_err(|_| {
                let what = format!("{}: its key cannot sign", self.path.display());
                Failure::new(FailureKind::Invalid, what).with_next("use an RSA key of 2048 bits or more")
            })?;
        Ok(SecretString::from(format!("{signed}.{}", URL_SAFE_NO_PAD.encode(tag))))
    }

    fn origin(&self) -> (String, &'static str) {
        (self.path.display().to_string(), "use an RSA key of 2048 bits or more")
    }
}
