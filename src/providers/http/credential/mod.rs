//! Tokens from Entra: a chain of sources, tried in order, and one cache for all who ask.
//!
//! A source joins as one file and one line in `SOURCES`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Mutex;
use tokio::time::Instant;
use url::Url;

use super::{Pace, Transport};
use crate::state::{Failure, FailureKind, Result, TenantId};

mod azure_cli;
mod claims;
mod client_secret;
mod login;
mod workload_identity;

pub use claims::Claims;

/// The sources, in the order in which they are tried: what is set up by hand comes before who happens to be logged in.
const SOURCES: [Source; 3] = [
    Source { name: "client secret", set_up: client_secret::set_up },
    Source { name: "workload identity", set_up: workload_identity::set_up },
    Source { name: "Azure CLI", set_up: azure_cli::set_up },
];

/// A token is renewed this long before it expires, as Azure's own libraries do.
const RENEW_BEFORE: Duration = Duration::from_secs(300);

/// A row of [`SOURCES`].
struct Source {
    name: &'static str,
    set_up: fn(&CredentialSettings, &Login) -> SetUp,
}

/// What a source makes of the settings.
enum SetUp {
    /// It can be asked.
    Ready(Box<dyn Grant>),
    /// It is not set up here, and why.
    Absent(String),
    /// It is set up, wrongly.
    Broken(Failure),
}

/// A way to get tokens.
#[async_trait]
trait Grant: Send + Sync {
    /// Asks for a fresh token.
    async fn fetch(&self, scope: &str) -> Result<Fetched>;
}

/// A token as it came, and for how long it is good.
struct Fetched {
    secret: SecretString,
    good_for: Duration,
}

/// How a source reaches the login endpoint.
#[derive(Clone, Debug)]
struct Login {
    transport: Transport,
    pace: Pace,
}

/// Where credentials may come from. Made by the command line from its environment; nothing below reads the process's.
#[derive(Clone)]
pub struct CredentialSettings {
    /// The tenant that every token must be for.
    pub tenant: TenantId,
    /// The login endpoint, e.g. `https://login.microsoftonline.com`.
    pub login: Url,
    environment: BTreeMap<String, SecretString>,
    azure_cli: bool,
}

impl CredentialSettings {
    /// Takes the variables named `AZURE_…` from an environment, and allows the Azure CLI.
    pub fn new(tenant: TenantId, login: Url, environment: &BTreeMap<String, String>) -> Self {
        let environment = environment
            .iter()
            .filter(|(name, value)| name.starts_with("AZURE_") && !value.is_empty())
            .map(|(name, value)| (name.clone(), SecretString::from(value.as_str())))
            .collect();
        Self { tenant, login, environment, azure_cli: true }
    }

    /// The same settings, never asking the Azure CLI: for a sandbox, which reads no real credential.
    #[must_use]
    pub fn without_azure_cli(self) -> Self {
        Self { azure_cli: false, ..self }
    }

    fn variable(&self, name: &str) -> Option<&str> {
        self.environment.get(name).map(SecretString::expose_secret)
    }

