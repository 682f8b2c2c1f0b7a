//! Groups that give access to nobody.

use crate::diagnostics::{Rule, Severity};
use crate::lint::facts::{Facts, label};
use crate::lint::{Found, Lint};

pub(in crate::lint) static LINT: Lint = Lint {
    rule: Rule {
        id: "empty-group",
        severity: Severity::Warning,
        summary: "A group that is granted access has members.",
    },
    docs: "The group is granted something, and the files say that nobody is in it, not through other groups either. Either somebody is \
           missing, or the grant is left over; whoever is put into the group later gets access that nobody thought of.\n\n\
           Name the members, or take the group and its grants out. Groups whose members are kept elsewhere \
           (`membership: external` or `additive`) are not reported.",
    example: "\
environments:
  alpha: { type: k3s }
groups:
  oncall: { owners: [erin@contoso.com, kim@contoso.com], members: [] }
roles:
  read-only: { cluster-role: view }
grants:
  - { groups: [oncall], roles: [read-only], environments: [alpha], namespaces: [trinity] }
",
    instead: "\
environments:
  alpha: { type: k3s }
groups:
  oncall: { owners: [erin@contoso.com, kim@contoso.com], members: [mika@contoso.com] }
roles:
  read-only: { cluster-role: view }
grants:
  - { groups: [oncall], roles: [read-only], environments: [alpha], namespaces: [trinity] }
",
    check,
};

fn check(facts: &Facts<'_>, found: &mut Found<'_>) {
    let peopled = facts.peopled();
    for (key, grant) in facts.subjects() {
        if let Some(group) = facts.config.groups.get(key).filter(|_| !peopled.contains(key)) {
            found.report(
                format!("nobody is in `{key}`, which is granted access"),
                [label(group.span, "has no members"), label(grant, "is granted something here")],
                "name its members, or take the group out of its grants",
            );
        }
    }
}
