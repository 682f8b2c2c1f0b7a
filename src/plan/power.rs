//! What a role lets its subjects do on the whole cluster or in a namespace, where that is more than it seems.

use std::collections::BTreeSet;
use std::fmt;

use crate::state::covering::Right;
use crate::state::{PolicyRule, RBAC};

/// A role that makes its subjects masters of the cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Power {
    /// Give themselves everything.
    Take,
    /// Everything.
    All,
}

impl fmt::Display for Power {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Take => "lets whoever has it give itself everything",
            Self::All => "grants everything",
        })
    }
}

/// What these rules come to when they hold on the whole cluster.
pub(super) fn power(rules: &[PolicyRule]) -> Option<Power> {
    if PolicyRule::grant_everything(rules) {
        Some(Power::All)
    } else {
        PolicyRule::lead_to_cluster_admin(rules).then_some(Power::Take)
    }
}

/// What rules may come to in a namespace, where no binding of it reaches what belongs to the whole cluster.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum LocalPower {
    /// Everything.
    All,
    /// Give themselves everything.
    Take,
    /// Let others in.
    Share,
    /// Act as any service account.
    Act,
    /// Run anything, and thereby act as any service account.
    Run,
    /// Read secrets, and thereby act as a service account whose token is in one.
    Secrets,
}

impl LocalPower {
    const EACH: [Self; 5] = [Self::Take, Self::Share, Self::Act, Self::Run, Self::Secrets];

    /// Its name in an acknowledgement.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::All => "everything",
            Self::Take => "take-everything",
            Self::Share => "let-others-in",
            Self::Act => "act-as-service-accounts",
            Self::Run => "run-anything",
            Self::Secrets => "read-secrets",
        }
    }

    /// Verbs on resources of an API group, each of which is enough.
    fn ways(self) -> &'static [(&'static [&'static str], &'static str, &'static [&'static str])] {
        const WRITE: &[&str] = &["create", "update", "patch"];
        match self {
            Self::All => &[],
            Self::Take => &[(&["escalate"], RBAC, &["roles"]), (&["bind"], RBAC, &["roles", "clusterroles"])],
            Self::Share => &[(WRITE, RBAC, &["rolebindings"])],
            Self::Act => &[(&["impersonate"], "", &["serviceaccounts"]), (&["create"], "", &["serviceaccounts/token"])],
            // A connection to a container is a GET where it is opened by a web socket.
            Self::Run => &[
                (WRITE, "", &["pods", "replicationcontrollers", "pods/ephemeralcontainers"]),
                (&["get", "create"], "", &["pods/exec", "pods/attach"]),
                (WRITE, "apps", &["deployments", "daemonsets", "replicasets", "statefulsets"]),
                (WRITE, "batch", &["jobs", "cronjobs"]),
            ],
            Self::Secrets => &[(&["get", "list", "watch"], "", &["secrets"])],
        }
    }

    fn is_in(self, rules: &[PolicyRule]) -> bool {
        let allowed = |verb, group, resource, name| {
            let right = Right::Resource { group, resource, name, verb };
            rules.iter().any(|rule| right.covered_by(rule))
        };
        let any = self.ways().iter().any(|(verbs, group, resources)| {
            verbs.iter().any(|verb| resources.iter().any(|resource| allowed(verb, group, resource, None)))
        });
        let by_name = self == Self::Take
            && ["cluster-admin", "admin"].iter().any(|role| allowed("bind", RBAC, "clusterroles", Some(role)));
        any || by_name
    }
}

impl fmt::Display for LocalPower {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::All => "do everything",
            Self::Take => "give itself everything",
            Self::Share => "give others what it may do itself",
            Self::Act => "act as any service account",
            Self::Run => "run anything, as any service account",
            Self::Secrets => "read secrets, tokens of service accounts included",
        })
    }
}

/// What these rules come to when they hold in a namespace: everything, or each power for itself.
pub(super) fn local_powers(rules: &[PolicyRule]) -> BTreeSet<LocalPower> {
    if PolicyRule::grant_everything(rules) {
        return BTreeSet::from([LocalPower::All]);
    }
    LocalPower::EACH.into_iter().filter(|power| power.is_in(rules)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(verb: &str, group: &str, resource: &str, name: &[&str]) -> Vec<PolicyRule> {
        vec![PolicyRule {
            api_groups: vec![group.to_owned()],
            resources: vec![resource.to_owned()],
            verbs: vec![verb.to_owned()],
            resource_names: name.iter().map(|name| (*name).to_owned()).collect(),
            ..PolicyRule::default()
        }]
    }

    #[test]
    fn what_rules_come_to_in_a_namespace() {
        let powers = |verb, group, resource, names: &[&str]| {
            let found = local_powers(&rule(verb, group, resource, names));
            found.into_iter().map(LocalPower::name).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(powers("*", "*", "*", &[]), "everything");
        assert_eq!(powers("*", "", "*", &[]), "act-as-service-accounts run-anything read-secrets");
        assert_eq!(powers("get", "*", "*", &[]), "run-anything read-secrets");
        assert_eq!(powers("list", "", "secrets", &[]), "read-secrets");
        assert_eq!(powers("get", "", "secrets", &["one"]), "");
        assert_eq!(powers("create", "", "*/exec", &[]), "run-anything");
        assert_eq!(powers("patch", "apps", "deployments", &[]), "run-anything");
        assert_eq!(powers("patch", "apps", "deployments/status", &[]), "");
        assert_eq!(powers("escalate", RBAC, "roles", &[]), "take-everything");
        assert_eq!(powers("bind", RBAC, "clusterroles", &["admin"]), "take-everything");
        assert_eq!(powers("bind", RBAC, "clusterroles", &["view"]), "");
        // What belongs to the whole cluster is not reached from a namespace.
        assert_eq!(powers("escalate", RBAC, "clusterroles", &[]), "");
        assert_eq!(powers("impersonate", "", "users", &[]), "");
        assert_eq!(powers("create", RBAC, "clusterrolebindings", &[]), "");
        assert_eq!(powers("create", RBAC, "rolebindings", &[]), "let-others-in");
        assert_eq!(powers("get", "stable.contoso.com", "crontabs", &[]), "");
    }
}
