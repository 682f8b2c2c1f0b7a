//! The way to a cluster, with the token that opens it.

use std::sync::Arc;

use secrecy::SecretString;

use crate::cli::connections::{Connections, Route};
use crate::cli::error::CliError;
use crate::providers::http::credential::Chain;
use crate::providers::kubernetes::{self, TokenSource};
use crate::state::EnvironmentName;

pub(super) fn connection(
    name: &EnvironmentName,
    route: Route,
    connections: &Connections,
    chain: &Arc<Chain>,
) -> Result<kubernetes::Connection, CliError> {
    Ok(match route {
        Route::Kubeconfig { path, context, allow_exec } => {
            kubernetes::Connection::Kubeconfig { path, context, allow_exec }
        }
        Route::InCluster => kubernetes::Connection::InCluster,
        Route::Server { server, ca_file, audience } => kubernetes::Connection::Server {
            server,
            ca_pem: ca_file.as_deref().map(|file| connections.read_ca(file, name.as_str())).transpose()?,
            token: Arc::new(AudienceToken { chain: Arc::clone(chain), audience }),
        },
    })
}

/// A bearer for a cluster from the credential chain.
struct AudienceToken {
    chain: Arc<Chain>,
    audience: String,
}

#[async_trait::async_trait]
impl TokenSource for AudienceToken {
    async fn token(&self) -> crate::state::Result<SecretString> {
        let scope = format!("{}/.default", self.audience.trim_end_matches('/'));
        Ok(self.chain.token(&scope).await?.secret().clone())
    }
}

/// The bearer of a sandbox cluster.
pub(super) struct FixedToken(pub(super) SecretString);

#[async_trait::async_trait]
impl TokenSource for FixedToken {
    async fn token(&self) -> crate::state::Result<SecretString> {
        Ok(self.0.clone())
    }
}
