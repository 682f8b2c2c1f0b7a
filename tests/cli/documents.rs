//! `plan --also FORMAT=FILE`: the same plan in files, and never an old one.

use std::path::Path;

use serde_json::Value;

use crate::common::World;

const ALL: [&str; 8] = [
    "--also",
    "markdown=out/plan.md",
    "--also",
    "json=out/plan.json",
    "--also",
    "text=out/plan.txt",
    "--also",
    "id=out/plan.id",
];

fn with_old_documents() -> World {
    let world = World::with_example("quickstart");
    for file in ["out/plan.md", "out/plan.json", "out/plan.txt", "out/plan.id"] {
        world.write(file, "an old plan");
    }
    world
}

#[test]
fn one_look_makes_every_document() {
    let world = with_old_documents();
    let ran = world.plan(&ALL).exits(0);
    let requests = rolecall::sandbox::RequestLog::read(&world.path("sandbox")).unwrap().lines().len();
    let _ = world.plan(&[]).exits(0);
    let twice = rolecall::sandbox::RequestLog::read(&world.path("sandbox")).unwrap().lines().len();
    assert_eq!(twice, 2 * requests, "the files cost no request");
    assert_eq!(world.read("out/plan.txt"), ran.stdout);
    let json: Value = serde_json::from_str(&world.read("out/plan.json")).unwrap();
    assert_eq!(json["format"], "rolecall-plan/1");
    let markdown = world.read("out/plan.md");
    let id = json["id"].as_str().unwrap();
    assert!(markdown.starts_with(&format!("<!-- rolecall plan-id:{id} -->\n### ")), "{markdown}");
    assert!(markdown.contains("```diff\n@@ Entra: "), "{markdown}");
    assert_eq!((id.len(), world.read("out/plan.id")), (64, format!("{id}\n")));
    assert_eq!(json["would_apply"], "changes");
}

#[test]
fn mistakes_replace_every_old_plan() {
    let world = with_old_documents();
    world.replace("access/rolecall.yaml", "groups: [k8s_dev_users]", "groups: [k8s_dev_userz]");
    let ran = world.plan(&ALL).exits(1);
    assert_eq!(ran.stdout, "");
    let json: Value = serde_json::from_str(&world.read("out/plan.json")).unwrap();
    assert_eq!(json["findings"][0]["rule"], "unknown-group");
    for file in ["out/plan.md", "out/plan.txt"] {
        let text = world.read(file);
        assert!(text.contains("error[unknown-group]: rolecall.yaml:") && text.contains(" | "), "{file}: {text}");
    }
    assert!(world.read("out/plan.md").starts_with("<!-- rolecall plan-id:none -->\n"));
    assert_eq!(world.read("out/plan.id"), "");
}

/// A plan that nobody may apply has no id that somebody could approve.
#[test]
fn a_preview_against_a_snapshot_has_no_id() {
    let world = with_old_documents();
    let _ = world.run(&["snapshot", "live.json", "access", "--sandbox", "sandbox"]).exits(0);
    let arguments: Vec<&str> = ["plan", "access", "--snapshot", "live.json"].into_iter().chain(ALL).collect();
    let _ = world.run(&arguments).exits(0);
    assert_eq!(world.read("out/plan.id"), "");
    let markdown = world.read("out/plan.md");
    assert!(markdown.starts_with("<!-- rolecall plan-id:none -->\n### "), "{markdown}");
    assert!(markdown.contains(" · a preview; it cannot be applied · <!-- rolecall:measured -->"), "{markdown}");
    let json: Value = serde_json::from_str(&world.read("out/plan.json")).unwrap();
    assert_eq!((&json["id"], &json["would_apply"]), (&Value::Null, &"changes".into()));
}

#[test]
fn an_id_is_of_a_plan_and_in_a_file() {
    let world = World::with_example("quickstart");
    let ran = world.run(&["drift", "access", "--sandbox", "sandbox", "--also", "id=plan.id"]).exits(64);
    assert!(ran.stderr.contains("there is no id but that of a plan"), "{}", ran.stderr);
    let _ = world.plan(&["--output", "id"]).exits(64);
}

#[test]
fn a_failure_replaces_every_old_plan() {
    let world = with_old_documents();
    let arguments: Vec<&str> =
        ["plan", "access", "--base", "nobody", "--sandbox", "sandbox"].into_iter().chain(ALL).collect();
    let ran = world.run(&arguments).exits(1);
    let json: Value = serde_json::from_str(&world.read("out/plan.json")).unwrap();
    assert_eq!((&json["format"], &json["exit"]), (&"rolecall-failure/1".into(), &1.into()));
    let message = json["message"].as_str().unwrap();
    assert!(ran.stderr.contains("is not in a git repository"), "{}", ran.stderr);
    for text in [message.to_owned(), world.read("out/plan.md"), world.read("out/plan.txt")] {
        assert!(text.contains("is not in a git repository"), "{text}");
    }
    // What --save cannot do leaves no plan that nobody can apply.
    let saved = [&ALL[..], &["--save", "nowhere/x.plan"]].concat();
    let _ = world.plan(&saved).exits(1);
    assert!(world.read("out/plan.md").contains("the plan was not saved"), "{}", world.read("out/plan.md"));
    assert_eq!(world.read("out/plan.id"), "");
}

