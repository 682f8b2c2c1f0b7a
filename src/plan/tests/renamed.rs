//! Groups that had another key before: one object, whatever the files call it.

use insta::assert_snapshot;

use super::show;
use super::world::{World, at, in_namespace, key, nested, principal, subject, who};
use crate::plan::saved::{Provenance, SavedPlan, agree};
use crate::state::{Acknowledgement, GroupNaming, Only, Sign, SubjectKind, Target, mark};

/// `readers` with two members, live and bound, and then called `viewers` in the files.
fn renamed() -> World {
    let mut world = World::new();
    world.ask("readers", &["hayden", "sam"]);
    world.live("readers", &["hayden", "sam"]);
    world.grant("group:readers", "view", in_namespace("trinity"));
    let first = world.plan();
    world.apply(&first.changes);
    assert_eq!(world.shown(), "");
    rename(&mut world);
    world
}

fn rename(world: &mut World) {
    let mut block = world.desired.groups.remove(&key("readers")).unwrap();
    block.previously.insert(key("readers"), at(18));
    world.desired.groups.insert(key("viewers"), block);
    for binding in &mut world.alpha().bindings {
        if binding.subject == who("group:readers") {
            binding.subject = who("group:viewers");
        }
    }
}

#[test]
fn a_renamed_group_is_left_alone_with_all_its_bindings() {
    let mut world = renamed();
    assert_snapshot!(world.shown(), @"");
    // As on a cluster that knows groups by name: what the group is called has not changed.
    world.alpha().tokens.groups = GroupNaming::DisplayName;
    world.cluster().bindings[0].binding.subjects = vec![subject(SubjectKind::Group, "readers")];
    world.tenant().by_display_name.insert("readers".to_owned(), Vec::new());
    assert_snapshot!(world.shown(), @"");
}

