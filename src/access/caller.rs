//! Somebody as an API server sees them.

use std::borrow::Cow;
use std::collections::BTreeSet;

use crate::state::{Applier, Namespace, Subject, SubjectKind, SubjectName};

/// Members of this group may do anything, without a look at any role.
pub(super) const SUPERUSERS: &str = "system:masters";

/// What the user name of a service account starts with (apiserver `pkg/authentication/serviceaccount/util.go`).
const SERVICE_ACCOUNT: &str = "system:serviceaccount:";

/// A user name and groups, all of them: those that the API server adds by itself included.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Caller {
    /// The user name.
    pub user: String,
    /// The groups. One that a plan would create has no name yet.
    pub groups: BTreeSet<SubjectName>,
}

impl Caller {
    /// Exactly this user with exactly these groups, as an access review takes them.
    pub fn exactly(user: impl Into<String>, groups: impl IntoIterator<Item = SubjectName>) -> Self {
        Self { user: user.into(), groups: groups.into_iter().collect() }
    }

    /// Somebody with a token for this user and these groups: `system:authenticated` is added, but for who is called anonymous
    /// or unauthenticated (apiserver `pkg/authentication/group/authenticated_group_adder.go`).
    pub fn authenticated(user: impl Into<String>, groups: impl IntoIterator<Item = SubjectName>) -> Self {
        let mut caller = Self::exactly(user, groups);
        let unauthenticated = SubjectName::Known("system:unauthenticated".to_owned());
        if caller.user != "system:anonymous" && !caller.groups.contains(&unauthenticated) {
            caller.groups.insert(SubjectName::Known("system:authenticated".to_owned()));
        }
        caller
    }

    /// Whether they may do anything.
    pub fn is_superuser(&self) -> bool {
        self.groups.iter().any(|group| matches!(group, SubjectName::Known(name) if name == SUPERUSERS))
    }

    /// Whether a subject of a binding in this place is them.
    pub fn is(&self, subject: &Subject, namespace: Option<&Namespace>) -> bool {
        match Holder::of(subject, namespace) {
            Some(Holder::User(name)) => name == self.user,
            Some(Holder::Group(name)) => self.groups.contains(name),
            None => false,
        }
    }
}

/// Whom a subject of a binding stands for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Holder<'a> {
    /// The user of this name.
    User(Cow<'a, str>),
    /// Whoever is in this group.
    Group(&'a SubjectName),
}

impl<'a> Holder<'a> {
    /// `None` where nobody can be it. A subject's API group is not looked at, nor the namespace of a user or group; a service
    /// account without one is of the binding's (kubernetes `appliesToUser` in `pkg/registry/rbac/validation/rule.go`).
    pub(super) fn of(subject: &'a Subject, namespace: Option<&Namespace>) -> Option<Self> {
        match (&subject.kind, &subject.name) {
            (SubjectKind::User, SubjectName::Known(name)) => Some(Self::User(Cow::Borrowed(name))),
            (SubjectKind::Group, name) => Some(Self::Group(name)),
            (SubjectKind::ServiceAccount, SubjectName::Known(name)) => {
                let own = subject.namespace.as_deref().filter(|namespace| !namespace.is_empty());
                let namespace = own.or(namespace.map(Namespace::as_str))?;
                Some(Self::User(Cow::Owned(format!("{SERVICE_ACCOUNT}{namespace}:{name}"))))
            }
            (SubjectKind::User | SubjectKind::ServiceAccount, SubjectName::AfterApply { .. })
            | (SubjectKind::Other(_), _) => None,
        }
    }

    /// The namespace and name of the service account that this is, bound as one or by its user name.
    pub(super) fn service_account(&self) -> Option<(&str, &str)> {
        match self {
            Self::User(name) => name.strip_prefix(SERVICE_ACCOUNT)?.split_once(':'),
            Self::Group(_) => None,
        }
    }
}

impl From<&Applier> for Caller {
    fn from(who: &Applier) -> Self {
        Self::exactly(who.user.clone(), who.groups.iter().map(|group| SubjectName::Known(group.clone())))
    }
}
