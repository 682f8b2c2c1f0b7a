//! Expectations: what is broken and why, and what nobody can tell.

use std::collections::BTreeMap;

use super::Layout;
use super::page::{Mark, Page};
use super::words::count;
use crate::access::expectations::{Judged, Verdict, What, Why};
use crate::report::escape;

/// How many of one kind are told one by one.
pub(super) const LISTED: usize = 20;

/// Adds the part of a page about expectations that do not hold, or of which nobody knows.
pub(super) fn part(page: &mut Page, judged: &[Judged]) {
    if judged.iter().all(|each| each.verdict == Verdict::Holds) {
        return;
    }
    page.gap();
    page.words(0, "Expectations");
    entries(page, judged);
}

fn entries(page: &mut Page, judged: &[Judged]) {
    for Entry { mark, text, place, details } in told(judged) {
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

/// What does not hold, and then what nobody can tell.
pub(in crate::report) fn told(judged: &[Judged]) -> Vec<Entry> {
    let mut entries = kind(Mark::Decide, judged.iter().filter(|each| each.is_broken()).collect());
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
        details.extend((each.is_broken() && !each.stops).then(|| "`apply` goes on all the same".to_owned()));
        Entry { mark, text: sentence(each), place: Some(each.origin.to_string()), details }
    };
    let mut entries: Vec<Entry> = judged.into_iter().take(LISTED).map(entry).collect();
    if more > 0 {
        entries.push(Entry::of_several(mark, format!("and {more} more; `--output json` lists each")));
    }
    entries
}

/// The expectations that do not hold, or of which nobody knows, on their own.
pub fn expectations(judged: &[Judged], layout: Layout) -> String {
    let mut page = Page::new(layout);
    entries(&mut page, judged);
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

/// How many are broken, or that none is, as a sentence for the end of a plan.
pub(super) fn conclusion(judged: &[Judged]) -> Option<String> {
    let fail =
        |number: usize| format!("{} {}", count(number, "expectation"), if number == 1 { "fails" } else { "fail" });
    let stopping = judged.iter().filter(|each| each.stops).count();
    let broken = judged.iter().filter(|each| each.is_broken()).count();
    match (stopping, broken) {
        (0, 0) => holding(judged),
        (0, broken) => Some(format!("{}, by nothing that this plan does.", fail(broken))),
        (stopping, _) => Some(format!("`apply` would refuse: {}.", fail(stopping))),
    }
}

fn holding(judged: &[Judged]) -> Option<String> {
    let all = count(judged.len(), "expectation");
    let sentence = match judged.iter().filter(|each| each.is_unknown()).count() {
        0 => format!("{} of {all} {}.", judged.len(), if judged.len() == 1 { "holds" } else { "hold" }),
        unknown => format!("{unknown} of {all} not known."),
    };
    (!judged.is_empty()).then_some(sentence)
}
