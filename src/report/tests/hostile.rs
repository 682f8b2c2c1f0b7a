//! Whatever the tenant and the clusters call things, output stays a page of text.

use proptest::prelude::*;

use super::*;
use crate::plan::BindingOwner;
use crate::report::text::{Layout, Outcomes, closing, opening, plan};
use crate::report::{escape, json};
use crate::state::Outcome;

/// Text of the kind that somebody would choose to deceive: escape sequences, line breaks, bidi overrides, long text.
pub(in crate::report) fn hostile() -> impl Strategy<Value = String> {
    prop_oneof![
        any::<String>(),
        Just("\u{1b}]0;owned\u{7}\u{1b}[2J\u{1b}[31m".to_owned()),
        Just("fine\n+ member erin@contoso.com\r\t".to_owned()),
        Just("\u{9b}31m\u{202e}nimda\u{2066}\u{200b}\u{feff}".to_owned()),
        Just("\" (done)   teams/sre.yaml:4".to_owned()),
        Just("x".repeat(5000)),
        Just(String::new()),
    ]
}

/// The full plan with every text that can come from elsewhere taken from the pool.
pub(in crate::report) fn hostile_plan(pool: &[String]) -> Plan {
    let mut texts = pool.iter().cycle().cloned();
    let mut next = || texts.next().unwrap_or_default();
    let mut plan = full_plan();
    plan.domain = Some(next());
    plan.names.values_mut().for_each(|name| *name = next());
    for entry in &mut plan.withheld {
        entry.message = next();
        entry.origin.as_mut().unwrap().file = next().into();
    }
    for note in &mut plan.notes {
        note.message = next();
    }
    for binding in &mut plan.unmanaged {
        if let Address::Object { name, .. } = &mut binding.address {
            *name = next();
        }
        if let BindingOwner::OtherConfig(config) = &mut binding.owner {
            *config = next();
        }
        binding.role.name = next();
        for _ in 0..4 {
            binding.subjects.push(Subject {
                kind: SubjectKind::ServiceAccount,
                name: SubjectName::Known(next()),
                namespace: Some(next()),
                principal: None,
            });
        }
        let origin = Origin { file: next().into(), line: 3 };
        binding.beside.push(Beside { address: binding.address.clone(), origin, replaceable: true });
    }
    for verdict in &mut plan.verdicts {
        (verdict.message, verdict.subject, verdict.guard) = (next(), next(), next());
    }
    for part in &mut plan.unread {
        (part.failure.what, part.failure.next) = (next(), Some(next()));
    }
    for change in &mut plan.changes {
        if let Address::Object { name, .. } = &mut change.address {
            *name = next();
        }
        change.overrules.push(next());
        if let Some(origin) = &mut change.origin {
            origin.file = next().into();
        }
        let (before, after) = match &mut change.operation {
            Operation::Create { after } | Operation::Restore { after } => (None, Some(after)),
            Operation::Update { before, after } => (Some(before), Some(after)),
            Operation::Delete { before } => (Some(before), None),
        };
        for resource in before.into_iter().chain(after) {
            poison(resource, &mut next);
        }
    }
    plan
}

fn poison(resource: &mut Resource, next: &mut impl FnMut() -> String) {
    match resource {
        Resource::Group(group) => {
            group.display_name = next();
            group.description = Some(next());
            group.mail_nickname = Some(next());
            group.unique_name = Some(next());
        }
        Resource::Owner(_) | Resource::Member(_) => {}
        Resource::Role(role) => {
            role.name = next();
            for rule in &mut role.rules {
                rule.api_groups.push(next());
                rule.resources = vec![next(), next()];
                rule.verbs = vec![next()];
                rule.resource_names = vec![next()];
                rule.non_resource_urls = vec![next()];
            }
        }
        Resource::Binding(binding) => {
            (binding.name, binding.role.name) = (next(), next());
            let name = SubjectName::AfterApply { prefix: next(), group: key("sre") };
            binding.subjects.push(Subject {
                kind: SubjectKind::Other(next()),
                name: SubjectName::Known(next()),
                namespace: Some(next()),
                principal: None,
            });
            binding.subjects.push(Subject { kind: SubjectKind::Group, name, namespace: None, principal: None });
            binding.subjects.push(subject(SubjectKind::User, &next(), Some(user("sam@contoso.com"))));
        }
    }
}

/// The colours that we set ourselves, taken out again.
fn without_own_colours(text: &str) -> String {
    ["\u{1b}[31m", "\u{1b}[32m", "\u{1b}[33m", "\u{1b}[1m", "\u{1b}[0m"]
        .iter()
        .fold(text.to_owned(), |text, code| text.replace(code, ""))
}

fn is_a_page(text: &str) -> bool {
    text.ends_with('\n') && !text.chars().any(|character| character != '\n' && escape::is_hidden(character))
}

fn rendered(pool: &[String], layout: Layout) -> Vec<String> {
    let hostile = hostile_plan(pool);
    let mut pages = vec![
        plan(&hostile, &context(), layout),
        plan(&Plan { changes: Vec::new(), ..hostile.clone() }, &Context::default(), layout),
        opening(&hostile.changes, std::path::Path::new(&pool[0]), layout),
        closing(&crate::apply::Summary::default(), false, Some(&pool[0]), layout),
    ];
    let outcomes = Outcomes::new(&hostile.changes, layout);
    for (change, text) in hostile.changes.iter().zip(pool.iter().cycle()) {
        let failure = Failure::new(FailureKind::Conflict, text.clone()).with_next(text.clone());
        pages.push(outcomes.line(change, &Outcome::Failed { failure }));
        pages.push(outcomes.line(change, &Outcome::NotTried { reason: text.clone() }));
    }
    pages
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn text_holds_nothing_but_text(pool in prop::collection::vec(hostile(), 1..12), width in 1_usize..200) {
        let plain = rendered(&pool, Layout { width, colour: false });
        for page in &plain {
            prop_assert!(is_a_page(page), "{:?}", page);
        }
        let signs = |page: &str| page.lines().filter(|line| line.starts_with(['+', '~', '-', '!', '='])).count();
        let honest = plan(&full_plan(), &context(), Layout { width: 120, colour: false });
        let screen = plan(&hostile_plan(&pool), &context(), Layout { width: 120, colour: false });
        prop_assert_eq!(signs(&screen), signs(&honest), "no text adds a line with a sign");
    }

    #[test]
    fn colour_adds_only_colour(pool in prop::collection::vec(hostile(), 1..12)) {
        let plain = rendered(&pool, Layout { width: 100, colour: false });
        let coloured = rendered(&pool, Layout { width: 100, colour: true });
        for (plain, coloured) in plain.iter().zip(&coloured) {
            prop_assert_eq!(&without_own_colours(coloured), plain);
        }
    }

    #[test]
    fn json_holds_nothing_that_acts(pool in prop::collection::vec(hostile(), 1..12)) {
        let hostile = hostile_plan(&pool);
        let text = json::plan_v1(&hostile, &context());
        prop_assert!(is_a_page(&text));
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        prop_assert_eq!(value["tenant"]["domain"].as_str(), hostile.domain.as_deref());
    }
}
