//! Which lines of the access files a change touches, and what stands on them.

use std::collections::BTreeSet;
use std::sync::Arc;

use super::{EnvironmentName, GroupKey, Origin, RoleKey};

/// Lines of one file, from 1.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Lines {
    /// Each of them: the file comes, or goes.
    All,
    /// Those from the first to the last of each pair.
    Some(Vec<(u32, u32)>),
}

impl Lines {
    /// Whether one of the lines from the first to the last is among them.
    pub fn meet(&self, first: u32, last: u32) -> bool {
        match self {
            Self::All => true,
            Self::Some(ranges) => ranges.iter().any(|(from, to)| *from <= last && first <= *to),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Some(ranges) if ranges.is_empty())
    }
}

/// What stands on the touched lines of one side of a change: on those that it adds, in the files after it; on those that it
/// takes out, in the files before it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Touched {
    /// Every file that was read, touched or not.
    pub files: BTreeSet<Arc<str>>,
    /// Groups of which a key is touched; what is listed under it is apart.
    pub groups: BTreeSet<GroupKey>,
    /// Where a touched entry of a list of people starts.
    pub entries: BTreeSet<Origin>,
    /// Roles.
    pub roles: BTreeSet<RoleKey>,
    /// Environments.
    pub environments: BTreeSet<EnvironmentName>,
    /// Where a touched grant starts.
    pub grants: BTreeSet<Origin>,
    /// `tenant`.
    pub tenant: bool,
    /// `appliers`.
    pub appliers: bool,
}
