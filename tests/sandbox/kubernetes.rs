//! The Kubernetes provider against the sandbox's API servers: the shared suite, and what only a sandbox can count.

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use axum::extract::Request;
use axum::middleware::map_request;
use rolecall::providers::kubernetes::{Connection, KubernetesReader, KubernetesWriter, TokenSource, connect};
use rolecall::providers::{Reader as _, Writer as _};
use rolecall::sandbox::kubernetes::{ClusterState, Shared, router};
use rolecall::sandbox::store::Store;
use rolecall::state::{AccessQuestion, Change, ClusterQuery, Outcome, RBAC, Resource};
use secrecy::SecretString;
use serde_json::json;
use tokio::net::TcpListener;
use tokio::sync::watch;
use url::Url;

use crate::answers;
use crate::suite::{self, ALREADY, CONFIG, DONE, Part};

const TOKEN: &str = "sandbox-token";
const UIDS: [&str; 2] = ["5c1e1b5e-0000-4000-8000-000000000001", "77ab1b5e-0000-4000-8000-000000000002"];

/// Two API servers on loopback, which end with the test's runtime.
struct Sandbox {
    servers: Vec<Url>,
    /// Method and path of every request to the first.
    log: Arc<Mutex<Vec<String>>>,
    folder: tempfile::TempDir,
}

impl Sandbox {
    async fn start() -> Self {
        let log = Arc::new(Mutex::new(Vec::new()));
        let mut servers = Vec::new();
        for uid in UIDS {
            let mut state = ClusterState::new(uid, BTreeMap::new());
            state.add_token(TOKEN, "admin", vec!["system:masters".to_owned()]);
            let shared = Shared { store: Arc::new(Store::in_memory(state)), authenticate: Arc::new(|_| None) };
            let seen = Arc::clone(&log);
            let first = servers.is_empty();
            let served = router(shared).layer(map_request(move |request: Request| {
                if first {
                    seen.lock().unwrap().push(format!("{} {}", request.method(), request.uri().path()));
                }
                std::future::ready(request)
            }));
            let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
            servers.push(Url::parse(&format!("http://{}", listener.local_addr().unwrap())).unwrap());
            tokio::spawn(async move { axum::serve(listener, served).await });
        }
        Self { servers, log, folder: tempfile::tempdir().unwrap() }
    }

    fn kubeconfig(&self) -> PathBuf {
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

    /// By address and bearer, as the command line reaches a sandbox.
    fn connection(&self) -> Connection {
        Connection::Server { server: self.servers[0].clone(), ca_pem: None, token: Arc::new(Token) }
    }
}

struct Token;

#[async_trait]
impl TokenSource for Token {
    async fn token(&self) -> rolecall::state::Result<SecretString> {
        Ok(TOKEN.into())
    }
}

macro_rules! suite {
    ($module:ident: $($test:ident),* $(,)?) => {
        $(
            #[tokio::test]
            async fn $test() {
                let sandbox = Sandbox::start().await;
                $module::$test(sandbox.kubeconfig().to_str().unwrap()).await;
            }
        )*
    };
}

every_case!(suite);

#[tokio::test]
async fn a_reader_sends_nothing_but_get_and_reviews() {
    let sandbox = Sandbox::start().await;
    let reader = KubernetesReader::new(connect(&sandbox.connection()).await.unwrap());
    let query = ClusterQuery { environment: "alpha".parse().unwrap(), config: CONFIG.parse().unwrap(), cluster: None };
    let cluster = reader.observe(&query).await.unwrap();
    assert_eq!(cluster.uid.to_string(), UIDS[0]);
    assert!(
        cluster
            .roles
            .iter()
            .any(|live| live.role.name == "view" && live.meta.bootstrapping && live.aggregation.is_some())
    );
    let question = AccessQuestion::new("create", RBAC, "roles");
    assert!(reader.ask(&[question]).await[0].as_ref().unwrap().allowed);
    let log = sandbox.log.lock().unwrap();
    assert_eq!(reader.usage().requests, log.len() as u64);
    let others: Vec<_> = log
        .iter()
        .filter(|line| !(line.starts_with("GET ") || line.starts_with("POST ") && line.ends_with("reviews")))
        .collect();
    assert!(others.is_empty(), "{others:?}");
}

/// Fifty roles of ours that are not there yet.
async fn fifty(sandbox: &Sandbox) -> (Part, Vec<Change>) {
    let part = Part::new(sandbox.kubeconfig().to_str().unwrap(), "fifty").await;
    let changes = (0..50)
        .map(|number| {
            let mut role = part.role(true, &["get"]);
            if let Resource::Role(role) = &mut role {
                role.name = format!("{}-{number}", role.name);
            }
            part.create(role)
        })
        .collect();
    (part, changes)
}

async fn count(sandbox: &Sandbox) -> usize {
    let cluster = suite::observe(&sandbox.kubeconfig(), "real-one").await.unwrap();
    let names: BTreeSet<String> = cluster.roles.into_iter().map(|live| live.role.name).collect();
    names.iter().filter(|name| name.starts_with("fifty-role-")).count()
}

#[tokio::test]
async fn two_runs_at_the_same_time_agree() {
    let sandbox = Sandbox::start().await;
    let (part, changes) = fifty(&sandbox).await;
    let (left, right) = tokio::join!(part.write(&changes), part.write(&changes));
    for (left, right) in left.into_iter().zip(right) {
        assert!([left.clone(), right.clone()].contains(&DONE), "{left:?} and {right:?}");
        assert!([left.clone(), right.clone()].contains(&ALREADY), "{left:?} and {right:?}");
    }
    assert_eq!(count(&sandbox).await, 50);
}

#[tokio::test]
async fn a_run_that_is_killed_converges_when_it_is_run_again() {
    let sandbox = Sandbox::start().await;
    let (part, changes) = fifty(&sandbox).await;
    let writer = KubernetesWriter::new(connect(&sandbox.connection()).await.unwrap(), CONFIG.parse().unwrap());
    let (_sender, interrupted) = watch::channel(false);
    let (first, mut finished) = watch::channel(false);
    let report = |_, _: Outcome| {
        first.send_replace(true);
    };
    // Dropped in the middle, with up to eight writes on their way.
    tokio::select! {
        () = writer.write(&changes, &interrupted, &report) => panic!("it was to be killed"),
        _ = finished.wait_for(|finished| *finished) => {}
    }
    let outcomes = part.write(&changes).await;
    assert!(outcomes.iter().all(|outcome| *outcome == DONE || *outcome == ALREADY), "{outcomes:?}");
    assert!(outcomes.contains(&ALREADY), "something had been done before");
    assert_eq!(count(&sandbox).await, 50);
}
