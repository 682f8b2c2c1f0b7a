//! Roles and bindings: each thing that is done, withheld or noted.

use std::collections::BTreeMap;

use insta::assert_snapshot;

use super::world::{
    World, at, cluster_role, environment, id, in_namespace, meta, namespace, number, principal, rule, subject, uid, who,
};
use crate::state::{
    Applier, DesiredBinding, DesiredRole, Failure, FailureKind, LiveRole, Mark, Only, Role, RoleKind, RoleRef,
    RoleTarget, ScopeTarget, Subject, SubjectKind, Target,
};

fn selector(team: &str) -> ScopeTarget {
    ScopeTarget::Selector(BTreeMap::from([("team".to_owned(), team.to_owned())]))
}

/// A live role of ours with the name that [`World::role`] gives.
fn live_role<'w>(world: &'w mut World, name: &str, mark: Mark) -> &'w mut LiveRole {
    let role = Role {
        namespace: None,
        name: format!("{name}-object"),
        rules: vec![rule(&["get"], &["pods"])],
        aggregate_to: std::collections::BTreeSet::new(),
    };
    let roles = &mut world.cluster().roles;
    roles.push(LiveRole::new(role, meta(mark)));
    roles.last_mut().unwrap()
}

/// Readers, asked for and there, with Hayden.
pub(super) fn with_readers() -> World {
    let mut world = World::new();
    world.ask("readers", &["hayden"]);
    world.live("readers", &["hayden"]);
    world
}

fn group_subject(name: &str) -> Subject {
    subject(SubjectKind::Group, &id(number(name)).to_string())
}

