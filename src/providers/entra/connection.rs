//! How to reach a tenant. Never part of the access files.

use std::sync::Arc;

use url::Url;

use crate::providers::http::{Gate, OnWait, Pace, Proxies, Transport, TransportSettings};
use crate::state::{Cloud, Result, TenantId};

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