#[test]
fn what_cannot_be_written_is_said_before_anything_is_read() {
    let world = World::with_example("quickstart");
    let ran = world.plan(&["--also", "markdown=nowhere/plan.md"]).exits(1);
    assert!(ran.stderr.contains("nowhere/plan.md: it cannot be written"), "{}", ran.stderr);
    assert!(!world.path("sandbox").exists(), "nothing was looked at");
    let ran = world.plan(&["--also", "markdown=access"]).exits(1);
    assert!(ran.stderr.contains("access: it cannot be written"), "{}", ran.stderr);
}

#[test]
fn where_one_file_cannot_be_written_the_others_say_so() {
    for wrong in [
        &["--also", "json=taken"][..],
        &["--also", "json=nowhere/plan.json"],
        &["--also", "json=plan.yaml"],
        &["--also", "text=plan.md"],
        &["--save", "taken"],
        &["--annotate", "sarif=taken"],
    ] {
        let world = World::with_example("quickstart");
        world.write("plan.md", "a plan that somebody committed");
        world.write("taken/in-the-way", "");
        let good: &[&str] = &["--also", "markdown=plan.md"];
        for order in [[good, wrong], [wrong, good]] {
            let ran = world.plan(&order.concat());
            assert!(matches!(ran.code, 1 | 64), "{wrong:?}: {}", ran.all());
            let text = world.read("plan.md");
            // Of two documents for one file, the first is written.
            assert!(
                text.contains("There is no plan: it failed") || text.starts_with("error: plan.md"),
                "{wrong:?}: {text}"
            );
        }
    }
}

#[test]
fn a_program_reads_why_on_standard_output_as_in_a_file() {
    let world = World::with_example("quickstart");
    for command in ["plan", "drift"] {
        let line = [command, "access", "--sandbox", "access/inside", "--output", "json", "--also", "json=why.json"];
        let ran = world.run(&line).exits(1);
        assert_eq!(
            ran.stdout,
            world.read("why.json").replace(world.path("").to_str().unwrap().trim_end_matches('/'), "@")
        );
        let json: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!(json["format"], "rolecall-failure/1");
        let schema: Value = serde_json::from_str(&rolecall::report::json::failure_schema()).unwrap();
        assert!(jsonschema::is_valid(&schema, &json), "{json}");
    }
}

#[test]
fn nothing_is_shown_before_what_can_still_fail() {
    let world = World::with_example("quickstart");
    // No system takes a name that long, which shows only once there is something to write.
    let long = "x".repeat(300);
    for output in ["json", "markdown"] {
        let ran = world.plan(&["--output", output, "--save", &long]).exits(1);
        assert!(ran.stderr.contains("the plan was not saved"), "{}", ran.stderr);
        assert!(!ran.stdout.contains("rolecall-plan/1") && !ran.stdout.contains("```diff"), "{}", ran.stdout);
        let failed = ran.stdout.matches("rolecall-failure/1").count() + ran.stdout.matches("plan-id:none").count();
        assert_eq!(failed, 1, "{}", ran.stdout);
    }
}

#[cfg(unix)]
#[test]
fn no_link_of_a_checkout_is_written_through() {
    use std::os::unix::fs::symlink;
    let (world, elsewhere) = (World::with_example("quickstart"), World::new());
    elsewhere.write("connections.yaml", "entra: {}");
    symlink(elsewhere.path("connections.yaml"), world.path("plan.md")).unwrap();
    symlink(elsewhere.path(""), world.path("out")).unwrap();
    let here = world.path("plan.md").display().to_string();
    for line in [
        &["--also", "markdown=plan.md"][..],
        &["--also", "markdown=out/new.md"],
        &["--also", &format!("markdown={here}")],
        &["--annotate", "sarif=plan.md"],
        &["--annotate", "gitlab=out/new.md"],
        &["--save", "plan.md"],
        &["--save", "out/new.md"],
    ] {
        let ran = world.plan(line).exits(1);
        let said = ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(
            said.contains("is a symbolic link, and none is followed here; name its real place"),
            "{line:?}: {said}"
        );
    }
    for file in ["plan.md", "out/live.json"] {
        let ran = world.run(&["snapshot", file, "access", "--sandbox", "sandbox"]).exits(1);
        assert!(ran.stderr.split_whitespace().any(|word| word == "symbolic"), "{}", ran.stderr);
    }
    assert_eq!(elsewhere.read("connections.yaml"), "entra: {}");
    assert!(!elsewhere.path("new.md").exists() && !elsewhere.path("live.json").exists());
    assert!(world.path("plan.md").is_symlink());
}

