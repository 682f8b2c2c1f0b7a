//! Drift as a document.

use std::collections::BTreeMap;
use std::time::Duration;

use proptest::prelude::*;

use super::super::{Host, MEASURED, drift};
use super::{is_inert, long, outline, words};
use crate::plan::drift::{Drift, Evidence};
use crate::plan::{Plan, Rights, Treatment, UnmanagedBinding};
use crate::report::tests::hostile::{hostile, hostile_plan};
use crate::report::tests::*;
use crate::report::{Context, Spent, escape};
use crate::state::power::Power;
use crate::state::{FieldWrite, Identity, KubernetesKind, SubjectKind, WrittenField};

fn by_hand(manager: &str) -> Evidence {
    Evidence::Object {
        created: Some("2026-11-20T08:00:00Z".to_owned()),
        deleting: None,
        writes: vec![FieldWrite {
            manager: manager.to_owned(),
            operation: "Update".to_owned(),
            time: Some("2026-11-23T14:02:11Z".to_owned()),
            fields: [WrittenField::Subjects].into(),
            is_ours: false,
        }],
        ours: None,
    }
}

/// What is known of a plan: every object was written by this manager, and one binding is refused.
fn known(plan: &Plan, manager: &str) -> Drift {
    let objects = plan.changes.iter().filter(|change| change.address.environment().is_some());
    let evidence: BTreeMap<_, _> = objects.map(|change| (change.address.clone(), by_hand(manager))).collect();
    let refused = plan.unmanaged.iter().take(1).cloned();
    let refused =
        refused.map(|binding| (UnmanagedBinding { treatment: Treatment::Refused, ..binding }, by_hand(manager)));
    Drift { evidence, refused: refused.collect(), log: None }
}

fn by_service_account(name: &str) -> UnmanagedBinding {
    UnmanagedBinding {
        rights: Rights::Master(Power::All),
        ..unmanaged(
            object("alpha", KubernetesKind::ClusterRoleBinding, None, name),
            "cluster-admin",
            vec![subject(SubjectKind::ServiceAccount, "helm", None)],
        )
    }
}

#[test]
fn everything_that_people_meet() {
    let mut plan = full_plan();
    plan.unmanaged.push(by_service_account("helm-kube-system-traefik"));
    insta::assert_snapshot!(drift(&plan, &known(&plan, "kubectl-edit"), &context(), &long()));
}

#[test]
fn no_drift_is_one_line_that_names_what_is_not_counted() {
    let none = Drift::default();
    let head = "<!-- rolecall plan-id:none -->\nNo drift. 184 groups, 3 environments, 412 bindings are as \
                contoso-platform at `4f2c1aa` asks.";
    assert_eq!(drift(&empty_plan(), &none, &context(), &long()), format!("{head}\n"));
    let plan = Plan { unmanaged: full_plan().unmanaged, ..empty_plan() };
    assert_eq!(
        drift(&plan, &none, &context(), &long()),
        format!(
            "{head} Not counted: 2 bindings that no file asks for and rolecall does not manage, 1 of which gives admin, \
             cluster-admin or wildcards; `rolecall plan` lists them.\n"
        )
    );
}

#[test]
fn what_it_has_cost_stands_at_the_end_behind_its_mark() {
    let plan = full_plan();
    let with = |calls: u64, elapsed: u64| {
        let spent = context().spent.map(|spent| Spent {
            graph: crate::state::Usage { requests: calls, ..spent.graph },
            elapsed: Duration::from_millis(elapsed),
            ..spent
        });
        drift(&plan, &known(&plan, "kubectl-edit"), &Context { spent, ..context() }, &long())
    };
    let (one, other) = (with(31, 812), with(45, 2_400));
    assert_ne!(one, other);
    let said = |document: &str| {
        let last = document.lines().last().unwrap().split_once(MEASURED).map(|(said, _)| said.to_owned()).unwrap();
        document.rsplit_once(MEASURED).map(|(all, _)| (all.to_owned(), last)).unwrap()
    };
    assert_eq!(said(&one), said(&other));
}

/// A plan with so many members of a group who are in no file.
fn large(members: usize) -> Plan {
    let mut plan = full_plan();
    for at in 0..members {
        let person = user(&format!("person{at:05}@contoso.com"));
        plan.changes.push(remove_member(edge(
            &format!("group-{}", at % 97),
            Identity::Known(id("0f3c")),
            person,
            Identity::Known(id("7d1a")),
        )));
    }
    plan
}

#[test]
fn many_who_reach_what_is_protected_are_marked_at_once() {
    let mut plan = Plan { changes: large(97 * 20).changes.split_off(full_plan().changes.len()), ..empty_plan() };
    plan.changes.retain(|change| change.address.group() == Some(&key("group-7")));
    plan.changes.iter_mut().for_each(|change| change.protected = [environment("prod")].into());
    let text = drift(&plan, &Drift::default(), &context(), &long());
    assert!(text.contains("\n+     20 members [protected: prod]\n"), "{text}");
    assert!(text.contains("; `apply` removes them, from a saved plan only\n"), "{text}");
    let next = "- To take it back, with what is protected (prod): `rolecall plan --save FILE; rolecall apply FILE`\n";
    assert!(text.contains(next), "{text}");
}

#[test]
fn the_differences_are_shortened_and_guards_are_not() {
    let sheet = Host::of(|_| None).about(super::super::Subject::Drift).sheet(true, &[]);
    let plan = large(20_000);
    let text = drift(&plan, &known(&plan, "helm"), &context(), &sheet);
    assert!(text.len() <= sheet.limit && text.len() > sheet.limit - 300, "{}", text.len());
    assert!(text.contains("more; see all of the drift in the output of this run."), "{text}");
    assert!(text.contains("if meant: `--acknowledge group-deleted:old-contractors`"));
    assert!(text.lines().last().unwrap().contains(MEASURED));
}

/// The same pool with a harmless word for each text.
fn harmless(pool: &[String]) -> Vec<String> {
    let first = |text: &String| pool.iter().position(|other| other == text).unwrap();
    pool.iter().map(|text| format!("name-{}", first(text))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn drift_of_hostile_names_has_the_structure_of_any_other(pool in prop::collection::vec(hostile(), 1..12)) {
        let of = |pool: &[String]| {
            let plan = hostile_plan(pool);
            drift(&plan, &known(&plan, &pool[0]), &context(), &long())
        };
        let (document, honest) = (of(&pool), of(&harmless(&pool)));
        prop_assert_eq!(outline(&document), outline(&honest));
        prop_assert!(!escape::acts_on_ci(&document), "{}", document);
        prop_assert!(!document.chars().any(|character| character != '\n' && escape::is_hidden(character)));
        for words in words(&document) {
            prop_assert!(is_inert(&words), "{:?}", words);
        }
    }
}
