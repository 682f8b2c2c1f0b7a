//! Environments.

use super::{optional, required};
use crate::config::shape::{Constraint, Form, Record, text};

pub(super) static ENVIRONMENT: Record = Record {
    name: "environment",
    about: "One cluster and its place in life.",
    keys: &[
        required(
            "type",
            "The kind of cluster.",
            Form::Choice(&[("k3s", "k3s."), ("kubernetes", "Any other Kubernetes.")]),
        ),
        optional("labels", "Labels that grants select environments by, such as `stage: prod`.", Form::Labels(1)),
        optional(
            "context",
            "The kubeconfig context that reaches it; the environment's own name when left out.",
            Form::Text(&text::CONTEXT),
        ),
        optional(
            "cluster",
            "The uid of the cluster's kube-system namespace, which the first plan prints. It is compared at every \
             connect, so that a context that leads to another cluster is noticed. Needed with `protected`.",
            Form::Text(&text::CLUSTER_UID),
        ),
        optional(
            "protected",
            "Only a saved plan may be applied here, and to groups bound here. `false` when left out.",
            Form::Flag,
        ),
        optional(
            "tokens",
            "How the cluster's tokens name people and groups; by object id without a prefix when left out.",
            Form::Record(&TOKENS),
        ),
        optional(
            "unmanaged",
            "What is done about bindings on the cluster that no access file asks for; `report` when left out.",
            Form::Choice(&[
                ("ignore", "Nothing is said about them."),
                ("report", "The plan lists them."),
                ("refuse", "The plan lists them, and apply refuses while one is there that is not allowed."),
            ]),
        ),
        optional(
            "allow-unmanaged",
            "Bindings that no access file asks for and that may stay: `NAMESPACE/NAME`, or `NAME` for a \
             ClusterRoleBinding, with `*` for any characters; or the name of another rolecall config that applies to the \
             same cluster. Left out, none is allowed.",
            Form::List(&Form::Either(&[Form::Text(&text::BINDING_PATTERN), Form::Record(&ALLOWED)]), 1),
        ),
        optional(
            "applier",
            "The identity that applies here, as the API server names it, so that `plan` can ask whether that identity may \
             write what it shows. Left out, whoever plans is asked about, if they may write at all.",
            Form::Record(&APPLIER),
        ),
    ],
    constraints: &[],
    refused: &[],
};

static ALLOWED: Record = Record {
    name: "allowed config",
    about: "Every binding that another rolecall config has applied on the same cluster.",
    keys: &[required("config", "The name of that config.", Form::Text(&text::CONFIG_NAME))],
    constraints: &[],
    refused: &[],
};

static APPLIER: Record = Record {
    name: "applier",
    about: "The identity that applies on a cluster, as its API server names it (`kubectl auth whoami`).",
    keys: &[
        optional("user", "The user name.", Form::Text(&text::TOKEN_NAME)),
        optional(
            "groups",
            "The groups of that user; `system:authenticated` need not be said. None when left out.",
            Form::List(&Form::Text(&text::TOKEN_NAME), 1),
        ),
        optional("service-account", "A service account, as NAMESPACE/NAME.", Form::Text(&text::SERVICE_ACCOUNT)),
    ],
    constraints: &[Constraint::ExactlyOne(&["user", "service-account"]), Constraint::Needs("groups", "user")],
    refused: &[],
};

static TOKENS: Record = Record {
    name: "tokens",
    about: "How a cluster's tokens name people and groups, as its authentication configuration says.",
    keys: &[
        optional(
            "groups-as",
            "What a group is called; `object-id` when left out.",
            Form::Choice(&[
                ("object-id", "By object id, as Entra does unless told otherwise."),
                ("display-name", "By display name. Names are not unique: another live group of that name is an error."),
            ]),
        ),
        optional(
            "groups-claim",
            "Which of somebody's groups the token carries, as the app registration says; `security-groups` when left out.",
            Form::Choice(&[
                ("security-groups", "All security groups that they are in, directly or through others."),
                (
                    "assigned-groups",
                    "Those that are assigned to the app, and of these only the ones that they are in directly.",
                ),
            ]),
        ),
        optional(
            "groups-prefix",
            "What the API server puts in front of a group's name; nothing when left out.",
            Form::Text(&text::PREFIX),
        ),
        optional(
            "users-as",
            "What a user is called; `object-id` when left out.",
            Form::Choice(&[("object-id", "By object id."), ("upn", "By user principal name.")]),
        ),
        optional(
            "users-prefix",
            "What the API server puts in front of a user's name; nothing when left out.",
            Form::Text(&text::PREFIX),
        ),
    ],
    constraints: &[],
    refused: &[],
};
