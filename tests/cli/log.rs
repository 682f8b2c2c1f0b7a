//! `rolecall log`: the history of somebody's access, from real repositories.

use serde_json::Value;

use crate::common::{Ran, World};
use crate::repository::{Versions, short};

const ROOT: &str = "version: 1
name: contoso
tenant: { id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f, pim: none }
appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]
environments:
  alpha: { type: k3s, labels: { stage: dev } }
  prod: { type: k3s, labels: { stage: prod } }
groups:
  payments-dev: { owners: [erin@contoso.com], members: [dana@contoso.com] }
  sre: { owners: [erin@contoso.com], members: [erin@contoso.com, { group: payments-dev }] }
roles:
  read-only: { cluster-role: view }
  full: { cluster-role: edit }
grants:
  - { groups: [payments-dev], roles: [read-only], environments: [alpha], namespaces: [payments] }
  - { groups: [sre], roles: [full], environments: { stage: prod }, cluster-wide: true }
";

fn versions() -> Versions {
    let mut versions = Versions::of(World::with_files(&[("rolecall.yaml", ROOT)]));
    versions.commit("Erin Example", "access: first");
    versions
}

fn log(versions: &Versions, arguments: &[&str]) -> Ran {
    versions.world.run(&[&["log"], arguments, &["access"]].concat())
}

fn json(versions: &Versions, name: &str, more: &[&str]) -> Value {
    let ran = log(versions, &[&[name, "--output", "json"], more].concat()).exits(0);
    serde_json::from_str(&ran.stdout).unwrap()
}

/// The screen, with the ids of the commits by their order.
fn screen(versions: &Versions, arguments: &[&str]) -> String {
    let ran = log(versions, arguments).exits(0);
    let mut text = ran.all();
    let mut walk = versions.repository.revwalk().unwrap();
    walk.push_head().unwrap();
    walk.set_sorting(git2::Sort::TOPOLOGICAL | git2::Sort::REVERSE).unwrap();
    for (at, id) in walk.enumerate() {
        text = text.replace(&short(id.unwrap()), &format!("COMMIT{at}"));
    }
    text
}

/// The titles of the steps, newest first.
fn titles(history: &Value) -> Vec<String> {
    let steps = history["steps"].as_array().unwrap().iter();
    steps.map(|step| step["title"].as_str().unwrap_or("-").to_owned()).collect()
}

/// A year in the life of a few people.
fn year() -> Versions {
    let mut versions = versions();
    versions.branch("change");
    versions.change(
        "[dana@contoso.com]",
        "[dana@contoso.com, Hayden@contoso.com]",
        "Hayden Hill",
        "payments: hayden (#98)",
    );
    versions.change("[payments]", "[payments, billing]", "Dana D", "payments: billing too");
    versions.merge("change", "Hub Bot", "Merge pull request #12 from contoso/change\n\npayments: hayden joins");
    versions.change(
        "roles:\n",
        "expectations:\n  - { user: hayden@contoso.com, environments: [prod], cannot: [list nodes] }\nroles:\n",
        "Erin Example",
        "expect that hayden cannot list nodes (#14)",
    );
    // A mistake, which the next commit mends; between the two hayden comes to own something.
    versions.world.replace(
        "access/rolecall.yaml",
        "sre: { owners: [erin@",
        "sre: { owners: [hayden@contoso.com, erin@",
    );
    versions.change("roles: [full]", "roles: [fulll]", "Joan Jones", "sre: hayden owns it, and a slip");
    versions.change("roles: [fulll]", "roles: [full]", "Joan Jones", "mend the slip");
    versions.world.replace(
        "access/rolecall.yaml",
        "  payments-dev: { owners",
        "  pay-dev: { previously: [payments-dev], owners",
    );
    versions.world.replace("access/rolecall.yaml", "{ group: payments-dev }", "{ group: pay-dev }");
    versions.change("groups: [payments-dev]", "groups: [pay-dev]", "Joan Jones", "payments-dev is called pay-dev");
    versions.change(", { group: pay-dev }", "", "Erin Example", "sre: developers leave (!77)");
    versions.world.write("elsewhere.txt", "no access file");
    versions.commit("Erin Example", "nothing of ours");
    versions.change("cluster-role: view", "cluster-role: reader", "Erin Example", "read-only is another role");
    versions
}

