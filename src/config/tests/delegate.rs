//! `delegate`: what other files may define, and how somebody who wants more is answered.

use proptest::prelude::*;

use super::{ROOT, files, told};
use crate::diagnostics::Severity;

const REST: &str = "environments:
  alpha: { type: k3s, labels: { stage: dev, region: west } }
  beta: { type: k3s, labels: { stage: dev, region: east } }
  prod: { type: k3s, labels: { stage: prod, region: west } }
roles:
  view: { cluster-role: view }
  edit: { cluster-role: edit }
  admin: { cluster-role: admin }
groups:
  platform: { display-name: trinity-Platform, members: [] }
  trinity-devs: { members: [] }
";
const PAYMENTS: &str = "  - { files: [teams/payments/**], groups: [payments-*], roles: [view, edit], environments: { stage: dev }, namespaces: [payments, payments-*] }\n";
const DEVS: &str = "groups:\n  payments-devs: { members: [] }\n";

fn delegated(entries: &str, others: &[(&str, &str)]) -> crate::config::Loaded {
    let root = format!("{ROOT}delegate:\n{entries}{REST}");
    let mut all = vec![("rolecall.yaml", root.as_str())];
    all.extend(others);
    files(&all)
}

/// The first lines of what was told: each rule with its message.
fn said(loaded: &crate::config::Loaded) -> String {
    let line = |finding: &crate::diagnostics::Finding| {
        let at = finding.labels.first().map_or_else(String::new, |label| loaded.sources.origin(label.span).to_string());
        format!("{at} {}: {}", finding.rule.id, finding.message)
    };
    loaded.findings.iter().map(line).collect::<Vec<_>>().join("\n")
}

#[test]
fn what_is_listed_is_fine_and_so_is_a_reference() {
    let loaded = delegated(
        PAYMENTS,
        &[
            (
                "teams/payments/deep/groups.yaml",
                "groups:
  payments-devs:
    description: Developers
    owners: [sam@contoso.com, { service-principal: 1b2c3d4e-5f6a-4b7c-9d8e-0f1a2b3c4d5e }]
    members: [sam@contoso.com, { group: platform }, { guest: ana@partner.example }]
    membership: additive
    absent: [erin@contoso.com, { group: trinity-devs }]
",
            ),
            (
                "teams/payments/grants.yaml",
                "grants:\n  - { groups: [payments-devs], roles: [view, edit], environments: [alpha, beta], namespaces: [payments, payments-api] }\n",
            ),
            ("teams/nothing.yaml", "groups: {}\nroles: {}\ngrants: []\n"),
        ],
    );
    assert_eq!(told(&loaded), "");
    assert!(loaded.config.is_some());
}

