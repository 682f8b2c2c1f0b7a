//! What every command that looks at live systems does: load, compile, connect, observe, plan. One call a line.

mod asking;
mod looking;
mod names;
mod verifying;
mod way;

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use futures::StreamExt as _;
use tokio::sync::OnceCell;

use self::asking::{access_difference, ask_about_groups, ask_for_expectations, ask_for_rights, judge_expectations};
pub(super) use self::looking::Seen;
use self::names::{check_groups, check_names};
use self::way::{FixedToken, connection};
use super::args::{ConnectionArgs, PolicyArgs};
use super::connections::Connections;
use super::error::CliError;
use super::progress::Progress;
use super::ui::Ui;
use crate::access::expectations::Judged;
use crate::access::{AccessComparison, AccessDifference};
use crate::config::{self, Loaded};
use crate::plan::{Comparison, Verdict};
use crate::providers::entra::{self, EntraReader, EntraWriter};
use crate::providers::http::credential::{Chain, CredentialSettings};
use crate::providers::kubernetes::{self, KubernetesReader, KubernetesWriter, Link, TokenSource};
use crate::providers::{Reader as _, Writer};
use crate::report::findings;
use crate::sandbox::{self, Sandbox, SandboxError};
use crate::state::{AppliedBy, Change, Cloud, Desired, EnvironmentName, Failure, FailureKind, Observed, Policy};
use crate::{desired, git, plan, report};

/// Clusters that are talked to at once: each takes about seven round trips, most of them to make connections.
pub(super) const CLUSTERS_AT_ONCE: usize = 32;

/// A config that was read and found good, and the ways to what it is about.
pub(super) struct Session {
    pub(super) loaded: Loaded,
    pub(super) desired: Desired,
    pub(super) policy: Policy,
    pub(super) entra: entra::Connection,
    pub(super) chain: Arc<Chain>,
    clusters: BTreeMap<EnvironmentName, kubernetes::Connection>,
    // Environments to which there is no way, and why. Empty but for `doctor`.
    pub(super) unroutable: BTreeMap<EnvironmentName, CliError>,
    // One link a cluster serves the reader and the writer, so that a credential plugin runs once.
    links: BTreeMap<EnvironmentName, OnceCell<Link>>,
    // Nor does it run once more for another cluster that would run it alike.
    plugins: kubernetes::Plugins,
    // Keeps the embedded servers running for as long as somebody may call them.
    sandbox: Option<Sandbox>,
}

/// What would change, by nothing but the files and what was read.
struct Compared {
    plan: plan::Plan,
    observed: Observed,
    policy: Policy,
    reader: EntraReader,
    readers: BTreeMap<EnvironmentName, KubernetesReader>,
}

/// A plan and what it was made from.
pub(super) struct Planned {
    pub(super) plan: plan::Plan,
    pub(super) observed: Observed,
    /// What its changes mean for people.
    pub(super) access: Arc<AccessDifference>,
    pub(super) spent: report::Spent,
    /// What becomes of the expectations.
    pub(super) expectations: Vec<Judged>,
}

impl Planned {
    /// Whether something that is expected would not be so.
    pub(super) fn breaks_expectation(&self) -> bool {
        self.expectations.iter().any(Judged::is_broken)
    }

    /// Whether something is expected of a name that stands for nobody, or not for one alone.
    pub(super) fn expects_of_nobody(&self) -> bool {
        self.expectations.iter().any(|judged| judged.of_nobody)
    }

    /// Whether something could not be read without which nobody knows of something that is expected.
    pub(super) fn leaves_expectation_unread(&self, policy: &Policy) -> bool {
        let may_be = |judged: &Judged| policy.allow_unreachable.contains(&judged.environment);
        self.expectations.iter().any(|judged| judged.is_unknown() && judged.unread && !may_be(judged))
    }
}

/// What is so of a plan of which only a part is carried out.
#[derive(PartialEq)]
pub(super) struct Part {
    /// What the guards say.
    pub(super) verdicts: Vec<Verdict>,
    /// What its changes mean for people.
    pub(super) access: Arc<AccessDifference>,
    /// What becomes of the expectations.
    pub(super) expectations: Vec<Judged>,
}

/// Reads the config a path belongs to; mistakes are shown and end the command.
pub(super) fn load(ui: &mut Ui, path: &Path) -> Result<(Loaded, config::Config), CliError> {
    let mut loaded = config::load(&ui.resolve(path));
    let text = findings::render(&loaded.findings, &loaded.sources, &style(ui));
    let Some(config) = loaded.config.take() else {
        let document = findings::json(&loaded.findings, &loaded.sources);
        let document = report::escape::json(&format!("{document:#}"));
        return Err(CliError::user(text.trim_end().to_owned()).already_worded().document(document));
    };
    ui.say(&text);
    Ok((loaded, config))
}

/// How findings are drawn on standard error.
pub(super) fn style(ui: &Ui) -> findings::Style {
    findings::Style { graphical: ui.stderr_is_terminal, colour: ui.colour_on_stderr(), width: ui.width }
}