#[test]
fn the_history_of_a_person_says_what_each_commit_meant() {
    let versions = year();
    insta::assert_snapshot!("log-person", screen(&versions, &["HAYDEN@contoso.com"]));
}

#[test]
fn the_history_of_a_group_follows_its_keys() {
    let versions = year();
    insta::assert_snapshot!("log-group", screen(&versions, &["pay-dev"]));
    let by_old = json(&versions, "payments-dev", &[]);
    assert_eq!(by_old["notes"][0], "The group payments-dev is called pay-dev now.");
    assert_eq!(titles(&by_old), titles(&json(&versions, "pay-dev", &[])));
    assert_eq!(titles(&by_old).last().unwrap(), "access: first");
}

#[test]
fn a_merge_is_one_step_and_names_who_wrote_it() {
    let versions = year();
    let history = json(&versions, "hayden@contoso.com", &[]);
    let step = history["steps"].as_array().unwrap().last().unwrap();
    assert_eq!(step["commit"]["pull_request"], "#12");
    assert_eq!(step["merged_authors"], serde_json::json!(["Dana D", "Hayden Hill"]));
    let came: Vec<&str> = step["came"].as_array().unwrap().iter().map(|came| came["kind"].as_str().unwrap()).collect();
    assert_eq!(came, ["listed", "nested", "grant", "grant", "grant"]);
}

#[test]
fn a_broken_commit_is_told_with_the_next_that_is_not() {
    let versions = year();
    let history = json(&versions, "hayden@contoso.com", &[]);
    let step = history["steps"].as_array().unwrap().iter().find(|step| step["title"] == "mend the slip").unwrap();
    assert_eq!(step["came"], serde_json::json!([{ "kind": "listed", "list": "owners", "group": "sre" }]));
    assert!(step["skipped"][0]["why"].as_str().unwrap().contains("fulll"), "{step}");
    assert!(!titles(&history).iter().any(|title| title.contains("a slip")));
}

#[test]
fn a_commit_that_breaks_something_else_is_told_with_the_one_that_mends_it() {
    let mut versions = versions();
    versions.world.replace("access/rolecall.yaml", "[dana@contoso.com]", "[dana@contoso.com, sam@contoso.com]");
    let slip = "groups: [sre], roles: [full]";
    versions.change(slip, "groups: [sre, nobody], roles: [full]", "Joan Jones", "sam joins, and a slip");
    versions.change("groups: [sre, nobody], roles: [full]", slip, "Joan Jones", "mend the slip");
    let history = json(&versions, "sam@contoso.com", &[]);
    assert_eq!(titles(&history), ["mend the slip"]);
    let skipped = &history["steps"][0]["skipped"];
    assert!(skipped[0]["why"].as_str().unwrap().contains("`nobody` is not a group"), "{skipped}");
    assert_eq!(history["commits"], 3);
    // Nothing has mended the newest one: what it does is left out, and said to be.
    versions.world.replace("access/rolecall.yaml", ", sam@contoso.com", "");
    versions.change(slip, "groups: [sre, nobody], roles: [full]", "Joan Jones", "sam leaves, and a slip");
    let history = json(&versions, "sam@contoso.com", &[]);
    assert_eq!(titles(&history), ["mend the slip"]);
    assert!(history["notes"][0].as_str().unwrap().contains("do not hang together"), "{}", history["notes"]);
}

#[test]
fn what_an_earlier_version_did_not_ask_for_breaks_no_commit() {
    let mut versions = Versions::of(World::with_files(&[("rolecall.yaml", ROOT)]));
    versions.world.replace("access/rolecall.yaml", "appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]\n", "");
    versions.commit("Erin Example", "access: first");
    versions.change(
        "environments:\n",
        "appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]\nenvironments:\n",
        "Erin Example",
        "appliers",
    );
    let history = json(&versions, "dana@contoso.com", &[]);
    assert_eq!(
        (titles(&history), &history["steps"][0]["skipped"]),
        (vec!["access: first".to_owned()], &serde_json::json!([]))
    );
}

