//! What is answered, in words of its own, so that a report needs neither the states nor the people.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use crate::access::people::WithoutGroups;
use crate::state::history::Since;
use crate::state::{
    EnvironmentName, Failure, GroupKey, Namespace, ObjectId, Origin, PolicyRule, PrincipalKind, PrincipalName, Request,
    RoleKey, RoleRef, SubjectKind,
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
    /// Who could make themselves members of a group by which others may; of somebody who was asked about, the groups that they
    /// own and are not in.
    pub indirect: Vec<Indirect>,
    /// Who is in a group by which others may, and may not, as their tokens carry no groups.
    pub without: BTreeSet<WithoutTheirGroups>,
    /// Groups by which whoever is in them may, and of which nobody knows all who are.
    pub unread: BTreeSet<GroupLabel>,
    /// Of a question about the whole cluster: the namespaces in which more may.
    pub in_namespaces: BTreeSet<Namespace>,
    /// Of somebody who may not: what comes nearest.
    pub nearest: Option<Nearest>,
    /// Of somebody who may not: the groups to which the files give it there.
    pub givers: BTreeSet<Giver>,
    /// Of somebody who may not now: whether the files give it to them, so that they may after an apply.
    pub is_asked_for: bool,
}

/// A group to which the files give something.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Giver {
    /// The group.
    pub group: GroupKey,
    /// The role that gives it.
    pub role: RoleKey,
    /// The grant.
    pub origin: Origin,
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
    /// The key in the files, the display name, or the name that a cluster has for it: hostile text. The object id where
    /// nothing else is known.
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
    /// Since when that line says so, where that was looked up.
    pub added: Option<Since>,
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
    /// Since when the grant asks for it, where that was looked up.
    pub grant_added: Option<Since>,
    /// The role.
    pub role: RoleRef,
    /// The role's key and its block, where it is one of ours: its object has a longer name.
    pub role_block: Option<(RoleKey, Origin)>,
    /// Since when the block is there or, where one rule is what was asked about, since when it says that; where it was looked up.
    pub role_added: Option<Since>,
    /// The rules: the one that allows what was asked about, else all; `None` where there is no such role, so that nothing is
    /// given.
    pub rules: Option<Vec<PolicyRule>>,
    /// The roles from which it has the rule, where it is filled by aggregation; the one in which the rule stands last.
    pub brought: Vec<Brought>,
    /// Whether the subject is a part of Kubernetes, and the binding one that Kubernetes makes for it.
    pub is_its_own: bool,
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
    /// Its key and its block, where it is one of ours.
    pub block: Option<(RoleKey, Origin)>,
    /// Since when the block is there, where that was looked up.
    pub added: Option<Since>,
}

/// Somebody who could make themselves a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Indirect {
    /// Who.
    pub who: PersonLabel,
    /// The group that they own.
    pub group: GroupLabel,
    /// By what they then may.
    pub ways: Vec<Reached>,
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
    /// These roles in the place that was asked about, those of ours with their keys.
    Roles(BTreeMap<String, Option<RoleKey>>),
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
    pub(super) fn stranger(group: GroupLabel) -> (GroupLabel, String) {
        (group, "it is not one of ours, and its members could not be read".to_owned())
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
    /// Whether anybody may, or they may; `None` where what was not seen may decide it. Superusers and Kubernetes' own parts are
    /// nobody here.
    pub fn verdict(&self) -> Option<bool> {
        let is_about_all = matches!(self.question, Question::WhoCan(_));
        if is_about_all && self.is_entra_unread() {
            return None;
        }
        let counts = |entry: &&Entry| match &entry.who {
            // Whether there is anybody in it is what nobody knows.
            Party::Group(_) if is_about_all => false,
            _ => !is_about_all || !(entry.who == Party::Superusers || entry.is_its_own()),
        };
        let is_yes = self.parts.iter().flat_map(|part| &part.entries).filter(counts).any(Entry::may);
        (is_yes || self.unseen.is_empty()).then_some(is_yes)
    }

    /// Whether nobody knows who is in which group.
    pub fn is_entra_unread(&self) -> bool {
        self.unseen.iter().any(|unseen| matches!(unseen, Unseen::Entra(..)))
    }
}

impl Entry {
    /// Whether they may.
    pub fn may(&self) -> bool {
        self.is_superuser || self.ways.iter().any(|way| way.given.rules.is_some())
    }

    /// Whether it is a part of Kubernetes, by nothing but what Kubernetes itself makes for it.
    pub fn is_its_own(&self) -> bool {
        let can_be = matches!(self.who, Party::System(_) | Party::ServiceAccount { .. } | Party::User(_));
        can_be && !self.ways.is_empty() && self.ways.iter().all(|way| way.given.is_its_own)
    }
}
