//! How other programs reach a running sandbox.

use std::collections::BTreeMap;
use std::path::PathBuf;

use secrecy::{ExposeSecret as _, SecretString};
use serde_json::json;
use url::Url;

use crate::state::{AppId, EnvironmentName, TenantId};

/// Addresses and credentials.
#[derive(Clone, Debug)]
pub struct Access {
    /// Microsoft Graph, without the version.
    pub graph: Url,
    /// The sign-in service, without the tenant.
    pub login: Url,
    /// The identity endpoints beside a machine and an app; plain HTTP, as the real ones.
    pub machine: Url,
    /// The certificate authority of every server, PEM.
    pub ca_pem: String,
    /// The file that holds it.
    pub ca_file: PathBuf,
    /// Directory id.
    pub tenant_id: TenantId,
    /// The applier's app id.
    pub client_id: AppId,
    /// The applier's client secret.
    pub client_secret: SecretString,
    /// The clusters.
    pub clusters: BTreeMap<EnvironmentName, ClusterAccess>,
}

/// One cluster.
#[derive(Clone, Debug)]
pub struct ClusterAccess {
    /// The API server.
    pub server: Url,
    /// A token of the group `system:masters`.
    pub token: SecretString,
}

impl Access {
    /// The environment variables by which the applier's credential is found.
    pub fn environment(&self) -> BTreeMap<String, String> {
        BTreeMap::from([
            ("AZURE_TENANT_ID".to_owned(), self.tenant_id.to_string()),
            ("AZURE_CLIENT_ID".to_owned(), self.client_id.to_string()),
            ("AZURE_CLIENT_SECRET".to_owned(), self.client_secret.expose_secret().to_owned()),
        ])
    }

    /// A kubeconfig with a context for each cluster, called as the cluster is. It is JSON, which is YAML too; the first
    /// cluster is the current context.
    pub fn kubeconfig(&self) -> SecretString {
        use base64::Engine as _;
        let authority = base64::engine::general_purpose::STANDARD.encode(&self.ca_pem);
        let mut clusters = Vec::new();
        let mut users = Vec::new();
        let mut contexts = Vec::new();
        for (name, cluster) in &self.clusters {
            let server = cluster.server.as_str().trim_end_matches('/');
            clusters.push(json!({"name": name, "cluster": {
                "server": server, "certificate-authority-data": authority,
            }}));
            users.push(json!({"name": name, "user": {"token": cluster.token.expose_secret()}}));
            contexts.push(json!({"name": name, "context": {"cluster": name, "user": name}}));
        }
        let config = json!({
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": self.clusters.keys().next().map_or("", EnvironmentName::as_str),
            "clusters": clusters,
            "users": users,
            "contexts": contexts,
        });
        SecretString::from(format!("{config:#}\n"))
    }
}
