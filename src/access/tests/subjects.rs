//! Whom a binding reaches, where, and by which role: kubernetes `pkg/registry/rbac/validation/rule.go`, case by case.

use std::collections::BTreeSet;

use super::{binding, namespace, on, path, role, subject, user};
use crate::access::{Caller, Rbac};
use crate::state::{Applier, Binding, Role, RoleKind, Subject, SubjectKind, SubjectName};

fn named(name: &str) -> SubjectName {
    SubjectName::Known(name.to_owned())
}

fn caller(user: &str, groups: &[&str]) -> Caller {
    Caller::exactly(user, groups.iter().map(|group| named(group)))
}

/// Who may get pods in a namespace when this subject is bound to a role that allows it.
fn reached(place: &str, by: &Subject, asked: &str, callers: &[Caller]) -> Vec<String> {
    let (roles, bindings) =
        ([role("", "reader", "get")], [binding(place, "b", RoleKind::ClusterRole, "reader", std::slice::from_ref(by))]);
    let rbac = Rbac::new(&roles, &bindings);
    let request = on("get /pods", asked);
    let place = namespace(place);
    let allowed = callers.iter().filter(|caller| {
        assert_eq!(rbac.allows(caller, &request), caller.is(by, place.as_ref()), "{caller:?}");
        assert_eq!(rbac.allows(caller, &request), !rbac.ways(caller, &request).is_empty(), "{caller:?}");
        rbac.allows(caller, &request)
    });
    allowed.map(|caller| caller.user.clone()).collect()
}

const ACCOUNT: &str = "system:serviceaccount:trinity:bot";

fn everybody() -> Vec<Caller> {
    vec![
        caller("bot", &[]),
        caller("Bot", &[]),
        caller("in", &["a", "bot"]),
        caller("In", &["Bot", "bot2"]),
        caller(ACCOUNT, &[]),
        caller("system:serviceaccount:default:bot", &[]),
        caller("system:serviceaccount:trinity:bot2", &[]),
        caller("as-group", &[ACCOUNT]),
    ]
}

#[test]
fn a_user_is_whoever_has_exactly_that_name() {
    assert_eq!(reached("", &user("bot"), "", &everybody()), ["bot"]);
    assert_eq!(reached("", &subject(SubjectKind::User, Some("elsewhere"), "bot"), "", &everybody()), ["bot"]);
    assert_eq!(reached("trinity", &user("bot"), "trinity", &everybody()), ["bot"]);
    assert_eq!(reached("trinity", &user(ACCOUNT), "trinity", &everybody()), [ACCOUNT]);
}

#[test]
fn a_group_is_whoever_is_in_exactly_that_one() {
    let group = |place| subject(SubjectKind::Group, place, "bot");
    assert_eq!(reached("", &group(None), "", &everybody()), ["in"]);
    assert_eq!(reached("", &group(Some("elsewhere")), "", &everybody()), ["in"]);
    let promised = SubjectName::AfterApply { prefix: String::new(), group: "bot".parse().unwrap() };
    let later = Subject { name: promised.clone(), ..group(None) };
    assert_eq!(reached("", &later, "", &everybody()), [""; 0]);
    assert_eq!(reached("", &later, "", &[Caller::exactly("later", [promised])]), ["later"]);
}

#[test]
fn a_service_account_is_of_its_own_namespace_or_of_that_of_the_binding() {
    let account = |place| subject(SubjectKind::ServiceAccount, place, "bot");
    assert_eq!(reached("", &account(Some("trinity")), "", &everybody()), [ACCOUNT]);
    assert_eq!(reached("default", &account(Some("trinity")), "default", &everybody()), [ACCOUNT]);
    for none in [None, Some("")] {
        assert_eq!(reached("trinity", &account(none), "trinity", &everybody()), [ACCOUNT]);
        assert_eq!(reached("", &account(none), "", &everybody()), [""; 0], "without a namespace it is nobody");
    }
}

#[test]
fn a_subject_of_another_kind_is_nobody() {
    for kind in ["Robot", "user", ""] {
        let other = subject(SubjectKind::Other(kind.to_owned()), Some("trinity"), "bot");
        assert_eq!(reached("", &other, "", &everybody()), [""; 0]);
        let (roles, bindings) =
            ([role("", "reader", "get")], [binding("", "b", RoleKind::ClusterRole, "reader", &[other, user("bot")])]);
        let rbac = Rbac::new(&roles, &bindings);
        let may: Vec<_> = rbac.subjects_allowed(&on("get /pods", "")).iter().map(|way| &way.subject.name).collect();
        assert_eq!(may, [&named("bot")], "nobody can be it");
    }
}

#[test]
fn masters_may_do_anything_and_need_no_role() {
    let nothing = Rbac::new([], []);
    let master = caller("erin", &["system:masters"]);
    assert!(nothing.allows(&master, &on("any thing/at all", "")) && nothing.allows(&master, &path("get", "/x")));
    assert!(!nothing.allows(&caller("system:masters", &["system:master", "System:masters"]), &path("get", "/x")));
}

