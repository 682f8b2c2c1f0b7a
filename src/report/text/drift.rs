//! Drift as text: the plan seen from the live side.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::page::{Mark, Page};
use super::plan::{footer, header, subject};
use super::view::View;
use super::words::{self, count};
use super::{Layout, access, entra, guards, plan as whole};
use crate::plan::Plan;
use crate::plan::drift::{Drift, Evidence, Standing};
use crate::report::{Context, drift as said, escape};
use crate::state::{
    Address, Binding, Change, Edge, EnvironmentName, Group, GroupKey, PolicyRule, Resource, Sign, Subject,
};

/// What live systems have otherwise than the files ask. Where that is nothing, one line and what it has cost.
pub fn drift(plan: &Plan, drift: &Drift, context: &Context, layout: Layout) -> String {
    let mut page = Page::new(layout);
    if !(plan.is_without_drift() && plan.unread.is_empty()) {
        page.words(0, &header(plan, context));
    }
    access::drift(&mut page, &context.access);
    let view = View::of(plan);
    for (environment, changes) in by_place(plan, drift) {
        page.gap();
        page.words(0, environment.map_or("Entra", EnvironmentName::as_str));
        at_place(&mut page, environment, &changes, drift, &view);
    }
    whole::withheld_part(&mut page, "Withheld: `apply` leaves it as it is", &plan.withheld.iter().collect::<Vec<_>>());
    whole::unread(&mut page, plan);
    guards::guards(&mut page, plan, context);
    page.gap();
    for said::Remark { what, next } in said::remarks(plan, drift) {
        page.words(0, &what);
        if let Some(next) = next {
            page.detail(2, &format!("> {next}"));
        }
    }
    if let Some(said::NotCounted { sentence, much }) = said::not_counted(plan, &view) {
        whole::messages(&mut page, &sentence, &much);
        page.gap();
    }
    let sentences = conclusions(plan, drift, context);
    whole::conclusions(&mut page, &sentences, layout);
    for (what, command) in said::next(plan, &view) {
        page.detail(2, &format!("> {what}: {command}"));
    }
    if let Some(spent) = context.spent {
        page.words(0, &footer(spent));
    }
    page.render()
}

/// What comes out, in sentences.
pub(in crate::report) fn conclusions(plan: &Plan, drift: &Drift, context: &Context) -> Vec<String> {
    let compared = [
        (plan.compared.groups, "group"),
        (plan.compared.environments, "environment"),
        (plan.compared.bindings, "binding"),
    ];
    let compared = compared.map(|(number, thing)| count(number, thing)).join(", ");
    said::conclusions(plan, drift, &subject(plan, context.commit.as_ref()), &compared)
}

/// What would be put right, by the place where it is, Entra (`None`) first. A place where a binding of others is refused, and
/// nothing else is off, is there as well.
pub(in crate::report) fn by_place<'p>(
    plan: &'p Plan,
    drift: &'p Drift,
) -> BTreeMap<Option<&'p EnvironmentName>, Vec<&'p Change>> {
    let mut on = whole::by_place(plan, |_| true);
    for (binding, _) in &drift.refused {
        on.entry(Some(&binding.environment)).or_default();
    }
    on
}

/// Each difference at a place: what is there, since when and by whom, and what an apply makes of it.
pub(in crate::report) fn at_place(
    page: &mut Page,
    environment: Option<&EnvironmentName>,
    changes: &[&Change],
    drift: &Drift,
    view: &View<'_>,
) {
    let pages = Pages { view, drift };
    match environment {
        None => pages.groups(page, changes),
        Some(name) => {
            pages.objects(page, changes);
            pages.refused(page, name);
        }
    }
}

struct Pages<'a> {
    view: &'a View<'a>,
    drift: &'a Drift,
}

/// People of whom the same is said.
type Alike<'c> = BTreeMap<(Standing, String), Vec<(&'c Change, &'c Edge)>>;

/// When many were added or removed: what is said of each is the same but for the time.
fn between(times: &[Timestamp]) -> Option<String> {
    let (first, last) = (times.iter().min()?, times.iter().max()?);
    let (first, last) = (said::at(*first), said::at(*last));
    Some(if first == last { first } else { format!("between {first} and {last}") })
}

