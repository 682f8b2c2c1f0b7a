//! What a git repository says of when something came into the access files, and by whom.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use jiff::Timestamp;

use super::{EnvironmentName, GroupKey, Namespace, PrincipalName, RoleKey};

/// A commit, as it is named to people.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Revision {
    /// Its full id.
    pub id: String,
    /// The shortest beginning of the id that is unique in the repository, at least seven digits.
    pub short: String,
    /// The name of its author, as they chose it: hostile text.
    pub author: String,
    /// The mail address of its author, as they chose it: hostile text.
    pub mail: String,
    /// When it was written, by the author's clock.
    pub time: Timestamp,
    /// The day of it where the author was, as `2026-03-04`.
    pub date: String,
    /// The pull request that brought it, where a merge or a title names one.
    pub pull_request: Option<PullRequest>,
}

/// A pull request by its number, spelt as its host spells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum PullRequest {
    /// GitHub, Gitea, Bitbucket: `#12`.
    Number(u64),
    /// GitLab: `!12`.
    MergeRequest(u64),
    /// Azure DevOps: `PR 12`.
    Azure(u64),
    /// Gerrit: `change 12`.
    Change(u64),
}

impl fmt::Display for PullRequest {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Number(number) => write!(formatter, "#{number}"),
            Self::MergeRequest(number) => write!(formatter, "!{number}"),
            Self::Azure(number) => write!(formatter, "PR {number}"),
            Self::Change(number) => write!(formatter, "change {number}"),
        }
    }
}

/// Since when a value stands where it stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Since {
    /// This commit brought it.
    Revision(Revision),
    /// It stood there in this commit already, and what came before is not known.
    AtOrBefore(Revision, Horizon),
    /// It is in no commit yet.
    Uncommitted,
}

/// Why nothing is known of what came before a commit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Horizon {
    /// The clone was made without the rest of the history.
    Shallow,
    /// The history is longer than what is looked through for one answer.
    Long,
}

/// Something that the files of a commit say of a person or a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Fact {
    /// The group has a block.
    Block(GroupKey),
    /// A property of the group's block.
    Property(&'static str, String),
    /// A member, an owner or somebody who must be absent of the group that is asked about.
    Holds(List, PrincipalName),
    /// Who is asked about is a member, an owner or to be absent.
    Listed(List, GroupKey),
    /// Who is asked about is in this group by way of others, the nearest first.
    Nested(GroupKey, Vec<GroupKey>),
    /// A role, by the group that has it; `None` where it is granted to who is asked about.
    Grant {
        /// The group.
        by: Option<GroupKey>,
        /// The role.
        role: RoleKey,
        /// The environment.
        environment: EnvironmentName,
        /// Where in it.
        place: Place,
    },
    /// What a role that they have allows: a text that differs when it does.
    Allows(RoleKey, String),
    /// Something is expected.
    Expected {
        /// By this key: `can`, `cannot` or `only`.
        key: &'static str,
        /// In this environment.
        environment: EnvironmentName,
        /// This, as it is written.
        request: String,
    },
}

/// A list of a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum List {
    /// `members`
    Members,
    /// `owners`
    Owners,
    /// `absent`
    Absent,
}

/// Where in an environment a grant holds.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The whole cluster.
    Cluster,
    /// One namespace.
    Namespace(Namespace),
    /// Every namespace with these labels.
    Labels(BTreeMap<String, String>),
}

/// What one step of the history did to the access of a person or a group.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Turn {
    /// What is so since.
    pub came: BTreeSet<Fact>,
    /// What is not so any more.
    pub went: BTreeSet<Fact>,
    /// Groups that were called otherwise before: the key before, the key since.
    pub renamed: BTreeMap<GroupKey, GroupKey>,
}

impl Turn {
    /// Whether nothing is otherwise.
    pub fn is_empty(&self) -> bool {
        self.came.is_empty() && self.went.is_empty() && self.renamed.is_empty()
    }
}

/// What stands in a history at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum At {
    /// A commit.
    Revision(Revision),
    /// The files that lie in the folder and are in no commit.
    Uncommitted,
    /// What is so in this commit came with it or before it, which is not known.
    Horizon(Revision, Horizon),
}

/// One step of the history of somebody's access.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Where it is.
    pub at: At,
    /// The title of the commit: hostile text.
    pub title: String,
    /// Of a merge: the authors of what it brought into these files, hostile text.
    pub authors: Vec<String>,
    /// What it did.
    pub turn: Turn,
    /// Commits before it whose files do not hang together, newest first: what they did is told here.
    pub skipped: Vec<Skipped>,
}

/// A commit whose files do not hang together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Skipped {
    /// The commit.
    pub revision: Revision,
    /// Its first mistake.
    pub why: String,
}

/// Whose history is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// A person, a guest or an app, by all the names that are meant.
    Person(Vec<PrincipalName>),
    /// A group, by its latest key.
    Group(GroupKey),
}

/// The history of somebody's access, newest first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct History {
    /// Whose it is.
    pub whose: Whose,
    /// The folder of the access files in the repository; empty for its top.
    pub folder: String,
    /// The steps.
    pub steps: Vec<Step>,
    /// Whether there are older ones that were not asked for.
    pub has_more: bool,
    /// No step is older than this, where that was asked for.
    pub since: Option<Timestamp>,
    /// How many commits were looked at.
    pub commits: usize,
    /// What is to be known about it: sentences.
    pub notes: Vec<String>,
}
