//! Roles of ours that Kubernetes adds to `view`, `edit` and `admin`.

use std::collections::BTreeSet;

use super::show;
use super::world::{World, in_namespace, meta, rule, subject};
use crate::plan::access_questions;
use crate::plan::saved::{Provenance, SavedPlan, agree};
use crate::state::{
    AccessAnswer, AccessQuestion, Address, AppliedBy, DefaultRole, Expression, KubernetesKind, LiveRole, Mark,
    PolicyRule, Resource, Role, ScopeTarget, Selector, SubjectKind, mark,
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
    world.cluster().roles.push(LiveRole::new(role, meta(Mark::Ours)));
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

/// What the guard about default roles says.
fn widened(world: &World) -> String {
    let verdicts = world.plan().verdicts.into_iter().filter(|verdict| verdict.guard == "default-role-widened");
    verdicts.map(|verdict| format!("{}: {}", verdict.subject, verdict.message)).collect::<Vec<_>>().join("\n")
}

/// `sre` has view in a namespace, and somebody by hand edit in another.
fn bound(mut world: World) -> World {
    world.grant("group:sre", "view", in_namespace("trinity"));
    world.bind(Some("payments"), "by-hand", "edit", subject(SubjectKind::User, "kim"), Mark::None);
    world
}

#[test]
fn a_power_that_a_default_role_gains_in_namespaces_is_guarded() {
    let mut world = bound(asking(&[DefaultRole::View], vec![rule(&["*"], &["*"])]));
    insta::assert_snapshot!(widened(&world), @"alpha/crontabs-object/everything: whoever has view, edit, admin on alpha could do everything, in each namespace where they have it, by the rules of crontabs-object; that is group:sre, user kim, by 2 bindings");
    world.acknowledge("default-role-widened:alpha/crontabs-object/everything");
    assert_eq!(world.plan().refusals().count(), 0, "{}", world.shown());
    // Each power for itself, and only for those roles that did not give it before.
    let mut world =
        bound(asking(&[DefaultRole::View], vec![rule(&["get"], &["secrets"]), rule(&["create"], &["pods"])]));
    let edit = world.cluster().roles.iter_mut().find(|live| live.role.name == "edit").unwrap();
    edit.role.rules.push(rule(&["get", "list"], &["secrets"]));
    insta::assert_snapshot!(widened(&world), @"
    alpha/crontabs-object/run-anything: whoever has view, admin on alpha could run anything, as any service account, in each namespace where they have it, by the rules of crontabs-object; that is group:sre, by 1 binding
    alpha/crontabs-object/read-secrets: whoever has view, admin on alpha could read secrets, tokens of service accounts included, in each namespace where they have it, by the rules of crontabs-object; that is group:sre, by 1 binding
    ");
    world.acknowledge("default-role-widened:alpha/crontabs-object/read-secrets");
    assert_eq!(world.plan().refusals().count(), 1, "one power is acknowledged, not the other");
}

#[test]
fn what_gives_no_power_or_was_given_before_is_not_guarded() {
    assert_eq!(widened(&bound(asking(&[DefaultRole::View], crontabs()))), "");
    // It is there already: whether or not the cluster has followed, no change adds it.
    let rules = vec![rule(&["get"], &["secrets"])];
    for is_filled in [false, true] {
        let mut world = bound(asking(&[DefaultRole::View], rules.clone()));
        live(&mut world, &[DefaultRole::View], &rules, is_filled);
        assert_eq!(widened(&world), "", "{is_filled}");
        // More rules without power.
        world.alpha().roles[0].rules.extend(crontabs());
        assert_eq!(widened(&world), "", "{is_filled}");
    }
    // By a label alone it reaches further.
    let mut world = bound(asking(&[DefaultRole::View], rules.clone()));
    live(&mut world, &[DefaultRole::Admin], &rules, true);
    assert!(
        widened(&world).starts_with("alpha/crontabs-object/read-secrets: whoever has view, edit on "),
        "{}",
        widened(&world)
    );
    // Nobody has it yet; whoever gets it later gets it by a binding that says no more than `view`.
    let world = asking(&[DefaultRole::Admin], rules);
    assert!(widened(&world).ends_with("; nobody has it so far"), "{}", widened(&world));
}

#[test]
fn what_two_roles_come_to_together_is_said_of_both() {
    let mut world = bound(asking(&[DefaultRole::Admin], vec![rule(&["create", "update"], &["*"])]));
    world.role("more", vec![rule(&["patch", "delete"], &["*"])]);
    world.alpha().roles[1].aggregate_to = BTreeSet::from([DefaultRole::Admin]);
    let subjects: Vec<String> =
        widened(&world).lines().map(|line| line.split_once(": ").unwrap().0.to_owned()).collect();
    assert_eq!(subjects, ["alpha/crontabs-object/everything", "alpha/more-object/everything"]);
}

#[test]
fn who_gains_and_who_loses_is_in_the_plan() {
    let told = |world: &World| -> String {
        let plan = world.plan();
        let lines = plan.spreads.iter().flat_map(|spread| {
            spread.bindings.iter().map(move |binding| {
                let who: Vec<String> = binding
                    .subjects
                    .iter()
                    .map(|subject| {
                        subject.principal.as_ref().map_or_else(|| format!("{:?}", subject.name), ToString::to_string)
                    })
                    .collect();
                let place = binding.namespace.as_ref().map_or("*", |namespace| namespace.as_str());
                format!("{:?} {} {place} {}\n", spread.effect, binding.role, who.join(" "))
            })
        });
        lines.collect()
    };
    let mut world = bound(asking(&[DefaultRole::View], crontabs()));
    insta::assert_snapshot!(told(&world), @r#"
    Widens edit payments Known("kim")
    Widens view trinity group:sre
    "#);
    live(&mut world, &[DefaultRole::View], &crontabs(), true);
    assert_eq!(told(&world), "");
    // Taken out of the files, those who have it by a binding that is there lose it.
    world.alpha().roles.clear();
    insta::assert_snapshot!(told(&world), @r#"Narrows edit payments Known("kim")"#);
    // What another role adds as well is not lost.
    let mut same = world.clone();
    let other = Role {
        namespace: None,
        name: "theirs".to_owned(),
        rules: crontabs(),
        aggregate_to: BTreeSet::from([DefaultRole::View]),
    };
    same.cluster().roles.push(LiveRole::new(other, meta(Mark::None)));
    assert_eq!(told(&same), "");
    // Less far, and with fewer rules.
    let mut world = bound(asking(&[DefaultRole::Edit], crontabs()));
    world.bind(None, "all", "view", subject(SubjectKind::Group, "g"), Mark::None);
    live(&mut world, &[DefaultRole::View], &[crontabs(), vec![rule(&["list"], &["crontabs"])]].concat(), true);
    insta::assert_snapshot!(told(&world), @r#"
    Narrows view * Known("g")
    Narrows edit payments Known("kim")
    "#);
}

#[test]
fn what_the_applier_has_by_a_default_role_is_guarded() {
    let own = |world: &World| {
        let verdicts = world.plan().verdicts.into_iter().filter(|verdict| verdict.guard == "own-identity");
        verdicts.map(|verdict| format!("{}: {}", verdict.subject, verdict.message)).collect::<Vec<_>>().join("\n")
    };
    let mut world = asking(&[DefaultRole::Edit], crontabs());
    live(&mut world, &[DefaultRole::Edit], &crontabs(), true);
    let username = world.cluster().username.clone();
    world.bind(None, "us", "admin", subject(SubjectKind::User, &username), Mark::None);
    assert_eq!(own(&world), "");
    let lost = "alpha/clusterrole/crontabs-object: system:serviceaccount:rolecall:applier, who runs this, acts through \
                admin, which would lose rules that this role adds to it";
    let mut deleted = world.clone();
    deleted.alpha().roles.clear();
    assert_eq!(own(&deleted), lost);
    let mut unlabelled = world.clone();
    unlabelled.alpha().roles[0].aggregate_to.clear();
    assert_eq!(own(&unlabelled), lost);
    // What another role gives as well is not lost.
    deleted.role("more", crontabs());
    deleted.alpha().roles[0].aggregate_to = BTreeSet::from([DefaultRole::Admin]);
    assert_eq!(own(&deleted), "");
    // Nor what is only in a role that they do not have.
    world.cluster().bindings[0].binding.role.name = "view".to_owned();
    world.alpha().roles.clear();
    assert_eq!(own(&world), "");
}

#[test]
fn what_those_lose_who_have_a_default_role_counts_as_removed() {
    let mut world = asking(&[DefaultRole::View], crontabs());
    live(&mut world, &[DefaultRole::View], &crontabs(), true);
    world.alpha().roles.clear();
    let narrowed = |world: &World| {
        let verdicts = world.plan().verdicts.into_iter().filter(|verdict| verdict.guard == "removals");
        verdicts.map(|verdict| format!("{}: {}", verdict.subject, verdict.message)).collect::<Vec<_>>().join("\n")
    };
    for number in 0..5 {
        world.bind(Some("trinity"), &format!("b{number}"), "view", subject(SubjectKind::User, "kim"), Mark::None);
    }
    assert_eq!(narrowed(&world), "", "five are no more than the limit");
    world.bind(Some("payments"), "b5", "admin", subject(SubjectKind::User, "kim"), Mark::None);
    // There is no admin here to be filled, but whoever is bound to it loses it when there is.
    insta::assert_snapshot!(narrowed(&world), @"run=6: 6 of 8 members, owners and bindings would be removed or narrowed (6: their role loses rules)");
    world.acknowledge("removals:run=6");
    assert_eq!(world.plan().refusals().count(), 0);
}

/// A live role of somebody else that takes in what one of these selects.
fn filled(world: &mut World, name: &str, labels: &[(&str, &str)], selectors: Vec<Selector>) {
    let role = Role { namespace: None, name: name.to_owned(), rules: crontabs(), aggregate_to: BTreeSet::new() };
    let labels = labels.iter().map(|(label, value)| ((*label).to_owned(), (*value).to_owned())).collect();
    let live = LiveRole { labels, aggregation: Some(selectors), ..LiveRole::new(role, meta(Mark::None)) };
    world.cluster().roles.push(live);
}

fn impersonates() -> Vec<PolicyRule> {
    vec![rule(&["impersonate"], &["users"]), rule(&["impersonate"], &["groups"])]
}

fn gained(world: &World) -> String {
    let verdicts = world.plan().verdicts.into_iter().filter(|verdict| verdict.guard == "cluster-admin-gained");
    verdicts.map(|verdict| format!("{}: {}", verdict.subject, verdict.message)).collect::<Vec<_>>().join("\n")
}

#[test]
fn whatever_role_takes_in_ours_by_its_selectors_is_counted() {
    // By the label of a default role, and by way of another that is taken in itself.
    let mut world = asking(&[DefaultRole::View], impersonates());
    filled(&mut world, "auditor", &[("tier", "audit")], vec![Selector::of_label(DefaultRole::View.label())]);
    let of_tier = Expression::In("tier".to_owned(), BTreeSet::from(["audit".to_owned()]));
    filled(
        &mut world,
        "auditors-too",
        &[],
        vec![Selector::of_label("never"), Selector { expressions: vec![of_tier], ..Selector::default() }],
    );
    filled(&mut world, "another", &[], vec![Selector::of_label("other")]);
    for role in ["auditor", "auditors-too"] {
        let mut world = world.clone();
        world.bind(None, "interns", role, subject(SubjectKind::Group, "interns"), Mark::None);
        let said = "alpha/group interns: group interns would become cluster-admin on alpha";
        assert!(gained(&world).starts_with(said), "{role}: {}", gained(&world));
        let plan = world.plan();
        let reached: Vec<&str> = plan.spreads.iter().flat_map(|spread| &spread.bindings).map(|it| &*it.role).collect();
        assert_eq!(reached, [role]);
    }
    world.bind(None, "interns", "another", subject(SubjectKind::Group, "interns"), Mark::None);
    assert_eq!(gained(&world), "");
}

#[test]
fn a_role_without_a_default_one_is_taken_in_by_the_mark_that_it_carries() {
    let mut world = asking(&[], vec![rule(&["get"], &["secrets"])]);
    let ours = Selector {
        labels: [(mark::MANAGED_BY_LABEL.to_owned(), mark::MANAGER.to_owned())].into(),
        expressions: vec![Expression::NotIn(mark::CONFIG_LABEL.to_owned(), BTreeSet::from(["another".to_owned()]))],
    };
    filled(&mut world, "collector", &[], vec![ours]);
    world.bind(Some("trinity"), "b", "collector", subject(SubjectKind::User, "kim"), Mark::None);
    insta::assert_snapshot!(widened(&world), @"alpha/crontabs-object/read-secrets: whoever has collector on alpha could read secrets, tokens of service accounts included, in each namespace where they have it, by the rules of crontabs-object; that is user kim, by 1 binding");
    // A label that somebody gave it and that stays when we write it.
    let mut world = asking(&[], vec![rule(&["get"], &["secrets"])]);
    live(&mut world, &[], &crontabs(), false);
    world.cluster().roles.last_mut().unwrap().labels.insert("by-hand".to_owned(), "yes".to_owned());
    let by_hand = Expression::Exists("by-hand".to_owned());
    filled(&mut world, "collector", &[], vec![Selector { expressions: vec![by_hand], ..Selector::default() }]);
    assert!(widened(&world).starts_with("alpha/crontabs-object/read-secrets: whoever has collector on alpha"));
}

#[test]
fn what_is_lost_through_the_selectors_of_others_is_counted() {
    let mut world = asking(&[DefaultRole::View], crontabs());
    live(&mut world, &[DefaultRole::View], &crontabs(), true);
    filled(&mut world, "auditor", &[], vec![Selector::of_label(DefaultRole::View.label())]);
    for number in 0..6 {
        world.bind(Some("trinity"), &format!("b{number}"), "auditor", subject(SubjectKind::User, "kim"), Mark::None);
    }
    assert!(!world.shown().contains("guard"), "{}", world.shown());
    world.alpha().roles.clear();
    assert!(world.shown().contains("guard removals:run=6"), "{}", world.shown());
    // What it has by another role as well is not lost.
    let other = Role { namespace: None, name: "theirs".to_owned(), rules: crontabs(), aggregate_to: BTreeSet::new() };
    let mut other = LiveRole::new(other, meta(Mark::None));
    other.labels.insert(DefaultRole::View.label().to_owned(), "true".to_owned());
    world.cluster().roles.push(other);
    assert!(!world.shown().contains("guard removals"), "{}", world.shown());
}

#[test]
fn a_selector_that_nobody_understands_takes_in_everything_and_is_said() {
    let mut world = asking(&[], impersonates());
    let unknown = Expression::Unknown("Gt".to_owned());
    filled(&mut world, "auditor", &[], vec![Selector { expressions: vec![unknown], ..Selector::default() }]);
    world.bind(None, "interns", "auditor", subject(SubjectKind::Group, "interns"), Mark::None);
    assert!(gained(&world).starts_with("alpha/group interns"), "{}", world.shown());
    let notes = world.plan().notes;
    let note = notes.iter().find(|note| note.kind.id() == "unknown-selector").unwrap();
    insta::assert_snapshot!(note.message, @"the `aggregationRule` of clusterrole auditor has an operator that is not understood (Gt); this plan counts every role of ours as taken in by it. A newer rolecall may know it");
}

#[test]
fn what_the_cluster_does_to_another_role_that_it_fills_is_not_moved() {
    let mut world = asking(&[DefaultRole::View], crontabs());
    filled(&mut world, "auditor", &[], vec![Selector::of_label(DefaultRole::View.label())]);
    world.grant("group:sre", "auditor", in_namespace("trinity"));
    let before = world.plan();
    world.cluster().roles.last_mut().unwrap().role.rules.clear();
    let refers = |plan: &crate::plan::Plan| plan.changes.last().unwrap().refers.clone();
    assert_eq!(refers(&before), refers(&world.plan()));
    world.cluster().roles.last_mut().unwrap().role.rules = impersonates();
    assert_ne!(refers(&before), refers(&world.plan()));
}
