//! `rolecall apply`

use std::collections::BTreeMap;
use std::collections::BTreeSet;
use std::path::PathBuf;
use std::time::Duration;

use tokio::sync::OnceCell;

use super::again;
use super::args::{ConnectionArgs, Output, PolicyArgs};
use super::error::CliError;
use super::exit::Exit;
use super::history;
use super::length::length;
use super::lock::{Lock, PATIENCE, ends};
use super::plan::show;
use super::progress::Progress;
use super::refusal::{Refusal, refusals};
use super::saved_file::{check_approved, moved_base, of, read_saved, spelt, stale, tell_apart};
use super::session::{Planned, Session};
use super::ui::Ui;
use crate::access::expectations::Judged;
use crate::apply::{Conclusion, Event, Journal, Report, Stop, execute, journal};
use crate::plan::Verdict;
use crate::plan::saved::{self, PlanId, SavedPlan};
use crate::report::Applies;
use crate::state::{Address, AppliedBy, Change, Outcome, history::Since};
use crate::{plan, report};

/// Show the plan, ask, and carry it out; or carry out a saved plan
///
/// A saved plan is compiled and read again first: it is carried out only if every change that is asked for now is in it
/// and every other change in it already holds.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  rolecall apply                          # plan, ask, apply
  rolecall apply access/ --yes            # in a job, without a question
  rolecall apply tonight.plan             # what `plan --save tonight.plan` showed
  rolecall apply tonight.plan access/
  rolecall apply tonight.plan --require-approved-plan \"$APPROVED_PLAN_ID\"
  rolecall apply --acknowledge group-deleted:old-contractors")]
pub(super) struct Args {
    /// A saved plan, the folder of the access files, or both in this order
    #[arg(value_name = "PLAN|PATH", num_args = 0..=2)]
    paths: Vec<PathBuf>,
    /// Carry the saved plan out only if its id, worked out from what is in the file, is ID
    ///
    /// ID is all 64 digits of the id that was approved. Take it from the CI system's own record of the approval (a variable of
    /// the deployment or the pipeline, an output of the job that planned), never from a comment or a file that others may
    /// write. With any other plan no live system is asked, nothing is written, and the exit code is 5.
    #[arg(long, value_name = "ID")]
    require_approved_plan: Option<PlanId>,
    /// Apply without asking
    #[arg(long, short)]
    yes: bool,
    /// How long to wait while another `apply` holds the lock of the config, e.g. `90s`, `30m`; `0` does not wait [default: 5m]
    #[arg(long, value_name = "TIME", value_parser = length)]
    lock_timeout: Option<Duration>,
    /// Write the journal to FILE [default: .rolecall/TIME.jsonl]
    #[arg(long, value_name = "FILE")]
    journal: Option<PathBuf>,
    #[command(flatten)]
    connections: ConnectionArgs,
    #[command(flatten)]
    policy: PolicyArgs,
}

pub(super) async fn run(args: &Args, ui: &mut Ui) -> Result<Exit, CliError> {
    let (plan_file, path) = tell_apart(ui, &args.paths)?;
    let approved = plan_file.as_deref().map(|file| read_saved(ui, file)).transpose()?;
    if let Some(required) = &args.require_approved_plan {
        let (Some(file), Some(approved)) = (&plan_file, &approved) else {
            return Err(CliError::user("--require-approved-plan is about a saved plan, and none is given")
                .hint(format!("name its file: `rolecall apply FILE --require-approved-plan {}`", required.as_str()))
                .exit(Exit::Usage));
        };
        check_approved(file, approved, required)?;
    }
    if let Some(approved) = &approved {
        let saved = approved.only().map_err(|error| stale(&error))?;
        if saved != args.policy.policy().only {
            return Err(CliError::user(format!("nothing was written: the plan was saved with {}", spelt(&saved)))
                .hint("say the same to `apply`, so that a part is never taken for the whole")
                .exit(Exit::Stale));
        }
    }
    if let (Some(file), [_]) = (&plan_file, &*args.paths)
        && !crate::config::has_root(&ui.resolve(&path))
    {
        let file = file.display();
        return Err(CliError::user("there are no access files here: no `rolecall.yaml` in this folder or above it")
            .hint(format!("give their folder after the plan: `rolecall apply {file} FOLDER`")));
    }
    let mut session = Session::open(ui, &path, &args.connections, &args.policy).await?;
    if let Some(approved) = &approved {
        let of_others =
            |error| stale(&error).hint(format!("{}; take the plan of this change, or save one", of(approved)));
        approved.check_target(&session.desired).map_err(of_others)?;
        approved.check_expectations(&session.desired).map_err(|error| stale(&error))?;
    }
    let progress = Progress::new(ui);
    session.entra.on_wait = progress.on_wait();
    session.entra.on_lag = progress.on_lag();
    if args.lock_timeout.is_some() && session.desired.lock.is_none() {
        ui.say("note: the files have no `lock`, so that --lock-timeout waits for nothing, and two may apply at once");
    }
    let mut lock = None;
    let run = Run { args, session: &session, progress: &progress, since: &OnceCell::new() };
    let exit = match &approved {
        None => direct(run, ui, &mut lock).await,
        Some(approved) => from_saved(run, ui, approved, &mut lock).await,
    };
    if let Some(lock) = lock {
        lock.release(ui).await;
    }
    session.close().await;
    exit
}

