//! Roles.

use super::{optional, required};
use crate::config::shape::{Constraint, Form, Record, text};

pub(super) static ROLE: Record = Record {
    name: "role",
    about: "What may be done: a ClusterRole that is there already, or rules of its own.",
    keys: &[
        optional("cluster-role", "The name of a ClusterRole that is there already.", Form::Text(&text::CLUSTER_ROLE)),
        optional("rules", "Rules with Kubernetes' own keys.", Form::List(&Form::Record(&RULE), 1)),
        optional(
            "aggregate-to",
            "Kubernetes' own roles that take these rules in: whoever has one of them, from whomever and wherever, gets \
             these rules too. None when left out.",
            Form::List(&DEFAULT_ROLE, 1),
        ),
        optional(
            "environments",
            "Where `aggregate-to` holds, by name or by labels; the role is there whether or not a grant names it.",
            Form::Either(&[Form::List(&Form::Text(&text::ENVIRONMENT_REFERENCE), 1), Form::Labels(1)]),
        ),
    ],
    constraints: &[
        Constraint::ExactlyOne(&["cluster-role", "rules"]),
        Constraint::Needs("aggregate-to", "rules"),
        Constraint::Needs("aggregate-to", "environments"),
        Constraint::Needs("environments", "aggregate-to"),
    ],
    refused: &[],
};

static DEFAULT_ROLE: Form = Form::Choice(&[
    ("view", "`view`, and with it `edit` and `admin`."),
    ("edit", "`edit`, and with it `admin`."),
    ("admin", "`admin`."),
]);

static RULE: Record = Record {
    name: "rule",
    about: "One rule of a role, as in a Kubernetes Role.",
    keys: &[
        optional(
            "apiGroups",
            "API groups; `\"\"` is the core group, `*` is all.",
            Form::List(&Form::Text(&text::API_GROUP), 1),
        ),
        optional(
            "resources",
            "What the rule is about: `pods`, `pods/log`, `*`, `*/scale`.",
            Form::List(&Form::Text(&text::WORD), 1),
        ),
        required(
            "verbs",
            "What may be done with it: `get`, `list`, `watch`, …; `*` is everything.",
            Form::List(&Form::Text(&text::WORD), 1),
        ),
        optional(
            "resourceNames",
            "Only objects of these names; every name when left out.",
            Form::List(&Form::Text(&text::WORD), 1),
        ),
        optional(
            "nonResourceURLs",
            "Paths such as `/metrics` or `/healthz/*`, for rules that are granted cluster-wide.",
            Form::List(&Form::Text(&text::WORD), 1),
        ),
    ],
    constraints: &[
        Constraint::ExactlyOne(&["resources", "nonResourceURLs"]),
        Constraint::Needs("resources", "apiGroups"),
        Constraint::Needs("apiGroups", "resources"),
        Constraint::Needs("resourceNames", "resources"),
    ],
    refused: &[],
};
