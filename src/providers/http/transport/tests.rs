use super::*;
use reqwest::Method;
use wiremock::matchers::any;
use wiremock::{Mock, MockServer, ResponseTemplate};

fn transport() -> Transport {
    Transport::new(&TransportSettings::new(None, Proxies::default())).unwrap()
}

fn get(url: &str) -> Request {
    Request::new(Method::GET, url.parse().unwrap())
}

#[tokio::test]
async fn plain_http_is_refused_except_to_loopback() {
    let refused = transport().send(get("http://graph.contoso.com/v1.0/groups")).await.unwrap_err();
    let NotAnswered::Refused(failure) = refused else { panic!("{refused:?}") };
    assert_eq!(failure.what, "refused to talk to http://graph.contoso.com without TLS");
    for address in ["http://127.0.0.1:1/", "http://[::1]:1/", "http://localhost:1/"] {
        assert!(require_tls(&address.parse().unwrap()).is_ok(), "{address}");
    }
    for address in ["http://127.0.0.1.contoso.com/", "http://localhost.contoso.com/", "ftp://127.0.0.1/"] {
        assert!(require_tls(&address.parse().unwrap()).is_err(), "{address}");
    }
}

#[tokio::test]
async fn a_redirect_is_refused_and_only_its_origin_is_named() {
    let server = MockServer::start().await;
    Mock::given(any())
        .respond_with(ResponseTemplate::new(302).insert_header("location", "https://evil.contoso.com/?code=secret"))
        .expect(1)
        .mount(&server)
        .await;
    let refused = transport().send(get(&server.uri())).await.unwrap_err();
    let NotAnswered::Refused(failure) = refused else { panic!("{refused:?}") };
    assert!(failure.what.ends_with("redirects to https://evil.contoso.com (302); redirects are never followed"));
    assert!(!failure.what.contains("secret"), "{}", failure.what);
}

#[tokio::test]
async fn what_an_answer_says_about_clock_and_limits_is_kept() {
    let server = MockServer::start().await;
    // A throttled answer counts, and a lower value later does not hide the highest.
    for (value, date, wait) in [
        ("1.2", "Wed, 01 Jan 2025 00:00:00 GMT", "Wed, 01 Jan 2025 00:01:00 GMT"),
        ("0.9", "no date", "1.5"),
        ("NaN", "no date", "soon"),
    ] {
        let reply = ResponseTemplate::new(429)
            .insert_header("x-ms-throttle-limit-percentage", value)
            .insert_header("date", date)
            .insert_header("retry-after", wait);
        Mock::given(any()).respond_with(reply).up_to_n_times(1).mount(&server).await;
    }
    let settings = TransportSettings {
        clock: || "2025-01-01T00:00:45Z".parse().unwrap(),
        ..TransportSettings::new(None, Proxies::default())
    };
    let transport = Transport::new(&settings).unwrap();
    let mut waits = Vec::new();
    for _ in 0..3 {
        waits.push(transport.send(get(&server.uri())).await.unwrap().retry_after);
    }
    let heard = transport.heard();
    let [heard] = heard.values().collect::<Vec<_>>()[..] else { panic!("{heard:?}") };
    assert_eq!(heard.throttle, Some(1.2));
    assert_eq!(heard.ahead, Some(SignedDuration::from_secs(-45)));
    assert_eq!(waits, [Some(Duration::from_secs(15)), Some(Duration::from_millis(1500)), None]);
}

#[tokio::test]
async fn a_closed_port_means_that_nothing_was_sent() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    drop(listener);
    let failed = transport().send(get(&address)).await.unwrap_err();
    let NotAnswered::NotSent(failure) = failed else { panic!("{failed:?}") };
    assert_eq!(failure.kind, FailureKind::Unreachable);
    assert!(failure.what.contains("cannot connect to http://127.0.0.1:"), "{}", failure.what);
}

#[tokio::test]
async fn a_connection_that_breaks_off_leaves_the_result_unknown() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = format!("http://{}/", listener.local_addr().unwrap());
    let server = tokio::spawn(async move { drop(listener.accept().await) });
    let failed = transport().send(get(&address)).await.unwrap_err();
    server.await.unwrap();
    let NotAnswered::Unknown(failure) = failed else { panic!("{failed:?}") };
    assert!(failure.what.contains("broke off"), "{}", failure.what);
}

