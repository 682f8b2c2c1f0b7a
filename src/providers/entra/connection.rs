//! How to reach a tenant. Never part of the access files.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use url::Url;

use crate::providers::http::{Gate, Listener, OnWait, Pace, Proxies, Transport, TransportSettings};
use crate::state::{Cloud, GroupKey, Result, TenantId};

/// What was written is not shown yet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Lagging {
    /// The groups that are waited for.
    pub groups: BTreeSet<GroupKey>,
    /// How long until the next look; none follows when it is zero.
    pub now: Duration,
    /// Why something could not be read back at all.
    pub unread: Option<String>,
}

/// Whom to tell of it.
pub type OnLag = Listener<Lagging>;

/// How to reach a tenant.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The origin of Graph; the path is ours.
    pub graph: Url,
    /// The login endpoint.
    pub login: Url,
    /// A PEM bundle that is trusted beside the roots of the operating system.
    pub extra_ca: Option<Vec<u8>>,
    /// The proxy on the way to both, if there is one.
    pub proxies: Proxies,
    /// The tenant.
    pub tenant: TenantId,
    /// How patient to be.
    pub pace: Pace,
    /// What holds back every request, of readers and writers alike, once Graph has asked one of them to wait.
    pub gate: Arc<Gate>,
    /// Whom to tell when Graph makes us wait.
    pub on_wait: OnWait,
    /// Whom to tell when Entra does not show yet what was written.
    pub on_lag: OnLag,
}

impl Connection {
    /// The endpoints of a cloud.
    ///
    /// # Errors
    /// When an endpoint of the table is no URL; a test shows that all are.
    pub fn to_cloud(cloud: Cloud, tenant: TenantId) -> Result<Self> {
        Ok(Self {
            graph: cloud.graph()?,
            login: cloud.login()?,
            extra_ca: None,
            proxies: Proxies::default(),
            tenant,
            pace: Pace::default(),
            gate: Arc::default(),
            on_wait: OnWait::default(),
            on_lag: OnLag::default(),
        })
    }

    /// The transport for this connection; Graph and the login endpoint share it.
    ///
    /// # Errors
    /// When the extra CA is no PEM, or there is no root to trust.
    pub fn transport(&self) -> Result<Transport> {
        Transport::new(&TransportSettings::new(self.extra_ca.clone(), self.proxies.clone()))
    }
}
