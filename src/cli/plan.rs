//! `rolecall plan`

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use jiff::SignedDuration;

use super::again;
use super::annotate::{AnnotateArgs, Annotations};
use super::args::{ConnectionArgs, Output, PolicyArgs};
use super::documents::{Also, Documents, Format};
use super::error::CliError;
use super::exit::Exit;
use super::files;
use super::length;
use super::progress::Progress;
use super::recorded;
use super::refusal::would_apply;
use super::session::{Part, Planned, Session};
use super::ui::Ui;
use crate::plan::saved::{Provenance, SavedPlan};
use crate::plan::{Plan, Verdict};
use crate::report::Applies;
use crate::report::markdown::Subject;
use crate::state::{AppliedBy, is_access_file};
use crate::{git, report};

/// Show what would change in Entra and on the clusters, without changing anything
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  rolecall plan                                  # the access files in this folder
  rolecall plan access/ --sandbox /tmp/try       # against an embedded tenant and clusters
  rolecall plan --only staging --only group/sre  # a part
  rolecall plan --save tonight.plan && rolecall apply tonight.plan
  rolecall plan --base main                      # what this change does, apart from drift
  rolecall plan --base main --also markdown=plan.md --also json=plan.json   # for a pull request
  rolecall plan --snapshot live.json             # against a file, without credentials
  rolecall plan --detailed-exitcode              # 2 when changes are pending")]
pub(super) struct Args {
    /// The folder of the access files, or any file in it
    #[arg(default_value = ".")]
    path: PathBuf,
    /// How the plan is written
    #[arg(long, short, value_enum, default_value_t)]
    output: Format,
    /// Write the same plan to FILE as well, as text, json or markdown, or as id (can be repeated)
    ///
    /// A file that is there is replaced. Where no plan comes out, FILE says why, so that no old plan is left in it. As id it is
    /// the id alone that `apply --require-approved-plan` takes, in one line; empty where there is no plan that could be applied.
    #[arg(long, value_name = "FORMAT=FILE")]
    also: Vec<Also>,
    /// Save the plan to FILE for `rolecall apply FILE`
    #[arg(long, value_name = "FILE")]
    save: Option<PathBuf>,
    /// Compare with the files that this change of them starts from, on its way to REF: a branch, a tag or a commit
    ///
    /// What the change causes is shown apart from what was off before. How Entra and the clusters are reached is taken from REF,
    /// not from the change. A commit is named by all 40 digits of its id, or as HEAD~2.
    #[arg(long, value_name = "REF", value_parser = reference)]
    base: Option<String>,
    /// Plan against what FILE says is live, a file of `rolecall snapshot`: nothing is contacted, and no credential is needed
    ///
    /// FILE is taken at its word: whoever wrote it decides what is seen here. Such a plan cannot be saved or applied.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["sandbox", "connections", "kubeconfig", "allow_exec", "auth"])]
    snapshot: Option<PathBuf>,
    /// Refuse a snapshot that is older than this, e.g. `24h`; without it, one older than a day is planned against with a warning
    #[arg(long, value_name = "AGE", value_parser = length::age)]
    max_age: Option<SignedDuration>,
    /// Exit with 2 when changes are pending, withheld ones included
    #[arg(long)]
    detailed_exitcode: bool,
    #[command(flatten)]
    annotate: AnnotateArgs,
    #[command(flatten)]
    connections: ConnectionArgs,
    #[command(flatten)]
    policy: PolicyArgs,
}

fn reference(text: &str) -> Result<String, &'static str> {
    if text.is_empty() {
        Err("it names nothing: is the variable set that it is taken from?")
    } else {
        Ok(text.to_owned())
    }
}

pub(super) async fn run(args: &Args, ui: &mut Ui) -> Result<Exit, CliError> {
    let documents = Documents::begin(ui, Subject::Plan, &args.path, args.output, &args.also, args.save.as_deref())?;
    let planned = Box::pin(planned(args, &documents, ui)).await;
    planned.inspect_err(|error| documents.failed(ui, error))
}

