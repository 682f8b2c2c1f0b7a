//! Application permissions, read from the token's `roles` as Graph does (entra.md §2.3, §3, §5.3).

use std::collections::BTreeSet;

use super::error::Refusal;
use super::object::Object;
use super::state::Group;
use crate::state::{AppId, ObjectId};

/// Any of these lets an app list and read groups.
pub(super) const READ_GROUPS: &[&str] = &[
    "Group.ReadBasic.All",
    "GroupMember.Read.All",
    "GroupMember.ReadWrite.All",
    "Group.Read.All",
    "Group.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
];
/// Any of these lets an app list members.
pub(super) const READ_MEMBERS: &[&str] = &[
    "GroupMember.ReadBasic.All",
    "GroupMember.Read.All",
    "GroupMember.ReadWrite.All",
    "Group.Read.All",
    "Group.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
];
/// Any of these lets an app list owners.
pub(super) const READ_OWNERS: &[&str] = &[
    "GroupMember.Read.All",
    "GroupMember.ReadWrite.All",
    "Group.Read.All",
    "Group.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
];
/// Any of these lets an app create groups.
pub(super) const CREATE_GROUPS: &[&str] = &["Group.Create", "Group.ReadWrite.All", "Directory.ReadWrite.All"];
/// Any of these lets an app change and delete groups and their owners.
pub(super) const WRITE_GROUPS: &[&str] = &["Group.ReadWrite.All", "Directory.ReadWrite.All"];
/// Any of these lets an app change members.
pub(super) const WRITE_MEMBERS: &[&str] =
    &["GroupMember.ReadWrite.All", "Group.ReadWrite.All", "Directory.ReadWrite.All"];
/// Any of these lets an app read deleted groups.
pub(super) const READ_DELETED: &[&str] =
    &["Group.Read.All", "Group.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"];
/// Any of these lets an app read users.
pub(super) const READ_USERS: &[&str] =
    &["User.ReadBasic.All", "User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"];
/// Any of these shows every property of users, not names and mail only (entra.md §3).
const READ_WHOLE_USERS: &[&str] =
    &["User.Read.All", "User.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"];
/// Any of these lets an app delete users.
pub(super) const WRITE_USERS: &[&str] = &["User.ReadWrite.All"];
/// Any of these lets an app read service principals.
pub(super) const READ_SERVICE_PRINCIPALS: &[&str] = &[
    "Application.Read.All",
    "Application.ReadWrite.OwnedBy",
    "Application.ReadWrite.All",
    "Directory.Read.All",
    "Directory.ReadWrite.All",
];
/// Any of these lets an app read any directory object.
pub(super) const READ_DIRECTORY: &[&str] = &["Directory.Read.All", "Directory.ReadWrite.All"];
/// Any of these lets an app read the organisation.
pub(super) const READ_ORGANIZATION: &[&str] =
    &["Organization.Read.All", "Organization.ReadWrite.All", "Directory.Read.All", "Directory.ReadWrite.All"];
/// Any of these lets an app read active assignments by Privileged Identity Management.
pub(super) const READ_PRIVILEGED: &[&str] = &[
    "PrivilegedAssignmentSchedule.Read.AzureADGroup",
    "PrivilegedAssignmentSchedule.ReadWrite.AzureADGroup",
    "PrivilegedAccess.Read.AzureADGroup",
    "PrivilegedAccess.ReadWrite.AzureADGroup",
];
/// Any of these lets an app read the audit log.
pub(super) const READ_AUDIT: &[&str] = &["AuditLog.Read.All"];
/// Needed as well for any write to a role-assignable group.
const WRITE_ROLE_ASSIGNABLE: &str = "RoleManagement.ReadWrite.Directory";

/// Every permission that makes a difference here; what a seeded applier holds unless its seed says otherwise.
pub(crate) fn every_permission() -> BTreeSet<String> {
    [
        READ_GROUPS,
        READ_MEMBERS,
        READ_OWNERS,
        CREATE_GROUPS,
        WRITE_GROUPS,
        WRITE_MEMBERS,
        READ_DELETED,
        READ_USERS,
        WRITE_USERS,
        READ_SERVICE_PRINCIPALS,
        READ_DIRECTORY,
        READ_ORGANIZATION,
        READ_PRIVILEGED,
        READ_AUDIT,
        &[WRITE_ROLE_ASSIGNABLE],
    ]
    .into_iter()
    .flatten()
    .map(|name| (*name).to_owned())
    .collect()
}

/// Who asks.
#[derive(Clone, Debug)]
pub(super) struct Caller {
    pub(super) app: AppId,
    pub(super) id: ObjectId,
    /// The person who acts through the app, where the call says so.
    pub(super) person: Option<ObjectId>,
    roles: BTreeSet<String>,
}

impl Caller {
    pub(super) fn new(app: AppId, id: ObjectId, roles: impl IntoIterator<Item = String>) -> Self {
        Self { app, id, person: None, roles: roles.into_iter().collect() }
    }

    /// The same app, with somebody who acts through it.
    pub(super) fn through(self, person: ObjectId) -> Self {
        Self { person: Some(person), ..self }
    }

    /// Whether the app holds any of the permissions.
    pub(super) fn may(&self, any_of: &[&str]) -> bool {
        any_of.iter().any(|name| self.roles.contains(*name))
    }

    pub(super) fn require(&self, any_of: &[&str]) -> Result<(), Refusal> {
        if self.may(any_of) { Ok(()) } else { Err(Refusal::forbidden()) }
    }

    /// Whether this caller may write to the group. An app that owns a group may with `Group.Create` alone (documented
    /// for Terraform's `azuread_group`); a role-assignable group needs one permission more (entra.md §2.2).
    pub(super) fn require_write(&self, group: &Group, any_of: &[&str]) -> Result<(), Refusal> {
        let owner = group.owners.contains(&self.id) && self.may(&["Group.Create"]);
        if !owner {
            self.require(any_of)?;
        }
        if group.role_assignable { self.require(&[WRITE_ROLE_ASSIGNABLE]) } else { Ok(()) }
    }

    pub(super) fn require_role_assignable(&self) -> Result<(), Refusal> {
        self.require(&[WRITE_ROLE_ASSIGNABLE])
    }

    /// Whether properties beyond the id are shown (entra.md §1.3: they are null otherwise, and that is no error).
    pub(super) fn may_see(&self, object: Object<'_>) -> bool {
        match object {
            Object::User(_) => self.may(READ_USERS),
            Object::Group(_) | Object::DeletedGroup(_) => self.may(READ_GROUPS),
            Object::ServicePrincipal(principal) => principal.app_id == self.app || self.may(READ_SERVICE_PRINCIPALS),
        }
    }

    /// Whether one property is shown: `User.ReadBasic.All` shows names and mail only (entra.md §3).
    pub(super) fn may_see_property(&self, object: Object<'_>, name: &str) -> bool {
        const BASIC: &[&str] = &["id", "displayName", "givenName", "surname", "mail", "userPrincipalName"];
        match object {
            Object::User(_) => BASIC.contains(&name) || self.may(READ_WHOLE_USERS),
            Object::Group(_) | Object::DeletedGroup(_) | Object::ServicePrincipal(_) => true,
        }
    }
}
