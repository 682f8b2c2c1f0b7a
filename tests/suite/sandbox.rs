//! The sandbox's API servers in this process, reached as real ones are.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use axum::extract::Request;
use axum::middleware::map_request;
use rolecall::sandbox::kubernetes::{ClusterState, Shared, router};
use rolecall::sandbox::store::Store;
use serde_json::json;
use tokio::net::TcpListener;
use url::Url;

use crate::answers::Server;

pub(crate) const TOKEN: &str = "sandbox-token";
pub(crate) const UIDS: [&str; 2] = ["5c1e1b5e-0000-4000-8000-000000000001", "77ab1b5e-0000-4000-8000-000000000002"];

/// Two API servers on loopback, which end with the test's runtime.
pub(crate) struct Sandbox {
    pub(crate) servers: Vec<Url>,
    folder: tempfile::TempDir,
}

impl Sandbox {
    pub(crate) async fn start() -> Self {
        Self::start_seen(|_| {}).await
    }

    /// With every request to the first server shown to somebody.
    pub(crate) async fn start_seen(see: impl Fn(&Request) + Clone + Send + Sync + 'static) -> Self {
        let mut servers = Vec::new();
        for uid in UIDS {
            let mut state = ClusterState::new(uid, BTreeMap::new());
            state.add_token(TOKEN, "admin", vec!["system:masters".to_owned()]);
            // As the real control planes are compacted before they are used.
            state.compact();
            let shared = Shared { store: Arc::new(Store::in_memory(state)), authenticate: Arc::new(|_| None) };
            let see = see.clone();
            let first = servers.is_empty();
            let served = router(shared).layer(map_request(move |request: Request| {
                if first {
                    see(&request);
                }
                std::future::ready(request)
            }));
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            servers.push(Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap());
            tokio::spawn(async move { axum::serve(listener, served).await });
        }
        Self { servers, folder: tempfile::tempdir().unwrap() }
    }

    pub(crate) fn kubeconfig(&self) -> PathBuf {
        let each = |make: &dyn Fn(&str, &Url) -> serde_json::Value| {
            ["real-one", "real-two"]
                .iter()
                .zip(&self.servers)
                .map(|(name, server)| make(name, server))
                .collect::<Vec<_>>()
        };
        let kubeconfig = json!({
            "contexts": each(&|name, _| json!({ "name": name, "context": { "cluster": name, "user": "admin" } })),
            "clusters": each(&|name, server| json!({ "name": name, "cluster": { "server": server.as_str() } })),
            "users": [{ "name": "admin", "user": { "token": TOKEN } }],
        });
        let path = self.folder.path().join("kubeconfig");
        fs_err::write(&path, kubeconfig.to_string()).unwrap();
        path
    }

    /// Where conversations are held with it.
    pub(crate) fn server(&self) -> Server {
        Server { kubeconfig: self.kubeconfig().to_str().unwrap().to_owned(), is_sandbox: true }
    }
}
