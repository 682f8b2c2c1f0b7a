//! What one rule allows: kubernetes `pkg/apis/rbac/v1/evaluation_helpers.go`, case by case.

use super::{on, path, rule, urls};
use crate::access::rbac::allows;
use crate::state::{PolicyRule, Request};

#[track_caller]
fn check(rule: &PolicyRule, cases: &[(&str, bool)]) {
    for (question, expected) in cases {
        assert_eq!(allows(rule, &on(question, "")), *expected, "{question} by {rule:?}");
    }
}

#[test]
fn a_verb_is_equal_or_the_rule_has_a_star() {
    check(
        &rule(&["get", "List"], &[""], &["pods"], &[]),
        &[
            ("get /pods", true),
            ("List /pods", true),
            ("list /pods", false),
            ("GET /pods", false),
            ("ge /pods", false),
            ("gets /pods", false),
            ("* /pods", false),
        ],
    );
    check(&rule(&["*"], &[""], &["pods"], &[]), &[("get /pods", true), ("anything /pods", true), ("* /pods", true)]);
    check(&rule(&[], &[""], &["pods"], &[]), &[("get /pods", false), ("* /pods", false)]);
    check(&rule(&["g*"], &[""], &["pods"], &[]), &[("get /pods", false), ("g* /pods", true)]);
}

#[test]
fn an_api_group_is_equal_or_the_rule_has_a_star() {
    check(
        &rule(&["get"], &["", "apps"], &["pods"], &[]),
        &[
            ("get /pods", true),
            ("get apps/pods", true),
            ("get Apps/pods", false),
            ("get batch/pods", false),
            ("get */pods", false),
        ],
    );
    check(&rule(&["get"], &["*"], &["pods"], &[]), &[("get /pods", true), ("get batch/pods", true)]);
    check(&rule(&["get"], &[], &["pods"], &[]), &[("get /pods", false), ("get apps/pods", false)]);
    check(&rule(&["get"], &["*.contoso.com"], &["pods"], &[]), &[("get a.contoso.com/pods", false)]);
}

#[test]
fn a_resource_is_equal_with_its_subresource() {
    check(
        &rule(&["get"], &[""], &["pods", "pods/exec"], &[]),
        &[
            ("get /pods", true),
            ("get /pods/exec", true),
            ("get /pods/log", false),
            ("get /Pods", false),
            ("get /pod", false),
            ("get /podss", false),
            ("get /*", false),
            ("get /services/exec", false),
            ("get /exec", false),
        ],
    );
    check(&rule(&["get"], &[""], &["pods/exec"], &[]), &[("get /pods", false), ("get /exec", false)]);
}

#[test]
fn a_star_is_every_resource_with_every_subresource() {
    let star = rule(&["get"], &[""], &["*"], &[]);
    check(&star, &[("get /pods", true), ("get /pods/log", true), ("get /*/*", true), ("get apps/pods", false)]);
}

#[test]
fn a_star_before_a_subresource_is_that_subresource_of_all_and_nothing_else() {
    check(
        &rule(&["get"], &[""], &["*/log"], &[]),
        &[
            ("get /pods/log", true),
            ("get /anything/log", true),
            ("get /*/log", true),
            ("get /log", false),
            ("get /pods", false),
            ("get /pods/logs", false),
            ("get /pods/xlog", false),
            ("get /pods/x/log", false),
            ("get /pods/Log", false),
        ],
    );
    check(
        &rule(&["get"], &[""], &["pods/*"], &[]),
        &[("get /pods/log", false), ("get /pods", false), ("get /pods/*", true)],
    );
    check(&rule(&["get"], &[""], &["*/*"], &[]), &[("get /pods/log", false), ("get /pods/*", true)]);
    check(&rule(&["get"], &[""], &["pods/"], &[]), &[("get /pods", false)]);
}

#[test]
fn no_subresource_may_be_an_empty_one() {
    let empty = Request::Resource {
        verb: "get".to_owned(),
        group: String::new(),
        resource: "pods".to_owned(),
        subresource: Some(String::new()),
        namespace: None,
        name: None,
    };
    assert!(allows(&rule(&["get"], &[""], &["pods"], &[]), &empty));
    assert!(!allows(&rule(&["get"], &[""], &["*/", "pods/"], &[]), &empty));
}

#[test]
fn names_limit_a_rule_to_requests_that_carry_one_of_them() {
    check(
        &rule(&["*"], &[""], &["configmaps"], &["a", "*"]),
        &[
            ("get /configmaps a", true),
            ("create /configmaps a", true),
            ("list /configmaps a", true),
            ("get /configmaps *", true),
            ("get /configmaps b", false),
            ("get /configmaps A", false),
            ("get /configmaps", false),
            ("create /configmaps", false),
            ("list /configmaps", false),
            ("deletecollection /configmaps", false),
        ],
    );
    check(&rule(&["get"], &[""], &["configmaps"], &[]), &[("get /configmaps a", true), ("get /configmaps", true)]);
}

/// As a real API server does: `resourceNames: [""]` is a request without a name.
#[test]
fn the_empty_name_is_listed_like_any_other() {
    let empty = rule(&["get"], &[""], &["configmaps"], &[""]);
    check(&empty, &[("get /configmaps", true), ("get /configmaps a", false)]);
}

#[test]
fn a_path_is_equal_or_begins_as_a_rule_that_ends_in_stars() {
    let rule = urls(&["get", "post"], &["/exact", "/exact/*", "/bar**", "/ba*z/x", "/"]);
    for (asked, expected) in [
        ("/exact", true),
        ("/exact/", true),
        ("/exact/a/b", true),
        ("/exactly", false),
        ("/Exact", false),
        ("/bar", true),
        ("/barn", true),
        ("/bar*", true),
        ("/ba", false),
        ("/baz/x", false),
        ("/ba*z/x", true),
        ("/ba*z/x/y", false),
        ("/", true),
        ("", false),
        ("/x", false),
        ("*", false),
    ] {
        assert_eq!(allows(&rule, &path("get", asked)), expected, "{asked}");
        assert!(!allows(&rule, &path("put", asked)), "{asked}");
    }
    let below = urls(&["get"], &["/exact/*"]);
    assert!(!allows(&below, &path("get", "/exact")) && allows(&below, &path("get", "/exact/")));
}

#[test]
fn a_star_is_every_path() {
    for star in ["*", "**"] {
        let every = urls(&["*"], &[star]);
        assert!(["/", "", "/a/b", "x"].iter().all(|asked| allows(&every, &path("get", asked))), "{star}");
    }
    assert!(!allows(&urls(&[], &["*"]), &path("get", "/")));
}

#[test]
fn paths_and_resources_know_nothing_of_each_other() {
    let everything = rule(&["*"], &["*"], &["*"], &[]);
    assert!(!allows(&everything, &path("get", "/healthz")) && !allows(&everything, &path("get", "*")));
    let every_path = urls(&["*"], &["*"]);
    check(&every_path, &[("get /pods", false), ("* */*", false)]);
    let named = PolicyRule { resource_names: vec!["a".to_owned()], ..every_path };
    assert!(allows(&named, &path("get", "/healthz")), "names are for resources alone");
}
