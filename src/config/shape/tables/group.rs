//! Groups, and who is in them.

use super::optional;
use crate::config::rules;
use crate::config::shape::{Constraint, Form, Key, Record, Refused, text};

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

pub(super) const fn guest() -> Key {
    optional("guest", "A guest, by mail address.", Form::Text(&text::MAIL))
}

pub(super) const fn service_principal() -> Key {
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
