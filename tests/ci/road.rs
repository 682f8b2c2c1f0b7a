//! The whole road of a change with the action: planned and shown on the pull request, merged, planned again, and applied as it was
//! approved. A real repository, the sandbox as tenant and cluster, GitHub on loopback.

use serde_json::Value;

use crate::company::{Company, MEMBER, given};
use crate::server::{BOT, READER};

#[test]
fn a_change_is_shown_merged_and_applied_as_it_was_approved() {
    let company = Company::new();
    company.change(MEMBER.0, MEMBER.1);
    let before = company.writes();
    let preview = company.preview().passes();
    assert_eq!((preview.output("exit-code"), preview.output("has-changes")), ("2", "true"));
    let [comment] = company.comments().try_into().unwrap();
    assert!(comment.contains("erin@contoso.com"), "{comment}");
    assert!(preview.summary.contains("erin@contoso.com"), "{}", preview.summary);
    assert_eq!(company.writes(), before, "a preview writes nothing");

    company.merge();
    let plan = company.on_main(&[("mode", "plan")]).passes();
    let approved = plan.output("plan-id").to_owned();
    assert_eq!(approved.len(), 64, "{approved}");
    assert_eq!(company.comments(), [comment], "a push to main is no pull request");
    let apply = company.on_main(&[("mode", "apply"), ("require-approved-plan", &approved)]).passes();
    assert_eq!(apply.output("exit-code"), "0");
    assert!(company.writes() > before && apply.summary.contains("done"), "{}", apply.summary);
    let journal = company.path("artifacts-push/rolecall-journal-1/journal.jsonl");
    assert!(std::fs::read_to_string(journal).unwrap().contains(&approved));

    let again = company.on_main(&[("mode", "plan")]).passes();
    assert_eq!((again.output("exit-code"), again.output("has-changes")), ("0", "false"));
}

#[test]
fn a_plan_that_fails_takes_the_place_of_the_one_before() {
    let company = Company::new();
    company.change(MEMBER.0, MEMBER.1);
    let _ = company.preview().passes();
    company.change("roles: [read-only]", "roles: [read-onyl]");
    let failed = company.preview().fails();
    assert_eq!((failed.output("exit-code"), failed.output("plan-id"), failed.output("has-changes")), ("1", "", ""));
    let [comment] = company.comments().try_into().unwrap();
    assert!(!comment.contains("erin@contoso.com") && comment.contains("read-onyl"), "{comment}");
    assert!(failed.summary.contains("read-onyl"), "{}", failed.summary);
    assert!(failed.log.contains("::error title=rolecall plan::The plan failed"), "{}", failed.log);
    let beside = "::error file=access/rolecall.yaml,line=";
    assert!(failed.log.lines().any(|line| line.starts_with(beside)), "{}", failed.log);
    assert!(!failed.steps.contains(&"Keep the plan".to_owned()), "{:?}", failed.steps);

    company.change("roles: [read-onyl]", "roles: [read-only]");
    let _ = company.preview().passes();
    let [comment] = company.comments().try_into().unwrap();
    assert!(comment.contains("erin@contoso.com"), "{comment}");
}

#[test]
fn a_change_that_changes_nothing_is_said_once() {
    let company = Company::new();
    company.change("# The smallest useful config", "# The smallest config of use");
    let preview = company.preview().passes();
    assert_eq!((preview.output("exit-code"), preview.output("has-changes")), ("0", "false"));
    let first = company.comments();
    let _ = company.preview().passes();
    assert_eq!((first.len(), company.comments().len()), (1, 1));
}

#[test]
fn no_plan_but_the_approved_one_is_applied() {
    let company = Company::new();
    company.change(MEMBER.0, MEMBER.1);
    company.merge();
    let plan = company.on_main(&[("mode", "plan")]).passes();
    let approved = plan.output("plan-id").to_owned();
    let before = company.writes();
    let artifacts = company.path("artifacts-push");
    let saved = artifacts.join(format!("rolecall-plan-{approved}/rolecall.plan"));

    // Somebody puts another plan in the place of the approved one, or says its id.
    let other = "0123456789abcdef".repeat(4);
    crate::folder::copy(saved.parent().unwrap(), &artifacts.join(format!("rolecall-plan-{other}")));
    let swapped = company.on_main(&[("mode", "apply"), ("require-approved-plan", &other)]).fails();
    assert_eq!(swapped.output("exit-code"), "5", "{}", swapped.log);
    assert!(swapped.log.contains("what was approved no longer holds"), "{}", swapped.log);

    let text = std::fs::read_to_string(&saved).unwrap();
    let edited = text.replacen("erin@contoso.com", "eric@contoso.com", 1);
    assert_ne!(text, edited);
    std::fs::write(&saved, edited).unwrap();
    let edited = company.on_main(&[("mode", "apply"), ("require-approved-plan", &approved)]).fails();
    assert_ne!(edited.output("exit-code"), "0", "{}", edited.log);

    // An id that is none, whether or not there is a plan, and one of no artifact of this run.
    for id in ["", "latest", "$(touch ../run)", &"f".repeat(64)] {
        let refused = company.on_main(&[("mode", "apply"), ("require-approved-plan", id)]).fails();
        assert_eq!(refused.output("exit-code"), "", "{}", refused.log);
        let file = saved.to_str().unwrap();
        let refused = company.on_main(&[("mode", "apply"), ("require-approved-plan", id), ("plan-file", file)]).fails();
        assert_eq!(refused.output("exit-code"), if id.len() == 64 { "5" } else { "" }, "{}", refused.log);
    }
    assert_eq!(company.writes(), before, "nothing was written");
}

#[test]
fn the_pull_request_of_a_fork_is_planned_and_gets_no_comment() {
    let company = Company::new();
    company.change(MEMBER.0, MEMBER.1);
    let preview = company.preview_from("eve/access", READER.token, &[]).passes();
    assert!(preview.summary.contains("erin@contoso.com"), "{}", preview.summary);
    assert!(company.host.state().seen.is_empty());
}

#[test]
fn a_comment_that_may_not_be_posted_fails_the_job_and_keeps_the_plan() {
    let company = Company::new();
    company.change(MEMBER.0, MEMBER.1);
    let preview = company.preview_from("contoso/access", READER.token, &[]).fails();
    assert!(preview.log.contains("pull-requests: write"), "{}", preview.log);
    let kept = company.path(&format!("artifacts-pull_request/rolecall-plan-{}", preview.output("plan-id")));
    assert!(kept.join("rolecall.plan").exists());
    let quiet = company.preview_from("contoso/access", READER.token, &[("comment", "false")]);
    assert!(!quiet.steps.contains(&"Post the plan".to_owned()), "{:?}", quiet.steps);
}

/// Whatever an input holds, it is a value and never a command.
#[test]
fn inputs_are_values() {
    let company = Company::new();
    let hostile = "$(touch ../run)`touch ../run`; touch ../run #";
    for input in ["base", "path", "arguments", "acknowledge", "key"] {
        let mut inputs = vec![("mode", "plan"), ("comment", "false")];
        inputs.extend(given().into_iter().filter(|(name, _)| *name != input));
        inputs.push((input, hostile));
        let job = company.run(company.host.environment(BOT.token), "push", Value::Null).action(&inputs);
        assert!(job.failed && !company.path("run").exists(), "{input}: {}", job.log);
    }
    let unknown = company.on_main(&[("mode", "aply")]).fails();
    assert!(unknown.log.contains("the input `mode` is plan, apply or install"), "{}", unknown.log);
}
