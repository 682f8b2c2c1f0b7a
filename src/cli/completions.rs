//! `rolecall completions`

use clap_complete::Shell;

use super::error::CliError;
use super::exit::Exit;
use super::reference;
use super::ui::Ui;

/// Print the completions of a shell
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:
  rolecall completions bash > ~/.local/share/bash-completion/completions/rolecall
  rolecall completions zsh > ~/.zfunc/_rolecall   # with ~/.zfunc in $fpath
  rolecall completions fish > ~/.config/fish/completions/rolecall.fish")]
pub(super) struct Args {
    /// Which shell
    #[arg(value_enum)]
    shell: Shell,
}

pub(super) fn run(args: &Args, ui: &mut Ui) -> Result<Exit, CliError> {
    let mut text = Vec::new();
    clap_complete::generate(args.shell, &mut reference::program(), "rolecall", &mut text);
    ui.print(&String::from_utf8_lossy(&text))?;
    Ok(Exit::Fine)
}
