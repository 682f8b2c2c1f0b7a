//! The changes as a `diff`: the signs in the first column, and each place under a line of its own.

use super::document::{Body, Fold, Part};
use crate::plan::Plan;
use crate::report::Context;
use crate::report::text::page::Page;
use crate::report::text::plan::{at_place, by_place};
use crate::report::text::view::View;
use crate::state::{Change, EnvironmentName, Sign};

/// So many columns a host shows without a bar to scroll by.
pub(super) const WIDTH: usize = 110;

/// The changes; of a plan that is compared with a base, those that are caused by the change of the files.
pub(super) fn part(plan: &Plan, context: &Context) -> Option<Part> {
    let caused = context.base.as_ref().and_then(|base| base.caused.as_ref().ok());
    let lines = lines(plan, |change| caused.is_none_or(|caused| caused.by_change.contains(&change.address)));
    let title = if caused.is_some() { "Changes by this change" } else { "Changes" };
    (!lines.is_empty()).then(|| Part::new(title, Body::Fence("diff", lines)).folded(Fold::WhenLong))
}

/// The lines of these changes.
pub(super) fn lines(plan: &Plan, is_shown: impl Fn(&Change) -> bool) -> Vec<String> {
    let view = View::of(plan);
    let mut lines = Vec::new();
    for (environment, changes) in by_place(plan, is_shown) {
        let mut page = Page::signs_first(WIDTH);
        at_place(&mut page, plan, environment, &changes, &view);
        lines.push(format!("@@ {}: {} @@", name(environment), signs(&changes)));
        lines.extend(page.render().lines().map(|line| line.trim_end().to_owned()));
    }
    lines
}

/// What a place is called.
pub(super) fn name(environment: Option<&EnvironmentName>) -> &str {
    environment.map_or("Entra", EnvironmentName::as_str)
}

/// `2 to add, 1 to remove`.
pub(super) fn signs(changes: &[&Change]) -> String {
    let signs = [(Sign::Add, "add"), (Sign::Change, "change"), (Sign::Remove, "remove")];
    let counted = signs.map(|(sign, verb)| (changes.iter().filter(|change| change.sign() == sign).count(), verb));
    let told =
        counted.into_iter().filter(|(number, _)| *number > 0).map(|(number, verb)| format!("{number} to {verb}"));
    told.collect::<Vec<_>>().join(", ")
}
