//! What a preview says first, and that it says no more than it knows.

use git2::{IndexAddOption, Repository, RepositoryInitOptions, Signature, Time};
use serde_json::Value;

use crate::base::{CAROL_COMES, Change, JOAN_COMES, UNWATCHED};
use crate::common::{Ran, World};

fn json(ran: &Ran) -> Value {
    serde_json::from_str(&ran.stdout).unwrap()
}

/// The text, the Markdown and the JSON of a preview.
fn forms(world: &World, more: &[&str], code: i32) -> (String, String, Value) {
    let form = |form: &str| world.plan(&[&["--base", "main", "--output", form], more].concat()).exits(code);
    (form("text").stdout, form("markdown").stdout, json(&form("json")))
}

fn all(text: &str, wanted: &[&str]) {
    for wanted in wanted {
        assert!(text.contains(wanted), "{wanted}\n---\n{text}");
    }
}

fn none(text: &str, unwanted: &[&str]) {
    for unwanted in unwanted {
        assert!(!text.contains(unwanted), "{unwanted}\n---\n{text}");
    }
}

/// What an expectation's lines in JSON say of the change: cause and whether it is given up.
fn causes(plan: &Value) -> Vec<(&str, &Value)> {
    let broken = plan["expectations"].as_array().unwrap().iter().filter(|one| one["verdict"] == "broken");
    broken.map(|one| (one["cause"].as_str().unwrap(), &one["given_up"])).collect()
}

#[test]
fn an_expectation_that_a_change_breaks_and_takes_out_fails_by_the_change() {
    let change = Change::new(&[CAROL_COMES, UNWATCHED]);
    let (text, markdown, plan) = forms(&change.world, &[], 6);
    all(
        &text,
        &[
            "\nExpectations that fail by this change\n! carol@contoso.com can list pods in trinity on alpha, and should not",
            "by this change: without it this holds, and with it it does not",
            "this change takes it out of the files",
            "\n1 expectation fails by this change.",
        ],
    );
    let at = |part: &str| text.find(part).unwrap();
    assert!(["\nWeakened", "\nExpectations that fail", "\nAccess: "].map(at).is_sorted(), "{text}");
    all(
        &markdown,
        &[
            "- **1 expectation fails by this change.**",
            "#### Expectations that fail by this change\n\n- `!` **`carol@contoso.com` can list pods",
        ],
    );
    assert_eq!(causes(&plan), [("breaks", &Value::Bool(true))]);
    for form in [&text, &markdown] {
        none(form, &["by nothing that this plan does", "goes on all the same"]);
    }
}

#[test]
fn what_fails_already_is_told_apart_from_what_a_change_breaks() {
    // By the files of `main` themselves.
    let hayden = (
        "expectations:\n",
        "expectations:\n  - { user: hayden@contoso.com, environments: [alpha], cannot: [list pods in trinity] }\n",
    );
    let change = Change::after(&[hayden], &[JOAN_COMES]);
    let (text, markdown, plan) = forms(&change.world, &[], 6);
    all(
        &text,
        &["not by this change: it fails without it as well", "1 expectation fails, without this change as well."],
    );
    none(&text, &["fail by this change", "fails by this change"]);
    none(&markdown, &["fail by this change", "fails by this change"]);
    assert_eq!(causes(&plan), [("before", &Value::Bool(false))]);

    // Mallory is live in dev. `main` would take her out, the change does not.
    let mallory = (
        "expectations:\n",
        "expectations:\n  - { user: mallory@contoso.com, environments: [alpha], cannot: [list pods in trinity] }\n",
    );
    let change = Change::after(
        &[mallory],
        &[("dana@contoso.com]", "dana@contoso.com, mallory@contoso.com]"), (mallory.1, mallory.0)],
    );
    let (text, _, plan) = forms(&change.world, &[], 6);
    all(
        &text,
        &["it fails now, and `apply` would mend that without this change", "1 expectation fails by this change."],
    );
    assert_eq!(causes(&plan), [("keeps", &Value::Bool(true))]);

    // He can do more than that already, and comes to more.
    let only = (
        "expectations:\n",
        "expectations:\n  - { user: hayden@contoso.com, environments: [alpha], only: [list pods in trinity] }\n",
    );
    let more = ("roles: [read-only], environments: [alpha]", "roles: [read-only, full], environments: [alpha]");
    let change = Change::after(&[only], &[more]);
    let (text, _, plan) = forms(&change.world, &[], 6);
    all(
        &text,
        &["it fails without this change as well, and this change adds to that", "1 expectation fails by this change."],
    );
    assert_eq!(causes(&plan), [("adds-to", &Value::Bool(false))]);

    // Where alpha is, nothing was read, so that nobody knows how it was.
    let elsewhere = ("alpha: { type: k3s,", "alpha: { type: k3s, context: prod,");
    let change = Change::new(&[CAROL_COMES, elsewhere]);
    let (text, _, plan) = forms(&change.world, &[], 6);
    all(
        &text,
        &["whether it would hold without this change is not known", "`apply` would refuse: 1 expectation fails."],
    );
    assert_eq!(causes(&plan), [("unknown", &Value::Bool(false))]);
}

