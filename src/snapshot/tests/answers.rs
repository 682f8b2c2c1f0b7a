//! A plan against a snapshot is the plan against what it was taken of; what it does not have is said to be missing.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::{normalised, snapshot};
use crate::plan::tests::{World, show, world};
use crate::plan::{Comparison, plan};
use crate::snapshot::Snapshot;
use crate::state::{Management, ObjectId, Observed, Resolution, TenantQuery};

/// What the files of a world ask of its tenant.
fn query(world: &World, observed: &Observed) -> TenantQuery {
    let tenant = observed.tenant.as_ref().unwrap().as_ref().unwrap();
    TenantQuery {
        tenant: world.desired.tenant,
        config: world.desired.config.clone(),
        groups: world.desired.groups.iter().map(|(key, group)| (key.clone(), group.management)).collect(),
        display_names: BTreeMap::new(),
        unique_display_names: BTreeSet::new(),
        principals: tenant.directory.keys().cloned().collect(),
    }
}

/// The groups that a query asks for by id.
fn by_id(query: &TenantQuery) -> BTreeSet<ObjectId> {
    let ids = query.groups.values().filter_map(|management| match management {
        Management::Owned => None,
        Management::Adopted(id) | Management::External(id) => Some(*id),
    });
    ids.collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_against_a_snapshot_is_the_plan_against_what_is_live(world in world()) {
        let mut live = normalised(world.answered());
        let ids = by_id(&query(&world, &live));
        if let Some(Ok(tenant)) = &mut live.tenant {
            // A reader of a tenant says of each group that is asked for whether it is there.
            for id in &ids {
                let _ = tenant.by_id.entry(*id).or_insert(None);
            }
        }
        let text = snapshot(&world, live.clone()).to_json().unwrap();
        let read = Snapshot::parse(text.as_bytes()).unwrap();
        let asked = query(&world, &live);
        let (tenant, lacking) = read.tenant(&asked).unwrap();
        prop_assert!(lacking.is_empty(), "{lacking:?}");
        let clusters = live.clusters.clone();
        let mut observed = Observed { tenant: Some(Ok(tenant)), clusters, ..Observed::default() };
        let questions = Comparison::new(&world.desired, &observed, &world.policy).group_questions();
        let given: Vec<_> = questions.iter().map(|question| read.of_group(question)).collect();
        observed.of_groups.record(questions.clone(), given.clone());
        // The same look at what is live: groups that no file asks for are not read, and what nobody answered has no answer.
        let mut seen = live.clone();
        if let Some(Ok(tenant)) = &mut seen.tenant {
            tenant.by_id.retain(|id, _| ids.contains(id));
        }
        for (question, given) in questions.into_iter().zip(given).filter(|(_, given)| given.is_err()) {
            seen.of_groups.record(vec![question], vec![given]);
        }
        let expected = plan(&world.desired, &seen, &world.policy);
        let recorded = plan(&world.desired, &observed, &world.policy);
        prop_assert!(recorded == expected, "recorded\n{}\nlive\n{}", show(&recorded), show(&expected));
    }

    /// Nothing that is asked and not there turns into an absence.
    #[test]
    fn what_was_not_recorded_is_lacking(world in world()) {
        let live = normalised(world.answered());
        let full = query(&world, &live);
        let mut bare = live.clone();
        let Some(Ok(tenant)) = &mut bare.tenant else { unreachable!() };
        tenant.directory.clear();
        tenant.by_id.clear();
        tenant.marked.clear();
        tenant.by_display_name.clear();
        let (tenant, lacking) = snapshot(&world, bare).tenant(&full).unwrap();
        prop_assert!(tenant.by_id.is_empty());
        prop_assert!(tenant.directory.values().all(|resolution| *resolution == Resolution::NotInSnapshot));
        prop_assert_eq!(lacking.names, full.principals.clone());
        prop_assert_eq!(lacking.groups.into_keys().collect::<BTreeSet<_>>(), by_id(&full));
    }
}
