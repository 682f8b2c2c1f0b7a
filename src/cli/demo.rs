//! `rolecall demo`

use std::path::{Path, PathBuf};

use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use kube::api::{Api, PostParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use secrecy::ExposeSecret as _;

use super::args::{Cli, Command, ConnectionArgs, PolicyArgs};
use super::error::CliError;
use super::exit::Exit;
use super::progress::Progress;
use super::session::Session;
use super::ui::Ui;
use super::{apply, doctor, plan, validate};
use crate::sandbox::Access;
use crate::state::{AppliedBy, ObjectId};

/// See the main job done, with no account and no cluster
///
/// Makes an embedded tenant and an embedded cluster, runs the quickstart's commands one by one, and asks the cluster what
/// that changed. Nothing outside a temporary folder is touched.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  rolecall demo\n  rolecall demo --keep try   # keeps the access files and the sandbox in ./try"
)]
pub(super) struct Args {
    /// Keep the access files and the sandbox in DIR, to go on from there
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

const FILES: [(&str, &str); 1] = [("rolecall.yaml", include_str!("../../examples/quickstart/rolecall.yaml"))];
const GROUP: &str = "k8s_dev_users";

pub(super) async fn run(args: &Args, ui: &mut Ui) -> Result<Exit, CliError> {
    let temporary;
    let folder = if let Some(folder) = &args.keep {
        ui.resolve(folder)
    } else {
        temporary = tempfile::tempdir().map_err(|error| CliError::user(error.to_string()))?;
        temporary.path().to_owned()
    };
    write_files(&folder.join("quickstart"))?;
    // The commands read as a person would type them in that folder.
    let here = std::mem::replace(&mut ui.folder, folder);
    let result = quickstart(ui).await;
    ui.folder = here;
    result?;
    ui.print(
        "\nThat is the whole job. Next: your own files, still without touching anything real:\n\n    \
         rolecall plan FOLDER --sandbox DIR",
    )?;
    Ok(Exit::Fine)
}

async fn quickstart(ui: &mut Ui) -> Result<(), CliError> {
    ui.print("An embedded tenant and an embedded cluster stand in for Entra and for k3s. The access file:\n\n")?;
    ui.print(&indented(FILES[0].1))?;
    step(ui, &["validate", "quickstart"]).await?;
    step(ui, &["plan", "quickstart", "--sandbox", "sandbox"]).await?;
    // The journal would go below the folder that the process was started in.
    let journal = ui.folder.join("journal.jsonl").display().to_string();
    step_as(ui, &["apply", "quickstart", "--sandbox", "sandbox", "--yes"], &["--journal", &journal]).await?;
    ask_the_cluster(ui).await?;
    step(ui, &["plan", "quickstart", "--sandbox", "sandbox"]).await
}

/// Prints a command as a person would type it, then runs it. One that does not end well ends the demo.
async fn step(ui: &mut Ui, line: &[&str]) -> Result<(), CliError> {
    step_as(ui, line, &[]).await
}

/// The same with arguments that are not shown.
async fn step_as(ui: &mut Ui, line: &[&str], more: &[&str]) -> Result<(), CliError> {
    ui.print(&format!("\n$ rolecall {}\n", line.join(" ")))?;
    let arguments = ["rolecall"].iter().chain(line).chain(more);
    let parsed = <Cli as clap::Parser>::try_parse_from(arguments).map_err(|error| CliError::user(error.to_string()))?;
    let exit = match parsed.command {
        Command::Validate(args) => validate::run(&args, ui)?,
        Command::Plan(args) => plan::run(&args, ui).await?,
        Command::Apply(args) => apply::run(&args, ui).await?,
        Command::Doctor(args) => Box::pin(doctor::run(&args, ui)).await?,
        Command::Demo(_) | Command::Sandbox(_) | Command::Schema(_) | Command::Completions(_) | Command::Man(_) => {
            Exit::Usage
        }
    };
    if exit == Exit::Fine {
        Ok(())
    } else {
        Err(CliError::user(format!("`rolecall {}` ended with exit code {}", line.join(" "), exit.code())).exit(exit))
    }
}

/// Asks the cluster itself, by `SubjectAccessReview`, what the plan changed.
async fn ask_the_cluster(ui: &mut Ui) -> Result<(), CliError> {
    let connections = ConnectionArgs { sandbox: Some(PathBuf::from("sandbox")), ..ConnectionArgs::default() };
    let session = Session::open(ui, Path::new("quickstart"), &connections, &PolicyArgs::default()).await?;
    let planned = session.plan(&Progress::new(ui), AppliedBy::Applier).await?;
    let group = planned
        .observed
        .tenant
        .as_ref()
        .and_then(|tenant| tenant.as_ref().ok())
        .and_then(|tenant| tenant.marked.iter().find(|(key, _)| key.as_str() == GROUP))
        .map(|(_, group)| group.id)
        .ok_or_else(|| CliError::user(format!("the group {GROUP} is not in the sandbox")))?;
    let client = match session.sandbox() {
        Some(access) => cluster_client(access).await?,
        None => return Err(CliError::user("the demo has no sandbox")),
    };
    ui.print("\n# The cluster itself, asked by SubjectAccessReview about Hayden, now in k8s_dev_users:\n\n")?;
    for namespace in ["trinity", "default"] {
        let allowed = may_list_pods(client.clone(), group, namespace).await?;
        let answer = if allowed { "yes" } else { "no" };
        ui.print(&format!("may list pods in {namespace:8} {answer}"))?;
    }
    session.close().await;
    Ok(())
}

/// A client for the sandbox's only cluster.
async fn cluster_client(access: &Access) -> Result<kube::Client, CliError> {
    let failed =
        |error: &dyn std::fmt::Display| CliError::user(format!("the sandbox cluster cannot be reached: {error}"));
    let kubeconfig = Kubeconfig::from_yaml(access.kubeconfig().expose_secret()).map_err(|error| failed(&error))?;
    let options = KubeConfigOptions::default();
    let config = kube::Config::from_custom_kubeconfig(kubeconfig, &options).await.map_err(|error| failed(&error))?;
    kube::Client::try_from(config).map_err(|error| failed(&error))
}

async fn may_list_pods(client: kube::Client, group: ObjectId, namespace: &str) -> Result<bool, CliError> {
    let review = SubjectAccessReview {
        spec: SubjectAccessReviewSpec {
            user: Some("hayden@contoso.com".to_owned()),
            groups: Some(vec![group.to_string()]),
            resource_attributes: Some(ResourceAttributes {
                verb: Some("list".to_owned()),
                resource: Some("pods".to_owned()),
                namespace: Some(namespace.to_owned()),
                ..ResourceAttributes::default()
            }),
            ..SubjectAccessReviewSpec::default()
        },
        ..SubjectAccessReview::default()
    };
    let reply = Api::<SubjectAccessReview>::all(client)
        .create(&PostParams::default(), &review)
        .await
        .map_err(|error| CliError::user(format!("the sandbox cluster did not answer: {error}")))?;
    Ok(reply.status.is_some_and(|status| status.allowed))
}

/// The access files of the quickstart. Files that are there already are left alone, so that `--keep` can be used again.
fn write_files(folder: &Path) -> Result<(), CliError> {
    let wrote = fs_err::create_dir_all(folder).and_then(|()| {
        FILES
            .iter()
            .filter(|(name, _)| !folder.join(name).exists())
            .try_for_each(|(name, text)| fs_err::write(folder.join(name), text))
    });
    wrote.map_err(|error| CliError::user(error.to_string()))
}

fn indented(text: &str) -> String {
    text.lines().filter(|line| !line.starts_with('#')).flat_map(|line| ["    ", line, "\n"]).collect()
}
