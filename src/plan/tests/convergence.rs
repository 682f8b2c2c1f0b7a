//! Applying a plan ends what it was about, from every live state and after every interruption.

use proptest::prelude::*;

use super::generate::world;
use super::model::essence;
use super::show;
use crate::plan::{Plan, Withheld};
use crate::state::Operation;

/// What waits for a restored group is in the plan after the one that restores it.
fn restores(plan: &Plan) -> bool {
    plan.changes.iter().any(|change| matches!(change.operation, Operation::Restore { .. }))
}

/// What is withheld and why. Whether a change that waits is shown as one of what is there or as a new one is left out: that
/// depends on how far the last run came.
fn withheld(plan: &Plan) -> Vec<Withheld> {
    plan.withheld.iter().cloned().map(|each| Withheld { signs: Vec::new(), ..each }).collect()
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
        prop_assert!(withheld(&end) == withheld(&last), "end\n{}\nlast\n{}", show(&end), show(&last));
        prop_assert!(restores(&first) || withheld(&first) == withheld(&last), "{}\n{}", show(&first), show(&last));
        prop_assert_eq!(essence(&straight.observed), essence(&stopped.observed));
    }
}
