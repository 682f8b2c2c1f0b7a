//! Somebody as an API server sees them.

use std::collections::BTreeSet;

use super::rbac::{SUPERUSERS, service_account};
use crate::state::{Applier, Namespace, Subject, SubjectKind, SubjectName};

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

    /// Somebody with a token for this user and these groups: `system:authenticated` is added (apiserver
    /// `pkg/authentication/group/authenticated_group_adder.go`).
    pub fn authenticated(user: impl Into<String>, groups: impl IntoIterator<Item = SubjectName>) -> Self {
        let mut caller = Self::exactly(user, groups);
        caller.groups.insert(SubjectName::Known("system:authenticated".to_owned()));
        caller
    }

    /// Whether they may do anything.
    pub fn is_superuser(&self) -> bool {
        self.groups.iter().any(|group| matches!(group, SubjectName::Known(name) if name == SUPERUSERS))
    }

    /// Whether a subject of a binding in this place is them. Its API group is not looked at, nor the namespace of a user or group.
    pub fn is(&self, subject: &Subject, namespace: Option<&Namespace>) -> bool {
        match (&subject.kind, &subject.name) {
            (SubjectKind::User, SubjectName::Known(name)) => *name == self.user,
            (SubjectKind::Group, name) => self.groups.contains(name),
            (SubjectKind::ServiceAccount, SubjectName::Known(name)) => {
                let own = subject.namespace.as_deref().filter(|namespace| !namespace.is_empty());
                let of = own.or(namespace.map(Namespace::as_str));
                of.is_some_and(|of| self.user == service_account(of, name))
            }
            (SubjectKind::User | SubjectKind::ServiceAccount, SubjectName::AfterApply { .. })
            | (SubjectKind::Other(_), _) => false,
        }
    }
}

impl From<&Applier> for Caller {
    fn from(who: &Applier) -> Self {
        Self::exactly(who.user.clone(), who.groups.iter().map(|group| SubjectName::Known(group.clone())))
    }
}