async fn planned(args: &Args, documents: &Documents, ui: &mut Ui) -> Result<Exit, CliError> {
    check_snapshot(args)?;
    args.save.as_deref().map(|file| check_file(ui, file)).transpose()?;
    let annotations = Annotations::begin(ui, &args.annotate)?;
    annotations.at_first(ui, &args.path)?;
    let base = args.base.as_deref();
    let mut session = match &args.snapshot {
        Some(file) => {
            let snapshot = recorded::read(ui, file, args.max_age)?;
            Session::open_over(ui, &args.path, snapshot, &args.policy, base).await?
        }
        None => Session::open_against(ui, &args.path, &args.connections, &args.policy, base).await?,
    };
    let progress = Progress::new(ui);
    session.entra.on_wait = progress.on_wait();
    let planned = session.plan(&progress, AppliedBy::Applier).await?;
    let snapshot = session.recorded_for(&planned, (ui.now)());
    let context = with_snapshot(snapshot, context(&session, &planned, None, Applies::Unsaved));
    let mut problems = session.loaded.findings.clone();
    problems.extend(report::findings::planned(&planned.plan, &planned.expectations, &session.loaded.sources));
    // Whatever can fail comes before what is shown: a plan is not to stand above the word that there is none.
    annotations.write_files(ui, &problems, &session.loaded)?;
    let saved = args.save.as_deref().map(|file| save(ui, args, file, &session, &planned)).transpose()?;
    documents.write(ui, |format, layout, sheet| match format {
        Format::Text => report::text::plan(&planned.plan, &context, layout),
        Format::Json => report::json::plan_v1(&planned.plan, &context),
        Format::Markdown => report::markdown::plan(&planned.plan, &context, sheet),
        Format::Id => context.plan_id.as_ref().map(|id| format!("{id}\n")).unwrap_or_default(),
        Format::Patch => String::new(),
    })?;
    unused_acknowledgements(ui, &session, &planned);
    annotations.say(ui, &problems, &session.loaded)?;
    if let Some(said) = saved {
        ui.say(&said);
    } else if args.output == Format::Text {
        let without_saved = session.without_saved(&planned);
        let verdicts = without_saved.as_ref().unwrap_or(&planned.plan.verdicts);
        let paths: Vec<String> =
            (args.path != Path::new(".")).then(|| args.path.display().to_string()).into_iter().collect();
        again::offer(ui, verdicts, |agreed| again::apply(&paths, &[], &args.connections, &args.policy, agreed));
    }
    let exit = match exit(&planned.plan, args.detailed_exitcode) {
        Exit::Error => Exit::Error,
        _ if session.policy.strict && planned.expects_of_nobody() => Exit::Error,
        _ if planned.leaves_expectation_unread(&session.policy) => Exit::Error,
        _ if planned.breaks_expectation() => Exit::Expectation,
        other => other,
    };
    session.close().await;
    Ok(exit)
}

/// What may be applied was compared with what is live, not with what somebody says was.
fn check_snapshot(args: &Args) -> Result<(), CliError> {
    let wrong = |what: &str, next: &str| Err(CliError::user(what).hint(next).exit(Exit::Usage));
    match (&args.snapshot, &args.save, args.max_age) {
        (Some(_), Some(_), _) => wrong(
            "a plan against a snapshot cannot be saved: it rests on a file, and what may be applied is compared with what is live",
            "leave --save out for a preview, or --snapshot to make a plan that can be applied",
        ),
        (None, _, Some(_)) => {
            wrong("--max-age is the most that a snapshot may be old, and there is none", "name one with --snapshot")
        }
        (Some(_), None, _) | (None, _, None) => Ok(()),
    }
}

/// Whoever asked for JSON gets the mistakes in the files as JSON, too, as from `validate`.
pub(super) fn or_document<T>(ui: &mut Ui, output: Output, opened: Result<T, CliError>) -> Result<T, CliError> {
    if let (Output::Json, Err(CliError { document: Some(document), .. })) = (output, &opened) {
        ui.print(document)?;
    }
    opened
}

/// Writes the plan to standard output; where only a part of it is carried out, with what that part means.
pub(super) fn show(
    ui: &mut Ui,
    session: &Session,
    planned: &Planned,
    part: Option<&Part>,
    output: Output,
    applies: Applies,
) -> Result<(), CliError> {
    let context = context(session, planned, part, applies);
    let text = match output {
        Output::Text => {
            let layout = report::text::Layout { width: ui.width, colour: ui.colour_on_stdout() };
            report::text::plan(&planned.plan, &context, layout)
        }
        Output::Json => report::json::plan_v1(&planned.plan, &context),
    };
    ui.print(&text)?;
    unused_acknowledgements(ui, session, planned);
    Ok(())
}

/// A plan that was made from a snapshot cannot be applied: it has no id that could be approved.
fn with_snapshot(snapshot: Option<report::FromSnapshot>, context: report::Context) -> report::Context {
    match snapshot {
        Some(_) => report::Context { snapshot, plan_id: None, ..context },
        None => context,
    }
}

