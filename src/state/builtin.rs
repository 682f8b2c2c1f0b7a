//! What Kubernetes gives to its own parts: a closed table of bindings, each with its role and its subjects. Labels and names
//! are anybody's to write and prove nothing; whatever is not in the table counts as access that somebody gave.

use super::power::{Power, power};
use super::{Binding, EnvironmentType, LiveRole, Namespace, PolicyRule, RoleKind, Subject, SubjectKind, SubjectName};

/// A subject of the table. Service accounts are of `kube-system`.
enum Part {
    User(&'static str),
    Group(&'static str),
    Account(&'static str),
    /// Everybody, or every service account: excused only while the role holds nothing but what it is there for.
    Everybody(&'static str),
}

/// A binding that Kubernetes makes itself. In a namespace it refers to a `Role` there, else to a `ClusterRole`.
struct Row {
    namespace: Option<&'static str>,
    name: &'static str,
    role: &'static str,
    parts: &'static [Part],
    /// What the role comes to on the whole cluster. Where the live one comes to more, its subjects are not excused.
    power: Option<Power>,
}

const fn whole(name: &'static str, role: &'static str, parts: &'static [Part]) -> Row {
    Row { namespace: None, name, role, parts, power: None }
}

const fn within(namespace: &'static str, name: &'static str, role: &'static str, parts: &'static [Part]) -> Row {
    Row { namespace: Some(namespace), name, role, parts, power: None }
}

/// One whose role has its name.
const fn alike(name: &'static str, parts: &'static [Part]) -> Row {
    whole(name, name, parts)
}

/// What every API server makes at its start (kubernetes `plugin/pkg/auth/authorizer/rbac/bootstrappolicy/policy.go` and
/// `namespace_policy.go`), without the controllers. `system:node` has no subjects.
const POLICY: &[Row] = &[
    Row { power: Some(Power::All), ..alike("cluster-admin", &[Part::Group("system:masters")]) },
    alike("system:basic-user", &[Part::Everybody("system:authenticated")]),
    alike("system:discovery", &[Part::Everybody("system:authenticated")]),
    alike("system:kube-controller-manager", &[Part::User("system:kube-controller-manager")]),
    alike("system:kube-dns", &[Part::Account("kube-dns")]),
    alike("system:kube-scheduler", &[Part::User("system:kube-scheduler")]),
    alike("system:monitoring", &[Part::Group("system:monitoring")]),
    alike("system:node-proxier", &[Part::User("system:kube-proxy")]),
    alike(
        "system:public-info-viewer",
        &[Part::Everybody("system:authenticated"), Part::Everybody("system:unauthenticated")],
    ),
    alike("system:service-account-issuer-discovery", &[Part::Everybody("system:serviceaccounts")]),
    alike("system:volume-scheduler", &[Part::User("system:kube-scheduler")]),
    within(
        "kube-public",
        "system:controller:bootstrap-signer",
        "system:controller:bootstrap-signer",
        &[Part::Account("bootstrap-signer")],
    ),
    within(
        KUBE_SYSTEM,
        "system:controller:bootstrap-signer",
        "system:controller:bootstrap-signer",
        &[Part::Account("bootstrap-signer")],
    ),
    within(
        KUBE_SYSTEM,
        "system:controller:cloud-provider",
        "system:controller:cloud-provider",
        &[Part::Account("cloud-provider")],
    ),
    within(
        KUBE_SYSTEM,
        "system:controller:token-cleaner",
        "system:controller:token-cleaner",
        &[Part::Account("token-cleaner")],
    ),
    within(
        KUBE_SYSTEM,
        "system::extension-apiserver-authentication-reader",
        "extension-apiserver-authentication-reader",
        &[Part::User("system:kube-controller-manager"), Part::User("system:kube-scheduler")],
    ),
    within(
        KUBE_SYSTEM,
        "system::leader-locking-kube-controller-manager",
        "system::leader-locking-kube-controller-manager",
        &[
            Part::User("system:kube-controller-manager"),
            Part::Account("kube-controller-manager"),
            Part::Account("leader-election-controller"),
        ],
    ),
    within(
        KUBE_SYSTEM,
        "system::leader-locking-kube-scheduler",
        "system::leader-locking-kube-scheduler",
        &[Part::User("system:kube-scheduler"), Part::Account("kube-scheduler")],
    ),
];

/// The controllers `X`: each has the `ClusterRoleBinding` and the `ClusterRole` `system:controller:X` and the service account
/// `kube-system/X` (`controller_policy.go`; those of the releases read, whatever features they stand behind).
const CONTROLLERS: &[&str] = &[
    "attachdetach-controller",
    "certificate-controller",
    AGGREGATION,
    "cronjob-controller",
    "daemon-set-controller",
    "deployment-controller",
    "device-taint-eviction-controller",
    "disruption-controller",
    "endpoint-controller",
    "endpointslice-controller",
    "endpointslicemirroring-controller",
    "ephemeral-volume-controller",
    "expand-controller",
    "generic-garbage-collector",
    "horizontal-pod-autoscaler",
    "job-controller",
    "legacy-service-account-token-cleaner",
    "namespace-controller",
    "node-controller",
    "persistent-volume-binder",
    "pod-garbage-collector",
    "podcheckpoint-controller",
    "pv-protection-controller",
    "pvc-protection-controller",
    "replicaset-controller",
    "replication-controller",
    "resource-claim-controller",
    "resourcequota-controller",
    "root-ca-cert-publisher",
    "route-controller",
    "selinux-warning-controller",
    "service-account-controller",
    "service-cidrs-controller",
    "service-controller",
    "statefulset-controller",
    "storage-version-garbage-collector",
    "ttl-after-finished-controller",
    "ttl-controller",
    "validatingadmissionpolicy-status-controller",
    "volumeattributesclass-protection-controller",
];

/// The one controller that may write roles beyond its own rights.
const AGGREGATION: &str = "clusterrole-aggregation-controller";

/// What k3s adds (k3s `manifests/`: ccm, coredns, local-storage, metrics-server, rolebindings, traefik). Not in it are the
/// bindings of `cluster-admin` to the service accounts that install its charts (`helm-kube-system-…`): they stay when the
/// installation is done, and whoever can start a pod beside them is master of the cluster.
const K3S: &[Row] = &[
    alike("clustercidrs-node", &[Part::Group("system:nodes")]),
    alike(K3S_CLOUD, &[Part::User(K3S_CLOUD)]),
    whole("k3s-cloud-controller-manager-auth-delegator", "system:auth-delegator", &[Part::User(K3S_CLOUD)]),
    whole("kube-apiserver-kubelet-admin", "system:kubelet-api-admin", &[Part::User("kube-apiserver")]),
    whole(
        "local-path-provisioner-bind",
        "local-path-provisioner-role",
        &[Part::Account("local-path-provisioner-service-account")],
    ),
    whole("metrics-server:system:auth-delegator", "system:auth-delegator", &[Part::Account("metrics-server")]),
    alike("system:coredns", &[Part::Account("coredns")]),
    alike("system:k3s-controller", &[Part::User("system:k3s-controller")]),
    alike("system:metrics-server", &[Part::Account("metrics-server")]),
    alike("traefik-kube-system", &[Part::Account("traefik")]),
    within(
        KUBE_SYSTEM,
        "k3s-cloud-controller-manager-authentication-reader",
        "extension-apiserver-authentication-reader",
        &[Part::User(K3S_CLOUD)],
    ),
    within(
        KUBE_SYSTEM,
        "metrics-server-auth-reader",
        "extension-apiserver-authentication-reader",
        &[Part::Account("metrics-server")],
    ),
];

const KUBE_SYSTEM: &str = "kube-system";
const K3S_CLOUD: &str = "k3s-cloud-controller-manager";

/// Whether a text is a name in the table: of a binding, a role, a subject or a namespace. Everybody who has a cluster knows
/// those.
pub fn is_name(text: &str) -> bool {
    let is_part = |part: &Part| match part {
        Part::User(name) | Part::Group(name) | Part::Account(name) | Part::Everybody(name) => *name == text,
    };
    let controller = text.strip_prefix("system:controller:").unwrap_or(text);
    CONTROLLERS.contains(&controller)
        || POLICY.iter().chain(K3S).any(|row| {
            row.name == text || row.role == text || row.namespace == Some(text) || row.parts.iter().any(is_part)
        })
}

/// The subjects of a live binding that get something from it and are no part of Kubernetes.
pub fn strangers<'b>(
    kind: EnvironmentType,
    binding: &'b Binding,
    role: Option<&LiveRole>,
) -> impl Iterator<Item = &'b Subject> {
    let is_known = known(kind, binding, role.map(|live| live.role.rules.as_slice()).unwrap_or_default());
    // The authorizer matches nobody by a kind that it does not know.
    binding.subjects.iter().filter(move |subject| !matches!(subject.kind, SubjectKind::Other(_)) && !is_known(subject))
}

/// Whether a subject of a binding to a role of these rules is a part of Kubernetes, and the binding one that Kubernetes itself
/// makes for it.
pub fn is_its_own(kind: EnvironmentType, binding: &Binding, rules: &[PolicyRule], subject: &Subject) -> bool {
    known(kind, binding, rules)(subject)
}

fn known(kind: EnvironmentType, binding: &Binding, rules: &[PolicyRule]) -> impl Fn(&Subject) -> bool + use<> {
    let found = power(rules).filter(|_| binding.namespace.is_none());
    let controller = controller(binding).map(|name| (name, (name == AGGREGATION).then_some(Power::Take)));
    let controller = controller.filter(|(_, usual)| found <= *usual).map(|(name, _)| name);
    let added = match kind {
        EnvironmentType::K3s => K3S,
        EnvironmentType::Kubernetes => &[],
    };
    let row = POLICY.iter().chain(added).find(|row| row.is(binding)).filter(|row| found <= row.power);
    let is_harmless = rules.iter().all(is_for_everybody);
    move |subject| {
        controller.is_some_and(|name| Part::Account(name).is(subject, is_harmless))
            || row.is_some_and(|row| row.parts.iter().any(|part| part.is(subject, is_harmless)))
    }
}

fn controller(binding: &Binding) -> Option<&'static str> {
    let name = binding.name.strip_prefix("system:controller:")?;
    let is_one =
        binding.namespace.is_none() && binding.role.kind == RoleKind::ClusterRole && binding.role.name == binding.name;
    CONTROLLERS.iter().find(|known| is_one && **known == name).copied()
}

impl Row {
    fn is(&self, binding: &Binding) -> bool {
        let kind = if self.namespace.is_some() { RoleKind::Role } else { RoleKind::ClusterRole };
        binding.namespace.as_ref().map(Namespace::as_str) == self.namespace
            && binding.name == self.name
            && binding.role.kind == kind
            && binding.role.name == self.role
    }
}

impl Part {
    fn is(&self, subject: &Subject, is_harmless: bool) -> bool {
        let SubjectName::Known(name) = &subject.name else { return false };
        match self {
            Self::User(user) => subject.kind == SubjectKind::User && name == user,
            Self::Group(group) => subject.kind == SubjectKind::Group && name == group,
            Self::Everybody(group) => subject.kind == SubjectKind::Group && name == group && is_harmless,
            Self::Account(account) => {
                let place = subject.namespace.as_deref();
                subject.kind == SubjectKind::ServiceAccount && name == account && place == Some(KUBE_SYSTEM)
            }
        }
    }
}

/// Whether a rule lets everybody do no more than look at what the API is and ask about themselves.
fn is_for_everybody(rule: &PolicyRule) -> bool {
    const PATHS: [&str; 9] =
        [".well-known", "api", "apis", "healthz", "livez", "openapi", "openid", "readyz", "version"];
    const GROUPS: [&str; 2] = ["authentication.k8s.io", "authorization.k8s.io"];
    let looks = rule.verbs.iter().all(|verb| verb == "get" || verb == "head");
    let asks = rule.verbs.iter().all(|verb| verb == "create")
        && rule.api_groups.iter().all(|group| GROUPS.contains(&group.as_str()));
    let first = |path: &String| path.split('/').nth(1).is_some_and(|first| PATHS.contains(&first));
    (rule.non_resource_urls.is_empty() || (looks && rule.non_resource_urls.iter().all(first)))
        && (rule.resources.is_empty() || (asks && rule.resources.iter().all(|each| each.starts_with("selfsubject"))))
}

#[cfg(test)]
mod tests {
    use serde_json::Value;

