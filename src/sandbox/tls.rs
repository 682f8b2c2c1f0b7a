//! The sandbox's own certificate authority and its server certificate.
//!
//! Both are made once and kept in the sandbox's folder, so that a CA file handed to another program stays right. The
//! key of the authority is thrown away as soon as the one certificate is signed: nobody can make a second.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DistinguishedName, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair,
    KeyUsagePurpose, PKCS_ECDSA_P256_SHA256,
};
use rustls::ServerConfig;
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};

const AUTHORITY: &str = "ca.pem";
const CERTIFICATE: &str = "server.pem";
const KEY: &str = "server.key";

/// What the servers present, and what clients need to trust it.
#[derive(Clone, Debug)]
pub(crate) struct Identity {
    pub(crate) config: Arc<ServerConfig>,
    /// The authority's certificate.
    pub(crate) authority: String,
    pub(crate) authority_file: PathBuf,
}

/// Reads the certificates in `folder`, or makes them.
pub(crate) fn identity(folder: &Path) -> io::Result<Identity> {
    let (authority_file, certificate_file, key_file) =
        (folder.join(AUTHORITY), folder.join(CERTIFICATE), folder.join(KEY));
    // The key is written last: a folder that has it has everything.
    if !key_file.exists() {
        let made = make().map_err(|error| io::Error::other(format!("cannot make a certificate: {error}")))?;
        fs_err::write(&authority_file, made.authority)?;
        fs_err::write(&certificate_file, made.certificate)?;
        let mut private = tempfile::NamedTempFile::new_in(folder)?;
        io::Write::write_all(&mut private, made.key.as_bytes())?;
        // A temporary file is readable by its owner only, and stays so.
        private.persist(&key_file).map_err(|error| error.error)?;
    }
    let wrong = |file: &Path, error: &dyn std::fmt::Display| {
        io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", file.display()))
    };
    let certificate = CertificateDer::from_pem_slice(&fs_err::read(&certificate_file)?)
        .map_err(|error| wrong(&certificate_file, &error))?;
    let key = PrivateKeyDer::from_pem_slice(&fs_err::read(&key_file)?).map_err(|error| wrong(&key_file, &error))?;
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .and_then(|builder| builder.with_no_client_auth().with_single_cert(vec![certificate], key))
        .map_err(|error| wrong(&key_file, &error))?;
    let authority = fs_err::read_to_string(&authority_file)?;
    Ok(Identity { config: Arc::new(config), authority, authority_file })
}

struct Made {
    authority: String,
    certificate: String,
    key: String,
}

fn make() -> Result<Made, rcgen::Error> {
    let authority_key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut authority = CertificateParams::new(Vec::new())?;
    authority.distinguished_name = name("rolecall sandbox CA");
    authority.is_ca = IsCa::Ca(BasicConstraints::Constrained(0));
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    lasting(&mut authority);
    let authority_certificate = authority.self_signed(&authority_key)?;

    let server_key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256)?;
    let mut server = CertificateParams::new(vec!["localhost".to_owned(), "127.0.0.1".to_owned()])?;
    server.distinguished_name = name("rolecall sandbox");
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    // Python's strict verification asks for it.
    server.use_authority_key_identifier_extension = true;
    lasting(&mut server);
    let certificate = server.signed_by(&server_key, &Issuer::new(authority, authority_key))?;
    Ok(Made { authority: authority_certificate.pem(), certificate: certificate.pem(), key: server_key.serialize_pem() })
}

fn name(common: &str) -> DistinguishedName {
    let mut name = DistinguishedName::new();
    name.push(DnType::CommonName, common);
    name
}

/// As long as any sandbox lives, whatever the clock says.
fn lasting(certificate: &mut CertificateParams) {
    certificate.not_before = rcgen::date_time_ymd(2020, 1, 1);
    certificate.not_after = rcgen::date_time_ymd(2049, 12, 31);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn certificates_are_made_once_and_the_key_is_private() {
        let folder = tempfile::tempdir().unwrap();
        let first = identity(folder.path()).unwrap();
        let second = identity(folder.path()).unwrap();
        assert_eq!(first.authority, second.authority);
        #[cfg(unix)]
        {
            use std::os::unix::fs::PermissionsExt as _;
            let mode = fs_err::metadata(folder.path().join(KEY)).unwrap().permissions().mode();
            assert_eq!(mode & 0o777, 0o600);
        }
    }

    #[test]
    fn a_damaged_key_is_an_error_that_names_the_file() {
        let folder = tempfile::tempdir().unwrap();
        identity(folder.path()).unwrap();
        fs_err::write(folder.path().join(KEY), "no key").unwrap();
        let error = identity(folder.path()).unwrap_err();
        assert!(error.to_string().contains("server.key"), "{error}");
    }
}