/// What a plan is told with; where only a part of it is carried out, with what that part means.
fn context(session: &Session, planned: &Planned, part: Option<&Part>, applies: Applies) -> report::Context {
    let commit = git::head(&session.loaded.root).ok();
    report::Context {
        commit: commit.map(|head| report::Commit { id: head.commit, short: head.short, dirty: head.dirty }),
        access: Arc::clone(part.map_or(&planned.access, |part| &part.access)),
        is_part: part.is_some(),
        plan_id: planned.compares_anything().then(|| session.plan_id(planned)),
        would_apply: Some(would_apply(session.policy.strict, planned)),
        spent: Some(planned.spent),
        applies,
        without_saved: match part {
            Some(part) => Some(part.verdicts.clone()),
            None => session.without_saved(planned),
        },
        expectations: part.map_or(&planned.expectations, |part| &part.expectations).clone(),
        base: planned.base.clone(),
        snapshot: None,
    }
}

/// What was agreed to and nobody asks for.
fn unused_acknowledgements(ui: &mut Ui, session: &Session, planned: &Planned) {
    for acknowledged in &session.policy.acknowledged {
        let meant = |verdict: &Verdict| verdict.guard == acknowledged.guard && verdict.subject == acknowledged.subject;
        if !planned.plan.verdicts.iter().any(meant) {
            let acknowledged = report::escape::line(&acknowledged.to_string());
            ui.say(&format!("note: nothing in this plan asks for --acknowledge {acknowledged}"));
        }
    }
}

/// Saves the plan, and says what to do with it. It names people and groups, so only its owner may read it.
fn save(ui: &Ui, args: &Args, file: &Path, session: &Session, planned: &Planned) -> Result<String, CliError> {
    let provenance = Provenance {
        rolecall: env!("CARGO_PKG_VERSION").to_owned(),
        tree: session.loaded.tree_hash.clone(),
        commit: session.commit(),
    };
    let saved = SavedPlan::new(&planned.plan, &session.policy, provenance)
        .showing(session.own_expectations(), planned.access.gains());
    let text = saved.to_json().map_err(|error| CliError::user(format!("{}: {error}", file.display())))?;
    let written = files::place(ui, file).and_then(|path| files::write_private(&path, text.as_bytes()));
    written.map_err(|error| unwritable(file, &error))?;
    let id = &saved.plan_id;
    let agreed = match (planned.plan.refusals().next().is_some(), &planned.base) {
        (true, Some(_)) => ", once you agree with what is above and the change is merged,",
        (true, None) => ", once you agree with what is above,",
        (false, Some(_)) => ", once the change is merged,",
        (false, None) => "",
    };
    Ok(if planned.expectations.iter().any(|judged| judged.stops) {
        format!(
            "Saved plan {id}. `apply` refuses while an expectation fails: mend what is granted or what is expected, and plan \
             again."
        )
    } else {
        let command = next_command(args, file, &planned.plan);
        format!("Saved plan {id}.\nApply it{agreed} with: {command} --require-approved-plan {id}")
    })
}

fn unwritable(file: &Path, why: &io::Error) -> CliError {
    CliError::user(format!("the plan was not saved: {}: {}", file.display(), files::reason(why))).hint(
        match why.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free space, or name a file elsewhere",
            _ => "name a file in a folder that is there and that you may write to",
        },
    )
}

/// A saved plan is told from access files by its name. Where it cannot be written is said before anything is read.
fn check_file(ui: &Ui, file: &Path) -> Result<(), CliError> {
    if is_access_file(file) {
        return Err(CliError::user(format!(
            "{}: a saved plan is no YAML, and would be taken for an access file",
            file.display()
        ))
        .hint("name it e.g. tonight.plan")
        .exit(Exit::Usage));
    }
    files::place(ui, file).and_then(|path| files::check_writable(&path)).map_err(|error| unwritable(file, &error))
}

/// The command that applies what was saved, with everything that it needs and nothing that it does not: `apply FILE` knows
/// no acknowledgement but those it is told.
fn next_command(args: &Args, file: &Path, plan: &Plan) -> String {
    let agreed = plan.verdicts.iter().filter(|verdict| verdict.acknowledged || verdict.refuses());
    let mut paths = vec![file.display().to_string()];
    if args.path != Path::new(".") {
        paths.push(args.path.display().to_string());
    }
    again::apply(&paths, &[], &args.connections, &args.policy, agreed)
}

/// What a plan's own state says about the exit code.
pub(super) fn exit(plan: &Plan, detailed: bool) -> Exit {
    if plan.unread.iter().any(|part| !part.allowed) || plan.withheld.iter().any(|withheld| withheld.is_error) {
        Exit::Error
    } else if detailed && !(plan.is_empty() && plan.withheld.is_empty()) {
        Exit::Pending
    } else {
        Exit::Fine
    }
}