/// What an apply is made of from its beginning to its end.
#[derive(Clone, Copy)]
struct Run<'a> {
    args: &'a Args,
    session: &'a Session,
    progress: &'a Progress,
    /// Since when the lines say what they say that ask for the changes.
    since: &'a OnceCell<BTreeMap<Address, Since>>,
}

/// Looks through the history for the journal, once, and before the lock is taken where the changes are known by then: a history
/// may be long, and others wait.
async fn look_back(run: Run<'_>, ui: &mut Ui, changes: &[Change]) {
    let look = async {
        match history::of_changes(changes, &run.session.loaded, &run.session.desired).await {
            Ok(since) => since,
            Err(none) => {
                // Without a repository, the lines alone are written.
                if !none.is_absent {
                    let said = format!("who added the lines is not written to the journal: {}", none.what);
                    ui.say(&report::text::paragraph("note: ", &said, super::line_width(ui)));
                }
                BTreeMap::new()
            }
        }
    };
    run.since.get_or_init(|| look).await;
}

impl Run<'_> {
    async fn plan(self) -> Result<Planned, CliError> {
        self.session.plan(self.progress, AppliedBy::Ourselves).await
    }

    /// Plans what may be carried out as it is: with the lock in our hand, where there is one, because whoever had it may have
    /// written until then. `plan_id` is that of the plan that is carried out, where it is known.
    async fn plan_locked(
        self,
        ui: &mut Ui,
        plan_id: Option<&str>,
        lock: &mut Option<Lock>,
    ) -> Result<Planned, CliError> {
        *lock = Lock::take(ui, self.session, plan_id, self.args.lock_timeout.unwrap_or(PATIENCE)).await?;
        match lock {
            Some(lock) => lock.while_held(self.plan()).await,
            None => self.plan().await,
        }
    }
}

/// Whether two plans do the same, and mean the same: nor may a guard have more to say, or the same of something else, or the
/// changes mean something else for people. A touch of an object that leaves it as it was is no difference.
fn is_the_same(session: &Session, one: &Planned, other: &Planned) -> bool {
    let does = |planned: &Planned| planned.plan.changes.iter().map(saved::fingerprint).collect::<Vec<_>>();
    does(one) == does(other)
        && one.plan.verdicts == other.plan.verdicts
        && one.plan.withheld == other.plan.withheld
        && one.expectations == other.expectations
        && one.access == other.access
        && session.part(one) == session.part(other)
}

const MOVED: &str = "Nothing was written: something has changed since the plan was shown. Run it again to see what.";

