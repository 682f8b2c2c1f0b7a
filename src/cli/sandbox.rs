//! `rolecall sandbox`

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::ExposeSecret as _;
use unicode_width::UnicodeWidthStr as _;

use super::error::CliError;
use super::exit::Exit;
use super::files::write_private;
use super::ui::Ui;
use crate::config::yaml;
use crate::report::escape;
use crate::sandbox::{Access, Fault, Faults, Invention, Options, Rule, Sandbox, Seed, invent};

/// Make or serve an embedded tenant and embedded clusters
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    #[command(subcommand)]
    command: SandboxCommand,
}

#[derive(Debug, clap::Subcommand)]
enum SandboxCommand {
    Init(InitArgs),
    Serve(ServeArgs),
}

/// Make a sandbox in DIR, from a description or invented
///
/// An invented tenant has people, guests, nested groups and groups of every kind, and clusters with namespaces and bindings
/// that somebody made by hand. The same numbers and seed make the same one.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  rolecall sandbox init /tmp/try --from examples/sandbox.yaml
  rolecall sandbox init /tmp/try --groups 300 --members 50 --seed 7 --files /tmp/access
  rolecall plan /tmp/access --sandbox /tmp/try   # No changes.")]
#[command(group = clap::ArgGroup::new("what").required(true).args(["from", "groups"]))]
struct InitArgs {
    /// The folder; it must be empty or missing
    dir: PathBuf,
    /// A YAML file that describes a tenant and clusters
    #[arg(long, value_name = "FILE")]
    from: Option<PathBuf>,
    /// Invent a tenant with so many groups
    #[arg(long, value_name = "COUNT", value_parser = clap::value_parser!(u32).range(1..=50_000))]
    groups: Option<u32>,
    /// So many members in each of them
    #[arg(long, value_name = "COUNT", default_value_t = 20, conflicts_with = "from",
        value_parser = clap::value_parser!(u32).range(0..=10_000))]
    members: u32,
    /// The number that decides everything else
    #[arg(long, value_name = "NUMBER", default_value_t = 1, conflicts_with = "from")]
    seed: u64,
    /// Write access files that ask for what is in it into this empty or missing folder
    #[arg(long, value_name = "FOLDER", conflicts_with = "from")]
    files: Option<PathBuf>,
    /// Leave out of the sandbox what the access files ask for, so that the first plan creates everything
    #[arg(long, requires = "files")]
    not_applied: bool,
}

/// Keep a sandbox running for other programs, and print how to reach it
///
/// A CA, a kubeconfig, a connections file and credentials are written into DIR. Stops at Ctrl-C.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  rolecall sandbox serve /tmp/try
  rolecall sandbox serve /tmp/try --latency-ms 30 --throttle-percent 20 --seed 7")]
struct ServeArgs {
    /// The sandbox's folder
    dir: PathBuf,
    /// Wait this long before every answer
    #[arg(long, value_name = "MS", default_value_t = 0)]
    latency_ms: u64,
    /// Answer this share of the requests with 429
    #[arg(long, value_name = "PERCENT", default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=100))]
    throttle_percent: u8,
    /// The `Retry-After` of a 429
    #[arg(long, value_name = "MS", default_value_t = 1500)]
    retry_after_ms: u64,
    /// The seed that decides which requests are throttled
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Take every fault that FILE describes; docs/sandbox.md says how
    #[arg(long, value_name = "FILE", conflicts_with = "seed")]
    faults: Option<PathBuf>,
    /// Take it to be so many days later: deleted groups are gone after 30
    #[arg(long, value_name = "DAYS", default_value_t = 0, value_parser = clap::value_parser!(u64).range(0..=36500))]
    days_later: u64,
}

/// What a file of faults that cannot be read is to look like.
const FAULT: &str = "a rule is written as `- { fault: cut-before, percent: 20 }`; `throttled`, `unavailable`, `late` and `body` take \
                     more: `- { fault: { throttled: { retry-after-ms: 1500 } } }`. docs/sandbox.md lists every fault";

fn read_faults(file: &Path, shown: &Path) -> Result<Faults, CliError> {
    let wrong = |why: &dyn std::fmt::Display| CliError::user(format!("{}: {why}", shown.display()));
    let text = fs_err::read_to_string(file).map_err(|error| CliError::user(error.to_string()))?;
    let faults: Faults = yaml::from_str(&text).map_err(|error| wrong(&error).hint(FAULT))?;
    faults.check().map_err(|why| wrong(&why))?;
    Ok(faults)
}

