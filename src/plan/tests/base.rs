//! What a change of the files causes, told from what was off before it.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::generate::world;
use super::world::{World, at, who};
use crate::plan::{Caused, Plan};
use crate::state::{Address, Change, Desired, Management, Sign};

/// The plan of the same live systems by other files.
pub(super) fn plan_of(world: &World, desired: &Desired) -> Plan {
    World { desired: desired.clone(), ..world.clone() }.plan()
}

pub(super) fn caused(world: &World, base: &Desired) -> (Caused, Plan, Plan) {
    let (before, after) = (plan_of(world, base), world.plan());
    (Caused::new((base, &before), (&world.desired, &after)), before, after)
}

fn addresses<'c>(changes: impl IntoIterator<Item = &'c Change>) -> BTreeSet<&'c Address> {
    changes.into_iter().map(|change| &change.address).collect()
}

/// Files that ask for a few things otherwise.
pub(super) fn changed(world: &World, picks: &[prop::sample::Index]) -> Desired {
    let mut desired = world.desired.clone();
    let keys: Vec<_> = desired.groups.keys().cloned().collect();
    for (turn, pick) in picks.iter().enumerate().filter(|_| !keys.is_empty()) {
        let Some(group) = desired.groups.get_mut(pick.get(&keys)) else { continue };
        match turn % 3 {
            0 => drop(group.members.pop_first()),
            1 if group.management == Management::Owned => drop(group.members.insert(who("carol"), at(90))),
            _ => {
                for environment in desired.environments.values_mut() {
                    environment.bindings.pop();
                }
            }
        }
    }
    desired
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is planned is caused by the change or was off before, and the latter would be done without the change as well.
    #[test]
    fn each_change_has_one_cause(world in world(), picks in prop::collection::vec(any::<prop::sample::Index>(), 0..4)) {
        let base = changed(&world, &picks);
        let (caused, before, after) = caused(&world, &base);
        for change in &after.changes {
            let twin = before.changes.iter().find(|before| before.address == change.address);
            let is_drift = twin.is_some_and(|twin| twin.operation == change.operation);
            prop_assert_eq!(is_drift, caused.drift.contains(&change.address));
            prop_assert_eq!(!is_drift, caused.by_change.contains(&change.address));
        }
        prop_assert_eq!(caused.drift.len() + caused.by_change.len(), after.changes.len());
        // What is accepted is what would be done without the change, and is not.
        let planned = addresses(&after.changes);
        for change in &caused.accepted {
            prop_assert!(before.changes.contains(change) && !planned.contains(&change.address));
        }
        // Whatever was off and is not put right any more is accepted, unless something holds it back.
        let accepted = addresses(&caused.accepted);
        let withheld: BTreeSet<&Address> = after.withheld.iter().flat_map(|withheld| &withheld.addresses).collect();
        for Change { address, .. } in &before.changes {
            let told = [&planned, &accepted, &withheld].iter().any(|told| told.contains(address));
            prop_assert!(told, "{} is nowhere", address);
        }
    }

    /// Where the files are the same, all of it was off before.
    #[test]
    fn the_same_files_cause_nothing(world in world()) {
        let (caused, ..) = caused(&world, &world.desired);
        prop_assert_eq!((caused.by_change.len(), caused.accepted.len()), (0, 0));
    }
}

/// Live: hayden. The files before the change ask for sam besides.
pub(super) fn off() -> (World, Desired) {
    let mut world = World::new();
    world.ask("dev", &["hayden", "sam"]);
    world.live("dev", &["hayden", "erin"]);
    let base = world.desired.clone();
    (world, base)
}

fn told(caused: &Caused) -> (Vec<String>, Vec<String>, Vec<(Sign, String)>) {
    let texts = |addresses: BTreeSet<&Address>| addresses.into_iter().map(ToString::to_string).collect();
    let accepted = caused.accepted.iter().map(|change| (change.sign(), change.address.to_string()));
    (texts(caused.by_change.iter().collect()), texts(caused.drift.iter().collect()), accepted.collect())
}

fn member(name: &str) -> String {
    format!("entra/group/dev/member/{}", who(name))
}

#[test]
fn what_was_off_before_is_no_part_of_the_change() {
    let (mut world, base) = off();
    world.desired.groups.values_mut().for_each(|group| drop(group.members.insert(who("carol"), at(9))));
    let (caused, ..) = caused(&world, &base);
    assert_eq!(told(&caused), (vec![member("carol")], vec![member("erin"), member("sam")], vec![]));
}

#[test]
fn what_is_off_and_asked_for_now_is_accepted() {
    let (mut world, base) = off();
    world.desired.groups.values_mut().for_each(|group| {
        group.members.remove(&who("sam"));
        group.members.insert(who("erin"), at(9));
    });
    let (caused, ..) = caused(&world, &base);
    let accepted = vec![(Sign::Add, member("sam")), (Sign::Remove, member("erin"))];
    let (by_change, drift, mut told) = told(&caused);
    told.sort();
    assert_eq!((by_change, drift, told), (vec![], vec![], accepted));
}

#[test]
fn what_goes_with_its_group_is_not_accepted() {
    let (mut world, base) = off();
    world.desired.groups.clear();
    let (caused, ..) = caused(&world, &base);
    assert_eq!(told(&caused), (vec!["entra/group/dev".to_owned()], vec![], vec![]));
}

#[test]
fn a_group_that_comes_back_into_the_files_is_spared() {
    let (world, mut base) = off();
    base.groups.clear();
    let (caused, before, _) = caused(&world, &base);
    assert_eq!(before.changes.len(), 1);
    let (_, _, accepted) = told(&caused);
    assert_eq!(accepted, [(Sign::Remove, "entra/group/dev".to_owned())]);
}

#[test]
fn a_group_by_another_key_is_told_by_that_key_alone() {
    let (mut world, base) = off();
    let mut group = world.desired.groups.pop_first().unwrap().1;
    group.previously.insert(super::world::key("dev"), at(8));
    world.desired.groups.insert(super::world::key("team"), group);
    let (caused, before, _) = caused(&world, &base);
    assert_eq!((before.changes.len(), caused.accepted), (2, vec![]));
}

#[test]
fn what_stays_in_a_group_that_is_let_go_is_accepted() {
    let (mut world, base) = off();
    world.foreign(0x77, "other", &["hayden", "sam"]);
    let group = world.desired.groups.values_mut().next().unwrap();
    group.management = Management::External(super::world::id(0x77));
    let (caused, before, after) = caused(&world, &base);
    assert_eq!((after.changes.len(), caused.accepted), (0, before.changes), "{}", super::show(&after));
}
