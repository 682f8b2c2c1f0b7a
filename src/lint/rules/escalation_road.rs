//! Roles that let whoever has them get more than they name.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::{Role, RoleSource, Scope};
use crate::diagnostics::{Label, Rule, Severity, Span};
use crate::lint::facts::{Facts, label, rules};
use crate::lint::{Found, Lint};
use crate::state::covering::Right;
use crate::state::power::{Road, Way, roads};
use crate::state::{PolicyRule, RoleKey, all_of};

pub(in crate::lint) static LINT: Lint = Lint {
    rule: Rule {
        id: "escalation-road",
        severity: Severity::Warning,
        summary: "No role lets whoever has it get more than it names.",
    },
    docs: "Some rights are worth more than they seem to be. Whoever may `bind` or `escalate` gives themselves any role, whoever may \
           `impersonate` is anybody, whoever reads secrets or asks for tokens of service accounts acts as those, and `pods/exec` \
           acts as whatever runs there. On a whole cluster, `nodes/proxy`, approving certificates, writing webhooks and running \
           workloads in any namespace lead to everything.\n\n\
           Looked at are roles with `rules` that a grant names or that are added to a default role, and `cluster-admin`, `admin` \
           and `edit` where they are granted on a whole cluster. In a namespace, those are not reported, nor is writing workloads: that is what developers do there, although it lets them act as the namespace's service accounts.\n\n\
           Leave out what is not needed, name the objects (`resourceNames`), or grant it in a namespace of its own. What is \
           needed all the same belongs to a small group with owners who know what it gives.",
    example: "\
environments:
  alpha: { type: k3s }
groups:
  support: { owners: [kim@contoso.com, erin@contoso.com], members: [noa@contoso.com] }
roles:
  debugger:
    rules:
      - { apiGroups: [''], resources: [pods, pods/log], verbs: [get, list, watch] }
      - { apiGroups: [''], resources: [pods/exec], verbs: [create] }
grants:
  - { groups: [support], roles: [debugger], environments: [alpha], namespaces: [payments] }
",
    instead: "\
environments:
  alpha: { type: k3s }
groups:
  support: { owners: [kim@contoso.com, erin@contoso.com], members: [noa@contoso.com] }
roles:
  debugger:
    rules:
      - { apiGroups: [''], resources: [pods, pods/log], verbs: [get, list, watch] }
grants:
  - { groups: [support], roles: [debugger], environments: [alpha], namespaces: [payments] }
",
    check,
};

fn check(facts: &Facts<'_>, found: &mut Found<'_>) {
    // The first place that gives a role, on the whole cluster or less; one finding for each.
    let mut given: BTreeMap<(&RoleKey, bool), Label> = BTreeMap::new();
    for granted in facts.granted() {
        let on_cluster = granted.grant.scope == Scope::Cluster;
        let place = if on_cluster { "granted on the whole cluster here" } else { "granted in namespaces here" };
        given.entry((granted.key, on_cluster)).or_insert_with(|| label(granted.span, place));
    }
    for (key, role) in facts.config.roles.iter().filter(|(_, role)| !role.aggregation.to.is_empty()) {
        given.entry((key, false)).or_insert_with(|| label(role.span, "added to a default role"));
    }
    for ((key, on_cluster), place) in given {
        let Some(role) = facts.config.roles.get(key) else { continue };
        let Some(held) = rules(role) else { continue };
        let is_own = matches!(role.source, RoleSource::Rules(_));
        let roads: Vec<Road> = if is_own || on_cluster { roads(&held, on_cluster) } else { Vec::new() };
        let roads: Vec<Road> = roads.into_iter().filter(|road| on_cluster || !is_everyday(road)).collect();
        if roads.is_empty() {
            continue;
        }
        let ways: BTreeSet<Way> = roads.iter().map(|road| road.way).collect();
        let ways = all_of(ways.into_iter().map(|way| way.words(on_cluster)));
        let place_words = if on_cluster { "on a whole cluster" } else { "in a namespace" };
        let labels = labels(role, &roads, on_cluster).into_iter().chain([place]);
        found.report(
            format!("whoever has `{key}` {place_words} can {ways}"),
            labels,
            "leave out what is not needed, name the objects, or give it to a small group of its own",
        );
    }
}

/// What developers do in their namespaces all day.
fn is_everyday(road: &Road) -> bool {
    let is_connection = |right: &Right<'_>| match right {
        Right::Resource { resource, .. } => {
            matches!(*resource, "pods/exec" | "pods/attach" | "pods/ephemeralcontainers")
        }
        Right::Url { .. } => false,
    };
    match road.way {
        Way::Run => !road.rights.iter().any(is_connection),
        Way::Share => true,
        Way::All
        | Way::Take
        | Way::Impersonate
        | Way::Act
        | Way::Secrets
        | Way::Nodes
        | Way::Certificates
        | Way::Webhooks => false,
    }
}

/// What is said at each rule that opens a road; at the role itself where it has none of its own.
fn labels(role: &Role, roads: &[Road], on_cluster: bool) -> Vec<Label> {
    let own = match &role.source {
        RoleSource::Rules(own) => own,
        RoleSource::ClusterRole(name) => return vec![label(name.span, "this role of Kubernetes")],
    };
    let mut said: BTreeMap<Span, BTreeSet<String>> = BTreeMap::new();
    for road in roads {
        let opens = |right: &Right<'_>, rule: &PolicyRule| right.covered_by(rule);
        let mut at_rules = road.rights.iter().filter_map(|right| {
            let opening = own.iter().find(|rule| opens(right, &rule.value))?;
            Some((opening.span, format!("`{}`: {}", words(right), road.way.words(on_cluster))))
        });
        // Where everything is allowed no single right says it.
        let whole = || {
            let all = own.iter().find(|rule| PolicyRule::grant_everything(std::slice::from_ref(&rule.value)));
            (all.map_or(role.span, |rule| rule.span), road.way.words(on_cluster))
        };
        let first = at_rules.next().unwrap_or_else(whole);
        for (span, words) in std::iter::once(first).chain(at_rules) {
            said.entry(span).or_default().insert(words);
        }
    }
    said.into_iter().map(|(span, words)| label(span, words.into_iter().collect::<Vec<_>>().join("; "))).collect()
}

/// `create pods/exec`, `escalate roles.rbac.authorization.k8s.io`.
fn words(right: &Right<'_>) -> String {
    match right {
        Right::Resource { group: "", resource, verb, .. } => format!("{verb} {resource}"),
        Right::Resource { group, resource, verb, .. } => format!("{verb} {resource}.{group}"),
        Right::Url { url, verb } => format!("{verb} {url}"),
    }
}
