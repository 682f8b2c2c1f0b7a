//! A certificate and its private key in a PEM file.

use std::path::Path;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use ring::digest;
use ring::signature::RsaKeyPair;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

use crate::state::{Failure, FailureKind, Result};

/// A certificate that can sign now.
pub(super) struct Certificate {
    /// DER; the one that belongs to the key first, the others as they stand in the file.
    pub(super) chain: Vec<Vec<u8>>,
    pub(super) key: RsaKeyPair,
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("Certificate").field("thumbprint", &self.thumbprint()).finish_non_exhaustive()
    }
}

impl Certificate {
    /// Reads a file.
    ///
    /// # Errors
    /// What is missing or wrong in it; when the certificate is not the key's, or `now` is outside its time.
    pub(super) fn read(path: &Path, now: Timestamp) -> Result<Self> {
        let content = fs_err::read(path).map_err(|error| {
            Failure::new(FailureKind::NotFound, error.to_string())
                .with_next("point AZURE_CLIENT_CERTIFICATE_PATH to a PEM file with the certificate and its private key")
        })?;
        Self::parse(&content, now)
            .map_err(|failure| Failure { what: format!("{}: {}", path.display(), failure.what), ..failure })
    }

    fn parse(content: &[u8], now: Timestamp) -> Result<Self> {
        let wrong = |what: &str, next: &str| Failure::new(FailureKind::Invalid, what).with_next(next);
        // DER begins with a SEQUENCE; PEM is text.
        if content.first() == Some(&0x30) {
            return Err(wrong(
                "this is PKCS#12 or DER, and only PEM is read",
                "`openssl pkcs12 -in FILE -nodes -out FILE.pem` makes a PEM file of a .pfx; keep it readable by its owner only",
            ));
        }
        let text = String::from_utf8_lossy(content);
        if text.contains("ENCRYPTED") {
            return Err(wrong(
                "the private key is encrypted, and only plain keys are read",
                "`openssl pkey -in FILE` asks for the password and prints the key; keep it readable by its owner only",
            ));
        }
        let certificates = CertificateDer::pem_slice_iter(content)
            .collect::<std::result::Result<Vec<_>, _>>()
            .map_err(|error| wrong(&format!("no valid PEM text: {error}"), "export it again"))?;
        if certificates.is_empty() {
            return Err(wrong(
                "there is no certificate",
                "put its -----BEGIN CERTIFICATE----- block into the file too",
            ));
        }
        let key = PrivateKeyDer::from_pem_slice(content).map_err(|_| {
            wrong("there is no private key", "put its -----BEGIN PRIVATE KEY----- block into the file too")
        })?;
        let key = match &key {
            PrivateKeyDer::Pkcs8(der) => RsaKeyPair::from_pkcs8(der.secret_pkcs8_der()).ok(),
            PrivateKeyDer::Pkcs1(der) => RsaKeyPair::from_der(der.secret_pkcs1_der()).ok(),
            _ => None,
        };
        let key = key.ok_or_else(|| {
            wrong("the private key is no RSA key of 2048 to 4096 bits", "Entra takes RSA only: make a new certificate")
        })?;
        let mut chain: Vec<Vec<u8>> = certificates.iter().map(|certificate| certificate.to_vec()).collect();
        let fields = |der: &[u8]| Fields::of(der).filter(|fields| fields.public_key == key.public().as_ref());
        let Some((at, fields)) = chain.iter().enumerate().find_map(|(at, der)| Some((at, fields(der)?))) else {
            return Err(wrong(
                "the private key belongs to none of the certificates",
                "put the key that the certificate was made with into the file",
            ));
        };
        if now < fields.not_before {
            return Err(wrong(
                &format!("the certificate is valid from {} only, and our clock says {now:.0}", fields.not_before),
                "wait, or correct this machine's clock",
            ));
        }
        if now >= fields.not_after {
            return Err(wrong(
                &format!("the certificate expired on {}", fields.not_after),
                "make a new one, upload it to the app and put it here",
            ));
        }
        let leaf = chain.remove(at);
        chain.insert(0, leaf);
        Ok(Self { chain, key })
    }

