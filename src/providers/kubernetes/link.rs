//! One way to one cluster.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use super::tokens::TokenSource;
use crate::providers::http::proxy::Proxy;

/// How long one call may take, waiting for a throttling server included.
const CALL_LIMIT: Duration = Duration::from_secs(30);

/// One way to one cluster: where it is, and as whom we go there. It can do nothing by itself; a reader or a writer is made
/// from it.
#[derive(Clone)]
pub struct Link {
    pub(super) client: kube::Client,
    pub(super) tokens: Option<Arc<dyn TokenSource>>,
    pub(super) call_limit: Duration,
    /// The proxy on the way, for messages.
    pub(super) proxy: Option<Proxy>,
    name: Arc<str>,
}

impl Link {
    /// A link over a client that is ready to use, for clusters that live in this process. `name` stands in messages.
    pub fn over(client: kube::Client, name: &str) -> Self {
        Self { client, tokens: None, call_limit: CALL_LIMIT, proxy: None, name: name.into() }
    }

    pub(super) fn with_tokens(mut self, tokens: Option<Arc<dyn TokenSource>>) -> Self {
        self.tokens = tokens;
        self
    }

    pub(super) fn with_proxy(self, proxy: Option<Proxy>) -> Self {
        Self { proxy, ..self }
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
