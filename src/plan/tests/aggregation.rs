//! Roles of ours that Kubernetes adds to `view`, `edit` and `admin`.

use std::collections::BTreeSet;

use super::show;
use super::world::{World, in_namespace, meta, rule, subject};
use crate::plan::access_questions;
use crate::plan::saved::{Provenance, SavedPlan, agree};
use crate::state::{
    AccessAnswer, AccessQuestion, Address, AppliedBy, DefaultRole, KubernetesKind, LiveRole, Mark, PolicyRule,
    Resource, Role, ScopeTarget, SubjectKind,
};

/// Asks for a role of these rules that is added to `to`, granted to nobody.
fn asking(to: &[DefaultRole], rules: Vec<PolicyRule>) -> World {
    let mut world = World::new();
    world.ask("sre", &["erin"]);
    world.live("sre", &["erin"]);
    world.role("crontabs", rules);
    world.alpha().roles[0].aggregate_to = to.iter().copied().collect();
    world
}

/// The role as it is live, added to `to`, and `to` filled or not yet.
fn live(world: &mut World, to: &[DefaultRole], rules: &[PolicyRule], is_filled: bool) {
    let role = Role {
        namespace: None,
        name: "crontabs-object".to_owned(),
        rules: rules.to_vec(),
        aggregate_to: to.iter().copied().collect(),
    };
    for default in role.reaches().iter().filter(|_| is_filled) {
        let filled = world.cluster().roles.iter_mut().find(|live| live.role.name == default.name());
        if let Some(filled) = filled {
            filled.role.rules.extend(rules.to_vec());
        }
    }
    world.cluster().roles.push(LiveRole { role, meta: meta(Mark::Ours), aggregated: false });
}

fn crontabs() -> Vec<PolicyRule> {
    vec![rule(&["get"], &["crontabs"])]
}

#[test]
fn it_is_there_without_a_grant_and_goes_when_nobody_asks() {
    let mut world = asking(&[DefaultRole::View], crontabs());
    insta::assert_snapshot!(world.shown(), @"+ alpha/clusterrole/crontabs-object");
    live(&mut world, &[DefaultRole::View], &crontabs(), true);
    insta::assert_snapshot!(world.shown(), @"");
    world.alpha().roles.clear();
    insta::assert_snapshot!(world.shown(), @"- alpha/clusterrole/crontabs-object");
}

#[test]
fn a_label_too_few_or_too_many_is_drift() {
    for to in [&[][..], &[DefaultRole::View, DefaultRole::Admin], &[DefaultRole::Edit]] {
        let mut world = asking(&[DefaultRole::View], crontabs());
        live(&mut world, to, &crontabs(), false);
        let plan = world.plan();
        assert_eq!(show(&plan), "~ alpha/clusterrole/crontabs-object\n", "{to:?}");
        let Some(Resource::Role(after)) = plan.changes[0].after() else { panic!() };
        assert_eq!(after.aggregate_to, BTreeSet::from([DefaultRole::View]));
    }
}

#[test]
fn what_the_cluster_then_does_to_view_is_neither_drift_nor_moved() {
    let mut world = asking(&[DefaultRole::View], crontabs());
    world.grant("group:sre", "edit", in_namespace("trinity"));
    let policy = world.policy.clone();
    let approved = SavedPlan::new(
        &world.plan(),
        &policy,
        Provenance { rolecall: String::new(), tree: String::new(), commit: None },
    );
    for is_filled in [false, true] {
        // The role was written and then we were interrupted; the cluster has followed, or not yet.
        let mut world = world.clone();
        live(&mut world, &[DefaultRole::View], &crontabs(), is_filled);
        let agreement = agree(&approved, &world.plan(), &world.desired, &world.observed);
        assert!(agreement.holds(), "{is_filled}: {:?}", agreement.refused);
        assert_eq!((agreement.ready.len(), agreement.already_held.len()), (1, 1));
    }
    // What somebody else adds is another thing.
    let mut world = world.clone();
    let edit = world.cluster().roles.iter_mut().find(|live| live.role.name == "edit").unwrap();
    edit.role.rules.push(rule(&["get"], &["secrets"]));
    let agreement = agree(&approved, &world.plan(), &world.desired, &world.observed);
    assert!(!agreement.holds(), "{agreement:?}");
}

#[test]
fn whoever_has_the_role_it_is_added_to_may_become_cluster_admin() {
    let everything = vec![rule(&["*"], &["*"])];
    let guarded = |world: &World| world.plan().verdicts.iter().any(|verdict| verdict.guard == "cluster-admin-gained");
    // Nobody has it on the whole cluster, and then somebody does: bound by hand, or by this plan, or by way of `edit`.
    let mut world = asking(&[DefaultRole::View], everything.clone());
    assert!(!guarded(&world), "{}", world.shown());
    for role in ["view", "edit"] {
        let mut world = world.clone();
        world.bind(None, "by-hand", role, subject(SubjectKind::User, "kim"), Mark::None);
        let shown = world.shown();
        let said = "guard cluster-admin-gained:alpha/user kim: user kim would become cluster-admin on alpha: bound to a \
                    role that grants everything\n";
        assert!(shown.contains(said), "{role}: {shown}");
    }
    world.grant("group:sre", "view", ScopeTarget::Cluster);
    assert!(guarded(&world), "{}", world.shown());
    // Added to a role beyond it, it does not reach those who have less.
    let mut world = asking(&[DefaultRole::Admin], everything);
    world.bind(None, "by-hand", "edit", subject(SubjectKind::User, "kim"), Mark::None);
    assert!(!guarded(&world), "{}", world.shown());
    // And what leads to nothing is no matter.
    let mut world = asking(&[DefaultRole::View], crontabs());
    world.bind(None, "by-hand", "view", subject(SubjectKind::User, "kim"), Mark::None);
    assert!(!guarded(&world), "{}", world.shown());
}

#[test]
fn whoever_binds_view_must_hold_what_is_added_to_it() {
    let mut world = asking(&[DefaultRole::View], crontabs());
    world.grant("group:sre", "view", in_namespace("trinity"));
    world.bind(None, "given", "edit", subject(SubjectKind::User, "system:serviceaccount:rolecall:applier"), Mark::None);
    let plan = world.plan();
    world.policy.applied_by = AppliedBy::Ourselves;
    let no = |_: &AccessQuestion| Ok(AccessAnswer { allowed: false, reason: String::new() });
    while let Some((environment, questions)) =
        access_questions(&world.desired, &world.observed, &world.policy, &plan.changes).pop_first()
    {
        let answers = questions.iter().map(no).collect();
        world.observed.answers.entry(environment).or_default().record(questions, answers);
    }
    let refusals = world.plan().forecasts.remove(0).refusals;
    let bind = refusals.iter().find(|refusal| refusal.lack.needs().starts_with("`bind`")).unwrap();
    assert_eq!(bind.lack.rules, crontabs());
    let is_binding = |address: &Address| matches!(address, Address::Object { kind: KubernetesKind::RoleBinding, .. });
    assert!(bind.addresses.iter().all(is_binding));
}
