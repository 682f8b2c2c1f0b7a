//! What the README shows is what the program prints.

use crate::common::{World, repository};

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
fn the_access_files_in_the_readme_are_well_formed() {
    let world =
        World::with_files(&[("rolecall.yaml", &block("## The access files").replace("../../schema", "../schema"))]);
    let _ = world.run(&["validate", "access"]).exits(0);
}

#[test]
fn the_readme_names_every_exit_code_and_every_guard() {
    let readme = readme();
    for code in [0, 1, 2, 3, 4, 5, 64, 130] {
        assert!(readme.contains(&format!("| {code} |")), "{code}");
    }
    for guard in rolecall::plan::guards::GUARDS {
        assert!(readme.contains(&format!("| `{}` |", guard.id)), "{}", guard.id);
    }
}

#[test]
fn files_that_the_readme_links_to_are_there() {
    for link in readme().split("](").skip(1).map(|rest| rest.split(')').next().unwrap()) {
        assert!(link.starts_with("http") || repository().join(link).exists(), "{link}");
    }
}
