//! Drift as Markdown, for a tracked issue: the conclusion, and what the text says in a fence in which no name can act.

use super::document::{Body, Document, Fold, Part, mark};
use super::escape;
use super::host::Sheet;
use crate::plan::Plan;
use crate::plan::drift::Drift;
use crate::report::text::Layout;
use crate::report::{Context, drift as said, text};

/// So many columns a host shows without a bar to scroll by.
const WIDTH: usize = 110;

/// What live systems have otherwise than the files ask, on a sheet that it fits on.
pub fn drift(plan: &Plan, drift: &Drift, context: &Context, sheet: &Sheet) -> String {
    let said::Counts { more, otherwise, less, refused, withheld } = said::Counts::of(plan, drift);
    let mut parts =
        vec![format!("{more} more than the files ask"), format!("{otherwise} otherwise"), format!("{less} missing")];
    for (number, what) in
        [(refused, "of others that the files refuse"), (withheld, "withheld"), (plan.unread.len(), "not read")]
    {
        parts.extend((number > 0).then(|| format!("{number} {what}")));
    }
    let conclusion = if plan.is_without_drift() && plan.unread.is_empty() {
        "no drift".to_owned()
    } else {
        format!("drift: {}", parts.join(", "))
    };
    let heading = format!("### {}: {}", escape::prose(plan.config.as_str()), escape::prose(&conclusion));
    let layout = Layout { width: WIDTH, colour: false };
    let lines: Vec<String> = text::drift(plan, drift, context, layout).lines().map(str::to_owned).collect();
    let whole = Part::new("What is there", Body::Fence("diff", lines)).folded(Fold::Never).vital();
    Document { mark: mark(None), head: vec![heading], parts: vec![whole], foot: None }.fit(sheet)
}
