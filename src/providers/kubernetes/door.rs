//! What fuzzing needs to reach: what reads texts from outside, and no call that sends. No part of the interface.

use std::sync::Arc;

use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use kube::config::{Cluster, ExecConfig};
use secrecy::SecretString;

use super::kubeconfig;
use super::link::Link;
use super::plugin::{Credential, Plugin, V1};
use super::refusal::Refusal;
use super::tokens::TokenSource;
use crate::state::{Failure, PolicyRule, Result};

/// A link over a client, with a bearer of its own.
pub fn link(client: kube::Client, name: &str, tokens: Arc<dyn TokenSource>) -> Link {
    Link::over(client, name).with_tokens(Some(tokens))
}

/// Reads a context of the text of a kubeconfig, without leave to run anything. Gives the name of the way to the cluster.
///
/// # Errors
/// As [`super::connect`].
pub async fn kubeconfig(text: &str, context: &str) -> Result<String> {
    kubeconfig::prepare_text(text, "config", context).await.map(|prepared| prepared.name)
}

/// A token, or a client certificate and its key.
pub type Given = (Option<SecretString>, Option<(String, SecretString)>);

/// Reads what a credential plugin printed.
///
/// # Errors
/// When it is no credential.
pub fn exec_credential(printed: &[u8]) -> Result<Given> {
    let exec = ExecConfig {
        api_version: Some(V1.to_owned()),
        command: Some("kubelogin".to_owned()),
        interactive_mode: Some(kube::config::ExecInteractiveMode::Never),
        ..ExecConfig::default()
    };
    let plugin = Plugin::new(&exec, &Cluster::default(), None, "user `jane`", false)?;
    plugin.read(printed).map(|Credential { token, certificate, expires: _ }| (token, certificate))
}

/// Reads an error answer: the failure that it is, the rules that it says we lack, and what it says of each field.
pub fn refusal(
    link: &Link,
    code: StatusCode,
    wait: Option<&str>,
    body: &[u8],
) -> (Failure, Vec<PolicyRule>, Vec<String>) {
    let mut headers = HeaderMap::new();
    headers.extend(wait.and_then(|wait| wait.parse().ok()).map(|wait| (header::RETRY_AFTER, wait)));
    let refusal = Refusal::read(code, &headers, body, Timestamp::UNIX_EPOCH);
    let causes = refusal.causes("FieldManagerConflict");
    (refusal.failure(link, "list clusterroles"), refusal.missing_rules().unwrap_or_default(), causes)
}
