//! `rolecall sandbox`

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::Duration;

use secrecy::ExposeSecret as _;

use super::apply::write_private;
use super::error::CliError;
use super::exit::Exit;
use super::ui::Ui;
use crate::config::yaml;
use crate::sandbox::{Access, Faults, Options, Sandbox, Seed, Throttle};

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

/// Make a sandbox in DIR from a YAML file that describes a tenant and clusters
#[derive(Debug, clap::Args)]
#[command(after_help = "Example:\n  rolecall sandbox init /tmp/try --from examples/sandbox.yaml")]
struct InitArgs {
    /// The folder; it must be empty or missing
    dir: PathBuf,
    /// The description
    #[arg(long, value_name = "FILE")]
    from: PathBuf,
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
}

pub(super) async fn run(args: &Args, ui: &mut Ui) -> Result<Exit, CliError> {
    match &args.command {
        SandboxCommand::Init(args) => init(args, ui).await,
        SandboxCommand::Serve(args) => serve(args, ui).await,
    }
}

async fn init(args: &InitArgs, ui: &mut Ui) -> Result<Exit, CliError> {
    let text = fs_err::read_to_string(ui.resolve(&args.from)).map_err(|error| CliError::user(error.to_string()))?;
    let seed: Seed =
        yaml::from_str(&text).map_err(|error| CliError::user(format!("{}: {error}", args.from.display())))?;
    let dir = ui.resolve(&args.dir);
    if dir.is_dir() && fs_err::read_dir(&dir).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(CliError::user(format!("{}: the folder is not empty, so it was left alone", args.dir.display()))
            .hint("name a new folder"));
    }
    let sandbox =
        Sandbox::open(&dir, || seed, Options::default()).await.map_err(|error| CliError::user(error.to_string()))?;
    sandbox.stop().await;
    ui.print(&format!("Made a sandbox in {0}. Use it with --sandbox {0}.", args.dir.display()))?;
    Ok(Exit::Fine)
}

async fn serve(args: &ServeArgs, ui: &mut Ui) -> Result<Exit, CliError> {
    let dir = ui.resolve(&args.dir);
    if !Sandbox::is_at(&dir) {
        return Err(CliError::user(format!("{}: there is no sandbox here", args.dir.display()))
            .hint("make one with `rolecall sandbox init`, or with `rolecall plan FOLDER --sandbox DIR`"));
    }
    let throttle = (args.throttle_percent > 0).then(|| Throttle {
        percent: args.throttle_percent,
        seed: args.seed,
        retry_after: Duration::from_millis(args.retry_after_ms),
    });
    let faults = Faults { latency: Duration::from_millis(args.latency_ms), throttle };
    let options = Options { faults, ..Options::default() };
    // The folder holds a sandbox, so the seed is never asked for.
    let sandbox = Sandbox::open(&dir, || Seed::new("contoso.com"), options)
        .await
        .map_err(|error| CliError::user(error.to_string()))?;
    let described = sandbox.write_credentials().and_then(|_| describe(sandbox.access(), &dir, &args.dir));
    match described {
        Ok(text) => ui.print(&text)?,
        Err(error) => {
            sandbox.stop().await;
            return Err(CliError::user(format!("{}: {error}", args.dir.display())));
        }
    }
    tokio::signal::ctrl_c().await.map_err(CliError::from)?;
    sandbox.stop().await;
    Ok(Exit::Fine)
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

    let mut text = String::new();
    let mut line = |name: &str, value: &str| {
        let _ = writeln!(text, "{name:<13}{value}");
    };
    line("Graph", &url(&access.graph));
    line("Login", &url(&access.login));
    for (name, cluster) in &access.clusters {
        line(&format!("Cluster {name}"), &format!(" {}", url(&cluster.server)));
    }
    for (name, file) in [
        ("CA", "ca.pem"),
        ("Credentials", "credentials.env"),
        ("One a source", "credentials/"),
        ("Kubeconfig", "kubeconfig"),
        ("Connections", "connections.yaml"),
    ] {
        line(name, &shown.join(file).display().to_string());
    }
    let _ = writeln!(text, "Serving until Ctrl-C.");
    Ok(text)
}
