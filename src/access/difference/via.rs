//! Through what somebody has something, and why that comes or goes.

use std::collections::BTreeSet;

use super::compare::Holding;
use super::places::Bound;
use super::reach::{Edges, Reach};
use super::row::{Cause, GroupLabel, Standing, Via};
use crate::access::people::{Node, Step, Ways};
use crate::access::{People, Token};
use crate::state::{Identity, SubjectName};

/// What somebody is before and after, as far as their way to a group goes.
pub(super) struct Sides<'s, 'a> {
    pub(super) before: Side<'s, 'a>,
    pub(super) after: Side<'s, 'a>,
}

/// What somebody's token says, and how they come into the groups in it.
pub(super) struct Side<'s, 'a> {
    pub(super) token: &'s Token,
    pub(super) ways: &'s Ways<'a>,
}

impl<'a> Side<'_, 'a> {
    fn way(&self, name: &SubjectName) -> Option<(&Identity, &[Step<'a>])> {
        let (id, _) = self.token.groups.iter().find(|(_, called)| *called == name)?;
        Some((id, self.ways.get(id)?))
    }

    fn has_too_many(&self) -> bool {
        matches!(self.token.without_groups, Some(crate::access::people::WithoutGroups::Overage(_)))
    }
}

/// One way in which somebody has, had or will have something.
pub(super) fn via(
    reach: &Reach<'_>,
    sides: &Sides<'_, '_>,
    bound: &Bound,
    standing: Standing,
    holding: &Holding,
) -> Via {
    let side = if standing == Standing::Gone { &sides.before } else { &sides.after };
    let people = if standing == Standing::Gone { &reach.live } else { &reach.planned };
    let mut causes = BTreeSet::new();
    let mut groups = Vec::new();
    match &holding.group {
        None => {}
        Some(name) => match side.way(name) {
            Some((_, way)) => {
                groups.extend(way.iter().map(|step| label(people, &step.group)));
                causes.extend(way.iter().filter_map(|step| of_step(&reach.edges, people, standing, step)));
            }
            None => groups.push(named(name)),
        },
    }
    match standing {
        Standing::New if !bound.before(holding) => drop(causes.insert(Cause::Binding)),
        Standing::Gone if !bound.after(holding) => drop(causes.insert(Cause::Binding)),
        Standing::New | Standing::Gone if causes.is_empty() => {
            let is_overage = sides.before.has_too_many() != sides.after.has_too_many() && holding.group.is_some();
            causes.insert(if is_overage { Cause::TooManyGroups } else { Cause::Role });
        }
        Standing::Changed => drop(causes.insert(Cause::Role)),
        Standing::New | Standing::Gone | Standing::Kept => {}
    }
    if standing == Standing::Kept {
        causes.clear();
    }
    Via { standing, groups, causes, role: holding.role.clone(), namespace: holding.namespace.clone() }
}

fn of_step(edges: &Edges, people: &People<'_>, standing: Standing, step: &Step<'_>) -> Option<Cause> {
    let edge = (step.group.clone(), step.member.clone());
    let moved = match standing {
        Standing::New => edges.added.contains(&edge),
        Standing::Gone => edges.removed.contains(&edge),
        Standing::Changed | Standing::Kept => false,
    };
    match &step.member {
        _ if standing == Standing::Gone && edges.deleted.contains(&step.group) => {
            Some(Cause::Deleted(label(people, &step.group)))
        }
        Node::Person(_) if moved => Some(Cause::Member),
        Node::Group(inner) if moved => Some(Cause::Nested(label(people, inner))),
        Node::Person(_) | Node::Group(_) => None,
    }
}

/// A group by the name that people know it by.
pub(super) fn label(people: &People<'_>, id: &Identity) -> GroupLabel {
    let group = people.group(id);
    match (group.and_then(|group| group.key), id) {
        (Some(key), _) | (None, Identity::AfterApply(key)) => GroupLabel::Key(key.clone()),
        (None, Identity::Known(id)) => {
            let name = group.map(|group| group.display_name).filter(|name| !name.is_empty());
            GroupLabel::Other(*id, name.map(str::to_owned))
        }
    }
}

/// A group as a cluster calls it.
pub(super) fn named(name: &SubjectName) -> GroupLabel {
    match name {
        SubjectName::Known(name) => GroupLabel::Named(name.clone()),
        SubjectName::AfterApply { group, .. } => GroupLabel::Key(group.clone()),
    }
}
