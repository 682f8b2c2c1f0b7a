//! What a job makes of how rolecall ended: what stops nothing passes, what was written is not said to be not written, and a run of
//! an older commit puts nothing back.

use std::collections::BTreeMap;
use std::process::Command;

use crate::company::{Company, MEMBER};
use crate::examples::Site;
use crate::files::repository;
use crate::others::Shell;
use crate::runner::Job;
use crate::server::Face;

const DELEGATE: (&str, &str) =
    ("\nappliers:", "\ndelegate:\n  - { files: [teams.yaml], groups: [team-*] }\n\nappliers:");

/// Somebody comes, and what a delegated file expects of somebody else is not so: that stops nobody.
fn with_what_stops_nothing(company: &Company) {
    let expected =
        "expectations:\n  - { user: hayden@contoso.com, environments: [alpha], cannot: [get pods in trinity] }\n";
    std::fs::write(company.path("repository/access/teams.yaml"), expected).unwrap();
    company.change(DELEGATE.0, DELEGATE.1);
    company.change(MEMBER.0, MEMBER.1);
}

/// What the files give somebody is what they expect nobody to have.
fn with_what_stops(company: &Company) {
    company.change(
        "can: [list pods in trinity]\n    cannot: [list nodes, ",
        "cannot: [list pods in trinity, list nodes, ",
    );
}

#[test]
fn an_expectation_that_stops_nothing_passes_with_a_warning_and_is_applied() {
    let company = Company::new();
    with_what_stops_nothing(&company);
    let said = "::warning title=rolecall plan::An expectation fails and does not stop apply";
    let preview = company.preview().passes();
    assert!(preview.log.contains(said) && preview.output("exit-code") == "6", "{}", preview.log);
    company.merge();
    let plan = company.on_main(&[("mode", "plan")]).passes();
    assert_eq!((plan.output("exit-code"), plan.output("has-changes")), ("6", "true"), "{}", plan.log);
    let before = company.writes();
    let apply = company.on_main(&[("mode", "apply"), ("require-approved-plan", plan.output("plan-id"))]).fails();
    assert!(company.writes() > before, "{}", apply.log);
    assert!(apply.log.contains("An expectation fails; the log says what was written"), "{}", apply.log);
    let again = company.on_main(&[("mode", "plan")]).passes();
    assert_eq!((again.output("exit-code"), again.output("has-changes")), ("6", "false"), "{}", again.log);
}

#[test]
fn an_expectation_that_stops_fails_the_plan() {
    let company = Company::new();
    with_what_stops(&company);
    let preview = company.preview().fails();
    assert_eq!((preview.output("exit-code"), preview.output("has-changes")), ("6", ""), "{}", preview.log);
    assert!(preview.log.contains("An expectation fails, and apply would write nothing"), "{}", preview.log);
}

