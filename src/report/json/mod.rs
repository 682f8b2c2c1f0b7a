//! Plans as JSON for other programs, in published formats with types of their own.

use crate::access::expectations::Judged;

mod access;
mod answer;
mod base;
mod doctor;
mod drift;
mod failure;
mod history;
mod plan;
mod reference;
mod v1;
mod verified;

pub use answer::{answer_schema, answer_v1};
pub use doctor::{doctor_schema, doctor_v1};
pub use drift::{drift_schema, drift_v1};
pub use failure::{failure_schema, failure_v1};
pub use history::{history_schema, history_v1};
pub use plan::plan_v1;
pub use reference::reference;
pub use verified::{verification_schema, verified_v1};

/// Expectations as they stand in a plan, for `validate`.
pub fn expectations(judged: &[Judged]) -> serde_json::Value {
    let judged: Vec<v1::Expectation> = judged.iter().map(plan::expectation).collect();
    serde_json::to_value(judged).unwrap_or_default()
}

/// The JSON Schema of version 1 of a plan, as it stands in `schema/plan.schema.json`.
pub fn plan_schema() -> String {
    format!("{:#}\n", schemars::schema_for!(v1::Plan).as_value())
}

#[cfg(test)]
mod tests;