    /// `x5t#S256`.
    pub(super) fn thumbprint(&self) -> String {
        let leaf = self.chain.first().map(Vec::as_slice).unwrap_or_default();
        URL_SAFE_NO_PAD.encode(digest::digest(&digest::SHA256, leaf))
    }
}

/// What is read of an X.509 certificate (RFC 5280 §4.1).
struct Fields {
    not_before: Timestamp,
    not_after: Timestamp,
    /// The content of `subjectPublicKey`, for RSA a PKCS#1 public key.
    public_key: Vec<u8>,
}

impl Fields {
    fn of(der: &[u8]) -> Option<Self> {
        let (certificate, _) = element(der, SEQUENCE)?;
        let (mut rest, _) = element(certificate, SEQUENCE)?;
        if rest.first() == Some(&VERSION) {
            rest = element(rest, VERSION)?.1;
        }
        let mut next = |tag| {
            let (content, after) = element(rest, tag)?;
            rest = after;
            Some(content)
        };
        // Serial number, signature algorithm, issuer; after the validity the subject.
        next(INTEGER)?;
        next(SEQUENCE)?;
        next(SEQUENCE)?;
        let validity = next(SEQUENCE)?;
        next(SEQUENCE)?;
        let public_key = next(SEQUENCE)?;
        let (not_before, validity) = time(validity)?;
        let (not_after, _) = time(validity)?;
        let (_algorithm, bits) = element(public_key, SEQUENCE)?;
        let (bits, _) = element(bits, BIT_STRING)?;
        // The first octet counts the unused bits of the last; a key has none.
        let public_key = bits.strip_prefix(&[0])?.to_vec();
        Some(Self { not_before, not_after, public_key })
    }
}

const INTEGER: u8 = 0x02;
const BIT_STRING: u8 = 0x03;
const UTC_TIME: u8 = 0x17;
const GENERALIZED_TIME: u8 = 0x18;
const SEQUENCE: u8 = 0x30;
/// `[0]`, explicit.
const VERSION: u8 = 0xa0;

/// The content of the DER element at the start, and what follows it.
fn element(input: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    let [found, first, rest @ ..] = input else { return None };
    if *found != tag {
        return None;
    }
    let (length, rest) = match *first {
        short @ 0..=0x7f => (usize::from(short), rest),
        // Lengths of up to two octets: no certificate is larger.
        long @ 0x81..=0x82 => {
            let (octets, rest) = rest.split_at_checked(usize::from(long & 0x7f))?;
            (octets.iter().fold(0, |length, octet| length << 8 | usize::from(*octet)), rest)
        }
        _ => return None,
    };
    rest.split_at_checked(length)
}