/// Plans as the job of GitLab's or Azure's does.
type Plans = fn(&Shell<'_>) -> crate::others::Ran;

#[test]
fn the_other_hosts_go_on_by_what_apply_would_do() {
    let hosts: [(Face, Plans); 2] =
        [(Face::GitLab, |shell| shell.gitlab("plan")), (Face::AzureDevOps, |shell| shell.azure("apply.yml", "Plan"))];
    for (face, plans) in hosts {
        for (edit, code) in [(with_what_stops_nothing as fn(&Company), 0), (with_what_stops, 6)] {
            let site = Site::at(face);
            let temp = site.company.path("temp");
            std::fs::create_dir(&temp).unwrap();
            edit(&site.company);
            site.company.merge();
            let shell = Shell::new(&site, &[("AGENT_TEMPDIRECTORY", temp.to_str().unwrap())]);
            let ran = plans(&shell).exits(code);
            assert_eq!(
                ran.log.contains("An expectation fails and does not stop apply")
                    || ran.log.contains("WARNING: an expectation fails"),
                code == 0,
                "{}",
                ran.log
            );
        }
    }
}

/// A run of an older commit that is started again: what a later commit took away does not come back.
#[test]
fn a_run_of_an_older_commit_puts_nothing_back() {
    let company = Company::new();
    company.change(MEMBER.0, MEMBER.1);
    company.merge();
    let old = company.main();
    let plan = company.on_main(&[("mode", "plan")]).passes();
    let apply = || -> Job { company.on_main(&[("mode", "apply"), ("require-approved-plan", plan.output("plan-id"))]) };

    company.change(MEMBER.1, MEMBER.0);
    company.merge();
    let new = company.main();
    company.check_out(&old);
    let before = company.writes();
    let refused = apply().fails();
    assert_eq!(company.writes(), before, "{}", refused.log);
    let said = format!("main has moved on to {}: this plan is of {}", &new[..12], &old[..12]);
    assert!(refused.log.contains(&said) && refused.log.contains("nothing was written"), "{}", refused.log);

    // What was merged since and is no access file moves nothing.
    company.check_out_main();
    company.change(MEMBER.0, MEMBER.1);
    company.merge();
    let same = company.main();
    std::fs::write(company.path("repository/README"), "of something else\n").unwrap();
    company.change("# The smallest useful config", "# The smallest useful config");
    company.merge();
    assert_ne!(company.main(), same);
    company.check_out(&same);
    let _ = apply().passes();
    assert!(company.writes() > before);
}

#[test]
fn a_branch_that_cannot_be_asked_for_applies_nothing() {
    let company = Company::new();
    company.change(MEMBER.0, MEMBER.1);
    company.merge();
    let plan = company.on_main(&[("mode", "plan")]).passes();
    std::fs::rename(company.path("remote.git"), company.path("elsewhere.git")).unwrap();
    let before = company.writes();
    let refused = company.on_main(&[("mode", "apply"), ("require-approved-plan", plan.output("plan-id"))]).fails();
    assert!(refused.log.contains("nothing was written: where main is by now could not be asked"), "{}", refused.log);
    assert_eq!(company.writes(), before);
}

/// Each line of verdict.sh says of what was written what the table of `--help` says.
#[test]
fn the_verdicts_say_what_the_exit_codes_mean() {
    let output = Command::new(env!("CARGO_BIN_EXE_rolecall")).arg("--help").env_clear().output().unwrap();
    let help = String::from_utf8(output.stdout).unwrap();
    let (_, table) = help.split_once("Exit codes:\n").expect("there is a table");
    let table: BTreeMap<u32, &str> = table
        .lines()
        .map_while(|line| line.strip_prefix("  ")?.split_once("  "))
        .filter_map(|(code, words)| Some((code.trim().parse().ok()?, words.trim())))
        .collect();
    assert!(table.len() > 9, "{help}");
    let script = std::fs::read_to_string(repository().join(".github/actions/rolecall/verdict.sh")).unwrap();
    let verdict = |mode: &str, code: u32| {
        let start = format!("    {mode}:{code})");
        let (_, rest) = script.split_once(&start).unwrap_or_else(|| panic!("no verdict for {mode}:{code}"));
        rest.split(";;").next().unwrap().to_owned()
    };
    // Codes of other commands and of a command line that no input of ours makes.
    for code in table.keys().filter(|code| ![7, 64].contains(*code)) {
        let (row, said) = (table[code], verdict("apply", *code).to_lowercase());
        // In the table: what no command leaves unsaid. With 1 and 2 `apply` has written nothing; with 0 and 4 it has.
        let nothing = row.contains("nothing was written") || [1, 2].contains(code);
        assert_eq!(said.contains("nothing was written"), nothing, "{code}: {row}\n{said}");
        assert!(nothing || *code == 0 || row.contains("was written"), "{code}: {row}");
    }
    for code in [0, 1, 2, 6] {
        let _ = verdict("plan", code);
    }
}

/// What a guard asks for is said once, to the job that plans and to the one that applies.
#[test]
fn the_other_hosts_take_what_was_acknowledged() {
    let guard = "cluster-admin-gained:alpha/group:k8s_dev_users";
    for (face, variable) in [(Face::GitLab, "ROLECALL_ACKNOWLEDGE"), (Face::AzureDevOps, "ACKNOWLEDGE")] {
        let site = Site::at(face);
        let temp = site.company.path("temp");
        std::fs::create_dir(&temp).unwrap();
        site.company.change("{ cluster-role: view }", "{ cluster-role: cluster-admin }");
        site.company.change("namespaces: [trinity] }", "cluster-wide: true }");
        site.company.change("    cannot: [list nodes, list pods in default]\n", "");
        site.company.merge();
        let here = temp.to_str().unwrap();
        let with = |more: &[(&str, &str)]| {
            let given = [("AGENT_TEMPDIRECTORY", here), ("PIPELINE_WORKSPACE", here)];
            Shell::new(&site, &[&given[..], more].concat())
        };
        let is_gitlab = face == Face::GitLab;
        let run = |shell: &Shell<'_>, job: &str, task: &str| {
            if is_gitlab { shell.gitlab(job) } else { shell.azure("apply.yml", task) }
        };
        let _ = run(&with(&[(variable, guard)]), "plan", "Plan").exits(0);
        let folder = if is_gitlab { site.company.path("repository") } else { temp.join("plan") };
        let id = std::fs::read_to_string(folder.join("plan.id")).unwrap();
        let json = std::fs::read_to_string(folder.join("plan.json")).unwrap();
        assert!(json.contains("\n  \"would_apply\": \"changes\",\n"), "{json}");
        if !is_gitlab {
            std::fs::rename(temp.join("plan"), temp.join("rolecall-plan")).unwrap();
        }
        let apply =
            |more: &[(&str, &str)]| run(&with(&[&[("APPROVED_PLAN", id.trim())][..], more].concat()), "apply", "Apply");
        let before = site.served.writes();
        let _ = apply(&[]).exits(3);
        assert_eq!(site.served.writes(), before);
        let _ = apply(&[(variable, guard)]).exits(0);
        assert!(site.served.writes() > before);
    }
}
