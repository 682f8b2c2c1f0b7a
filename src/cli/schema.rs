//! `rolecall schema`

use clap::ValueEnum;

use super::error::CliError;
use super::exit::Exit;
use super::ui::Ui;
use crate::{apply, config, report};

/// Print the JSON Schema of the access files, for editors, or of what rolecall writes
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  rolecall schema > access.schema.json\n  rolecall schema plan")]
pub(super) struct Args {
    /// Which schema
    #[arg(value_enum, default_value_t)]
    of: Of,
}

#[derive(Clone, Copy, Debug, Default, ValueEnum)]
enum Of {
    /// The access files
    #[default]
    Access,
    /// The output of `plan --output json`
    Plan,
    /// The output of `drift --output json`
    Drift,
    /// What `plan` and `drift` write with `json` where they fail
    Failure,
    /// The output of `who-can`, `why` and `access` with `--output json`
    Answer,
    /// The output of `verify --output json`
    Verification,
    /// The output of `log --output json`
    History,
    /// The output of `doctor --output json`
    Doctor,
    /// The output of `lint --output json`
    Lint,
    /// The journal that `apply` writes
    Journal,
}

pub(super) fn run(args: &Args, ui: &mut Ui) -> Result<Exit, CliError> {
    let schema = match args.of {
        Of::Access => format!("{:#}", config::schema()),
        Of::Plan => report::json::plan_schema(),
        Of::Drift => report::json::drift_schema(),
        Of::Failure => report::json::failure_schema(),
        Of::Answer => report::json::answer_schema(),
        Of::Verification => report::json::verification_schema(),
        Of::History => report::json::history_schema(),
        Of::Doctor => report::json::doctor_schema(),
        Of::Lint => report::lint::lint_schema(),
        Of::Journal => apply::journal::journal_schema(),
    };
    ui.print(&schema)?;
    Ok(Exit::Fine)
}
