//! Why nothing came out, as JSON, version 1. What is published here only grows; whatever else changes becomes version 2.

use schemars::JsonSchema;
use serde::Serialize;

use crate::report::escape;

/// What stands in the place of a plan or of drift that could not be made, unless the access files have mistakes: these come as
/// from `rolecall validate --output json`.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "A failure of rolecall, version 1")]
struct Failure {
    /// The name of this format.
    format: Format,
    /// What is wrong, and where.
    message: String,
    /// What to do next, a sentence each.
    next: Vec<String>,
    /// The exit code.
    exit: u8,
}

#[derive(Serialize, JsonSchema)]
enum Format {
    #[serde(rename = "rolecall-failure/1")]
    V1,
}

/// A failure as version 1 of the format, ending with a line break.
pub fn failure_v1(message: &str, next: &[String], exit: u8) -> String {
    let failure = Failure { format: Format::V1, message: message.to_owned(), next: next.to_vec(), exit };
    // A struct of texts and numbers always becomes JSON.
    let json = serde_json::to_string_pretty(&failure).unwrap_or_default();
    escape::json(&format!("{json}\n"))
}

/// The JSON Schema of version 1 of a failure, as it stands in `schema/failure.schema.json`.
pub fn failure_schema() -> String {
    format!("{:#}\n", schemars::schema_for!(Failure).as_value())
}
