//! What a role lets its subjects do on the whole cluster or in a namespace, where that is more than it seems.
//!
//! One table of ways for both. Most are those that Kubernetes itself warns of ("Role Based Access Control Good Practices").

use std::collections::BTreeSet;
use std::fmt;

use super::covering::Right;
use super::{PolicyRule, RBAC};

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

/// What these rules come to when they hold on the whole cluster, without a detour over somebody else's rights.
pub fn power(rules: &[PolicyRule]) -> Option<Power> {
    if PolicyRule::grant_everything(rules) {
        return Some(Power::All);
    }
    let takes = WAYS.iter().filter(|row| matches!(row.way, Way::Take | Way::Impersonate));
    takes.into_iter().any(|row| row.within != Within::Namespace && row.is_in(rules)).then_some(Power::Take)
}

/// A way to more than rules seem to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Way {
    /// Everything.
    All,
    /// Give themselves everything.
    Take,
    /// Act as anybody.
    Impersonate,
    /// Let others in.
    Share,
    /// Act as any service account.
    Act,
    /// Run anything, and thereby act as any service account.
    Run,
    /// Read secrets, and thereby act as a service account whose token is in one.
    Secrets,
    /// Reach into every container of a node.
    Nodes,
    /// Have a certificate issued that says one is somebody else.
    Certificates,
    /// Change what others write.
    Webhooks,
}

/// Where a row counts.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Within {
    /// In a namespace, and on the whole cluster, where it counts in each.
    Both,
    /// On the whole cluster alone: a binding in a namespace does not reach what the row is about.
    Cluster,
    /// In a namespace alone: on the whole cluster it is no way, or another row says so.
    Namespace,
}

/// Verbs on resources of an API group, each of which is enough.
struct Need {
    verbs: &'static [&'static str],
    group: &'static str,
    resources: &'static [&'static str],
    /// Where it is enough to have it for one of these objects; else it must be for all.
    names: &'static [&'static str],
}

/// A way, and all that it needs.
struct Row {
    way: Way,
    within: Within,
    needs: &'static [Need],
}

const fn need(verbs: &'static [&'static str], group: &'static str, resources: &'static [&'static str]) -> Need {
    Need { verbs, group, resources, names: &[] }
}

const fn named(
    verb: &'static [&'static str],
    group: &'static str,
    resource: &'static [&'static str],
    names: &'static [&'static str],
) -> Need {
    Need { verbs: verb, group, resources: resource, names }
}

const fn row(way: Way, within: Within, needs: &'static [Need]) -> Row {
    Row { way, within, needs }
}

/// Verbs of requests for no single object.
const NAMELESS: &[&str] = &["create", "list", "watch", "deletecollection"];
const WRITE: &[&str] = &["create", "update", "patch"];
const CHANGE: &[&str] = &["update", "patch"];
const BINDINGS: Need = need(WRITE, RBAC, &["rolebindings"]);
const CLUSTER_BINDINGS: Need = need(WRITE, RBAC, &["clusterrolebindings"]);
const CERTIFICATES: &str = "certificates.k8s.io";
/// Whoever has a certificate of this signer is who it says, to the API server.
const SIGNERS: &[&str] = &["kubernetes.io/kube-apiserver-client", "kubernetes.io/*"];
const ADMISSION: &str = "admissionregistration.k8s.io";

