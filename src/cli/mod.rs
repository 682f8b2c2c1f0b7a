//! The command line: one file a command, with its arguments and a `run` that calls library functions.

use std::ffi::OsString;
use std::io;

use clap::Parser as _;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use tokio::runtime::{Builder, Runtime};

mod access;
mod again;
mod annotate;
mod apply;
mod args;
mod blocking;
mod comment;
mod completions;
mod connections;
mod demo;
mod doctor;
mod documents;
#[doc(hidden)]
pub mod door;
mod drift;
mod error;
mod exit;
mod files;
mod history;
mod length;
mod lint;
mod lock;
mod log;
mod man;
mod plan;
mod progress;
mod questions;
mod recorded;
mod reference;
mod refusal;
mod sandbox;
mod saved_file;
mod schema;
mod seed;
mod session;
mod signals;
mod snapshot;
mod ui;
mod underway;
mod validate;
mod verify;
mod who_can;
mod why;

pub use exit::Exit;
pub use reference::reference;
pub use ui::Ui;

use args::{Cli, Command};
use error::CliError;
use signals::Ended;

use crate::report;

/// Runs one command line, the program's name first, and says how it ended.
pub fn run(arguments: impl IntoIterator<Item = OsString>, ui: &mut Ui) -> Exit {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => return explain_usage(error, ui),
    };
    let runtime = match runtime_for(&cli.command) {
        Ok(runtime) => runtime,
        Err(error) => {
            ui.say(&format!("error: could not start: {error}"));
            return Exit::Error;
        }
    };
    let result = runtime.block_on(until_interrupted(cli.command, ui));
    // A server of a sandbox or a slow connection must not keep a finished command alive.
    runtime.shutdown_background();
    result.unwrap_or_else(|error| explain(&error, ui))
}

/// What waits for nothing gets neither threads nor a reactor: `validate` on every save is to be quick.
fn runtime_for(command: &Command) -> io::Result<Runtime> {
    match command {
        Command::Validate(_)
        | Command::Lint(_)
        | Command::Log(_)
        | Command::Schema(_)
        | Command::Completions(_)
        | Command::Man(_) => Builder::new_current_thread().build(),
        Command::Demo(_)
        | Command::Plan(_)
        | Command::Apply(_)
        | Command::Drift(_)
        | Command::Verify(_)
        | Command::WhoCan(_)
        | Command::Why(_)
        | Command::Access(_)
        | Command::Doctor(_)
        | Command::Comment(_)
        | Command::Snapshot(_)
        | Command::Sandbox(_) => Builder::new_multi_thread().enable_all().build(),
    }
}

/// Runs a command. What only reads, and `apply` up to its first change, ends at once at a signal, and from then on at a second
/// one; it says what that means.
async fn until_interrupted(command: Command, ui: &mut Ui) -> Result<Exit, CliError> {
    match command {
        Command::Plan(_)
        | Command::Apply(_)
        | Command::Drift(_)
        | Command::Verify(_)
        | Command::WhoCan(_)
        | Command::Why(_)
        | Command::Access(_)
        | Command::Doctor(_)
        | Command::Snapshot(_) => {}
        Command::Demo(_)
        | Command::Validate(_)
        | Command::Lint(_)
        | Command::Comment(_)
        | Command::Log(_)
        | Command::Sandbox(_)
        | Command::Schema(_)
        | Command::Completions(_)
        | Command::Man(_) => return dispatch(command, ui).await,
    }
    let (signals, underway) = (ui.signals.clone(), ui.underway.clone());
    let ended = tokio::select! {
        // Signals are listened for before anything else is done.
        biased;
        ended = signals.ended() => Err(ended),
        result = dispatch(command, ui) => Ok(result),
    };
    ended.unwrap_or_else(|ended| {
        underway.clear();
        let start = if ui.stderr_is_terminal { "\n" } else { "" };
        let (what, exit) = match ended {
            Ended::BeforeWriting => ("Interrupted; nothing was written.".to_owned(), Exit::Interrupted),
            Ended::WhileWriting => match underway.told() {
                Some(told) => (
                    format!(
                        "Interrupted twice: ended at once, {told}. What was in flight may have been done; in the journal it has \
                         no outcome. Run it again: what is done stays done."
                    ),
                    Exit::Partial,
                ),
                None => ("Interrupted twice: ended at once; nothing was written.".to_owned(), Exit::Interrupted),
            },
        };
        ui.say(&format!("{start}{}", report::text::paragraph("", &what, line_width(ui))));
        if let Some(place) = underway.locked() {
            let stays = format!(
                "The lock was not given back: {place}. It is free by itself in {}; until then another apply waits for it.",
                lock::lasts()
            );
            ui.say(&report::text::paragraph("", &stays, line_width(ui)));
        }
        Ok(exit)
    })
}

