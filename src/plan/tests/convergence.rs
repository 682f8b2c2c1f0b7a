//! Applying a plan ends what it was about, from every live state and after every interruption.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::generate::world;
use super::model::essence;
use super::show;
use super::world::{World, principal};
use crate::plan::{Plan, Withheld};
use crate::state::{Address, Change, GroupKey, LiveGroup, ObjectId, Operation, PrincipalName, Resource, Sign};

/// What waits for a restored group is in the plan after the one that restores it.
fn restores(plan: &Plan) -> bool {
    plan.changes.iter().any(|change| matches!(change.operation, Operation::Restore { .. }))
}

/// What is withheld, and for which reason. Words are no difference here: a subject is called by a display name while two
/// groups have it, and somebody who goes by object id while another one in the list has the same name.
fn withheld(plan: &Plan) -> Vec<Withheld> {
    let ana = principal("guest:ana");
    let named = |address: &Address| match address {
        Address::Member(key, PrincipalName::Object(id)) if *id == ana.id => {
            Address::Member(key.clone(), ana.name.clone())
        }
        other => other.clone(),
    };
    let each = |withheld: &Withheld| {
        let addresses = withheld.addresses.iter().map(named);
        let mut all: Vec<(Address, Sign)> = addresses.zip(withheld.signs.iter().copied()).collect();
        all.sort_by(|one, other| one.0.cmp(&other.0));
        let (addresses, signs) = all.into_iter().unzip();
        Withheld { addresses, signs, message: String::new(), ..withheld.clone() }
    };
    plan.withheld.iter().map(each).collect()
}

/// Whether a group that is restored comes back holding one that this plan deletes, and its list has a name that does not
/// resolve. Nobody sees who is in a deleted group. Deleted first, the inner one is gone from it; seen first, it has to wait,
/// for it may be what the name means.
fn meets_in_restored(world: &World, first: &Plan, end: &Plan) -> bool {
    let deleted: BTreeSet<ObjectId> = first.changes.iter().filter_map(deleted_group).collect();
    let is_restored = |key: &GroupKey| first.changes.iter().any(|change| is_restoring(change, key));
    let doubtful = end.withheld.iter().flat_map(|withheld| withheld.addresses.iter().zip(&withheld.signs));
    let doubtful = doubtful.filter_map(|(address, sign)| match address {
        Address::Member(key, _) if *sign == Sign::Add => Some(key),
        _ => None,
    });
    let mut doubtful = doubtful.filter(|key| is_restored(key)).peekable();
    let holds_one = |group: &LiveGroup| group.members.iter().any(|member| deleted.contains(&member.id));
    doubtful.peek().is_some() && world.hidden.values().any(holds_one)
}

fn deleted_group(change: &Change) -> Option<ObjectId> {
    match &change.operation {
        Operation::Delete { before: Resource::Group(group) } => group.id.known(),
        _ => None,
    }
}

fn is_restoring(change: &Change, key: &GroupKey) -> bool {
    matches!((&change.operation, &change.address), (Operation::Restore { .. }, Address::Group(group)) if group == key)
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// The plan after an apply holds exactly what the first said it would withhold, and nothing else.
    #[test]
    fn a_second_plan_is_empty(mut world in world()) {
        let mut first = world.plan();
        world.apply(&first.changes);
        if restores(&first) {
            first = world.plan();
            prop_assert!(!restores(&first), "{}", show(&first));
            world.apply(&first.changes);
        }
        let second = world.plan();
        prop_assert!(second.changes.is_empty(), "first\n{}\nsecond\n{}", show(&first), show(&second));
        prop_assert!(withheld(&first) == withheld(&second), "first\n{}\nsecond\n{}", show(&first), show(&second));
    }

    /// Stopping after any change and running again ends where running through ends.
    #[test]
    fn an_interrupted_apply_converges(world in world(), share in 0.0..1.0_f64) {
        let first = world.plan();
        let mut straight = world.clone();
        let start = world.clone();
        straight.apply(&first.changes);
        if restores(&first) {
            let then = straight.plan();
            straight.apply(&then.changes);
        }
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, clippy::cast_precision_loss,
            reason = "any number of changes will do")]
        let done = (first.changes.len() as f64 * share) as usize;
        let mut stopped = world;
        stopped.apply_first(&first.changes, done);
        let rest = stopped.plan();
        stopped.apply(&rest.changes);
        if restores(&rest) {
            let then = stopped.plan();
            stopped.apply(&then.changes);
        }
        let last = stopped.plan();
        prop_assert!(last.changes.is_empty(), "first\n{}\nrest\n{}\nlast\n{}", show(&first), show(&rest), show(&last));
        let end = straight.plan();
        if meets_in_restored(&start, &first, &end) {
            return Ok(());
        }
        prop_assert!(withheld(&end) == withheld(&last), "first\n{}\nrest\n{}\ndone {done}\nend\n{}\nlast\n{}", show(&first), show(&rest), show(&end), show(&last));
        prop_assert!(restores(&first) || withheld(&first) == withheld(&last), "{}\n{}", show(&first), show(&last));
        prop_assert_eq!(essence(&straight.observed), essence(&stopped.observed));
    }
}