static WAYS: &[Row] = &[
    row(Way::Take, Within::Both, &[need(&["escalate"], RBAC, &["roles"])]),
    row(Way::Take, Within::Cluster, &[need(&["escalate"], RBAC, &["clusterroles"])]),
    row(Way::Take, Within::Both, &[need(&["bind"], RBAC, &["roles", "clusterroles"])]),
    row(Way::Take, Within::Namespace, &[named(&["bind"], RBAC, &["clusterroles"], &["cluster-admin", "admin"])]),
    row(Way::Take, Within::Cluster, &[named(&["bind"], RBAC, &["clusterroles"], &["cluster-admin"]), CLUSTER_BINDINGS]),
    row(Way::Impersonate, Within::Cluster, &[need(&["impersonate"], "", &["users", "groups", "serviceaccounts"])]),
    row(Way::Impersonate, Within::Cluster, &[named(&["impersonate"], "", &["groups"], &["system:masters"])]),
    row(Way::Share, Within::Namespace, &[BINDINGS]),
    row(Way::Act, Within::Both, &[need(&["impersonate"], "", &["serviceaccounts"])]),
    row(Way::Act, Within::Both, &[need(&["create"], "", &["serviceaccounts/token"])]),
    row(Way::Run, Within::Both, &[need(WRITE, "", &["pods", "replicationcontrollers", "pods/ephemeralcontainers"])]),
    // A connection to a container is a GET where it is opened by a web socket.
    row(Way::Run, Within::Both, &[need(&["get", "create"], "", &["pods/exec", "pods/attach"])]),
    row(Way::Run, Within::Both, &[need(WRITE, "apps", &["deployments", "daemonsets", "replicasets", "statefulsets"])]),
    row(Way::Run, Within::Both, &[need(WRITE, "batch", &["jobs", "cronjobs"])]),
    row(Way::Secrets, Within::Both, &[need(&["get", "list", "watch"], "", &["secrets"])]),
    // The kubelet runs commands in containers for whoever reaches it through the API server.
    row(Way::Nodes, Within::Cluster, &[need(&["get", "create"], "", &["nodes/proxy"])]),
    row(
        Way::Certificates,
        Within::Cluster,
        &[
            need(CHANGE, CERTIFICATES, &["certificatesigningrequests/approval"]),
            named(&["approve"], CERTIFICATES, &["signers"], SIGNERS),
        ],
    ),
    // To sign takes the key of the signer as well, which whoever is given this is meant to have.
    row(
        Way::Certificates,
        Within::Cluster,
        &[
            need(CHANGE, CERTIFICATES, &["certificatesigningrequests/status"]),
            named(&["sign"], CERTIFICATES, &["signers"], SIGNERS),
        ],
    ),
    row(
        Way::Webhooks,
        Within::Cluster,
        &[need(WRITE, ADMISSION, &["mutatingwebhookconfigurations", "mutatingadmissionpolicies"])],
    ),
];

impl Need {
    /// The first right of these rules that is enough.
    fn found_in(&self, rules: &[PolicyRule]) -> Option<Right<'static>> {
        let Self { group, verbs, resources, names } = *self;
        let names = || std::iter::once(None).chain(names.iter().map(|name| Some(*name)));
        let rights = verbs.iter().flat_map(|verb| {
            // A request for no single object is one for the name "", which a rule can list (kubernetes `ResourceNameMatches`).
            let nameless = NAMELESS.contains(verb).then_some(Some(""));
            let of = move |resource: &&'static str| {
                let resource = *resource;
                names().chain(nameless).map(move |name| Right::Resource { group, resource, name, verb })
            };
            resources.iter().flat_map(of)
        });
        let mut rights = rights;
        rights.find(|right| rules.iter().any(|rule| right.covered_by(rule)))
    }

    fn is_in(&self, rules: &[PolicyRule]) -> bool {
        self.found_in(rules).is_some()
    }
}

impl Row {
    fn is_in(&self, rules: &[PolicyRule]) -> bool {
        self.needs.iter().all(|need| need.is_in(rules))
    }
}

/// A way, and the rights that open it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Road {
    /// Where it leads.
    pub way: Way,
    /// What it needs and these rules have; empty where they grant everything.
    pub rights: Vec<Right<'static>>,
}

/// The roads that these rules open, on the whole cluster or in a namespace: everything, or each row for itself.
pub fn roads(rules: &[PolicyRule], on_cluster: bool) -> Vec<Road> {
    if PolicyRule::grant_everything(rules) {
        return vec![Road { way: Way::All, rights: Vec::new() }];
    }
    let elsewhere = if on_cluster { Within::Namespace } else { Within::Cluster };
    let rows = WAYS.iter().filter(|row| row.within != elsewhere);
    rows.filter_map(|row| {
        let rights: Option<Vec<_>> = row.needs.iter().map(|need| need.found_in(rules)).collect();
        Some(Road { way: row.way, rights: rights? })
    })
    .collect()
}

/// The ways by which whoever has these rules does more than work in namespaces: each on a whole cluster, and in a namespace
/// those that let them give access to themselves or to others.
pub fn privileges(rules: &[PolicyRule], on_cluster: bool) -> BTreeSet<Way> {
    let ways = roads(rules, on_cluster).into_iter().map(|road| road.way);
    ways.filter(|way| on_cluster || matches!(way, Way::All | Way::Take | Way::Impersonate | Way::Share)).collect()
}