/// `apply` without a saved plan: protected changes are left out, the rest is asked for.
async fn direct(run: Run<'_>, ui: &mut Ui, lock: &mut Option<Lock>) -> Result<Exit, CliError> {
    let Run { args, session, .. } = run;
    // Nobody is kept waiting for an answer to a question.
    let planned = &if args.yes { run.plan_locked(ui, None, lock).await? } else { run.plan().await? };
    // What is left to a saved plan is judged when that is applied.
    let part = session.part(planned);
    show(ui, session, planned, part.as_ref(), Output::Text, Applies::Unsaved)?;
    let changes = planned.plan.remaining();
    let left_out = planned.plan.changes.len() - changes.len();
    let (verdicts, expectations) = part
        .as_ref()
        .map_or((&planned.plan.verdicts, &planned.expectations), |part| (&part.verdicts, &part.expectations));
    if let Some(exit) = refuse(ui, args, planned, verdicts, expectations) {
        return Ok(exit);
    }
    if changes.is_empty() {
        let exit = without_writing(ui, &planned.plan, left_out);
        return Ok(still_failing(ui, exit, expectations));
    }
    journal::check_path(&args.journal.clone().unwrap_or_else(|| journal::default_path((ui.now)())))
        .map_err(|error| no_journal(&error))?;
    if !args.yes {
        if !ui.stdin_is_terminal {
            return Err(CliError::user("there is no terminal to ask at, so nothing was written")
                .hint("add --yes, or save the plan with `rolecall plan --save FILE` and apply that"));
        }
        let what = format!("Apply {} to {}?", count(changes.len(), "change"), session.places(planned, &changes));
        if !ui.confirm(&what).await {
            ui.say("Nothing was written.");
            return Ok(Exit::Error);
        }
        // A question may stand for hours. What was agreed to is what was shown, so it must still be so.
        look_back(run, ui, &changes).await;
        let plan_id = session.plan_id(planned);
        let again = run.plan_locked(ui, Some(&plan_id), lock).await?;
        if !is_the_same(session, &again, planned) {
            ui.say(MOVED);
            return Ok(Exit::Stale);
        }
    }
    let plan_id = session.plan_id(planned);
    let report = carry_out(run, ui, planned, changes, &plan_id, lock.as_ref()).await?;
    if left_out > 0 {
        ui.say(&waits_for_saved_plan(left_out));
    }
    let exit = exit(Some(&report), &planned.plan, left_out);
    Ok(still_failing(ui, exit, expectations))
}

/// `apply FILE`: only what was approved, and only if all of it still holds.
async fn from_saved(
    run: Run<'_>,
    ui: &mut Ui,
    approved: &SavedPlan,
    lock: &mut Option<Lock>,
) -> Result<Exit, CliError> {
    let Run { args, session, .. } = run;
    look_back(run, ui, &approved.changes).await;
    let plan_id = approved.id();
    let planned = &run.plan_locked(ui, Some(&plan_id), lock).await?;
    let agreement = saved::agree(approved, &planned.plan, &session.desired, &planned.observed);
    let layout = report::text::Layout { width: ui.width, colour: ui.colour_on_stderr() };
    let moved_base = moved_base(session, approved);
    if agreement.refused.iter().any(|moved| moved.now == saved::Now::Unread) {
        show(ui, session, planned, None, Output::Text, Applies::Saved)?;
        ui.say(
            "Nothing was written: what stands under \"Not read\" above is needed to hold the saved plan against what is there. \
             What was approved is not void: do what it says there, and run this again.",
        );
        return Ok(Exit::Error);
    }
    if !agreement.holds() {
        if let Some(sentence) = moved_base {
            ui.say(&format!("note: {sentence}"));
        }
        ui.say("What was approved no longer holds; nothing was written:");
        ui.say(report::text::moved(&agreement.refused, layout).trim_end());
        ui.say("Plan again with `rolecall plan --save FILE`, have that approved, and apply it.");
        if planned.breaks_expectation() {
            ui.say("An expectation of the access files fails as well: `rolecall plan` says which.");
            return Ok(Exit::Expectation);
        }
        return Ok(Exit::Stale);
    }
    show(ui, session, planned, None, Output::Text, Applies::Saved)?;
    let beyond = approved.beyond(&planned.access.coming());
    if !beyond.is_empty() {
        let people: BTreeSet<&String> = beyond.iter().map(|beyond| &beyond.who).collect();
        let people = count(people.len(), "person").replace("persons", "people");
        ui.say(&format!("Nothing was written: {people} would come to what the saved plan did not show:"));
        ui.say(report::text::beyond(&beyond, layout).trim_end());
        ui.say("Plan again with `rolecall plan --save FILE`, have that approved, and apply it.");
        return Ok(Exit::Stale);
    }
    if let Some(sentence) = moved_base {
        ui.say(&format!("note: {sentence}: planned again, and every change is as approved"));
    }
    if agreement.ready.is_empty() && !agreement.already_held.is_empty() {
        ui.say(&format!(
            "Nothing to do: {} of the saved plan already so.",
            count(agreement.already_held.len(), "change")
        ));
    } else {
        for address in &agreement.already_held {
            ui.say(&format!("= {}  already so", address_text(address)));
        }
    }
    if let Some(exit) = refuse(ui, args, planned, &planned.plan.verdicts, &planned.expectations) {
        return Ok(exit);
    }
    if agreement.ready.is_empty() {
        let exit = without_writing(ui, &planned.plan, 0);
        return Ok(still_failing(ui, exit, &planned.expectations));
    }
    let report = carry_out(run, ui, planned, agreement.ready, &plan_id, lock.as_ref()).await?;
    let exit = exit(Some(&report), &planned.plan, 0);
    Ok(still_failing(ui, exit, &planned.expectations))
}

