//! People of other companies who may give access to others.

use std::collections::BTreeMap;

use crate::config::Scope;
use crate::diagnostics::{Rule, Severity, Span};
use crate::lint::facts::{Facts, label, rules};
use crate::lint::{Found, Lint};
use crate::state::power::privileges;
use crate::state::{GroupKey, PrincipalName, RoleKey, all_of};

pub(in crate::lint) static LINT: Lint = Lint {
    rule: Rule {
        id: "guest-in-privileged-group",
        severity: Severity::Warning,
        summary: "Guests are in no group that can give itself or others access.",
    },
    docs: "A guest's account is kept by another company: who may use it, and whether it still should exist, is not yours to see. \
           The group it is in, directly or through other groups, can do more than work in its namespaces: on a whole cluster it \
           has a road to more (see [escalation-road](escalation-road.md)), or in a namespace it can give others access, as with \
           `admin`.\n\nGive guests a group of their own that can do less, or an account of your tenant. Whether a member is \
           disabled is known to Entra and not to the files, and `lint` contacts nobody: `plan` says it, of a group like this in a note \
           of its own (`disabled-in-privileged-group`).",
    example: "\
environments:
  alpha: { type: k3s }
groups:
  ops: { owners: [erin@contoso.com, kim@contoso.com], members: [{ guest: ana@partner.example }] }
roles:
  admin: { cluster-role: admin }
grants:
  - { groups: [ops], roles: [admin], environments: [alpha], namespaces: [trinity] }
",
    instead: "\
environments:
  alpha: { type: k3s }
groups:
  ops: { owners: [erin@contoso.com, kim@contoso.com], members: [{ guest: ana@partner.example }] }
roles:
  edit: { cluster-role: edit }
grants:
  - { groups: [ops], roles: [edit], environments: [alpha], namespaces: [trinity] }
",
    check,
};

/// What makes a group privileged.
#[derive(Clone)]
struct Privilege<'a> {
    /// The group that a grant names.
    group: &'a GroupKey,
    role: &'a RoleKey,
    span: Span,
    /// What it can do, in words.
    words: String,
}

fn check(facts: &Facts<'_>, found: &mut Found<'_>) {
    let privileges = privileged(facts);
    // Each group with what it, or the first group that holds it, is given.
    let mut reached: BTreeMap<&GroupKey, &Privilege<'_>> = BTreeMap::new();
    for privilege in privileges.values() {
        reached.insert(privilege.group, privilege);
    }
    for privilege in privileges.values() {
        for key in facts.below([privilege.group]) {
            reached.entry(key).or_insert(privilege);
        }
    }
    for (key, privilege) in reached {
        let Some(group) = facts.config.groups.get(key) else { continue };
        let through = if key == privilege.group { String::new() } else { format!(", and so in `{}`", privilege.group) };
        for member in &group.members {
            let PrincipalName::Guest(mail) = &member.value else { continue };
            found.report(
                format!("the guest {mail} is in `{key}`{through}, which can {}", privilege.words),
                [
                    label(member.span, "a person of another company"),
                    label(privilege.span, format!("gives `{}` to `{}`", privilege.role, privilege.group)),
                ],
                "give guests a group of their own that can do less, or an account of your tenant",
            );
        }
    }
}

/// The groups that a grant makes privileged, with the first that does.
fn privileged<'a>(facts: &Facts<'a>) -> BTreeMap<&'a GroupKey, Privilege<'a>> {
    let mut known: BTreeMap<(&RoleKey, bool), Option<String>> = BTreeMap::new();
    let mut privileged = BTreeMap::new();
    for granted in facts.granted() {
        let on_cluster = granted.grant.scope == Scope::Cluster;
        let words = known.entry((granted.key, on_cluster)).or_insert_with(|| {
            let held = facts.config.roles.get(granted.key).and_then(rules)?;
            let ways = privileges(&held, on_cluster);
            (!ways.is_empty()).then(|| all_of(ways.into_iter().map(|way| way.words(on_cluster))))
        });
        let Some(words) = words else { continue };
        for subject in &granted.grant.subjects {
            if let PrincipalName::Group(group) = &subject.value {
                privileged.entry(group).or_insert_with(|| Privilege {
                    group,
                    role: granted.key,
                    span: granted.span,
                    words: words.clone(),
                });
            }
        }
    }
    privileged
}
