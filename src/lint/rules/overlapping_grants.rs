//! Grants that give what another one gives already.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::{Grant, Role, RoleSource, Scope};
use crate::diagnostics::{Located, Rule, Severity};
use crate::lint::facts::{Facts, label, name, rules};
use crate::lint::{Found, Lint};
use crate::state::covering::missing;
use crate::state::{DefaultRole, EnvironmentName, PrincipalName, RoleKey};

pub(in crate::lint) static LINT: Lint = Lint {
    rule: Rule {
        id: "overlapping-grants",
        severity: Severity::Warning,
        summary: "Every role in a grant gives something that no other grant gives.",
    },
    docs: "A role is granted to a group that has at least the same, in at least the same places, by another grant or another role \
           of the same one: its own, or that of a group that it is in. Nobody sees what the narrower one would give alone, and \
           when the wider one is taken away, to take access away, the narrower one stays behind.\n\nTake one of the two out. \
           Roles are compared by their rules, those of Kubernetes' own `view`, `edit`, `admin` and `cluster-admin` among them; of \
           other ClusterRoles only the name is known. Access that several grants give only together is not reported, nor is \
           access that is hidden in some of a grant's environments and not in others.",
    example: "\
environments:
  alpha: { type: k3s }
groups:
  ops: { owners: [erin@contoso.com, kim@contoso.com], members: [sam@contoso.com] }
roles:
  read-only: { cluster-role: view }
  edit: { cluster-role: edit }
grants:
  - { groups: [ops], roles: [edit], environments: [alpha], namespaces: [trinity, neo] }
  - { groups: [ops], roles: [read-only], environments: [alpha], namespaces: [trinity] }
",
    instead: "\
environments:
  alpha: { type: k3s }
groups:
  ops: { owners: [erin@contoso.com, kim@contoso.com], members: [sam@contoso.com] }
roles:
  read-only: { cluster-role: view }
  edit: { cluster-role: edit }
grants:
  - { groups: [ops], roles: [edit], environments: [alpha], namespaces: [neo] }
  - { groups: [ops], roles: [read-only], environments: [alpha], namespaces: [trinity] }
",
    check,
};

/// One role of one grant.
#[derive(Clone, Copy)]
struct Given<'a> {
    /// Which in the order of the files: of two that are alike the first counts.
    at: usize,
    grant: &'a Grant,
    role: &'a Located<RoleKey>,
}

fn check(facts: &Facts<'_>, found: &mut Found<'_>) {
    let all = facts.config.grants.iter().flat_map(|grant| grant.roles.iter().map(move |role| (grant, role)));
    let all: Vec<Given<'_>> = all.enumerate().map(|(at, (grant, role))| Given { at, grant, role }).collect();
    let mut by_subject: BTreeMap<&PrincipalName, Vec<Given<'_>>> = BTreeMap::new();
    for given in &all {
        for subject in &given.grant.subjects {
            by_subject.entry(&subject.value).or_default().push(*given);
        }
    }
    let mut roles = Roles { facts, known: BTreeMap::new() };
    for (subject, own) in &by_subject {
        let outer: Vec<PrincipalName> = match subject {
            PrincipalName::Group(key) if facts.nesting_counts() => {
                facts.above(key).into_iter().cloned().map(PrincipalName::Group).collect()
            }
            PrincipalName::Group(_)
            | PrincipalName::User(_)
            | PrincipalName::Guest(_)
            | PrincipalName::GroupId(_)
            | PrincipalName::ServicePrincipal(_)
            | PrincipalName::Object(_) => Vec::new(),
        };
        for given in own {
            let wider = std::iter::once(*subject).chain(&outer).find_map(|holder| {
                let candidates = by_subject.get(holder).map_or(&[][..], Vec::as_slice);
                let wider = candidates.iter().find(|wider| {
                    let is_same = holder == *subject && wider.at == given.at;
                    let is_later = holder == *subject && wider.at > given.at;
                    !is_same && roles.covers(**wider, *given) && !(is_later && roles.covers(*given, **wider))
                })?;
                Some((holder, *wider))
            });
            let Some((holder, wider)) = wider else { continue };
            let through = if holder == *subject { String::new() } else { format!(", being in `{}`", name(holder)) };
            found.report(
                format!(
                    "`{}` gives `{}` nothing that it does not have by `{}`{through}",
                    given.role.value,
                    name(subject),
                    wider.role.value
                ),
                [
                    label(given.role.span, "adds nothing"),
                    label(wider.role.span, format!("gives `{}` the same or more", name(holder))),
                ],
                "take one of the two out; as it is, this one stays behind when the other is taken away",
            );
        }
    }
}

/// Which role has all that another one has.
struct Roles<'f, 'a> {
    facts: &'f Facts<'a>,
    known: BTreeMap<(&'a RoleKey, &'a RoleKey), bool>,
}

impl<'a> Roles<'_, 'a> {
    /// Whether one gives all that the other gives, wherever the other gives it.
    fn covers(&mut self, wide: Given<'a>, narrow: Given<'a>) -> bool {
        let places = |given: Given<'a>| given.grant.environments.iter().collect::<BTreeSet<&EnvironmentName>>();
        let same_grant = std::ptr::eq(wide.grant, narrow.grant);
        (same_grant || scope_covers(&wide.grant.scope, &narrow.grant.scope))
            && self.has_all(&wide.role.value, &narrow.role.value)
            && (same_grant || places(wide).is_superset(&places(narrow)))
    }

    fn has_all(&mut self, wide: &'a RoleKey, narrow: &'a RoleKey) -> bool {
        let roles = &self.facts.config.roles;
        *self.known.entry((wide, narrow)).or_insert_with(|| match (roles.get(wide), roles.get(narrow)) {
            (Some(held), Some(given)) => wide == narrow || role_covers(held, given),
            (None, _) | (_, None) => false,
        })
    }
}

fn scope_covers(wide: &Scope, narrow: &Scope) -> bool {
    match (wide, narrow) {
        (Scope::Cluster, _) => true,
        (Scope::Namespaces(wide), Scope::Namespaces(narrow)) => {
            let wide: BTreeSet<_> = wide.iter().map(|name| &name.value).collect();
            narrow.iter().all(|name| wide.contains(&name.value))
        }
        // Fewer labels select more.
        (Scope::Selector(wide), Scope::Selector(narrow)) => {
            wide.iter().all(|(key, value)| narrow.get(key) == Some(value))
        }
        (Scope::Namespaces(_) | Scope::Selector(_), _) => false,
    }
}

fn role_covers(wide: &Role, narrow: &Role) -> bool {
    match (&wide.source, &narrow.source) {
        (RoleSource::ClusterRole(wide), RoleSource::ClusterRole(narrow)) if wide.value == narrow.value => return true,
        // What a cluster or another role adds to a default role is not in our table; the larger default roles get it, too.
        (RoleSource::Rules(_), RoleSource::ClusterRole(narrow)) if DefaultRole::of_name(&narrow.value).is_some() => {
            return false;
        }
        _ => {}
    }
    match (rules(wide), rules(narrow)) {
        (Some(held), Some(given)) => missing(&held, &given).is_empty(),
        (None, _) | (_, None) => false,
    }
}
