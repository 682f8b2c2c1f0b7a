//! A saved plan is data, not orders.

use crate::common::World;

fn planned() -> World {
    let world = World::with_example("quickstart");
    let _ = world.plan(&["--save", "tonight.plan"]).exits(0);
    world
}

fn apply_saved(world: &World) -> crate::common::Ran {
    world.run(&["apply", "tonight.plan", "access", "--sandbox", "sandbox"])
}

#[test]
fn a_saved_plan_is_applied_without_a_question_and_may_be_applied_again() {
    let world = planned();
    let _ = apply_saved(&world).exits(0);
    let again = apply_saved(&world).exits(0);
    assert!(again.stderr.contains("already so"), "{}", again.all());
}

#[test]
fn a_saved_plan_whose_member_id_was_edited_is_refused() {
    let world = planned();
    let plan = world.read("tonight.plan");
    let id = plan
        .split("\"known\":")
        .nth(1)
        .and_then(|rest| rest.split('"').nth(1))
        .expect("the plan holds an object id")
        .to_owned();
    world.write("tonight.plan", plan.replace(&id, "00000000-1111-2222-3333-444444444444"));
    let ran = apply_saved(&world).exits(5);
    assert!(ran.stderr.contains("nothing was written"), "{}", ran.stderr);
    assert_eq!(world.writes(), Vec::<String>::new());
}

#[test]
fn a_saved_plan_of_another_config_is_refused() {
    let world = planned();
    world.replace("access/rolecall.yaml", "hayden@contoso.com", "sam@contoso.com");
    let ran = apply_saved(&world).exits(5);
    assert_eq!(world.writes(), Vec::<String>::new(), "{}", ran.all());
}

#[test]
fn a_file_that_is_no_saved_plan_is_an_error_that_says_how_to_make_one() {
    let world = planned();
    for text in ["", "no plan", "{}", "{\"format\":\"rolecall-plan/999\"}"] {
        world.write("tonight.plan", text);
        let ran = apply_saved(&world).exits(1);
        assert!(ran.stderr.contains("plan --save"), "{}", ran.stderr);
    }
    assert_eq!(world.writes(), Vec::<String>::new());
}
