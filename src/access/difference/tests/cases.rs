//! Cases that are rare by chance, or of which the words count.

use std::collections::{BTreeMap, BTreeSet};

use super::world::{Bound, DISABLED, GROUPS, Group, Naming, To, Written};
use super::*;
use crate::state::{Failure, FailureKind, GroupNaming, GroupsClaim, UserNaming};

const OTHERS: usize = 4;

/// Empty groups, one role, and no binding.
fn world() -> World {
    let naming =
        Naming { groups: GroupNaming::ObjectId, claim: GroupsClaim::SecurityGroups, users: UserNaming::ObjectId };
    let group = |name| Group {
        is_there: true,
        name,
        people: BTreeSet::new(),
        groups: BTreeSet::new(),
        owners: BTreeSet::new(),
    };
    let pods = Written { rules: vec![draw::rule("", "pods", &[], &["get"])], to: BTreeSet::new() };
    World {
        naming: [naming; CLUSTERS],
        groups: (0..GROUPS).map(group).collect(),
        roles: BTreeMap::from([((0, 0), Some(pods))]),
        base: [const { Vec::new() }; 3],
        bindings: BTreeMap::new(),
    }
}

fn bind(world: &mut World, slot: usize, to: To) {
    world.bindings.insert((0, slot), Bound { namespace: Some("a"), role: "role0", to: BTreeSet::from([to]) });
}

/// The rows of a change that holds, and what could not be seen.
fn rows(before: &World, after: &World) -> AccessDifference {
    hold(before, before, after).unwrap();
    let (desired, changes) = (before.desired(), before.changes(after));
    let observed = asked(before, &desired, &[], &changes);
    AccessComparison::new(&desired, &observed, &changes).difference()
}

/// Somebody is in a group of others directly, and through one of ours that they leave.
fn two_ways() -> (World, World) {
    let mut before = world();
    before.groups[OTHERS].people.extend([0]);
    before.groups[OTHERS].groups.extend([0]);
    before.groups[0].people.extend([0, 1]);
    bind(&mut before, 0, To::Group(OTHERS));
    let mut after = before.clone();
    after.groups[0].people.clear();
    (before, after)
}

#[test]
fn whoever_leaves_one_of_two_ways_into_a_group_of_others_loses_nothing() {
    let (before, after) = two_ways();
    let difference = rows(&before, &after);
    let lose: Vec<&AccessRow> = difference.rows.iter().filter(|row| row.effect == AccessEffect::Loses).collect();
    assert_eq!(lose.len(), 1, "{difference:#?}");
    assert!(lose[0].who.len() == 1 && lose[0].who.iter().any(|who| Whom::Person(1).is(who)), "{difference:#?}");
    assert!(difference.unseen.is_empty());
}

#[test]
fn whoever_would_leave_one_of_two_ways_and_now_stays_gains_nothing() {
    let (live, left) = two_ways();
    hold(&live, &left, &live).unwrap();
}

#[test]
fn a_group_that_is_made_at_both_times_is_deleted_at_none() {
    let mut live = world();
    live.groups[0].is_there = false;
    let mut one = live.clone();
    one.groups[0].is_there = true;
    bind(&mut one, 0, To::Group(0));
    let mut other = one.clone();
    // Called otherwise, and with an owner who could join it.
    other.groups[0].name = 1;
    other.groups[0].owners.extend([0]);
    hold(&live, &one, &other).unwrap();
    let (desired, from, to) = (live.desired(), live.changes(&one), live.changes(&other));
    let observed = asked(&live, &desired, &from, &to);
    let difference = AccessComparison::between((&desired, &from), (&desired, &to), &observed).difference();
    let [row] = difference.rows.as_slice() else { panic!("{difference:#?}") };
    assert_eq!((&row.bearing, row.effect), (&Bearing::Owner(GroupLabel::Key(key(0))), AccessEffect::Gains));
}

