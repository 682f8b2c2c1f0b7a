//! `rolecall drift`

mod patch;

use std::path::PathBuf;
use std::sync::Arc;

use self::patch::Patch;
use super::args::{ConnectionArgs, PolicyArgs};
use super::documents::{Also, Documents, Format};
use super::error::CliError;
use super::exit::Exit;
use super::plan::exit;
use super::progress::Progress;
use super::session::Session;
use super::ui::Ui;
use crate::report::markdown::Subject;
use crate::report::{self, Applies};
use crate::{git, state};

/// Show what the tenant and the clusters have otherwise than the access files ask, since when and by whom
///
/// It is what `apply` would put right, seen from what is there: who has what no file gives them, who lacks what the files
/// give, and what was changed by hand. Nothing is written.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  rolecall drift                                 # 2 when there is any, 0 when there is none
  rolecall drift --only prod                     # on one environment
  rolecall drift --also markdown=drift.md        # for a tracked issue
  rolecall drift --as-patch | git apply --allow-empty   # accept what is there: the files ask for it
  rolecall drift --also patch=drift.patch        # the same edit in a file
  rolecall drift --output json | jq .drift")]
pub(super) struct Args {
    /// The folder of the access files, or any file in it
    #[arg(default_value = ".")]
    path: PathBuf,
    /// How it is written
    #[arg(long, short, value_enum, default_value_t)]
    output: Format,
    /// Write the same to FILE as well, as text, json or markdown, or the edit that accepts it as patch (can be repeated)
    ///
    /// A file that is there is replaced. Where nothing comes out, FILE says why, so that nothing old is left in it; a patch is
    /// empty then.
    #[arg(long, value_name = "FORMAT=FILE", conflicts_with = "as_patch")]
    also: Vec<Also>,
    /// Print the edit of the access files that would ask for what is there, as a patch for `git apply`
    ///
    /// Paths are from the top of the repository: `git apply --allow-empty` takes it there and in every folder down to that of the
    /// access files, an empty one too. In CI a patch whose lines its log would be read for as commands is an error; `--also
    /// patch=FILE` writes it.
    #[arg(long, conflicts_with = "output")]
    as_patch: bool,
    /// Look at this only (can be repeated)
    #[arg(long, value_name = "ENV|entra|group/NAME", help_heading = "Scope")]
    only: Vec<state::Target>,
    /// Go on without failing when this environment cannot be reached (can be repeated)
    #[arg(long, value_name = "ENV", help_heading = "Scope")]
    allow_unreachable: Vec<state::EnvironmentName>,
    #[command(flatten)]
    connections: ConnectionArgs,
}

pub(super) async fn run(args: &Args, ui: &mut Ui) -> Result<Exit, CliError> {
    let documents = Documents::begin(ui, Subject::Drift, &args.path, args.output, &args.also, None)?;
    let drifted = Box::pin(drifted(args, &documents, ui)).await;
    drifted.inspect_err(|error| documents.failed(ui, error))
}

async fn drifted(args: &Args, documents: &Documents, ui: &mut Ui) -> Result<Exit, CliError> {
    let policy = PolicyArgs {
        only: args.only.clone(),
        allow_unreachable: args.allow_unreachable.clone(),
        ..PolicyArgs::default()
    };
    let mut session = Session::open(ui, &args.path, &args.connections, &policy).await?;
    let progress = Progress::new(ui);
    session.entra.on_wait = progress.on_wait();
    let mut drifted = session.drift(&progress, !args.as_patch).await?;
    let exit = match exit(&drifted.planned.plan, false) {
        Exit::Error => Exit::Error,
        _ if drifted.planned.plan.is_without_drift() => Exit::Fine,
        _ => Exit::Pending,
    };
    let patch = (args.as_patch || documents.has_patch()).then(|| Patch::of(&session, &mut drifted));
    if let (true, Some(patch)) = (args.as_patch, &patch) {
        session.close().await;
        patch.print(ui)?;
        patch.tell(ui)?;
        return Ok(exit);
    }
    let plan = &drifted.planned.plan;
    let commit = git::head(&session.loaded.root).ok();
    let context = report::Context {
        commit: commit.map(|head| report::Commit { id: head.commit, short: head.short, dirty: head.dirty }),
        access: Arc::new(drifted.access),
        spent: Some(drifted.planned.spent),
        applies: Applies::Unsaved,
        without_saved: session.without_saved(&drifted.planned),
        ..report::Context::default()
    };
    documents.write(ui, |format, layout, sheet| match format {
        Format::Text => report::text::drift(plan, &drifted.drift, &context, layout),
        Format::Json => report::json::drift_v1(plan, &drifted.drift, &context),
        Format::Markdown => report::markdown::drift(plan, &drifted.drift, &context, sheet),
        Format::Patch => patch.as_ref().map(|patch| patch.text.clone()).unwrap_or_default(),
        Format::Id => String::new(),
    })?;
    if let Some(patch) = &patch {
        patch.tell(ui)?;
    }
    session.close().await;
    Ok(exit)
}
