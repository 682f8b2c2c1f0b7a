//! Grants.

use super::group::guest;
use super::{optional, required};
use crate::config::shape::{Constraint, Form, Record, text};

pub(crate) static GRANT: Record = Record {
    name: "grant",
    about: "Every one of its groups, users and service principals gets every one of its roles in every one of its \
            environments.",
    keys: &[
        optional("groups", "Groups of this config, by key.", Form::List(&Form::Text(&text::GROUP_REFERENCE), 1)),
        optional(
            "users",
            "People without a group between: a user principal name, or `guest`.",
            Form::List(&Form::Either(&[Form::Text(&text::USER), Form::Record(&GRANTED_USER)]), 1),
        ),
        optional(
            "service-principals",
            "Apps and managed identities without a group between, by app (client) id.",
            Form::List(&Form::Text(&text::APP_ID), 1),
        ),
        required("roles", "Roles of this config, by key.", Form::List(&Form::Text(&text::ROLE_REFERENCE), 1)),
        required(
            "environments",
            "Environments by name, or a map of labels that they must carry.",
            Form::Either(&[Form::List(&Form::Text(&text::ENVIRONMENT_REFERENCE), 1), Form::Labels(1)]),
        ),
        optional(
            "namespaces",
            "Namespaces by name, or `labels` that are looked up live; labels never match `default` and `kube-*`.",
            Form::Either(&[Form::List(&Form::Text(&text::NAMESPACE), 1), Form::Record(&NAMESPACE_SELECTOR)]),
        ),
        optional("cluster-wide", "The whole cluster.", Form::OnlyTrue),
        optional(
            "replaces",
            "A binding made by hand that this grant takes over from, or a list of them: `NAMESPACE/NAME`, or `NAME` for \
             a ClusterRoleBinding. It is deleted, after ours are made, if the grant gives all of its subjects the same \
             role in the same place. Left out, nothing is taken over.",
            Form::Either(&[Form::Text(&text::BINDING), Form::List(&Form::Text(&text::BINDING), 1)]),
        ),
    ],
    constraints: &[
        Constraint::AtLeastOne(&["groups", "users", "service-principals"]),
        Constraint::ExactlyOne(&["namespaces", "cluster-wide"]),
    ],
    refused: &[],
};

static GRANTED_USER: Record = Record {
    name: "granted user",
    about: "A user of another tenant.",
    keys: &[guest()],
    constraints: &[Constraint::ExactlyOne(&["guest"])],
    refused: &[],
};

static NAMESPACE_SELECTOR: Record = Record {
    name: "namespace selector",
    about: "Every live namespace that carries all of these labels.",
    keys: &[required("labels", "Labels of namespaces.", Form::Labels(1))],
    constraints: &[],
    refused: &[],
};
