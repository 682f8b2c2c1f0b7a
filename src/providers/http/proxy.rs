//! Which proxy carries a request, from what the command line read of its environment or its connections file.

use std::error::Error;
use std::fmt;
use std::sync::Arc;

use hyper_util::client::proxy::matcher::Matcher;
use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::is_loopback;
use crate::state::{Failure, FailureKind, Result};

/// The proxy for servers elsewhere. Loopback is never reached through one.
#[derive(Clone, Default)]
pub struct Proxies(Option<Arc<Rule>>);

struct Rule {
    proxy: Proxy,
    /// Says which hosts the proxy is for, by the rules of `NO_PROXY` that curl and Go share.
    matcher: Matcher,
}

/// A proxy. Its address may hold a password, so only the origin is ever shown.
#[derive(Clone)]
pub struct Proxy {
    shown: String,
    address: SecretString,
}

impl Proxy {
    /// An address as people write it.
    ///
    /// # Errors
    /// When it is none, or of a kind that is not supported. `place` says where it stands.
    pub fn parse(address: &str, place: &str) -> Result<Self> {
        // As in curl: without a scheme it is an HTTP proxy.
        let text = if address.contains("://") { address.to_owned() } else { format!("http://{address}") };
        let wrong = |what: String| {
            Failure::new(FailureKind::Invalid, what)
                .with_next("write it as http://HOST:PORT, or https:// for one with TLS")
        };
        // The text itself stays out of the message: it may hold a password.
        let url = Url::parse(&text).map_err(|error| wrong(format!("{place} is no address of a proxy: {error}")))?;
        if !matches!(url.scheme(), "http" | "https") || url.host().is_none() {
            return Err(wrong(format!("{place} names a proxy of kind `{}`, which is not supported", url.scheme())));
        }
        // As it was parsed: what had to be escaped in a password is, for whoever reads the address next.
        Ok(Self { shown: url.origin().ascii_serialization(), address: SecretString::from(url.as_str()) })
    }

    /// Whether its address holds a user name or a password.
    fn has_password(&self) -> bool {
        self.address.expose_secret().contains('@')
    }

    /// The whole address, its user name and password included.
    pub fn address(&self) -> &SecretString {
        &self.address
    }
}

impl fmt::Display for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.shown)
    }
}

impl fmt::Debug for Proxy {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.shown)
    }
}

impl fmt::Debug for Proxies {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_tuple("Proxies").field(&self.0.as_ref().map(|rule| &rule.proxy)).finish()
    }
}

impl Proxies {
    /// This proxy, except for the hosts that `except` lists as `NO_PROXY` does: names, `.domains`, addresses, networks, `*`.
    pub fn through(proxy: Proxy, except: &str) -> Self {
        let matcher = Matcher::builder().all("http://proxy.invalid").no(except).build();
        Self(Some(Arc::new(Rule { proxy, matcher })))
    }

    /// The proxy for a server, if it has one.
    pub fn for_server(&self, server: &Url) -> Option<&Proxy> {
        let rule = self.0.as_deref().filter(|_| !is_loopback(server))?;
        let server = server.as_str().parse().ok()?;
        rule.matcher.intercept(&server).map(|_| &rule.proxy)
    }

    pub(super) fn to_reqwest(&self) -> reqwest::Proxy {
        let proxies = self.clone();
        reqwest::Proxy::custom(move |url| {
            proxies.for_server(url).and_then(|proxy| Url::parse(proxy.address.expose_secret()).ok())
        })
    }
}