fn time(input: &[u8]) -> Option<(Timestamp, &[u8])> {
    let (digits, rest) = if let Some((content, rest)) = element(input, UTC_TIME) {
        let text = std::str::from_utf8(content).ok()?;
        // Two digits of the year: 50 and later are of the last century.
        let century = if text.get(..2)?.parse::<u8>().ok()? >= 50 { "19" } else { "20" };
        (format!("{century}{text}"), rest)
    } else {
        let (content, rest) = element(input, GENERALIZED_TIME)?;
        (std::str::from_utf8(content).ok()?.to_owned(), rest)
    };
    let time = DateTime::strptime("%Y%m%d%H%M%SZ", digits).ok()?;
    Some((time.to_zoned(TimeZone::UTC).ok()?.timestamp(), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rcgen::{CertificateParams, KeyPair, PKCS_RSA_SHA256};

    // Any RSA key will do; ring cannot make one.
    const RSA_KEY: &str = include_str!("../../../sandbox/graph/applier.key");

    fn certificate(key: &KeyPair, years: (i32, i32)) -> String {
        let mut params = CertificateParams::new(Vec::new()).unwrap();
        params.not_before = rcgen::date_time_ymd(years.0, 3, 1);
        params.not_after = rcgen::date_time_ymd(years.1, 3, 1);
        params.self_signed(key).unwrap().pem()
    }

    fn rsa() -> KeyPair {
        KeyPair::from_pem_and_sign_algo(RSA_KEY, &PKCS_RSA_SHA256).unwrap()
    }

    fn read(content: impl AsRef<[u8]>) -> std::result::Result<Certificate, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        fs_err::write(file.path(), content).unwrap();
        let now = "2026-06-01T12:00:00Z".parse().unwrap();
        Certificate::read(file.path(), now).map_err(|failure| {
            assert!(failure.next.is_some(), "{}", failure.what);
            failure.what.replace(file.path().to_str().unwrap(), "FILE")
        })
    }

    #[test]
    fn the_certificate_of_the_key_is_found_wherever_it_stands() {
        let other = KeyPair::generate().unwrap();
        let (leaf, issuer) = (certificate(&rsa(), (2020, 2060)), certificate(&other, (2020, 2060)));
        let first = read(format!("{leaf}{issuer}{RSA_KEY}")).unwrap();
        let second = read(format!("{RSA_KEY}{issuer}{leaf}")).unwrap();
        assert_eq!((first.thumbprint(), first.chain.len()), (second.thumbprint(), 2));
        assert_eq!(first.chain, second.chain);
    }

    #[test]
    fn what_is_missing_or_wrong_is_said_and_no_key_is_shown() {
        let other = KeyPair::generate().unwrap();
        let leaf = certificate(&rsa(), (2020, 2060));
        let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n";
        let said: Vec<String> = [
            leaf.clone(),
            RSA_KEY.to_owned(),
            format!("{}{RSA_KEY}", certificate(&other, (2020, 2060))),
            format!("{}{}", certificate(&other, (2020, 2060)), other.serialize_pem()),
            format!("{}{RSA_KEY}", certificate(&rsa(), (2020, 2025))),
            format!("{}{RSA_KEY}", certificate(&rsa(), (2030, 2060))),
            format!("{leaf}{encrypted}"),
            "hello".to_owned(),
            "0\u{3}abc".to_owned(),
        ]
        .into_iter()
        .map(|content| read(content).unwrap_err())
        .collect();
        insta::assert_snapshot!(said.join("\n"), @"
        FILE: there is no private key
        FILE: there is no certificate
        FILE: the private key belongs to none of the certificates
        FILE: the private key is no RSA key of 2048 to 4096 bits
        FILE: the certificate expired on 2025-03-01T00:00:00Z
        FILE: the certificate is valid from 2030-03-01T00:00:00Z only, and our clock says 2026-06-01T12:00:00Z
        FILE: the private key is encrypted, and only plain keys are read
        FILE: there is no certificate
        FILE: this is PKCS#12 or DER, and only PEM is read
        ");
        assert!(
            Certificate::read(Path::new("/nowhere/cert.pem"), Timestamp::now()).unwrap_err().what.contains("/nowhere")
        );
    }

    #[test]
    fn no_cut_certificate_is_read_and_none_stops_the_program() {
        let leaf = CertificateDer::from_pem_slice(certificate(&rsa(), (2020, 2060)).as_bytes()).unwrap();
        let whole = Fields::of(&leaf).unwrap();
        assert_eq!(
            whole.public_key,
            RsaKeyPair::from_pkcs8(PrivateKeyDer::from_pem_slice(RSA_KEY.as_bytes()).unwrap().secret_der())
                .unwrap()
                .public()
                .as_ref()
        );
        for length in 0..leaf.len() {
            assert!(Fields::of(&leaf[..length]).is_none(), "{length}");
        }
    }
}
