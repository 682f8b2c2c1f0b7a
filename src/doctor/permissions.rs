//! The application permissions of Microsoft Graph: what `plan` and `apply` need, and what others could do.
//!
//! The README's table is printed from [`NEEDS`] and tested to be current.

use std::fmt::Write as _;

use super::Purpose;
use crate::state::{Desired, DesiredGroup, Management, Membership};

/// One permission that is needed.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    /// Its name, as admin consent lists it.
    pub permission: &'static str,
    /// Others that do as well, by Microsoft's table.
    pub instead: &'static [&'static str],
    /// For what.
    pub purpose: Purpose,
    /// Under which condition.
    pub when: When,
    /// What does not work without it.
    pub without: &'static str,
    /// What somebody with this credential could do.
    pub could: &'static str,
}

/// What of a config needs a permission.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// Any group.
    Always,
    /// Privileged Identity Management may be in use.
    Pim,
    /// Nothing but members is changed.
    MembersOnly,
    /// Groups are created, renamed or deleted, or get owners.
    Groups,
    /// A group may hold Entra roles, which only the tenant knows.
    RoleAssignable,
    /// Never; it lets `drift` say more.
    Optional,
}

impl When {
    /// For the README.
    const fn words(self) -> &'static str {
        match self {
            Self::Always => "always",
            Self::Pim => "unless `tenant: { pim: none }`",
            Self::MembersOnly => "only members of adopted groups are changed",
            Self::Groups => "groups are created, described or deleted, or get owners",
            Self::RoleAssignable => "a group is role-assignable; avoid it",
            Self::Optional => "only if wanted, to say who changed a group and when",
        }
    }
}

const READ_DIRECTORY: [&str; 2] = ["Directory.Read.All", "Directory.ReadWrite.All"];

/// Everything that is needed, and what may be given besides, in the order in which it is given.
pub const NEEDS: &[Need] = &[
    Need {
        permission: "Group.Read.All",
        instead: &["Group.ReadWrite.All", READ_DIRECTORY[0], READ_DIRECTORY[1]],
        purpose: Purpose::Plan,
        when: When::Always,
        without: "no group, no member and no deleted group can be read",
        could: "read every group with its members, its owners and the groups it is in, and the content of Microsoft 365 groups",
    },
    Need {
        permission: "User.Read.All",
        instead: &["User.ReadWrite.All", READ_DIRECTORY[0], READ_DIRECTORY[1]],
        purpose: Purpose::Plan,
        when: When::Always,
        without: "no person and no guest can be found by name",
        could: "read every user's profile",
    },
    Need {
        permission: "Application.Read.All",
        instead: &["Application.ReadWrite.OwnedBy", "Application.ReadWrite.All", READ_DIRECTORY[0], READ_DIRECTORY[1]],
        purpose: Purpose::Plan,
        when: When::Always,
        without: "appliers and other service principals cannot be told apart",
        could: "read every app and service principal; change nothing",
    },
    Need {
        permission: "PrivilegedAssignmentSchedule.Read.AzureADGroup",
        instead: &[
            "PrivilegedAssignmentSchedule.ReadWrite.AzureADGroup",
            "PrivilegedAccess.Read.AzureADGroup",
            "PrivilegedAccess.ReadWrite.AzureADGroup",
        ],
        purpose: Purpose::Plan,
        when: When::Pim,
        without: "every removal of a member is withheld",
        could: "see who has activated a membership",
    },
    Need {
        permission: "AuditLog.Read.All",
        instead: &[],
        purpose: Purpose::Plan,
        when: When::Optional,
        without: "`drift` does not say who changed a group and when",
        could: "read who did what in the whole tenant: its audit log and its sign-ins",
    },
    Need {
        permission: "GroupMember.ReadWrite.All",
        instead: &["Group.ReadWrite.All", "Directory.ReadWrite.All"],
        purpose: Purpose::Apply,
        when: When::MembersOnly,
        without: "no member can be added or removed",
        could: "put anybody into any group that is not role-assignable, so: get whatever any group gives",
    },
    Need {
        permission: "Group.ReadWrite.All",
        instead: &["Directory.ReadWrite.All"],
        purpose: Purpose::Apply,
        when: When::Groups,
        without: "no group can be created, changed or deleted",
        could: "put anybody into any group that is not role-assignable, create, rename and delete any group, and read and \
                write the content of Microsoft 365 groups",
    },
    Need {
        permission: "RoleManagement.ReadWrite.Directory",
        instead: &[],
        purpose: Purpose::Apply,
        when: When::RoleAssignable,
        without: "nothing of a role-assignable group can be changed",
        could: "become Global Administrator",
    },
];

