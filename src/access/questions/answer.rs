//! What is answered, in words of its own, so that a report needs neither the states nor the people.

use std::collections::BTreeSet;
use std::sync::Arc;

use crate::access::people::WithoutGroups;
use crate::state::{
    EnvironmentName, Failure, Namespace, ObjectId, Origin, PolicyRule, PrincipalKind, PrincipalName, Request, RoleRef,
    SubjectKind,
};

/// What was asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Who may do this?
    WhoCan(Request),
    /// Why may they do this, or whatever they may do?
    Why(Party, Option<Request>),
    /// What may they do?
    Access(Party),
}

/// An answer, environment by environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// What was asked.
    pub question: Question,
    /// Whether it is about the time after an apply.
    pub planned: bool,
    /// The environments that could be read.
    pub parts: Vec<Part>,
    /// What could not be seen.
    pub unseen: BTreeSet<Unseen>,
}

/// The answer for one environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// The environment.
    pub environment: EnvironmentName,
    /// Whoever may, and everything by which they may. Of somebody who was asked about, one entry without a way where they
    /// may not.
    pub entries: Vec<Entry>,
    /// Who could make themselves members of a group by which others may.
    pub indirect: BTreeSet<Indirect>,
    /// Who is in a group by which others may, and may not, as their tokens carry no groups.
    pub without: BTreeSet<WithoutTheirGroups>,
    /// Of a question about the whole cluster: the namespaces in which more may.
    pub in_namespaces: BTreeSet<Namespace>,
    /// Of somebody who may not: what comes nearest.
    pub nearest: Option<Nearest>,
}

/// Somebody, and by what they may.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Who.
    pub who: Party,
    /// Whether they may do anything, whatever is bound.
    pub is_superuser: bool,
    /// By what.
    pub ways: Vec<Reached>,
}

/// Whoever can be a subject.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Party {
    /// Somebody in Entra.
    Person(PersonLabel),
    /// A group in Entra, or one of which only the name is known; others than those that are listed may be in it.
    Group(GroupLabel),
    /// A user name of which nobody knows whose it is.
    User(String),
    /// A service account.
    ServiceAccount {
        /// Its namespace.
        namespace: String,
        /// Its name.
        name: String,
    },
    /// Every service account, or all of one namespace.
    ServiceAccounts(Option<String>),
    /// Everybody who is signed in: `system:authenticated`.
    Everybody,
    /// Everybody, signed in or not: `system:unauthenticated`.
    Anonymous,
    /// Another group or user that Kubernetes itself knows: `system:…`.
    System(String),
    /// Whoever has a credential of `system:masters`.
    Superusers,
}

/// Somebody in Entra.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PersonLabel {
    /// As the files name them or would.
    pub name: PrincipalName,
    /// The object id, where it is known.
    pub id: Option<ObjectId>,
    /// What kind of object they are, where that is known.
    pub kind: Option<PrincipalKind>,
    /// Display name: hostile text.
    pub display_name: Option<String>,
    /// Whether they cannot sign in.
    pub disabled: bool,
}

/// A group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct GroupLabel {
    /// The key in the files, the display name, or the name that a cluster has for it: hostile text.
    pub name: String,
    /// The object id, where it is known.
    pub id: Option<ObjectId>,
    /// Whether the files know it.
    pub in_files: bool,
}

/// One way in which something reaches somebody.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reached {
    /// From the person to the group that is bound, group by group; empty where they are bound themselves.
    pub steps: Vec<Membership>,
    /// What is given.
    pub given: Arc<Given>,
}

/// One step of the way into a group.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Membership {
    /// The group.
    pub group: GroupLabel,
    /// The line that puts whoever comes before into it; `None` where it is so and no file says it.
    pub origin: Option<Origin>,
}

/// A binding, its role and the rule by which something is allowed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Given {
    /// The kind of subject.
    pub subject_kind: SubjectKind,
    /// The subject, as the cluster calls it: hostile text.
    pub subject: String,
    /// The binding's namespace; `None` is the whole cluster.
    pub namespace: Option<Namespace>,
    /// The binding's name: hostile text.
    pub binding: String,
    /// Whose the binding is.
    pub whose: Whose,
    /// The role.
    pub role: RoleRef,
    /// The role's block, where it is one of ours.
    pub role_origin: Option<Origin>,
    /// The rules: the one that allows what was asked about, else all; `None` where there is no such role, so that nothing is
    /// given.
    pub rules: Option<Vec<PolicyRule>>,
    /// The roles from which it has the rule, where it is filled by aggregation; the one in which the rule stands last.
    pub brought: Vec<Brought>,
}

/// Whose a binding is.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Whose {
    /// Ours: a grant asks for it.
    Grant(Origin),
    /// Ours, and no grant asks for it any more.
    Left,
    /// Somebody else's.
    Others,
}

/// A role whose rules another one takes in.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Brought {
    /// Its name: hostile text.
    pub role: String,
    /// Its block, where it is one of ours.
    pub origin: Option<Origin>,
}

/// Somebody who could make themselves a member.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Indirect {
    /// Who.
    pub who: PersonLabel,
    /// The group that they own.
    pub group: GroupLabel,
}

/// Somebody to whom a grant to their group is worth nothing.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct WithoutTheirGroups {
    /// Who.
    pub who: PersonLabel,
    /// The group that is bound.
    pub group: GroupLabel,
    /// Why.
    pub why: WithoutGroups,
}

/// What comes nearest to something that somebody may not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Nearest {
    /// The same in these namespaces.
    InNamespaces(BTreeSet<Namespace>),
    /// The same on objects of these names.
    Named(BTreeSet<String>),
    /// These verbs on the same resource.
    Verbs(BTreeSet<String>),
    /// These roles in the place that was asked about.
    Roles(BTreeSet<String>),
    /// Something, in these places.
    Elsewhere(BTreeSet<Namespace>),
    /// Nothing but what everybody may.
    Nothing,
}

/// What could not be seen.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unseen {
    /// Entra as a whole: who is in which group.
    Entra(String, Option<String>),
    /// A cluster.
    Environment(EnvironmentName, String, Option<String>),
    /// Who is in a group.
    Group(GroupLabel, String),
}

impl Unseen {
    /// A group of which only the name on a cluster is known.
    pub(super) fn stranger(group: GroupLabel) -> Self {
        Self::Group(group, "it is not one of ours, and its members were not read".to_owned())
    }

    /// Entra, and why.
    pub fn entra(failure: &Failure) -> Self {
        Self::Entra(failure.what.clone(), failure.next.clone())
    }

    /// A cluster, and why.
    pub fn environment(name: &EnvironmentName, failure: &Failure) -> Self {
        Self::Environment(name.clone(), failure.what.clone(), failure.next.clone())
    }
}

impl Answer {
    /// Whether anybody may, or they may.
    pub fn is_yes(&self) -> bool {
        self.parts.iter().flat_map(|part| &part.entries).any(Entry::may)
    }
}

impl Entry {
    /// Whether they may.
    pub fn may(&self) -> bool {
        self.is_superuser || self.ways.iter().any(|way| way.given.rules.is_some())
    }
}
