//! An embedded tenant and embedded clusters, for trying, tests and demos.
//!
//! A sandbox is a folder. [`Sandbox::open`] serves what the folder holds over HTTPS on loopback until it is stopped:
//!
//! | file | what |
//! | --- | --- |
//! | `sandbox.json` | that this is a sandbox, and what it was seeded with |
//! | `tenant.json`, `clusters/NAME.json` | the state, replaced atomically at every write |
//! | `ca.pem`, `server.pem`, `server.key` | certificates, the same for as long as the folder lives |
//! | `requests.jsonl` | every request, and every item of a batch |
//! | `lock` | the process that serves it |

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use secrecy::SecretString;
use serde::{Deserialize, Serialize};
use url::Url;

pub use self::access::{Access, ClusterAccess};
pub use self::faults::{Faults, Throttle};
use self::graph::Graph;
pub use self::graph::Lifetimes;
use self::graph::state::Tenant;
use self::log::Recorder;
pub use self::log::RequestLog;
pub use self::seed::{
    Seed, SeedApplier, SeedCluster, SeedError, SeedGroup, SeedNamespace, SeedPrincipal, SeedServicePrincipal,
    SeedTenant, SeedUser,
};
use self::server::{Server, Surroundings, surround};
use self::store::Store;

mod access;
mod clusters;
mod faults;
pub mod graph;
pub mod kubernetes;
mod lock;
pub mod log;
mod seed;
mod server;
pub mod store;
#[cfg(test)]
mod tests;
mod tls;

const MARKER: &str = "sandbox.json";
const TENANT: &str = "tenant.json";
/// The format of the folder, raised when an older one can no longer be read.
const FORMAT: u32 = 1;

/// How a sandbox is run.
#[derive(Clone, Copy, Debug, Default)]
pub struct Options {
    /// The port of Graph; the clusters take the ones after it, in the order of their names. Any free ports when `None`.
    pub first_port: Option<u16>,
    /// What goes wrong.
    pub faults: Faults,
    /// How long tokens live.
    pub lifetimes: Lifetimes,
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
    #[error("{} has format {found}, this version of rolecall reads format {FORMAT}; use a new folder", .folder.display())]
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

/// The content of the marker file.
#[derive(Debug, Serialize, Deserialize)]
struct Marker {
    format: u32,
    seed: Seed,
}

impl Sandbox {
    /// Serves the sandbox in `folder`. A folder that is empty or does not exist is seeded first.
    ///
    /// # Errors
    /// When the folder holds something else, is served by another process, or cannot be read or written; when the seed
    /// contradicts itself; when a port is taken.
    pub async fn open(folder: &Path, seed: impl FnOnce() -> Seed, options: Options) -> Result<Self, SandboxError> {
        let failed = |source| SandboxError::Io { folder: folder.to_owned(), source };
        if !is_sandbox_or_empty(folder).map_err(failed)? {
            return Err(SandboxError::NotASandbox(folder.to_owned()));
        }
        fs_err::create_dir_all(folder).map_err(failed)?;
        let lock = match lock::take(folder).map_err(failed)? {
            lock::Attempt::Held(lock) => lock,
            lock::Attempt::Taken(process) => {
                let process = process.map_or("another process".to_owned(), |id| format!("process {id}"));
                return Err(SandboxError::InUse { folder: folder.to_owned(), process });
            }
        };
        let (marker, planted) = if let Some(marker) = Marker::read(folder)? {
            (marker, None)
        } else {
            let seed = seed();
            let tenant = seed.plant()?;
            (Marker { format: FORMAT, seed }.write(folder).map_err(failed)?, Some(tenant))
        };
        let file = folder.join(TENANT);
        let tenant = match (Store::load(&file).map_err(failed)?, planted) {
            (Some(store), _) => store,
            (None, Some(planted)) => Store::create(&file, planted).map_err(failed)?,
            // A first start that was interrupted before the tenant was written.
            (None, None) => Store::create(&file, marker.seed.plant()?).map_err(failed)?,
        };
        let tenant = Arc::new(tenant);
        let recorder = Arc::new(Recorder::open(folder).map_err(failed)?);
        let identity = tls::identity(folder).map_err(failed)?;

        let graph = Graph {
            store: Arc::clone(&tenant),
            lifetimes: options.lifetimes,
            throttling: faults::Throttling::new(options.faults.throttle),
        };
        let around = |name: &str, throttle| Surroundings {
            name: name.to_owned(),
            recorder: Arc::clone(&recorder),
            latency: options.faults.latency,
            throttling: faults::Throttling::new(throttle),
        };
        // Graph draws for itself, call by call and item by item.
        let router = surround(graph::router(Arc::new(graph)), around(log::GRAPH, None));
        let mut ports = (0..=u16::MAX).map(|next| options.first_port.map_or(0, |first| first.saturating_add(next)));
        let mut start = async |router| {
            let port = ports.next().unwrap_or(0);
            let server = Server::start(port, Arc::clone(&identity.config), router).await.map_err(failed)?;
            let origin =
                Url::parse(&format!("https://{}", server.address)).map_err(io::Error::other).map_err(failed)?;
            Ok::<_, SandboxError>((server, origin))
        };
        let (server, origin) = start(router).await?;
        let mut servers = vec![server];
        let mut clusters = BTreeMap::new();
        for cluster in clusters::open(folder, &marker.seed, &tenant).map_err(failed)? {
            let router = surround(cluster.router, around(cluster.name.as_str(), options.faults.throttle));
            let (server, origin) = start(router).await?;
            servers.push(server);
            clusters.insert(cluster.name, ClusterAccess { server: origin, token: cluster.token });
        }
        let client_id = marker.seed.applier_app_id();
        let secret =
            tenant.read(|tenant| tenant.apps.get(&client_id).map(|app| app.secret.clone())).unwrap_or_default();
        let access = Access {
            graph: origin.clone(),
            login: origin,
            ca_pem: identity.authority,
            ca_file: identity.authority_file,
            tenant_id: tenant.read(|tenant| tenant.id),
            client_id,
            client_secret: SecretString::from(secret),
            clusters,
        };
        Ok(Self { folder: folder.to_owned(), access, tenant, servers, _lock: lock })
    }

