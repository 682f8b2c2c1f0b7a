//! An embedded tenant and embedded clusters, for trying, tests and demos.
//!
//! A sandbox is a folder. [`Sandbox::open`] serves what the folder holds over HTTPS on loopback until it is stopped:
//!
//! | file | what |
//! | --- | --- |
//! | `sandbox.json` | that this is a sandbox, and what it was seeded with |
//! | `tenant.json`, `clusters/NAME.json` | the state as it was some time ago |
//! | `….json.journal` | every write since then, a line each |
//! | `ca.pem`, `server.pem`, `server.key` | certificates, the same for as long as the folder lives |
//! | `requests.jsonl` | every request, and every item of a batch |
//! | `lock` | the process that serves it |

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use secrecy::SecretString;
use url::Url;

pub use self::access::{Access, ClusterAccess};
pub use self::faults::{Budget, Fault, Faults, Hostile, Lag, Rule};
use self::faults::{Dialect, Faulty, Injector};
pub use self::graph::Lifetimes;
use self::graph::state::Tenant;
use self::graph::{Behaviour, Graph};
pub use self::invent::{Invented, Invention, invent};
pub use self::log::RequestLog;
pub use self::seed::{
    Seed, SeedApplier, SeedBinding, SeedCluster, SeedError, SeedGroup, SeedNamespace, SeedPrincipal,
    SeedServicePrincipal, SeedTenant, SeedUser,
};
use self::server::{Server, Surroundings, surround};
use self::store::Store;

mod access;
mod clusters;
mod credentials;
mod faults;
mod folder;
pub mod graph;
mod invent;
pub mod kubernetes;
mod lock;
pub mod log;
mod seed;
mod server;
pub mod store;
#[cfg(test)]
mod tests;
mod tls;

/// How a sandbox is run.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The port of Graph; the clusters take the ones after it, in the order of their names. Any free ports when `None`.
    pub first_port: Option<u16>,
    /// What goes wrong.
    pub faults: Faults,
    /// How long tokens live.
    pub lifetimes: Lifetimes,
    /// How far the tenant's clock is ahead of ours, to see what time does: deleted groups are purged after 30 days.
    pub later: Duration,
}

/// A running sandbox.
#[derive(Debug)]
pub struct Sandbox {
    folder: PathBuf,
    access: Access,
    tenant: Arc<Store<Tenant>>,
    servers: Vec<Server>,
    // Let go of last, when nothing serves any more.
    _lock: lock::Lock,
}

/// A sandbox that cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum SandboxError {
    /// The folder holds something else.
    #[error("{} is not empty and is not a sandbox; name an empty folder, or one that does not exist yet", .0.display())]
    NotASandbox(PathBuf),
    /// Another process serves it.
    #[error("{} is in use by {}; stop it, or use another folder", .folder.display(), .process)]
    InUse {
        /// The folder.
        folder: PathBuf,
        /// "process 4711", or "another process".
        process: String,
    },
    /// It was made by another version.
    #[error("{} has format {found}, this version of rolecall reads format {}; use a new folder", .folder.display(), folder::FORMAT)]
    OtherFormat {
        /// The folder.
        folder: PathBuf,
        /// What it says.
        found: u32,
    },
    /// The seed does not make a tenant.
    #[error(transparent)]
    Seed(#[from] SeedError),
    /// A file or a socket.
    #[error("the sandbox in {} does not start: {source}", .folder.display())]
    Io {
        /// The folder.
        folder: PathBuf,
        /// What went wrong.
        source: io::Error,
    },
}

