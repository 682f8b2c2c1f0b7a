//! `rolecall demo`: the newcomer's door.

use crate::common::World;

#[test]
fn the_demo_shows_the_whole_job_and_ends_with_an_empty_plan() {
    let world = World::new();
    let ran = world.run(&["demo"]).exits(0);
    for expected in [
        "$ rolecall validate",
        "$ rolecall plan",
        "+ member hayden@contoso.com",
        "$ rolecall apply",
        "$ rolecall verify",
        "+ hayden@contoso.com can list pods in trinity on alpha",
        "+ hayden@contoso.com cannot list pods in default on alpha",
    ] {
        assert!(ran.stdout.contains(expected), "{expected} is missing:\n{}", ran.all());
    }
    let last_plan = ran.stdout.rsplit("$ rolecall plan").next().unwrap();
    assert!(last_plan.contains("No changes."), "{last_plan}");
    assert_eq!(std::fs::read_dir(world.path("")).unwrap().count(), 0, "nothing is left in the working folder");
}

#[test]
fn what_the_demo_keeps_can_be_used_on() {
    let world = World::new();
    let _ = world.run(&["demo", "--keep", "try"]).exits(0);
    let ran = world.run(&["plan", "try/quickstart", "--sandbox", "try/sandbox"]).exits(0);
    assert!(ran.stdout.contains("No changes."), "{}", ran.all());
    let _ = world.run(&["demo", "--keep", "try"]).exits(0);
}

#[test]
fn the_commands_of_a_kept_demo_can_be_pasted() {
    let world = World::new();
    let ran = world.run(&["demo", "--keep", "my demo"]).exits(0);
    assert!(ran.stdout.contains("$ rolecall plan 'my demo/quickstart' --sandbox 'my demo/sandbox'"), "{}", ran.stdout);
    let (_, end) = ran.stdout.split_once("That is the whole job.").unwrap();
    insta::assert_snapshot!(end, @"
    Kept: the access file in my demo/quickstart, the sandbox in my demo/sandbox, the journal of the apply in my demo/journal.jsonl.
    Change the access file, and see what that would do:

        rolecall plan 'my demo/quickstart' --sandbox 'my demo/sandbox'
    ");
    assert!(world.path("my demo/journal.jsonl").exists());
}

#[test]
fn the_file_is_printed_with_the_lines_that_the_plan_names() {
    let ran = World::new().run(&["demo"]).exits(0);
    assert!(ran.stdout.contains("\n   22        - hayden@contoso.com\n"), "{}", ran.stdout);
    assert!(ran.stdout.contains("rolecall.yaml:22\n"), "{}", ran.stdout);
}

#[test]
fn a_folder_of_something_else_is_left_alone_by_the_demo() {
    let world = World::new();
    world.write("thesis/chapter.txt", "");
    let ran = world.run(&["demo", "--keep", "thesis"]).exits(1);
    assert!(
        ran.stderr.contains("thesis: the folder is not empty and holds no demo, so it was left alone"),
        "{}",
        ran.stderr
    );
    assert_eq!(std::fs::read_dir(world.path("thesis")).unwrap().count(), 1);
    let _ = world.run(&["demo", "--keep", "try"]).exits(0);
    world.replace("try/quickstart/rolecall.yaml", "hayden@", "heyden@");
    let ran = world.run(&["demo", "--keep", "try"]).exits(1);
    assert!(ran.stderr.contains("go on with it: rolecall plan try/quickstart --sandbox try/sandbox"), "{}", ran.stderr);
    assert!(world.read("try/quickstart/rolecall.yaml").contains("heyden@"));
}

#[test]
fn where_no_temporary_folder_can_be_made_is_said() {
    let world = World::new();
    let ran = world.run_with(&["demo"], &[("TMPDIR", "/nonexistent/place")]).exits(1);
    insta::assert_snapshot!(ran.stderr, @"
    error: no temporary folder can be made in /nonexistent/place: No such file or directory (os error 2)
      help: set TMPDIR to a folder that you may write to, or name one with --keep
    ");
}