    use super::*;
    use crate::state::{LiveMeta, Mark, Role, RoleRef};

    /// What kube-apiserver 1.35.4 makes at its start.
    const MADE: &str = include_str!("../sandbox/kubernetes/bootstrap.json");

    fn texts(value: &Value) -> Vec<String> {
        value.as_array().into_iter().flatten().map(|text| text.as_str().unwrap().to_owned()).collect()
    }

    fn text(value: &Value) -> String {
        value.as_str().unwrap().to_owned()
    }

    fn namespace(value: &Value) -> Option<Namespace> {
        value.as_str().map(|name| name.parse().unwrap())
    }

    fn subject(value: &Value) -> Subject {
        let kind = match value["kind"].as_str().unwrap() {
            "User" => SubjectKind::User,
            "Group" => SubjectKind::Group,
            _ => SubjectKind::ServiceAccount,
        };
        let namespace = value["namespace"].as_str().map(str::to_owned);
        Subject { kind, name: SubjectName::Known(text(&value["name"])), namespace, principal: None }
    }

    fn role(value: &Value) -> LiveRole {
        let rule = |rule: &Value| PolicyRule {
            api_groups: texts(&rule["apiGroups"]),
            resources: texts(&rule["resources"]),
            verbs: texts(&rule["verbs"]),
            resource_names: texts(&rule["resourceNames"]),
            non_resource_urls: texts(&rule["nonResourceURLs"]),
        };
        let rules = value["rules"].as_array().into_iter().flatten().map(rule).collect();
        let made = Role {
            namespace: namespace(&value["namespace"]),
            name: text(&value["name"]),
            rules,
            aggregate_to: std::collections::BTreeSet::new(),
        };
        let meta = LiveMeta {
            uid: String::new(),
            resource_version: String::new(),
            mark: Mark::None,
            other_managers: Vec::new(),
            bootstrapping: true,
            trace: crate::state::Trace::default(),
        };
        LiveRole::new(made, meta)
    }

