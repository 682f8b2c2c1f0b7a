//! The stable ids of what a plan withholds and of what it notes.

use std::fmt;

use serde::{Deserialize, Serialize};

/// An enum whose variants have an id and a sentence each.
macro_rules! ids {
    ($(#[$about:meta])* $name:ident { $($variant:ident = $id:literal: $summary:literal,)+ }) => {
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum $name {
            $(#[doc = $summary] #[serde(rename = $id)] $variant,)+
        }

        impl $name {
            /// All of them, by id.
            pub const ALL: &[Self] = &[$(Self::$variant),+];

            /// The id, which stays what it is from version to version.
            pub fn id(self) -> &'static str {
                match self { $(Self::$variant => $id),+ }
            }

            /// What it means, in a sentence.
            pub fn summary(self) -> &'static str {
                match self { $(Self::$variant => $summary),+ }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str(self.id())
            }
        }
    };
}

ids! {
    /// Why something is withheld.
    Reason {
        AggregatedRole = "aggregated-role": "A role of ours was given an `aggregationRule` by somebody else.",
        AmbiguousGroupName = "ambiguous-group-name": "A cluster knows groups by display name, and two groups have this one.",
        AmbiguousPerson = "ambiguous-person": "Several people or apps have the name.",
        CannotNest = "cannot-nest": "A group of this kind cannot be a member of that one.",
        ClusterNotToldApart = "cluster-not-told-apart": "Another environment was not read and may be the same cluster, so nothing is removed.",
        ContainsItself = "contains-itself": "A group is named in its own lists.",
        DeletedGroupsConflict = "deleted-groups-conflict": "Several deleted groups may be the group.",
        DeletedUnreadable = "deleted-unreadable": "Whether the group was deleted and can be restored could not be read.",
        GroupNameInUse = "group-name-in-use": "A cluster knows groups by display name, and something is given to this one already.",
        GroupNameUnknown = "group-name-unknown": "A cluster knows groups by display name, and whether something is given to this one could not be read.",
        GroupNotFound = "group-not-found": "A group holds one with the mark of a group that was not found itself.",
        GroupNotThereYet = "group-not-there-yet": "The group does not exist yet, and creating or restoring it is not part of this plan.",
        GroupRestored = "group-restored": "The group is restored by this plan; what it holds is not known before.",
        MemberAndAbsent = "member-and-absent": "Somebody is to be a member and is listed under `absent`.",
        MissingGroup = "missing-group": "No group has the id in the files.",
        MissingNamespace = "missing-namespace": "The namespace of a binding is not there.",
        MissingRole = "missing-role": "The role of a binding is not there.",
        NameTaken = "name-taken": "An object that is not ours has the name.",
        NoSecurityGroup = "no-security-group": "Kubernetes is told of security groups only, and this one is a distribution list.",
        NoUser = "no-user": "What is neither a user nor an app cannot be given access by name.",
        NoUserName = "no-user-name": "A cluster knows users by user principal name, and this one has none or it could not be read.",
        NotAnOwner = "not-an-owner": "Entra takes no owner of this kind.",
        NotInSnapshot = "not-in-snapshot": "The plan is made from a snapshot that was taken without this name, id or display name.",
        NotOurs = "not-ours": "A group carries a mark of ours and no applier owns it, or it is not of our kind.",
        OtherConfig = "other-config": "The group belongs to another rolecall config.",
        OtherRole = "other-role": "A binding of ours has another role, and only its maker could replace it.",
        OwnAccess = "own-access": "What this identity works with itself would be taken away.",
        PassesForBuiltIn = "passes-for-built-in": "An object of ours carries the label of Kubernetes' own.",
        PimUnreadable = "pim-unreadable": "Who is a member through Privileged Identity Management could not be read, so removals wait.",
        PreviousKeysConflict = "previous-keys-conflict": "Several groups may be the one under `previously`.",
        ReadOnlyGroup = "read-only-group": "Entra does not let such a group be changed.",
        ReplacesBuiltIn = "replaces-built-in": "`replaces` names a binding of Kubernetes' own, or one that passes for it.",
        ReplacesElsewhere = "replaces-elsewhere": "`replaces` names a binding in a namespace that the grant does not reach.",
        ReplacesNobody = "replaces-nobody": "`replaces` names a binding that is for nobody.",
        ReplacesOtherAccess = "replaces-other-access": "`replaces` names a binding that gives what the grant does not.",
        ReplacesOtherConfig = "replaces-other-config": "`replaces` names a binding of another rolecall config.",
        RoleInUse = "role-in-use": "A role that no file defines any more is still referred to by what is not ours.",
        SameGroup = "same-group": "Two blocks mean one group.",
        StillBound = "still-bound": "A group that no file defines any more is still referred to by a binding that stays.",
        UnknownApplier = "unknown-applier": "No applier is known who could be the first owner of a new group.",
        UnknownGroup = "unknown-group": "No group has the name or id.",
        UnknownPerson = "unknown-person": "Nobody has the name.",
        UsersOnly = "users-only": "A group of this kind takes people only.",
    }
}

