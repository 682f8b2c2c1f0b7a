//! A plan as Markdown, as a reviewer reads it on a pull request.

use comrak::nodes::NodeValue;
use comrak::{Arena, Options, parse_document};
use rolecall::report::markdown::MEASURED;

use crate::base::{CAROL_COMES, Change, UNWATCHED};
use crate::common::{Ran, World};

/// A document without what differs from run to run.
fn check(name: &str, ran: &Ran) {
    insta::with_settings!({
        prepend_module_to_snapshot => false,
        omit_expression => true,
        filters => vec![
            (r"`\d+\.\d` s|\d+\.\d s", "[TIME] s"),
            (r"[0-9a-f]{64}", "[PLAN]"),
            (r"[0-9a-f]{4}…", "[ID]"),
            (r"\b[0-9a-f]{7}\b", "[COMMIT]"),
        ],
    }, {
        insta::assert_snapshot!(name, ran.stdout);
    });
}

/// What stands outside of everything folded.
fn unfolded(document: &str) -> String {
    document.split("<details>").map(|part| part.split_once("</details>").map_or(part, |(_, after)| after)).collect()
}

#[test]
fn what_a_change_causes_is_apart_from_what_was_off_before() {
    let change = Change::new(&[CAROL_COMES, ("protected: true, ", ""), UNWATCHED]);
    let ran = change.world.plan(&["--base", "main", "--output", "markdown"]).exits(6);
    check("markdown-base", &ran);
    let id = change.json(6)["id"].as_str().unwrap().to_owned();
    assert!(ran.stdout.starts_with(&format!("<!-- rolecall plan-id:{id} -->\n")), "{}", ran.stdout);
    // What the drift gives to anybody is never folded, and is counted at the top.
    let unfolded = unfolded(&ran.stdout);
    assert!(unfolded.contains("| `+` | `sam@contoso.com` |"), "{unfolded}");
    assert!(!unfolded.contains("mallory"), "{unfolded}");
    assert!(unfolded.contains("1 more gains, 1 more loses by what was off before"), "{unfolded}");
    let at = |text: &str| ran.stdout.find(text).unwrap();
    let order = [
        "### ",
        "#### Weakened",
        "#### Expectations that fail by this change",
        "#### Access",
        "```diff",
        "#### Off before",
        "<details>",
        "\nPlan `",
    ];
    assert!(order.map(at).is_sorted(), "{}", ran.stdout);
}

#[test]
fn the_company_s_first_plan() {
    check("markdown-company", &World::with_example("company").plan(&["--output", "markdown"]).exits(0));
}

#[test]
fn a_guard_that_refuses_says_what_to_type() {
    let world = World::with_quickstart_grants();
    let _ = world.apply(&["--yes"]).exits(0);
    world.replace("access/rolecall.yaml", "k8s_dev_users", "trinity_developers");
    let ran = world.plan(&["--output", "markdown"]).exits(0);
    check("markdown-guards", &ran);
    assert!(ran.stdout.contains("if meant: `--acknowledge group-replaced:"), "{}", ran.stdout);
}

#[test]
fn nothing_to_do_is_one_line() {
    let world = World::with_example("quickstart");
    let _ = world.apply(&["--yes"]).exits(0);
    let ran = world.plan(&["--output", "markdown"]).exits(0);
    assert_eq!(ran.stdout.lines().count(), 2, "{}", ran.stdout);
    assert!(ran.stdout.lines().nth(1).unwrap().starts_with("No changes."), "{}", ran.stdout);
    assert_eq!(world.plan(&["--output", "markdown"]).stdout, ran.stdout, "the same the next time");
}

#[test]
fn mistakes_in_the_files_stand_in_the_place_of_a_plan() {
    let world = World::with_example("quickstart");
    world.replace("access/rolecall.yaml", "groups: [k8s_dev_users]", "groups: [k8s_dev_userz]");
    world.replace("access/rolecall.yaml", "description:", "descripton:");
    check("markdown-mistakes", &world.plan(&["--output", "markdown"]).exits(1));
}

#[test]
fn a_failure_says_what_to_do_next() {
    let world = World::with_example("quickstart");
    let ran = world.run_with(&["plan", "access", "--output", "markdown"], &[("PATH", "/nonexistent")]).exits(1);
    check("markdown-failed", &ran);
}

#[test]
fn what_could_not_be_read_is_said() {
    let world = World::with_example("quickstart");
    let _ = world.plan(&[]).exits(0);
    world.replace("access/rolecall.yaml", "environments:\n", "environments:\n  later: { type: k3s }\n");
    check("markdown-unread", &world.plan(&["--output", "markdown"]).exits(1));
}

/// Whoever writes a change chooses names of files, groups and people.
#[test]
fn names_that_want_to_be_more_are_names() {
    let world = World::with_example("quickstart");
    let people = "owners: [erin@contoso.com], members: ['octocat#1@contoso.com', hayden@contoso.com]";
    let grant = "{ groups: [evil], roles: [read-only], environments: [alpha], namespaces: [default] }";
    world.write(
        "access/@octocat #1 [x](https:evil.example) ``` | <b>.yaml",
        format!(
            "groups:\n  evil: {{ description: '</details> ``` @octocat #1 ##vso[x]', {people} }}\ngrants:\n  - {grant}\n"
        ),
    );
    let ran = world.plan(&["--output", "markdown"]).exits(6);
    assert!(ran.stdout.contains("| `octocat#1@contoso.com` |"), "{}", ran.stdout);
    assert!(ran.stdout.contains("</details> ``` @octocat #1 \\u{23}#vso[x]"), "{}", ran.stdout);
    let mut options = Options::default();
    (options.extension.autolink, options.extension.table) = (true, true);
    let arena = Arena::new();
    for node in parse_document(&arena, &ran.stdout, &options).descendants() {
        match &node.data.borrow().value {
            NodeValue::Text(text) => assert!(!text.contains(['@', '#', '<']) && !text.contains("://"), "{text}"),
            NodeValue::HtmlInline(html) => assert!(["<br>", MEASURED].contains(&html.as_str()), "{html}"),
            NodeValue::Link(_) | NodeValue::Image(_) | NodeValue::Emph => panic!("{}", ran.stdout),
            _ => {}
        }
    }
}
