//! Documents that are longer than a host takes.

use proptest::prelude::*;

use super::super::document::{Body, Document, Fold, Part, mark};
use super::super::{Host, plan};
use super::{long, outline};
use crate::plan::{Plan, Verdict};
use crate::report::tests::*;
use crate::state::Identity;

fn verdict(at: usize) -> Verdict {
    Verdict {
        guard: "group-deleted".to_owned(),
        subject: format!("group-{at}"),
        message: format!("group-{at} would be deleted (restorable for 30 days)"),
        acknowledged: false,
        leaves_out: Vec::new(),
    }
}

/// A plan with so many new members and so many guards.
fn large(members: usize, guards: usize) -> Plan {
    let mut plan = full_plan();
    for at in 0..members {
        let person = user(&format!("person{at:05}@contoso.com"));
        let group = format!("group-{}", at % 97);
        let line = u32::try_from(at).unwrap();
        let edge = edge(&group, Identity::Known(id("0f3c")), person, Identity::Known(id("7d1a")));
        plan.changes.push(add_member(edge, Some(origin("teams/all.yaml", line))));
    }
    plan.verdicts.extend((0..guards).map(verdict));
    plan
}

/// A document is well formed: whatever opens is closed, and no more is folded than is said.
fn is_whole(document: &str) -> bool {
    let opened = document.lines().filter(|line| line.starts_with("<details>")).count();
    let closed = document.lines().filter(|line| *line == "</details>").count();
    let outline = outline(document);
    let fences = outline.iter().filter(|line| line.trim_start().starts_with("fence")).count();
    let marks = document.lines().filter(|line| line.starts_with("```")).count();
    opened == closed && marks == 2 * fences && document.ends_with('\n')
}

#[test]
fn each_host_has_its_limit_and_a_page_of_the_run() {
    let host = |set: &'static [(&str, &str)]| {
        Host::of(|name| set.iter().find(|(known, _)| *known == name).map(|(_, value)| *value))
            .sheet(false, &["plan.json".to_owned()])
    };
    let github = host(&[
        ("GITHUB_ACTIONS", "true"),
        ("GITHUB_SERVER_URL", "https://github.com"),
        ("GITHUB_REPOSITORY", "contoso/access"),
        ("GITHUB_RUN_ID", "7"),
    ]);
    assert_eq!(
        (github.limit, github.full.as_str()),
        (64_000, "`plan.json` of [this run](https://github.com/contoso/access/actions/runs/7)")
    );
    let gitlab = host(&[("GITLAB_CI", "true"), ("CI_JOB_URL", "https://gitlab.example/x/-/jobs/1) [x](y")]);
    assert_eq!(gitlab.limit, 998_464);
    assert_eq!(gitlab.full, "`plan.json` of [this run](https://gitlab.example/x/-/jobs/1%29%20%5Bx%5D%28y)");
    let azure = host(&[
        ("TF_BUILD", "True"),
        ("SYSTEM_COLLECTIONURI", "https://dev.azure.com/contoso/"),
        ("SYSTEM_TEAMPROJECT", "My Project"),
        ("BUILD_BUILDID", "9"),
    ]);
    assert_eq!(azure.limit, 148_464);
    assert_eq!(
        azure.full,
        "`plan.json` of [this run](https://dev.azure.com/contoso/My%20Project/_build/results?buildId=9)"
    );
    let none = host(&[("GITHUB_ACTIONS", "false"), ("CI_JOB_URL", "javascript:alert(1)")]);
    assert_eq!((none.limit, none.full.as_str()), (64_000, "`plan.json`"));
}

#[test]
fn the_longest_part_is_shortened_and_guards_are_not() {
    let sheet = Host::of(|_| None).sheet(true, &[]);
    let text = plan(&large(20_000, 40), &context(), &sheet);
    assert!(text.len() <= sheet.limit && text.len() > sheet.limit - 300, "{}", text.len());
    assert!(is_whole(&text));
    assert!(text.contains("more; see the full plan in the output of this run."));
    assert_eq!(text.matches("if meant: `--acknowledge group-deleted:group-").count(), 40);
    assert!(text.contains("<summary>Changes</summary>"), "folded first");
    // What is short stays whole.
    assert!(text.contains("#### Withheld"));
    assert!(text.contains("\n~ group group-0 (0f3c…)"), "the beginning of the changes is there");
}

#[test]
fn guards_are_shortened_last() {
    let sheet = Host::of(|_| None).sheet(true, &[]);
    let text = plan(&large(50, 2_000), &context(), &sheet);
    assert!(text.len() <= sheet.limit && is_whole(&text));
    assert!(!text.contains("```diff"), "nothing else is left");
    assert!(text.matches("if meant:").count() > 300);
}

#[test]
fn a_part_of_one_item_that_is_too_long_is_counted() {
    let sheet = Host::of(|_| None).sheet(true, &[]);
    let part = Part::new("Guards", Body::List(vec!["- x".repeat(30_000)])).vital();
    let document = Document { mark: mark(None), head: vec!["### x".to_owned()], parts: vec![part], foot: None };
    assert_eq!(
        document.fit(&sheet),
        "<!-- rolecall plan-id:none -->\n### x\n\n#### Guards\n\n1 not shown; see the full plan in the output of this run.\n"
    );
}

fn body() -> impl Strategy<Value = Body> {
    let items = || prop::collection::vec("[a-z`|<>@# ]{0,60}", 0..60);
    prop_oneof![
        Just(()).prop_map(|()| Body::None),
        items().prop_map(|items| Body::List(
            items.iter().map(|item| format!("- {}", super::super::escape::prose(item))).collect()
        )),
        items().prop_map(|items| Body::Table(
            &["a"],
            items.iter().map(|item| format!("| {} |", super::super::escape::cell(item))).collect()
        )),
        items().prop_map(|items| Body::Fence("diff", items.iter().map(|item| format!("  {item}")).collect())),
    ]
}

fn part() -> impl Strategy<Value = Part> {
    let fold = prop_oneof![Just(Fold::Never), Just(Fold::WhenLong), Just(Fold::Always)];
    (body(), fold, any::<bool>())
        .prop_map(|(body, fold, is_vital)| Part { is_vital, ..Part::new("Part", body).folded(fold) })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn any_document_fits_and_is_whole(parts in prop::collection::vec(part(), 0..8), limit in 1_500_usize..12_000) {
        let sheet = super::super::Sheet { limit, ..long() };
        let document = Document { mark: mark(None), head: vec!["### x".to_owned()], parts, foot: Some("foot".to_owned()) };
        let text = document.fit(&sheet);
        prop_assert!(text.len() <= limit, "{} bytes", text.len());
        prop_assert!(is_whole(&text), "{}", text);
        prop_assert!(text.ends_with("foot\n"));
    }

    #[test]
    fn any_plan_fits(members in 0_usize..1500, guards in 0_usize..600) {
        let sheet = Host::of(|_| None).sheet(false, &[]);
        let text = plan(&large(members, guards), &context(), &sheet);
        prop_assert!(text.len() <= sheet.limit);
        prop_assert!(is_whole(&text), "{}", text);
    }
}
