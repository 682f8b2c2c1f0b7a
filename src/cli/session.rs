//! What every command that looks at live systems does: load, compile, connect, observe, plan. One call a line.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use futures::StreamExt as _;
use secrecy::SecretString;
use tokio::sync::OnceCell;

use super::args::{ConnectionArgs, PolicyArgs};
use super::connections::{Connections, Route};
use super::error::CliError;
use super::progress::Progress;
use super::ui::Ui;
use crate::config::{self, Loaded};
use crate::plan::Verdict;
use crate::providers::entra::{self, EntraReader, EntraWriter};
use crate::providers::http::Cloud;
use crate::providers::http::credential::{Chain, CredentialSettings};
use crate::providers::kubernetes::{self, KubernetesReader, KubernetesWriter, Link, TokenSource};
use crate::providers::{Reader as _, Writer};
use crate::report::findings;
use crate::sandbox::{self, Sandbox};
use crate::state::{
    AppliedBy, Change, Desired, EnvironmentName, Failure, FailureKind, GroupKey, Observed, Only, Policy,
    PrivilegedMembers, Target, Tenant,
};
use crate::{desired, git, plan, report};

/// Clusters that are talked to at once.
pub(super) const CLUSTERS_AT_ONCE: usize = 16;

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
    // Keeps the embedded servers running for as long as somebody may call them.
    sandbox: Option<Sandbox>,
}

/// A plan and what it was made from.
pub(super) struct Planned {
    pub(super) plan: plan::Plan,
    pub(super) observed: Observed,
    pub(super) spent: report::Spent,
}

/// Reads the config a path belongs to; mistakes are shown and end the command.
pub(super) fn load(ui: &mut Ui, path: &Path) -> Result<(Loaded, config::Config), CliError> {
    let mut loaded = config::load(&ui.resolve(path));
    let text = findings::render(&loaded.findings, &loaded.sources, &style(ui));
    let Some(config) = loaded.config.take() else {
        return Err(CliError::user(text.trim_end().to_owned()).already_worded());
    };
    ui.say(&text);
    Ok((loaded, config))
}

