//! Where each of the clouds that Microsoft runs is, and which audience it wants.

use std::str::FromStr;

use url::Url;

use crate::state::{Cloud, Failure, FailureKind, InvalidName, Result};

/// What differs from cloud to cloud.
struct Endpoints {
    name: &'static str,
    /// The first is used; the others are known to be the same service.
    login: &'static [&'static str],
    graph: &'static str,
    /// What a federated assertion must be for.
    exchange: &'static str,
}

impl Cloud {
    /// Every cloud.
    pub const ALL: [Self; 4] = [Self::Public, Self::UsGovernment, Self::UsGovernmentDod, Self::China];

    const fn endpoints(self) -> Endpoints {
        match self {
            Self::Public => Endpoints {
                name: "public",
                login: &["https://login.microsoftonline.com"],
                graph: "https://graph.microsoft.com",
                exchange: "api://AzureADTokenExchange",
            },
            Self::UsGovernment => Endpoints {
                name: "us-government",
                login: &["https://login.microsoftonline.us"],
                graph: "https://graph.microsoft.us",
                exchange: "api://AzureADTokenExchangeUSGov",
            },
            Self::UsGovernmentDod => Endpoints {
                name: "us-government-dod",
                login: &["https://login.microsoftonline.us"],
                graph: "https://dod-graph.microsoft.us",
                exchange: "api://AzureADTokenExchangeUSGov",
            },
            Self::China => Endpoints {
                name: "china",
                login: &["https://login.chinacloudapi.cn", "https://login.partner.microsoftonline.cn"],
                graph: "https://microsoftgraph.chinacloudapi.cn",
                exchange: "api://AzureADTokenExchangeChina",
            },
        }
    }

    /// Its name, as `tenant.cloud` spells it.
    pub const fn name(self) -> &'static str {
        self.endpoints().name
    }

    /// Where its tenants sign in.
    ///
    /// # Errors
    /// When the address of the table is no URL; a test shows that all are.
    pub fn login(self) -> Result<Url> {
        url(self.endpoints().login.first().copied().unwrap_or_default())
    }

    /// Its Microsoft Graph.
    ///
    /// # Errors
    /// As [`Cloud::login`].
    pub fn graph(self) -> Result<Url> {
        url(self.endpoints().graph)
    }

    /// The audience that a federated assertion must have to be taken instead of a secret.
    pub const fn exchange_audience(self) -> &'static str {
        self.endpoints().exchange
    }

    /// Where to sign in by `AZURE_AUTHORITY_HOST`, which the webhook of Azure Workload Identity sets in pods. It must mean
    /// this cloud: with another one, a secret would be shown to a service that the config does not name.
    ///
    /// # Errors
    /// [`FailureKind::WrongTarget`] when it names another place; [`FailureKind::Invalid`] when it is no URL.
    pub fn authority(self, named: &str) -> Result<Url> {
        // Azure's own tools take it with and without the scheme.
        let text = if named.contains("://") { named.to_owned() } else { format!("https://{named}") };
        let authority = Url::parse(&text).map_err(|error| {
            Failure::new(FailureKind::Invalid, format!("AZURE_AUTHORITY_HOST is no URL: {error}"))
                .with_next("unset it: tenant.cloud says where to sign in")
        })?;
        let is_same = |cloud: Self| {
            cloud
                .endpoints()
                .login
                .iter()
                .any(|login| Url::parse(login).is_ok_and(|u| u.origin() == authority.origin()))
        };
        if is_same(self) {
            return Ok(authority);
        }
        let other: Vec<_> = Self::ALL.into_iter().filter(|cloud| is_same(*cloud)).map(Self::name).collect();
        let origin = authority.origin().ascii_serialization();
        let means = match other.as_slice() {
            [] => format!("is {origin}"),
            clouds => format!("is {origin} (tenant.cloud: {})", clouds.join(" or ")),
        };
        let login = self.endpoints().login.first().copied().unwrap_or_default();
        Err(Failure::new(
            FailureKind::WrongTarget,
            format!(
                "AZURE_AUTHORITY_HOST {means}, but the config's tenant is in cloud `{}`, which signs in at {login}",
                self.name()
            ),
        )
        .with_next(
            "correct tenant.cloud or unset AZURE_AUTHORITY_HOST; an endpoint of your own goes into the connections file \
             as entra.login",
        ))
    }
}

