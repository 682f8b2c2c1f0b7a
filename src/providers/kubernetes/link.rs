//! One way to one cluster.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use jiff::Timestamp;
use url::Url;

use super::tokens::TokenSource;
use crate::providers::http::Gate;
use crate::providers::http::proxy::Proxy;
use crate::providers::http::tls::{self, Trust};
use crate::state::Handshake;

/// The first wait before something is sent again where the server names none.
const FIRST_WAIT: Duration = Duration::from_millis(250);
/// How long one call may take, waiting for a throttling server included.
const CALL_LIMIT: Duration = Duration::from_secs(30);

/// One way to one cluster: where it is, and as whom we go there. It can do nothing by itself; a reader or a writer is made
/// from it.
#[derive(Clone)]
pub struct Link {
    pub(super) client: kube::Client,
    pub(super) tokens: Option<Arc<dyn TokenSource>>,
    pub(super) call_limit: Duration,
    /// What every wait is a multiple of, where the server names none.
    pub(super) first_wait: Duration,
    /// What holds back every call, of readers and writers alike, once the server has asked one of them to wait.
    pub(super) gate: Arc<Gate>,
    /// Our clock, which what answers say about time is compared with.
    pub(super) clock: fn() -> Timestamp,
    /// The proxy on the way, for messages.
    pub(super) proxy: Option<Proxy>,
    name: Arc<str>,
    /// Where TLS ends, when this goes over a network.
    place: Option<Arc<Place>>,
}

/// What TLS to the server is made of.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) server: Url,
    pub(super) trust: Trust,
    /// The name that its certificate must carry, when that is not the host.
    pub(super) name: Option<String>,
}

impl Link {
    /// A link over a client that is ready to use, for clusters that live in this process. `name` stands in messages.
    pub fn over(client: kube::Client, name: &str) -> Self {
        let (call_limit, clock) = (CALL_LIMIT, Timestamp::now);
        let (gate, first_wait) = (Arc::default(), FIRST_WAIT);
        Self { client, tokens: None, call_limit, first_wait, gate, clock, proxy: None, name: name.into(), place: None }
    }

    pub(super) fn with_tokens(mut self, tokens: Option<Arc<dyn TokenSource>>) -> Self {
        self.tokens = tokens;
        self
    }

    /// With other waits: this is the first where the server names none, and the others are multiples of it.
    #[must_use]
    pub fn waiting(self, first_wait: Duration) -> Self {
        Self { first_wait, ..self }
    }

    pub(super) fn with_proxy(self, proxy: Option<Proxy>) -> Self {
        Self { proxy, ..self }
    }

    pub(super) fn at(mut self, place: Option<Place>) -> Self {
        self.place = place.map(Arc::new);
        self
    }

    /// Looks at the server's certificate and sends nothing; `None` where there is no TLS.
    pub async fn shake_hands(&self) -> Option<Handshake> {
        let place = self.place.as_ref()?;
        if let Some(proxy) = &self.proxy {
            return tls::through_proxy(&place.server, proxy);
        }
        tls::shake_hands(&place.server, place.name.as_deref(), &place.trust).await
    }

    #[cfg(test)]
    pub(super) fn with_call_limit(mut self, limit: Duration) -> Self {
        self.call_limit = limit;
        self
    }
}

impl fmt::Display for Link {
    /// The context and the server, for messages.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.name)
    }
}

impl fmt::Debug for Link {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.debug_struct("Link").field("name", &self.name).finish_non_exhaustive()
    }
}