pub(super) async fn run(args: &Args, ui: &mut Ui) -> Result<Exit, CliError> {
    match &args.command {
        SandboxCommand::Init(args) => init(args, ui).await,
        SandboxCommand::Serve(args) => serve(args, ui).await,
    }
}

async fn init(args: &InitArgs, ui: &mut Ui) -> Result<Exit, CliError> {
    let dir = ui.resolve(&args.dir);
    refuse_unless_empty(&dir, &args.dir)?;
    let (seed, files) = match (&args.from, args.groups) {
        (Some(from), _) => (read_seed(&ui.resolve(from), from)?, None),
        (None, groups) => {
            let invention = Invention {
                groups: usize::try_from(groups.unwrap_or_default()).unwrap_or_default(),
                members: usize::try_from(args.members).unwrap_or_default(),
                seed: args.seed,
                applied: !args.not_applied,
            };
            let invented = invent(invention).ok_or_else(|| CliError::user("nothing could be invented of this size"))?;
            (invented.seed, args.files.as_ref().map(|folder| (folder, invented.files)))
        }
    };
    if let Some((shown, files)) = &files {
        let folder = ui.resolve(shown);
        refuse_unless_empty(&folder, shown)?;
        write_files(&folder, files).map_err(|error| CliError::user(error.to_string()))?;
    }
    let sandbox =
        Sandbox::open(&dir, || seed, Options::default()).await.map_err(|error| CliError::user(error.to_string()))?;
    sandbox.stop().await;
    ui.print(&format!("Made a sandbox in {0}. Use it with --sandbox {0}.", args.dir.display()))?;
    if let Some((shown, files)) = files {
        let (count, folder) = (files.len(), shown.display());
        ui.print(&format!(
            "Wrote {count} access files into {folder}. Try: rolecall plan {folder} --sandbox {}",
            args.dir.display()
        ))?;
    }
    Ok(Exit::Fine)
}

fn read_seed(file: &Path, shown: &Path) -> Result<Seed, CliError> {
    let text = fs_err::read_to_string(file).map_err(|error| CliError::user(error.to_string()))?;
    yaml::from_str(&text).map_err(|error| CliError::user(format!("{}: {error}", shown.display())))
}

fn refuse_unless_empty(dir: &Path, shown: &Path) -> Result<(), CliError> {
    if dir.is_dir() && fs_err::read_dir(dir).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(CliError::user(format!("{}: the folder is not empty, so it was left alone", shown.display()))
            .hint("name a new folder"));
    }
    Ok(())
}

fn write_files(folder: &Path, files: &BTreeMap<String, String>) -> std::io::Result<()> {
    for (path, text) in files {
        let file = folder.join(path);
        fs_err::create_dir_all(file.parent().unwrap_or(folder))?;
        fs_err::write(file, text)?;
    }
    Ok(())
}

async fn serve(args: &ServeArgs, ui: &mut Ui) -> Result<Exit, CliError> {
    let dir = ui.resolve(&args.dir);
    if !Sandbox::is_at(&dir) {
        return Err(CliError::user(format!("{}: there is no sandbox here", args.dir.display()))
            .hint("make one with `rolecall sandbox init`, or with `rolecall plan FOLDER --sandbox DIR`"));
    }
    let mut faults = match &args.faults {
        Some(file) => read_faults(&ui.resolve(file), file)?,
        None => Faults { seed: args.seed, ..Faults::default() },
    };
    if args.latency_ms > 0 {
        faults.latency_ms = args.latency_ms;
    }
    if args.throttle_percent > 0 {
        let fault = Fault::Throttled { retry_after_ms: args.retry_after_ms };
        faults.rules.push(Rule { percent: args.throttle_percent, ..Rule::of(fault) });
    }
    let on = faults_on(args, &faults);
    let later = Duration::from_secs(args.days_later * 24 * 60 * 60);
    let options = Options { faults, later, ..Options::default() };
    // The folder holds a sandbox, so the seed is never asked for.
    let sandbox = Sandbox::open(&dir, || Seed::new("contoso.com"), options)
        .await
        .map_err(|error| CliError::user(error.to_string()))?;
    let described = sandbox.write_credentials().and_then(|_| describe(sandbox.access(), &dir, &args.dir));
    match described {
        Ok(text) => ui.print(&format!("{text}{on}Serving until Ctrl-C."))?,
        Err(error) => {
            sandbox.stop().await;
            return Err(CliError::user(format!("{}: {error}", args.dir.display())));
        }
    }
    tokio::signal::ctrl_c().await.map_err(CliError::from)?;
    sandbox.stop().await;
    Ok(Exit::Fine)
}

