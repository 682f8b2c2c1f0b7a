//! From a path and flags to a session: the files are read, and the ways to everything they name are found.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;

use tokio::sync::OnceCell;

use super::base::Base;
use super::names::check_names;
use super::way::{FixedToken, connection};
use super::{Session, is_read, load};
use crate::cli::args::{ConnectionArgs, PolicyArgs};
use crate::cli::blocking::blocking;
use crate::cli::connections::Connections;
use crate::cli::error::CliError;
use crate::cli::ui::Ui;
use crate::config::Loaded;
use crate::providers::entra;
use crate::providers::http::credential::{Chain, CredentialSettings};
use crate::providers::kubernetes::{self, Link, TokenSource};
use crate::sandbox::{self, Sandbox, SandboxError};
use crate::snapshot::{Snapshot, SnapshotError};
use crate::state::{Cloud, Desired, EnvironmentName, Policy};
use crate::{desired, report};

impl Session {
    /// Reads the config and finds the way to everything it names. Nothing is contacted yet.
    pub(in crate::cli) async fn open(
        ui: &mut Ui,
        path: &Path,
        connections: &ConnectionArgs,
        policy: &PolicyArgs,
    ) -> Result<Self, CliError> {
        Self::open_against(ui, path, connections, policy, None).await
    }

    /// The same for the preview of a change that goes to a branch: what it starts from is read, too, and how live systems are
    /// reached is as it was there.
    pub(in crate::cli) async fn open_against(
        ui: &mut Ui,
        path: &Path,
        connections: &ConnectionArgs,
        policy: &PolicyArgs,
        reference: Option<&str>,
    ) -> Result<Self, CliError> {
        let mut session = Self::open_all(ui, path, connections, policy, (reference, None)).await?;
        // The way to the lock alone is missed by whoever takes it.
        let missed = session.unroutable.keys().find(|name| is_read(&session.policy, name)).cloned();
        missed.and_then(|name| session.unroutable.remove(&name)).map_or(Ok(session), Err)
    }

    /// The same, going on without the clusters to which there is no way.
    pub(in crate::cli) async fn open_anyway(
        ui: &mut Ui,
        path: &Path,
        connections: &ConnectionArgs,
        policy: &PolicyArgs,
    ) -> Result<Self, CliError> {
        Self::open_all(ui, path, connections, policy, (None, None)).await
    }

    /// The same over a snapshot, read in place of the live systems: nothing is contacted, and nothing is needed for that.
    pub(in crate::cli) async fn open_over(
        ui: &mut Ui,
        path: &Path,
        snapshot: Arc<Snapshot>,
        policy: &PolicyArgs,
        reference: Option<&str>,
    ) -> Result<Self, CliError> {
        Self::open_all(ui, path, &ConnectionArgs::default(), policy, (reference, Some(snapshot))).await
    }

