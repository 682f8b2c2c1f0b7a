//! Whole screens: standard output, standard error and the exit code of one command each. Read them as a user would when
//! they change (`INSTA_UPDATE=always` rewrites them).

use crate::common::{Ran, World, repository};
use crate::folder::copy;

/// A screen without what differs from run to run: times, and ids of groups that were just created.
pub(crate) fn check(name: &str, ran: &Ran) {
    let screen = format!("{}--- standard error\n{}--- exit {}\n", ran.stdout, ran.stderr, ran.code);
    insta::with_settings!({
        prepend_module_to_snapshot => false,
        omit_expression => true,
        filters => vec![
            (r"\d+\.\d s\b", "[TIME]"),
            (r"\.rolecall/[0-9TZ.-]+\.jsonl", ".rolecall/[TIME].jsonl"),
            (r"[0-9a-f]{4}…", "[ID]"),
            (r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}Z", "[WHEN]"),
            (r"Saved plan [0-9a-f]{64}", "Saved plan [PLAN]"),
            (r"--require-approved-plan [0-9a-f]{64}", "--require-approved-plan [PLAN]"),
        ],
    }, {
        insta::assert_snapshot!(name, screen);
    });
}

/// Entra and the clusters are written at the same time, and each outcome is told when it is known.
fn in_one_order(mut ran: Ran) -> Ran {
    let (mut outcomes, rest): (Vec<&str>, Vec<&str>) = ran.stderr.lines().partition(|line| line.contains("  done"));
    outcomes.sort_unstable();
    let at = rest.iter().position(|line| line.starts_with("Applying")).map_or(rest.len(), |line| line + 1);
    let (before, after) = rest.split_at(at);
    ran.stderr =
        [before, outcomes.as_slice(), after].concat().iter().fold(String::new(), |text, line| text + line + "\n");
    ran
}

#[test]
fn the_company_s_first_plan() {
    check("company-plan", &World::with_example("company").plan(&[]));
}

#[test]
fn an_apply_and_the_next_plan() {
    let world = World::with_example("quickstart");
    check("quickstart-apply", &in_one_order(world.apply(&["--yes"])));
    check("quickstart-in-order", &world.plan(&[]));
}

#[test]
fn a_guard_that_refuses() {
    let world = World::with_example("quickstart");
    let _ = world.apply(&["--yes"]).exits(0);
    let text = world.read("access/rolecall.yaml");
    let start = text.find("groups:").unwrap();
    let end = text.find("roles:").unwrap();
    let grants = text.find("grants:").unwrap();
    world.write("access/rolecall.yaml", format!("{}{}", &text[..start], &text[end..grants]));
    check("group-deleted-refused", &world.apply(&["--yes"]));
}

#[test]
fn a_deleted_group_that_is_asked_for_again() {
    check("group-restored", &crate::restored::deleted().apply(&["--yes"]));
}

#[test]
fn a_group_that_was_given_another_key_without_a_word() {
    let world = World::with_quickstart_grants();
    let _ = world.apply(&["--yes"]).exits(0);
    world.replace("access/rolecall.yaml", "k8s_dev_users", "trinity_developers");
    check("group-replaced", &world.apply(&["--yes"]));
}

#[test]
fn a_person_who_is_not_there() {
    let world = World::with_example("quickstart");
    let _ = world.apply(&["--yes"]).exits(0);
    world.replace("access/rolecall.yaml", "- hayden@contoso.com", "- haydn@contoso.com");
    check("unknown-person", &world.plan(&[]));
}

#[test]
fn everybody_who_has_view_would_read_secrets() {
    let world = World::with_example("quickstart");
    world.replace(
        "access/rolecall.yaml",
        "roles:\n",
        "roles:\n  secrets: { rules: [{ apiGroups: [''], resources: [secrets], verbs: [get, list] }], aggregate-to: [view], environments: [alpha] }\n",
    );
    check("default-role-widened", &world.apply(&["--yes"]));
    let _ = world.apply(&["--yes", "--acknowledge", &acknowledgement(&world.plan(&[]))]).exits(0);
    world.replace(
        "access/rolecall.yaml",
        "  secrets: { rules: [{ apiGroups: [''], resources: [secrets], verbs: [get, list] }], aggregate-to: [view], environments: [alpha] }\n",
        "",
    );
    check("default-role-narrowed", &world.plan(&[]));
}

