//! The keys of access files.

use super::text;
use super::{Constraint, Form, Key, LINT, Record, Refused};
use crate::config::rules;

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

static ENVIRONMENT: Record = Record {
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

pub(crate) static GROUP: Record = Record {
    name: "group",
    about: "An Entra security group.",
    keys: &[
        optional("description", "Its description; left alone when left out.", Form::Text(&text::DESCRIPTION)),
        optional(
            "display-name",
            "Its display name. Left out, it is the key at creation and left alone after that.",
            Form::Text(&text::DISPLAY_NAME),
        ),
        optional(
            "owners",
            "Who owns it: users, guests and service principals. Left out, owners are left alone.",
            Form::List(&Form::Either(&[Form::Text(&text::USER), Form::Record(&OWNER)]), 0),
        ),
        optional(
            "members",
            "Its members: a user principal name, or one of `guest`, `group`, `group-id`, `service-principal`. An \
             authoritative group must have it; `[]` is a group without members.",
            Form::List(&Form::Either(&[Form::Text(&text::USER), Form::Record(&MEMBER)]), 0),
        ),
        optional(
            "absent",
            "Who must not be a member of an additive group, spelt as members are: they are taken out of it. Left out, \
             nobody is.",
            Form::List(&Form::Either(&[Form::Text(&text::USER), Form::Record(&MEMBER)]), 1),
        ),
        optional(
            "membership",
            "What the list of members means: `authoritative` when left out, `additive` for an adopted group.",
            Form::Choice(&[
                ("authoritative", "The members are those in the files and nobody else."),
                ("additive", "The members in the files are added; others stay."),
                ("external", "Members and owners are managed elsewhere."),
            ]),
        ),
        optional(
            "previously",
            "Keys that this group had before. The group that rolecall created under one of them is this one: it keeps its \
             object, its id and its bindings. Leave it there for good. Left out, a new key is a new group.",
            Form::List(&Form::Text(&text::GROUP_KEY), 1),
        ),
        optional(
            "adopt",
            "The object id of a live group that rolecall did not create and is to manage from now on. It is never deleted.",
            Form::Text(&text::OBJECT_ID),
        ),
        optional(
            "id",
            "The object id of a live group that is only referred to and never changed.",
            Form::Text(&text::OBJECT_ID),
        ),
    ],
    constraints: &[Constraint::AtMostOne(&["adopt", "id"])],
    refused: &[],
};

const fn guest() -> Key {
    optional("guest", "A guest, by mail address.", Form::Text(&text::MAIL))
}
const fn service_principal() -> Key {
    optional(
        "service-principal",
        "The service principal of an app or a managed identity, by app (client) id.",
        Form::Text(&text::APP_ID),
    )
}

pub(crate) static MEMBER: Record = Record {
    name: "member",
    about: "A member that is not a user of the tenant.",
    keys: &[
        guest(),
        optional("group", "A group of this config, by key.", Form::Text(&text::GROUP_REFERENCE)),
        optional("group-id", "Any other group, by object id.", Form::Text(&text::OBJECT_ID)),
        service_principal(),
    ],
    constraints: &[Constraint::ExactlyOne(&["guest", "group", "group-id", "service-principal"])],
    refused: &[],
};

pub(crate) static OWNER: Record = Record {
    name: "owner",
    about: "An owner that is not a user of the tenant.",
    keys: &[guest(), service_principal()],
    constraints: &[Constraint::ExactlyOne(&["guest", "service-principal"])],
    refused: &[group_as_owner("group"), group_as_owner("group-id")],
};

const fn group_as_owner(key: &'static str) -> Refused {
    Refused {
        key,
        rule: &rules::GROUP_AS_OWNER,
        why: "cannot own a group: Entra takes users and service principals only",
        help: "name the people, or one of the apps",
    }
}

static GRANTED_USER: Record = Record {
    name: "granted user",
    about: "A user of another tenant.",
    keys: &[guest()],
    constraints: &[Constraint::ExactlyOne(&["guest"])],
    refused: &[],
};

static ROLE: Record = Record {
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

static EACH_EXPECTATION: Form = Form::Record(&EXPECTATION);
static REQUESTS: Form = Form::Text(&text::REQUEST);

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

static NAMESPACE_SELECTOR: Record = Record {
    name: "namespace selector",
    about: "Every live namespace that carries all of these labels.",
    keys: &[required("labels", "Labels of namespaces.", Form::Labels(1))],
    constraints: &[],
    refused: &[],
};