/// What was off gives somebody what the change gives by another way: it is in neither of the two alone.
#[test]
fn what_a_whole_plan_gives_is_in_its_parts() {
    let mut live = world();
    bind(&mut live, 0, To::Group(0));
    bind(&mut live, 1, To::Group(1));
    let (mut before, mut after) = (live.clone(), live.clone());
    before.groups[0].people.extend([0, 1]);
    after.groups[1].people.extend([0]);
    let (desired, from, to) = (live.desired(), live.changes(&before), live.changes(&after));
    let observed = asked(&live, &desired, &from, &to);
    let by_change = AccessComparison::between((&desired, &from), (&desired, &to), &observed).difference();
    let whole = AccessComparison::new(&desired, &observed, &to).difference();
    let rest = whole.without(&by_change);
    let gains = |difference: &AccessDifference| {
        let rows = difference.rows.iter().filter(|row| row.effect == AccessEffect::Gains);
        rows.map(|row| row.who.len()).sum::<usize>()
    };
    assert_eq!((gains(&by_change), gains(&whole), gains(&rest)), (0, 1, 1), "{by_change:#?}\n{whole:#?}");
    assert_eq!(
        whole.without(&whole),
        AccessDifference { role_keys: whole.role_keys.clone(), ..AccessDifference::default() }
    );
    assert_eq!(whole.without(&AccessDifference::default()), whole);
}

#[test]
fn where_the_ways_into_a_group_of_others_cannot_be_read_that_is_said() {
    let (before, after) = two_ways();
    let (desired, changes) = (before.desired(), before.changes(&after));
    let mut observed = before.observed();
    let mut asked = Vec::new();
    loop {
        let questions = AccessComparison::new(&desired, &observed, &changes).questions();
        if questions.is_empty() {
            break;
        }
        let answer = |question: &GroupQuestion| match question {
            GroupQuestion::Direct(_) => Err(Failure::new(FailureKind::Unreachable, "no answer")),
            _ => Ok(before.answer(question)),
        };
        let answers = questions.iter().map(answer).collect();
        asked.extend(questions.clone());
        observed.of_groups.record(questions, answers);
    }
    assert_eq!(asked.len(), 2, "each once: {asked:?}");
    let difference = AccessComparison::new(&desired, &observed, &changes).difference();
    let label = GroupLabel::Other(id(100 + OTHERS), Some("team4".to_owned()));
    assert_eq!(difference.unseen, BTreeSet::from([Unseen::Ways(label, "no answer".to_owned())]));
}

#[test]
fn with_one_group_too_many_a_token_carries_none() {
    let mut before = world();
    before.groups[0].people.extend([0]);
    let filler = Group { people: BTreeSet::from([0]), ..world().groups[0].clone() };
    before.groups.extend(std::iter::repeat_n(filler, 199));
    bind(&mut before, 0, To::Group(0));
    let mut after = before.clone();
    after.groups[1].people.extend([0]);
    let difference = rows(&before, &after);
    let [row] = difference.rows.as_slice() else { panic!("{difference:#?}") };
    assert_eq!((row.effect, row.before.len(), row.after.len()), (AccessEffect::Loses, 1, 0));
    assert!(row.via.iter().all(|via| via.causes == BTreeSet::from([Cause::TooManyGroups])), "{row:#?}");
    // The other way round, they have it again.
    let difference = rows(&after, &before);
    assert_eq!(difference.rows.iter().map(|row| row.effect).collect::<Vec<_>>(), [AccessEffect::Gains]);
    // Of groups that are assigned no number is known to be too many.
    for world in [&mut before, &mut after] {
        world.naming[0].claim = GroupsClaim::AssignedGroups;
    }
    assert!(rows(&before, &after).rows.is_empty());
}