    /// Every binding that an API server makes, with its role.
    fn made() -> Vec<(Binding, LiveRole)> {
        let made: Value = serde_json::from_str(MADE).unwrap();
        let list = |name: &str| made[name].as_array().unwrap().clone();
        let roles: Vec<LiveRole> = list("clusterRoles").iter().chain(&list("roles")).map(role).collect();
        let bindings = list("clusterRoleBindings").into_iter().chain(list("roleBindings"));
        let pair = |value: Value| {
            let kind = if value["roleRef"]["kind"] == "Role" { RoleKind::Role } else { RoleKind::ClusterRole };
            let binding = Binding {
                namespace: namespace(&value["namespace"]),
                name: text(&value["name"]),
                role: RoleRef { kind, name: text(&value["roleRef"]["name"]) },
                subjects: value["subjects"].as_array().into_iter().flatten().map(subject).collect(),
            };
            let place = binding.namespace.clone().filter(|_| kind == RoleKind::Role);
            let role = roles.iter().find(|live| live.role.name == binding.role.name && live.role.namespace == place);
            (binding, role.unwrap().clone())
        };
        bindings.map(pair).collect()
    }

    fn counted(kind: EnvironmentType, binding: &Binding, role: &LiveRole) -> usize {
        strangers(kind, binding, Some(role)).count()
    }

