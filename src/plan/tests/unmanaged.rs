//! Bindings that are not ours: what is told of them, what refuses, and what grants take over from.

use insta::assert_snapshot;

use super::world::{World, at, environment, existing, id, in_namespace, meta, number, subject, who};
use crate::plan::{BindingOwner, Rights, Treatment};
use crate::state::power::Power;
use crate::state::{
    Allowance, AllowedUnmanaged, DesiredReplacement, GroupNaming, LiveBinding, LiveMeta, Mark, Only, ScopeTarget,
    Subject, SubjectKind, Target, Unmanaged,
};

fn group(name: &str) -> Subject {
    subject(SubjectKind::Group, &id(number(name)).to_string())
}

fn user(name: &str) -> Subject {
    subject(SubjectKind::User, &id(number(name)).to_string())
}

fn service_account(namespace: &str, name: &str) -> Subject {
    Subject { namespace: Some(namespace.to_owned()), ..subject(SubjectKind::ServiceAccount, name) }
}

/// Readers with Hayden in it, who are granted `view` in trinity at line 30.
fn granted() -> World {
    let mut world = World::new();
    world.ask("readers", &["hayden"]);
    world.live("readers", &["hayden"]);
    world.grant("group:readers", "view", in_namespace("trinity"));
    world
}

/// A live binding with these subjects that nobody has marked.
fn by_hand(world: &mut World, place: Option<&str>, name: &str, role: &str, subjects: &[Subject]) {
    world.bind(place, name, role, subjects[0].clone(), Mark::None);
    world.cluster().bindings.last_mut().unwrap().binding.subjects = subjects.to_vec();
}

/// `replaces: TARGET` at line 40, on a grant of these subjects and roles in trinity.
fn replaces(world: &mut World, target: &str, subjects: &[&str], roles: &[&str]) {
    let replacement = DesiredReplacement {
        target: target.parse().unwrap(),
        origin: at(40),
        subjects: subjects.iter().map(|name| who(name)).collect(),
        roles: roles.iter().map(|name| existing(name)).collect(),
        scopes: [in_namespace("trinity")].into(),
    };
    world.alpha().replacements.push(replacement);
}

fn allow(world: &mut World, text: &str) {
    let what = match text.split_once(": ") {
        Some((_, config)) => Allowance::Config(config.parse().unwrap()),
        None => Allowance::Bindings(text.parse().unwrap()),
    };
    world.alpha().allow_unmanaged.push(AllowedUnmanaged { origin: at(5), what });
}

