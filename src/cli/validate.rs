//! `rolecall validate`

use std::collections::BTreeSet;
use std::path::PathBuf;

use super::args::Output;
use super::error::CliError;
use super::exit::Exit;
use super::session;
use super::ui::Ui;
use crate::access::expectations::{Judged, What};
use crate::diagnostics::{Finding, Label, Rule, Severity, Span};
use crate::report::{escape, findings, text};
use crate::state::Origin;
use crate::{access, config, desired};

/// Check the access files and report every mistake in one run
///
/// Expectations are judged by the files alone. Nothing is contacted: no tenant, no cluster.
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

/// What is expected does not follow from what is granted.
static EXPECTATION_FAILED: Rule = Rule {
    id: "expectation-failed",
    severity: Severity::Error,
    summary: "What the files expect of somebody follows from what they grant.",
};

pub(super) fn run(args: &Args, ui: &mut Ui) -> Result<Exit, CliError> {
    let mut loaded = config::load(&ui.resolve(&args.path));
    let judged = loaded.config.as_ref().map(|config| judge(config, &loaded)).unwrap_or_default();
    let failed: Vec<Finding> = match &loaded.config {
        Some(config) => {
            judged.iter().filter(|each| each.is_broken()).map(|each| failed(each, config, &loaded)).collect()
        }
        None => Vec::new(),
    };
    let exit = match (&loaded.config, failed.is_empty()) {
        (None, _) => Exit::Error,
        (Some(_), false) => Exit::Expectation,
        (Some(_), true) => Exit::Fine,
    };
    loaded.findings.extend(failed);
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
            let unknown: Vec<Judged> = judged.iter().filter(|each| each.is_unknown()).cloned().collect();
            if !unknown.is_empty() {
                let layout = text::Layout { width: ui.width, colour: ui.colour_on_stderr() };
                ui.say("Only the live systems tell (`plan`, `verify`):");
                ui.say(text::expectations(&unknown, layout).trim_end());
            }
            if let Some(config) = &loaded.config {
                ui.print(&summary(config, loaded.sources.iter().count()))?;
                if !judged.is_empty() {
                    ui.print(&expected(&judged))?;
                }
            }
        }
    }
    Ok(exit)
}

fn judge(config: &config::Config, loaded: &config::Loaded) -> Vec<Judged> {
    access::expectations::asked(&desired::compile(config, &loaded.sources))
}

/// A broken expectation at its place, with what breaks it.
fn failed(judged: &Judged, config: &config::Config, loaded: &config::Loaded) -> Finding {
    let at = |span: &&Span, origin: &Origin| loaded.sources.origin(**span) == *origin;
    let of_expectations = config.expectations.iter().flat_map(|each| {
        let requests = each.can.iter().chain(&each.cannot).map(|request| (&request.value, &request.span));
        let requests = requests.map(|(request, span)| (Some(request), span));
        requests.chain(each.only.iter().map(|only| (None, &only.span)))
    });
    let asked = match &judged.expected {
        What::Can(request) | What::Cannot(request) => Some(request),
        What::Only(_) => None,
    };
    let place = of_expectations.filter(|(request, _)| *request == asked).map(|(_, span)| span);
    let place = place.into_iter().find(|span| at(span, &judged.origin));
    let grants = config.grants.iter().map(|grant| &grant.span);
    let members = config.groups.values().flat_map(|group| group.members.iter().map(|member| &member.span));
    let lines: BTreeSet<&Origin> = text::reasons(judged).iter().flat_map(|why| &why.lines).collect();
    let grants = grants.filter(|span| lines.iter().any(|line| at(span, line))).map(|span| (span, "granted here"));
    let members = members.filter(|span| lines.iter().any(|line| at(span, line))).map(|span| (span, "a member here"));
    let expected = place.into_iter().map(|span| (span, "expected here"));
    let labels = expected.chain(grants).chain(members);
    let reasons: Vec<String> = text::reasons(judged).iter().map(text::because).collect();
    Finding {
        rule: &EXPECTATION_FAILED,
        severity: Severity::Error,
        message: text::sentence(judged),
        labels: labels.map(|(span, text)| Label { span: *span, text: text.to_owned() }).collect(),
        file: Some(judged.origin.file.to_string()),
        help: Some(reasons.join("; ")),
    }
}

fn expected(judged: &[Judged]) -> String {
    let broken = judged.iter().filter(|each| each.is_broken()).count();
    let unknown = judged.iter().filter(|each| each.is_unknown()).count();
    let hold = judged.len() - broken - unknown;
    let mut parts = vec![format!("{hold} of {} hold", judged.len())];
    parts.extend((broken > 0).then(|| format!("{broken} failed")));
    parts.extend((unknown > 0).then(|| format!("{unknown} left for the live systems to tell")));
    format!("Expectations by the files alone: {}.", parts.join(", "))
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
