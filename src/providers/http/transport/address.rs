//! Which addresses may be reached without TLS.

use reqwest::Url;
use url::Host;

use crate::state::{Failure, FailureKind, Result};

/// Whether a URL points to this machine: the only place that may be reached without TLS.
pub fn is_loopback(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => address.is_loopback(),
        Some(Host::Ipv6(address)) => address.is_loopback(),
        Some(Host::Domain(name)) => name.eq_ignore_ascii_case("localhost"),
        None => false,
    }
}

/// Refuses an address without TLS, except on loopback.
///
/// # Errors
/// [`FailureKind::Refused`], naming the origin.
pub fn require_tls(url: &Url) -> Result<()> {
    if url.scheme() == "https" || (url.scheme() == "http" && is_loopback(url)) {
        return Ok(());
    }
    Err(Failure::new(
        FailureKind::Refused,
        format!("refused to talk to {} without TLS", url.origin().ascii_serialization()),
    )
    .with_next("use an https:// address; plain HTTP is allowed to loopback only"))
}

/// Whether a URL points to a link-local address, over plain HTTP.
pub(super) fn is_link_local(url: &Url) -> bool {
    url.scheme() == "http" && matches!(url.host(), Some(Host::Ipv4(address)) if address.is_link_local())
}
