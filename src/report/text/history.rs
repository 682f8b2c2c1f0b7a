//! The history of somebody's access.

use std::collections::{BTreeMap, BTreeSet};

use super::Layout;
use super::page::{Mark, Page};
use super::since::{author, named};
use super::words;
use crate::report::escape;
use crate::state::history::{At, Fact, History, List, Place, Step, Whose};
use crate::state::{EnvironmentName, GroupKey, PrincipalName, RoleKey, Sign, first_few};

/// The most places that are named of one grant, and the most names of one list.
const MOST_NAMED: usize = 8;

/// The history, newest first.
pub fn history(history: &History, layout: Layout) -> String {
    let mut page = Page::new(layout);
    for step in &history.steps {
        step_of(&mut page, step, history);
        page.gap();
    }
    let whose = called(&history.whose);
    let commits = match history.commits {
        1 => "1 commit".to_owned(),
        commits => format!("{commits} commits"),
    };
    let steps = match (history.steps.len(), history.since) {
        // Older commits were not looked at.
        (0, Some(since)) => format!("Nothing changed for {whose} since {since}."),
        (0, None) => format!("Nothing changed for {whose}, in {commits}."),
        (1, _) => format!("1 step in the history of {whose}, from {commits}."),
        (steps, _) => format!("{steps} steps in the history of {whose}, newest first, from {commits}."),
    };
    page.words(0, &steps);
    if history.has_more {
        page.words(0, "There are older ones: raise --limit to see them.");
    }
    page.render()
}

fn called(whose: &Whose) -> String {
    match whose {
        Whose::Person(names) => names.first().map(plain).unwrap_or_default(),
        Whose::Group(key) => format!("group {key}"),
    }
}

fn plain(name: &PrincipalName) -> String {
    match name {
        PrincipalName::User(name) => name.to_string(),
        other => words::principal(other),
    }
}

fn step_of(page: &mut Page, step: &Step, history: &History) {
    match &step.at {
        At::Revision(revision) => {
            let by = author(&revision.author);
            let others: Vec<String> =
                step.authors.iter().filter(|name| **name != revision.author).map(|name| author(name)).collect();
            let by = if others.is_empty() { by } else { format!("{}, merged by {by}", first_few(others, MOST_NAMED)) };
            page.words(0, &format!("{}  {}  {by}", revision.date, named(revision)));
        }
        At::Uncommitted => page.words(0, "not committed yet"),
        At::Horizon(revision, _) => {
            let text = format!("{}  {}, or before: this shallow clone ends here", revision.date, named(revision));
            page.words(0, &text);
        }
    }
    if !step.title.trim().is_empty() {
        page.detail(2, &escape::name(&step.title));
    }
    for (old, new) in &step.turn.renamed {
        page.marked(2, Mark::Sign(Sign::Change), &format!("group {old} is called {new}"), None);
    }
    let is_end = matches!(step.at, At::Horizon(..));
    for (mark, text) in rows(step, history) {
        page.marked(2, if is_end { Mark::Same } else { Mark::Sign(mark) }, &text, None);
    }
    for skipped in &step.skipped {
        let text = format!(
            "with what {} did, whose files do not hang together: {}",
            named(&skipped.revision),
            escape::message(&skipped.why)
        );
        page.detail(2, &text);
    }
}