#[test]
fn what_is_added_to_a_renamed_group_is_said_by_its_new_key() {
    let mut world = renamed();
    world.desired.groups.get_mut(&key("viewers")).unwrap().members.insert(who("erin"), at(13));
    let parent = nested(&world.live("readers", &[]).clone());
    world.ask("all", &["group:viewers"]);
    world.live("all", &[]).members = vec![parent];
    world.grant("group:viewers", "edit", in_namespace("trinity"));
    assert_snapshot!(world.shown(), @"
    + entra/group/viewers/member/erin@contoso.com
    + alpha/rolebinding/trinity/readers-edit-d613f75ae1
    ");
    world.policy.only = Only([Target::Group(key("viewers"))].into());
    assert_snapshot!(world.shown(), @"
    + entra/group/viewers/member/erin@contoso.com
    ");
    world.policy.only = Only::default();
    let plan = world.plan();
    world.apply(&plan.changes);
    assert_snapshot!(world.shown(), @"");
}

#[test]
fn the_mail_nickname_follows_the_mark() {
    let mut world = renamed();
    let live = world.tenant().marked.get_mut(&key("readers")).unwrap();
    live.mail_nickname = Some("other".to_owned());
    let plan = world.plan();
    let Some(crate::state::Resource::Group(after)) = plan.changes[0].after() else { panic!("{}", show(&plan)) };
    assert_eq!(after.mail_nickname, Some(mark::mail_nickname(&world.desired.config, &key("readers"))));
    world.apply(&plan.changes);
    assert_snapshot!(world.shown(), @"");
}

#[test]
fn a_group_that_was_made_under_its_new_key_is_the_one() {
    let mut world = World::new();
    world.ask("viewers", &["hayden"]).previously.insert(key("readers"), at(18));
    world.live("viewers", &["hayden"]);
    assert_snapshot!(world.shown(), @"");
}

#[test]
fn two_live_groups_that_may_be_the_one_are_both_left_alone() {
    let mut world = renamed();
    world.live("viewers", &["erin"]);
    world.grant("group:viewers", "edit", in_namespace("trinity"));
    assert_snapshot!(world.shown(), @"
    withheld previous-keys-conflict at access.yaml:18 (error): viewers was renamed, and more than one of the groups that it may be is there: viewers (id 00000000-fc3f-efa1-0000-000000005eed), readers (id 00000000-2192-9f10-0000-000000005eed). Nothing is done about any of them, their members and what the files grant to viewers. Give those that are another group a block of their own, or have the one deleted that nobody needs
        entra/group/viewers
        entra/group/viewers/member/hayden@contoso.com
        entra/group/viewers/member/sam@contoso.com
        alpha/rolebinding/trinity/readers-view-34cb26a8a5
        alpha/rolebinding/trinity/viewers-edit-db3257b924
        alpha/rolebinding/trinity/viewers-view-c38281d30d
    ");
}

#[test]
fn a_stranger_who_took_the_old_key_is_nobody() {
    let mut world = renamed();
    let live = world.tenant().marked.get_mut(&key("readers")).unwrap();
    live.owners = vec![principal("carol")];
    let plan = world.plan();
    assert!(plan.changes.is_empty(), "{}", show(&plan));
    assert!(plan.withheld.iter().any(|withheld| withheld.reason.id() == "not-ours"), "{}", show(&plan));
}

#[test]
fn without_the_previous_key_it_is_another_group_and_a_guard_says_what_to_write() {
    let mut world = renamed();
    world.desired.groups.get_mut(&key("viewers")).unwrap().previously.clear();
    assert_snapshot!(world.shown(), @"
    + entra/group/viewers
    + entra/group/viewers/member/hayden@contoso.com
        after entra/group/viewers
    + entra/group/viewers/member/sam@contoso.com
        after entra/group/viewers
    + alpha/rolebinding/trinity/viewers-view-c38281d30d
        after entra/group/viewers
    - alpha/rolebinding/trinity/readers-view-34cb26a8a5
        after entra/group/viewers/member/hayden@contoso.com
        after entra/group/viewers/member/sam@contoso.com
        after alpha/rolebinding/trinity/viewers-view-c38281d30d
    - entra/group/readers
        after entra/group/viewers/member/hayden@contoso.com
        after entra/group/viewers/member/sam@contoso.com
        after alpha/rolebinding/trinity/readers-view-34cb26a8a5
        after alpha/rolebinding/trinity/viewers-view-c38281d30d
    guard group-replaced:readers/viewers: readers has no block any more, and viewers would be made with mostly the same members (2 in both, of 2 and 2): a new object with a new id, unknown to whatever else names the old one. If it is the same group under another key, write `previously: [readers]` in the block of viewers (access.yaml:10): it then keeps its object, its id and its bindings
    guard group-deleted:readers: readers would be deleted (restorable for 30 days) with its 2 members: hayden@contoso.com (0000…), sam@contoso.com (0000…)
    ");
}

#[test]
fn a_plan_saved_before_and_after_a_renaming() {
    let mut world = renamed();
    world.desired.groups.get_mut(&key("viewers")).unwrap().members.insert(who("erin"), at(13));
    let provenance = Provenance { rolecall: "0".to_owned(), tree: String::new(), commit: None };
    let saved = SavedPlan::new(&world.plan(), &world.policy, provenance);
    let agreement = agree(&saved, &world.plan(), &world.desired, &world.observed);
    assert!(agreement.holds() && agreement.ready.len() == 1, "{agreement:?}");
    world.apply(&world.plan().changes.clone());
    let agreement = agree(&saved, &world.plan(), &world.desired, &world.observed);
    assert!(agreement.holds() && agreement.already_held.len() == 1, "{agreement:?}");
    // Meanwhile somebody made a group under the new key: nothing that was approved holds any more.
    world.live("viewers", &[]);
    let agreement = agree(&saved, &world.plan(), &world.desired, &world.observed);
    assert!(!agreement.holds(), "{agreement:?}");
}

#[test]
fn guard_group_replaced() {
    let says = |world: &World| -> Vec<String> {
        let verdicts = world.plan().verdicts.into_iter().filter(|verdict| verdict.guard == "group-replaced");
        verdicts.map(|verdict| verdict.subject).collect()
    };
    let mut world = World::new();
    world.live("old", &["hayden", "sam", "erin", "carol"]);
    world.ask("new", &["hayden", "sam", "root"]);
    assert_eq!(says(&world), ["old/new"]);
    // A narrower plan that leaves the deletion to a later one changes nothing about it.
    world.policy.only = Only([Target::Group(key("new"))].into());
    assert_eq!(says(&world), ["old/new"]);
    world
        .policy
        .acknowledged
        .insert(Acknowledgement { guard: "group-replaced".to_owned(), subject: "old/new".to_owned() });
    assert!(world.plan().verdicts.iter().all(|verdict| verdict.acknowledged));
    // Fewer than half of one of the two.
    world.ask("new", &[]).members.remove(&who("sam"));
    assert_eq!(says(&world), [""; 0]);
    // Nobody is no likeness, and what is not ours is not what was renamed.
    let mut world = World::new();
    world.live("old", &[]);
    world.ask("new", &[]);
    assert_eq!(says(&world), [""; 0]);
    world.live("stranger", &["hayden"]).owners = vec![principal("carol")];
    world.ask("new", &[]).members.insert(who("hayden"), at(11));
    assert_eq!(says(&world), [""; 0]);
}

/// Somebody drops `previously` and defines a group under the key from before.
fn inherited(members: &[&str]) -> World {
    let mut world = renamed();
    world.ask("readers", members);
    world.desired.groups.get_mut(&key("viewers")).unwrap().previously.clear();
    world
}

#[test]
fn another_block_does_not_come_to_the_object_of_a_renamed_group_unnoticed() {
    let mut world = inherited(&["erin"]);
    assert_snapshot!(world.shown(), @"
    + entra/group/viewers
    + entra/group/viewers/member/hayden@contoso.com
        after entra/group/viewers
    + entra/group/viewers/member/sam@contoso.com
        after entra/group/viewers
    + alpha/rolebinding/trinity/viewers-view-c38281d30d
        after entra/group/viewers
    - alpha/rolebinding/trinity/readers-view-34cb26a8a5
        after entra/group/viewers/member/hayden@contoso.com
        after entra/group/viewers/member/sam@contoso.com
        after alpha/rolebinding/trinity/viewers-view-c38281d30d
    + entra/group/readers/member/erin@contoso.com
        after alpha/rolebinding/trinity/readers-view-34cb26a8a5
    - entra/group/readers/member/hayden@contoso.com
        after entra/group/readers/member/erin@contoso.com
        after entra/group/viewers/member/hayden@contoso.com
        after alpha/rolebinding/trinity/viewers-view-c38281d30d
    - entra/group/readers/member/sam@contoso.com
        after entra/group/readers/member/erin@contoso.com
        after entra/group/viewers/member/sam@contoso.com
        after alpha/rolebinding/trinity/viewers-view-c38281d30d
    guard group-replaced:readers/viewers: viewers would be made with mostly the members that readers has now (2 in both, of 2 and 2), and the block of readers (access.yaml:10) would have the object that was theirs, with its id and all that names it elsewhere. If viewers is the same group under another key, write `previously: [readers]` in the block of viewers (access.yaml:10), and give the block of readers another key
    ");
    // Nor by having its members as well.
    world = inherited(&["hayden", "sam", "erin"]);
    assert_snapshot!(world.shown(), @"
    + entra/group/viewers
    + entra/group/viewers/member/hayden@contoso.com
        after entra/group/viewers
    + entra/group/viewers/member/sam@contoso.com
        after entra/group/viewers
    + alpha/rolebinding/trinity/viewers-view-c38281d30d
        after entra/group/viewers
    - alpha/rolebinding/trinity/readers-view-34cb26a8a5
        after entra/group/viewers/member/hayden@contoso.com
        after entra/group/viewers/member/sam@contoso.com
        after alpha/rolebinding/trinity/viewers-view-c38281d30d
    + entra/group/readers/member/erin@contoso.com
        after alpha/rolebinding/trinity/readers-view-34cb26a8a5
    guard group-replaced:readers/viewers: viewers would be made with mostly the members that readers has now (2 in both, of 2 and 2), and the block of readers (access.yaml:10) would have the object that was theirs, with its id and all that names it elsewhere. If viewers is the same group under another key, write `previously: [readers]` in the block of viewers (access.yaml:10), and give the block of readers another key
    ");
    // While the removals wait, it is the same.
    world = inherited(&["erin", "nobody"]);
    assert!(world.shown().contains("guard group-replaced:readers/viewers"), "{}", world.shown());
}

#[test]
fn a_group_with_members_of_another_one_is_a_group_of_its_own() {
    let mut world = renamed();
    world.ask("others", &["hayden", "sam"]);
    world.grant("group:others", "view", in_namespace("trinity"));
    assert!(world.plan().verdicts.is_empty(), "{}", world.shown());
    let mut world = World::new();
    world.ask("readers", &["hayden", "sam"]);
    world.live("readers", &["hayden", "sam", "erin"]);
    world.ask("others", &["hayden", "sam", "erin"]);
    assert!(world.plan().verdicts.is_empty(), "{}", world.shown());
}

/// Whatever is taken away was given before, to those who stay the same.
#[test]
fn who_is_in_both_groups_gets_first_and_loses_then() {
    let mut world = inherited(&["erin"]);
    world.grant("group:viewers", "edit", in_namespace("payments"));
    let plan = world.plan();
    let at = |end: &str| plan.changes.iter().position(|change| change.address.to_string().ends_with(end)).unwrap();
    let payments = plan.changes.iter().position(|change| change.address.to_string().contains("payments/viewers-edit"));
    let granted = payments.unwrap().max(at("trinity/viewers-view-c38281d30d"));
    for name in ["hayden", "sam"] {
        let (joins, leaves) =
            (format!("viewers/member/{name}@contoso.com"), format!("readers/member/{name}@contoso.com"));
        assert!(at(&joins).max(granted) < at(&leaves), "{}", show(&plan));
        assert!(at(&joins).max(granted) < at("trinity/readers-view-34cb26a8a5"), "{}", show(&plan));
    }
    // And nobody comes to what was the others' meanwhile.
    assert!(at("trinity/readers-view-34cb26a8a5") < at("readers/member/erin@contoso.com"), "{}", show(&plan));
}

#[test]
fn guard_group_replaced_says_what_a_delegated_file_may_do() {
    let mut world = World::new();
    world.live("old", &["hayden", "sam"]);
    let block = world.ask("new", &["hayden", "sam"]);
    block.delegated = true;
    block.origin.file = "teams/trinity.yaml".into();
    let plan = world.plan();
    let verdict = plan.verdicts.iter().find(|verdict| verdict.guard == "group-replaced").unwrap();
    assert!(
        verdict.message.contains(
            "have the block of new (teams/trinity.yaml:10) moved to `rolecall.yaml` with the line `previously: [old]`, because \
             `previously` is the root file's alone (the file may go on granting to new): it then keeps its object"
        ),
        "{}",
        verdict.message
    );
    // The name of the config is not in doubt where all that goes is explained by it.
    let guards: Vec<&str> = plan.verdicts.iter().map(|verdict| verdict.guard.as_str()).collect();
    assert_eq!(guards, ["group-replaced", "group-deleted"]);
    world.live("other", &["erin"]);
    assert!(world.plan().verdicts.iter().any(|verdict| verdict.guard == "config-renamed"));
}

#[test]
fn a_group_that_looks_like_one_that_is_not_made_after_all_stays() {
    let mut world = World::new();
    world.alpha().tokens.groups = GroupNaming::DisplayName;
    world.live("readers", &["hayden", "sam"]);
    world.ask("viewers", &["hayden", "sam"]).display_name = Some("readers".to_owned());
    world.look_up();
    let plan = world.plan();
    assert_snapshot!(show(&plan), @"
    withheld ambiguous-group-name at access.yaml:10 (error): group viewers is not created, as `readers`: its members would have what is given to `readers` on alpha, where groups are known by display name, and the name is still in use until something goes that itself waits for viewers. Do it in two steps: first take `readers` from whoever has it now and apply, then give it to viewers. If whoever has it is viewers under an older key, write `previously` in the block of viewers instead
        entra/group/readers
        entra/group/viewers
        entra/group/viewers/member/hayden@contoso.com
        entra/group/viewers/member/sam@contoso.com
    ");
    assert_eq!(plan.withheld[0].signs, [Sign::Remove, Sign::Add, Sign::Add, Sign::Add]);
}

#[test]
fn groups_that_are_made_count_among_the_members_of_another() {
    let mut world = World::new();
    world.live("readers", &["hayden", "sam"]);
    world.ask("viewers", &["hayden", "sam", "group:one", "group:two", "group:three"]);
    for inner in ["one", "two", "three"] {
        world.ask(inner, &[]);
    }
    assert!(!world.shown().contains("group-replaced"), "2 of 5 are not most: {}", world.shown());
    world.ask("viewers", &[]).members.remove(&who("group:three"));
    assert!(world.shown().contains("guard group-replaced:readers/viewers"), "{}", world.shown());
}
