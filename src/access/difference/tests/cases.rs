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
    hold(before, after).unwrap();
    let (desired, changes) = (before.desired(), before.changes(after));
    let observed = asked(before, &desired, &changes);
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