/// How findings are drawn on standard error.
pub(super) fn style(ui: &Ui) -> findings::Style {
    findings::Style { graphical: ui.stderr_is_terminal, colour: ui.colour_on_stderr(), width: ui.width }
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
        match &connections.sandbox {
            Some(folder) => Self::in_sandbox(&ui.resolve(folder), loaded, desired, policy).await,
            None => Self::for_real(ui, connections, loaded, desired, config.tenant.cloud, policy),
        }
    }

    fn for_real(
        ui: &Ui,
        args: &ConnectionArgs,
        loaded: Loaded,
        desired: Desired,
        cloud: config::Cloud,
        policy: Policy,
    ) -> Result<Self, CliError> {
        let cloud = match cloud {
            config::Cloud::Public => Cloud::Public,
            config::Cloud::UsGovernment => Cloud::UsGovernment,
            config::Cloud::UsGovernmentDod => Cloud::UsGovernmentDod,
            config::Cloud::China => Cloud::China,
        };
        let inside = |path: &Path| loaded.contains(path);
        let connections = Connections::read(ui, args, inside)?;
        let extra_ca = connections.entra.ca_file.as_deref().map(read_pem).transpose()?.map(String::into_bytes);
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
            match route.and_then(|route| connection(route, &chain)) {
                Ok(connection) => drop(clusters.insert(name.clone(), connection)),
                Err(error) => drop(unroutable.insert(name.clone(), error)),
            }
        }
        let links = links(&clusters);
        Ok(Self { loaded, desired, policy, entra, chain, links, clusters, unroutable, sandbox: None })
    }

    async fn in_sandbox(folder: &Path, loaded: Loaded, desired: Desired, policy: Policy) -> Result<Self, CliError> {
        if loaded.contains(folder) {
            return Err(CliError::user(format!(
                "{}: a sandbox's folder must lie outside the access files",
                folder.display()
            )));
        }
        let policy = Policy { invented: true, ..policy };
        let sandbox = Sandbox::open(folder, || super::seed::from_config(&desired), sandbox::Options::default())
            .await
            .map_err(|error| CliError::user(error.to_string()))?;
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
        Ok(Self { loaded, desired, policy, entra, chain, links, clusters, unroutable, sandbox: Some(sandbox) })
    }

    /// Reads the live systems and plans. Nothing is written.
    pub(super) async fn plan(&self, progress: &Progress, by: AppliedBy) -> Result<Planned, CliError> {
        let started = Instant::now();
        // Whom the files name for a real cluster has no rights on an invented one.
        let by = if self.policy.invented { AppliedBy::Ourselves } else { by };
        let policy = Policy { applied_by: by, ..self.policy.clone() };
        let reader = EntraReader::new(&self.entra, Arc::clone(&self.chain))?;
        let query = desired::tenant_query(&self.desired, &policy.only);
        progress.reading(self.clusters.len());
        let (tenant, (clusters, readers)) = tokio::join!(reader.observe(&query), self.observe_clusters(progress));
        let mut observed = Observed { tenant: Some(tenant), clusters, ..Observed::default() };
        ask_for_privileged(&self.desired, &mut observed, &policy, &reader).await;
        self.check_groups(&observed)?;
        let mut plan = plan::plan(&self.desired, &observed, &policy);
        if ask_for_rights(&self.desired, &mut observed, &policy, &plan.changes, &readers).await {
            plan = plan::plan(&self.desired, &observed, &policy);
        }
        let mut spent = report::Spent { graph: reader.usage(), elapsed: started.elapsed(), ..report::Spent::default() };
        for reader in readers.values() {
            spent.clusters += reader.usage();
        }
        progress.done();
        Ok(Planned { plan, observed, spent })
    }

    /// What the guards say of what `apply` does without a saved plan, where that is not the whole plan.
    pub(super) fn without_saved(&self, planned: &Planned) -> Option<Vec<Verdict>> {
        let changes = planned.plan.remaining();
        (changes.len() < planned.plan.changes.len())
            .then(|| plan::guards::judge(&self.desired, &planned.observed, &self.policy, &changes))
    }

    /// `--only group/NAME` names a group of the files, or a live one that the files no longer have.
    fn check_groups(&self, observed: &Observed) -> Result<(), CliError> {
        let Some(Ok(tenant)) = &observed.tenant else { return Ok(()) };
        for target in &self.policy.only.0 {
            let Target::Group(key) = target else { continue };
            // What is planned under the new key would otherwise be missing without a word.
            if let Some((now, _)) = self.desired.groups.iter().find(|(_, group)| group.previously.contains_key(key)) {
                return Err(CliError::user(format!("--only group/{key}: this group is called {now} now"))
                    .hint(format!("say --only group/{now}"))
                    .exit(super::exit::Exit::Usage));
            }
            if !self.desired.groups.contains_key(key) && !tenant.marked.contains_key(key) {
                let near = self
                    .desired
                    .groups
                    .keys()
                    .map(GroupKey::as_str)
                    .filter(|name| strsim::damerau_levenshtein(name, key.as_str()) <= 2);
                let near: Vec<String> = near.map(|name| format!("did you mean `group/{name}`?")).collect();
                let error =
                    CliError::user(format!("--only group/{key}: neither the files nor Entra have a group of this key"));
                return Err(near.into_iter().fold(error, CliError::hint).exit(super::exit::Exit::Usage));
            }
        }
        Ok(())
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
            .get_or_try_init(|| kubernetes::connect_through(connection, &self.entra.proxies))
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

fn connection(route: Route, chain: &Arc<Chain>) -> Result<kubernetes::Connection, CliError> {
    Ok(match route {
        Route::Kubeconfig { path, context, allow_exec } => {
            kubernetes::Connection::Kubeconfig { path, context, allow_exec }
        }
        Route::InCluster => kubernetes::Connection::InCluster,
        Route::Server { server, ca_file, audience } => kubernetes::Connection::Server {
            server,
            ca_pem: ca_file.as_deref().map(read_pem).transpose()?,
            token: Arc::new(AudienceToken { chain: Arc::clone(chain), audience }),
        },
    })
}

/// Whether a cluster is read: what is planned there, or what groups mean there.
fn is_read(policy: &Policy, name: &EnvironmentName) -> bool {
    policy.only.environment(name) || policy.only.changes_entra()
}

fn links(clusters: &BTreeMap<EnvironmentName, kubernetes::Connection>) -> BTreeMap<EnvironmentName, OnceCell<Link>> {
    clusters.keys().map(|name| (name.clone(), OnceCell::new())).collect()
}

/// Removals wait for what only the diff knows to ask: who holds a membership through PIM right now.
async fn ask_for_privileged(desired: &Desired, observed: &mut Observed, policy: &Policy, reader: &EntraReader) {
    let groups = plan::pim_questions(desired, observed, policy);
    if groups.is_empty() {
        return;
    }
    let answers = reader.ask(&groups).await;
    let Some(Ok(Tenant { privileged, .. })) = &mut observed.tenant else { return };
    let read = |answer: Result<PrivilegedMembers, Failure>| {
        answer.unwrap_or_else(|failure| PrivilegedMembers::Unreadable(failure.what))
    };
    privileged.extend(groups.into_iter().zip(answers.into_iter().map(read)));
}

/// Asks the API servers, round by round, what they would refuse. Says whether there was anything to ask.
async fn ask_for_rights(
    desired: &Desired,
    observed: &mut Observed,
    policy: &Policy,
    changes: &[Change],
    readers: &BTreeMap<EnvironmentName, KubernetesReader>,
) -> bool {
    let mut has_asked = false;
    loop {
        let questions = plan::access_questions(desired, observed, policy, changes);
        if questions.is_empty() {
            return has_asked;
        }
        has_asked = true;
        let asked = questions.into_iter().map(|(environment, questions)| async move {
            let answers = match readers.get(&environment) {
                Some(reader) => reader.ask(&questions).await,
                None => Vec::new(),
            };
            (environment, questions, answers)
        });
        for (environment, questions, answers) in futures::future::join_all(asked).await {
            observed.answers.entry(environment).or_default().record(questions, answers);
        }
    }
}

/// `--only` and `--allow-unreachable` must name what the config has.
fn check_names(policy: &Policy, desired: &Desired) -> Result<(), CliError> {
    let environment = |flag: &str, name: &EnvironmentName| {
        if desired.environments.contains_key(name) {
            return Ok(());
        }
        let names = desired.environments.keys().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        Err(CliError::user(format!("{flag} {name}: no environment has this name"))
            .hint(format!("the config has: {names}"))
            .exit(super::exit::Exit::Usage))
    };
    for name in &policy.allow_unreachable {
        environment("--allow-unreachable", name)?;
    }
    let guards: Vec<&str> = plan::guards::GUARDS.iter().map(|guard| guard.id).collect();
    for acknowledged in &policy.acknowledged {
        if !guards.contains(&acknowledged.guard.as_str()) {
            return Err(CliError::user(format!(
                "--acknowledge {acknowledged}: no guard is called `{}`",
                acknowledged.guard
            ))
            .hint(format!("the guards are: {}", guards.join(", ")))
            .exit(super::exit::Exit::Usage));
        }
    }
    let Only(targets) = &policy.only;
    for target in targets {
        match target {
            Target::Environment(name) => environment("--only", name)?,
            // A group that is gone from the files may still be named, so that its deletion can be planned alone.
            Target::Entra | Target::Group(_) => {}
        }
    }
    Ok(())
}

fn read_pem(path: &Path) -> Result<String, CliError> {
    fs_err::read_to_string(path).map_err(|error| CliError::user(error.to_string()))
}

/// A bearer for a cluster from the credential chain.
struct AudienceToken {
    chain: Arc<Chain>,
    audience: String,
}

#[async_trait::async_trait]
impl TokenSource for AudienceToken {
    async fn token(&self) -> crate::state::Result<SecretString> {
        let scope = format!("{}/.default", self.audience.trim_end_matches('/'));
        Ok(self.chain.token(&scope).await?.secret().clone())
    }
}

/// The bearer of a sandbox cluster.
struct FixedToken(SecretString);

#[async_trait::async_trait]
impl TokenSource for FixedToken {
    async fn token(&self) -> crate::state::Result<SecretString> {
        Ok(self.0.clone())
    }
}
