//! Members who are in a group twice.

use std::collections::BTreeMap;

use crate::diagnostics::{Rule, Severity, Span};
use crate::lint::facts::{Facts, label};
use crate::lint::{Found, Lint};
use crate::state::{GroupKey, PrincipalName};

pub(in crate::lint) static LINT: Lint = Lint {
    rule: Rule {
        id: "member-through-nesting",
        severity: Severity::Warning,
        summary: "Nobody is a member both directly and through another group.",
    },
    docs: "The group names a member who is in it anyway, through another group. The line does nothing today, and tomorrow it does \
           what nobody expects: taken out of the inner group, the person still has everything that the outer one gives.\n\nTake \
           the line out. Where the person is to stay whatever happens to the inner group, the line is meant.",
    example: "\
groups:
  devs: { owners: [erin@contoso.com, kim@contoso.com], members: [sam@contoso.com, { group: leads }] }
  leads: { owners: [erin@contoso.com, kim@contoso.com], members: [sam@contoso.com] }
",
    instead: "\
groups:
  devs: { owners: [erin@contoso.com, kim@contoso.com], members: [{ group: leads }] }
  leads: { owners: [erin@contoso.com, kim@contoso.com], members: [sam@contoso.com] }
",
    check,
};

fn check(facts: &Facts<'_>, found: &mut Found<'_>) {
    if !facts.nesting_counts() {
        return;
    }
    let mut places: BTreeMap<&PrincipalName, Vec<(&GroupKey, Span)>> = BTreeMap::new();
    for (key, group) in &facts.config.groups {
        for member in &group.members {
            places.entry(&member.value).or_default().push((key, member.span));
        }
    }
    let mut said: BTreeMap<(&GroupKey, &PrincipalName), (Span, &GroupKey, Span)> = BTreeMap::new();
    for (key, group) in &facts.config.groups {
        let above = facts.above(key);
        if above.is_empty() {
            continue;
        }
        for member in &group.members {
            let outer = places.get(&member.value).map_or(&[][..], Vec::as_slice);
            for (outer, span) in outer.iter().filter(|(outer, _)| above.contains(outer)) {
                said.entry((outer, &member.value)).or_insert((*span, key, member.span));
            }
        }
    }
    for ((outer, member), (span, inner, inner_span)) in said {
        let who = match member {
            PrincipalName::Group(key) => format!("the group `{key}`"),
            PrincipalName::Guest(mail) => format!("the guest {mail}"),
            PrincipalName::User(_)
            | PrincipalName::GroupId(_)
            | PrincipalName::ServicePrincipal(_)
            | PrincipalName::Object(_) => member.to_string(),
        };
        found.report(
            format!("{who} is in `{outer}` anyway, through `{inner}`"),
            [label(span, "does nothing"), label(inner_span, format!("is in `{inner}` here"))],
            format!("take the line out, or whoever leaves `{inner}` stays in `{outer}`"),
        );
    }
}
