//! Groups of ours that were deleted: restored by a plan of their own, with nothing resting on them before they were seen.

use insta::assert_snapshot;

use super::show;
use super::world::{World, at, id, in_namespace, key, principal, rule, subject, who};
use crate::plan::saved::{Provenance, SavedPlan, Why, agree};
use crate::state::{Failure, FailureKind, GroupKind, GroupNaming, Mark, Only, ScopeTarget, SubjectKind, Target};

/// `readers` is asked for with hayden and granted something; it was deleted with carol in it.
fn deleted() -> World {
    let mut world = World::new();
    world.ask("readers", &["hayden"]).owners = Some([(who("erin"), at(51))].into());
    world.live("readers", &["carol"]);
    world.grant("group:readers", "view", in_namespace("trinity"));
    world.deleted("readers").deleted = Some("2026-11-01T10:00:00Z".to_owned());
    world
}

#[test]
fn it_is_restored_first_and_shown_by_the_next_plan() {
    let mut world = deleted();
    assert_snapshot!(world.shown(), @"
    + entra/group/readers
    withheld group-restored at access.yaml:10: group readers was deleted on 2026-11-01T10:00:00Z and is restored by this plan; who is in it and who owns it cannot be read before, so its members and owners and what refers to it wait for the next plan, which shows them
        entra/group/readers/owner/erin@contoso.com
        entra/group/readers/member/hayden@contoso.com
        alpha/rolebinding/trinity/readers-view-34cb26a8a5
    guard group-restored:readers: readers, deleted on 2026-11-01T10:00:00Z, would be restored with the members and owners it had, who cannot be read before, nor can whether an applier owns it or which groups it comes back into. To have a new group instead, delete this one for good first (DELETE /directory/deletedItems/00000000-2192-9f10-0000-000000005eed of Microsoft Graph)
    ");
    let first = world.plan();
    world.apply(&first.changes);
    assert_snapshot!(world.shown(), @"
    + entra/group/readers/owner/erin@contoso.com
    + entra/group/readers/member/hayden@contoso.com
    - entra/group/readers/member/carol@contoso.com
        after entra/group/readers/member/hayden@contoso.com
    + alpha/rolebinding/trinity/readers-view-34cb26a8a5
        after entra/group/readers/member/carol@contoso.com
    ");
    let second = world.plan();
    world.apply(&second.changes);
    assert_snapshot!(world.shown(), @"");
}

#[test]
fn what_it_is_nested_in_waits_as_well() {
    let mut world = deleted();
    world.ask("all", &["group:readers", "sam"]);
    assert_snapshot!(world.shown(), @"
    + entra/group/all
    + entra/group/readers
    + entra/group/all/member/sam@contoso.com
        after entra/group/all
    withheld group-restored at access.yaml:10: group readers was deleted on 2026-11-01T10:00:00Z and is restored by this plan; who is in it and who owns it cannot be read before, so its members and owners and what refers to it wait for the next plan, which shows them
        entra/group/readers/owner/erin@contoso.com
        entra/group/all/member/group:readers
        entra/group/readers/member/hayden@contoso.com
        alpha/rolebinding/trinity/readers-view-34cb26a8a5
    guard group-restored:readers: readers, deleted on 2026-11-01T10:00:00Z, would be restored with the members and owners it had, who cannot be read before, nor can whether an applier owns it or which groups it comes back into. To have a new group instead, delete this one for good first (DELETE /directory/deletedItems/00000000-2192-9f10-0000-000000005eed of Microsoft Graph)
    ");
}

#[test]
fn a_group_of_another_key_is_restored_under_the_new_one_with_its_bindings() {
    let mut world = deleted();
    let block = world.desired.groups.remove(&key("readers")).unwrap();
    world.desired.groups.insert(key("viewers"), block);
    world.desired.groups.get_mut(&key("viewers")).unwrap().previously.insert(key("readers"), at(18));
    world.alpha().bindings[0].subject = who("group:viewers");
    let group = id(super::world::number("readers")).to_string();
    world.bind(Some("trinity"), "readers-view-34cb26a8a5", "view", subject(SubjectKind::Group, &group), Mark::Ours);
    assert_snapshot!(world.shown(), @"
    + entra/group/viewers
    withheld group-restored at access.yaml:10: group viewers was deleted on 2026-11-01T10:00:00Z and is restored by this plan; who is in it and who owns it cannot be read before, so its members and owners and what refers to it wait for the next plan, which shows them
        entra/group/viewers/owner/erin@contoso.com
        entra/group/viewers/member/hayden@contoso.com
        alpha/rolebinding/trinity/readers-view-34cb26a8a5
    guard group-restored:viewers: viewers, deleted on 2026-11-01T10:00:00Z, would be restored with the members and owners it had, who cannot be read before, nor can whether an applier owns it or which groups it comes back into; its members have again at once what names it: alpha/rolebinding/trinity/readers-view-34cb26a8a5 (clusterrole view). To have a new group instead, delete this one for good first (DELETE /directory/deletedItems/00000000-2192-9f10-0000-000000005eed of Microsoft Graph)
    ");
    let first = world.plan();
    world.apply(&first.changes);
    assert!(!world.shown().contains("rolebinding"), "{}", world.shown());
}

#[test]
fn one_that_is_not_restored_after_all_keeps_the_names_of_its_bindings() {
    let mut world = deleted();
    let block = world.desired.groups.remove(&key("readers")).unwrap();
    world.desired.groups.insert(key("viewers"), block);
    world.desired.groups.get_mut(&key("viewers")).unwrap().previously.insert(key("readers"), at(18));
    world.alpha().bindings[0].subject = who("group:viewers");
    world.alpha().tokens.groups = GroupNaming::DisplayName;
    world.bind(Some("trinity"), "readers-view-34cb26a8a5", "view", subject(SubjectKind::Group, "readers"), Mark::Ours);
    world.look_up();
    world.stranger("readers");
    let plan = world.plan();
    assert!(plan.changes.is_empty(), "{}", show(&plan));
    let withheld = plan.withheld.iter().flat_map(|withheld| &withheld.addresses);
    let bindings: std::collections::BTreeSet<String> =
        withheld.filter(|address| address.environment().is_some()).map(ToString::to_string).collect();
    assert_eq!(bindings, ["alpha/rolebinding/trinity/readers-view-34cb26a8a5".to_owned()].into(), "{}", show(&plan));
}

#[test]
fn what_names_it_is_told_and_goes_first_where_it_goes() {
    let mut world = deleted();
    let group = id(super::world::number("readers")).to_string();
    world.bind(None, "theirs", "edit", subject(SubjectKind::Group, &group), Mark::None);
    world.bind(Some("payments"), "left", "view", subject(SubjectKind::Group, &group), Mark::Ours);
    let plan = world.plan();
    assert_snapshot!(show(&plan), @"
    - alpha/rolebinding/payments/left
    + entra/group/readers
        after alpha/rolebinding/payments/left
    withheld group-restored at access.yaml:10: group readers was deleted on 2026-11-01T10:00:00Z and is restored by this plan; who is in it and who owns it cannot be read before, so its members and owners and what refers to it wait for the next plan, which shows them
        entra/group/readers/owner/erin@contoso.com
        entra/group/readers/member/hayden@contoso.com
        alpha/rolebinding/trinity/readers-view-34cb26a8a5
    unmanaged alpha/clusterrolebinding/theirs (Unmarked) reported: edit to group:readers
    guard group-restored:readers: readers, deleted on 2026-11-01T10:00:00Z, would be restored with the members and owners it had, who cannot be read before, nor can whether an applier owns it or which groups it comes back into; its members have again at once what names it: alpha/clusterrolebinding/theirs (clusterrole edit). To have a new group instead, delete this one for good first (DELETE /directory/deletedItems/00000000-2192-9f10-0000-000000005eed of Microsoft Graph)
    guard cluster-admin-gained:alpha/group:readers: group:readers could become cluster-admin on alpha by a detour (readers is restored, with members whom nobody has seen). They could run programs in any namespace as any service account there, and some of these are cluster-admin.
    ");
    // A binding that somebody makes since then is not part of what was approved.
    let provenance = Provenance { rolecall: "0".to_owned(), tree: String::new(), commit: None };
    let saved = SavedPlan::new(&plan, &world.policy, provenance);
    assert!(agree(&saved, &world.plan(), &world.desired, &world.observed).holds());
    let mut pruned = world.clone();
    pruned.apply_first(&plan.changes, 1);
    assert!(agree(&saved, &pruned.plan(), &pruned.desired, &pruned.observed).holds());
    // Nor is what it has become since: another object, more subjects, another role, a role with other rules.
    let changed: [fn(&mut World); 4] = [
        |world| world.cluster().bindings[0].meta.uid = "uid-2".to_owned(),
        |world| world.cluster().bindings[0].binding.subjects.push(subject(SubjectKind::User, "kim")),
        |world| world.cluster().bindings[0].binding.role.name = "cluster-admin".to_owned(),
        |world| {
            let edit = world.cluster().roles.iter_mut().find(|live| live.role.name == "edit").unwrap();
            edit.role.rules.push(rule(&["get"], &["secrets"]));
        },
    ];
    for (number, change) in changed.into_iter().enumerate() {
        let mut world = world.clone();
        change(&mut world);
        let refused = agree(&saved, &world.plan(), &world.desired, &world.observed).refused;
        assert!(refused.iter().any(|moved| matches!(moved.why, Why::Relies(_))), "{number}: {refused:?}");
    }
    world.bind(Some("trinity"), "more", "edit", subject(SubjectKind::Group, &group), Mark::None);
    let refused = agree(&saved, &world.plan(), &world.desired, &world.observed).refused;
    assert!(matches!(refused[0].why, Why::Relies(_)), "{refused:?}");
}

#[test]
fn a_saved_restoring_that_was_carried_out_leaves_the_rest_to_a_new_plan() {
    let mut world = deleted();
    let provenance = Provenance { rolecall: "0".to_owned(), tree: String::new(), commit: None };
    let saved = SavedPlan::new(&world.plan(), &world.policy, provenance);
    let changes = world.plan().changes;
    world.apply(&changes);
    let agreement = agree(&saved, &world.plan(), &world.desired, &world.observed);
    assert_eq!(agreement.already_held.len(), 1);
    assert!(agreement.refused.iter().all(|moved| moved.why == Why::NotApproved));
}

#[test]
fn a_cluster_that_knows_groups_by_name_is_asked_by_name() {
    let mut world = deleted();
    world.alpha().tokens.groups = GroupNaming::DisplayName;
    world.bind(None, "admins", "cluster-admin", subject(SubjectKind::Group, "readers"), Mark::None);
    world.look_up();
    let shown = world.shown();
    assert!(shown.contains("cluster-admin-gained:alpha/group:readers: group:readers would become"), "{shown}");
    assert!(shown.contains("alpha/clusterrolebinding/admins"), "{shown}");
}

#[test]
fn nobody_becomes_cluster_admin_by_it_unnoticed() {
    let mut world = deleted();
    let group = id(super::world::number("readers")).to_string();
    world.bind(None, "admins", "cluster-admin", subject(SubjectKind::Group, &group), Mark::None);
    let shown = world.shown();
    assert!(shown.contains("guard cluster-admin-gained:alpha/group:readers"), "{shown}");
    let unreachable = Failure::new(FailureKind::Unreachable, "no answer");
    world.observed.clusters.insert("alpha".parse().unwrap(), Err(unreachable));
    let shown = world.shown();
    assert!(shown.contains("guard cluster-admin-gained:alpha/unread"), "{shown}");
    assert!(shown.contains("what names it on alpha could not be read"), "{shown}");
}

#[test]
fn what_reaches_a_protected_environment_is_left_to_a_saved_plan() {
    let mut world = deleted();
    world.alpha().protected = true;
    assert!(world.plan().remaining().is_empty());
    world.alpha().bindings.clear();
    let group = id(super::world::number("readers")).to_string();
    world.bind(None, "theirs", "view", subject(SubjectKind::Group, &group), Mark::None);
    assert!(world.plan().remaining().is_empty(), "also when only somebody else's binding names it");
}

#[test]
fn what_cannot_be_told_or_is_not_ours_is_not_restored() {
    let mut world = deleted();
    world.tenant().deleted.get_mut(&key("readers")).unwrap()[0].kind = Some(GroupKind::Microsoft365);
    assert_snapshot!(world.shown(), @"
    withheld not-ours at access.yaml:10: a deleted group with the mark of readers is there (`readers`, id 00000000-2192-9f10-0000-000000005eed), and it is no plain security group, so it is not ours and is not restored. Have it deleted for good, then plan again
        entra/group/readers
        entra/group/readers/owner/erin@contoso.com
        entra/group/readers/member/hayden@contoso.com
        alpha/rolebinding/trinity/readers-view-34cb26a8a5
    ");
    world.tenant().deleted.get_mut(&key("readers")).unwrap()[0].kind = None;
    assert_snapshot!(world.shown(), @"
    withheld deleted-unreadable at access.yaml:10: a deleted group with the mark of readers is there (id 00000000-2192-9f10-0000-000000005eed), and what kind of group it is may not be read. Let this identity read deleted groups (`Group.Read.All`), then plan again
        entra/group/readers
        entra/group/readers/owner/erin@contoso.com
        entra/group/readers/member/hayden@contoso.com
        alpha/rolebinding/trinity/readers-view-34cb26a8a5
    ");
    let mut world = deleted();
    let mut twin = world.tenant().deleted[&key("readers")][0].clone();
    twin.id = id(77);
    world.tenant().deleted.get_mut(&key("readers")).unwrap().push(twin);
    assert_snapshot!(world.shown(), @"
    withheld deleted-groups-conflict at access.yaml:10: group readers is not there, and more than one deleted group may be it: readers (id 00000000-0000-004d-0000-000000005eed on 2026-11-01T10:00:00Z), readers (id 00000000-2192-9f10-0000-000000005eed on 2026-11-01T10:00:00Z). None is picked. Have those deleted for good that are not meant, or restore the right one by hand, then plan again
        entra/group/readers
        entra/group/readers/owner/erin@contoso.com
        entra/group/readers/member/hayden@contoso.com
        alpha/rolebinding/trinity/readers-view-34cb26a8a5
    ");
    let mut world = deleted();
    world.policy.only = Only([Target::Environment("alpha".parse().unwrap())].into());
    assert_snapshot!(world.shown(), @"
    withheld group-not-there-yet at access.yaml:10: group readers was deleted on 2026-11-01T10:00:00Z, and restoring it is not part of this plan; add `--only group/readers`
        alpha/rolebinding/trinity/readers-view-34cb26a8a5
    ");
}

#[test]
fn a_live_group_comes_before_a_deleted_one() {
    let mut world = deleted();
    world.ask("readers", &[]).owners = None;
    world.live("readers", &["hayden"]).id = id(78);
    assert!(!world.shown().contains("restored"), "{}", world.shown());
}

#[test]
fn a_stranger_s_group_is_found_out_once_it_is_there() {
    let mut world = deleted();
    let group = id(super::world::number("readers"));
    world.hidden.get_mut(&group).unwrap().owners = vec![principal("carol")];
    let first = world.plan();
    world.apply(&first.changes);
    let plan = world.plan();
    assert!(plan.changes.is_empty(), "{}", show(&plan));
    assert!(plan.withheld.iter().all(|withheld| withheld.reason.id() == "not-ours"), "{}", show(&plan));
}

/// Whether a restored group is ours is not known before, so what stays for one that is not stays for both.
#[test]
fn nothing_is_taken_away_that_stays_once_it_turns_out_to_be_a_stranger_s() {
    let mut world = deleted();
    let group = id(super::world::number("readers"));
    world.hidden.get_mut(&group).unwrap().owners = vec![principal("carol")];
    world.grant("group:readers", "view", ScopeTarget::Cluster);
    let other = id(super::world::number("former")).to_string();
    world.bind(Some("trinity"), "left", "view", subject(SubjectKind::Group, &other), Mark::Ours);
    let first = world.plan();
    assert_eq!(first.changes.len(), 1, "{}", show(&first));
    world.apply(&first.changes);
    let then = world.plan();
    assert!(then.changes.is_empty(), "{}", show(&then));
    let left = |plan: &crate::plan::Plan| {
        let addresses = plan.withheld.iter().flat_map(|withheld| &withheld.addresses);
        addresses.filter(|address| address.to_string().ends_with("trinity/left")).count()
    };
    assert_eq!((left(&first), left(&then)), (1, 1));
    // One that is ours is no reason to keep it.
    world.tenant().marked.get_mut(&key("readers")).unwrap().owners.push(principal("applier"));
    assert!(show(&world.plan()).contains("- alpha/rolebinding/trinity/left"), "{}", show(&world.plan()));
}

#[test]
fn guard_group_restored() {
    let mut world = deleted();
    world.acknowledge("group-restored:readers");
    let verdicts = world.plan().verdicts;
    let [verdict] = &verdicts[..] else { panic!("{verdicts:?}") };
    assert!(verdict.acknowledged && !verdict.refuses());
    // Nothing is asked for where nothing is restored.
    world.desired.groups.clear();
    world.alpha().bindings.clear();
    assert!(world.plan().verdicts.is_empty());
    world.grant("hayden", "view", ScopeTarget::Cluster);
    assert!(world.plan().verdicts.iter().all(|verdict| verdict.guard != "group-restored"));
}
