//! Certificates of apps: the one that every seeded applier has, and assertions that are signed with one.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rcgen::{CertificateParams, DnType, KeyPair, PKCS_RSA_SHA256, PublicKeyData as _, SerialNumber};
use ring::{digest, signature};
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use serde::{Deserialize, Serialize};

use super::state::App;

/// The key of every sandbox's applier. It opens nothing but sandboxes, which listen on loopback only; it is fixed because
/// Entra takes RSA keys only and ring cannot make one.
const KEY: &str = include_str!("applier.key");

/// A certificate that an app may sign with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RegisteredCertificate {
    /// The certificate, PEM.
    pub pem: String,
    /// Its public key as PKCS#1 DER, base64url.
    pub public_key: String,
}

/// Claims of an assertion that an app signed itself.
#[derive(Debug, Deserialize)]
pub(super) struct SelfSigned {
    pub(super) iss: String,
    pub(super) sub: String,
    pub(super) aud: String,
    pub(super) nbf: i64,
    pub(super) exp: i64,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    #[serde(rename = "x5t#S256")]
    thumbprint: Option<String>,
}

/// A new certificate over the fixed key.
///
/// # Errors
/// Never with the key that is built in.
pub(crate) fn make() -> Result<RegisteredCertificate, rcgen::Error> {
    let key = KeyPair::from_pem_and_sign_algo(KEY, &PKCS_RSA_SHA256)?;
    let mut params = CertificateParams::new(Vec::new())?;
    params.distinguished_name.push(DnType::CommonName, "rolecall sandbox applier");
    // One of its own, so that the certificate of one sandbox opens no other.
    params.serial_number = Some(SerialNumber::from(uuid::Uuid::new_v4().as_bytes().to_vec()));
    params.not_before = rcgen::date_time_ymd(2020, 1, 1);
    params.not_after = rcgen::date_time_ymd(2049, 12, 31);
    let pem = params.self_signed(&key)?.pem();
    Ok(RegisteredCertificate { pem, public_key: URL_SAFE_NO_PAD.encode(key.der_bytes()) })
}

/// The applier's certificate with its key, as a PEM file holds them.
pub(crate) fn with_key(certificate: &RegisteredCertificate) -> String {
    format!("{}{KEY}", certificate.pem)
}

/// Whether an assertion says that it is signed with a certificate.
pub(super) fn is_signed(assertion: &str) -> bool {
    header(assertion).is_some_and(|header| matches!(header.alg.as_str(), "PS256" | "RS256"))
}

fn header(assertion: &str) -> Option<Header> {
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(assertion.split('.').next()?).ok()?).ok()
}

/// The claims of an assertion that one of the app's certificates signed.
pub(super) fn verify(app: &App, assertion: &str) -> Option<SelfSigned> {
    let header = header(assertion)?;
    let (signed, tag) = assertion.rsplit_once('.')?;
    let tag = URL_SAFE_NO_PAD.decode(tag).ok()?;
    let registered = app.certificates.iter().find(|known| thumbprint(known) == header.thumbprint)?;
    let key = URL_SAFE_NO_PAD.decode(&registered.public_key).ok()?;
    let algorithm: &dyn signature::VerificationAlgorithm = match header.alg.as_str() {
        "PS256" => &signature::RSA_PSS_2048_8192_SHA256,
        _ => &signature::RSA_PKCS1_2048_8192_SHA256,
    };
    signature::UnparsedPublicKey::new(algorithm, key).verify(signed.as_bytes(), &tag).ok()?;
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(signed.split_once('.')?.1).ok()?).ok()
}

fn thumbprint(certificate: &RegisteredCertificate) -> Option<String> {
    let der = CertificateDer::from_pem_slice(certificate.pem.as_bytes()).ok()?;
    Some(URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, &der)))
}
