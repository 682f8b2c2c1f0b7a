//! Tokens from Entra: a chain of sources, tried in order, and one cache for all who ask.
//!
//! A source joins as one file and one row in `SOURCES` of `source.rs`.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, OnceLock, PoisonError};
use std::time::Duration;

use secrecy::SecretString;
use tokio::sync::Mutex;
use tokio::time::Instant;

use super::{Pace, Transport};
use crate::state::{Failure, FailureKind, Result, SourceTrial, TenantId, Trial};

mod azure_cli;
mod azure_pipelines;
mod certificate;
mod claims;
mod client_assertion;
mod client_certificate;
mod client_secret;
mod federated;
mod github_actions;
mod issuer;
mod login;
mod managed_identity;
mod settings;
mod source;
mod workload_identity;

pub use claims::Claims;
pub use settings::CredentialSettings;
pub use source::SourceName;

use source::{AZURE_CLI, Fetched, SOURCES, SetUp};

/// A token is renewed this long before it expires, as Azure's own libraries do.
const RENEW_BEFORE: Duration = Duration::from_secs(300);

/// How a source reaches the login endpoint.
#[derive(Clone, Debug)]
struct Login {
    transport: Transport,
    pace: Pace,
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
    sources: Vec<(SourceName, SetUp)>,
    /// Whether the one source was picked by name.
    picked: bool,
    /// What is set for an app of which nothing is set that it signs in with.
    half: Option<String>,
    /// The source that gave the first token; the identity of a run never changes after that.
    chosen: OnceLock<usize>,
    slots: std::sync::Mutex<BTreeMap<String, Arc<Slot>>>,
    /// What became of each source when the identity of the run was found, or when none was.
    trials: std::sync::Mutex<Vec<SourceTrial>>,
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
    /// A chain of every source, or of the one that was picked. Nothing is asked yet.
    pub fn new(settings: &CredentialSettings, transport: Transport) -> Self {
        let login = Login { transport: transport.clone(), pace: Pace { attempts: 4, ..Pace::default() } };
        let sources = SOURCES.iter().filter(|source| settings.picked.is_none_or(|picked| picked == source.name()));
        let sources = sources.map(|source| (source.name(), (source.set_up)(settings, &login))).collect();
        let (picked, half) = (settings.picked.is_some(), settings.half());
        Self { picked, half, ..Self::of_sources(settings.tenant, transport, sources) }
    }

    fn of_sources(tenant: TenantId, transport: Transport, sources: Vec<(SourceName, SetUp)>) -> Self {
        let (chosen, slots, trials) = (OnceLock::new(), std::sync::Mutex::default(), std::sync::Mutex::default());
        Self { tenant, transport, sources, picked: false, half: None, chosen, slots, trials }
    }

    /// The transport that token requests use; Graph is reached through the same pool of connections.
    pub fn transport(&self) -> &Transport {
        &self.transport
    }

    /// The tenant that every token is for.
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The source that gave the first token, once one has.
    pub fn chosen(&self) -> Option<SourceName> {
        self.chosen.get().and_then(|at| self.sources.get(*at)).map(|(name, _)| *name)
    }