impl Way {
    /// What it lets somebody do, on the whole cluster or in a namespace.
    pub fn words(self, on_cluster: bool) -> String {
        if on_cluster { self.on_cluster().to_owned() } else { self.to_string() }
    }

    /// Its name in an acknowledgement.
    pub fn name(self) -> &'static str {
        match self {
            Self::All => "everything",
            Self::Take => "take-everything",
            Self::Impersonate => "act-as-anybody",
            Self::Share => "let-others-in",
            Self::Act => "act-as-service-accounts",
            Self::Run => "run-anything",
            Self::Secrets => "read-secrets",
            Self::Nodes => "reach-nodes",
            Self::Certificates => "issue-certificates",
            Self::Webhooks => "change-what-others-write",
        }
    }

    /// What it lets somebody do who has it on the whole cluster.
    pub fn on_cluster(self) -> &'static str {
        match self {
            Self::All => "do everything",
            Self::Take => "give itself everything",
            Self::Impersonate => "act as anybody",
            Self::Share => "give others what it may do itself",
            Self::Act => "act as any service account",
            Self::Run => "run anything in any namespace, as any service account",
            Self::Secrets => "read every secret, tokens of service accounts among them",
            Self::Nodes => "run commands in every container by way of its node (`nodes/proxy`)",
            Self::Certificates => "have certificates issued in anybody's name",
            Self::Webhooks => "change what anybody writes, by a webhook",
        }
    }
}

/// What it lets somebody do in a namespace.
impl fmt::Display for Way {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Run => "run anything, as any service account",
            Self::Secrets => "read secrets, tokens of service accounts included",
            Self::All
            | Self::Take
            | Self::Impersonate
            | Self::Share
            | Self::Act
            | Self::Nodes
            | Self::Certificates
            | Self::Webhooks => self.on_cluster(),
        })
    }
}

/// What these rules come to when they hold in a namespace: everything, or each way for itself.
pub fn ways_in_namespace(rules: &[PolicyRule]) -> BTreeSet<Way> {
    ways(rules, |within| within != Within::Cluster)
}

/// What these rules come to when they hold on the whole cluster: everything, or each way for itself.
pub fn ways_on_cluster(rules: &[PolicyRule]) -> BTreeSet<Way> {
    ways(rules, |within| within != Within::Namespace)
}

fn ways(rules: &[PolicyRule], counts: impl Fn(Within) -> bool) -> BTreeSet<Way> {
    if PolicyRule::grant_everything(rules) {
        return BTreeSet::from([Way::All]);
    }
    WAYS.iter().filter(|row| counts(row.within) && row.is_in(rules)).map(|row| row.way).collect()
}

/// The namespace of the cluster's own parts, whose service accounts may do everything.
pub const SYSTEM: &str = "kube-system";

/// How rules lead to everything where they hold on the whole cluster, or else in [`SYSTEM`].
pub fn leads(rules: &[PolicyRule], everywhere: bool) -> BTreeSet<Way> {
    let mut ways = if everywhere { ways_on_cluster(rules) } else { ways_in_namespace(rules) };
    // To share what one has is no way to more.
    ways.remove(&Way::Share);
    ways
}

/// Whether whoever has these rules may write bindings, in a namespace or of the whole cluster.
pub fn writes_bindings(rules: &[PolicyRule], of_cluster: bool) -> bool {
    if of_cluster { CLUSTER_BINDINGS.is_in(rules) } else { BINDINGS.is_in(rules) }
}

