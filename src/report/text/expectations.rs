//! Expectations: what is broken and why, and what nobody can tell.

use std::collections::BTreeMap;

use super::Layout;
use super::page::{Mark, Page};
use super::words::count;
use crate::access::expectations::{Cause, ExpectedBy, Judged, Standing, Verdict, What, Why};
use crate::report::conclusion::Sentence;
use crate::report::escape;

/// How many of one kind are told one by one.
pub(super) const LISTED: usize = 20;

/// The title of those that do not hold because of a change.
pub(in crate::report) const BY_CHANGE: &str = "Expectations that fail by this change";

/// Adds the part of a page about expectations that do not hold, or of which nobody knows; without those that fail by a change.
pub(super) fn part(page: &mut Page, judged: &[Judged]) {
    titled(page, "Expectations", told(judged));
}

/// Adds the part about those that fail by a change.
pub(super) fn by_change(page: &mut Page, judged: &[Judged]) {
    titled(page, BY_CHANGE, told_by_change(judged));
}

fn titled(page: &mut Page, title: &str, all: Vec<Entry>) {
    if !all.is_empty() {
        page.gap();
        page.words(0, title);
        entries(page, all);
    }
}

fn entries(page: &mut Page, all: Vec<Entry>) {
    for Entry { mark, text, place, details } in all {
        page.marked(0, mark, &text, place);
        for detail in details {
            page.detail(4, &detail);
        }
    }
}

/// An expectation that does not hold, or of which nobody knows, or several of them.
pub(in crate::report) struct Entry {
    pub(in crate::report) mark: Mark,
    pub(in crate::report) text: String,
    /// Where it stands.
    pub(in crate::report) place: Option<String>,
    pub(in crate::report) details: Vec<String>,
}

impl Entry {
    fn of_several(mark: Mark, text: String) -> Self {
        Self { mark, text, place: None, details: Vec::new() }
    }
}

/// What does not hold because of a change.
pub(in crate::report) fn told_by_change(judged: &[Judged]) -> Vec<Entry> {
    kind(Mark::Decide, judged.iter().filter(|each| is_by_change(each)).collect())
}

/// Whether it fails by a change of the files.
fn is_by_change(judged: &Judged) -> bool {
    judged.is_broken() && judged.in_change.is_some_and(|of| of.cause.is_by_change())
}

/// What else does not hold, and then what nobody can tell.
pub(in crate::report) fn told(judged: &[Judged]) -> Vec<Entry> {
    let mut entries =
        kind(Mark::Decide, judged.iter().filter(|each| each.is_broken() && !is_by_change(each)).collect());
    // Where nothing was read, that is one thing to know, however much is expected there.
    let mut unread: BTreeMap<&str, usize> = BTreeMap::new();
    for text in judged.iter().filter_map(not_read) {
        *unread.entry(text).or_default() += 1;
    }
    let is_one_of_many = |each: &Judged| not_read(each).is_some_and(|text| unread.get(text) > Some(&1));
    let unknown = judged.iter().filter(|each| each.is_unknown() && !is_one_of_many(each));
    entries.extend(kind(Mark::Unknown, unknown.collect()));
    for (text, number) in unread.iter().filter(|(_, number)| **number > 1) {
        let text = escape::message(text);
        let text = format!("{} are not known: {text}", count(*number, "expectation"));
        entries.push(Entry::of_several(Mark::Unknown, text));
    }
    entries
}

/// Why nobody knows, where that is that a part was not read at all.
fn not_read(judged: &Judged) -> Option<&str> {
    match reasons(judged) {
        [Why { text, lines }] if judged.is_unknown() && judged.unread && lines.is_empty() => Some(text),
        _ => None,
    }
}

fn kind(mark: Mark, judged: Vec<&Judged>) -> Vec<Entry> {
    let more = judged.len().saturating_sub(LISTED);
    let entry = |each: &Judged| {
        let mut details: Vec<String> = reasons(each).iter().map(because).collect();
        details.extend(each.in_change.map(|of| cause(of.cause).to_owned()));
        details.extend(goes_on(each).map(str::to_owned));
        Entry { mark, text: sentence(each), place: Some(each.origin.to_string()), details }
    };
    let mut entries: Vec<Entry> = judged.into_iter().take(LISTED).map(entry).collect();
    if more > 0 {
        entries.push(Entry::of_several(mark, format!("and {more} more; `--output json` lists each")));
    }
    entries
}

/// What a change has to do with it.
fn cause(cause: Cause) -> &'static str {
    match cause {
        Cause::Breaks => "by this change: without it this holds, and with it it does not",
        Cause::Keeps => {
            "by this change: it fails now, and `apply` would mend that without this change, but not with it"
        }
        Cause::AddsTo => "it fails without this change as well, and this change adds to that",
        Cause::Before => "not by this change: it fails without it as well",
        Cause::Unknown => "whether it would hold without this change is not known",
    }
}