/// What is served otherwise than a healthy tenant, so that nobody looks for the fault elsewhere.
fn faults_on(args: &ServeArgs, faults: &Faults) -> String {
    if *faults == (Faults { seed: faults.seed, ..Faults::default() }) {
        return String::new();
    }
    let from = args.faults.as_ref().map(|file| format!(" from {}", file.display())).unwrap_or_default();
    let mut on: Vec<String> = Vec::new();
    on.extend((!faults.rules.is_empty()).then(|| match faults.rules.len() {
        1 => "1 rule".to_owned(),
        rules => format!("{rules} rules"),
    }));
    on.extend((faults.latency_ms > 0).then(|| format!("latency {} ms", faults.latency_ms)));
    on.extend(faults.lag.is_some().then(|| "lag".to_owned()));
    on.extend(faults.budget.is_some().then(|| "a budget".to_owned()));
    format!("Faults are on{from}: {}.\n", on.join(", "))
}

/// Writes what other programs need into the folder, and says where it is. Secrets go into files only their owner can read.
fn describe(access: &Access, dir: &Path, shown: &Path) -> std::io::Result<String> {
    let url = |url: &url::Url| url.as_str().trim_end_matches('/').to_owned();
    let credentials = format!(
        "# Credentials of the sandbox's applier; they open nothing else.\n\
         AZURE_TENANT_ID={}\nAZURE_CLIENT_ID={}\nAZURE_CLIENT_SECRET={}\nROLECALL_SANDBOX_URL={}\n",
        access.tenant_id,
        access.client_id,
        access.client_secret.expose_secret(),
        url(&access.login),
    );
    let mut connections = format!(
        "# The way to the sandbox in this folder, while it is served.\nentra:\n  login: {}\n  graph: {}\n  ca-file: ca.pem\n",
        url(&access.login),
        url(&access.graph),
    );
    if !access.clusters.is_empty() {
        connections.push_str("environments:\n");
    }
    for name in access.clusters.keys() {
        let _ = writeln!(connections, "  {name}: {{ kubeconfig: kubeconfig, context: {name} }}");
    }
    write_private(&dir.join("credentials.env"), credentials.as_bytes())?;
    write_private(&dir.join("connections.yaml"), connections.as_bytes())?;
    write_private(&dir.join("kubeconfig"), access.kubeconfig().expose_secret().as_bytes())?;

    let mut lines = vec![("Graph".to_owned(), url(&access.graph)), ("Login".to_owned(), url(&access.login))];
    lines.extend(access.clusters.iter().map(|(name, cluster)| (format!("Cluster {name}"), url(&cluster.server))));
    for (name, file) in [
        ("CA", "ca.pem"),
        ("Credentials", "credentials.env"),
        ("  for --auth SOURCE", "credentials/SOURCE.env"),
        ("Kubeconfig", "kubeconfig"),
        ("Connections", "connections.yaml"),
    ] {
        lines.push((name.to_owned(), shown.join(file).display().to_string()));
    }
    let widest = lines.iter().map(|(name, _)| name.width()).max().unwrap_or(0);
    let mut text = String::new();
    for (name, value) in &lines {
        let _ = writeln!(text, "{name}{}  {value}", " ".repeat(widest - name.width()));
    }
    let quoted = |file: &str| escape::shell_word(&dir.join(file).display().to_string());
    let _ = writeln!(
        text,
        "\nIn another terminal, FOLDER being that of the access files:\n\
         \x20 set -a; . {}; set +a\n\
         \x20 rolecall plan FOLDER --connections {}\n",
        quoted("credentials.env"),
        quoted("connections.yaml"),
    );
    Ok(text)
}
