//! One run of a plugin for all contexts that name it alike.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use secrecy::SecretString;
use tokio::sync::OnceCell;

use super::{Credential, Plugin};
use crate::providers::kubernetes::tokens::{FromPlugin, TokenSource};
use crate::state::{Failure, Result};

/// Plugins that were run. Contexts that name the same plugin in the same way share one run and its credential until that
/// ends, as with client-go; one that is told which cluster it is for (`provideClusterInfo`) is another for each.
#[derive(Clone, Default)]
pub struct Plugins(Arc<Mutex<BTreeMap<Call, Run>>>);

/// Everything that a plugin can know of its run.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Call {
    command: String,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
    info: String,
}

type Run = Arc<OnceCell<Ran>>;

/// What a run gave. A failure is shared too: what does not work is not started again for every cluster.
struct Ran {
    /// Whose plugin it was, as failures begin.
    of: String,
    result: Result<Given>,
}

struct Given {
    tokens: Option<Arc<FromPlugin>>,
    certificate: Option<(String, SecretString)>,
}

/// What one context gets of a run.
pub(in crate::providers::kubernetes) struct Shared {
    /// Its token, which renews itself for all who share it.
    pub(in crate::providers::kubernetes) tokens: Option<Arc<dyn TokenSource>>,
    /// A client certificate and its key, as PEM.
    pub(in crate::providers::kubernetes) certificate: Option<(String, SecretString)>,
}

impl Plugins {
    /// Runs a plugin, unless one like it was.
    pub(in crate::providers::kubernetes) async fn run(&self, plugin: Plugin) -> Result<Shared> {
        let us = plugin.subject();
        let run = {
            let mut runs = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(runs.entry(Call::of(&plugin)).or_default())
        };
        let ran = run.get_or_init(|| async { Ran { of: plugin.subject(), result: start(plugin).await } }).await;
        match &ran.result {
            Ok(given) => Ok(Shared {
                tokens: given.tokens.as_ref().map(|tokens| {
                    let names = (ran.of.clone(), us);
                    Arc::new(Borrowed { tokens: Arc::clone(tokens), names }) as Arc<dyn TokenSource>
                }),
                certificate: given.certificate.clone(),
            }),
            Err(failure) => Err(retold(failure.clone(), &ran.of, &us)),
        }
    }
}

impl Call {
    fn of(plugin: &Plugin) -> Self {
        Self {
            command: plugin.command.clone(),
            arguments: plugin.arguments.clone(),
            environment: plugin.environment.clone(),
            info: plugin.info.clone(),
        }
    }
}

async fn start(plugin: Plugin) -> Result<Given> {
    let Credential { token, certificate, expires } = plugin.run().await?;
    Ok(Given { tokens: token.map(|token| Arc::new(FromPlugin::new(plugin, token, expires))), certificate })
}

/// The token of a plugin that may have been run for another context.
struct Borrowed {
    tokens: Arc<FromPlugin>,
    /// Whose plugin was run, and whose it is here.
    names: (String, String),
}

#[async_trait]
impl TokenSource for Borrowed {
    async fn token(&self) -> Result<SecretString> {
        let (them, us) = &self.names;
        self.tokens.token().await.map_err(|failure| retold(failure, them, us))
    }
}

/// A failure of another context's plugin as this one's: who reads it looks for the context that they know.
fn retold(failure: Failure, them: &str, us: &str) -> Failure {
    let what = failure.what.strip_prefix(them).map(|rest| format!("{us}{rest}"));
    Failure { what: what.unwrap_or_else(|| failure.what.clone()), ..failure }
}

impl fmt::Debug for Plugins {
    /// Nothing of them: an environment may hold a secret.
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Plugins")
    }
}
