//! `expectations`: what `validate`, `plan` and `apply` say when one does not hold.

use crate::common::World;

#[test]
fn the_quickstart_keeps_what_it_expects() {
    let world = World::with_example("quickstart");
    let ran = world.run(&["validate", "access"]).exits(0);
    assert!(ran.stdout.contains("Expectations by the files alone: 3 of 3 hold."), "{}", ran.all());
    let ran = world.run(&["validate", "access", "--output", "json"]).exits(0);
    let said: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(
        (&said["expectations"][0]["verdict"], &said["expectations"][2]["kind"]),
        (&"holds".into(), &"cannot".into())
    );
    let ran = world.plan(&[]).exits(0);
    assert!(!ran.stdout.contains("Expectations\n"), "{}", ran.stdout);
    assert!(ran.stdout.contains("3 of 3 expectations hold."), "{}", ran.stdout);
    let ran = world.plan(&["--output", "json"]).exits(0);
    let plan: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    let verdicts: Vec<&str> =
        plan["expectations"].as_array().unwrap().iter().map(|each| each["verdict"].as_str().unwrap()).collect();
    assert_eq!(verdicts, ["holds", "holds", "holds"]);
}

/// Each way of breaking one is told at its line by `validate` and `plan`, and `apply` writes nothing.
#[test]
fn a_broken_grant_is_told_at_file_and_line() {
    let file = "access/rolecall.yaml";
    for (from, to, line, said) in [
        (
            "namespaces: [trinity]",
            "namespaces: [payments]",
            33,
            "hayden@contoso.com cannot list pods in trinity on alpha, and should",
        ),
        (
            "namespaces: [trinity]",
            "namespaces: [trinity, default]",
            34,
            "hayden@contoso.com can list pods in default on alpha, and should not",
        ),
        (
            "      - hayden@contoso.com\n",
            "      - sam@contoso.com\n",
            33,
            "hayden@contoso.com cannot list pods in trinity on alpha, and should",
        ),
    ] {
        let world = World::with_example("quickstart");
        world.replace(file, from, to);
        let ran = world.run(&["validate", "access"]).exits(6);
        assert!(ran.stderr.contains(said) && ran.stderr.contains(&format!("rolecall.yaml:{line}:")), "{}", ran.all());
        let ran = world.plan(&[]).exits(6);
        assert!(ran.stdout.contains("Expectations\n"), "{}", ran.stdout);
        assert!(ran.stdout.contains(said) && ran.stdout.contains(&format!("rolecall.yaml:{line}")), "{}", ran.stdout);
        let before = world.writes().len();
        let ran = world.apply(&["--yes"]).exits(6);
        assert!(ran.stderr.contains("Nothing was written: 1 expectation failed."), "{}", ran.all());
        assert_eq!(world.writes().len(), before);
    }
}

#[test]
fn a_saved_plan_that_breaks_an_expectation_is_not_carried_out() {
    let world = World::with_example("quickstart");
    world.replace("access/rolecall.yaml", "namespaces: [trinity]", "namespaces: [trinity, default]");
    let _ = world.plan(&["--save", "it.plan"]).exits(6);
    let before = world.writes().len();
    let ran = world.run(&["apply", "it.plan", "access", "--sandbox", "sandbox"]).exits(6);
    assert!(ran.stderr.contains("Nothing was written: 1 expectation failed."), "{}", ran.all());
    assert_eq!(world.writes().len(), before);
}

/// What waits for something else is no broken expectation: the rest goes on, and the next plan judges again.
#[test]
fn what_is_withheld_breaks_nothing() {
    let world = World::with_example("quickstart");
    let _ = world.plan(&[]).exits(0);
    world.replace("access/rolecall.yaml", "namespaces: [trinity]", "namespaces: [trinity, later]");
    world.replace(
        "access/rolecall.yaml",
        "can: [list pods in trinity]",
        "can: [list pods in trinity, list pods in later]",
    );
    let ran = world.plan(&[]).exits(0);
    assert!(
        ran.stdout.contains("Withheld") && ran.stdout.contains("the files give it, but this plan withholds"),
        "{}",
        ran.stdout
    );
}

