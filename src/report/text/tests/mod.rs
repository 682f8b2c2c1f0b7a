mod access;
mod runs;
mod unmanaged;

use std::path::Path;

use super::*;
use crate::apply::Summary;
use crate::plan::{Compared, Plan, Unread};
use crate::report::tests::*;
use crate::report::{Commit, Context};
use crate::state::{
    Address, Failure, FailureKind, Identity, KubernetesKind, Operation, Outcome, PolicyRule, PrincipalName, Resource,
    SubjectKind,
};

const WIDE: Layout = Layout { width: 120, colour: false };
const NARROW: Layout = Layout { width: 80, colour: false };

#[test]
fn a_plan() {
    insta::assert_snapshot!(plan(&full_plan(), &context(), WIDE), @r#"
    contoso-platform at 4f2c1aa · tenant contoso.com · 4 environments

    Entra
    ~ group k8s_dev_users (0f3c…)
        + member hayden@contoso.com (7d1a…)                      teams/trinity.yaml:9
        - member group "Finance \"all\"" (c0de…)                 not in the files
    - group old-contractors (91be…)                              no longer in the files
    ~ group payments (55aa…)                                     teams/payments.yaml:2
        display name: "Pay\u{1b}[2Jments" → "payments"
        description: none → "Payments"
    + group sre                                                  teams/sre.yaml:3
        display name: "Site Reliability"
        description: "Keeps the lights on, day and night, for every cluster of contoso-platform"
        first owner: "rolecall-applier" (9a1b…), which applies
        + member group k8s_dev_users (0f3c…)                     teams/sre.yaml:6

    alpha
    + rolebinding trinity/k8s_dev_users-read-only-3fa9c1d204     teams/trinity.yaml:31
        group k8s_dev_users (0f3c…) may: clusterrole view
    ! the applier "system:serviceaccount:rolecall:applier" may not write 1 of these:
        rolebinding trinity/k8s_dev_users-read
          needs `bind` on clusterroles/view in namespace trinity, or the rule { apiGroups: [""], resources: [pods,
              services], verbs: [get, list] }
          nobody may give what they do not hold; this allows it, in namespace trinity:
          - { apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles], resourceNames: [view], verbs: [bind] }

    prod
    + clusterrolebinding sre-admin-77ab00ff12 [protected: prod]  teams/sre.yaml:12
        group sre (as "oidc:" and its id, known after apply) may: clusterrole cluster-admin, on the whole cluster

    staging
    ~ clusterrole restarter-0a1b2c3d4e                           rolecall.yaml:40
        - get, list: deployments (apps)
        + get, list, patch: deployments (apps)
        and 1 rule as before
        drift: taken back from field manager "kubectl-edit"
    - rolebinding payments/old-edit-00112233aa                   no longer in the files
        user sam@contoso.com (as oidc:sam@contoso.com) no longer may: clusterrole edit

    Not ours, for your information
      alpha  clusterrolebinding hand-made-admin: user root@contoso.com is cluster-admin
      alpha  rolebinding trinity/apps-edit, of the rolecall config "contoso-apps": group k8s_dev_users (0f3c…) has
             clusterrole edit in trinity

    Notes
      teams/sre.yaml:8  kim@contoso.com is disabled

    Errors
      rolecall.yaml:21  two groups are called `Payments`

    Withheld
      teams/trinity.yaml:10  nobody is `sma@contoso.com`; removals in k8s_dev_users wait (did you mean sam@contoso.com?)
          > correct the name in the files, or take the entry out

    Not read
      dr  https://dr.contoso.com:6443 did not answer within 10 s
          > check the network, or leave it out with --allow-unreachable dr

    Not checked: whether whoever applies may write this
      prod  `reader`, who plans, may write none of this; say who applies

    ! group-deleted: old-contractors would be deleted (restorable for 30 days)
        if meant: --acknowledge group-deleted:old-contractors
    ! cluster-admin-gained: sre on prod
        acknowledged
    ! protected: 1 change reaches prod, which is protected; it is left to a plan made with `plan --save FILE` and applied
          with `apply FILE`

    ! 1 change is withheld.
      Do what stands under "Errors" and "Withheld" above, then plan again. No acknowledgement lifts this.
    No plan for dr: not read.
    Plan: 5 to add, 2 to change, 3 to remove, 1 withheld, 1 error.
    `apply` would refuse: 1 guard.
    1 change would be refused by the API server: rights are missing.
    `apply` without a saved plan would leave out 1 protected change.
    31 Graph calls (97 units), 24 cluster calls, none throttled, 0.8 s
    "#);
}

