//! The way to a cluster, with the token that opens it.

use std::path::Path;
use std::sync::Arc;

use secrecy::SecretString;

use crate::cli::connections::Route;
use crate::cli::error::CliError;
use crate::providers::http::credential::Chain;
use crate::providers::kubernetes::{self, TokenSource};

pub(super) fn connection(route: Route, chain: &Arc<Chain>) -> Result<kubernetes::Connection, CliError> {
    Ok(match route {
        Route::Kubeconfig { path, context, allow_exec } => {
            kubernetes::Connection::Kubeconfig { path, context, allow_exec }
        }
        Route::InCluster => kubernetes::Connection::InCluster,
        Route::Server { server, ca_file, audience } => kubernetes::Connection::Server {
            server,
            ca_pem: ca_file.as_deref().map(read_pem).transpose()?,
            token: Arc::new(AudienceToken { chain: Arc::clone(chain), audience }),
        },
    })
}

pub(super) fn read_pem(path: &Path) -> Result<String, CliError> {
    fs_err::read_to_string(path).map_err(|error| CliError::user(error.to_string()))
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