#[test]
fn apps_and_disabled_people_are_told_apart() {
    let mut before = world();
    bind(&mut before, 0, To::Group(0));
    let mut after = before.clone();
    after.groups[0].people.extend([APP, DISABLED]);
    let difference = rows(&before, &after);
    let of = |whom: Whom| difference.rows.iter().find(|row| row.who.iter().any(|who| whom.is(who))).unwrap();
    let app = of(Whom::Person(APP));
    assert_eq!((app.effect, &app.bearing, app.after.len()), (AccessEffect::Same, &Bearing::NoGroups, 1));
    let person = of(Whom::Person(DISABLED));
    assert_eq!((person.effect, &person.bearing), (AccessEffect::Gains, &Bearing::Token));
    assert!(person.who.iter().all(|who| matches!(who, Somebody::Person { disabled: true, .. })));
    assert_eq!((difference.counts().gain, difference.counts().unchanged), (1, 1));
}

#[test]
fn a_group_that_takes_a_name_takes_what_is_bound_to_it() {
    let mut before = world();
    before.naming[0].groups = GroupNaming::DisplayName;
    before.groups[0] = Group { people: BTreeSet::from([0]), name: 7, ..before.groups[0].clone() };
    bind(&mut before, 0, To::Group(1));
    let mut after = before.clone();
    after.groups[0].name = 1;
    let difference = rows(&before, &after);
    let [row] = difference.rows.as_slice() else { panic!("{difference:#?}") };
    assert_eq!((row.effect, row.who.len()), (AccessEffect::Gains, 1));
    assert_eq!(rows(&after, &before).rows[0].effect, AccessEffect::Loses);
}

/// On a cluster that knows groups by display name, anybody can make another one of that name.
#[test]
fn whoever_is_in_a_look_alike_has_what_is_bound_to_its_name() {
    let mut before = world();
    before.naming[0].groups = GroupNaming::DisplayName;
    before.groups[OTHERS] = Group { people: BTreeSet::from([1]), name: 1, ..before.groups[OTHERS].clone() };
    before.groups[1].people.extend([0, 1]);
    let mut after = before.clone();
    bind(&mut after, 0, To::Group(1));
    after.groups[1].people.clear();
    // The binding comes, and only who is in the look-alike has it.
    let difference = rows(&before, &after);
    let [row] = difference.rows.as_slice() else { panic!("{difference:#?}") };
    assert_eq!((row.effect, row.who.len()), (AccessEffect::Gains, 1));
    assert!(row.who.iter().any(|who| Whom::Person(1).is(who)), "{row:#?}");
    // Who leaves ours keeps it by the look-alike.
    bind(&mut before, 0, To::Group(1));
    let difference = rows(&before, &after);
    let lose: Vec<&AccessRow> = difference.rows.iter().filter(|row| row.effect == AccessEffect::Loses).collect();
    assert!(lose.len() == 1 && lose[0].who.iter().all(|who| Whom::Person(0).is(who)), "{difference:#?}");
}

/// Whoever is in too many groups can do no more for now by what they are given; leaving some is all that it takes.
#[test]
fn what_is_given_to_whoever_is_in_too_many_groups_is_said_to_be_worth_nothing() {
    let mut before = world();
    let filler = Group { people: BTreeSet::from([0]), ..world().groups[0].clone() };
    before.groups.extend(std::iter::repeat_n(filler, 201));
    bind(&mut before, 0, To::Group(0));
    let mut after = before.clone();
    after.groups[0].people.extend([0]);
    let said = |before: &World, after: &World| {
        let difference = rows(before, after);
        let [row] = difference.rows.as_slice() else { panic!("{difference:#?}") };
        (row.effect, row.bearing.clone(), row.before.len(), row.after.len())
    };
    assert_eq!(said(&before, &after), (AccessEffect::Same, Bearing::TooManyGroups(202), 0, 1));
    assert_eq!(said(&after, &before), (AccessEffect::Same, Bearing::TooManyGroups(201), 1, 0));
    // A new binding, too.
    let mut unbound = after.clone();
    unbound.bindings.clear();
    assert_eq!(said(&unbound, &after), (AccessEffect::Same, Bearing::TooManyGroups(202), 0, 1));
}