impl Pages<'_> {
    /// Since when and by whom, as far as that is known, and what an apply makes of it.
    fn said(&self, change: &Change) -> String {
        let known = said::known(Standing::of(change), self.drift.of(&change.address));
        self.with_would(change, known.as_deref())
    }

    /// The same of several, of whom nothing but the time is different.
    fn said_of_all(&self, change: &Change, times: &[Timestamp]) -> String {
        match self.drift.of(&change.address) {
            Evidence::Audited { by, .. } => self.with_would(change, Some(&said::audited(by, between(times)))),
            _ => self.said(change),
        }
    }

    fn with_would(&self, change: &Change, known: Option<&str>) -> String {
        let would = said::apply_would(change, !self.view.protection(change).is_empty());
        format!("{}; {would}", known.unwrap_or(said::UNKNOWN))
    }

    fn time_of(&self, change: &Change) -> Option<Timestamp> {
        match self.drift.of(&change.address) {
            Evidence::Audited { by, .. } => by.time,
            _ => None,
        }
    }

    fn groups(&self, page: &mut Page, changes: &[&Change]) {
        let mut blocks: BTreeMap<&GroupKey, Vec<&Change>> = BTreeMap::new();
        for change in changes {
            if let Some(key) = change.address.group() {
                blocks.entry(key).or_default().push(change);
            }
        }
        for (key, changes) in blocks {
            self.group(page, key, &changes);
        }
    }

    fn group(&self, page: &mut Page, key: &GroupKey, changes: &[&Change]) {
        let own = changes.iter().find(|change| matches!(change.address, Address::Group(_)));
        let id = changes.iter().find_map(|change| entra::group_id(change)).map(words::short).unwrap_or_default();
        let edges = changes.iter().filter(|change| !matches!(change.address, Address::Group(_)));
        match own {
            None => page.marked(0, Mark::Sign(Sign::Change), &format!("group {key}{id}"), None),
            Some(change) => {
                let standing = Standing::of(change);
                let text = format!("group {key}{id}{}", self.view.protection(change));
                page.marked(0, Mark::Sign(standing.sign()), &text, View::origin(change, "not in the files"));
                properties(page, change);
                page.detail(4, &self.said(change));
                if standing == Standing::Less {
                    let number = edges.clone().count();
                    if number > 0 {
                        page.detail(4, &format!("with it {} missing", count(number, "member or owner")));
                    }
                    return;
                }
            }
        }
        for (title, is_owner) in [("owner", true), ("member", false)] {
            let mut alike = Alike::new();
            for change in edges.clone() {
                if let Some(edge) = entra::edge_of(change, is_owner) {
                    alike
                        .entry((Standing::of(change), self.said_of_all(change, &[])))
                        .or_default()
                        .push((change, edge));
                }
            }
            for ((standing, _), edges) in alike {
                for (said, mut edges) in self.apart(edges) {
                    edges.sort_by(|(_, one), (_, other)| one.principal.cmp(&other.principal));
                    self.edges(page, title, standing.sign(), &edges);
                    page.detail(8, &said);
                }
            }
        }
    }

    /// What is said of each, few by few where the times differ; of many at once.
    fn apart<'c>(&self, edges: Vec<(&'c Change, &'c Edge)>) -> BTreeMap<String, Vec<(&'c Change, &'c Edge)>> {
        let mut apart: BTreeMap<String, Vec<(&Change, &Edge)>> = BTreeMap::new();
        if edges.len() < entra::COLUMNS_FROM {
            for (change, edge) in edges {
                apart.entry(self.said(change)).or_default().push((change, edge));
            }
        } else if let Some((first, _)) = edges.first() {
            let times: Vec<Timestamp> = edges.iter().filter_map(|(change, _)| self.time_of(change)).collect();
            apart.insert(self.said_of_all(first, &times), edges);
        }
        apart
    }

    fn edges(&self, page: &mut Page, title: &str, sign: Sign, edges: &[(&Change, &Edge)]) {
        if edges.len() < entra::COLUMNS_FROM {
            for (change, edge) in edges {
                let text = format!("{title} {}{}", words::edge(edge, self.view), self.view.protection(change));
                page.marked(4, Mark::Sign(sign), &text, View::origin(change, "not in the files"));
            }
            return;
        }
        let protected: BTreeSet<&str> = edges.iter().flat_map(|(change, _)| self.view.protected(change)).collect();
        let text = format!("{}{}", count(edges.len(), title), View::mark_of(&protected));
        page.marked(4, Mark::Sign(sign), &text, None);
        let items: Vec<String> = edges.iter().map(|(_, edge)| words::edge(edge, self.view)).collect();
        page.columns(8, &items);
    }

    fn objects(&self, page: &mut Page, changes: &[&Change]) {
        let mut changes = changes.to_vec();
        changes.sort_by(|one, other| one.address.cmp(&other.address));
        for change in changes {
            let text = format!("{}{}", words::object(&change.address), self.view.protection(change));
            let sign = Standing::of(change).sign();
            page.marked(0, Mark::Sign(sign), &text, View::origin(change, "not in the files"));
            self.content(page, change);
            page.detail(4, &self.said(change));
        }
    }

    /// What is there and what is asked: `+` is there alone, `-` is asked alone.
    fn content(&self, page: &mut Page, change: &Change) {
        match (change.before(), change.after()) {
            (Some(Resource::Role(live)), Some(Resource::Role(asked))) => {
                if live.rules == asked.rules && live.aggregate_to == asked.aggregate_to {
                    page.detail(4, "its rules are as asked; its marks of ownership are not");
                }
                rules(page, &live.rules, &asked.rules);
                let (live, asked) = (&live.aggregate_to, &asked.aggregate_to);
                for (sign, one, other) in [(Sign::Add, live, asked), (Sign::Remove, asked, live)] {
                    for target in one.difference(other) {
                        page.marked(4, Mark::Sign(sign), &format!("added to {}", target.name()), None);
                    }
                }
            }
            (Some(Resource::Binding(live)), Some(Resource::Binding(asked))) => self.binding(page, live, asked),
            (Some(Resource::Role(live)), None) => rules(page, &live.rules, &[]),
            (None, Some(Resource::Role(asked))) => rules(page, &[], &asked.rules),
            (Some(Resource::Binding(live)), None) => self.subjects(page, Sign::Add, live, &live.subjects),
            (None, Some(Resource::Binding(asked))) => self.subjects(page, Sign::Remove, asked, &asked.subjects),
            _ => {}
        }
    }

    fn binding(&self, page: &mut Page, live: &Binding, asked: &Binding) {
        if live.same_content(asked) {
            page.detail(4, "what it grants is as asked; its marks of ownership are not");
            return;
        }
        if live.role != asked.role {
            self.subjects(page, Sign::Add, live, &live.subjects);
            self.subjects(page, Sign::Remove, asked, &asked.subjects);
            return;
        }
        let only = |one: &Binding, other: &Binding| -> Vec<Subject> {
            let is_in = |subject: &&Subject| !other.subjects.iter().any(|has| has.is_same(subject));
            one.subjects.iter().filter(is_in).cloned().collect()
        };
        self.subjects(page, Sign::Add, live, &only(live, asked));
        self.subjects(page, Sign::Remove, asked, &only(asked, live));
    }

    fn subjects(&self, page: &mut Page, sign: Sign, binding: &Binding, subjects: &[Subject]) {
        let everywhere = if binding.namespace.is_none() { ", on the whole cluster" } else { "" };
        let verb = if sign == Sign::Add { "has" } else { "lacks" };
        for subject in subjects {
            let role = format!("{} {}", binding.role.kind, words::word(&binding.role.name));
            let text = format!("{} {verb}: {role}{everywhere}", words::subject(subject, self.view));
            page.marked(4, Mark::Sign(sign), &text, None);
        }
    }

    /// Bindings of others where the files refuse them.
    fn refused(&self, page: &mut Page, environment: &EnvironmentName) {
        let here = self.drift.refused.iter().filter(|(binding, _)| binding.environment == *environment);
        for (binding, evidence) in here {
            page.marked(
                0,
                Mark::Sign(Sign::Add),
                &words::object(&binding.address),
                Some("refused by the files".to_owned()),
            );
            for subject in &binding.subjects {
                let role = format!("{} {}", binding.role.kind, words::word(&binding.role.name));
                page.marked(
                    4,
                    Mark::Sign(Sign::Add),
                    &format!("{} has: {role}", words::subject(subject, self.view)),
                    None,
                );
            }
            let known = said::known(Standing::More, evidence);
            let known = known.as_deref().unwrap_or(said::UNKNOWN);
            page.detail(4, &format!("{known}; not ours: `apply` refuses while it is there"));
        }
    }
}

