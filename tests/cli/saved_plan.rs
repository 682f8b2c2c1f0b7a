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
    assert!(again.stderr.contains("Nothing to do: 4 changes of the saved plan already so."), "{}", again.all());
}

#[test]
fn a_saved_plan_whose_member_id_was_edited_is_refused() {
    let world = planned();
    let plan = world.read("tonight.plan");
    let mut saved: serde_json::Value = serde_json::from_str(&plan).unwrap();
    let changes = saved["changes"].as_array_mut().unwrap();
    let member = changes.iter_mut().find_map(|change| change["operation"]["after"].get_mut("member")).unwrap();
    assert_eq!(member["principal"]["user"], "hayden@contoso.com");
    member["principal_id"]["known"] = "00000000-1111-2222-3333-444444444444".into();
    world.write("tonight.plan", saved.to_string());
    let ran = apply_saved(&world).exits(5);
    assert!(ran.stderr.contains("nothing was written"), "{}", ran.stderr);
    assert_eq!(world.writes(), Vec::<String>::new());
}

#[test]
fn a_saved_plan_of_another_config_or_tenant_is_refused() {
    for (from, to, word) in
        [("name: quickstart", "name: slowstart", "slowstart"), ("id: 8f9f1c2d", "id: 00001c2d", "00001c2d")]
    {
        let world = planned();
        world.replace("access/rolecall.yaml", from, to);
        let ran = world.run(&["apply", "tonight.plan", "access", "--sandbox", "another"]).exits(5);
        assert!(ran.stderr.contains(word), "{}", ran.stderr);
        assert_eq!(world.writes(), Vec::<String>::new(), "{}", ran.all());
    }
}

#[test]
fn what_the_files_ask_for_since_then_is_not_applied() {
    let world = planned();
    world.replace("access/rolecall.yaml", "- hayden@contoso.com", "- erin@contoso.com");
    let ran = apply_saved(&world).exits(5);
    assert!(ran.stderr.contains("member/erin@contoso.com"), "{}", ran.stderr);
    assert_eq!(world.writes(), Vec::<String>::new(), "{}", ran.all());
}

#[test]
fn a_saved_plan_acknowledges_nothing_by_itself() {
    let world = World::with_example("quickstart");
    world.replace("access/rolecall.yaml", "cluster-role: view", "cluster-role: cluster-admin");
    world.replace("access/rolecall.yaml", "namespaces: [trinity]", "cluster-wide: true");
    let guard = "cluster-admin-gained:alpha/group:k8s_dev_users";
    let plan = world.plan(&["--save", "tonight.plan"]).exits(0);
    assert!(plan.stdout.contains(guard), "{}", plan.stdout);
    world.replace("tonight.plan", "\"acknowledged\": []", &format!("\"acknowledged\": [\"{guard}\"]"));
    let _ = apply_saved(&world).exits(3);
    assert_eq!(world.writes(), Vec::<String>::new());
    let _ = world.run(&["apply", "tonight.plan", "access", "--sandbox", "sandbox", "--acknowledge", guard]).exits(3);
    // The group, its member, and its owner, who could let anybody in.
    let people = ["hayden", "erin"].map(|name| format!("cluster-admin-gained:alpha/{name}@contoso.com"));
    let acknowledged = ["--acknowledge", guard, "--acknowledge", &people[0], "--acknowledge", &people[1]];
    let _ = world
        .run(&[&["apply", "tonight.plan", "access", "--sandbox", "sandbox"], acknowledged.as_slice()].concat())
        .exits(0);
}

#[test]
fn a_part_is_applied_as_a_part_and_never_taken_for_the_whole() {
    let world = World::with_example("quickstart");
    let _ = world.plan(&["--save", "tonight.plan", "--only", "entra"]).exits(0);
    let ran = apply_saved(&world).exits(5);
    assert!(ran.stderr.contains("--only entra"), "{}", ran.stderr);
    let _ = world.run(&["apply", "tonight.plan", "access", "--sandbox", "sandbox", "--only", "entra"]).exits(0);
    assert!(world.writes().iter().all(|write| write.starts_with("graph")), "{:?}", world.writes());
}

#[test]
fn a_file_that_is_no_saved_plan_is_an_error_that_says_how_to_make_one() {
    let world = planned();
    for text in ["", "no plan", "{}", "{\"format\":\"rolecall-saved-plan/999\"}"] {
        world.write("tonight.plan", text);
        let ran = apply_saved(&world).exits(1);
        assert!(ran.stderr.contains("save"), "{}", ran.stderr);
    }
    assert_eq!(world.writes(), Vec::<String>::new());
}
