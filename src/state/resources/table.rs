//! Kubernetes' own resources, those of 1.35 and those that k3s brings along.
//!
//! RBAC needs no schema: what is not in here can be granted and asked about all the same. The table is for names that people
//! use (`po`, `pod`), for what belongs to no namespace, and for finding out what a mistyped name was meant to be.

/// One resource by all its names.
#[derive(Debug, PartialEq, Eq)]
pub struct KnownResource {
    /// The API group; empty is the core group.
    pub group: &'static str,
    /// The name that rules and requests use.
    pub plural: &'static str,
    /// The name of one.
    pub singular: &'static str,
    /// What else people call it.
    pub short: &'static [&'static str],
    /// Whether its objects belong to namespaces.
    pub namespaced: bool,
    /// What can be asked for below an object.
    pub subresources: &'static [&'static str],
}

const fn row(
    group: &'static str,
    plural: &'static str,
    singular: &'static str,
    short: &'static [&'static str],
    subresources: &'static [&'static str],
) -> KnownResource {
    KnownResource { group, plural, singular, short, namespaced: true, subresources }
}

/// The same for what belongs to no namespace.
const fn wide(
    group: &'static str,
    plural: &'static str,
    singular: &'static str,
    short: &'static [&'static str],
    subresources: &'static [&'static str],
) -> KnownResource {
    KnownResource { group, plural, singular, short, namespaced: false, subresources }
}

const NONE: &[&str] = &[];
const STATUS: &[&str] = &["status"];
const SCALE: &[&str] = &["scale", "status"];

const ADMISSION: &str = "admissionregistration.k8s.io";
const APISERVER: &str = "flowcontrol.apiserver.k8s.io";
const AUTHENTICATION: &str = "authentication.k8s.io";
const AUTHORIZATION: &str = "authorization.k8s.io";
const CERTIFICATES: &str = "certificates.k8s.io";
const DEVICES: &str = "resource.k8s.io";
const K3S: &str = "k3s.cattle.io";
const HELM: &str = "helm.cattle.io";
const METRICS: &str = "metrics.k8s.io";
const NETWORKING: &str = "networking.k8s.io";
const RBAC: &str = "rbac.authorization.k8s.io";
const STORAGE: &str = "storage.k8s.io";

