//! The lines of a journal as they are published: types of their own, so that ours can change without breaking readers.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

use crate::apply::{Stop, Summary};
use crate::state::history::{Horizon, Since};
use crate::state::{Change, FailureKind, Outcome, Sign};

/// The longest text of a failure that a line holds, in characters; the rest is cut.
const LONGEST_TEXT: usize = 4096;

/// Any line of a journal.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(untagged)]
#[schemars(rename = "JournalLine", title = "One line of a rolecall journal, version 1")]
pub enum LineV1 {
    /// The first line.
    Header(HeaderV1),
    /// Every other line.
    Step(StepV1),
}

/// The name of this format.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(rename = "Format")]
pub enum FormatV1 {
    /// Version 1.
    #[serde(rename = "rolecall-journal/1")]
    V1,
}

/// The first line: who applies what.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Header")]
pub struct HeaderV1 {
    /// The name of this format.
    pub format: FormatV1,
    /// The version of rolecall that writes.
    pub version: String,
    /// When the run started.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub time: Timestamp,
    /// The config's name.
    pub config: String,
    /// The tenant's id.
    pub tenant: String,
    /// As whom changes are made.
    pub identities: IdentitiesV1,
    /// The git commit the access files were read from.
    pub commit: Option<String>,
    /// The hash of the access files themselves.
    pub tree: Option<String>,
    /// The plan's id.
    pub plan: Option<String>,
    /// The guards that were acknowledged, as `GUARD:SUBJECT`.
    pub acknowledgements: Vec<String>,
}

/// As whom changes are made.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Identities")]
pub struct IdentitiesV1 {
    /// In Entra: a user principal name or an app id.
    pub entra: Option<String>,
    /// On each cluster, by environment: the user name that the API server sees.
    pub environments: BTreeMap<String, String>,
}

/// A line after the first.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "phase", rename_all = "kebab-case", deny_unknown_fields)]
#[schemars(rename = "Step")]
pub enum StepV1 {
    /// A change is about to be handed to its provider.
    Begin {
        /// When.
        #[schemars(with = "String", extend("format" = "date-time"))]
        time: Timestamp,
        /// The change's address.
        address: String,
        /// What it does.
        sign: SignV1,
        /// The line of the access files that asks for it, as `FILE:LINE`.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        origin: Option<String>,
        /// Since when that line says so.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        added: Option<AddedV1>,
    },
    /// A change has its outcome. Changes that were never handed over have only this line. A change that was done, and that Entra
    /// did not show before the time for it was over, has a second one, `pending-replication`: the last one counts.
    End {
        /// When.
        #[schemars(with = "String", extend("format" = "date-time"))]
        time: Timestamp,
        /// The change's address.
        address: String,
        /// What it does, or would have done.
        sign: SignV1,
        /// What became of it.
        outcome: OutcomeV1,
        /// The object id, when the outcome brought one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        created: Option<String>,
        /// What kind of failure it was.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        failure: Option<FailureV1>,
        /// Why it failed, was not tried, or could not be read back.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        detail: Option<String>,
        /// What to do next.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<String>,
    },
    /// The run is over. A journal without this line is of a run that was killed.
    Summary(SummaryV1),
}

/// The last line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Summary")]
pub struct SummaryV1 {
    /// When the run ended.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub time: Timestamp,
    /// Changes done.
    pub done: usize,
    /// Changes that already were as asked.
    pub already: usize,
    /// Changes that Entra did not show when the run ended.
    pub pending: usize,
    /// Changes that failed.
    pub failed: usize,
    /// Changes not tried.
    pub not_tried: usize,
    /// Whether somebody interrupted the run.
    pub interrupted: bool,
    /// Why the run was stopped before its end; left out where nothing stopped it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub stopped: Option<StoppedV1>,
}

/// Why a run was stopped before its end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "Stopped")]
pub enum StoppedV1 {
    /// Somebody interrupted it.
    Interrupted,
    /// The lock that keeps others out was lost.
    LockLost,
}

/// Since when a line of the access files says what it says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(rename = "Added")]
pub struct AddedV1 {
    /// How much is known.
    pub known: KnownV1,
    /// The full id of the commit; left out for what is not committed yet, and so are the others.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub commit: Option<String>,
    /// The name of its author, as they chose it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<String>,
    /// The mail address of its author, as they chose it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mail: Option<String>,
    /// When it was written, by the author's clock.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>", extend("format" = "date-time"))]
    pub time: Option<Timestamp>,
    /// The pull request that brought it, as its host spells the number: `#12`, `!12`, `PR 12`, `change 12`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pull_request: Option<String>,
}

/// How much is known of when a line came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "HowMuch")]
pub enum KnownV1 {
    /// The commit brought it.
    Commit,
    /// The clone is shallow and ends at the commit, which has it.
    Shallow,
    /// The commit has it, and no more of the history was looked through.
    Long,
    /// It is in no commit yet.
    Uncommitted,
}