/// Says what forbids writing anything at all.
fn refuse(ui: &mut Ui, args: &Args, planned: &Planned, verdicts: &[Verdict], expectations: &[Judged]) -> Option<Exit> {
    match refusals(args.policy.strict, planned, verdicts, expectations).first()? {
        Refusal::Names => {
            ui.say("Nothing was written: with --strict, every name must resolve first.");
            Some(Exit::Error)
        }
        Refusal::Guards(refused) => {
            ui.say(&format!(
                "Nothing was written: {} refused. Each prints above what to add if it is meant.",
                count(*refused, "guard")
            ));
            let paths: Vec<String> = args.paths.iter().map(|path| path.display().to_string()).collect();
            let journal = args.journal.iter().flat_map(|file| ["--journal".to_owned(), file.display().to_string()]);
            let wait =
                args.lock_timeout.iter().flat_map(|wait| ["--lock-timeout".to_owned(), format!("{}s", wait.as_secs())]);
            let flags = args.yes.then(|| "--yes".to_owned()).into_iter();
            let flags: Vec<String> = flags.chain(wait).chain(journal).collect();
            again::offer(ui, verdicts, |agreed| again::apply(&paths, &flags, &args.connections, &args.policy, agreed));
            Some(Exit::Refused)
        }
        Refusal::Expectations(failed) => {
            ui.say(&format!(
                "Nothing was written: {} failed. Mend what is granted or what is expected.",
                count(*failed, "expectation")
            ));
            Some(Exit::Expectation)
        }
    }
}

/// What is expected and was not so before either, through no change of this plan, stops nothing; nor is it passed over.
fn still_failing(ui: &mut Ui, exit: Exit, expectations: &[Judged]) -> Exit {
    let failing: Vec<Judged> = expectations.iter().filter(|judged| judged.is_broken()).cloned().collect();
    if failing.is_empty() {
        return exit;
    }
    let layout = report::text::Layout { width: ui.width, colour: ui.colour_on_stderr() };
    ui.say(&format!("{} still:", count_failing(failing.len())));
    ui.say(report::text::expectations(&failing, layout).trim_end());
    if matches!(exit, Exit::Fine | Exit::Pending) { Exit::Expectation } else { exit }
}

fn count_failing(number: usize) -> String {
    format!("{} {}", count(number, "expectation"), if number == 1 { "fails" } else { "fail" })
}

fn waits_for_saved_plan(left_out: usize) -> String {
    format!(
        "Left out: {} that would reach a protected environment. Next: `rolecall plan --save FILE`, then `rolecall apply FILE`.",
        count(left_out, "change")
    )
}

/// Nothing is left to write: why that is decides the exit code.
fn without_writing(ui: &mut Ui, plan: &plan::Plan, left_out: usize) -> Exit {
    if left_out > 0 {
        ui.say(&format!("Nothing was written. {}", waits_for_saved_plan(left_out)));
    } else if !plan.withheld.is_empty() && plan.unread.is_empty() {
        ui.say("Nothing was written: all that is left is withheld, as said above.");
    }
    exit(None, plan, left_out)
}

