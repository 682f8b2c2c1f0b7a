//! How to reach the tenant and the clusters: from flags, the environment and a connections file, never from the config.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use url::Url;

use super::args::ConnectionArgs;
use super::error::CliError;
use super::ui::Ui;
use crate::config::Loaded;
use crate::git;
use crate::providers::http::proxy::Proxy;
use crate::providers::http::{Proxies, without_user};
use crate::state::{DesiredEnvironment, EnvironmentName, closest, first_few};

/// The connections file.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct Connections {
    /// The proxy to everything that is not on loopback; what the environment says when left out.
    pub(super) proxy: Option<ProxyConnection>,
    /// Where Entra is, when it is not where the tenant's cloud says.
    pub(super) entra: EntraConnection,
    /// The way to each cluster that is not simply a context of the user's kubeconfig.
    pub(super) environments: BTreeMap<EnvironmentName, ClusterConnection>,
    /// The file itself, for messages.
    #[serde(skip)]
    named: String,
    /// What named it: a flag or a variable.
    #[serde(skip)]
    by: &'static str,
}

/// A proxy, in place of what the environment says.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub(super) struct ProxyConnection {
    /// Its address, which may hold a user name and password.
    url: Hidden,
    /// Hosts that are reached directly, as in `NO_PROXY`.
    #[serde(default)]
    no_proxy: Vec<String>,
}

impl ProxyConnection {
    /// The proxy, and whom it is for.
    pub(super) fn parse(&self) -> Result<Proxies, CliError> {
        Ok(Proxies::through(Proxy::parse(&self.url.0, "`proxy` of the connections file")?, &self.no_proxy.join(",")))
    }
}

/// Where whoever proposes a change may write, and what says where tokens go may not be.
#[derive(Clone, Copy, Debug)]
enum Within {
    /// In the folder of the access files.
    AccessFiles,
    /// Among what is committed with them.
    Commits,
}

impl Within {
    fn of(loaded: &Loaded, path: &Path) -> Option<Self> {
        if loaded.contains(path) {
            return Some(Self::AccessFiles);
        }
        git::is_committed(&loaded.root, path).then_some(Self::Commits)
    }

    /// What to do; and where it may be, for example.
    fn next(self, place: &str) -> String {
        match self {
            Self::AccessFiles => format!("move it out of the folder, e.g. to {place}, and name it there"),
            Self::Commits => format!(
                "move it out of the repository, e.g. to {place}, and name it there; or keep it and take it out of git \
                 (`git rm --cached FILE`)"
            ),
        }
    }
}

impl std::fmt::Display for Within {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str(match self {
            Self::AccessFiles => "the access files",
            Self::Commits => "what is committed in the repository of the access files",
        })
    }
}

/// A text that is never shown.
#[derive(Clone, Deserialize)]
#[serde(transparent)]
struct Hidden(String);

impl std::fmt::Debug for Hidden {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("…")
    }
}

/// Where Entra is.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct EntraConnection {
    /// The login endpoint, e.g. `https://login.microsoftonline.com`.
    pub(super) login: Option<Url>,
    /// The Graph endpoint, e.g. `https://graph.microsoft.com`.
    pub(super) graph: Option<Url>,
    /// A file with CA certificates (PEM) to trust besides the system's.
    pub(super) ca_file: Option<PathBuf>,
}

/// The way to one cluster: exactly one of `kubeconfig`, `in-cluster` and `server`.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case", default)]
pub(super) struct ClusterConnection {
    /// A kubeconfig.
    pub(super) kubeconfig: Option<PathBuf>,
    /// Its context, when it is not the one the environment names.
    pub(super) context: Option<String>,
    /// Leave to run the credential plugins of that kubeconfig.
    pub(super) allow_exec: bool,
    /// The service account of the pod that rolecall runs in.
    pub(super) in_cluster: bool,
    /// The API server's address.
    pub(super) server: Option<Url>,
    /// The API server's CA (PEM).
    pub(super) ca_file: Option<PathBuf>,
    /// The audience to ask the credential chain for: the app that the API server trusts, e.g. `api://…`.
    pub(super) audience: Option<String>,
}

/// The way to one cluster, decided.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Route {
    /// A context of a kubeconfig.
    Kubeconfig {
        /// The file.
        path: PathBuf,
        /// The context.
        context: String,
        /// Whether its credential plugins may run.
        allow_exec: bool,
    },
    /// The pod's own service account.
    InCluster,
    /// An address, with a bearer of the credential chain.
    Server {
        /// The address.
        server: Url,
        /// The CA, when it is not a public one.
        ca_file: Option<PathBuf>,
        /// The audience of the bearer.
        audience: String,
    },
}