/// Whoever is taken out of a group and is in it through another one loses nothing, and that is said.
#[test]
fn whoever_stays_in_a_group_through_another_one_is_said_to() {
    let mut before = world();
    before.groups[0].people.extend([0, 1]);
    before.groups[0].groups.extend([1]);
    before.groups[1].people.extend([0]);
    bind(&mut before, 0, To::Group(0));
    let mut after = before.clone();
    after.groups[0].people.clear();
    let difference = rows(&before, &after);
    let [loses, keeps] = difference.rows.as_slice() else { panic!("{difference:#?}") };
    assert!(loses.effect == AccessEffect::Loses && loses.who.iter().all(|who| Whom::Person(1).is(who)), "{loses:#?}");
    assert!(keeps.effect == AccessEffect::Same && keeps.who.iter().all(|who| Whom::Person(0).is(who)), "{keeps:#?}");
    let ways: Vec<(Standing, usize, usize)> =
        keeps.via.iter().map(|via| (via.standing, via.groups.len(), via.causes.len())).collect();
    assert_eq!(ways, [(Standing::Gone, 1, 1), (Standing::Kept, 2, 0)]);
    // Where only those who are directly in it have it in their tokens, they lose it.
    for world in [&mut before, &mut after] {
        world.naming[0].claim = GroupsClaim::AssignedGroups;
    }
    assert_eq!(rows(&before, &after).rows.iter().map(|row| row.effect).collect::<Vec<_>>(), [AccessEffect::Loses]);
}

/// Whom rows about owners are about, and what happens to them.
fn owners(before: &World, after: &World) -> Vec<(usize, AccessEffect, bool)> {
    let difference = rows(before, after);
    let owning = difference.rows.iter().filter(|row| row.is_owner());
    let said = owning.flat_map(|row| {
        let whom = (0..PEOPLE).filter(|number| row.who.iter().any(|who| Whom::Person(*number).is(who)));
        whom.map(|number| (number, row.effect, matches!(row.bearing, Bearing::OwningApp(_)))).collect::<Vec<_>>()
    });
    said.collect()
}

#[test]
fn whoever_owns_a_group_is_told_of_whatever_changes_what_they_could_have() {
    let mut bound = world();
    bind(&mut bound, 0, To::Group(0));
    let mut owned = bound.clone();
    owned.groups[0].owners.extend([0, APP]);
    let (both, gone) = ([(0, AccessEffect::Gains, false), (APP, AccessEffect::Gains, true)], AccessEffect::Loses);
    assert_eq!(owners(&bound, &owned), both);
    assert_eq!(owners(&owned, &bound), both.map(|(who, _, is_app)| (who, gone, is_app)));
    // Those who own it already, when it is bound or put in one that is.
    let mut unbound = owned.clone();
    unbound.bindings.clear();
    assert_eq!(owners(&unbound, &owned), both);
    // That a group gives nothing any more is said of its members.
    assert_eq!(owners(&owned, &unbound), []);
    let mut beside = world();
    beside.groups[1].owners.extend([0, APP]);
    bind(&mut beside, 0, To::Group(0));
    let mut nested = beside.clone();
    nested.groups[0].groups.extend([1]);
    assert_eq!(owners(&beside, &nested), both);
    // Who is in it has it, and can come back when they are taken out.
    let mut inside = owned.clone();
    inside.groups[0].people.extend([0]);
    assert_eq!(owners(&inside, &owned), [(0, AccessEffect::Gains, false)]);
    assert_eq!(owners(&owned, &inside), []);
}

#[test]
fn where_the_groups_around_one_that_changes_cannot_be_read_that_is_said() {
    let before = world();
    let mut after = before.clone();
    after.groups[0].people.extend([0]);
    let (desired, changes) = (before.desired(), before.changes(&after));
    let mut observed = before.observed();
    for number in 0..2 {
        let unreadable = crate::state::Above::Unreadable("403".to_owned());
        observed.of_groups.above.insert(id(100 + number), unreadable);
    }
    let difference = AccessComparison::new(&desired, &observed, &changes).difference();
    // The other one has nothing to do with it.
    let group = GroupLabel::Key(key(0));
    assert_eq!(difference.unseen, BTreeSet::from([Unseen::Above(group, "403".to_owned())]));
}