    /// What became of each source, in their order, when a token was last asked for without knowing which of them works.
    /// Empty before that.
    pub fn trials(&self) -> Vec<SourceTrial> {
        self.trials.lock().unwrap_or_else(PoisonError::into_inner).clone()
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
        if let Some((name, SetUp::Ready(grant))) = self.chosen.get().and_then(|chosen| self.sources.get(*chosen)) {
            return match grant.fetch(scope).await {
                Ok(fetched) => self.check(fetched),
                Err(failure) => {
                    let trial = trial(*name, Trial::Failed(failure.clone()));
                    Err(self.none_worked(scope, &[trial], Some(failure)))
                }
            };
        }
        let mut trials = Vec::new();
        let mut end: Option<Result<Token>> = None;
        // A token that came and cannot be used says more than what else was tried.
        let mut unusable = None;
        for (at, (name, set_up)) in self.sources.iter().enumerate() {
            let outcome = match (set_up, &end) {
                (SetUp::Absent(reason), _) => Trial::NotConfigured(reason.clone()),
                (SetUp::Broken(_) | SetUp::Ready(_), Some(_)) => Trial::NotTried,
                (SetUp::Broken(failure), None) => {
                    end = Some(Err(failure.clone()));
                    Trial::Failed(failure.clone())
                }
                (SetUp::Ready(grant), None) => {
                    let fetched = grant.fetch(scope).await;
                    let came = fetched.is_ok();
                    match fetched.and_then(|fetched| self.check(fetched)) {
                        Ok(token) => {
                            // Whoever was first has chosen; it can only be the same source.
                            let _ = self.chosen.set(at);
                            end = Some(Ok(token));
                            Trial::Used
                        }
                        Err(failure) => {
                            unusable = came.then(|| failure.clone());
                            end = Some(Err(failure.clone()));
                            Trial::Failed(failure)
                        }
                    }
                }
            };
            trials.push(trial(*name, outcome));
        }
        self.trials.lock().unwrap_or_else(PoisonError::into_inner).clone_from(&trials);
        match (end, unusable) {
            (Some(Ok(token)), _) => Ok(token),
            (_, Some(failure)) => Err(failure),
            (Some(Err(failure)), None) => Err(self.none_worked(scope, &trials, Some(failure))),
            (None, None) => Err(self.none_worked(scope, &trials, None)),
        }
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

    /// The error when no source gave a token. One that is set up and gives nothing is the one to mend; of the others only
    /// the names matter, unless one was picked.
    fn none_worked(&self, scope: &str, trials: &[SourceTrial], failure: Option<Failure>) -> Failure {
        let picked = self.sources.first().map(|(name, _)| *name).filter(|_| self.picked);
        let audience = scope.strip_suffix("/.default").unwrap_or(scope);
        let told = trials.iter().find(|tried| matches!(tried.trial, Trial::Failed(_)));
        // An app was meant, and it never came to be tried: whoever is logged in is not what is missing.
        let half = self.half.as_ref().filter(|_| told.is_none_or(|tried| tried.name == AZURE_CLI));
        let what = if let Some(half) = half.filter(|_| picked.is_none()) {
            let last = told.or(trials.last()).map(|tried| format!("; {}, tried instead: {}", tried.name, tried.trial));
            let next = "set AZURE_CLIENT_SECRET, or whatever else the app signs in with; `rolecall doctor` says what each \
                        source lacks";
            let what = format!("no token for {audience}: {half}{}", last.unwrap_or_default());
            let kind = failure.map_or(FailureKind::Unauthenticated, |failure| failure.kind);
            return Failure::new(kind, what).with_next(next);
        } else if let Some(tried) = told.or_else(|| trials.first().filter(|_| picked.is_some())) {
            format!("no token for {audience} from {}: {}", tried.name, tried.trial)
        } else {
            let names = trials.iter().map(|tried| tried.name).collect::<Vec<_>>().join(", ");
            // Azure CLI is what a person at a terminal has; why it cannot be used helps them.
            let last = trials.last().map(|tried| format!(" ({}: {})", tried.name, tried.trial)).unwrap_or_default();
            format!("no token for {audience}: no source of credentials is set up, of {names}{last}")
        };
        let (kind, next) = failure.map_or((FailureKind::Unauthenticated, None), |failure| (failure.kind, failure.next));
        Failure::new(kind, what).with_next(next.unwrap_or_else(|| match picked {
            Some(source) => format!("{source} is {}; leave --auth out to try every source", source.about()),
            None => "run `az login`, or set AZURE_TENANT_ID, AZURE_CLIENT_ID and AZURE_CLIENT_SECRET; `rolecall doctor` \
                     says what each source lacks"
                .to_owned(),
        }))
    }
}

fn trial(name: SourceName, trial: Trial) -> SourceTrial {
    SourceTrial { name: name.as_str(), about: name.about(), trial }
}

#[cfg(test)]
pub(in crate::providers) mod tests;
