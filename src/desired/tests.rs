#![allow(clippy::unwrap_used, clippy::expect_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::path::PathBuf;

use proptest::prelude::*;

use super::{cluster_query, compile, tenant_query};
use crate::config::{File, read};
use crate::state::{
    Desired, DesiredEnvironment, DesiredReplacement, Only, Origin, PrincipalName, ScopeTarget, TenantQuery, Unmanaged,
};

const ROOT: &str = "version: 1
name: contoso
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f, pim: none }
appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]
environments:
  alpha: { type: k3s, labels: { stage: dev } }
  beta: { type: k3s, labels: { stage: dev }, cluster: 5c1e7a3d-0b1c-4d2e-8f3a-4b5c6d7e8f90 }
  prod: { type: k3s, labels: { stage: prod }, context: contoso-prod, tokens: { groups-as: display-name } }
";

fn desired(files: &[(&str, &str)]) -> Desired {
    let files = files.iter().map(|(path, text)| File::new(*path, Ok(text.as_bytes().to_vec())));
    let loaded = read(PathBuf::from("/access"), files.collect());
    assert_eq!(loaded.findings, vec![]);
    compile(&loaded.config.unwrap(), &loaded.sources)
}

/// An environment as a person would say it.
fn said(environment: &DesiredEnvironment) -> String {
    let mut said = String::new();
    for role in &environment.roles {
        let at = role.namespace.as_ref().map_or("cluster", |namespace| namespace.as_str());
        writeln!(said, "role {} in {at} as {} ({})", role.key, role.name, role.origin).unwrap();
    }
    for binding in &environment.bindings {
        let scope = match &binding.scope {
            ScopeTarget::Cluster => "the cluster".to_owned(),
            ScopeTarget::Namespace(namespace) => namespace.to_string(),
            ScopeTarget::Selector(labels) => format!("{labels:?}"),
        };
        let reference = &binding.role.reference;
        let whose = if binding.role.ours { "our " } else { "" };
        let (subject, origin) = (&binding.subject, &binding.origin);
        writeln!(said, "{subject}: {whose}{} {} in {scope} ({origin})", reference.kind, reference.name).unwrap();
    }
    for replacement in &environment.replacements {
        let DesiredReplacement { target, origin, subjects, roles, scopes } = replacement;
        let counts = (subjects.len(), roles.len(), scopes.len());
        writeln!(said, "replaces {} {target} by {counts:?} ({origin})", target.kind()).unwrap();
    }
    said
}

const TEAM: &str = "groups:
  dev: { members: [sam@contoso.com, { group: staff }] }
  staff: { id: 0f3c7a3d-0b1c-4d2e-8f3a-4b5c6d7e8f90 }
  ops: { adopt: 1f3c7a3d-0b1c-4d2e-8f3a-4b5c6d7e8f90, owners: [erin@contoso.com] }
  sre: { display-name: Site reliability, members: [{ guest: ana@partner.example }] }
roles:
  view: { cluster-role: view }
  restarter: { rules: [{ apiGroups: [apps], resources: [deployments], verbs: [patch, get, get2, patch2] }] }
grants:
  - { groups: [dev], roles: [view, restarter], environments: { stage: dev }, namespaces: [trinity] }
  - { groups: [sre], roles: [restarter], environments: [beta, prod], namespaces: { labels: { team: sre } } }
  - users: [carol@contoso.com]
    service-principals: [2b3c4d5e-6f70-4819-a2b3-c4d5e6f70819]
    roles: [view]
    environments: [prod]
    cluster-wide: true
  - { groups: [sre, dev], roles: [view], environments: [alpha], namespaces: [trinity, payments] }
";

