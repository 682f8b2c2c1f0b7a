//! Who must not be in a group to which others may be added by hand.

use insta::assert_snapshot;

use super::world::{World, at, principal, who};
use crate::state::{DesiredGroup, Membership, PrivilegedMembers, Resolution};

fn additive<'w>(world: &'w mut World, members: &[&str], absent: &[&str]) -> &'w mut DesiredGroup {
    let group = world.ask("readers", members);
    group.membership = Membership::Additive;
    group.absent = absent.iter().zip(21..).map(|(name, line)| (who(name), at(line))).collect();
    group
}

#[test]
fn whoever_is_to_be_absent_goes_and_nobody_else() {
    let mut world = World::new();
    additive(&mut world, &["hayden"], &["sam", "guest:ana", "root"]);
    world.live("readers", &["sam", "erin", "guest:ana"]);
    assert_snapshot!(world.shown(), @"
    + entra/group/readers/member/hayden@contoso.com
    - entra/group/readers/member/sam@contoso.com
    - entra/group/readers/member/guest:ana@partner.example
    ");
    let plan = world.plan();
    let origin = plan.changes.iter().find(|change| change.address.to_string().contains("sam")).unwrap().origin.clone();
    assert_eq!(origin, Some(at(21)), "the line that wants them gone");
    world.apply(&plan.changes);
    assert_snapshot!(world.shown(), @"");
}

#[test]
fn the_same_person_by_another_spelling_is_neither_put_in_nor_taken_out() {
    let mut world = World::new();
    world.tenant().directory.insert(who("guest:ana"), Resolution::Found(principal("sam")));
    additive(&mut world, &["sam", "hayden"], &["guest:ana", "erin"]);
    world.live("readers", &["erin"]);
    assert_snapshot!(world.shown(), @"
    + entra/group/readers/member/hayden@contoso.com
    - entra/group/readers/member/erin@contoso.com
        after entra/group/readers/member/hayden@contoso.com
    withheld member-and-absent at access.yaml:21 (error): `guest:ana@partner.example` is to be absent from readers, and is the same as its member `sam@contoso.com` (access.yaml:11); nothing is done about either. Take one of the two out
        entra/group/readers/member/sam@contoso.com
        entra/group/readers/member/guest:ana@partner.example
    ");
    world.live("readers", &[]).members.push(principal("sam"));
    assert_snapshot!(world.shown(), @"
    - entra/group/readers/member/erin@contoso.com
    + entra/group/readers/member/hayden@contoso.com
    withheld member-and-absent at access.yaml:21 (error): `guest:ana@partner.example` is to be absent from readers, and is the same as its member `sam@contoso.com` (access.yaml:11); nothing is done about either. Take one of the two out
        entra/group/readers/member/sam@contoso.com
        entra/group/readers/member/guest:ana@partner.example
    ");
}

#[test]
fn a_name_that_does_not_resolve_holds_every_removal() {
    let mut world = World::new();
    additive(&mut world, &["hayden"], &["nobody", "sam"]);
    world.live("readers", &["sam"]);
    assert_snapshot!(world.shown(), @"
    + entra/group/readers/member/hayden@contoso.com
    withheld unknown-person at access.yaml:21: `nobody@contoso.com`: nothing in Entra has this name; removals in readers wait
        entra/group/readers/member/nobody@contoso.com
        entra/group/readers/member/sam@contoso.com
    ");
}

#[test]
fn a_membership_through_pim_is_asked_about_and_stays() {
    let mut world = World::new();
    world.desired.without_pim = false;
    additive(&mut world, &[], &["sam"]);
    let id = world.live("readers", &["sam", "erin"]).id;
    assert_eq!(world.privileged_asked(), [id]);
    assert_snapshot!(world.shown(), @"
    withheld pim-unreadable at access.yaml:10: removals in readers wait: a membership through Privileged Identity Management must not be taken for drift, and those of this group could not be read: they were not read. Let this identity read them, or write `pim: none` under `tenant` if it is not in use
        entra/group/readers/member/sam@contoso.com
    ");
    world.observed.of_groups.privileged.insert(id, PrivilegedMembers::Active([principal("sam").id].into()));
    assert_snapshot!(world.shown(), @"
    note privileged-member: sam@contoso.com (0000…) is in readers through Privileged Identity Management; that is no drift
    ");
    // Nobody has to be asked about where nobody would go.
    world.observed.of_groups.privileged.clear();
    world.live("readers", &[]).members.remove(0);
    assert_eq!(world.privileged_asked(), []);
}

#[test]
fn guards_see_it_as_any_removal() {
    let mut world = World::new();
    additive(&mut world, &[], &["sam"]);
    world.live("readers", &["sam"]);
    assert_snapshot!(world.shown(), @"
    - entra/group/readers/member/sam@contoso.com
    guard group-emptied:readers: readers would lose its last members (1)
    ");
}