#[test]
fn groups_are_taken_as_they_are_or_with_the_one_of_everybody() {
    let in_it = |caller: Caller| caller.groups.contains(&named("system:authenticated"));
    assert!(!in_it(caller("hayden", &[])));
    assert!(in_it(Caller::authenticated("hayden", [])));
    assert!(!in_it(Caller::authenticated("system:anonymous", [])));
    assert!(!in_it(Caller::authenticated("hayden", [named("system:unauthenticated")])));
    let applier = Applier { user: "hayden".to_owned(), groups: ["a".to_owned()].into() };
    assert_eq!(Caller::from(&applier), caller("hayden", &["a"]));
}

/// A world of one user in which each role allows a verb of its own.
fn world() -> (Vec<Role>, Vec<Binding>) {
    let roles = vec![role("", "same", "cluster"), role("trinity", "same", "local"), role("default", "same", "default")];
    let bindings = vec![binding("", "b", RoleKind::ClusterRole, "gone", &[user("u")])];
    (roles, bindings)
}

/// The verbs that the user may use on pods in each place, and on a path.
fn verbs(binding: Binding) -> Vec<String> {
    let (roles, mut bindings) = world();
    bindings.push(binding);
    let rbac = Rbac::new(&roles, &bindings);
    let mut allowed = Vec::new();
    for verb in ["cluster", "local", "default"] {
        for place in ["", "trinity", "default"] {
            let request = on(&format!("{verb} /pods"), place);
            if rbac.allows(&caller("u", &[]), &request) {
                allowed.push(format!("{verb}@{place}"));
            }
            let subjects: BTreeSet<_> = rbac.subjects_allowed(&request).iter().map(|way| &way.subject.name).collect();
            assert_eq!(rbac.allows(&caller("u", &[]), &request), subjects.contains(&named("u")));
            assert!(!rbac.allows(&caller("v", &[]), &request));
        }
        if rbac.allows(&caller("u", &[]), &path(verb, "/healthz")) {
            allowed.push(format!("{verb} /healthz"));
        }
    }
    allowed
}

#[test]
fn a_binding_holds_where_it_is_and_gives_the_role_it_means() {
    let to = |place: &str, kind, role: &str| verbs(binding(place, "b", kind, role, &[user("u")]));
    assert_eq!(
        to("", RoleKind::ClusterRole, "same"),
        ["cluster@", "cluster@trinity", "cluster@default", "cluster /healthz"]
    );
    assert_eq!(to("trinity", RoleKind::ClusterRole, "same"), ["cluster@trinity"]);
    assert_eq!(to("trinity", RoleKind::Role, "same"), ["local@trinity"]);
    assert_eq!(to("default", RoleKind::Role, "same"), ["default@default"]);
    assert_eq!(to("payments", RoleKind::Role, "same"), [""; 0]);
    assert_eq!(to("", RoleKind::Role, "same"), [""; 0], "a role is in a namespace");
    assert_eq!(to("", RoleKind::ClusterRole, "gone"), [""; 0], "one that is not there gives nothing");
    assert_eq!(to("trinity", RoleKind::ClusterRole, "Same"), [""; 0]);
}

#[test]
fn a_namespace_is_in_itself() {
    let mut reader = role("", "reader", "get");
    reader.rules[0].resources = vec!["namespaces".to_owned()];
    let bound = [binding("trinity", "b", RoleKind::ClusterRole, "reader", &[user("u")])];
    let rbac = Rbac::new([&reader], &bound);
    let may = |question: &str, place: &str| rbac.allows(&caller("u", &[]), &on(question, place));
    assert!(may("get /namespaces trinity", "trinity") && may("get /namespaces", "trinity"));
    assert!(!may("get /namespaces trinity", "") && !may("get /namespaces", ""));
    assert!(!may("get /namespaces trinity", "default"));
}

#[test]
fn every_binding_counts_and_every_way_is_told() {
    let roles = [role("", "reader", "get"), role("trinity", "local", "get")];
    let group = subject(SubjectKind::Group, None, "g");
    let bindings = [
        binding("", "everywhere", RoleKind::ClusterRole, "reader", &[user("v"), user("u"), group.clone(), user("u")]),
        binding("trinity", "here", RoleKind::Role, "local", std::slice::from_ref(&group)),
        binding("trinity", "gone", RoleKind::Role, "gone", &[group]),
        binding("default", "there", RoleKind::ClusterRole, "reader", &[user("u")]),
    ];
    let rbac = Rbac::new(&roles, &bindings);
    let who = caller("u", &["g"]);
    let request = on("get /pods", "trinity");
    let ways = rbac.ways(&who, &request);
    let told: Vec<_> = ways.iter().map(|way| (way.binding.name.as_str(), &way.subject.name)).collect();
    assert_eq!(told, [("everywhere", &named("u")), ("here", &named("g"))]);
    let given: Vec<_> = rbac.given(&who).map(|grant| (grant.binding.name.as_str(), grant.rules.is_some())).collect();
    assert_eq!(given, [("everywhere", true), ("here", true), ("gone", false), ("there", true)]);
    let trinity = namespace("trinity");
    let reaching: Vec<_> = rbac.reaching(&who, trinity.as_ref()).map(|grant| grant.binding.name.as_str()).collect();
    assert_eq!(reaching, ["everywhere", "here", "gone"]);
    assert_eq!(rbac.bindings().len(), 4);
}
