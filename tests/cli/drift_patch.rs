//! The patch that accepts drift: what it does to whoever prints it, and where it can be applied.

use serde_json::json;

use crate::common::World;
use crate::drift::{Hands, ROOT, drift, git};

/// Systems that read their logs for commands, by what they set.
const CI: [(&str, &str); 4] = [("GITHUB_ACTIONS", "true"), ("GITLAB_CI", "true"), ("TF_BUILD", "True"), ("CI", "1")];

fn patch_in(world: &World, environment: (&str, &str), more: &[&str]) -> crate::common::Ran {
    world.run_with(&[&["drift", "access", "--sandbox", "sandbox"], more].concat(), &[environment])
}

/// What an apply made, with another description of `dev`.
async fn described(files: &str, words: &str) -> World {
    let world = World::with_files(&[("rolecall.yaml", files)]);
    git(&world.path(""), &["init", "-q"], "");
    let _ = world.apply(&["--yes"]).exits(0);
    let hands = Hands::on(&world).await;
    let dev = hands.group("dev").await;
    hands.graph("PATCH", &format!("groups/{dev}"), Some(json!({ "description": words }))).await;
    world
}

/// Whether a log's reader would take a piece of this for a command.
fn acts(text: &str) -> bool {
    let begins = |line: &str| line.trim_start_matches(['+', '-', ' ']).starts_with("::");
    text.contains("##[") || text.to_ascii_lowercase().contains("##vso[") || text.lines().any(begins)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_name_from_entra_is_no_command_in_the_log_and_reads_back_the_same() {
    let words = "::set-output name=a::b ::add-mask::c \"d\" ##VSO[task.setvariable variable=x]y ###[error]z \\x23";
    let world = described(ROOT, words).await;
    for environment in CI {
        let ran = patch_in(&world, environment, &["--as-patch"]).exits(2);
        assert!(ran.stdout.contains("+    description: \"") && !acts(&ran.all()), "{}", ran.all());
    }
    let ran = drift(&world, &["--as-patch"]).exits(2);
    git(&world.path(""), &["apply", "--allow-empty"], &ran.stdout);
    let ran = drift(&world, &[]).exits(0);
    assert!(ran.stdout.starts_with("No drift."), "{}", ran.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_line_of_the_files_that_is_a_command_is_kept_out_of_the_log_and_comes_in_a_file() {
    for (from, to, line) in [
        ("    description: Developers", "    # ##vso[task.x]y\n    description: Developers", 10),
        (
            "  dev:\n",
            "  all:\n    members: []\n    description: |-\n      Everybody\n      ::add-mask::y\n  dev:\n",
            13,
        ),
    ] {
        let world = described(&ROOT.replace(from, to), "Developers").await;
        let ran = drift(&world, &["--as-patch"]).exits(2);
        assert!(acts(&ran.stdout), "nobody reads it here: {}", ran.stdout);
        for environment in CI {
            let ran = patch_in(&world, environment, &["--as-patch"]).exits(1);
            assert_eq!(ran.stdout, "");
            let told = ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
            for said in [&format!("rolecall.yaml:{line} would be taken for a command"), "--also patch=drift.patch"] {
                assert!(told.contains(said), "{told}");
            }
        }
        let ran = patch_in(&world, CI[0], &["--also", "patch=drift.patch"]).exits(2);
        assert!(!acts(&ran.all()) && acts(&world.read("drift.patch")), "{}", ran.all());
        git(&world.path(""), &["apply", "--allow-empty", "drift.patch"], "");
        let _ = patch_in(&world, CI[0], &["--also", "patch=drift.patch"]).exits(0);
        assert_eq!(world.read("drift.patch"), "");
        git(&world.path(""), &["apply", "--allow-empty", "drift.patch"], "");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn git_takes_it_at_the_top_and_in_every_folder_down_to_the_files() {
    let world = described(ROOT, "Others").await;
    world.write("docs/a.md", "");
    crate::folder::copy(&world.path("access"), &world.path("below/access"));
    for folder in ["", "below", "below/access"] {
        let up = std::path::Path::new(folder).components().map(|_| "../").collect::<String>();
        let (files, sandbox) = (format!("{up}below/access"), format!("{up}sandbox"));
        world.write("below/access/rolecall.yaml", ROOT);
        let run = |more: &[&str]| {
            world.run_in(folder, &[&["drift", &files, "--sandbox", &sandbox, "--as-patch"], more].concat())
        };
        let ran = run(&[]).exits(2);
        assert_eq!(ran.stderr, "", "{folder}");
        git(&world.path(folder), &["apply", "--allow-empty"], &ran.stdout);
        assert!(world.read("below/access/rolecall.yaml").contains("    description: Others\n"), "{folder}");
        let ran = run(&[]).exits(0);
        assert_eq!((ran.stdout.as_str(), ran.stderr.as_str()), ("", "No drift: there is nothing to accept.\n"));
        git(&world.path(folder), &["apply", "--allow-empty"], &ran.stdout);
    }
    // Elsewhere git would pass over it without a word.
    world.write("below/access/rolecall.yaml", ROOT);
    let more = ["drift", "../below/access", "--sandbox", "../sandbox", "--as-patch"];
    let ran = world.run_in("docs", &more).exits(2);
    let told = ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(
        told,
        "The paths in the patch are from the top of the repository: apply it there, with `git -C @ apply --allow-empty`."
    );
    git(&world.path("docs"), &["apply", "--allow-empty"], &ran.stdout);
    assert_eq!(world.read("below/access/rolecall.yaml"), ROOT);
    git(&world.path(""), &["apply", "--allow-empty"], &ran.stdout);
    assert_ne!(world.read("below/access/rolecall.yaml"), ROOT);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_repository_it_is_applied_in_the_folder_of_the_files() {
    let world = described(ROOT, "Others").await;
    std::fs::remove_dir_all(world.path(".git")).unwrap();
    let ran = drift(&world, &["--as-patch"]).exits(2);
    let told = ran.stderr.split_whitespace().collect::<Vec<_>>().join(" ");
    assert_eq!(
        told,
        "The paths in the patch are from the folder of the access files: apply it there, with `git -C @/access apply \
         --allow-empty`."
    );
    git(&world.path("access"), &["apply", "--allow-empty"], &ran.stdout);
    let _ = drift(&world, &[]).exits(0);
}

#[test]
fn a_patch_is_asked_of_drift_alone() {
    let world = World::with_files(&[("rolecall.yaml", ROOT)]);
    let ran = world.plan(&["--also", "patch=a.patch"]).exits(64);
    assert!(ran.stderr.contains("say it to `rolecall drift`") && !world.path("a.patch").exists(), "{}", ran.stderr);
    world.write("a.patch", "an old one");
    let _ = drift(&world, &["--also", "patch=a.patch", "--only", "nowhere"]).exits(64);
    assert_eq!(world.read("a.patch"), "", "where nothing comes out, nothing old is left");
}
