//! The command line itself.

use crate::common::World;

#[test]
fn a_mistyped_command_line_exits_with_64() {
    let world = World::new();
    let ran = world.run(&["pln"]).exits(64);
    assert!(ran.stderr.contains("plan"), "{}", ran.stderr);
    let _ = world.run(&["plan", "--no-such-flag"]).exits(64);
    let _ = world.run(&["plan", "--only", "UPPER"]).exits(64);
    let _ = world.run(&["apply", "--acknowledge", "nothing"]).exits(64);
}

#[test]
fn help_goes_to_standard_output_and_names_the_exit_codes() {
    let world = World::new();
    let ran = world.run(&["--help"]).exits(0);
    assert!(ran.stdout.contains("130"), "{}", ran.stdout);
    for command in ["demo", "doctor", "validate", "plan", "apply", "sandbox", "schema", "completions", "man"] {
        let ran = world.run(&[command, "--help"]).exits(0);
        assert!(ran.stdout.contains("Usage: rolecall"), "{}", ran.stdout);
    }
    let _ = world.run(&["--version"]).exits(0);
}

#[test]
fn every_shell_gets_completions_that_know_the_commands() {
    let world = World::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let ran = world.run(&["completions", shell]).exits(0);
        assert!(ran.stdout.contains("acknowledge") && ran.stdout.contains("validate"), "{shell}: {}", ran.stdout);
    }
    let _ = world.run(&["completions", "tcsh"]).exits(64);
}

#[test]
fn every_command_gets_a_man_page() {
    let world = World::new();
    let ran = world.run(&["man", "pages/man1"]).exits(0);
    assert_eq!(ran.stdout, "");
    for page in ["rolecall", "rolecall-plan", "rolecall-sandbox-init"] {
        let text = world.read(&format!("pages/man1/{page}.1"));
        assert!(text.contains(".TH ") && text.contains("SYNOPSIS"), "{page}: {text}");
    }
    // A file stands where the folder should be.
    world.write("taken", String::new());
    let ran = world.run(&["man", "taken"]).exits(1);
    assert!(ran.stderr.contains("taken") && ran.stderr.contains("help:"), "{}", ran.stderr);
}

#[test]
fn every_schema_is_json() {
    let world = World::new();
    for of in ["access", "plan", "doctor", "journal"] {
        let ran = world.run(&["schema", of]).exits(0);
        let schema: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
        assert!(schema["$schema"].is_string(), "{of}");
    }
}

#[test]
fn apply_without_a_terminal_and_without_yes_writes_nothing() {
    let world = World::with_example("quickstart");
    let ran = world.apply(&[]).exits(1);
    assert!(ran.stderr.contains("--yes"), "{}", ran.stderr);
    assert_eq!(world.writes(), Vec::<String>::new());
}
