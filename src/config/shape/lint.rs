//! `lint` of the root file: a key for each lint rule. A test holds it against the rules.

use super::{Form, Key, Record, text};

const fn rule(name: &'static str, about: &'static str) -> Key {
    Key { name, about, required: false, form: Form::Record(&SETTING) }
}

pub(crate) static LINT: Record = Record {
    name: "lint block",
    about: "What findings of lint rules count as; a rule that is left out keeps its own severity.",
    keys: &[
        rule("cluster-wide-write", "What may be changed in namespaces is granted in namespaces."),
        rule("empty-group", "A group that is granted access has members."),
        rule("escalation-road", "No role lets whoever has it get more than it names."),
        rule("group-across-stages", "A group has access in one stage of life."),
        rule("group-with-one-owner", "A group has more than one owner."),
        rule("group-without-owner", "A group has an owner who is a person."),
        rule("guest-in-privileged-group", "Guests are in no group that can give itself or others access."),
        rule("individual-person", "Access is granted to groups, not to single people."),
        rule("member-through-nesting", "Nobody is a member both directly and through another group."),
        rule("namespace-relabel", "Where grants select namespaces by labels, no role of ours writes namespaces."),
        rule("overlapping-grants", "Every role in a grant gives something that no other grant gives."),
        rule(
            "production-without-expectation",
            "Expectations speak of everybody who is granted something in production.",
        ),
        rule("unused-group", "A group is granted something, itself or through a group that it is in."),
        rule("unused-role", "A role is granted, delegated or added to a default role."),
        rule("wildcard-rule", "Rules of roles name what they allow."),
    ],
    constraints: &[],
    refused: &[],
};

static SETTING: Record = Record {
    name: "lint setting",
    about: "What the findings of one lint rule count as in this config.",
    keys: &[
        Key { name: "severity", about: "How bad its findings are.", required: true, form: Form::Choice(SEVERITIES) },
        Key {
            name: "reason",
            about: "Why, for whoever wonders later.",
            required: true,
            form: Form::Text(&text::REASON),
        },
    ],
    constraints: &[],
    refused: &[],
};

/// The words for severities.
pub(crate) const SEVERITIES: &[(&str, &str)] = &[
    ("off", "Its findings are left out; how many is said."),
    ("note", "Its findings are shown, and `lint` does not fail by them."),
    ("warning", "`lint` exits with 7 when there is one."),
    ("error", "The same, and it is shown as an error."),
];

/// The id and the summary of each rule that can be set.
pub fn lint_rules() -> impl Iterator<Item = (&'static str, &'static str)> {
    LINT.keys.iter().map(|key| (key.name, key.about))
}