    /// The tenant to ask for a token: the one that the environment names, which must be the config's where it is an id.
    fn tenant_to_ask(&self) -> Result<String> {
        let Some(named) = self.variable("AZURE_TENANT_ID") else { return Ok(self.tenant.to_string()) };
        match named.parse::<TenantId>() {
            Ok(tenant) if tenant != self.tenant => Err(Failure::new(
                FailureKind::WrongTarget,
                format!("AZURE_TENANT_ID is {tenant}, but the config is for tenant {}", self.tenant),
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
            .field("environment", &self.environment.keys())
            .field("azure_cli", &self.azure_cli)
            .finish()
    }
}

/// A bearer token and what it says about itself.
#[derive(Debug)]
pub struct Token {
    secret: SecretString,
    renew_at: Instant,
    /// What the token says.
    pub claims: Claims,
}

impl Token {
    /// The token itself, for the `Authorization` header.
    pub fn secret(&self) -> &SecretString {
        &self.secret
    }
}

/// The sources and the tokens that they gave.
pub struct Chain {
    tenant: TenantId,
    transport: Transport,
    sources: Vec<(&'static str, SetUp)>,
    /// The source that gave the first token; the identity of a run never changes after that.
    chosen: OnceLock<usize>,
    slots: std::sync::Mutex<BTreeMap<String, Arc<Slot>>>,
}

/// The token for one scope. Whoever fetches holds `state`; `fetches` tells the others that what they waited for is done.
#[derive(Default)]
struct Slot {
    fetches: AtomicU64,
    state: Mutex<Option<Result<Arc<Token>>>>,
}

impl fmt::Debug for Chain {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter
            .debug_struct("Chain")
            .field("tenant", &self.tenant)
            .field("chosen", &self.chosen)
            .finish_non_exhaustive()
    }
}

impl Chain {
    /// A chain of every source. Nothing is asked yet.
    pub fn new(settings: &CredentialSettings, transport: Transport) -> Self {
        let login = Login { transport: transport.clone(), pace: Pace { attempts: 4, ..Pace::default() } };
        let sources = SOURCES.iter().map(|source| (source.name, (source.set_up)(settings, &login))).collect();
        Self::of_sources(settings.tenant, transport, sources)
    }

    fn of_sources(tenant: TenantId, transport: Transport, sources: Vec<(&'static str, SetUp)>) -> Self {
        Self { tenant, transport, sources, chosen: OnceLock::new(), slots: std::sync::Mutex::default() }
    }

    /// The transport that token requests use; Graph is reached through the same pool of connections.
    pub fn transport(&self) -> &Transport {
        &self.transport
    }

    /// The tenant that every token is for.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// A token for a scope such as `https://graph.microsoft.com/.default`. All who ask at the same time share one fetch,
    /// and its failure.
    ///
    /// # Errors
    /// [`FailureKind::Unauthenticated`] with every source that was tried and why it failed;
    /// [`FailureKind::WrongTarget`] when the token is for another tenant.
    pub async fn token(&self, scope: &str) -> Result<Arc<Token>> {
        self.fresh(scope, |token| Instant::now() < token.renew_at).await
    }

    /// Another token than `refused`, which a server did not accept.
    ///
    /// # Errors
    /// As [`Chain::token`].
    pub async fn renew(&self, scope: &str, refused: &Arc<Token>) -> Result<Arc<Token>> {
        self.fresh(scope, |token| !std::ptr::eq(token, &raw const **refused)).await
    }

    async fn fresh(&self, scope: &str, good: impl Fn(&Token) -> bool) -> Result<Arc<Token>> {
        let slot = {
            let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(slots.entry(scope.to_owned()).or_default())
        };
        let fetches = slot.fetches.load(Ordering::Acquire);
        let mut state = slot.state.lock().await;
        match &*state {
            Some(Ok(token)) if good(token) => return Ok(Arc::clone(token)),
            // Somebody fetched while we waited: their failure is ours, so that eight requests do not start `az` eight times.
            Some(Err(failure)) if slot.fetches.load(Ordering::Acquire) != fetches => return Err(failure.clone()),
            _ => {}
        }
        let token = self.fetch(scope).await.map(Arc::new);
        *state = Some(token.clone());
        slot.fetches.fetch_add(1, Ordering::Release);
        token
    }

    async fn fetch(&self, scope: &str) -> Result<Token> {
        let mut tried = Tried::default();
        for (at, (name, set_up)) in self.sources.iter().enumerate() {
            if self.chosen.get().is_some_and(|chosen| *chosen != at) {
                continue;
            }
            if tried.failure.is_some() {
                tried.note(name, "not tried, since the one before is set up");
                continue;
            }
            match set_up {
                SetUp::Absent(reason) => tried.note(name, reason),
                SetUp::Broken(failure) => tried.fail(name, failure.clone()),
                SetUp::Ready(grant) => match grant.fetch(scope).await {
                    Ok(fetched) => {
                        let token = self.check(fetched)?;
                        // Whoever was first has chosen; it can only be the same source.
                        let _ = self.chosen.set(at);
                        return Ok(token);
                    }
                    Err(failure) => tried.fail(name, failure),
                },
            }
        }
        Err(tried.into_failure(scope))
    }

    fn check(&self, fetched: Fetched) -> Result<Token> {
        let claims = Claims::of(&fetched.secret)?;
        if claims.tenant != self.tenant {
            return Err(Failure::new(
                FailureKind::WrongTarget,
                format!(
                    "the credential belongs to tenant {}, but the config is for tenant {}",
                    claims.tenant, self.tenant
                ),
            )
            .with_next("use a credential of the config's tenant, or the config of this tenant"));
        }
        // Half of a life that is shorter than the margin, so that such a token is used at all.
        let used_for = fetched.good_for.saturating_sub(RENEW_BEFORE).max(fetched.good_for / 2);
        Ok(Token { secret: fetched.secret, renew_at: Instant::now() + used_for, claims })
    }
}

/// What was tried, for the error.
#[derive(Default)]
struct Tried {
    lines: Vec<String>,
    failure: Option<Failure>,
}

impl Tried {
    fn note(&mut self, name: &str, reason: &str) {
        self.lines.push(format!("{name}: {reason}"));
    }

    fn fail(&mut self, name: &str, failure: Failure) {
        self.note(name, &failure.what);
        self.failure = Some(failure);
    }

    fn into_failure(self, scope: &str) -> Failure {
        let audience = scope.strip_suffix("/.default").unwrap_or(scope);
        let what = format!("no token for {audience}. In order: {}", self.lines.join("; "));
        let (kind, next) =
            self.failure.map_or((FailureKind::Unauthenticated, None), |failure| (failure.kind, failure.next));
        Failure::new(kind, what).with_next(next.unwrap_or_else(|| {
            "run `az login`, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET".to_owned()
        }))
    }
}

#[cfg(test)]
pub(in crate::providers) mod tests;
