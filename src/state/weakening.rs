//! What a change of the access files weakens: of what keeps watch, and of what is compared at all.

use std::collections::BTreeSet;

use super::{AppId, EnvironmentName, GroupKey, Membership, Origin, PrincipalName, Request, RoleKey, Unmanaged};

/// One thing that a change weakens.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Weakening {
    /// What.
    pub what: Weakened,
    /// The line that does it; `None` where it is done by taking something out.
    pub now: Option<Origin>,
    /// The line that stood for it before.
    pub was: Option<Origin>,
}

/// What is weakened, what matters most first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Weakened {
    /// What was expected is so no more, on these environments.
    Expectation {
        /// Of whom.
        who: PrincipalName,
        /// What.
        expected: Limit,
        /// Where.
        environments: BTreeSet<EnvironmentName>,
    },
    /// Nothing is compared on an environment any more; what is bound there stays.
    Environment(EnvironmentName),
    /// An environment is not protected any more.
    Protection(EnvironmentName),
    /// `delegate` is gone: every file may define everything.
    NoDelegate,
    /// What other files may define is said otherwise; `None` where an entry comes or goes.
    Delegation {
        /// The entries that are gone, as they were written.
        before: Vec<String>,
        /// Those that came.
        after: Vec<String>,
    },
    /// Another identity counts as ours among owners.
    Applier(AppId),
    /// Who applies on an environment is not said any more, or is somebody else.
    EnvironmentApplier(EnvironmentName),
    /// Labels have changed, by which `delegate` may select.
    Labels(EnvironmentName),
    /// A role that other files may grant gives something else.
    DelegatedRole(RoleKey),
    /// A group of others is not in the files any more: nobody compares it.
    Group(GroupKey),
    /// A key stands for another object of the tenant.
    Object(GroupKey),
    /// Who owns a group is not compared any more.
    Owners(GroupKey),
    /// A group's display name, by which a cluster knows it, is not held any more.
    DisplayName(GroupKey),
    /// What a list of members means has changed.
    Membership {
        /// Of which group.
        group: GroupKey,
        /// What it meant.
        before: Membership,
        /// What it means.
        after: Membership,
    },
    /// Somebody may be a member again who must not be.
    Absence {
        /// Of which group.
        group: GroupKey,
        /// Who.
        who: PrincipalName,
    },
    /// Memberships by Privileged Identity Management are not read any more before somebody is removed.
    WithoutPim,
    /// Two applies may write at once: one that knows of the lock as it was, and one that does not.
    Lock {
        /// Whether there is none any more.
        gone: bool,
    },
    /// Less is said of bindings that the files do not ask for.
    Unmanaged {
        /// Where.
        environment: EnvironmentName,
        /// What was done about them.
        before: Unmanaged,
        /// What is done.
        after: Unmanaged,
    },
    /// Bindings that the files do not ask for may stay.
    AllowedUnmanaged {
        /// Where.
        environment: EnvironmentName,
        /// Which, as it is written.
        what: String,
    },
    /// Findings of a lint rule count as something else.
    Lint {
        /// The rule's id.
        rule: String,
        /// What they counted as: a word of the `lint` block; `None` is the rule's own.
        before: Option<&'static str>,
        /// What they count as.
        after: Option<&'static str>,
    },
}

/// What an expectation says.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    /// They must not be able to do it.
    Cannot(Request),
    /// They may do these at most.
    Only(Vec<Request>),
    /// They must be able to do it.
    Can(Request),
}

impl Weakened {
    /// A stable id of its kind.
    pub fn id(&self) -> &'static str {
        match self {
            Self::Expectation { .. } => "expectation",
            Self::Environment(_) => "environment",
            Self::Protection(_) => "protected",
            Self::NoDelegate | Self::Delegation { .. } => "delegate",
            Self::Applier(_) => "appliers",
            Self::EnvironmentApplier(_) => "applier",
            Self::Labels(_) => "labels",
            Self::DelegatedRole(_) => "delegated-role",
            Self::Group(_) => "group",
            Self::Object(_) => "object",
            Self::Owners(_) => "owners",
            Self::DisplayName(_) => "display-name",
            Self::Membership { .. } => "membership",
            Self::Absence { .. } => "absent",
            Self::WithoutPim => "pim",
            Self::Lock { .. } => "lock",
            Self::Unmanaged { .. } => "unmanaged",
            Self::AllowedUnmanaged { .. } => "allow-unmanaged",
            Self::Lint { .. } => "lint",
        }
    }
}
