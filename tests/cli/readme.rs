//! What the README shows is what the program prints.

use std::path::PathBuf;

use crate::common::{World, repository};
use crate::folder::copy;

fn readme() -> String {
    std::fs::read_to_string(repository().join("README.md")).unwrap()
}

/// The fenced block behind a heading.
fn block(heading: &str) -> String {
    let text = readme();
    let behind = text.split(heading).nth(1).expect("the heading is there");
    behind.split("```").nth(1).expect("a block follows").split_once('\n').unwrap().1.to_owned()
}

#[test]
fn the_plan_in_the_readme_is_the_quickstart_s() {
    let world = World::with_example("quickstart");
    let ran = world.plan(&[]).exits(0);
    let without_time = |text: &str| text.rsplit_once(", ").unwrap().0.trim().to_owned();
    let shown = block("## A plan");
    let (command, screen) = shown.split_once('\n').unwrap();
    assert_eq!(command, "$ rolecall plan examples/quickstart --sandbox /tmp/try");
    assert_eq!(without_time(&ran.stdout), without_time(screen));
}

#[test]
fn what_verify_says_in_the_readme_is_what_it_says() {
    let readme = readme();
    let part = readme.split("\n## Expectations\n").nth(1).expect("the part is there").split("\n## ").next().unwrap();
    let blocks: Vec<&str> = part.split("```").skip(1).step_by(2).collect();
    let [yaml, holds, gone] = blocks.as_slice() else { panic!("{blocks:?}") };
    let world = World::with_example("quickstart");
    let text = world.read("access/rolecall.yaml");
    let shown = yaml.split_once('\n').unwrap().1.trim_end();
    let kept =
        text.split_once("expectations: # tests, in the words of `kubectl auth can-i`; they grant nothing").unwrap().1;
    assert_eq!(shown.strip_prefix("expectations:"), Some(kept.trim_end()));
    for (shown, screen) in [(holds, "verify-holds"), (gone, "verify-binding-gone")] {
        let snapshot = repository().join(format!("tests/cli/snapshots/{screen}.snap"));
        let snapshot = std::fs::read_to_string(snapshot).unwrap();
        let lines = shown.lines().filter(|line| !line.starts_with('$') && !line.contains(" cluster calls"));
        for line in lines {
            assert!(snapshot.contains(line), "{screen}: {line}");
        }
    }
}

/// A text without the short ids of what Entra made up.
fn without_ids(text: &str) -> String {
    text.split(" (").map(|piece| piece.split_once("…)").map_or(piece, |(_, rest)| rest)).collect()
}

/// Word for word, from the root of the project.
#[test]
fn the_answers_in_the_readme_are_those_of_the_quickstart() {
    let world = World::new();
    copy(&repository().join("examples/quickstart"), &world.path("examples/quickstart"));
    let shown = block("## Who may do what, and why");
    for screen in shown.split("$ rolecall ").skip(1) {
        let (command, screen) = screen.split_once('\n').unwrap();
        let sandbox = world.path("try");
        let words: Vec<&str> =
            command.split(' ').map(|word| if word == "/tmp/try" { sandbox.to_str().unwrap() } else { word }).collect();
        let ran = world.run(&words).exits(0);
        if !screen.trim().is_empty() {
            assert_eq!(without_ids(ran.stdout.trim()), without_ids(screen.trim()), "{command}");
        }
    }
}

#[test]
fn the_access_files_in_the_readme_are_well_formed() {
    let world =
        World::with_files(&[("rolecall.yaml", &block("## The access files").replace("../../schema", "../schema"))]);
    let _ = world.run(&["validate", "access"]).exits(0);
}

#[test]
fn the_undelegated_grant_in_the_readme_is_what_validate_says() {
    let world = World::with_example("teams");
    copy(&repository().join("tests/cli/violations"), &world.path("access"));
    let said = world.run(&["validate", "access"]).exits(1).stderr;
    let readme = readme();
    let shown = readme.split("with the line of the delegation beside it:").nth(1).unwrap().split("```").nth(1).unwrap();
    assert!(said.contains(shown.trim()), "{shown}");
}

#[test]
fn the_readme_names_every_exit_code_and_every_guard() {
    let readme = readme();
    for code in [0, 1, 2, 3, 4, 5, 6, 7, 64, 130] {
        assert!(readme.contains(&format!("| {code} |")), "{code}");
    }
    for guard in rolecall::plan::guards::GUARDS {
        assert!(readme.contains(&format!("| `{}` |", guard.id)), "{}", guard.id);
    }
}

/// Every Markdown page of the project: its path and its text.
fn pages() -> Vec<(PathBuf, String)> {
    let mut folders = vec![repository().join("docs"), repository().join(".github")];
    let mut paths: Vec<PathBuf> = ["README.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md"]
        .iter()
        .map(|name| repository().join(name))
        .collect();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "md") {
                paths.push(path);
            }
        }
    }
    paths.into_iter().map(|path| (path.clone(), std::fs::read_to_string(path).unwrap())).collect()
}

#[test]
fn files_that_pages_link_to_are_there() {
    for (page, text) in pages() {
        // What stands between backticks is code.
        let prose: String = text.split('`').step_by(2).collect();
        for link in prose.split("](").skip(1).map(|rest| rest.split([')', '#']).next().unwrap()) {
            let is_there = page.parent().unwrap().join(link).exists();
            assert!(link.starts_with("http") || is_there, "{} links to {link}", page.display());
        }
    }
}

/// A file that a page tells people to read or to edit goes out of date first.
#[test]
fn files_that_contributors_are_sent_to_are_there() {
    for (page, text) in pages().into_iter().filter(|(page, _)| page.to_string_lossy().contains("contributing")) {
        for file in text.split('`').filter(|code| ["src/", "tests/", "docs/"].iter().any(|root| code.starts_with(root)))
        {
            let is_pattern = file.contains(['<', '*', ' ']);
            assert!(is_pattern || repository().join(file).exists(), "{} names {file}", page.display());
        }
    }
}
