//! Drift as Markdown, for a tracked issue: how much there is and what to do about it, who has more or less by it, and each
//! difference with since when and by whom it is so.

use super::document::{Body, Document, Fold, Part, mark};
use super::host::Sheet;
use super::plan::{COUNTED, MEASURED};
use super::{access, changes, escape, item, remarks};
use crate::plan::Plan;
use crate::plan::drift::Drift;
use crate::report::text::access::drift_headline;
use crate::report::text::drift::{at_place, by_place, conclusions};
use crate::report::text::page::{Mark, Page};
use crate::report::text::plan::{footer, header};
use crate::report::text::view::View;
use crate::report::{Context, drift as said};

const HEADER: access::Header = &["", "who", "where", "by the files", "now", "via"];
/// What the signs of the differences mean.
const LEGEND: &str = "`+` is there and no file asks for it, `~` is there otherwise than the files ask, `-` is asked for and is not there.";

/// What live systems have otherwise than the files ask, on a sheet that it fits on. Where that is nothing, one line below the
/// hidden one.
pub fn drift(plan: &Plan, drift: &Drift, context: &Context, sheet: &Sheet) -> String {
    let view = View::of(plan);
    let not_counted = said::not_counted(plan, &view);
    let is_whole = plan.is_without_drift() && plan.unread.is_empty();
    if is_whole && plan.verdicts.is_empty() && context.access.is_empty() {
        let sentences = conclusions(plan, drift, context).into_iter().chain(not_counted.map(|each| each.sentence));
        return format!("{}\n{}\n", mark(None), escape::prose(&sentences.collect::<Vec<_>>().join(" ")));
    }
    let mut parts = Vec::new();
    parts.extend(access::table("Who has more or less than the files give", HEADER, &context.access));
    parts.extend(access::not_seen("What of this could not be seen", &context.access));
    parts.extend(remarks::guards(plan, context));
    parts.extend(remarks::withheld(plan));
    parts.extend(remarks::not_read(plan));
    let lines = differences(plan, drift, &view);
    if !lines.is_empty() {
        let mut part =
            Part::new("What differs, since when and by whom", Body::Fence("diff", lines)).folded(Fold::WhenLong);
        part.lead = vec![LEGEND.to_owned()];
        parts.push(part);
    }
    let unknown: Vec<String> = said::remarks(plan, drift)
        .iter()
        .map(|said::Remark { what, next }| {
            let next: Vec<String> = next.iter().map(|next| escape::prose(next)).collect();
            item(Mark::None, what, None, &next)
        })
        .collect();
    if !unknown.is_empty() {
        parts.push(Part::new("What is not known about that", Body::List(unknown)).folded(Fold::Always));
    }
    let sentence = not_counted.as_ref().map(|each| each.sentence.clone());
    let much: Vec<String> = not_counted
        .iter()
        .flat_map(|each| &each.much)
        .map(|(place, message)| item(Mark::None, &format!("{place}: {message}"), None, &[]))
        .collect();
    if !much.is_empty() {
        parts.push(Part::new("Not counted: what gives much", Body::List(much)));
    }
    let spent = context.spent.map(|spent| format!("{MEASURED}{}", escape::prose(&footer(spent))));
    let foot = [escape::prose(&header(plan, context))].into_iter().chain(spent).collect::<Vec<_>>().join(" · ");
    let head = head(plan, drift, context, &view, sentence);
    Document { mark: mark(None), head, parts, foot: Some(foot) }.fit(sheet)
}

/// The headline: how much there is and where, what it means for people, and what can be done about it.
fn head(plan: &Plan, drift: &Drift, context: &Context, view: &View<'_>, not_counted: Option<String>) -> Vec<String> {
    let counts = said::Counts::of(plan, drift);
    let (unread, told) = (plan.unread.len(), counts.words(false));
    let told = match (told.is_empty(), unread) {
        (true, 0) => "no drift".to_owned(),
        (true, unread) => format!("no drift in what was read, {unread} not read"),
        (false, 0) => format!("drift: {told}"),
        (false, unread) => format!("drift: {told}, {unread} not read"),
    };
    let heading = format!("### {}: {}", escape::prose(plan.config.as_str()), escape::prose(&told));
    let mut said = Vec::new();
    let by_place = by_place(plan, drift);
    if !by_place.is_empty() {
        let places = by_place.iter().take(COUNTED).map(|(place, changes)| {
            let refused = drift.refused.iter().filter(|(binding, _)| Some(&binding.environment) == *place).count();
            format!("{}: {}", changes::name(*place), said::Counts::at(changes, refused).words(false))
        });
        let more = by_place.len().saturating_sub(COUNTED);
        let more = (more > 0).then(|| format!("{more} more environments"));
        said.push(escape::prose(&places.chain(more).collect::<Vec<_>>().join(" · ")));
    }
    if !context.access.is_empty() {
        said.push(escape::prose(&drift_headline(&context.access)));
    }
    let is_counted = |sentence: &String| sentence.starts_with("Drift: ");
    for sentence in conclusions(plan, drift, context).iter().filter(|sentence| !is_counted(sentence)) {
        let is_refusal = sentence.starts_with("`apply` would refuse");
        let sentence = escape::prose(sentence);
        said.push(if is_refusal { format!("**{sentence}**") } else { sentence });
    }
    said.extend(not_counted.map(|sentence| escape::prose(&sentence)));
    for (what, command) in said::next(plan, view) {
        let what = what.strip_prefix("to ").unwrap_or(&what);
        said.push(format!("To {}: {}", escape::prose(what), escape::code(command)));
    }
    let said: Vec<String> = said.into_iter().map(|each| format!("- {each}")).collect();
    vec![heading, said.join("\n")]
}

/// The differences as a `diff`: the signs in the first column, and each place under a line of its own.
fn differences(plan: &Plan, drift: &Drift, view: &View<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    for (environment, changes) in by_place(plan, drift) {
        let mut page = Page::signs_first(changes::WIDTH);
        at_place(&mut page, environment, &changes, drift, view);
        let refused = drift.refused.iter().filter(|(binding, _)| Some(&binding.environment) == environment).count();
        let counts = said::Counts::at(&changes, refused).words(false);
        lines.push(format!("@@ {}: {counts} @@", changes::name(environment)));
        lines.extend(page.render().lines().map(|line| line.trim_end().to_owned()));
    }
    lines
}
