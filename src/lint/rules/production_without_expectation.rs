//! Grants in production of which no test says what they must come to.

use std::collections::{BTreeMap, BTreeSet};

use crate::config::{Config, Environment};
use crate::diagnostics::{Rule, Severity, Span};
use crate::lint::facts::{Facts, all, label, name, people};
use crate::lint::{Found, Lint};
use crate::state::{EnvironmentName, PrincipalName};

pub(in crate::lint) static LINT: Lint = Lint {
    rule: Rule {
        id: "production-without-expectation",
        severity: Severity::Note,
        summary: "Expectations speak of everybody who is granted something in production.",
    },
    docs: "A grant gives access to an environment that is `protected` or whose label `stage` is `prod` or `production`, and no \
           entry of `expectations` speaks of whom it is for on that environment. Nothing then fails when somebody narrows the role that \
           people need at night, or widens it to what they must not have.\n\nSay what they can and cannot do there; `validate`, \
           `plan` and `apply` hold every change against it. An expectation speaks of a group if it names it, a group or a person \
           that is in it, or a person in a group that is in it. Grants elsewhere are not reported.",
    example: "\
environments:
  live: { type: k3s, labels: { stage: prod } }
groups:
  ops: { owners: [erin@contoso.com, kim@contoso.com], members: [sam@contoso.com] }
roles:
  read-only: { cluster-role: view }
grants:
  - { groups: [ops], roles: [read-only], environments: [live], namespaces: [shop] }
",
    instead: "\
environments:
  live: { type: k3s, labels: { stage: prod } }
groups:
  ops: { owners: [erin@contoso.com, kim@contoso.com], members: [sam@contoso.com] }
roles:
  read-only: { cluster-role: view }
grants:
  - { groups: [ops], roles: [read-only], environments: [live], namespaces: [shop] }
expectations:
  - { group: ops, environments: [live], can: [get pods/log in shop], cannot: [get secrets in shop] }
",
    check,
};

fn check(facts: &Facts<'_>, found: &mut Found<'_>) {
    let config = facts.config;
    let production = config.environments.iter().filter(|(_, environment)| is_production(environment));
    let expected: BTreeMap<&EnvironmentName, BTreeSet<PrincipalName>> =
        production.map(|(name, _)| (name, expected_of(name, facts))).collect();
    // Whoever is granted something, with the first place, and where nothing is expected of them.
    let mut untested: BTreeMap<&PrincipalName, (Span, BTreeSet<&str>)> = BTreeMap::new();
    for grant in &config.grants {
        for subject in &grant.subjects {
            let is_untested =
                |name: &&EnvironmentName| expected.get(name).is_some_and(|names| !names.contains(&subject.value));
            let places = grant.environments.iter().filter(is_untested).map(EnvironmentName::as_str);
            let mut places = places.peekable();
            if places.peek().is_some() {
                untested.entry(&subject.value).or_insert_with(|| (subject.span, BTreeSet::new())).1.extend(places);
            }
        }
    }
    for (subject, (span, places)) in untested {
        found.report(
            format!("nothing is expected of `{}` on {}", name(subject), all(places)),
            [label(span, "is granted something there")],
            "say under `expectations` what they can and cannot do there",
        );
    }
}

fn is_production(environment: &Environment) -> bool {
    let is_named = |stage: &String| ["prod", "production"].iter().any(|name| stage.eq_ignore_ascii_case(name));
    environment.protected || environment.labels.get("stage").is_some_and(is_named)
}

/// Whoever has something expected of them on an environment: those named, and the groups that they are in.
fn expected_of(environment: &EnvironmentName, facts: &Facts<'_>) -> BTreeSet<PrincipalName> {
    let Config { expectations, groups, .. } = facts.config;
    let here = expectations.iter().filter(|expectation| expectation.environments.contains(environment));
    let mut names: BTreeSet<PrincipalName> = here.map(|expectation| expectation.who.value.clone()).collect();
    let holding = groups.iter().filter(|(key, group)| {
        names.contains(&PrincipalName::Group((*key).clone()))
            // An app has no groups in its token: what is expected of it says nothing about those that it is in.
            || people(&group.members).iter().any(|member| names.contains(&member.value))
    });
    let around: BTreeSet<_> = holding.flat_map(|(key, _)| facts.above(key).into_iter().chain([key])).collect();
    names.extend(around.into_iter().cloned().map(PrincipalName::Group));
    names
}