/// What came, changed and went: each in words.
fn rows(step: &Step, history: &History) -> Vec<(Sign, String)> {
    let (mut came, mut went) = (step.turn.came.clone(), step.turn.went.clone());
    let mut changed = Vec::new();
    for fact in &step.turn.came {
        match fact {
            Fact::Property(name, now) => {
                let was = went.iter().find(|was| matches!(was, Fact::Property(of, _) if of == name)).cloned();
                let before = match &was {
                    Some(Fact::Property(_, before)) => property(before),
                    _ => "left out".to_owned(),
                };
                // What a new group says of itself is not a change of it.
                if !step.turn.came.iter().any(|fact| matches!(fact, Fact::Block(_))) {
                    changed.push((Sign::Change, format!("{name}: {before} → {}", property(now))));
                }
                went.retain(|fact| Some(fact) != was.as_ref());
                came.remove(fact);
            }
            Fact::Allows(role, _) => {
                changed.push((Sign::Change, format!("role {role} allows something else")));
                went.retain(|fact| !matches!(fact, Fact::Allows(of, _) if of == role));
                came.remove(fact);
            }
            _ => {}
        }
    }
    let is_deleted = went.iter().any(|fact| matches!(fact, Fact::Block(_)));
    for fact in went.clone() {
        if let Fact::Property(name, before) = &fact {
            if !is_deleted {
                changed.push((Sign::Change, format!("{name}: {} → left out", property(before))));
            }
            went.remove(&fact);
        }
    }
    let mut rows: Vec<(Sign, String)> = Vec::new();
    rows.extend(told(&came, &history.whose).into_iter().map(|text| (Sign::Add, text)));
    rows.extend(changed);
    rows.extend(told(&went, &history.whose).into_iter().map(|text| (Sign::Remove, text)));
    rows
}

fn property(value: &str) -> String {
    if value.is_empty() { "\"\"".to_owned() } else { escape::name(value) }
}

/// Facts in words: what belongs together in one row.
fn told(facts: &BTreeSet<Fact>, whose: &Whose) -> Vec<String> {
    let mut rows = Vec::new();
    let mut holds: BTreeMap<List, Vec<String>> = BTreeMap::new();
    let mut grants: BTreeMap<(&Option<GroupKey>, &RoleKey), Vec<String>> = BTreeMap::new();
    let mut expected: BTreeMap<(&str, &str), Vec<&EnvironmentName>> = BTreeMap::new();
    for fact in facts {
        match fact {
            Fact::Block(key) => rows.push(format!("group {key}")),
            Fact::Listed(List::Members, key) => rows.push(format!("member of {key}")),
            Fact::Listed(List::Owners, key) => rows.push(format!("owner of {key}")),
            Fact::Listed(List::Absent, key) => rows.push(format!("to be absent from {key}")),
            Fact::Nested(key, way) => {
                let way: Vec<String> = way.iter().map(ToString::to_string).collect();
                rows.push(format!("in {key}, through {}", way.join(" in ")));
            }
            Fact::Holds(list, who) => holds.entry(*list).or_default().push(words::principal(who)),
            Fact::Grant { by, role, environment, place } => {
                grants.entry((by, role)).or_default().push(place_of(environment, place));
            }
            Fact::Expected { key, environment, request } => {
                expected.entry((key, request)).or_default().push(environment);
            }
            Fact::Property(..) | Fact::Allows(..) => {}
        }
    }
    for (list, people) in holds {
        let kind = match list {
            List::Members => "member",
            List::Owners => "owner",
            List::Absent => "to be absent:",
        };
        rows.extend(people.into_iter().map(|who| format!("{kind} {who}")));
    }
    for ((by, role), places) in grants {
        let by = match (by, whose) {
            (Some(by), _) => format!(", by {by}"),
            (None, Whose::Person(_)) => ", granted to them alone".to_owned(),
            (None, Whose::Group(_)) => String::new(),
        };
        rows.push(format!("role {role} on {}{by}", first_few(places, MOST_NAMED)));
    }
    for ((key, request), environments) in expected {
        let environments = first_few(environments, MOST_NAMED);
        rows.push(format!("expected on {environments}: {key} {}", escape::name(request)));
    }
    rows
}

fn place_of(environment: &EnvironmentName, place: &Place) -> String {
    match place {
        Place::Cluster => format!("all of {environment}"),
        Place::Namespace(namespace) => format!("{environment}/{namespace}"),
        Place::Labels(labels) => {
            let labels: Vec<String> =
                labels.iter().map(|(key, value)| escape::name(&format!("{key}={value}"))).collect();
            format!("{environment}, namespaces with {}", labels.join(" and "))
        }
    }
}
