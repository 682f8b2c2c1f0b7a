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
        for Circle { start, closing, left_out } in circles(&nesting) {
            let first = start.first().map_or(closing.group, |step| step.group);
            let names = start.iter().map(|step| step.group.to_owned());
            let more = (left_out > 0).then(|| format!("{left_out} more"));
            let names: Vec<String> = names.chain(more).chain([closing.group.to_owned()]).collect();
            let message = match names.len() {
                1 => format!("the group `{first}` contains itself"),
                _ => format!("the group `{first}` contains itself: {} → {first}", names.join(" → ")),
            };
            // The reference that closes the circle comes first: it is the one to be looked at.
            let labels = [&closing]
                .into_iter()
                .chain(&start)
                .map(|Step { group, member, span }| label(*span, format!("`{member}` is a member of `{group}`")));
            let labels: Vec<_> = labels.collect();
            self.report(&rules::GROUP_CYCLE, message, labels, "take one of these members out");
        }
    }
}

/// How many steps of a circle are shown, besides the one that closes it: a circle may be as long as there are groups, and
/// there may be as many circles.
const SHOWN: usize = 8;

/// A group that contains itself.
struct Circle<'a> {
    /// Its first steps.
    start: Vec<Step<'a>>,
    /// The one that leads back to the first.
    closing: Step<'a>,
    /// How many lie between.
    left_out: usize,
}

/// A group, one of its members, and where it names it.
struct Step<'a> {
    group: &'a str,
    member: &'a str,
    span: Span,
}

/// One circle for each reference that leads back to a group on the way to it, found depth first without recursion, as
/// the chain may be as long as there are groups.
fn circles<'a>(nesting: &Nesting<'a>) -> Vec<Circle<'a>> {
    let mut found = Vec::new();
    let mut done: BTreeSet<&str> = BTreeSet::new();
    for start in nesting.keys() {
        // Each entry is a group on the way and how many of its members were looked at.
        let mut way: Vec<(&str, usize)> = vec![(start, 0)];
        let mut on_the_way: BTreeMap<&str, usize> = BTreeMap::from([(*start, 0)]);
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
            if let Some(first) = on_the_way.get(member) {
                let step = |(group, looked): &(&'a str, usize)| {
                    let (member, span) = *nesting.get(group)?.get(looked.checked_sub(1)?)?;
                    Some(Step { group, member, span })
                };
                let Some((last, steps)) = way.get(*first..).and_then(<[_]>::split_last) else { continue };
                let start = steps.iter().take(SHOWN).filter_map(step).collect();
                let left_out = steps.len().saturating_sub(SHOWN);
                found.extend(step(last).map(|closing| Circle { start, closing, left_out }));
            } else {
                on_the_way.insert(member, way.len());
                way.push((member, 0));
            }
        }
    }
    found
}
