//! Since when a line says what it says: in `why` and in the journal, from real repositories.

use serde_json::Value;

use crate::common::{Ran, World};
use crate::repository::{Versions, short};

const ROOT: &str = "version: 1
name: contoso
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f, pim: none }
appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]
environments:
  alpha: { type: k3s, labels: { stage: dev } }
groups:
  dev: { owners: [erin@contoso.com], members: [hayden@contoso.com, dana@contoso.com] }
roles:
  reader:
    rules:
      - { apiGroups: [\"\"], resources: [pods], verbs: [get, list] }
grants:
  - { groups: [dev], roles: [reader], environments: [alpha], namespaces: [trinity] }
";

/// A repository whose first commit is Erin's.
fn versions() -> (Versions, String) {
    let mut versions = Versions::of(World::with_files(&[("rolecall.yaml", ROOT)]));
    let first = versions.commit("Erin Example", "access: first");
    (versions, short(first))
}

fn why(versions: &Versions, who: &str, more: &[&str]) -> Ran {
    let question = ["why", who, "-e", "alpha", "--planned", "list", "pods", "-n", "trinity"];
    let place = ["--files", "access", "--sandbox", "sandbox"];
    // Filled anew from the files, so that it has everybody whom they name by now.
    let _ = std::fs::remove_dir_all(versions.world.path("sandbox"));
    versions.world.run(&[&question[..], &place, more].concat()).exits(0)
}

/// Since when each of the three lines stands: the membership, the grant and the rule.
fn added(versions: &Versions, who: &str) -> [String; 3] {
    let answer: Value = serde_json::from_str(&why(versions, who, &["--output", "json"]).stdout).unwrap();
    let way = &answer["environments"][0]["entries"][0]["ways"][0];
    [&way["memberships"][0], &way["binding"], &way["role"]].map(|place| {
        let added = &place["added"];
        match added["commit"]["id"].as_str() {
            Some(id) => format!("{} {}", added["known"].as_str().unwrap(), &id[..7]),
            None => added["known"].as_str().unwrap_or("null").to_owned(),
        }
    })
}

fn thrice(text: &str) -> [String; 3] {
    [text, text, text].map(str::to_owned)
}

#[test]
fn a_line_that_was_touched_is_as_old_as_what_it_says() {
    let (mut versions, first) = versions();
    let by_first = format!("commit {first}");
    assert_eq!(added(&versions, "dana@contoso.com"), thrice(&by_first));
    // A neighbour comes in the same flow list.
    let neighbour =
        versions.change("dana@contoso.com]", "dana@contoso.com, sam@contoso.com]", "Sam Smith", "dev: sam (#7)");
    assert_eq!(added(&versions, "dana@contoso.com"), thrice(&by_first));
    assert_eq!(added(&versions, "sam@contoso.com")[0], format!("commit {}", short(neighbour)));
    // The list becomes a block of lines, and the group moves below the grants and to another file.
    let block = "groups:\n  dev: { owners: [erin@contoso.com], members: [hayden@contoso.com, dana@contoso.com, sam@contoso.com] }\n";
    let lines = "groups:\n    dev:\n        owners: [erin@contoso.com]\n        members:\n        - hayden@contoso.com\n        \
                 - DANA@contoso.com\n        - sam@contoso.com\n";
    versions.world.replace("access/rolecall.yaml", block, "");
    versions.world.write("access/teams/dev.yaml", lines);
    versions.commit("Joan Jones", "access: dev has a file of its own");
    assert_eq!(added(&versions, "dana@contoso.com"), thrice(&by_first));
    // Whoever was taken out and comes back is there since they came back.
    versions.world.replace("access/teams/dev.yaml", "        - DANA@contoso.com\n", "");
    versions.commit("Joan Jones", "dev: dana leaves");
    versions.world.replace("access/teams/dev.yaml", "- sam@", "- dana@contoso.com\n        - sam@");
    let back = versions.commit("Joan Jones", "dev: dana is back");
    assert_eq!(added(&versions, "dana@contoso.com")[0], format!("commit {}", short(back)));
    // The rule is another one; the grant is wider, and still says what it said.
    versions.world.replace("access/rolecall.yaml", "verbs: [get, list]", "verbs: [list, get, watch]");
    versions.world.replace("access/rolecall.yaml", "namespaces: [trinity]", "namespaces: [other, trinity]");
    let wider = versions.commit("Joan Jones", "reader: watches");
    assert_eq!(added(&versions, "sam@contoso.com")[1..], [by_first, format!("commit {}", short(wider))]);
}

#[test]
fn a_group_that_is_renamed_is_the_same_one() {
    let (mut versions, first) = versions();
    versions.world.replace("access/rolecall.yaml", "  dev: { owners", "  developers: { previously: [dev], owners");
    versions.world.replace("access/rolecall.yaml", "groups: [dev]", "groups: [developers]");
    versions.commit("Joan Jones", "dev is called developers");
    let by_first = format!("commit {first}");
    assert_eq!(added(&versions, "dana@contoso.com"), thrice(&by_first));
}

#[test]
fn the_pull_request_is_that_of_the_merge() {
    let (mut versions, _) = versions();
    versions.branch("change");
    let inside =
        versions.change("dana@contoso.com]", "dana@contoso.com, sam@contoso.com]", "Sam (#99)", "dev: sam (#98)");
    versions.merge("change", "Hub Bot", "Merge pull request #12 from contoso/change\n\ndev: sam");
    versions.change("namespaces: [trinity]", "namespaces: [trinity, other]", "Joan Jones", "dev: other (#13)");
    let answer: Value = serde_json::from_str(&why(&versions, "sam@contoso.com", &["--output", "json"]).stdout).unwrap();
    let added = &answer["environments"][0]["entries"][0]["ways"][0]["memberships"][0]["added"];
    assert_eq!(added["commit"]["pull_request"], "#12");
    assert_eq!(added["commit"]["id"], inside.to_string());
    assert_eq!(added["commit"]["author"], "Sam (#99)");
    let text = why(&versions, "sam@contoso.com", &[]).stdout;
    let line = format!("added 2026-03-03 by \"Sam (#99)\" in {} (#12)", short(inside));
    assert!(text.contains(&line), "{text}");
}

#[test]
fn the_screen_names_commit_author_and_pull_request_below_each_line() {
    let (mut versions, first) = versions();
    let second =
        versions.change("dana@contoso.com]", "dana@contoso.com, sam@contoso.com]", "Sam O'Neill", "dev: sam (#7)");
    versions.world.replace("access/rolecall.yaml", "resources: [pods]", "resources: [pods, services]");
    let text = why(&versions, "sam@contoso.com", &[]).stdout;
    let text = text.replace(&first, "FIRST").replace(&short(second), "SECOND");
    insta::with_settings!({ filters => [(r"\([0-9a-f]{4}…\)", "(ID…)"), (r"-[0-9a-f]{10}\b", "-HASH")] }, {
        insta::assert_snapshot!(text);
    });
}

#[test]
fn what_is_not_committed_says_so_and_a_shallow_clone_where_it_ends() {
    let (mut versions, _) = versions();
    let second = versions.change("dana@contoso.com]", "dana@contoso.com, sam@contoso.com]", "Sam Smith", "dev: sam");
    versions.world.replace("access/rolecall.yaml", "sam@contoso.com]", "sam@contoso.com, joan@contoso.com]");
    assert_eq!(added(&versions, "joan@contoso.com")[0], "uncommitted");
    assert!(why(&versions, "joan@contoso.com", &[]).stdout.contains("not committed yet"));
    versions.shallow_at(second);
    let ends = format!("shallow {}", short(second));
    assert_eq!(added(&versions, "sam@contoso.com"), thrice(&ends));
    assert_eq!(added(&versions, "joan@contoso.com")[0], "uncommitted");
    let text = why(&versions, "sam@contoso.com", &[]).stdout;
    let line = format!("added at or before {} (2026-03-03), where this shallow clone ends", short(second));
    assert!(text.contains(&line), "{text}");
}

#[test]
fn without_a_repository_one_note_says_it() {
    let world = World::with_files(&[("rolecall.yaml", ROOT)]);
    let question = ["why", "dana@contoso.com", "-e", "alpha", "--planned", "list", "pods", "-n", "trinity"];
    let ran = world.run(&[&question[..], &["--files", "access", "--sandbox", "sandbox"]].concat()).exits(0);
    assert!(!ran.stdout.contains("added"), "{}", ran.stdout);
    assert_eq!(ran.stderr.matches("who added these lines is not known").count(), 1, "{}", ran.stderr);
}

#[test]
fn the_journal_names_who_asked_for_each_change() {
    let (mut versions, first) = versions();
    let second =
        versions.change("dana@contoso.com]", "dana@contoso.com, sam@contoso.com]", "Sam Smith", "dev: sam (#7)");
    let apply = ["apply", "access", "--sandbox", "sandbox", "--yes", "--journal", "journal.jsonl"];
    let _ = versions.world.run(&apply).exits(0);
    let journal = versions.world.read("journal.jsonl");
    let begun: Vec<Value> = journal.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let of = |end: &str| {
        let line =
            begun.iter().find(|line| line["phase"] == "begin" && line["address"].as_str().unwrap().ends_with(end));
        let line = line.unwrap_or_else(|| panic!("{end} is in {journal}"));
        let added = &line["added"];
        let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
        format!(
            "{} {} {} {}",
            text(&line["origin"]),
            &text(&added["commit"])[..7],
            text(&added["author"]),
            text(&added["pull_request"])
        )
    };
    assert_eq!(of("member/sam@contoso.com"), format!("rolecall.yaml:8 {} Sam Smith #7", short(second)));
    assert_eq!(of("member/dana@contoso.com"), format!("rolecall.yaml:8 {first} Erin Example -"));
    assert_eq!(of("owner/erin@contoso.com"), format!("rolecall.yaml:8 {first} Erin Example -"));
    assert_eq!(of("group/dev"), format!("rolecall.yaml:8 {first} Erin Example -"));
    let binding = begun.iter().find(|line| line["address"].as_str().is_some_and(|a| a.contains("rolebinding")));
    assert_eq!(binding.unwrap()["added"]["known"], "commit");
}
