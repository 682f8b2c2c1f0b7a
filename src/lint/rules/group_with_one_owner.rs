//! Groups that depend on one person.

use crate::diagnostics::{Rule, Severity};
use crate::lint::facts::{Facts, label, people};
use crate::lint::{Found, Lint};

pub(in crate::lint) static LINT: Lint = Lint {
    rule: Rule { id: "group-with-one-owner", severity: Severity::Note, summary: "A group has more than one owner." },
    docs: "One person answers for the group. When they are away nobody can, and when they leave it is without an owner.\n\nName a \
           second one. Owners that are apps do not count: nobody can ask them. Groups whose owners are left out, or kept \
           elsewhere (`id`, `membership: external`), are not reported.",
    example: "\
groups:
  ops: { owners: [erin@contoso.com], members: [sam@contoso.com] }
",
    instead: "\
groups:
  ops: { owners: [erin@contoso.com, kim@contoso.com], members: [sam@contoso.com] }
",
    check,
};

fn check(facts: &Facts<'_>, found: &mut Found<'_>) {
    for (key, group) in &facts.config.groups {
        if let [only] = people(group.owners.as_deref().unwrap_or_default()).as_slice() {
            found.report(
                format!("`{key}` has one owner"),
                [label(only.span, "when they leave, nobody answers for it")],
                "name a second owner",
            );
        }
    }
}
