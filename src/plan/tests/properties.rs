//! What holds for every world.

use std::collections::BTreeSet;

use proptest::prelude::*;

use super::generate::world;
use super::show;
use super::world::{World, cluster_role, meta, subject};
use crate::plan::kubernetes::binding_address;
use crate::plan::resolve::Directory;
use crate::state::{
    Address, Binding, DesiredBinding, LiveBinding, LiveMeta, Mark, Operation, PrincipalName, Resource, SubjectKind,
};

fn addresses(world: &World) -> BTreeSet<Address> {
    world.plan().changes.into_iter().map(|change| change.address).collect()
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    /// Every change stands after those it requires, once, and nothing is both planned and withheld.
    #[test]
    fn the_order_holds(world in world()) {
        let plan = world.plan();
        let mut done = BTreeSet::new();
        for change in &plan.changes {
            for required in &change.requires {
                prop_assert!(done.contains(required), "{} stands before {required}", change.address);
            }
            prop_assert!(done.insert(change.address.clone()), "{} stands there twice", change.address);
        }
        for address in plan.withheld.iter().flat_map(|withheld| &withheld.addresses) {
            prop_assert!(!done.contains(address), "{address} is planned and withheld");
        }
    }

    /// The order in which files and systems list things means nothing.
    #[test]
    fn input_order_means_nothing(world in world()) {
        let mut turned = world.clone();
        for environment in turned.desired.environments.values_mut() {
            environment.bindings.reverse();
            environment.roles.reverse();
        }
        for cluster in turned.observed.clusters.values_mut().flatten() {
            cluster.roles.reverse();
            cluster.bindings.reverse();
        }
        let tenant = turned.tenant();
        for group in tenant.marked.values_mut().chain(tenant.by_id.values_mut().flatten()) {
            group.owners.reverse();
            group.members.reverse();
        }
        for same in tenant.by_display_name.values_mut() {
            same.reverse();
        }
        let (plan, other) = (world.plan(), turned.plan());
        prop_assert!(plan == other, "{}\n\n{}", show(&plan), show(&other));
    }

    /// Nothing outside `--only` is planned, and narrowing adds nothing.
    #[test]
    fn only_is_kept_to(world in world()) {
        let only = &world.policy.only;
        for change in world.plan().changes {
            let is_in_scope = match &change.address {
                Address::Object { environment, .. } => only.environment(environment),
                Address::Group(key) | Address::Owner(key, _) | Address::Member(key, _) => only.group(key),
            };
            prop_assert!(is_in_scope, "{} is outside {only:?}", change.address);
            if !only.all_groups() {
                let is_deletion = matches!(change.operation, Operation::Delete { before: Resource::Group(_) });
                prop_assert!(!is_deletion, "{} is deleted", change.address);
            }
        }
    }

    /// Where one name of a list does not resolve, nobody is taken out of it.
    #[test]
    fn an_unresolved_name_removes_nobody(world in world()) {
        let tenant = world.observed.tenant.as_ref().unwrap().as_ref().unwrap();
        let directory = Directory::new(&world.desired, Some(tenant), &world.policy);
        for change in world.plan().changes {
            let (key, list) = match (&change.address, &change.operation) {
                (Address::Member(key, _), Operation::Delete { .. }) => (key, Some(&world.desired.groups[key].members)),
                (Address::Owner(key, _), Operation::Delete { .. }) => (key, world.desired.groups[key].owners.as_ref()),
                _ => continue,
            };
            let names: Vec<&PrincipalName> = list.into_iter().flat_map(|list| list.keys()).collect();
            for name in names {
                prop_assert!(directory.resolve(name).is_ok(), "{} although {name} is unknown in {key}", change.address);
            }
        }
    }

    /// Before anything that is not ours goes, ours give every one of its subjects the same role in the same place.
    #[test]
    fn nobody_loses_by_a_replacement(world in world()) {
        let plan = world.plan();
        for (index, change) in plan.changes.iter().enumerate() {
            let Operation::Delete { before: Resource::Binding(before) } = &change.operation else { continue };
            let mut meanwhile = world.clone();
            meanwhile.apply_first(&plan.changes, index);
            let cluster = meanwhile.cluster_of(change.address.environment().unwrap().as_str());
            let is_it = |live: &&LiveBinding| (&live.binding.namespace, &live.binding.name) == (&before.namespace, &before.name);
            let live = cluster.bindings.iter().find(is_it).unwrap();
            prop_assert_eq!(live.meta.mark == Mark::Ours, change.replaced_by.is_none(), "{}", change.address);
            if live.meta.mark == Mark::Ours {
                continue;
            }
            for subject in &before.subjects {
                let given = cluster.bindings.iter().any(|ours| {
                    ours.meta.mark == Mark::Ours
                        && ours.binding.namespace == before.namespace
                        && ours.binding.role == before.role
                        && ours.binding.subjects.contains(subject)
                });
                prop_assert!(given, "{} is gone before {subject:?} has it from us\n{}", change.address, show(&plan));
            }
        }
    }

    /// No live binding is passed over: what is ours is asked for, changed, withheld or told, one of them; what is not ours is
    /// taken over or told, unless it gives nobody anything, is Kubernetes' own or is to be ignored.
    #[test]
    fn every_live_binding_is_accounted_for(mut world in world()) {
        for cluster in world.observed.clusters.values_mut().flatten() {
            for name in ["cluster-admin", "system:admins"] {
                let subjects = vec![subject(SubjectKind::Group, "system:masters")];
                let binding = Binding { namespace: None, name: name.to_owned(), role: cluster_role("cluster-admin"), subjects };
                cluster.bindings.push(LiveBinding { binding, meta: LiveMeta { bootstrapping: true, ..meta(Mark::None) } });
            }
        }
        let plan = world.plan();
        let tenant = world.observed.tenant.as_ref().unwrap().as_ref().unwrap();
        let directory = Directory::new(&world.desired, Some(tenant), &world.policy);
        let changed: BTreeSet<&Address> = plan.changes.iter().map(|change| &change.address).collect();
        let withheld: BTreeSet<&Address> = plan.withheld.iter().flat_map(|withheld| &withheld.addresses).collect();
        let told: BTreeSet<&Address> = plan.unmanaged.iter().map(|told| &told.address).collect();
        prop_assert_eq!(told.len(), plan.unmanaged.len());
        let unread: BTreeSet<_> = plan.unread.iter().filter_map(|unread| unread.environment.as_ref()).collect();
        for (name, desired) in &world.desired.environments {
            let Some(Ok(cluster)) = world.observed.clusters.get(name) else { continue };
            if unread.contains(name) || !world.policy.only.environment(name) {
                continue;
            }
            let asked: BTreeSet<String> = desired.bindings.iter().map(|binding| {
                let lasting = DesiredBinding { subject: directory.lasting(&binding.subject), ..binding.clone() };
                world.name_of(&lasting)
            }).collect();
            for LiveBinding { binding, meta } in &cluster.bindings {
                let address = binding_address(name, binding);
                let (is_changed, is_told) = (changed.contains(&address), told.contains(&address));
                if meta.mark == Mark::Ours {
                    let is_kept = asked.contains(&binding.name);
                    let ends = [is_changed, withheld.contains(&address), is_told];
                    let ends = ends.into_iter().filter(|end| *end).count();
                    prop_assert!(ends == 1 || (ends == 0 && is_kept), "{address} ends in {ends} ways\n{}", show(&plan));
                } else {
                    let is_own = address.to_string().ends_with("/clusterrolebinding/cluster-admin");
                    let is_silent = is_own || binding.subjects.is_empty();
                    let ends = usize::from(is_changed) + usize::from(is_told);
                    prop_assert_eq!(ends, usize::from(!is_silent), "{}\n{}", address, show(&plan));
                }
            }
        }
    }

    /// Guards judge, they do not change what is planned.
    #[test]
    fn acknowledging_changes_no_change(world in world()) {
        let plan = world.plan();
        let mut acknowledged = world.clone();
        for verdict in &plan.verdicts {
            acknowledged.acknowledge(&format!("{}:{}", verdict.guard, verdict.subject));
        }
        let again = acknowledged.plan();
        prop_assert_eq!(&plan.changes, &again.changes);
        prop_assert_eq!(plan.verdicts.len(), again.verdicts.len());
        prop_assert_eq!(again.refusals().count(), 0);
    }

    /// A narrower plan holds only what the whole plan holds or withholds.
    #[test]
    fn a_narrow_plan_is_part_of_the_whole(world in world()) {
        let mut whole = world.clone();
        whole.policy.only = crate::state::Only::default();
        let plan = whole.plan();
        let mut known: BTreeSet<Address> = plan.changes.iter().map(|change| change.address.clone()).collect();
        known.extend(plan.withheld.iter().flat_map(|withheld| withheld.addresses.iter().cloned()));
        for address in addresses(&world) {
            prop_assert!(known.contains(&address), "{address} is only in the narrow plan");
        }
    }
}