/// What is served, by group and plural. A name that several groups use means the first.
pub static SERVED: &[KnownResource] = &[
    row("", "bindings", "binding", NONE, NONE),
    wide("", "componentstatuses", "componentstatus", &["cs"], NONE),
    row("", "configmaps", "configmap", &["cm"], NONE),
    row("", "endpoints", "endpoints", &["ep"], NONE),
    row("", "events", "event", &["ev"], NONE),
    row("", "limitranges", "limitrange", &["limits"], NONE),
    wide("", "namespaces", "namespace", &["ns"], &["finalize", "status"]),
    wide("", "nodes", "node", &["no"], &["proxy", "status"]),
    row("", "persistentvolumeclaims", "persistentvolumeclaim", &["pvc"], STATUS),
    wide("", "persistentvolumes", "persistentvolume", &["pv"], STATUS),
    row(
        "",
        "pods",
        "pod",
        &["po"],
        &[
            "attach",
            "binding",
            "ephemeralcontainers",
            "eviction",
            "exec",
            "log",
            "portforward",
            "proxy",
            "resize",
            "status",
        ],
    ),
    row("", "podtemplates", "podtemplate", NONE, NONE),
    row("", "replicationcontrollers", "replicationcontroller", &["rc"], SCALE),
    row("", "resourcequotas", "resourcequota", &["quota"], STATUS),
    row("", "secrets", "secret", NONE, NONE),
    row("", "serviceaccounts", "serviceaccount", &["sa"], &["token"]),
    row("", "services", "service", &["svc"], &["proxy", "status"]),
    wide(ADMISSION, "mutatingadmissionpolicies", "mutatingadmissionpolicy", NONE, NONE),
    wide(ADMISSION, "mutatingadmissionpolicybindings", "mutatingadmissionpolicybinding", NONE, NONE),
    wide(ADMISSION, "mutatingwebhookconfigurations", "mutatingwebhookconfiguration", NONE, NONE),
    wide(ADMISSION, "validatingadmissionpolicies", "validatingadmissionpolicy", NONE, STATUS),
    wide(ADMISSION, "validatingadmissionpolicybindings", "validatingadmissionpolicybinding", NONE, NONE),
    wide(ADMISSION, "validatingwebhookconfigurations", "validatingwebhookconfiguration", NONE, NONE),
    wide("apiextensions.k8s.io", "customresourcedefinitions", "customresourcedefinition", &["crd", "crds"], STATUS),
    wide("apiregistration.k8s.io", "apiservices", "apiservice", NONE, STATUS),
    row("apps", "controllerrevisions", "controllerrevision", NONE, NONE),
    row("apps", "daemonsets", "daemonset", &["ds"], STATUS),
    row("apps", "deployments", "deployment", &["deploy"], SCALE),
    row("apps", "replicasets", "replicaset", &["rs"], SCALE),
    row("apps", "statefulsets", "statefulset", &["sts"], SCALE),
    wide(AUTHENTICATION, "selfsubjectreviews", "selfsubjectreview", NONE, NONE),
    wide(AUTHENTICATION, "tokenreviews", "tokenreview", NONE, NONE),
    row(AUTHORIZATION, "localsubjectaccessreviews", "localsubjectaccessreview", NONE, NONE),
    wide(AUTHORIZATION, "selfsubjectaccessreviews", "selfsubjectaccessreview", NONE, NONE),
    wide(AUTHORIZATION, "selfsubjectrulesreviews", "selfsubjectrulesreview", NONE, NONE),
    wide(AUTHORIZATION, "subjectaccessreviews", "subjectaccessreview", NONE, NONE),
    row("autoscaling", "horizontalpodautoscalers", "horizontalpodautoscaler", &["hpa"], STATUS),
    row("batch", "cronjobs", "cronjob", &["cj"], STATUS),
    row("batch", "jobs", "job", NONE, STATUS),
    wide(CERTIFICATES, "certificatesigningrequests", "certificatesigningrequest", &["csr"], &["approval", "status"]),
    row("coordination.k8s.io", "leases", "lease", NONE, NONE),
    row("discovery.k8s.io", "endpointslices", "endpointslice", NONE, NONE),
    row("events.k8s.io", "events", "event", &["ev"], NONE),
    wide(APISERVER, "flowschemas", "flowschema", NONE, STATUS),
    wide(APISERVER, "prioritylevelconfigurations", "prioritylevelconfiguration", NONE, STATUS),
    row(HELM, "helmchartconfigs", "helmchartconfig", NONE, NONE),
    row(HELM, "helmcharts", "helmchart", NONE, STATUS),
    row(K3S, "addons", "addon", NONE, NONE),
    wide(K3S, "etcdsnapshotfiles", "etcdsnapshotfile", NONE, STATUS),
    wide(METRICS, "nodes", "node", NONE, NONE),
    row(METRICS, "pods", "pod", NONE, NONE),
    wide(NETWORKING, "ingressclasses", "ingressclass", NONE, NONE),
    row(NETWORKING, "ingresses", "ingress", &["ing"], STATUS),
    wide(NETWORKING, "ipaddresses", "ipaddress", &["ip"], NONE),
    row(NETWORKING, "networkpolicies", "networkpolicy", &["netpol"], NONE),
    wide(NETWORKING, "servicecidrs", "servicecidr", NONE, STATUS),
    wide("node.k8s.io", "runtimeclasses", "runtimeclass", NONE, NONE),
    row("policy", "poddisruptionbudgets", "poddisruptionbudget", &["pdb"], STATUS),
    wide(RBAC, "clusterrolebindings", "clusterrolebinding", NONE, NONE),
    wide(RBAC, "clusterroles", "clusterrole", NONE, NONE),
    row(RBAC, "rolebindings", "rolebinding", NONE, NONE),
    row(RBAC, "roles", "role", NONE, NONE),
    wide(DEVICES, "deviceclasses", "deviceclass", NONE, NONE),
    row(DEVICES, "resourceclaims", "resourceclaim", NONE, STATUS),
    row(DEVICES, "resourceclaimtemplates", "resourceclaimtemplate", NONE, NONE),
    wide(DEVICES, "resourceslices", "resourceslice", NONE, NONE),
    wide("scheduling.k8s.io", "priorityclasses", "priorityclass", &["pc"], NONE),
    wide(STORAGE, "csidrivers", "csidriver", NONE, NONE),
    wide(STORAGE, "csinodes", "csinode", NONE, NONE),
    row(STORAGE, "csistoragecapacities", "csistoragecapacity", NONE, NONE),
    wide(STORAGE, "storageclasses", "storageclass", &["sc"], NONE),
    wide(STORAGE, "volumeattachments", "volumeattachment", NONE, STATUS),
    wide(STORAGE, "volumeattributesclasses", "volumeattributesclass", &["vac"], NONE),
];

/// What rules speak of although no API serves it: whom somebody may act as, and for which signers they may sign.
pub static UNSERVED: &[KnownResource] = &[
    wide("", "groups", "group", NONE, NONE),
    wide("", "users", "user", NONE, NONE),
    wide(AUTHENTICATION, "uids", "uid", NONE, NONE),
    wide(AUTHENTICATION, "userextras", "userextra", NONE, NONE),
    wide(CERTIFICATES, "signers", "signer", NONE, NONE),
];

/// The verbs that Kubernetes itself uses, those that are no request of their own included.
pub static VERBS: &[&str] = &[
    "approve",
    "bind",
    "create",
    "delete",
    "deletecollection",
    "escalate",
    "get",
    "impersonate",
    "list",
    "patch",
    "sign",
    "update",
    "use",
    "watch",
];

/// The verbs of paths that are no resource: HTTP methods in lower case.
pub static METHODS: &[&str] = &["delete", "get", "head", "options", "patch", "post", "put"];
