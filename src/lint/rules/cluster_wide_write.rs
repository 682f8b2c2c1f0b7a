//! Changes in every namespace, where some would do.

use std::collections::BTreeMap;

use crate::config::Scope;
use crate::diagnostics::{Rule, Severity};
use crate::lint::facts::{Facts, label, rules};
use crate::lint::{Found, Lint};
use crate::state::covering::Right;
use crate::state::resources::{KnownResource, SERVED};
use crate::state::{PolicyRule, RoleKey, first_few};

pub(in crate::lint) static LINT: Lint = Lint {
    rule: Rule {
        id: "cluster-wide-write",
        severity: Severity::Warning,
        summary: "What may be changed in namespaces is granted in namespaces.",
    },
    docs: "The grant is for a whole cluster, and the role changes things that live in namespaces: it holds in every namespace, \
           `kube-system` and those that are made tomorrow included.\n\nName the namespaces, or select them by `labels`. What has \
           no namespace, such as nodes, goes into a role of its own that is granted cluster-wide. Reading is not reported, nor is \
           a role that allows everything, of which [escalation-road](escalation-road.md) speaks.",
    example: "\
environments:
  alpha: { type: k3s }
groups:
  ops: { owners: [erin@contoso.com, kim@contoso.com], members: [sam@contoso.com] }
roles:
  scaler: { rules: [{ apiGroups: [apps], resources: [deployments/scale, deployments], verbs: [get, patch] }] }
grants:
  - { groups: [ops], roles: [scaler], environments: [alpha], cluster-wide: true }
",
    instead: "\
environments:
  alpha: { type: k3s }
groups:
  ops: { owners: [erin@contoso.com, kim@contoso.com], members: [sam@contoso.com] }
roles:
  scaler: { rules: [{ apiGroups: [apps], resources: [deployments/scale, deployments], verbs: [get, patch] }] }
grants:
  - { groups: [ops], roles: [scaler], environments: [alpha], namespaces: { labels: { team: ops } } }
",
    check,
};

/// How many of the things that may be changed are named.
const SHOWN: usize = 3;

fn check(facts: &Facts<'_>, found: &mut Found<'_>) {
    let mut known: BTreeMap<&RoleKey, Vec<String>> = BTreeMap::new();
    for granted in facts.granted().filter(|granted| granted.grant.scope == Scope::Cluster) {
        let changed = known.entry(granted.key).or_insert_with(|| {
            let held = facts.config.roles.get(granted.key).and_then(rules);
            held.map_or_else(Vec::new, |held| changed_in_namespaces(&held))
        });
        if changed.is_empty() {
            continue;
        }
        let what = first_few(changed.iter().map(|each| format!("`{each}`")), SHOWN);
        found.report(
            format!("`{}` on a whole cluster changes {what} in every namespace", granted.key),
            [label(granted.span, "granted on the whole cluster here")],
            "grant it with `namespaces:`, by name or by `labels`; what has no namespace goes into a role of its own",
        );
    }
}

/// The resources of Kubernetes that live in namespaces and that these rules let somebody change.
fn changed_in_namespaces(rules: &[PolicyRule]) -> Vec<String> {
    if PolicyRule::grant_everything(rules) {
        return Vec::new();
    }
    // A review is a question.
    let resources = SERVED.iter().filter(|resource| resource.namespaced && resource.group != "authorization.k8s.io");
    let is_changed = |group, resource| {
        ["create", "update", "patch", "delete", "deletecollection"].into_iter().any(|verb| {
            let right = Right::Resource { group, resource, name: None, verb };
            rules.iter().any(|rule| right.covered_by(rule))
        })
    };
    resources.filter(|each| is_changed(each.group, each.plural)).map(KnownResource::full_name).collect()
}