/// At a terminal lines are wrapped; a line of a log stays one line, so that it is found again.
fn line_width(ui: &Ui) -> usize {
    if ui.stderr_is_terminal { ui.width } else { usize::MAX }
}

async fn dispatch(command: Command, ui: &mut Ui) -> Result<Exit, CliError> {
    match command {
        Command::Demo(args) => Box::pin(demo::run(&args, ui)).await,
        Command::Validate(args) => validate::run(&args, ui),
        Command::Lint(args) => lint::run(&args, ui),
        Command::Plan(args) => plan::run(&args, ui).await,
        Command::Apply(args) => apply::run(&args, ui).await,
        Command::Drift(args) => Box::pin(drift::run(&args, ui)).await,
        Command::Verify(args) => Box::pin(verify::run(&args, ui)).await,
        Command::WhoCan(args) => Box::pin(who_can::run(&args, ui)).await,
        Command::Why(args) => Box::pin(why::run(&args, ui)).await,
        Command::Access(args) => Box::pin(access::run(&args, ui)).await,
        Command::Log(args) => log::run(&args, ui),
        Command::Doctor(args) => Box::pin(doctor::run(&args, ui)).await,
        Command::Comment(args) => Box::pin(comment::run(&args, ui)).await,
        Command::Snapshot(args) => Box::pin(snapshot::run(&args, ui)).await,
        Command::Sandbox(args) => sandbox::run(&args, ui).await,
        Command::Schema(args) => schema::run(&args, ui),
        Command::Completions(args) => completions::run(&args, ui),
        Command::Man(args) => man::run(&args, ui),
    }
}

/// Help and version are asked for; everything else clap says is a usage error, whose code 2 means something else here.
fn explain_usage(mut error: clap::Error, ui: &mut Ui) -> Exit {
    match error.kind() {
        ErrorKind::DisplayHelp | ErrorKind::DisplayVersion => {
            let text = error.render();
            let text = if ui.colour_on_stdout() { text.ansi().to_string() } else { text.to_string() };
            match ui.print(&text) {
                Ok(()) => Exit::Fine,
                Err(error) => explain(&CliError::from(error), ui),
            }
        }
        _ => {
            if let Some(tip) = tip(&error) {
                // What clap guesses by the letters is beside the point.
                error.remove(ContextKind::SuggestedArg);
                error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
            }
            let text = error.render();
            ui.say(&if ui.colour_on_stderr() { text.ansi().to_string() } else { text.to_string() });
            Exit::Usage
        }
    }
}

/// What was meant by a flag that others have and we do not.
fn tip(error: &clap::Error) -> Option<&'static str> {
    let argument = error.get(ContextKind::InvalidArg)?.to_string();
    let usage = error.get(ContextKind::Usage).map(ToString::to_string).unwrap_or_default();
    let is_of = |commands: &[&str]| commands.iter().any(|command| usage.contains(&format!("rolecall {command}")));
    let (is_apply, is_plan) = (is_of(&["apply"]), is_of(&["plan", "apply", "drift"]));
    match argument.split_once('=').map_or(argument.as_str(), |(flag, _)| flag) {
        "--json" | "-o" | "--output" if is_apply => {
            Some("what `apply` writes for programs is its journal: name it with `--journal FILE`")
        }
        "--json" => Some("did you mean `--output json`?"),
        "--base" if is_apply => Some(
            "`rolecall plan --base REF --save FILE` shows what a change causes, and `rolecall apply FILE` carries that plan out",
        ),
        "--save" if is_apply => {
            Some("`rolecall plan --save FILE` saves a plan, and `rolecall apply FILE` carries it out")
        }
        "--dry-run" | "--check" if is_apply => Some("`rolecall plan` shows what `apply` would do, and changes nothing"),
        "--force" | "-f" if is_apply => {
            Some("what a guard refuses is agreed to one by one: `--acknowledge GUARD:SUBJECT`, as the plan prints it")
        }
        "--auto-approve" if is_apply => Some("`--yes` applies without asking"),
        "-e" | "--environment" | "--target" if is_plan => Some("`--only ENV` plans a part, e.g. `--only alpha`"),
        "-e" | "--environment" | "--only" if is_of(&["snapshot"]) => {
            Some("a snapshot is of all environments; `--allow-unreachable ENV` lets one be out of reach")
        }
        "--only" if is_of(&["verify", "who-can", "why", "access", "doctor"]) => {
            Some("`-e ENV` asks about one environment, e.g. `-e alpha`")
        }
        _ => None,
    }
}

fn explain(error: &CliError, ui: &mut Ui) -> Exit {
    if error.quiet {
        return Exit::Fine;
    }
    let width = line_width(ui);
    if error.worded {
        // Made by our own renderer, which has escaped it already.
        ui.say(&error.message);
    } else {
        ui.say(&report::text::paragraph("error: ", &error.message, width));
    }
    for hint in &error.hints {
        ui.say(&report::text::paragraph("  help: ", hint, width));
    }
    error.exit
}
