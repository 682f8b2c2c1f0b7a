//! Drift as JSON, version 1. What is published here only grows; whatever else changes becomes version 2.

use schemars::JsonSchema;
use serde::Serialize;

use super::access::{Access, access};
use super::plan::{guard, origin, resource, texts, unmanaged, unread, usage, withheld};
use super::v1;
use crate::plan::Plan;
use crate::plan::drift::{Drift, Evidence, Standing};
use crate::report::{Context, drift as said, escape};
use crate::state::{Change, FieldWrite, Operation, WrittenField};

/// What `rolecall drift --output json` prints.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "A rolecall drift, version 1")]
struct Document {
    /// The name of this format.
    format: Format,
    /// The config's name.
    config: String,
    /// The commit that the access files were read from; `null` outside git.
    commit: Option<v1::Commit>,
    /// The tenant.
    tenant: v1::Tenant,
    /// What it means for people: `before` is what the files give, `after` is what is there.
    access: Access,
    /// What is there otherwise than the files ask, in the order in which `apply` would put it right.
    drift: Vec<Difference>,
    /// Bindings of others where the files refuse them.
    refused: Vec<Refused>,
    /// What the files ask for and a plan holds back: what is there stays otherwise.
    withheld: Vec<v1::Withheld>,
    /// What guards say of putting it right.
    guards: Vec<v1::Guard>,
    /// Parts that could not be read, of which nothing is said here.
    unread: Vec<v1::Unread>,
    /// Counts of all of the above.
    counts: Counts,
    /// How much was compared.
    compared: v1::Compared,
    /// What it has cost.
    usage: Option<v1::Usage>,
}

#[derive(Serialize, JsonSchema)]
enum Format {
    #[serde(rename = "rolecall-drift/1")]
    V1,
}

/// One thing that is there otherwise than the files ask.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Difference {
    /// Its stable address.
    address: String,
    /// The environment; `null` is Entra.
    environment: Option<String>,
    /// How what is there stands to what the files ask.
    standing: Stands,
    /// The line that asks for it.
    origin: Option<v1::Origin>,
    /// What is there; `null` when nothing is.
    live: Option<v1::Resource>,
    /// What the files ask for; `null` when they ask for nothing.
    files: Option<v1::Resource>,
    /// What `apply` would do.
    apply: v1::Action,
    /// Protected environments that it reaches: `apply` does it from a saved plan.
    protected: Vec<String>,
    /// Since when and by whom, as far as that is known.
    known: Known,
}

/// A binding of others where the files refuse them.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Refused {
    /// The binding.
    binding: v1::Unmanaged,
    /// Since when and by whom, as far as that is known.
    known: Known,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Stands {
    /// It is there, and no file asks for it.
    More,
    /// It is there otherwise than the files ask.
    Otherwise,
    /// The files ask for it, and it is not there.
    Less,
}

/// Since when and by whom. Where everything is `null` or empty, nobody knows.
#[derive(Default, Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Known {
    /// When the object was made, RFC 3339.
    created: Option<String>,
    /// When it was deleted, or since when it waits to be gone, RFC 3339.
    deleted: Option<String>,
    /// The field managers besides ours that hold fields that differ, the last to write first. A manager is what a client calls
    /// itself.
    writes: Vec<Write>,
    /// Whether our own field manager holds the fields that differ, and no other.
    by_rolecall: bool,
    /// When it wrote them, RFC 3339.
    by_rolecall_at: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Write {
    manager: String,
    operation: String,
    /// RFC 3339.
    time: Option<String>,
    /// Which fields it holds.
    fields: Vec<Field>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum Field {
    /// `rules` of a role, or what fills them.
    Rules,
    /// `subjects` of a binding.
    Subjects,
    /// `roleRef` of a binding.
    RoleRef,
    /// One of our labels.
    Labels,
}

/// Counts.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Counts {
    /// There, and no file asks for it.
    more: usize,
    /// There otherwise than the files ask.
    otherwise: usize,
    /// Asked for, and not there.
    less: usize,
    /// Bindings of others where the files refuse them.
    refused: usize,
    withheld: usize,
    unread: usize,
}

/// What is there otherwise than the files ask, as JSON of the format `rolecall-drift/1`, with a line break at the end.
pub fn drift_v1(plan: &Plan, drift: &Drift, context: &Context) -> String {
    let said::Counts { more, otherwise, less, refused, withheld: held } = said::Counts::of(plan, drift);
    let document = Document {
        format: Format::V1,
        config: plan.config.to_string(),
        commit: context.commit.as_ref().map(|commit| v1::Commit { id: commit.id.clone(), dirty: commit.dirty }),
        tenant: v1::Tenant { id: plan.tenant.to_string(), domain: plan.domain.clone() },
        access: access(&context.access),
        drift: plan.changes.iter().map(|change| difference(change, drift.of(&change.address))).collect(),
        refused: drift
            .refused
            .iter()
            .map(|(binding, evidence)| Refused { binding: unmanaged(binding), known: known(evidence) })
            .collect(),
        withheld: plan.withheld.iter().map(withheld).collect(),
        guards: plan.verdicts.iter().map(guard).collect(),
        unread: plan.unread.iter().map(unread).collect(),
        counts: Counts { more, otherwise, less, refused, withheld: held, unread: plan.unread.len() },
        compared: v1::Compared {
            groups: plan.compared.groups,
            environments: plan.compared.environments,
            bindings: plan.compared.bindings,
        },
        usage: context.spent.map(usage),
    };
    let text = serde_json::to_string_pretty(&document).unwrap_or_default();
    escape::json(&format!("{text}\n"))
}

/// The JSON Schema of version 1 of a drift, as it stands in `schema/drift.schema.json`.
pub fn drift_schema() -> String {
    format!("{:#}\n", schemars::schema_for!(Document).as_value())
}

fn difference(change: &Change, evidence: &Evidence) -> Difference {
    Difference {
        address: change.address.to_string(),
        environment: change.address.environment().map(ToString::to_string),
        standing: match Standing::of(change) {
            Standing::More => Stands::More,
            Standing::Otherwise => Stands::Otherwise,
            Standing::Less => Stands::Less,
        },
        origin: change.origin.as_ref().map(origin),
        live: change.before().map(resource),
        files: change.after().map(resource),
        apply: match change.operation {
            Operation::Create { .. } => v1::Action::Add,
            Operation::Restore { .. } => v1::Action::Restore,
            Operation::Update { .. } => v1::Action::Change,
            Operation::Delete { .. } => v1::Action::Remove,
        },
        protected: texts(&change.protected),
        known: known(evidence),
    }
}

fn known(evidence: &Evidence) -> Known {
    match evidence {
        Evidence::Unknown => Known::default(),
        Evidence::Deleted(time) => Known { deleted: Some(time.clone()), ..Known::default() },
        Evidence::Object { created, deleting, writes, ours } => Known {
            created: created.clone(),
            deleted: deleting.clone(),
            writes: writes.iter().map(write).collect(),
            by_rolecall: ours.is_some(),
            by_rolecall_at: ours.clone().flatten(),
        },
    }
}

fn write(write: &FieldWrite) -> Write {
    let field = |field: &WrittenField| match field {
        WrittenField::Rules => Field::Rules,
        WrittenField::Subjects => Field::Subjects,
        WrittenField::RoleRef => Field::RoleRef,
        WrittenField::Labels => Field::Labels,
    };
    Write {
        manager: write.manager.clone(),
        operation: write.operation.clone(),
        time: write.time.clone(),
        fields: write.fields.iter().map(field).collect(),
    }
}
