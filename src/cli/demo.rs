//! `rolecall demo`

use std::path::{Path, PathBuf};

use super::args::{Cli, Command};
use super::error::CliError;
use super::exit::Exit;
use super::ui::Ui;
use super::{apply, doctor, files, plan, validate};
use crate::report;
use crate::sandbox::Sandbox;

/// See the main job done, with no account and no cluster
///
/// Makes an embedded tenant and an embedded cluster, runs the quickstart's commands one by one, and asks the cluster what
/// that changed. Nothing outside a temporary folder is touched.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  rolecall demo\n  rolecall demo --keep try   # keeps the access files and the sandbox in ./try"
)]
pub(super) struct Args {
    /// Keep the access files and the sandbox in DIR, to go on from there; what an earlier demo left there is replaced
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
}

const FILES: [(&str, &str); 1] = [("rolecall.yaml", include_str!("../../examples/quickstart/rolecall.yaml"))];

/// What `--keep` keeps.
const ACCESS: &str = "quickstart";
const SANDBOX: &str = "sandbox";
const JOURNAL: &str = "journal.jsonl";

pub(super) async fn run(args: &Args, ui: &mut Ui) -> Result<Exit, CliError> {
    let temporary;
    let (folder, shown) = if let Some(shown) = &args.keep {
        let folder = ui.resolve(shown);
        start_anew(&folder, shown)?;
        (folder, shown.clone())
    } else {
        temporary = temporary_folder()?;
        (temporary.path().to_owned(), PathBuf::new())
    };
    write_files(&folder.join(ACCESS), &shown.join(ACCESS))?;
    // The commands read as a person would type them: where they are kept, from the folder that they are in.
    let here = match args.keep {
        Some(_) => ui.folder.clone(),
        None => std::mem::replace(&mut ui.folder, folder.clone()),
    };
    let [access, sandbox] = [ACCESS, SANDBOX].map(|name| shown.join(name).display().to_string());
    let result = quickstart(ui, &access, &sandbox, &folder.join(JOURNAL)).await;
    ui.folder = here;
    result?;
    ui.print("\nThat is the whole job.")?;
    if args.keep.is_some() {
        let journal = shown.join(JOURNAL).display().to_string();
        ui.print(&format!(
            "Kept: the access file in {access}, the sandbox in {sandbox}, the journal of the apply in {journal}.\n\
             Change the access file, and see what that would do:\n\n    rolecall plan {} --sandbox {}",
            report::escape::shell_word(&access),
            report::escape::shell_word(&sandbox),
        ))?;
    } else {
        ui.print(
            "Next: your own files, still without touching anything real:\n\n    \
             rolecall plan FOLDER --sandbox DIR",
        )?;
    }
    Ok(Exit::Fine)
}

/// What an earlier demo left is replaced; anything else is not ours to touch.
fn start_anew(folder: &Path, shown: &Path) -> Result<(), CliError> {
    let unusable = |error: std::io::Error| {
        CliError::user(format!("{}: {}", shown.display(), files::reason(&error)))
            .hint("name a folder that is new or empty, in a place that you may write to")
    };
    fs_err::create_dir_all(folder).map_err(unusable)?;
    let names = fs_err::read_dir(folder).map_err(unusable)?.map(|entry| entry.map(|entry| entry.file_name()));
    let names: Vec<_> = names.collect::<Result<_, _>>().map_err(unusable)?;
    if names.is_empty() {
        return Ok(());
    }
    let is_demo = names.iter().all(|name| [ACCESS, SANDBOX, JOURNAL].iter().any(|ours| name == ours))
        && folder.join(ACCESS).join(FILES[0].0).is_file()
        && Sandbox::is_at(&folder.join(SANDBOX));
    let why = if !is_demo {
        "the folder is not empty and holds no demo"
    } else if FILES
        .iter()
        .any(|(name, text)| fs_err::read_to_string(folder.join(ACCESS).join(name)).is_ok_and(|found| found != *text))
    {
        "it holds a demo whose access file you have changed"
    } else {
        fs_err::remove_dir_all(folder.join(SANDBOX)).map_err(unusable)?;
        return match fs_err::remove_file(folder.join(JOURNAL)) {
            Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(unusable(error)),
            _ => Ok(()),
        };
    };
    let (access, sandbox) = (shown.join(ACCESS), shown.join(SANDBOX));
    let error = CliError::user(format!("{}: {why}, so it was left alone", shown.display())).hint("name a new folder");
    Err(if is_demo {
        error.hint(format!("or go on with it: rolecall plan {} --sandbox {}", access.display(), sandbox.display()))
    } else {
        error
    })
}

