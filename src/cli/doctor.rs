//! `rolecall doctor`

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use clap::ValueEnum;
use futures::StreamExt as _;
use url::Url;

use super::args::{ConnectionArgs, Output, PolicyArgs};
use super::connections::{Connections, Route};
use super::error::CliError;
use super::exit::Exit;
use super::plan::or_document;
use super::progress::Progress;
use super::session::{CLUSTERS_AT_ONCE, Session};
use super::ui::Ui;
use crate::doctor::{self, ClusterExamined, EntraExamined, Examined, Purpose, Setting, Setup, rights};
use crate::providers::Reader as _;
use crate::providers::entra::EntraReader;
use crate::providers::http::tls::{self, Trust};
use crate::providers::kubernetes::KubernetesReader;
use crate::state::{
    AccessQuestion, Answers, DesiredEnvironment, EnvironmentName, Failure, FailureKind, Handshake, Only,
};
use crate::{desired, report};

/// How long each part may take. Whatever takes longer says so, and the rest goes on.
const PART: Duration = Duration::from_secs(20);

/// Say whether rolecall will work here, and what to do if not, without changing anything
///
/// Looks at the config, the credential chain, the permissions in Entra and on each cluster, certificates, clocks and
/// versions. It sends only what `plan` may send. Exits with 0 when everything is there that is needed, else with 1.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  rolecall doctor                                # is everything there for `plan`? and for `apply`?
  rolecall doctor --for apply -e prod            # where changes are applied, for one cluster
  rolecall doctor access/ --sandbox /tmp/try     # what it looks like when all is well
  rolecall doctor --output json | jq '.lines[] | select(.stands == \"missing\")'

Signs: + fine, - missing, ? not checked, ! somebody must decide, = no effect here; > what to do")]
pub(super) struct Args {
    /// The folder of the access files, or any file in it
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Look at this environment's cluster only (can be repeated)
    #[arg(long, short, value_name = "ENV")]
    environment: Vec<EnvironmentName>,
    /// What this identity is for; what `apply` needs counts only with `apply`, and what it may write is too much with `plan`
    #[arg(long = "for", value_enum, value_name = "COMMAND")]
    purpose: Option<For>,
    /// How the result is written
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
    #[command(flatten)]
    connections: ConnectionArgs,
}

#[derive(Clone, Copy, Debug, ValueEnum)]
enum For {
    /// It reads, e.g. for previews of pull requests
    Plan,
    /// It writes
    Apply,
}

pub(super) async fn run(args: &Args, ui: &mut Ui) -> Result<Exit, CliError> {
    let opened = Session::open_anyway(ui, &args.path, &args.connections, &PolicyArgs::default()).await;
    let mut session = or_document(ui, args.output, opened)?;
    let known = |name: &&EnvironmentName| session.desired.environments.contains_key(*name);
    if let Some(unknown) = args.environment.iter().find(|name| !known(name)) {
        let names = session.desired.environments.keys().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        return Err(CliError::user(format!("--environment {unknown}: no environment has this name"))
            .hint(format!("the config has: {names}"))
            .exit(Exit::Usage));
    }
    let sources = Sources::find(ui, args, &session)?;
    let progress = Progress::new(ui);
    session.entra.on_wait = progress.on_wait();
    let wanted = session
        .desired
        .environments
        .iter()
        .filter(|(name, _)| args.environment.is_empty() || args.environment.contains(*name));
    let ways: Vec<_> = wanted.map(|(name, environment)| (name, environment, sources.way(ui, &session, name))).collect();
    progress.reading(ways.iter().map(|(name, ..)| name.as_str()));
    let clusters = futures::stream::iter(ways)
        .map(|(name, environment, way)| {
            let (session, progress) = (&session, &progress);
            async move {
                let examined = Box::pin(cluster(session, name, environment, way)).await;
                progress.read(name.as_str());
                (name.clone(), examined)
            }
        })
        .buffer_unordered(CLUSTERS_AT_ONCE)
        .collect::<BTreeMap<_, _>>();
    let entra = async {
        let examined = entra(&session).await;
        progress.read_entra();
        examined
    };
    let (entra, clusters) = tokio::join!(entra, clusters);
    progress.done();
    let examined = Examined {
        purpose: args.purpose.map(|purpose| match purpose {
            For::Plan => Purpose::Plan,
            For::Apply => Purpose::Apply,
        }),
        now: (ui.now)(),
        desired: &session.desired,
        setup: Setup {
            root: session.loaded.root.display().to_string(),
            commit: session.commit().map(|commit| short(&commit)),
            settings: sources.tenant(&session),
            sandbox: session.sandbox().is_some(),
        },
        entra,
        clusters,
    };
    let checkup = doctor::judge(&examined);
    let text = match args.output {
        Output::Text => {
            let layout = report::text::Layout { width: ui.width, colour: ui.colour_on_stdout() };
            report::text::doctor(&checkup, layout)
        }
        Output::Json => report::json::doctor_v1(&checkup),
    };
    ui.print(&text)?;
    session.close().await;
    Ok(if checkup.is_fine() { Exit::Fine } else { Exit::Error })
}