#[test]
fn a_ca_that_is_no_certificate_is_refused() {
    let settings = TransportSettings::new(Some(b"no certificate".to_vec()), Proxies::default());
    let failure = Transport::new(&settings).unwrap_err();
    assert_eq!(failure.kind, FailureKind::Refused);
}

/// A proxy that answers CONNECT with this line and, after 200, is the server itself. Gives its address and what it was
/// asked.
async fn proxy(
    answer: &'static str,
    tls: Option<tokio_rustls::TlsAcceptor>,
) -> (String, tokio::task::JoinHandle<String>) {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let task = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut asked = vec![0; 4096];
        let mut length = 0;
        while !asked[..length].ends_with(b"\r\n\r\n") {
            length += stream.read(&mut asked[length..]).await.unwrap();
        }
        stream.write_all(format!("HTTP/1.1 {answer}\r\n\r\n").as_bytes()).await.unwrap();
        if let Some(tls) = tls {
            let mut stream = tls.accept(stream).await.unwrap();
            let mut request = [0; 4096];
            let _ = stream.read(&mut request).await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello").await.unwrap();
            stream.shutdown().await.unwrap();
        }
        String::from_utf8_lossy(&asked[..length]).into_owned()
    });
    (address, task)
}

fn through(address: &str, extra_ca: Option<String>) -> Transport {
    let proxy = proxy::Proxy::parse(&format!("http://ana:s3cret@{address}"), "HTTPS_PROXY").unwrap();
    let proxies = Proxies::through(proxy, "direct.contoso.com");
    Transport::new(&TransportSettings::new(extra_ca.map(String::into_bytes), proxies)).unwrap()
}

#[tokio::test]
async fn a_proxy_that_refuses_is_told_from_the_server_behind_it() {
    let mut said = Vec::new();
    for answer in ["407 Proxy Authentication Required", "403 Forbidden", "502 Bad Gateway"] {
        let (address, asked) = proxy(answer, None).await;
        let failed = through(&address, None).send(get("https://graph.contoso.com/v1.0")).await.unwrap_err();
        let NotAnswered::Refused(failure) = failed else { panic!("{failed:?}") };
        assert!(failure.next.is_some());
        said.push(failure.what.replace(&address, "PROXY"));
        let asked = asked.await.unwrap();
        assert!(asked.starts_with("CONNECT graph.contoso.com:443 "), "{asked}");
        assert!(asked.to_lowercase().contains("proxy-authorization: basic "), "{asked}");
    }
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    let failed = through(&closed, None).send(get("https://graph.contoso.com/v1.0")).await.unwrap_err();
    let NotAnswered::NotSent(failure) = failed else { panic!("{failed:?}") };
    said.push(failure.what.replace(&closed, "PROXY"));
    assert!(said.iter().all(|what| !what.contains("s3cret")));
    insta::assert_snapshot!(said.join("\n"), @"
    the proxy http://PROXY wants another user name and password (407) before it connects to https://graph.contoso.com
    the proxy http://PROXY refused to connect to https://graph.contoso.com
    the proxy http://PROXY refused to connect to https://graph.contoso.com
    cannot connect to the proxy http://PROXY on the way to https://graph.contoso.com: Connection refused (os error 111)
    ");
}

#[tokio::test]
async fn a_server_is_reached_through_a_proxy_with_its_own_certificate() {
    let _ = transport();
    let key = rcgen::KeyPair::generate().unwrap();
    let params = rcgen::CertificateParams::new(vec!["graph.contoso.com".to_owned()]).unwrap();
    let certificate = params.self_signed(&key).unwrap();
    let private = rustls_pki_types::PrivateKeyDer::Pkcs8(key.serialize_der().into());
    let config = rustls::ServerConfig::builder()
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], private)
        .unwrap();
    let acceptor = tokio_rustls::TlsAcceptor::from(std::sync::Arc::new(config));
    let (address, asked) = proxy("200 Connection established", Some(acceptor)).await;
    let answer = through(&address, Some(certificate.pem())).send(get("https://graph.contoso.com/")).await.unwrap();
    assert_eq!(&answer.body[..], b"hello");
    asked.await.unwrap();
}

#[tokio::test]
async fn loopback_is_reached_without_the_proxy() {
    let server = MockServer::start().await;
    Mock::given(any()).respond_with(ResponseTemplate::new(200)).expect(1).mount(&server).await;
    let closed = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().to_string();
    through(&closed, None).send(get(&server.uri())).await.unwrap();
}