/// Which properties of a group differ.
fn properties(page: &mut Page, change: &Change) {
    if let (Some(Resource::Group(live)), Some(Resource::Group(asked))) = (change.before(), change.after()) {
        for (property, live, asked) in differing(live, asked) {
            let quoted = |text: Option<&str>| {
                text.map_or_else(
                    || "none".to_owned(),
                    |text| format!("\"{}\"", escape::message(text).replace('"', "\\\"")),
                )
            };
            page.detail(4, &format!("{property}: is {}, the files say {}", quoted(live), quoted(asked)));
        }
    }
}

/// The properties in which two differ: which, and both.
fn differing<'g>(live: &'g Group, asked: &'g Group) -> Vec<(&'static str, Option<&'g str>, Option<&'g str>)> {
    let all = [
        ("display name", Some(live.display_name.as_str()), Some(asked.display_name.as_str())),
        ("description", live.description.as_deref(), asked.description.as_deref()),
        ("mail nickname", live.mail_nickname.as_deref(), asked.mail_nickname.as_deref()),
        ("unique name", live.unique_name.as_deref(), asked.unique_name.as_deref()),
    ];
    all.into_iter().filter(|(_, live, asked)| live != asked).collect()
}

fn rules(page: &mut Page, live: &[PolicyRule], asked: &[PolicyRule]) {
    let (live, asked): (BTreeSet<_>, BTreeSet<_>) = (live.iter().collect(), asked.iter().collect());
    for (sign, rules) in [(Sign::Add, live.difference(&asked)), (Sign::Remove, asked.difference(&live))] {
        for rule in rules {
            page.marked(4, Mark::Sign(sign), &words::rule(rule), None);
        }
    }
}
