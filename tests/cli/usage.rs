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
    for command in [
        "demo",
        "doctor",
        "validate",
        "lint",
        "plan",
        "apply",
        "who-can",
        "why",
        "access",
        "comment",
        "sandbox",
        "schema",
        "completions",
        "man",
    ] {
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
    let text = world.read("pages/man1/rolecall-plan.1");
    assert!(text.contains(".nf\nExamples:\n  rolecall plan ") && text.contains("\n.fi\n"), "{text}");
    // A file stands where the folder should be.
    world.write("taken", String::new());
    let ran = world.run(&["man", "taken"]).exits(1);
    assert!(ran.stderr.contains("taken") && ran.stderr.contains("help:"), "{}", ran.stderr);
}

#[test]
fn every_schema_is_json() {
    let world = World::new();
    for of in ["access", "answer", "plan", "doctor", "lint", "journal"] {
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

#[test]
fn what_only_is_meant_to_name_is_guessed() {
    let world = World::with_example("quickstart");
    for (only, meant) in [("k8s_dev_users", "`group/k8s_dev_users`"), ("alph", "`alpha`")] {
        let ran = world.plan(&["--only", only]).exits(64);
        assert!(ran.stderr.contains(&format!("did you mean {meant}?")), "{}", ran.stderr);
    }
    let ran = world.plan(&["--only", "elsewhere"]).exits(64);
    assert!(ran.stderr.contains("the config has: alpha"), "{}", ran.stderr);
}

#[test]
fn only_of_a_group_that_no_file_has_any_more_says_where_its_deletion_is() {
    let world = World::with_example("quickstart");
    let _ = world.apply(&["--yes"]).exits(0);
    world.write(
        "access/rolecall.yaml",
        world.read("access/rolecall.yaml").split("\ngroups:").next().unwrap().to_owned() + "\n",
    );
    let ran = world.plan(&["--only", "group/k8s_dev_users"]).exits(64);
    assert!(ran.stderr.contains("its deletion is not part of this plan"), "{}", ran.all());
    assert!(ran.stderr.contains("--only entra"), "{}", ran.all());
    let ran = world.plan(&["--only", "group/k8s_dev_users", "--only", "entra"]).exits(0);
    assert!(ran.stdout.contains("group k8s_dev_users is to be deleted"), "{}", ran.all());
}

#[test]
fn flags_of_others_are_answered_with_ours() {
    let world = World::new();
    for (arguments, tip) in [
        (["plan", "--json"].as_slice(), "`--output json`"),
        (&["apply", "-o", "json"], "--journal FILE"),
        (&["apply", "--json"], "--journal FILE"),
        (&["apply", "--output=json"], "--journal FILE"),
        (&["apply", "--base", "main"], "`rolecall plan --base REF --save FILE`"),
        (&["apply", "--base=main"], "`rolecall plan --base REF --save FILE`"),
        (&["apply", "--dry-run"], "`rolecall plan` shows"),
        (&["apply", "--force"], "--acknowledge GUARD:SUBJECT"),
        (&["apply", "--auto-approve"], "`--yes`"),
        (&["plan", "-e", "alpha"], "`--only ENV`"),
        (&["drift", "--environment", "alpha"], "`--only ENV`"),
        (&["snapshot", "live.json", "-e", "alpha"], "all environments"),
        (&["who-can", "list", "pods", "--only", "alpha"], "`-e ENV`"),
        (&["verify", "--only", "alpha"], "`-e ENV`"),
    ] {
        let ran = world.run(arguments).exits(64);
        assert!(ran.stderr.contains(tip), "{}", ran.stderr);
        assert_eq!(ran.stderr.matches("  tip: ").count(), 1, "ours alone: {}", ran.stderr);
    }
}

#[test]
fn a_plan_as_json_has_the_mistakes_as_json() {
    let world = World::with_example("quickstart");
    world.replace("access/rolecall.yaml", "roles: [", "rols: [");
    let validated = world.run(&["validate", "access", "--output", "json"]).exits(1);
    for command in ["plan", "doctor"] {
        let ran = world.run(&[command, "access", "--sandbox", "sandbox", "--output", "json"]).exits(1);
        assert_eq!(ran.stdout, validated.stdout);
        assert!(ran.stderr.contains("unknown-key"), "{}", ran.stderr);
        let ran = world.run(&[command, "access", "--sandbox", "sandbox"]).exits(1);
        assert_eq!(ran.stdout, "");
    }
}

#[test]
fn a_saved_plan_away_from_its_access_files_is_told_to_name_them() {
    let world = World::with_example("quickstart");
    let _ = world.plan(&["--save", "tonight.plan"]).exits(0);
    let ran = world.run(&["apply", "tonight.plan", "--sandbox", "sandbox"]).exits(1);
    assert!(ran.stderr.contains("`rolecall apply tonight.plan FOLDER`"), "{}", ran.stderr);
}

#[test]
fn a_file_that_is_not_there_is_answered_with_one_of_a_near_name() {
    let world = World::with_example("quickstart");
    let _ = world.plan(&["--save", "tonight.plan"]).exits(0);
    for (typed, near) in [("tonigth.plan", "tonight.plan"), ("./tonigt.plan", "./tonight.plan"), ("acess", "access")] {
        let ran = world.run(&["apply", typed, "--sandbox", "sandbox"]).exits(1);
        assert!(ran.stderr.contains(&format!("help: did you mean `{near}`?")), "{}", ran.stderr);
    }
    let ran = world.run(&["apply", "nothing.like.it", "--sandbox", "sandbox"]).exits(1);
    assert!(!ran.stderr.contains("did you mean"), "{}", ran.stderr);
    let ran = world.run(&["plan", "access", "--snapshot", "tonight.pln"]).exits(1);
    assert!(ran.stderr.contains("did you mean `tonight.plan`?"), "{}", ran.stderr);
}

#[test]
fn several_guards_are_answered_with_one_command() {
    let world = World::with_example("quickstart");
    let _ = world.apply(&["--yes"]).exits(0);
    let text = world.read("access/rolecall.yaml");
    world.write("access/rolecall.yaml", text.split("\ngroups:").next().unwrap().to_owned() + "\n");
    let plan = world.plan(&[]).exits(0);
    let line = plan.stderr.lines().find_map(|line| line.strip_prefix("If all 2 are meant: rolecall "));
    let command: Vec<&str> = line.unwrap_or_else(|| panic!("{}", plan.all())).split(' ').collect();
    assert_eq!(plan.stdout.matches("--acknowledge ").count(), 2, "{}", plan.stdout);
    // As it stands, with leave not to be asked.
    let _ = world.run(&[&command[..], &["--yes"]].concat()).exits(0);
    let _ = world.plan(&["--detailed-exitcode"]).exits(0);
}

#[test]
fn ways_that_a_connections_file_has_are_named() {
    let world = World::with_example("quickstart");
    world.write("kubeconfig", "");
    world.write("connections.yaml", "environments:\n  dev: { kubeconfig: kubeconfig }\n  prod: { in-cluster: true }\n");
    let connections = world.path("connections.yaml");
    let ran = world.run_with(&["plan", "access"], &[("ROLECALL_CONNECTIONS", connections.to_str().unwrap())]).exits(1);
    assert!(
        ran.stderr.contains("(from $ROLECALL_CONNECTIONS) has dev, prod, but not alpha; no kubeconfig was found"),
        "{}",
        ran.stderr
    );
}

#[test]
fn ways_to_real_systems_beside_a_sandbox_are_refused() {
    let world = World::with_example("quickstart");
    for flag in ["--connections", "--kubeconfig", "--auth"] {
        let ran = world.plan(&[flag, "azure-cli"]).exits(64);
        assert!(ran.stderr.contains("--sandbox"), "{}", ran.stderr);
    }
}

/// Both signals, while a cluster is being read that takes the connection and says nothing.
#[cfg(unix)]
#[test]
fn an_interruption_before_anything_is_written_is_said_and_exits_with_130() {
    use std::io::Read as _;
    use std::process::{Command, Stdio};
    for (command, signal) in [("plan", "INT"), ("apply", "TERM"), ("doctor", "INT")] {
        let world = World::with_example("quickstart");
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let server = format!("https://{}", silent.local_addr().unwrap());
        world.write(
            "kubeconfig",
            format!(
                "apiVersion: v1\nkind: Config\nclusters:\n- {{name: c, cluster: {{server: '{server}'}}}}\nusers:\n- {{name: u, user: {{token: t}}}}\ncontexts:\n- {{name: alpha, context: {{cluster: c, user: u}}}}\n"
            ),
        );
        let mut child = Command::new(crate::common::program())
            .args([command, "access", "--kubeconfig", "kubeconfig"])
            .current_dir(world.path(""))
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let _connection = silent.accept().unwrap();
        let sent = Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap();
        assert!(sent.success());
        let code = child.wait().unwrap().code();
        let mut said = String::new();
        child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!((said.as_str(), code), ("Interrupted; nothing was written.\n", Some(130)), "{command}");
    }
}