    async fn open_all(
        ui: &mut Ui,
        path: &Path,
        connections: &ConnectionArgs,
        policy: &PolicyArgs,
        (reference, snapshot): (Option<&str>, Option<Arc<Snapshot>>),
    ) -> Result<Self, CliError> {
        let (loaded, config) = load(ui, path)?;
        let desired = desired::compile(&config, &loaded.sources);
        let mut policy = policy.policy();
        check_names(&policy, &desired)?;
        let expectations = desired.expectations.len();
        let (named, reference) = (ui.resolve(path), reference.map(str::to_owned));
        let (loaded, config, desired, base) = blocking(move || {
            let mut desired = desired;
            let read = |reference: &String| Base::read(reference, &named, &loaded, &config, &mut desired);
            let base = reference.as_ref().map(read).transpose()?;
            Ok::<_, CliError>((loaded, config, desired, base))
        })
        .await?;
        for note in base.iter().flat_map(|base| &base.notes) {
            ui.say(&report::text::paragraph("note: ", note, crate::cli::line_width(ui)));
        }
        if let Some(base) = &base {
            let left_out = desired.environments.keys().filter(|name| base.leaves_out(name));
            policy.allow_unreachable.extend(left_out.cloned());
        }
        let mut session = match (snapshot, &connections.sandbox) {
            (Some(snapshot), _) => {
                if !base.as_ref().is_some_and(Base::leaves_out_tenant) {
                    snapshot.check_target(&desired).map_err(|error| unfit(&error))?;
                }
                Self::over(snapshot, loaded, desired, config.tenant.cloud, policy)?
            }
            (None, Some(folder)) => Self::in_sandbox(&ui.resolve(folder), loaded, desired, policy).await?,
            (None, None) => Self::for_real(ui, connections, loaded, desired, config.tenant.cloud, policy)?,
        };
        if let Some(base) = &base {
            session.clusters.retain(|name, _| !base.leaves_out(name));
            session.unroutable.retain(|name, _| !base.leaves_out(name));
        }
        (session.base, session.expectations) = (base, expectations);
        session.entra.pace = ui.pace;
        Ok(session)
    }

    fn for_real(
        ui: &Ui,
        args: &ConnectionArgs,
        loaded: Loaded,
        desired: Desired,
        cloud: Cloud,
        policy: Policy,
    ) -> Result<Self, CliError> {
        let connections = Connections::read(ui, args, &loaded)?;
        connections.check_names(&desired.environments)?;
        let extra_ca = connections.entra.ca_file.as_deref().map(|file| connections.read_ca(file, "entra"));
        let extra_ca = extra_ca.transpose()?.map(String::into_bytes);
        let mut entra = entra::Connection::to_cloud(cloud, desired.tenant)?;
        let authority = || ui.variable("AZURE_AUTHORITY_HOST").map(|named| cloud.authority(named)).transpose();
        if let Some(login) = connections.entra.login.clone().map_or_else(authority, |login| Ok(Some(login)))? {
            entra.login = login;
        }
        if let Some(graph) = connections.entra.graph.clone() {
            entra.graph = graph;
        }
        entra.extra_ca = extra_ca;
        entra.proxies = connections.proxies(ui)?;
        let settings = CredentialSettings::new(desired.tenant, entra.login.clone(), &ui.env)
            .in_cloud(cloud)
            .picking(args.auth(ui)?);
        let chain = Arc::new(Chain::new(&settings, entra.transport()?));
        let (mut clusters, mut unroutable) = (BTreeMap::new(), BTreeMap::new());
        for (name, environment) in &desired.environments {
            if !is_read(&policy, name) && desired.lock_on(name).is_none() {
                continue;
            }
            let route = connections.route(ui, args, name, environment, &loaded);
            match route.and_then(|route| connection(name, route, &connections, &chain)) {
                Ok(connection) => drop(clusters.insert(name.clone(), connection)),
                Err(error) => drop(unroutable.insert(name.clone(), error)),
            }
        }
        let links = links(&clusters);
        let plugins = kubernetes::Plugins::default();
        let (base, expectations) = (None, desired.expectations.len());
        Ok(Self {
            loaded,
            desired,
            policy,
            entra,
            chain,
            links,
            plugins,
            clusters,
            unroutable,
            base,
            expectations,
            recorded: None,
            also: BTreeSet::new(),
            sandbox: None,
        })
    }

