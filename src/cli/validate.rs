//! `rolecall validate`

use std::path::PathBuf;

use super::args::Output;
use super::error::CliError;
use super::exit::Exit;
use super::session;
use super::ui::Ui;
use crate::config;
use crate::report::{escape, findings};

/// Check the access files and report every mistake in one run
///
/// Nothing is contacted: no tenant, no cluster.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  rolecall validate\n  rolecall validate access/teams/payments.yaml   # stands for the whole config\n  rolecall validate --output json | jq .findings"
)]
pub(super) struct Args {
    /// The folder of the access files, or any file in it
    #[arg(default_value = ".")]
    path: PathBuf,
    /// How the result is written
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
}

pub(super) fn run(args: &Args, ui: &mut Ui) -> Result<Exit, CliError> {
    let loaded = config::load(&ui.resolve(&args.path));
    let exit = if loaded.config.is_some() { Exit::Fine } else { Exit::Error };
    match args.output {
        Output::Json => {
            let value = findings::json(&loaded.findings, &loaded.sources);
            ui.print(&escape::json(&format!("{value:#}")))?;
        }
        Output::Text => {
            if !loaded.findings.is_empty() {
                let text = findings::render(&loaded.findings, &loaded.sources, &session::style(ui));
                ui.say(&text);
            }
            if let Some(config) = &loaded.config {
                ui.print(&summary(config, loaded.sources.iter().count()))?;
            }
        }
    }
    Ok(exit)
}

fn summary(config: &config::Config, files: usize) -> String {
    let count = |number: usize, one: &str| format!("{number} {one}{}", if number == 1 { "" } else { "s" });
    format!(
        "{} is well formed: {}, {}, {}, {}, {}.",
        config.name.value,
        count(files, "file"),
        count(config.environments.len(), "environment"),
        count(config.groups.len(), "group"),
        count(config.roles.len(), "role"),
        count(config.grants.len(), "grant"),
    )
}