/// The roles of this kind (`roles`, `clusterroles`) that these rules let somebody bind, where they name them.
pub fn bound_by_name<'r>(rules: &'r [PolicyRule], kind: &str) -> BTreeSet<&'r str> {
    let names = rules.iter().flat_map(|rule| &rule.resource_names).map(String::as_str);
    let may_bind = |name: &&str| {
        let right = Right::Resource { group: RBAC, resource: kind, name: Some(name), verb: "bind" };
        rules.iter().any(|rule| right.covered_by(rule))
    };
    names.filter(may_bind).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(verb: &str, group: &str, resource: &str, name: &[&str]) -> PolicyRule {
        PolicyRule {
            api_groups: vec![group.to_owned()],
            resources: vec![resource.to_owned()],
            verbs: vec![verb.to_owned()],
            resource_names: name.iter().map(|name| (*name).to_owned()).collect(),
            ..PolicyRule::default()
        }
    }

    fn names(ways: BTreeSet<Way>) -> String {
        ways.into_iter().map(Way::name).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn what_rules_come_to_in_a_namespace() {
        let ways = |verb, group, resource, names: &[&str]| {
            self::names(ways_in_namespace(&[rule(verb, group, resource, names)]))
        };
        assert_eq!(ways("*", "*", "*", &[]), "everything");
        assert_eq!(ways("*", "", "*", &[]), "act-as-service-accounts run-anything read-secrets");
        assert_eq!(ways("get", "*", "*", &[]), "run-anything read-secrets");
        assert_eq!(ways("list", "", "secrets", &[]), "read-secrets");
        assert_eq!(ways("get", "", "secrets", &["one"]), "");
        assert_eq!(ways("create", "", "*/exec", &[]), "run-anything");
        assert_eq!(ways("patch", "apps", "deployments", &[]), "run-anything");
        assert_eq!(ways("patch", "apps", "deployments/status", &[]), "");
        assert_eq!(ways("escalate", RBAC, "roles", &[]), "take-everything");
        assert_eq!(ways("bind", RBAC, "clusterroles", &["admin"]), "take-everything");
        assert_eq!(ways("bind", RBAC, "clusterroles", &["view"]), "");
        // What belongs to the whole cluster is not reached from a namespace.
        assert_eq!(ways("escalate", RBAC, "clusterroles", &[]), "");
        assert_eq!(ways("impersonate", "", "users", &[]), "");
        assert_eq!(ways("create", RBAC, "clusterrolebindings", &[]), "");
        assert_eq!(ways("get", "", "nodes/proxy", &[]), "");
        assert_eq!(ways("create", ADMISSION, "mutatingwebhookconfigurations", &[]), "");
        assert_eq!(ways("create", RBAC, "rolebindings", &[]), "let-others-in");
        assert_eq!(ways("get", "stable.contoso.com", "crontabs", &[]), "");
    }

    #[test]
    fn what_rules_come_to_on_the_whole_cluster() {
        let ways = |rules: &[PolicyRule]| names(ways_on_cluster(rules));
        let one = |verb, group, resource| ways(&[rule(verb, group, resource, &[])]);
        assert_eq!(one("*", "*", "*"), "everything");
        assert_eq!(one("create", "", "serviceaccounts/token"), "act-as-service-accounts");
        assert_eq!(one("create", "", "*/token"), "act-as-service-accounts");
        assert_eq!(one("create", "", "serviceaccounts"), "");
        assert_eq!(one("list", "", "secrets"), "read-secrets");
        assert_eq!(one("create", "", "secrets"), "");
        assert_eq!(ways(&[rule("get", "", "secrets", &["one"])]), "");
        for resource in ["pods", "replicationcontrollers", "pods/ephemeralcontainers", "pods/exec", "pods/attach"] {
            assert_eq!(one("create", "", resource), "run-anything", "{resource}");
        }
        for resource in ["pods/eviction", "pods/portforward", "services", "configmaps"] {
            assert_eq!(one("create", "", resource), "", "{resource}");
        }
        for verb in ["create", "update", "patch"] {
            assert_eq!(one(verb, "apps", "daemonsets"), "run-anything", "{verb}");
            assert_eq!(one(verb, "batch", "cronjobs"), "run-anything", "{verb}");
        }
        assert_eq!(one("delete", "", "pods"), "");
        assert_eq!(one("patch", "apps", "deployments/scale"), "");
        assert_eq!(one("get", "", "pods"), "");
        assert_eq!(one("get", "", "nodes/proxy"), "reach-nodes");
        assert_eq!(one("get", "", "nodes"), "");
        assert_eq!(one("get", "", "nodes/metrics"), "");
        assert_eq!(one("patch", ADMISSION, "mutatingwebhookconfigurations"), "change-what-others-write");
        assert_eq!(one("get", ADMISSION, "mutatingwebhookconfigurations"), "");
        assert_eq!(one("patch", ADMISSION, "validatingwebhookconfigurations"), "");
        // A binding gives what one has; that is no way on its own.
        assert_eq!(one("create", RBAC, "rolebindings"), "");
        assert_eq!(one("create", RBAC, "clusterrolebindings"), "");
    }

    #[test]
    fn a_rule_for_the_empty_name_gives_what_has_no_name() {
        let named = |verb: &str, resource: &str| rule(verb, "", resource, &[""]);
        assert_eq!(names(ways_on_cluster(&[named("list", "secrets"), named("create", "pods")])).split(' ').count(), 2);
        assert_eq!(ways_on_cluster(&[named("get", "secrets"), named("update", "pods")]), BTreeSet::new());
    }

    #[test]
    fn what_leads_to_everything_does_so_on_the_cluster_and_among_its_own_parts() {
        let nodes = rule("get", "", "nodes/proxy", &[]);
        let rules = [rule("list", "", "secrets", &[]), rule("create", RBAC, "rolebindings", &[]), nodes];
        assert_eq!(leads(&rules, true), BTreeSet::from([Way::Secrets, Way::Nodes]));
        assert_eq!(leads(&rules, false), BTreeSet::from([Way::Secrets]));
    }

    #[test]
    fn certificates_need_both_the_request_and_the_signer() {
        let ways = |rules: &[PolicyRule]| names(ways_on_cluster(rules));
        let approval = rule("update", CERTIFICATES, "certificatesigningrequests/approval", &[]);
        let status = rule("patch", CERTIFICATES, "certificatesigningrequests/status", &[]);
        let signer = |verb, name: &[&str]| rule(verb, CERTIFICATES, "signers", name);
        let client = &["kubernetes.io/kube-apiserver-client"];
        assert_eq!(ways(&[approval.clone(), signer("approve", client)]), "issue-certificates");
        assert_eq!(ways(&[approval.clone(), signer("approve", &["kubernetes.io/*"])]), "issue-certificates");
        assert_eq!(ways(&[approval.clone(), signer("approve", &[])]), "issue-certificates");
        assert_eq!(ways(&[status.clone(), signer("sign", client)]), "issue-certificates");
        assert_eq!(ways(&[approval.clone(), signer("approve", &["kubernetes.io/kubelet-serving"])]), "");
        assert_eq!(ways(&[approval.clone(), signer("sign", client)]), "");
        assert_eq!(ways(std::slice::from_ref(&approval)), "");
        assert_eq!(ways(&[signer("approve", client)]), "");
    }

    #[test]
    fn some_rights_lead_to_every_other() {
        let takes = |rules: &[PolicyRule]| power(rules) == Some(Power::Take);
        let one = |verb, group, resource, name: &[&str]| takes(&[rule(verb, group, resource, name)]);
        assert!(one("escalate", RBAC, "clusterroles", &[]));
        assert!(one("*", "*", "roles", &[]));
        assert!(one("bind", RBAC, "clusterroles", &[]));
        assert!(!one("bind", RBAC, "clusterroles", &["view"]));
        assert!(!one("bind", "apps", "clusterroles", &[]));
        assert!(one("impersonate", "", "serviceaccounts", &[]));
        assert!(one("impersonate", "", "groups", &["system:masters"]));
        assert!(!one("impersonate", "", "users", &["erin"]));
        assert!(!one("get", "", "secrets", &[]), "a detour");
        let bind_one = rule("bind", RBAC, "clusterroles", &["cluster-admin"]);
        assert!(!takes(std::slice::from_ref(&bind_one)));
        assert!(takes(&[bind_one, rule("patch", RBAC, "clusterrolebindings", &[])]));
        assert!(!one("create", RBAC, "clusterrolebindings", &[]));
    }

    #[test]
    fn roles_that_may_be_bound_by_name() {
        let rules = [
            rule("bind", RBAC, "clusterroles", &["edit", "view"]),
            rule("get", "", "secrets", &["token"]),
            rule("bind", RBAC, "roles", &["local"]),
        ];
        assert_eq!(bound_by_name(&rules, "clusterroles"), ["edit", "view"].into());
        assert_eq!(bound_by_name(&rules, "roles"), ["local"].into());
    }
}
