//! Expectations.

use super::group::{guest, service_principal};
use super::{optional, required};
use crate::config::shape::{Constraint, Form, Record, text};

pub(crate) static EXPECTATION: Record = Record {
    name: "expectation",
    about: "What somebody must be able to do, or must not, in the words of `kubectl auth can-i`: `VERB RESOURCE in NAMESPACE`, \
            `VERB RESOURCE across the cluster`, or `VERB /PATH`. RESOURCE is `pods`, `deployments.apps`, with a subresource \
            `pods/log`, with a name `pods/NAME` or `pods/log/NAME`. What Kubernetes keeps in no namespace needs no place: `list nodes`.",
    keys: &[
        optional("user", "Somebody, by user principal name. They need not be in any group.", Form::Text(&text::USER)),
        guest(),
        service_principal(),
        optional(
            "group",
            "Somebody who is in this group of the config and in no other but those that it is a member of, by key.",
            Form::Text(&text::GROUP_REFERENCE),
        ),
        required(
            "environments",
            "Where: environments by name, or a map of labels that they must carry.",
            Form::Either(&[Form::List(&Form::Text(&text::ENVIRONMENT_REFERENCE), 1), Form::Labels(1)]),
        ),
        optional(
            "can",
            "What they must be able to do. `*` is every verb, or every resource of every group, as RBAC has it: only a rule \
             that says `*` gives it. Nothing when left out.",
            Form::List(&REQUESTS, 1),
        ),
        optional(
            "cannot",
            "What they must not be able to do, each of it; without `*`. Nothing when left out.",
            Form::List(&REQUESTS, 1),
        ),
        optional(
            "only",
            "What they may be able to do at most, besides what every Kubernetes gives everybody; `[]` is nothing at all. It does \
             not say that they can. Here `*` is any verb, or any resource. Left out, there is no such limit.",
            Form::List(&REQUESTS, 0),
        ),
    ],
    constraints: &[
        Constraint::ExactlyOne(&["user", "guest", "service-principal", "group"]),
        Constraint::AtLeastOne(&["can", "cannot", "only"]),
    ],
    refused: &[],
};

static REQUESTS: Form = Form::Text(&text::REQUEST);
