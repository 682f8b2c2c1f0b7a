//! From what the person running rolecall says about a cluster to a link to it.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use kube::Config;
use kube::config::AuthInfo;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use secrecy::ExposeSecret as _;
use url::{Host, Url};

use super::kubeconfig;
use super::link::{Link, Place};
use super::plugin::Plugins;
use super::tokens::{File, TokenSource};
use crate::providers::http::Proxies;
use crate::providers::http::excerpt;
use crate::providers::http::proxy::Proxy;
use crate::providers::http::tls::Trust;
use crate::state::{Failure, FailureKind, Result};

/// How long making a connection may take, TLS included.
const CONNECT_LIMIT: Duration = Duration::from_secs(10);

/// How to reach a cluster. It comes from flags, the environment or a connections file, never from the access files.
#[derive(Clone)]
pub enum Connection {
    /// By a context of a kubeconfig.
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// The context in it.
        context: String,
        /// Whether the file may have a credential plugin run.
        allow_exec: bool,
    },
    /// As the service account of the pod that we run in.
    InCluster,
    /// By the address of its API server, with a bearer.
    Server {
        /// The address.
        server: Url,
        /// The certificate authority that signed the server's certificate, as PEM; `None` trusts what the system trusts.
        ca_pem: Option<String>,
        /// Where the bearer comes from.
        token: Arc<dyn TokenSource>,
    },
}

impl fmt::Debug for Connection {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kubeconfig { path, context, allow_exec } => formatter
                .debug_struct("Kubeconfig")
                .field("path", path)
                .field("context", context)
                .field("allow_exec", allow_exec)
                .finish(),
            Self::InCluster => formatter.write_str("InCluster"),
            Self::Server { server, ca_pem: _, token: _ } => {
                formatter.debug_struct("Server").field("server", &server.as_str()).finish_non_exhaustive()
            }
        }
    }
}

/// What a client is built from.
pub(super) struct Prepared {
    pub(super) server: Url,
    /// DER; `None` trusts what the system trusts.
    pub(super) authorities: Option<Vec<Vec<u8>>>,
    /// The name the server's certificate must carry, when it is not the host of the address.
    pub(super) tls_server_name: Option<String>,
    /// A client certificate and impersonation, never a token or a plugin: kube would start a plugin three times a client.
    pub(super) identity: AuthInfo,
    pub(super) tokens: Option<Arc<dyn TokenSource>>,
    /// The proxy that the kubeconfig names for this cluster.
    pub(super) proxy: Option<Proxy>,
    /// For messages.
    pub(super) name: String,
}

/// Prepares the way to a cluster. Nothing is sent to the cluster yet; a credential plugin is run where the connection
/// allows it.
///
/// # Errors
/// A [`Failure`] that says what in which file is missing, wrong or refused.
pub async fn connect(connection: &Connection) -> Result<Link> {
    connect_through(connection, &Proxies::default(), &Plugins::default()).await
}

/// As [`connect`], through a proxy where there is one for the server. A kubeconfig's own `proxy-url` comes first. From inside
/// a cluster its API server is reached directly. A plugin that was run already is not run again.
///
/// # Errors
/// As [`connect`].
pub async fn connect_through(connection: &Connection, proxies: &Proxies, plugins: &Plugins) -> Result<Link> {
    let prepared = match connection {
        Connection::Kubeconfig { path, context, allow_exec } => {
            kubeconfig::prepare(path, context, allow_exec.then_some(plugins)).await?
        }
        Connection::InCluster => return in_cluster(),
        Connection::Server { server, ca_pem, token } => {
            check_server(server, "the server address")?;
            let authorities = match ca_pem {
                Some(pem) => Some(certificates(pem.as_bytes(), &format!("the certificate authority of {server}"))?),
                None => None,
            };
            Prepared {
                server: server.clone(),
                authorities,
                tls_server_name: None,
                identity: AuthInfo::default(),
                tokens: Some(Arc::clone(token)),
                proxy: None,
                name: server.to_string(),
            }
        }
    };
    let address = prepared.server.as_str().parse::<http::Uri>().map_err(|error| {
        Failure::new(FailureKind::Invalid, format!("{}: the server address cannot be used: {error}", prepared.name))
    })?;
    let mut config = Config::new(address);
    config.root_cert = prepared.authorities;
    config.tls_server_name = prepared.tls_server_name;
    config.auth_info = prepared.identity;
    let proxy = prepared.proxy.or_else(|| proxies.for_server(&prepared.server).cloned());
    if let Some(proxy) = &proxy {
        let address = proxy.address().expose_secret().parse::<http::Uri>().map_err(|_| {
            Failure::new(FailureKind::Invalid, format!("{}: the proxy {proxy} cannot be used", prepared.name))
        })?;
        config.proxy_url = Some(address);
    }
    Ok(build(config, prepared.tokens, &prepared.name)?.with_proxy(proxy))
}