/// `4f2c1aa-dirty` of a whole id.
fn short(commit: &str) -> String {
    let (id, dirty) = commit.split_once('-').map_or((commit, ""), |(id, _)| (id, ", and the files differ from it"));
    format!("{}{dirty}", id.chars().take(7).collect::<String>())
}

/// Ends a part that takes too long.
async fn bounded<T>(what: &str, part: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::time::timeout(PART, part).await.unwrap_or_else(|_| {
        let what = format!("{what}: no answer within {} s", PART.as_secs());
        Err(Failure::new(FailureKind::Unreachable, what).with_next("check the network, the proxy and the address"))
    })
}

async fn entra(session: &Session) -> EntraExamined {
    let reads = async {
        let reader = EntraReader::new(&session.entra, Arc::clone(&session.chain))?;
        let acting = bounded("asking for a token", reader.acting()).await?;
        let query = desired::tenant_query(&session.desired, &Only::default());
        let check = reader.check(&query, &session.desired.appliers, !session.desired.without_pim);
        let tenant = Box::pin(bounded("reading the tenant", async { Ok(check.await) })).await;
        Ok::<_, Failure>((acting, tenant))
    };
    let (tls, reads) = tokio::join!(handshakes(session), reads);
    let (acting, tenant) = match reads {
        Ok((acting, tenant)) => (Ok(acting), Some(tenant)),
        Err(failure) => (Err(failure), None),
    };
    EntraExamined { sources: session.chain.trials(), acting, tls, tenant, heard: session.chain.transport().heard() }
}

/// TLS to the login endpoint and to Graph, once where they are one.
async fn handshakes(session: &Session) -> Vec<Handshake> {
    let trust = Trust::SystemAnd(session.entra.extra_ca.clone());
    let to = async |server: &Url| match session.entra.proxies.for_server(server) {
        Some(proxy) => tls::through_proxy(server, proxy),
        None => tls::shake_hands(server, None, &trust).await,
    };
    let (login, graph) = (&session.entra.login, &session.entra.graph);
    if login.origin() == graph.origin() {
        return to(graph).await.into_iter().collect();
    }
    let (login, graph) = tokio::join!(to(login), to(graph));
    login.into_iter().chain(graph).collect()
}

async fn cluster(
    session: &Session,
    name: &EnvironmentName,
    environment: &DesiredEnvironment,
    way: Option<Setting>,
) -> ClusterExamined {
    let link = async {
        if let Some(error) = session.unroutable.get(name) {
            let failure = Failure::new(FailureKind::NotFound, error.message.clone());
            return Err(if error.hints.is_empty() { failure } else { failure.with_next(error.hints.join("; ")) });
        }
        session.link(name).await.unwrap_or_else(|| {
            let failure = Failure::new(FailureKind::NotFound, format!("the sandbox has no cluster `{name}`"));
            Err(failure.with_next("it was filled before this environment was in the files; use a new folder"))
        })
    };
    let link = match bounded("finding the way to the cluster", link).await {
        Ok(link) => link,
        Err(failure) => {
            let answers = Answers::default();
            return ClusterExamined { way, tls: None, checkup: Err(failure), answers, observed: None, lock: None };
        }
    };
    let reader = KubernetesReader::new(link.clone());
    let asks = async {
        let mut answers = Answers::default();
        ask(&reader, rights::questions(&session.desired, name), &mut answers).await;
        let mut observed = None;
        if rights::hangs_on_what_is_held(environment, &answers) {
            let query = desired::cluster_query(&session.desired, name);
            let cluster = bounded("reading roles and bindings", reader.observe(&query)).await;
            let narrower = rights::narrower(environment, &answers, cluster.as_ref().ok());
            ask(&reader, narrower, &mut answers).await;
            observed = Some(cluster);
        }
        (answers, observed)
    };
    let checkup = bounded("asking the cluster", async { Ok(reader.check().await) });
    let lock = async {
        let namespace = session.desired.lock_on(name)?;
        Some(bounded("looking for the namespace of the lock", reader.has_namespace(namespace)).await)
    };
    let (tls, checkup, lock, (answers, observed)) = tokio::join!(link.shake_hands(), checkup, lock, asks);
    ClusterExamined { way, tls, checkup, answers, observed, lock }
}

