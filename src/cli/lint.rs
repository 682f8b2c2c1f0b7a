//! `rolecall lint`

use std::path::PathBuf;

use clap::ValueEnum;
use clap::builder::PossibleValuesParser;

use super::annotate::{AnnotateArgs, Annotations, base};
use super::error::CliError;
use super::exit::Exit;
use super::session;
use super::ui::Ui;
use crate::config::{self, Loaded};
use crate::diagnostics::Severity;
use crate::lint::{self, LINTS};
use crate::report::{self, escape, findings};

/// Find what is well formed in the access files and still not wise
///
/// Nothing is contacted: no tenant, no cluster. Exits with 7 when it tells a finding that is more than a note, and with 1 when
/// the files have mistakes. The root file says under `lint` what the findings of a rule count as, with a reason.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  rolecall lint\n  rolecall lint access/ --output sarif > lint.sarif   # for code scanning\n  rolecall lint --severity warning --rule wildcard-rule --rule escalation-road\n  rolecall lint --explain wildcard-rule"
)]
pub(super) struct Args {
    /// The folder of the access files, or any file in it
    #[arg(default_value = ".")]
    path: PathBuf,
    /// How the result is written
    #[arg(long, short, value_enum, default_value_t)]
    output: Output,
    /// Tell what this rule finds only (can be repeated)
    #[arg(long = "rule", value_name = "RULE", hide_possible_values = true)]
    #[arg(value_parser = PossibleValuesParser::new(LINTS.iter().map(|lint| lint.rule.id)))]
    rules: Vec<String>,
    /// Tell only what is at least as bad as this
    #[arg(long, value_name = "LEVEL", value_enum)]
    severity: Option<Level>,
    /// Print why a rule is there, an example, and what to do
    #[arg(long, value_name = "RULE", value_parser = PossibleValuesParser::new(LINTS.iter().map(|lint| lint.rule.id)))]
    #[arg(conflicts_with_all = ["path", "output", "rules", "severity"], hide_possible_values = true)]
    explain: Option<String>,
    #[command(flatten)]
    annotate: AnnotateArgs,
}

/// How bad a finding is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Level {
    /// Everything.
    Note,
    /// What `lint` fails by.
    Warning,
    /// Errors alone.
    Error,
}

impl From<Level> for Severity {
    fn from(level: Level) -> Self {
        match level {
            Level::Note => Self::Note,
            Level::Warning => Self::Warning,
            Level::Error => Self::Error,
        }
    }
}

/// How findings are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Output {
    /// For people.
    #[default]
    Text,
    /// For programs; see `rolecall schema lint`.
    Json,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
}

pub(super) fn run(args: &Args, ui: &mut Ui) -> Result<Exit, CliError> {
    if let Some(lint) = LINTS.iter().find(|lint| args.explain.as_deref() == Some(lint.rule.id)) {
        ui.print(&lint::text(lint))?;
        return Ok(Exit::Fine);
    }
    let annotations = Annotations::begin(ui, &args.annotate)?;
    let loaded = config::load(&ui.resolve(&args.path));
    let Some(config) = &loaded.config else {
        annotations.write(ui, &loaded.findings, &loaded)?;
        return mistakes(args.output, &loaded, ui);
    };
    let mut report = lint::lint(config, &loaded.sources);
    report.keep(&args.rules, args.severity.map_or(Severity::Note, Severity::from));
    annotations.write(ui, &report.findings, &loaded)?;
    let text = match args.output {
        Output::Text => report::lint::render(&report, &loaded.sources, &session::style_of_output(ui)),
        Output::Json => report::lint::lint_v1(&report, &loaded.sources),
        Output::Sarif => report::lint::sarif(&report.findings, &loaded.sources, &base(&loaded)),
    };
    ui.print(&text)?;
    Ok(if report.fails() { Exit::Lint } else { Exit::Fine })
}

/// The same as from `validate`; code scanning shows them as well.
fn mistakes(output: Output, loaded: &Loaded, ui: &mut Ui) -> Result<Exit, CliError> {
    let Loaded { findings, sources, .. } = loaded;
    match output {
        Output::Text => ui.say(&findings::render(findings, sources, &session::style(ui))),
        Output::Json => ui.print(&escape::json(&format!("{:#}", findings::json(findings, sources))))?,
        Output::Sarif => ui.print(&report::lint::sarif(findings, sources, &base(loaded)))?,
    }
    Ok(Exit::Error)
}
