//! `rolecall man`

use std::path::PathBuf;

use super::error::CliError;
use super::exit::Exit;
use super::reference;
use super::ui::Ui;

/// Write the man pages into a folder
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  rolecall man ~/.local/share/man/man1\n  rolecall man /tmp/man && man /tmp/man/rolecall-plan.1"
)]
pub(super) struct Args {
    /// The folder; it is made when it is not there, and pages of the same names are replaced
    #[arg(value_name = "DIR")]
    folder: PathBuf,
}

pub(super) fn run(args: &Args, ui: &mut Ui) -> Result<Exit, CliError> {
    let folder = ui.resolve(&args.folder);
    let pages = reference::man_pages()?;
    // The message of `fs_err` says which file, and what was tried.
    let unwritable =
        |error: std::io::Error| CliError::user(error.to_string()).hint("name a folder that you may write to");
    fs_err::create_dir_all(&folder).map_err(unwritable)?;
    for (name, text) in &pages {
        fs_err::write(folder.join(name), text).map_err(unwritable)?;
    }
    ui.say(&format!("Wrote {} pages into {}.", pages.len(), folder.display()));
    Ok(Exit::Fine)
}
