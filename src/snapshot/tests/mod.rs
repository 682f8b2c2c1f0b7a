//! What goes into a file comes out of it, and nothing else does.

mod answers;
mod hostile;
mod pseudonyms;

use proptest::prelude::*;

use super::Snapshot;
use crate::plan::tests::{World, world};
use crate::state::Observed;

/// A snapshot of what is there in a drawn world.
fn snapshot(world: &World, observed: Observed) -> Snapshot {
    Snapshot {
        rolecall: "0.1.0".to_owned(),
        taken: "2026-11-22T16:40:00Z".parse().unwrap(),
        tenant: world.desired.tenant,
        config: world.desired.config.clone(),
        tree: "tree".to_owned(),
        commit: Some("4f2c1aa0".to_owned()),
        invented: false,
        everybody: false,
        pseudonymised: false,
        observed,
    }
}

/// As a reader of a cluster gives it.
fn normalised(mut observed: Observed) -> Observed {
    for cluster in observed.clusters.values_mut().flatten() {
        cluster.roles.iter_mut().for_each(|live| {
            live.role.rules = crate::state::PolicyRule::normalise(std::mem::take(&mut live.role.rules));
        });
        cluster.bindings.iter_mut().for_each(|live| live.binding.subjects.sort());
    }
    observed
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Nothing is lost on the way through a file, and the same is written again.
    #[test]
    fn a_file_holds_what_was_read(world in world()) {
        let taken = snapshot(&world, normalised(world.answered()));
        let text = taken.to_json().unwrap();
        let read = Snapshot::parse(text.as_bytes()).unwrap();
        prop_assert!(read == taken);
        prop_assert_eq!(read.to_json().unwrap(), text);
    }
}
