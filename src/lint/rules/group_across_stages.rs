//! Groups that are the same in development and in production.

use std::collections::BTreeMap;

use crate::diagnostics::{Label, Rule, Severity, Span};
use crate::lint::facts::{Facts, all, label};
use crate::lint::{Found, Lint};
use crate::state::{GroupKey, PrincipalName};

pub(in crate::lint) static LINT: Lint = Lint {
    rule: Rule {
        id: "group-across-stages",
        severity: Severity::Note,
        summary: "A group has access in one stage of life.",
    },
    docs: "The group is granted something where the label `stage` has one value and where it has another. Whoever is put into it \
           for development is in production as well, and nobody who reads the change of membership sees that.\n\nWhere it \
           matters, make a group for each stage; the one for production may be a member of the other. Grants to groups that hold \
           this one are not counted.",
    example: "\
environments:
  alpha: { type: k3s, labels: { stage: dev } }
  live: { type: k3s, labels: { stage: prod } }
groups:
  ops: { owners: [erin@contoso.com, kim@contoso.com], members: [sam@contoso.com] }
roles:
  read-only: { cluster-role: view }
grants:
  - { groups: [ops], roles: [read-only], environments: [alpha, live], namespaces: [shop] }
",
    instead: "\
environments:
  alpha: { type: k3s, labels: { stage: dev } }
  live: { type: k3s, labels: { stage: prod } }
groups:
  ops-dev: { owners: [erin@contoso.com, kim@contoso.com], members: [sam@contoso.com, { group: ops-prod }] }
  ops-prod: { owners: [erin@contoso.com, kim@contoso.com], members: [kim@contoso.com] }
roles:
  read-only: { cluster-role: view }
grants:
  - { groups: [ops-dev], roles: [read-only], environments: [alpha], namespaces: [shop] }
  - { groups: [ops-prod], roles: [read-only], environments: [live], namespaces: [shop] }
",
    check,
};

fn check(facts: &Facts<'_>, found: &mut Found<'_>) {
    let mut stages: BTreeMap<&GroupKey, BTreeMap<&str, Span>> = BTreeMap::new();
    for grant in &facts.config.grants {
        let labels =
            grant.environments.iter().filter_map(|name| facts.config.environments.get(name)?.labels.get("stage"));
        let labels: Vec<&str> = labels.map(String::as_str).collect();
        for subject in &grant.subjects {
            let PrincipalName::Group(key) = &subject.value else { continue };
            for stage in &labels {
                stages.entry(key).or_default().entry(stage).or_insert(subject.span);
            }
        }
    }
    for (key, stages) in stages {
        let Some(group) = facts.config.groups.get(key).filter(|_| stages.len() > 1) else { continue };
        // One grant may be for several stages.
        let mut places: BTreeMap<Span, Vec<&str>> = BTreeMap::new();
        for (stage, span) in &stages {
            places.entry(*span).or_default().push(stage);
        }
        let places = places.into_iter().map(|(span, stages)| label(span, format!("for {}", all(stages))));
        let labels: Vec<Label> =
            std::iter::once(label(group.span, "one group for all of them")).chain(places).collect();
        found.report(
            format!("`{key}` has access in the stages {}", all(stages.keys().copied())),
            labels,
            "make a group for each stage, where who is in them may differ",
        );
    }
}