impl Sandbox {
    /// Serves the sandbox in `folder`. A folder that is empty or does not exist is seeded first.
    ///
    /// # Errors
    /// When the folder holds something else, is served by another process, or cannot be read or written; when the seed
    /// contradicts itself; when a port is taken.
    pub async fn open(folder: &Path, seed: impl FnOnce() -> Seed, options: Options) -> Result<Self, SandboxError> {
        let failed = |source| SandboxError::Io { folder: folder.to_owned(), source };
        let folder::Folder { lock, seed, tenant, recorder, identity } = folder::open(folder, seed)?;
        let mut running = Running { tls: identity.config, next_port: options.first_port, servers: Vec::new() };
        let faults = &options.faults;
        let around = |name: &str| Surroundings { name: name.to_owned(), recorder: Arc::clone(&recorder) };
        let latency = Duration::from_millis(faults.latency_ms);
        let injector = Arc::new(Injector::new(faults, log::GRAPH));
        let graph = Graph {
            store: Arc::clone(&tenant),
            lifetimes: options.lifetimes,
            behaviour: Behaviour::new(faults, Arc::clone(&injector), options.later),
        };
        let graph = Arc::new(graph);
        let around_it = Faulty { dialect: Dialect::Graph, latency, injector };
        let router = surround(graph::router(Arc::clone(&graph)), around(log::GRAPH), around_it);
        let origin = running.start(router).await.map_err(failed)?;
        let mut clusters = BTreeMap::new();
        for cluster in clusters::open(folder, &seed, &tenant).map_err(failed)? {
            let injector = Arc::new(Injector::new(faults, cluster.name.as_str()));
            let around_it = Faulty { dialect: Dialect::Kubernetes, latency, injector };
            let router = surround(cluster.router, around(cluster.name.as_str()), around_it);
            let server = running.start(router).await.map_err(failed)?;
            clusters.insert(cluster.name, ClusterAccess { server, token: cluster.token });
        }
        let injector = Arc::new(Injector::new(faults, log::MACHINE));
        let around_it = Faulty { dialect: Dialect::Graph, latency, injector };
        let router = surround(graph::managed_identity::router(graph), around(log::MACHINE), around_it);
        let machine = running.start_plain(router).await.map_err(failed)?;
        let client_id = seed.applier_app_id();
        let secret = tenant.read(|tenant| tenant.apps.get(&client_id).map(|app| app.secret.clone()));
        let access = Access {
            graph: origin.clone(),
            login: origin,
            machine,
            ca_pem: identity.authority,
            ca_file: identity.authority_file,
            tenant_id: tenant.read(|tenant| tenant.id),
            client_id,
            client_secret: SecretString::from(secret.unwrap_or_default()),
            clusters,
        };
        Ok(Self { folder: folder.to_owned(), access, tenant, servers: running.servers, _lock: lock })
    }

    /// Whether the folder holds a sandbox.
    pub fn is_at(place: &Path) -> bool {
        place.join(folder::MARKER).is_file()
    }

    /// How to reach it.
    pub fn access(&self) -> &Access {
        &self.access
    }

    /// What it was asked so far, in this run and in earlier ones.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub fn requests(&self) -> io::Result<RequestLog> {
        RequestLog::read(&self.folder)
    }

    /// What a workload's token file would hold: an assertion that the applier may show instead of its secret.
    pub fn assertion(&self, expires: jiff::Timestamp) -> SecretString {
        let assertion = self.tenant.read(|tenant| {
            let app = tenant.apps.get(&self.access.client_id);
            app.and_then(|app| graph::token::workload_assertion(tenant, app, expires))
        });
        SecretString::from(assertion.unwrap_or_default())
    }

    /// Finishes what is being answered and stops. Dropping the sandbox stops it at once.
    pub async fn stop(self) {
        futures::future::join_all(self.servers.into_iter().map(Server::stop)).await;
    }
}

/// The servers that run already, and what the next one needs.
struct Running {
    tls: Arc<rustls::ServerConfig>,
    /// Any free port when `None`.
    next_port: Option<u16>,
    servers: Vec<Server>,
}

impl Running {
    /// Starts one more; returns its origin.
    async fn start(&mut self, router: Router) -> io::Result<Url> {
        let tls = Some(Arc::clone(&self.tls));
        self.start_with(tls, router).await
    }

    /// Starts one more without TLS, for what speaks plain HTTP by nature.
    async fn start_plain(&mut self, router: Router) -> io::Result<Url> {
        self.start_with(None, router).await
    }

    async fn start_with(&mut self, tls: Option<Arc<rustls::ServerConfig>>, router: Router) -> io::Result<Url> {
        let scheme = if tls.is_some() { "https" } else { "http" };
        let server = Server::start(self.next_port.unwrap_or(0), tls, router).await?;
        self.next_port = self.next_port.map(|port| port.saturating_add(1));
        let origin = Url::parse(&format!("{scheme}://{}", server.address)).map_err(io::Error::other)?;
        self.servers.push(server);
        Ok(origin)
    }
}
