//! A group that only gets another name is not made a second time.

use super::{Case, Guard, Objection};
use crate::plan::replaced::{Replacement, replacements};
use crate::state::GroupKey;

pub(super) static GUARD: Guard = Guard {
    id: "group-replaced",
    summary: "A group would be made that looks like one that no file asks for any more, or whose key another block has.",
    can_be_acknowledged: true,
    check,
};

fn check(case: &Case<'_>) -> Vec<Objection> {
    let replacements = replacements(case.desired, case.directory, case.changes.iter());
    replacements
        .into_iter()
        .map(|replacement| {
            let subject = format!("{}/{}", replacement.old, replacement.new);
            Objection::new(subject, message(case, &replacement))
        })
        .collect()
}

fn message(case: &Case<'_>, replacement: &Replacement<'_>) -> String {
    let Replacement { old, live, heir, new, members, shared } = replacement;
    let block = case.desired.groups.get(new);
    let keys = block.into_iter().flat_map(|group| group.previously.keys()).chain([*old]);
    let line = format!("previously: [{}]", keys.map(GroupKey::as_str).collect::<Vec<_>>().join(", "));
    let place = block.map(|group| format!(" ({})", group.origin)).unwrap_or_default();
    // `previously` takes over a live group, so that a delegated file may not say it.
    let write = if block.is_some_and(|group| group.delegated) {
        format!(
            "have the block of {new}{place} moved to `rolecall.yaml` with the line `{line}`, because `previously` is the \
             root file's alone (the file may go on granting to {new})"
        )
    } else {
        format!("write `{line}` in the block of {new}{place}")
    };
    let counts = format!("{} in both, of {} and {}", shared.len(), live.members.len(), members.len());
    match heir {
        None => format!(
            "{old} has no block any more, and {new} would be made with mostly the same members ({counts}): a new object with \
             a new id, unknown to whatever else names the old one. If it is the same group under another key, {write}: \
             it then keeps its object, its id and its bindings"
        ),
        Some(heir) => format!(
            "{new} would be made with mostly the members that {old} has now ({counts}), and the block of {old} ({}) would \
             have the object that was theirs, with its id and all that names it elsewhere. If {new} is the same group under \
             another key, {write}, and give the block of {old} another key",
            heir.origin
        ),
    }
}
