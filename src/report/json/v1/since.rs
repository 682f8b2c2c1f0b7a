//! Since when a line says what it says.

use jiff::Timestamp;
use schemars::JsonSchema;
use serde::Serialize;

use crate::state::history::{self, Horizon};

/// Since when a value stands in the access files.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::report::json) struct Since {
    /// How much is known.
    pub(in crate::report::json) known: HowMuch,
    /// The commit; `null` for what is not committed yet.
    pub(in crate::report::json) commit: Option<Revision>,
}

/// How much is known of when a value came.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(in crate::report::json) enum HowMuch {
    /// The commit brought it.
    Commit,
    /// The clone is shallow and ends at the commit, which has it.
    Shallow,
    /// The commit has it, and no more of the history was looked through.
    Long,
    /// It is in no commit yet.
    Uncommitted,
}

/// A git commit.
#[derive(Serialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub(in crate::report::json) struct Revision {
    /// Its full id.
    pub(in crate::report::json) id: String,
    /// The author's name, as they chose it.
    pub(in crate::report::json) author: String,
    /// The author's mail address, as they chose it.
    pub(in crate::report::json) mail: String,
    /// When it was written, by the author's clock.
    #[schemars(with = "String", extend("format" = "date-time"))]
    pub(in crate::report::json) time: Timestamp,
    /// The pull request that brought it, as its host spells the number: `#12`, `!12`, `PR 12`, `change 12`.
    pub(in crate::report::json) pull_request: Option<String>,
}

impl From<&history::Revision> for Revision {
    fn from(revision: &history::Revision) -> Self {
        Self {
            id: revision.id.clone(),
            author: revision.author.clone(),
            mail: revision.mail.clone(),
            time: revision.time,
            pull_request: revision.pull_request.map(|number| number.to_string()),
        }
    }
}

impl From<&history::Since> for Since {
    fn from(since: &history::Since) -> Self {
        let (known, commit) = match since {
            history::Since::Revision(revision) => (HowMuch::Commit, Some(revision)),
            history::Since::AtOrBefore(revision, Horizon::Shallow) => (HowMuch::Shallow, Some(revision)),
            history::Since::AtOrBefore(revision, Horizon::Long) => (HowMuch::Long, Some(revision)),
            history::Since::Uncommitted => (HowMuch::Uncommitted, None),
        };
        Self { known, commit: commit.map(Revision::from) }
    }
}
