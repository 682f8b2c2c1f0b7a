//! Subjects: each spelt as the API server reads it from a token, or not bound.

use std::collections::BTreeMap;

use insta::assert_snapshot;

use super::kubernetes::with_readers;
use super::world::{World, id, in_namespace, number, principal, subject, who};
use crate::state::{
    GroupKind, GroupNaming, GroupSummary, LivePrincipal, Management, Mark, Membership, Resolution, Resource,
    SubjectKind, SubjectName, UserNaming,
};

fn subjects(world: &World) -> Vec<(SubjectKind, SubjectName, BTreeMap<String, String>)> {
    let bindings = world.plan().changes.into_iter().filter_map(|change| match change.after() {
        Some(Resource::Binding(binding)) => Some((binding.subjects[0].clone(), change.refers)),
        _ => None,
    });
    bindings.map(|(subject, refers)| (subject.kind, subject.name, refers)).collect()
}

#[test]
fn subjects_are_spelt_as_the_cluster_reads_tokens() {
    let mut world = with_readers();
    world.ask("new", &[]);
    for subject in ["group:readers", "group:new", "hayden", "guest:ana", "applier"] {
        world.grant(subject, "view", in_namespace("trinity"));
    }
    let tokens = &mut world.alpha().tokens;
    tokens.groups_prefix = "entra:".to_owned();
    tokens.users_prefix = "user:".to_owned();
    insta::assert_debug_snapshot!(subjects(&world).into_iter().map(|(kind, name, _)| (kind, name)).collect::<Vec<_>>(), @r#"
    [
        (
            User,
            Known(
                "user:00000000-0000-00a0-0000-000000005eed",
            ),
        ),
        (
            User,
            Known(
                "user:00000000-1474-7832-0000-000000005eed",
            ),
        ),
        (
            User,
            Known(
                "user:00000000-9d42-ae6d-0000-000000005eed",
            ),
        ),
        (
            Group,
            AfterApply {
                prefix: "entra:",
                group: GroupKey(
                    "new",
                ),
            },
        ),
        (
            Group,
            Known(
                "entra:00000000-2192-9f10-0000-000000005eed",
            ),
        ),
    ]
    "#);
}

#[test]
fn names_that_hold_no_id_rely_on_the_id_behind_them() {
    let mut world = with_readers();
    world.ask("readers", &[]).display_name = Some("All Readers".to_owned());
    for subject in ["group:readers", "hayden", "guest:ana"] {
        world.grant(subject, "view", in_namespace("trinity"));
    }
    world.tenant().by_display_name.insert("All Readers".to_owned(), Vec::new());
    let tokens = &mut world.alpha().tokens;
    tokens.groups = GroupNaming::DisplayName;
    tokens.users = UserNaming::UserPrincipalName;
    let mut spelt = subjects(&world);
    for (_, _, refers) in &mut spelt {
        refers.remove("clusterrole/view");
    }
    insta::assert_debug_snapshot!(spelt, @r#"
    [
        (
            User,
            Known(
                "ana_partner.example#EXT#@contoso.com",
            ),
            {
                "guest:ana@partner.example": "00000000-1474-7832-0000-000000005eed",
            },
        ),
        (
            User,
            Known(
                "Hayden@contoso.com",
            ),
            {
                "hayden@contoso.com": "00000000-9d42-ae6d-0000-000000005eed",
            },
        ),
        (
            Group,
            Known(
                "All Readers",
            ),
            {
                "group:readers": "00000000-2192-9f10-0000-000000005eed",
            },
        ),
    ]
    "#);
    let plan = world.plan();
    let binding = plan.changes.iter().find(|change| change.address.to_string().contains("readers-view")).unwrap();
    assert_eq!(binding.requires.iter().map(ToString::to_string).collect::<Vec<_>>(), ["entra/group/readers"]);
}

#[test]
fn who_has_no_user_principal_name_cannot_be_spelt() {
    let mut world = World::new();
    world.alpha().tokens.users = UserNaming::UserPrincipalName;
    world.grant("applier", "view", in_namespace("trinity"));
    world.grant("hayden", "view", in_namespace("trinity"));
    let unreadable = LivePrincipal { user_principal_name: None, ..principal("hayden") };
    world.tenant().directory.insert(who("hayden"), Resolution::Found(unreadable));
    assert_snapshot!(world.shown(), @"
    withheld no-user-name at access.yaml:30: alpha knows users by user principal name, and the token of a service principal holds none. Grant to a group it is in, or set `users-as: object-id`
        alpha/rolebinding/trinity/00000000-0000-0000-0000-000000000a99-view-2e022882d2
    withheld no-user-name at access.yaml:30: the user principal name of `hayden@contoso.com` could not be read, and alpha needs it
        alpha/rolebinding/trinity/hayden-view-5c62441713
    ");
}

#[test]
fn a_display_name_that_two_groups_have_binds_nobody() {
    let mut world = with_readers();
    world.grant("group:readers", "view", in_namespace("trinity"));
    world.alpha().tokens.groups = GroupNaming::DisplayName;
    assert_snapshot!(world.shown(), @"
    withheld ambiguous-group-name at access.yaml:30 (error): alpha knows groups by display name, and who else is named `readers` besides readers could not be looked up. Plan again, or set `groups-as: object-id`
        alpha/rolebinding/trinity/readers-view-34cb26a8a5
    ");
    let other = GroupSummary {
        id: id(7),
        display_name: "readers".to_owned(),
        unique_name: None,
        kind: GroupKind::Security,
        created: None,
        owners: Vec::new(),
    };
    world.tenant().by_display_name.insert("readers".to_owned(), vec![other.clone()]);
    assert_snapshot!(world.shown(), @"
    withheld ambiguous-group-name at access.yaml:30 (error): alpha knows groups by display name, and another group (00000000-0000-0007-0000-000000005eed) is named `readers` as well as readers: a binding would give both of them access. Rename one, or set `groups-as: object-id`
        alpha/rolebinding/trinity/readers-view-34cb26a8a5
    ");

    // Another spelling is another name in a token.
    let other = GroupSummary { display_name: "Readers".to_owned(), ..other };
    world.tenant().by_display_name.insert("readers".to_owned(), vec![other]);
    assert_eq!(world.plan().changes.len(), 1);

    // Two groups of the files with one name.
    world.ask("twins", &[]).display_name = Some("readers".to_owned());
    assert_snapshot!(world.shown(), @"
    + alpha/rolebinding/trinity/readers-view-34cb26a8a5
    withheld ambiguous-group-name at access.yaml:10 (error): group twins is not created, as `readers`: its members would have what is given to `readers` on alpha, where groups are known by display name, and group readers (id 00000000-2192-9f10-0000-000000005eed) is named so too. Rename one of them: the root file may write another `display-name` for twins, or set `groups-as: object-id` there
        entra/group/twins
    ");
}

#[test]
fn a_display_name_that_becomes_free_is_bound_after_that() {
    let mut world = with_readers();
    world.grant("group:readers", "view", in_namespace("trinity"));
    world.alpha().tokens.groups = GroupNaming::DisplayName;
    let old = world.live("old", &[]);
    old.display_name = "readers".to_owned();
    let summary = GroupSummary {
        id: old.id,
        display_name: "readers".to_owned(),
        unique_name: None,
        kind: GroupKind::Security,
        created: None,
        owners: Vec::new(),
    };
    world.tenant().by_display_name.insert("readers".to_owned(), vec![summary]);
    world.bind(Some("trinity"), "left", "edit", subject(SubjectKind::Group, "readers"), Mark::Ours);
    assert_snapshot!(world.shown(), @"
    - entra/group/old
    + alpha/rolebinding/trinity/readers-view-34cb26a8a5
        after entra/group/old
    - alpha/rolebinding/trinity/left
        after alpha/rolebinding/trinity/readers-view-34cb26a8a5
    guard group-deleted:old: old would be deleted (restorable for 30 days) with its 0 members
    ");
}

#[test]
fn a_distribution_list_is_no_subject() {
    let mut world = World::new();
    let group = world.ask("everybody", &[]);
    group.management = Management::External(id(90));
    group.membership = Membership::External;
    world.foreign(90, "Everybody", &[]).kind = GroupKind::Distribution;
    world.grant("group:everybody", "view", in_namespace("trinity"));
    assert_snapshot!(world.shown(), @"
    withheld no-security-group at access.yaml:30: group everybody is a distribution list, which is in nobody's token and cannot be given access. Grant to a security group
        alpha/rolebinding/trinity/everybody-view-79a7852c4b
    ");
}

#[test]
fn another_spelling_of_an_id_is_nobody() {
    let mut world = World::new();
    world.live("old", &[]);
    let text = format!("{}", id(number("old"))).to_uppercase();
    world.bind(Some("trinity"), "theirs", "view", subject(SubjectKind::Group, &text), Mark::None);
    world.ask("readers", &[]);
    world.live("readers", &[]);
    assert!(world.plan().notes.iter().all(|note| note.kind.id() != "bound-by-others"));
    world.bind(None, "left", "view", subject(SubjectKind::Group, &text), Mark::Ours);
    let names = world.plan().names;
    assert_eq!(names.keys().collect::<Vec<_>>(), [&id(number("old")).to_string()], "that of the group itself");
    assert!(world.plan().changes.iter().all(|change| change.requires.is_empty()));
}
