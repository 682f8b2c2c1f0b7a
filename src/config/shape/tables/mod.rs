//! The keys of access files.

mod environment;
mod expectation;
mod grant;
mod group;
mod role;

use super::text;
use super::{Constraint, Form, Key, LINT, Record, Refused};
use crate::config::rules;
use environment::ENVIRONMENT;
pub(crate) use expectation::EXPECTATION;
pub(crate) use grant::GRANT;
pub(crate) use group::{GROUP, MEMBER, OWNER};
use role::ROLE;

const fn optional(name: &'static str, about: &'static str, form: Form) -> Key {
    Key { name, about, required: false, form }
}

const fn required(name: &'static str, about: &'static str, form: Form) -> Key {
    Key { name, about, required: true, form }
}

const fn environments() -> Key {
    optional(
        "environments",
        "Clusters and their place in life, by name.",
        Form::Named(&text::ENVIRONMENT_NAME, &ENVIRONMENT),
    )
}

const fn groups() -> Key {
    optional("groups", "Entra security groups, by key.", Form::Named(&text::GROUP_KEY, &GROUP))
}

const fn roles() -> Key {
    optional("roles", "What may be done, by key.", Form::Named(&text::ROLE_KEY, &ROLE))
}

const fn grants() -> Key {
    optional("grants", "Who may do what, and where.", Form::List(&EACH_GRANT, 0))
}

const fn expectations() -> Key {
    optional(
        "expectations",
        "Tests of who can and who cannot do something, which `validate`, `plan`, `apply` and `verify` make. They give \
         nobody anything.",
        Form::List(&EACH_EXPECTATION, 0),
    )
}

/// `rolecall.yaml`.
pub(crate) static ROOT: Record = Record {
    name: "root file",
    about: "The root file of a config, rolecall.yaml.",
    keys: &[
        required("version", "The version of this format: 1.", Form::One),
        required(
            "name",
            "The config's name. It is part of every mark of ownership, so that several repositories can share a tenant \
             and a cluster; changing it later leaves everything made under the old name behind.",
            Form::Text(&text::CONFIG_NAME),
        ),
        required("tenant", "The Entra tenant that this config is for.", Form::Record(&TENANT)),
        optional(
            "appliers",
            "App (client) ids of the identities that run apply. A group that rolecall creates has one of them as its \
             first owner, which is the proof that it is ours. Needed as soon as rolecall creates a group.",
            Form::List(&Form::Text(&text::APP_ID), 0),
        ),
        optional(
            "exclude",
            "YAML files below this folder that are no access files, as patterns relative to it: `*` stays within a \
             folder, `**` does not, and a folder stands for all it holds.",
            Form::List(&Form::Text(&text::PATTERN), 0),
        ),
        optional(
            "delegate",
            "What the other files may define. Left out, every file may define everything; with it, a file may do what an \
             entry that matches it lists, a file that none matches defines nothing, and the root file everything.",
            Form::List(&EACH_DELEGATION, 1),
        ),
        optional(
            "lint",
            "What the findings of lint rules count as, by the rule's id, each with a reason. Left out, every rule has its own \
             severity.",
            Form::Record(&LINT),
        ),
        optional(
            "lock",
            "Where `apply` keeps the Lease that it holds while it writes, so that no other one writes meanwhile. Left out, two \
             may write at once, and nothing but the preconditions of each change keeps them apart.",
            Form::Record(&LOCK),
        ),
        environments(),
        groups(),
        roles(),
        grants(),
        expectations(),
    ],
    constraints: &[],
    refused: &[],
};

/// Every other file.
pub(crate) static FILE: Record = Record {
    name: "access file",
    about: "An access file other than the root file.",
    keys: &[environments(), groups(), roles(), grants(), expectations()],
    constraints: &[],
    refused: &[
        root_only("version"),
        root_only("name"),
        root_only("tenant"),
        root_only("appliers"),
        root_only("exclude"),
        root_only("delegate"),
        root_only("lint"),
        root_only("lock"),
    ],
};

const fn root_only(key: &'static str) -> Refused {
    Refused {
        key,
        rule: &rules::ROOT_ONLY_KEY,
        why: "is about the whole config",
        help: "move it to `rolecall.yaml`, the root file; below that file there is no other one. A folder that is a config of its own goes into `exclude`",
    }
}

static EACH_DELEGATION: Form = Form::Record(&DELEGATION);

static DELEGATION: Record = Record {
    name: "delegation",
    about: "What the files that it matches may do: define its groups, and grant them its roles in its environments and \
            namespaces. A grant must lie within one entry.",
    keys: &[
        required(
            "files",
            "Paths of access files relative to this folder, as patterns: `*` stays within a folder, `**` does not; upper \
             and lower case count.",
            Form::List(&Form::Text(&text::FILE_PATTERN), 1),
        ),
        required(
            "groups",
            "Groups that these files may define and grant to, by key; `*` stands for any characters.",
            Form::List(&Form::Text(&text::GROUP_PATTERN), 1),
        ),
        optional(
            "roles",
            "Roles that these files may grant, by key. Left out together with `environments` and `namespaces`, they may \
             define groups but grant nothing.",
            Form::List(&Form::Text(&text::ROLE_REFERENCE), 1),
        ),
        optional(
            "environments",
            "Environments that these files may grant in: names, or a map of labels that they must carry.",
            Form::Either(&[Form::List(&Form::Text(&text::ENVIRONMENT_REFERENCE), 1), Form::Labels(1)]),
        ),
        optional(
            "namespaces",
            "Namespaces that these files may grant in; `*` stands for any characters, but never for `default` and \
             `kube-…`, which are listed by name.",
            Form::List(&Form::Text(&text::NAMESPACE_PATTERN), 1),
        ),
    ],
    constraints: &[
        Constraint::Needs("roles", "environments"),
        Constraint::Needs("environments", "namespaces"),
        Constraint::Needs("namespaces", "roles"),
    ],
    refused: &[],
};

static EACH_GRANT: Form = Form::Record(&GRANT);

static TENANT: Record = Record {
    name: "tenant",
    about: "An Entra tenant.",
    keys: &[
        required("id", "The directory (tenant) id.", Form::Text(&text::TENANT_ID)),
        optional(
            "cloud",
            "The Microsoft cloud the tenant lives in; `public` when left out.",
            Form::Choice(&[
                ("public", "The worldwide cloud."),
                ("us-government", "Azure Government."),
                ("us-government-dod", "Azure Government for the Department of Defense, whose Graph is another."),
                ("china", "Azure operated by 21Vianet."),
            ]),
        ),
        optional(
            "pim",
            "Say `none` where Privileged Identity Management is not in use, so that members may be removed without \
             reading its assignments first. Left out, they are read.",
            Form::Choice(&[("none", "No membership comes from Privileged Identity Management.")]),
        ),
    ],
    constraints: &[],
    refused: &[],
};

static LOCK: Record = Record {
    name: "lock",
    about: "Where the Lease is that one `apply` at a time holds while it writes.",
    keys: &[
        required("environment", "The environment whose cluster has it.", Form::Text(&text::ENVIRONMENT_REFERENCE)),
        required("namespace", "The namespace that it is in; it must be there.", Form::Text(&text::NAMESPACE)),
    ],
    constraints: &[],
    refused: &[],
};

static EACH_EXPECTATION: Form = Form::Record(&EXPECTATION);