#[test]
fn since_and_limit_take_the_newest() {
    let versions = year();
    let all = titles(&json(&versions, "hayden@contoso.com", &[]));
    let two = json(&versions, "hayden@contoso.com", &["--limit", "2"]);
    assert_eq!((titles(&two), &two["has_more"]), (all[..2].to_vec(), &Value::Bool(true)));
    let every = json(&versions, "hayden@contoso.com", &["--limit", &all.len().to_string()]);
    assert_eq!((titles(&every), &every["has_more"]), (all.clone(), &Value::Bool(false)));
    let newest = json(&versions, "hayden@contoso.com", &["--since", "2026-03-10"]);
    assert_eq!(titles(&newest), all[..2]);
    let none = log(&versions, &["hayden@contoso.com", "--since", "2030-01-01"]).exits(0);
    assert!(none.stdout.starts_with("Nothing changed for hayden@contoso.com"), "{}", none.stdout);
    let _ = log(&versions, &["hayden@contoso.com", "--since", "yesterday"]).exits(64);
    let _ = log(&versions, &["hayden@contoso.com", "--limit", "0"]).exits(64);
}

#[test]
fn what_is_not_committed_comes_first() {
    let versions = versions();
    versions.world.replace("access/rolecall.yaml", "[dana@contoso.com]", "[dana@contoso.com, sam@contoso.com]");
    let text = log(&versions, &["sam@contoso.com"]).exits(0).stdout;
    assert!(text.starts_with("not committed yet\n  + member of payments-dev\n"), "{text}");
    versions.world.replace("access/rolecall.yaml", "roles: [full]", "roles: [fulll]");
    let ran = log(&versions, &["dana@contoso.com"]).exits(0);
    assert!(ran.stderr.contains("do not hang together: what they change"), "{}", ran.stderr);
    assert!(!ran.stdout.contains("not committed yet"), "{}", ran.stdout);
}

#[test]
fn a_group_that_is_gone_still_has_its_history() {
    let mut versions = versions();
    versions.world.replace("access/rolecall.yaml", ", { group: payments-dev }", "");
    versions.world.replace(
        "access/rolecall.yaml",
        "  - { groups: [payments-dev], roles: [read-only], environments: [alpha], namespaces: [payments] }\n",
        "",
    );
    versions.change(
        "  payments-dev: { owners: [erin@contoso.com], members: [dana@contoso.com] }\n",
        "",
        "Joan Jones",
        "payments-dev goes",
    );
    let text = log(&versions, &["payments-dev"]).exits(0).stdout;
    assert!(text.contains("  - group payments-dev\n") && text.contains("  + group payments-dev\n"), "{text}");
    assert!(text.contains("- role read-only on alpha/payments"), "{text}");
}

#[test]
fn a_folder_that_moves_takes_its_history_along() {
    let mut versions = versions();
    std::fs::create_dir(versions.world.path("more")).unwrap();
    std::fs::rename(versions.world.path("access"), versions.world.path("more/access")).unwrap();
    versions.commit("Joan Jones", "access moves");
    let ran = versions.world.run(&["log", "dana@contoso.com", "more/access", "--output", "json"]).exits(0);
    assert_eq!(titles(&serde_json::from_str(&ran.stdout).unwrap()), ["access: first"]);
}

#[test]
fn a_shallow_clone_says_what_came_at_its_end_or_before() {
    let mut versions = versions();
    let second = versions.change("[dana@", "[sam@contoso.com, dana@", "Joan Jones", "payments: sam");
    versions.change("[sam@contoso.com, dana@", "[dana@", "Joan Jones", "payments: sam leaves");
    versions.shallow_at(second);
    let history = json(&versions, "sam@contoso.com", &[]);
    let kinds: Vec<&str> =
        history["steps"].as_array().unwrap().iter().map(|step| step["kind"].as_str().unwrap()).collect();
    assert_eq!(kinds, ["commit", "shallow"]);
    let text = log(&versions, &["sam@contoso.com"]).exits(0).stdout;
    assert!(text.contains("or before: this shallow clone ends here\n  = member of payments-dev\n"), "{text}");
}

#[test]
fn a_detached_head_is_fine() {
    let mut versions = versions();
    let second = versions.change("[dana@", "[sam@contoso.com, dana@", "Joan Jones", "payments: sam");
    versions.repository.set_head_detached(second).unwrap();
    assert_eq!(titles(&json(&versions, "sam@contoso.com", &[])), ["payments: sam"]);
}

