//! `rolecall drift`

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;

use super::args::{ConnectionArgs, PolicyArgs};
use super::documents::{Also, Documents, Format};
use super::error::CliError;
use super::exit::Exit;
use super::plan::exit;
use super::progress::Progress;
use super::session::{Drifted, Planned, Session};
use super::ui::Ui;
use crate::edit::accept::{self, Accepted, Live};
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
  rolecall drift --as-patch | git apply          # accept what is there: the files ask for it
  rolecall drift --output json | jq .drift")]
pub(super) struct Args {
    /// The folder of the access files, or any file in it
    #[arg(default_value = ".")]
    path: PathBuf,
    /// How it is written
    #[arg(long, short, value_enum, default_value_t)]
    output: Format,
    /// Write the same to FILE as well, as text, json or markdown (can be repeated)
    ///
    /// A file that is there is replaced. Where nothing comes out, FILE says why, so that nothing old is left in it.
    #[arg(long, value_name = "FORMAT=FILE", conflicts_with = "as_patch")]
    also: Vec<Also>,
    /// Print the edit of the access files that would ask for what is there, as a patch for `git apply`
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
    if args.also.iter().any(Also::is_id) {
        return Err(CliError::user("`--also id=FILE`: there is no id but that of a plan")
            .hint("say it to `rolecall plan`")
            .exit(Exit::Usage));
    }
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
    if args.as_patch {
        as_patch(ui, &session, &mut drifted)?;
        session.close().await;
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
        Format::Id => String::new(),
    })?;
    session.close().await;
    Ok(exit)
}

const LEFT: &str = "not in the patch";

/// Prints the edit of the files, and says what it leaves and what follows from it.
fn as_patch(ui: &mut Ui, session: &Session, drifted: &mut Drifted) -> Result<(), CliError> {
    let Planned { plan, observed, .. } = &mut drifted.planned;
    accept::look_up_whoever_is_there(observed, plan);
    let live = Live { plan, observed, policy: &session.policy };
    let Accepted { files, expressed, followed, left, after } =
        accept::accept(&session.loaded.sources, &session.desired, &live);
    let folder = git::inside(&session.loaded.root).unwrap_or_default();
    let top = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    let patch: String =
        files.iter().map(|(path, old, new)| report::patch::unified(&format!("{top}{path}"), old, new)).collect();
    if !patch.is_empty() {
        ui.print(&patch)?;
    }
    let say = |ui: &mut Ui, term: &str, what: &str, why: &str| {
        ui.say(&report::text::paragraph("", &format!("{term}: {what}: {why}"), ui.width));
    };
    let changes = &drifted.planned.plan.changes;
    let lines: BTreeMap<_, _> =
        changes.iter().filter_map(|change| Some((&change.address, change.origin.as_ref()?))).collect();
    for (address, why) in &left {
        let place = lines.get(address).map(|line| format!(" ({line})")).unwrap_or_default();
        say(ui, LEFT, &address.to_string(), &format!("{why}{place}"));
    }
    for (binding, _) in &drifted.drift.refused {
        let why = "it is not ours: allow it with `allow-unmanaged`, or take it over with `replaces`";
        say(ui, LEFT, &binding.address.to_string(), why);
    }
    for entry in &drifted.planned.plan.withheld {
        let is_left = |address: &&state::Address| !expressed.contains(*address) && !followed.contains_key(*address);
        for address in entry.addresses.iter().filter(is_left) {
            say(ui, LEFT, &address.to_string(), &format!("withheld: {}", entry.message));
        }
    }
    for part in &drifted.planned.plan.unread {
        let place = part.environment.as_ref().map_or("Entra", state::EnvironmentName::as_str);
        say(ui, LEFT, place, &format!("not read: {}", part.failure.what));
    }
    for (address, why) in &followed {
        say(ui, "after the patch", &address.to_string(), why);
    }
    if let Some((desired, plan)) = &after {
        for judged in Session::newly_broken((desired, plan), &drifted.planned) {
            let sentence = report::text::sentence_on(&judged, judged.environment.as_str());
            say(ui, "the patch breaks an expectation", &judged.origin.to_string(), &sentence);
        }
    }
    if drifted.planned.plan.is_without_drift() {
        ui.say("No drift: there is nothing to accept.");
    }
    Ok(())
}
