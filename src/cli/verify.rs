//! `rolecall verify`

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::args::{ConnectionArgs, Output, PolicyArgs};
use super::error::CliError;
use super::exit::Exit;
use super::plan::or_document;
use super::progress::Progress;
use super::questions::check_environment;
use super::session::Session;
use super::ui::Ui;
use crate::access::expectations::Judged;
use crate::access::expectations::live::{self, Verified};
use crate::state::EnvironmentName;
use crate::{git, report};

/// Hold what the access files expect against what is there, and ask the clusters themselves
///
/// Reads who is in which group and what is bound on each cluster, decides as Kubernetes' RBAC does, and asks each API server
/// the same by access review, with the user name and the groups that the token of each person would carry there. Nothing
/// is written.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  rolecall verify                                # every expectation, on every cluster
  rolecall verify -e prod -e staging             # on these
  rolecall verify --output json | jq .expectations")]
pub(super) struct Args {
    /// The folder of the access files, or any file in it
    #[arg(default_value = ".")]
    path: PathBuf,
    /// Only what is expected on this environment (can be repeated)
    #[arg(long, short, value_name = "ENV")]
    environment: Vec<EnvironmentName>,
    /// How the result is written
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
    /// Go on without failing when this environment cannot be reached (can be repeated)
    #[arg(long, value_name = "ENV")]
    allow_unreachable: Vec<EnvironmentName>,
    #[command(flatten)]
    connections: ConnectionArgs,
}

pub(super) async fn run(args: &Args, ui: &mut Ui) -> Result<Exit, CliError> {
    let opened = Session::open_anyway(ui, &args.path, &args.connections, &PolicyArgs::default()).await;
    let mut session = or_document(ui, args.output, opened)?;
    for name in args.environment.iter().chain(&args.allow_unreachable) {
        check_environment(&session, name)?;
    }
    let mut asked = live::environments(&session.desired);
    asked.retain(|name| args.environment.is_empty() || args.environment.contains(name));
    session.unroutable.retain(|name, _| asked.contains(name));
    let progress = Progress::new(ui);
    session.entra.on_wait = progress.on_wait();
    let commit = git::head(&session.loaded.root).ok();
    let mut context = report::Verification {
        config: session.desired.config.clone(),
        tenant: session.desired.tenant,
        domain: None,
        commit: commit.map(|head| report::Commit { id: head.commit, short: head.short, dirty: head.dirty }),
        allowed: args.allow_unreachable.iter().cloned().collect::<BTreeSet<EnvironmentName>>(),
        spent: report::Spent::default(),
    };
    let mut verified = Verified::default();
    if !asked.is_empty() {
        let (found, observed, spent) = session.verify(&progress, &asked).await?;
        verified = found;
        context.domain = observed.tenant.and_then(Result::ok).and_then(|tenant| tenant.domain);
        context.spent = spent;
    }
    let text = match args.output {
        Output::Text if asked.is_empty() => "The access files expect nothing there: nothing was looked at.".to_owned(),
        Output::Text => {
            let layout = report::text::Layout { width: ui.width, colour: ui.colour_on_stdout() };
            report::text::verified(&verified, &context, layout)
        }
        Output::Json => report::json::verified_v1(&verified, &context),
    };
    ui.print(&text)?;
    session.close().await;
    Ok(if !verified.is_whole(&context.allowed) {
        Exit::Error
    } else if verified.judged.iter().any(Judged::is_broken) {
        Exit::Expectation
    } else {
        Exit::Fine
    })
}