/// What a proxy did instead of carrying a request, when that is what an error is about. hyper-util has these errors in a
/// private type, so they are known by their text.
pub fn refusal(error: &(dyn Error + 'static), proxy: Option<&Proxy>, server: &str) -> Option<Failure> {
    let mut causes = std::iter::successors(Some(error), |error| (*error).source());
    let tunnel = causes.find_map(|cause| cause.to_string().strip_prefix("tunnel error: ").map(str::to_owned))?;
    let innermost = causes.last().map(ToString::to_string);
    let wanted = if proxy.is_some_and(Proxy::has_password) { "another" } else { "a" };
    let proxy = proxy.map_or_else(|| "the proxy".to_owned(), |proxy| format!("the proxy {proxy}"));
    let failure = |kind, what: String, next: &str| Some(Failure::new(kind, what).with_next(next));
    match tunnel.as_str() {
        "proxy authorization required" => failure(
            FailureKind::Refused,
            format!("{proxy} wants {wanted} user name and password (407) before it connects to {server}"),
            "put them into the proxy's address: http://USER:PASSWORD@HOST:PORT",
        ),
        "unsuccessful" | "proxy response headers too long" => failure(
            FailureKind::Refused,
            format!("{proxy} refused to connect to {server}"),
            "have the host allowed at the proxy, or list it in NO_PROXY if it can be reached directly",
        ),
        "failed to create underlying connection" => {
            let reason = innermost.unwrap_or_else(|| "the connection failed".to_owned());
            let what = format!("cannot connect to {proxy} on the way to {server}: {reason}");
            failure(FailureKind::Unreachable, what, "check HTTPS_PROXY, or `proxy` in the connections file")
        }
        _ => failure(
            FailureKind::Unreachable,
            format!("{proxy} broke off before it was connected to {server}"),
            "check HTTPS_PROXY, or `proxy` in the connections file",
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn proxied(except: &str, server: &str) -> bool {
        let proxy = Proxy::parse("http://proxy.contoso.com:3128", "HTTPS_PROXY").unwrap();
        Proxies::through(proxy, except).for_server(&server.parse().unwrap()).is_some()
    }

    #[test]
    fn loopback_and_what_is_excepted_is_reached_directly() {
        for server in ["https://127.0.0.1:6443", "https://[::1]:6443", "https://localhost:6443"] {
            assert!(!proxied("", server), "{server}");
        }
        for (except, server, expected) in [
            ("", "https://graph.microsoft.com/v1.0", true),
            ("*", "https://graph.microsoft.com", false),
            ("contoso.com", "https://k3s.contoso.com:6443", false),
            (".contoso.com, 10.0.0.0/8", "https://10.1.2.3:6443", false),
            ("10.0.0.0/8", "https://11.1.2.3:6443", true),
            ("contoso.com", "https://notcontoso.com", true),
        ] {
            assert_eq!(proxied(except, server), expected, "{except} {server}");
        }
        assert!(Proxies::default().for_server(&"https://graph.microsoft.com".parse().unwrap()).is_none());
    }

    #[test]
    fn a_password_means_the_same_to_both_clients_whatever_is_in_it() {
        // All of ASCII that does not end the password itself.
        let password: String = (' '..='~').filter(|character| !"/?#@\\".contains(*character)).collect();
        let proxy = Proxy::parse(&format!("http://ana:{password}@proxy:3128"), "HTTPS_PROXY").unwrap();
        let address = proxy.address().expose_secret();
        let uri: http::Uri = address.parse().unwrap();
        let (credential, _) = uri.authority().unwrap().as_str().rsplit_once('@').unwrap();
        let url = Url::parse(address).unwrap();
        assert_eq!(credential, format!("ana:{}", url.password().unwrap()));
        let decoded = percent_encoding::percent_decode_str(url.password().unwrap()).decode_utf8().unwrap();
        assert_eq!(decoded, password);
    }

    #[test]
    fn a_password_is_never_shown_and_other_kinds_are_refused() {
        let proxy = Proxy::parse("http://ana:s3cret@proxy.contoso.com:3128", "HTTPS_PROXY").unwrap();
        assert_eq!(proxy.to_string(), "http://proxy.contoso.com:3128");
        assert!(proxy.has_password() && !Proxy::parse("proxy:3128", "HTTPS_PROXY").unwrap().has_password());
        assert!(!format!("{:?}", Proxies::through(proxy, "")).contains("s3cret"));
        assert_eq!(Proxy::parse("proxy:3128", "HTTPS_PROXY").unwrap().to_string(), "http://proxy:3128");
        for wrong in ["socks5://ana:s3cret@proxy:1080", "http://ana:s3cret@"] {
            let failure = Proxy::parse(wrong, "HTTPS_PROXY").unwrap_err();
            assert!(failure.what.contains("HTTPS_PROXY") && !failure.what.contains("s3cret"), "{}", failure.what);
        }
    }
}
