//! The access difference: what the changes of a plan mean for people, from both halves joined, memberships and RBAC.
//!
//! It costs what changed, not what exists: only the people are looked at whom a change reaches, and only the clusters where
//! something of theirs is bound.

mod compare;
mod owners;
mod places;
mod reach;
mod row;
#[cfg(test)]
mod tests;
mod touched;
mod via;

use self::places::Rows;
use self::reach::{Reach, State, Subject};
pub use self::row::{
    AccessCounts, AccessDifference, AccessEffect, AccessRow, Bearing, Cause, GroupLabel, Somebody, Standing, Unseen,
    Via,
};
use crate::access::People;
use crate::state::{Change, Desired, GroupQuestion, Identity, Observed};

/// Whom the changes of a plan reach: what must be asked before it can be said what they mean, and what they mean.
pub struct AccessComparison<'a> {
    observed: &'a Observed,
    /// `None` where Entra was not read, so that there are no changes either, or nothing changes.
    reach: Option<Reach<'a>>,
}

impl<'a> AccessComparison<'a> {
    /// Finds whom these changes reach, and where.
    pub fn new(desired: &'a Desired, observed: &'a Observed, changes: &'a [Change]) -> Self {
        Self { observed, reach: Reach::of(State { desired, changes: &[] }, State { desired, changes }, observed) }
    }

    /// The same between two futures: the first files with the changes of their plan, and the second ones with theirs.
    /// Both plans must be of the same look at the live systems.
    pub fn between(
        before: (&'a Desired, &'a [Change]),
        after: (&'a Desired, &'a [Change]),
        observed: &'a Observed,
    ) -> Self {
        let [before, after] = [before, after].map(|(desired, changes)| State { desired, changes });
        Self { observed, reach: Reach::of(before, after, observed) }
    }

    /// What must be asked of groups that are not ours before [`Self::difference`] can say who is in them: those that a change
    /// reaches, and those that are bound where somebody gains or loses, because they may keep there what they lose. The
    /// answers go into [`Observed::of_groups`], which wants a new comparison; that may have further questions.
    pub fn questions(&self) -> Vec<GroupQuestion> {
        let Some(reach) = &self.reach else { return Vec::new() };
        let mut groups = reach.hidden();
        for place in &reach.places {
            groups.extend(place.subjects.iter().filter_map(|subject| match subject {
                Subject::Group(Identity::Known(id)) => Some(*id),
                Subject::Group(Identity::AfterApply(_))
                | Subject::Somebody(_)
                | Subject::Named(_)
                | Subject::User(_)
                | Subject::ServiceAccount { .. } => None,
            }));
        }
        groups.extend(reach.groups_bound(|_| true));
        let answers = &self.observed.of_groups;
        groups.retain(|id| {
            let is_read = |people: &People<'_>| {
                let group = people.group(&Identity::Known(*id));
                group.is_some_and(|group| group.key.is_some() || group.unread.is_none())
            };
            !is_read(&reach.live) && !is_read(&reach.planned) && !answers.inside.contains_key(id)
        });
        let assigned = reach.assigned();
        let mut questions: Vec<GroupQuestion> = groups.into_iter().map(GroupQuestion::Members).collect();
        for doubt in [&reach.live, &reach.planned].into_iter().flat_map(|people| people.doubts(answers, &assigned)) {
            if !questions.contains(&doubt) {
                questions.push(doubt);
            }
        }
        questions
    }

    /// What the changes mean for people.
    pub fn difference(&self) -> AccessDifference {
        let Some(reach) = &self.reach else { return AccessDifference::default() };
        let mut rows = Rows::default();
        for place in &reach.places {
            places::compare(reach, place, self.observed, &mut rows);
        }
        let unseen = places::unseen_ways(reach, self.observed).chain(places::unseen_above(reach, self.observed));
        rows.finish(reach.unreached.iter().cloned().chain(unseen).collect())
    }
}