#[test]
fn a_file_that_no_entry_matches() {
    let group = "groups:\n  payments-a: { members: [] }\n";
    let loaded = delegated(
        PAYMENTS,
        &[
            ("teams/payments/groups.yaml", DEVS),
            ("teams/Payments/groups.yaml", group),
            ("teams/payments.yaml", "roles:\n  own: { cluster-role: cluster-admin }\n"),
            ("teams/payments/rolecall.yaml", "version: 1\n"),
        ],
    );
    insta::assert_snapshot!(told(&loaded), @r#"
    undelegated-file: no delegation matches this file, so it may define nothing
      teams/Payments/groups.yaml:2:3 "payments-a" defined here
      rolecall.yaml:5:1 "delegate" what other files may define is listed here
      help: upper and lower case count: rename the file to match `teams/payments/**` (rolecall.yaml:6)
    undelegated-file: no delegation matches this file, so it may define nothing
      teams/payments.yaml:2:3 "own" defined here
      rolecall.yaml:5:1 "delegate" what other files may define is listed here
      help: have an entry with `files: [teams/payments.yaml]` added there, or move this to a file that one matches
    root-only-key: `version` is about the whole config
      teams/payments/rolecall.yaml:1:1 "version" not here
      help: move it to `rolecall.yaml`, the root file; below that file there is no other one. A folder that is a config of its own goes into `exclude`
    "#);
}

#[test]
fn keys_that_are_the_root_files_alone() {
    let loaded = delegated(
        PAYMENTS,
        &[(
            "teams/payments/groups.yaml",
            "environments:
  own: { type: k3s }
roles:
  own: { cluster-role: cluster-admin }
groups:
  payments-a: { adopt: 91be3d2c-4f5a-4b6c-8d7e-9f0a1b2c3d4e, members: [] }
  payments-b: { id: 92be3d2c-4f5a-4b6c-8d7e-9f0a1b2c3d4e }
  payments-c: { display-name: Platform, members: [{ group-id: 93be3d2c-4f5a-4b6c-8d7e-9f0a1b2c3d4e }] }
grants:
  - users: [sam@contoso.com]
    service-principals: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]
    roles: [admin]
    environments: [prod]
    cluster-wide: true
  - { groups: [payments-c], roles: [view], environments: [alpha], namespaces: { labels: { team: payments } } }
  - { groups: [payments-c], roles: [view], environments: [alpha], namespaces: [payments], replaces: payments/made-by-hand }
",
        )],
    );
    insta::assert_snapshot!(told(&loaded), @r#"
    undelegated-key: `own` under `environments` may only be defined in the root file
      teams/payments/groups.yaml:2:3 "own" not in a delegated file
      rolecall.yaml:6:7 "files" this delegation matches the file
      help: move it to `rolecall.yaml`; to refer to it from here is fine
    undelegated-key: `own` under `roles` may only be defined in the root file
      teams/payments/groups.yaml:4:3 "own" not in a delegated file
      rolecall.yaml:6:7 "files" this delegation matches the file
      help: move it to `rolecall.yaml`; to refer to it from here is fine
    undelegated-key: `adopt` of a group may only stand in the root file
      teams/payments/groups.yaml:6:17 "adopt" not in a delegated file
      rolecall.yaml:6:7 "files" this delegation matches the file
      help: define the group in `rolecall.yaml` instead: this file may still grant to it and refer to it
    undelegated-key: `id` of a group may only stand in the root file
      teams/payments/groups.yaml:7:17 "id" not in a delegated file
      rolecall.yaml:6:7 "files" this delegation matches the file
      help: define the group in `rolecall.yaml` instead: this file may still grant to it and refer to it
    undelegated-key: `display-name` of a group may only stand in the root file
      teams/payments/groups.yaml:8:17 "display-name" not in a delegated file
      rolecall.yaml:6:7 "files" this delegation matches the file
      help: leave it out: the group is called by its key, which is what is delegated
    undelegated-key: `group-id` of a member may only stand in the root file
      teams/payments/groups.yaml:8:53 "group-id" not in a delegated file
      rolecall.yaml:6:7 "files" this delegation matches the file
      help: define that group with its `id` in `rolecall.yaml`, and name it here by key: `{ group: … }`
    undelegated-key: `users` of a grant may only stand in the root file
      teams/payments/groups.yaml:10:5 "users" not in a delegated file
      rolecall.yaml:6:7 "files" this delegation matches the file
      help: make them members of a group and grant to that, or move the grant to `rolecall.yaml`
    undelegated-key: `service-principals` of a grant may only stand in the root file
      teams/payments/groups.yaml:11:5 "service-principals" not in a delegated file
      rolecall.yaml:6:7 "files" this delegation matches the file
      help: make them members of a group and grant to that, or move the grant to `rolecall.yaml`
    undelegated-role: this file may not grant the role `admin`
      teams/payments/groups.yaml:12:13 "admin" not delegated to this file
      rolecall.yaml:6:57 "roles" this delegation of the file lists `edit` and `view`
      help: grant a role that is, or have the delegation list it
    undelegated-environment: this file may not grant in the environment `prod`
      teams/payments/groups.yaml:13:20 "prod" not delegated to this file
      rolecall.yaml:6:78 "environments" this delegation of the file selects `alpha` and `beta`
      help: take it out, or have the delegation list it
    undelegated-key: `cluster-wide` of a grant may only stand in the root file
      teams/payments/groups.yaml:14:5 "cluster-wide" not in a delegated file
      rolecall.yaml:6:7 "files" this delegation matches the file
      help: list namespaces, or move the grant to `rolecall.yaml`
    undelegated-key: a grant by labels of namespaces may only stand in the root file
      teams/payments/groups.yaml:15:67 "namespaces" not in a delegated file
      rolecall.yaml:6:7 "files" this delegation matches the file
      help: list the namespaces by name, or move the grant to `rolecall.yaml`: whoever labels a namespace could widen it
    undelegated-key: `replaces` of a grant may only stand in the root file
      teams/payments/groups.yaml:16:91 "replaces" not in a delegated file
      rolecall.yaml:6:7 "files" this delegation matches the file
      help: move the grant to `rolecall.yaml`
    "#);
}

#[test]
fn each_thing_that_is_not_delegated_has_its_own_line() {
    let loaded = delegated(
        PAYMENTS,
        &[(
            "teams/payments/grants.yaml",
            "groups:
  payments-devs: { members: [] }
  trinity-platform: { members: [] }
grants:
  - groups: [payments-devs, trinity-devs]
    roles: [view, admin]
    environments: [alpha, prod]
    namespaces: [payments, default, trinity]
  - { groups: [payments-devs], roles: [view], environments: { region: west }, namespaces: [payments-kube-system] }
",
        )],
    );
    insta::assert_snapshot!(told(&loaded), @r#"
    display-name-taken: `trinity-platform` is what the group `platform` is called
      teams/payments/grants.yaml:3:3 "trinity-platform" would have the same name
      rolecall.yaml:16:29 "trinity-Platform" this name is taken
      help: use another key: a group is created under its key, and a cluster may bind groups by name
    undelegated-group: this file may not define the group `trinity-platform`
      teams/payments/grants.yaml:3:3 "trinity-platform" defined here
      rolecall.yaml:6:35 "groups" this delegation of the file lists `payments-*`
      help: define it in a file to which it is delegated, or have the delegation list it; naming it as a member (`{ group: trinity-platform }`) is a reference, and fine
    undelegated-group: this file may not grant to the group `trinity-devs`
      teams/payments/grants.yaml:5:29 "trinity-devs" a grant is more than a reference: it gives this group access
      rolecall.yaml:6:35 "groups" this delegation of the file lists `payments-*`
      help: grant to it in rolecall.yaml, where it is defined, or have the delegation list it; naming it as a member is a reference, and fine
    undelegated-role: this file may not grant the role `admin`
      teams/payments/grants.yaml:6:19 "admin" not delegated to this file
      rolecall.yaml:6:57 "roles" this delegation of the file lists `edit` and `view`
      help: grant a role that is, or have the delegation list it
    undelegated-environment: this file may not grant in the environment `prod`
      teams/payments/grants.yaml:7:27 "prod" not delegated to this file
      rolecall.yaml:6:78 "environments" this delegation of the file selects `alpha` and `beta`
      help: take it out, or have the delegation list it
    undelegated-namespace: this file may not grant in the namespace `default`
      teams/payments/grants.yaml:8:28 "default" not delegated to this file
      rolecall.yaml:6:108 "namespaces" this delegation of the file lists `payments` and `payments-*`
      help: take it out, or have the delegation list it by name: `*` never stands for `default` and `kube-…`
    undelegated-namespace: this file may not grant in the namespace `trinity`
      teams/payments/grants.yaml:8:37 "trinity" not delegated to this file
      rolecall.yaml:6:108 "namespaces" this delegation of the file lists `payments` and `payments-*`
      help: take it out, or have the delegation list it
    undelegated-environment: this file may not grant in `prod` (selected by these labels)
      teams/payments/grants.yaml:9:63 "region" selects more than is delegated
      rolecall.yaml:6:78 "environments" this delegation of the file selects `alpha` and `beta`
      help: name the environments, or narrow the labels to what is delegated
    "#);
}

#[test]
fn an_entry_is_judged_as_a_whole() {
    let two = format!(
        "{PAYMENTS}  - {{ files: [teams/payments/*], groups: [payments-*], roles: [view], environments: [prod], namespaces: [payments] }}\n"
    );
    let grant = |roles: &str, environments: &str| {
        let grants = format!(
            "{DEVS}grants:\n  - {{ groups: [payments-devs], roles: [{roles}], environments: {environments}, namespaces: [payments] }}\n"
        );
        delegated(&two, &[("teams/payments/grants.yaml", &grants)])
    };
    assert_eq!(told(&grant("edit", "[alpha]")), "");
    assert_eq!(told(&grant("view", "[prod]")), "");
    assert_eq!(told(&grant("view", "{ stage: prod }")), "");
    insta::assert_snapshot!(told(&grant("edit", "[prod]")), @r#"
    undelegated-environment: this file may not grant in the environment `prod` together with the rest of this grant
      teams/payments/grants.yaml:4:62 "prod" not delegated to this file
      rolecall.yaml:6:78 "environments" this delegation of the file selects `alpha` and `beta`
      rolecall.yaml:7:56 "roles" this delegation of the file lists `view`
      help: split the grant, or have one delegation list all of it
    "#);
    insta::assert_snapshot!(said(&grant("view", "[alpha, prod]")), @r#"
    teams/payments/grants.yaml:4 undelegated-environment: this file may not grant in the environment `prod` together with the rest of this grant
    "#);
}

#[test]
fn an_alias_has_the_line_where_it_is_used() {
    let loaded = delegated(
        PAYMENTS,
        &[(
            "teams/payments/grants.yaml",
            "groups:
  payments-devs: { members: [] }
grants:
  - &one
    groups: &them [payments-devs, platform]
    roles: [view]
    environments: [alpha]
    namespaces: [payments]
  - *one
  - { groups: *them, roles: [edit], environments: [alpha], namespaces: [payments] }
",
        )],
    );
    insta::assert_snapshot!(said(&loaded), @r#"
    teams/payments/grants.yaml:5 undelegated-group: this file may not grant to the group `platform`
    teams/payments/grants.yaml:9 undelegated-group: this file may not grant to the group `platform`
    teams/payments/grants.yaml:10 undelegated-group: this file may not grant to the group `platform`
    "#);
}

#[test]
fn a_delegation_that_names_nothing() {
    let loaded = delegated(
        "  - { files: [teams/payment/**, teams/search.yaml], groups: [payments-*], roles: [viw], environments: [alpah], namespaces: [payments] }
  - { files: [teams/payments], groups: [search-*], roles: [view], environments: { stage: test }, namespaces: [search] }
  - { files: [teams/payments/**], groups: [payments-devz, nobody-*] }
",
        &[("teams/payments/groups.yaml", DEVS)],
    );
    insta::assert_snapshot!(told(&loaded), @r#"
    unmatched-delegation: `teams/payment/**` matches no file
      rolecall.yaml:6:15 "teams/payment/**" delegates to nobody
      help: did you mean `teams/payments/**`? If such a file is on its way, all is well
    unmatched-delegation: `teams/search.yaml` matches no file
      rolecall.yaml:6:33 "teams/search.yaml" delegates to nobody
      help: mend it unless such a file is on its way
    unknown-role: `viw` is not a role of this config
      rolecall.yaml:6:83 "viw" no role has this key
      help: did you mean `view` (rolecall.yaml:14)?
    unknown-environment: `alpah` is not an environment of this config
      rolecall.yaml:6:104 "alpah" no environment has this name
      help: did you mean `alpha` (rolecall.yaml:10)?
    unmatched-delegation: `teams/payments` matches no file
      rolecall.yaml:7:15 "teams/payments" delegates to nobody
      help: did you mean `teams/payments/**`? If such a file is on its way, all is well
    unmatched-labels: no environment has all of these labels
      rolecall.yaml:7:83 "stage" nothing has these labels
      help: the labels of the environments are: alpha (region: west, stage: dev); beta (region: east, stage: dev); prod (region: west, stage: prod)
    unmatched-delegation: `payments-devz` stands for no group of this config
      rolecall.yaml:8:44 "payments-devz" no group has such a key
      help: did you mean `payments-devs`? If such a group is on its way, all is well
    unmatched-delegation: `nobody-*` stands for no group of this config
      rolecall.yaml:8:59 "nobody-*" no group has such a key
      help: mend it unless such a group is on its way
    undelegated-group: this file may not define the group `payments-devs`
      teams/payments/groups.yaml:2:3 "payments-devs" defined here
      rolecall.yaml:8:35 "groups" this delegation of the file lists `payments-devz` and `nobody-*`
      help: define it in a file to which it is delegated, or have the delegation list it; naming it as a member (`{ group: payments-devs }`) is a reference, and fine
    "#);
}

#[test]
fn a_team_may_be_let_in_before_its_first_file_is_there() {
    let loaded = delegated(PAYMENTS, &[]);
    assert!(loaded.config.is_some());
    insta::assert_snapshot!(told(&loaded), @r#"
    unmatched-delegation: `teams/payments/**` matches no file
      rolecall.yaml:6:15 "teams/payments/**" delegates to nobody
      help: mend it unless such a file is on its way
    "#);
}

#[test]
fn a_mistake_in_a_delegation_brings_no_others() {
    let grants = format!(
        "{DEVS}grants:\n  - {{ groups: [payments-devs], roles: [view], environments: [alpha], namespaces: [payments] }}\n"
    );
    let team = [("teams/payments/grants.yaml", grants.as_str())];
    for (entry, rules) in [
        (
            "{ files: [teams/**], groups: [payments-*], roles: [viw], environments: [alpha], namespaces: [payments] }",
            "unknown-role",
        ),
        (
            "{ files: [teams/**], groups: [payments-*], roles: [view], environments: [x], namespaces: [payments] }",
            "unknown-environment",
        ),
        (
            "{ files: [teams/**], groups: [payments-*], roles: [view], environments: { a: b }, namespaces: [payments] }",
            "unmatched-labels",
        ),
        ("{ files: [teams/**], groups: [payments-*], roles: [view], environments: [alpha] }", "missing-key"),
        (
            "{ files: [teams/**], groups: [Payments], roles: [view], environments: [alpha], namespaces: [payments] }",
            "invalid-name",
        ),
        (
            "{ files: [teams/**], groups: payments, roles: [view], environments: [alpha], namespaces: [payments] }",
            "wrong-type",
        ),
        ("{ files: [teams/**], roles: [view], environments: [alpha], namespaces: [payments] }", "missing-key"),
        ("{ files: ['teams/[a'], groups: [payments-*] }", "bad-pattern"),
        ("{ files: [../teams/**], groups: [payments-*] }", "invalid-name"),
        ("{ files: [/teams/**], groups: [payments-*] }", "invalid-name"),
        ("{ files: [teams/], groups: [payments-*] }", "invalid-name"),
        ("{ files: [], groups: [payments-*] }", "empty-list"),
        (
            "{ files: [teams/**], groups: [payments-*], roles: [view], environments: [alpha], namespaces: ['kube-*'] }",
            "invalid-name",
        ),
        ("text", "wrong-type"),
    ] {
        let loaded = delegated(&format!("  - {entry}\n"), &team);
        let found: Vec<&str> = loaded.findings.iter().map(|finding| finding.rule.id).collect();
        assert_eq!(found, [rules], "{entry}: {}", told(&loaded));
        assert!(loaded.config.is_none(), "{entry}");
    }
    let nothing = files(&[("rolecall.yaml", &format!("{ROOT}delegate: []\n{REST}")), team[0]]);
    assert_eq!(said(&nothing), "rolecall.yaml:5 empty-list: `delegate` is empty");
}

/// One choice of what a file grants, as bits: which of the names of each kind.
type Chosen = [u8; 4];

const GROUPS: [&str; 3] = ["payments-devs", "payments-ops", "trinity-devs"];
const ROLES: [&str; 3] = ["view", "edit", "admin"];
const PLACES: [&str; 3] = ["alpha", "beta", "prod"];
const NAMESPACES: [&str; 3] = ["payments", "trinity", "kube-system"];
const NAMES: [[&str; 3]; 4] = [GROUPS, ROLES, PLACES, NAMESPACES];

fn list(names: [&str; 3], bits: u8) -> String {
    let chosen: Vec<&str> =
        names.into_iter().enumerate().filter(|(at, _)| bits & (1 << at) != 0).map(|(_, name)| name).collect();
    format!("[{}]", chosen.join(", "))
}

fn judged(delegations: &[Chosen], grant: Chosen) -> bool {
    let of = |chosen: Chosen| -> Vec<String> { (0..4).map(|at| list(NAMES[at], chosen[at])).collect() };
    let entry = |chosen: &Chosen| {
        let lists = of(*chosen);
        format!(
            "  - {{ files: [team.yaml], groups: {}, roles: {}, environments: {}, namespaces: {} }}\n",
            lists[0], lists[1], lists[2], lists[3]
        )
    };
    let entries = delegations.iter().map(entry).collect::<Vec<_>>().concat();
    let root = format!(
        "{ROOT}delegate:\n{entries}{REST}  payments-devs: {{ members: [] }}\n  payments-ops: {{ members: [] }}\n"
    );
    let lists = of(grant);
    let team = format!(
        "grants:\n  - {{ groups: {}, roles: {}, environments: {}, namespaces: {} }}\n",
        lists[0], lists[1], lists[2], lists[3]
    );
    let loaded = files(&[("rolecall.yaml", &root), ("team.yaml", &team)]);
    let errors: Vec<_> = loaded.findings.iter().filter(|finding| finding.severity == Severity::Error).collect();
    assert!(errors.iter().all(|finding| finding.rule.id.starts_with("undelegated-")), "{}", told(&loaded));
    assert_eq!(errors.is_empty(), loaded.config.is_some());
    errors.is_empty()
}

fn chosen() -> impl Strategy<Value = Chosen> {
    [1..8_u8, 1..8_u8, 1..8_u8, 1..8_u8]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 256, failure_persistence: None, ..Default::default() })]

    #[test]
    fn a_grant_is_refused_exactly_when_no_entry_holds_all_of_it(
        delegations in prop::collection::vec(chosen(), 1..4),
        grant in chosen(),
    ) {
        let holds = |entry: &Chosen| (0..4).all(|at| grant[at] & !entry[at] == 0);
        prop_assert_eq!(judged(&delegations, grant), delegations.iter().any(holds));
    }

    #[test]
    fn taking_anything_it_needs_out_of_the_delegation_refuses_a_grant(
        grant in chosen(),
        more in chosen(),
        kind in 0..4_usize,
        which in 0..3_u8,
    ) {
        let mut entry: Chosen = std::array::from_fn(|at| grant[at] | more[at]);
        prop_assert!(judged(&[entry], grant));
        let taken = (0..3).map(|at| 1 << ((which + at) % 3)).find(|bit| grant[kind] & bit != 0).unwrap();
        entry[kind] &= !taken;
        prop_assume!(entry[kind] != 0);
        prop_assert!(!judged(&[entry], grant));
    }
}

#[test]
fn only_the_root_file_takes_over_from_what_was_made_by_hand() {
    let root = "delegate:
  - { files: [team.yaml], groups: [dev], roles: [view], environments: [alpha], namespaces: [trinity] }
environments: { alpha: { type: k3s } }
roles: { view: { cluster-role: view } }
groups: { dev: { members: [] } }
";
    let grant = "groups: [dev], roles: [view], environments: [alpha], namespaces: [trinity], replaces: trinity/by-hand";
    let loaded = files(&[
        ("rolecall.yaml", &format!("{ROOT}{root}grants: [{{ {grant} }}]\n")),
        ("team.yaml", &format!("grants:\n  - {{ {grant} }}\n")),
    ]);
    insta::assert_snapshot!(told(&loaded), @r#"
    undelegated-key: `replaces` of a grant may only stand in the root file
      team.yaml:2:83 "replaces" not in a delegated file
      rolecall.yaml:6:7 "files" this delegation matches the file
      help: move the grant to `rolecall.yaml`
    "#);
}

#[test]
fn a_delegated_file_takes_over_no_group_by_a_key_from_before() {
    let loaded = delegated(
        PAYMENTS,
        &[(
            "teams/payments/a.yaml",
            "groups:\n  payments-a: { members: [], previously: [trinity-old] }\n  \
             payments-b: { membership: additive, absent: [{ group-id: 93be3d2c-4f5a-4b6c-8d7e-9f0a1b2c3d4e }] }\n",
        )],
    );
    insta::assert_snapshot!(said(&loaded), @"
    teams/payments/a.yaml:2 undelegated-key: `previously` of a group may only stand in the root file
    teams/payments/a.yaml:3 undelegated-key: `group-id` of a member may only stand in the root file
    ");
}

#[test]
fn a_mistyped_pattern_is_told_with_the_one_that_was_meant() {
    let entry = "  - { files: [teams/payments/**], groups: [paymets-*], roles: [view], environments: [alpha], namespaces: [payments] }\n";
    let grants =
        "grants:\n  - { groups: [payments-devs], roles: [view], environments: [alpha], namespaces: [payments] }\n";
    let loaded = delegated(entry, &[("teams/payments/all.yaml", &format!("{DEVS}{grants}"))]);
    insta::assert_snapshot!(told(&loaded), @r#"
    unmatched-delegation: `paymets-*` stands for no group of this config
      rolecall.yaml:6:44 "paymets-*" no group has such a key
      help: did you mean `payments-*`? If such a group is on its way, all is well
    undelegated-group: this file may not define the group `payments-devs`
      teams/payments/all.yaml:2:3 "payments-devs" defined here
      rolecall.yaml:6:35 "groups" this delegation of the file lists `paymets-*`
      help: define it in a file to which it is delegated, or have the delegation list it; naming it as a member (`{ group: payments-devs }`) is a reference, and fine
    undelegated-group: this file may not grant to the group `payments-devs`
      teams/payments/all.yaml:4:16 "payments-devs" a grant is more than a reference: it gives this group access
      rolecall.yaml:6:35 "groups" this delegation of the file lists `paymets-*`
      help: have the delegation list it for this file, which defines it
    "#);
}

/// What the guard `group-replaced` tells whoever gives a delegated group another key.
#[test]
fn a_renamed_group_moves_to_the_root_and_its_team_goes_on_granting_to_it() {
    let renamed = "  payments-developers: { members: [sam@contoso.com], previously: [payments-devs] }\n";
    let root = format!("{ROOT}delegate:\n{PAYMENTS}{REST}{renamed}");
    let grants = "grants:\n  - { groups: [payments-developers], roles: [view], environments: [alpha], namespaces: [payments] }\n";
    let loaded = files(&[("rolecall.yaml", &root), ("teams/payments/grants.yaml", grants)]);
    assert_eq!(told(&loaded), "");
    assert!(loaded.config.is_some());
}

#[test]
fn an_applier_is_put_into_no_group_of_a_delegated_file() {
    let applier = "{ service-principal: 0A1B2C3D-4e5f-4a6b-8c7d-9e0f1a2b3c4d }";
    let file = format!(
        "groups:\n  payments-devs:\n    owners: [sam@contoso.com, {applier}]\n    members: [{applier}]\n    \
         absent: [{{ service-principal: 1b2c3d4e-5f6a-4b7c-9d8e-0f1a2b3c4d5e }}]\n    membership: additive\n"
    );
    let loaded = delegated(PAYMENTS, &[("teams/payments/groups.yaml", &file)]);
    insta::assert_snapshot!(said(&loaded), @"
    teams/payments/groups.yaml:3 undelegated-key: an applier may only be named in the root file
    teams/payments/groups.yaml:4 undelegated-key: an applier may only be named in the root file
    ");
    assert!(told(&loaded).contains("rolecall.yaml:4:12"), "{}", told(&loaded));
}