    const PLAIN: EnvironmentType = EnvironmentType::Kubernetes;

    #[test]
    fn what_an_api_server_makes_is_its_own() {
        let made = made();
        assert!(made.len() > 50, "{}", made.len());
        for (binding, role) in &made {
            assert_eq!(counted(PLAIN, binding, role), 0, "{}", binding.name);
        }
    }

    #[test]
    fn whatever_differs_from_it_is_not() {
        for (binding, role) in made().into_iter().filter(|(binding, _)| !binding.subjects.is_empty()) {
            let all = binding.subjects.len();
            let renamed = Binding { name: format!("{}-2", binding.name), ..binding.clone() };
            let elsewhere = Binding { namespace: Some("trinity".parse().unwrap()), ..binding.clone() };
            let mut other_role = binding.clone();
            other_role.role.name = "edit".to_owned();
            for changed in [&renamed, &elsewhere, &other_role] {
                assert_eq!(counted(PLAIN, changed, &role), all, "{changed:?}");
            }
            let mut joined = binding.clone();
            for (kind, namespace) in [
                (SubjectKind::Group, None),
                (SubjectKind::User, None),
                (SubjectKind::ServiceAccount, Some("kube-system".to_owned())),
            ] {
                let name = SubjectName::Known("system:ops".to_owned());
                joined.subjects.push(Subject { kind, name, namespace, principal: None });
            }
            assert_eq!(counted(PLAIN, &joined, &role), 3, "{}", binding.name);
            let mut moved = binding.clone();
            moved.subjects.iter_mut().for_each(|subject| subject.namespace = Some("trinity".to_owned()));
            let accounts = binding.subjects.iter().filter(|each| each.kind == SubjectKind::ServiceAccount).count();
            assert_eq!(counted(PLAIN, &moved, &role), accounts, "{}", binding.name);
        }
    }

