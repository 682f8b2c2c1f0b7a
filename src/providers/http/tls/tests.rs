use rcgen::{BasicConstraints, CertificateParams, DnType, IsCa, Issuer, KeyPair};
use tokio_rustls::TlsAcceptor;

use super::*;

struct Authority {
    issuer: Issuer<'static, KeyPair>,
    der: Vec<u8>,
}

fn authority(name: &str) -> Authority {
    let mut params = CertificateParams::default();
    params.distinguished_name.push(DnType::CommonName, name);
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let key = KeyPair::generate().unwrap();
    let der = params.self_signed(&key).unwrap().der().to_vec();
    Authority { issuer: Issuer::new(params, key), der }
}

/// A server on loopback that does one handshake, with a certificate for these names.
async fn server(authority: &Authority, names: &[&str], expires: (i32, u8, u8)) -> Url {
    let mut params = CertificateParams::new(names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>()).unwrap();
    params.distinguished_name = rcgen::DistinguishedName::new();
    params.distinguished_name.push(DnType::CommonName, "k3s \u{1b}[31m");
    params.not_after = rcgen::date_time_ymd(expires.0, expires.1, expires.2);
    let key = KeyPair::generate().unwrap();
    let certificate = params.signed_by(&key, &authority.issuer).unwrap();
    let config = rustls::ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key.serialize_der().try_into().unwrap())
        .unwrap();
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("https://{}", listener.local_addr().unwrap()).parse().unwrap();
    tokio::spawn(async move {
        let (stream, _) = listener.accept().await.unwrap();
        drop(TlsAcceptor::from(Arc::new(config)).accept(stream).await);
    });
    url
}

#[tokio::test]
async fn a_certificate_that_is_trusted_is_read() {
    let ca = authority("contoso CA");
    let url = server(&ca, &["127.0.0.1"], (2049, 12, 31)).await;
    let seen = shake_hands(&url, None, &Trust::Only(vec![ca.der.clone()])).await.unwrap();
    assert_eq!(seen.problem, None);
    let certificate = seen.certificate.unwrap();
    assert_eq!((certificate.issuer.as_str(), certificate.subject.as_str()), ("contoso CA", "k3s \u{1b}[31m"));
    assert_eq!(certificate.expires.to_string(), "2049-12-31T00:00:00Z");

    // From 2050 on a certificate writes its times in another form.
    let url = server(&ca, &["127.0.0.1"], (2051, 2, 3)).await;
    let seen = shake_hands(&url, None, &Trust::Only(vec![ca.der])).await.unwrap();
    assert_eq!(seen.certificate.unwrap().expires.to_string(), "2051-02-03T00:00:00Z");
}

#[tokio::test]
async fn a_certificate_that_is_refused_is_read_as_well() {
    let (ca, other) = (authority("contoso CA"), authority("Inspecting Proxy CA"));
    let trust = Trust::Only(vec![ca.der.clone()]);
    let cases = [
        (server(&other, &["127.0.0.1"], (2049, 1, 1)).await, "whoever signed its certificate is not trusted here"),
        (server(&ca, &["127.0.0.1"], (2001, 1, 1)).await, "its certificate has expired"),
        (server(&ca, &["other.contoso.com"], (2049, 1, 1)).await, "its certificate is for another name"),
    ];
    for (url, words) in cases {
        let seen = shake_hands(&url, None, &trust).await.unwrap();
        let problem = seen.problem.unwrap();
        assert_eq!((problem.kind, problem.what.as_str()), (FailureKind::Refused, words));
        assert!(seen.certificate.is_some(), "{words}");
    }
    let url = server(&ca, &["other.contoso.com"], (2049, 1, 1)).await;
    let seen = shake_hands(&url, Some("other.contoso.com"), &trust).await.unwrap();
    assert_eq!(seen.problem, None, "the connection says which name is meant");
}

#[tokio::test]
async fn a_server_that_is_not_there_or_speaks_no_tls_is_told_from_one_that_is_not_trusted() {
    let trust = Trust::SystemAnd(None);
    assert_eq!(shake_hands(&"http://127.0.0.1:1".parse().unwrap(), None, &trust).await, None);
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url: Url = format!("https://{}", listener.local_addr().unwrap()).parse().unwrap();
    let plain = tokio::spawn(async move { drop(listener.accept().await) });
    let seen = shake_hands(&url, None, &trust).await.unwrap();
    plain.await.unwrap();
    assert_eq!((seen.problem.unwrap().kind, seen.certificate), (FailureKind::Unreachable, None));
}
