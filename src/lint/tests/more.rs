//! The rules about grants, groups and roles: what each says about its example, and what is close and not found.

use std::fmt::Write as _;

use super::table::example;
use super::told;

/// Two environments, two groups, one in the other, and these roles and grants.
fn told_with(rule: &str, roles: &str, grants: &[&str]) -> String {
    let mut text = "environments:\n  alpha: { type: k3s, labels: { stage: dev } }\n  prod: { type: k3s, labels: { stage: prod } }\n\
                    groups:\n  all: { owners: [erin@contoso.com, kim@contoso.com], members: [{ group: ops }] }\n  \
                    ops: { owners: [erin@contoso.com, kim@contoso.com], members: [sam@contoso.com, { guest: ana@partner.example }] }\n"
        .to_owned();
    write!(text, "roles:\n{roles}grants:\n").unwrap();
    for grant in grants {
        writeln!(text, "  - {{ {grant} }}").unwrap();
    }
    told(rule, &text)
}

const ROLES: &str = "  view: { cluster-role: view }\n  edit: { cluster-role: edit }\n  admin: { cluster-role: admin }\n  \
                     master: { cluster-role: cluster-admin }\n  theirs: { cluster-role: theirs }\n  \
                     logs: { rules: [{ apiGroups: [''], resources: [pods/log], verbs: [get] }] }\n  \
                     nodes: { rules: [{ apiGroups: [''], resources: [nodes], verbs: [get, patch] }] }\n";

