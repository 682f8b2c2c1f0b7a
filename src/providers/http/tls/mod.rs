//! Looking at a server's certificate before anything is sent: a handshake, and nothing after it.
//!
//! What is trusted is decided by the same verifiers as for every request. This only remembers what the server showed, so
//! that a certificate which is refused can be named instead of guessed at.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rustls::client::WebPkiServerVerifier;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring};
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, RootCertStore, SignatureScheme};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, ServerName, UnixTime};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use url::Url;

use super::proxy::Proxy;
use crate::state::{Failure, FailureKind, Handshake, Result};

mod certificate;

/// How long finding the host, connecting and the handshake may take together.
const DEADLINE: Duration = Duration::from_secs(10);

/// Whom a connection trusts.
#[derive(Clone, Debug)]
pub enum Trust {
    /// The roots of the operating system, and these besides (PEM).
    SystemAnd(Option<Vec<u8>>),
    /// Only these (DER).
    Only(Vec<Vec<u8>>),
}

/// Sets up TLS with a server and lets go of it again. `name` is what its certificate must carry, when that is not the host.
/// `None` for an address without TLS.
pub async fn shake_hands(server: &Url, name: Option<&str>, trust: &Trust) -> Option<Handshake> {
    let host = server.host_str()?.trim_matches(['[', ']']).to_owned();
    if server.scheme() != "https" {
        return None;
    }
    let port = server.port_or_known_default().unwrap_or(443);
    let shown = Arc::new(Mutex::new(None));
    let tried = tokio::time::timeout(DEADLINE, attempt(&host, port, name.unwrap_or(&host), trust, &shown)).await;
    let problem = match tried {
        Ok(Ok(())) => None,
        Ok(Err(failure)) => Some(failure),
        Err(_) => Some(unreachable(&format!("no answer within {} s", DEADLINE.as_secs()))),
    };
    let shown = shown.lock().unwrap_or_else(PoisonError::into_inner).take();
    let certificate = shown.and_then(|der: CertificateDer<'static>| certificate::read(&der));
    Some(Handshake { server: format!("{}:{port}", server.host_str()?), proxy: None, certificate, problem })
}

/// The same where a proxy is on the way: nothing is tried, and each call verifies the server by itself.
pub fn through_proxy(server: &Url, proxy: &Proxy) -> Option<Handshake> {
    let server = format!("{}:{}", server.host_str()?, server.port_or_known_default()?);
    Some(Handshake { server, proxy: Some(proxy.to_string()), certificate: None, problem: None })
}

type Shown = Arc<Mutex<Option<CertificateDer<'static>>>>;

async fn attempt(host: &str, port: u16, name: &str, trust: &Trust, shown: &Shown) -> Result<()> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Remembering { inner: verifier(trust, &provider)?, shown: Arc::clone(shown) };
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .map_err(|error| unreachable(&error.to_string()))?
        // Called dangerous because a verifier may accept anything; this one only asks the usual one.
        .dangerous()
        .with_custom_certificate_verifier(Arc::new(verifier))
        .with_no_client_auth();
    let name = ServerName::try_from(name.to_owned())
        .map_err(|_| Failure::new(FailureKind::Invalid, format!("`{name}` is no name that a certificate can carry")))?;
    let stream = TcpStream::connect((host, port)).await.map_err(|error| unreachable(&error.to_string()))?;
    match TlsConnector::from(Arc::new(config)).connect(name, stream).await {
        Ok(_) => Ok(()),
        Err(error) => Err(refused(&error)),
    }
}

fn unreachable(reason: &str) -> Failure {
    Failure::new(FailureKind::Unreachable, format!("cannot connect: {reason}"))
        .with_next("check the address, the network and that the server runs")
}

/// The reason in words, told from one that only the network gives.
fn refused(error: &std::io::Error) -> Failure {
    let tls = error.get_ref().and_then(|inner| inner.downcast_ref::<rustls::Error>());
    let Some(rustls::Error::InvalidCertificate(reason)) = tls else {
        return unreachable(&error.to_string());
    };
    let what = match reason {
        CertificateError::UnknownIssuer => "whoever signed its certificate is not trusted here".to_owned(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => "its certificate has expired".to_owned(),
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "its certificate is not valid yet".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => {
            "its certificate is for another name".to_owned()
        }
        CertificateError::Revoked => "its certificate was revoked".to_owned(),
        other => format!("its certificate is not accepted: {other}"),
    };
    Failure::new(FailureKind::Refused, what)
}

fn verifier(trust: &Trust, provider: &Arc<CryptoProvider>) -> Result<Arc<dyn ServerCertVerifier>> {
    let failed = |error: &dyn std::fmt::Display| {
        Failure::new(FailureKind::Refused, format!("there is nobody to trust: {error}"))
            .with_next("install the CA certificates of the operating system (often the package ca-certificates)")
    };
    match trust {
        Trust::SystemAnd(extra) => {
            let extra: Vec<_> = CertificateDer::pem_slice_iter(extra.as_deref().unwrap_or_default())
                .filter_map(std::result::Result::ok)
                .collect();
            rustls_platform_verifier::Verifier::new_with_extra_roots(extra, Arc::clone(provider))
                .map(|verifier| Arc::new(verifier) as Arc<dyn ServerCertVerifier>)
                .map_err(|error| failed(&error))
        }
        Trust::Only(authorities) => {
            let mut roots = RootCertStore::empty();
            roots.add_parsable_certificates(authorities.iter().map(|der| CertificateDer::from(der.clone())));
            let verifier = WebPkiServerVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider)).build();
            verifier.map(|verifier| verifier as Arc<dyn ServerCertVerifier>).map_err(|error| failed(&error))
        }
    }
}

/// Asks another verifier, and remembers the certificate whatever the answer.
#[derive(Debug)]
struct Remembering {
    inner: Arc<dyn ServerCertVerifier>,
    shown: Shown,
}

impl ServerCertVerifier for Remembering {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        intermediates: &[CertificateDer<'_>],
        server_name: &ServerName<'_>,
        ocsp_response: &[u8],
        now: UnixTime,
    ) -> std::result::Result<ServerCertVerified, rustls::Error> {
        *self.shown.lock().unwrap_or_else(PoisonError::into_inner) = Some(end_entity.clone().into_owned());
        self.inner.verify_server_cert(end_entity, intermediates, server_name, ocsp_response, now)
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls12_signature(message, certificate, signature)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> std::result::Result<HandshakeSignatureValid, rustls::Error> {
        self.inner.verify_tls13_signature(message, certificate, signature)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.inner.supported_verify_schemes()
    }
}

#[cfg(test)]
mod tests;
