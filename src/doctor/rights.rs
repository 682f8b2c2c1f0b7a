//! What `plan` and `apply` need on a cluster, as questions to its API server.
//!
//! `docs/permissions.yaml` is tested against [`NEEDS`]: what is given there is what is asked here.

use std::collections::{BTreeMap, BTreeSet};

use super::Purpose;
use crate::state::{AccessAnswer, DesiredEnvironment, Namespace, RightQuestion, RoleKind, ScopeTarget};

/// The API group of roles and bindings.
pub(super) const RBAC: &str = "rbac.authorization.k8s.io";

/// One right on every object of a kind.
#[derive(Clone, Copy, Debug)]
pub struct Need {
    /// For what.
    pub purpose: Purpose,
    /// The API group; empty is the core group.
    pub group: &'static str,
    /// The plurals.
    pub resources: &'static [&'static str],
    /// The verbs.
    pub verbs: &'static [&'static str],
}

const KINDS: &[&str] = &["clusterroles", "clusterrolebindings", "roles", "rolebindings"];

/// Every right that does not depend on the roles in the files.
pub const NEEDS: &[Need] = &[
    Need { purpose: Purpose::Plan, group: RBAC, resources: KINDS, verbs: &["list"] },
    Need { purpose: Purpose::Plan, group: "", resources: &["namespaces"], verbs: &["get", "list"] },
    Need { purpose: Purpose::Apply, group: RBAC, resources: KINDS, verbs: &["get", "create", "patch", "delete"] },
];

/// For a plan that is asked whether somebody else, an environment's `applier`, may write what it shows.
pub const ASKING: Need = Need {
    purpose: Purpose::Plan,
    group: "authorization.k8s.io",
    resources: &["subjectaccessreviews"],
    verbs: &["create"],
};

/// The two verbs that RBAC has for giving what one does not hold.
pub const GIVING: [&str; 2] = ["bind", "escalate"];

/// What somebody could do with a right that nothing here needs.
pub(super) struct Danger {
    pub(super) verb: &'static str,
    pub(super) group: &'static str,
    pub(super) resource: &'static str,
    pub(super) could: &'static str,
}

/// The whole cluster.
pub(super) const EVERYTHING: Danger =
    Danger { verb: "*", group: "*", resource: "*", could: "do anything on this cluster (cluster-admin)" };

/// What is worth a line when it is held.
pub(super) const DANGERS: &[Danger] = &[
    Danger {
        verb: "list",
        group: "",
        resource: "secrets",
        could: "read every secret, tokens of service accounts included",
    },
    Danger { verb: "impersonate", group: "", resource: "users", could: "act as anybody, cluster-admin included" },
    Danger { verb: "create", group: "", resource: "pods", could: "run anything, as any service account" },
    Danger { verb: "create", group: "", resource: "serviceaccounts/token", could: "act as any service account" },
];

/// A question about the whole cluster.
pub(super) fn ask(verb: &'static str, group: &'static str, resource: &'static str) -> RightQuestion {
    RightQuestion { verb, group, resource, namespace: None, name: None }
}

impl Danger {
    pub(super) fn question(&self) -> RightQuestion {
        ask(self.verb, self.group, self.resource)
    }
}

/// A right to give a role: `bind` for granting it, `escalate` for writing it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Giving {
    pub(super) verb: &'static str,
    pub(super) resource: &'static str,
    pub(super) name: String,
    /// Where it is given; `None` when in one place at least it is the whole cluster, or places that only it knows.
    pub(super) namespaces: Option<BTreeSet<Namespace>>,
}

impl Giving {
    pub(super) fn question(&self, namespace: Option<&Namespace>) -> RightQuestion {
        RightQuestion {
            verb: self.verb,
            group: RBAC,
            resource: self.resource,
            namespace: namespace.cloned(),
            name: Some(self.name.clone()),
        }
    }
}

/// What an environment's grants and roles take to be given.
pub(super) fn givings(environment: &DesiredEnvironment) -> Vec<Giving> {
    type Places = Option<BTreeSet<Namespace>>;
    let mut found: BTreeMap<(&'static str, &'static str, String), Places> = BTreeMap::new();
    let mut add = |verb, resource, name: &str, namespace: Option<&Namespace>| {
        let places = found.entry((verb, resource, name.to_owned())).or_insert_with(|| Some(BTreeSet::new()));
        match (namespace, &mut *places) {
            (Some(namespace), Some(places)) => drop(places.insert(namespace.clone())),
            (None, _) => *places = None,
            (Some(_), None) => {}
        }
    };
    for binding in &environment.bindings {
        let resource = match binding.role.reference.kind {
            RoleKind::ClusterRole => "clusterroles",
            RoleKind::Role => "roles",
        };
        let namespace = match &binding.scope {
            ScopeTarget::Namespace(namespace) => Some(namespace),
            ScopeTarget::Cluster | ScopeTarget::Selector(_) => None,
        };
        add(GIVING[0], resource, &binding.role.reference.name, namespace);
    }
    for role in &environment.roles {
        let resource = if role.namespace.is_some() { "roles" } else { "clusterroles" };
        add(GIVING[1], resource, &role.name, role.namespace.as_ref());
    }
    let giving = |((verb, resource, name), namespaces)| Giving { verb, resource, name, namespaces };
    found.into_iter().map(giving).collect()
}

/// What to ask the environment's API server first.
pub fn questions(environment: &DesiredEnvironment) -> Vec<RightQuestion> {
    let needs = NEEDS.iter().chain([&ASKING]).flat_map(|need| {
        need.resources
            .iter()
            .flat_map(move |resource| need.verbs.iter().map(move |verb| ask(verb, need.group, resource)))
    });
    let dangers = std::iter::once(&EVERYTHING).chain(DANGERS).map(Danger::question);
    let unlimited = GIVING.into_iter().map(|verb| ask(verb, RBAC, "clusterroles"));
    let givings = givings(environment).into_iter().map(|giving| giving.question(None));
    let all: BTreeSet<RightQuestion> = needs.chain(dangers).chain(unlimited).chain(givings).collect();
    all.into_iter().collect()
}

/// What to ask after that: what may not be given everywhere may still be given where it is.
pub fn narrower(
    environment: &DesiredEnvironment,
    answers: &BTreeMap<RightQuestion, AccessAnswer>,
) -> Vec<RightQuestion> {
    let refused = givings(environment).into_iter().filter(|giving| !may(answers, &giving.question(None)));
    refused
        .flat_map(|giving| {
            let namespaces = giving.namespaces.clone().unwrap_or_default();
            namespaces.into_iter().map(move |namespace| giving.question(Some(&namespace)))
        })
        .collect()
}

/// Whether a question was answered with yes.
pub(super) fn may(answers: &BTreeMap<RightQuestion, AccessAnswer>, question: &RightQuestion) -> bool {
    answers.get(question).is_some_and(|answer| answer.allowed)
}