#[test]
fn a_plan_at_eighty_columns() {
    insta::assert_snapshot!(plan(&full_plan(), &context(), NARROW), @r#"
    contoso-platform at 4f2c1aa · tenant contoso.com · 4 environments

    Entra
    ~ group k8s_dev_users (0f3c…)
        + member hayden@contoso.com (7d1a…)                   teams/trinity.yaml:9
        - member group "Finance \"all\"" (c0de…)              not in the files
    - group old-contractors (91be…)                           no longer in the files
    ~ group payments (55aa…)                                  teams/payments.yaml:2
        display name: "Pay\u{1b}[2Jments" → "payments"
        description: none → "Payments"
    + group sre                                               teams/sre.yaml:3
        display name: "Site Reliability"
        description: "Keeps the lights on, day and night, for every cluster of
            contoso-platform"
        first owner: "rolecall-applier" (9a1b…), which applies
        + member group k8s_dev_users (0f3c…)                  teams/sre.yaml:6

    alpha
    + rolebinding trinity/k8s_dev_users-read-only-3fa9c1d204  teams/trinity.yaml:31
        group k8s_dev_users (0f3c…) may: clusterrole view
    ! the applier "system:serviceaccount:rolecall:applier" may not write 1 of these:
        rolebinding trinity/k8s_dev_users-read
          needs `bind` on clusterroles/view in namespace trinity, or the rule {
              apiGroups: [""], resources: [pods, services], verbs: [get, list] }
          nobody may give what they do not hold; this allows it, in namespace
              trinity:
          - { apiGroups: [rbac.authorization.k8s.io], resources: [clusterroles], resourceNames: [view], verbs: [bind] }

    prod
    + clusterrolebinding sre-admin-77ab00ff12 [protected: prod]  teams/sre.yaml:12
        group sre (as "oidc:" and its id, known after apply) may: clusterrole
            cluster-admin, on the whole cluster

    staging
    ~ clusterrole restarter-0a1b2c3d4e                        rolecall.yaml:40
        - get, list: deployments (apps)
        + get, list, patch: deployments (apps)
        and 1 rule as before
        drift: taken back from field manager "kubectl-edit"
    - rolebinding payments/old-edit-00112233aa                no longer in the files
        user sam@contoso.com (as oidc:sam@contoso.com) no longer may: clusterrole
            edit

    Not ours, for your information
      alpha  clusterrolebinding hand-made-admin: user root@contoso.com is
             cluster-admin
      alpha  rolebinding trinity/apps-edit, of the rolecall config "contoso-apps":
             group k8s_dev_users (0f3c…) has clusterrole edit in trinity

    Notes
      teams/sre.yaml:8
          kim@contoso.com is disabled

    Errors
      rolecall.yaml:21
          two groups are called `Payments`

    Withheld
      teams/trinity.yaml:10
          nobody is `sma@contoso.com`; removals in k8s_dev_users wait (did you mean
          sam@contoso.com?)
          > correct the name in the files, or take the entry out

    Not read
      dr  https://dr.contoso.com:6443 did not answer within 10 s
          > check the network, or leave it out with --allow-unreachable dr

    Not checked: whether whoever applies may write this
      prod  `reader`, who plans, may write none of this; say who applies

    ! group-deleted: old-contractors would be deleted (restorable for 30 days)
        if meant: --acknowledge group-deleted:old-contractors
    ! cluster-admin-gained: sre on prod
        acknowledged
    ! protected: 1 change reaches prod, which is protected; it is left to a plan
          made with `plan --save FILE` and applied with `apply FILE`

    ! 1 change is withheld.
      Do what stands under "Errors" and "Withheld" above, then plan again. No
      acknowledgement lifts this.
    No plan for dr: not read.
    Plan: 5 to add, 2 to change, 3 to remove, 1 withheld, 1 error.
    `apply` would refuse: 1 guard.
    1 change would be refused by the API server: rights are missing.
    `apply` without a saved plan would leave out 1 protected change.
    31 Graph calls (97 units), 24 cluster calls, none throttled, 0.8 s
    "#);
}

#[test]
fn no_line_is_wider_than_the_screen_unless_it_is_to_be_copied() {
    use unicode_width::UnicodeWidthStr as _;
    for layout in [WIDE, NARROW] {
        for line in plan(&full_plan(), &context(), layout).lines() {
            assert!(
                line.width() <= layout.width || line.contains("--acknowledge") || line.contains("- { apiGroups"),
                "{line}"
            );
        }
    }
}

#[test]
fn nothing_to_do() {
    insta::assert_snapshot!(plan(&empty_plan(), &context(), WIDE), @"
    No changes. 184 groups, 3 environments, 412 bindings match contoso-platform at 4f2c1aa.
    31 Graph calls (97 units), 24 cluster calls, none throttled, 0.8 s
    ");
}

#[test]
fn nothing_to_do_outside_git_and_with_changed_files() {
    insta::assert_snapshot!(plan(&empty_plan(), &Context::default(), WIDE), @"No changes. 184 groups, 3 environments, 412 bindings match contoso-platform.");
    let commit = Commit { id: "4f2c1aa".to_owned(), short: "4f2c1aa".to_owned(), dirty: true };
    insta::assert_snapshot!(plan(&empty_plan(), &Context { commit: Some(commit), ..Context::default() }, NARROW), @"
    No changes. 184 groups, 3 environments, 412 bindings match contoso-platform at
    4f2c1aa, with changes not committed.
    ");
}

#[test]
fn nothing_to_do_claims_no_match_for_what_was_not_read() {
    let failure = Failure::new(FailureKind::Forbidden, "403 on GET …/namespaces");
    let unread = vec![Unread { environment: Some(environment("dr")), failure, allowed: true }];
    insta::assert_snapshot!(plan(&Plan { unread, ..empty_plan() }, &context(), WIDE), @"
    contoso-platform at 4f2c1aa · tenant contoso.com · 4 environments

    Not read
      dr (allowed)  403 on GET …/namespaces

    No plan for dr: not read.
    No changes in what was read: 184 groups, 3 environments, 412 bindings compared with contoso-platform at 4f2c1aa.
    31 Graph calls (97 units), 24 cluster calls, none throttled, 0.8 s
    ");
}

/// Clusters are read, but who is bound there is known from Entra only.
#[test]
fn without_entra_nothing_is_said_to_be_unchanged() {
    let failure = Failure::new(FailureKind::Forbidden, "403 on GET /groups: Group.Read.All is missing");
    let unread = vec![Unread { environment: None, failure, allowed: false }];
    let compared = Compared { groups: 0, environments: 3, bindings: 0 };
    let nothing = Plan { unread, compared, ..empty_plan() };
    insta::assert_snapshot!(plan(&nothing, &context(), NARROW), @r#"
    contoso-platform at 4f2c1aa · tenant contoso.com · 3 environments

    Not read
      Entra  403 on GET /groups: Group.Read.All is missing

    No plan, 1 not read: Entra.
    Without Entra no group and no binding could be compared.
    Do what stands under "Not read", then plan again.
    31 Graph calls (97 units), 24 cluster calls, none throttled, 0.8 s
    "#);
    let some = Plan { changes: full_plan().changes.split_off(8), ..nothing };
    let text = plan(&some, &context(), NARROW);
    insta::assert_snapshot!(text.split_once("No plan").map(|(_, end)| end).unwrap(), @"
     for Entra: not read.
    Without Entra no group and no binding could be compared.
    Plan: 1 to add, 0 to change, 1 to remove, 0 withheld.
    31 Graph calls (97 units), 24 cluster calls, none throttled, 0.8 s
    ");
}

#[test]
fn nothing_to_do_still_lists_what_is_not_ours() {
    let Plan { notes, unmanaged, .. } = full_plan();
    insta::assert_snapshot!(plan(&Plan { notes, unmanaged, ..empty_plan() }, &context(), WIDE), @r#"
    Not ours, for your information
      alpha  clusterrolebinding hand-made-admin: user root@contoso.com is cluster-admin
      alpha  rolebinding trinity/apps-edit, of the rolecall config "contoso-apps": group k8s_dev_users (0f3c…) has
             clusterrole edit in trinity

    Notes
      teams/sre.yaml:8  kim@contoso.com is disabled

    No changes. 184 groups, 3 environments, 412 bindings match contoso-platform at 4f2c1aa.
    31 Graph calls (97 units), 24 cluster calls, none throttled, 0.8 s
    "#);
}

#[test]
fn colour_is_in_the_signs() {
    let changes = full_plan().changes.split_off(7);
    let text = plan(&Plan { changes, ..empty_plan() }, &context(), Layout { width: 120, colour: true });
    insta::assert_snapshot!(text.replace('\u{1b}', "ESC"), @r#"
    contoso-platform at 4f2c1aa · tenant contoso.com · 3 environments

    prod
    ESC[32m+ESC[0m clusterrolebinding sre-admin-77ab00ff12 [protected: prod]  teams/sre.yaml:12
        group sre (as "oidc:" and its id, known after apply) may: clusterrole cluster-admin, on the whole cluster

    staging
    ESC[33m~ESC[0m clusterrole restarter-0a1b2c3d4e                           rolecall.yaml:40
        ESC[31m-ESC[0m get, list: deployments (apps)
        ESC[32m+ESC[0m get, list, patch: deployments (apps)
        and 1 rule as before
        drift: taken back from field manager "kubectl-edit"
    ESC[31m-ESC[0m rolebinding payments/old-edit-00112233aa                   no longer in the files
        user sam@contoso.com (as oidc:sam@contoso.com) no longer may: clusterrole edit

    Plan: 1 to add, 1 to change, 1 to remove, 0 withheld.
    31 Graph calls (97 units), 24 cluster calls, none throttled, 0.8 s
    "#);
}

fn many_members(number: usize) -> Plan {
    let group = Identity::Known(id("0f3c"));
    let changes = (0..number)
        .map(|at| {
            let name = user(&format!("person{at:03}@contoso.com"));
            let principal = Identity::Known(id(&format!("{at:04x}")));
            let line = u32::try_from(at).unwrap() + 9;
            add_member(edge("everyone", group.clone(), name, principal), Some(origin("teams/everyone.yaml", line)))
        })
        .collect();
    Plan { changes, ..empty_plan() }
}

#[test]
fn a_long_list_stands_in_columns() {
    insta::assert_snapshot!(plan(&many_members(14), &context(), WIDE), @"
    contoso-platform at 4f2c1aa · tenant contoso.com · 3 environments

    Entra
    ~ group everyone (0f3c…)
        + 14 members  teams/everyone.yaml:9-22
            person000@contoso.com (0000…)  person001@contoso.com (0001…)  person002@contoso.com (0002…)
            person003@contoso.com (0003…)  person004@contoso.com (0004…)  person005@contoso.com (0005…)
            person006@contoso.com (0006…)  person007@contoso.com (0007…)  person008@contoso.com (0008…)
            person009@contoso.com (0009…)  person010@contoso.com (000a…)  person011@contoso.com (000b…)
            person012@contoso.com (000c…)  person013@contoso.com (000d…)

    Plan: 14 to add, 0 to change, 0 to remove, 0 withheld.
    31 Graph calls (97 units), 24 cluster calls, none throttled, 0.8 s
    ");
    insta::assert_snapshot!(plan(&many_members(14), &context(), NARROW), @"
    contoso-platform at 4f2c1aa · tenant contoso.com · 3 environments

    Entra
    ~ group everyone (0f3c…)
        + 14 members  teams/everyone.yaml:9-22
            person000@contoso.com (0000…)  person001@contoso.com (0001…)
            person002@contoso.com (0002…)  person003@contoso.com (0003…)
            person004@contoso.com (0004…)  person005@contoso.com (0005…)
            person006@contoso.com (0006…)  person007@contoso.com (0007…)
            person008@contoso.com (0008…)  person009@contoso.com (0009…)
            person010@contoso.com (000a…)  person011@contoso.com (000b…)
            person012@contoso.com (000c…)  person013@contoso.com (000d…)

    Plan: 14 to add, 0 to change, 0 to remove, 0 withheld.
    31 Graph calls (97 units), 24 cluster calls, none throttled, 0.8 s
    ");
}

#[test]
fn a_long_list_leaves_nobody_out() {
    let many = many_members(500);
    let text = plan(&many, &context(), WIDE);
    for at in 0..500 {
        assert_eq!(text.matches(&format!("person{at:03}@contoso.com ({at:04x}…)")).count(), 1);
    }
    assert!(text.lines().count() < 200, "{}", text.lines().count());
}

#[test]
fn a_long_list_marks_who_is_protected() {
    let mut many = many_members(13);
    many.changes[3].protected = [environment("prod")].into();
    let text = plan(&many, &context(), WIDE);
    assert!(text.contains("person003@contoso.com (0003…) [protected: prod]"), "{text}");
    assert_eq!(text.matches("[protected: prod]").count(), 1);
    for change in &mut many.changes {
        change.protected = [environment("prod")].into();
    }
    let text = plan(&many, &context(), WIDE);
    assert!(text.contains("+ 13 members [protected: prod]"), "{text}");
    assert_eq!(text.matches("[protected: prod]").count(), 1);
}

#[test]
fn what_waits_for_something_protected_is_marked_too() {
    let mut many = many_members(1);
    many.verdicts = full_plan().verdicts;
    many.verdicts[2].leaves_out = vec![many.changes[0].address.clone()];
    let text = plan(&many, &context(), WIDE);
    assert!(text.contains("member person000@contoso.com (0000…) [protected: prod]"), "{text}");
}

#[test]
fn owners_come_before_members_and_every_kind_of_principal_has_a_name() {
    let group = Identity::Known(id("0f3c"));
    let app = "1f2e0000-0000-0000-0000-000000000001".parse().unwrap();
    let member = |who: PrincipalName, principal: &str| {
        add_member(edge("sre", group.clone(), who, Identity::Known(id(principal))), None)
    };
    let owner = edge("sre", group.clone(), user("erin@contoso.com"), Identity::Known(id("e111")));
    let changes = vec![
        member(PrincipalName::Guest("ana@partner.example".parse().unwrap()), "a111"),
        member(PrincipalName::ServicePrincipal(app), "5111"),
        member(PrincipalName::GroupId(id("c0de")), "c0de"),
        member(PrincipalName::Object(id("de41")), "de41"),
        add_member(
            edge("sre", group.clone(), PrincipalName::Group(key("new")), Identity::AfterApply(key("new"))),
            None,
        ),
        change(
            Address::Owner(key("sre"), user("erin@contoso.com")),
            Operation::Create { after: Resource::Owner(owner) },
            None,
        ),
    ];
    // A name that only repeats what the files say is not said twice.
    let names = [
        (id("5111").to_string(), "deployer".to_owned()),
        (id("c0de").to_string(), PrincipalName::GroupId(id("c0de")).to_string()),
    ]
    .into();
    let text = plan(&Plan { changes, names, ..empty_plan() }, &context(), WIDE);
    insta::assert_snapshot!(text.split("\n\n").nth(1).unwrap(), @r#"
    Entra
    ~ group sre (0f3c…)
        + owner erin@contoso.com (e111…)
        + member guest ana@partner.example (a111…)
        + member group new
        + member group c0de0000-0000-0000-0000-000000000001
        + member service principal "deployer" of app 1f2e0000-0000-0000-0000-000000000001 (5111…)
        + member device de410000-0000-0000-0000-000000000001
    "#);
}

fn alpha(before: Option<Resource>, after: Option<Resource>) -> String {
    let operation = match (before, after) {
        (Some(before), Some(after)) => Operation::Update { before, after },
        (Some(before), None) => Operation::Delete { before },
        (None, Some(after)) => Operation::Create { after },
        (None, None) => panic!("a change has a side"),
    };
    let address = object("alpha", KubernetesKind::ClusterRole, None, "object");
    let changes = vec![change(address, operation, None)];
    let names = [(id("beef").to_string(), "kim@contoso.com".to_owned())].into();
    let text = plan(&Plan { changes, names, ..empty_plan() }, &context(), WIDE);
    text.split("\n\n").nth(1).unwrap().to_owned()
}

#[test]
fn rules_read_as_sentences() {
    let rules = vec![
        rule(&["*"], &["*"], &["*"]),
        rule(&["", "apps"], &["pods", "deployments"], &["get", "list"]),
        PolicyRule { resource_names: vec!["a b".to_owned()], ..rule(&[""], &["configmaps"], &["get"]) },
        PolicyRule {
            verbs: vec!["get".to_owned()],
            non_resource_urls: vec!["/healthz".to_owned(), "/metrics/*".to_owned()],
            ..PolicyRule::default()
        },
    ];
    insta::assert_snapshot!(alpha(None, Some(role("object", rules.clone()))), @r#"
    alpha
    + clusterrole object
        + get: URL /healthz, /metrics/*
        + get: configmaps (core) named "a b"
        + get, list: deployments, pods (core, apps)
        + every verb: every resource (every API group)
    "#);
    insta::assert_snapshot!(alpha(Some(role("object", rules)), None), @r#"
    alpha
    - clusterrole object  no longer in the files
        - get: URL /healthz, /metrics/*
        - get: configmaps (core) named "a b"
        - get, list: deployments, pods (core, apps)
        - every verb: every resource (every API group)
    "#);
}

#[test]
fn an_object_with_the_right_content_says_what_is_mended() {
    let rules = vec![rule(&["apps"], &["deployments"], &["get"])];
    insta::assert_snapshot!(alpha(Some(role("object", rules.clone())), Some(role("object", rules))), @"
    alpha
    ~ clusterrole object
        its rules stay; its marks of ownership are set right
    ");
    let grant = Resource::Binding(binding(None, "object", "view", Vec::new()));
    insta::assert_snapshot!(alpha(Some(grant.clone()), Some(grant)), @"
    alpha
    ~ clusterrole object
        what it grants stays; its marks of ownership are set right
    ");
}

#[test]
fn a_binding_says_which_subjects_it_gains_and_loses() {
    let ours = subject(SubjectKind::Group, &id("0f3c").to_string(), Some(PrincipalName::Group(key("sre"))));
    let live = subject(SubjectKind::Group, &id("0f3c").to_string(), None);
    let foreign = subject(SubjectKind::User, "root@contoso.com", None);
    let mut account = subject(SubjectKind::ServiceAccount, "deployer", None);
    account.namespace = Some("ci".to_owned());
    let before = Resource::Binding(binding(None, "object", "view", vec![live, foreign, account]));
    let after = Resource::Binding(binding(None, "object", "view", vec![ours]));
    insta::assert_snapshot!(alpha(Some(before), Some(after)), @"
    alpha
    ~ clusterrole object
        - user root@contoso.com no longer may: clusterrole view, on the whole cluster
        - service account ci/deployer no longer may: clusterrole view, on the whole cluster
          group sre (0f3c…) may: clusterrole view, on the whole cluster (unchanged)
    ");
}

#[test]
fn a_subject_is_spelt_as_the_api_server_sees_it() {
    let sre = Some(PrincipalName::Group(key("sre")));
    let sam = Some(user("sam@contoso.com"));
    let subjects = vec![
        subject(SubjectKind::Group, "sre", sre.clone()),
        subject(SubjectKind::Group, "Site Reliability", sre.clone()),
        subject(SubjectKind::Group, &format!("oidc:{}", id("0f3c")), sre),
        subject(SubjectKind::User, "sam@contoso.com", sam.clone()),
        subject(SubjectKind::User, "Sam@contoso.com", sam.clone()),
        subject(SubjectKind::User, &id("5a11").to_string(), sam),
        subject(SubjectKind::User, &id("beef").to_string(), None),
        subject(SubjectKind::User, &format!("oidc:{}", id("beef")), None),
    ];
    insta::assert_snapshot!(alpha(None, Some(Resource::Binding(binding(None, "object", "view", subjects)))), @r#"
    alpha
    + clusterrole object
        group sre may: clusterrole view, on the whole cluster
        group sre (as "Site Reliability") may: clusterrole view, on the whole cluster
        group sre (as oidc:0f3c0000-0000-0000-0000-000000000001) may: clusterrole view, on the whole cluster
        user sam@contoso.com may: clusterrole view, on the whole cluster
        user sam@contoso.com (as Sam@contoso.com) may: clusterrole view, on the whole cluster
        user sam@contoso.com (5a11…) may: clusterrole view, on the whole cluster
        user kim@contoso.com (beef…) may: clusterrole view, on the whole cluster
        user kim@contoso.com (as oidc:beef0000-0000-0000-0000-000000000001) may: clusterrole view, on the whole cluster
    "#);
}

#[test]
fn an_acknowledgement_can_be_pasted() {
    let mut plan_ = empty_plan();
    plan_.verdicts = full_plan().verdicts;
    plan_.verdicts[0].subject = "prod/kim o'hara".to_owned();
    let text = plan(&plan_, &context(), WIDE);
    assert!(text.contains(r"--acknowledge 'group-deleted:prod/kim o'\''hara'"), "{text}");
}

#[test]
fn a_role_that_is_added_to_another_says_who_gains() {
    use crate::state::{DefaultRole, Role};
    let role = |to: &[DefaultRole], verbs: &[&str]| {
        Resource::Role(Role {
            namespace: None,
            name: "crontabs".to_owned(),
            rules: vec![rule(&["stable.contoso.com"], &["crontabs"], verbs)],
            aggregate_to: to.iter().copied().collect(),
        })
    };
    let (view, edit) = (&[DefaultRole::View][..], &[DefaultRole::Edit][..]);
    let operations = [
        Operation::Create { after: role(view, &["get"]) },
        Operation::Update { before: role(edit, &["get"]), after: role(view, &["get"]) },
        Operation::Update { before: role(view, &["get"]), after: role(edit, &["get"]) },
        Operation::Update { before: role(edit, &["get"]), after: role(edit, &["list"]) },
        Operation::Delete { before: role(&[DefaultRole::Admin], &["get"]) },
    ];
    let shown = operations.into_iter().map(|operation| {
        let address = object("alpha", KubernetesKind::ClusterRole, None, "crontabs");
        let changes = vec![change(address, operation, None)];
        let text = plan(&Plan { changes, ..empty_plan() }, &context(), WIDE);
        text.lines()
            .skip_while(|line| *line != "alpha")
            .skip(1)
            .take_while(|line| !line.is_empty())
            .fold(String::new(), |text, line| text + line + "\n")
    });
    insta::assert_snapshot!(shown.collect::<String>(), @"
    + clusterrole crontabs
        + get: crontabs (stable.contoso.com)
        ! everybody who has view or edit or admin on this cluster, by whatever binding, gets these rules too
          with this plan: nobody
    ~ clusterrole crontabs
        ! everybody who has view on this cluster, by whatever binding, gets these rules too
          with this plan: nobody
    ~ clusterrole crontabs
        whoever has view no longer gets these rules by it
          who loses by it: nobody
    ~ clusterrole crontabs
        - get: crontabs (stable.contoso.com)
        + list: crontabs (stable.contoso.com)
        ! everybody who has edit or admin on this cluster, by whatever binding, gets these rules too
          with this plan: nobody
    - clusterrole crontabs  no longer in the files
        - get: crontabs (stable.contoso.com)
        whoever has admin no longer gets these rules by it
          who loses by it: nobody
    ");
}

#[test]
fn words_behind_a_term_stand_behind_it() {
    insta::assert_snapshot!(paragraph("error: ", "one two\u{1b} three four five", 20), @r#"
    error: one two\u{1b}
           three four
           five
    "#);
    insta::assert_snapshot!(paragraph("error: ", "one two three four five", usize::MAX), @"error: one two three four five");
}
