//! A checkup as JSON, version 1. What is published here only grows; whatever else changes becomes version 2.

use schemars::JsonSchema;
use serde::Serialize;

use crate::doctor::{self, Checkup, Purpose, Sign};
use crate::report::escape;

/// What `rolecall doctor --output json` prints.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "A rolecall checkup, version 1")]
struct Doctor {
    /// The name of this format.
    format: Format,
    /// What the identity was said to be for; `null` where nothing was said, and then `plan` decides about `fine`.
    #[serde(rename = "for")]
    purpose: Option<Command>,
    /// Whether everything is there that it needs.
    fine: bool,
    /// All of it in one sentence.
    verdict: String,
    /// How many things `plan` lacks.
    missing_for_plan: usize,
    /// How many things `apply` lacks, those of `plan` included.
    missing_for_apply: usize,
    /// How many things that `apply` needs could not be checked, those of `plan` included.
    not_checked: usize,
    /// What was found.
    lines: Vec<Line>,
}

#[derive(Serialize, JsonSchema)]
enum Format {
    #[serde(rename = "rolecall-doctor/1")]
    V1,
}

/// A command of rolecall.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Command {
    Plan,
    Apply,
}

/// One thing that was looked at.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Line {
    /// `Config`, `Credential`, `Entra` or an environment's name.
    part: String,
    /// The environment, for lines about a cluster.
    environment: Option<String>,
    /// What it is about; stays the same from version to version.
    check: String,
    /// How it stands.
    stands: Stands,
    /// What does not work without it, when it is missing or was not checked.
    missing_for: Option<Command>,
    /// What was found.
    text: String,
    /// What to do, when it is not fine.
    next: Option<String>,
}

/// How a line stands.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Stands {
    /// As it must be.
    Fine,
    /// It has no effect here.
    NoEffect,
    /// Somebody must decide.
    Decide,
    /// It is missing.
    Missing,
    /// Nobody knows: what would tell got no answer.
    NotChecked,
}

/// The checkup as JSON of the format `rolecall-doctor/1`, with a line break at the end.
pub fn doctor_v1(checkup: &Checkup) -> String {
    let lines = checkup.parts.iter().flat_map(|part| part.lines.iter().map(move |line| published(part, line)));
    let doctor = Doctor {
        format: Format::V1,
        purpose: checkup.purpose.map(command),
        fine: checkup.is_fine(),
        verdict: checkup.verdict(),
        missing_for_plan: checkup.missing(Purpose::Plan),
        missing_for_apply: checkup.missing(Purpose::Apply),
        not_checked: checkup.unchecked(Purpose::Apply),
        lines: lines.collect(),
    };
    // The types hold strings and numbers: there is nothing in them that JSON cannot say.
    escape::json(&serde_json::to_string_pretty(&doctor).unwrap_or_default()) + "\n"
}

fn published(part: &doctor::Part, line: &doctor::Line) -> Line {
    let (stands, missing_for) = match line.sign {
        Sign::Fine => (Stands::Fine, None),
        Sign::Note => (Stands::NoEffect, None),
        Sign::Decide => (Stands::Decide, None),
        Sign::Unchecked(purpose) => (Stands::NotChecked, Some(command(purpose))),
        Sign::Missing(purpose) => (Stands::Missing, Some(command(purpose))),
    };
    Line {
        part: part.title.clone(),
        environment: part.environment.as_ref().map(ToString::to_string),
        check: line.check.to_owned(),
        stands,
        missing_for,
        text: line.text.clone(),
        next: line.next.clone(),
    }
}

fn command(purpose: Purpose) -> Command {
    match purpose {
        Purpose::Plan => Command::Plan,
        Purpose::Apply => Command::Apply,
    }
}

/// The JSON Schema of version 1 of a checkup, as it stands in `schema/doctor.schema.json`.
pub fn doctor_schema() -> String {
    format!("{:#}\n", schemars::schema_for!(Doctor).as_value())
}
