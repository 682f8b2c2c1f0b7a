//! The table of sources, and what a source is.

use std::fmt;
use std::str::FromStr;

use async_trait::async_trait;
use secrecy::SecretString;
use std::time::Duration;

use super::settings::CredentialSettings;
use super::{
    Login, azure_cli, azure_pipelines, client_assertion, client_certificate, client_secret, github_actions,
    managed_identity, workload_identity,
};
use crate::state::{Failure, InvalidName, Result};

/// The source that is whoever happens to be logged in.
pub(super) const AZURE_CLI: &str = "azure-cli";

/// The sources, in the order in which they are tried: what is set up by hand comes before what the place that we run in
/// offers, and that before who happens to be logged in.
pub(super) static SOURCES: [Source; 8] = [
    Source {
        name: "client-secret",
        about: "an app's secret: AZURE_CLIENT_ID, AZURE_CLIENT_SECRET",
        set_up: client_secret::set_up,
    },
    Source {
        name: "client-certificate",
        about: "an app's certificate, in PEM with its key: AZURE_CLIENT_ID, AZURE_CLIENT_CERTIFICATE_PATH",
        set_up: client_certificate::set_up,
    },
    Source {
        name: "client-assertion",
        about: "an app that trusts the token in a variable: AZURE_CLIENT_ID, AZURE_CLIENT_ASSERTION",
        set_up: client_assertion::set_up,
    },
    Source {
        name: "workload-identity",
        about: "an app that trusts the token in a file, as in pods: AZURE_CLIENT_ID, AZURE_FEDERATED_TOKEN_FILE",
        set_up: workload_identity::set_up,
    },
    Source {
        name: "github-actions",
        about: "an app that trusts the workflow we run in: AZURE_CLIENT_ID, and `permissions: id-token: write`",
        set_up: github_actions::set_up,
    },
    Source {
        name: "azure-pipelines",
        about: "an app that trusts the service connection we run with: AZURESUBSCRIPTION_*, SYSTEM_ACCESSTOKEN",
        set_up: azure_pipelines::set_up,
    },
    Source {
        name: "managed-identity",
        about: "the identity of the Azure app or virtual machine that we run in; AZURE_CLIENT_ID where several are assigned",
        set_up: managed_identity::set_up,
    },
    Source { name: AZURE_CLI, about: "whoever is logged in with `az login`", set_up: azure_cli::set_up },
];

/// A row of [`SOURCES`].
pub(super) struct Source {
    name: &'static str,
    /// What it is and which variables it needs, for `--help` and for advice.
    about: &'static str,
    pub(super) set_up: fn(&CredentialSettings, &Login) -> SetUp,
}

impl Source {
    pub(super) fn name(&self) -> SourceName {
        SourceName(self.name)
    }
}

/// The name of a source, as `--auth` takes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SourceName(&'static str);

impl SourceName {
    /// Every source, in the order in which they are tried, and what each is.
    pub fn all() -> impl Iterator<Item = (Self, &'static str)> {
        SOURCES.iter().map(|source| (source.name(), source.about))
    }

    /// The name.
    pub const fn as_str(self) -> &'static str {
        self.0
    }

    /// What it is and which variables it needs.
    pub fn about(self) -> &'static str {
        SOURCES.iter().find(|source| source.name == self.0).map_or("", |source| source.about)
    }

    /// A source that is not in the table.
    #[cfg(test)]
    pub(super) const fn invented(name: &'static str) -> Self {
        Self(name)
    }
}

impl fmt::Display for SourceName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.0)
    }
}

impl FromStr for SourceName {
    type Err = InvalidName;
    fn from_str(text: &str) -> std::result::Result<Self, InvalidName> {
        Self::all().map(|(name, _)| name).find(|name| name.0 == text).ok_or_else(|| {
            let names: Vec<_> = Self::all().map(|(name, _)| format!("`{name}`")).collect();
            InvalidName(format!("use one of {}", names.join(", ")))
        })
    }
}

/// What a source makes of the settings.
pub(super) enum SetUp {
    /// It can be asked.
    Ready(Box<dyn Grant>),
    /// It is not set up here, and why.
    Absent(String),
    /// It is set up, wrongly.
    Broken(Failure),
}

impl SetUp {
    /// Ready when the grant could be made.
    pub(super) fn of(grant: Result<impl Grant + 'static>) -> Self {
        match grant {
            Ok(grant) => Self::Ready(Box::new(grant)),
            Err(failure) => Self::Broken(failure),
        }
    }
}

/// A way to get tokens.
#[async_trait]
pub(super) trait Grant: Send + Sync {
    /// Asks for a fresh token.
    async fn fetch(&self, scope: &str) -> Result<Fetched>;
}

/// A token as it came, and for how long it is good.
pub(super) struct Fetched {
    pub(super) secret: SecretString,
    pub(super) good_for: Duration,
}