fn url(text: &str) -> Result<Url> {
    Url::parse(text).map_err(|_| Failure::new(FailureKind::Refused, format!("the endpoint `{text}` is no URL")))
}

impl FromStr for Cloud {
    type Err = InvalidName;
    fn from_str(text: &str) -> std::result::Result<Self, InvalidName> {
        Self::ALL.into_iter().find(|cloud| cloud.name() == text).ok_or_else(|| {
            let names: Vec<_> = Self::ALL.into_iter().map(|cloud| format!("`{}`", cloud.name())).collect();
            InvalidName(format!("use {}", names.join(", ")))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_cloud_has_its_own_addresses() {
        let table: Vec<String> = Cloud::ALL
            .into_iter()
            .map(|cloud| {
                assert_eq!(cloud.name().parse::<Cloud>().unwrap(), cloud);
                let (login, graph) = (cloud.login().unwrap(), cloud.graph().unwrap());
                format!("{} {login} {graph} {}", cloud.name(), cloud.exchange_audience())
            })
            .collect();
        insta::assert_snapshot!(table.join("\n"), @"
        public https://login.microsoftonline.com/ https://graph.microsoft.com/ api://AzureADTokenExchange
        us-government https://login.microsoftonline.us/ https://graph.microsoft.us/ api://AzureADTokenExchangeUSGov
        us-government-dod https://login.microsoftonline.us/ https://dod-graph.microsoft.us/ api://AzureADTokenExchangeUSGov
        china https://login.chinacloudapi.cn/ https://microsoftgraph.chinacloudapi.cn/ api://AzureADTokenExchangeChina
        ");
        assert!("azure".parse::<Cloud>().is_err());
    }

    #[test]
    fn an_authority_of_another_cloud_is_refused_and_both_are_named() {
        for (cloud, named) in [
            (Cloud::Public, "https://login.microsoftonline.com/"),
            (Cloud::UsGovernment, "login.microsoftonline.us"),
            (Cloud::UsGovernmentDod, "https://login.microsoftonline.us"),
            (Cloud::China, "https://login.partner.microsoftonline.cn/"),
        ] {
            cloud.authority(named).unwrap();
        }
        let refused = |cloud: Cloud, named| cloud.authority(named).unwrap_err().what;
        insta::assert_snapshot!(refused(Cloud::Public, "https://login.microsoftonline.us/"), @"AZURE_AUTHORITY_HOST is https://login.microsoftonline.us (tenant.cloud: us-government or us-government-dod), but the config's tenant is in cloud `public`, which signs in at https://login.microsoftonline.com");
        insta::assert_snapshot!(refused(Cloud::China, "https://login.microsoftonline.com"), @"AZURE_AUTHORITY_HOST is https://login.microsoftonline.com (tenant.cloud: public), but the config's tenant is in cloud `china`, which signs in at https://login.chinacloudapi.cn");
        insta::assert_snapshot!(refused(Cloud::Public, "https://login.evil.example"), @"AZURE_AUTHORITY_HOST is https://login.evil.example, but the config's tenant is in cloud `public`, which signs in at https://login.microsoftonline.com");
        insta::assert_snapshot!(refused(Cloud::Public, "http://login.microsoftonline.com"), @"AZURE_AUTHORITY_HOST is http://login.microsoftonline.com, but the config's tenant is in cloud `public`, which signs in at https://login.microsoftonline.com");
    }
}