#[cfg(unix)]
#[test]
fn what_is_no_file_is_neither_put_away_nor_waited_for() {
    let world = World::with_example("quickstart");
    let made = std::process::Command::new("mkfifo").arg(world.path("pipe")).status().unwrap();
    assert!(made.success());
    let ran = world.plan(&["--save", "pipe"]).exits(1);
    assert!(ran.stderr.contains("the plan was not saved: pipe: what is there is no file"), "{}", ran.stderr);
    let ran = world.run(&["snapshot", "pipe", "access", "--sandbox", "sandbox"]).exits(1);
    assert!(ran.stderr.contains("pipe: what is there is no file"), "{}", ran.stderr);
    let ran = world.run(&["apply", "pipe", "access", "--sandbox", "sandbox"]).exits(1);
    assert!(ran.stderr.contains("pipe: the saved plan cannot be read: this is no file"), "{}", ran.stderr);
    let ran = world.run(&["plan", "access", "--snapshot", "pipe"]).exits(1);
    assert!(ran.stderr.contains("pipe: the snapshot cannot be read: this is no file"), "{}", ran.stderr);
    assert!(!std::fs::metadata(world.path("pipe")).unwrap().is_file());
}

#[test]
fn what_makes_no_sense_is_a_usage_error() {
    let world = World::with_example("quickstart");
    for (also, said) in [
        (&["--also", "plan.md"][..], "FORMAT=FILE"),
        (&["--also", "html=plan.html"], "`html` is no format: say one of text, json, markdown"),
        (&["--also", "markdown="], "that is not set"),
        (&["--also", "markdown=-"], "--output"),
        (&["--also", "markdown=plan.yaml"], "would be taken for an access file"),
        (&["--also", "markdown=plan.md", "--also", "text=./plan.md"], "two different things"),
        (&["--also", "json=x.plan", "--save", "x.plan"], "two different things"),
    ] {
        let ran = world.plan(also).exits(64);
        assert!(ran.stderr.contains(said), "{also:?}: {}", ran.stderr);
    }
}

#[cfg(unix)]
#[test]
fn a_new_file_is_its_owner_s_and_an_old_one_keeps_its_mode_and_place() {
    use std::os::unix::fs::PermissionsExt as _;
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    let (world, elsewhere) = (World::with_example("quickstart"), World::new());
    elsewhere.write("real.md", "");
    std::fs::set_permissions(elsewhere.path("real.md"), std::fs::Permissions::from_mode(0o644)).unwrap();
    std::os::unix::fs::symlink(elsewhere.path("real.md"), elsewhere.path("summary.md")).unwrap();
    let summary = format!("markdown={}", elsewhere.path("summary.md").display());
    let _ = world.plan(&["--also", "markdown=new.md", "--also", &summary, "--also", "text=/dev/null"]).exits(0);
    assert_eq!(mode(&world.path("new.md")), 0o600);
    assert_eq!(mode(&elsewhere.path("real.md")), 0o644);
    assert!(elsewhere.path("summary.md").is_symlink());
    assert_eq!(elsewhere.read("real.md"), world.read("new.md"));
    assert!(!std::fs::metadata("/dev/null").unwrap().is_file());
}

#[cfg(unix)]
#[test]
fn a_run_that_is_ended_leaves_no_old_plan() {
    use std::process::{Command, Stdio};
    for signal in ["INT", "KILL"] {
        let world = with_old_documents();
        let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let server = silent.local_addr().unwrap();
        let kubeconfig = format!(
            "apiVersion: v1\nkind: Config\nclusters:\n- {{name: c, cluster: {{server: 'https://{server}'}}}}\nusers:\n- {{name: u, user: \
             {{token: t}}}}\ncontexts:\n- {{name: alpha, context: {{cluster: c, user: u}}}}\n"
        );
        world.write("kubeconfig", kubeconfig);
        let mut child = Command::new(crate::common::program())
            .args(["plan", "access", "--kubeconfig", "kubeconfig"])
            .args(ALL)
            .current_dir(world.path(""))
            .env_clear()
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .unwrap();
        let _connection = silent.accept().unwrap();
        assert!(Command::new("kill").args(["-s", signal, &child.id().to_string()]).status().unwrap().success());
        let _ = child.wait().unwrap();
        for file in ["out/plan.md", "out/plan.json", "out/plan.txt"] {
            let text = world.read(file);
            assert!(text.contains("rolecall was ended before it had made a plan"), "{signal}, {file}: {text}");
        }
    }
}