/// The acknowledgement that a plan prints.
fn acknowledgement(ran: &Ran) -> String {
    ran.stdout.split("if meant: --acknowledge ").nth(1).unwrap().split_whitespace().next().unwrap().to_owned()
}

#[test]
fn a_namespace_that_is_not_there() {
    let world = World::with_example("quickstart");
    let _ = world.apply(&["--yes"]).exits(0);
    world.replace("access/rolecall.yaml", "namespaces: [trinity]", "namespaces: [trinityy]");
    check("missing-namespace", &world.plan(&[]));
}

#[test]
fn a_saved_plan_that_no_longer_holds() {
    let world = World::with_quickstart_grants();
    check("plan-saved", &world.plan(&["--save", "tonight.plan"]));
    world.replace("access/rolecall.yaml", "- hayden@contoso.com", "- erin@contoso.com");
    check("saved-plan-stale", &world.run(&["apply", "tonight.plan", "access", "--sandbox", "sandbox"]));
}

#[test]
fn protected_changes_left_to_a_saved_plan() {
    let world = World::with_example("quickstart");
    world.replace(
        "access/rolecall.yaml",
        "type: k3s",
        "type: k3s\n    protected: true\n    cluster: 77ab0c1d-2e3f-4a5b-8c6d-7e8f9a0b1c2d",
    );
    check("protected", &world.apply(&["--yes"]));
}

#[test]
fn several_mistakes_in_the_files() {
    let world = World::with_example("quickstart");
    world.replace("access/rolecall.yaml", "groups: [k8s_dev_users]", "groups: [k8s_dev_userz]");
    world.replace("access/rolecall.yaml", "description:", "descripton:");
    check("mistakes", &world.run(&["validate", "access"]));
}

#[test]
fn twelve_files_that_want_more_than_is_delegated_to_them() {
    let world = World::with_example("teams");
    copy(&repository().join("tests/cli/violations"), &world.path("access"));
    check("undelegated", &world.run(&["validate", "access"]));
    let json: serde_json::Value =
        serde_json::from_str(&world.run(&["validate", "access", "--output", "json"]).exits(1).stdout).unwrap();
    assert_eq!((&json["errors"], &json["warnings"]), (&12.into(), &0.into()));
    let files: std::collections::BTreeSet<&str> =
        json["findings"].as_array().unwrap().iter().map(|finding| finding["file"].as_str().unwrap()).collect();
    assert_eq!(files.len(), 12, "one in each file: {files:?}");
}

#[test]
fn nobody_to_act_as() {
    let world = World::with_example("quickstart");
    let kubeconfig = "apiVersion: v1\nkind: Config\nclusters:\n- {name: c, cluster: {server: 'https://127.0.0.1:9'}}\nusers:\n- {name: u, user: {token: t}}\ncontexts:\n- {name: alpha, context: {cluster: c, user: u}}\n";
    world.write("kubeconfig", kubeconfig);
    let ran = world.run_with(&["plan", "access", "--kubeconfig", "kubeconfig"], &[("PATH", "/nonexistent")]);
    check("no-credential", &ran);
}

#[test]
fn what_lint_finds() {
    let world = crate::lint::unwise();
    check("lint", &world.run(&["lint", "access"]));
    let mut ran = world.run(&["lint", "access", "--output", "sarif"]);
    let mut log: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    // The first rule stands for all: their pages are in docs/lint.
    log["runs"][0]["tool"]["driver"]["rules"].as_array_mut().unwrap().truncate(1);
    ran.stdout = format!("{log:#}\n");
    check("lint-sarif", &ran);
}