#[test]
fn one_binding_for_each_subject_role_and_scope() {
    let desired = desired(&[("rolecall.yaml", ROOT), ("team.yaml", TEAM)]);
    let of = |name: &str| said(&desired.environments[&name.parse().unwrap()]);
    // The first line that asks for it is named: dev has view in trinity from two grants.
    insta::assert_snapshot!(of("alpha"), @r#"
    role restarter in trinity as restarter-61c5073ce2 (team.yaml:8)
    group:dev: our role restarter-61c5073ce2 in trinity (team.yaml:10)
    group:dev: clusterrole view in payments (team.yaml:17)
    group:dev: clusterrole view in trinity (team.yaml:10)
    group:sre: clusterrole view in payments (team.yaml:17)
    group:sre: clusterrole view in trinity (team.yaml:17)
    "#);
    insta::assert_snapshot!(of("beta"), @r#"
    role restarter in cluster as restarter-2ec0f62a9e (team.yaml:8)
    group:dev: our clusterrole restarter-2ec0f62a9e in trinity (team.yaml:10)
    group:dev: clusterrole view in trinity (team.yaml:10)
    group:sre: our clusterrole restarter-2ec0f62a9e in {"team": "sre"} (team.yaml:11)
    "#);
    insta::assert_snapshot!(of("prod"), @r#"
    role restarter in cluster as restarter-2ec0f62a9e (team.yaml:8)
    carol@contoso.com: clusterrole view in the cluster (team.yaml:12)
    group:sre: our clusterrole restarter-2ec0f62a9e in {"team": "sre"} (team.yaml:11)
    service-principal:2b3c4d5e-6f70-4819-a2b3-c4d5e6f70819: clusterrole view in the cluster (team.yaml:12)
    "#);
}

#[test]
fn a_role_of_one_namespace_and_one_file_is_a_role() {
    let kind = |grants: &str, other: &str| {
        let text = format!(
            "groups: {{ dev: {{ members: [] }} }}\nroles: {{ own: {{ rules: [{{ apiGroups: [''], resources: [pods], verbs: [get] }}] }} }}\n\
             grants:\n{grants}"
        );
        let desired = desired(&[
            ("rolecall.yaml", ROOT),
            ("a.yaml", &text),
            ("b.yaml", &format!("roles: {{}}\n{}{other}", if other.is_empty() { "" } else { "grants:\n" })),
        ]);
        let alpha = &desired.environments[&"alpha".parse().unwrap()];
        alpha
            .roles
            .iter()
            .map(|role| role.namespace.as_ref().map_or("-".to_owned(), ToString::to_string))
            .collect::<Vec<_>>()
    };
    let one = "  - { groups: [dev], roles: [own], environments: [alpha], namespaces: [trinity] }\n";
    let same_elsewhere = "  - { groups: [dev], roles: [own], environments: [beta], cluster-wide: true }\n";
    let second = "  - { groups: [dev], roles: [own], environments: [alpha], namespaces: [payments] }\n";
    let selector = "  - { groups: [dev], roles: [own], environments: [alpha], namespaces: { labels: { a: b } } }\n";
    assert_eq!(kind(one, ""), ["trinity"]);
    assert_eq!(kind(&format!("{one}{one}"), ""), ["trinity"]);
    assert_eq!(
        kind(&format!("{one}{same_elsewhere}"), same_elsewhere),
        ["trinity"],
        "another environment does not matter"
    );
    assert_eq!(kind(&format!("{one}{second}"), ""), ["-"]);
    assert_eq!(kind(&format!("{one}{selector}"), ""), ["-"]);
    assert_eq!(kind(one, one), ["-"], "two files");
    assert_eq!(kind(same_elsewhere, ""), Vec::<String>::new(), "a role that nobody has here is not made here");
}

fn asked(query: &TenantQuery) -> String {
    let mut asked = String::new();
    for (key, management) in &query.groups {
        let name = query.display_names.get(key).map_or("-", String::as_str);
        let unique = if query.unique_display_names.contains(key) { ", unique" } else { "" };
        writeln!(asked, "group {key} {management:?} name {name}{unique}").unwrap();
    }
    for principal in &query.principals {
        writeln!(asked, "{principal}").unwrap();
    }
    asked
}

#[test]
fn what_is_read_follows_what_is_planned() {
    let desired = desired(&[("rolecall.yaml", ROOT), ("team.yaml", TEAM)]);
    let query = |only: &[&str]| {
        let only = Only(only.iter().map(|target| target.parse().unwrap()).collect());
        asked(&tenant_query(&desired, &only))
    };
    insta::assert_snapshot!(query(&[]), @"
    group dev Owned name dev, unique
    group ops Adopted(ObjectId(1f3c7a3d-0b1c-4d2e-8f3a-4b5c6d7e8f90)) name -, unique
    group sre Owned name Site reliability, unique
    group staff External(ObjectId(0f3c7a3d-0b1c-4d2e-8f3a-4b5c6d7e8f90)) name -
    carol@contoso.com
    erin@contoso.com
    sam@contoso.com
    guest:ana@partner.example
    service-principal:0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d
    service-principal:2b3c4d5e-6f70-4819-a2b3-c4d5e6f70819
    ");
    insta::assert_snapshot!(query(&["alpha"]), @r#"
    group dev Owned name -
    group sre Owned name -, unique
    service-principal:0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d
    "#);
    insta::assert_snapshot!(query(&["group/dev"]), @"
    group dev Owned name dev, unique
    group staff External(ObjectId(0f3c7a3d-0b1c-4d2e-8f3a-4b5c6d7e8f90)) name -
    sam@contoso.com
    service-principal:0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d
    ");
    insta::assert_snapshot!(query(&["entra"]), @"
    group dev Owned name dev, unique
    group ops Adopted(ObjectId(1f3c7a3d-0b1c-4d2e-8f3a-4b5c6d7e8f90)) name -, unique
    group sre Owned name Site reliability, unique
    group staff External(ObjectId(0f3c7a3d-0b1c-4d2e-8f3a-4b5c6d7e8f90)) name -
    erin@contoso.com
    sam@contoso.com
    guest:ana@partner.example
    service-principal:0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d
    ");
}

#[test]
fn what_holds_a_planned_group_is_read_with_it() {
    let files = "groups:
  inner: { members: [sam@contoso.com] }
  middle: { members: [{ group: inner }] }
  outer: { members: [{ group: middle }] }
  beside: { members: [sam@contoso.com] }
";
    let desired = desired(&[("rolecall.yaml", ROOT), ("team.yaml", files)]);
    let query = tenant_query(&desired, &Only(["group/inner".parse().unwrap()].into()));
    let keys: Vec<&str> = query.groups.keys().map(crate::state::GroupKey::as_str).collect();
    assert_eq!(keys, ["inner", "middle", "outer"]);
    let unique: Vec<&str> = query.unique_display_names.iter().map(crate::state::GroupKey::as_str).collect();
    assert_eq!(unique, ["inner", "middle", "outer"], "who joins the inner one comes to the names of all");
}

#[test]
fn a_cluster_is_asked_for_by_its_uid_where_it_is_known() {
    let desired = desired(&[("rolecall.yaml", ROOT)]);
    let query = |name: &str| cluster_query(&desired, &name.parse().unwrap());
    assert_eq!(query("alpha").cluster, None);
    assert_eq!(query("beta").cluster.unwrap().to_string(), "5c1e7a3d-0b1c-4d2e-8f3a-4b5c6d7e8f90");
    assert_eq!(query("beta").config.as_str(), "contoso");
    assert_eq!(desired.environments[&"alpha".parse().unwrap()].context, "alpha");
    assert_eq!(desired.environments[&"prod".parse().unwrap()].context, "contoso-prod");
    assert!(desired.without_pim);
}

/// The same without the lines.
fn without_origins(mut desired: Desired) -> Desired {
    let nowhere = Origin { file: "".into(), line: 0 };
    for group in desired.groups.values_mut() {
        group.origin = nowhere.clone();
        group.members.values_mut().for_each(|origin| *origin = nowhere.clone());
        group.owners.iter_mut().flat_map(|owners| owners.values_mut()).for_each(|origin| *origin = nowhere.clone());
    }
    for environment in desired.environments.values_mut() {
        environment.origin = nowhere.clone();
        environment.roles.iter_mut().for_each(|role| role.origin = nowhere.clone());
        environment.bindings.iter_mut().for_each(|binding| binding.origin = nowhere.clone());
    }
    desired
}

/// The blocks of a file with several teams' worth of entries, each on its own line.
fn shuffled_file(order: &[Vec<usize>; 4]) -> String {
    let groups = [
        "  dev: { members: [sam@contoso.com, { group: staff }], owners: [erin@contoso.com] }",
        "  staff: { id: 0f3c7a3d-0b1c-4d2e-8f3a-4b5c6d7e8f90 }",
        "  sre: { display-name: SRE, members: [{ guest: ana@partner.example }] }",
    ];
    let roles = [
        "  view: { cluster-role: view }",
        "  own: { rules: [{ apiGroups: [apps, ''], resources: [pods, deployments], verbs: [get, list] }] }",
        "  other: { rules: [{ apiGroups: [''], resources: [pods], verbs: [get] }, { apiGroups: [apps], resources: ['*'], verbs: [get] }] }",
    ];
    let grants = [
        "  - { groups: [dev, sre], roles: [view, own], environments: [alpha, beta], namespaces: [trinity, payments] }",
        "  - { roles: [other], groups: [sre], environments: { stage: prod }, namespaces: [trinity] }",
        "  - { groups: [dev], roles: [view], environments: { stage: dev }, namespaces: [payments] }",
    ];
    let section = |name: &str, entries: [&str; 3], order: &[usize]| {
        let entries: Vec<&str> = order.iter().map(|at| entries[*at]).collect();
        format!("{name}:\n{}\n", entries.join("\n"))
    };
    let sections = [
        section("groups", groups, &order[0]),
        section("roles", roles, &order[1]),
        section("grants", grants, &order[2]),
    ];
    order[3].iter().map(|at| sections[*at].as_str()).collect()
}

fn order() -> impl Strategy<Value = Vec<usize>> {
    Just(vec![0, 1, 2]).prop_shuffle()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..Default::default() })]

    #[test]
    fn order_does_not_matter(orders in [order(), order(), order(), order()], files in Just(vec![0, 1, 2]).prop_shuffle(), names in Just(vec!["a", "b", "z"]).prop_shuffle()) {
        let plain = [0, 1, 2].map(|_| vec![0, 1, 2]);
        let [one, two, three] = plain;
        let first = [("rolecall.yaml", ROOT.to_owned()), ("a.yaml", shuffled_file(&[one, two, three, vec![0, 1, 2]])), ("b.yaml", "roles:\n  extra: { cluster-role: edit }\n".to_owned())];
        let second = [
            ("rolecall.yaml".to_owned(), ROOT.to_owned()),
            (format!("{}.yaml", names[0]), shuffled_file(&orders)),
            (format!("{}.yaml", names[1]), "roles:\n  extra: { cluster-role: edit }\n".to_owned()),
        ];
        let second: Vec<(&str, &str)> = files.iter().map(|at: &usize| (second[*at].0.as_str(), second[*at].1.as_str())).collect();
        let first: Vec<(&str, &str)> = first.iter().map(|(path, text)| (*path, text.as_str())).collect();
        prop_assert_eq!(without_origins(desired(&first)), without_origins(desired(&second)));
    }
}

#[test]
fn people_are_one_whatever_the_case() {
    let desired = desired(&[(
        "rolecall.yaml",
        &format!(
            "{ROOT}groups: {{ dev: {{ members: [] }} }}\nroles: {{ view: {{ cluster-role: view }} }}\ngrants:\n\
             - {{ users: [Sam@contoso.com], roles: [view], environments: [alpha], namespaces: [trinity] }}\n\
             - {{ users: [sam@Contoso.com], roles: [view], environments: [alpha], namespaces: [trinity] }}\n"
        ),
    )]);
    let bindings = &desired.environments[&"alpha".parse().unwrap()].bindings;
    assert_eq!(bindings.len(), 1);
    assert_eq!(bindings[0].subject, PrincipalName::User("sam@contoso.com".parse().unwrap()));
}

#[test]
fn a_grant_replaces_in_each_of_its_environments() {
    let desired = desired(&[(
        "rolecall.yaml",
        &format!(
            "{}groups: {{ dev: {{ members: [] }} }}\nroles: {{ view: {{ cluster-role: view }}, edit: {{ cluster-role: edit }} }}\ngrants:\n\
             - {{ groups: [dev], roles: [view, edit], environments: {{ stage: dev }}, namespaces: [trinity, docs], replaces: [docs/by-hand, trinity/by-hand] }}\n\
             - {{ users: [sam@contoso.com], roles: [view], environments: [prod], cluster-wide: true, replaces: by-hand }}\n",
            ROOT.replace("context: contoso-prod", "unmanaged: refuse, allow-unmanaged: [argocd/*, { config: apps }]")
        ),
    )]);
    let replaced = |name: &str| {
        let said = said(&desired.environments[&name.parse().unwrap()]);
        said.lines().filter(|line| line.starts_with("replaces")).collect::<Vec<_>>().join("\n")
    };
    insta::assert_snapshot!(replaced("alpha"), @"
    replaces rolebinding docs/by-hand by (1, 2, 2) (rolecall.yaml:12)
    replaces rolebinding trinity/by-hand by (1, 2, 2) (rolecall.yaml:12)
    ");
    assert_eq!(replaced("alpha"), replaced("beta"));
    insta::assert_snapshot!(replaced("prod"), @"replaces clusterrolebinding by-hand by (1, 1, 1) (rolecall.yaml:13)");
    let prod = &desired.environments[&"prod".parse().unwrap()];
    assert_eq!(prod.unmanaged, Unmanaged::Refuse);
    let allowed: Vec<String> =
        prod.allow_unmanaged.iter().map(|each| format!("{} {}", each.what, each.origin)).collect();
    assert_eq!(allowed, ["argocd/* rolecall.yaml:8", "config: apps rolecall.yaml:8"]);
    assert_eq!(desired.environments[&"alpha".parse().unwrap()].unmanaged, Unmanaged::Report);
}
