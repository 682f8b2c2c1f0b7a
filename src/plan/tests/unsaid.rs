//! What a change causes that none of its lines says.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::base::{caused, changed, off};
use super::generate::world;
use super::world::{World, at, key, who};
use crate::plan::{Plan, Side, Unsaid, unsaid};
use crate::state::{Address, Desired, Sign, Touched};

/// As if every line of these files were touched.
fn everything(desired: &Desired) -> Touched {
    let mut touched = Touched { tenant: true, appliers: true, ..Touched::default() };
    touched.files.insert(at(1).file);
    for (key, group) in &desired.groups {
        touched.groups.insert(key.clone());
        let lists = [Some(&group.members), group.owners.as_ref(), Some(&group.absent)];
        touched.entries.extend(lists.into_iter().flatten().flat_map(|list| list.values().cloned()));
    }
    for (name, environment) in &desired.environments {
        touched.environments.insert(name.clone());
        touched.roles.extend(environment.roles.iter().map(|role| role.key.clone()));
        touched.roles.extend(environment.bindings.iter().map(|binding| binding.role.key.clone()));
        touched.grants.extend(environment.bindings.iter().map(|binding| binding.origin.clone()));
        touched.entries.extend(environment.replacements.iter().map(|each| each.origin.clone()));
    }
    touched
}

fn told(world: &World, base: &Desired, touched: fn(&Desired) -> Touched) -> (Vec<Unsaid>, Plan, Plan) {
    let (caused, before, after) = caused(world, base);
    let (old, new) = (touched(base), touched(&world.desired));
    let base = Side { desired: base, plan: &before, touched: &old };
    let head = Side { desired: &world.desired, plan: &after, touched: &new };
    (unsaid(base, head, &caused, &world.observed), before, after)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Where nothing waits for anything, whatever comes of a change that touches every line is said by one.
    #[test]
    fn what_stands_on_touched_lines_is_said(world in world(), picks in prop::collection::vec(any::<prop::sample::Index>(), 0..4)) {
        let base = changed(&world, &picks);
        let (unsaid, before, after) = told(&world, &base, everything);
        if before.withheld.is_empty() && after.withheld.is_empty() {
            prop_assert_eq!(unsaid, vec![]);
        }
    }

    /// Where no line is touched, nothing is said.
    #[test]
    fn what_stands_on_no_touched_line_is_not(world in world(), picks in prop::collection::vec(any::<prop::sample::Index>(), 0..4)) {
        let base = changed(&world, &picks);
        let (unsaid, ..) = told(&world, &base, |_| Touched::default());
        let told: BTreeSet<&Address> = unsaid.iter().map(|one| &one.address).collect();
        let (caused, ..) = caused(&world, &base);
        let expected = caused.by_change.iter().chain(caused.accepted.iter().map(|change| &change.address));
        for address in expected {
            prop_assert!(told.contains(address), "{}", address);
        }
    }

    /// Files that are the same leave nothing to be said, whatever is touched in them.
    #[test]
    fn the_same_files_leave_nothing_unsaid(world in world()) {
        let (unsaid, ..) = told(&world, &world.desired, |_| Touched::default());
        prop_assert_eq!(unsaid, vec![]);
    }
}

/// The lines of the members of `dev`, touched where they stand on one of these.
fn lines(numbers: &[u32]) -> Touched {
    let entries = numbers.iter().map(|number| at(*number)).collect();
    Touched { entries, files: BTreeSet::from([at(1).file]), ..Touched::default() }
}

fn told_by(world: &World, base: &Desired, touched: (&Touched, &Touched)) -> Vec<(Sign, bool, String, Option<u32>)> {
    let (caused, before, after) = caused(world, base);
    let base = Side { desired: base, plan: &before, touched: touched.0 };
    let head = Side { desired: &world.desired, plan: &after, touched: touched.1 };
    let line = |one: &Unsaid| one.through.as_ref().map(|through| through.line);
    let all = unsaid(base, head, &caused, &world.observed);
    all.iter().map(|one| (one.sign, one.is_kept_back, one.address.to_string(), line(one))).collect()
}

/// Somebody whom nobody knows holds every removal back: mended, it lets them go.
#[test]
fn what_waited_for_a_mended_name_is_not_said_by_it() {
    let (mut world, mut base) = off();
    let dev = base.groups.get_mut(&key("dev")).unwrap();
    dev.members.insert(who("nobody"), at(30));
    let lines_of = |group: &crate::state::DesiredGroup| group.origin.line;
    let block = lines_of(dev);
    world.desired.groups.get_mut(&key("dev")).unwrap().members.insert(who("carol"), at(30));
    let (taken, added) = (lines(&[30]), lines(&[30]));
    let erin = "entra/group/dev/member/erin@contoso.com".to_owned();
    assert_eq!(told_by(&world, &base, (&taken, &added)), [(Sign::Remove, false, erin.clone(), Some(block))]);
    // The other way round, it keeps them in.
    let mended = std::mem::replace(&mut world.desired, base);
    assert_eq!(told_by(&world, &mended, (&added, &taken)), [(Sign::Remove, true, erin, Some(block))]);
}

#[test]
fn a_touched_line_that_says_the_same_says_nothing() {
    let (mut world, base) = off();
    world.desired.groups.get_mut(&key("dev")).unwrap().members.insert(who("carol"), at(30));
    let carol = "entra/group/dev/member/carol@contoso.com".to_owned();
    assert_eq!(told_by(&world, &base, (&lines(&[]), &lines(&[30]))), []);
    let others = (lines(&[29]), Touched { groups: [key("dev")].into(), ..lines(&[29]) });
    assert_eq!(told_by(&world, &base, (&others.0, &others.1)), [(Sign::Add, false, carol, Some(30))]);
}
