//! How to reach a tenant. Never part of the access files.

use std::str::FromStr;

use url::Url;

use crate::providers::http::{Pace, Transport, TransportSettings};
use crate::state::{Failure, FailureKind, InvalidName, Result, TenantId};

/// A cloud that Microsoft runs, each with endpoints of its own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Cloud {
    /// The public cloud.
    #[default]
    Public,
    /// US Government L4.
    UsGovernment,
    /// China, run by 21Vianet.
    China,
}

impl Cloud {
    /// Login and Graph.
    const fn endpoints(self) -> (&'static str, &'static str) {
        match self {
            Self::Public => ("https://login.microsoftonline.com", "https://graph.microsoft.com"),
            Self::UsGovernment => ("https://login.microsoftonline.us", "https://graph.microsoft.us"),
            Self::China => ("https://login.chinacloudapi.cn", "https://microsoftgraph.chinacloudapi.cn"),
        }
    }
}

impl FromStr for Cloud {
    type Err = InvalidName;
    fn from_str(text: &str) -> std::result::Result<Self, InvalidName> {
        match text {
            "public" => Ok(Self::Public),
            "us-government" => Ok(Self::UsGovernment),
            "china" => Ok(Self::China),
            _ => Err(InvalidName("use `public`, `us-government` or `china`".to_owned())),
        }
    }
}

/// How to reach a tenant.
#[derive(Clone, Debug)]
pub struct Connection {
    /// The origin of Graph; the path is ours.
    pub graph: Url,
    /// The login endpoint.
    pub login: Url,
    /// A PEM bundle that is trusted beside the roots of the operating system.
    pub extra_ca: Option<Vec<u8>>,
    /// The tenant.
    pub tenant: TenantId,
    /// How patient to be.
    pub pace: Pace,
}

impl Connection {
    /// The endpoints of a cloud.
    ///
    /// # Errors
    /// When an endpoint of the table is no URL; a test shows that all are.
    pub fn to_cloud(cloud: Cloud, tenant: TenantId) -> Result<Self> {
        let (login, graph) = cloud.endpoints();
        let url = |text: &str| {
            Url::parse(text).map_err(|_| Failure::new(FailureKind::Refused, format!("the endpoint `{text}` is no URL")))
        };
        Ok(Self { graph: url(graph)?, login: url(login)?, extra_ca: None, tenant, pace: Pace::default() })
    }

    /// The transport for this connection; Graph and the login endpoint share it.
    ///
    /// # Errors
    /// When the extra CA is no PEM, or there is no root to trust.
    pub fn transport(&self) -> Result<Transport> {
        Transport::new(&TransportSettings::for_server(&self.graph, self.extra_ca.clone()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cloud_has_endpoints_of_its_own() {
        let tenant = "8f9f0000-0000-4000-8000-000000000001".parse().unwrap();
        let mut seen = std::collections::BTreeSet::new();
        for name in ["public", "us-government", "china"] {
            let connection = Connection::to_cloud(name.parse().unwrap(), tenant).unwrap();
            assert!(seen.insert(connection.graph.to_string()) && seen.insert(connection.login.to_string()));
        }
        assert!("azure".parse::<Cloud>().is_err());
    }
}