#[test]
fn where_nothing_was_read_there_is_no_plan() {
    let change = Change::new(&[("8f9f1c2d-", "8f9f1c2e-"), JOAN_COMES]);
    let world = &change.world;
    let form = |form: &str| {
        world.run(&["plan", "access", "--sandbox", "another", "--base", "main", "--output", form]).exits(0)
    };
    let (text, markdown, plan) = (form("text").stdout, form("markdown").stdout, json(&form("json")));
    let why = "What this change causes is not known, nor what was off before it: nothing was read.";
    all(
        &text,
        &[
            "\nNo plan, 3 not read: Entra, alpha, prod.",
            why,
            "What was off before this change on Entra, alpha, prod is not known",
        ],
    );
    all(&markdown, &["plan-id:none", "### contoso: no plan, 3 not read", why, "is not known"]);
    assert_eq!(
        (&plan["read"], &plan["base"]["not_told"], &plan["base"]["drift"]),
        (&"nothing".into(), &why.into(), &Value::Null)
    );
    for form in [&text, &markdown] {
        none(form, &["nothing was off before", "o changes", "0 to add", " 0 "]);
        assert_eq!(form.matches("names another tenant or cloud").count(), 2, "once above, once below\n{form}");
    }
}

#[test]
fn where_something_was_not_read_no_changes_are_those_of_the_rest() {
    // What is off before is in Entra, so that `main` is as it is live.
    let live = [("dana@contoso.com]", "dana@contoso.com, mallory@contoso.com]"), (", sam@contoso.com]", "]")];
    let elsewhere = ("alpha: { type: k3s,", "alpha: { type: k3s, context: prod,");
    let change = Change::after(&live, &[elsewhere]);
    let (text, markdown, plan) = forms(&change.world, &[], 0);
    all(
        &text,
        &[
            "No plan for alpha: not read.",
            "No changes in what was read: ",
            "By this change, of what was read: nothing to apply; nothing of what was read was off before.",
            "? What was off before this change on alpha is not known: not read",
        ],
    );
    all(&markdown, &["### contoso: no changes in what was read, 1 not read", "is not known"]);
    assert_eq!(plan["read"], "part");
    assert_eq!(json(&change.world.plan(&["--output", "json"]).exits(0))["read"], "all");
}

/// A repository whose `main` has no access files at the place of those that are checked out.
fn first_files() -> World {
    let change = Change::new(&[]);
    let files = change.world.read("access/rolecall.yaml");
    let world = World::with_files(&[("rolecall.yaml", &files)]);
    let mut options = RepositoryInitOptions::new();
    let repository = Repository::init_opts(world.path(""), options.initial_head("main")).unwrap();
    world.write("README", "nothing yet");
    let commit = |path: &str| {
        let who = Signature::new("Erin", "erin@contoso.com", &Time::new(0, 0)).unwrap();
        let mut index = repository.index().unwrap();
        index.add_all([path], IndexAddOption::DEFAULT, None).unwrap();
        index.write().unwrap();
        let tree = repository.find_tree(index.write_tree().unwrap()).unwrap();
        let parent = repository.head().ok().and_then(|head| head.peel_to_commit().ok());
        repository.commit(Some("HEAD"), &who, &who, "one", &tree, &parent.iter().collect::<Vec<_>>()).unwrap()
    };
    let first = commit("README");
    drop(repository.branch("change", &repository.find_commit(first).unwrap(), false).unwrap());
    repository.set_head("refs/heads/change").unwrap();
    let _ = commit("access");
    world
}

#[test]
fn the_first_access_files_are_compared_with_nothing_and_that_is_said_once() {
    let (text, markdown, plan) = forms(&first_files(), &[], 0);
    all(&text, &["main has no access files at this place, nor has", "whatever these files change is caused by it"]);
    all(
        &markdown,
        &["#### What this change is compared with\n\nmain has no access files", "### contoso: no plan, 3 not read"],
    );
    for form in [&text, &markdown] {
        none(
            form,
            &["does not exist", "hang together", "taken away", "Off before", "was off before this change on", " 0 "],
        );
    }
    assert_eq!((&plan["base"]["begins"], &plan["base"]["drift"]), (&"everywhere".into(), &Value::Null));
}

#[test]
fn a_cell_of_the_table_names_a_few_places_and_the_list_below_it_all() {
    let places: Vec<String> = (1..=8).map(|number| format!("team-{number}")).collect();
    let files = format!(
        "version: 1
name: contoso
tenant: {{ id: 8f9f1c2d-3b4a-4c5d-9e6f-7a8b9c0d1e2f, pim: none }}
appliers: [0a1b2c3d-4e5f-4a6b-8c7d-9e0f1a2b3c4d]
environments:
  alpha: {{ type: k3s }}
groups:
  dev: {{ owners: [erin@contoso.com], members: [hayden@contoso.com] }}
roles:
  read-only: {{ cluster-role: view }}
grants:
  - {{ groups: [dev], roles: [read-only], environments: [alpha], namespaces: [{}] }}
",
        places.join(", ")
    );
    let world = World::with_files(&[("rolecall.yaml", &files)]);
    let markdown = world.plan(&["--output", "markdown"]).exits(0).stdout;
    let row = "| `+` | `hayden@contoso.com` | `alpha/team-1`<br>`alpha/team-2`<br>`alpha/team-3`<br>and 5 more (below) | - | view | dev (new member) |";
    all(&markdown, &[row, "<summary>Access: the rest of what is in the table (2)</summary>"]);
    let (_, below) = markdown.split_once("<summary>").unwrap();
    for place in &places {
        assert!(below.contains(&format!("`alpha/{place}`")), "{place}\n{markdown}");
    }
}

#[test]
fn no_sentence_is_about_none_of_something() {
    // A group of `main` that is not there yet, and a change of another one.
    let late = ("groups:\n", "groups:\n  late: { owners: [erin@contoso.com], members: [joan@contoso.com] }\n");
    let change = Change::after(&[late], &[JOAN_COMES]);
    let (text, markdown, _) = forms(&change.world, &[], 0);
    none(&text, &["the 0 new groups"]);
    all(&markdown, &["the new group is owned by the applier"]);
    none(&markdown, &["the 0 new groups"]);
}
