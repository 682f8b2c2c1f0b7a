//! What the sources may look at: made by the command line from its environment; nothing below reads the process's.

use std::collections::BTreeMap;
use std::fmt;

use secrecy::{ExposeSecret as _, SecretString};
use url::Url;

use super::source::{SetUp, SourceName};
use crate::state::{Cloud, Failure, FailureKind, Result, TenantId, all_of};

/// What the variables begin with that sources look at.
const PREFIXES: [&str; 6] =
    ["AZURE_", "AZURESUBSCRIPTION_", "ACTIONS_ID_TOKEN_REQUEST_", "SYSTEM_", "IDENTITY_", "IMDS_"];

/// Where credentials may come from.
#[derive(Clone)]
pub struct CredentialSettings {
    /// The tenant that every token must be for.
    pub tenant: TenantId,
    /// The login endpoint, e.g. `https://login.microsoftonline.com`.
    pub login: Url,
    /// The cloud that the tenant is in.
    pub cloud: Cloud,
    /// The only source to use; all of them in their order when `None`.
    pub picked: Option<SourceName>,
    environment: BTreeMap<String, SecretString>,
    pub(super) azure_cli: bool,
}

/// Whether somebody set a source's variables for it, or the place that we run in sets some of them for everybody.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Intent {
    /// Half of them set is a mistake.
    ByHand,
    /// Half of them set means that nobody wanted it.
    Ambient,
}

impl CredentialSettings {
    /// Takes the variables that sources look at from an environment, and allows every source.
    pub fn new(tenant: TenantId, login: Url, environment: &BTreeMap<String, String>) -> Self {
        let environment = environment
            .iter()
            .filter(|(name, value)| PREFIXES.iter().any(|prefix| name.starts_with(prefix)) && !value.is_empty())
            .map(|(name, value)| (name.clone(), SecretString::from(value.as_str())))
            .collect();
        Self { tenant, login, cloud: Cloud::default(), picked: None, environment, azure_cli: true }
    }

    /// The same settings for a tenant in this cloud.
    #[must_use]
    pub fn in_cloud(self, cloud: Cloud) -> Self {
        Self { cloud, ..self }
    }

    /// The same settings with only one source, or with all of them.
    #[must_use]
    pub fn picking(self, picked: Option<SourceName>) -> Self {
        Self { picked, ..self }
    }

    /// The same settings, never asking the Azure CLI: for a sandbox, which reads no real credential.
    #[must_use]
    pub fn without_azure_cli(self) -> Self {
        Self { azure_cli: false, ..self }
    }

    /// What is set for an app while nothing is that it could sign in with: "A and B are set, but none of C and D".
    pub(super) fn half(&self) -> Option<String> {
        const SIGNS_IN: [&str; 4] = [
            "AZURE_CLIENT_SECRET",
            "AZURE_CLIENT_CERTIFICATE_PATH",
            "AZURE_CLIENT_ASSERTION",
            "AZURE_FEDERATED_TOKEN_FILE",
        ];
        self.variable("AZURE_CLIENT_ID")?;
        if SIGNS_IN.iter().any(|name| self.variable(name).is_some()) {
            return None;
        }
        let set = ["AZURE_TENANT_ID", "AZURE_CLIENT_ID"].into_iter().filter(|name| self.variable(name).is_some());
        let set: Vec<&str> = set.collect();
        let verb = if set.len() == 1 { "is" } else { "are" };
        Some(format!("{} {verb} set, but none of {}", all_of(&set), all_of(SIGNS_IN)))
    }

    pub(super) fn variable(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(SecretString::expose_secret)
    }

    /// The values of variables that go together. The first is the one that turns the source on.
    ///
    /// # Errors
    /// What the source says about itself when one is missing, naming every one that is.
    pub(super) fn all<const N: usize>(
        &self,
        intent: Intent,
        names: [&'static str; N],
    ) -> std::result::Result<[&str; N], SetUp> {
        let missing: Vec<_> = names.iter().filter(|name| self.variable(name).is_none()).copied().collect();
        let Some(first) = missing.first() else {
            return Ok(names.map(|name| self.variable(name).unwrap_or_default()));
        };
        let is_on = *first != names.first().copied().unwrap_or_default();
        if is_on && (intent == Intent::ByHand || self.picked.is_some()) {
            let on = names.first().copied().unwrap_or_default();
            let what = format!("{on} is set without {}", all_of(&missing));
            let next = format!("set {}, or unset {on}", all_of(&missing));
            return Err(SetUp::Broken(Failure::new(FailureKind::Unauthenticated, what).with_next(next)));
        }
        // Somebody who picked it wants to know all that it needs; others only why it was passed over.
        let said = if self.picked.is_some() { missing } else { vec![*first] };
        let verb = if said.len() == 1 { "is" } else { "are" };
        Err(SetUp::Absent(format!("{} {verb} not set", all_of(&said))))
    }

    /// The tenant to ask for a token: the one that a variable names, which must be the config's where it is an id.
    ///
    /// # Errors
    /// [`FailureKind::WrongTarget`] naming both tenants.
    pub(super) fn tenant_to_ask(&self, variable: &str) -> Result<String> {
        let Some(named) = self.variable(variable) else { return Ok(self.tenant.to_string()) };
        match named.parse::<TenantId>() {
            Ok(tenant) if tenant != self.tenant => Err(Failure::new(
                FailureKind::WrongTarget,
                format!("{variable} is {tenant}, but the config is for tenant {}", self.tenant),
            )
            .with_next("use a credential of the config's tenant, or the config of this tenant")),
            Ok(_) | Err(_) => Ok(named.to_owned()),
        }
    }
}

impl fmt::Debug for CredentialSettings {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("CredentialSettings")
            .field("tenant", &self.tenant)
            .field("login", &self.login.as_str())
            .field("cloud", &self.cloud)
            .field("picked", &self.picked)
            .field("environment", &self.environment.keys())
            .field("azure_cli", &self.azure_cli)
            .finish()
    }
}
