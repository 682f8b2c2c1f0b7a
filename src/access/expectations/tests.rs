#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::fmt::Write as _;
use std::path::PathBuf;

use super::*;
use crate::config::{File, read};

const ROOT: &str = "version: 1
name: contoso
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f, pim: none }
appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]
environments:
  alpha: { type: k3s, labels: { stage: dev } }
  beta: { type: k3s, labels: { stage: dev }, tokens: { groups-claim: assigned-groups } }
groups:
  dev: { members: [hayden@contoso.com, { group: contractors }, { service-principal: 0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d }] }
  contractors: { members: [{ guest: ana@partner.example }] }
  staff: { id: 2f3c7a3d-0b1c-4d2e-8f3a-4b5c6d7e8f90 }
  ops: { members: [erin@contoso.com] }
roles:
  view: { cluster-role: view }
  custom: { cluster-role: custom }
  reader: { rules: [{ apiGroups: [\"\"], resources: [nodes, secrets, namespaces], verbs: [get, list] }] }
  prober: { rules: [{ nonResourceURLs: [/metrics], verbs: [get] }] }
grants:
  - { groups: [dev], roles: [view], environments: { stage: dev }, namespaces: [trinity] }
  - { groups: [staff], roles: [reader], environments: [alpha], cluster-wide: true }
  - { groups: [ops], roles: [custom], environments: [alpha], namespaces: [payments] }
  - { groups: [ops], roles: [view], environments: [alpha], namespaces: { labels: { team: sre } } }
  - { groups: [ops], roles: [reader], environments: [alpha], namespaces: [web] }
  - { groups: [ops], roles: [prober], environments: [alpha], cluster-wide: true }
";

fn desired(expectations: &str) -> Desired {
    let text = format!("{ROOT}expectations:\n{expectations}");
    let loaded = read(PathBuf::from("/access"), vec![File::new("rolecall.yaml", Ok(text.into_bytes()))]);
    assert_eq!(loaded.findings, vec![]);
    crate::desired::compile(&loaded.config.unwrap(), &loaded.sources)
}

fn said(judged: &[Judged]) -> String {
    let mut said = String::new();
    for each in judged {
        let of = |request: &Request| request.to_string();
        let what = match &each.expected {
            What::Can(request) => format!("can {}", of(request)),
            What::Cannot(request) => format!("cannot {}", of(request)),
            What::Only(list) => format!("only [{}]", list.iter().map(of).collect::<Vec<_>>().join(", ")),
        };
        let (verdict, why) = match &each.verdict {
            Verdict::Holds => ("holds", &[][..]),
            Verdict::Broken(why) => ("BROKEN", why.as_slice()),
            Verdict::Unknown(why) => ("unknown", why.as_slice()),
        };
        writeln!(said, "{} {} {what}: {verdict}", each.environment, each.who).unwrap();
        for Why { text, lines } in why {
            let lines: Vec<String> = lines.iter().map(ToString::to_string).collect();
            writeln!(said, "  {text} [{}]", lines.join(", ")).unwrap();
        }
    }
    said
}

#[test]
fn what_the_files_tell() {
    let desired = desired(
        "  - { user: hayden@contoso.com, environments: [alpha], can: [list pods in trinity, list pods in payments], cannot: [get pods/log in trinity, list pods in default] }
  - { guest: ana@partner.example, environments: { stage: dev }, can: [list pods in trinity] }
  - { group: contractors, environments: { stage: dev }, cannot: [list pods in trinity] }
  - { service-principal: 0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d, environments: [alpha], can: [list pods in trinity] }
  - { user: zoe@contoso.com, environments: [beta], can: [list pods in trinity] }
  - { user: erin@contoso.com, environments: [alpha], can: [get /metrics, list secrets in web, get namespaces/web] }
",
    );
    insta::assert_snapshot!(said(&asked(&desired)), @"
    alpha hayden@contoso.com can list pods in trinity: holds
    alpha hayden@contoso.com can list pods in payments: BROKEN
      they only have clusterrole view in trinity through group dev [rolecall.yaml:19, rolecall.yaml:9]
    alpha hayden@contoso.com cannot get pods/log in trinity: BROKEN
      clusterrole view in trinity through group dev [rolecall.yaml:19, rolecall.yaml:9]
    alpha hayden@contoso.com cannot list pods in default: holds
    alpha guest:ana@partner.example can list pods in trinity: holds
    beta guest:ana@partner.example can list pods in trinity: BROKEN
      nothing is granted to them []
    alpha group:contractors cannot list pods in trinity: BROKEN
      clusterrole view in trinity through group dev [rolecall.yaml:19]
    beta group:contractors cannot list pods in trinity: holds
    alpha service-principal:0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d can list pods in trinity: BROKEN
      tokens of apps carry no groups, so that no group gives them anything []
    beta zoe@contoso.com can list pods in trinity: BROKEN
      they are in no group, and nothing is granted to them []
    alpha erin@contoso.com can get /metrics: holds
    alpha erin@contoso.com can list secrets in web: holds
    alpha erin@contoso.com can get namespaces/web in web: holds
    ");
}

#[test]
fn what_only_the_live_systems_tell_is_neither_yes_nor_no() {
    let desired = desired(
        "  - { user: hayden@contoso.com, environments: [alpha], can: [list nodes], cannot: [list secrets in trinity] }
  - { group: staff, environments: [alpha], can: [list nodes] }
  - { user: erin@contoso.com, environments: [alpha], cannot: [list pods in payments, list pods in web, list pods in kube-system] }
  - { service-principal: 0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d, environments: [alpha], cannot: [list nodes] }
",
    );
    insta::assert_snapshot!(said(&asked(&desired)), @"
    alpha hayden@contoso.com can list nodes across the cluster: unknown
      whether they are in group staff is not known: its members are not in the files [rolecall.yaml:11]
    alpha hayden@contoso.com cannot list secrets in trinity: unknown
      whether they are in group staff is not known: its members are not in the files [rolecall.yaml:11]
    alpha group:staff can list nodes across the cluster: holds
    alpha erin@contoso.com cannot list pods in payments: unknown
      whether payments has the labels team: sre, by which a grant selects, is only on the cluster [rolecall.yaml:22]
      which rules clusterrole custom has is only on the cluster [rolecall.yaml:21]
    alpha erin@contoso.com cannot list pods in web: unknown
      whether web has the labels team: sre, by which a grant selects, is only on the cluster [rolecall.yaml:22]
    alpha erin@contoso.com cannot list pods in kube-system: holds
    alpha service-principal:0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d cannot list nodes across the cluster: holds
    ");
}

#[test]
fn what_everybody_has_needs_no_grant() {
    let desired = desired(
        "  - { user: zoe@contoso.com, environments: [beta], can: [get /healthz, create selfsubjectaccessreviews], cannot: [get /version, get /metrics], only: [] }\n",
    );
    insta::assert_snapshot!(said(&asked(&desired)), @"
    beta zoe@contoso.com can get /healthz: holds
    beta zoe@contoso.com can create selfsubjectaccessreviews.authorization.k8s.io across the cluster: holds
    beta zoe@contoso.com cannot get /version: BROKEN
      clusterrole system:discovery on the whole cluster through group system:authenticated (clusterrolebinding system:discovery, which no file asks for) []
    beta zoe@contoso.com cannot get /metrics: holds
    beta zoe@contoso.com only []: holds
    ");
}

#[test]
fn nothing_beyond_a_list() {
    let desired = desired(
        "  - { user: zoe@contoso.com, environments: [beta], only: [] }
  - { user: zoe@contoso.com, environments: [alpha], only: [] }
  - { user: hayden@contoso.com, environments: [beta], only: [\"* * in trinity\"] }
  - { user: hayden@contoso.com, environments: [beta], only: [\"get * in trinity\", \"list * in trinity\"] }
  - { user: hayden@contoso.com, environments: [beta], only: [\"* * in payments\"] }
  - { user: hayden@contoso.com, environments: [beta], only: [\"* * across the cluster\"] }
  - { guest: ana@partner.example, environments: [beta], only: [] }
  - { group: ops, environments: [alpha], only: [list secrets in web, get secrets in web, get namespaces/web, list namespaces/web, get /metrics] }
",
    );
    insta::assert_snapshot!(said(&asked(&desired)), @r#"
    beta zoe@contoso.com only []: holds
    alpha zoe@contoso.com only []: unknown
      whether they are in group staff is not known: its members are not in the files [rolecall.yaml:11]
    beta hayden@contoso.com only [* *.* in trinity]: holds
    beta hayden@contoso.com only [get *.* in trinity, list *.* in trinity]: BROKEN
      clusterrole view in trinity through group dev gives { apiGroups: [""], resources: [bindings, configmaps, endpoints, events, limitranges, namespaces, namespaces/status, persistentvolumeclaims, persistentvolumeclaims/status, pods, pods/log, pods/status, replicationcontrollers, replicationcontrollers/scale, replicationcontrollers/status, resourcequotas, resourcequotas/status, serviceaccounts, services, services/status], verbs: [watch] }, { apiGroups: [apps], resources: [controllerrevisions, daemonsets, daemonsets/status, deployments, deployments/scale, deployments/status, replicasets, replicasets/scale, replicasets/status, statefulsets, statefulsets/scale, statefulsets/status], verbs: [watch] } and 8 more [rolecall.yaml:19, rolecall.yaml:9]
    beta hayden@contoso.com only [* *.* in payments]: BROKEN
      clusterrole view in trinity through group dev gives { apiGroups: [""], resources: [bindings, configmaps, endpoints, events, limitranges, namespaces, namespaces/status, persistentvolumeclaims, persistentvolumeclaims/status, pods, pods/log, pods/status, replicationcontrollers, replicationcontrollers/scale, replicationcontrollers/status, resourcequotas, resourcequotas/status, serviceaccounts, services, services/status], verbs: [get, list, watch] }, { apiGroups: [apps], resources: [controllerrevisions, daemonsets, daemonsets/status, deployments, deployments/scale, deployments/status, replicasets, replicasets/scale, replicasets/status, statefulsets, statefulsets/scale, statefulsets/status], verbs: [get, list, watch] } and 8 more [rolecall.yaml:19, rolecall.yaml:9]
    beta hayden@contoso.com only [* *.* across the cluster]: holds
    beta guest:ana@partner.example only []: holds
    alpha group:ops only [list secrets in web, get secrets in web, get namespaces/web in web, list namespaces/web in web, get /metrics]: unknown
      whether they are in group staff is not known: its members are not in the files [rolecall.yaml:11]
      which namespaces have the labels team: sre, by which a grant selects, is only on the cluster [rolecall.yaml:22]
      which rules clusterrole custom has is only on the cluster [rolecall.yaml:21]
    "#);
}

/// "cannot get secrets" is not so for whoever may get some of them.
#[test]
fn whoever_may_do_it_to_one_object_may_do_it() {
    let text = ROOT.replace(
        "resources: [nodes, secrets, namespaces], verbs: [get, list] }",
        "resources: [secrets], resourceNames: [db-password], verbs: [get, delete] }",
    ) + "expectations:\n  - { user: erin@contoso.com, environments: [alpha], cannot: [get secrets in web, delete secrets in web] }\n";
    let loaded = read(PathBuf::from("/access"), vec![File::new("rolecall.yaml", Ok(text.into_bytes()))]);
    assert_eq!(loaded.findings, vec![]);
    let judged = asked(&crate::desired::compile(&loaded.config.unwrap(), &loaded.sources));
    assert!(judged.iter().all(Judged::is_broken), "{}", said(&judged));
}

/// Events are served by two groups, and whoever may read one has read the other. Nothing is made or deleted as a whole by name.
#[test]
fn what_gives_some_of_it_counts_against_cannot() {
    let rule = |rule: &str| {
        let text = ROOT.replace(
            "{ apiGroups: [\"\"], resources: [nodes, secrets, namespaces], verbs: [get, list] }",
            rule,
        ) + "expectations:
  - user: erin@contoso.com
    environments: [alpha]
    cannot: [list events in web, list events.events.k8s.io in web, create secrets in web, deletecollection secrets in web]
";
        let loaded = read(PathBuf::from("/access"), vec![File::new("rolecall.yaml", Ok(text.into_bytes()))]);
        assert_eq!(loaded.findings, vec![]);
        let judged = asked(&crate::desired::compile(&loaded.config.unwrap(), &loaded.sources));
        judged.iter().map(Judged::is_broken).collect::<Vec<_>>()
    };
    assert_eq!(rule("{ apiGroups: [events.k8s.io], resources: [events], verbs: [list] }"), [true, true, false, false]);
    assert_eq!(rule("{ apiGroups: [\"\"], resources: [events], verbs: [list] }"), [true, true, false, false]);
    let named = "{ apiGroups: [\"\"], resources: [secrets], resourceNames: [one], verbs: [create, deletecollection] }";
    assert_eq!(rule(named), [false; 4]);
}

/// The files, with hayden in so many groups more.
fn in_a_crowd(groups: usize, expectations: &str) -> Desired {
    let mut crowd = "groups:\n".to_owned();
    for number in 0..groups {
        writeln!(crowd, "  crowd{number}: {{ members: [hayden@contoso.com] }}").unwrap();
    }
    let text = format!("{}expectations:\n{expectations}", ROOT.replace("groups:\n", &crowd));
    let loaded = read(PathBuf::from("/access"), vec![File::new("rolecall.yaml", Ok(text.into_bytes()))]);
    assert_eq!(loaded.findings, vec![]);
    crate::desired::compile(&loaded.config.unwrap(), &loaded.sources)
}

/// Whoever is in too many groups may leave one; so that this is nothing to rely on.
#[test]
fn nobody_is_kept_from_something_by_being_in_too_many_groups() {
    let expected = "  - { user: hayden@contoso.com, environments: [alpha], can: [list pods in web], cannot: [list pods in trinity], only: [list pods in web] }
  - { user: hayden@contoso.com, environments: [alpha], cannot: [list pods in default] }
  - { user: hayden@contoso.com, environments: [beta], cannot: [list pods in trinity] }
";
    let desired = in_a_crowd(200, expected);
    let judged = asked(&desired);
    let verdicts: Vec<&Verdict> = judged.iter().map(|judged| &judged.verdict).collect();
    let [can, cannot, only, elsewhere, assigned] = verdicts.as_slice() else { panic!("{judged:?}") };
    assert!(matches!(can, Verdict::Broken(_)), "{can:?}");
    for unknown in [cannot, only] {
        let Verdict::Unknown(why) = unknown else { panic!("{unknown:?}") };
        let told = "worth nothing only while they are in 201 groups, of which a token carries none: clusterrole view in trinity \
                    through group dev";
        assert!(why.len() == 1 && why[0].text.starts_with(told) && !why[0].lines.is_empty(), "{why:?}");
    }
    // In another namespace nothing is given to them at all.
    assert!(matches!(elsewhere, Verdict::Holds), "{elsewhere:?}");
    // Of groups that are assigned no number is known to be too many.
    assert!(matches!(assigned, Verdict::Broken(_)), "{assigned:?}");
    let judged = asked(&in_a_crowd(100, expected));
    assert!(judged[1].is_broken() && judged[2].is_broken(), "{judged:?}");
}