#[test]
fn the_screens() {
    let world = World::with_example("quickstart");
    world.replace("access/rolecall.yaml", "namespaces: [trinity]", "namespaces: [payments, default]");
    let ran = world.run(&["validate", "access"]).exits(6);
    insta::assert_snapshot!(ran.all(), @"
    Expectations by the files alone: 1 of 3 hold, 2 failed.
    error[expectation-failed]: rolecall.yaml:33:11: hayden@contoso.com cannot list pods in trinity on alpha, and should
      33 |     can: [list pods in trinity]
      expected here
      rolecall.yaml:28:7: granted here
      28 |   - { groups: [k8s_dev_users], roles: [read-only], environments: [alpha], namespaces: [payments, default] }
      rolecall.yaml:22:9: a member here
      22 |       - hayden@contoso.com
      help: they only have clusterrole view in default through group k8s_dev_users (rolecall.yaml:28, rolecall.yaml:22); they only have clusterrole view in payments through group k8s_dev_users (rolecall.yaml:28, rolecall.yaml:22)

    error[expectation-failed]: rolecall.yaml:34:26: hayden@contoso.com can list pods in default on alpha, and should not
      34 |     cannot: [list nodes, list pods in default]
      expected here
      rolecall.yaml:28:7: granted here
      28 |   - { groups: [k8s_dev_users], roles: [read-only], environments: [alpha], namespaces: [payments, default] }
      rolecall.yaml:22:9: a member here
      22 |       - hayden@contoso.com
      help: clusterrole view in default through group k8s_dev_users (rolecall.yaml:28, rolecall.yaml:22)

    2 errors in 1 file. Nothing was changed.
    Next: change what is granted where the lines above say so, or what is expected, and validate again.
    ");
    let ran = world.plan(&[]).exits(6);
    let part = ran.stdout.split("\n\n").find(|part| part.starts_with("Expectations")).unwrap().to_owned();
    insta::assert_snapshot!(part, @"
    Expectations
    ! hayden@contoso.com cannot list pods in trinity on alpha, and should   rolecall.yaml:33
        they only have clusterrole view in default through group k8s_dev_users (rolecall.yaml:28, rolecall.yaml:22)
        they only have clusterrole view in payments through group k8s_dev_users (rolecall.yaml:28, rolecall.yaml:22)
    ! hayden@contoso.com can list pods in default on alpha, and should not  rolecall.yaml:34
        clusterrole view in default through group k8s_dev_users (rolecall.yaml:28, rolecall.yaml:22)
    ");
}

/// What is expected on several environments is told once, of members on one line that one is shown, and the next step is last.
#[test]
fn what_is_broken_in_many_places_is_one_finding() {
    let root = "version: 1
name: contoso
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f }
appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]
environments:
  alpha: { type: k3s, labels: { stage: dev } }
  beta: { type: k3s, labels: { stage: dev } }
groups:
  inner: { members: [erin@contoso.com, hayden@contoso.com, zoe@contoso.com] }
  outer: { members: [kim@contoso.com, { group: inner }] }
roles:
  view: { cluster-role: view }
grants:
  - { groups: [outer], roles: [view], environments: { stage: dev }, namespaces: [trinity] }
expectations:
  - { user: hayden@contoso.com, environments: { stage: dev }, cannot: [list pods in trinity] }
";
    let world = World::with_files(&[("rolecall.yaml", root)]);
    let ran = world.run(&["validate", "access"]).exits(6);
    insta::assert_snapshot!(ran.stderr, @"
    error[expectation-failed]: rolecall.yaml:16:72: hayden@contoso.com can list pods in trinity on alpha, beta, and should not
      16 |   - { user: hayden@contoso.com, environments: { stage: dev }, cannot: [list pods in trinity] }
      expected here
      rolecall.yaml:14:7: granted here
      14 |   - { groups: [outer], roles: [view], environments: { stage: dev }, namespaces: [trinity] }
      rolecall.yaml:9:40: a member here
      9 |   inner: { members: [erin@contoso.com, hayden@contoso.com, zoe@contoso.com] }
      rolecall.yaml:10:39: a member here
      10 |   outer: { members: [kim@contoso.com, { group: inner }] }
      help: clusterrole view in trinity through groups inner in outer (rolecall.yaml:14, rolecall.yaml:9, rolecall.yaml:10)

    1 error in 1 file. Nothing was changed.
    Next: change what is granted where the lines above say so, or what is expected, and validate again.
    ");
    let ran = world.run(&["validate", "access", "--output", "json"]).exits(6);
    let said: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!((said["findings"].as_array().unwrap().len(), said["expectations"].as_array().unwrap().len()), (2, 2));
}

/// Whoever leaves a group by a change that waits for a saved plan is in it still when the rest is written.
#[test]
fn without_a_saved_plan_nobody_comes_to_what_the_whole_plan_does_not_give() {
    let root = r"version: 1
name: contoso
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f, pim: none }
appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]
environments:
  alpha: { type: k3s, labels: { stage: dev } }
  prod: { type: k3s, labels: { stage: prod }, protected: true, cluster: 77ab1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f }
