//! Lists that are as the files ask, which is seen without a closer look.

use proptest::prelude::*;

use super::generate::world;
use super::world::{World, key, principal, who};
use crate::plan::Comparison;
use crate::plan::draft::Draft;
use crate::plan::edges::{self, List};
use crate::plan::standing::{Standing, is_managed};
use crate::state::{Identity, LivePrincipal, Resolution};

/// Whether the members of a group of this world are as the files ask.
fn is_alike(world: &World, group: &str) -> bool {
    Comparison::new(&world.desired, &world.observed, &world.policy).directory.is_alike(&key(group), List::Members)
}

#[test]
fn members_are_as_asked_or_not() {
    let mut world = World::new();
    world.ask("readers", &["hayden", "erin"]);
    world.live("readers", &["erin", "hayden"]);
    assert!(is_alike(&world, "readers"));
    for (there, why) in [
        (&["erin"][..], "one is to be added"),
        (&["erin", "hayden", "sam"][..], "one is to be removed"),
        (&["erin", "sam"][..], "one is another"),
    ] {
        world.live("readers", &[]).members = there.iter().map(|name| principal(name)).collect();
        assert!(!is_alike(&world, "readers"), "{why}");
    }
}

#[test]
fn what_needs_a_word_is_not_alike() {
    let mut world = World::new();
    world.ask("readers", &["hayden"]);
    world.live("readers", &["hayden"]);
    let disabled = LivePrincipal { enabled: Some(false), ..principal("hayden") };
    world.tenant().directory.insert(who("hayden"), Resolution::Found(disabled));
    assert!(!is_alike(&world, "readers"));
    let missing = Resolution::Missing { reason: "nobody has it".to_owned(), suggestion: None };
    world.tenant().directory.insert(who("hayden"), missing);
    assert!(!is_alike(&world, "readers"));
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// A closer look finds nothing in what is alike: no change, no question and not a word.
    #[test]
    fn nothing_is_to_be_found_in_what_is_alike(world in world()) {
        let directory = Comparison::new(&world.desired, &world.observed, &world.policy).directory;
        for (key, group) in world.desired.groups.iter().filter(|(_, group)| is_managed(group)) {
            let Some(Standing::Live(live)) = directory.standing(key) else { continue };
            let id = Identity::Known(live.id);
            for list in edges::of_group(key, group, &id, Some(live), None) {
                if directory.is_alike(key, list.list) {
                    let mut draft = Draft::default();
                    let found = list.compare(&directory, &world.policy, false, &mut draft);
                    prop_assert!(found.changes.is_empty() && !found.loses_members, "{key}: {:?}", found.changes);
                    prop_assert_eq!(format!("{draft:?}"), format!("{:?}", Draft::default()));
                }
            }
        }
    }
}