#[test]
fn what_gives_anybody_access_is_told() {
    let mut world = World::new();
    world.live("readers", &[]);
    by_hand(&mut world, None, "hand-made-admin", "cluster-admin", &[user("root"), subject(SubjectKind::User, "ci")]);
    by_hand(&mut world, Some("trinity"), "argocd", "edit", &[service_account("argocd", "server")]);
    by_hand(&mut world, None, "everybody", "view", &[subject(SubjectKind::Group, "system:authenticated")]);
    by_hand(&mut world, None, "nodes", "view", &[subject(SubjectKind::Group, "system:nodes")]);
    by_hand(&mut world, None, "nobody", "view", &[subject(SubjectKind::Other("Robot".to_owned()), "r2")]);
    by_hand(&mut world, None, "by-name", "view", &[subject(SubjectKind::User, "system:serviceaccount:ci:default")]);
    by_hand(&mut world, None, "without-role", "gone", &[user("sam")]);
    world.bind(None, "other", "view", group("readers"), Mark::OtherConfig("contoso-apps".to_owned()));
    world.bind(Some("trinity"), "copied", "edit", group("readers"), Mark::LabelsOnly);
    assert_snapshot!(world.shown(), @r#"
    - entra/group/readers
    note bound-by-others: group readers is to be deleted, and alpha/clusterrolebinding/other, which is not ours, names it and stays. Have it removed if nobody else needs it
    note bound-by-others: group readers is to be deleted, and alpha/rolebinding/trinity/copied, which is not ours, names it and stays. Have it removed if nobody else needs it
    unmanaged alpha/clusterrolebinding/by-name (Unmarked) reported: view to user Known("system:serviceaccount:ci:default")
    unmanaged alpha/clusterrolebinding/everybody (Unmarked) reported: view to group Known("system:authenticated")
    unmanaged alpha/clusterrolebinding/hand-made-admin (Unmarked) reported: cluster-admin to root@contoso.com, user Known("ci")
    unmanaged alpha/clusterrolebinding/nodes (Unmarked) reported: view to group Known("system:nodes")
    unmanaged alpha/clusterrolebinding/other (OtherConfig("contoso-apps")) reported: view to group:readers
    unmanaged alpha/clusterrolebinding/without-role (Unmarked) reported: gone to sam@contoso.com
    unmanaged alpha/rolebinding/trinity/argocd (Unmarked) reported: edit to service account Known("server")
    unmanaged alpha/rolebinding/trinity/copied (LabelsOnly) reported: edit to group:readers
    guard empty-config:contoso-platform: the files ask for nothing, and contoso-platform has 1 group and 0 objects on clusters that would go
    guard group-deleted:readers: readers would be deleted (restorable for 30 days) with its 0 members
    "#);
    let power = |name: &str| {
        let found = world.plan().unmanaged.into_iter().find(|binding| binding.name() == name).unwrap();
        found.rights
    };
    assert_eq!(power("hand-made-admin"), Rights::Master(Power::All));
    assert_eq!(power("everybody"), Rights::Plain);
    assert_eq!(power("without-role"), Rights::Nothing);
}

/// A live binding with these subjects that passes for Kubernetes' own.
fn built_in(world: &mut World, place: Option<&str>, name: &str, role: &str, subjects: &[Subject]) {
    by_hand(world, place, name, role, subjects);
    world.cluster().bindings.last_mut().unwrap().meta = LiveMeta { bootstrapping: true, ..meta(Mark::None) };
}

#[test]
fn who_was_added_to_what_kubernetes_made_is_told() {
    let mut world = World::new();
    let masters = subject(SubjectKind::Group, "system:masters");
    let system = |kind| subject(kind, "system:ops");
    let added = [subject(SubjectKind::User, "mallory"), system(SubjectKind::Group), system(SubjectKind::User)];
    built_in(
        &mut world,
        None,
        "cluster-admin",
        "cluster-admin",
        &[&added[..], std::slice::from_ref(&masters)].concat(),
    );
    built_in(
        &mut world,
        None,
        "system:node-proxier",
        "system:node-proxier",
        &[subject(SubjectKind::User, "system:kube-proxy")],
    );
    // The same subject by another binding, or by another role.
    built_in(&mut world, None, "cluster-admins", "cluster-admin", &[masters]);
    built_in(&mut world, None, "system:discovery", "view", &[subject(SubjectKind::Group, "system:authenticated")]);
    assert_snapshot!(world.shown(), @r#"
    unmanaged alpha/clusterrolebinding/cluster-admin (BuiltIn) reported: cluster-admin to user Known("mallory"), group Known("system:ops"), user Known("system:ops")
    unmanaged alpha/clusterrolebinding/cluster-admins (BuiltIn) reported: cluster-admin to group Known("system:masters")
    unmanaged alpha/clusterrolebinding/system:discovery (BuiltIn) reported: view to group Known("system:authenticated")
    "#);
}

#[test]
fn what_passes_for_kubernetes_own_is_told_and_refused() {
    let mut world = World::new();
    world.alpha().unmanaged = Unmanaged::Refuse;
    built_in(&mut world, None, "labelled", "edit", &[service_account("trinity", "default")]);
    built_in(&mut world, Some("trinity"), "everybody", "edit", &[subject(SubjectKind::Group, "system:authenticated")]);
    built_in(&mut world, None, "system:helpers", "view", &[subject(SubjectKind::User, "system:helper")]);
    built_in(&mut world, None, "system:controller:future", "view", &[service_account("kube-system", "future")]);
    allow(&mut world, "system:controller:*");
    assert_snapshot!(world.shown(), @r#"
    unmanaged alpha/clusterrolebinding/labelled (BuiltIn) refused: edit to service account Known("default")
    unmanaged alpha/clusterrolebinding/system:controller:future (BuiltIn) allowed at access.yaml:5: view to service account Known("future")
    unmanaged alpha/clusterrolebinding/system:helpers (BuiltIn) refused: view to user Known("system:helper")
    unmanaged alpha/rolebinding/trinity/everybody (BuiltIn) refused: edit to group Known("system:authenticated")
    guard unmanaged:alpha/labelled: alpha/clusterrolebinding/labelled passes for Kubernetes' own and gives clusterrole edit on the whole cluster to service account trinity/default; have them taken out of it, have it deleted if Kubernetes did not make it, or allow it with `allow-unmanaged`
    guard unmanaged:alpha/system:helpers: alpha/clusterrolebinding/system:helpers passes for Kubernetes' own and gives clusterrole view on the whole cluster to user system:helper; have them taken out of it, have it deleted if Kubernetes did not make it, or allow it with `allow-unmanaged`
    guard unmanaged:alpha/trinity/everybody: alpha/rolebinding/trinity/everybody passes for Kubernetes' own and gives clusterrole edit in trinity to group system:authenticated; have them taken out of it, have it deleted if Kubernetes did not make it, or allow it with `allow-unmanaged`
    "#);
}

#[test]
fn what_is_ours_is_told_while_a_label_keeps_it() {
    let mut world = granted();
    let asked = world.plan().changes;
    world.apply(&asked);
    world.bind(Some("trinity"), "left-over", "edit", user("sam"), Mark::Ours);
    world.bind(Some("trinity"), "left-empty", "edit", user("sam"), Mark::Ours);
    world.cluster().bindings.last_mut().unwrap().binding.subjects.clear();
    for live in &mut world.cluster().bindings {
        live.meta.bootstrapping = true;
    }
    allow(&mut world, "trinity/*");
    // What is asked for needs no word: it gives what the files say.
    assert_snapshot!(world.shown(), @"
    note allowance-unused: `allow-unmanaged` of alpha: no rolebinding that is not ours is called `trinity/*`; take the entry out
    unmanaged alpha/rolebinding/trinity/left-empty (OursLabelled) reported: edit to 
    unmanaged alpha/rolebinding/trinity/left-over (OursLabelled) reported: edit to sam@contoso.com
    ");
    for unmanaged in [Unmanaged::Ignore, Unmanaged::Refuse] {
        world.alpha().unmanaged = unmanaged;
        let told: Vec<_> = world.plan().unmanaged.into_iter().map(|told| (told.name(), told.owner)).collect();
        let ours = |name: &str| (format!("trinity/{name}"), BindingOwner::OursLabelled);
        assert_eq!(told, [ours("left-empty"), ours("left-over")]);
    }
    assert_snapshot!(world.plan().verdicts[0].message, @"alpha/rolebinding/trinity/left-empty is ours, no file asks for it any more, and gives clusterrole edit in trinity to ; it is not removed while it has the label `kubernetes.io/bootstrapping`, which is not of our making: take the label off, then plan again");
    // With the label off it is pruned.
    for live in &mut world.cluster().bindings {
        live.meta.bootstrapping = false;
    }
    assert_eq!(world.plan().changes.len(), 2, "{}", world.shown());
    assert!(world.plan().unmanaged.is_empty(), "{}", world.shown());
}

#[test]
fn a_binding_for_nobody() {
    // Ours: asked for it is drift, left over it goes.
    let mut world = granted();
    let asked = world.plan().changes;
    world.apply(&asked);
    world.cluster().bindings[0].binding.subjects.clear();
    world.bind(Some("trinity"), "left-over", "edit", user("sam"), Mark::Ours);
    world.cluster().bindings.last_mut().unwrap().binding.subjects.clear();
    // Not ours: it gives nothing, and there is nothing to take over.
    by_hand(&mut world, Some("trinity"), "hand-made", "view", &[user("sam")]);
    world.cluster().bindings.last_mut().unwrap().binding.subjects.clear();
    replaces(&mut world, "trinity/hand-made", &["group:readers"], &["view"]);
    assert_snapshot!(world.shown(), @"
    - alpha/rolebinding/trinity/left-over
    ~ alpha/rolebinding/trinity/readers-view-34cb26a8a5
    withheld replaces-nobody at access.yaml:40: alpha/rolebinding/trinity/hand-made stays, though this grant `replaces` it: it is for nobody, so that there is nothing to take over. Take the line out, and have it deleted
        alpha/rolebinding/trinity/hand-made
    ");
    let plan = world.plan();
    assert!(plan.changes.iter().all(|change| change.replaced_by.is_none()), "{}", super::show(&plan));
}

#[test]
fn what_may_stay_is_not_refused_and_what_allows_nothing_is_said() {
    let mut world = World::new();
    world.alpha().unmanaged = Unmanaged::Refuse;
    by_hand(&mut world, Some("trinity"), "hand-made", "edit", &[user("sam")]);
    by_hand(&mut world, Some("trinity"), "argocd-server", "edit", &[service_account("argocd", "server")]);
    by_hand(&mut world, None, "prometheus", "view", &[service_account("monitoring", "prometheus")]);
    world.bind(None, "other", "view", user("sam"), Mark::OtherConfig("contoso-apps".to_owned()));
    for entry in ["*/argocd-*", "prometheus", "config: contoso-apps", "payments/*", "hand-made", "config: contoso"] {
        allow(&mut world, entry);
    }
    assert_snapshot!(world.shown(), @r#"
    note allowance-unused: `allow-unmanaged` of alpha: no binding is of a rolecall config `contoso`; take the entry out
    note allowance-unused: `allow-unmanaged` of alpha: no clusterrolebinding that is not ours is called `hand-made` (a rolebinding is `NAMESPACE/NAME`); take the entry out
    note allowance-unused: `allow-unmanaged` of alpha: no rolebinding that is not ours is called `payments/*`; take the entry out
    unmanaged alpha/clusterrolebinding/other (OtherConfig("contoso-apps")) allowed at access.yaml:5: view to sam@contoso.com
    unmanaged alpha/clusterrolebinding/prometheus (Unmarked) allowed at access.yaml:5: view to service account Known("prometheus")
    unmanaged alpha/rolebinding/trinity/argocd-server (Unmarked) allowed at access.yaml:5: edit to service account Known("server")
    unmanaged alpha/rolebinding/trinity/hand-made (Unmarked) refused: edit to sam@contoso.com
    guard unmanaged:alpha/trinity/hand-made: alpha/rolebinding/trinity/hand-made is not ours and gives clusterrole edit in trinity to user sam@contoso.com; take it over with `replaces` on a grant, allow it with `allow-unmanaged`, or have it deleted
    "#);
}

#[test]
fn ignoring_says_nothing() {
    let mut world = granted();
    world.alpha().unmanaged = Unmanaged::Ignore;
    by_hand(&mut world, Some("trinity"), "hand-made", "view", &[group("readers")]);
    assert_snapshot!(world.shown(), @"+ alpha/rolebinding/trinity/readers-view-34cb26a8a5");
}

#[test]
fn a_protected_environment_that_is_left_alone_refuses_nothing() {
    let mut world = World::new();
    world.alpha().unmanaged = Unmanaged::Refuse;
    world.alpha().protected = true;
    by_hand(&mut world, Some("trinity"), "hand-made", "edit", &[user("sam")]);
    assert!(world.plan().verdicts.is_empty(), "{}", world.shown());
    assert_eq!(world.plan().unmanaged[0].treatment, Treatment::Refused);
    world.grant("hayden", "view", in_namespace("trinity"));
    let guards: Vec<String> = world.plan().verdicts.into_iter().map(|verdict| verdict.guard).collect();
    assert_eq!(guards, ["unmanaged", "protected"]);
    world.policy.only = Only([Target::Entra].into());
    assert!(world.plan().verdicts.is_empty(), "{}", world.shown());
}

#[test]
fn a_grant_beside_what_is_held_already() {
    let mut world = granted();
    by_hand(&mut world, Some("trinity"), "same", "view", &[group("readers")]);
    by_hand(&mut world, Some("trinity"), "more", "view", &[group("readers"), user("sam")]);
    by_hand(&mut world, Some("payments"), "elsewhere", "view", &[group("readers")]);
    by_hand(&mut world, Some("trinity"), "another", "edit", &[group("readers")]);
    by_hand(&mut world, Some("trinity"), "allowed", "view", &[group("readers")]);
    allow(&mut world, "trinity/allowed");
    assert_snapshot!(world.shown(), @"
    + alpha/rolebinding/trinity/readers-view-34cb26a8a5
    unmanaged alpha/rolebinding/payments/elsewhere (Unmarked) reported: view to group:readers
    unmanaged alpha/rolebinding/trinity/allowed (Unmarked) allowed at access.yaml:5: view to group:readers
        beside alpha/rolebinding/trinity/readers-view-34cb26a8a5 of access.yaml:30
    unmanaged alpha/rolebinding/trinity/another (Unmarked) reported: edit to group:readers
    unmanaged alpha/rolebinding/trinity/more (Unmarked) reported: view to group:readers, sam@contoso.com
        beside alpha/rolebinding/trinity/readers-view-34cb26a8a5 of access.yaml:30
    unmanaged alpha/rolebinding/trinity/same (Unmarked) reported: view to group:readers
        beside alpha/rolebinding/trinity/readers-view-34cb26a8a5 of access.yaml:30, replaceable
    ");
}

#[test]
fn what_is_taken_over_goes_after_ours_is_there() {
    let mut world = granted();
    by_hand(&mut world, Some("trinity"), "hand-made", "view", &[group("readers")]);
    replaces(&mut world, "trinity/hand-made", &["group:readers"], &["view"]);
    world.alpha().unmanaged = Unmanaged::Refuse;
    let plan = world.plan();
    assert_snapshot!(super::show(&plan), @"
    + alpha/rolebinding/trinity/readers-view-34cb26a8a5
    - alpha/rolebinding/trinity/hand-made
        after alpha/rolebinding/trinity/readers-view-34cb26a8a5
    ");
    let removal = plan.changes.last().unwrap();
    assert_eq!(removal.replaced_by.as_ref(), Some(&removal.requires));
    assert_eq!((removal.origin.as_ref(), removal.uid.as_deref()), (Some(&at(40)), Some("uid-1")));
    world.apply(&plan.changes);
    assert_snapshot!(world.shown(), @"note replaces-done: `replaces: trinity/hand-made`: no rolebinding of this name is on alpha, so nothing is left to replace; take the line out");
}

#[test]
fn what_ours_gives_already_goes_at_once() {
    let mut world = granted();
    let plan = world.plan();
    world.apply(&plan.changes);
    by_hand(&mut world, Some("trinity"), "hand-made", "view", &[group("readers")]);
    replaces(&mut world, "trinity/hand-made", &["group:readers"], &["view"]);
    let plan = world.plan();
    assert_snapshot!(super::show(&plan), @"- alpha/rolebinding/trinity/hand-made");
    assert_eq!(plan.changes[0].replaced_by.as_ref().map(std::collections::BTreeSet::len), Some(1));
}

#[test]
fn what_gives_something_else_stays() {
    let mut world = granted();
    world.grant("sam", "edit", in_namespace("trinity"));
    by_hand(&mut world, Some("trinity"), "other-role", "edit", &[group("readers")]);
    by_hand(&mut world, Some("trinity"), "more-subjects", "view", &[group("readers"), user("sam"), user("carol")]);
    by_hand(&mut world, Some("trinity"), "software", "view", &[service_account("ci", "default")]);
    by_hand(&mut world, Some("trinity"), "both", "cluster-admin", &[user("root")]);
    for target in ["other-role", "more-subjects", "software", "both"] {
        replaces(&mut world, &format!("trinity/{target}"), &["group:readers"], &["view"]);
    }
    assert_snapshot!(world.shown(), @r#"
    + alpha/rolebinding/trinity/readers-view-34cb26a8a5
    + alpha/rolebinding/trinity/sam-edit-dd295b66d8
    withheld replaces-other-access at access.yaml:40: alpha/rolebinding/trinity/both stays, though this grant `replaces` it: it gives clusterrole cluster-admin, and the grant clusterrole view, and it is also for `root@contoso.com`, and the grant is not. `replaces` takes over only where nobody loses anything: make the two the same, or take the line out
        alpha/rolebinding/trinity/both
    withheld replaces-other-access at access.yaml:40: alpha/rolebinding/trinity/more-subjects stays, though this grant `replaces` it: it is also for `sam@contoso.com`, `carol@contoso.com`, and the grant is not. `replaces` takes over only where nobody loses anything: make the two the same, or take the line out
        alpha/rolebinding/trinity/more-subjects
    withheld replaces-other-access at access.yaml:40: alpha/rolebinding/trinity/other-role stays, though this grant `replaces` it: it gives clusterrole edit, and the grant clusterrole view. `replaces` takes over only where nobody loses anything: make the two the same, or take the line out
        alpha/rolebinding/trinity/other-role
    withheld replaces-other-access at access.yaml:40: alpha/rolebinding/trinity/software stays, though this grant `replaces` it: it is also for service account `ci/default`, and the grant is not. `replaces` takes over only where nobody loses anything: make the two the same, or take the line out
        alpha/rolebinding/trinity/software
    unmanaged alpha/rolebinding/trinity/both (Unmarked) reported: cluster-admin to root@contoso.com
    unmanaged alpha/rolebinding/trinity/more-subjects (Unmarked) reported: view to group:readers, sam@contoso.com, carol@contoso.com
        beside alpha/rolebinding/trinity/readers-view-34cb26a8a5 of access.yaml:30
    unmanaged alpha/rolebinding/trinity/other-role (Unmarked) reported: edit to group:readers
    unmanaged alpha/rolebinding/trinity/software (Unmarked) reported: view to service account Known("default")
    "#);
}

#[test]
fn one_grant_must_give_all_of_it() {
    let mut world = granted();
    world.grant("sam", "view", in_namespace("trinity"));
    by_hand(&mut world, Some("trinity"), "hand-made", "view", &[group("readers"), user("sam")]);
    replaces(&mut world, "trinity/hand-made", &["group:readers"], &["view"]);
    replaces(&mut world, "trinity/hand-made", &["sam"], &["view"]);
    assert!(world.plan().changes.iter().all(|change| change.after().is_some()), "{}", world.shown());
    replaces(&mut world, "trinity/hand-made", &["sam", "group:readers"], &["view", "edit"]);
    let removal = world.plan().changes.pop().unwrap();
    assert_eq!(
        (removal.address.to_string().as_str(), removal.requires.len()),
        ("alpha/rolebinding/trinity/hand-made", 2)
    );
    assert!(world.plan().withheld.is_empty(), "{}", world.shown());
}

#[test]
fn what_is_not_ours_to_take_over_stays() {
    let mut world = granted();
    by_hand(&mut world, Some("trinity"), "built-in", "view", &[group("readers")]);
    world.cluster().bindings.last_mut().unwrap().meta.bootstrapping = true;
    world.bind(Some("trinity"), "other", "view", group("readers"), Mark::OtherConfig("contoso-apps".to_owned()));
    world.bind(Some("trinity"), "ours", "view", group("readers"), Mark::Ours);
    by_hand(
        &mut world,
        Some("trinity"),
        "own-access",
        "view",
        &[group("readers"), service_account("rolecall", "applier")],
    );
    by_hand(&mut world, Some("payments"), "elsewhere", "view", &[group("readers")]);
    for target in ["trinity/built-in", "trinity/other", "trinity/ours", "trinity/own-access", "payments/elsewhere"] {
        replaces(&mut world, target, &["group:readers"], &["view"]);
    }
    assert_snapshot!(world.shown(), @r#"
    + alpha/rolebinding/trinity/readers-view-34cb26a8a5
    - alpha/rolebinding/trinity/ours
        after alpha/rolebinding/trinity/readers-view-34cb26a8a5
    withheld own-access at access.yaml:40: alpha/rolebinding/trinity/own-access stays, though this grant `replaces` it: it gives system:serviceaccount:rolecall:applier, who runs this, its access. Have somebody delete it who does not need it
        alpha/rolebinding/trinity/own-access
    withheld replaces-built-in at access.yaml:40: alpha/rolebinding/trinity/built-in stays, though this grant `replaces` it: it is Kubernetes' own, or passes for it by the label `kubernetes.io/bootstrapping`. Take the line out, or have the label taken off
        alpha/rolebinding/trinity/built-in
    withheld replaces-elsewhere at access.yaml:40: alpha/rolebinding/payments/elsewhere stays, though this grant `replaces` it: the labels of the grant do not match its namespace. Name the namespace, or take the line out
        alpha/rolebinding/payments/elsewhere
    withheld replaces-other-config at access.yaml:40: alpha/rolebinding/trinity/other stays, though this grant `replaces` it: it belongs to the rolecall config `contoso-apps`. Take its grant out of that config, and the line out here
        alpha/rolebinding/trinity/other
    note replaces-ours: `replaces: trinity/ours`: rolecall made alpha/rolebinding/trinity/ours itself, and prunes it when no grant asks for it any more; take the line out
    unmanaged alpha/rolebinding/payments/elsewhere (Unmarked) reported: view to group:readers
    unmanaged alpha/rolebinding/trinity/built-in (BuiltIn) reported: view to group:readers
        beside alpha/rolebinding/trinity/readers-view-34cb26a8a5 of access.yaml:30
    unmanaged alpha/rolebinding/trinity/other (OtherConfig("contoso-apps")) reported: view to group:readers
        beside alpha/rolebinding/trinity/readers-view-34cb26a8a5 of access.yaml:30
    unmanaged alpha/rolebinding/trinity/own-access (Unmarked) reported: view to group:readers, service account Known("applier")
        beside alpha/rolebinding/trinity/readers-view-34cb26a8a5 of access.yaml:30
    "#);
}

#[test]
fn what_cannot_be_granted_holds_what_it_would_replace() {
    // A person who does not resolve may be the very subject.
    let mut world = granted();
    world.grant("haydn", "view", in_namespace("trinity"));
    by_hand(&mut world, Some("trinity"), "hand-made", "view", &[user("hayden"), group("readers")]);
    replaces(&mut world, "trinity/hand-made", &["haydn", "group:readers"], &["view"]);
    assert_snapshot!(world.shown(), @"
    + alpha/rolebinding/trinity/readers-view-34cb26a8a5
    withheld unknown-person at access.yaml:30: `haydn@contoso.com`: nothing in Entra has this name
        alpha/rolebinding/trinity/hand-made
        alpha/rolebinding/trinity/haydn-view-cb5b8c5134
    unmanaged alpha/rolebinding/trinity/hand-made (Unmarked) reported: view to hayden@contoso.com, group:readers
        beside alpha/rolebinding/trinity/readers-view-34cb26a8a5 of access.yaml:30
    ");
    // A role that is not there.
    let mut world = World::new();
    world.grant("sam", "viewer", in_namespace("trinity"));
    by_hand(&mut world, Some("trinity"), "hand-made", "viewer", &[user("sam")]);
    replaces(&mut world, "trinity/hand-made", &["sam"], &["viewer"]);
    let plan = world.plan();
    assert!(plan.changes.is_empty(), "{}", super::show(&plan));
    let [withheld] = &plan.withheld[..] else { panic!("{}", super::show(&plan)) };
    assert_eq!((withheld.reason.id(), withheld.addresses.len()), ("missing-role", 2));
}

#[test]
fn a_whole_cluster_is_replaced_by_a_whole_cluster() {
    let mut world = World::new();
    world.grant("sam", "cluster-admin", ScopeTarget::Cluster);
    by_hand(&mut world, None, "sams", "cluster-admin", &[user("sam")]);
    replaces(&mut world, "sams", &["sam"], &["cluster-admin"]);
    world.alpha().replacements[0].scopes = [ScopeTarget::Cluster].into();
    assert_snapshot!(world.shown(), @"
    + alpha/clusterrolebinding/sam-cluster-admin-0d441f5321
    - alpha/clusterrolebinding/sams
        after alpha/clusterrolebinding/sam-cluster-admin-0d441f5321
    ");
}

#[test]
fn what_is_replaced_is_no_loss() {
    let mut world = granted();
    for number in 0..30 {
        let name = format!("hand-made-{number}");
        by_hand(&mut world, Some("trinity"), &name, "view", &[group("readers")]);
        replaces(&mut world, &format!("trinity/{name}"), &["group:readers"], &["view"]);
    }
    let plan = world.plan();
    assert_eq!((plan.changes.len(), plan.verdicts.len()), (31, 0), "{}", super::show(&plan));
    // What is pruned is one.
    for number in 0..30 {
        world.bind(Some("trinity"), &format!("ours-{number}"), "view", group("readers"), Mark::Ours);
    }
    assert_eq!(world.plan().verdicts[0].subject, "run=30");
}

#[test]
fn a_replacement_is_done_when_no_environment_has_it() {
    let mut world = granted();
    world.add_environment("beta", 0xb1);
    replaces(&mut world, "trinity/hand-made", &["group:readers"], &["view"]);
    let replacement = world.alpha().replacements[0].clone();
    let beta = world.desired.environments.get_mut(&environment("beta")).unwrap();
    beta.replacements.push(replacement);
    let notes = |world: &World| world.plan().notes.into_iter().map(|note| note.message).collect::<Vec<_>>();
    assert_eq!(
        notes(&world),
        [
            "`replaces: trinity/hand-made`: no rolebinding of this name is on alpha, beta, so nothing is left to replace; \
             take the line out"
        ]
    );
    let mut there = world.clone();
    by_hand(&mut there, Some("trinity"), "hand-made", "view", &[group("readers")]);
    let binding: LiveBinding = there.cluster().bindings.pop().unwrap();
    there.cluster_of("beta").bindings.push(binding);
    assert!(notes(&there).is_empty(), "{}", there.shown());
    // Where one was not read, nobody knows.
    world.policy.only = Only([Target::Environment(environment("alpha"))].into());
    assert!(notes(&world).is_empty(), "{}", world.shown());
}

#[test]
fn a_name_of_a_group_that_is_renamed_is_compared_as_it_will_be() {
    let mut world = granted();
    world.alpha().tokens.groups = GroupNaming::DisplayName;
    by_hand(&mut world, Some("trinity"), "hand-made", "view", &[subject(SubjectKind::Group, "readers")]);
    replaces(&mut world, "trinity/hand-made", &["group:readers"], &["view"]);
    world.tenant().by_display_name.insert("readers".to_owned(), Vec::new());
    let removal = world.plan().changes.pop().unwrap();
    assert_eq!(removal.address.to_string(), "alpha/rolebinding/trinity/hand-made", "{}", world.shown());
}

#[test]
fn what_is_there_is_refused_until_it_is_acknowledged() {
    let mut world = World::new();
    world.alpha().unmanaged = Unmanaged::Refuse;
    by_hand(
        &mut world,
        None,
        "crowd",
        "edit",
        &["a", "b", "c", "d", "e", "f", "g"].map(|name| subject(SubjectKind::User, name)),
    );
    by_hand(&mut world, Some("trinity"), "software", "edit", &[service_account("argocd", "server")]);
    world.bind(None, "other", "view", user("sam"), Mark::OtherConfig("contoso-apps".to_owned()));
    by_hand(&mut world, None, "built-in", "view", &[user("sam")]);
    world.cluster().bindings.last_mut().unwrap().meta.bootstrapping = true;
    let told = |world: &World| {
        let verdicts = world.plan().verdicts.into_iter();
        verdicts.map(|verdict| format!("{} {}", verdict.refuses(), verdict.message)).collect::<Vec<_>>().join("\n")
    };
    assert_snapshot!(told(&world), @"
    true alpha/clusterrolebinding/built-in passes for Kubernetes' own and gives clusterrole view on the whole cluster to user sam@contoso.com; have them taken out of it, have it deleted if Kubernetes did not make it, or allow it with `allow-unmanaged`
    true alpha/clusterrolebinding/crowd is not ours and gives clusterrole edit on the whole cluster to user a, user b, user c, user d, user e and 2 more; take it over with `replaces` on a grant, allow it with `allow-unmanaged`, or have it deleted
    true alpha/clusterrolebinding/other is of the rolecall config `contoso-apps` and gives clusterrole view on the whole cluster to user sam@contoso.com; allow it with `allow-unmanaged: [{ config: contoso-apps }]`, or take it out of that config
    true alpha/rolebinding/trinity/software is not ours and gives clusterrole edit in trinity to service account argocd/server; allow it with `allow-unmanaged`, or have it deleted
    ");
    for subject in ["built-in", "crowd", "other", "trinity/software"] {
        world.acknowledge(&format!("unmanaged:alpha/{subject}"));
    }
    assert_eq!(world.plan().refusals().count(), 0, "{}", told(&world));
}

#[test]
fn what_nobody_can_type_is_acknowledged_as_it_is_printed() {
    let mut world = World::new();
    world.alpha().unmanaged = Unmanaged::Refuse;
    by_hand(&mut world, None, "evil\u{202e} \u{1b}[31m\\u{1b}", "view", &[user("sam")]);
    let subject = world.plan().verdicts.remove(0).subject;
    assert_eq!(subject, "alpha/evil\\u{202e} \\u{1b}[31m\\u{5c}u{1b}");
    world.acknowledge(&format!("unmanaged:{subject}"));
    assert_eq!(world.plan().refusals().count(), 0);
}