    #[test]
    fn a_role_that_was_given_more_excuses_nobody() {
        let may = |verb: &str, group: &str, resource: &str| PolicyRule {
            api_groups: vec![group.to_owned()],
            resources: vec![resource.to_owned()],
            verbs: vec![verb.to_owned()],
            ..PolicyRule::default()
        };
        let path = PolicyRule {
            verbs: vec!["get".to_owned()],
            non_resource_urls: vec!["/logs/*".to_owned()],
            ..PolicyRule::default()
        };
        for (binding, role) in made().into_iter().filter(|(binding, _)| binding.namespace.is_none()) {
            let with = |added: PolicyRule| {
                let mut extended = role.clone();
                extended.role.rules.push(added);
                counted(PLAIN, &binding, &extended)
            };
            let is_master = binding.name == "cluster-admin";
            let expected = if is_master { 0 } else { binding.subjects.len() };
            assert_eq!(with(may("*", "*", "*")), expected, "{}", binding.name);
            let everybody = ["basic-user", "discovery", "public-info-viewer", "service-account-issuer-discovery"];
            let is_everybodys = everybody.iter().any(|name| binding.name == format!("system:{name}"));
            let expected = if is_everybodys { binding.subjects.len() } else { 0 };
            assert_eq!(with(may("get", "", "secrets")), expected, "{}", binding.name);
            assert_eq!(with(may("create", "", "selfsubjectaccessreviews")), expected, "{}", binding.name);
            assert_eq!(with(path.clone()), expected, "{}", binding.name);
        }
    }

    #[test]
    fn what_k3s_adds_counts_as_its_own_on_k3s_alone() {
        let coredns = Binding {
            namespace: None,
            name: "system:coredns".to_owned(),
            role: RoleRef { kind: RoleKind::ClusterRole, name: "system:coredns".to_owned() },
            subjects: vec![Subject {
                kind: SubjectKind::ServiceAccount,
                name: SubjectName::Known("coredns".to_owned()),
                namespace: Some("kube-system".to_owned()),
                principal: None,
            }],
        };
        assert_eq!(strangers(EnvironmentType::K3s, &coredns, None).count(), 0);
        assert_eq!(strangers(PLAIN, &coredns, None).count(), 1);
        let mut helm = coredns.clone();
        helm.name = "helm-kube-system-traefik".to_owned();
        helm.role.name = "cluster-admin".to_owned();
        assert_eq!(strangers(EnvironmentType::K3s, &helm, None).count(), 1);
    }
}