#[test]
fn who_was_never_there_is_told_the_nearest_name() {
    let mut versions = versions();
    versions.change("[dana@contoso.com]", "[sam@contoso.com]", "Joan Jones", "dana leaves");
    let ran = log(&versions, &["dane@contoso.com"]).exits(64);
    insta::assert_snapshot!(ran.stderr, @"
    error: nobody is called `dane@contoso.com` in the access files of any of 2 commits
      help: did you mean `dana@contoso.com`?
    ");
    let ran = log(&versions, &["payment-dev"]).exits(64);
    assert!(ran.stderr.contains("did you mean `payments-dev`?"), "{}", ran.stderr);
    let ran = log(&versions, &["Not A Name"]).exits(64);
    assert!(ran.stderr.contains("names nobody"), "{}", ran.stderr);
}

#[test]
fn without_a_repository_or_a_commit_there_is_no_history() {
    let world = World::with_files(&[("rolecall.yaml", ROOT)]);
    let ran = world.run(&["log", "dana@contoso.com", "access"]).exits(1);
    insta::assert_snapshot!(ran.stderr, @"
    error: the access files lie in no git repository
      help: name a folder that lies in a git repository; history is read from there alone
    ");
    let versions = Versions::of(world);
    let ran = log(&versions, &["dana@contoso.com"]).exits(1);
    assert!(ran.stderr.contains("has no commit yet"), "{}", ran.stderr);
    versions.world.write("more/notes.yaml", "a: b\n");
    std::fs::rename(versions.world.path("access"), versions.world.path("kept")).unwrap();
    let mut versions = versions;
    versions.commit("Erin Example", "something else");
    std::fs::rename(versions.world.path("kept"), versions.world.path("access")).unwrap();
    let ran = log(&versions, &["dana@contoso.com"]).exits(1);
    assert!(ran.stderr.contains("no commit has access files in access/"), "{}", ran.stderr);
}

#[test]
fn a_path_in_place_of_a_person_and_a_folder_that_is_not_there_are_said() {
    let versions = versions();
    let ran = versions.world.run(&["log", "access"]).exits(64);
    assert!(
        ran.stderr.contains("`access` is a path") && ran.stderr.contains("rolecall log PERSON access"),
        "{}",
        ran.stderr
    );
    let ran = versions.world.run(&["log", "dana@contoso.com", "acess"]).exits(1);
    assert!(ran.stderr.contains("acess: cannot be read: it does not exist"), "{}", ran.stderr);
}

#[test]
fn a_time_after_all_commits_has_no_steps_and_counts_no_commits() {
    let versions = versions();
    let ran = log(&versions, &["dana@contoso.com", "--since", "2126-01-01"]).exits(0);
    assert_eq!(ran.stdout.trim(), "Nothing changed for dana@contoso.com since 2126-01-01T00:00:00Z.");
}

#[test]
fn what_is_excluded_is_no_part_of_the_commit_either() {
    let mut versions = versions();
    versions.world.replace("access/rolecall.yaml", "name: contoso\n", "name: contoso\nexclude: [charts]\n");
    versions.world.write("access/charts/values.yaml", "not: ours\n");
    versions.commit("Erin Example", "charts");
    // Files that do not hang together are said to be other than those of the commit, if they are.
    versions.change("roles: [full]", "roles: [fulll]", "Joan Jones", "a slip");
    assert!(
        !log(&versions, &["dana@contoso.com"]).exits(0).all().contains("in the folder are not those of the commit")
    );
    versions.world.replace("access/rolecall.yaml", "roles: [fulll]", "roles: [fullll]");
    assert!(log(&versions, &["dana@contoso.com"]).exits(0).all().contains("in the folder are not those of the commit"));
}

#[test]
fn a_role_that_comes_to_another_is_a_step() {
    let mut versions = versions();
    let more = "roles:\n  more: { rules: [{ apiGroups: [x], resources: [y], verbs: [get] }] }\n";
    versions.change("roles:\n", more, "Erin Example", "a role");
    versions.change("cluster-role: view", "cluster-role: admin", "Erin Example", "read-only is admin");
    let to = "verbs: [get] }], aggregate-to: [admin], environments: [alpha] }";
    versions.change("verbs: [get] }] }", to, "Mallory", "more for admin");
    assert_eq!(titles(&json(&versions, "dana@contoso.com", &[]))[0], "more for admin");
}