#[test]
fn cluster_wide_write() {
    insta::assert_snapshot!(example("cluster-wide-write"), @r#"
    warning: `scaler` on a whole cluster changes `deployments.apps` in every namespace
      8:30 "scaler" granted on the whole cluster here
      help: grant it with `namespaces:`, by name or by `labels`; what has no namespace goes into a role of its own
    "#);
    let told = |grant: &str| told_with("cluster-wide-write", ROLES, &[grant]);
    insta::assert_snapshot!(told("groups: [ops], roles: [edit], environments: [alpha], cluster-wide: true"), @r#"
    warning: `edit` on a whole cluster changes `configmaps`, `events`, `persistentvolumeclaims` and 19 more in every namespace
      16:30 "edit" granted on the whole cluster here
      help: grant it with `namespaces:`, by name or by `labels`; what has no namespace goes into a role of its own
    "#);
    for near in [
        "groups: [ops], roles: [edit], environments: [alpha], namespaces: [shop]",
        "groups: [ops], roles: [view, logs], environments: [alpha], cluster-wide: true",
        "groups: [ops], roles: [nodes, theirs, master], environments: [alpha], cluster-wide: true",
    ] {
        assert_eq!(told(near), "", "{near}");
    }
}

#[test]
fn group_across_stages() {
    insta::assert_snapshot!(example("group-across-stages"), @r#"
    note: `ops` has access in the stages `dev` and `prod`
      5:3 "ops" one group for all of them
      9:16 "ops" for `dev` and `prod`
      help: make a group for each stage, where who is in them may differ
    "#);
    let told = |grants: &[&str]| told_with("group-across-stages", ROLES, grants);
    let [dev, prod] = ["alpha", "prod"]
        .map(|place| format!("groups: [ops], roles: [view], environments: [{place}], namespaces: [shop]"));
    insta::assert_snapshot!(told(&[&dev, &prod]), @r#"
    note: `ops` has access in the stages `dev` and `prod`
      6:3 "ops" one group for all of them
      16:16 "ops" for `dev`
      17:16 "ops" for `prod`
      help: make a group for each stage, where who is in them may differ
    "#);
    assert_eq!(told(&[&dev]), "");
    assert_eq!(told(&[&dev, &prod.replace("ops", "all")]), "", "what a group gets by another one is not counted");
}

#[test]
fn owners() {
    insta::assert_snapshot!(example("group-with-one-owner"), @r#"
    note: `ops` has one owner
      2:19 "erin@contoso.com" when they leave, nobody answers for it
      help: name a second owner
    "#);
    insta::assert_snapshot!(example("group-without-owner"), @r#"
    warning: nobody owns `ops`
      2:3 "ops" no `owners` here
      help: name two people who answer for it under `owners`
    "#);
    let owners = |of: &str| {
        let text = format!("groups:\n  ops: {{ {of} }}\n");
        [told("group-with-one-owner", &text), told("group-without-owner", &text)].map(|told| !told.is_empty())
    };
    let app = "{ service-principal: 0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d }";
    for (of, found) in [
        ("members: [sam@contoso.com]".to_owned(), [false, true]),
        ("members: [sam@contoso.com], owners: []".to_owned(), [false, true]),
        (format!("members: [sam@contoso.com], owners: [{app}]"), [false, true]),
        (format!("members: [sam@contoso.com], owners: [{app}, erin@contoso.com]"), [true, false]),
        ("members: [sam@contoso.com], owners: [erin@contoso.com, kim@contoso.com]".to_owned(), [false, false]),
        ("adopt: 91be3d2c-4f5a-4b6c-8d7e-9f0a1b2c3d4e".to_owned(), [false, false]),
        ("adopt: 91be3d2c-4f5a-4b6c-8d7e-9f0a1b2c3d4e, owners: []".to_owned(), [false, true]),
        ("id: 91be3d2c-4f5a-4b6c-8d7e-9f0a1b2c3d4e".to_owned(), [false, false]),
        ("membership: external".to_owned(), [false, false]),
    ] {
        assert_eq!(owners(&of), found, "{of}");
    }
}

#[test]
fn guest_in_privileged_group() {
    insta::assert_snapshot!(example("guest-in-privileged-group"), @r#"
    warning: the guest ana@partner.example is in `ops`, which can give others what it may do itself
      4:65 "{ guest: ana@partner.example }" a person of another company
      8:30 "admin" gives `admin` to `ops`
      help: give guests a group of their own that can do less, or an account of your tenant
    "#);
    let told = |grant: &str| told_with("guest-in-privileged-group", ROLES, &[grant]);
    insta::assert_snapshot!(told("groups: [all], roles: [edit], environments: [alpha], cluster-wide: true"), @r#"
    warning: the guest ana@partner.example is in `ops`, and so in `all`, which can act as anybody; act as any service account; run anything in any namespace, as any service account; read every secret, tokens of service accounts among them
      6:82 "{ guest: ana@partner.example }" a person of another company
      16:30 "edit" gives `edit` to `all`
      help: give guests a group of their own that can do less, or an account of your tenant
    "#);
    for near in [
        "groups: [ops], roles: [edit], environments: [alpha], namespaces: [shop]",
        "groups: [ops], roles: [view, nodes], environments: [alpha], cluster-wide: true",
    ] {
        assert_eq!(told(near), "", "{near}");
    }
}

#[test]
fn member_through_nesting() {
    insta::assert_snapshot!(example("member-through-nesting"), @r#"
    warning: sam@contoso.com is in `devs` anyway, through `leads`
      2:66 "sam@contoso.com" does nothing
      3:67 "sam@contoso.com" is in `leads` here
      help: take the line out, or whoever leaves `leads` stays in `devs`
    "#);
    let groups = |groups: &str| told("member-through-nesting", &format!("groups:\n{groups}"));
    let chain = "  a: { members: [{ group: b }, SAM@contoso.com, { group: c }] }\n  b: { members: [{ group: c }] }\n  \
                 c: { members: [sam@contoso.com] }\n";
    insta::assert_snapshot!(groups(chain), @r#"
    warning: sam@contoso.com is in `a` anyway, through `c`
      2:32 "SAM@contoso.com" does nothing
      4:18 "sam@contoso.com" is in `c` here
      help: take the line out, or whoever leaves `c` stays in `a`
    warning: the group `c` is in `a` anyway, through `b`
      2:49 "{ group: c }" does nothing
      3:18 "{ group: c }" is in `b` here
      help: take the line out, or whoever leaves `b` stays in `a`
    "#);
    let beside = "  a: { members: [{ group: b }, { group: c }] }\n  b: { members: [sam@contoso.com] }\n  \
                  c: { members: [sam@contoso.com] }\n";
    assert_eq!(groups(beside), "", "in two groups, neither of which holds the other");
    // Where tokens carry only direct groups, the line is what gives the access.
    let claim = "environments: { alpha: { type: k3s, tokens: { groups-claim: CLAIM } } }\ngroups:\n  \
                 devs: { members: [sam@contoso.com, { group: leads }] }\n  leads: { members: [sam@contoso.com] }\n";
    let told = |of: &str| told("member-through-nesting", &claim.replace("CLAIM", of));
    assert!(told("security-groups").contains("sam@contoso.com is in `devs` anyway"));
    assert_eq!(told("assigned-groups"), "");
}

#[test]
fn namespace_relabel() {
    insta::assert_snapshot!(example("namespace-relabel"), @r#"
    warning: whoever has `namespace-keeper` on `alpha` decides which namespaces grants by labels reach
      10:30 "namespace-keeper" may change the labels of namespaces
      9:7 "groups" goes by the labels of namespaces
      help: list the namespaces of that grant by name, or leave labels to whoever owns the cluster
    "#);
    let told = |role: &str, scope: &str, environment: &str| {
        let roles = format!("  view: {{ cluster-role: view }}\n  one: {{ {role} }}\n");
        let grant = format!("groups: [ops], roles: [one], environments: [{environment}], {scope}");
        let selector = "groups: [ops], roles: [view], environments: [alpha], namespaces: { labels: { team: a } }";
        told_with("namespace-relabel", &roles, &[selector, &grant])
    };
    let (whole, within) = ("cluster-wide: true", "namespaces: [shop]");
    let rules = |resource: &str, verb: &str| {
        format!("rules: [{{ apiGroups: [''], resources: [{resource}], verbs: [{verb}] }}]")
    };
    assert!(!told(&rules("namespaces", "update"), within, "alpha").is_empty(), "its own namespace");
    assert!(!told(&rules("'*'", "'*'"), whole, "alpha").is_empty());
    for (role, environment) in [
        (rules("namespaces", "update"), "prod"),
        (rules("namespaces", "create"), "alpha"),
        (rules("namespaces/status", "patch"), "alpha"),
        ("cluster-role: cluster-admin".to_owned(), "alpha"),
        ("cluster-role: admin".to_owned(), "alpha"),
        ("cluster-role: theirs".to_owned(), "alpha"),
    ] {
        assert_eq!(told(&role, whole, environment), "", "{role}");
    }
}

#[test]
fn overlapping_grants() {
    insta::assert_snapshot!(example("overlapping-grants"), @r#"
    warning: `read-only` gives `ops` nothing that it does not have by `edit`
      10:30 "read-only" adds nothing
      9:30 "edit" gives `ops` the same or more
      help: take one of the two out; as it is, this one stays behind when the other is taken away
    "#);
    let told = |grants: &[&str]| told_with("overlapping-grants", ROLES, grants);
    let both = "environments: [alpha, prod]";
    insta::assert_snapshot!(told(&[
        &format!("groups: [all], roles: [view], {both}, cluster-wide: true"),
        "groups: [ops], roles: [logs], environments: [prod], namespaces: [shop]",
        &format!("groups: [ops], roles: [edit, admin], {both}, namespaces: {{ labels: {{ team: a }} }}"),
    ]), @r#"
    warning: `logs` gives `ops` nothing that it does not have by `view`, being in `all`
      17:30 "logs" adds nothing
      16:30 "view" gives `all` the same or more
      help: take one of the two out; as it is, this one stays behind when the other is taken away
    warning: `edit` gives `ops` nothing that it does not have by `admin`
      18:30 "edit" adds nothing
      18:36 "admin" gives `ops` the same or more
      help: take one of the two out; as it is, this one stays behind when the other is taken away
    "#);
    let twice = "groups: [ops], roles: [theirs], environments: [alpha], namespaces: [shop]";
    insta::assert_snapshot!(told(&[twice, twice]), @r#"
    warning: `theirs` gives `ops` nothing that it does not have by `theirs`
      17:30 "theirs" adds nothing
      16:30 "theirs" gives `ops` the same or more
      help: take one of the two out; as it is, this one stays behind when the other is taken away
    "#);
    let cases: [&[&str]; 7] = [
        // Another place, more of it, another environment.
        &[
            "groups: [ops], roles: [edit], environments: [alpha], namespaces: [shop]",
            "groups: [ops], roles: [view], environments: [alpha], namespaces: [shop, docs]",
        ],
        &[
            "groups: [ops], roles: [edit], environments: [alpha], namespaces: [shop]",
            "groups: [ops], roles: [view], environments: [alpha], cluster-wide: true",
        ],
        &[
            "groups: [ops], roles: [edit], environments: [alpha], cluster-wide: true",
            "groups: [ops], roles: [view], environments: [alpha, prod], cluster-wide: true",
        ],
        &[
            "groups: [ops], roles: [edit], environments: [alpha], namespaces: { labels: { team: a } }",
            "groups: [ops], roles: [view], environments: [alpha], namespaces: [shop]",
        ],
        &[
            "groups: [ops], roles: [edit], environments: [alpha], namespaces: { labels: { team: a, x: b } }",
            "groups: [ops], roles: [view], environments: [alpha], namespaces: { labels: { team: a } }",
        ],
        // More than the other, something else, and what nobody knows.
        &[
            "groups: [ops], roles: [view, nodes, theirs], environments: [alpha], cluster-wide: true",
            "groups: [ops], roles: [edit], environments: [alpha], namespaces: [shop]",
        ],
        // The inner group's grant says nothing about the outer one.
        &[
            "groups: [ops], roles: [edit], environments: [alpha], namespaces: [shop]",
            "groups: [all], roles: [view], environments: [alpha], namespaces: [shop]",
        ],
    ];
    for grants in cases {
        assert_eq!(told(grants), "", "{grants:?}");
    }
    let grants = "environments: { alpha: { type: k3s, tokens: { groups-claim: CLAIM } } }\ngroups:\n  \
                  all: { members: [{ group: ops }] }\n  ops: { members: [sam@contoso.com] }\n\
                  roles: { view: { cluster-role: view } }\ngrants:\n  \
                  - { groups: [all], roles: [view], environments: [alpha], namespaces: [shop] }\n  \
                  - { groups: [ops], roles: [view], environments: [alpha], namespaces: [shop] }\n";
    let told = |of: &str| super::told("overlapping-grants", &grants.replace("CLAIM", of));
    assert!(told("security-groups").contains("being in `all`"));
    assert_eq!(told("assigned-groups"), "");
}

#[test]
fn production_without_expectation() {
    insta::assert_snapshot!(example("production-without-expectation"), @r#"
    note: nothing is expected of `ops` on `live`
      8:16 "ops" is granted something there
      help: say under `expectations` what they can and cannot do there
    "#);
    let places = |environments: &str, grant: &str, expectations: &str| {
        let text = format!(
            "environments:\n{environments}groups:\n  all: {{ members: [{{ group: ops }}] }}\n  ops: {{ members: [sam@contoso.com, {{ \
             service-principal: 2b3c4d5e-6f70-4819-a2b3-c4d5e6f70819 }}] }}\n  others: {{ members: [kim@contoso.com] }}\nroles:\n  \
             view: {{ cluster-role: view }}\ngrants:\n  - {{ {grant}, roles: [view], environments: [one, two], namespaces: [shop] \
             }}\nexpectations: [{expectations}]\n"
        );
        told("production-without-expectation", &text)
    };
    let two = "  one: { type: k3s, labels: { stage: Production } }\n  two: { type: k3s, protected: true, cluster: \
               77ab0c1d-2e3f-4a5b-8c6d-7e8f9a0b1c2d }\n";
    insta::assert_snapshot!(places(two, "groups: [all], users: [sam@contoso.com, { guest: ana@partner.example }]",
        "{ user: sam@contoso.com, environments: [two], can: [list pods in shop] }"), @r#"
    note: nothing is expected of `all` on `one`
      11:16 "all" is granted something there
      help: say under `expectations` what they can and cannot do there
    note: nothing is expected of `sam@contoso.com` on `one`
      11:30 "sam@contoso.com" is granted something there
      help: say under `expectations` what they can and cannot do there
    note: nothing is expected of `guest:ana@partner.example` on `one` and `two`
      11:47 "{ guest: ana@partner.example }" is granted something there
      help: say under `expectations` what they can and cannot do there
    "#);
    let told = |expectation: &str| {
        places(two, "groups: [all]", &format!("{{ {expectation}, environments: [one, two], cannot: [list nodes] }}"))
    };
    for of_them in ["group: all", "group: ops", "user: SAM@contoso.com"] {
        assert_eq!(told(of_them), "", "{of_them}");
    }
    for of_others in
        ["group: others", "user: kim@contoso.com", "service-principal: 2b3c4d5e-6f70-4819-a2b3-c4d5e6f70819"]
    {
        assert_ne!(told(of_others), "", "{of_others}");
    }
    let outer = "{ group: all, environments: [one, two], cannot: [list nodes] }";
    assert_ne!(places(two, "groups: [ops]", outer), "", "what the outer group may do says nothing about the inner one");
    let elsewhere = "  one: { type: k3s, labels: { stage: dev } }\n  two: { type: k3s }\n";
    assert_eq!(places(elsewhere, "groups: [all]", ""), "");
}

#[test]
fn unused() {
    insta::assert_snapshot!(example("unused-group"), @r#"
    note: `ops` is granted nothing
      2:3 "ops" no grant names it, or a group that it is in
      help: grant it something, or take it out; `plan` says what that deletes
    "#);
    insta::assert_snapshot!(example("unused-role"), @r#"
    note: nobody is granted `read-only`
      2:3 "read-only" no grant names it
      help: take it out, or grant it
    "#);
    let grant = "groups: [all], roles: [view], environments: [alpha], namespaces: [shop]";
    assert_eq!(told_with("unused-group", ROLES, &[grant]), "", "the inner group has it by the outer one");
    let inner = told_with("unused-group", ROLES, &[&grant.replace("all", "ops")]);
    assert!(inner.contains("`all` is granted nothing"), "{inner}");
    let role = "roles:\n  logs: { rules: [{ apiGroups: [''], resources: [pods/log], verbs: [get] }]";
    let environment = "environments: { alpha: { type: k3s } }\n";
    assert_eq!(
        told("unused-role", &format!("{environment}{role}, aggregate-to: [view], environments: [alpha] }}\n")),
        ""
    );
    let delegate =
        "delegate: [{ files: [a.yaml], groups: ['*'], roles: [logs], environments: [alpha], namespaces: [a] }]\n";
    assert_eq!(told("unused-role", &format!("{environment}{delegate}{role} }}\n")), "");
    assert!(!told("unused-role", &format!("{environment}{role} }}\n")).is_empty());
}