impl From<&Since> for AddedV1 {
    fn from(since: &Since) -> Self {
        let (known, revision) = match since {
            Since::Revision(revision) => (KnownV1::Commit, Some(revision)),
            Since::AtOrBefore(revision, Horizon::Shallow) => (KnownV1::Shallow, Some(revision)),
            Since::AtOrBefore(revision, Horizon::Long) => (KnownV1::Long, Some(revision)),
            Since::Uncommitted => (KnownV1::Uncommitted, None),
        };
        Self {
            known,
            commit: revision.map(|revision| revision.id.clone()),
            author: revision.map(|revision| cut(&revision.author)),
            mail: revision.map(|revision| cut(&revision.mail)),
            time: revision.map(|revision| revision.time),
            pull_request: revision.and_then(|revision| Some(revision.pull_request?.to_string())),
        }
    }
}

/// What a change does.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "Sign")]
pub enum SignV1 {
    /// It makes something.
    Add,
    /// It changes something.
    Change,
    /// It takes something away.
    Remove,
}

/// What became of a change.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "Outcome")]
pub enum OutcomeV1 {
    /// Done by this run.
    Done,
    /// It already was as asked.
    AlreadySo,
    /// Entra did not show it, or not the group that it is about, when the time for it was over; or something on a cluster holds
    /// what was deleted. It is no success: the next run tells.
    PendingReplication,
    /// Not done.
    Failed,
    /// Not tried.
    NotTried,
}

/// The kind of a failure.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
#[schemars(rename = "Failure")]
pub enum FailureV1 {
    /// No connection, no answer in time, or no trust in the certificate.
    Unreachable,
    /// No credential, or one that is refused or expired.
    Unauthenticated,
    /// The credential lacks a permission.
    Forbidden,
    /// Another tenant or another cluster than the config names.
    WrongTarget,
    /// A connection that rolecall refuses.
    Refused,
    /// Still throttled or still failing when the time was over.
    Unavailable,
    /// Something else than what was read was there.
    Conflict,
    /// The object was not there.
    NotFound,
    /// The system refused the content.
    Invalid,
    /// An answer that the system is not documented to give.
    BadAnswer,
    /// It is not known whether the change was made.
    Unknown,
}

impl StepV1 {
    pub(super) fn begin(time: Timestamp, change: &Change, since: Option<&Since>) -> Self {
        Self::Begin {
            time,
            address: change.address.to_string(),
            sign: change.sign().into(),
            origin: change.origin.as_ref().map(ToString::to_string),
            added: since.map(AddedV1::from),
        }
    }

    pub(super) fn end(time: Timestamp, change: &Change, outcome: &Outcome) -> Self {
        let (name, created, failure, detail, next) = match outcome {
            Outcome::Done { created } => (OutcomeV1::Done, *created, None, None, None),
            Outcome::AlreadySo { created } => (OutcomeV1::AlreadySo, *created, None, None, None),
            Outcome::PendingReplication { why } => (OutcomeV1::PendingReplication, None, None, why.as_ref(), None),
            Outcome::Failed { failure } => {
                (OutcomeV1::Failed, None, Some(failure.kind.into()), Some(&failure.what), failure.next.as_ref())
            }
            Outcome::NotTried { reason } => (OutcomeV1::NotTried, None, None, Some(reason), None),
        };
        Self::End {
            time,
            address: change.address.to_string(),
            sign: change.sign().into(),
            outcome: name,
            created: created.map(|id| id.to_string()),
            failure,
            detail: detail.map(|text| cut(text)),
            next: next.map(|text| cut(text)),
        }
    }

    pub(super) fn summary(time: Timestamp, summary: &Summary) -> Self {
        let Summary { done, already, pending, failed, forbidden: _, not_tried, stopped } = summary.clone();
        let interrupted = stopped == Some(Stop::Interrupted);
        let stopped = stopped.map(|stop| match stop {
            Stop::Interrupted => StoppedV1::Interrupted,
            Stop::LockLost => StoppedV1::LockLost,
        });
        Self::Summary(SummaryV1 { time, done, already, pending, failed, not_tried, interrupted, stopped })
    }
}

fn cut(text: &str) -> String {
    text.chars().take(LONGEST_TEXT).collect()
}

impl From<Sign> for SignV1 {
    fn from(sign: Sign) -> Self {
        match sign {
            Sign::Add => Self::Add,
            Sign::Change => Self::Change,
            Sign::Remove => Self::Remove,
        }
    }
}

impl From<FailureKind> for FailureV1 {
    fn from(kind: FailureKind) -> Self {
        match kind {
            FailureKind::Unreachable => Self::Unreachable,
            FailureKind::Unauthenticated => Self::Unauthenticated,
            FailureKind::Forbidden => Self::Forbidden,
            FailureKind::WrongTarget => Self::WrongTarget,
            FailureKind::Refused => Self::Refused,
            FailureKind::Unavailable => Self::Unavailable,
            FailureKind::Conflict => Self::Conflict,
            FailureKind::NotFound => Self::NotFound,
            FailureKind::Invalid => Self::Invalid,
            FailureKind::BadAnswer => Self::BadAnswer,
            FailureKind::Unknown => Self::Unknown,
        }
    }
}

/// The JSON Schema of one line, as it stands in `schema/journal.schema.json`.
pub fn journal_schema() -> String {
    format!("{:#}\n", schemars::schema_for!(LineV1).as_value())
}