fn temporary_folder() -> Result<tempfile::TempDir, CliError> {
    tempfile::tempdir().map_err(|error| {
        CliError::user(format!(
            "no temporary folder can be made in {}: {}",
            std::env::temp_dir().display(),
            files::reason(&error)
        ))
        .hint("set TMPDIR to a folder that you may write to, or name one with --keep")
    })
}

async fn quickstart(ui: &mut Ui, access: &str, sandbox: &str, journal: &Path) -> Result<(), CliError> {
    ui.print("An embedded tenant and an embedded cluster stand in for Entra and for k3s. The access file:\n\n")?;
    ui.print(&numbered(FILES[0].1))?;
    step(ui, &["validate", access]).await?;
    step(ui, &["plan", access, "--sandbox", sandbox]).await?;
    // The journal would go below the folder that the process was started in.
    let journal = journal.display().to_string();
    step_as(ui, &["apply", access, "--sandbox", sandbox, "--yes"], &["--journal", &journal]).await?;
    step(ui, &["verify", access, "--sandbox", sandbox]).await?;
    step(ui, &["plan", access, "--sandbox", sandbox]).await
}

/// Prints a command as a person would type it, then runs it. One that does not end well ends the demo.
async fn step(ui: &mut Ui, line: &[&str]) -> Result<(), CliError> {
    step_as(ui, line, &[]).await
}

/// The same with arguments that are not shown.
async fn step_as(ui: &mut Ui, line: &[&str], more: &[&str]) -> Result<(), CliError> {
    let shown: Vec<_> = line.iter().map(|word| report::escape::shell_word(word)).collect();
    ui.print(&format!("\n$ rolecall {}\n", shown.join(" ")))?;
    let arguments = ["rolecall"].iter().chain(line).chain(more);
    let parsed = <Cli as clap::Parser>::try_parse_from(arguments).map_err(|error| CliError::user(error.to_string()))?;
    let exit = match parsed.command {
        Command::Validate(args) => validate::run(&args, ui)?,
        Command::Plan(args) => plan::run(&args, ui).await?,
        Command::Apply(args) => apply::run(&args, ui).await?,
        Command::Drift(args) => Box::pin(super::drift::run(&args, ui)).await?,
        Command::Verify(args) => Box::pin(super::verify::run(&args, ui)).await?,
        Command::WhoCan(args) => Box::pin(super::who_can::run(&args, ui)).await?,
        Command::Why(args) => Box::pin(super::why::run(&args, ui)).await?,
        Command::Access(args) => Box::pin(super::access::run(&args, ui)).await?,
        Command::Doctor(args) => Box::pin(doctor::run(&args, ui)).await?,
        Command::Demo(_)
        | Command::Lint(_)
        | Command::Log(_)
        | Command::Snapshot(_)
        | Command::Sandbox(_)
        | Command::Schema(_)
        | Command::Completions(_)
        | Command::Comment(_)
        | Command::Man(_) => Exit::Usage,
    };
    if exit == Exit::Fine {
        Ok(())
    } else {
        Err(CliError::user(format!("`rolecall {}` ended with exit code {}", line.join(" "), exit.code())).exit(exit))
    }
}

/// The access files of the quickstart.
fn write_files(folder: &Path, shown: &Path) -> Result<(), CliError> {
    let wrote = fs_err::create_dir_all(folder)
        .and_then(|()| FILES.iter().try_for_each(|(name, text)| fs_err::write(folder.join(name), text)));
    wrote.map_err(|error| {
        CliError::user(format!("{}: {}", shown.display(), files::reason(&error)))
            .hint("name a folder that you may write to with --keep")
    })
}

/// As it is, with the numbers by which the commands refer to its lines.
fn numbered(text: &str) -> String {
    text.lines().zip(1..).fold(String::new(), |all, (line, number)| {
        let row = format!("  {number:>3}  {line}");
        all + row.trim_end() + "\n"
    })
}