impl Connections {
    /// Reads the connections file of the command line, if there is one.
    pub(super) fn read(ui: &Ui, args: &ConnectionArgs, loaded: &Loaded) -> Result<Self, CliError> {
        let from_environment = ui.variable("ROLECALL_CONNECTIONS").map(PathBuf::from);
        let by = if args.connections.is_some() { "--connections" } else { "$ROLECALL_CONNECTIONS" };
        let Some(named) = args.connections.clone().or(from_environment) else { return Ok(Self::default()) };
        let path = ui.resolve(&named);
        if let Some(within) = Within::of(loaded, &path) {
            return Err(CliError::user(format!(
                "{}: a connections file must lie outside {within}, because it says where tokens go",
                named.display()
            ))
            .hint(within.next("~/.config/rolecall/connections.yaml")));
        }
        let text = std::fs::read_to_string(&path).map_err(|error| {
            CliError::user(format!("{}: the connections file that {by} names cannot be read: {error}", named.display()))
                .hint(format!("correct {by}; docs/connections.md says what the file holds"))
        })?;
        let mut connections = Self::parse(&text, &named.display().to_string())?;
        connections.by = by;
        connections.anchor(path.parent().unwrap_or(Path::new(".")));
        let clusters = connections.environments.values().filter_map(|connection| connection.ca_file.as_deref());
        for ca in connections.entra.ca_file.as_deref().into_iter().chain(clusters) {
            if let Some(within) = Within::of(loaded, ca) {
                return Err(CliError::user(format!(
                    "{}: a CA must lie outside {within}, because it says which servers are trusted",
                    ca.display()
                ))
                .hint(within.next("~/.config/rolecall/ca.pem")));
            }
        }
        Ok(connections)
    }

    /// The file's own content, paths as they are written.
    pub(super) fn parse(text: &str, named: &str) -> Result<Self, CliError> {
        // The reader quotes what it does not understand, and that may be the address of a proxy.
        let mut connections: Self = crate::config::yaml::from_str(text)
            .map_err(|error| CliError::user(format!("{named}: {}", without_user(&error.to_string()))))?;
        for (name, connection) in &connections.environments {
            let ways = [
                connection.kubeconfig.is_some() || connection.context.is_some(),
                connection.in_cluster,
                connection.server.is_some(),
            ];
            if ways.iter().filter(|given| **given).count() != 1 {
                return Err(CliError::user(format!(
                    "{named}: environment `{name}` needs exactly one of `kubeconfig` (or `context`), `in-cluster` and `server`"
                )));
            }
            if connection.server.is_some() != connection.audience.is_some() {
                return Err(CliError::user(format!(
                    "{named}: environment `{name}`: `server` and `audience` go together: the audience is the app the API server trusts"
                )));
            }
        }
        named.clone_into(&mut connections.named);
        Ok(connections)
    }

    /// Relative paths are relative to the connections file.
    fn anchor(&mut self, folder: &Path) {
        let anchored = |path: &mut Option<PathBuf>| {
            if let Some(path) = path {
                *path = folder.join(&*path);
            }
        };
        anchored(&mut self.entra.ca_file);
        for connection in self.environments.values_mut() {
            anchored(&mut connection.kubeconfig);
            anchored(&mut connection.ca_file);
        }
    }

    /// Refuses the name of an environment that is almost one of the config's. Others are fine: the file may serve more than
    /// one config.
    pub(super) fn check_names(&self, known: &BTreeMap<EnvironmentName, DesiredEnvironment>) -> Result<(), CliError> {
        for name in self.environments.keys().filter(|name| !known.contains_key(*name)) {
            let without_way = known.keys().filter(|known| !self.environments.contains_key(*known));
            if let Some(near) = closest(name.as_str(), without_way.map(EnvironmentName::as_str)) {
                let message =
                    format!("{}: the config has no environment `{name}`, and `{near}` has no way here", self.named);
                return Err(CliError::user(message).hint(format!("did you mean `{near}`?")));
            }
        }
        Ok(())
    }

    /// A file of certificates, and the key of the connections file that names it.
    pub(super) fn read_ca(&self, file: &Path, of: &str) -> Result<String, CliError> {
        std::fs::read_to_string(file).map_err(|error| {
            CliError::user(format!("{}: the CA that `ca-file` of {of} names cannot be read: {error}", file.display()))
                .hint(format!("correct `ca-file` of {of} in {}", self.named))
        })
    }

    /// The proxy: the connections file's, else the environment's. Everything that is not on loopback speaks TLS, so
    /// `HTTP_PROXY` has no meaning here.
    pub(super) fn proxies(&self, ui: &Ui) -> Result<Proxies, CliError> {
        if let Some(proxy) = &self.proxy {
            return proxy.parse();
        }
        proxies_of_environment(ui)
    }

