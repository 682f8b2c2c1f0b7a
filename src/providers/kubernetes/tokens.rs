//! Where the bearer for each request comes from.

use std::path::PathBuf;
use std::time::Duration;

use async_trait::async_trait;
use jiff::Timestamp;
use secrecy::{ExposeSecret as _, SecretString};
use tokio::sync::Mutex;

use super::plugin::Plugin;
use crate::state::{Failure, FailureKind, Result};

/// Hands out the bearer token for a cluster. It is asked before every request, so it caches and renews by itself.
#[async_trait]
pub trait TokenSource: Send + Sync {
    /// A token that is valid now.
    async fn token(&self) -> Result<SecretString>;
}

/// A token that never changes, as in a kubeconfig.
pub(super) struct Fixed(pub(super) SecretString);

#[async_trait]
impl TokenSource for Fixed {
    async fn token(&self) -> Result<SecretString> {
        Ok(self.0.clone())
    }
}

/// A token in a file that someone else renews, as kubelet does for service accounts. Read anew for every request: it is
/// small, and a renewed token counts at once.
pub(super) struct File(pub(super) PathBuf);

#[async_trait]
impl TokenSource for File {
    async fn token(&self) -> Result<SecretString> {
        let text = fs_err::read_to_string(&self.0).map(SecretString::from).map_err(|error| {
            Failure::new(FailureKind::Unauthenticated, format!("cannot read the token file: {error}"))
        })?;
        // A file written by hand ends in a newline, which no header may hold.
        let token = text.expose_secret().trim();
        if token.is_empty() {
            let what = format!("the token file {} is empty", self.0.display());
            return Err(Failure::new(FailureKind::Unauthenticated, what));
        }
        Ok(SecretString::from(token))
    }
}

/// The token of a credential plugin, which is run again only when the token is about to expire.
pub(super) struct FromPlugin {
    plugin: Plugin,
    current: Mutex<(SecretString, Option<Timestamp>)>,
}

impl FromPlugin {
    /// How long before its end a token is renewed.
    const MARGIN: Duration = Duration::from_secs(60);

    pub(super) fn new(plugin: Plugin, token: SecretString, expires: Option<Timestamp>) -> Self {
        Self { plugin, current: Mutex::new((token, expires)) }
    }
}

#[async_trait]
impl TokenSource for FromPlugin {
    async fn token(&self) -> Result<SecretString> {
        let mut current = self.current.lock().await;
        if current.1.is_some_and(|expires| Timestamp::now() + Self::MARGIN >= expires) {
            let credential = self.plugin.run().await?;
            let Some(token) = credential.token else {
                return Err(self.plugin.failure("gave a token at first and none when asked again"));
            };
            *current = (token, credential.expires);
        }
        Ok(current.0.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_token_file_is_read_anew_and_trimmed() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("token");
        fs_err::write(&path, "first\n").unwrap();
        let source = File(path.clone());
        assert_eq!(source.token().await.unwrap().expose_secret(), "first");
        fs_err::write(&path, "second").unwrap();
        assert_eq!(source.token().await.unwrap().expose_secret(), "second");
        fs_err::write(&path, " \n").unwrap();
        let failure = source.token().await.unwrap_err();
        assert_eq!(failure.kind, FailureKind::Unauthenticated);
        assert!(failure.what.contains("is empty"), "{failure}");
    }
}