groups:
  team: { members: [hayden@contoso.com, mallory@contoso.com] }
roles:
  read-only: { cluster-role: view }
  full: { cluster-role: edit }
grants:
  - { groups: [team], roles: [read-only], environments: [prod], namespaces: [trinity] }
  - { groups: [team], roles: [read-only], environments: [alpha], namespaces: [trinity] }
";
    let world = World::with_files(&[("rolecall.yaml", root)]);
    let _ = world.plan(&["--save", "it.plan"]).exits(0);
    let _ = world.run(&["apply", "it.plan", "access", "--sandbox", "sandbox"]).exits(0);
    let after = root
        .replace("hayden@contoso.com, mallory@contoso.com", "hayden@contoso.com")
        .replace("roles: [read-only], environments: [alpha]", "roles: [full], environments: [alpha]");
    let expected =
        "expectations:\n  - { user: mallory@contoso.com, environments: [alpha], cannot: [delete pods in trinity] }\n";
    world.write("access/rolecall.yaml", after + expected);
    let before = world.writes().len();
    let whole = world.plan(&[]).exits(0);
    assert!(whole.stdout.contains("- mallory@contoso.com  alpha/trinity, prod/trinity  view    -"), "{}", whole.all());
    // Mallory leaves by a saved plan only, so that what she would come to meanwhile is left to it as well.
    let ran = world.apply(&["--yes"]).exits(3);
    assert_eq!(world.writes().len(), before, "{}", ran.all());
    let nobody = "Access: nobody's changes until the rest is applied from a saved plan.";
    assert!(ran.stdout.contains(nobody), "{}", ran.all());
    let _ = world.plan(&["--save", "it.plan"]).exits(0);
    let _ = world.run(&["apply", "it.plan", "access", "--sandbox", "sandbox"]).exits(0);
}

#[test]
fn without_a_saved_plan_the_rest_is_judged_alone() {
    let root = r"version: 1
name: contoso
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f, pim: none }
appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]
environments:
  alpha: { type: k3s, labels: { stage: dev } }
  prod: { type: k3s, labels: { stage: prod }, protected: true, cluster: 77ab1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f }
groups:
  team: { members: [hayden@contoso.com] }
  ops: { members: [erin@contoso.com, carol@contoso.com] }
roles:
  read-only: { cluster-role: view }
grants:
  - { groups: [team], roles: [read-only], environments: [prod], namespaces: [trinity] }
  - { groups: [team, ops], roles: [read-only], environments: [alpha], namespaces: [trinity] }
";
    let world = World::with_files(&[("rolecall.yaml", root)]);
    let _ = world.plan(&["--save", "it.plan"]).exits(0);
    let _ = world.run(&["apply", "it.plan", "access", "--sandbox", "sandbox"]).exits(0);
    let after = root
        .replace("[erin@contoso.com, carol@contoso.com]", "[erin@contoso.com]")
        .replace("[hayden@contoso.com]", "[hayden@contoso.com, carol@contoso.com]");
    let expected =
        "expectations:\n  - { user: carol@contoso.com, environments: [alpha], can: [list pods in trinity] }\n";
    world.write("access/rolecall.yaml", after + expected);
    let before = world.writes().len();
    let _ = world.plan(&[]).exits(0);
    // She would leave one group, and come to the other by a saved plan only.
    let ran = world.apply(&["--yes"]).exits(6);
    assert_eq!(world.writes().len(), before, "{}", ran.all());
    assert!(ran.stdout.contains("What is left to a saved plan is not in this table."), "{}", ran.all());
    let row = ran.stdout.lines().find(|line| line.contains("carol@contoso.com  alpha/trinity"));
    assert!(row.is_some_and(|row| row.contains("view    -")), "{}", ran.all());
    let _ = world.plan(&["--save", "it.plan"]).exits(0);
    let _ = world.run(&["apply", "it.plan", "access", "--sandbox", "sandbox"]).exits(0);
}
