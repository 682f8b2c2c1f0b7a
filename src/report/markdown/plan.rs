//! The whole of a plan, in the order in which a reviewer needs it.

use super::document::{Document, mark};
use super::host::Sheet;
use super::{access, base, changes, escape, remarks};
use crate::access::expectations::Verdict;
use crate::plan::{Coverage, Plan};
use crate::report::conclusion::{Sentence, Weight, sentences};
use crate::report::text::access::headline;
use crate::report::text::base::gaining;
use crate::report::text::plan::{by_place, cost, header, is_quiet, waiting_in_all};
use crate::report::text::snapshot;
use crate::report::{Context, counts::Counts};

/// Stands in the last line before what a run has cost, which nobody needs to be told anew. `rolecall comment` knows it.
pub const MEASURED: &str = "<!-- rolecall:measured -->";

/// As many places are counted one by one.
pub(super) const COUNTED: usize = 12;

/// A plan as Markdown that fits on the sheet. One that has nothing to do is one line below the hidden one.
pub fn plan(plan: &Plan, context: &Context, sheet: &Sheet) -> String {
    let mark = mark(context.plan_id.as_deref());
    if has_nothing_to_say(plan, context) {
        let context = Context { base: None, ..context.clone() };
        let live = context.snapshot.iter().flat_map(|from| {
            let headline = format!("Compared with the {}.", snapshot::headline_for_long(from));
            std::iter::once(headline).chain(snapshot::warnings_for_long(from)).chain(snapshot::lacking(from))
        });
        let sentences: Vec<String> =
            sentences(plan, &context).into_iter().map(|sentence| sentence.text).chain(live).collect();
        return format!("{mark}\n{}\n", escape::prose(&sentences.join(" ")));
    }
    let mut parts = Vec::new();
    parts.extend(context.base.iter().flat_map(|base| base::opening(base, context)));
    parts.extend(access::parts(context));
    parts.extend(remarks::guards(plan, context));
    parts.extend(remarks::expectations(context));
    parts.extend(remarks::withheld(plan));
    parts.extend(remarks::unknown(plan));
    parts.extend(changes::part(plan, context));
    if let Some(base) = &context.base {
        parts.extend(base::accepted(base));
        parts.extend(base::drift(plan, base));
        parts.extend(base::owners(base));
    }
    parts.extend(remarks::information(plan));
    Document { mark, head: head(plan, context), parts, foot: Some(foot(plan, context)) }.fit(sheet)
}

/// Whether there is nothing to do and nothing to decide.
fn has_nothing_to_say(plan: &Plan, context: &Context) -> bool {
    let is_still = context.base.as_ref().is_none_or(|base| {
        let nothing = base.caused.as_ref().is_ok_and(|caused| caused.accepted.is_empty());
        let nothing = nothing && base.unsaid.as_ref().is_ok_and(Vec::is_empty);
        nothing && base.weakened.is_empty() && base.left_out.is_empty() && base.drift.is_empty()
    });
    let holds = context.expectations.iter().all(|each| each.verdict == Verdict::Holds);
    is_quiet(plan) && is_still && holds && context.access.is_empty()
}

/// The headline: what would be done, where, to whom, and whether `apply` would do it.
fn head(plan: &Plan, context: &Context) -> Vec<String> {
    let counts = Counts::of(plan);
    let mut parts = Vec::new();
    parts.push(match plan.coverage() {
        _ if !plan.changes.is_empty() => {
            format!("{} to add, {} to change, {} to remove", counts.add, counts.change, counts.remove)
        }
        Coverage::Whole => "no changes".to_owned(),
        Coverage::Part => "no changes in what was read".to_owned(),
        Coverage::Nothing => "no plan".to_owned(),
    });
    for (number, what) in [(counts.waiting, "withheld"), (counts.errors, "in error"), (counts.unread, "not read")] {
        parts.extend((number > 0).then(|| format!("{number} {what}")));
    }
    let heading = format!("### {}: {}", escape::prose(plan.config.as_str()), parts.join(", "));
    let mut said = Vec::new();
    if let Some(from) = &context.snapshot {
        said.push(escape::prose(&snapshot::headline_for_long(from)));
        said.extend(snapshot::warnings_for_long(from).iter().map(|warning| format!("**{}**", escape::prose(warning))));
        said.extend(snapshot::lacking(from).iter().map(|lacking| escape::prose(lacking)));
    }
    let by_place = by_place(plan, |_| true);
    if !by_place.is_empty() {
        let places = by_place
            .iter()
            .take(COUNTED)
            .map(|(place, each)| format!("{}: {}", changes::name(*place), changes::signs(each)));
        let more = by_place.len().saturating_sub(COUNTED);
        let more = (more > 0).then(|| format!("{more} more environments"));
        said.push(escape::prose(&places.chain(more).collect::<Vec<_>>().join(" · ")));
    }
    let besides = context.base.as_ref().and_then(|base| gaining(base, &context.access));
    match (context.access.is_empty(), besides) {
        (true, None) => {}
        (true, Some(besides)) => {
            said.push(escape::prose(&format!("Access: nobody's changes by this change; {besides}")));
        }
        (false, besides) => {
            let besides = besides.map(|besides| format!("; {besides}")).unwrap_or_default();
            said.push(escape::prose(&format!("{}{besides}", headline(&context.access))));
        }
    }
    said.extend(sentences(plan, context).iter().filter_map(|Sentence { weight, text }| match weight {
        // The heading counts it.
        Weight::Counts => None,
        Weight::Plain => Some(escape::prose(text)),
        Weight::Decide => Some(format!("**{}**", escape::prose(text))),
    }));
    said.extend(waiting_in_all(plan, "below", "plan").map(|(what, next)| escape::prose(&format!("{what} {next}"))));
    let said: Vec<String> = said.into_iter().map(|each| format!("- {each}")).collect();
    vec![heading, said.join("\n")]
}

/// Which plan it is, of what, and what it has cost.
fn foot(plan: &Plan, context: &Context) -> String {
    let id = context.plan_id.as_ref().map(|id| format!("Plan {}", escape::code(id)));
    let preview = context.snapshot.as_ref().map(|_| "a preview; it cannot be applied".to_owned());
    let spent = context.spent.map(|spent| format!("{MEASURED}{}", escape::prose(&cost(spent, context))));
    let parts = id.into_iter().chain([escape::prose(&header(plan, context))]).chain(preview).chain(spent);
    parts.collect::<Vec<_>>().join(" · ")
}