/// The service account of the pod: address from the variables that kubelet sets, token and authority from its volume.
fn in_cluster() -> Result<Link> {
    let mut config = Config::incluster().map_err(|error| {
        Failure::new(FailureKind::NotFound, format!("cannot connect from inside the cluster: {error}"))
            .with_next("this works in a pod with a service account; elsewhere name a kubeconfig or a server")
    })?;
    let name = format!("the cluster we run in ({})", config.cluster_url);
    let tokens = config.auth_info.token_file.take().map(|path| Arc::new(File(path.into())) as Arc<dyn TokenSource>);
    build(config, tokens, &name)
}

fn build(mut config: Config, tokens: Option<Arc<dyn TokenSource>>, name: &str) -> Result<Link> {
    config.connect_timeout = Some(CONNECT_LIMIT);
    // Kube's own retries would repeat writes for minutes; ours are bounded and read back first.
    config.default_retry = false;
    let place = config.cluster_url.to_string().parse().ok().map(|server| Place {
        server,
        trust: config.root_cert.clone().map_or(Trust::SystemAnd(None), Trust::Only),
        name: config.tls_server_name.clone(),
    });
    let client = kube::Client::try_from(config).map_err(|error| {
        Failure::new(FailureKind::Invalid, format!("{name}: {}", excerpt(&error.to_string())))
            .with_next("check the certificates and keys that this connection names")
    })?;
    Ok(Link::over(client, name).with_tokens(tokens).at(place))
}

/// Refuses an address that would send a token in clear, or that holds a secret itself.
pub(super) fn check_server(server: &Url, place: &str) -> Result<()> {
    let loopback = match server.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name == "localhost",
        None => false,
    };
    if !server.username().is_empty() || server.password().is_some() {
        return Err(Failure::new(FailureKind::Refused, format!("{place} holds a user name or password"))
            .with_next("take it out of the address"));
    }
    match server.scheme() {
        "https" if server.host().is_some() => Ok(()),
        "http" if loopback => Ok(()),
        "http" => {
            let what = format!("{place} is plain HTTP ({server}), which would send the credential in clear");
            Err(Failure::new(FailureKind::Refused, what)
                .with_next("use https; plain HTTP is only for this machine itself"))
        }
        _ => Err(Failure::new(FailureKind::Invalid, format!("{place} is no https address: {server}"))),
    }
}

/// The certificates in PEM text, as DER.
pub(super) fn certificates(pem: &[u8], place: &str) -> Result<Vec<Vec<u8>>> {
    let found: std::result::Result<Vec<Vec<u8>>, _> =
        CertificateDer::pem_slice_iter(pem).map(|certificate| certificate.map(|der| der.to_vec())).collect();
    match found {
        Ok(certificates) if certificates.is_empty() => {
            Err(Failure::new(FailureKind::Invalid, format!("{place} holds no certificate"))
                .with_next("it must be PEM text with at least one CERTIFICATE block"))
        }
        Ok(certificates) => Ok(certificates),
        Err(error) => Err(Failure::new(FailureKind::Invalid, format!("{place} is no valid PEM text: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::providers::kubernetes::tokens::Fixed;
    use insta::assert_snapshot;

    async fn server(address: &str, ca_pem: Option<&str>) -> Result<Link> {
        let server = Url::parse(address).unwrap();
        let token = Arc::new(Fixed("secret".to_owned().into()));
        connect(&Connection::Server { server, ca_pem: ca_pem.map(str::to_owned), token }).await
    }

    #[tokio::test]
    async fn plain_http_is_for_this_machine_only() {
        for address in
            ["http://127.0.0.1:6443", "http://[::1]:6443", "http://localhost:6443", "https://k3s.contoso.com"]
        {
            server(address, None).await.unwrap();
        }
        let failure = server("http://k3s.contoso.com:6443", None).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Refused);
        assert_snapshot!(failure.what, @"the server address is plain HTTP (http://k3s.contoso.com:6443/), which would send the credential in clear");
        let failure = server("ftp://k3s.contoso.com", None).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Invalid);
    }

    #[tokio::test]
    async fn an_address_with_a_password_is_refused_without_showing_it() {
        let failure = server("https://admin:hunter2@k3s.contoso.com", None).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Refused);
        assert!(!format!("{failure:?}").contains("hunter2"), "{failure:?}");
    }

    #[tokio::test]
    async fn a_bad_authority_is_named() {
        let failure = server("https://k3s.contoso.com", Some("hello")).await.unwrap_err();
        assert_snapshot!(failure.what, @"the certificate authority of https://k3s.contoso.com/ holds no certificate");
        let pem = "-----BEGIN CERTIFICATE-----\n!!\n-----END CERTIFICATE-----\n";
        let failure = server("https://k3s.contoso.com", Some(pem)).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Invalid);
        // Base64 that holds no certificate.
        let pem = "-----BEGIN CERTIFICATE-----\naGVsbG8=\n-----END CERTIFICATE-----\n";
        let failure = server("https://k3s.contoso.com", Some(pem)).await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Invalid);
    }

    #[test]
    fn a_connection_shows_no_secret() {
        let connection = Connection::Server {
            server: Url::parse("https://k3s.contoso.com").unwrap(),
            ca_pem: None,
            token: Arc::new(Fixed("secret".to_owned().into())),
        };
        assert!(!format!("{connection:?}").contains("secret"));
    }
}
