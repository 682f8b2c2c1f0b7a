//! What can go wrong with a remote system, and what became of one change.

use serde::{Deserialize, Serialize};

use super::ObjectId;

/// Shorthand for what a provider returns.
pub type Result<T> = std::result::Result<T, Failure>;

/// A remote system did not do what was asked. It says what, where and what to do next, and never holds a secret.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[error("{what}")]
pub struct Failure {
    /// What kind of failure it is.
    pub kind: FailureKind,
    /// What was tried, on which object, and what came back. May hold remote text: print it through the report's escaping.
    pub what: String,
    /// What to do next.
    pub next: Option<String>,
}

impl Failure {
    /// A failure without advice.
    pub fn new(kind: FailureKind, what: impl Into<String>) -> Self {
        Self { kind, what: what.into(), next: None }
    }

    /// The same failure with what to do next.
    #[must_use]
    pub fn with_next(mut self, next: impl Into<String>) -> Self {
        self.next = Some(next.into());
        self
    }
}

/// Kinds of failure, told apart because people do different things about them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum FailureKind {
    /// No connection, no answer in time, or no trust in the certificate.
    Unreachable,
    /// No credential, or one that is refused or expired.
    Unauthenticated,
    /// The credential lacks a permission.
    Forbidden,
    /// Another tenant or another cluster than the config names.
    WrongTarget,
    /// The connection is set up in a way rolecall refuses, e.g. plain HTTP or a redirect.
    Refused,
    /// Still throttled, or still failing, when the time for it was over.
    Unavailable,
    /// Something else than what was read is there now.
    Conflict,
    /// The object is not there.
    NotFound,
    /// The system refuses the content.
    Invalid,
    /// The answer is not one that the system is documented to give, or a list was cut short.
    BadAnswer,
    /// A write was sent and it is not known whether it was done; reading back did not tell.
    Unknown,
}

/// What became of one change.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "outcome", rename_all = "kebab-case")]
pub enum Outcome {
    /// Done by us.
    Done {
        /// The object id of a group that was created.
        #[serde(skip_serializing_if = "Option::is_none")]
        created: Option<ObjectId>,
    },
    /// It already was as asked ("already there", "already gone").
    AlreadySo {
        /// The object id, when the change was the creation of a group that turned out to be there and ours.
        #[serde(skip_serializing_if = "Option::is_none")]
        created: Option<ObjectId>,
    },
    /// Not shown, or the group that it is about is not, when the time for it was over; or held by something on a cluster. Not a
    /// success: the next plan tells.
    PendingReplication {
        /// Why it could not be read, where that is known. None where it was read and is just not there yet.
        #[serde(skip_serializing_if = "Option::is_none")]
        why: Option<String>,
    },
    /// Not done.
    Failed {
        /// Why.
        failure: Failure,
    },
    /// Not tried, because of this.
    NotTried {
        /// A clause: "waits for alpha/clusterrole/restarter", "interrupted".
        reason: String,
    },
}

impl Outcome {
    /// It was read, and is not there yet.
    pub const PENDING: Self = Self::PendingReplication { why: None };

    /// Whether what depends on the change may go on.
    pub fn is_success(&self) -> bool {
        match self {
            Self::Done { .. } | Self::AlreadySo { .. } => true,
            Self::PendingReplication { .. } | Self::Failed { .. } | Self::NotTried { .. } => false,
        }
    }
}

/// What a provider has spent so far.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Usage {
    /// HTTP requests sent; a `$batch` is one.
    pub requests: u64,
    /// Resource units charged, as the server reports them (`x-ms-resource-unit`, per item of a batch).
    pub resource_units: u64,
    /// Answers that told us to slow down.
    pub throttled: u64,
}

impl std::ops::AddAssign for Usage {
    fn add_assign(&mut self, other: Self) {
        self.requests += other.requests;
        self.resource_units += other.resource_units;
        self.throttled += other.throttled;
    }
}
