//! Expectations as they are live, as JSON, version 1. What is published here only grows; whatever else changes becomes
//! version 2.

use schemars::JsonSchema;
use serde::Serialize;

use super::plan::{expectation, origin, usage, why};
use super::v1;
use crate::access::expectations::live::{self, Verified};
use crate::report::{Verification, escape};
use crate::state::{EnvironmentName, Failure};

/// What `rolecall verify --output json` prints.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "A rolecall verification, version 1")]
struct Document {
    /// The name of this format.
    format: Format,
    /// The config.
    config: String,
    /// The commit that the access files were read from; `null` outside a repository.
    commit: Option<v1::Commit>,
    /// The tenant.
    tenant: v1::Tenant,
    /// Whether it is known of every expectation, by the API servers as by rolecall. Environments that may be out of reach
    /// apart.
    whole: bool,
    /// Each expectation on each environment, and whether it is so.
    expectations: Vec<v1::Expectation>,
    /// Where an `only` was asked about, besides across the cluster.
    asked_in: Vec<Places>,
    /// Where an API server says something else than rolecall: neither is to be relied on until that is explained.
    differences: Vec<Difference>,
    /// What could not be read or asked.
    not_asked: Vec<NotAsked>,
    /// How many access reviews were answered.
    reviews: Vec<Reviews>,
    /// What it has cost.
    usage: v1::Usage,
}

#[derive(Serialize, JsonSchema)]
enum Format {
    #[serde(rename = "rolecall-verification/1")]
    V1,
}

#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Places {
    /// Where it stands.
    origin: v1::Origin,
    /// Of whom it is.
    who: String,
    /// On which environment.
    environment: String,
    /// The namespaces that it names.
    named: Vec<String>,
    /// The one that stands for those that it does not name; `null` where there is no other.
    other: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Difference {
    /// The expectation for which it was asked.
    origin: v1::Origin,
    /// Of whom that is, as an access file names them.
    who: String,
    /// Where.
    environment: String,
    /// What was asked, in the words of `kubectl auth can-i`.
    request: String,
    /// The user name that was asked about; empty for anybody in the groups.
    user: String,
    /// The groups, all of them.
    groups: Vec<String>,
    /// What the API server says.
    server: bool,
    /// Its reason, where it gives one.
    server_reason: String,
    /// What rolecall says.
    rolecall: bool,
    /// Why.
    why: Vec<v1::ExpectationWhy>,
}

#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct NotAsked {
    /// Which environment.
    environment: String,
    /// Whether `--allow-unreachable` names it.
    allowed: bool,
    /// Why.
    why: String,
    /// What to do.
    next: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Reviews {
    /// By which API server.
    environment: String,
    /// How many.
    count: usize,
}

/// What became of the expectations, as JSON.
pub fn verified_v1(verified: &Verified, context: &Verification) -> String {
    let document = Document {
        format: Format::V1,
        config: context.config.to_string(),
        commit: context.commit.as_ref().map(|commit| v1::Commit { id: commit.id.clone(), dirty: commit.dirty }),
        tenant: v1::Tenant { id: context.tenant.to_string(), domain: context.domain.clone() },
        whole: verified.is_whole(&context.allowed),
        expectations: verified.judged.iter().map(expectation).collect(),
        asked_in: verified.places.iter().map(places).collect(),
        differences: verified.differences.iter().map(difference).collect(),
        not_asked: verified
            .unasked
            .iter()
            .flat_map(|(name, failures)| failures.iter().map(|failure| not_asked(name, failure, context)))
            .collect(),
        reviews: verified
            .reviews
            .iter()
            .map(|(name, count)| Reviews { environment: name.to_string(), count: *count })
            .collect(),
        usage: usage(context.spent),
    };
    let text = serde_json::to_string_pretty(&document).unwrap_or_default();
    escape::json(&format!("{text}\n"))
}

/// The JSON Schema of version 1 of a verification, as it stands in `schema/verification.schema.json`.
pub fn verification_schema() -> String {
    format!("{:#}\n", schemars::schema_for!(Document).as_value())
}

fn places(places: &live::Places) -> Places {
    Places {
        origin: origin(&places.origin),
        who: places.who.to_string(),
        environment: places.environment.to_string(),
        named: places.named.iter().map(ToString::to_string).collect(),
        other: places.other.as_ref().map(ToString::to_string),
    }
}

fn difference(difference: &live::Difference) -> Difference {
    let live::Difference { origin: at, who, environment, review, server, ours, why: reasons } = difference;
    Difference {
        origin: origin(at),
        who: who.to_string(),
        environment: environment.to_string(),
        request: review.request.to_string(),
        user: review.who.user.clone(),
        groups: review.who.groups.iter().cloned().collect(),
        server: server.allowed,
        server_reason: server.reason.clone(),
        rolecall: *ours,
        why: reasons.iter().map(why).collect(),
    }
}

fn not_asked(name: &EnvironmentName, failure: &Failure, context: &Verification) -> NotAsked {
    NotAsked {
        environment: name.to_string(),
        allowed: context.allowed.contains(name),
        why: failure.what.clone(),
        next: failure.next.clone(),
    }
}
