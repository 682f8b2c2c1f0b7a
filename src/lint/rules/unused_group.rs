//! Groups that give no access.

use crate::diagnostics::{Rule, Severity};
use crate::lint::facts::{Facts, label};
use crate::lint::{Found, Lint};

pub(in crate::lint) static LINT: Lint = Lint {
    rule: Rule {
        id: "unused-group",
        severity: Severity::Note,
        summary: "A group is granted something, itself or through a group that it is in.",
    },
    docs: "No grant names the group or a group that it is in. Either the grant is missing, or the group is left over: rolecall \
           keeps it in Entra all the same, where it may mean something to others.\n\nGrant it something, or take it out; taking a \
           block out deletes the group if rolecall created it, and `plan` says so first. A group that other systems use and that \
           is kept here on purpose is meant.",
    example: "\
groups:
  ops: { owners: [erin@contoso.com, kim@contoso.com], members: [sam@contoso.com] }
",
    instead: "\
environments:
  alpha: { type: k3s }
groups:
  ops: { owners: [erin@contoso.com, kim@contoso.com], members: [sam@contoso.com] }
roles:
  read-only: { cluster-role: view }
grants:
  - { groups: [ops], roles: [read-only], environments: [alpha], namespaces: [trinity] }
",
    check,
};

fn check(facts: &Facts<'_>, found: &mut Found<'_>) {
    let used = facts.below(facts.subjects().into_keys());
    for (key, group) in facts.config.groups.iter().filter(|(key, _)| !used.contains(key)) {
        found.report(
            format!("`{key}` is granted nothing"),
            [label(group.span, "no grant names it, or a group that it is in")],
            "grant it something, or take it out; `plan` says what that deletes",
        );
    }
}