/// Carries changes out, with a journal, and says what became of each.
async fn carry_out(
    run: Run<'_>,
    ui: &mut Ui,
    planned: &Planned,
    changes: Vec<Change>,
    plan_id: &str,
    lock: Option<&Lock>,
) -> Result<Report, CliError> {
    let Run { args, session, progress, .. } = run;
    let writers = session.writers(&changes).await?;
    let now = ui.now;
    let shown = args.journal.clone().unwrap_or_else(|| journal::default_path(now()));
    let header = journal::Header {
        config: session.desired.config.clone(),
        tenant: session.desired.tenant,
        identities: identities(planned),
        commit: session.commit(),
        tree: Some(session.loaded.tree_hash.clone()),
        plan: Some(plan_id.to_owned()),
        acknowledgements: session.policy.acknowledged.clone(),
    };
    look_back(run, ui, &changes).await;
    let since = run.since.get().cloned().unwrap_or_default();
    let ends = ends(ui, lock);
    let lost = || lock.and_then(Lock::lost);
    // As it was typed: a relative path may lie in a checkout, and is then reached without following links.
    let mut journal = Journal::create(&shown, &header, now).map_err(|error| no_journal(&error))?.with_since(since);
    let layout = report::text::Layout { width: ui.width, colour: ui.colour_on_stderr() };
    ui.say(&format!("\n{}", report::text::opening(&changes, &shown, layout)));
    progress.applying(changes.len());
    let outcomes = report::text::Outcomes::new(&changes, layout);
    ui.underway.writes(changes.len(), &shown);
    let mut gathered = report::text::Gathered::default();
    let mut told = 0;
    let result = {
        let mut listen = |event: Event<'_>| match event {
            Event::Started(change) => progress.started(&change.address),
            Event::Finished(change, outcome @ (Outcome::NotTried { .. } | Outcome::PendingReplication { .. })) => {
                progress.left(&change.address);
                gathered.add(change, outcome);
            }
            Event::Finished(change, outcome) => {
                told += 1;
                ui.underway.finished();
                progress.left(&change.address);
                progress.line(ui, &outcomes.line(change, outcome));
                if matches!(outcome, Outcome::Failed { .. }) {
                    gathered.add(change, outcome);
                }
            }
            Event::Stopping(_) => {
                let why = lost().map_or_else(|| "Interrupted".to_owned(), |why| format!("The lock was lost ({why})"));
                progress.note(ui, &format!("{why}: finishing what is in flight. A second signal ends it at once."));
                progress.finishing();
            }
        };
        execute(changes, writers, &mut journal, ends, &mut listen).await
    };
    progress.done();
    // What is known to be done is done, whoever has the lock by then.
    let lost = lost().filter(|_| result.as_ref().is_ok_and(|report| report.summary.stopped == Some(Stop::LockLost)));
    ui.say(&gathered.lines(&outcomes, told));
    if let Some(waited) = progress.waited() {
        ui.say(&waited);
    }
    let report = result.map_err(|error| no_journal(&error))?;
    if let Some(why) = lost {
        ui.say(&format!("! the lock was lost: {why}. Nothing was sent after that but what was in flight."));
    }
    let nothing_written = report.conclusion() == Conclusion::NothingWritten;
    let failure = report.journal_failure.as_ref().map(ToString::to_string);
    ui.say(&format!("\n{}", report::text::closing(&report.summary, nothing_written, failure.as_deref(), layout)));
    ui.say(&report::text::not_done(&planned.plan, layout));
    Ok(report)
}

/// Without a journal nothing is changed. Most errors say themselves where else it may be.
fn no_journal(error: &journal::JournalError) -> CliError {
    let told = CliError::user(format!("nothing was changed: {error}"));
    match error {
        journal::JournalError::Write { .. } => {
            told.hint("free space, or name another place with --journal FILE, then run it again")
        }
        journal::JournalError::Folder { .. }
        | journal::JournalError::Linked { .. }
        | journal::JournalError::Exists { .. }
        | journal::JournalError::Create { .. } => told,
    }
}

/// As whom we act, in Entra and on each cluster.
fn identities(planned: &Planned) -> journal::Identities {
    let tenant = planned.observed.tenant.as_ref().and_then(|tenant| tenant.as_ref().ok());
    let clusters = planned.observed.clusters.iter();
    journal::Identities {
        entra: tenant.map(|tenant| tenant.identity.label.clone()),
        environments: clusters
            .filter_map(|(name, cluster)| Some((name.clone(), cluster.as_ref().ok()?.username.clone())))
            .collect(),
    }
}

/// How an apply ended, as a number a script can act on. `None` is a run that had nothing to carry out.
fn exit(report: Option<&Report>, plan: &plan::Plan, left_out: usize) -> Exit {
    let unrecorded = report.is_some_and(|report| report.journal_failure.is_some());
    let withheld = !plan.withheld.is_empty();
    let incomplete = left_out > 0 || unrecorded || withheld || super::plan::exit(plan, false) == Exit::Error;
    match report.map(|report| (report.conclusion(), report.summary.stopped)) {
        Some((Conclusion::NothingWritten, Some(Stop::Interrupted))) => Exit::Interrupted,
        Some((Conclusion::NothingWritten, Some(Stop::LockLost) | None)) => Exit::Error,
        Some((Conclusion::Partial, _)) => Exit::Partial,
        Some((Conclusion::Done, _)) if incomplete => Exit::Partial,
        None if super::plan::exit(plan, false) == Exit::Error => Exit::Error,
        None if left_out > 0 => Exit::Refused,
        None if withheld => Exit::Pending,
        Some((Conclusion::Done, _)) | None => Exit::Fine,
    }
}

fn address_text(address: &Address) -> String {
    report::escape::line(&address.to_string())
}

fn count(number: usize, one: &str) -> String {
    format!("{number} {one}{}", if number == 1 { "" } else { "s" })
}
