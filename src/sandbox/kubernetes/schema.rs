//! The shapes of the objects served: what may be in them, who may own which part, and how protobuf numbers it.

use super::definition::Schema;

/// How one value is built. Lists are atomic everywhere: RBAC declares `listType=atomic` for all of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    Text,
    Boolean,
    Integer,
    /// RFC 3339 text; seconds and nanoseconds in protobuf.
    Time,
    /// Text by text; every key has its own owner.
    Map,
    /// Every field has its own owner.
    Struct(&'static [Field]),
    /// Owned as one.
    Atomic(&'static [Field]),
    /// Owned as one.
    List(&'static Self),
    /// Carried, never looked into.
    Opaque,
    /// A part of a custom object.
    Custom(&'static Schema),
}

/// One field of a struct.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Field {
    pub(super) name: &'static str,
    /// Its number in the API's `generated.proto`; 0 where no client sends it.
    pub(super) number: u32,
    pub(super) shape: Shape,
    /// Serialised even when empty: the Go type has no `omitempty`.
    pub(super) always: bool,
    /// Kept even when it is empty, once it is given: the Go type is a pointer.
    pub(super) pointer: bool,
}

const fn field(number: u32, name: &'static str, shape: Shape) -> Field {
    Field { name, number, shape, always: false, pointer: false }
}

const fn always(number: u32, name: &'static str, shape: Shape) -> Field {
    Field { name, number, shape, always: true, pointer: false }
}

const fn pointer(number: u32, name: &'static str, shape: Shape) -> Field {
    Field { name, number, shape, always: false, pointer: true }
}

const TEXTS: Shape = Shape::List(&Shape::Text);

const API_VERSION: Field = field(0, "apiVersion", Shape::Text);
const KIND: Field = field(0, "kind", Shape::Text);
pub(super) const METADATA: Field = always(
    1,
    "metadata",
    Shape::Struct(&[
        field(1, "name", Shape::Text),
        field(2, "generateName", Shape::Text),
        field(3, "namespace", Shape::Text),
        field(4, "selfLink", Shape::Text),
        field(5, "uid", Shape::Text),
        field(6, "resourceVersion", Shape::Text),
        field(7, "generation", Shape::Integer),
        field(8, "creationTimestamp", Shape::Time),
        field(9, "deletionTimestamp", Shape::Time),
        field(10, "deletionGracePeriodSeconds", Shape::Integer),
        field(11, "labels", Shape::Map),
        field(12, "annotations", Shape::Map),
        field(13, "ownerReferences", Shape::List(&Shape::Opaque)),
        field(14, "finalizers", TEXTS),
        field(17, "managedFields", Shape::List(&Shape::Opaque)),
    ]),
);

const RULES: Shape = Shape::List(&Shape::Struct(&[
    always(1, "verbs", TEXTS),
    field(2, "apiGroups", TEXTS),
    field(3, "resources", TEXTS),
    field(4, "resourceNames", TEXTS),
    field(5, "nonResourceURLs", TEXTS),
]));
const REQUIREMENTS: Shape = Shape::List(&Shape::Struct(&[
    always(1, "key", Shape::Text),
    always(2, "operator", Shape::Text),
    field(3, "values", TEXTS),
]));
const SELECTORS: Shape =
    Shape::List(&Shape::Struct(&[field(1, "matchLabels", Shape::Map), field(2, "matchExpressions", REQUIREMENTS)]));
const SUBJECTS: Shape = Shape::List(&Shape::Struct(&[
    always(1, "kind", Shape::Text),
    field(2, "apiGroup", Shape::Text),
    always(3, "name", Shape::Text),
    field(4, "namespace", Shape::Text),
]));
const ROLE_REF: Shape = Shape::Atomic(&[
    always(1, "apiGroup", Shape::Text),
    always(2, "kind", Shape::Text),
    always(3, "name", Shape::Text),
]);

/// rbac.authorization.k8s.io/v1 `ClusterRole`.
pub(super) const CLUSTER_ROLE: Shape = Shape::Struct(&[
    API_VERSION,
    KIND,
    METADATA,
    always(2, "rules", RULES),
    field(3, "aggregationRule", Shape::Struct(&[field(1, "clusterRoleSelectors", SELECTORS)])),
]);
/// rbac.authorization.k8s.io/v1 `Role`.
pub(super) const ROLE: Shape = Shape::Struct(&[API_VERSION, KIND, METADATA, always(2, "rules", RULES)]);
/// rbac.authorization.k8s.io/v1 `ClusterRoleBinding` and `RoleBinding`.
pub(super) const BINDING: Shape =
    Shape::Struct(&[API_VERSION, KIND, METADATA, field(2, "subjects", SUBJECTS), always(3, "roleRef", ROLE_REF)]);
/// core/v1 `Namespace`.
pub(super) const NAMESPACE: Shape = Shape::Struct(&[
    API_VERSION,
    KIND,
    METADATA,
    always(2, "spec", Shape::Struct(&[field(1, "finalizers", TEXTS)])),
    always(
        3,
        "status",
        Shape::Struct(&[field(1, "phase", Shape::Text), field(0, "conditions", Shape::List(&Shape::Opaque))]),
    ),
]);

/// core/v1 `ServiceAccount`.
pub(super) const SERVICE_ACCOUNT: Shape = Shape::Struct(&[
    API_VERSION,
    KIND,
    METADATA,
    field(2, "secrets", Shape::List(&Shape::Opaque)),
    field(3, "imagePullSecrets", Shape::List(&Shape::Opaque)),
    field(4, "automountServiceAccountToken", Shape::Boolean),
]);
/// coordination.k8s.io/v1 `Lease`.
pub(super) const LEASE: Shape = Shape::Struct(&[
    API_VERSION,
    KIND,
    METADATA,
    always(
        2,
        "spec",
        Shape::Struct(&[
            pointer(1, "holderIdentity", Shape::Text),
            pointer(2, "leaseDurationSeconds", Shape::Integer),
            pointer(3, "acquireTime", Shape::Time),
            pointer(4, "renewTime", Shape::Time),
            pointer(5, "leaseTransitions", Shape::Integer),
            pointer(6, "strategy", Shape::Text),
            pointer(7, "preferredHolder", Shape::Text),
        ]),
    ),
]);
/// authentication.k8s.io/v1 `TokenRequest`.
pub(super) const TOKEN_REQUEST: Shape = Shape::Struct(&[
    API_VERSION,
    KIND,
    METADATA,
    always(
        2,
        "spec",
        Shape::Struct(&[
            field(1, "audiences", TEXTS),
            field(3, "boundObjectRef", Shape::Opaque),
            field(4, "expirationSeconds", Shape::Integer),
        ]),
    ),
    STATUS,
]);

const DEFINITION_NAMES: Shape = Shape::Struct(&[
    always(0, "plural", Shape::Text),
    field(0, "singular", Shape::Text),
    field(0, "shortNames", TEXTS),
    always(0, "kind", Shape::Text),
    field(0, "listKind", Shape::Text),
    field(0, "categories", TEXTS),
]);
/// apiextensions.k8s.io/v1 `CustomResourceDefinition`, which clients send as JSON or YAML only.
pub(super) const CUSTOM_RESOURCE_DEFINITION: Shape = Shape::Struct(&[
    API_VERSION,
    KIND,
    METADATA,
    always(
        0,
        "spec",
        Shape::Struct(&[
            always(0, "group", Shape::Text),
            always(0, "names", DEFINITION_NAMES),
            always(0, "scope", Shape::Text),
            always(0, "versions", Shape::List(&Shape::Opaque)),
            field(
                0,
                "conversion",
                Shape::Struct(&[field(0, "strategy", Shape::Text), field(0, "webhook", Shape::Opaque)]),
            ),
            field(0, "preserveUnknownFields", Shape::Boolean),
        ]),
    ),
    field(
        0,
        "status",
        Shape::Struct(&[
            always(0, "conditions", Shape::List(&Shape::Opaque)),
            always(0, "acceptedNames", DEFINITION_NAMES),
            always(0, "storedVersions", TEXTS),
        ]),
    ),
]);

const RESOURCE_ATTRIBUTES: Field = field(
    1,
    "resourceAttributes",
    Shape::Struct(&[
        field(1, "namespace", Shape::Text),
        field(2, "verb", Shape::Text),
        field(3, "group", Shape::Text),
        field(4, "version", Shape::Text),
        field(5, "resource", Shape::Text),
        field(6, "subresource", Shape::Text),
        field(7, "name", Shape::Text),
        field(0, "fieldSelector", Shape::Opaque),
        field(0, "labelSelector", Shape::Opaque),
    ]),
);
const NON_RESOURCE_ATTRIBUTES: Field =
    field(2, "nonResourceAttributes", Shape::Struct(&[field(1, "path", Shape::Text), field(2, "verb", Shape::Text)]));
const STATUS: Field = field(0, "status", Shape::Opaque);

/// authorization.k8s.io/v1 `SubjectAccessReview` and `LocalSubjectAccessReview`.
pub(super) const ACCESS_REVIEW: Shape = Shape::Struct(&[
    API_VERSION,
    KIND,
    METADATA,
    always(
        2,
        "spec",
        Shape::Struct(&[
            RESOURCE_ATTRIBUTES,
            NON_RESOURCE_ATTRIBUTES,
            field(3, "user", Shape::Text),
            field(4, "groups", TEXTS),
            field(0, "extra", Shape::Opaque),
            field(6, "uid", Shape::Text),
        ]),
    ),
    STATUS,
]);
/// authorization.k8s.io/v1 `SelfSubjectAccessReview`.
pub(super) const SELF_ACCESS_REVIEW: Shape = Shape::Struct(&[
    API_VERSION,
    KIND,
    METADATA,
    always(2, "spec", Shape::Struct(&[RESOURCE_ATTRIBUTES, NON_RESOURCE_ATTRIBUTES])),
    STATUS,
]);
/// authorization.k8s.io/v1 `SelfSubjectRulesReview`.
pub(super) const SELF_RULES_REVIEW: Shape = Shape::Struct(&[
    API_VERSION,
    KIND,
    METADATA,
    always(2, "spec", Shape::Struct(&[field(1, "namespace", Shape::Text)])),
    STATUS,
]);
/// authentication.k8s.io/v1 `SelfSubjectReview`.
pub(super) const SELF_REVIEW: Shape = Shape::Struct(&[API_VERSION, KIND, METADATA, STATUS]);

/// meta/v1 `DeleteOptions`, the body of a delete.
pub(super) const DELETE_OPTIONS: Shape = Shape::Struct(&[
    API_VERSION,
    KIND,
    field(1, "gracePeriodSeconds", Shape::Integer),
    field(2, "preconditions", Shape::Struct(&[field(1, "uid", Shape::Text), field(2, "resourceVersion", Shape::Text)])),
    field(3, "orphanDependents", Shape::Boolean),
    field(4, "propagationPolicy", Shape::Text),
    field(5, "dryRun", TEXTS),
    field(6, "ignoreStoreReadErrorWithClusterBreakingPotential", Shape::Boolean),
]);
