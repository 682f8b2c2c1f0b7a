//! How bindings that are not ours are told.

use std::collections::BTreeMap;

use crate::plan::{Beside, BindingOwner, Plan, Rights, Treatment, UnmanagedBinding, Verdict};
use crate::report::tests::{change, context, empty_plan, id, key, object, origin, subject, unmanaged};
use crate::report::text::{Layout, plan};
use crate::state::power::Power;
use crate::state::{
    Binding, KubernetesKind, Operation, PrincipalName, Resource, RoleKind, RoleRef, Subject, SubjectKind,
};

const WIDE: Layout = Layout { width: 120, colour: false };

fn readers() -> Subject {
    subject(SubjectKind::Group, &id("0f3c").to_string(), Some(PrincipalName::Group(key("readers"))))
}

fn service_account(namespace: &str) -> Subject {
    Subject { namespace: Some(namespace.to_owned()), ..subject(SubjectKind::ServiceAccount, "default", None) }
}

fn binding(name: &str, subjects: Vec<Subject>) -> Resource {
    Resource::Binding(Binding {
        namespace: Some("trinity".parse().unwrap()),
        name: name.to_owned(),
        role: RoleRef { kind: RoleKind::ClusterRole, name: "view".to_owned() },
        subjects,
    })
}

/// Our binding is made, and what was made by hand goes or stays.
fn beside(is_replaced: bool) -> Plan {
    let at = |name: &str| object("alpha", KubernetesKind::RoleBinding, Some("trinity"), name);
    let after = binding("readers-view-34cb26a8a5", vec![readers()]);
    let line = Some(origin("rolecall.yaml", 14));
    let grant = change(at("readers-view-34cb26a8a5"), Operation::Create { after }, line.clone());
    if is_replaced {
        let before = binding("hand-made", vec![Subject { principal: None, ..readers() }]);
        let mut removal = change(at("hand-made"), Operation::Delete { before }, line);
        removal.replaced_by = Some([grant.address.clone()].into());
        let names = BTreeMap::from([(id("0f3c").to_string(), "readers".to_owned())]);
        return Plan { changes: vec![grant, removal], names, ..empty_plan() };
    }
    let told = |name: &str, replaceable| UnmanagedBinding {
        beside: vec![Beside { address: grant.address.clone(), origin: line.clone().unwrap(), replaceable }],
        ..unmanaged(at(name), "view", vec![readers(), subject(SubjectKind::User, "sam@contoso.com", None)])
    };
    let unmanaged = vec![told("hand-made", true), told("more", false)];
    Plan { unmanaged, changes: vec![grant], ..empty_plan() }
}

