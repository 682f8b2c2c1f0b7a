//! Roles that decide which namespaces a grant reaches.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::Scope;
use crate::diagnostics::{Rule, Severity, Span};
use crate::lint::facts::{Facts, label, rules};
use crate::lint::{Found, Lint};
use crate::state::{EnvironmentName, PolicyRule, RoleKey};

pub(in crate::lint) static LINT: Lint = Lint {
    rule: Rule {
        id: "namespace-relabel",
        severity: Severity::Warning,
        summary: "Where grants select namespaces by labels, no role of ours writes namespaces.",
    },
    docs: "A grant selects namespaces by their labels, and another one, on the same cluster, gives a role that may `update` or \
           `patch` namespaces. Whoever has that role decides where the first grant holds: they put its labels on a namespace, and \
           the groups of that grant are in.\n\nList the namespaces of the grant by name, or leave the labels to whoever owns the \
           cluster. A role that allows everything is not reported here, nor are ClusterRoles whose rules the files do not know.",
    example: "\
environments:
  alpha: { type: k3s }
groups:
  ops: { owners: [erin@contoso.com, kim@contoso.com], members: [sam@contoso.com] }
roles:
  read-only: { cluster-role: view }
  namespace-keeper: { rules: [{ apiGroups: [''], resources: [namespaces], verbs: [get, patch] }] }
grants:
  - { groups: [ops], roles: [read-only], environments: [alpha], namespaces: { labels: { team: ops } } }
  - { groups: [ops], roles: [namespace-keeper], environments: [alpha], cluster-wide: true }
",
    instead: "\
environments:
  alpha: { type: k3s }
groups:
  ops: { owners: [erin@contoso.com, kim@contoso.com], members: [sam@contoso.com] }
roles:
  read-only: { cluster-role: view }
  namespace-keeper: { rules: [{ apiGroups: [''], resources: [namespaces], verbs: [get, patch] }] }
grants:
  - { groups: [ops], roles: [read-only], environments: [alpha], namespaces: [ops-tools] }
  - { groups: [ops], roles: [namespace-keeper], environments: [alpha], cluster-wide: true }
",
    check,
};

fn check(facts: &Facts<'_>, found: &mut Found<'_>) {
    let mut selected: BTreeMap<&EnvironmentName, Span> = BTreeMap::new();
    for grant in facts.config.grants.iter().filter(|grant| matches!(grant.scope, Scope::Selector(_))) {
        for name in &grant.environments {
            selected.entry(name).or_insert(grant.span);
        }
    }
    let mut known: BTreeMap<&RoleKey, bool> = BTreeMap::new();
    let mut said: BTreeSet<(&RoleKey, &EnvironmentName)> = BTreeSet::new();
    for granted in facts.granted() {
        let writes = *known.entry(granted.key).or_insert_with(|| {
            let held = facts.config.roles.get(granted.key).and_then(rules);
            held.is_some_and(|held| writes_namespaces(&held))
        });
        if !writes {
            continue;
        }
        for name in &granted.grant.environments {
            let Some(selector) = selected.get(name) else { continue };
            if said.insert((granted.key, name)) {
                found.report(
                    format!(
                        "whoever has `{}` on `{name}` decides which namespaces grants by labels reach",
                        granted.key
                    ),
                    [
                        label(granted.span, "may change the labels of namespaces"),
                        label(*selector, "goes by the labels of namespaces"),
                    ],
                    "list the namespaces of that grant by name, or leave labels to whoever owns the cluster",
                );
            }
        }
    }
}

/// Of one namespace is enough.
fn writes_namespaces(rules: &[PolicyRule]) -> bool {
    let has =
        |list: &[String], wanted: &[&str]| list.iter().any(|entry| entry == "*" || wanted.contains(&entry.as_str()));
    !PolicyRule::grant_everything(rules)
        && rules.iter().any(|rule| {
            has(&rule.api_groups, &[""])
                && has(&rule.resources, &["namespaces"])
                && has(&rule.verbs, &["update", "patch"])
        })
}
