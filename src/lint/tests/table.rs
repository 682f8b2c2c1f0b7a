//! Each rule: what it says where it finds something, and what is so close that it might.

use super::told;
use crate::lint::LINTS;

/// What a rule says about its own example.
pub(super) fn example(id: &str) -> String {
    told(id, LINTS.iter().find(|lint| lint.rule.id == id).unwrap().example)
}

#[test]
fn wildcard_rule() {
    insta::assert_snapshot!(example("wildcard-rule"), @r#"
    warning: the role `web-operator` has `*` among `verbs`
      4:9 "{ apiGroups: [apps], resources: [deployments], verbs: ['*'] }" allows what there is, and whatever is added later
      help: name what is needed
    "#);
    let role = |rule: &str| format!("roles:\n  one: {{ rules: [{rule}] }}\n");
    let several = "{ apiGroups: ['*'], resources: ['*'], verbs: [get] }, { nonResourceURLs: ['/*'], verbs: ['*'] }";
    insta::assert_snapshot!(told("wildcard-rule", &role(several)), @r#"
    warning: the role `one` has `*` among `apiGroups` and `resources`
      2:18 "{ apiGroups: ['*'], resources: ['*'], verbs: [get] }" allows what there is, and whatever is added later
      help: name what is needed
    warning: the role `one` has `*` among `verbs` and `nonResourceURLs`
      2:72 "{ nonResourceURLs: ['/*'], verbs: ['*'] }" allows what there is, and whatever is added later
      help: name what is needed
    "#);
    for near in [
        "{ apiGroups: [''], resources: ['*/scale'], verbs: [get] }",
        "{ nonResourceURLs: [/healthz/*], verbs: [get] }",
        "{ apiGroups: [''], resources: [pods], resourceNames: ['*'], verbs: [get] }",
    ] {
        assert_eq!(told("wildcard-rule", &role(near)), "", "{near}");
    }
    assert_eq!(told("wildcard-rule", "roles:\n  all: { cluster-role: cluster-admin }\n"), "");
}

#[test]
fn individual_person() {
    insta::assert_snapshot!(example("individual-person"), @r#"
    warning: jonas@contoso.com is granted access by name
      6:15 "jonas@contoso.com" a person, where a group belongs
      help: make a group of those who do this work, even of one person, and grant to the group
    "#);
    let grant = |who: &str| {
        format!(
            "environments: {{ alpha: {{ type: k3s }} }}\nroles: {{ view: {{ cluster-role: view }} }}\n\
             grants: [{{ {who}, roles: [view], environments: [alpha], namespaces: [data] }}]\n"
        )
    };
    insta::assert_snapshot!(told("individual-person", &grant("users: [{ guest: ana@partner.example }]")), @r#"
    warning: the guest ana@partner.example is granted access by name
      3:20 "{ guest: ana@partner.example }" a person, where a group belongs
      help: make a group of those who do this work, even of one person, and grant to the group
    "#);
    let app = grant("service-principals: [6a7b8c9d-0e1f-4a2b-9c3d-4e5f6a7b8c9d]");
    assert_eq!(told("individual-person", &app), "");
}

const PLACES: &str = "environments: { alpha: { type: k3s } }\nroles: { view: { cluster-role: view } }\n\
                      grants: [{ groups: [ops], roles: [view], environments: [alpha], namespaces: [data] }]\n";

#[test]
fn empty_group() {
    insta::assert_snapshot!(example("empty-group"), @r#"
    warning: nobody is in `oncall`, which is granted access
      4:3 "oncall" has no members
      8:16 "oncall" is granted something here
      help: name its members, or take the group out of its grants
    "#);
    let groups = |groups: &str| told("empty-group", &format!("{PLACES}groups:\n{groups}"));
    let nested = "  ops: { members: [{ group: one }, { group: two }] }\n  one: { members: [] }\n";
    insta::assert_snapshot!(groups(&format!("{nested}  two: {{ members: [] }}\n")), @r#"
    warning: nobody is in `ops`, which is granted access
      5:3 "ops" has no members
      3:21 "ops" is granted something here
      help: name its members, or take the group out of its grants
    "#);
    for near in [
        &format!("{nested}  two: {{ members: [sam@contoso.com] }}\n"),
        &format!("{nested}  two: {{ membership: external }}\n"),
        "  ops: { membership: external }\n",
        "  ops: { adopt: 91be3d2c-4f5a-4b6c-8d7e-9f0a1b2c3d4e }\n",
        "  ops: { members: [{ group-id: 91be3d2c-4f5a-4b6c-8d7e-9f0a1b2c3d4e }] }\n",
        "  ops: { members: [sam@contoso.com] }\n  other: { members: [] }\n",
    ] {
        assert_eq!(groups(near), "", "{near}");
    }
}

#[test]
fn escalation_road() {
    insta::assert_snapshot!(example("escalation-road"), @r#"
    warning: whoever has `debugger` in a namespace can run anything, as any service account
      9:9 "{ apiGroups: [''], resources: [pods/exec], verbs: [create] }" `create pods/exec`: run anything, as any service account
      11:34 "debugger" granted in namespaces here
      help: leave out what is not needed, name the objects, or give it to a small group of its own
    "#);
    let role = |role: &str, scope: &str| {
        let text = format!(
            "environments: {{ alpha: {{ type: k3s }} }}\ngroups: {{ ops: {{ members: [sam@contoso.com] }} }}\n\
             roles:\n  one: {{ {role} }}\n\
             grants: [{{ groups: [ops], roles: [one], environments: [alpha], {scope} }}]\n"
        );
        told("escalation-road", &text)
    };
    let rules = |rules: &str, scope: &str| role(&format!("rules: [{rules}]"), scope);
    let (within, whole) = ("namespaces: [data]", "cluster-wide: true");
    insta::assert_snapshot!(role("cluster-role: cluster-admin", whole), @r#"
    warning: whoever has `one` on a whole cluster can do everything
      4:24 "cluster-admin" this role of Kubernetes
      5:35 "one" granted on the whole cluster here
      help: leave out what is not needed, name the objects, or give it to a small group of its own
    "#);
    insta::assert_snapshot!(rules("{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }", whole), @r#"
    warning: whoever has `one` on a whole cluster can do everything
      4:18 "{ apiGroups: ['*'], resources: ['*'], verbs: ['*'] }" do everything
      5:35 "one" granted on the whole cluster here
      help: leave out what is not needed, name the objects, or give it to a small group of its own
    "#);
    let several = "{ apiGroups: [''], resources: [secrets, serviceaccounts/token], verbs: [get, create] }, \
                   { apiGroups: [rbac.authorization.k8s.io], resources: [roles], verbs: [escalate] }";
    insta::assert_snapshot!(rules(several, within), @r#"
    warning: whoever has `one` in a namespace can give itself everything; act as any service account; read secrets, tokens of service accounts included
      4:18 "{ apiGroups: [''], resources: [secrets, serviceaccounts/token], verbs: [get, create] }" `create serviceaccounts/token`: act as any service account; `get secrets`: read secrets, tokens of service accounts included
      4:106 "{ apiGroups: [rbac.authorization.k8s.io], resources: [roles], verbs: [escalate] }" `escalate roles.rbac.authorization.k8s.io`: give itself everything
      5:35 "one" granted in namespaces here
      help: leave out what is not needed, name the objects, or give it to a small group of its own
    "#);
    let approve =
        "{ apiGroups: [certificates.k8s.io], resources: [certificatesigningrequests/approval], verbs: [update] }";
    let signer = "{ apiGroups: [certificates.k8s.io], resources: [signers], verbs: [approve] }";
    insta::assert_snapshot!(rules(&format!("{approve}, {signer}"), whole), @r#"
    warning: whoever has `one` on a whole cluster can have certificates issued in anybody's name
      4:18 "{ apiGroups: [certificates.k8s.io], resources: [certificatesigningrequests/approval], verbs: [update] }" `update certificatesigningrequests/approval.certificates.k8s.io`: have certificates issued in anybody's name
      4:123 "{ apiGroups: [certificates.k8s.io], resources: [signers], verbs: [approve] }" `approve signers.certificates.k8s.io`: have certificates issued in anybody's name
      5:35 "one" granted on the whole cluster here
      help: leave out what is not needed, name the objects, or give it to a small group of its own
    "#);
    assert_eq!(rules(approve, whole), "", "both are needed");
    assert!(role("cluster-role: edit", whole).contains("read every secret"));
    assert_eq!(role("cluster-role: view", whole), "");
    let nodes = "{ apiGroups: [''], resources: [nodes/proxy], verbs: [get] }";
    assert!(rules(nodes, whole).contains("nodes/proxy"));
    assert_eq!(rules(nodes, within), "", "a node is in no namespace");
    let workloads = "{ apiGroups: [apps], resources: [deployments], verbs: [get, patch] }";
    assert!(rules(workloads, whole).contains("run anything"));
    assert_eq!(rules(workloads, within), "", "what developers do");
    let secret = "{ apiGroups: [''], resources: [secrets], resourceNames: [tls], verbs: [get] }";
    assert_eq!(rules(secret, whole), "");
    assert_eq!(role("cluster-role: their-own", whole), "", "nobody knows its rules here");
    assert_eq!(role("cluster-role: admin", within), "");
}

#[test]
fn a_role_that_is_added_to_a_default_role_is_given() {
    let text = "environments: { alpha: { type: k3s } }\nroles:\n  one: { rules: [{ apiGroups: [''], resources: [secrets], \
                verbs: [list] }], aggregate-to: [view], environments: [alpha] }\n";
    insta::assert_snapshot!(told("escalation-road", text), @r#"
    warning: whoever has `one` in a namespace can read secrets, tokens of service accounts included
      3:18 "{ apiGroups: [''], resources: [secrets], verbs: [list] }" `list secrets`: read secrets, tokens of service accounts included
      3:3 "one" added to a default role
      help: leave out what is not needed, name the objects, or give it to a small group of its own
    "#);
    let alone = "roles:\n  one: { rules: [{ apiGroups: [''], resources: [secrets], verbs: [list] }] }\n";
    assert_eq!(told("escalation-road", alone), "", "it is given to nobody");
}