    /// Whether the folder holds a sandbox.
    pub fn is_at(folder: &Path) -> bool {
        folder.join(MARKER).is_file()
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
            app.and_then(|app| graph::token::assertion(tenant, app, expires))
        });
        SecretString::from(assertion.unwrap_or_default())
    }

    /// Finishes what is being answered and stops. Dropping the sandbox stops it at once.
    pub async fn stop(self) {
        futures::future::join_all(self.servers.into_iter().map(Server::stop)).await;
    }
}

fn is_sandbox_or_empty(folder: &Path) -> io::Result<bool> {
    let entries = match fs_err::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(true),
        Err(error) => return Err(error),
    };
    let mut empty = true;
    for entry in entries {
        let name = entry?.file_name();
        if name == MARKER {
            return Ok(true);
        }
        // A first start that was interrupted leaves its lock.
        empty &= name == lock::FILE;
    }
    Ok(empty)
}

impl Marker {
    /// The marker in `folder`, if there is one.
    fn read(folder: &Path) -> Result<Option<Self>, SandboxError> {
        #[derive(Deserialize)]
        struct Format {
            format: u32,
        }
        let failed = |source| SandboxError::Io { folder: folder.to_owned(), source };
        let file = folder.join(MARKER);
        let bytes = match fs_err::read(&file) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(failed(error)),
        };
        let damaged = |error: serde_json::Error| {
            failed(io::Error::new(io::ErrorKind::InvalidData, format!("{}: {error}", file.display())))
        };
        let Format { format } = serde_json::from_slice(&bytes).map_err(damaged)?;
        if format != FORMAT {
            return Err(SandboxError::OtherFormat { folder: folder.to_owned(), found: format });
        }
        serde_json::from_slice(&bytes).map(Some).map_err(damaged)
    }

    /// Written before anything else: from then on the folder is a sandbox, and whatever is missing follows from it.
    fn write(self, folder: &Path) -> io::Result<Self> {
        let mut temporary = tempfile::NamedTempFile::new_in(folder)?;
        serde_json::to_writer_pretty(&mut temporary, &self)?;
        temporary.persist(folder.join(MARKER)).map_err(|error| error.error)?;
        Ok(self)
    }
}