/// Why it does not stop `apply`, where it does not.
fn goes_on(judged: &Judged) -> Option<&'static str> {
    if !judged.is_broken() || judged.stops {
        return None;
    }
    Some(match judged.in_change.map(|of| of.expected_by) {
        Some(ExpectedBy::Earlier) => {
            "this change takes it out of the files: once it is merged, nobody expects it, and `apply` does not stop"
        }
        Some(ExpectedBy::Branch) => {
            "the branch expects it by now, and these files do not yet: merge the branch into the change"
        }
        Some(ExpectedBy::Change) | None => "`apply` goes on all the same",
    })
}

/// The expectations that do not hold, or of which nobody knows, on their own.
pub fn expectations(judged: &[Judged], layout: Layout) -> String {
    let mut page = Page::new(layout);
    entries(&mut page, told_by_change(judged).into_iter().chain(told(judged)).collect());
    page.render()
}

/// What a judgement says, in one sentence without a full stop.
pub(super) fn sentence(judged: &Judged) -> String {
    sentence_on(judged, judged.environment.as_str())
}

/// The same of several environments of which it says the same.
pub fn sentence_on(judged: &Judged, environment: &str) -> String {
    let Judged { who, expected, verdict, .. } = judged;
    let who = escape::name(&match who {
        crate::state::PrincipalName::Group(key) => format!("whoever is in group {key}"),
        who => who.to_string(),
    });
    let of = |request: &crate::state::Request| escape::line(&request.to_string());
    match (expected, verdict) {
        (What::Can(request), Verdict::Holds) => format!("{who} can {} on {environment}", of(request)),
        (What::Cannot(request), Verdict::Holds) => format!("{who} cannot {} on {environment}", of(request)),
        (What::Only(_), Verdict::Holds) => format!("{who} can do nothing on {environment} beyond `only`"),
        (What::Can(request), Verdict::Broken(_)) => {
            format!("{who} cannot {} on {environment}, and should", of(request))
        }
        (What::Cannot(request), Verdict::Broken(_)) => {
            format!("{who} can {} on {environment}, and should not", of(request))
        }
        (What::Only(_), Verdict::Broken(_)) => format!("{who} can do more on {environment} than `only` says"),
        (What::Can(request) | What::Cannot(request), Verdict::Unknown(_)) => {
            format!("whether {who} can {} on {environment} is not known", of(request))
        }
        (What::Only(_), Verdict::Unknown(_)) => {
            format!("whether {who} can do more on {environment} than `only` says is not known")
        }
    }
}

/// The reasons of a judgement.
pub fn reasons(judged: &Judged) -> &[Why] {
    match &judged.verdict {
        Verdict::Holds => &[],
        Verdict::Broken(why) | Verdict::Unknown(why) => why,
    }
}

/// A reason with its lines.
pub fn because(why: &Why) -> String {
    let text = escape::message(&why.text);
    if why.lines.is_empty() {
        return text;
    }
    let lines: Vec<String> = why.lines.iter().map(ToString::to_string).collect();
    format!("{text} ({})", escape::message(&lines.join(", ")))
}

/// How many are broken, and by what, or that none is: sentences for the end of a plan.
pub(in crate::report) fn conclusion(judged: &[Judged]) -> Vec<Sentence> {
    let fail =
        |number: usize| format!("{} {}", count(number, "expectation"), if number == 1 { "fails" } else { "fail" });
    let number =
        |is_one: &dyn Fn(&Judged) -> bool| judged.iter().filter(|each| each.is_broken() && is_one(each)).count();
    let caused = |wanted: Cause| number(&|each| each.in_change.is_some_and(|of| of.cause == wanted));
    let broken = number(&|_| true);
    if broken == 0 {
        return holding(judged).map(Sentence::plain).into_iter().collect();
    }
    let mut sentences = Vec::new();
    match number(&is_by_change) {
        0 => {}
        some => sentences.push(Sentence::decide(format!("{} by this change.", fail(some)))),
    }
    match number(&|each| each.stops) {
        0 => {}
        some => sentences.push(Sentence::decide(format!("`apply` would refuse: {}.", fail(some)))),
    }
    let mut others = vec![
        (caused(Cause::Before), "without this change as well"),
        (caused(Cause::Unknown), "and whether by this change is not known"),
    ];
    let is_other = |each: &Judged| each.in_change.is_none() && !each.stops;
    let already = number(&|each| is_other(each) && each.standing == Standing::Already);
    others.push((already, "by nothing that this plan does"));
    others.push((number(&is_other) - already, "of files that may not stop `apply`"));
    for (number, how) in others.into_iter().filter(|(number, _)| *number > 0) {
        sentences.push(Sentence::plain(format!("{}, {how}.", fail(number))));
    }
    let unknown = judged.iter().filter(|each| each.is_unknown()).count();
    sentences.extend((unknown > 0).then(|| Sentence::plain(not_known(unknown, judged.len()))));
    sentences
}

fn holding(judged: &[Judged]) -> Option<String> {
    let all = count(judged.len(), "expectation");
    let sentence = match judged.iter().filter(|each| each.is_unknown()).count() {
        0 => format!("{} of {all} {}.", judged.len(), if judged.len() == 1 { "holds" } else { "hold" }),
        unknown => not_known(unknown, judged.len()),
    };
    (!judged.is_empty()).then_some(sentence)
}

fn not_known(unknown: usize, all: usize) -> String {
    format!("{unknown} of {} not known.", count(all, "expectation"))
}
