//! What a plan says of a lock that whoever applies could not take.

use super::world::World;
use crate::plan::{NoteKind, access_questions};
use crate::state::{AccessAnswer, AccessQuestion, AppliedBy, Applier, DesiredLock, Origin};

fn world(namespace: &str) -> World {
    let mut world = World::new();
    world.ask("sre", &[]);
    world.desired.lock = Some(DesiredLock {
        origin: Origin { file: "rolecall.yaml".into(), line: 5 },
        environment: "alpha".parse().unwrap(),
        namespace: namespace.parse().unwrap(),
    });
    world.policy.applied_by = AppliedBy::Applier;
    world
}

/// What is noted once everything is asked, and what was asked.
fn noted(world: &World, may: impl Fn(&AccessQuestion) -> bool) -> (Option<String>, Vec<String>) {
    let mut world = world.clone();
    let changes = world.plan().changes;
    assert!(!changes.is_empty() && changes.iter().all(|change| change.address.environment().is_none()));
    let mut asked = Vec::new();
    while let Some((environment, questions)) =
        access_questions(&world.desired, &world.observed, &world.policy, &changes).pop_first()
    {
        for question in &questions {
            let who = question.who.as_ref().map_or("we", |who| &who.user);
            asked.push(format!("{who} {} {} {:?}", question.verb, question.resource, question.name.is_some()));
        }
        let answers =
            questions.iter().map(|question| Ok(AccessAnswer { allowed: may(question), reason: String::new() }));
        let answers = answers.collect();
        world.observed.answers.entry(environment).or_default().record(questions, answers);
    }
    let mut plan = world.plan();
    let at_once = plan.notes.clone();
    crate::plan::foresee(&mut plan, &world.desired, &world.observed, &world.policy);
    assert_eq!(plan.notes, at_once, "it is said once");
    let mut notes = plan.notes.into_iter().filter(|note| note.kind == NoteKind::LockOutOfReach);
    (notes.next().map(|note| note.message), asked)
}

#[test]
fn rights_that_the_applier_lacks_are_told_even_where_nothing_else_changes_on_that_cluster() {
    let mut world = world("trinity");
    let alpha = "alpha".parse().unwrap();
    world.desired.environments.get_mut(&alpha).unwrap().applier = Some(Applier::new("ci", []));
    let (note, asked) = noted(&world, |question| question.verb == "get");
    insta::assert_snapshot!(note.unwrap(), @"`ci`, who applies, may not create and update leases in trinity, where `lock` is, so that apply would write nothing; docs/permissions.yaml has a Role for it");
    assert_eq!(asked, ["ci get leases true", "ci create leases false", "ci update leases true"]);
    assert_eq!(noted(&world, |_| true).0, None);
}

#[test]
fn of_somebody_who_only_plans_nothing_is_needed() {
    let (note, asked) = noted(&world("trinity"), |_| false);
    assert_eq!((note, asked), (None, Vec::new()));
}

#[test]
fn a_namespace_that_is_not_there_is_told_whoever_plans() {
    let (note, asked) = noted(&world("nowhere"), |_| false);
    insta::assert_snapshot!(note.unwrap(), @"there is no namespace `nowhere`, where `lock` is, or it is being deleted: apply writes nothing until it is there (`kubectl create namespace nowhere`)");
    assert_eq!(asked, Vec::<String>::new());
}

#[test]
fn where_nothing_changes_nobody_takes_it() {
    let mut world = world("nowhere");
    world.desired.groups.clear();
    let plan = world.plan();
    assert_eq!((plan.changes.len(), plan.notes.len()), (0, 0));
}