#[test]
fn a_grant_becomes_a_binding_after_its_role() {
    let mut world = with_readers();
    let role = world.role("restarter", vec![rule(&["patch"], &["deployments"])]);
    let scope = in_namespace("trinity");
    world.alpha().bindings.push(DesiredBinding { subject: who("group:readers"), role, scope, origin: at(31) });
    world.grant("group:readers", "view", ScopeTarget::Cluster);
    let plan = world.plan();
    assert_snapshot!(super::show(&plan), @"
    + alpha/clusterrole/restarter-object
    + alpha/clusterrolebinding/readers-view-cde4233b68
    + alpha/rolebinding/trinity/readers-restarter-e5e2b04941
        after alpha/clusterrole/restarter-object
    ");
    let view = plan.changes.iter().find(|change| change.address.to_string().contains("view")).unwrap();
    assert_eq!(view.refers.keys().collect::<Vec<_>>(), ["clusterrole/view"]);
    assert_eq!(view.cluster, Some(uid(0xa1)));
}

#[test]
fn a_role_and_a_binding_of_ours_that_match_are_left_alone() {
    let mut world = with_readers();
    let binding = world.grant("group:readers", "view", in_namespace("trinity"));
    let name = world.name_of(&binding);
    world.bind(Some("trinity"), &name, "view", group_subject("readers"), Mark::Ours);
    world.role("restarter", vec![rule(&["get"], &["pods"])]);
    live_role(&mut world, "restarter", Mark::Ours);
    assert_snapshot!(world.shown(), @"");
}

#[test]
fn drift_is_taken_back_and_the_other_manager_is_named() {
    let mut world = with_readers();
    let binding = world.grant("group:readers", "view", in_namespace("trinity"));
    let name = world.name_of(&binding);
    world.bind(Some("trinity"), &name, "view", subject(SubjectKind::User, "mallory"), Mark::Ours);
    world.role("restarter", vec![rule(&["get"], &["pods"])]);
    let role = live_role(&mut world, "restarter", Mark::Ours);
    role.meta.other_managers = vec!["kubectl-edit".to_owned()];
    role.role.rules = vec![rule(&["*"], &["pods"])];
    let plan = world.plan();
    assert_snapshot!(super::show(&plan), @"
    ~ alpha/clusterrole/restarter-object
    ~ alpha/rolebinding/trinity/readers-view-34cb26a8a5
    ");
    assert_eq!(plan.changes[0].overrules, ["kubectl-edit"]);
    assert_eq!(plan.changes[1].uid.as_deref(), Some("uid-1"));
    assert_eq!(plan.changes[1].resource_version.as_deref(), Some("7"));
}

#[test]
fn what_has_our_name_and_not_our_mark_is_in_the_way() {
    let mut world = with_readers();
    let binding = world.grant("group:readers", "view", in_namespace("trinity"));
    let name = world.name_of(&binding);
    world.bind(Some("trinity"), &name, "view", group_subject("readers"), Mark::LabelsOnly);
    let role = world.role("restarter", vec![rule(&["get"], &["pods"])]);
    live_role(&mut world, "restarter", Mark::OtherConfig("other".to_owned()));
    world.alpha().bindings.push(DesiredBinding {
        subject: who("group:readers"),
        role,
        scope: ScopeTarget::Cluster,
        origin: at(31),
    });
    assert_snapshot!(world.shown(), @"
    withheld name-taken at access.yaml:20: alpha/clusterrole/restarter-object is there already and is not ours: it belongs to the rolecall config `other`. Nothing that is not ours is changed; have it deleted or renamed, then plan again
        alpha/clusterrole/restarter-object
        alpha/clusterrolebinding/readers-restarter-b642139de3
    withheld name-taken at access.yaml:30: alpha/rolebinding/trinity/readers-view-34cb26a8a5 is there already and is not ours: it carries our labels, but rolecall did not apply it. Nothing that is not ours is changed; have it deleted or renamed, then plan again
        alpha/rolebinding/trinity/readers-view-34cb26a8a5
    unmanaged alpha/rolebinding/trinity/readers-view-34cb26a8a5 (LabelsOnly) reported: view to group:readers
    ");
}

#[test]
fn a_role_that_the_cluster_fills_cannot_be_ours() {
    let mut world = World::new();
    world.role("restarter", vec![rule(&["get"], &["pods"])]);
    live_role(&mut world, "restarter", Mark::Ours).aggregation = Some(Vec::new());
    assert_snapshot!(world.shown(), @"
    withheld aggregated-role at access.yaml:20: alpha/clusterrole/restarter-object has got an `aggregationRule` that is not ours: its rules are filled by the cluster and cannot be those of the file. Remove the `aggregationRule`, then plan again
        alpha/clusterrole/restarter-object
    ");
}

#[test]
fn a_binding_of_ours_made_anew_for_another_role_is_said() {
    let mut world = with_readers();
    let binding = world.grant("group:readers", "view", in_namespace("trinity"));
    let name = world.name_of(&binding);
    world.bind(Some("trinity"), &name, "cluster-admin", group_subject("readers"), Mark::Ours);
    assert_snapshot!(world.shown(), @"
    withheld other-role at access.yaml:30: alpha/rolebinding/trinity/readers-view-34cb26a8a5 is ours, but somebody made it anew for clusterrole cluster-admin; a binding's role cannot be changed. Delete it, then plan again
        alpha/rolebinding/trinity/readers-view-34cb26a8a5
    ");
}

#[test]
fn a_missing_namespace_withholds_its_own_grants() {
    let mut world = with_readers();
    world.grant("group:readers", "view", in_namespace("trinty"));
    world.grant("group:readers", "edit", in_namespace("trinty"));
    world.grant("group:readers", "view", in_namespace("trinity"));
    let reference = RoleRef { kind: RoleKind::Role, name: "local-object".to_owned() };
    world.alpha().roles.push(DesiredRole {
        origin: at(20),
        key: "local".parse().unwrap(),
        namespace: Some(namespace("trinty")),
        name: "local-object".to_owned(),
        rules: Vec::new(),
        aggregate_to: std::collections::BTreeSet::new(),
    });
    let role = RoleTarget { key: "local".parse().unwrap(), reference, ours: true };
    let scope = in_namespace("trinty");
    world.alpha().bindings.push(DesiredBinding { subject: who("group:readers"), role, scope, origin: at(31) });
    assert_snapshot!(world.shown(), @"
    + alpha/rolebinding/trinity/readers-view-34cb26a8a5
    withheld missing-namespace at access.yaml:20: alpha has no namespace `trinty` (did you mean `trinity`?), or it is being deleted; what is granted there waits until it is there
        alpha/role/trinty/local-object
        alpha/rolebinding/trinty/readers-local-061c2f98be
    withheld missing-namespace at access.yaml:30: alpha has no namespace `trinty` (did you mean `trinity`?), or it is being deleted; what is granted there waits until it is there
        alpha/rolebinding/trinty/readers-edit-8e026f54d1
        alpha/rolebinding/trinty/readers-view-db38ae12f3
    withheld missing-namespace at access.yaml:31: alpha has no namespace `trinty` (did you mean `trinity`?), or it is being deleted; what is granted there waits until it is there
        alpha/rolebinding/trinty/readers-local-061c2f98be
    ");
}

#[test]
fn a_missing_role_is_said_with_the_nearest_name() {
    let mut world = with_readers();
    world.grant("group:readers", "veiw", in_namespace("trinity"));
    world.grant("group:readers", "deployer", in_namespace("trinity"));
    assert_snapshot!(world.shown(), @"
    withheld missing-role at access.yaml:30: alpha has no clusterrole named `deployer`; what the role deployer grants there waits until it does
        alpha/rolebinding/trinity/readers-deployer-7f79776732
    withheld missing-role at access.yaml:30: alpha has no clusterrole named `veiw` (did you mean `view`?); what the role veiw grants there waits until it does
        alpha/rolebinding/trinity/readers-veiw-fa4b33e402
    ");
}

#[test]
fn a_selector_is_resolved_live_and_never_matches_the_clusters_own_namespaces() {
    let mut world = with_readers();
    world.grant("group:readers", "view", selector("trinity"));
    world.grant("group:readers", "edit", selector("nobody"));
    world
        .cluster()
        .namespaces
        .insert(namespace("default"), BTreeMap::from([("team".to_owned(), "trinity".to_owned())]));
    world.cluster().namespaces.insert(namespace("neo"), BTreeMap::from([("team".to_owned(), "trinity".to_owned())]));
    let plan = world.plan();
    assert_snapshot!(super::show(&plan), @"
    + alpha/rolebinding/neo/readers-view-fdc08e543f
    + alpha/rolebinding/trinity/readers-view-fdc08e543f
    note empty-selector: no namespace of alpha has the labels team=nobody
    ");
    let two = plan.changes[0].refers.clone();
    assert_eq!(two.keys().collect::<Vec<_>>(), ["clusterrole/view", "namespaces/team=trinity"]);
    world.cluster().namespaces.remove(&namespace("neo"));
    assert_ne!(world.plan().changes[0].refers, two, "what the selector matched is relied on");
}

#[test]
fn a_subject_that_does_not_resolve_holds_back_what_it_might_replace() {
    let mut world = with_readers();
    world.grant("nobody", "view", in_namespace("trinity"));
    world.bind(Some("trinity"), "nobody-edit-1", "edit", subject(SubjectKind::User, "somebody"), Mark::Ours);
    world.bind(Some("payments"), "other-edit-1", "edit", subject(SubjectKind::User, "somebody"), Mark::Ours);
    world.bind(Some("trinity"), "readers-edit-1", "edit", group_subject("readers"), Mark::Ours);
    assert_snapshot!(world.shown(), @"
    - alpha/rolebinding/payments/other-edit-1
    - alpha/rolebinding/trinity/readers-edit-1
    withheld unknown-person at access.yaml:30: `nobody@contoso.com`: nothing in Entra has this name
        alpha/rolebinding/trinity/nobody-edit-1
        alpha/rolebinding/trinity/nobody-view-173aad94cb
    ");
}

#[test]
fn what_the_files_ask_for_is_kept_though_its_subject_is_unknown() {
    let mut world = World::new();
    let binding = world.grant("nobody", "view", in_namespace("trinity"));
    let name = world.name_of(&binding);
    world.bind(Some("trinity"), &name, "view", subject(SubjectKind::User, "somebody"), Mark::Ours);
    assert_snapshot!(world.shown(), @"
    withheld unknown-person at access.yaml:30: `nobody@contoso.com`: nothing in Entra has this name
        alpha/rolebinding/trinity/nobody-view-173aad94cb
    ");
}

#[test]
fn a_replaced_role_is_granted_before_the_old_one_goes() {
    let mut world = with_readers();
    world.grant("group:readers", "edit", in_namespace("trinity"));
    world.bind(Some("trinity"), "readers-view-1", "restarter-object", group_subject("readers"), Mark::Ours);
    live_role(&mut world, "restarter", Mark::Ours);
    assert_snapshot!(world.shown(), @"
    + alpha/rolebinding/trinity/readers-edit-d613f75ae1
    - alpha/rolebinding/trinity/readers-view-1
        after alpha/rolebinding/trinity/readers-edit-d613f75ae1
    - alpha/clusterrole/restarter-object
        after alpha/rolebinding/trinity/readers-view-1
    ");
}

#[test]
fn where_the_new_grant_cannot_be_made_the_old_one_stays() {
    let mut world = with_readers();
    world.grant("group:readers", "deployer", in_namespace("trinity"));
    world.bind(Some("trinity"), "readers-view-1", "restarter-object", group_subject("readers"), Mark::Ours);
    world.bind(Some("payments"), "readers-view-1", "view", group_subject("readers"), Mark::Ours);
    live_role(&mut world, "restarter", Mark::Ours);
    assert_snapshot!(world.shown(), @"
    - alpha/rolebinding/payments/readers-view-1
    withheld missing-role at access.yaml:30: alpha has no clusterrole named `deployer`; what the role deployer grants there waits until it does
        alpha/clusterrole/restarter-object
        alpha/rolebinding/trinity/readers-deployer-7f79776732
        alpha/rolebinding/trinity/readers-view-1
    ");
}

#[test]
fn only_what_is_ours_is_pruned() {
    let mut world = World::new();
    for (name, mark) in
        [("none", Mark::None), ("copied", Mark::LabelsOnly), ("theirs", Mark::OtherConfig("other".to_owned()))]
    {
        world.bind(None, name, "view", subject(SubjectKind::User, "root@contoso.com"), mark);
    }
    world.bind(None, "ours", "view", subject(SubjectKind::User, "sam"), Mark::Ours);
    world.bind(None, "bootstrap", "view", subject(SubjectKind::User, "sam"), Mark::Ours);
    world.cluster().bindings.last_mut().unwrap().meta.bootstrapping = true;
    live_role(&mut world, "theirs", Mark::OtherConfig("other".to_owned()));
    live_role(&mut world, "ours", Mark::Ours);
    assert_snapshot!(world.shown(), @r#"
    - alpha/clusterrole/ours-object
    - alpha/clusterrolebinding/ours
    unmanaged alpha/clusterrolebinding/bootstrap (OursLabelled) reported: view to user Known("sam")
    unmanaged alpha/clusterrolebinding/copied (LabelsOnly) reported: view to user Known("root@contoso.com")
    unmanaged alpha/clusterrolebinding/none (Unmarked) reported: view to user Known("root@contoso.com")
    unmanaged alpha/clusterrolebinding/theirs (OtherConfig("other")) reported: view to user Known("root@contoso.com")
    guard empty-config:contoso-platform: the files ask for nothing, and contoso-platform has 0 groups and 3 objects on clusters that would go
    "#);
}

#[test]
fn the_binding_we_act_through_is_never_pruned() {
    let mut world = World::new();
    let service_account =
        Subject { namespace: Some("rolecall".to_owned()), ..subject(SubjectKind::ServiceAccount, "applier") };
    world.bind(None, "by-account", "view", service_account, Mark::Ours);
    let name = world.cluster().username.clone();
    world.bind(None, "by-name", "view", subject(SubjectKind::User, &name), Mark::Ours);
    world.bind(None, "by-group", "restarter-object", subject(SubjectKind::Group, "system:authenticated"), Mark::Ours);
    live_role(&mut world, "restarter", Mark::Ours);
    assert_snapshot!(world.shown(), @"
    withheld own-access (error): no file asks for alpha/clusterrolebinding/by-account, and it stays: it gives system:serviceaccount:rolecall:applier, who runs this, its access (service account applier). Take system:serviceaccount:rolecall:applier, who runs this, out of it, or have somebody delete it who does not need it
        alpha/clusterrolebinding/by-account
    withheld own-access (error): no file asks for alpha/clusterrolebinding/by-group, and it stays: it gives system:serviceaccount:rolecall:applier, who runs this, its access (group system:authenticated). Take system:serviceaccount:rolecall:applier, who runs this, out of it, or have somebody delete it who does not need it
        alpha/clusterrole/restarter-object
        alpha/clusterrolebinding/by-group
    withheld own-access (error): no file asks for alpha/clusterrolebinding/by-name, and it stays: it gives system:serviceaccount:rolecall:applier, who runs this, its access (user system:serviceaccount:rolecall:applier). Take system:serviceaccount:rolecall:applier, who runs this, out of it, or have somebody delete it who does not need it
        alpha/clusterrolebinding/by-name
    ");
}

#[test]
fn what_the_applier_acts_through_is_never_pruned() {
    let mut world = World::new();
    let name = "system:serviceaccount:rolecall:planner";
    world.cluster().username = name.to_owned();
    world.alpha().applier = Some(Applier::new("ci", ["deployers".to_owned()]));
    world.bind(None, "by-name", "view", subject(SubjectKind::User, "ci"), Mark::Ours);
    world.bind(None, "by-group", "view", subject(SubjectKind::Group, "deployers"), Mark::Ours);
    world.bind(None, "planners", "view", subject(SubjectKind::User, name), Mark::Ours);
    world.bind(None, "sams", "view", subject(SubjectKind::User, "sam"), Mark::Ours);
    assert_snapshot!(world.shown(), @"
    - alpha/clusterrolebinding/sams
    withheld own-access (error): no file asks for alpha/clusterrolebinding/by-group, and it stays: it gives ci, the `applier` of this environment, its access (group deployers). Take ci, the `applier` of this environment, out of it, or have somebody delete it who does not need it
        alpha/clusterrolebinding/by-group
    withheld own-access (error): no file asks for alpha/clusterrolebinding/by-name, and it stays: it gives ci, the `applier` of this environment, its access (user ci). Take ci, the `applier` of this environment, out of it, or have somebody delete it who does not need it
        alpha/clusterrolebinding/by-name
    withheld own-access (error): no file asks for alpha/clusterrolebinding/planners, and it stays: it gives system:serviceaccount:rolecall:planner, who runs this, its access (user system:serviceaccount:rolecall:planner). Take system:serviceaccount:rolecall:planner, who runs this, out of it, or have somebody delete it who does not need it
        alpha/clusterrolebinding/planners
    guard empty-config:contoso-platform: the files ask for nothing, and contoso-platform has 0 groups and 4 objects on clusters that would go
    ");
}

#[test]
fn a_role_of_ours_that_passes_for_kubernetes_own_is_said() {
    let mut world = World::new();
    live_role(&mut world, "restarter", Mark::Ours);
    world.cluster().roles.last_mut().unwrap().meta.bootstrapping = true;
    assert_snapshot!(world.shown(), @"
    withheld passes-for-built-in: alpha/clusterrole/restarter-object is ours and no file defines it any more, but somebody gave it the label `kubernetes.io/bootstrapping`, and what has that is never removed. Take the label off, then plan again
        alpha/clusterrole/restarter-object
    ");
}

#[test]
fn a_role_in_use_is_not_pruned() {
    let mut world = with_readers();
    live_role(&mut world, "by-hand", Mark::Ours);
    world.bind(Some("trinity"), "hand-made", "by-hand-object", subject(SubjectKind::User, "root"), Mark::None);
    live_role(&mut world, "borrowed", Mark::Ours);
    world.grant("group:readers", "borrowed-object", in_namespace("trinity"));
    assert_snapshot!(world.shown(), @r#"
    + alpha/rolebinding/trinity/readers-borrowed-object-4c33cb7d64
    withheld role-in-use: alpha/clusterrole/borrowed-object is ours and no file defines it any more, but the files refer to it as a role that is there; it is left alone until nothing does
        alpha/clusterrole/borrowed-object
    withheld role-in-use: alpha/clusterrole/by-hand-object is ours and no file defines it any more, but alpha/rolebinding/trinity/hand-made, which stays, refers to it; it is left alone until nothing does
        alpha/clusterrole/by-hand-object
    unmanaged alpha/rolebinding/trinity/hand-made (Unmarked) reported: by-hand-object to user Known("root")
    "#);
}

#[test]
fn a_group_is_deleted_after_its_bindings() {
    let mut world = World::new();
    world.live("old", &["sam"]);
    world.bind(Some("trinity"), "old-view-1", "view", group_subject("old"), Mark::Ours);
    assert_snapshot!(world.shown(), @"
    - alpha/rolebinding/trinity/old-view-1
    - entra/group/old
        after alpha/rolebinding/trinity/old-view-1
    guard empty-config:contoso-platform: the files ask for nothing, and contoso-platform has 1 group and 1 object on clusters that would go
    guard group-deleted:old: old would be deleted (restorable for 30 days) with its 1 member: sam@contoso.com (0000…)
    ");
    world.policy.only = Only([Target::Entra].into());
    assert_snapshot!(world.shown(), @"
    withheld still-bound: group old is to be deleted, and alpha/rolebinding/trinity/old-view-1, which names it, is not part of this plan. Plan without `--only`
        entra/group/old
    ");
    world.policy.only = Only::default();
    world
        .observed
        .clusters
        .insert(environment("alpha"), Err(Failure::new(FailureKind::Unreachable, "no answer in 10 s")));
    assert_snapshot!(world.shown(), @"
    withheld still-bound: group old is to be deleted, and whether it is bound on alpha is not known, because that could not be read
        entra/group/old
    unread alpha: no answer in 10 s
    ");
    world.policy.allow_unreachable.insert(environment("alpha"));
    assert_snapshot!(world.shown(), @"
    withheld still-bound: group old is to be deleted, and whether it is bound on alpha is not known, because that could not be read
        entra/group/old
    unread alpha (allowed): no answer in 10 s
    ");
}

#[test]
fn a_binding_of_somebody_else_that_names_a_deleted_group_is_said() {
    let mut world = World::new();
    world.ask("readers", &[]);
    world.live("readers", &[]);
    world.live("old", &[]);
    world.bind(Some("trinity"), "theirs", "view", group_subject("old"), Mark::OtherConfig("other".to_owned()));
    assert_snapshot!(world.shown(), @r#"
    - entra/group/old
    note bound-by-others: group old is to be deleted, and alpha/rolebinding/trinity/theirs, which is not ours, names it and stays. Have it removed if nobody else needs it
    unmanaged alpha/rolebinding/trinity/theirs (OtherConfig("other")) reported: view to group:old
    guard group-deleted:old: old would be deleted (restorable for 30 days) with its 0 members
    "#);
}

#[test]
fn a_held_grant_holds_what_its_subject_has_in_a_wider_or_narrower_place() {
    let mut world = with_readers();
    world.grant("group:readers", "deployer", ScopeTarget::Cluster);
    world.bind(Some("trinity"), "narrow", "view", group_subject("readers"), Mark::Ours);
    assert_eq!(world.plan().changes, []);
    let mut world = with_readers();
    world.grant("group:readers", "deployer", in_namespace("trinity"));
    world.bind(None, "wide", "view", group_subject("readers"), Mark::Ours);
    world.bind(Some("trinity"), "sam", "view", subject(SubjectKind::User, "sam"), Mark::Ours);
    assert_snapshot!(world.shown(), @"
    - alpha/rolebinding/trinity/sam
    withheld missing-role at access.yaml:30: alpha has no clusterrole named `deployer`; what the role deployer grants there waits until it does
        alpha/clusterrolebinding/wide
        alpha/rolebinding/trinity/readers-deployer-7f79776732
    ");
}

#[test]
fn a_held_group_without_a_name_holds_what_any_group_has() {
    let mut world = World::new();
    world.ask("readers", &["hayden"]);
    world.grant("group:readers", "view", in_namespace("trinity"));
    world.tenant().deleted_unreadable = Some(Failure::new(FailureKind::Forbidden, "403"));
    world.bind(Some("trinity"), "left", "edit", group_subject("readers"), Mark::Ours);
    world.bind(Some("trinity"), "sam", "edit", subject(SubjectKind::User, "sam"), Mark::Ours);
    let changes: Vec<String> = world.plan().changes.iter().map(|change| change.address.to_string()).collect();
    assert_eq!(changes, ["alpha/rolebinding/trinity/sam"]);
}

#[test]
fn where_two_clusters_may_be_one_nothing_is_removed() {
    let mut world = World::new();
    world.alpha().cluster = None;
    world.bind(None, "left", "view", subject(SubjectKind::User, "sam"), Mark::Ours);
    live_role(&mut world, "left", Mark::Ours);
    world.add_environment("beta", 0xb1).cluster = None;
    assert_eq!(world.plan().changes.len(), 2);
    world.observed.clusters.remove(&environment("beta"));
    world.policy.only = Only([Target::Environment(environment("alpha"))].into());
    assert_snapshot!(world.shown(), @"
    withheld cluster-not-told-apart at access.yaml:1: nothing is removed from alpha: beta was not read, and without `cluster:` nobody can tell that it is another cluster. Write `cluster: 00000000-0000-0000-0000-0000000000a1` under alpha
        alpha/clusterrole/left-object
        alpha/clusterrolebinding/left
    ");
    world.alpha().cluster = Some(uid(0xa1));
    assert_eq!(world.plan().changes.len(), 2);
}

#[test]
fn a_group_that_is_not_there_yet_is_not_bound_by_a_narrower_plan() {
    let mut world = World::new();
    world.ask("readers", &["hayden"]);
    world.grant("group:readers", "view", in_namespace("trinity"));
    world.policy.only = Only([Target::Environment(environment("alpha"))].into());
    assert_snapshot!(world.shown(), @"
    withheld group-not-there-yet at access.yaml:10: group readers does not exist yet and is not part of this plan; add `--only group/readers`
        alpha/rolebinding/trinity/readers-view-34cb26a8a5
    ");
}

#[test]
fn without_entra_only_roles_are_planned() {
    let mut world = with_readers();
    world.grant("group:readers", "view", in_namespace("trinity"));
    world.role("restarter", vec![rule(&["get"], &["pods"])]);
    world.bind(None, "left", "view", subject(SubjectKind::User, "sam"), Mark::Ours);
    world.observed.tenant = Some(Err(Failure::new(FailureKind::Unreachable, "no answer")));
    assert_snapshot!(world.shown(), @"
    + alpha/clusterrole/restarter-object
    unread entra: no answer
    ");
}

#[test]
fn another_cluster_behind_the_context_spoils_its_own_part_only() {
    let mut world = with_readers();
    world.grant("group:readers", "view", in_namespace("trinity"));
    let bindings = world.alpha().bindings.clone();
    world.add_environment("beta", 0xb1).bindings = bindings;
    world.alpha().cluster = Some(uid(1));
    world.policy.allow_unreachable.insert(environment("alpha"));
    assert_snapshot!(world.shown(), @"
    + beta/rolebinding/trinity/readers-view-34cb26a8a5
    unread alpha: context `alpha` leads to the cluster with uid 00000000-0000-0000-0000-0000000000a1, alpha is the one with uid 00000000-0000-0000-0000-000000000001
    ");
}

#[test]
fn one_cluster_is_not_two_environments() {
    let mut world = World::new();
    world.add_environment("beta", 0xa1).cluster = None;
    world.bind(None, "left", "view", subject(SubjectKind::User, "sam"), Mark::Ours);
    assert_snapshot!(world.shown(), @"
    unread alpha: alpha and beta are the same cluster (uid 00000000-0000-0000-0000-0000000000a1)
    unread beta: beta and alpha are the same cluster (uid 00000000-0000-0000-0000-0000000000a1)
    ");
}

#[test]
fn a_cluster_without_a_uid_in_the_files_is_named() {
    let mut world = World::new();
    world.alpha().cluster = None;
    assert_snapshot!(world.shown(), @"note cluster-uid: this cluster has uid 00000000-0000-0000-0000-0000000000a1; write `cluster: 00000000-0000-0000-0000-0000000000a1` under alpha so that no other is ever taken for it");
}

#[test]
fn unmanaged_bindings_are_listed() {
    let mut world = with_readers();
    world.bind(None, "hand-made-admin", "cluster-admin", subject(SubjectKind::User, "root@contoso.com"), Mark::None);
    world.bind(Some("trinity"), "copied", "edit", group_subject("readers"), Mark::LabelsOnly);
    world.bind(None, "everybody", "view", subject(SubjectKind::Group, "system:authenticated"), Mark::None);
    world.bind(None, "nodes", "view", subject(SubjectKind::Group, "system:nodes"), Mark::None);
    world.bind(None, "account", "view", subject(SubjectKind::ServiceAccount, "argocd"), Mark::None);
    world.bind(None, "theirs", "view", subject(SubjectKind::User, "sam"), Mark::OtherConfig("other".to_owned()));
    assert_snapshot!(world.shown(), @r#"
    unmanaged alpha/clusterrolebinding/account (Unmarked) reported: view to service account Known("argocd")
    unmanaged alpha/clusterrolebinding/everybody (Unmarked) reported: view to group Known("system:authenticated")
    unmanaged alpha/clusterrolebinding/hand-made-admin (Unmarked) reported: cluster-admin to user Known("root@contoso.com")
    unmanaged alpha/clusterrolebinding/nodes (Unmarked) reported: view to group Known("system:nodes")
    unmanaged alpha/clusterrolebinding/theirs (OtherConfig("other")) reported: view to user Known("sam")
    unmanaged alpha/rolebinding/trinity/copied (LabelsOnly) reported: edit to group:readers
    "#);
}

#[test]
fn a_member_of_a_group_that_leads_to_a_protected_environment_is_protected() {
    let mut world = World::new();
    world.add_environment("prod", 0xb1).protected = true;
    world.ask("platform", &["group:oncall"]);
    world.ask("oncall", &["hayden"]);
    world.ask("readers", &["sam"]);
    for name in ["platform", "oncall", "readers"] {
        world.live(name, &[]);
    }
    let binding = world.grant("group:platform", "view", in_namespace("trinity"));
    let prod = world.desired.environments.get_mut(&environment("prod")).unwrap();
    prod.bindings.push(binding);
    let protected: Vec<String> = world
        .plan()
        .changes
        .into_iter()
        .filter(|change| !change.protected.is_empty())
        .map(|change| change.address.to_string())
        .collect();
    assert_snapshot!(protected.join("\n"), @"
    entra/group/oncall/member/hayden@contoso.com
    entra/group/platform/member/group:oncall
    prod/rolebinding/trinity/platform-view-286c4abcdd
    ");
}

#[test]
fn a_group_that_is_only_bound_live_is_protected_as_well() {
    let mut world = with_readers();
    world.add_environment("prod", 0xb1).protected = true;
    world.ask("readers", &[]).members.insert(who("sam"), at(12));
    let binding = crate::state::Binding {
        namespace: None,
        name: "left".to_owned(),
        role: cluster_role("view"),
        subjects: vec![group_subject("readers")],
    };
    world.cluster_of("prod").bindings.push(crate::state::LiveBinding { binding, meta: meta(Mark::Ours) });
    let plan = world.plan();
    assert_eq!(plan.changes.len(), 2);
    assert!(plan.changes.iter().all(|change| change.protected.contains(&environment("prod"))));
    // Which groups a cluster binds that does not answer, nobody knows.
    world.observed.clusters.insert(environment("prod"), Err(Failure::new(FailureKind::Unreachable, "no answer")));
    world.ask("other", &["sam"]);
    world.live("other", &[]);
    let plan = world.plan();
    assert!(plan.changes.iter().all(|change| change.protected.contains(&environment("prod"))), "{plan:?}");
    // Nor which one binds that was not asked.
    world.observed.clusters.remove(&environment("prod"));
    let plan = world.plan();
    assert_eq!(plan.changes.len(), 2);
    assert!(plan.changes.iter().all(|change| change.protected.contains(&environment("prod"))), "{plan:?}");
    assert_eq!(plan.remaining(), []);
}

#[test]
fn ids_have_names_for_people() {
    let mut world = with_readers();
    world.grant("group:readers", "view", in_namespace("trinity"));
    world.grant("sam", "view", in_namespace("trinity"));
    world.bind(None, "left", "view", subject(SubjectKind::User, &principal("erin").id.to_string()), Mark::Ours);
    let names = world.plan().names;
    let name = |id: crate::state::ObjectId| names.get(&id.to_string()).map(String::as_str);
    assert_eq!(name(id(number("readers"))), Some("readers"));
    assert_eq!(name(principal("sam").id), Some("sam@contoso.com"));
    assert_eq!(name(principal("erin").id), Some("erin@contoso.com"));
}