#[test]
fn a_grant_beside_what_is_held_already() {
    insta::assert_snapshot!(plan(&beside(false), &context(), WIDE), @"
    contoso-platform at 4f2c1aa · tenant contoso.com · 3 environments

    alpha
    + rolebinding trinity/readers-view-34cb26a8a5  rolecall.yaml:14
        group readers (0f3c…) may: clusterrole view
        = already held through rolebinding trinity/hand-made, not ours; `replaces: trinity/hand-made` on this grant takes
              over from it
        = already held through rolebinding trinity/more, not ours

    Not ours, for your information
      alpha  rolebinding trinity/hand-made: group readers (0f3c…) and user sam@contoso.com have clusterrole view in trinity
      alpha  rolebinding trinity/more: group readers (0f3c…) and user sam@contoso.com have clusterrole view in trinity

    Plan: 1 to add, 0 to change, 0 to remove, 0 withheld.
    31 Graph calls (97 units), 24 cluster calls, none throttled, 0.8 s
    ");
    // Where nothing changes at the grant, it is told with the binding.
    let without_changes = Plan { changes: Vec::new(), ..beside(false) };
    insta::assert_snapshot!(plan(&without_changes, &context(), WIDE), @"
    Not ours, for your information
      alpha  rolebinding trinity/hand-made: group readers (0f3c…) and user sam@contoso.com have clusterrole view in trinity.
             rolecall.yaml:14 grants this role there, too; `replaces: trinity/hand-made` on that grant takes over from it
      alpha  rolebinding trinity/more: group readers (0f3c…) and user sam@contoso.com have clusterrole view in trinity.
             rolecall.yaml:14 grants this role there, too

    No changes. 184 groups, 3 environments, 412 bindings match contoso-platform at 4f2c1aa.
    31 Graph calls (97 units), 24 cluster calls, none throttled, 0.8 s
    ");
}

#[test]
fn what_is_taken_over() {
    insta::assert_snapshot!(plan(&beside(true), &context(), WIDE), @"
    contoso-platform at 4f2c1aa · tenant contoso.com · 3 environments

    alpha
    - rolebinding trinity/hand-made                rolecall.yaml:14
        = group readers (0f3c…) still may: clusterrole view
        not ours; replaced by rolebinding trinity/readers-view-34cb26a8a5
    + rolebinding trinity/readers-view-34cb26a8a5  rolecall.yaml:14
        group readers (0f3c…) may: clusterrole view
        = already held through rolebinding trinity/hand-made, which this replaces

    Plan: 1 to add, 0 to change, 1 to remove, 0 withheld.
    31 Graph calls (97 units), 24 cluster calls, none throttled, 0.8 s
    ");
    insta::assert_snapshot!(plan(&beside(true), &context(), Layout { width: 80, ..WIDE }), @"
    contoso-platform at 4f2c1aa · tenant contoso.com · 3 environments

    alpha
    - rolebinding trinity/hand-made                rolecall.yaml:14
        = group readers (0f3c…) still may: clusterrole view
        not ours; replaced by rolebinding trinity/readers-view-34cb26a8a5
    + rolebinding trinity/readers-view-34cb26a8a5  rolecall.yaml:14
        group readers (0f3c…) may: clusterrole view
        = already held through rolebinding trinity/hand-made, which this replaces

    Plan: 1 to add, 0 to change, 1 to remove, 0 withheld.
    31 Graph calls (97 units), 24 cluster calls, none throttled, 0.8 s
    ");
}

#[test]
fn whose_it_is_and_what_it_comes_to() {
    let everywhere = |name: &str, role: &str, subjects| {
        unmanaged(object("alpha", KubernetesKind::ClusterRoleBinding, None, name), role, subjects)
    };
    let sam = || vec![subject(SubjectKind::User, "sam@contoso.com", None)];
    let crowd = (0..9).map(|number| subject(SubjectKind::User, &format!("person{number}"), None)).collect();
    let unmanaged = vec![
        UnmanagedBinding {
            owner: BindingOwner::BuiltIn,
            rights: Rights::Master(Power::All),
            ..everywhere("cluster-admin", "cluster-admin", sam())
        },
        UnmanagedBinding { owner: BindingOwner::LabelsOnly, ..everywhere("copied", "view", vec![readers()]) },
        UnmanagedBinding { rights: Rights::Master(Power::All), ..everywhere("everything", "all", sam()) },
        UnmanagedBinding { rights: Rights::Master(Power::Take), ..everywhere("may-bind", "binder", crowd) },
        UnmanagedBinding {
            owner: BindingOwner::OtherConfig("contoso-apps".to_owned()),
            ..everywhere("other", "view", sam())
        },
        UnmanagedBinding { rights: Rights::Nothing, ..everywhere("without-role", "gone", sam()) },
        UnmanagedBinding {
            treatment: Treatment::Allowed(origin("rolecall.yaml", 5)),
            ..everywhere("allowed", "view", sam())
        },
        everywhere("software", "view", vec![service_account("argocd")]),
        UnmanagedBinding { owner: BindingOwner::OursLabelled, ..everywhere("sre-view-0123456789", "view", sam()) },
        UnmanagedBinding { owner: BindingOwner::OursLabelled, ..everywhere("sre-view-9876543210", "view", Vec::new()) },
    ];
    insta::assert_snapshot!(plan(&Plan { unmanaged, ..empty_plan() }, &context(), WIDE), @r#"
    Not in the files, for your information
      alpha  clusterrolebinding cluster-admin, which passes for Kubernetes' own: user sam@contoso.com is cluster-admin
      alpha  clusterrolebinding copied, which carries our labels and is not ours: group readers (0f3c…) has clusterrole view
      alpha  clusterrolebinding everything: user sam@contoso.com has clusterrole all, which grants everything
      alpha  clusterrolebinding may-bind: user person0, user person1, user person2, user person3, user person4 and 4 more
             have clusterrole binder, which lets whoever has it give itself everything
      alpha  clusterrolebinding other, of the rolecall config "contoso-apps": user sam@contoso.com has clusterrole view
      alpha  clusterrolebinding without-role: user sam@contoso.com has clusterrole gone, a role that is not there
      alpha  clusterrolebinding sre-view-0123456789, which is ours and no longer in the files, and stays until somebody
             takes its label kubernetes.io/bootstrapping off: user sam@contoso.com has clusterrole view
      alpha  clusterrolebinding sre-view-9876543210, which is ours and no longer in the files, and stays until somebody
             takes its label kubernetes.io/bootstrapping off: nobody has clusterrole view
      alpha  clusterrolebinding software: service account argocd/default has clusterrole view

    No changes. 184 groups, 3 environments, 412 bindings match contoso-platform at 4f2c1aa.
    31 Graph calls (97 units), 24 cluster calls, none throttled, 0.8 s
    "#);
}

/// So many bindings to people and so many to service accounts.
fn many(people: usize, software: usize) -> Vec<UnmanagedBinding> {
    let of = |count: usize, name: &'static str, who: fn() -> Subject| {
        (0..count).map(move |number| {
            let name = format!("{name}-{number:03}");
            unmanaged(object("alpha", KubernetesKind::ClusterRoleBinding, None, &name), "view", vec![who()])
        })
    };
    of(people, "hand-made", readers).chain(of(software, "software", || service_account("argocd"))).collect()
}

#[test]
fn large_numbers_fold() {
    let lines = |people, software| {
        let text = plan(&Plan { unmanaged: many(people, software), ..empty_plan() }, &context(), WIDE);
        let told: Vec<String> = text.lines().filter(|line| line.starts_with("  alpha")).map(str::to_owned).collect();
        (told.len(), told.last().cloned().unwrap_or_default())
    };
    assert_eq!(lines(6, 4).0, 10);
    assert_eq!(
        lines(8, 4),
        (9, "  alpha  and 4 bindings that give access to service accounts only; `--output json` lists each".to_owned())
    );
    assert_eq!(lines(10, 0).0, 10);
    assert_eq!(lines(12, 0), (11, "  alpha  and 2 more; `--output json` lists each".to_owned()));
    assert_eq!(
        lines(500, 1),
        (
            11,
            "  alpha  and 490 more, and 1 binding that gives access to service accounts only; `--output json` lists each"
                .to_owned()
        )
    );
    let json = crate::report::json::plan_v1(&Plan { unmanaged: many(500, 1), ..empty_plan() }, &context());
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert_eq!(json["unmanaged"].as_array().unwrap().len(), 501);
}

#[test]
fn what_is_refused_is_told_once() {
    let mut unmanaged = many(12, 0);
    for binding in &mut unmanaged {
        binding.treatment = Treatment::Refused;
    }
    let verdicts = unmanaged
        .iter()
        .map(|binding| Verdict {
            guard: "unmanaged".to_owned(),
            subject: binding.subject(),
            message: format!("{} is not ours", binding.name()),
            acknowledged: false,
            leaves_out: Vec::new(),
        })
        .collect();
    insta::assert_snapshot!(plan(&Plan { unmanaged, verdicts, ..empty_plan() }, &context(), WIDE), @"
    contoso-platform at 4f2c1aa · tenant contoso.com · 3 environments

    ! unmanaged: hand-made-000 is not ours
        if meant: --acknowledge unmanaged:alpha/hand-made-000
    ! unmanaged: hand-made-001 is not ours
        if meant: --acknowledge unmanaged:alpha/hand-made-001
    ! unmanaged: hand-made-002 is not ours
        if meant: --acknowledge unmanaged:alpha/hand-made-002
    ! unmanaged: hand-made-003 is not ours
        if meant: --acknowledge unmanaged:alpha/hand-made-003
    ! unmanaged: hand-made-004 is not ours
        if meant: --acknowledge unmanaged:alpha/hand-made-004
    ! unmanaged: hand-made-005 is not ours
        if meant: --acknowledge unmanaged:alpha/hand-made-005
    ! unmanaged: hand-made-006 is not ours
        if meant: --acknowledge unmanaged:alpha/hand-made-006
    ! unmanaged: hand-made-007 is not ours
        if meant: --acknowledge unmanaged:alpha/hand-made-007
    ! unmanaged: hand-made-008 is not ours
        if meant: --acknowledge unmanaged:alpha/hand-made-008
    ! unmanaged: hand-made-009 is not ours
        if meant: --acknowledge unmanaged:alpha/hand-made-009
    ! unmanaged: 2 more; `--output json` lists each. `*` in `allow-unmanaged` allows many, such as `argocd/*`

    No changes. 184 groups, 3 environments, 412 bindings match contoso-platform at 4f2c1aa. `apply` would refuse: 12 guards.
    31 Graph calls (97 units), 24 cluster calls, none throttled, 0.8 s
    ");
}