    /// The way to one environment.
    pub(super) fn route(
        &self,
        ui: &Ui,
        args: &ConnectionArgs,
        name: &EnvironmentName,
        environment: &DesiredEnvironment,
        loaded: &Loaded,
    ) -> Result<Route, CliError> {
        let connection = self.environments.get(name).cloned().unwrap_or_default();
        if connection.in_cluster {
            return Ok(Route::InCluster);
        }
        if let (Some(server), Some(audience)) = (connection.server, connection.audience) {
            return Ok(Route::Server { server, ca_file: connection.ca_file, audience });
        }
        let context = connection.context.unwrap_or_else(|| environment.context.clone());
        let (path, allow_exec) = match (connection.kubeconfig, &args.kubeconfig) {
            (Some(path), _) if !path.exists() => {
                return Err(CliError::user(format!("there is no kubeconfig {}", path.display()))
                    .hint(format!("correct `kubeconfig` of {name} in {}", self.named)));
            }
            (Some(path), _) => (path, connection.allow_exec || args.allow_exec),
            (None, Some(path)) => {
                let path = ui.resolve(path);
                let own = own_kubeconfigs(ui).contains(&path);
                (path, own || args.allow_exec)
            }
            (None, None) => {
                (default_kubeconfig(ui, &context).map_err(|error| self.beside_the_file(name, error))?, true)
            }
        };
        if let Some(within) = Within::of(loaded, &path) {
            return Err(CliError::user(format!(
                "{}: a kubeconfig must lie outside {within}, because it says where tokens go and what is run",
                path.display()
            ))
            .hint(within.next("~/.kube/config")));
        }
        Ok(Route::Kubeconfig { path, context, allow_exec })
    }

    /// Where there is a connections file, that is where an environment without a way was expected to be.
    fn beside_the_file(&self, name: &EnvironmentName, error: CliError) -> CliError {
        const NAMED: usize = 5;
        if self.by.is_empty() || self.environments.contains_key(name) {
            return error;
        }
        let names = match self.environments.len() {
            0 => "no environments".to_owned(),
            _ => first_few(self.environments.keys(), NAMED),
        };
        let told = format!("{} (from {}) has {names}, but not {name}; {}", self.named, self.by, error.message);
        let told = CliError::user(told).hint(format!("add {name} under `environments` of {}", self.named));
        error.hints.into_iter().fold(told, CliError::hint)
    }
}

/// The proxy that the environment names.
pub(super) fn proxies_of_environment(ui: &Ui) -> Result<Proxies, CliError> {
    let first = |names: &[&'static str]| names.iter().find_map(|name| Some((*name, ui.variable(name)?)));
    let Some((name, address)) = first(&["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"]) else {
        return Ok(Proxies::default());
    };
    let except = first(&["NO_PROXY", "no_proxy"]).map_or("", |(_, except)| except);
    Ok(Proxies::through(Proxy::parse(address, name)?, except))
}

/// The kubeconfigs that are the person's own: those of $KUBECONFIG, and ~/.kube/config.
fn own_kubeconfigs(ui: &Ui) -> Vec<PathBuf> {
    let listed = ui
        .variable("KUBECONFIG")
        .into_iter()
        .flat_map(std::env::split_paths)
        .filter(|path| !path.as_os_str().is_empty());
    let home =
        ui.variable("HOME").or_else(|| ui.variable("USERPROFILE")).map(|home| Path::new(home).join(".kube/config"));
    listed.chain(home).map(|path| ui.folder.join(path)).collect()
}

/// The first of the person's own kubeconfigs that holds the context, else the first that exists.
fn default_kubeconfig(ui: &Ui, context: &str) -> Result<PathBuf, CliError> {
    let own = own_kubeconfigs(ui);
    let existing: Vec<_> = own.iter().filter(|path| path.exists()).collect();
    // $KUBECONFIG may list several files; a context and what it names normally stand in one of them.
    let holds = |path: &Path| {
        kube::config::Kubeconfig::read_from(path)
            .is_ok_and(|kubeconfig| kubeconfig.contexts.iter().any(|entry| entry.name == context))
    };
    match existing.as_slice() {
        [] => {
            let looked = own.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ");
            let looked = if own.is_empty() {
                "neither $KUBECONFIG nor $HOME is set".to_owned()
            } else {
                format!("looked at: {looked}")
            };
            Err(CliError::user(format!("no kubeconfig was found for context `{context}`; {looked}"))
                .hint(
                    "name one with --kubeconfig FILE, set $KUBECONFIG, or describe the cluster in a --connections file",
                )
                .hint("to try without any cluster, use --sandbox DIR"))
        }
        [only] => Ok((*only).clone()),
        [first, ..] => Ok(PathBuf::from(*existing.iter().find(|path| holds(path)).unwrap_or(first))),
    }
}
