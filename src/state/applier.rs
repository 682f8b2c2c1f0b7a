//! Who writes on a cluster.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Subject, SubjectKind, SubjectName};

const SERVICE_ACCOUNT: &str = "system:serviceaccount:";
const SUPERUSERS: &str = "system:masters";

/// An identity as an API server names it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Applier {
    /// The user name.
    pub user: String,
    /// Every group, those included that the API server adds by itself.
    pub groups: BTreeSet<String>,
}

impl Applier {
    /// A user with these groups and those that every authenticated user, or every service account, is in. An access review
    /// takes the groups as they are given, so that they must all be in it (apiserver
    /// `pkg/authentication/group/authenticated_group_adder.go`, `pkg/authentication/serviceaccount/util.go`).
    pub fn new(user: impl Into<String>, groups: impl IntoIterator<Item = String>) -> Self {
        let user = user.into();
        let mut groups: BTreeSet<String> = groups.into_iter().collect();
        groups.insert("system:authenticated".to_owned());
        if let Some((namespace, _)) = user.strip_prefix(SERVICE_ACCOUNT).and_then(|rest| rest.split_once(':')) {
            groups.insert("system:serviceaccounts".to_owned());
            groups.insert(format!("system:serviceaccounts:{namespace}"));
        }
        Self { user, groups }
    }

    /// A service account.
    pub fn service_account(namespace: &str, name: &str) -> Self {
        Self::new(format!("{SERVICE_ACCOUNT}{namespace}:{name}"), [])
    }

    /// Whether a binding for this subject gives it something.
    pub fn is_bound_by(&self, subject: &Subject) -> bool {
        let SubjectName::Known(name) = &subject.name else { return false };
        match &subject.kind {
            SubjectKind::User => *name == self.user,
            SubjectKind::Group => self.groups.contains(name),
            SubjectKind::ServiceAccount => {
                let account = self.user.strip_prefix(SERVICE_ACCOUNT).and_then(|rest| rest.split_once(':'));
                account == subject.namespace.as_deref().map(|namespace| (namespace, name.as_str())) && account.is_some()
            }
            SubjectKind::Other(_) => false,
        }
    }

    /// Whether the API server lets it do anything, without a look at any role.
    pub fn is_superuser(&self) -> bool {
        self.groups.contains(SUPERUSERS)
    }
}

impl fmt::Display for Applier {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.user)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_binds_by_its_kind() {
        let account = Applier::service_account("rolecall", "applier");
        let user = Applier::new("ci", ["deployers".to_owned()]);
        let binds = |kind, name: &str, namespace: Option<&str>| {
            let (name, namespace) = (SubjectName::Known(name.to_owned()), namespace.map(str::to_owned));
            let subject = Subject { kind, name, namespace, principal: None };
            (user.is_bound_by(&subject), account.is_bound_by(&subject))
        };
        assert_eq!(binds(SubjectKind::User, "ci", None), (true, false));
        assert_eq!(binds(SubjectKind::Group, "ci", None), (false, false));
        assert_eq!(binds(SubjectKind::Group, "deployers", None), (true, false));
        assert_eq!(binds(SubjectKind::Group, "system:authenticated", None), (true, true));
        assert_eq!(binds(SubjectKind::Group, "system:serviceaccounts:rolecall", None), (false, true));
        assert_eq!(binds(SubjectKind::User, "system:serviceaccount:rolecall:applier", None), (false, true));
        assert_eq!(binds(SubjectKind::ServiceAccount, "applier", Some("rolecall")), (false, true));
        assert_eq!(binds(SubjectKind::ServiceAccount, "applier", Some("trinity")), (false, false));
        assert_eq!(binds(SubjectKind::ServiceAccount, "applier", None), (false, false));
        assert_eq!(binds(SubjectKind::Other("Robot".to_owned()), "ci", None), (false, false));
    }

    #[test]
    fn the_groups_that_the_server_adds_are_there() {
        let groups = |applier: &Applier| applier.groups.iter().cloned().collect::<Vec<_>>().join(" ");
        let user = Applier::new("ci", ["deployers".to_owned()]);
        assert_eq!((user.user.as_str(), groups(&user).as_str()), ("ci", "deployers system:authenticated"));
        let account = Applier::service_account("rolecall", "applier");
        assert_eq!(account.user, "system:serviceaccount:rolecall:applier");
        assert_eq!(groups(&account), "system:authenticated system:serviceaccounts system:serviceaccounts:rolecall");
        assert!(!account.is_superuser() && Applier::new("root", ["system:masters".to_owned()]).is_superuser());
    }
}
