//! Drift as JSON, version 1. What is published here only grows; whatever else changes becomes version 2.

use schemars::JsonSchema;
use serde::Serialize;

use super::access::{Access, access};
use super::plan::{guard, origin, resource, texts, unmanaged, unread, usage, withheld};
use super::v1;
use crate::plan::drift::{self, Audited, Drift, Evidence, Standing};
use crate::plan::{Plan, Treatment};
use crate::report::{Context, drift as said, escape};
use crate::state::{
    AuditActivity, Change, Failure, FieldWrite, GroupKey, Initiator, ObjectId, Operation, WrittenField,
};

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
    /// Bindings that rolecall does not manage and no file speaks of, which are not counted.
    unmanaged: Vec<v1::Unmanaged>,
    /// What the files ask for and a plan holds back: what is there stays otherwise.
    withheld: Vec<v1::Withheld>,
    /// What guards say of putting it right.
    guards: Vec<v1::Guard>,
    /// What Entra's audit log was asked, which says who changed groups; `null` where it was not asked.
    audit_log: Option<AuditLog>,
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
    /// What Entra's audit log says of a group, a member or an owner; `null` where it says nothing.
    audit: Option<Audit>,
}

/// An entry of Entra's audit log.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct Audit {
    /// What was done.
    action: AuditAction,
    /// When, RFC 3339.
    time: Option<String>,
    /// By whom; `null` where the log does not say.
    by: Option<By>,
    /// Whether that is an identity that applies: it may have been an earlier apply.
    by_applier: bool,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum AuditAction {
    /// Somebody became a member or an owner.
    Added,
    /// Somebody is no longer a member or an owner.
    Removed,
    /// The group was made.
    Made,
    /// The group was changed.
    Changed,
    /// The group was deleted.
    Deleted,
    /// The group was restored.
    Restored,
}

/// Who did something, as far as the log says.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct By {
    /// Whether it was a person, or an app that acted as itself.
    kind: ByKind,
    /// The user principal name of a person, the display name of an app.
    name: Option<String>,
    /// The object id, of an app that of its service principal.
    id: Option<String>,
    /// The app id of an app.
    app_id: Option<String>,
}

#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum ByKind {
    User,
    App,
}

/// How far Entra's audit log could be read.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AuditLog {
    /// About how many groups it was asked.
    asked: usize,
    /// The groups of which nothing could be read.
    unread: Vec<AuditUnread>,
    /// The groups of which only the latest entries could be read.
    cut: Vec<String>,
    /// The groups that it was not asked about, because there are so many.
    not_asked: Vec<String>,
}

/// A group of which nothing could be read in the audit log.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
struct AuditUnread {
    /// The group.
    group: String,
    /// Why.
    why: String,
    /// What would make it readable.
    next: Option<String>,
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
        unmanaged: plan
            .unmanaged
            .iter()
            .filter(|binding| binding.treatment == Treatment::Reported)
            .map(unmanaged)
            .collect(),
        withheld: plan.withheld.iter().map(withheld).collect(),
        guards: plan.verdicts.iter().map(guard).collect(),
        audit_log: drift.log.as_ref().map(audit_log),
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
            audit: None,
        },
        Evidence::Audited { by, deleted } => {
            Known { deleted: deleted.clone(), audit: Some(audit(by)), ..Known::default() }
        }
    }
}

fn audit(audited: &Audited) -> Audit {
    let text = |id: &Option<ObjectId>| id.map(|id| id.to_string());
    let by = match &audited.by {
        Initiator::User { id, name } => Some(By { kind: ByKind::User, name: name.clone(), id: text(id), app_id: None }),
        Initiator::App { id, app, name } => {
            let app_id = app.map(|id| id.to_string());
            Some(By { kind: ByKind::App, name: name.clone(), id: text(id), app_id })
        }
        Initiator::Unknown => None,
    };
    Audit {
        action: match audited.activity {
            AuditActivity::AddMember | AuditActivity::AddOwner => AuditAction::Added,
            AuditActivity::RemoveMember | AuditActivity::RemoveOwner => AuditAction::Removed,
            AuditActivity::AddGroup => AuditAction::Made,
            AuditActivity::UpdateGroup => AuditAction::Changed,
            AuditActivity::DeleteGroup => AuditAction::Deleted,
            AuditActivity::RestoreGroup => AuditAction::Restored,
        },
        time: audited.time.map(|time| time.to_string()),
        by,
        by_applier: audited.is_ours,
    }
}

fn audit_log(log: &drift::AuditLog) -> AuditLog {
    let unread = |(key, failure): (&GroupKey, &Failure)| AuditUnread {
        group: key.to_string(),
        why: failure.what.clone(),
        next: failure.next.clone(),
    };
    AuditLog {
        asked: log.asked,
        unread: log.unread.iter().map(unread).collect(),
        cut: texts(&log.cut),
        not_asked: texts(&log.not_asked),
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
