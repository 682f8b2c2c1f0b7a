//! What a tenant's audit log says about who changed a group. All its texts are hostile.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{AppId, Failure, ObjectId};

/// What the audit log says about some groups.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct AuditTrail {
    /// What succeeded, for each group of which anything could be read; the order means nothing.
    pub entries: BTreeMap<ObjectId, Vec<AuditEntry>>,
    /// Groups of which nothing could be read, and why.
    pub unread: BTreeMap<ObjectId, Failure>,
    /// Groups of which only the latest could be read.
    pub cut: BTreeSet<ObjectId>,
    /// Groups that nobody asked about, because there are so many.
    pub not_asked: BTreeSet<ObjectId>,
}

/// One entry, of something that succeeded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditEntry {
    /// When; `None` where it does not say.
    pub time: Option<Timestamp>,
    /// What was done.
    pub activity: AuditActivity,
    /// By whom.
    pub by: Initiator,
    /// To what.
    pub targets: Vec<AuditTarget>,
}

/// What can be done to a group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AuditActivity {
    /// Somebody became a member.
    AddMember,
    /// Somebody is no longer a member.
    RemoveMember,
    /// Somebody became an owner.
    AddOwner,
    /// Somebody is no longer an owner.
    RemoveOwner,
    /// The group was made.
    AddGroup,
    /// A property of it was changed.
    UpdateGroup,
    /// It was deleted, and can be restored.
    DeleteGroup,
    /// It was restored.
    RestoreGroup,
}

/// Who did something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Initiator {
    /// A person.
    User {
        /// Object id.
        id: Option<ObjectId>,
        /// The user principal name, or else the display name.
        name: Option<String>,
    },
    /// An app that acted as itself.
    App {
        /// The object id of its service principal.
        id: Option<ObjectId>,
        /// Its app id, which the log often leaves out.
        app: Option<AppId>,
        /// Its display name.
        name: Option<String>,
    },
    /// The log does not say.
    Unknown,
}

/// What something was done to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AuditTarget {
    /// Object id.
    pub id: ObjectId,
    /// Whether it is said to be a group.
    pub is_group: bool,
    /// The group that it became a member or an owner of, or is none of any more, where the entry says so with it.
    pub of_group: Option<ObjectId>,
    /// Names of the properties that were changed, in small letters.
    pub properties: BTreeSet<String>,
}
