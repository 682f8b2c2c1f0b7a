//! Groups that contain themselves.

use std::collections::{BTreeMap, BTreeSet};

use super::names::sections;
use super::{Checker, label};
use crate::config::rules;
use crate::config::yaml::Node;
use crate::diagnostics::Span;

/// Which groups a group names as members, and where.
type Nesting<'a> = BTreeMap<&'a str, Vec<(&'a str, Span)>>;

impl Checker<'_> {
    /// Reports every reference that closes a circle of groups.
    pub(super) fn cycles(&mut self, files: &[&Node]) {
        let mut nesting: Nesting<'_> = BTreeMap::new();
        for group in sections(files, "groups") {
            let members = group.value.get("members").map_or(&[][..], Node::items).iter();
            let groups = members.filter_map(|member| member.get("group")).map(|node| (node.words(), node.span));
            nesting.entry(&group.key.value).or_default().extend(groups);
        }
        for circle in circles(&nesting) {
            let names: Vec<&str> = circle.iter().map(|(name, _)| *name).collect();
            let first = names.first().copied().unwrap_or_default();
            let message = match names.len() {
                1 => format!("the group `{first}` contains itself"),
                _ => format!("the group `{first}` contains itself: {} → {first}", names.join(" → ")),
            };
            let labels = circle.iter().enumerate().map(|(at, (name, span))| {
                let member = names.get(at + 1).copied().unwrap_or(first);
                label(*span, format!("`{member}` is a member of `{name}`"))
            });
            // The reference that closes the circle comes first: it is the one to be looked at.
            let mut labels: Vec<_> = labels.collect();
            labels.rotate_right(1);
            self.report(&rules::GROUP_CYCLE, message, labels, "take one of these members out");
        }
    }
}

/// One circle for each reference that leads back to a group on the way to it, found depth first without recursion, as
/// the chain may be as long as there are groups. Each step is a group and the place where it names the next one.
fn circles<'a>(nesting: &Nesting<'a>) -> Vec<Vec<(&'a str, Span)>> {
    let mut found = Vec::new();
    let mut done: BTreeSet<&str> = BTreeSet::new();
    for start in nesting.keys() {
        // Each entry is a group on the way and how many of its members were looked at.
        let mut way: Vec<(&str, usize)> = vec![(start, 0)];
        let mut on_the_way: BTreeSet<&str> = BTreeSet::from([*start]);
        while let Some((group, looked)) = way.last_mut() {
            let group = *group;
            let next =
                if done.contains(group) { None } else { nesting.get(group).and_then(|members| members.get(*looked)) };
            let Some((member, _)) = next else {
                done.insert(group);
                on_the_way.remove(group);
                way.pop();
                continue;
            };
            *looked += 1;
            if on_the_way.contains(member) {
                let steps = way.iter().skip_while(|(name, _)| name != member);
                let step = |(name, looked): &(&'a str, usize)| {
                    let (_, span) = nesting.get(name)?.get(looked.checked_sub(1)?)?;
                    Some((*name, *span))
                };
                found.push(steps.filter_map(step).collect());
            } else {
                on_the_way.insert(member);
                way.push((member, 0));
            }
        }
    }
    found
}