ids! {
    /// What a note is about.
    NoteKind {
        AdoptionCandidate = "adoption-candidate": "A group that rolecall does not manage has the display name of one that it would create.",
        AllowanceUnused = "allowance-unused": "An entry of `allow-unmanaged` allows nothing that is there.",
        BoundByOthers = "bound-by-others": "A group that would be deleted is still referred to by a binding that is not ours.",
        ClusterUid = "cluster-uid": "The files do not say which cluster this is.",
        DisabledInPrivilegedGroup = "disabled-in-privileged-group": "An account is disabled and in a group that can do more than work in namespaces.",
        DisabledPerson = "disabled-person": "An account is disabled: what is granted to it takes effect when it is enabled.",
        EmptySelector = "empty-selector": "No namespace has the labels of a grant.",
        LeftBehind = "left-behind": "A group that rolecall created is there still, and its block means another one now.",
        LockOutOfReach = "lock-out-of-reach": "Whoever applies could not take the lock, so that nothing would be written.",
        LookAlike = "look-alike": "Another group has the same display name.",
        NotOurs = "not-ours": "A group carries our mark, no file asks for it, and no applier owns it.",
        OtherOwners = "other-owners": "A group of ours has owners who are no appliers and whom no file names.",
        PrivilegedMember = "privileged-member": "Somebody is in a group through Privileged Identity Management.",
        ReplacesDone = "replaces-done": "Nothing is left that `replaces` names.",
        ReplacesOurs = "replaces-ours": "`replaces` names a binding that rolecall made itself.",
        RoleAssignable = "role-assignable": "A group can hold Entra roles, so that changing it needs another permission.",
        StillNamed = "still-named": "A group has no block of its own any more, and the files name its id.",
        UnknownObject = "unknown-object": "A group holds an object of a type that this version does not know.",
        UnknownSelector = "unknown-selector": "An `aggregationRule` has an operator that this version does not know.",
    }
}

impl Reason {
    /// What to do next, where what is said of each case does not say it.
    pub fn next(self) -> Option<&'static str> {
        Some(match self {
            Self::UnknownPerson => "correct the name in the files, or take the entry out",
            Self::AmbiguousPerson => {
                "write the one that is meant so that no other has that name: a person by user principal name, an app by app id"
            }
            Self::UnknownGroup => "correct the name, or give the group a block in the files",
            Self::NotInSnapshot => "plan against the live systems, or take a new snapshot with these files",
            Self::ContainsItself => "take the entry out",
            Self::NotAnOwner => "name people or service principals as owners",
            Self::UsersOnly => "name people, or use a security group",
            Self::GroupRestored => "apply this plan, then plan again",
            Self::MissingNamespace => "create the namespace or correct its name, then plan again",
            Self::MissingRole => "create the role there or correct its name, then plan again",
            Self::NoUser => "grant to a group that it is in",
            Self::RoleInUse => "have what refers to it removed, or give the role a block in the files again",
            Self::AggregatedRole
            | Self::AmbiguousGroupName
            | Self::CannotNest
            | Self::ClusterNotToldApart
            | Self::DeletedGroupsConflict
            | Self::DeletedUnreadable
            | Self::GroupNameInUse
            | Self::GroupNameUnknown
            | Self::GroupNotFound
            | Self::GroupNotThereYet
            | Self::MemberAndAbsent
            | Self::MissingGroup
            | Self::NameTaken
            | Self::NoSecurityGroup
            | Self::NoUserName
            | Self::NotOurs
            | Self::OtherConfig
            | Self::OtherRole
            | Self::OwnAccess
            | Self::PassesForBuiltIn
            | Self::PimUnreadable
            | Self::PreviousKeysConflict
            | Self::ReadOnlyGroup
            | Self::ReplacesBuiltIn
            | Self::ReplacesElsewhere
            | Self::ReplacesNobody
            | Self::ReplacesOtherAccess
            | Self::ReplacesOtherConfig
            | Self::SameGroup
            | Self::StillBound
            | Self::UnknownApplier => return None,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_in_order_and_each_stands_once() {
        let reasons: Vec<&str> = Reason::ALL.iter().map(|reason| reason.id()).collect();
        let kinds: Vec<&str> = NoteKind::ALL.iter().map(|kind| kind.id()).collect();
        assert!(reasons.is_sorted_by(|one, other| one < other), "{reasons:?}");
        assert!(kinds.is_sorted_by(|one, other| one < other), "{kinds:?}");
    }
}
