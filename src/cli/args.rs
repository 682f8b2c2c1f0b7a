//! The command line: what can be typed. Each command's own arguments stand in the command's file.

use std::path::PathBuf;

use clap::builder::styling::{AnsiColor, Styles};
use clap::builder::{PossibleValue, PossibleValuesParser, TypedValueParser as _};
use clap::{Args, Parser, Subcommand, ValueEnum};

use super::error::CliError;
use super::ui::Ui;
use super::{
    access, apply, comment, completions, demo, doctor, drift, exit, lint, log, man, plan, sandbox, schema, snapshot,
    validate, verify, who_can, why,
};
use crate::providers::http::credential::SourceName;
use crate::state::{Acknowledgement, EnvironmentName, Policy, RemovalLimits, Target};

const STYLES: Styles = Styles::styled()
    .header(AnsiColor::Green.on_default().bold())
    .usage(AnsiColor::Green.on_default().bold())
    .literal(AnsiColor::Cyan.on_default().bold())
    .placeholder(AnsiColor::Cyan.on_default());

/// Access to Kubernetes as code, for companies on Microsoft Entra ID
///
/// A folder of YAML access files says who is in which Entra group and what those groups may do on which cluster. rolecall
/// compares that with the live tenant and the live clusters, shows what would change for people, and applies it.
#[derive(Debug, Parser)]
#[command(name = "rolecall", version, styles = STYLES, after_long_help = exit::HELP, after_help = "See --help for exit codes.")]
#[command(disable_help_subcommand = true, max_term_width = 100)]
pub(super) struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub(super) command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub(super) enum Command {
    Demo(demo::Args),
    Validate(validate::Args),
    Lint(lint::Args),
    Plan(plan::Args),
    Apply(apply::Args),
    Drift(drift::Args),
    Verify(verify::Args),
    WhoCan(who_can::Args),
    Why(why::Args),
    Access(access::Args),
    Log(log::Args),
    Doctor(doctor::Args),
    Comment(comment::Args),
    Snapshot(snapshot::Args),
    Sandbox(sandbox::Args),
    Schema(schema::Args),
    Completions(completions::Args),
    Man(man::Args),
}

/// How a result is written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub(super) enum Output {
    /// For people.
    #[default]
    Text,
    /// For programs; see `rolecall schema`.
    Json,
}

/// How to reach the tenant and the clusters. None of this is ever read from the access files.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Connections")]
pub(super) struct ConnectionArgs {
    /// Use the embedded tenant and clusters whose state lives in DIR; no other host is contacted
    ///
    /// An empty or missing DIR is filled from the access files themselves: their people, clusters and namespaces.
    #[arg(long, value_name = "DIR")]
    pub(super) sandbox: Option<PathBuf>,
    /// Read endpoints, CAs and the way to each cluster from FILE, which must lie outside the access files
    /// [default: `$ROLECALL_CONNECTIONS`]
    #[arg(long, value_name = "FILE", conflicts_with = "sandbox")]
    pub(super) connections: Option<PathBuf>,
    /// The kubeconfig whose contexts the environments name [default: $KUBECONFIG, then ~/.kube/config]
    #[arg(long, value_name = "FILE", conflicts_with = "sandbox")]
    pub(super) kubeconfig: Option<PathBuf>,
    /// Run credential plugins of a kubeconfig that is neither $KUBECONFIG nor ~/.kube/config
    #[arg(long)]
    pub(super) allow_exec: bool,
    /// Take the credential for Entra from this source only [default: `$ROLECALL_AUTH`, then the first of them that is set up]
    #[arg(long, value_name = "NAME", value_parser = source_parser(), conflicts_with = "sandbox")]
    pub(super) auth: Option<SourceName>,
}

/// The sources by their names, straight from their table.
fn source_parser() -> impl clap::builder::TypedValueParser<Value = SourceName> {
    let names = SourceName::all().map(|(name, about)| PossibleValue::new(name.as_str()).help(about));
    PossibleValuesParser::new(names).try_map(|name| name.parse::<SourceName>())
}

impl ConnectionArgs {
    /// The only source to use, if one was picked.
    pub(super) fn auth(&self, ui: &Ui) -> Result<Option<SourceName>, CliError> {
        if self.auth.is_some() {
            return Ok(self.auth);
        }
        let named = ui.variable("ROLECALL_AUTH").map(|name| (name, name.parse()));
        named
            .map(|(name, parsed)| parsed.map_err(|error| CliError::user(format!("ROLECALL_AUTH is `{name}`: {error}"))))
            .transpose()
    }
}

/// What is planned, and what the person running this has agreed to.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Scope and guards")]
pub(super) struct PolicyArgs {
    /// Plan only this; nothing outside is changed or pruned (can be repeated)
    #[arg(long, value_name = "ENV|entra|group/NAME")]
    pub(super) only: Vec<Target>,
    /// Agree to what a guard refuses, spelt as the plan prints it (can be repeated)
    #[arg(long, value_name = "GUARD:SUBJECT")]
    pub(super) acknowledge: Vec<Acknowledgement>,
    /// Count names that cannot be resolved as errors
    #[arg(long)]
    pub(super) strict: bool,
    /// Go on without failing when this environment cannot be reached (can be repeated)
    #[arg(long, value_name = "ENV")]
    pub(super) allow_unreachable: Vec<EnvironmentName>,
}

impl PolicyArgs {
    pub(super) fn policy(&self) -> Policy {
        Policy {
            limits: RemovalLimits::default(),
            acknowledged: self.acknowledge.iter().cloned().collect(),
            strict: self.strict,
            allow_unreachable: self.allow_unreachable.iter().cloned().collect(),
            only: crate::state::Only(self.only.iter().cloned().collect()),
            ..Policy::default()
        }
    }
}