impl Need {
    /// Whether everything works without it.
    pub fn is_optional(&self) -> bool {
        self.when == When::Optional
    }

    /// The command that it is for.
    pub fn command(&self) -> &'static str {
        if self.is_optional() { "drift" } else { self.purpose.command() }
    }
}

/// A permission with which somebody could do harm, and those that allow as much.
struct Danger {
    permission: &'static str,
    within: &'static [&'static str],
    could: &'static str,
}

/// What is worth a line of its own when it is held and not needed.
const DANGERS: &[Danger] = &[
    Danger { permission: "AppRoleAssignment.ReadWrite.All", within: &[], could: "give itself any other permission" },
    Danger {
        permission: "Application.ReadWrite.All",
        within: &[],
        could: "add a secret to any app and act as that app",
    },
    Danger { permission: "Application.ReadWrite.OwnedBy", within: &[], could: "act as the apps that it owns" },
    Danger {
        permission: "Directory.ReadWrite.All",
        within: &[],
        could: "change nearly everything in the directory: users, groups, devices, apps' names",
    },
    Danger { permission: "Domain.ReadWrite.All", within: &[], could: "sign in as anybody, by a domain of its own" },
    Danger { permission: "Policy.ReadWrite.ConditionalAccess", within: &[], could: "switch Conditional Access off" },
    Danger {
        permission: "PrivilegedAccess.ReadWrite.AzureADGroup",
        within: &[],
        could: "make anybody a member or an owner of any group that PIM manages",
    },
    Danger {
        permission: "PrivilegedAssignmentSchedule.ReadWrite.AzureADGroup",
        within: &[],
        could: "make anybody a member or an owner of any group that PIM manages",
    },
    Danger {
        permission: "PrivilegedEligibilitySchedule.ReadWrite.AzureADGroup",
        within: &[],
        could: "let anybody activate a membership in any group that PIM manages",
    },
    Danger { permission: "User.ReadWrite.All", within: &[], could: "change, disable and delete users" },
    Danger {
        permission: "UserAuthenticationMethod.ReadWrite.All",
        within: &[],
        could: "give itself a way to sign in as nearly anybody",
    },
    Danger {
        permission: "Group.Create",
        within: &["Group.ReadWrite.All", "Directory.ReadWrite.All"],
        could: "create groups, and change those that it owns",
    },
];

/// What somebody with a permission that is not needed could do; `None` where that is little, or no more than `needed`
/// gives anyway.
pub(super) fn danger(permission: &str, needed: &[&Need]) -> Option<&'static str> {
    let gives = |names: &[&str]| needed.iter().any(|need| names.contains(&need.permission));
    if let Some(danger) = DANGERS.iter().find(|danger| danger.permission == permission) {
        return (!gives(danger.within)).then_some(danger.could);
    }
    let need = NEEDS.iter().find(|need| need.permission == permission && need.purpose == Purpose::Apply)?;
    (!gives(need.instead)).then_some(need.could)
}

/// What a config needs, as far as its files say.
pub(super) fn needs(desired: &Desired, role_assignable: bool) -> impl Iterator<Item = &'static Need> {
    let managed = |group: &DesiredGroup| match group.management {
        Management::External(_) => false,
        Management::Owned | Management::Adopted(_) => true,
    };
    let has_groups = !desired.groups.is_empty();
    let writes_groups = desired.groups.values().any(|group| {
        let described = group.owners.is_some() || group.display_name.is_some() || group.description.is_some();
        group.management == Management::Owned || (managed(group) && described)
    });
    let writes_members =
        desired.groups.values().any(|group| managed(group) && group.membership != Membership::External);
    let without_pim = desired.without_pim;
    NEEDS.iter().filter(move |need| match need.when {
        When::Always | When::Optional => has_groups,
        When::Pim => has_groups && !without_pim,
        When::MembersOnly => writes_members && !writes_groups,
        When::Groups => writes_groups,
        When::RoleAssignable => role_assignable,
    })
}

/// The README's table.
pub fn markdown() -> String {
    let mut table =
        "| for | permission | when | what somebody with it could do |\n| --- | --- | --- | --- |\n".to_owned();
    for need in NEEDS {
        // Writing to a string cannot fail.
        let _ = writeln!(
            table,
            "| `{}` | `{}` | {} | {} |",
            need.command(),
            need.permission,
            need.when.words(),
            need.could
        );
    }
    table
}
