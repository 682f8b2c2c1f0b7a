//! The access difference: what the changes of a plan mean for people, from both halves joined, memberships and RBAC.
//!
//! It costs what changed, not what exists: only the people are looked at whom a change reaches, and only the clusters where
//! something of theirs is bound.

mod compare;
mod places;
mod reach;
mod row;
#[cfg(test)]
mod tests;
mod via;

use std::collections::BTreeSet;

use self::places::Rows;
use self::reach::{Reach, Subject};
pub use self::row::{
    AccessCounts, AccessDifference, AccessEffect, AccessRow, Bearing, Cause, GroupLabel, Somebody, Standing, Unseen,
    Via,
};
use crate::state::{
    Change, Desired, GroupNaming, GroupQuestion, Identity, ObjectId, Observed, SubjectKind, SubjectName,
};

/// What must be asked of groups that are not ours before [`difference`] can say who is in them: those that a change reaches,
/// and those that are bound where somebody gains or loses, because they may keep there what they lose. The answers go
/// into [`Observed::of_groups`].
pub fn questions(desired: &Desired, observed: &Observed, changes: &[Change]) -> Vec<GroupQuestion> {
    let Some(reach) = Reach::of(desired, observed, changes) else { return Vec::new() };
    let mut groups = BTreeSet::new();
    for place in &reach.places {
        groups.extend(place.subjects.iter().filter_map(|subject| match subject {
            Subject::Group(Identity::Known(id)) => Some(*id),
            Subject::Group(Identity::AfterApply(_))
            | Subject::Somebody(_)
            | Subject::Named(_)
            | Subject::User(_)
            | Subject::ServiceAccount { .. } => None,
        }));
        let tokens = &place.environment.tokens;
        if tokens.groups != GroupNaming::ObjectId {
            continue;
        }
        for subject in place.bindings().flat_map(|binding| &binding.subjects) {
            if let (SubjectKind::Group, SubjectName::Known(name)) = (&subject.kind, &subject.name) {
                groups.extend(name.strip_prefix(&tokens.groups_prefix).and_then(|bare| bare.parse::<ObjectId>().ok()));
            }
        }
    }
    groups.retain(|id| {
        let id = &Identity::Known(*id);
        let is_read = |group: Option<&crate::access::people::Group<'_>>| {
            group.is_some_and(|group| group.key.is_some() || group.unread.is_none())
        };
        !is_read(reach.live.group(id)) && !is_read(reach.planned.group(id))
    });
    groups.into_iter().map(GroupQuestion::Members).collect()
}

/// What these changes mean for people. Nothing where Entra was not read: then there are no changes either.
pub fn difference(desired: &Desired, observed: &Observed, changes: &[Change]) -> AccessDifference {
    let Some(reach) = Reach::of(desired, observed, changes) else { return AccessDifference::default() };
    let mut rows = Rows::default();
    for place in &reach.places {
        places::compare(&reach, place, observed, &mut rows);
    }
    rows.finish(reach.unreached)
}
