//! Whole documents. Read them as a reviewer would when they change.

use std::sync::Arc;

use super::super::{Failed, failed, plan};
use super::long;
use crate::access::AccessDifference;
use crate::report::Context;
use crate::report::tests::*;

const ID: &str = "7f3a0c1d2e3f4a5b6c7d8e9f0a1b2c3d4e5f60718293a4b5c6d7e8f901234567";

#[test]
fn everything_that_people_meet() {
    let context = Context { plan_id: Some(ID.to_owned()), access: Arc::new(AccessDifference::default()), ..context() };
    insta::assert_snapshot!(plan(&full_plan(), &context, &long()));
}

#[test]
fn nothing_to_do_is_one_line() {
    let context = Context { plan_id: Some(ID.to_owned()), ..context() };
    let text = plan(&empty_plan(), &context, &long());
    assert_eq!(
        text,
        format!(
            "<!-- rolecall plan-id:{ID} -->\nNo changes. 184 groups, 3 environments, 412 bindings match contoso-platform at \
             `4f2c1aa`.\n"
        )
    );
}

#[test]
fn what_failed() {
    let next = ["run `az login`, or name another source with --auth".to_owned()];
    let context = context();
    let of = Failed {
        what: "no credential for tenant 8f9f was found",
        in_files: false,
        next: &next,
        commit: context.commit.as_ref(),
    };
    insta::assert_snapshot!(failed(&of, &long()));
}

#[test]
fn what_is_wrong_in_the_files() {
    let what = "error[unknown-group]: teams/a.yaml:3:5: `x` is no group\n  3 | groups: [x] ``` @octocat\n\n1 error in 1 file. Nothing was changed.\n";
    let of = Failed { what, in_files: true, next: &[], commit: None };
    insta::assert_snapshot!(failed(&of, &long()));
}
