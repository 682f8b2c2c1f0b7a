//! Groups that nobody answers for.

use crate::diagnostics::{Rule, Severity};
use crate::lint::facts::{Facts, label, people};
use crate::lint::{Found, Lint};
use crate::state::{Management, Membership};

pub(in crate::lint) static LINT: Lint = Lint {
    rule: Rule {
        id: "group-without-owner",
        severity: Severity::Warning,
        summary: "A group has an owner who is a person.",
    },
    docs: "Nobody answers for the group: nobody is asked in access reviews, and nobody knows whether a member still belongs \
           there. Owners that are apps do not count.\n\nName two people. A group that rolecall creates without `owners` belongs \
           to the app that created it, and to whoever was made an owner by hand, of whom the files know nothing; an adopted group \
           (`adopt`) without `owners` keeps those that it has and is not reported, nor are groups that are kept elsewhere (`id`, \
           `membership: external`).",
    example: "\
groups:
  ops: { members: [sam@contoso.com] }
",
    instead: "\
groups:
  ops: { owners: [erin@contoso.com, kim@contoso.com], members: [sam@contoso.com] }
",
    check,
};

fn check(facts: &Facts<'_>, found: &mut Found<'_>) {
    for (key, group) in &facts.config.groups {
        let is_kept_elsewhere = group.membership == Membership::External;
        let words = match (&group.owners, group.management) {
            _ if is_kept_elsewhere => continue,
            (Some(owners), _) if people(owners).is_empty() => "nobody among its `owners` is a person",
            (None, Management::Owned) => "no `owners` here",
            (Some(_), _) | (None, Management::Adopted(_) | Management::External(_)) => continue,
        };
        found.report(
            format!("nobody owns `{key}`"),
            [label(group.span, words)],
            "name two people who answer for it under `owners`",
        );
    }
}
