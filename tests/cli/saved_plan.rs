//! A saved plan is data, not orders.

use crate::common::World;

fn planned() -> World {
    let world = World::with_quickstart_grants();
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
    let world = World::with_quickstart_grants();
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
    let world = World::with_quickstart_grants();
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

/// The command that `plan --save` prints, as it would be pasted.
fn printed(plan: &crate::common::Ran) -> Vec<String> {
    let (_, command) = plan.stderr.rsplit_once("with: rolecall ").expect("a command is printed");
    command.split_whitespace().map(str::to_owned).collect()
}

#[test]
fn the_command_that_is_printed_works_and_holds_what_is_asked_for_alone() {
    let world = World::with_quickstart_grants();
    world.replace("access/rolecall.yaml", "cluster-role: view", "cluster-role: cluster-admin");
    world.replace("access/rolecall.yaml", "namespaces: [trinity]", "cluster-wide: true");
    let given = "cluster-admin-gained:alpha/erin@contoso.com";
    let plan =
        world.plan(&["--save", "ack.plan", "--acknowledge", given, "--acknowledge", "group-deleted:nobody"]).exits(0);
    assert!(plan.stderr.contains("Apply it, once you agree with what is above, with: "), "{}", plan.stderr);
    let command = printed(&plan);
    assert!(!command.contains(&"group-deleted:nobody".to_owned()), "{command:?}");
    assert_eq!(command.iter().filter(|word| *word == "--acknowledge").count(), 3, "{command:?}");
    let command: Vec<&str> = command.iter().map(String::as_str).collect();
    let _ = world.run(&command).exits(0);
}

#[test]
fn a_saved_plan_says_that_it_carries_out_what_is_protected() {
    let world = World::with_quickstart_grants();
    let protected = "type: k3s\n    protected: true\n    cluster: 77ab0c1d-2e3f-4a5b-8c6d-7e8f9a0b1c2d";
    world.replace("access/rolecall.yaml", "type: k3s", protected);
    let plan = world.plan(&["--save", "tonight.plan"]).exits(0);
    assert!(plan.stdout.contains("would leave out 4 protected changes"), "{}", plan.stdout);
    let ran = apply_saved(&world).exits(0);
    assert!(ran.stdout.contains("4 changes reach alpha; carried out because this is a saved plan"), "{}", ran.all());
    assert!(!ran.stdout.contains("leave out") && !ran.stdout.contains("left to a plan"), "{}", ran.all());
}

#[test]
fn where_a_plan_cannot_be_saved_is_said_before_anything_is_read() {
    let world = World::with_quickstart_grants();
    world.write("folder/file", "");
    for file in ["nosuch/tonight.plan", "folder", "folder/file/tonight.plan"] {
        let ran = world.plan(&["--save", file]).exits(1);
        assert!(ran.stderr.starts_with(&format!("error: the plan was not saved: {file}: ")), "{}", ran.stderr);
        assert!(ran.stderr.contains("help: name a file in a folder") && !ran.stderr.contains(".tmp"), "{}", ran.stderr);
        assert!(!world.path("sandbox").exists(), "nothing was opened");
    }
}

#[test]
fn an_unusable_journal_is_said_before_the_question() {
    let world = World::with_quickstart_grants();
    world.write(".rolecall", "");
    let ran = world.apply(&[]).exits(1);
    assert!(ran.stderr.contains("cannot create the folder .rolecall for the journal"), "{}", ran.stderr);
    assert!(ran.stderr.contains("--journal") && !ran.stderr.contains("no terminal to ask at"), "{}", ran.stderr);
}

#[test]
fn what_is_withheld_is_pending() {
    let world = planned();
    let _ = apply_saved(&world).exits(0);
    world.replace("access/rolecall.yaml", "- hayden@contoso.com", "- heyden@contoso.com");
    let ran = world.plan(&["--detailed-exitcode"]).exits(2);
    assert!(ran.stdout.contains("+ entra/group/k8s_dev_users/member/heyden@contoso.com"), "{}", ran.stdout);
    assert!(ran.stdout.contains("- entra/group/k8s_dev_users/member/hayden@contoso.com"), "{}", ran.stdout);
    let _ = world.plan(&[]).exits(0);
}

/// Whoever was to leave has not left: that is no success, on the screen or for a script.
#[test]
fn an_apply_that_holds_something_back_is_not_fine() {
    let world = planned();
    let _ = apply_saved(&world).exits(0);
    let writes = world.writes().len();
    world.replace("access/rolecall.yaml", "- hayden@contoso.com", "- heyden@contoso.com");
    let still = "! 1 removal is withheld: whoever was to lose access by it still has it. 1 other change is withheld.";
    let ran = world.apply(&["--yes"]).exits(2);
    assert!(ran.stdout.contains(still) && ran.stdout.contains("No acknowledgement lifts this."), "{}", ran.all());
    assert!(ran.stderr.contains("Nothing was written: all that is left is withheld"), "{}", ran.all());
    assert_eq!(world.writes().len(), writes);
    let _ = world.plan(&["--save", "tonight.plan"]).exits(0);
    let _ = apply_saved(&world).exits(2);
    world.replace("access/rolecall.yaml", "description: ", "description: more of the ");
    let ran = world.apply(&["--yes"]).exits(4);
    assert!(ran.stderr.contains(still), "{}", ran.all());
    let _ = world.apply(&["--yes", "--strict"]).exits(1);
}

/// A plan that was saved while something was expected is not carried out because that is gone, or less, since.
#[test]
fn an_expectation_taken_away_after_the_plan_was_saved_helps_nobody() {
    let root = "version: 1
name: adv
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f, pim: none }
appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]
environments:
  alpha: { type: k3s }
groups:
  dev: { members: [mallory@contoso.com] }
roles:
  full: { cluster-role: edit }
grants:
  - { groups: [dev], roles: [full], environments: [alpha], namespaces: [trinity] }
";
    let expected = |what: &str| {
        format!("{root}expectations:\n  - {{ user: mallory@contoso.com, environments: [alpha], {what} }}\n")
    };
    let apply = ["apply", "it.plan", "access", "--sandbox", "sandbox"];
    for (before, after, code, said) in [
        ("cannot: [delete pods in trinity]", None, 5, "mallory@contoso.com cannot delete pods in trinity on alpha"),
        ("only: [list pods in trinity]", Some("only: [\"* * in trinity\"]"), 5, "beyond `only`"),
        ("can: [list pods in trinity]", None, 5, "mallory@contoso.com can list pods in trinity on alpha"),
        ("can: [list pods in trinity]", Some("can: [list pods in trinity, get pods in trinity]"), 0, "Applied"),
    ] {
        let world = World::with_files(&[("rolecall.yaml", &expected(before))]);
        let _ = world.plan(&["--save", "it.plan"]);
        world.write("access/rolecall.yaml", after.map_or_else(|| root.to_owned(), &expected));
        let writes = world.writes().len();
        let ran = world.run(&apply).exits(code);
        assert_eq!(world.writes().len() > writes, code == 0, "{}", ran.all());
        assert!(code == 0 || ran.stderr.contains(said), "{}", ran.all());
    }
}
