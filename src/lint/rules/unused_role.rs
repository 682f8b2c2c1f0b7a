//! Roles that nobody has.

use std::collections::BTreeSet;

use crate::diagnostics::{Rule, Severity};
use crate::lint::facts::{Facts, label};
use crate::lint::{Found, Lint};
use crate::state::RoleKey;

pub(in crate::lint) static LINT: Lint = Lint {
    rule: Rule {
        id: "unused-role",
        severity: Severity::Note,
        summary: "A role is granted, delegated or added to a default role.",
    },
    docs: "No grant names the role, no entry of `delegate` lets anybody grant it, and it is added to no default role. It makes \
           nothing on any cluster; the next reader cannot know whether something is missing.\n\nTake it out, or grant it.",
    example: "\
roles:
  read-only: { cluster-role: view }
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
    let granted: BTreeSet<&RoleKey> = facts.granted().map(|granted| granted.key).collect();
    for (key, role) in &facts.config.roles {
        let is_used =
            granted.contains(key) || facts.config.delegated_roles.contains(key) || !role.aggregation.to.is_empty();
        if !is_used {
            found.report(
                format!("nobody is granted `{key}`"),
                [label(role.span, "no grant names it")],
                "take it out, or grant it",
            );
        }
    }
}
