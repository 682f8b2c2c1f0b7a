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

/// Whom the changes of a plan reach: what must be asked before it can be said what they mean, and what they mean.
pub struct AccessComparison<'a> {
    observed: &'a Observed,
    /// `None` where Entra was not read, so that there are no changes either, or nothing changes.
    reach: Option<Reach<'a>>,
}

impl<'a> AccessComparison<'a> {
    /// Finds whom these changes reach, and where.
    pub fn new(desired: &'a Desired, observed: &'a Observed, changes: &'a [Change]) -> Self {
        Self { observed, reach: Reach::of(desired, observed, changes) }
    }

    /// What must be asked of groups that are not ours before [`Self::difference`] can say who is in them: those that a change
    /// reaches, and those that are bound where somebody gains or loses, because they may keep there what they lose. The
    /// answers go into [`Observed::of_groups`], which wants a new comparison.
    pub fn questions(&self) -> Vec<GroupQuestion> {
        let Some(reach) = &self.reach else { return Vec::new() };
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
                    groups.extend(
                        name.strip_prefix(&tokens.groups_prefix).and_then(|bare| bare.parse::<ObjectId>().ok()),
                    );
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

    /// What the changes mean for people.
    pub fn difference(&self) -> AccessDifference {
        let Some(reach) = &self.reach else { return AccessDifference::default() };
        let mut rows = Rows::default();
        for place in &reach.places {
            places::compare(reach, place, self.observed, &mut rows);
        }
        rows.finish(reach.unreached.clone())
    }
}