/// Asks a cluster about rights; a question that gets no answer keeps why.
async fn ask(reader: &KubernetesReader, questions: Vec<AccessQuestion>, answers: &mut Answers) {
    match bounded("asking the cluster", async { Ok(reader.ask(&questions).await) }).await {
        Ok(given) => answers.record(questions, given),
        Err(failure) => answers.fail(questions, &failure),
    }
}

/// Where settings come from.
struct Sources<'a> {
    args: &'a Args,
    connections: Connections,
    /// How the connections file was named.
    file: String,
    /// `AZURE_AUTHORITY_HOST` is set.
    authority: bool,
    /// The only credential source to use, and where that was said.
    auth: Option<(String, &'static str)>,
    /// The variable that names a proxy, when the connections file does not.
    proxy: Option<&'static str>,
}

impl<'a> Sources<'a> {
    fn find(ui: &Ui, args: &'a Args, session: &Session) -> Result<Self, CliError> {
        let in_sandbox = session.sandbox().is_some();
        let connections = if in_sandbox {
            Connections::default()
        } else {
            Connections::read(ui, &args.connections, &session.loaded)?
        };
        let file = match &args.connections.connections {
            Some(file) => format!("--connections {}", file.display()),
            None => format!("$ROLECALL_CONNECTIONS, {}", ui.variable("ROLECALL_CONNECTIONS").unwrap_or_default()),
        };
        let named = ["HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"];
        let proxy = named.into_iter().find(|name| ui.variable(name).is_some());
        let said = if args.connections.auth.is_some() { "--auth" } else { "$ROLECALL_AUTH" };
        let auth = args.connections.auth(ui)?.map(|name| (name.to_string(), said));
        Ok(Self { args, connections, file, authority: ui.variable("AZURE_AUTHORITY_HOST").is_some(), auth, proxy })
    }

    fn tenant(&self, session: &Session) -> Vec<Setting> {
        let from = |given: bool, otherwise: &str| if given { self.file.clone() } else { otherwise.to_owned() };
        let cloud = "the tenant's cloud";
        if let Some(folder) = &self.args.connections.sandbox {
            let value = folder.display().to_string();
            return vec![Setting { name: "sandbox", value, from: "--sandbox".to_owned() }];
        }
        let given = &self.connections.entra;
        let login = if self.authority { "AZURE_AUTHORITY_HOST" } else { cloud };
        let origin = |url: &Url| url.origin().ascii_serialization();
        let mut settings = vec![
            Setting { name: "login", value: origin(&session.entra.login), from: from(given.login.is_some(), login) },
            Setting { name: "graph", value: origin(&session.entra.graph), from: from(given.graph.is_some(), cloud) },
        ];
        settings.extend(given.ca_file.as_ref().map(|file| Setting {
            name: "CA of Entra",
            value: file.display().to_string(),
            from: self.file.clone(),
        }));
        settings.extend(self.auth.as_ref().map(|(name, from)| Setting {
            name: "only credential source",
            value: name.clone(),
            from: (*from).to_owned(),
        }));
        // Its own form shows no password.
        settings.extend(session.entra.proxies.for_server(&session.entra.graph).map(|proxy| Setting {
            name: "proxy",
            value: proxy.to_string(),
            from: match self.proxy {
                Some(name) if self.connections.proxy.is_none() => format!("${name}"),
                _ => self.file.clone(),
            },
        }));
        settings
    }

    fn way(&self, ui: &Ui, session: &Session, name: &EnvironmentName) -> Option<Setting> {
        let setting = |value: String, from: &str| Some(Setting { name: "connection", value, from: from.to_owned() });
        if let Some(access) = session.sandbox() {
            return setting(access.clusters.get(name)?.server.to_string(), "--sandbox");
        }
        let environment = session.desired.environments.get(name)?;
        let args = &self.args.connections;
        match self.connections.route(ui, args, name, environment, &session.loaded).ok()? {
            Route::InCluster => setting("this pod's own service account".to_owned(), &self.file),
            Route::Server { server, .. } => setting(server.to_string(), &self.file),
            Route::Kubeconfig { path, context, .. } => {
                let given = self.connections.environments.get(name);
                let from = if given.is_some_and(|given| given.kubeconfig.is_some()) {
                    self.file.as_str()
                } else if args.kubeconfig.is_some() {
                    "--kubeconfig"
                } else if ui.variable("KUBECONFIG").is_some() {
                    "$KUBECONFIG"
                } else {
                    "~/.kube/config"
                };
                setting(format!("context `{context}` of {}", path.display()), from)
            }
        }
    }
}