/// How findings are drawn where they are the result.
pub(super) fn style_of_output(ui: &Ui) -> findings::Style {
    findings::Style { graphical: ui.stdout_is_terminal, colour: ui.colour_on_stdout(), width: ui.width }
}

impl Session {
    /// Reads the config and finds the way to everything it names. Nothing is contacted yet.
    pub(super) async fn open(
        ui: &mut Ui,
        path: &Path,
        connections: &ConnectionArgs,
        policy: &PolicyArgs,
    ) -> Result<Self, CliError> {
        let mut session = Self::open_anyway(ui, path, connections, policy).await?;
        session.unroutable.pop_first().map_or(Ok(session), |(_, error)| Err(error))
    }

    /// The same, going on without the clusters to which there is no way.
    pub(super) async fn open_anyway(
        ui: &mut Ui,
        path: &Path,
        connections: &ConnectionArgs,
        policy: &PolicyArgs,
    ) -> Result<Self, CliError> {
        let (loaded, config) = load(ui, path)?;
        let desired = desired::compile(&config, &loaded.sources);
        let policy = policy.policy();
        check_names(&policy, &desired)?;
        let mut session = match &connections.sandbox {
            Some(folder) => Self::in_sandbox(&ui.resolve(folder), loaded, desired, policy).await?,
            None => Self::for_real(ui, connections, loaded, desired, config.tenant.cloud, policy)?,
        };
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
        let inside = |path: &Path| loaded.contains(path);
        let connections = Connections::read(ui, args, inside)?;
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
            if !is_read(&policy, name) {
                continue;
            }
            let route = connections.route(ui, args, name, environment, inside);
            match route.and_then(|route| connection(name, route, &connections, &chain)) {
                Ok(connection) => drop(clusters.insert(name.clone(), connection)),
                Err(error) => drop(unroutable.insert(name.clone(), error)),
            }
        }
        let links = links(&clusters);
        let plugins = kubernetes::Plugins::default();
        Ok(Self { loaded, desired, policy, entra, chain, links, plugins, clusters, unroutable, sandbox: None })
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
            .filter(|name| is_read(&policy, name))
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
        Ok(Self { loaded, desired, policy, entra, chain, clusters, unroutable, links, plugins, sandbox })
    }

    /// Reads the live systems and finds what would change, no more. Nothing is written.
    async fn compare(&self, progress: &Progress, by: AppliedBy) -> Result<Compared, CliError> {
        // Whom the files name for a real cluster has no rights on an invented one.
        let by = if self.policy.invented { AppliedBy::Ourselves } else { by };
        let policy = Policy { applied_by: by, ..self.policy.clone() };
        let reader = EntraReader::new(&self.entra, Arc::clone(&self.chain))?;
        let query = desired::tenant_query(&self.desired, &policy.only);
        progress.reading(self.clusters.keys().map(EnvironmentName::as_str));
        let tenant = async {
            let tenant = reader.observe(&query).await;
            progress.read_entra();
            tenant
        };
        let reading = async { tokio::join!(tenant, self.observe_clusters(progress)) };
        let (tenant, (clusters, readers)) = progress.through(reading).await;
        let mut observed = Observed { tenant: Some(tenant), clusters, ..Observed::default() };
        let comparison = Comparison::new(&self.desired, &observed, &policy);
        let of_groups = ask_about_groups(comparison.group_questions(), &reader).await;
        check_groups(&policy, &self.desired, &observed)?;
        let plan = comparison.plan(&of_groups);
        observed.of_groups = of_groups;
        Ok(Compared { plan, observed, policy, reader, readers })
    }

    /// Reads the live systems and plans. Nothing is written.
    pub(super) async fn plan(&self, progress: &Progress, by: AppliedBy) -> Result<Planned, CliError> {
        let started = Instant::now();
        let Compared { mut plan, mut observed, policy, reader, readers } = self.compare(progress, by).await?;
        if ask_for_rights(&self.desired, &mut observed, &policy, &plan.changes, &readers).await {
            plan::foresee(&mut plan, &self.desired, &observed, &policy);
        }
        let before_others = reader.usage().requests;
        let access = Arc::new(access_difference(&self.desired, &mut observed, &plan.changes, &reader).await);
        ask_for_expectations(&self.desired, &mut observed, &plan.changes, &reader).await;
        let mut spent = report::Spent {
            graph: reader.usage(),
            others: reader.usage().requests - before_others,
            elapsed: started.elapsed(),
            ..report::Spent::default()
        };
        for reader in readers.values() {
            spent.clusters += reader.usage();
        }
        progress.done();
        let expectations = judge_expectations(&self.desired, &observed, &plan, &plan.changes);
        Ok(Planned { plan, observed, access, spent, expectations })
    }

    /// What the guards say of what `apply` does without a saved plan, where that is not the whole plan.
    pub(super) fn without_saved(&self, planned: &Planned) -> Option<Vec<Verdict>> {
        let changes = planned.plan.remaining();
        (changes.len() < planned.plan.changes.len())
            .then(|| plan::judge(&self.desired, &planned.observed, &self.policy, &changes))
    }

    /// What `apply` does without a saved plan, where that is not the whole plan: without the rest of it, what is left may give
    /// somebody what the whole plan would not.
    pub(super) fn part(&self, planned: &Planned) -> Option<Part> {
        let verdicts = self.without_saved(planned)?;
        let changes = planned.plan.remaining();
        let access = AccessComparison::new(&self.desired, &planned.observed, &changes).difference();
        let expectations = judge_expectations(&self.desired, &planned.observed, &planned.plan, &changes);
        Some(Part { verdicts, access: Arc::new(access), expectations })
    }

    async fn observe_clusters(
        &self,
        progress: &Progress,
    ) -> (BTreeMap<EnvironmentName, Result<crate::state::Cluster, Failure>>, BTreeMap<EnvironmentName, KubernetesReader>)
    {
        let missing = |name: &EnvironmentName| {
            Failure::new(FailureKind::Unreachable, format!("the sandbox has no cluster `{name}`"))
                .with_next("it was filled before this environment was in the files; use a new folder")
        };
        let wanted = self.desired.environments.keys().filter(|name| is_read(&self.policy, name));
        let reads = wanted.map(|name| async move {
            let query = desired::cluster_query(&self.desired, name);
            let read = async {
                let link = self.link(name).await.ok_or_else(|| missing(name))??;
                let reader = KubernetesReader::new(link);
                let cluster = reader.observe(&query).await;
                Ok::<_, Failure>((reader, cluster))
            };
            let result = read.await;
            progress.read(name.as_str());
            (name.clone(), result)
        });
        let mut observed = BTreeMap::new();
        let mut readers = BTreeMap::new();
        let mut results = futures::stream::iter(reads).buffer_unordered(CLUSTERS_AT_ONCE);
        while let Some((name, result)) = results.next().await {
            match result {
                Ok((reader, cluster)) => {
                    observed.insert(name.clone(), cluster);
                    readers.insert(name, reader);
                }
                Err(failure) => {
                    observed.insert(name, Err(failure));
                }
            }
        }
        (observed, readers)
    }

    /// The way to a cluster, found once. `None` when there is none for this name.
    pub(super) async fn link(&self, name: &EnvironmentName) -> Option<Result<Link, Failure>> {
        let connection = self.clusters.get(name)?;
        let link = self
            .links
            .get(name)?
            .get_or_try_init(|| async {
                let link = kubernetes::connect_through(connection, &self.entra.proxies, &self.plugins).await?;
                // An API server is beside us or near it, Graph is neither.
                Ok(link.waiting(self.entra.pace.first_wait / 2))
            })
            .await;
        Some(link.cloned())
    }

    /// Opens the writers for what a plan changes. Only `apply` calls this.
    pub(super) async fn writers(&self, changes: &[Change]) -> Result<crate::apply::Writers, CliError> {
        let mut writers = crate::apply::Writers::default();
        if changes.iter().any(|change| change.address.environment().is_none()) {
            writers.entra = Some(Arc::new(EntraWriter::new(&self.entra, Arc::clone(&self.chain))?));
        }
        for name in self.clusters.keys() {
            let is_changed = changes.iter().any(|change| change.address.environment() == Some(name));
            if let (true, Some(link)) = (is_changed, self.link(name).await) {
                let writer: Arc<dyn Writer> = Arc::new(KubernetesWriter::new(link?, self.desired.config.clone()));
                writers.clusters.insert(name.clone(), writer);
            }
        }
        Ok(writers)
    }

    /// The commit that the files were read from; `-dirty` when they differ from it.
    pub(super) fn commit(&self) -> Option<String> {
        let head = git::head(&self.loaded.root).ok()?;
        Some(if head.dirty { format!("{}-dirty", head.commit) } else { head.commit })
    }

    /// Where changes would be made, for a question: the tenant and the environments.
    pub(super) fn places(&self, planned: &Planned, changes: &[Change]) -> String {
        let mut places = BTreeSet::new();
        for change in changes {
            places.insert(change.address.environment().map_or_else(
                || planned.plan.domain.as_ref().map_or("Entra".to_owned(), |domain| report::escape::name(domain)),
                ToString::to_string,
            ));
        }
        let places = places.into_iter().collect::<Vec<_>>().join(", ");
        if self.sandbox.is_some() { format!("the sandbox's {places}") } else { places }
    }

    /// How to reach the embedded servers, if there are any.
    pub(super) fn sandbox(&self) -> Option<&sandbox::Access> {
        self.sandbox.as_ref().map(Sandbox::access)
    }

    /// Stops the embedded servers, if there are any.
    pub(super) async fn close(self) {
        if let Some(sandbox) = self.sandbox {
            sandbox.stop().await;
        }
    }
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

/// Whether a cluster is read: what is planned there, or what groups mean there.
fn is_read(policy: &Policy, name: &EnvironmentName) -> bool {
    policy.only.environment(name) || policy.only.changes_entra()
}

fn links(clusters: &BTreeMap<EnvironmentName, kubernetes::Connection>) -> BTreeMap<EnvironmentName, OnceCell<Link>> {
    clusters.keys().map(|name| (name.clone(), OnceCell::new())).collect()
}
