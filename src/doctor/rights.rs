//! What `plan` and `apply` need on a cluster, as questions to its API server.
//!
//! `docs/permissions.yaml` is tested against [`NEEDS`]: what is given there is what is asked here.

use std::collections::{BTreeMap, BTreeSet};

use super::Purpose;
use crate::state::{
    AccessQuestion, Answers, Cluster, Desired, DesiredEnvironment, EnvironmentName, Known, KubernetesKind, LEASE_VERBS,
    LEASES, MissingRight, Namespace, RBAC, ScopeTarget, lease_questions,
};

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

/// For the Lease that one `apply` at a time holds, in the namespace that `lock` names.
pub const LOCKING: Need = Need { purpose: Purpose::Apply, group: LEASES, resources: &["leases"], verbs: LEASE_VERBS };

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

impl Need {
    /// Each verb on each resource.
    pub(super) fn questions(&self) -> impl Iterator<Item = AccessQuestion> + use<> {
        let Self { group, resources, verbs, purpose: _ } = *self;
        resources
            .iter()
            .flat_map(move |resource| verbs.iter().map(move |verb| AccessQuestion::new(*verb, group, *resource)))
    }
}

impl Danger {
    pub(super) fn question(&self) -> AccessQuestion {
        AccessQuestion::new(self.verb, self.group, self.resource)
    }
}

/// May we give any `ClusterRole`?
pub(super) fn unlimited() -> [AccessQuestion; 2] {
    GIVING.map(|verb| AccessQuestion::new(verb, RBAC, "clusterroles"))
}

/// A role that the files give: to subjects (`bind`), or by writing it (`escalate`).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Giving<'a> {
    pub(super) right: MissingRight,
    scopes: BTreeSet<&'a ScopeTarget>,
    places: BTreeSet<Option<&'a Namespace>>,
}

impl Giving<'_> {
    fn new(right: MissingRight) -> Self {
        Self { right, scopes: BTreeSet::new(), places: BTreeSet::new() }
    }

    /// Where it is given; `None` is the whole cluster. Which namespaces labels mean, only a cluster knows.
    pub(super) fn places(&self, cluster: Option<&Cluster>) -> BTreeSet<Option<Namespace>> {
        let scopes = self.scopes.iter().flat_map(|scope| match scope {
            ScopeTarget::Cluster => vec![None],
            ScopeTarget::Namespace(namespace) => vec![Some(namespace.clone())],
            ScopeTarget::Selector(labels) => {
                cluster.map_or_else(|| vec![None], |cluster| cluster.selected(labels).into_iter().map(Some).collect())
            }
        });
        scopes.chain(self.places.iter().map(|place| place.cloned())).collect()
    }

    pub(super) fn question(&self, namespace: Option<&Namespace>) -> AccessQuestion {
        let (verbs, kind, name) = self.right.asked();
        let verb = verbs.first().copied().unwrap_or_default();
        let everywhere =
            AccessQuestion { name: name.map(str::to_owned), ..AccessQuestion::new(verb, RBAC, kind.plural()) };
        match namespace {
            Some(namespace) => everywhere.within(namespace),
            None => everywhere,
        }
    }
}

/// What an environment's grants and roles take to be given.
pub(super) fn givings(environment: &DesiredEnvironment) -> Vec<Giving<'_>> {
    let mut found: BTreeMap<MissingRight, Giving<'_>> = BTreeMap::new();
    for binding in &environment.bindings {
        let right = MissingRight::Bind(binding.role.reference.clone());
        found.entry(right.clone()).or_insert_with(|| Giving::new(right)).scopes.insert(&binding.scope);
    }
    for role in &environment.roles {
        let kind = if role.namespace.is_some() { KubernetesKind::Role } else { KubernetesKind::ClusterRole };
        let right = MissingRight::Escalate { kind, name: role.name.clone() };
        found.entry(right.clone()).or_insert_with(|| Giving::new(right)).places.insert(role.namespace.as_ref());
    }
    found.into_values().collect()
}

/// What to ask an environment's API server first.
pub fn questions(desired: &Desired, name: &EnvironmentName) -> Vec<AccessQuestion> {
    let needs = NEEDS.iter().chain([&ASKING]).flat_map(Need::questions);
    let dangers = std::iter::once(&EVERYTHING).chain(DANGERS).map(Danger::question);
    let environment = desired.environments.get(name);
    let givings = environment.into_iter().flat_map(givings).map(|giving| giving.question(None));
    let locking = desired.lock_on(name).into_iter().flat_map(|namespace| lease_questions(&desired.config, namespace));
    let all: BTreeSet<AccessQuestion> = needs.chain(dangers).chain(unlimited()).chain(givings).chain(locking).collect();
    all.into_iter().collect()
}

/// Whether the rest hangs on the roles and bindings of the cluster: what may not be given by `bind` or `escalate` may be
/// given by whoever holds it.
pub fn hangs_on_what_is_held(environment: &DesiredEnvironment, answers: &Answers) -> bool {
    givings(environment).iter().any(|giving| answers.to(&giving.question(None)) == Known::Denied)
}

/// What to ask after that: what may not be given everywhere may still be given where it is.
pub fn narrower(environment: &DesiredEnvironment, answers: &Answers, cluster: Option<&Cluster>) -> Vec<AccessQuestion> {
    let refused = givings(environment).into_iter().filter(|giving| answers.to(&giving.question(None)) == Known::Denied);
    let questions = refused.flat_map(|giving| {
        let places = giving.places(cluster).into_iter().flatten();
        places.map(|namespace| giving.question(Some(&namespace))).collect::<Vec<_>>()
    });
    questions.collect()
}
