//! People who are granted access by name.

use crate::diagnostics::{Rule, Severity};
use crate::lint::facts::{Facts, label};
use crate::lint::{Found, Lint};
use crate::state::PrincipalName;

pub(in crate::lint) static LINT: Lint = Lint {
    rule: Rule {
        id: "individual-person",
        severity: Severity::Warning,
        summary: "Access is granted to groups, not to single people.",
    },
    docs: "A grant with `users:` gives access to a person rather than to a job. When the person changes teams, every such line must \
           be found and taken out; access reviews and owners of groups do not see it.\n\n\
           Make a group of those who do the work, even of one person, and grant to the group. Apps and managed identities \
           are not reported.",
    example: "\
environments:
  staging: { type: k3s }
roles:
  log-reader: { cluster-role: view }
grants:
  - { users: [jonas@contoso.com], roles: [log-reader], environments: [staging], namespaces: [data] }
",
    instead: "\
environments:
  staging: { type: k3s }
groups:
  data-support: { owners: [kim@contoso.com, erin@contoso.com], members: [jonas@contoso.com] }
roles:
  log-reader: { cluster-role: view }
grants:
  - { groups: [data-support], roles: [log-reader], environments: [staging], namespaces: [data] }
",
    check,
};

fn check(facts: &Facts<'_>, found: &mut Found<'_>) {
    for subject in facts.config.grants.iter().flat_map(|grant| &grant.subjects) {
        let name = match &subject.value {
            PrincipalName::User(name) => name.to_string(),
            PrincipalName::Guest(mail) => format!("the guest {mail}"),
            PrincipalName::Group(_)
            | PrincipalName::GroupId(_)
            | PrincipalName::ServicePrincipal(_)
            | PrincipalName::Object(_) => continue,
        };
        found.report(
            format!("{name} is granted access by name"),
            [label(subject.span, "a person, where a group belongs")],
            "make a group of those who do this work, even of one person, and grant to the group",
        );
    }
}