    /// A session with no way to anything: no credential is looked for, and no cluster has a connection.
    fn over(
        snapshot: Arc<Snapshot>,
        loaded: Loaded,
        desired: Desired,
        cloud: Cloud,
        policy: Policy,
    ) -> Result<Self, CliError> {
        let policy = Policy { invented: snapshot.invented, ..policy };
        let entra = entra::Connection::to_cloud(cloud, desired.tenant)?;
        let settings = CredentialSettings::new(desired.tenant, entra.login.clone(), &BTreeMap::new());
        let chain = Arc::new(Chain::new(&settings.without_azure_cli(), entra.transport()?));
        let (clusters, unroutable) = (BTreeMap::new(), BTreeMap::new());
        let (links, plugins) = (links(&clusters), kubernetes::Plugins::default());
        let (base, expectations) = (None, desired.expectations.len());
        Ok(Self {
            loaded,
            desired,
            policy,
            entra,
            chain,
            clusters,
            unroutable,
            links,
            plugins,
            base,
            expectations,
            recorded: Some(snapshot),
            also: BTreeSet::new(),
            sandbox: None,
        })
    }

    async fn in_sandbox(folder: &Path, loaded: Loaded, desired: Desired, policy: Policy) -> Result<Self, CliError> {
        if loaded.contains(folder) {
            return Err(CliError::user(format!(
                "{}: a sandbox's folder must lie outside the access files",
                folder.display()
            )));
        }
        let policy = Policy { invented: true, ..policy };
        let sandbox = Sandbox::open(folder, || crate::cli::seed::from_config(&desired), sandbox::Options::default())
            .await
            .map_err(|error| no_sandbox(folder, &error))?;
        let of = sandbox.access().tenant_id;
        if of != desired.tenant {
            sandbox.stop().await;
            return Err(CliError::user(format!(
                "{}: this sandbox is of tenant {of}, but the config is for tenant {}",
                folder.display(),
                desired.tenant
            ))
            .hint("use a new folder: an empty one is filled from the config"));
        }
        let access = sandbox.access();
        let mut entra = entra::Connection::to_cloud(Cloud::Public, desired.tenant)?;
        entra.login = access.login.clone();
        entra.graph = access.graph.clone();
        entra.extra_ca = Some(access.ca_pem.clone().into_bytes());
        let settings = CredentialSettings::new(desired.tenant, entra.login.clone(), &access.environment());
        let chain = Arc::new(Chain::new(&settings.without_azure_cli(), entra.transport()?));
        let clusters = desired
            .environments
            .keys()
            .filter(|name| is_read(&policy, name) || desired.lock_on(name).is_some())
            .filter_map(|name| Some((name, access.clusters.get(name)?)))
            .map(|(name, cluster)| {
                let token: Arc<dyn TokenSource> = Arc::new(FixedToken(cluster.token.clone()));
                let connection = kubernetes::Connection::Server {
                    server: cluster.server.clone(),
                    ca_pem: Some(access.ca_pem.clone()),
                    token,
                };
                (name.clone(), connection)
            })
            .collect();
        let (links, unroutable) = (links(&clusters), BTreeMap::new());
        let (plugins, sandbox) = (kubernetes::Plugins::default(), Some(sandbox));
        let (base, expectations) = (None, desired.expectations.len());
        Ok(Self {
            loaded,
            desired,
            policy,
            entra,
            chain,
            clusters,
            unroutable,
            links,
            plugins,
            base,
            expectations,
            recorded: None,
            also: BTreeSet::new(),
            sandbox,
        })
    }
}

/// Why a snapshot is not one that these files can be planned against.
pub(in crate::cli) fn unfit(error: &SnapshotError) -> CliError {
    CliError::user(report::escape::message(&error.to_string())).hint(error.next())
}

fn no_sandbox(folder: &Path, error: &SandboxError) -> CliError {
    let connections = folder.join("connections.yaml");
    let told = CliError::user(error.to_string());
    if matches!(error, SandboxError::InUse { .. }) && connections.exists() {
        let connections = connections.display();
        return told.hint(format!("if `rolecall sandbox serve` serves it, use --connections {connections} instead"));
    }
    told
}

fn links(clusters: &BTreeMap<EnvironmentName, kubernetes::Connection>) -> BTreeMap<EnvironmentName, OnceCell<Link>> {
    clusters.keys().map(|name| (name.clone(), OnceCell::new())).collect()
}
