//! Whatever the tenant and the clusters call things, a host sees the same document.

use proptest::prelude::*;

use super::super::{Failed, failed, plan};
use super::{is_inert, long, outline, words};
use crate::report::Context;
use crate::report::escape;
use crate::report::tests::hostile::{hostile, hostile_plan};
use crate::report::tests::*;

/// With what the lines of the fences begin, but for a space; in the order of signs, for names are sorted.
fn signs(document: &str) -> Vec<char> {
    let mut inside = false;
    let mut signs = Vec::new();
    for line in document.lines() {
        if line.trim_start_matches('`').starts_with("diff") || inside && line.chars().all(|each| each == '`') {
            inside = !inside;
        } else if inside && !line.starts_with(' ') {
            signs.extend(line.chars().next());
        }
    }
    signs.sort_unstable();
    signs
}

/// The same pool with a harmless word for each text.
fn harmless(pool: &[String]) -> Vec<String> {
    let first = |text: &String| pool.iter().position(|other| other == text).unwrap();
    pool.iter().map(|text| format!("name-{}", first(text))).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn a_plan_of_hostile_names_has_the_structure_of_any_other(pool in prop::collection::vec(hostile(), 1..12)) {
        let document = plan(&hostile_plan(&pool), &context(), &long());
        let honest = plan(&hostile_plan(&harmless(&pool)), &context(), &long());
        prop_assert_eq!(outline(&document), outline(&honest));
        prop_assert_eq!(signs(&document), signs(&honest));
        prop_assert!(!document.chars().any(|character| character != '\n' && escape::is_hidden(character)));
        for words in words(&document) {
            prop_assert!(is_inert(&words), "{:?}", words);
        }
    }

    #[test]
    fn a_failure_has_one_fence(what in hostile(), next in hostile()) {
        let context = Context { ..context() };
        let next = [next];
        let document = failed(&Failed { what: &what, in_files: false, next: &next, commit: context.commit.as_ref() }, &long());
        let honest = ["x".to_owned()];
        let honest = failed(&Failed { what: "x", in_files: false, next: &honest, commit: context.commit.as_ref() }, &long());
        prop_assert_eq!(outline(&document), outline(&honest));
    }
}
